"""Complex numbers and Fourier transforms inside JAX code with real inputs and outputs: the steps are believed at JAX's floats, and wrong rules are named."""

from __future__ import annotations

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed here")

import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

from verifier.jax import check  # noqa: E402
from verifier.trace.record import Refusal  # noqa: E402

X, Y = jnp.array([0.3, -0.7, 1.1, 0.2]), jnp.array([1.2, 0.4, -0.6, 0.9])
RIGHT = {
    "a power spectrum": (lambda x: jnp.sum(jnp.abs(jnp.fft.fft(x)) ** 2 * jnp.arange(4.0)), (X,)),
    "of real numbers and back": (lambda x: jnp.fft.irfft(jnp.fft.rfft(x) * jnp.array([1.0, 2.0, 3.0])), (X,)),
    "of an odd number": (lambda x: jnp.fft.irfft(jnp.fft.rfft(x[:3]) * 2, 3), (X,)),
    "two axes": (lambda x, y: jnp.abs(jnp.fft.fft2(jnp.outer(x[:2], y[:2]))), (X, Y)),
    "a circular convolution": (lambda x, y: jnp.real(jnp.fft.ifft(jnp.fft.fft(x) * jnp.fft.fft(y))), (X, Y)),
    "over the root": (lambda x: jnp.imag(jnp.fft.fftshift(jnp.fft.ifft(x, norm="ortho"))), (X,)),
    "conj, exp": (lambda x, y: jnp.real(jnp.conj(lax.complex(x, y)) * jnp.exp(1j * x)), (X, Y)),
    "a quotient, a power": (lambda x, y: jnp.imag(lax.complex(x, y) ** 3 / lax.complex(y, x)), (X, Y)),
    "log, sqrt, angle": (lambda x, y: jnp.real(jnp.log(z := lax.complex(x, y)) + jnp.sqrt(z)) + jnp.angle(z), (X, Y)),
    "sin, tanh": (lambda x, y: jnp.real(jnp.sin(lax.complex(x, y)) + jnp.tanh(lax.complex(y, x))), (X, Y)),
    "a product of matrices": (lambda x, y: jnp.abs(jnp.vdot(lax.complex(x, y), 1j * y)), (X, Y)),
    "scan, where": (lambda x, y: jnp.real(lax.scan(lambda z, a: (jnp.where(a.real > 0, z * a + 1j, z), z), 1.0 + 0.5j, lax.complex(x, y))[0]), (X, Y)),
    "a turn of pairs": (lambda x: jnp.stack([(z := lax.complex(x[:2], x[2:]) * jnp.exp(1j * jnp.arange(2.0))).real, z.imag]), (X,)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_complex_numbers_are_pairs_of_steps(name):
    function, inputs = RIGHT[name]
    report = check(function, *inputs)
    assert (report.status, report.basis, [f.message for f in report.findings if f.severity == "error"]) == ("passed", "traced", [])


@jax.custom_vjp
def energy(x):
    return jnp.sum(jnp.abs(jnp.fft.rfft(x)) ** 2)


def energy_backward(x, g):
    spectrum = jnp.fft.rfft(x)
    dx = 2 * g * jnp.fft.irfft(spectrum, 4) * 4
    return (dx,)


energy.defvjp(lambda x: (energy(x), x), energy_backward)


def test_the_other_half_of_a_spectrum_that_is_counted_twice_is_wrong():
    """The sum of squares over half a spectrum counts the inner rows once, not twice as Parseval's theorem for the whole spectrum has it."""
    report = check(energy, X)
    assert (report.status, report.basis) == ("failed", "traced")
    assert {f.place.line for f in report.findings if f.code == "V101"} <= set(range(energy_backward.__code__.co_firstlineno + 1, energy_backward.__code__.co_firstlineno + 4))
    step = np.zeros(4)
    step[1] = 1e-3
    slope = (float(energy(X + step)) - float(energy(X - step))) / 2e-3
    assert abs(float(jax.grad(energy)(X)[1]) - slope) > 0.1, "by finite differences as well"


def test_a_complex_output_is_refused_in_words_that_say_what_to_return():
    with pytest.raises(Refusal, match="out is complex; return its real part"):
        check(jnp.fft.fft, X)


def test_a_complex_input_is_said_to_be_a_constant():
    report = check(lambda x, z: jnp.sum(jnp.abs(x * z)), X, jnp.array(1.0 + 2.0j))
    assert (report.status, report.basis) == ("passed", "traced")
    assert any(n.startswith("complex inputs are taken as constants") for n in report.notes)
