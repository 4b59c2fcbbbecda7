"""Figures in the house style, drawn from arrays and exported."""
