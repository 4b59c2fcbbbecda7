"""Vocabularies, batches, six-bit strings and images."""
