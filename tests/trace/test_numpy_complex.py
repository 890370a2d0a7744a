"""Fourier transforms and complex numbers in NumPy code with real inputs and outputs: right backward passes pass, wrong ones are certified wrong with their line."""

from __future__ import annotations

import numpy as np
import pytest

from verifier.numpy import check
from verifier.trace.layers import CallError

X, Y, K = np.array([0.3, -0.7, 1.1, 0.2, 0.5]), np.array([1.2, 0.4, -0.6, 0.9, -0.3]), np.arange(5.0)
M = np.array([[0.1, 0.2, 0.3], [1.0, -1.0, 2.0]])
GAINS = np.array([1.0, 2.0, 3.0])


def part_by_part(x):
    z = np.zeros(5, dtype=complex)
    for i in range(5):
        z[i] = x[i] * np.exp(1j * i)
    z *= 2
    z.imag = z.imag + 1.0
    return np.sum(np.abs(z) ** 2)


RIGHT = {  # a forward pass, its backward pass as textbooks have it (Parseval's theorem, the theorem of convolution), the inputs
    "a power spectrum": (lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2 * K), lambda d, x: d * 10 * np.real(np.fft.ifft(K * np.fft.fft(x))), (X,)),
    "a filter": (lambda x: np.fft.irfft(np.fft.rfft(x) * GAINS, 5), lambda d: np.fft.irfft(np.fft.rfft(d) * GAINS, 5), (X,)),
    "a circular convolution": (
        lambda x, y: np.fft.ifft(np.fft.fft(x) * np.fft.fft(y)).real,
        lambda d, x, y: (np.fft.ifft(np.fft.fft(d) * np.conj(np.fft.fft(y))).real, np.fft.ifft(np.fft.fft(d) * np.fft.fft(x).conj()).real),
        (X, Y),
    ),
    "two axes": (lambda x: np.sum(np.abs(np.fft.fft2(x)) ** 2), lambda d, x: 12 * d * x, (M,)),
    "two axes and back": (lambda x: np.fft.irfft2(np.fft.rfft2(x) * 2, s=x.shape), lambda d: 2 * d, (M,)),
    "all axes, over the root": (lambda x: np.sum(np.abs(np.fft.fftn(x, norm="ortho")) ** 2), lambda d, x: 2 * d * x, (M,)),
    "filled with zeros": (lambda x: np.sum(np.abs(np.fft.fft(x, n=8)) ** 2), lambda d, x: 16 * d * x, (X,)),
    "over the count, and shifted": (
        lambda x: np.sum(np.abs(np.fft.fftshift(np.fft.fft(x, norm="forward"))) ** 2 * K),
        lambda d, x: d * 2 / 5 * np.fft.ifft(np.fft.ifftshift(K) * np.fft.fft(x)).real,
        (X,),
    ),
    "a power": (lambda x: np.sum(((x + 1j * x**2) ** 2).imag), lambda d, x: 6 * d * x**2, (X,)),
    "an angle": (lambda x, y: np.sum(np.angle(x + 1j * y)), lambda d, x, y: (-d * y / (x * x + y * y), d * x / (x * x + y * y)), (X, Y)),
    "a logarithm": (lambda x, y: np.sum(np.log(x + 1j * y).real), lambda d, x, y: (d * x / (x * x + y * y), d * y / (x * x + y * y)), (X, Y)),
    "a root": (lambda x, y: np.sum(np.sqrt(x + 1j * y).real), lambda d, x, y: (d * (0.5 / np.sqrt(x + 1j * y)).real, d * (0.5j / np.sqrt(x + 1j * y)).real), (X, Y)),
    "a product of vectors": (lambda x, y: np.vdot(x + 1j * y, y).real, lambda d, x, y: (d * y, d * x), (X, Y)),
    "joined, and of lists": (lambda x: np.sum(np.abs(np.concatenate([np.fft.fft(x), x, [1j * x[0]]])) ** 2), lambda d, x: 2 * d * (6 * x + np.array([x[0], 0, 0, 0, 0])), (X,)),
    "written into": (part_by_part, lambda d, x: d * (8 * x + 4 * np.sin(K)), (X,)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_backward_pass_is_traced_and_passes(name):
    forward, backward, inputs = RIGHT[name]
    report = check(forward, *inputs, backward=backward)
    assert (report.status, report.basis, [f.message for f in report.findings if f.code != "V105"]) == ("passed", "traced", [])


def filtered_forward(x, y):
    return np.fft.ifft(np.fft.fft(x) * np.fft.fft(y)).real


def filtered_backward(dout, x, y):
    dx = np.fft.ifft(np.fft.fft(dout) * np.fft.fft(y)).real  # no conjugate
    dy = np.fft.ifft(np.fft.fft(dout) * np.conj(np.fft.fft(x))).real
    return dx, dy


def test_a_conjugate_that_is_forgotten_is_wrong_with_its_line():
    report = check(filtered_forward, X, Y, backward=filtered_backward)
    (found,) = [f for f in report.findings if f.code == "V101"]
    assert (report.status, report.basis, {g.partition("[")[0] for g in found.gradients}) == ("failed", "traced", {"dx"})
    assert found.place.line == filtered_backward.__code__.co_firstlineno + 1


def test_a_factor_of_the_count_that_is_missing_is_said():
    report = check(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2), X, backward=lambda d, x: d * 2 * x)
    assert report.status == "failed"
    assert "the factor `x.shape[0]` is missing" in report.findings[0].message, "Parseval: the sum of squares of the spectrum is n times that of the signal"


def test_a_complex_output_is_refused_in_words_that_say_what_to_return():
    with pytest.raises(CallError, match="out is complex: return its real part"):
        check(np.fft.fft, X, backward=lambda d: d)


def test_what_is_not_traced_of_complex_numbers_names_the_operation_the_line_and_what_to_do():
    report = check(lambda x: np.sum(np.arcsinh(x + 1j).real), X, backward=lambda d, x: d * x)
    note = report.findings[0].message
    assert "np.arcsinh of complex numbers" in note
    assert f"{__file__}:" in note
    assert "write the real and the imaginary part out" in note
