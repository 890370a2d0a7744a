"""Real gradient bugs from public trackers: each is caught, its repair is not, and the exact gradient is the published one."""

from __future__ import annotations

import functools
from fractions import Fraction

import pytest

from tests import ROOT
from verifier import load
from verifier.verify import verify

MUSEUM = ROOT / "cases" / "museum"
FAILS = {"wrong", "nonfinite"}

# The file, the tracker's page, 25 digits of the gradient at the reported point, and what is told of the wrong pass.
# A gradient below the format's smallest number is 0 there (snntorch: 1.3e-53 in float32).
FACTS = (
    ("ad_normcdf", "https://github.com/ekmett/ad/pull/57", "0.2419707245191433497978302", "is meant in"),
    ("autograd_mvn_cov_sign", "https://github.com/HIPS/autograd/issues/401", "-0.375", "the sign is flipped"),
    ("burn_softplus_overflow", "https://github.com/tracel-ai/burn/issues/5373", "1.0", "nan"),
    ("candle_gelu_truncated_constants", "https://github.com/huggingface/candle/pull/1160", "1.082964083845782555139642", "this line is wrong"),
    ("clad_pow_0_0", "https://github.com/vgvassilev/clad/issues/1383", "0.0", "no real value here: 0**-1"),
    ("jax_docs_custom_vjp_sign", "https://github.com/jax-ml/jax/issues/13048", "0.9092974268256816953960199", "the sign is flipped"),
    ("jax_ldexp_at_0", "https://github.com/jax-ml/jax/issues/37992", "8.0", "the wrong branch is taken"),
    ("jax_log_sigmoid_at_0", "https://github.com/jax-ml/jax/issues/2140", "0.5", "wrong at this point, and right beside it"),
    ("jax_pow_y0", "https://github.com/jax-ml/jax/issues/17995", "0.0", "the wrong branch is taken"),
    ("mxnet_softsign_activation", "https://github.com/apache/mxnet/issues/10868", "0.1111111111111111111111111", "`out` where `x` is meant"),
    ("nnlib_hardsigmoid_saturated", "https://github.com/FluxML/NNlib.jl/pull/706", "0.0", "`1` should be 0"),
    ("snntorch_sigmoid_surrogate", "https://github.com/jeshraghian/snntorch/pull/433", "0.0", "nan"),
    ("tcnn_softplus_wrong_operand", "https://github.com/NVlabs/tiny-cuda-nn/pull/130", "0.1192029220221175442836413", "`y` where `x` is meant"),
    ("tf_xlog1py_x0", "https://github.com/tensorflow/tensorflow/issues/56873", "0.6931471805599453094172321", "the wrong branch is taken"),
    ("tinygrad_sigmoid_nan", "https://github.com/tinygrad/tinygrad/pull/1113", "3.720075976020835962959696e-44", "nan"),
    ("torch_norm_at_0", "https://github.com/pytorch/pytorch/issues/2421", "0.0", "no real value here: 0/0"),
    ("torch_sinc_at_0", "https://github.com/pytorch/pytorch/issues/53989", "0.0", "no real value here: 0/0"),
    ("torch_sinc_square_underflow", "https://github.com/pytorch/pytorch/pull/56986", "-3.289868133696452814057054e-200", "nan"),
    ("torch_softplus_threshold_on_output", "https://github.com/pytorch/pytorch/issues/61568", "0.6944061315105916310582632", "the wrong branch is taken"),
    ("torch_xlogy_x0", "https://github.com/pytorch/pytorch/issues/80770", "0.6931471805599453094172321", "the wrong branch is taken"),
)


@functools.cache
def report(name):
    (case,) = load(str(MUSEUM / f"{name}.yaml")).cases
    return case, verify(case)


def result(name, implementation):
    _, found = report(name)
    (only,) = (r for r in found.results if r.implementation == implementation)
    return only


def agree(exact: str, digits: str) -> bool:
    """Whether two decimals are equal to as many significant digits as the second has (at most one in the last)."""
    a, b = Fraction(exact), Fraction(digits)
    places = len(digits.lstrip("-").partition("e")[0].replace(".", "").lstrip("0"))
    return a == b if b == 0 else abs(a - b) <= abs(b) * Fraction(1, 10 ** max(places - 1, 24))


def test_every_fact_has_its_case_and_every_case_its_fact():
    assert sorted(f[0] for f in FACTS) == sorted(p.stem for p in MUSEUM.glob("*.yaml"))


@pytest.mark.parametrize(("name", "url"), [f[:2] for f in FACTS], ids=[f[0] for f in FACTS])
def test_the_bug_is_told_from_its_repair(name, url):
    case, found = report(name)
    assert (case.source, found.status) == (url, "passed")
    assert result(name, "wrong").verdict.value in FAILS
    assert result(name, "right").verdict.passes
    assert {f.implementation for f in found.findings} == {"wrong"}


@pytest.mark.parametrize(("name", "digits"), [(f[0], f[2]) for f in FACTS], ids=[f[0] for f in FACTS])
def test_the_exact_gradient_is_the_published_one(name, digits):
    right = result(name, "right")
    if right.exact is None:  # a kink: between its one-sided derivatives
        low, high = map(Fraction, right.bounds)
        assert low <= Fraction(digits) <= high
    elif Fraction(digits) == 0:
        assert float(right.rounded) == 0
    else:
        assert agree(right.exact, digits)


def test_a_digit_of_a_published_gradient_that_is_changed_is_noticed():
    assert agree("0.241970724519143349797830192936", "0.2419707245191433497978302")
    assert not agree("0.241970724519143349797830192936", "0.2419707245191433497978312")
    assert not agree("-0.375", "0.375")


@pytest.mark.parametrize(("name", "words"), [(f[0], f[3]) for f in FACTS], ids=[f[0] for f in FACTS])
def test_what_is_told_of_the_bug(name, words):
    _, found = report(name)
    (finding,) = found.findings
    assert words in finding.message
    assert "dx =" in finding.statement or "dy =" in finding.statement or "dcov =" in finding.statement
