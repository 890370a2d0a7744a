"""The words of NumPy, PyTorch and JAX for arrays, all of them entered into one table."""

from verifier.circuit import aggregates, creation, layouts, linear_systems
from verifier.circuit.words import METHODS, WORDS, call

__all__ = ["METHODS", "WORDS", "aggregates", "call", "creation", "layouts", "linear_systems"]
