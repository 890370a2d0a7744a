"""Claims about errors in whole boxes: proved, refuted with a number that balls judge, open with what is left; and how good the bounds are."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.compare.errors_at_points import bounds_of, errors, everything, plan_of, question
from verifier import load_text
from verifier.compare.boxes.bounds import Assumptions, Box, ErrorBound, ErrorClaim, assumed, box_of
from verifier.compare.boxes.certify import certify
from verifier.compare.boxes.pieces import _between
from verifier.compare.boxes.split import after, halves, nearest_numbers, not_above
from verifier.compare.compare import compare
from verifier.language.formats import FORMATS, first_place, format_named, last_place, numbers
from verifier.verify import verify

SIGMOID = "1/(1+exp(-x))"
NEURON = "1/(1+exp(-(w0*x0+w1*x1+w2)))"
WEIGHTS = dict.fromkeys(("w0", "x0", "w1", "x1", "w2"), (-5.0, 5.0))
TWO = "(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)"


def bounds(
    function: str, domain: dict[str, tuple[float, float]], unit: str = "ulp", limit: float | None = None, *, form: str = "float64", budget: float = 4.0, assume: tuple[tuple[str, Fraction], ...] = (), **texts: str
) -> dict[str, ErrorBound]:
    """The bounds of all gradients of a function, by name."""
    check, box = question(function, domain, form, **texts)
    found = certify(check, box, {name: ErrorClaim(unit, limit) for _, name in check.subject.claims}, assumptions=Assumptions(assume), budget=budget)  # type: ignore[arg-type]
    return {b.gradient: b for b in found}


# ---------------------------------------------------------------- how good


def test_the_staged_sigmoid_is_within_6_ulp() -> None:
    found = bounds(SIGMOID, {"x": (-10, 10)})["dx"]
    assert found.outcome == "proved"
    assert found.bound is not None
    assert found.at_a_point is not None
    assert found.seen is not None
    assert found.seen <= found.at_a_point <= found.bound <= 6.01  # the study's bound is 6.0, the largest error it saw 4.28
    assert found.bound <= 1.05 * found.at_a_point


def test_the_neuron_is_within_110_ulp_on_all_of_its_box() -> None:
    found = bounds(NEURON, WEIGHTS)
    assert all(b.outcome == "proved" and b.bound is not None and b.bound <= 110 for b in found.values())
    assert max(b.seen or 0 for b in found.values()) >= 80


def test_the_gradients_of_two_sigmoids_are_within_3e_8() -> None:
    found = bounds(TWO, {"x": (-10, 10), "y": (-10, 10)}, "absolute")
    assert all(b.outcome == "proved" and b.bound is not None and b.bound <= 3e-8 for b in found.values())


def test_a_cancellation_is_bounded_by_what_it_costs() -> None:
    found = bounds("sigmoid(x)", {"x": (-10, 10)})["dx"]  # (1 - f) f: 2^-53 / (1 - f(10)) is 2^14.4 relative roundings of 1 - f
    assert found.outcome == "proved"
    assert found.bound is not None
    assert found.seen is not None
    assert 20_000 < found.seen <= found.bound < 25_000


# ---------------------------------------------------------------- outcomes


def test_a_claim_that_does_not_hold_is_refuted_by_a_number_at_which_it_does_not() -> None:
    found = bounds(SIGMOID, {"x": (-10, 10)}, "ulp", 2.0)["dx"]
    assert found.outcome == "refuted"
    assert found.seen is not None
    assert found.seen_at is not None
    check, _ = question(SIGMOID, {"x": (-10, 10)})
    (judged,) = compare(check, [found.seen_at])
    assert judged[0].ulps is not None
    assert bool(judged[0].ulps > 2)
    assert float(judged[0].ulps) == pytest.approx(found.seen)


def test_a_claim_that_holds_is_proved_and_one_between_stays_open() -> None:
    assert bounds(SIGMOID, {"x": (-10, 10)}, "ulp", 6.5)["dx"].outcome == "proved"
    between = bounds(SIGMOID, {"x": (-10, 10)}, "ulp", 5.0, budget=0.5)["dx"]  # nothing that is seen is above 4.4, and the bound at a point is 5.8
    assert between.outcome == "open"
    assert 0 < between.open_share < 1
    assert between.open_boxes
    assert between.reason


def test_no_bound_in_ulps_is_claimed_at_a_zero_of_the_gradient_but_an_absolute_one() -> None:
    domain = {"x": (-10.0, 10.0)}
    root = -1.2784645427610738  # of d/dx x sigmoid(x): mpmath.findroot, 1 + x (1 - sigmoid(x)) = 0
    found = bounds("x/(1+exp(-x))", domain, budget=1.0)["dx"]
    assert found.outcome == "open"
    assert found.open_share < 1e-3
    assert found.open_count == len(found.open_boxes) <= 8, "a few intervals, however many boxes"
    assert any(b.low[0] <= root <= b.high[0] for b in found.open_boxes)
    assert all(abs(b.low[0] - root) < 0.01 for b in found.open_boxes)
    assert found.open_absolute is not None
    check, _ = question("x/(1+exp(-x))", domain)
    between = [(x,) for b in found.open_boxes for x in np.linspace(b.low[0], b.high[0], 200).tolist()]
    off = [float(abs(d.residual).lower()) for (d,) in compare(check, between) if d.residual is not None]
    assert 0 < max(off) <= found.open_absolute < 4e-16
    absolute = bounds("x/(1+exp(-x))", domain, "absolute")["dx"]
    assert absolute.outcome == "proved"
    assert absolute.bound is not None
    assert absolute.bound < 4e-16


def test_a_pole_in_the_box_is_open() -> None:
    found = bounds("1/x", {"x": (-1, 1)}, "absolute", budget=0.3)["dx"]
    assert found.outcome == "open"
    assert found.open_share < 1


def test_an_overflow_is_open_and_not_proved() -> None:
    found = bounds("exp(x)*exp(x)", {"x": (300, 800)}, budget=0.3)["dx"]
    assert found.outcome == "open"
    assert any(b.high[0] > 354 for b in found.open_boxes)  # exp(2 * 354.9) is the largest float64


def test_a_branch_that_a_decimal_decides_is_open_only_where_floats_decide_otherwise() -> None:
    found = bounds("where(x > 0.1, x*x, x)", {"x": (-3, 3)}, budget=1.0)["dx"]  # the float nearest to 0.1 is above it
    assert found.outcome == "open"
    assert [(b.low, b.high) for b in found.open_boxes if b.low[0] > 0.05] == [((0.1,), (0.1,))]


def test_a_branch_that_a_number_decides_is_no_problem() -> None:
    found = bounds("where(x > 0.5, x*x, x)", {"x": (-3, 3)}, budget=1.0)["dx"]
    assert found.outcome == "proved"
    assert found.bound is not None
    assert found.bound < 1.001


def test_a_branch_that_a_computed_value_decides_is_counted_with_its_jump() -> None:
    found = bounds("where(x*y > 1, 2*x, x)", {"x": (0.5, 2), "y": (0.5, 2)}, "absolute", budget=0.5)["dx"]
    assert found.bound is not None
    assert found.bound >= 1  # where x y rounds to the other side of 1 the gradient is 2 instead of 1


def test_nothing_is_claimed_where_the_sign_of_a_zero_decides() -> None:
    ends = np.array([[0.0, -1.0], [0.5, 1.0]])
    check, box = question("copysign(2, x)*x*y", {"x": (-1, 1), "y": (-2, 2)})
    found = bounds_of(check, plan_of(check), ends, ends, "absolute")[:, 0]
    assert box.inputs == ("x", "y")
    assert np.isinf(found[0])
    assert np.isfinite(found[1])


def test_a_function_of_which_nothing_is_known_needs_an_assumption() -> None:
    found = bounds("erfinv(x)", {"x": (-0.5, 0.5)}, budget=1.0)["dx"]
    assert (found.outcome, found.bound) == ("open", None)
    assert "assume: {erfinv: 4 ulp}" in found.reason
    better = bounds("erfinv(x)", {"x": (-0.5, 0.5)}, budget=1.0, assume=(("erfinv", Fraction(8)),))["dx"]
    assert better.bound is not None
    assert better.assumptions[-1].source == "stated under 'assume'" or better.assumptions[0].source == "stated under 'assume'"


def test_nothing_is_proved_from_an_assumption_that_an_error_contradicts() -> None:
    assume = (("tanh", Fraction(1, 100)),)  # no function that is rounded at all is within a hundredth of an ulp
    found = bounds("x*x", {"x": (0.1, 0.9)}, budget=0.3, assume=assume, forward="out = x*x", backward="dx = tanh(x)")["dx"]
    assert (found.outcome, found.bound) == ("open", None)
    assert "an assumption does not hold" in found.reason
    assert found.seen is not None
    assert found.seen > 0.4


def test_a_worse_function_makes_a_worse_bound() -> None:
    least = [bounds(SIGMOID, {"x": (-10, 10)}, assume=(("exp", Fraction(u)),))["dx"].bound or 0.0 for u in ("1/2", "1", "4")]
    assert 4 < least[0] < least[1] < least[2] < 13


def test_the_lines_of_the_worst_box_add_up() -> None:
    found = bounds("x*y", {"x": (1, 2), "y": (1, 2)}, forward="p = x*y\nout = p", backward="dx = y*dout/3\ndy = x*dout")["dx"]
    assert found.lines
    assert found.lines[0].statement == "dx = y*dout/3"
    assert sum(line.share for line in found.lines) == pytest.approx(1)


def test_several_claims_of_different_kinds_share_one_search() -> None:
    check, box = question(TWO, {"x": (1, 3), "y": (1, 3)})
    found = certify(check, box, {"dx": ErrorClaim("absolute"), "dy": ErrorClaim("ulp", 1000.0)}, assumptions=Assumptions(), budget=2.0)
    assert [b.outcome for b in found] == ["proved", "proved"]
    assert found[0].boxes == found[1].boxes


def test_a_program_that_is_not_the_formula_is_bounded_against_itself() -> None:
    found = bounds("x*x", {"x": (1, 2)}, forward="out = x*x", backward="dx = 3*x*dout")["dx"]
    assert found.is_for_program_only
    assert found.bound is not None
    assert found.bound < 1.001  # of 3 x, whatever the exact gradient is


# ---------------------------------------------------------------- float32, all numbers of an interval

SINGLE = [
    ("1/(1+exp(-x))", (1.0, 1.25)),
    ("t/(t+1)", (15.0, 16.5)),
    ("log(1+exp(x))", (0.5, 0.53)),
    ("x/(1+exp(-x))", (3.9, 4.1)),
    ("x*sqrt(x)", (1.0, 1.1)),
    ("x - x**3/6.0 + x**5/120.0", (0.4, 0.5)),
    ("4*x/(1 + x/1.11)", (0.2, 0.3)),
    ("sin(x)*x", (1.0, 1.1)),
    ("1/(1 + x*x)", (7.9, 8.2)),
    ("max(x*x, 1)*x", (0.98, 1.02)),
]


@pytest.mark.parametrize(("function", "ends"), SINGLE)
def test_no_float32_of_an_interval_is_beyond_its_bound(function: str, ends: tuple[float, float]) -> None:
    check, box = question(function, {"t" if function.startswith("t") else "x": ends}, "float32")
    points = everything(check, box)[:: 1 + (1 << 21) // 60_000]
    for unit, which in (("ulp", 1), ("absolute", 0)):
        (found,) = certify(check, box, {check.subject.claims[0][1]: ErrorClaim(unit)}, assumptions=Assumptions(), budget=0.5)  # type: ignore[arg-type]
        assert found.bound is not None
        assert float(errors(check, points)[0][which].max()) <= found.bound


# ---------------------------------------------------------------- boxes and pieces


def test_every_number_is_in_one_half() -> None:
    random = np.random.default_rng(5)
    for name in ("float64", "float32", "bfloat16", "float8_e4m3fn", "float8_e4m3fnuz"):
        fmt = format_named(name)
        ends = np.sort(numbers(fmt, random.integers(first_place(fmt), last_place(fmt), (200, 2))), axis=1) if name != "float64" else np.sort(random.standard_normal((200, 2)), axis=1)
        low, high = ends[ends[:, 0] < ends[:, 1]].T
        first, second = halves(fmt, low, high, is_input=np.ones(len(low), bool))
        assert np.all((low <= first) & (first < second) & (second <= high))
        assert np.array_equal(after(fmt, first), second)


def test_the_number_after_and_the_number_not_above() -> None:
    e4m3 = FORMATS["float8_e4m3fn"]
    assert after(e4m3, np.array([1.0, -1.0, 0.0, -(2.0**-9)])).tolist() == [1.125, -0.9375, 2.0**-9, 0.0]
    assert not_above(e4m3, np.array([1.06, -1.06, 1e-9, -1e-9])).tolist() == [1.0, -1.125, 0.0, -(2.0**-9)]


def test_pieces_have_every_number_once() -> None:
    fmt = FORMATS["float64"]
    assert _between(-1.0, 1.0, {0.0}, fmt) == [(-1.0, -5e-324), (0.0, 0.0), (5e-324, 1.0)]
    assert _between(0.0, 1.0, {0.0, 1.0, 7.0}, fmt) == [(0.0, 0.0), (5e-324, np.nextafter(1.0, 0.0)), (1.0, 1.0)]
    assert _between(2.0, 3.0, {0.0}, fmt) == [(2.0, 3.0)]


def test_the_box_of_a_case_holds_the_numbers_in_its_domain() -> None:
    case = load_text("function: x*y\ndomain: {x: [0.1, 0.3], y: [-2, inf]}\npoints: [{x: 0.2, y: 1}]\n").cases[0]
    assert "no end" in str(box_of(case, ("x", "y"), FORMATS["float64"]))
    assert "no interval for 'z'" in str(box_of(case, ("z",), FORMATS["float64"]))
    found = box_of(case, ("x",), FORMATS["float16"])
    assert isinstance(found, Box)
    assert Fraction(found.low[0]) >= Fraction(1, 10)
    assert found.low[0] == float(np.float16(0.1)) or found.low[0] == float(np.nextafter(np.float16(0.1), np.float16(1)))
    assert Fraction(found.high[0]) <= Fraction(3, 10)


def test_what_is_assumed_of_a_function() -> None:
    float64, half = FORMATS["float64"], FORMATS["float16"]
    mine = Assumptions((("exp", Fraction(3)),))
    by_default, by_case = assumed("exp", float64, Assumptions()), assumed("exp", half, mine)
    assert by_default is not None
    assert by_default.ulps == 1
    assert by_case is not None
    assert by_case.ulps == 3
    assert assumed("gamma", float64, Assumptions()) is None


# ---------------------------------------------------------------- the ends of the format


@pytest.mark.parametrize("unit", ["ulp", "absolute"])
@pytest.mark.parametrize(
    "backward",
    [
        "dx = 2*x*dout",  # twice a number is exact, but for the largest
        "dx = (x + x)*dout",
        "dx = (x + 32768)*dout",  # and a sum of multiples of 32 up to 65504 is
        "dx = (x + x*0.5)*dout",  # a sum is off by no more than an operand, if it is finite
        "dx = x/0.5*dout",
    ],
)
def test_no_sum_or_product_that_overflows_is_bounded(backward: str, unit: str) -> None:
    found = bounds("x*x", {"x": (30000, 60000)}, unit, form="float16", budget=0.2, forward="out = x*x", backward=backward)["dx"]
    assert found.outcome == "open"  # 2 * 60000 is above 65504, the largest float16
    assert found.seen == np.inf


@pytest.mark.parametrize(("function", "domain"), [("x*y*z", {"x": (1e120, 1.1e120), "y": (1e130, 1.3e130), "z": (1, 2)}), ("x*1.3e250", {"x": (1, 2)}), ("x*y*z", {"x": (1e264, 1e264), "y": (1, 2), "z": (1, 2)})])
def test_large_numbers_have_roundings_too(function: str, domain: dict[str, tuple[float, float]]) -> None:
    check, box = question(function, domain)
    random = np.random.default_rng(3)
    low, high = np.array([box.low]), np.array([box.high])
    points = low + (high - low) * random.random((500, len(box.low)))
    for seen, found in zip(errors(check, points), bounds(function, domain, budget=0.2).values(), strict=True):
        assert found.bound is not None
        assert 0.3 < seen[1].max() <= found.bound < 2.1  # products of numbers are off by nearly half an ulp somewhere


def test_ulps_are_those_of_the_program_and_not_of_a_cast() -> None:
    found = bounds("x*x", {"x": (1.001, 1.002)}, "ulp", budget=0.2, forward="out = x*x", backward="dx = float16(2*x)")["dx"]
    assert found.outcome == "open"  # half an ulp of float16 is 2^41 of float64
    assert found.seen is not None
    assert found.seen > 2.0**40


@pytest.mark.parametrize("times", ["relu(x)", "sign(7.3/(x*x))"])
def test_zero_times_an_infinity_is_no_number_and_has_no_bound(times: str) -> None:
    found = bounds(f"{times}*(7.3/x)", {"x": (-1, -1e-3)}, "absolute", form="float16", budget=0.2)["dx"]
    assert found.outcome == "open"  # 7.3 / x^2 is above 65504
    assert any(b.low[0] > -0.0106 for b in found.open_boxes)
    assert found.bound is not None


DECIDES: list[tuple[str, dict[str, tuple[float, float]], str]] = [
    ("relu(x - y)*x", {"x": (-240, 240), "y": (-240, 240)}, "float8_e4m3fnuz"),  # 120 + 192 is no number there, and not above 0
    ("where(x - y > 0, x, y)", {"x": (-448, 448), "y": (-448, 448)}, "float8_e4m3fn"),
    ("where(x*x - y*y > 0, 2*x, x)", {"x": (200, 400), "y": (200, 400)}, "float16"),  # inf - inf
    ("x*sign(x - y)", {"x": (-240, 240), "y": (-240, 240)}, "float8_e4m3fnuz"),
    ("x*(x - y >= 0)", {"x": (-240, 240), "y": (-240, 240)}, "float8_e4m3fnuz"),
    ("copysign(x, x - y)*x", {"x": (1, 240), "y": (-240, -1)}, "float8_e4m3fnuz"),
    ("copysign(x, y - x)*y", {"x": (-0.001, 0.001), "y": (-0.625, 0.625)}, "float8_e4m3b11fnuz"),  # 0 with a minus is no number there
]


@pytest.mark.parametrize("unit", ["ulp", "absolute"])
@pytest.mark.parametrize(("function", "domain", "form"), DECIDES)
def test_a_condition_of_what_overflows_is_not_decided(function: str, domain: dict[str, tuple[float, float]], form: str, unit: str) -> None:
    """Floats that overflow to no number decide otherwise than the reals: there is no bound of any gradient that the condition chooses."""
    check, box = question(function, domain, form)
    random = np.random.default_rng(4)
    points = nearest_numbers(check.format, np.array(box.low) + (np.array(box.high) - np.array(box.low)) * random.random((3000, 2)))
    bound = bounds_of(check, plan_of(check), points, points, unit)
    off = np.column_stack([both[0 if unit == "absolute" else 1] for both in errors(check, points)])
    assert not np.any(off > bound * (1 + 2.0**-30))
    assert np.isfinite(bound).any(), "where nothing overflows there is a bound"


# ---------------------------------------------------------------- numbers of a case that no float64 is


@pytest.mark.parametrize("text", [
    "domain: {x: [1, 2]}\ncertify: {ulps: 1e4999}\n",
    "domain: {x: [1, 2]}\ncertify: {absolute: 1e400}\n",
    "domain: {x: [1, 2]}\ncertify: {absolute: 1e-400}\n",
    "domain: {x: [1, 2]}\ncertify: {ulps: 1}\nassume: {exp: 1e400 ulp}\n",
    "domain: {x: [-1e400, 1]}\ncertify: {ulps: 1, budget: 0.2}\n",
    "domain: {x: [-1e308, 1.7e308]}\ncertify: {ulps: best, budget: 0.2}\n",
])  # fmt: skip
def test_numbers_beyond_float64_are_claimed_and_assumed_like_others(text: str) -> None:
    (case,) = load_text(f"function: x*x\n{text}").cases
    found = verify(case)
    (b,) = found.bounds
    assert "V003" not in [f.code for f in found.findings]
    assert b.outcome == ("open" if "domain: {x: [-1e" in text else "proved")


def test_a_function_that_may_be_off_by_anything_makes_no_bound() -> None:
    (case,) = load_text("function: exp(x)\ndomain: {x: [1, 2]}\ncertify: {ulps: 1e300, budget: 0.2}\nassume: {exp: 1e400 ulp}\n").cases
    (b,) = verify(case).bounds
    assert (b.outcome, b.bound) == ("open", None)
