"""Verdicts from given enclosures, by the table of the design: ties, powers of two, and what no enclosure tells."""

from __future__ import annotations

import math

import pytest
from flint import arb

from verifier.arithmetic import balls
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.judge import judge
from verifier.exact import one_sided
from verifier.language.formats import FORMATS
from verifier.language.verdict import Verdict

ULP = {"float64": 2.0**-52, "float16": 2.0**-10}  # of the numbers from 1 to 2


def judged(computed: float, middle: arb, radius: float, *, bits: int, form: str = "float64", last: bool = True) -> Discrepancy | None:
    """The verdict where all that is known of the gradient, and of the backward pass over the reals, is one ball."""
    with balls.precision(bits):
        g = middle + arb(0, radius)
        blank = Discrepancy("x", "dx", (1.0,), computed, Verdict.UNDECIDED, one_sided.Finite(g), real_value=g, bits=bits)
        return judge(blank, g, hulls=None, fmt=FORMATS[form], last=last, detail=True)


def half_way(form: str = "float64") -> arb:
    """Between 1.25 and the next number of the format."""
    with balls.precision(200):
        return arb(1.25) + arb(ULP[form]) / 2


def test_an_error_of_a_formula_where_the_exact_gradient_is_0_is_no_count_of_subnormals() -> None:
    with balls.precision(128):
        blank = Discrepancy("x", "dx", (1.0,), 0.5, Verdict.UNDECIDED, one_sided.Finite(arb(0)), real_value=arb(0.5), bits=128)
        found = judge(blank, arb(0.5), hulls=None, fmt=FORMATS["float64"], last=True, detail=True)
    assert found is not None
    assert found.verdict is Verdict.WRONG
    assert found.reason == "over the reals it is off by 0.500000 where the exact gradient is 0"


@pytest.mark.parametrize(
    ("computed", "expected"),
    [(1.25, Verdict.ROUNDING), (1.25 + ULP["float64"], Verdict.ROUNDING), (1.25 + 3 * ULP["float64"], Verdict.ROUNDING), (0.0, Verdict.VANISHED), (math.inf, Verdict.NONFINITE), (math.nan, Verdict.NONFINITE), (2.0, Verdict.UNSTABLE), (-1.25, Verdict.UNSTABLE)],
)
def test_a_gradient_half_way_between_two_floats_as_far_as_many_bits_tell_has_the_verdict_of_both(computed: float, expected: Verdict) -> None:
    found = judged(computed, half_way(), 2.0**-1000, bits=1024)
    assert found is not None
    assert found.verdict is expected
    assert found.rounded is None


@pytest.mark.parametrize(("computed", "expected"), [(1.25, Verdict.UNDECIDED), (1.25 + ULP["float64"], Verdict.UNDECIDED), (1.25 + 3 * ULP["float64"], Verdict.ROUNDING), (0.0, Verdict.VANISHED), (math.inf, Verdict.NONFINITE), (2.0, Verdict.UNSTABLE)])
def test_with_few_bits_either_neighbour_may_be_the_rounded_gradient(computed: float, expected: Verdict) -> None:
    found = judged(computed, half_way(), 2.0**-60, bits=64)
    assert found is not None
    assert found.verdict is expected
    assert judged(computed, half_way(), 2.0**-60, bits=64, last=False) is None


@pytest.mark.parametrize(("steps", "expected"), [(12, Verdict.ROUNDING), (13, Verdict.UNDECIDED), (14, Verdict.UNSTABLE)])
def test_an_error_whose_enclosure_holds_the_limit_is_not_decided(steps: int, expected: Verdict) -> None:
    """The limit of float16 is 2^(11/3) = 12.7 ulp; the error of the ball is from steps - 0.9 to steps - 0.1."""
    found = judged(1.25 + steps * ULP["float16"], half_way("float16"), 0.4 * ULP["float16"], bits=1024, form="float16")
    assert found is not None
    assert found.verdict is expected


@pytest.mark.parametrize(("steps", "expected"), [(6, Verdict.ROUNDING), (10, Verdict.UNDECIDED), (13, Verdict.UNSTABLE)])
def test_on_which_side_of_a_power_of_two_a_gradient_lies_may_decide(steps: int, expected: Verdict) -> None:
    """10 ulp above 1 are 10 ulp if the gradient is at least 1, and 20 if it is less."""
    found = judged(1 + steps * ULP["float16"], arb(1), 2.0**-40, bits=64, form="float16")
    assert found is not None
    assert found.verdict is expected
    assert found.rounded == 1


# ---------------------------------------------------------------- kinks


def at_kink(computed: float, real: arb, *, low_radius: float = 0.0, high_radius: float = 0.0, last: bool = True) -> Discrepancy | None:
    """The verdict at a kink whose one-sided derivatives are 1 and 1024: an ulp of float64 is 2^-52 of the one and 2^-42 of the other, and half as much below it."""
    with balls.precision(400):
        exact = one_sided.Kink(arb(1) + arb(0, low_radius), arb(1024) + arb(0, high_radius))
        blank = Discrepancy("x", "dx", (1.0,), computed, Verdict.UNDECIDED, exact, real_value=real, bits=400)
        return judge(blank, real, hulls=None, fmt=FORMATS["float64"], last=last, detail=True)


@pytest.mark.parametrize(
    ("off", "low_radius", "high_radius", "expected"),
    [
        (("low", 0.0), 0.0, 0.0, Verdict.SUBGRADIENT), (("low", 0.75), 0.0, 0.0, Verdict.SUBGRADIENT), (("low", 1.25), 0.0, 0.0, Verdict.WRONG), (("low", 600.0), 0.0, 0.0, Verdict.WRONG), (("high", 0.75), 0.0, 0.0, Verdict.SUBGRADIENT), (("high", 1.25), 0.0, 0.0, Verdict.WRONG), (("middle", 0.0), 0.0, 0.0, Verdict.SUBGRADIENT),
        (("low", 0.25), 1e-60, 0.0, Verdict.SUBGRADIENT), (("low", 0.75), 1e-60, 0.0, Verdict.UNDECIDED), (("low", 1.25), 1e-60, 0.0, Verdict.WRONG), (("low", 0.75), 0.0, 1e-60, Verdict.SUBGRADIENT), (("high", 0.25), 0.0, 1e-60, Verdict.SUBGRADIENT), (("high", 0.75), 0.0, 1e-60, Verdict.UNDECIDED), (("high", 1.25), 0.0, 1e-60, Verdict.WRONG), (("high", 0.75), 1e-60, 0.0, Verdict.SUBGRADIENT),
    ],
)  # fmt: skip
def test_at_a_kink_the_reals_lie_between_the_one_sided_derivatives_up_to_an_ulp(off: tuple[str, float], low_radius: float, high_radius: float, expected: Verdict) -> None:
    """Where it is open on which side of the power of two the bound lies, its ulp is known up to a factor of 2."""
    with balls.precision(400):
        real = {"low": arb(1) - arb(off[1]) * arb(2) ** -52, "high": arb(1024) + arb(off[1]) * arb(2) ** -42, "middle": arb(3)}[off[0]]
    found = at_kink(2.0, real, low_radius=low_radius, high_radius=high_radius)
    assert found is not None
    assert found.verdict is expected
    assert (at_kink(2.0, real, low_radius=low_radius, high_radius=high_radius, last=False) is None) is (expected is Verdict.UNDECIDED)


@pytest.mark.parametrize(
    ("computed", "expected", "ulps"),
    [(1.0, Verdict.SUBGRADIENT, None), (1024.0, Verdict.SUBGRADIENT, None), (1 - 2.0**-52, Verdict.ROUNDING, 1), (1 - 2.0**-50, Verdict.ROUNDING, 4), (1024 + 2.0**-42, Verdict.ROUNDING, 1), (1024 + 2.0**-40, Verdict.ROUNDING, 4), (0.5, Verdict.UNSTABLE, 2.0**51), (2048.0, Verdict.UNSTABLE, 2.0**52), (math.inf, Verdict.NONFINITE, None), (math.nan, Verdict.NONFINITE, None)],
)  # fmt: skip
def test_at_a_kink_a_float_is_as_far_off_as_it_is_from_the_nearer_bound(computed: float, expected: Verdict, ulps: float | None) -> None:
    found = at_kink(computed, arb(3))
    assert found is not None
    assert found.verdict is expected
    assert found.ulps is None if ulps is None else found.ulps == ulps
