"""Gradients that leave out a part on purpose: straight-through estimators, and what is held constant by `detach` and `stop_gradient`."""

# ruff: noqa: ARG004 - the signatures are torch's

from __future__ import annotations

import numpy as np
import pytest

from verifier.numpy import check as check_numpy

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")
jax = pytest.importorskip("jax", reason="JAX is not installed here")

import jax.numpy as jnp  # noqa: E402

from verifier.jax import check as check_jax  # noqa: E402
from verifier.torch import check as check_torch  # noqa: E402

X = torch.tensor([0.3, -1.2], dtype=torch.float64)


def hard_less_soft(x):
    soft = torch.sigmoid(x)
    hard = (soft > 0.5).to(soft.dtype)
    return hard - soft.detach() + soft


def rounded(x):
    return x + (torch.round(x) - x).detach()


def rounded_without_gradients(x):
    with torch.no_grad():
        change = torch.round(x) - x
    return x + change


def in_a_network(x):
    h = torch.tanh(x)
    return torch.sin(rounded(h)) * h


def rounded_numbers(x):
    return np.round(x)


def by_torch(x):
    return torch.nn.functional.gumbel_softmax(x, hard=True)


def rounded_in_jax(x):
    return x + jax.lax.stop_gradient(jnp.round(x) - x)


def hard_less_soft_in_jax(x):
    soft = jax.nn.sigmoid(x)
    return (soft > 0.5).astype(soft.dtype) - jax.lax.stop_gradient(soft) + soft


def semi_gradient(x):
    value = torch.tanh(x)
    return (1.0 + 0.9 * value[0].detach() - value[1]) ** 2


def factor_in_jax(x):
    return jnp.sin(x) * jax.lax.stop_gradient(x)


class Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.round(x)

    @staticmethod
    def backward(ctx, g):
        return g


@jax.custom_vjp
def sign(x):
    return jnp.sign(x)


sign.defvjp(lambda x: (jnp.sign(x), x), lambda x, g: (jnp.where(jnp.abs(x) <= 1, g, 0),))


def of_wrong(report):
    (found,) = [f for f in report.findings if f.code == "V101"]
    return found


@pytest.mark.parametrize(("fn", "what"), [(hard_less_soft, "detach() in line"), (rounded, "detach() in line"), (rounded_without_gradients, "torch.no_grad() in line"), (in_a_network, "detach() in line"), (by_torch, "detach() in line")])
def test_a_straight_through_estimator_of_torch_is_called_one_at_its_own_line(fn, what):
    found = of_wrong(check_torch(fn, X))
    assert what in found.message
    assert "straight-through estimator" in found.message
    assert "detach" in found.source_line or "torch.round(x) - x" in found.source_line or "gumbel" in found.source_line
    assert any("held constant, every gradient is certified" in d for d in found.details)
    assert any("function=" in d for d in found.details)


@pytest.mark.parametrize("fn", [rounded_in_jax, hard_less_soft_in_jax])
def test_one_of_jax_as_well(fn):
    found = of_wrong(check_jax(fn, jnp.array([0.3, -1.2])))
    assert "straight-through estimator" in found.message
    assert "stop_gradient" in found.source_line


@pytest.mark.parametrize(("report", "what"), [(lambda: check_torch(semi_gradient, X), "detach()"), (lambda: check_jax(factor_in_jax, 0.3), "stop_gradient")])
def test_what_is_held_constant_without_cancelling_is_no_straight_through_estimator(report, what):
    found = of_wrong(report())
    assert f"a part of it is left out, by {what} in line" in found.message
    assert "straight-through" not in found.message


def test_a_mistake_beside_the_estimator_is_not_excused():
    """The factor 2 of the backward pass is wrong with the stopped value constant as well."""

    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return 2 * g

    report = check_torch(lambda x: rounded(Doubled.apply(x)), X)
    assert not any("straight-through" in f.message for f in report.findings)
    assert any("detach() stops the gradient" in n for n in report.notes)
    assert report.status == "failed"


def test_softmax_of_jax_stops_a_gradient_of_its_own_and_that_is_nobodys_fault():
    assert check_jax(jax.nn.softmax, jnp.array([0.3, -1.2])).status == "passed"
    found = of_wrong(check_jax(lambda x: jax.nn.softmax(x) * jax.lax.stop_gradient(x), jnp.array([0.3, -1.2])))
    assert found.message.count(" in line") == 1


def test_the_function_that_is_meant_may_be_stated_and_its_value_is_a_note():
    report = check_torch(rounded, X, function="x")
    assert report.status == "passed"
    assert not report.findings
    assert any("straight-through" in n for n in report.notes)
    assert check_torch(rounded, X, function="2 * x").status == "failed"
    assert check_torch(rounded, X, function="x").proofs["rounded"]["dx[0]"] == "proved"


@pytest.mark.parametrize("report", [lambda f: check_torch(Rounded.apply, X, function=f), lambda f: check_numpy(rounded_numbers, X.numpy(), backward=lambda dout, x: dout * np.ones_like(x), function=f)])
def test_a_rule_of_a_step_says_why_the_exact_gradient_is_zero(report):
    found = of_wrong(report(None))
    assert "constant between the jumps of `round`, so the exact gradient is 0" in found.message
    assert not any("Subs" in d or "Derivative" in d for d in found.details)
    stated = report("x")
    assert stated.status == "passed"
    assert [(f.code, f.severity) for f in stated.findings] == [("V105", "warning")]
    assert report("3 * x").status == "failed"


def test_the_sign_of_a_binary_network_too():
    assert "jumps of `sign`" in of_wrong(check_jax(sign, jnp.array([0.3, -0.7]))).message


def test_a_forward_pass_that_is_no_step_is_still_not_the_function_that_is_stated():
    (found,) = [f for f in check_torch(torch.sin, X, function="x").findings if f.code == "V105"]
    assert found.severity == "error"


# ---------------------------------------------------------------- layers that return what they are given


class Reversed(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, factor):
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return -ctx.factor * g, None


@jax.custom_vjp
def halved(x):
    return x


halved.defvjp(lambda x: (x, None), lambda _, g: (g / 2,))


def reversed_in_torch(**options):
    return check_torch(lambda x: Reversed.apply(x, 0.75), X, **options)


def halved_in_jax(**options):
    return check_jax(halved, jnp.array([0.3, -1.2]), **options)


@pytest.mark.parametrize(("report", "function", "other"), [(reversed_in_torch, "-0.75*x", "-x"), (halved_in_jax, "x/2", "x/3")])
def test_a_layer_that_reverses_or_scales_gradients_is_checked_against_the_function_that_is_stated(report, function, other):
    bare = report()
    assert bare.status == "failed"
    assert "the forward pass returns its input as it is" in of_wrong(bare).message
    stated = report(function=function)
    assert stated.status == "passed"
    assert [(f.code, f.severity) for f in stated.findings] == [("V105", "warning")]
    assert report(function=function, strict=True).status == "failed"
    assert {(f.code, f.severity) for f in report(function=other).findings} == {("V105", "error"), ("V101", "error")}


class Sorted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        values, order = x.sort()
        ctx.save_for_backward(order)
        return values

    @staticmethod
    def backward(ctx, g):
        (order,) = ctx.saved_tensors
        return g.gather(0, order)  # scatter is meant


@pytest.mark.parametrize("fn", [Sorted.apply, lambda x: Reversed.apply(x, 0.75)[:1]], ids=["in another order", "a part"])
def test_what_returns_its_input_otherwise_than_as_it_is_is_no_such_layer(fn):
    found = of_wrong(check_torch(fn, torch.tensor([0.3, -1.2, -0.5], dtype=torch.float64)))
    assert "as it is" not in found.message


# ---------------------------------------------------------------- NaN from a branch that is not chosen


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (lambda: check_jax(lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0), jnp.array([1.0, -1.0])), "jnp.sqrt(x)"),
        (lambda: check_jax(lambda x: jnp.where(x > 0, jnp.sqrt(x), 0.0).sum(), jnp.array([1.0, 0.0])), "jnp.sqrt(x)"),
        (lambda: check_torch(lambda x: torch.where(x > 0, torch.sqrt(x), torch.zeros_like(x)), X), "torch.sqrt(x)"),
        (lambda: check_torch(lambda x: torch.where(x == 0, 1.0, torch.sin(x) / x), torch.tensor([1.0, 0.0], dtype=torch.float64)), "torch.sin(x) / x"),
    ],
)
def test_nan_of_a_branch_that_is_not_chosen_is_explained(report, line):
    found = of_wrong(report())
    assert "NaN from a branch that" in found.message
    assert f"what `{line}` computes has no finite derivative there" in found.message
    assert any("where(c, x, 1)" in d for d in found.details)


def test_a_nan_of_another_cause_is_not_one():
    found = of_wrong(check_torch(lambda x: torch.sqrt(x * x).sum() * 0.0 + x.sum(), torch.tensor([0.0, 1.0], dtype=torch.float64)))
    assert "does not choose" not in found.message
