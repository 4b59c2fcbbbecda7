"""What makes training fast: the GRU, its native code, precision."""
