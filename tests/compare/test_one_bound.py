"""What columns with one bound decide is what every point says on its own, also beside powers of two, among subnormal numbers and where gradients vanish."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.texts import expression
from verifier.circuit.backprop import with_backward
from verifier.compare.check import Check
from verifier.compare.sweep import columns, doubles, sweep
from verifier.compare.sweep.classify import CODE, OPEN, all_open
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS, consecutive, numbers, places
from verifier.language.verdict import Verdict

CLAIMS = (("x", "dx"),)
COUNT = 90
STARTS = (1.0, -1.0, 0.5, 0.3, -0.7, 2.9, -3.1, 20.0, -30.0, 88.0, -87.5, -103.0, 1e-3, 1e-10, -1e-30, 1e-38, -1e-40, 1.3e-45, 0.0, 1e10, -1e25, 3e38)
VANISHING = (1.8446744e19, -1.9e19, 1e20, 7e21, -1.88e22, 2.67e22, -3.7778e22, 3.8e22, 1e23, 255.0, -256.0, 4096.0, 5792.0, 5793.0, 8000.0, -88.8, -100.0, -103.5, 89.5, 102.5)  # where a square or an exponential overflows, g is among the subnormal numbers, near half the smallest, or below
FUNCTIONS = ("exp(x)", "sigmoid(x)", "softsign(x)", "gelu(x)", "softplus(x)", "x * x * x", "1 / x", "sqrt(abs(x)) * x", "tanh(x)", "log1p(x)", "erf(x)", "where(x > 1, x * x, 2 * x - 1)", "x * exp(-x * x)", "atan(x) / 3", "(x - 1) * (x - 1)")


def check_of(text: str, fmt: str = "float32", *, proved: bool = True) -> Check:
    program = with_backward(expression(text, "x"), CLAIMS)
    check = Check(text, truth_of(expression(text, "x")), Subject(program, CLAIMS), FORMATS[fmt])
    return sweep.with_proofs(check) if proved else check


def blocks(fmt: str) -> list[np.ndarray]:
    form = FORMATS[fmt]
    first, last = places(form, -float(form.largest), float(form.largest))
    found = []
    for start in (*STARTS, *VANISHING):
        if abs(start) <= form.largest:
            place = min(max(places(form, start, float(form.largest))[0] - COUNT // 2, first), last - COUNT)
            found.append(consecutive(form, place, COUNT))
    return found


@pytest.mark.parametrize("fmt", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("text", FUNCTIONS)
def test_one_bound_decides_as_each_point_does(text: str, fmt: str) -> None:
    check, decided = check_of(text, fmt), 0
    with np.errstate(all="ignore"):
        for column in blocks(fmt):
            found, computed = [all_open(COUNT)], columns.computed_columns(check, [column])
            doubles.by_doubles(check, [column], computed, found)
            (alone,) = columns.judge_columns(check, [column], method="points")
            settled = found[0].verdict != OPEN
            decided += int(settled.sum())
            assert np.array_equal(found[0].verdict[settled], alone.verdict[settled]), (column[0], column[-1])
            assert np.array_equal(found[0].error[settled], alone.error[settled], equal_nan=True), (column[0], column[-1])
    assert decided > 5 * COUNT, "nothing must hold because nothing is decided"


@pytest.mark.parametrize(("fmt", "start", "verdict"), [("float32", 1e21, Verdict.VANISHED), ("float32", -3e22, Verdict.VANISHED), ("float32", 5e22, Verdict.CORRECT), ("float16", 300.0, Verdict.VANISHED)])
def test_gradients_that_vanish_are_judged_at_once(fmt: str, start: float, verdict: Verdict) -> None:
    """1/(1 + |x|)**2, whose denominator overflows; 0 is right below half the smallest number of the format, 2^-150 in float32, which 1/(1 + |x|)**2 is at 3.78e22."""
    check, form = check_of("softsign(x)", fmt), FORMATS[fmt]
    column = consecutive(form, places(form, start, float(form.largest))[0], 10 * COUNT)
    found = [all_open(len(column))]
    with np.errstate(all="ignore"):
        doubles.by_doubles(check, [column], columns.computed_columns(check, [column]), found)
    assert (found[0].verdict == CODE[verdict]).mean() > 0.9


def test_a_wrong_formula_is_never_called_right() -> None:
    """Off by 1e-4, which is 800 ulp of float32: not proved, and wrong at every point that is decided."""
    program = with_backward(expression("exp(x)", "x"), CLAIMS)
    check = replace(check_of("exp(x) * 1.0001", proved=False), subject=Subject(program, CLAIMS))
    column = consecutive(FORMATS["float32"], places(FORMATS["float32"], 0.3, 1.0)[0], COUNT)
    found = [all_open(COUNT)]
    doubles.by_doubles(check, [column], columns.computed_columns(check, [column]), found)
    settled = found[0].verdict != OPEN
    assert not np.isin(found[0].verdict[settled], [CODE[Verdict.CORRECT], CODE[Verdict.ROUNDING]]).any()


@pytest.mark.parametrize("bent", [0.25, 4.0])
def test_a_bound_that_is_too_small_by_far_is_seen_by_this_test(monkeypatch: pytest.MonkeyPatch, bent: float) -> None:
    """The twin: with values off by 2^-24 / bent, and a bound that does not say so, some verdict differs."""
    inner = doubles.one_bound.numbers
    monkeypatch.setattr(doubles.one_bound, "numbers", lambda *given, **options: [a._replace(value=a.value * (1 + 2.0**-24 / bent)) for a in inner(*given, **options)])
    check = check_of("exp(x)")
    column = consecutive(FORMATS["float32"], places(FORMATS["float32"], 0.3, 1.0)[0], COUNT)
    found = [all_open(COUNT)]
    doubles.by_doubles(check, [column], columns.computed_columns(check, [column]), found)
    (alone,) = columns.judge_columns(check, [column], method="points")
    settled = found[0].verdict != OPEN
    assert not np.array_equal(found[0].error[settled], alone.error[settled])


@pytest.mark.parametrize(("first", "count"), [(0, 5), (-5, 5), (-5, 10), (1, 3), (2**30, 4), (-(2**30), 4)])
@pytest.mark.parametrize("fmt", ["float32", "float16", "bfloat16"])
def test_consecutive_numbers_are_those_at_consecutive_places(fmt: str, first: int, count: int) -> None:
    form = FORMATS[fmt]
    if abs(first) > 2**14 and form.width < 32:
        first //= 2**16
    expected = numbers(form, np.arange(first, first + count))
    assert [x.hex() for x in consecutive(form, first, count).tolist()] == [x.hex() for x in expected.tolist()]
