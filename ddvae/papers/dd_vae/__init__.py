"""Deterministic Decoding for Discrete Data in Variational Autoencoders."""
