"""Which formula of a better line is used in which range."""

from __future__ import annotations

import numpy as np

from verifier.search.improve.regimes import Regimes, with_small_formulas
from verifier.search.improve.terms import Pool


def test_in_a_range_a_larger_formula_must_gain_more_than_its_gates_weigh() -> None:
    """Below 0 the larger one gains 0.01 bits, less than its three gates more weigh; 10 bits are worth them."""
    pool = Pool()
    x = pool.leaf("name", "x")
    small = pool.make("mul", x, x)
    large = pool.make("exp", pool.make("sin", pool.make("cos", small)))
    other = pool.make("tan", x)
    values = np.array([-2.0, -1.0, 1.0, 2.0])
    found = Regimes(x, (large, other), (0.0,), 0.0)

    def formulas(bits: float) -> tuple[object, ...]:
        lost = [np.array([0.0, 0.0, 9.0, 9.0]), np.array([bits, bits, 9.0, 9.0]), np.array([9.0, 9.0, 0.0, 0.0])]
        return with_small_formulas(found, [large, small, other], lost, np.ones(4), values).formulas

    assert formulas(0.01) == (small, other)
    assert formulas(10.0) == (large, other), "the twin"
