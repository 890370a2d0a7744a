"""Gradients at a kink that several inputs share: what no choice of the branches gives together is told, whatever choice of them is not."""

from __future__ import annotations

import random

import numpy as np
import pytest

from verifier import load_text
from verifier.compare import shared_kinks
from verifier.numpy import check
from verifier.report.outcome import CaseReport
from verifier.verify import verify

one_held = shared_kinks._held
EQUAL = np.array([[0.5, 1.0, 1.0, -2.0], [0.0, 0.0, 0.0, 0.0], [3.0, 3.0, 1.0, 3.0]])


def largest(x): return np.max(x, axis=1)
def to_all(dout, x): return dout[:, None] * (x == x.max(axis=1, keepdims=True))
def to_none(dout, x): return dout[:, None] * (x > np.sort(x, axis=1)[:, -2:-1])
def to_first(dout, x): return dout[:, None] * (np.arange(4) == x.argmax(axis=1)[:, None])
def to_equals(dout, x): return to_all(dout, x) / (x == x.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
def after_relu(x): return np.max(np.maximum(x, 0), axis=1)
def to_all_positive(dout, x): return to_all(dout, np.maximum(x, 0)) * (x > 0)


def told(report: CaseReport) -> list[tuple[str, ...]]:
    """The gradients of each finding that some are no subgradient together."""
    return [f.gradients for f in report.findings if f.code == "V207"]


@pytest.mark.parametrize("backward", [to_all, to_none])
def test_the_largest_of_equals_has_its_gradient_once(backward: object) -> None:
    report = check(largest, EQUAL, backward=backward)
    assert told(report) == [("dx[0,1]", "dx[0,2]")]
    assert "(and 2 more groups like these)" in report.findings[0].message
    assert report.status == "passed"
    assert check(largest, EQUAL, backward=backward, strict=True).status == "failed"


@pytest.mark.parametrize("backward", [to_first, to_equals])
def test_it_may_be_given_to_one_of_them_or_shared(backward: object) -> None:
    assert told(check(largest, EQUAL, backward=backward)) == []


def test_none_may_have_it_behind_a_relu_of_zeros() -> None:
    assert told(check(after_relu, EQUAL[1:2], backward=to_all_positive)) == []
    assert told(check(after_relu, EQUAL, backward=to_all_positive)) == [("dx[0,1]", "dx[0,2]")]


def report_at(forward: str, gradients: dict[str, float], point: dict[str, float]) -> CaseReport:
    """The report of numbers as the gradients of a forward pass at one point."""
    lines = "\\n".join(["dout = 1", *(f"d{name} = {value!r}" for name, value in gradients.items())])
    values = ", ".join(f"{n}: {v!r}" for n, v in point.items())
    (case,) = load_text(f'forward: "out = {forward}"\npoints: [{{{values}}}]\nscope: points\nimplementations: {{it: {{backward: "{lines}"}}}}\n').cases
    return verify(case)


@pytest.mark.parametrize(
    ("forward", "given", "is_told"),
    [
        ("max(2*x, 3*y)", (2.0, 3.0), True),
        ("max(2*x, 3*y)", (0.0, 0.0), True),
        ("max(2*x, 3*y)", (2.0, 0.0), False),
        ("max(2*x, 3*y)", (0.0, 3.0), False),
        ("max(2*x, 3*y)", (1.0, 1.5), False),
        ("where(2*x > 3*y, 2*x, 3*y)", (2.0, 3.0), True),
        ("where(2*x > 3*y, 2*x, 3*y)", (0.0, 3.0), False),
        ("abs(2*x - 3*y)", (2.0, -3.0), False),
        ("abs(2*x - 3*y)", (2.0, 3.0), True),  # subgradients are s*(2, -3)
        ("relu(x - 3) - relu(y - 2)", (1.0, 0.0), False),  # two kinks, each with a branch of its own, though the sum is smooth where both grow alike
        ("max(2*x, 3*y)**2 * exp(min(x - 3, y - 2))", (24.0, 0.0), False),
    ],
)
def test_slopes_where_both_inputs_grow_alike(forward: str, given: tuple[float, float], is_told: bool) -> None:
    """At x = 3 and y = 2."""
    assert bool(told(report_at(forward, dict(zip("xy", given, strict=True)), {"x": 3.0, "y": 2.0}))) is is_told


GATES = ("max", "min", "add", "sub", "relu", "abs", "double")


def drawn(rng: random.Random, values: dict[str, int]) -> tuple[str, int, dict[str, float]]:
    """A formula of kinks, its value at these whole numbers, and its gradient where each kink that ties takes one of its branches, or their mean."""
    found = [(name, value, {n: float(n == name) for n in values}) for name, value in values.items()]
    for k in range(rng.randint(3, 6)):
        (a, x, da), (b, y, db) = (found[0], found[1]) if not k else (rng.choice(found[-2:]), rng.choice(found[-4:]))
        tie = rng.choice((0.0, 0.5, 1.0))
        gate = rng.choice(GATES if k else GATES[:2])
        if gate in ("max", "min"):
            share = tie if x == y else float((x > y) == (gate == "max"))
            found.append((f"{gate}({a}, {b})", max(x, y) if gate == "max" else min(x, y), {n: share * da[n] + (1 - share) * db[n] for n in values}))
        elif gate in ("add", "sub"):
            sign = 1 if gate == "add" else -1
            found.append((f"({a} {'+' if sign > 0 else '-'} {b})", x + sign * y, {n: da[n] + sign * db[n] for n in values}))
        elif gate == "double":
            found.append((f"(2*{a})", 2 * x, {n: 2 * da[n] for n in values}))
        else:
            low = 0.0 if gate == "relu" else -1.0
            slope = low + tie * (1 - low) if x == 0 else (1.0 if x > 0 else low)
            found.append((f"{gate}({a})", max(x, 0) if gate == "relu" else abs(x), {n: slope * da[n] for n in values}))
    return found[-1]


def test_no_choice_of_the_branches_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kink takes a branch of its own, or the mean of both: what comes out is a mean of the gradients of branches in every direction."""
    held: list[object] = []
    monkeypatch.setattr(shared_kinks, "_held", lambda *given: held.append(given) or one_held(*given))
    for seed in range(150):
        rng = random.Random(seed)
        values = {name: rng.choice((0, 0, 1)) for name in "uvwz"}
        formula, _, gradient = drawn(rng, values)
        used = {n: g for n, g in gradient.items() if n in formula.replace("max", "").replace("relu", "")}
        assert told(report_at(formula, used, {n: float(values[n]) for n in used})) == [], formula
    assert len(held) > 20
