"""The true gradient: SymPy's derivative of every gate, one-sided limits, identities and proofs."""
