"""Which line is to blame: for a wrong formula, for rounding."""
