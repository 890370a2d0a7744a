"""One program, several arithmetics: floats, balls, series of balls, expressions."""
