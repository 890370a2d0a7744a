"""Every proof is challenged: with the prover's rules switched off, the challenge alone finds what would be false."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace

import pytest
from flint import arb

from tests.exact.test_prove import outcome
from tests.texts import expression
from verifier.compare import challenge
from verifier.compare.agreement import Outcome
from verifier.compare.challenge_points import places
from verifier.exact.derivatives import primitive
from verifier.exact.identities import field, signs, special
from verifier.language.formats import FORMATS

Switch = Callable[[pytest.MonkeyPatch], None]


def without_infinity(patch: pytest.MonkeyPatch) -> None:
    """A branch that reads inf has nothing to claim."""
    plain = field._constant
    patch.setattr(field, "_constant", lambda over, name: None if name == "inf" else plain(over, name))


def without_integers(patch: pytest.MonkeyPatch) -> None:
    """No function is an integer on an interval."""
    patch.setattr(special, "_integer_part", lambda over, _: (over.zero, None))
    patch.setattr(special, "_is_rarely_integer", lambda *_: True)


def without_intervals(patch: pytest.MonkeyPatch) -> None:
    """No function vanishes on an interval."""
    patch.setattr(signs, "is_rarely_zero", lambda *_: True)


def as_it_is(_: pytest.MonkeyPatch) -> None:
    """All rules are on."""


# (what is switched off, function, a wrong dx that would be proved without the rule)
FALSE = {
    "a branch that reads inf": (without_infinity, "where(x > 100, min(x, inf), x)", "where(x > 100, 17, 1)*dout"),
    "clip to inf": (without_infinity, "where(x > 100, clip(x, 0, inf), x)", "where(x > 100, 3, 1)*dout"),
    "the floor of an integer": (without_integers, "where(x > 100, x*ceil(floor(x)), x)", "where(x > 100, 1 + floor(floor(x)), 1)*dout"),
    "the floor of a rounded number": (without_integers, "where(x > 100, x*floor(-round(x)), x)", "where(x > 100, -(1 + floor(round(x))), 1)*dout"),
    "the sign of tanh of a step": (without_intervals, "x*sign(tanh(round(x)))", "where(tanh(round(x)) > 0, 1, -1)*dout"),
    "the sign of erf of a step": (without_intervals, "x*sign(erf(floor(x)))", "where(erf(floor(x)) > 0, 1, -1)*dout"),
    "the sign of a power of a step": (without_intervals, "x*sign(2**floor(x) - 4)", "where(2**floor(x) > 4, 1, -1)*dout"),
    "asin(sin(x)) and x": (without_intervals, "where(asin(sin(x)) - x >= 0, x, 2*x)", "where(asin(sin(x)) - x > 0, 1, 2)*dout"),
    "asin(sin(x)) beside x": (without_intervals, "where(asin(sin(x)) >= x, x, 2*x)", "where(asin(sin(x)) > x, 1, 2)*dout"),
    "atan(tan(x)) and x": (without_intervals, "where(atan(tan(x)) - x >= 0, x, 2*x)", "where(atan(tan(x)) - x > 0, 1, 2)*dout"),
    "lambertw(x*exp(x)) and x": (without_intervals, "where(lambertw(x*exp(x)) - x >= 0, x, 2*x)", "where(lambertw(x*exp(x)) - x > 0, 1, 2)*dout"),
    "atan(x) + atan(1/x)": (without_intervals, "where(atan(x) + atan(1/x) - pi/2 >= 0, x, 2*x)", "where(atan(x) + atan(1/x) - pi/2 > 0, 1, 2)*dout"),
    "the duplication of gamma": (without_intervals, "where(gamma(x)*gamma(x + 1/2) - 2**(1 - 2*x)*sqrt(pi)*gamma(2*x) >= 0, x, 2*x)", "where(gamma(x)*gamma(x + 1/2) - 2**(1 - 2*x)*sqrt(pi)*gamma(2*x) > 0, 1, 2)*dout"),
    "a gap where both are negative": (as_it_is, "x*log(x*y)", "(log(x) + log(y) + 1)*dout"),
    "a gap on a ray": (as_it_is, "log(x*x)", "2*exp(-log(x))*dout"),
    "the integers": (as_it_is, "x**2", "(2*x + ceil(x) - floor(x) - 1)*dout"),
    "an integer among borders": (as_it_is, "where(abs(x) - x < 0, x*log(x*y), where(-x - 1 >= inf, x*trunc(x*y), exp(x)))", "(where(abs(x) - x < 0, log(x*y) + 1, where(-x - 1 >= inf, trunc(x*y), exp(x))) + where(x == 3, 1, 0))*dout"),
    "a border beside inf": (as_it_is, "x*clip(x, y, inf)", "(max(x, y) + where(x > y, x, 0) + where(x == y, 1, 0))*dout"),
    "a single point": (as_it_is, "x**2", "where(x == 4.5, 1, 2*x)*dout"),
    "a diagonal": (as_it_is, "x**2*y", "where(x == 3*y, 1, 2*x*y)*dout"),
}  # fmt: skip


@pytest.mark.parametrize("name", FALSE)
@pytest.mark.parametrize("is_mended", [True, False], ids=["with the rule", "without it"])
def test_a_false_proof_is_never_said(name: str, is_mended: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    switch, function, dx = FALSE[name]
    if not is_mended:
        switch(monkeypatch)
    assert outcome(function, dx, *([] if "y" in function else [(150.5,) if "100" in function and is_mended else (3.75,)])).kind != "proved"


@pytest.mark.parametrize("name", [n for n, row in FALSE.items() if row[0] is not as_it_is and not n.startswith("the duplication")])
def test_without_the_rule_the_prover_errs_and_the_challenge_says_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin: without the challenge the proof would be said."""
    switch, function, dx = FALSE[name]
    switch(monkeypatch)
    found: Outcome = outcome(function, dx, (3.75,))
    assert found.fault
    assert "proof" in found.fault
    monkeypatch.setattr("verifier.compare.agreement.challenge", _no_challenge)
    assert outcome(function, dx, (3.75,)).kind == "proved"


def _no_challenge(*_args: object, **_options: object) -> dict[str, object]:
    from verifier.compare.challenge import Challenged

    return {"dx": Challenged([], 1)}


def test_a_gap_in_the_domain_is_refuted_and_one_outside_is_not() -> None:
    assert outcome("x*log(x*y)", "(log(x) + log(y) + 1)*dout").kind == "refuted"


def test_borders_are_among_the_places() -> None:
    """x**3 > 7 turns at the cube root of 7, floor(x/3) at the multiples of 3, log(x + 0.3) ends at -0.3."""
    program = primitive(expression("where(x**3 > 7, floor(x/3), log(x + 0.3))", "x"))
    found = [x for (x,) in places([program], [(1.0,)], fmt=FORMATS["float64"], domain=None, seed=1, most=500)]
    root = 7 ** (1 / 3)  # correctly rounded to 1.912931182772389
    assert any(abs(x - root) < 1e-15 for x in found)
    assert {3.0, 6.0} <= set(found)
    assert any(-0.3 - 1e-15 < x < -0.3 + 1e-15 for x in found)
    assert len(found) == len(set(found))


def test_an_input_with_one_value_costs_no_points_on_the_line_of_the_other() -> None:
    """Such as the gradient that flows into a callable: the borders of the other input are all there, at that value."""
    float64, domain = FORMATS["float64"], [(-16.0, 16.0), (0.75, 0.75)]
    alone = places([expression("where(x > 1.7, x, sqrt(x + 9.3))", "x")], [(1.0,)], fmt=float64, domain=domain[:1], seed=1, most=500)
    found = places([expression("g * where(x > 1.7, x, sqrt(x + 9.3))", "x", "g")], [(1.0, 0.75)], fmt=float64, domain=domain, seed=1, most=500)
    assert {g for _, g in found} == {0.75}
    assert {1.7, math.nextafter(1.7, 2), -9.3, math.nextafter(-9.3, 0)} <= {x for x, _ in found}
    assert len(found) == pytest.approx(len(alone), abs=4)  # not as many as are allowed; those without pattern are others
    assert places([expression("2 * g", "g")], [], fmt=float64, domain=[(0.75, 0.75)], seed=1, most=500) == [(0.75,)]


def test_places_stay_in_the_domain_and_in_the_format() -> None:
    program = primitive(expression("where(x > y, x*y, exp(x))", "x", "y"))
    float16 = FORMATS["float16"]
    draw = random.Random(3)
    for _ in range(5):
        low, high = sorted((draw.uniform(-9, 9), draw.uniform(-9, 9)))
        found = places([program], [], fmt=float16, domain=[(low, high), None], seed=7, most=100)
        assert found
        assert all(low <= x <= high for x, _ in found)


@pytest.mark.parametrize(("radius", "expected"), [(2.0**-80, True), (2.0**-40, False), (0.25, False)])
def test_only_a_narrow_enclosure_around_zero_is_a_tie(radius, expected):
    """A wide one tells nothing: at more bits it may be anything."""
    assert challenge._is_narrow_around_zero(arb(0, radius), arb(1.5)) is expected
    assert challenge._is_narrow_around_zero(arb(1, radius), arb(1.5)) is False


@pytest.mark.parametrize("count", [2, 3])
def test_every_combination_of_signs_of_a_listed_point_is_a_place(count):
    names, point = ("x", "y", "z")[:count], (0.375, 1.25, 7.5)[:count]
    program = primitive(expression("*".join(names), *names))
    found = places([program], [point], fmt=FORMATS["float64"], domain=None, seed=0, most=400)
    for signs_ in itertools.product((1, -1), repeat=count):
        assert tuple(s * x for s, x in zip(signs_, point, strict=True)) in found


def test_a_domain_without_a_number_of_the_format_has_its_end_as_a_place() -> None:
    """Between 0.1 and 0.10001 float16 has no number (0.09998 and 0.10004 are two in a row)."""
    program = primitive(expression("where(x > y, x*y, exp(x))", "x", "y"))
    found = places([program], [], fmt=FORMATS["float16"], domain=[(0.1, 0.10001), None], seed=7, most=60)
    assert {x for x, _ in found} == {0.1}


# a comparison, points nearby, and whether it stays undecided there though its operands are not the same
STAYS_TIED = (
    ("where(x > x + y*1e-90, 1, 2)", [(1, "1e90"), (Fraction(1, 3), 1)], False), ("sign(exp(x) - 1)", [("1e-200", 1)], False),
    ("where(x > x + y*1e-900, 1, 2)", [(1, "1e900"), (Fraction(1, 3), 1)], True), ("where(x > x + y*1e-900, 1, 2)", [(Fraction(1, 3), 1), (1, "1e900")], True), ("where(x > x + y*1e-900, 1, 2)", [(1, "1e900"), (2, "1e901")], False), ("where(sin(x)**2 + cos(x)**2 > 1, 1, 2)", [(Fraction(1, 3), 1), (Fraction(1, 7), 1)], False), ("sign(sin(x)**2 + cos(x)**2 - 1 + 1e-900)", [(Fraction(1, 3), 1)], True), ("sign(sin(x)**2 + cos(x)**2 - 1)", [(Fraction(1, 3), 1)], False), ("sign(x + y)", [(Fraction(1, 3), 1)], False),
)  # fmt: skip


@pytest.mark.parametrize(("text", "points", "expected"), STAYS_TIED, ids=[f"{t} at {p}" for t, p, _ in STAYS_TIED])
def test_a_comparison_stays_tied_where_nearby_points_do_not_decide_it_and_no_proof_does(text: str, points: list, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """1e-90 is less than 2^-256 = 9e-78, the width of the enclosures, and more than 2^-2400 = 3e-723, that of the finer ones; 1e-900 is less."""
    program = primitive(expression(text, "x", "y"))
    tied = [(program, i) for i, step in enumerate(program.steps) if step.gate in ("gt", "lt", "sign")]
    assert tied
    monkeypatch.setattr(challenge, "_nearby", lambda *_: [tuple(Fraction(v) for v in p) for p in points])
    sides = SimpleNamespace(upstream=1.0)
    assert challenge._stays_tied(sides, tied, (0.5, 1.0), None, 0) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(("function", "backward", "kind"), [
    ("where(x > 0, x, exp(x) - 1)", "where(out > 0, 1, out + 1)*dout", "proved"), ("where(x > 0, x, 2*(exp(x) - 1))", "where(out > 0, 1, out + 2)*dout", "proved"),
    ("where(x > 0, x, exp(x) - 1)", "where(out > 0, 1, out + 2)*dout", "refuted"), ("where(x > 0, x, exp(x) - 1)", "where(out < 0, 1, out + 1)*dout", "refuted"),
])  # fmt: skip
def test_a_condition_on_the_output_is_decided_at_the_smallest_numbers(function: str, backward: str, kind: str) -> None:
    """exp(x) - 1 at -1e-200 is told from 0 with 700 bits."""
    assert outcome(function, backward, (0.3,), (-0.7,)).kind == kind
