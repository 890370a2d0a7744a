"""Functions of JAX as people write them: right, and wrong in ways that people have been wrong."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax


def plain(x, y):
    a = jnp.sin(x) * y
    return a + jnp.exp(-x)


@jax.custom_vjp
def sigmoid(x):
    return 1 / (1 + jnp.exp(-x))


def sigmoid_forward(x):
    s = sigmoid(x)
    return s, s


def sigmoid_backward(s, g):
    slope = s * (1 - s)
    return (slope * g,)


sigmoid.defvjp(sigmoid_forward, sigmoid_backward)


@jax.custom_vjp
def sigmoid_plus(x):
    return jax.nn.sigmoid(x)


def plus_forward(x):
    s = jax.nn.sigmoid(x)
    return s, s


def plus_backward(s, g):
    slope = s * (1 + s)
    return (slope * g,)


sigmoid_plus.defvjp(plus_forward, plus_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def applied(f, x):
    return f(x)


def applied_forward(f, x):
    return f(x), x


def applied_backward(f, x, g):
    del f
    return (g * jnp.cos(x),)


applied.defvjp(applied_forward, applied_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def applied_twice(f, x):
    return f(x)


def twice_backward(f, x, g):
    del f
    return (2 * g * jnp.cos(x),)


applied_twice.defvjp(applied_forward, twice_backward)


@jax.custom_jvp
def softplus(x):
    return jnp.log1p(jnp.exp(x))


@softplus.defjvp
def softplus_jvp(primals, tangents):
    ((x,), (tangent,)) = primals, tangents
    return softplus(x), jax.nn.sigmoid(x) * tangent


@jax.custom_jvp
def softplus_squared(x):
    return jnp.log1p(jnp.exp(x))


@softplus_squared.defjvp
def squared_jvp(primals, tangents):
    ((x,), (tangent,)) = primals, tangents
    s = jax.nn.sigmoid(x)
    return softplus_squared(x), s * s * tangent


def by_scan(x):
    def step(carry, value):
        new = carry * value + jnp.sin(carry)
        return new, carry

    last, seen = lax.scan(step, 0.5, x)
    return last + seen.sum()


def by_loop(x):
    return lax.fori_loop(0, 3, lambda _, c: c * jnp.cos(x), x)


def by_cond(x):
    return lax.cond(x > 0, lambda v: v * v, lambda v: -v, x)


@jax.custom_vjp
def square_root(a):
    return lax.while_loop(lambda y: abs(y * y - a) > 1e-12 * a, lambda y: 0.5 * (y + a / y), a)


square_root.defvjp(lambda a: (square_root(a),) * 2, lambda y, g: (g / (2 * y),))


def layer(params, x):
    return jnp.tanh(x @ params["w"] + params["b"])
