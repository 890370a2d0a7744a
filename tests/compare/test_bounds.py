"""The bounds of a sweep, point by point, against fractions: errors in ulps lie within them, and a gradient that is called rounded is."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb, fmpq

from tests.texts import expression
from verifier.arithmetic import balls
from verifier.compare import challenge, challenge_points
from verifier.compare.check import Check
from verifier.compare.shared import shared
from verifier.compare.sweep.balls import _from_balls
from verifier.compare.sweep.classify import from_ends
from verifier.exact.derivatives import primitive
from verifier.language.formats import FORMATS, Format, round_exact

NARROW = ("float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e5m2")


def ulp(fmt: Format, g: Fraction) -> Fraction:
    """The distance of the numbers of a format around g, by its definition."""
    exponent = fmt.emin
    while abs(g) >= Fraction(2) ** (exponent + 1):
        exponent += 1
    return Fraction(2) ** (exponent - fmt.precision + 1)


def question(fmt: Format) -> Check:
    return SimpleNamespace(format=fmt)  # type: ignore[return-value]


def intervals(fmt: Format, count: int) -> list[tuple[float, float, float]]:
    """A float of the format, and an interval of float64: around zero, powers of two, ties, the smallest and the largest number."""
    draw = random.Random(5)
    largest, smallest = float(fmt.largest), float(fmt.smallest)
    rows = []
    for _ in range(count):
        scale = draw.choice((1.0, 2.0, 0.5, 3.0, smallest, smallest / 2, 4 * smallest, largest, largest / 2, 2.0**fmt.emin, 0.0))
        middle = draw.choice((-1, 1)) * scale * draw.choice((1.0, 1.0, 1 + float(fmt.unit_roundoff), 1 + draw.random()))
        width = draw.choice((0.0, 0.0, 1e-12, 1e-3, 0.4)) * max(abs(middle), smallest)
        low, high = middle - width * draw.random(), middle + width * draw.random()
        near = round_exact(fmt, Fraction(middle))
        rows.append((draw.choice((near, near, 0.0, 1.0, round_exact(fmt, Fraction(middle) * Fraction(5, 4)))), low, high))
    edges = [(0.0, 0.0, 0.0), (smallest, 0.0, 0.0), (0.0, -smallest, smallest), (1.0, 2 * largest, 4 * largest), (1.0, -4 * largest, -2 * largest), (1.0, -4 * largest, 4 * largest), (1.0, largest, largest), (1.0, math.nan, 1.0), (1.0, 1.0, math.nan)]
    return rows + edges


@pytest.mark.parametrize("name", NARROW)
def test_the_bounds_from_two_ends_hold_for_all_numbers_between_them(name: str) -> None:
    fmt = FORMATS[name]
    rows = intervals(fmt, 400)
    c, low, high = (np.array(column) for column in zip(*rows, strict=True))
    with np.errstate(all="ignore"):
        found, (small, large), (least, most) = from_ends(question(fmt), c, low, high)
    sharp = 0
    for k, (computed, a, b) in enumerate(rows):
        if math.isnan(a) or math.isnan(b):
            assert not found.is_rounded[k]
            assert math.isnan(small[k])
            continue
        numbers = [Fraction(a), Fraction(b), (Fraction(a) + Fraction(b)) / 2, *([Fraction(0)] if a <= 0 <= b else [])]
        rounded = {repr(abs(r) if (r := round_exact(fmt, g)) == 0 else r) for g in numbers}
        beyond = rounded == {"nan"} and (a > 0 or b < 0)
        assert bool(found.is_rounded[k]) is (len(rounded) == 1 and (rounded != {"nan"} or beyond))
        if found.is_rounded[k]:
            assert repr(float(abs(found.rounded[k]) if found.rounded[k] == 0 else found.rounded[k])) in rounded
        units = [ulp(fmt, g) for g in numbers]
        assert Fraction(small[k]) == min(units)
        assert Fraction(large[k]) == max(units)
        if not math.isfinite(computed):
            continue
        errors = [abs(Fraction(computed) - g) for g in numbers]
        assert Fraction(least[k]) <= min(errors)
        assert Fraction(most[k]) >= max(errors)
        assert all(Fraction(found.ulps_low[k]) <= e / u <= Fraction(found.ulps_high[k]) for e, u in zip(errors, units, strict=True))
        if a == b and errors[0] == Fraction(float(errors[0])):
            assert Fraction(least[k]) == Fraction(most[k]) == errors[0]
            assert Fraction(found.ulps_low[k]) == Fraction(found.ulps_high[k]) == errors[0] / units[0]
            sharp += 1
        elif a == b:
            assert float(most[k]) - float(least[k]) <= (2.0**-50 + 2.0**-52) * float(most[k])  # 2^-51 on both sides, and two roundings
    assert sharp > 50


def exact_gradients() -> list[tuple[Fraction, float, Fraction]]:
    """g, a float beside it, and the radius of a ball around g."""
    draw = random.Random(9)
    rows = []
    for _ in range(300):
        g = draw.choice((-1, 1)) * Fraction(2) ** draw.choice((0, 1, -3, 40, -1022, -1040, -1074, 1000)) * draw.choice((Fraction(1), 1 + Fraction(1, 2**60), 1 - Fraction(1, 2**60), 1 + Fraction(1, 2**53), Fraction(draw.randrange(2**70), 2**70) + 1))
        near = round_exact(FORMATS["float64"], g)
        rows.append((g, draw.choice((near, near, math.nextafter(near, math.inf), near * 1.25, 0.0, -near)), draw.choice((Fraction(0), abs(g) / 2**90))))
    return [*rows, (Fraction(0), 0.0, Fraction(0)), (Fraction(0), 5e-324, Fraction(0)), (Fraction(0), 1.0, Fraction(0))]


def test_the_bounds_from_balls_hold_and_are_narrow() -> None:
    fmt = FORMATS["float64"]
    rows = exact_gradients()
    with balls.precision(400):
        g = [arb(fmpq(v.numerator, v.denominator)) + arb(0, arb(fmpq(r.numerator, r.denominator))) for v, _, r in rows]
        c = np.array([x for _, x, _ in rows])
        with np.errstate(all="ignore"):
            found, (unit, larger) = _from_balls(question(fmt), c, g)
    for k, (v, x, radius) in enumerate(rows):
        right = round_exact(fmt, v)
        assert not found.is_rounded[k] or found.rounded[k] == right
        error = abs(Fraction(x) - v) / ulp(fmt, v)
        if unit[k] != larger[k]:
            assert radius, "a power of two in a ball: its ulp is known up to a factor of 2"
            assert abs(v) in (Fraction(2) ** e for e in (0, 1, -3, 40, 1000))
            assert Fraction(float(unit[k])) * 2 == Fraction(float(larger[k])) == ulp(fmt, v)
            assert math.isinf(found.ulps_high[k]) or Fraction(found.ulps_low[k]) <= error <= Fraction(found.ulps_high[k])
            continue
        assert Fraction(float(unit[k])) == ulp(fmt, v)
        low, high = found.ulps_low[k], found.ulps_high[k]
        assert math.isinf(high) or Fraction(low) <= error <= Fraction(high)
        assert math.isinf(high) or high - low <= 1e-9 * max(1.0, float(high)) or abs(v) < Fraction(2) ** -1000
        assert abs(v) < Fraction(2) ** -1000 or found.is_rounded[k] or abs(error * 2 - 1) < Fraction(1, 1000)


def test_what_is_beyond_half_of_the_largest_number_or_not_enclosed_stays_open() -> None:
    fmt = FORMATS["float64"]
    with balls.precision(400), np.errstate(all="ignore"):
        g = [arb(fmt.largest), arb("inf"), arb("nan"), arb(0, 1), arb(1, 1)]
        found, (unit, _) = _from_balls(question(fmt), np.ones(5), g)
    assert np.isnan(unit[:3]).all()
    assert not found.is_rounded.any()


def test_a_gradient_beyond_the_range_or_far_below_it_is_rounded_by_balls() -> None:
    """IEEE 754: from 2^1024 - 2^970 on a number rounds to infinity, and up to 2^-1075 to 0."""
    fmt = FORMATS["float64"]
    with balls.precision(400), np.errstate(all="ignore"):
        g = [arb(10) ** 400, -(arb(10) ** 400), arb(2) ** -1080, arb(2) ** -5000, -(arb(2) ** -1090), arb(3) * arb(2) ** -1076]
        found, _ = _from_balls(question(fmt), np.array([math.inf, math.nan, 0.0, 0.0, 5e-324, 5e-324]), g)
    assert found.is_rounded.tolist() == [True] * 4 + [True, True]
    assert found.rounded.tolist()[:4] == [math.inf, -math.inf, 0.0, 0.0]
    assert found.rounded[5] == 5e-324, "three quarters of the smallest number"
    assert found.ulps_high[2] == pytest.approx(2.0**-6)
    assert found.ulps_low[4] == pytest.approx(1 + 2.0**-16)


# ---------------------------------------------------------------- both sides as one program


def sides(text: str, *names: str) -> tuple[object, object]:
    from verifier import load_text
    from verifier.exact.truth import subject, truth_of

    (case,) = load_text(f"function: {text}\npoints: [{{{', '.join(f'{n}: 0.5' for n in names)}}}]\nimplementations: {{it: {{}}}}\n").cases
    return truth_of(case.programs.truth), subject(case.programs.drafts[0])


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("x*exp(y)", True), ("x/y", True), ("atan(x)*y", True), ("atan2(x, y)", False), ("abs(x)*y", False), ("max(x, y)", False), ("floor(x)*y", False), ("where(x > y, x, y)", False), ("sign(x)*y", False), ("relu(x)*y", False)],
)
def test_where_a_kink_decides_the_two_sides_are_two_programs(text: str, is_one: bool) -> None:
    """The exact side has no value on a kink, the computed one has."""
    assert (shared(*sides(text, "x", "y"), [0, 1], upstream=1.0) is not None) is is_one  # type: ignore[arg-type]


@pytest.mark.parametrize("upstream", [1.0, -2.5])
def test_both_sides_as_one_have_the_values_of_each(upstream: float) -> None:
    """d(x**2*y + 3*z)/dx = 2 x y and so on, times what flows in; by hand."""
    truth, tested = sides("x**2*y + 3*z", "x", "y", "z")
    both = shared(truth, tested, [0, 1, 2], upstream=upstream)  # type: ignore[arg-type]
    assert both is not None
    values = balls.run(both.program, [[arb(2)], [arb(5)], [arb(7)]], bits=100, strict=False, upstream=arb(upstream))
    expected = [20 * upstream, 4 * upstream, 3 * upstream]
    assert values[both.value][0] == 41
    assert [float(values[k][0]) for k in both.exact] == expected
    assert [float(values[k][0]) for k in both.real] == expected
    assert shared(truth, tested, [2, 0], upstream=upstream).exact == (both.exact[2], both.exact[0])  # type: ignore[arg-type, union-attr]


# ---------------------------------------------------------------- where programs differ


FLOAT64 = FORMATS["float64"]


@pytest.mark.parametrize(
    ("first", "second", "is_different"),
    [("x*x", "x**2", False), ("x + 1", "x + 2", True), ("x*x", "x**3", True), ("sin(x)**2 + cos(x)**2", "1 + 0*x", False), ("log(x)", "log(abs(x))", False), ("where(x > 3, 1, 0)", "where(x >= 3, 1, 0)", True), ("log(-1 - x*x)", "x", False)],
)
def test_programs_differ_where_both_have_values_and_they_are_not_the_same(first: str, second: str, is_different: bool) -> None:
    a, b = (primitive(expression(t, "x")) for t in (first, second))
    found = challenge.differs(a, b, [(0.5,)], fmt=FLOAT64)
    assert (found is not None) is is_different
    if found is not None:
        (x,) = found
        assert isinstance(x, float)
        u, v = (balls.run(p, [[arb(x)]], bits=200, strict=False)[p.output][0] for p in (a, b))
        assert u.is_finite()
        assert v.is_finite()
        assert u != v
    assert challenge.differs(a, a, [(0.5,)], fmt=FLOAT64) is None


@pytest.mark.parametrize(("ball", "side"), [(arb(3), 1), (arb(-3), -1), (arb(0), 0), (arb("nan"), None), (arb("inf"), None), (arb(1, 2), 1), (arb(-1, 2), -1), (arb(0, 2), 0)])
def test_the_side_of_a_border_is_the_sign_of_the_middle(ball: arb, side: int | None) -> None:
    assert challenge_points._side(ball) == side


@pytest.mark.parametrize(("ball", "whole"), [(arb(2.5), 2), (arb(-2.5), -3), (arb(3), 3), (arb(-3), -3), (arb(2**20), 2**20), (arb(2**20 + 1), None), (arb(-(2**21)), None), (arb("nan"), None), (arb("inf"), None)])
def test_the_side_of_a_step_is_its_floor(ball: arb, whole: int | None) -> None:
    assert challenge_points._whole(ball) == whole


@pytest.mark.parametrize("name", ["float64", "float16", "bfloat16"])
@pytest.mark.parametrize("x", [1.0, -1.0, 0.0, 2.0, 3.25, 0.5, 1000.25, -7.0])
def test_around_a_number_are_its_neighbours_in_the_format(name: str, x: float) -> None:
    fmt = FORMATS[name]
    near = round_exact(fmt, Fraction(x))
    found = challenge_points._around(fmt, x)
    unit = ulp(fmt, Fraction(near))
    above = {round_exact(fmt, Fraction(near) + k * unit) for k in (1, Fraction(1, 2))}
    below = {round_exact(fmt, Fraction(near) - k * unit) for k in (1, Fraction(1, 2))}
    assert near in found
    assert found & above
    assert found & below
    assert all(abs(Fraction(y) - Fraction(near)) <= 4 * unit for y in found)
    assert len(found) >= 3


def test_a_border_is_looked_for_where_the_other_inputs_stand() -> None:
    """x turns at y + 1 and at z*z: 2.5 and 6.25 at y = 1.5, z = 2.5; what does not move has no border."""
    program = primitive(expression("where(x > y + 1, max(x, z*z), 3) + abs(y - 0.1)", "x", "y", "z"))
    scalars = np.linspace(-2.03, 8.9, 30).tolist()
    found = challenge_points._borders(challenge_points._line(program, (0.5, 1.5, 2.5), 0), scalars)
    assert [b for _, b in found] == pytest.approx([2.5, 6.25], rel=1e-15)
    found = challenge_points._borders(challenge_points._line(program, (0.5, 1.5, 2.5), 1), scalars)
    assert [b for _, b in found] == pytest.approx([-0.5, 0.1], rel=1e-15)


def test_a_half_is_tried_where_a_border_is_next_to_it() -> None:
    assert 2.5 in challenge_points._around(FLOAT64, 2.5 + 2**-50)
    assert 2.5 not in challenge_points._around(FLOAT64, 2.5 + 2**-40)


@pytest.mark.parametrize(("bounds", "x", "is_in"), [(None, 1e300, True), (None, math.inf, False), (None, math.nan, False), ((-1.0, 2.0), -1.0, True), ((-1.0, 2.0), 2.0, True), ((-1.0, 2.0), math.nextafter(2.0, 3.0), False), ((-1.0, 2.0), math.nextafter(-1.0, -2.0), False)])
def test_the_ends_of_a_domain_belong_to_it(bounds: tuple[float, float] | None, x: float, is_in: bool) -> None:
    assert (x in challenge_points._FormatRange(FLOAT64, bounds)) is is_in


def test_a_bounded_range_has_its_ends_and_its_literals() -> None:
    found = challenge_points._scalars(FLOAT64, (-0.75, 6.0), (4.7,))
    assert list(found) == sorted(set(found))
    assert {-0.75, 6.0, 4.7, 5.7, 3.7, 4.95, 4.45, 0.0, 1.0, 5.0, -0.5, 2.625} <= set(found)
    assert all(-0.75 <= x <= 6 for x in found)
    free = challenge_points._scalars(FLOAT64, None, (4.7,))
    assert {4.7, -4.7, 100.0, -100.0, 1e200, -1e200, 1e-200, 0.5, -0.5, 88.75, 710.5} <= set(free)
    draw = random.Random(1)
    assert all(-0.75 <= challenge_points._FormatRange(FLOAT64, (-0.75, 6.0)).generic(draw) <= 6 for _ in range(50))
    assert len({challenge_points._FormatRange(FLOAT64, None).generic(draw) for _ in range(50)}) == 50


@pytest.mark.parametrize(("x", "is_turned", "bounds", "expected"), [(1.5, True, None, -1.5), (1.5, False, None, 1.5), (1.5, True, (0.0, 2.0), 1.5), (-1.5, True, (-2.0, 2.0), 1.5)])
def test_a_sign_is_turned_where_the_domain_allows_it(x: float, is_turned: bool, bounds: tuple[float, float] | None, expected: float) -> None:
    assert challenge_points._turned(x, is_turned, challenge_points._FormatRange(FLOAT64, bounds)) == expected


# a step that turns at a root, by mpmath or by hand: the neighbours that the search along the line ends at
BORDERS = (
    ("where(x > 2, x, 1)", (2.0,)), ("abs(x - 0.3)", (0.3,)), ("where(x*x*x < 7, 1, 0)", (7 ** (1 / 3),)), ("floor(x/3)", (3.0, 6.0)), ("log(x - 1.7)", (1.7,)), ("sign(cos(x))", (1.5707963267948966,)), ("max(x, 4.3)", (4.3,)), ("1/(x - 2.6)", (2.6,)),
)  # fmt: skip


@pytest.mark.parametrize(("text", "roots"), BORDERS, ids=[t for t, _ in BORDERS])
def test_borders_are_found_between_neighbours(text: str, roots: tuple[float, ...]) -> None:
    program = primitive(expression(text, "x"))
    scalars = np.linspace(-2.03, 8.9, 30).tolist()
    line = challenge_points._line(program, (0.5,), 0)
    found = challenge_points._borders(line, scalars)
    assert found == sorted(found)
    assert all(a < b for a, b in found)
    for root in roots:
        assert any(a - 4e-16 * abs(root) <= root <= b + 4e-16 * abs(root) and b - a <= 4.5e-16 * abs(root) for a, b in found)
    assert challenge_points._borders(challenge_points._line(primitive(expression("x*x + exp(x)", "x")), (0.5,), 0), scalars) == []
    assert challenge_points._borders(line, scalars[:1]) == []


# ---------------------------------------------------------------- points near a contradiction


@pytest.mark.parametrize(
    ("point", "domain"),
    [((1.5, -2.0), None), ((0.0, 3.0), None), ((2.0**21, 1.0), None), ((-(2.0**20), 0.5), None), ((1.0, 2.0), [(1.0, 4.0), None]), ((4.0, 2.0), [(1.0, 4.0), (0.0, 2.0)]), ((0.0, 0.0), [(0.0, 1.0), (-1.0, 0.0)]), ((3.0, 1.0), [(3.0, 3.0), None])],
)
def test_points_nearby_are_near_in_the_domain_and_without_pattern(point: tuple[float, ...], domain: list[tuple[float, float] | None] | None) -> None:
    found = challenge._nearby(point, domain, 3)
    assert len(found) == challenge.AROUND
    for near in found:
        for i, (x, moved) in enumerate(zip(point, near, strict=True)):
            bounds = domain[i] if domain is not None else None
            if bounds is not None:
                assert bounds[0] <= moved <= bounds[1]
                if bounds[0] == bounds[1]:
                    assert moved == x
                    continue
            assert moved != x
            assert moved.denominator > 1, "no integer: also where floats are integers"
            assert abs(moved - Fraction(x)) <= (abs(Fraction(x)) if x else 1) * Fraction(1, 1024) + (Fraction(1, 7) if abs(x) >= 2**20 else 0)
    assert len(set(found)) == len(found) or domain == [(3.0, 3.0), None]
    assert found == challenge._nearby(point, domain, 3), "the same every time"
    assert found != challenge._nearby(point, domain, 4)


def test_of_several_contradictions_the_plainest_of_a_kind_is_shown() -> None:
    rows = [(challenge.Kind.INSIDE, (0.1234,)), (challenge.Kind.HOLE, (1.0,)), (challenge.Kind.INSIDE, (-2.0,)), (challenge.Kind.INSIDE, (2.0,)), (challenge.Kind.INSIDE, (3.0,))]
    found = challenge.Challenged([challenge.Contradiction(kind, point) for kind, point in rows])
    assert found.first(challenge.Kind.INSIDE) == challenge.Contradiction(challenge.Kind.INSIDE, (2.0,))
    assert found.first(challenge.Kind.HOLE) == challenge.Contradiction(challenge.Kind.HOLE, (1.0,))
    assert found.first(challenge.Kind.GAP) is None


def test_a_special_function_counts_for_many_steps() -> None:
    plain, costly = (challenge._weight(primitive(expression(t, "x"))) for t in ("exp(x)", "gamma(x)"))
    assert costly == plain + challenge.COSTLY
    assert challenge._weight(primitive(expression("besselj(1, x)", "x"))) > challenge.COSTLY
    assert plain == 3


# ---------------------------------------------------------------- what a claim is contradicted by

# function, dx that is claimed, the points, and what is found there: by hand
FOUND = (
    ("x**2", "2*x*dout", (1.0, -3.0), set()),
    ("x**2", "3*x*dout", (1.0, -3.0), {("INSIDE", 1.0), ("INSIDE", -3.0)}),
    ("x**2", "where(x == 1, 5, 2*x)*dout", (1.0, -3.0), {("BORDER", 1.0)}),
    ("x**2", "(2*x + x/x - 1)*dout", (1.0, 0.0), {("HOLE", 0.0)}),
    ("x**2", "2*exp(log(x))*dout", (1.0, -3.0), {("GAP", -3.0)}),
    ("x**2", "2*exp(log(x))*dout", (1.0, 0.0), {("GAP", 0.0)}),
    ("log(x)", "1/x*dout", (1.0, -3.0), set()),
    ("abs(x)", "sign(x)*dout", (1.0, 0.0, -2.0), set()),
    ("x*abs(x)", "2*abs(x)*dout", (1.0, 0.0, -2.0), set()),
    ("x*abs(x)", "where(x == 0, 1, 2*abs(x))*dout", (1.0, 0.0, -2.0), {("BORDER", 0.0)}),
    ("x*floor(x)", "floor(x)*dout", (1.5, 2.0), set()),
    ("where(x > 1, x, 2*x)", "where(x > 1, 1, 3)*dout", (2.0, 0.5), {("INSIDE", 0.5)}),
)  # fmt: skip


@pytest.mark.parametrize("upstream", [1.0, -2.5])
@pytest.mark.parametrize(("function", "backward", "at", "expected"), FOUND, ids=[f"{f} | {b} | {a}" for f, b, a, _ in FOUND])
def test_each_kind_of_contradiction_is_told(function: str, backward: str, at: tuple[float, ...], expected: set[tuple[str, float]], upstream: float, monkeypatch: pytest.MonkeyPatch) -> None:
    from verifier import load_text
    from verifier.exact.truth import subject, truth_of

    monkeypatch.setattr(challenge, "places", lambda *_, **__: [])
    (case,) = load_text(f"function: {function}\npoints: [{{x: 1.5}}]\nimplementations: {{it: {{backward: 'dx = {backward}'}}}}\n").cases
    truth, tested = truth_of(case.programs.truth), subject(case.programs.drafts[0])
    (found,) = challenge.challenge(truth, tested, ["dx"], [(x,) for x in at], fmt=FLOAT64, upstream=upstream).values()
    assert {(c.kind.name, c.point[0]) for c in found.found} == expected
    assert found.skipped == 0
    if not expected and function not in ("abs(x)", "log(x)", "x*floor(x)"):
        assert found.met == len(at)
    elif expected:
        assert found.met == len(at) - len(expected)


@pytest.mark.parametrize(
    ("backward", "at", "plain", "conditional"),
    [
        ("3*x**(x/x)*dout", (1.0, -3.0), {("INSIDE", 1.0), ("INSIDE", -3.0)}, {("INSIDE", 1.0), ("BORDER", -3.0)}),
        ("(2*exp(log(x)) + 0*x**(x + 0.25))*dout", (1.0, -3.0), {("GAP", -3.0)}, {("HOLE", -3.0)}),
        ("2*x**(x/x)*dout", (1.0, -3.0), set(), set()),
        ("3*x**1*dout", (-3.0,), {("INSIDE", -3.0)}, {("INSIDE", -3.0)}),
    ],
)
def test_where_a_base_is_not_positive_a_conditional_claim_says_nothing(backward: str, at: tuple[float, ...], plain: set[tuple[str, float]], conditional: set[tuple[str, float]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim is meant where the bases of all powers whose exponents are no numbers are positive."""
    from verifier import load_text
    from verifier.exact.truth import subject, truth_of

    monkeypatch.setattr(challenge, "places", lambda *_, **__: [])
    (case,) = load_text(f"function: x**2\npoints: [{{x: 1.5}}]\nimplementations: {{it: {{backward: 'dx = {backward}'}}}}\n").cases
    truth, tested = truth_of(case.programs.truth), subject(case.programs.drafts[0])
    for names, expected in (([], plain), (["dx"], conditional)):
        found = challenge.challenge(truth, tested, ["dx"], [(x,) for x in at], fmt=FLOAT64, upstream=1.0, conditional=names)["dx"]
        assert {(c.kind.name, c.point[0]) for c in found.found} == expected


def test_among_the_places_of_several_inputs_are_many_without_pattern() -> None:
    program = primitive(expression("x*y", "x", "y"))
    found = challenge_points.places([program], [], fmt=FLOAT64, domain=None, seed=2, most=400)
    known = set(challenge_points._scalars(FLOAT64, None, ()))
    assert len({x for x, _ in found} - known) > 40
    assert len({x for x, _ in found} & known) > 40
