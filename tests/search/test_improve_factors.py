"""The factors of a product, each in its own best form; sums and differences of squares whose terms are taken by size."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import mpmath
import numpy as np
import pytest

from tests.search.test_improve import bits_lost, suggested
from verifier.arithmetic.types import DoubleArray
from verifier.language.formats import FORMATS
from verifier.search.improve.arrangements import new_rewriter
from verifier.search.improve.beam import Candidates, search
from verifier.search.improve.measure import Exact, TermFloats
from verifier.search.improve.terms import Pool, text_of

COUNT = 200
HALF = "((a + b + c)/2)"
HERON = f"sqrt({HALF}*({HALF} - a)*({HALF} - b)*({HALF} - c))"
NEARLY = [2.0**-k for k in range(4, 40, 3)]


def candidates_of(pool: Pool, columns: dict[str, DoubleArray], exact: DoubleArray) -> Candidates:
    """Nothing measured yet, at points with equal weights."""
    known = Exact(exact, np.zeros(len(exact)), np.spacing(np.abs(exact)), np.ones(len(exact), dtype=bool))
    return Candidates(TermFloats(FORMATS["float64"], {pool.leaf("name", n): c for n, c in columns.items()}, len(exact)), known, np.ones(len(exact)))


@pytest.mark.parametrize("names", ["xy", "xyz", "xyzt"])
def test_factors_that_cancel_are_written_better_in_one_step(names: str) -> None:
    """The product of 1 - cos(x) over several inputs, near 0: 1 - cos(x) is 2*sin(x/2)**2. After one round every factor is so; that takes no more formulas than the sum of what each factor has."""
    rewriter = new_rewriter()
    pool = rewriter.pool
    columns = {n: np.geomspace(1e-7, 1.0, COUNT)[np.random.default_rng(k).permutation(COUNT)] for k, n in enumerate(names)}
    exact = np.prod([2 * np.sin(c / 2) ** 2 for c in columns.values()], axis=0)
    start = pool.read("*".join(f"(1 - cos({n}))" for n in names))
    found = candidates_of(pool, columns, exact)
    search([start], rewriter, found, most=len(list(rewriter.changes(start))) + 1 + len(names), deadline=float("inf"))
    (best,) = found.best(1)
    assert text_of(best, {}).count("sin(") + text_of(best, {}).count("tan(") >= len(names)
    assert "1 - cos" not in text_of(best, {})


def sides() -> Sequence[dict[str, float]]:
    """Triangles with sides from 1 to 2 that are nearly flat, and nearly right-angled, at each side."""
    draw, found = random.Random(5), []
    for e in NEARLY:
        for long, short, other in ("abc", "bca", "cab"):
            x, y = (1 + e * draw.random() / 2 for _ in range(2))
            found.append({long: (x + y) * (1 - e), short: x, other: y})
            x, y = (draw.uniform(1, 1.4) for _ in range(2))
            found.append({long: math.hypot(x, y) * (1 + e), short: x, other: y})
    return found


def exact_gradient(a: mpmath.mpf, b: mpmath.mpf, c: mpmath.mpf) -> mpmath.mpf:
    """Of Heron's formula by a; it is a*cos(alpha)/sin(alpha)/2, with alpha opposite to a."""
    return a * (b * b + c * c - a * a) / (2 * mpmath.sqrt((a + b + c) * (b + c - a) * (a - b + c) * (a + b - c)))


def test_the_gradient_of_herons_formula() -> None:
    """W. Kahan, Miscalculating Area and Angles of a Needle-like Triangle (2014): the factors lose no digits if the terms are added by size, `(b - a) + c` for b the larger one; so do the squares."""
    line = f"a*(b*b + c*c - a*a)/(8*{HERON})"
    (found,) = suggested(HERON, f"da = {line}", dict.fromkeys("abc", (1.0, 2.0)))
    assert found.proof == "proved"
    assert "max(b, c)" in found.replacement
    at = sides()
    assert bits_lost(line, exact_gradient, at) > 6
    assert bits_lost(found.replacement.partition(" = ")[2], exact_gradient, at) < 1


def test_a_sum_that_does_not_cancel_is_left() -> None:
    assert suggested("a*b + a*c", "da = b + c", dict.fromkeys("abc", (1.0, 2.0))) == ()
