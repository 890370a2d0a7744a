"""One callable held against the exact gradient: what its framework computed, judged with the lines of its trace."""
