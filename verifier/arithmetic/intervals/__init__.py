"""Certified enclosures of gates on columns of intervals."""
