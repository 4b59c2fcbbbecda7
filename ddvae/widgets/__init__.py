"""Latent spaces to play with."""
