"""A mistake in a rule is found in the rule, however often and wherever the rule and its weights are used."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed here")

import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

from verifier.jax import check  # noqa: E402

W = np.array([[0.1, 0.3], [-0.2, 0.4]])
X = np.array([0.5, -0.7])
SEQUENCE = np.array([[0.5, -0.7], [0.2, 0.1], [-0.4, 0.3]])


@jax.custom_vjp
def cell(z):
    return jnp.tanh(z)


def cell_backward(z, g):
    t = jnp.tanh(z)
    return (g * (1 - t),)  # the mistake


cell.defvjp(lambda z: (jnp.tanh(z), z), cell_backward)


@jax.custom_vjp
def product(w, x):
    return w @ x


def product_backward(held, g):
    w, x = held
    return jnp.outer(x, g), w.T @ g  # the mistake


product.defvjp(lambda w, x: (w @ x, (w, x)), product_backward)


@jax.custom_vjp
def layer(w, x):
    return jnp.tanh(w @ x)


def layer_forward(w, x):
    y = jnp.tanh(w @ x)
    return y, (w, x, y)


def layer_backward(held, g):
    w, x, y = held
    d = g * (1 - y * y)
    dx = w.T @ d
    dw = jnp.outer(g, x)  # the mistake
    return dw, dx


layer.defvjp(layer_forward, layer_backward)


def recurrent(step):
    return lambda w, x: lax.scan(lambda h, v: (step(w, h, v),) * 2, jnp.zeros(2), x)[1].sum()


def in_python(w, x):
    h = jnp.zeros(2)
    for v in x:
        h = cell(w @ h + v)
    return h


USES = {
    "before and after": (lambda w, x: w @ cell(w @ x), X),
    "rounds of a scan": (recurrent(lambda w, h, v: cell(w @ h + v)), SEQUENCE),
    "rounds of a Python loop": (in_python, SEQUENCE),
    "products with one weight": (lambda w, x: product(w, jnp.tanh(product(w, x))), X),
    "a product after a right one": (lambda w, x: product(w, jnp.tanh(w @ x)), X),
    "a product before a right one": (lambda w, x: w @ jnp.tanh(product(w, x)), X),
    "layers with one weight": (lambda w, x: layer(w, layer(w, x)), X),
    "layers in a scan": (recurrent(lambda w, h, v: layer(w, h + v)), SEQUENCE),
    "layers in a loop": (lambda w, x: lax.fori_loop(0, 3, lambda _, h: layer(w, h), x), X),
    "vmap": (jax.vmap(layer, (None, 0)), SEQUENCE),
}


@pytest.mark.parametrize("name", USES)
def test_the_line_of_the_rule_is_named(name):
    fn, x = USES[name]
    report = check(fn, W, x)
    assert "wrong" in {r.verdict.value for r in report.results}
    assert {f.source_line.endswith("# the mistake") for f in report.findings if f.code == "V101"} == {True}, [(f.source_line, f.message) for f in report.findings]


def test_a_right_rule_that_is_used_twice_passes():
    right = jax.custom_vjp(jnp.tanh)
    right.defvjp(lambda z: (jnp.tanh(z), jnp.tanh(z)), lambda t, g: (g * (1 - t * t),))
    report = check(lambda w, x: w @ right(w @ right(w @ x)), W, X)
    assert (report.status, report.findings) == ("passed", ())
