"""Equalities in `given`: boxes end where they can no longer hold, witnesses are numbers at which they do, and one that has no solution is said."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from tests.compare.test_constraints_of_boxes import asked
from verifier.compare.boxes import constraint
from verifier.compare.boxes.constraint import Constraint, are_meant, moved_to_equalities, narrow_to_equalities
from verifier.compare.boxes.equality import Solution
from verifier.language.formats import FORMATS, numbers, places

E4M3 = FORMATS["float8_e4m3fn"]
Holds = Callable[[Fraction, Fraction], bool]
SOLVED: list[tuple[str, Holds]] = [
    ("x + y == 1", lambda x, y: x + y == 1),
    ("x == y and x > 0.1", lambda x, y: x == y > Fraction(1, 10)),
    ("y == x/3", lambda x, y: y == x / 3),
    ("2*x - y == 0.25", lambda x, y: 2 * x - y == Fraction(1, 4)),
    ("x*y == 0.5", lambda x, y: x * y == Fraction(1, 2)),
    ("x*y == 0", lambda x, y: x * y == 0),
    ("x/y == 2", lambda x, y: y != 0 and x / y == 2),
    ("x/y == 0", lambda x, y: x == 0 != y),
    ("-1/(x + 1) == y", lambda x, y: x != -1 and -1 / (x + 1) == y),
    ("sqrt(x) == y", lambda x, y: y >= 0 and x == y * y),
    ("y == x*x - 1", lambda x, y: y == x * x - 1),
    ("exp(x - y) == 1", lambda x, y: x == y),
    ("log(1 + x) == y - y", lambda x, y: x == y - y),
    ("x - y == 0.5 - y", lambda x, y: x - y == Fraction(1, 2) - y),
    ("x + y == 1 and x - y == 0.5", lambda x, y: x + y == 1 and x - y == Fraction(1, 2)),
    ("x == y == 0.25", lambda x, y: x == y == Fraction(1, 4)),
]
NOT_NEEDED = ["x == y or x > 0.5", "not x == y", "x != y"]  # nor do these say what an input is


def left_by(given: str, form: str = "float8_e4m3fn") -> Constraint:
    return asked(f"function: x*y\ndomain: {{x: [-2, 2], y: [-2, 2]}}\ngiven: {given}\ncertify: {{ulps: 1, budget: 0.1}}\n", form)[2]


def lost(given: str, holds: Holds) -> tuple[int, float]:
    """How many numbers at which a condition holds are outside of what is left of random boxes that have them; and the median share of the area that is left."""
    left, random = left_by(given), np.random.default_rng(8)
    first, last = places(E4M3, -2.0, 2.0)
    every = np.unique(numbers(E4M3, np.arange(first, last + 1))) + 0.0
    meant = np.array([(x, y) for x in every.tolist() for y in every.tolist() if holds(Fraction(x), Fraction(y))]).reshape(-1, 2)
    ends = np.sort(random.choice(every, (300, 2, 2)), axis=1)
    low, high = ends[:, 0].copy(), ends[:, 1].copy()
    within = np.all((meant >= low[:, None]) & (meant <= high[:, None]), axis=2)
    before = np.prod(high - low, axis=1)
    empty = narrow_to_equalities(left, E4M3, low, high)
    assert np.isin(low, every).all(), "ends are numbers of the format"
    assert np.isin(high, every).all()
    still = np.all((meant >= low[:, None]) & (meant <= high[:, None]), axis=2) & ~empty[:, None]
    area = np.where(empty, 0.0, np.prod(high - low, axis=1))
    return int((within & ~still).sum()), float(np.median(area[before > 0] / before[before > 0]))


@pytest.mark.parametrize(("given", "holds"), SOLVED)
def test_no_number_at_which_an_equality_holds_is_lost_and_boxes_end_near_to_it(given: str, holds: Holds) -> None:
    missed, share = lost(given, holds)
    assert missed == 0
    assert share < 0.7 or "== 0" in given


@pytest.mark.parametrize("given", NOT_NEEDED)
def test_what_need_not_be_equal_cuts_nothing(given: str) -> None:
    assert lost(given, lambda _x, _y: True) == (0, 1.0)
    assert left_by(given).equalities == ()


def test_a_solution_that_is_wrong_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: an operand of a difference that is taken with the other sign."""
    given, holds = SOLVED[3]
    original = constraint.solutions_of

    def wrong(program: object) -> tuple[tuple[Solution, ...], ...]:
        return tuple(tuple(s._replace(program=_turned(s)) for s in found) for found in original(program))  # type: ignore[arg-type]

    monkeypatch.setattr(constraint, "solutions_of", wrong)
    assert lost(given, holds)[0] > 0


def _turned(s: Solution) -> object:
    from dataclasses import replace

    other = {"sub": "add", "add": "sub"}
    *before, last = s.program.steps
    return replace(s.program, steps=(*before, last._replace(gate=other.get(last.gate, last.gate))))


@pytest.mark.parametrize("form", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("given", "holds"), SOLVED)
def test_points_are_found_at_which_an_equality_holds(given: str, holds: Holds, form: str) -> None:
    left, random = left_by(given, form), np.random.default_rng(2)
    fmt = FORMATS[form]
    points = np.vstack([moved_to_equalities(left, fmt, constraint.nearest_numbers(fmt, random.uniform(-2, 2, (100, 2))), random) for _ in range(5)])  # each time one of the inputs is taken
    taken = points[are_meant(left, points)]
    assert all(holds(Fraction(x), Fraction(y)) for x, y in taken.tolist())
    assert len(taken)


def test_claims_on_a_line_are_refuted_by_numbers_on_it_and_proved_along_it() -> None:
    """d(x^2 y + x)/dx = 2 x y + 1 is 0 where x y = -1/2, nowhere on the line x = y: there the gradient is at least 1."""
    text = "function: x*x*y + x\ndomain: {x: [-1, 1], y: [-1, 1]}\ngiven: x == y\ncertify: {staged.dx: LIMIT, budget: 2}\n"
    (proved,) = asked(text.replace("LIMIT", "4"))[3]
    (refuted,) = asked(text.replace("LIMIT", "0.1"))[3]
    (without,) = asked(text.replace("LIMIT", "4").replace("given: x == y\n", ""))[3]
    assert (proved.outcome, refuted.outcome) == ("proved", "refuted")
    assert without.outcome != "proved", "at x = 1, y = -1/2 the gradient is 0"
    assert refuted.seen_at is not None
    assert refuted.seen_at[0] == refuted.seen_at[1]


def test_a_sum_of_three_that_is_1_has_a_best_bound_near_that_at_a_point() -> None:
    found = asked("function: p[0]*log(p[0]) + p[1]*log(p[1]) + p[2]*log(p[2])\nshapes: {p: 3}\ndomain: {p: [0.1, 1]}\ngiven: p[0] + p[1] + p[2] == 1\ncertify: {absolute: best, budget: 3}\n")[3]
    for b in found:
        assert b.outcome == "proved"
        assert b.at_a_point is not None
        assert b.bound is not None
        assert b.seen is not None
        assert b.seen_at is not None
        assert sum(map(Fraction, b.seen_at)) == 1
        assert b.seen <= b.bound <= 1.05 * b.at_a_point


def test_an_equality_that_no_number_satisfies_says_so_where_nothing_is_shown() -> None:
    (found,) = asked("function: 1/x\ndomain: {x: [-1, 1]}\ngiven: x*x + x*x*x == 0.07\ncertify: {ulps: 0.01, budget: 0.3}\n")[3]
    assert found.outcome == "open"
    assert "no number was found at which 'given' holds" in found.reason
    (none,) = asked("function: 1/x\ndomain: {x: [-1, 1]}\ngiven: x == 2\ncertify: {ulps: 9, budget: 0.3}\n")[3]
    assert (none.outcome, none.bound) == ("open", None)
    assert "no point of the domain satisfies 'given'" in none.reason
