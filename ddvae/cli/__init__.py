"""The commands of `python -m ddvae`."""
