"""What a case accepts of an error, what flows in scales, and what looks like a short number: the small decisions around a verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from flint import arb

from verifier.arithmetic import balls
from verifier.case.load import case_of
from verifier.compare.check import Check, checks_of, exceeds, exceeds_column, keeps
from verifier.compare.compare import FIRST_BITS, _looks_exact, _scaled
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.ladder import ladder
from verifier.exact import one_sided
from verifier.exact.truth import truth_of
from verifier.language.formats import FORMATS
from verifier.language.verdict import Verdict

FLOAT64 = FORMATS["float64"]
INFINITY = arb("inf")


def of(verdict: Verdict, ulps: object) -> Discrepancy:
    return Discrepancy("x", "dx", (1.0,), 1.0, verdict, one_sided.Finite(arb(1)), ulps=ulps)


@pytest.mark.parametrize(
    ("limit", "verdict", "ulps", "is_over", "is_within"),
    [
        (2.0, Verdict.ROUNDING, arb(3), True, False), (2.0, Verdict.ROUNDING, arb(2), False, True), (2.0, Verdict.ROUNDING, arb(1), False, True), (2.0, Verdict.ROUNDING, arb(2, 0.5), False, True),
        (2.0, Verdict.UNSTABLE, arb(3), True, False), (2.0, Verdict.WRONG, arb(3), False, False), (2.0, Verdict.NONFINITE, arb(1), False, False), (2.0, Verdict.UNDECIDED, arb(3), False, False), (2.0, Verdict.UNDEFINED, arb(3), False, False),
        (2.0, Verdict.ROUNDING, None, False, False), (None, Verdict.ROUNDING, arb(3), False, False), (0.0, Verdict.VANISHED, arb(1), True, False), (0.0, Verdict.CORRECT, arb(0), False, True),
    ],
)  # fmt: skip
def test_an_error_is_over_a_limit_where_that_is_certain_and_the_formula_is_right(limit: float | None, verdict: Verdict, ulps: object, is_over: bool, is_within: bool) -> None:
    assert exceeds(limit, of(verdict, ulps)) is is_over
    assert keeps(limit, of(verdict, ulps)) is is_within


def test_a_column_is_over_a_limit_where_its_lower_bound_is_and_known_to_be_within_where_its_upper_bound_is() -> None:
    low, high = np.array([0.5, 1.5, 2.5, 2.0]), np.array([1.0, 2.5, 3.0, 2.0])
    over, known = exceeds_column(2.0, low, high)
    assert (over.tolist(), known.tolist()) == ([False, False, True, False], [True, False, True, True])
    over, known = exceeds_column(None, low, high)
    assert (over.tolist(), known.tolist()) == ([False] * 4, [True] * 4)


def check_of(accept: str, *, formats: str = "[float64]", mine: str = "") -> list[tuple[str, Check]]:
    case = case_of(f"name: any\nfunction: x*y\npoints: [{{x: 1, y: 2}}]\nformats: {formats}\nupstream: 0.1\n{accept}implementations:\n  mine: {{backward: 'dx = y*dout; dy = x*dout'{mine}}}\n  other: {{backward: 'dx = y*dout; dy = x*dout'}}\n")
    return [(fmt.name, c) for fmt, checks in checks_of(case, truth_of(case.programs.truth)) for c in checks]


def test_a_gradient_has_its_own_limit_that_of_its_array_or_that_of_all() -> None:
    (_, check), _ = check_of("accept: {ulps: 3}\n")
    check = replace(check, limits=(("W", 5.0), ("W[1]", 7.0)))
    assert [check.limit_for(name) for name in ("dx", "W", "W[0]", "W[1]")] == [3.0, 5.0, 5.0, 7.0]
    assert replace(check, limit=None).limit_for("dx") is None


def test_an_implementation_is_checked_in_its_formats_with_the_upstream_gradient_of_each() -> None:
    """0.1 is 0.0999755859375 in float16 and 0.1000000000000000055511151231257827 in float64."""
    found = check_of("", formats="[float64, float16]", mine=", formats: [float16]")
    assert [(name, c.implementation, c.format.name, c.upstream) for name, c in found] == [("float64", "other", "float64", 0.1), ("float16", "mine", "float16", 0.0999755859375), ("float16", "other", "float16", 0.0999755859375)]


def test_a_check_of_one_gradient_is_the_same_object_at_every_call() -> None:
    (_, check), _ = check_of("")
    alone = check.alone("dy")
    assert alone.subject.claims == (("y", "dy"),)
    assert alone.positions == [1]
    assert check.positions == [0, 1]
    assert check.alone("dy") is alone
    assert check.alone("dx").subject.claims == (("x", "dx"),)


# ---------------------------------------------------------------- what flows in


@pytest.mark.parametrize(
    ("exact", "seed", "expected"),
    [
        (one_sided.Finite(arb(3)), 2.0, (6,)), (one_sided.Finite(arb(3)), 0.0, (0,)), (one_sided.Finite(arb(3)), 1.0, (3,)),
        (one_sided.Kink(arb(-1), arb(3)), 2.0, (-2, 6)), (one_sided.Kink(arb(-1), arb(3)), -2.0, (-6, 2)), (one_sided.Kink(arb(-1), arb(3)), 0.0, (0,)), (one_sided.Kink(arb(-1), INFINITY), -2.0, (-INFINITY, 2)),
        (one_sided.Infinite(1), 2.0, "+"), (one_sided.Infinite(1), -2.0, "-"), (one_sided.Infinite(-1), -2.0, "+"), (one_sided.Infinite(-1), 2.0, "-"), (one_sided.Infinite(1), 0.0, (0,)),
        (one_sided.Nowhere("planted"), 0.0, None), (one_sided.Nowhere("planted"), -2.0, None), (one_sided.Unknown("planted"), 0.0, None), (one_sided.Unknown("planted"), 2.0, None),
    ],
)  # fmt: skip
def test_the_gradient_that_flows_in_scales_every_kind_of_derivative(exact: one_sided.Derivative, seed: float, expected: object) -> None:
    """0 times a one-sided derivative is 0, for a small enough step of the input: f(x + h) * 0 is 0."""
    found = _scaled(exact, arb(seed))
    if isinstance(found, one_sided.Finite):
        assert (found.ball,) == expected
    elif isinstance(found, one_sided.Kink):
        assert (found.low, found.high) == expected
    elif isinstance(found, one_sided.Infinite):
        assert found.sign == {"+": 1, "-": -1}[str(expected)]
    else:
        assert found is exact
        assert expected is None


def test_where_1_flows_in_a_derivative_keeps_all_its_bits() -> None:
    """2^200 + 1 is exact, and is no number of 100 bits."""
    with balls.precision(300):
        long = arb(2) ** 200 + 1
    with balls.precision(100):
        for exact in (one_sided.Finite(long), one_sided.Kink(-long, long), one_sided.Infinite(1)):
            assert _scaled(exact, arb(1)) == exact
        found = _scaled(one_sided.Finite(long), arb(1))
        assert isinstance(found, one_sided.Finite)
        assert found.ball.is_exact()


@pytest.mark.parametrize(
    ("middle", "half_ulps", "computed", "bits", "detail", "expected"),
    [
        (1.25, 0, 1.25, FIRST_BITS, True, True), (1.25, 0, 1.5, FIRST_BITS, True, False), (1.0, 0, 1.5, FIRST_BITS, True, True), (1.25, 1, 1.5, FIRST_BITS, True, False),
        (1.25, 0, 1.25, FIRST_BITS, False, False), (1.0, 0, 1.5, FIRST_BITS, False, False),
        (1.25, 1, 1.5, FIRST_BITS + 1, False, True), (1.25, 1, 1.5, FIRST_BITS, False, False), (1.25, 0, 1.5, FIRST_BITS + 1, False, False), (1.25, 1, 1.5, FIRST_BITS + 1, True, True),
    ],
)  # fmt: skip
def test_a_gradient_looks_exact_where_it_may_be_the_computed_one_a_power_of_two_or_a_tie(middle: float, half_ulps: int, computed: float, bits: int, detail: bool, expected: bool) -> None:
    """The ulp from 1 to 2 is 2^-52; a tie is looked for once the first precision has not told it."""
    with balls.precision(bits):
        ball = arb(middle) + half_ulps * arb(2) ** -53
        assert _looks_exact(ball + arb(0, 2.0**-180), computed, FLOAT64, bits=bits, detail=detail) is expected
        assert not _looks_exact(ball, computed, FLOAT64, bits=bits, detail=detail), "it is exact"


# ---------------------------------------------------------------- formats


@pytest.mark.parametrize(
    ("errors", "is_wrong"),
    [
        ({"float32": 2.0**-20, "float64": 2.0**-26}, True),  # more than half of the digits, 2^-26.5, and shrunk by 2^-6, less than 2^-14.5
        ({"float32": 2.0**-20, "float64": 2.0**-27}, False),  # not more than half of the digits
        ({"float32": 2.0**-11, "float64": 2.0**-26}, False),  # shrunk by 2^-15
        ({"float32": 2.0**-12, "float64": 2.0**-26}, True),  # by 2^-14
        ({"float16": 2.0**-4, "float32": 2.0**-11}, False),  # shrunk by 2^-7
        ({"float16": 2.0**-4, "float32": 2.0**-10}, True),  # by 2^-6
        ({"float16": 2.0**-8, "float32": 2.0**-12}, False),  # half of the digits of float32, and no more
        ({"float16": 2.0**-8, "float32": 1.01 * 2.0**-12}, True),
        ({"float16": 1.0, "float32": 2.0**-20, "float64": 2.0**-26}, True),  # the two finest formats count
        ({"float16": 2.0**-26, "float64": float("nan")}, False),
        ({"float32": float("inf"), "float64": 0.5}, False),
        ({}, False),
    ],
)
def test_a_ladder_tells_what_shrinks_with_the_unit_from_what_does_not(errors: dict[str, float], is_wrong: bool) -> None:
    """Half of the digits of float64: 2^-26.5; between float32 and float64 the root of the ratio of the units is 2^-14.5, between float16 and float32 2^-6.5."""
    assert ladder(errors).is_wrong is is_wrong
    assert ladder(dict(reversed(errors.items()))) == ladder(errors)


def test_the_evidence_of_a_ladder_is_the_coarsest_format_first() -> None:
    assert ladder({"float64": 0.5, "float16": 0.25, "float32": float("nan")}).text == "float16 0.25, float64 0.5"
