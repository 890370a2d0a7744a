"""What stands beside the verdicts may fail or take too long: the verdicts stay, and a note says what is missing."""

from __future__ import annotations

from typing import Any

import pytest

from verifier.arithmetic import balls
from verifier.blame.formula import derivation, explain
from verifier.case.load import case_of
from verifier.compare import agreement, compare
from verifier.exact import coefficients, expansions, sympy_gates
from verifier.exact.identities import field
from verifier.language.source import Place
from verifier.many import verify_safely
from verifier.report import attempts as attempts_module
from verifier.report import attribution, passes
from verifier.report.attempts import Attempts
from verifier.verify import verify

PLACE = Place("case.yaml", 1, 1)
TEXT = """
name: a case with all there is
function: sin(x) * y
points: [{x: 1, y: 2}, {x: 0, y: 1}]
implementations:
  right: {forward: "out = y * sin(x)", backward: "dx = cos(x)*y*dout; dy = sin(x)*dout"}
  bent: {backward: "dx = sin(x)*y*dout; dy = sin(x)*dout"}
"""
STAGES = [
    (attribution, "with_blame", "the shares of the statements"),
    (agreement, "outcomes", "the proofs of right"),
    (explain, "explanations", "the diagnosis of bent"),
    (agreement, "same", "the proof that the forward pass of right is the function"),
]


def _broken(*_: Any, **__: Any) -> Any:
    raise RecursionError("planted")


def verdicts_of(report: Any) -> list[tuple[str, str, str]]:
    return [(r.implementation, r.gradient, r.verdict.value) for r in report.results]


@pytest.mark.parametrize(("module", "name", "note"), STAGES, ids=[row[1] for row in STAGES])
def test_a_stage_that_fails_costs_no_verdict(module: Any, name: str, note: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(TEXT)
    before = verify(case)
    monkeypatch.setattr(module, name, _broken)
    after = verify_safely(case)
    assert verdicts_of(after) == verdicts_of(before)
    assert (after.status, before.status) == ("failed", "failed")
    assert any(n.startswith(f"left out: {note}") and "RecursionError (planted)" in n for n in after.notes), after.notes
    assert not any(n.startswith("left out") for n in before.notes)


@pytest.mark.parametrize(("module", "name"), [row[:2] for row in STAGES], ids=[row[1] for row in STAGES])
def test_with_debug_a_stage_that_fails_ends_the_run(module: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, name, _broken)
    with pytest.raises(RecursionError, match="planted"):
        verify(case_of(TEXT), debug=True)


def test_condition_numbers_that_fail_cost_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(TEXT)
    before = verify(case)
    monkeypatch.setattr(compare, "conditioned", _broken)
    after = verify_safely(case)
    assert verdicts_of(after) == verdicts_of(before)
    assert all("the condition numbers could not be computed (RecursionError)" in r.reason for r in after.results)


def test_a_check_that_fails_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    right = case_of('function: x**2\npoints: [{x: 3}]\nimplementations: {it: {backward: "dx = 2*x*dout"}}\n')
    assert verify(right).status == "passed"
    monkeypatch.setattr(passes.linearity, "not_linear", _broken)
    report = verify_safely(right)
    assert report.status == "failed"
    assert [f.code for f in report.findings] == ["V003"]
    assert report.results


def test_work_that_takes_too_long_is_given_up_and_leaves_the_precision_as_it_was() -> None:
    attempts = Attempts(PLACE, seconds=0.05)

    def endless() -> int:
        with balls.precision(777):
            while True:
                pass

    before = balls.current_precision()
    assert attempts.make("an endless thing", endless, 5) == 5
    assert balls.current_precision() == before
    assert attempts.notes == ["left out: an endless thing: it took more than 0.05 s; the verdicts do not depend on it"]
    assert attempts.make("a short thing", lambda: 6, 5) == 6


HIDDEN = """
name: exchanged, and right at its only point
function: x**2 * exp(y)
points: [{x: 2, y: 0.5}]
implementations:
  mine: {backward: "dx = x**2*exp(y)*dout; dy = 2*x*exp(y)*dout"}
"""  # x**2 is 2*x at x = 2 only


def test_a_gradient_that_points_refute_is_refuted_however_short_the_time_for_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(HIDDEN)
    before = verify(case)
    assert before.proofs == {"mine": {"dx": "refuted", "dy": "refuted"}}

    def endless(*_: Any, **__: Any) -> Any:
        while True:
            pass

    monkeypatch.setattr(agreement, "outcomes", endless)
    monkeypatch.setattr(attempts_module, "SECONDS", 0.05)
    after = verify(case)
    assert after.proofs == before.proofs
    assert [(f.code, f.gradient, f.point) for f in after.findings] == [(f.code, f.gradient, f.point) for f in before.findings]
    assert all("not tried to the end" in note for note in after.proof_notes["mine"].values())
    assert after.status == before.status == "failed"


def test_without_a_witness_the_report_says_that_the_proof_was_not_tried_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of(HIDDEN.replace("dx = x**2", "dx = 2*x").replace("dy = 2*x", "dy = x**2"))
    assert verify(case).proofs == {"mine": {"dx": "proved", "dy": "proved"}}
    monkeypatch.setattr(agreement, "outcomes", _broken)
    after = verify(case)
    assert after.proofs == {"mine": {"dx": "agrees", "dy": "agrees"}}
    assert all("not tried to the end" in note for note in after.proof_notes["mine"].values())
    assert after.status == "passed"


def test_the_time_of_one_implementation_is_not_spent_by_another() -> None:
    attempts = Attempts(PLACE, seconds=0.02)

    def endless() -> int:
        while True:
            pass

    for _ in range(3):
        attempts.of("first").make("an endless thing", endless, 0)
    assert attempts.of("first").spent >= 2 * 0.02
    assert attempts.of("second").spent == 0
    assert attempts.of("second").make("a thing", lambda: 1, 0) == 1


def test_a_recursion_that_is_too_deep_costs_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a proof of a zero, in an expansion, in the derivation of the expected formula: each of them asks SymPy, or itself, for something that nests."""
    case = case_of(TEXT.replace("function: sin(x) * y", "function: where(x == 0, 0, sin(x)*y)"))
    before = verify(case)
    assert {r.verdict.value for r in before.results} == {"correct", "wrong", "rounding"} or any(r.verdict.value == "wrong" for r in before.results)
    for module, name in ((coefficients, "_vanishes"), (field, "_in_all_branches"), (derivation, "_derivative"), (sympy_gates, "run")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, _broken)
            after = verify(case, debug=True)
        assert verdicts_of(after) == verdicts_of(before), name
        assert after.status == "failed"


def test_an_expansion_that_nests_too_deeply_is_undecided_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    case = case_of("function: abs(x)\npoints: [{x: 0}, {x: 2}]\n")
    monkeypatch.setattr(expansions, "_fill", _broken)
    assert [r.verdict.value for r in verify(case, debug=True).results] == ["undecided", "correct"]


def test_the_time_of_an_attempt_grows_with_the_case_up_to_a_few_seconds() -> None:
    """The steps of all implementations, each a millisecond at every point: 2 s at least, 8 s at most."""
    times = []
    for points in (1, 1_000):
        rows = ", ".join(f"{{x: {k}, y: 1}}" for k in range(points))
        times.append(attempts_module.attempts_for(case_of(TEXT.replace("[{x: 1, y: 2}, {x: 0, y: 1}]", f"[{rows}]"))).seconds)
    assert times == [attempts_module.SECONDS, attempts_module.MOST_SECONDS] == [2.0, 8.0]
