"""Molecules: chemistry, data sets, metrics, codecs."""
