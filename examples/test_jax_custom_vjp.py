"""The rule is the derivative of the formula it stands for, alone and under jit and vmap."""

import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed")

import jax.numpy as jnp
from jax_custom_vjp import softplus

from verifier.jax import assert_gradient


def test_the_rule_is_the_derivative_of_the_formula():
    assert_gradient(softplus, 0.3, function="log(1 + exp(x))", domain={"x": (-30, 30)}, sample=50)


def test_it_is_right_under_jit_and_vmap():
    assert_gradient(jax.jit(jax.vmap(softplus)), jnp.array([0.3, -2.0, 40.0]))


@jax.custom_vjp
def flipped(x):
    return jnp.logaddexp(x, 0.0)


flipped.defvjp(lambda x: (flipped(x), x), lambda x, g: (g / (1 + jnp.exp(x)),))


def test_a_flipped_sign_is_found():
    with pytest.raises(AssertionError, match="wrong-gradient"):
        assert_gradient(flipped, 0.3)
