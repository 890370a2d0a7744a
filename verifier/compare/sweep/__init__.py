"""The comparison of `compare`, for millions of points at once."""
