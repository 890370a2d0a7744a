"""Bounds where a domain lists values or has a condition: what is left out is left out with certainty, and witnesses are points of the domain."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.compare.errors_at_points import errors, everything
from verifier import load_text
from verifier.compare.boxes import constraint
from verifier.compare.boxes.bounds import Box, ErrorBound, box_of
from verifier.compare.boxes.constraint import Constraint, are_empty, are_meant, constraint_of, to_listed
from verifier.compare.check import Check, checks_of
from verifier.exact.truth import truth_of
from verifier.report.error_bounds import answers
from verifier.verify import verify


def asked(text: str, form: str = "float64") -> tuple[Check, Box, Constraint, list[ErrorBound]]:
    """The check of a case, its box, what that leaves out, and the answers to its claims."""
    loaded = load_text(text)
    assert loaded.complaints == ()
    (case,) = loaded.cases
    fmt, (check, *_) = checks_of(case, truth_of(case.programs.truth), [form])[0]
    box = box_of(case, check.subject.program.inputs, fmt)
    assert isinstance(box, Box)
    return check, box, constraint_of(case, box.inputs, fmt), list(answers(case, check))


# ---------------------------------------------------------------- listed values


def test_between_listed_values_nothing_is_asked() -> None:
    (listed,) = asked("function: 1/t\ndomain: {t: {3, -1, 0.1}}\ncertify: {ulps: 3, budget: 1}\n")[3]
    (all_of_them,) = asked("function: 1/t\ndomain: {t: [-1, 3]}\ncertify: {ulps: 3, budget: 1}\n")[3]
    assert (listed.outcome, listed.open_share) == ("proved", 0.0)
    assert all_of_them.outcome == "open", "the pole at 0 is in the interval, and in none of the values"


def test_a_witness_is_one_of_the_listed_values() -> None:
    (found,) = asked("function: exp(t)/t\ndomain: {t: {0.3, 1.7, 2.9, 5}}\ncertify: {ulps: 0.01}\n")[3]
    assert found.outcome == "refuted"
    assert found.seen_at is not None
    assert found.seen_at[0] in (0.3, 1.7, 2.9, 5.0)


def test_a_listed_value_that_rounding_moves_out_of_the_interval_of_decimals_is_bounded() -> None:
    _, box, left, (found,) = asked("function: t*t\ndomain: {t: {0.1, 0.3}}\ncertify: best\n", "float16")
    assert box.low == (float(np.float16(0.1)),)
    assert Fraction(box.low[0]) < Fraction(1, 10)
    assert left.values == ((float(np.float16(0.1)), float(np.float16(0.3))),)
    assert (found.outcome, found.bound) == ("proved", 0.0), "twice a number is exact"


def test_points_go_to_the_nearest_listed_value() -> None:
    found = to_listed(Constraint(((-1.0, 0.0, 4.0), ())), np.array([[-9.0, 7.0], [-0.4, 7.0], [1.9, 7.0], [2.1, 7.0], [9.0, 7.0]]))
    assert found[:, 0].tolist() == [-1.0, 0.0, 0.0, 4.0, 4.0]
    assert found[:, 1].tolist() == [7.0] * 5


def test_a_box_between_listed_values_is_empty_and_one_with_a_value_at_its_end_is_not() -> None:
    left = Constraint(((-1.0, 0.0, 4.0),))
    low, high = np.array([[-0.5], [0.0], [0.1], [3.0], [4.0]]), np.array([[-0.1], [0.0], [3.9], [4.0], [5.0]])
    assert are_empty(left, low, high).tolist() == [True, False, True, False, False]


# ---------------------------------------------------------------- a condition


def test_a_pole_that_a_condition_excludes_is_no_obstacle_and_its_witness_satisfies_it() -> None:
    text = "function: 1/(x - y)\ndomain: {x: [0, 1], y: [0, 1]}\ngiven: x > y + 0.1\ncertify: {staged.dx: LIMIT, budget: 1}\n"
    (proved,) = asked(text.replace("LIMIT", "5"))[3]
    (without,) = asked(text.replace("LIMIT", "5").replace("given: x > y + 0.1\n", ""))[3]
    (refuted,) = asked(text.replace("LIMIT", "1"))[3]
    assert (proved.outcome, without.outcome, refuted.outcome) == ("proved", "open", "refuted")
    assert refuted.seen_at is not None
    x, y = map(Fraction, refuted.seen_at)
    assert x > y + Fraction(1, 10), "the decimal, not its float64"


def test_a_bound_is_not_taken_from_points_that_the_condition_excludes() -> None:
    (found,) = asked("function: x - x*x\ndomain: {x: [0, 1]}\ngiven: x < 0.25 or x > 0.75\ncertify: best\n")[3]
    assert found.outcome == "proved", "at 0.5 the gradient is 0: there would be no best bound in ulps, nor one at a point"
    assert found.bound is not None
    assert found.bound < 4


@pytest.mark.parametrize("form", ["float16", "bfloat16"])
def test_no_number_that_satisfies_the_condition_is_further_off_than_the_bound(form: str) -> None:
    check, box, left, (found,) = asked("function: x*x*x - x/3\ndomain: {x: [0, 8]}\ngiven: x*x - 2*x > 1\ncertify: {absolute: best}\n", form)
    numbers = everything(check, box)
    meant = np.array([Fraction(x) ** 2 - 2 * Fraction(x) > 1 for x in numbers[:, 0].tolist()])
    assert (are_meant(left, numbers) == meant).all()
    seen = errors(check, numbers[meant])[0][0]
    assert found.outcome == "proved"
    assert found.bound is not None
    assert float(seen.max()) <= found.bound <= 3 * float(seen.max())


CONDITIONS = ("x < y", "x*x + y*y <= 1", "x + y == 1 or x > 0.9", "not (x < 0.1 and y < 0.1)", "sqrt(x - y) >= 0.3", "log(x) < y", "0.1 < x < y**2")


@pytest.mark.parametrize("given", CONDITIONS)
def test_no_box_with_a_point_of_the_domain_is_left_out(given: str) -> None:
    left = asked(f"function: x*y\ndomain: {{x: [-1, 1], y: [-1, 1]}}\ngiven: {given}\ncertify: best\n", "bfloat16")[2]
    assert mistaken(left) == (0, True)


def test_the_check_of_boxes_that_are_left_out_catches_one_that_cuts_what_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    left = asked("function: x*y\ndomain: {x: [-1, 1], y: [-1, 1]}\ngiven: x < y\ncertify: best\n", "bfloat16")[2]
    truth = constraint._truth
    monkeypatch.setattr(constraint, "_truth", lambda c, low, high: np.where(truth(c, low, high) == 1, 1, 0) if (low != high).any() else truth(c, low, high))
    assert mistaken(left)[0] > 0


def mistaken(left: Constraint) -> tuple[int, bool]:
    """How many boxes are left out that have a point at which the condition holds, and whether any box is left out."""
    random = np.random.default_rng(5)
    first = np.round(random.uniform(-1, 1, (400, 2)) * 64) / 64
    width = np.exp2(-random.integers(0, 8, (400, 1)).astype(float))
    low, high = np.clip(first, -1, 1), np.clip(first + width, -1, 1)
    empty = are_empty(left, low, high)
    points = low[:, None, :] + (high - low)[:, None, :] * np.round(random.random((400, 40, 2)) * 8) / 8
    holds = are_meant(left, points.reshape(-1, 2)).reshape(400, 40)
    return int((empty[:, None] & holds).sum()), bool(empty.any())


# ---------------------------------------------------------------- what is said


def test_the_domain_is_said_as_it_is_and_a_condition_that_nothing_satisfies_proves_nothing() -> None:
    (case,) = load_text("function: x*t + y\ndomain: {x: [1, 2], y: [0, 1], t: {1, 2, 4}}\ngiven: x > y\ncertify: best\n").cases
    found = verify(case)
    assert {b.listed for b in found.bounds} == {(("t", ("1.0", "2.0", "4.0")),)}
    assert {b.given for b in found.bounds} == {"x > y"}
    assert "for all x in [1.0, 2.0], y in [0.0, 1.0], t in {1.0, 2.0, 4.0} where x > y" in str(found)
    (nothing,) = load_text("function: x*y\ndomain: {x: [1, 2], y: [3, 4]}\ngiven: x > y\ncertify: best\n").cases
    assert {(b.outcome, b.bound) for b in verify(nothing).bounds} == {("open", None)}
    assert "no point of the domain satisfies 'given'" in verify(nothing).bounds[0].reason
