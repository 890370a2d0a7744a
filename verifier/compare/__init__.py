"""The computed gradient against the exact one: a Check, its Discrepancies and their verdicts."""
