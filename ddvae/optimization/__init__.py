"""Sparse Gaussian process, acquisitions and latent searches."""
