"""Certified bounds of the error of computed gradients, for all numbers of a box."""
