"""What a report of a callable makes when somebody reads it: the same as if it had been made at once; and what is remembered of its programs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tests.compare.test_sweep import work_on
from verifier.compare import agreement
from verifier.compare.compare import compare, with_conditions
from verifier.exact import truth
from verifier.numpy import check
from verifier.report import results
from verifier.run.later import Later, later

DOMAIN = {"x": (-9.0, 9.0)}


def squash(x):
    return x / (1 + np.exp(-x))


def right(dout, x):
    s = 1 / (1 + np.exp(-x))
    return dout * s * (1 + x * (1 - s))


def wrong(dout, x):
    s = 1 / (1 + np.exp(-x))
    return dout * s * (1 + x * s)


def test_a_tuple_that_is_made_later_is_made_once_and_equals_the_tuple() -> None:
    made = []

    def make():
        made.append(1)
        return iter((1, 2))

    found = later(make)
    assert made == []
    assert (len(found), found[1], found[:1], list(found), (*found, 3)) == (2, 2, (1,), [1, 2], (1, 2, 3))
    assert made == [1]
    assert found == (1, 2) == found == later(make)
    assert found != (1, 3)
    assert (repr(found), hash(found)) == ("(1, 2)", hash((1, 2)))
    assert type(pickle.loads(pickle.dumps(later(range(2).__iter__)))) is tuple
    assert isinstance(found, Later)


def test_the_texts_of_a_right_callable_are_made_when_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []
    own = results.result_of
    monkeypatch.setattr(results, "result_of", lambda *args: texts.append(1) or own(*args))
    report = check(squash, np.float64(0.375), backward=right, domain=DOMAIN, sample=100)
    assert report.status == "passed"
    assert texts == []
    (found,), (swept,) = report.results, report.sweeps
    assert len(texts) > 0
    for figure in (found.condition, found.program_condition, found.backward_error_ulps, swept.worst.condition):
        assert float(figure) >= 0
    assert found.blame
    assert float(found.exact) == pytest.approx(0.75 * right(1.0, 0.375), rel=1e-14)  # 0.75 flows in
    assert swept.points == 100


def test_condition_numbers_that_were_left_for_later_are_those_that_are_made_at_once() -> None:
    work = work_on("x * exp(-x) - log(x)")
    points = [(0.3,), (1.7,), (40.0,)]
    at_once, left = compare(work, points), compare(work, points, later=True)
    assert any(d.lacks_conditions and d.condition is None for (d,) in left)
    for (a,), (b,) in zip(at_once, left, strict=True):
        found = with_conditions(work, b)
        assert [str(v) for v in (found.condition, found.program_condition, found.backward_error)] == [str(v) for v in (a.condition, a.program_condition, a.backward_error)]
        assert (found.verdict, found.backward_input, found.lacks_conditions) == (a.verdict, a.backward_input, False)


def test_what_was_derived_of_a_program_is_remembered_and_of_another_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    truth.forget()
    made = []
    own = truth.subject
    monkeypatch.setattr(truth, "subject", lambda draft: made.append(1) or own(draft))
    first, again = (check(squash, np.float64(x), backward=right) for x in (0.375, -1.25))
    assert (first.status, again.status, len(made)) == ("passed", "passed", 1)
    assert first.proofs == again.proofs == {"squash": {"dx": "proved"}}
    other = [check(squash, np.float64(x), backward=wrong) for x in (0.375, -1.25)]
    assert {r.status for r in other} == {"failed"}
    assert len(made) == 2
    assert [dict(f.point)["x"] for r in other for f in r.findings if f.code == "V101"] == ["0.375", "-1.25"]
    truth.forget()
    assert check(squash, np.float64(0.375), backward=right).status == "passed"
    assert len(made) == 3


def test_not_more_is_remembered_than_a_number_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    truth.forget()
    monkeypatch.setattr(truth, "MOST_STEPS_REMEMBERED", 60)
    for k in range(2, 8):
        assert check(lambda x, k=k: np.exp(x) * k, np.float64(0.5), backward=lambda dout, x, k=k: dout * np.exp(x) * k).status == "passed"
        assert sum(len(key[0]) for key in truth._subjects) <= 60
    assert check(lambda x: x + np.exp(x) * np.arange(30.0).sum(), np.full(30, 0.5), backward=lambda dout, x: dout * (1 + np.exp(x) * np.arange(30.0).sum())).status == "passed"


def test_a_challenge_is_remembered_for_the_same_points_only(monkeypatch: pytest.MonkeyPatch) -> None:
    truth.forget()
    asked = []
    own = agreement.challenge
    monkeypatch.setattr(agreement, "challenge", lambda *args, **options: asked.append(args[3][0]) or own(*args, **options))
    reports = [check(squash, np.float64(x), backward=right, domain=domain) for x, domain in [(0.375, None), (0.375, None), (0.5, None), (0.375, {"x": (0.0, 1.0)}), (0.5, None)]]
    assert [point[0] for point in asked] == [0.375, 0.5, 0.375]
    assert [r.proofs for r in reports] == [{"squash": {"dx": "proved"}}] * 5
    assert check(squash, np.float64(0.375), backward=wrong).proofs["squash"]["dx"] != "proved"
    assert len(asked) == 4
    truth.forget()
    assert check(squash, np.float64(0.5), backward=right).proofs == reports[0].proofs
    assert len(asked) == 5
