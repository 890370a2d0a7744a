"""One Program, several arithmetics: floats, balls, intervals, ranges; rounding between them."""
