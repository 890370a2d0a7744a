"""The cases of `cases/improved`: what was written loses digits, what is better loses none, and `improve` finds it again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import ROOT
from verifier import load
from verifier.case.case import Case, ImproveRequest, only
from verifier.many import verify_all
from verifier.report.outcome import CaseReport

CASES = {c.place.file.rpartition("/")[2]: c for c in load(str(ROOT / "cases" / "improved")).cases}
BETTER = "better"
FOUND_AGAIN = ("tanh.yaml", "asinh.yaml", "norm.yaml", "logit.yaml", "sigmoid.yaml")


def report(case: Case) -> CaseReport:
    (found,) = verify_all([case]).cases
    return found


def losses(found: CaseReport) -> dict[str, set[str]]:
    """The verdicts of every implementation that are no passes, at the listed points and the sampled ones."""
    lost: dict[str, set[str]] = {r.implementation: set() for r in found.results}
    for r in found.results:
        lost[r.implementation] |= set() if r.verdict.passes else {r.verdict.value}
    for s in found.sweeps:
        lost[s.implementation] |= set(s.verdicts) - {"correct", "rounding"}
    return lost


@pytest.mark.parametrize("name", CASES)
def test_what_was_written_loses_digits_and_what_is_better_does_not(name: str) -> None:
    found = report(CASES[name])
    assert found.status == "passed"
    lost = losses(found)
    assert lost.pop(BETTER) == set()
    assert lost
    assert all(lost.values()), "the twin: each of the others fails somewhere"
    assert set(found.proofs[BETTER].values()) <= {"proved", "agrees", "approximates"}


@pytest.mark.parametrize("name", FOUND_AGAIN)
def test_a_better_line_is_found_for_what_was_written_and_none_for_what_is_better(name: str) -> None:
    case = CASES[name]
    written = [i.name for i in case.implementations if i.name != BETTER]
    found = report(replace(only(case, *written), improve=ImproveRequest(10.0)))
    assert {s.implementation for s in found.suggestions or ()} == set(written)
    for s in found.suggestions or ():
        assert s.proof == "proved"
        assert float(s.after.worst_ulps) <= 16
        assert float(s.before.mean_bits) - float(s.after.mean_bits) >= 1
    assert report(replace(only(case, BETTER), improve=ImproveRequest(10.0))).suggestions == ()
