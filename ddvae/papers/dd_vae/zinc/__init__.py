"""Searches among codes of ZINC's molecules (Section 4.4)."""
