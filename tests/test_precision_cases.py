"""The cases of `cases/precision`: exact digits against mpmath's own derivatives, verdicts against where theory puts them."""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from mpmath.ctx_mp import MPContext

from tests import ROOT
from verifier import load, load_text
from verifier.language.formats import format_named, round_exact
from verifier.language.numeral import exact
from verifier.language.verdict import Verdict
from verifier.many import verify_all
from verifier.verify import verify

if TYPE_CHECKING:
    from verifier.language.formats import Format
    from verifier.report.outcome import Report, Result

CASES = ROOT / "cases" / "precision"
MP = MPContext()
MP.dps = 120  # 60 digits are compared; 1 - tanh(95)**2 takes another 83 away if it is written so, and is not below
DIGITS = 60
ALL = ("float64", "float32", "float16", "bfloat16")
FEW_ULP = 64  # the stable arrangements; the worst is silu in float32 at -100, where exp(-100) has five bits: 45


@functools.cache
def report() -> Report:
    loaded = load(str(CASES))
    assert loaded.complaints == ()
    return verify_all(loaded.cases)


def results(case: str, implementation: str) -> list[Result]:
    (found,) = (c for c in report().cases if c.name == case)
    chosen = [r for r in found.results if r.implementation == implementation]
    assert chosen
    return chosen


def value(r: Result, name: str = "x") -> Fraction:
    """The input as a number of its format."""
    return Fraction(round_exact(format_named(r.format), exact(str(dict(r.point)[name]))))


def mpf(x: Fraction) -> Any:
    return MP.mpf(x.numerator) / x.denominator


def rounded(fmt: Format, x: Any) -> float:
    sign, mantissa, exponent, _ = x._mpf_
    return round_exact(fmt, (-1) ** sign * Fraction(int(mantissa)) * Fraction(2) ** int(exponent))


# ---------------------------------------------------------------- the run


def test_the_run_over_the_cases_exits_0():
    assert report().exit_status == 0
    assert len(report().cases) > 25


def test_nothing_is_found_but_what_the_cases_expect():
    assert [(c.name, f.message) for c in report().cases for f in c.findings if not f.expected] == []


def test_no_right_formula_is_wrong_or_undecided():
    bad = (Verdict.WRONG, Verdict.UNDECIDED, Verdict.UNDEFINED)
    assert [(c.name, r.implementation, r.format, r.point) for c in report().cases for r in c.results if r.verdict in bad] == []


def test_the_stable_arrangement_passes_in_every_format_at_every_point():
    stable = [(c.name, r) for c in report().cases for r in c.results if r.implementation in ("stable", "two_classes", "shifted")]
    assert len({name for name, _ in stable}) > 22
    assert [(name, r.format, r.point, r.ulps) for name, r in stable if not r.verdict.passes] == []
    calm = [(name, r) for name, r in stable if "gelu" not in name]
    assert [(name, r.format, r.point, r.ulps) for name, r in calm if r.ulps is not None and float(r.ulps) > FEW_ULP] == []


def test_every_case_says_what_is_hard_about_it():
    assert [c.name for c in load(str(CASES)).cases if len(c.about) < 40] == []


def test_a_stable_gradient_with_a_wrong_factor_is_caught():
    """1.02, as bfloat16 holds three digits: the literal may stand for any real that rounds to 1.0234375, from 1.01953125 on, which is 2.5 of bfloat16's ulps of 2**-7 above 1.
    (1.01 may stand for 1.00390625, half an ulp above 1: no format of so few digits tells that from 1.)"""
    text = (CASES / "saturating.yaml").read_text(encoding="utf-8").split("\n---\n")[0]
    right = "dx = z / (1 + z)**2 * ds"
    assert right in text
    (case,) = load_text(text.replace(right, "dx = 1.02 * z / (1 + z)**2 * ds")).cases
    found = {(r.format, r.verdict) for r in verify(case).results if r.implementation == "stable"}
    assert all((f, Verdict.WRONG) in found for f in ALL)


# ---------------------------------------------------------------- the exact digits

GRADIENTS = {
    "sigmoid, (1 - s)*s": lambda x: 1 / (2 + MP.exp(x) + MP.exp(-x)),
    "tanh, 1 - t*t": lambda x: MP.sech(x) ** 2,
    "softplus and its logistic gradient": lambda x: 1 / (1 + MP.exp(-x)),
    "logsigmoid, 1 - sigmoid(x)": lambda x: 1 / (1 + MP.exp(x)),
    "softsign, the square of the denominator": lambda x: 1 / (1 + abs(x)) ** 2,
    "silu, s*(1 + x*(1 - s))": lambda x: (1 + MP.exp(-x) + x * MP.exp(-x)) / (1 + MP.exp(-x)) ** 2,
    "gelu, 1 + erf": lambda x: MP.erfc(-x / MP.sqrt(2)) / 2 + x * MP.npdf(x),
    "mish, the paper's formula": lambda x: MP.tanh(MP.log1p(MP.exp(x))) + x / (1 + MP.exp(-x)) * MP.sech(MP.log1p(MP.exp(x))) ** 2,
    "elu, out + 1": lambda x: MP.exp(min(x, 0)),
    "tanhshrink, 1 - (1 - t*t)": lambda x: MP.tanh(x) ** 2,
    "rsqrt, the cube of the output": lambda x: -MP.power(x, MP.mpf(-3) / 2) / 2,
    "atan, 1/(1 + x*x)": lambda x: 1 / (1 + x * x),
    "x - log1p(x), 1 - 1/(1 + x)": lambda x: x / (1 + x),
    "expm1, out + 1": MP.exp,
}  # fmt: skip


@pytest.mark.parametrize("case", GRADIENTS)
def test_every_digit_of_the_exact_gradients_is_mpmaths(case):
    compared = 0
    for r in results(case, "stable"):
        g = GRADIENTS[case](mpf(value(r)))
        if r.exact is None or g == 0:
            continue
        shown = MP.mpf(r.exact)
        digits = len(r.exact.partition("e")[0].replace("-", "").replace(".", "").lstrip("0"))
        unit = MP.mpf(10) ** (MP.floor(MP.log10(abs(g))) + 1 - digits) if digits >= 25 else abs(g) * MP.mpf(10) ** -DIGITS  # shorter texts are exact
        assert abs(shown - g) <= unit * (MP.mpf(1) / 2 + MP.mpf(10) ** -20), (r.format, r.point, r.exact, MP.nstr(g, 40))
        assert r.rounded is not None
        assert round_exact(format_named(r.format), exact(r.rounded)) == rounded(format_named(r.format), g), (r.format, r.point)
        compared += 1
    assert compared > 20


def test_a_changed_digit_would_be_noticed():
    (r,) = (r for r in results("sigmoid, (1 - s)*s", "stable") if r.format == "float16" and value(r) == 5)
    assert MP.nstr(GRADIENTS["sigmoid, (1 - s)*s"](MP.mpf(5)), 25).startswith(r.exact[:24])
    assert not MP.nstr(GRADIENTS["sigmoid, (1 - s)*s"](MP.mpf(5) + MP.mpf(10) ** -18), 25).startswith(r.exact[:24])


# ---------------------------------------------------------------- the verdicts, from theory: p the precision, u = 2^-p


def u(fmt: Format) -> Any:
    return MP.ldexp(1, -fmt.precision)


def judged_otherwise(case: str, implementation: str, gone: Any) -> list[Any]:
    """`gone(x, fmt)` says where the textbook's difference is 0; the verdict is `vanished` there, unless g itself rounds to 0.

    The results of which that is not so, and the formats in which it never vanishes.
    """
    seen, others = set(), []
    for r in results(case, implementation):
        x, fmt = mpf(value(r)), format_named(r.format)
        zero = rounded(fmt, GRADIENTS[case](x)) == 0
        expected = bool(gone(x, fmt)) and not zero
        others += [(r.format, r.point, r.verdict)] if (r.verdict is Verdict.VANISHED) != expected else []
        seen.add((r.format, expected))
    return [*others, *(f for f in ALL if (f, True) not in seen)]


def test_one_minus_a_sigmoid_is_0_where_exp_of_minus_x_is_at_most_u():
    assert judged_otherwise("sigmoid, (1 - s)*s", "textbook", lambda x, fmt: MP.exp(-x) <= u(fmt) or MP.exp(-x) > MP.mpf(fmt.largest)) == []
    assert judged_otherwise("logsigmoid, 1 - sigmoid(x)", "textbook", lambda x, fmt: MP.exp(-x) <= u(fmt)) == []


def test_one_minus_t_squared_is_0_where_tanh_rounds_to_1():
    for r in results("tanh, 1 - t*t", "textbook"):
        x, fmt = mpf(value(r)), format_named(r.format)
        left = 1 - MP.tanh(abs(x))
        if rounded(fmt, MP.sech(x) ** 2) == 0 or (r.format == "float32" and u(fmt) / 16 < left < u(fmt)):
            continue  # NumPy's float32 tanh is off by an ulp there: 1 - 2^-24 at 9.5
        assert (r.verdict is Verdict.VANISHED) == (left <= u(fmt) / 2), (r.format, r.point)


def test_the_slope_from_the_output_is_0_where_expm1_rounds_to_minus_1():
    assert judged_otherwise("elu, out + 1", "textbook", lambda x, fmt: MP.exp(x) <= u(fmt) / 2) == []
    assert judged_otherwise("expm1, out + 1", "textbook", lambda x, fmt: MP.exp(x) <= u(fmt) / 2) == []


def test_log_of_1_plus_exp_is_nonfinite_where_exp_overflows():
    for r in results("softplus and its logistic gradient", "textbook"):
        assert (r.verdict is Verdict.NONFINITE) == (MP.exp(mpf(value(r))) > MP.mpf(format_named(r.format).largest)), (r.format, r.point)


def test_the_cube_of_rsqrt_is_nonfinite_where_it_is_beyond_the_largest_number():
    for r in results("rsqrt, the cube of the output", "textbook"):
        assert (r.verdict is Verdict.NONFINITE) == (mpf(value(r)) ** MP.mpf(-1.5) > MP.mpf(format_named(r.format).largest)), (r.format, r.point)


def test_a_square_beyond_float16_makes_the_gradients_of_softsign_and_atan_vanish():
    for case, square in (("softsign, the square of the denominator", lambda x: (1 + abs(x)) ** 2), ("atan, 1/(1 + x*x)", lambda x: 1 + x * x)):
        for r in results(case, "textbook"):
            fmt = format_named(r.format)
            lost = square(mpf(value(r))) > fmt.largest and rounded(fmt, GRADIENTS[case](mpf(value(r)))) != 0
            assert (r.verdict is Verdict.VANISHED) == lost, (case, r.format, r.point)


def test_what_is_stored_in_16_bits_decides_and_not_what_is_computed_in():
    for r in results("sigmoid, saved for backward in 16 bits", "saved"):
        x, fmt = mpf(value(r)), format_named(r.format)
        assert (r.verdict is Verdict.VANISHED) == (rounded(fmt, 1 / (1 + MP.exp(-x))) == 1), (r.format, r.point)
    assert all(r.verdict is not Verdict.VANISHED for r in results("sigmoid, saved for backward in 16 bits", "recomputed"))
