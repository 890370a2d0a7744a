"""The head that the doors of NumPy, PyTorch and JAX share: what is asked, what is refused, what is said of a gradient in another's place."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from verifier import GradientWarning
from verifier.numpy import assert_gradient, check


def product(x, w):
    return x * w


def product_backward(dout, x, w):
    return dout * w, dout * x


def exchanged(dout, x, w):
    return dout * x, dout * w


def both_wrong(dout, x, w):
    return dout * x * 2, dout * w


def sign_of_exp(x):
    if x > 0:
        return np.exp(-x)
    return 1 + x


def sign_of_exp_backward(dout, x):
    if x > 0:
        return -dout * np.exp(-x)
    return dout


X, W = np.array([1.0, 2.0]), np.array([0.5, -3.0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"formats": "float23"}, "'float23' is no format that a framework computes in"),
        ({"formats": ["float64->float32"]}, "no format that a framework computes in"),
        ({"domain": {"v": (0, 1)}}, "'v' is no input of product"),
        ({"domain": {"x": (1, 0)}}, "a lowest and a highest value"),
        ({"sample": -1}, "must be a number of points"),
        ({"upstream": {"output": 1.0}}, "'output' is no output of product"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_with_a_sentence(options, said):
    with pytest.raises(ValueError, match=said):
        check(product, X, W, backward=product_backward, **options)


def test_an_input_that_is_not_finite_is_refused_by_its_name():
    with pytest.raises(ValueError, match="the input 'w' has a value that is not finite"):
        check(product, X, np.array([np.inf, 1.0]), backward=product_backward)


@pytest.mark.parametrize(("x", "w"), [(X, W), (3.0, 0.5)])
def test_gradients_in_each_others_place_are_said_to_be_exchanged(x, w):
    report = check(product, x, w, backward=exchanged)
    assert [f.message for f in report.findings if f.code == "V101"] == ["wrong gradient: product.dx and product.dw are exchanged: each is the gradient of the other input"]
    other = check(product, x, w, backward=both_wrong)
    assert [f for f in other.findings if "exchanged" in f.message] == [], "the twin: one of them is wrong in its own place, too"
    assert other.status == "failed"


def test_points_of_a_sample_take_both_paths_of_an_if():
    report = check(sign_of_exp, 0.5, backward=sign_of_exp_backward, domain={"x": (-3, 3)}, sample=30)
    assert report.status == "passed"
    assert sum(s.points for s in report.sweeps) >= 27, "30 points, of which one for each path may be listed"
    assert len(report.sweeps) == 2
    wrong = check(sign_of_exp, 0.5, backward=lambda dout, x: -dout * np.exp(-x), domain={"x": (-3, 3)}, sample=30)
    assert wrong.status == "failed", "the twin: the gradient of one path on the other"


def test_a_limit_holds_for_points_of_the_sample():
    assert_gradient(product, X, W, backward=product_backward, domain={"x": (-3, 3), "w": (1, 2)}, sample=10, accept={"ulps": 1})


def test_what_cannot_be_traced_names_the_line_of_the_user():
    def numbers(x):
        return float(str(x))

    report = check(numbers, 0.3, backward=lambda dout: dout)
    (found,) = [f for f in report.findings if f.code == "V112"]
    line = numbers.__code__.co_firstlineno + 1
    assert f"test_doors.py:{line}:" in found.message
    assert "give function=" in found.message


def test_a_callable_of_which_nothing_was_checked_does_not_pass() -> None:
    with pytest.raises(AssertionError, match=r"^nothing was checked: every gradient is undefined"):
        assert_gradient(np.log, np.array([-1.0]), backward=lambda dout, x: dout / x)
    with pytest.raises(AssertionError, match=r"^nothing was checked: there is no gradient of any number"):
        assert_gradient(np.log, np.zeros(0), backward=lambda dout, x: dout / x)
    assert_gradient(np.log, np.array([1.0]), backward=lambda dout, x: dout / x)


def test_what_warns_of_a_callable_is_a_warning_at_the_line_of_the_test() -> None:
    with pytest.warns(GradientWarning, match="V203 .*vanished") as warned:
        assert_gradient(np.tanh, np.array([20.0]), backward=lambda dout, x: dout * (1 - np.tanh(x) ** 2))
    assert [w.filename for w in warned] == [__file__]
    with pytest.raises(AssertionError, match="V203"):
        assert_gradient(np.tanh, np.array([20.0]), backward=lambda dout, x: dout * (1 - np.tanh(x) ** 2), strict=True)


def _raising(x):
    return _inner(x)


def _inner(_):
    raise KeyError("of the user")


def test_an_error_of_the_users_code_has_no_lines_of_this_package():
    with pytest.raises(KeyError, match="of the user") as caught:
        assert_gradient(_raising, X, backward=product_backward)
    shown = [entry.frame.code.raw.co_name for entry in caught.traceback if not entry.ishidden(caught)]
    assert shown == ["test_an_error_of_the_users_code_has_no_lines_of_this_package", "_raising", "_inner"]


def test_an_error_of_this_package_keeps_its_lines():
    """The twin: without a line of the user's nothing is left out, so that a fault of the tool can be found."""
    with pytest.raises(ValueError, match="is no input of product") as caught:
        assert_gradient(product, X, W, backward=product_backward, domain={"v": (0, 1)})
    assert len(caught.traceback) > 3


@pytest.mark.parametrize("of", ["numpy", "torch", "jax", "testing"])
def test_a_misspelt_option_gets_a_suggestion(of):
    pytest.importorskip(of if of in ("torch", "jax") else "numpy")
    door = importlib.import_module(f"verifier.{of}")
    with pytest.raises(TypeError, match=r"assert_gradient\(\) has no option 'upstreem'; did you mean 'upstream'\?; it has .*domain"):
        door.assert_gradient(*((product, X, W) if of != "testing" else ()), upstreem=2)


# ---------------------------------------------------------------- where the gradients are claimed

THREE = np.array([0.5, 2.0, -1.0])


def masked(x):
    """Its gradient is 1, and 2 for numbers as large as those by which people mask."""
    return np.where(x < 1e9, x, 2 * x - 1e9)


def masked_backward(dout, x):
    return dout * np.ones_like(x)


def test_a_mask_of_large_numbers_is_refuted_at_numbers_as_large_and_the_finding_says_how_to_exclude_these():
    (found,) = [f for f in check(masked, THREE, backward=masked_backward).findings if f.code == "V107"]
    assert any("scope='abs(x) < 1e" in d and "scope='points'" in d for d in found.details)


@pytest.mark.parametrize("options", [{"scope": "abs(x) < 1e6"}, {"scope": "max(abs(x)) < 1e6 and x[0] > -5"}, {"scope": "points"}, {"domain": {"x": (-100, 100)}}])
def test_what_is_not_meant_is_not_refuted(options):
    assert check(masked, THREE, backward=masked_backward, **options).status == "passed"
    assert check(masked, THREE, backward=lambda dout, x: 1.0005 * masked_backward(dout, x), **options).status == "failed"


def test_a_scope_that_leaves_the_mistake_in_refutes():
    assert check(masked, THREE, backward=masked_backward, scope="abs(x) < 1e12").status == "failed"
    assert check(masked, THREE, backward=masked_backward, scope="domain").status == "failed"


def test_a_sample_has_points_of_the_scope_only():
    def above(dout, x):
        return np.where(x > 0, dout, 2 * dout)

    assert check(lambda x: x, 0.5, backward=above, names=["x"], scope="x > 0", domain={"x": (-1, 1)}, sample=40).status == "passed"
    assert check(lambda x: x, 0.5, backward=above, names=["x"], domain={"x": (-1, 1)}, sample=40).status == "failed"


@pytest.mark.parametrize(
    ("scope", "said"),
    [("abs(x) < 0.1", "does not hold at the inputs that are given"), ("abs(x)", "it must be a condition, such as abs(x) < 1e6, or 'points'"), ("t < 1", "unknown name 't'"), ("x[0] <", "the expression ends where a value is expected")],
)
def test_a_scope_that_is_none_is_refused(scope, said):
    with pytest.raises(ValueError, match="scope: ") as raised:
        check(masked, THREE, backward=masked_backward, scope=scope)
    assert said in str(raised.value)


def test_a_bound_for_a_domain_with_holes_is_refused():
    with pytest.raises(ValueError, match="scope leaves some out"):
        check(np.exp, 1.0, backward=lambda dout, x: dout * np.exp(x), names=["x"], domain={"x": (0, 1)}, certify={"ulps": 6}, scope="x > 0.5")
