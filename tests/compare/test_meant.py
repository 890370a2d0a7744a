"""Where a gradient is claimed: the ends of the domain, listed values, a constraint; and the points that are tried there."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from tests.texts import expression
from verifier.compare.agreement import further_points
from verifier.compare.meant import Meant, intervals, is_meant, listed_values, satisfied
from verifier.exact import derivatives
from verifier.language.formats import FORMATS, round_exact

INF = math.inf
FLOAT16 = FORMATS["float16"]


def constraint(text: str) -> object:
    """A program whose output is a truth value."""
    program = derivatives.primitive(expression(f"where({text}, x, y)", "x", "y"))
    return type(program)(program.steps, program.inputs, {}, program.steps[program.output].args[0])


EVERYWHERE = ((-INF, INF), (-INF, INF))


@pytest.mark.parametrize(
    ("domain", "expected"),
    [((-1.0, 2.0), (-1.0, 2.0)), ((0.0, 0.0), (0.0, 0.0)), ((-INF, 2.0), None), ((1.0, INF), None), ((-INF, INF), None), ((-1.5e308, 1.5e308), None)],
)
def test_an_interval_has_a_finite_length(domain: tuple[float, float], expected: object) -> None:
    assert intervals(Meant((domain, (0.0, 1.0)), ((), ()))) == [expected, (0.0, 1.0)]
    assert intervals(None) is None


def test_the_ends_of_a_domain_belong_to_it_and_listed_values_are_the_only_ones() -> None:
    meant = Meant(((0.0, 1.0), (-INF, INF)), ((), (2.0, 3.0)))
    for x, y, expected in ((0.0, 2.0, True), (1.0, 3.0, True), (1.5, 2.0, False), (-0.5, 2.0, False), (0.5, 2.5, False)):
        assert is_meant(meant, (x, y)) is expected
    assert not is_meant(Meant(((0.0, 1.0), (-INF, INF)), ((), ()), is_anywhere=False), (0.5, 2.0))
    assert listed_values(meant, (0.3, 2.4)) == (0.3, 2.0)
    assert listed_values(meant, (0.3, 2.6)) == (0.3, 3.0)
    assert listed_values(Meant(EVERYWHERE, ((), ())), (0.3, 2.6)) == (0.3, 2.6)


def test_a_constraint_holds_exactly_or_not_at_all() -> None:
    """0.1 + 0.9 is not 1 in float64 numbers: 0.1 is a little more, 0.9 a little more as well (Fraction(0.1) > 1/10)."""
    meant = Meant(EVERYWHERE, ((), ()), constraint("x + y == 1"))  # type: ignore[arg-type]
    points = [(0.25, 0.75), (0.5, 0.25), (0.1, 0.9), (2.0**-1000, 1.0)]
    assert [Fraction(x) + Fraction(y) == 1 for x, y in points] == satisfied(meant, points) == [True, False, False, False]
    assert [is_meant(meant, p) for p in points] == satisfied(meant, points)
    assert satisfied(meant, []) == []
    assert satisfied(Meant(EVERYWHERE, ((), ())), points) == [True] * 4


def test_an_equality_of_decimals_holds_where_it_holds_over_the_reals() -> None:
    """Fraction("0.1") + Fraction("0.2") + Fraction("0.7") is 1; with 0.71 it is not."""
    for text, holds in (("0.1 + 0.2 + 0.7 == 1", True), ("0.1 + 0.2 + 0.71 == 1", False), ("0.1 + 0.2 + 0.7 + 0 * x == 1", True), ("0.1 + 0.2 + 0.7 + x == 1", False)):
        assert satisfied(Meant(EVERYWHERE, ((), ()), constraint(text)), [(0.5, 0.0), (1.0, 1.0)]) == [holds, holds]  # type: ignore[arg-type]


def test_a_constraint_without_inputs_is_the_same_everywhere() -> None:
    for text, holds in (("1 < 2", True), ("2 < 1", False)):
        assert satisfied(Meant(EVERYWHERE, ((), ()), constraint(text)), [(0.0, 0.0), (1.0, 1.0)]) == [holds, holds]  # type: ignore[arg-type]


def test_what_is_not_decided_does_not_hold() -> None:
    assert satisfied(Meant(EVERYWHERE, ((), ()), constraint("log(x) > 0")), [(-1.0, 0.0), (3.0, 0.0)]) == [False, True]  # type: ignore[arg-type]


# ---------------------------------------------------------------- further points


def test_further_points_are_numbers_of_the_format_where_the_gradients_are_claimed() -> None:
    meant = Meant(((0.0, 1.0), (-INF, INF), (-INF, INF)), ((), (), (5.0, 7.0)))
    found = further_points([(0.5, 3.0, 5.0)], 3, fmt=FLOAT16, meant=meant, seed=3, most=200)
    assert len(found) > 150
    for x, y, z in found:
        assert 0 <= x <= 1
        assert abs(y - 3) <= 0.76, "a quarter of it, at most, and a rounding to three digits"
        assert z in (5.0, 7.0)
        assert (x, y, z) == tuple(round_exact(FLOAT16, Fraction(v)) for v in (x, y, z))
    assert {z for *_, z in found} == {5.0, 7.0}
    assert len({x for x, *_ in found}) > 100
    assert max(abs(y - 3) for _, y, _ in found) > 0.65
    assert max(x for x, *_ in found) > 0.9
    assert min(x for x, *_ in found) < 0.1


def test_every_other_further_point_can_be_read() -> None:
    """Three digits (the others have as many as a float has), unless the inputs are more than a person reads."""
    found = further_points([(0.5, 2.0)], 2, fmt=FORMATS["float64"], seed=1, most=40)
    digits = [max(len(repr(x).strip("-0").replace(".", "").lstrip("0")) for x in p) for p in found]
    assert max(digits[::2]) <= 3
    assert min(digits[1::2]) > 6
    many = further_points([(0.5,) * 21], 21, fmt=FORMATS["float64"], seed=1, most=4)
    assert min(max(len(repr(x)) for x in p) for p in many) > 10


def test_a_domain_without_short_numbers_has_as_many_further_points() -> None:
    """Between 0.12345 and 0.12352 no number has three digits."""
    found = further_points([(0.1235,)], 1, fmt=FORMATS["float64"], meant=Meant(((0.12345, 0.12352),), ((),)), most=40)
    assert len(found) == 40
    assert all(0.12345 <= x <= 0.12352 for (x,) in found)


def test_further_points_are_none_where_only_listed_ones_are_meant_and_around_0_where_none_is_listed() -> None:
    assert further_points([(1.0,)], 1, fmt=FLOAT16, meant=Meant(((0.0, 2.0),), ((),), is_anywhere=False), most=5) == []
    found = [x for (x,) in further_points([], 1, fmt=FLOAT16, most=300)]
    assert -1 <= min(found) < -0.8
    assert 0.8 < max(found) <= 1
    near = [x for (x,) in further_points([(0.0,)], 1, fmt=FLOAT16, most=300)]
    assert 0.2 < max(map(abs, near)) <= 0.25


def test_a_further_point_holds_the_constraint_and_a_point_next_to_the_largest_number_is_itself() -> None:
    meant = Meant(EVERYWHERE, ((), ()), constraint("x < y"))  # type: ignore[arg-type]
    found = further_points([(1.0, 1.0)], 2, fmt=FLOAT16, meant=meant, most=200)
    assert 20 < len(found) < 180
    assert all(x < y for x, y in found)
    assert all(math.isfinite(x) for (x,) in further_points([(65504.0,)], 1, fmt=FLOAT16, most=50))
    assert (65504.0,) in further_points([(65504.0,)], 1, fmt=FLOAT16, most=50)
