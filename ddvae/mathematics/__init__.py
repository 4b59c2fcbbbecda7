"""Kernels, proposals, the relaxed argmax and lossless coding."""
