"""The ledger of roundings, and the step at which the floats leave the reals."""
