"""The factors of a product, each in its own best form; sums and differences of squares whose terms are taken by size."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import mpmath
import numpy as np
import pytest

from tests.search.test_improve import bits_lost, question, suggested
from verifier.arithmetic.types import DoubleArray
from verifier.language.formats import FORMATS
from verifier.search.improve.arrangement import columns_at
from verifier.search.improve.arrangements import _quantities, new_rewriter
from verifier.search.improve.beam import Candidates, search
from verifier.search.improve.guilty import replaceable, written
from verifier.search.improve.measure import Exact, TermFloats, drawn
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


def test_the_gradient_that_flows_in_is_taken_out_of_the_sum_that_cancels() -> None:
    """The derivative of the difference of two norms (an eigenvalue of a matrix of two rows), as backprop writes it: 4*(a*c + b*d)*(a*b + c*d)/(h1*h2*(p*h2 + r*h1)) for the norms h1 and h2, by hand."""
    function = "sqrt((a + d)**2 + (b - c)**2) - sqrt((a - d)**2 + (b + c)**2)"
    lines = "p = a + d; q = b - c; r = a - d; s = b + c; da = dout*(0.5/sqrt(p**2 + q**2))*(2*p) - dout*(0.5/sqrt(r**2 + s**2))*(2*r)"
    (found,) = suggested(function, lines, {"a": (10.0, 50.0), "d": (1e-3, 5.0), "b": (1e-3, 1.0), "c": (1e-3, 1.0)})
    assert found.replacement.startswith("da = dout*(")
    assert found.before.worst_ulps > 1e6
    assert found.after.worst_ulps < 16


@pytest.mark.parametrize("name", ["cos", "sin"])
def test_an_angle_in_degrees_times_a_decimal_is_split(name: str) -> None:
    """Degrees with a decimal for pi: the decimal is 314159265359/1e11, both of which are floats, and what the quotient loses is known by `fma`."""
    function, angle = f"r*{name}(theta*(3.14159265359/180.0))", "theta*(3.14159265359/180.0)"
    (found,) = suggested(function, f"dr = {name}({angle})*dout", {"r": (1.0, 10.0), "theta": (0.0, 360.0)})
    assert "314159265359" in found.replacement
    assert found.before.worst_ulps > 100
    assert found.after.worst_ulps < 2


@pytest.mark.parametrize(("name", "gain"), [("abs(x) - abs(y)", True), ("x*y", False)])
def test_ranges_may_be_of_the_difference_of_two_sizes(name: str, gain: bool) -> None:
    """Two formulas that are good where |x| > |y| and elsewhere: there is a quantity for them, and none for products."""
    check, draft, boxes = question("sqrt(x*x + 1) + y", "dx = x/sqrt(x*x + 1)*dout + 0*y", {"x": (-9.0, 9.0), "y": (-9.0, 9.0)})
    pool = new_rewriter().pool
    (statement,) = replaceable(check.subject.program, draft.implementation.backward)
    found = written(check.subject.program, statement, pool)
    assert found is not None
    columns = columns_at(check, replace(found, term=pool.read("x + y")), drawn(boxes, check.format, count=9, seed=1))
    assert (pool.read(name) in [t for t, _ in _quantities(pool, check, replace(found, term=pool.read("x + y")), columns)]) is gain
