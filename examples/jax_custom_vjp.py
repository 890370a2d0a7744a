"""A rule of one's own in JAX: log(1 + exp(x)), whose derivative by JAX's rules would be inf / inf for large x."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def softplus(x):
    """log(1 + exp(x))."""
    return jnp.logaddexp(x, 0.0)


def softplus_forward(x):
    return softplus(x), x


def softplus_backward(x, g):
    return (g / (1 + jnp.exp(-x)),)


softplus.defvjp(softplus_forward, softplus_backward)
