"""Chapters, comparison with print, regeneration."""
