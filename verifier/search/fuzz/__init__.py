"""Hypothesis strategies for gradients: points of a case, formulas, programs, right and wrong backward passes, whole cases."""

from verifier.search.fuzz.draw_points import points
from verifier.search.fuzz.draw_texts import backward, cases, formulas, mistakes, programs

__all__ = ["backward", "cases", "formulas", "mistakes", "points", "programs"]
