"""How fast the engine is against the released way."""
