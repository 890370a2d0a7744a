"""A trace is believed where rounding explains the framework's floats; a ladder of formats tells a wrong formula from rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from verifier.circuit import arrays
from verifier.compare.ladder import ladder
from verifier.compare.trust import disagreements
from verifier.language.formats import FORMATS
from verifier.trace.record import Reading
from verifier.trace.recorder import Recorder

FLOAT64 = FORMATS["float64"]
VALUES = np.array([1e16, 1.0, -1e16, 3.0, 0.1, -7.5])


def summed(order):
    """The sum of VALUES, traced left to right, with the float that another order gives."""
    r = Recorder({"x": (len(VALUES),)}, {"out": ()})
    total = arrays.total(r.builder, r.inputs["x"])
    found = 0.0
    for i in order:
        found += VALUES[i]
    r.end_forward({"out": total})
    r.readings.append(Reading(np.asarray(total), np.array(found), "np.sum"))
    zero = np.full(len(VALUES), arrays.literal(r.builder, "0"))
    return r.trace({"x": zero}, (*VALUES.tolist(), 1.0), computed={"x": np.zeros(len(VALUES))}, outputs={"out": np.array(found)})


@pytest.mark.parametrize("order", [range(6), range(5, -1, -1), [0, 2, 1, 3, 4, 5], [4, 0, 5, 1, 3, 2]])
def test_another_order_of_summation_is_explained_however_much_it_cancels(order):
    assert disagreements(summed(order), FLOAT64) == []


def test_a_sum_of_other_terms_is_not_explained_where_nothing_cancels():
    trace = summed(range(6))
    small = replace(trace, point=(1.0, 1.0, 1.0, 3.0, 0.1, -7.5, 1.0))
    (found, *_) = disagreements(small, FLOAT64)
    assert not found.explains(FLOAT64)


def exponential(computed):
    r = Recorder({"x": ()}, {"out": ()})
    out = r.done(arrays.elementwise(r.builder, "exp", r.inputs["x"]), [computed], "np.exp")
    r.end_forward({"out": out})
    return r.trace({"x": r.upstreams["out"]}, (1.0, 0.75), computed={"x": np.array(0.75)}, outputs={"out": np.array(computed)})


def test_a_kernel_that_loses_digits_is_told_from_another_function():
    e = float(np.exp(1.0))
    assert disagreements(exponential(np.nextafter(e, 3)), FLOAT64) == []
    (loses, *_) = disagreements(exponential(e * (1 + 1e-10)), FLOAT64)
    assert loses.explains(FLOAT64)
    for off in (1e-4, 1e-6):  # 13 and 20 of 53 bits agree
        (other, *_) = disagreements(exponential(e * (1 + off)), FLOAT64)
        assert not other.explains(FLOAT64)


def test_the_ladder_tells_a_factor_from_rounding():
    u = {name: 2.0**-FORMATS[name].precision for name in ("float16", "float32", "float64")}
    assert not ladder({n: 50_000 * v for n, v in u.items()}).is_wrong, "rounding: as many ulps in each format"
    assert ladder({n: 1e-6 + v for n, v in u.items()}).is_wrong, "a factor of 1.000001"
    assert not ladder({"float64": 0.5}).is_wrong, "one format shows nothing"


@pytest.mark.parametrize(("before", "last", "is_wrong"), [(2.0**-12, 2.0**-12, False), (2.0**-12, 1.001 * 2.0**-12, True), (1.0, 2.0**-6.5, False), (1.0, 1.001 * 2.0**-6.5, True), (1.0, 0.999 * 2.0**-6.5, False), (0.0, 1.0, True)])
def test_the_limits_of_the_ladder_are_roots_of_the_units(before, last, is_wrong):
    """float16 has 11 bits and float32 24: half of the digits of the finer one are 12, and the root of the quotient is 2^-6.5."""
    assert ladder({"float16": before, "float32": last}).is_wrong is is_wrong
    assert ladder({"float32": last, "bfloat16": 0.5, "float16": before}).is_wrong is is_wrong, "the two finest count"


def inverse(overflowed, inverted):
    """1 / exp(-x) at 100, as a format computes it in which exp(100) is infinite."""
    r = Recorder({"x": ()}, {"out": ()})
    power = r.done(arrays.elementwise(r.builder, "exp", r.inputs["x"]), [overflowed], "np.exp")
    one = np.array(arrays.literal(r.builder, "1"))
    out = r.done(arrays.elementwise(r.builder, "div", one, power), [inverted], "np.divide")
    twice = r.done(arrays.elementwise(r.builder, "add", out, one), [inverted + 1.0], "np.add")
    r.end_forward({"out": twice})
    return r.trace({"x": r.upstreams["out"]}, (100.0, 0.75), computed={"x": np.array(0.75)}, outputs={"out": np.array(inverted + 1.0)})


def test_what_follows_an_overflow_of_the_framework_is_no_doubt_about_the_trace():
    assert disagreements(inverse(np.inf, 0.0), FORMATS["float32"]) == []
    assert disagreements(inverse(float(np.exp(100.0)), 0.0), FORMATS["float64"]) != [], "the twin: without an overflow 1 / exp(100) is not 0"
    later = inverse(np.inf, 0.0)
    bent = replace(later, readings=tuple(replace(x, floats=x.floats + 0.5) if x.what == "np.add" else x for x in later.readings))
    assert [d.what for d in disagreements(bent, FORMATS["float32"])][:1] == ["np.add"], "from the next number on it is checked again"


@pytest.mark.parametrize(("units", "is_explained"), [(1.4, True), (-1.4, True), (1.6, False), (-1.6, False)])
def test_the_first_number_after_an_overflow_is_one_term_of_the_next_sum(units, is_explained):
    """-1 + 1 in float32: one rounding, of 2^-24 times the sizes of both, and that of the literal, of 2^-24."""
    trace = inverse(np.inf, -1.0)
    read = replace(trace, readings=tuple(replace(x, floats=x.floats + units * 2.0**-23) if x.what == "np.add" else x for x in trace.readings))
    assert (disagreements(read, FORMATS["float32"]) == []) is is_explained


def with_sum(off, form=""):
    """The sum of VALUES, read with an error."""
    trace = summed(range(6))
    exact = float(np.sum([3.0, 0.1, -7.5])) + 1.0
    return replace(trace, readings=tuple(replace(r, floats=np.array(exact + off), format=form) for r in trace.readings if r.what == "np.sum"))


@pytest.mark.parametrize(("off", "form", "is_explained"), [(10.5, "", True), (-10.5, "", True), (12.0, "", False), (-12.0, "", False), (12.0, "float32", True), (5.5e9, "float32", True), (6.5e9, "float32", False), (12.0, "float64", False)])
def test_a_sum_may_be_off_by_its_roundings_times_the_sizes_of_its_terms(off, form, is_explained):
    """(n - 1) u times the sum of the sizes (Higham, section 4.2): 5 * 2^-53 * 2.0e16 = 11.1, and in float32 5 * 2^-24 * 2.0e16 = 5.96e9."""
    assert (disagreements(with_sum(off, form), FLOAT64) == []) is is_explained


@pytest.mark.parametrize(("units", "is_explained"), [(0, True), (15, True), (-15, True), (17, False), (-17, False)])
def test_a_function_of_a_library_may_be_off_by_sixteen_roundings(units, is_explained):
    """Eight on the way to a reading and eight where it is read, each 2^-53 of the value; exp(1.0) in float64 is 0.48 of one below e (mpmath)."""
    e = float(np.exp(1.0))
    assert (disagreements(exponential(e + units * 2.0**-53 * e), FLOAT64) == []) is is_explained


@pytest.mark.parametrize(("error", "bits"), [(1e-10, 33.2), (1e-4, 13.3), (0.5, 1.0), (-0.5, 1.0), (-1e-4, 13.3)])
def test_the_bits_in_which_two_numbers_agree_are_those_of_their_relative_difference(error, bits):
    """-log2 of it, relative to the larger of both: for 0.5 above, 0.5/1.5."""
    (found,) = [d for d in disagreements(exponential(float(np.exp(1.0)) * (1 + error)), FLOAT64) if d.what == "np.exp"]
    assert found.bits == pytest.approx(bits if error != 0.5 else 1.585, abs=0.06)
    assert found.framework == pytest.approx(np.e * (1 + error))
    assert found.trace == pytest.approx(np.e)
    assert found.explains(FLOAT64) is (abs(error) == 1e-10)


def negated(computed):
    """-x at 0.3: no rounding at all."""
    r = Recorder({"x": ()}, {"out": ()})
    out = r.done(arrays.elementwise(r.builder, "neg", r.inputs["x"]), [computed], "np.negative")
    r.end_forward({"out": out})
    return r.trace({"x": r.upstreams["out"]}, (0.3, 1.0), computed={"x": np.array(1.0)}, outputs={"out": np.array(computed)})


def test_an_exact_operation_is_exact():
    assert disagreements(negated(-0.3), FLOAT64) == []
    assert disagreements(negated(np.nextafter(-0.3, 0)), FLOAT64) != []


@pytest.mark.parametrize(("off", "is_explained"), [(2.0, True), (-2.0, True), (3.0, False)])
def test_a_number_that_was_read_is_one_term_of_the_next_sum(off, is_explained):
    """(2 - 1) u times the sizes of both: 2^-53 * 2e16 = 2.2, though the sum itself is 0."""
    r = Recorder({"x": (2,)}, {"out": ()})
    first = r.done(arrays.elementwise(r.builder, "neg", r.inputs["x"][0]), [1e16], "np.negative")
    out = r.done(arrays.elementwise(r.builder, "add", first, r.inputs["x"][1]), [off], "np.add")
    r.end_forward({"out": out})
    zero = np.full(2, arrays.literal(r.builder, "0"))
    trace = r.trace({"x": zero}, (-1e16, -1e16, 1.0), computed={"x": np.zeros(2)}, outputs={"out": np.array(off)})
    assert (disagreements(trace, FLOAT64) == []) is is_explained


@pytest.mark.parametrize(("difference", "is_explained"), [(0.0, True), (2.0**-52, True), (2.0**-20, False)])
def test_what_is_computed_from_a_step_that_two_kernels_computed_may_come_from_either(difference, is_explained):
    """exp(1) by two kernels, an ulp apart, and the difference of it and the number that one of them gave: 0, or that ulp."""
    e = float(np.exp(1.0))
    r = Recorder({"x": (), "y": ()}, {"out": ()})
    first = r.done(arrays.elementwise(r.builder, "exp", r.inputs["x"]), [e], "np.exp")
    out = r.done(arrays.elementwise(r.builder, "sub", first, r.inputs["y"]), [difference], "np.subtract")
    r.readings.append(Reading(first, np.array([e + 2 * 2.0**-52]), "another kernel"))
    r.end_forward({"out": out})
    zero = np.array(arrays.literal(r.builder, "0"))
    trace = r.trace({"x": zero, "y": zero}, (1.0, e, 0.75), computed={"x": np.array(0.0), "y": np.array(0.0)}, outputs={"out": np.array(difference)})
    assert all(d.explains(FLOAT64) for d in disagreements(trace, FLOAT64)) == is_explained


def product(computed):
    """x * y of vectors, with the floats that a framework gives for it."""
    r = Recorder({"x": (12,), "y": (12,)}, {"out": (12,)})
    out = r.done(arrays.elementwise(r.builder, "mul", r.inputs["x"], r.inputs["y"]), computed, "np.multiply")
    r.end_forward({"out": out})
    x, y = OPERANDS
    return r.trace({"x": r.upstreams["out"], "y": r.upstreams["out"]}, (*x.tolist(), *y.tolist(), *np.ones(12).tolist()), computed={"x": np.ones(12), "y": np.ones(12)}, outputs={"out": computed})


OPERANDS = np.linspace(0.1, 1.7, 12), np.linspace(-3.1, 2.9, 12)


def test_of_steps_that_are_looked_at_together_each_is_held_against_its_own_float():
    exact = OPERANDS[0] * OPERANDS[1]  # IEEE 754: rounded once
    assert disagreements(product(exact), FLOAT64) == []
    near, other = exact.copy(), exact.copy()
    near[7] = np.nextafter(near[7], 9)  # one ulp: explained, as that of a kernel
    assert disagreements(product(near), FLOAT64) == []
    other[7] *= 1 + 1e-9
    found = disagreements(product(other), FLOAT64)
    assert [(d.step, d.framework) for d in found] == [(24 + 12 + 7, other[7])] * 2, "the operation, and the output"
