"""Columns of float64 that lie near each other, with one bound of the error for all of them: the quickest enclosures, for formats of 32 bits and less."""
