"""The one edit of a user's function that makes every gradient exact: which edits are tried, when one is certified, and that the function stays as it was."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from verifier import load_text
from verifier.blame.formula import code
from verifier.blame.formula.reach import OtherFunction, Reach, reaches
from verifier.compare.check import Check, checks_of
from verifier.exact.truth import truth_of
from verifier.language.verdict import Verdict
from verifier.trace.record import Trace

POINT = (0.75, 1.25)


def mistaken(x: float, y: float) -> tuple[float, float]:
    """Of x**2*sin(y): cos for sin."""
    k = 2 * x
    dx = k * math.cos(y)
    dy = x**2 * math.cos(y)
    return dx, dy


def right(x: float, y: float) -> tuple[float, float]:
    return 2 * x * math.sin(y), x**2 * math.cos(y)


def check_of(backward: str, *, names: str = "x: dx, y: dy") -> Check:
    (case,) = load_text(f"function: x**2*sin(y)\npoints: [{{x: 0.75, y: 1.25}}]\nimplementations: {{a: {{gradients: {{{names}}}, backward: '{backward}'}}}}").cases
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    return check


RIGHT = "dx = 2*x*sin(y)*dout; dy = x**2*cos(y)*dout"


def traced(check: Check, **changes: object) -> Trace:
    return replace(Trace(check.subject.program, check.subject.claims, POINT, (), {}), **changes)  # type: ignore[arg-type]


# ---------------------------------------------------------------- what is certified

CERTIFIED = (
    (RIGHT, 4), ("dx = 2*x*cos(y)*dout; dy = x**2*cos(y)*dout", 0), ("dx = 2*x*sin(y)*dout; dy = x**2*sin(y)*dout", 0),
    ("dx = 2*x*sin(y)*dout + (x - 0.75); dy = x**2*cos(y)*dout", 0),  # right at the point, wrong beside it
    ("dx = 2*x*sin(y)*dout + log(x - 0.75)*0; dy = x**2*cos(y)*dout", 0),  # no value at the point
    ("dx = 2*x*sin(y)*dout + 0*exp(1000*x); dy = x**2*cos(y)*dout", 0),  # exp(750) overflows
    ("dx = 2*x*sin(y)*dout + 0*exp(800*x); dy = x**2*cos(y)*dout", 4),  # beside it exp(800) does, and that formula is not wrong
)  # fmt: skip


@pytest.mark.parametrize(("backward", "points"), CERTIFIED, ids=[b for b, _ in CERTIFIED])
def test_an_edit_is_certified_where_all_gradients_are_right_at_the_point_and_none_is_wrong_beside_it(backward: str, points: int) -> None:
    check = check_of(RIGHT)
    assert code._certified(check, traced(check_of(backward))) == points


def test_a_trace_with_branches_is_certified_at_its_point_only() -> None:
    """Beside it another branch may be taken, of which the trace knows nothing."""
    check = check_of(RIGHT)
    beside = check_of("dx = 2*x*sin(y)*dout + (x - 0.75); dy = x**2*cos(y)*dout")
    assert code._certified(check, traced(check, branches=(SimpleNamespace(step=-1),))) == 1
    assert code._certified(check, traced(beside, branches=(SimpleNamespace(step=-1),))) == 1


def of_flows(backward: str) -> Check:
    (case,) = load_text(f"function: u*x**2\npoints: [{{x: 0.75, u: 1.25}}]\nparameters: [u]\nimplementations: {{a: {{backward: '{backward}'}}}}").cases
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    return check


def test_an_edit_that_holds_for_little_that_flows_in_only_is_not_certified() -> None:
    check = of_flows("dx = 2*x*u*dout")
    clipped = of_flows("dx = 2*x*min(max(u, -2), 2)*dout")
    assert code._certified(check, traced(check), 1) == 6
    assert (code._certified(check, traced(clipped)), code._certified(check, traced(clipped), 1)) == (4, 0)
    assert code._certified(check, traced(check, branches=(SimpleNamespace(step=0),)), 1) == 3  # of the input only: the way is the same, whatever flows in
    assert code._certified(check, traced(check, branches=(SimpleNamespace(step=1),)), 1) == 0


def test_a_trace_of_other_inputs_or_gradients_certifies_nothing() -> None:
    check = check_of(RIGHT)
    assert code._certified(check, traced(check, claims=check.subject.claims[::-1])) == 0
    assert code._certified(check, traced(check, program=replace(check.subject.program, inputs=("y", "x")))) == 0


# ---------------------------------------------------------------- which edit is found


def repaired(*, likely: list[int], elsewhere: bool = False, certified: object = lambda *_: 3, function: object = mistaken, rows: object = None, trace: object = lambda: "a trace") -> code.Repair | None:
    exact = right(*POINT)
    verdicts = (Verdict.WRONG, Verdict.CORRECT)
    rows = [SimpleNamespace(name=n, rounded=v, verdict=d) for n, v, d in zip(("dx", "dy"), exact, verdicts, strict=True)] if rows is None else rows

    def run() -> dict[str, float]:
        return dict(zip(("dx", "dy"), mistaken(*POINT), strict=True))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(code, "_certified", certified)
        return code.repair(SimpleNamespace(), rows, [function], likely, run=run, trace=trace, elsewhere=elsewhere).repair  # type: ignore[arg-type]


LINE = mistaken.__code__.co_firstlineno + 3  # of dx


def test_the_edit_is_found_on_the_likely_line_and_the_function_stays_as_it_is() -> None:
    before = mistaken.__code__
    found = repaired(likely=[LINE])
    assert found is not None
    assert (found.statement, found.words, found.points) == ("dx = k * math.cos(y)", "`cos` where `sin` is meant in `math.cos(y)`", 3)
    assert (found.place.file, found.place.line, found.place.column) == (__file__, LINE, 5)
    assert mistaken.__code__ is before
    assert mistaken(*POINT) == (1.5 * math.cos(1.25), 0.5625 * math.cos(1.25))


def test_other_lines_are_tried_only_where_the_line_is_not_sure_or_does_not_explain_what_is_wrong() -> None:
    assert repaired(likely=[LINE - 1]) is None
    assert repaired(likely=[]) is None
    assert repaired(likely=[1]) is None
    of_another_gradient = repaired(likely=[LINE + 1])
    assert of_another_gradient is not None
    assert of_another_gradient.statement == "dx = k * math.cos(y)"
    for likely in ([], [LINE + 1], [1], [LINE]):
        found = repaired(likely=likely, elsewhere=True)
        assert found is not None
        assert found.statement == "dx = k * math.cos(y)"


def test_an_edit_that_is_not_certified_is_none() -> None:
    asked = []

    def refused(*arguments: object) -> int:
        asked.append(arguments)
        return 0

    assert repaired(likely=[LINE], certified=refused) is None
    assert 1 <= len(asked) <= code.MOST_CERTIFIED
    assert all(a[1] == "a trace" for a in asked)


def test_at_most_so_many_edits_are_certified() -> None:
    asked = []
    rows: list[object] = []  # nothing is known of the gradients: every edit that runs is worth a trace

    def refused(*arguments: object) -> int:
        asked.append(arguments)
        return 0

    assert repaired(likely=[LINE], elsewhere=True, certified=refused, rows=rows) is None
    assert len(asked) == code.MOST_CERTIFIED


def test_an_edit_with_which_the_trace_fails_is_none() -> None:
    def fails() -> object:
        raise ValueError("no such shape")

    assert repaired(likely=[LINE], trace=fails) is None


@pytest.mark.parametrize(("off", "is_found"), [(1 + 0.9 * code.NEAR, True), (1 - 0.9 * code.NEAR, True), (1 + 1.1 * code.NEAR, False), (1 - 1.1 * code.NEAR, False)])
def test_an_edit_is_worth_a_trace_where_every_gradient_is_near(off: float, is_found: bool) -> None:
    """To one part in 2**10; NaN and unknown ones are not compared."""
    dx, dy = right(*POINT)
    for rows in ((dx * off, dy), (dx, dy * off), (dx, dy * off, None)):
        given = [SimpleNamespace(name=n, rounded=v, verdict=Verdict.UNDECIDED) for n, v in zip(("dx", "dy", "dz"), rows, strict=False)]
        assert (repaired(likely=[LINE], rows=given) is not None) is is_found


def test_each_kind_of_edit_is_tried_on_every_statement_before_the_next_kind_the_likely_line_first() -> None:
    (body,) = code.bodies([mistaken])
    every = [(old, words) for _, old, _, words in code._tries([body], [LINE + 1, LINE + 1, 1], elsewhere=True)]
    whole = [words in {w for _, w in code.whole_edits(old)} for old, words in every]
    assert whole == sorted(whole, reverse=True), "the few edits of statements as a whole come before all others"
    tries = [(old.lineno, words) for (old, words), is_whole in zip(every, whole, strict=True) if not is_whole]
    functions = [n for n, words in tries if "`cos` where `sin` is meant" in words]
    assert functions == [LINE + 1, LINE]
    signs = [k for k, (_, words) in enumerate(tries) if words.startswith("the sign of")]
    assert max(k for k, (_, words) in enumerate(tries) if "`*` where" in words) < signs[0]
    rare = [n for n, words in tries if words.startswith("the factor") and "is missing" in words]
    assert rare[0] == LINE + 1
    assert set(rare) == {LINE - 1, LINE, LINE + 1, LINE + 2}
    assert {old.lineno for _, old, _, _ in code._tries([body], [LINE], elsewhere=False)} == {LINE}


def test_what_does_not_explain_all_that_is_wrong_is_not_tried() -> None:
    (body,) = code.bodies([mistaken])
    k, dx, dy, returned = sorted(body.statements, key=lambda s: s.lineno)
    values = reaches([(body, s) for s in (k, dx, dy, returned)], lambda: dict(zip(("dx", "dy"), mistaken(*POINT), strict=True)), {"dx"}, {"dy"})
    assert values == {k: Reach.SOLE, dx: Reach.SOLE, dy: Reach.APART, returned: Reach.PLAIN}
    assert dy not in {old for _, old, _, _ in code._tries([body], [], elsewhere=True, reach=lambda _: values)}
    both = reaches([(body, k)], lambda: dict(zip(("dx", "dy"), mistaken(*POINT), strict=True)), {"dx", "dy"}, ())
    assert both == {k: Reach.APART}, "not all that is wrong moves with it"


def test_a_line_that_changes_the_function_itself_or_cannot_be_moved_is_told_apart() -> None:
    (body,) = code.bodies([mistaken])
    places = [(body, s) for s in body.statements]
    calls = iter(range(100))

    def other() -> dict[str, float]:
        if next(calls):
            raise OtherFunction
        return {"dx": 1.0}

    assert set(reaches(places, other, {"dx"}, ()).values()) == {Reach.APART}
    assert set(reaches(places, lambda: {"dx": 1.0}, {"dx"}, ()).values()) == {Reach.UNKNOWN}
