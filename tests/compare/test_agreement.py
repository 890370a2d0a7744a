"""What points show of a gradient, in words, and what becomes of a proof that they contradict; a case judged at any point."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from flint import arb

from verifier.arithmetic import balls
from verifier.case.load import case_of
from verifier.compare import agreement, at_point
from verifier.compare.challenge import Challenged, Contradiction, Kind
from verifier.compare.check import Check, checks_of
from verifier.compare.compare import compare
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.meant import Meant
from verifier.exact import one_sided
from verifier.exact.prove import Proof
from verifier.exact.truth import truth_of
from verifier.language.formats import FORMATS
from verifier.language.verdict import Verdict

INPUTS = ("x",)
ONE = one_sided.Finite(arb(1))


def check_of(function: str, dx: str, *, more: str = "") -> Check:
    case = case_of(f"name: any\nfunction: {function}\npoints: [{{x: 2}}]\nimplementations:\n  mine: {{backward: 'dx = {dx}'}}\n{more}")
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    return check


def found(x: float, verdict: Verdict, *, formula: object = arb(0), exact: one_sided.Derivative = ONE, real: object = arb(1), reason: str = "") -> Discrepancy:
    return Discrepancy("x", "dx", (x,), 1.0, verdict, exact, formula_error=formula, real_value=real, reason=reason)


def wide(bits: int) -> arb:
    """One as far as so many bits tell."""
    return arb(1, 2.0**-bits)


def test_one_wrong_point_refutes_and_one_with_a_value_of_its_own_is_shown() -> None:
    rows = [found(1.0, Verdict.CORRECT), found(2.0, Verdict.WRONG, formula=None, reason="no value"), found(3.0, Verdict.WRONG, formula=arb(7), reason="off by 7")]
    assert agreement._compared(rows, INPUTS) == agreement.Outcome("refuted", "off by 7", {"x": 3.0})
    assert agreement._compared(rows[:2], INPUTS) == agreement.Outcome("refuted", "no value", {"x": 2.0}, both_defined=False)
    assert agreement._compared([found(4.0, Verdict.WRONG)], INPUTS).note == "over the reals it has another value"


def test_what_cannot_be_compared_is_undecided_and_does_not_count() -> None:
    nothing = [found(1.0, Verdict.UNDECIDED), found(1.0, Verdict.CORRECT, formula=None), found(1.0, Verdict.SUBGRADIENT, exact=one_sided.Kink(arb(0), arb(1)))]
    assert agreement._compared(nothing, INPUTS) == agreement.Outcome("undecided", "no point where both could be compared")
    assert agreement._compared([*nothing, found(2.0, Verdict.ROUNDING)], INPUTS) == agreement.Outcome("agrees", "exactly, at 1 point")
    assert agreement._compared([found(3.0, Verdict.CORRECT), found(2.0, Verdict.ROUNDING)], INPUTS).note == "exactly, at 2 points"


def test_an_approximation_is_as_far_off_as_at_its_worst_point() -> None:
    rows = [found(1.0, Verdict.CORRECT), found(2.0, Verdict.CORRECT, formula=arb(0.25)), found(3.0, Verdict.ROUNDING, formula=arb(0.5)), found(4.0, Verdict.ROUNDING, formula=arb(0.125))]
    assert agreement._compared(rows, INPUTS) == agreement.Outcome("approximates", "within 0.500000 ulp at 4 points", {"x": 3.0})


def test_points_agree_to_the_digits_of_the_worse_of_two_enclosures_at_the_worst_point() -> None:
    """101 bits are 30.4 digits, 201 are 60.5, and two are spent on the radius; what is exact has no end of digits."""
    rows = [found(1.0, Verdict.CORRECT), found(2.0, Verdict.CORRECT, exact=one_sided.Finite(wide(203)), real=wide(103)), found(3.0, Verdict.CORRECT, exact=one_sided.Finite(wide(103)), real=wide(203))]
    assert [agreement._digits(d) for d in rows] == [None, 30, 30]
    assert agreement._digits(found(1.0, Verdict.CORRECT, exact=one_sided.Finite(wide(203)), real=arb(1))) == 60
    assert agreement._digits(found(1.0, Verdict.CORRECT, exact=one_sided.Finite(wide(203)), real=None)) == 60
    assert agreement._digits(found(1.0, Verdict.CORRECT, exact=one_sided.Finite(arb(0, 1)), real=arb(1))) == 0
    assert agreement._compared(rows, INPUTS).note == "to 30 digits at 3 points"


def test_a_proof_stands_where_both_sides_met_and_nothing_but_single_holes_is_against_it() -> None:
    hole, gap = Contradiction(Kind.HOLE, (0.0,)), Contradiction(Kind.GAP, (0.0,))
    assert [agreement._stands(Challenged(list(c), met)) for c, met in (((), 1), ((hole,), 3), ((), 0), ((hole, gap), 3), ((gap,), 3))] == [True, True, False, False, False]


def test_holes_are_named_up_to_three_and_the_others_counted() -> None:
    proof = Proof()
    holes = [Contradiction(Kind.HOLE, (float(k),)) for k in range(5)]
    text = proof.text()
    assert agreement._proved_text(proof, Challenged([], 1), INPUTS) == text
    assert agreement._proved_text(proof, Challenged(holes[:1], 1), INPUTS) == f"{text}; it has no value at x = 0.0, where the exact gradient has one"
    assert agreement._proved_text(proof, Challenged(holes[:3], 1), INPUTS) == f"{text}; it has no value at x = 0.0 or x = 1.0 or x = 2.0, where the exact gradient has one"
    assert agreement._proved_text(proof, Challenged(holes, 1, skipped=7), INPUTS) == f"{text}; it has no value at x = 0.0 or x = 1.0 or x = 2.0 and 2 more of the points tried, where the exact gradient has one; 7 of the points on borders were not tried"


def test_points_on_borders_that_are_open_are_named_where_the_proof_has_borders() -> None:
    proof = Proof(borders=("x = 0",))
    open_at = [0.5, 0.0, 1.25]
    assert agreement._proved_text(Proof(), Challenged([], 1, undecided=[(0.0,)]), INPUTS) == Proof().text()
    assert agreement._proved_text(proof, Challenged([], 1, undecided=[(0.0,)]), INPUTS) == f"{proof.text()}; not at x = 0.0, where it could not be decided"
    assert agreement._proved_text(proof, Challenged([], 1, undecided=[(x,) for x in open_at]), INPUTS) == f"{proof.text()}; not at x = 0.5 and 2 more of the points tried, where it could not be decided"
    assert agreement._proved_text(proof, Challenged([], 1, undecided=[(1.0,) * 4] * 2), tuple("abcd")) == f"{proof.text()}; not at 2 of the points tried, where it could not be decided"


def test_a_proof_that_is_false_inside_a_piece_is_a_fault_of_this_tool_and_one_on_a_border_is_none() -> None:
    proof, outcome = Proof(), agreement.Outcome("refuted", "off")
    kinds = {kind: agreement._withdrawn(outcome, proof, Challenged([Contradiction(kind, (3.0,))], 1), INPUTS) for kind in Kind}
    assert "x = 3.0" in kinds[Kind.INSIDE].fault
    assert "x = 3.0" in kinds[Kind.TIE].fault
    assert [bool(kinds[k].fault) for k in (Kind.INSIDE, Kind.TIE, Kind.BORDER, Kind.GAP, Kind.HOLE)] == [True, True, False, False, False]
    assert "please report it" in kinds[Kind.INSIDE].note
    assert "does not count" in kinds[Kind.TIE].note
    assert kinds[Kind.BORDER].note == f"off; elsewhere it is proved {proof.text()}"
    both = Challenged([Contradiction(Kind.TIE, (1.0,)), Contradiction(Kind.INSIDE, (3.0,))], 1)
    assert "please report it" in agreement._withdrawn(outcome, proof, both, INPUTS).note


def test_a_contradiction_counts_where_the_gradient_is_claimed_and_one_inside_a_piece_anywhere() -> None:
    inside, border, tie = (Contradiction(k, (x,)) for k, x in ((Kind.INSIDE, 9.0), (Kind.BORDER, 8.0), (Kind.TIE, 0.5)))
    meant = Meant(((0.0, 1.0),), ((),))
    assert agreement._against(Challenged([border, tie]), [], None) == border
    assert agreement._against(Challenged([border, tie]), [], meant) is None
    assert agreement._against(Challenged([border, tie]), [(8.0,)], meant) == border
    assert agreement._against(Challenged([replace(border, point=(0.5,))]), [], meant) == replace(border, point=(0.5,))
    assert agreement._against(Challenged([border, inside]), [], None) == inside
    assert agreement._against(Challenged([border, inside]), [], meant) == inside


def test_a_listed_point_that_is_wrong_outweighs_a_proof_and_the_proof_is_said_to_hold_elsewhere() -> None:
    check = check_of("x*x", "2*x*dout")
    ((right,),) = compare(check, [(2.0,)])
    outcomes = agreement.outcomes(check, [(2.0,)], listed=[[right]])
    assert outcomes["dx"].kind == "proved"
    planted = agreement.outcomes(check, [(2.0,)], listed=[[replace(right, verdict=Verdict.WRONG, reason="planted")]])["dx"]
    assert planted.kind == "refuted"
    assert planted.note.startswith("planted; elsewhere it is proved")
    assert planted.counterexample == {"x": 2.0}


def test_points_alone_say_what_they_show_and_no_proof_is_tried() -> None:
    for dx, kind in (("2*x*dout", "agrees"), ("2.5*x*dout", "refuted"), ("(2*x + (x - 2)*(x - 2)*0.1)*dout", "refuted")):
        check = check_of("x*x", dx)
        for listed in (None, compare(check, [(2.0,)])):
            outcome = agreement.by_points(check, [(2.0,)], listed=listed)["dx"]
            assert outcome.kind == kind
    assert agreement.by_points(check_of("x*x", "2*x*dout"), [(2.0,)])["dx"].note.endswith("at 21 points"), "the listed one and 20 more"
    assert agreement.by_points(check_of("x*x", "2*x*dout"), [])["dx"].note.endswith("at 20 points")
    only = Meant(((-math.inf, math.inf),), ((),), is_anywhere=False)
    assert agreement.by_points(check_of("x*x", "2*x*dout"), [(2.0,)], meant=only)["dx"].note.endswith("at 1 point")


def test_without_time_no_proof_is_begun_and_that_is_said() -> None:
    outcome = agreement.outcomes(check_of("x*x", "2*x*dout"), [(2.0,)], seconds=-1.0)["dx"]
    assert outcome.kind == "agrees"
    assert outcome.note.endswith("; the time for proofs is spent")


def test_what_was_compared_before_the_time_was_out_is_not_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    check, seen, limit = check_of("x*x", "2*x*dout"), list[tuple[float, ...]](), 3

    def judged(of: Check, some: list[tuple[float, ...]], **options: object) -> list[list[Discrepancy]]:
        if len(seen) >= limit:
            raise TimeoutError
        seen.extend(some)
        return compare(of, some, **options)

    monkeypatch.setattr(agreement, "compare", judged)
    monkeypatch.setattr(agreement, "STEPS_AT_ONCE", 1)
    known: agreement.KnownRows = {}
    listed = compare(check, [(2.0,)])
    with pytest.raises(TimeoutError):
        agreement.outcomes(check, [(2.0,)], listed=listed, seconds=-1.0, known=known)
    assert len(known) == limit
    limit_before, limit = limit, 1_000
    outcome = agreement.by_points(check, [(2.0,)], listed=listed, known=known)["dx"]
    assert len(seen) == len(set(seen)) > limit_before
    assert outcome == agreement.by_points(check, [(2.0,)], listed=listed)["dx"]


# ---------------------------------------------------------------- a case at any point


VECTOR = "name: any\nfunction: sum(w*w)*x\npoints: [{w: [1, 2], x: 3}]\nupstream: 0.1\nimplementations: {mine: {}}\n"


def test_a_point_is_put_in_the_order_of_the_inputs() -> None:
    case = case_of(VECTOR)
    assert at_point.in_order(case, {"x": 3, "w": [1, 2]}) == (1.0, 2.0, 3.0)
    with pytest.raises(ValueError, match=r"missing or unknown: x$"):
        at_point.in_order(case, {"w": [1, 2]})
    with pytest.raises(ValueError, match=r"missing or unknown: z$"):
        at_point.in_order(case, {"w": [1, 2], "x": 3, "z": 1})
    for bad in (math.inf, math.nan):
        with pytest.raises(ValueError, match="must be finite"):
            at_point.in_order(case, {"w": [1, bad], "x": 3})


def test_the_checks_of_a_case_are_the_same_objects_in_any_format_with_the_upstream_gradient_of_it() -> None:
    """0.1 in float16 is 0.0999755859375."""
    case, other = case_of(VECTOR), case_of(VECTOR.replace("any", "another"))
    for name, upstream in (("float64", 0.1), ("float16", 0.0999755859375)):
        fmt = FORMATS[name]
        (check,) = at_point.checks_in(case, fmt)
        assert (check.format, check.upstream) == (fmt, upstream)
        assert at_point.checks_in(case, fmt)[0] is check
        assert at_point.checks_in(other, fmt)[0] is not check


def test_a_case_at_a_point_has_this_point_only() -> None:
    case = case_of(VECTOR + "sample: 100\ndomain: {w: [0, 1], x: [0, 1]}\n")
    moved = at_point.at(case, (0.1, 2.0, -3.0))
    (point,) = moved.points
    assert point.values == (("w[0]", "0.1"), ("w[1]", "2.0"), ("x", "-3.0"))
    assert (moved.sample, moved.exhaustive, moved.hunt, moved.residuals, moved.published, moved.expect) == (0, False, False, (), (), ())
    assert moved.programs.truth is case.programs.truth
    (found_,) = [d for d in at_point.judged_at(at_point.checks_in(moved, FORMATS["float64"])[0], (0.5, 2.0, -3.0)) if d.name.startswith("dx")]
    with balls.precision(100):
        assert isinstance(found_.exact, one_sided.Finite)
        assert found_.exact.ball == arb(4.25) * arb(0.1)


# ---------------------------------------------------------------- further points, and a bound for all numbers


@pytest.mark.parametrize("domain", [(1.04, 1.0401), (0.1, 0.10001), (-3.14159, -3.14158), (-2.0, 5.0), (0.0, 1e-9), (123456.7, 123456.8)])
def test_further_points_lie_in_the_domain_also_where_few_digits_do_not(domain: tuple[float, float]) -> None:
    """Every other point is written with few digits: 1.0 and 1.1 lie outside of the first."""
    meant = Meant((domain,), ((),))
    for points in ([], [((domain[0] + domain[1]) / 2,)]):
        found = agreement.further_points(points, 1, fmt=FORMATS["float64"], meant=meant, most=60)
        assert len(found) == 60, "none is lost"
        assert all(domain[0] <= x <= domain[1] for (x,) in found)


def test_further_points_are_none_where_only_the_listed_ones_are_meant() -> None:
    assert agreement.further_points([(2.0,)], 1, fmt=FORMATS["float64"], meant=Meant(((1.0, 3.0),), ((),), is_anywhere=False)) == []


@pytest.mark.parametrize(("dx", "kind", "words"), [("0.8862269254527579*dout", "approximates", "within 0.154728 ulp at "), ("0.8862269254527580*dout", "proved", "with 0.8862269254527580 read as sqrt(pi)/2"), ("0.8862269254*dout", "refuted", "")])
def test_a_constant_that_is_an_ulp_off_is_an_approximation(dx: str, kind: str, words: str) -> None:
    """sqrt(pi)/2 lies 0.654728 ulp above the float of the first literal (mpmath), of which half an ulp may be the rounding of the literal."""
    found = agreement.outcomes(check_of("sqrt(pi)/2*x", dx), [(2.0,)])["dx"]
    assert found.kind == kind
    assert words in found.note


@pytest.mark.parametrize(("threshold", "is_certified"), [(40, True), (36, False)])
def test_a_threshold_is_certified_for_all_numbers_where_what_is_left_out_is_less_than_an_ulp(threshold: int, is_certified: bool) -> None:
    """1 - sigmoid(x) is less than exp(-x): 2**53 exp(-40) = 0.04 ulp, 2**53 exp(-36) = 2.1."""
    found = agreement.outcomes(check_of("softplus(x)", f"where(x > {threshold}, 1, sigmoid(x))*dout"), [(2.0,), (50.0,)])["dx"]
    assert found.kind in ("approximates", "refuted")
    assert ("certified within" in found.note and "at all numbers of float64" in found.note) is is_certified


@pytest.mark.parametrize(("verdict", "seen"), [(Verdict.UNDECIDED, agreement.FIRST_FURTHER), (Verdict.CORRECT, agreement.CHECKED_POINTS)])
def test_no_more_points_are_looked_at_where_the_first_stay_undecided(monkeypatch: pytest.MonkeyPatch, verdict: Verdict, seen: int) -> None:
    """A correlation of two observations is 1 or -1, on the border of the clipping, at all points: each takes all the bits there are."""
    check = check_of("sin(x)", "cos(x)*dout")
    points: list[tuple[float, ...]] = []

    def judged(_: Check, some: list[tuple[float, ...]], **__: object) -> list[list[Discrepancy]]:
        points.extend(some)
        return [[found(p[0], verdict)] for p in some]

    monkeypatch.setattr(agreement, "compare", judged)
    agreement._further_rows(check, ["dx"], [(2.0,)], {}, meant=None, seed=1)
    assert (len(points) == seen) if verdict is Verdict.UNDECIDED else (len(points) >= seen)
