"""The ways to the verdicts of a column of points: intervals, ranges, certain breaks, balls, and one by one."""
