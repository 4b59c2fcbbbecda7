"""What serves one paper alone: presets, printed numbers, tables."""
