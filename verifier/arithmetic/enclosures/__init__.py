"""Vectors of float64 intervals: the type, its arithmetic, and certified enclosures of the primitive gates."""
