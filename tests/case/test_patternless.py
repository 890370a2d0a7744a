"""What flows into an array by default has no pattern: no axis of a layer sums to 0, which would hide what is constant along it."""

from __future__ import annotations

import itertools
from math import prod

import numpy as np
import pytest

from verifier.case.outputs import patternless

SHAPES = [*itertools.product(range(1, 7), repeat=2), (16, 10), (8, 16), (20, 50), (2, 2, 3), (3, 2, 2), (1, 2, 4, 4)]


def smallest_sum(numbers: np.ndarray) -> float:
    """The smallest absolute sum over one axis or several, of more than one number."""
    axes = [a for n in range(1, numbers.ndim + 1) for a in itertools.combinations(range(numbers.ndim), n) if prod(numbers.shape[i] for i in a) > 1]
    return min((float(np.abs(numbers.sum(axis=a)).min()) for a in axes), default=1.0)


@pytest.mark.parametrize("first", range(3))
def test_no_axis_sums_to_0(first: int) -> None:
    for shape in SHAPES:
        numbers = np.array(patternless(prod(shape), first), dtype=float).reshape(shape)
        assert smallest_sum(numbers) > 0.02, shape


def test_multiples_modulo_a_prime_would_sum_to_0() -> None:
    multiples = np.array([[0.5, -1.4277], [-0.8541, 1.7818]])  # 0, 1, 2 and 3 times one number: 0 - 1 - 2 + 3
    assert smallest_sum(multiples) < 1e-15


def test_no_two_are_equal_and_none_is_0() -> None:
    sizes = {abs(float(n)) for n in patternless(15_013)}
    assert len(sizes) == 15_013
    assert min(sizes) == 0.5
