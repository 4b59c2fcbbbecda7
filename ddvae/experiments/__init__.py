"""Runs that can be repeated by name, and their records."""
