"""Programs of each element alone are judged as one small program at many points: what is said is what the whole program gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from verifier.compare import check as checks
from verifier.compare import lanes
from verifier.compare.lanes import Lanes, lanes_of
from verifier.exact.truth import Subject, Truth, forget
from verifier.numpy import check

X = np.array([0.25, -1.5, 3.0, 1e-9, 40.0, 0.25])


def exp(x): return np.exp(x)
def silu(x): return x / (1 + np.exp(-x))
def logarithm(x): return np.log(x)
def size(x): return np.abs(x)
def parts(x): return np.where(x > 0, x * x, np.expm1(x))
def near_zero(x): return 1 - np.cos(x)
def running(x): return np.cumsum(x)
def neighbours(x): return x[1:] * x[:-1]
def scaled(x): return x * np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
def one_apart(x): return np.concatenate([np.exp(x[:1]), x[1:] * x[1:]])


def by_exp(dout, x): return dout * np.exp(x)
def by_silu(dout, x): return dout * (1 / (1 + np.exp(-x))) * (1 + x / (1 + np.exp(x)))
def by_silu_unstable(dout, x): return dout * (1 / (1 + np.exp(-x)) + x * (1 / (1 + np.exp(-x)) - 1 / (1 + np.exp(-x)) ** 2))
def by_logarithm(dout, x): return dout / x
def by_size(dout, x): return dout * np.sign(x)
def by_parts(dout, x): return dout * np.where(x > 0, 2 * x, np.exp(x))
def by_near_zero(dout, x): return dout * np.sin(x)
def by_running(dout, _x): return np.cumsum(dout[::-1])[::-1]
def by_neighbours(dout, x): return np.concatenate([[0.0], dout * x[:-1]]) + np.concatenate([dout * x[1:], [0.0]])
def by_scaled(dout, _x): return dout * np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
def by_one_apart(dout, x): return np.concatenate([dout[:1] * np.exp(x[:1]), dout[1:] * 2 * x[1:]])


def slightly_off(dout, x): return dout * np.exp(x) * (1 + 1e-9)
def off_beyond_two(dout, x): return dout * np.where(x > 2, 1 + x, np.exp(x))
def off_at_one_element(dout, x): return dout * np.exp(x) * np.array([1.0, 1.0, 2.0, 1.0, 1.0, 1.0])
def swapped(dout, x): return (dout * np.exp(x))[::-1]


ALONE = [(exp, by_exp), (silu, by_silu), (silu, by_silu_unstable), (logarithm, by_logarithm), (size, by_size), (parts, by_parts), (near_zero, by_near_zero), (exp, slightly_off), (exp, off_beyond_two)]
TOGETHER = [(running, by_running), (neighbours, by_neighbours), (exp, swapped), (exp, off_at_one_element), (scaled, by_scaled), (one_apart, by_one_apart)]


def seen(monkeypatch: pytest.MonkeyPatch, forward: Callable[..., object], backward: Callable[..., object], x: np.ndarray) -> tuple[object, list[Lanes | None]]:
    """The report, and the lanes that were looked for."""
    found: list[Lanes | None] = []

    def looked_for(truth: Truth, subject: Subject) -> Lanes | None:
        found.append(lanes_of(truth, subject))
        return found[-1]

    monkeypatch.setattr(checks, "lanes_of", looked_for)
    forget()
    return check(forward, x, backward=backward), found


@pytest.mark.parametrize("x", [X, np.abs(X), X.reshape(2, 3), np.float32([0.5, 1.25, 2, 7])], ids=["signs", "positive", "matrix", "float32"])
@pytest.mark.parametrize(("forward", "backward"), ALONE, ids=[b.__name__ for _, b in ALONE])
def test_the_report_is_that_of_the_whole_program(monkeypatch: pytest.MonkeyPatch, forward: Callable[..., object], backward: Callable[..., object], x: np.ndarray) -> None:
    """The same results, findings, figures and proofs: only how many points of a border were not tried may differ, as a lane has fewer of them."""
    with np.errstate(all="ignore"):
        own, found = seen(monkeypatch, forward, backward, x)
        assert found
        assert found[0] is not None
        assert len(found[0].claims) == x.size
        monkeypatch.setattr(checks, "lanes_of", lambda _truth, _subject: None)
        forget()
        whole = check(forward, x, backward=backward)
    assert replace(own, proof_notes={}) == replace(whole, proof_notes={})
    assert {n: {g: t.partition(";")[0] for g, t in notes.items()} for n, notes in own.proof_notes.items()} == {n: {g: t.partition(";")[0] for g, t in notes.items()} for n, notes in whole.proof_notes.items()}


@pytest.mark.parametrize(("forward", "backward"), TOGETHER, ids=[b.__name__ for _, b in TOGETHER])
def test_elements_that_read_others_or_differ_from_the_first_are_no_lanes(monkeypatch: pytest.MonkeyPatch, forward: Callable[..., object], backward: Callable[..., object]) -> None:
    report, found = seen(monkeypatch, forward, backward, X)
    assert found
    assert found[0] is None  # edits that are tried may be of each element alone
    assert report.status == ("failed" if forward is exp else "passed")


def test_an_element_without_a_value_leaves_none_of_the_others_a_gradient() -> None:
    """log has no value at -1: the sum of all outputs has none either, and no input of it a gradient."""
    with np.errstate(all="ignore"):
        report = check(logarithm, np.array([1.0, 2.0, -1.0, 3.0]), backward=by_logarithm)
    assert {r.verdict.value for r in report.results} == {"undefined"}


def test_the_elements_that_are_wrong_are_told_from_those_that_are_right() -> None:
    """1 + x is not exp(x) beyond 2: at 3 and at 40."""
    report = check(exp, X, backward=off_beyond_two)
    assert [r.gradient for r in report.results if r.verdict.value == "wrong"] == ["dx[2]", "dx[4]"]


def test_lanes_in_runs_are_those_that_are_found_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operations on whole arrays make the steps of all lanes one after the other: found at a glance or in any order, they are the same lanes."""
    for forward, backward in ALONE:
        with np.errstate(all="ignore"):
            _, (at_a_glance, *_) = seen(monkeypatch, forward, backward, X)
            with monkeypatch.context() as patch:
                patch.setattr(lanes, "_in_runs", lambda *_: None)
                _, (in_order, *_) = seen(patch, forward, backward, X)
        assert at_a_glance is not None
        assert in_order is not None
        assert (at_a_glance.inputs, at_a_glance.claims, at_a_glance.subject.program.steps, at_a_glance.truth.source.steps) == (in_order.inputs, in_order.claims, in_order.subject.program.steps, in_order.truth.source.steps)


@pytest.mark.parametrize(("forward", "backward"), TOGETHER, ids=[b.__name__ for _, b in TOGETHER])
def test_no_lanes_are_found_at_a_glance_where_there_are_none(monkeypatch: pytest.MonkeyPatch, forward: Callable[..., object], backward: Callable[..., object]) -> None:
    monkeypatch.setattr(lanes, "_step_by_step", lambda *_: None)
    assert seen(monkeypatch, forward, backward, X)[1][0] is None
