"""Beyond the largest number: from bounds of the exact and of the computed gradient, what both certainly are, or nothing."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
from flint import arb

from verifier.arithmetic.beyond import Span
from verifier.compare.discrepancy import Discrepancy
from verifier.compare.overflow import REASON, OverflowRuns, judge_beyond
from verifier.exact import one_sided
from verifier.language.formats import FORMATS
from verifier.language.verdict import Verdict

INFINITY = arb("inf")
ONE = Span(arb(1), arb(1))
EXACT, COMPUTED = 1, 0  # the steps of the two gradients in the stubs


def judged(exact: Span | None, real: Span | None, *, computed: float = math.inf, upstream: float = 1.0, form: str = "float16", value: Span | None = ONE, component: int | None = EXACT) -> Discrepancy | None:
    """The verdict where these are the bounds of the exact gradient (before the upstream one flows in), of the computed one, and of the function."""
    check = SimpleNamespace(format=FORMATS[form], upstream=upstream, truth=SimpleNamespace(gradient=SimpleNamespace(value=0)), subject=SimpleNamespace(index=lambda _: COMPUTED))
    runs = cast("OverflowRuns", SimpleNamespace(check=check, exact=[value, exact], computed=[real]))
    blank = Discrepancy("x", "dx", (1.0,), computed, Verdict.UNDECIDED, one_sided.Unknown("too large"), bits=128)
    return judge_beyond(blank, runs, component)


def verdict(*args: Any, **options: Any) -> Verdict | None:
    found = judged(*args, **options)
    return None if found is None else found.verdict


LARGEST = 65504  # of float16


@pytest.mark.parametrize(
    ("exact", "real", "computed", "expected"),
    [
        ((131009, None), (65505, None), math.inf, Verdict.CORRECT),
        ((131009, None), (65505, None), -math.inf, Verdict.NONFINITE),
        ((131009, None), (65505, None), 65504.0, Verdict.NONFINITE),
        ((131009, None), (65505, None), math.nan, Verdict.NONFINITE),
        ((131008, None), (65505, None), math.inf, None),  # twice the largest number is not certainly above it
        ((131009, None), (65504, None), math.inf, None),  # the computed one is perhaps a number
        ((131009, None), (1, 65504), math.inf, Verdict.WRONG),  # less than a half of at least 131009
        ((131009, None), (1, 65505), math.inf, None),
        ((131010, None), (1, 65505), math.inf, None),  # exactly half
        ((131011, None), (1, 65505), math.inf, Verdict.WRONG),
        ((131009, None), (-INFINITY, -1), math.inf, Verdict.WRONG),
        ((1, None), (65505, None), math.inf, None),
    ],
)
def test_what_is_certain_of_bounds_is_said_and_the_mirror_image_likewise(exact: tuple[Any, Any], real: tuple[Any, Any], computed: float, expected: Verdict | None) -> None:
    """The largest number of float16 is 65504."""
    g, r = (Span(arb(a), INFINITY if b is None else arb(b)) for a, b in (exact, real))
    mirrored = [Span(-s.high, -s.low) for s in (g, r)]
    assert verdict(g, r, computed=computed) is expected
    assert verdict(*mirrored, computed=-computed) is expected


def test_the_upstream_gradient_scales_the_exact_one_only() -> None:
    """The computed one has flowed through its own lines already."""
    g, r = Span(arb(2**15), INFINITY), Span(arb(2**17), INFINITY)
    assert verdict(g, r, upstream=8.0) is Verdict.CORRECT
    assert verdict(g, r, upstream=1.0) is None
    assert verdict(g, Span(-INFINITY, arb(-(2**17))), upstream=-8.0, computed=-math.inf) is Verdict.CORRECT
    assert verdict(g, r, upstream=-8.0, computed=-math.inf) is Verdict.WRONG
    assert verdict(g, r, upstream=0.0) is None


def test_nothing_is_said_where_a_side_is_not_known() -> None:
    large = Span(arb(2) ** 20, INFINITY)
    assert verdict(None, large) is None
    assert verdict(large, None) is None
    assert verdict(large, large, value=None) is None
    assert verdict(large, large, component=None) is None
    assert verdict(large, large) is Verdict.CORRECT


def test_in_a_format_without_infinities_nan_takes_their_place() -> None:
    large = Span(arb(2) ** 20, INFINITY)
    for computed, expected in ((math.nan, Verdict.CORRECT), (448.0, Verdict.NONFINITE)):
        found = judged(large, large, computed=computed, form="float8_e4m3fn")
        assert found is not None
        assert found.verdict is expected
        assert found.rounded is not None
        assert math.isnan(found.rounded)


def test_the_rounded_gradient_and_the_reason_are_said() -> None:
    large, small = Span(arb(2) ** 20, INFINITY), Span(arb(1), arb(2))
    for real, sign in itertools.product((large, small), (1, -1)):
        found = judged(large if sign > 0 else Span(-large.high, -large.low), real if sign > 0 else Span(-real.high, -real.low), computed=sign * math.inf)
        assert found is not None
        assert found.rounded == sign * math.inf
        assert found.reason.startswith(REASON)
        assert ("less than half" in found.reason) is (real is small)
