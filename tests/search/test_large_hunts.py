"""A hunt over many inputs ends within its budget, finds what it found point by point, and says what it did not look at."""

import math

import pytest

from verifier.case.load import load_text
from verifier.case.points import boxes
from verifier.compare.check import checks_of
from verifier.compare.compare import compare
from verifier.compare.meant import meant_in
from verifier.exact.truth import truth_of
from verifier.language.verdict import Verdict
from verifier.search import work
from verifier.search.hunt import _Scan, hunted_in, search
from verifier.search.judge_many import BY_COLUMNS, NOT_JUDGED, judge_many
from verifier.search.paths import spread
from verifier.verify import verify

AFFINE = """
name: affine
shapes: {x: [5, 6], w: [6, 4], b: [4]}
domain: {x: [-10, 10], w: [-10, 10], b: [-10, 10]}
hunt: true
forward: |
  out = np.maximum(x.dot(w) + b, 0)
implementations:
  mine:
    backward: |
      dout = dout * (out > 0)
      dx = dout.dot(w.T)
      dw = x.T.dot(dout)
      db = dout.sum(axis=0)MISTAKE
"""


def check_of(text):
    (case,) = load_text(text, needs_points=False).cases
    ((fmt, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    return case, fmt, check


@pytest.mark.parametrize("form", ["float64", "float32", "bfloat16"])
def test_columns_give_the_verdicts_that_points_give(form, monkeypatch):
    monkeypatch.setattr(work, "MOST_AT_A_POINT", math.inf)
    _, _, check = check_of(AFFINE.replace("MISTAKE", " + (b > 2)") + f"formats: [{form}]\n")
    points = [tuple(float(((k * 7 + i * 5) % 23 - 11) / 4) for i in range(len(check.subject.program.inputs))) for k in range(30)]
    found = judge_many(check, points, most_bits=4096, most_work=math.inf)
    plain = compare(check, points, detail=False)
    one = {Verdict.ILL_CONDITIONED: Verdict.UNSTABLE}
    assert found.left_out == 0
    assert [[d.verdict for d in row] for row in found.rows] == [[one.get(d.verdict, d.verdict) for d in row] for row in plain]
    assert any(d.exact is BY_COLUMNS for row in found.rows for d in row), "else nothing was judged in columns"
    assert any(d.verdict is Verdict.WRONG for row in found.rows for d in row)


def test_without_work_nothing_is_judged_and_nothing_passes():
    _, _, check = check_of(AFFINE.replace("MISTAKE", ""))
    tied = [(x,) * len(check.subject.program.inputs) for x in (0.0, 1.0, 2.0)]
    found = judge_many(check, tied, most_bits=4096, most_work=0.0)
    left = [d for row in found.rows for d in row if d.reason is NOT_JUDGED]
    assert len(left) == found.left_out > 0
    assert not any(d.verdict.passes or d.verdict.fails for d in left)


def test_a_mistake_in_a_corner_of_a_layer_is_found():
    (case,) = load_text(AFFINE.replace("MISTAKE", " + (b > 3)"), needs_points=False).cases
    report = verify(case)
    assert {r.gradient.partition("[")[0] for r in report.regions if r.verdict is Verdict.WRONG} == {"db"}
    assert report.status == "failed"
    (right,) = load_text(AFFINE.replace("MISTAKE", ""), needs_points=False).cases
    assert verify(right).status == "passed"


def test_a_hunt_does_no_more_work_than_its_budget_allows_and_says_so(monkeypatch):
    case, fmt, check = check_of(AFFINE.replace("MISTAKE", ""))
    whole = search(check, boxes(case, fmt)[0], seed="s", budget=20_000, meant=meant_in(case, fmt))
    monkeypatch.setattr(work, "LEAST", 20_000)
    few = hunted_in(check, boxes(case, fmt), seed="s", budget=80, meant=meant_in(case, fmt))
    assert "its budget did not suffice for" in few.unseen
    assert "further lines" in few.unseen
    assert len(few.regions) <= len(whole.regions)
    scan = _Scan(check, 80)
    assert scan.unseen() == ""


def test_the_report_says_what_a_hunt_did_not_look_at(monkeypatch):
    monkeypatch.setattr(work, "LEAST", 20_000)
    (case,) = load_text(AFFINE.replace("MISTAKE", ""), needs_points=False).cases
    monkeypatch.setattr(work, "OF_A_POINT", 1)
    assert [n for n in verify(case).notes if "did not suffice" in n]


def test_inputs_of_every_array_move_first():
    inputs = [*(f"x[{i}]" for i in range(100)), *(f"w[{i}]" for i in range(3)), "b"]
    assert {inputs[i].partition("[")[0] for i in spread(inputs)[:3]} == {"x", "w", "b"}
    assert sorted(spread(inputs)) == list(range(104))


def test_the_worst_point_is_one_for_each_array():
    case, fmt, check = check_of(AFFINE.replace("MISTAKE", ""))
    found = search(check, boxes(case, fmt)[0], seed="s", budget=20_000, meant=meant_in(case, fmt)).regions
    passing = [r.gradient.partition("[")[0] for r in found if r.verdict.passes]
    assert len(passing) == len(set(passing))
