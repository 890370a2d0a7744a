"""Functions of JAX with rules of their own: right ones, and ones that were wrong in released libraries."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def tutorial(x, y):
    return jnp.sin(x) * y


def tutorial_fwd(x, y):
    return tutorial(x, y), (jnp.cos(x), jnp.sin(x), y)


def tutorial_bwd(res, g):
    cos_x, sin_x, y = res
    return cos_x * g * y, -sin_x * g


tutorial.defvjp(tutorial_fwd, tutorial_bwd)


@jax.custom_vjp
def corrected(x, y):
    return jnp.sin(x) * y


def corrected_bwd(res, g):
    cos_x, sin_x, y = res
    return cos_x * g * y, sin_x * g


corrected.defvjp(tutorial_fwd, corrected_bwd)


@jax.custom_jvp
def log1pexp(x):
    return jnp.log(1.0 + jnp.exp(x))


@log1pexp.defjvp
def log1pexp_jvp(primals, tangents):
    (x,), (x_dot,) = primals, tangents
    return log1pexp(x), (1 - 1 / (1 + jnp.exp(x))) * x_dot


@jax.custom_vjp
def weighted(x, a):
    return jnp.log(jnp.sum(a * jnp.exp(x)))


def weighted_fwd(x, a):
    return weighted(x, a), (x, a)


def weighted_bwd(res, g):
    x, a = res
    p = jnp.exp(x) / jnp.sum(a * jnp.exp(x))
    return g * a * p, g * p


weighted.defvjp(weighted_fwd, weighted_bwd)


@jax.custom_vjp
def masked(x, a):
    return jnp.log(jnp.sum(a * jnp.exp(x)))


def masked_bwd(res, g):
    x, a = res
    p = jnp.exp(x) / jnp.sum(a * jnp.exp(x))
    return g * a * p, g * jnp.where(a == 0, 0.0, p)


masked.defvjp(weighted_fwd, masked_bwd)


@jax.custom_vjp
def expm1(x):
    return jnp.expm1(x)


expm1.defvjp(lambda x: (jnp.expm1(x), jnp.expm1(x)), lambda out, g: (g * (out + 1),))


def rnn(x, w, h):
    def step(h, x_t):
        h = jnp.tanh(w @ h + x_t)
        return h, h

    last, _ = jax.lax.scan(step, h, x)
    return last
