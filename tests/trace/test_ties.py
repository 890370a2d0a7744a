"""Smooth functions that the frameworks compute with a maximum: where it ties, a right gradient is certified right and a wrong one wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed here")
torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

import jax.numpy as jnp  # noqa: E402

import verifier.jax  # noqa: E402
import verifier.numpy  # noqa: E402
import verifier.torch  # noqa: E402
from verifier.language.verdict import Verdict  # noqa: E402

RIGHT = {Verdict.CORRECT, Verdict.ROUNDING}
ZEROS = np.zeros((3, 2))
LABELS = np.array([1, 1])  # repeated: a blank must stand between them


def by_jax(function: Callable[..., Any], *inputs: Any) -> Any:
    with jax.enable_x64(True):
        return verifier.jax.check(function, *map(jnp.asarray, inputs))


def by_torch(function: Callable[..., Any], *inputs: Any) -> Any:
    return verifier.torch.check(function, *(torch.tensor(x, dtype=torch.float64) for x in inputs))


def verdicts(report: Any) -> set[Verdict]:
    return {r.verdict for r in report.results}


def log_sum(m: Any, a: Any, b: Any) -> Any:
    largest = m.maximum(a, b)
    return largest + m.log1p(m.exp(-m.abs(a - b)))


def shifted_log_sum(m: Any, a: Any, b: Any) -> Any:
    largest = m.maximum(a, b)
    return largest + m.log(m.exp(a - largest) + m.exp(b - largest))


def scores(add: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """A sum over paths, round after round: in each of them both terms are equal, and no ball tells."""

    def total(x: Any) -> Any:
        a, b = x[0] + x[1], x[1] * 1.0 + x[0]
        for k in range(3):
            a, b = add(a + x[k] * x[k], b + x[k] * 2.0 * x[k] / 2.0), add(b + x[k], x[k] + a)
        return add(a, b)

    return total


def chain(log_sum_exp: Callable[..., Any]) -> Callable[..., Any]:
    """The partition function of a linear chain, whose scores are all equal before it is trained."""

    def partition(transitions: Any, emissions: Any) -> Any:
        alpha = emissions[0]
        for k in range(1, len(emissions)):
            alpha = log_sum_exp(alpha[:, None] + transitions, 0) + emissions[k]
        return log_sum_exp(alpha, 0)

    return partition


def ctc(logits: Any) -> Any:
    """The loss of Optax: `scan`, a logarithm of zero that is -1e5, and equal arguments of `logaddexp` where a label is repeated."""
    least = -1e5
    logs = jax.nn.log_softmax(logits)
    repeat = jnp.array([1.0, 0.0])  # the first label is followed by itself

    def with_added(phi: Any, added: Any) -> Any:
        return jnp.concatenate([phi[:1], jnp.logaddexp(phi[1:], added)])

    def body(before: Any, row: Any) -> Any:
        phi, emit = before
        phi = with_added(phi, emit + least * repeat)
        of_labels, of_blank = row[LABELS], row[0]
        after = jnp.logaddexp(phi[:-1] + of_labels, emit + of_labels)
        return (with_added(phi + of_blank, emit + of_blank + least * (1.0 - repeat)), after), 0.0

    start = jnp.array([0.0, least, least]), jnp.array([least, least])
    (phi, emit), _ = jax.lax.scan(body, start, logs)
    return -with_added(phi, emit)[-1]


def ctc_without_nan(logits: Any) -> Any:
    """A CTC loss whose logarithm of zero is -inf, and which keeps two of them apart from `logaddexp`, against NaN in the gradient."""

    def add(a: Any, b: Any) -> Any:
        are_nothing = (a == -jnp.inf) & (b == -jnp.inf)
        return jnp.where(are_nothing, -jnp.inf, jnp.logaddexp(jnp.where(are_nothing, 0.0, a), jnp.where(are_nothing, 0.0, b)))

    def body(alpha: Any, row: Any) -> Any:
        return add(alpha, jnp.concatenate([jnp.array([-jnp.inf]), alpha[:-1]])) + row[jnp.array([0, 1, 0])], 0.0

    logs = jax.nn.log_softmax(logits)
    alpha, _ = jax.lax.scan(body, jnp.full(3, -jnp.inf).at[0].set(logs[0, 0]).at[1].set(logs[0, 1]), logs[1:])
    return -add(alpha[-1], alpha[-2])


JAX: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "logaddexp": (jnp.logaddexp, (1.5, 1.5)),
    "logaddexp2": (jnp.logaddexp2, (1.5, 1.5)),
    "hypot": (jnp.hypot, (1.5, 1.5)),
    "hypot of a 0": (jnp.hypot, (0.0, -1.5)),
    "softplus": (jax.nn.softplus, (0.0,)),
    "huge differences": (jnp.logaddexp, (1e300, -1e300)),
    "-inf": (lambda x: jnp.logaddexp(x, -jnp.inf), (1.5,)),
    "-inf and -inf": (lambda x: jnp.logaddexp(x, jnp.logaddexp(-jnp.inf, -jnp.inf)), (1.5,)),
    "-inf that moves": (lambda x: jnp.logaddexp2(2 * x, x - jnp.inf), (1.5,)),
    "logsumexp of what no ball tells apart": (lambda x: jax.nn.logsumexp(jnp.stack([jnp.sin(x) ** 2 + jnp.cos(x) ** 2, jnp.ones_like(x), x])), (0.3,)),
    "softmax of a softmax": (lambda x: jax.nn.softmax(jax.nn.softmax(x)), (np.ones(3),)),
    "log_softmax of a log_softmax": (lambda x: jax.nn.log_softmax(jax.nn.log_softmax(x)), (np.array([1.0, 1.0, 0.5]),)),
    "a masked softmax": (lambda x: jax.nn.softmax(jnp.where(jnp.array([False, True, True]), x, -jnp.inf)), (np.ones(3),)),
    "cumlogsumexp": (jax.lax.cumlogsumexp, (np.ones(3),)),
    "logaddexp in rounds": (scores(jnp.logaddexp), (np.array([0.3, -0.7, 0.9]),)),
    "log1p(exp(-abs)) in rounds": (scores(lambda a, b: log_sum(jnp, a, b)), (np.array([0.3, -0.7, 0.9]),)),
    "a shift in rounds": (scores(lambda a, b: shifted_log_sum(jnp, a, b)), (np.array([0.3, -0.7, 0.9]),)),
    "a linear chain": (chain(jax.nn.logsumexp), (np.zeros((2, 2)), ZEROS)),
    "the CTC loss": (ctc, (np.zeros((4, 3)),)),
    "a CTC loss with -inf": (ctc_without_nan, (np.sin(np.arange(6.0)).reshape(3, 2),)),
    "the CTC loss, elsewhere": (ctc, (np.sin(np.arange(12.0)).reshape(4, 3),)),
}
TORCH: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "logaddexp": (torch.logaddexp, (1.5, 1.5)),
    "logaddexp2": (torch.logaddexp2, (1.5, 1.5)),
    "huge differences": (torch.logaddexp, (1e300, -1e300)),
    "a sum of 1": (torch.logaddexp, (math.log(0.5), math.log(0.5))),  # its logarithm is 0, of which the kernel gives no digit
    "a sum of 1, of powers of 2": (torch.logaddexp2, (-1.0099, math.log2(1 - 2**-1.0099))),
    "-inf": (lambda x: torch.logaddexp(x, torch.tensor(-math.inf, dtype=x.dtype)), (1.5,)),
    "logsumexp of what no ball tells apart": (lambda x: torch.logsumexp(torch.stack([torch.sin(x) ** 2 + torch.cos(x) ** 2, torch.ones_like(x), x]), 0), (0.3,)),
    "softmax of a softmax": (lambda x: torch.softmax(torch.softmax(x, 0), 0), (np.ones(3),)),
    "log_softmax of a log_softmax": (lambda x: torch.log_softmax(torch.log_softmax(x, 0), 0), (np.array([1.0, 1.0, 0.5]),)),
    "logcumsumexp": (lambda x: torch.logcumsumexp(x, 0), (np.ones(3),)),
    "log1p(exp(-abs)) in rounds": (scores(lambda a, b: log_sum(torch, a, b)), (np.array([0.3, -0.7, 0.9]),)),
    "a shift in rounds": (scores(lambda a, b: shifted_log_sum(torch, a, b)), (np.array([0.3, -0.7, 0.9]),)),
    "a linear chain": (chain(torch.logsumexp), (np.zeros((2, 2)), ZEROS)),
    "the CTC loss": (lambda x: torch.nn.functional.ctc_loss(torch.log_softmax(x, -1), torch.tensor([[1, 1]]), torch.tensor([4]), torch.tensor([2])), (np.zeros((4, 1, 3)),)),
}


@pytest.mark.parametrize("name", JAX)
def test_a_right_gradient_of_jax_is_certified_right_at_a_tie(name: str) -> None:
    function, inputs = JAX[name]
    report = by_jax(function, *inputs)
    assert verdicts(report) <= RIGHT, str(report)


@pytest.mark.parametrize("name", TORCH)
def test_a_right_gradient_of_pytorch_is_certified_right_at_a_tie(name: str) -> None:
    function, inputs = TORCH[name]
    report = by_torch(function, *inputs)
    assert verdicts(report) <= RIGHT, str(report)


def softmax(x: Any) -> Any:
    powers = np.exp(x - np.max(x))
    return powers / np.sum(powers)


def twice(x: Any) -> Any:
    return softmax(softmax(x))


def back_through_twice(dout: Any, x: Any, *, factor: float = 1.0) -> Any:
    first = softmax(x)
    second = softmax(first)
    between = second * (dout - np.sum(dout * second))
    return factor * first * (between - np.sum(between * first))


@pytest.mark.parametrize(("factor", "expected"), [(1.0, RIGHT), (1.000000000001, {Verdict.WRONG})])
def test_a_softmax_of_numpy_with_equal_arguments_is_certified(factor: float, expected: set[Verdict]) -> None:
    report = verifier.numpy.check(twice, np.ones(3), backward=lambda dout, x: back_through_twice(dout, x, factor=factor))
    assert verdicts(report) <= expected


@jax.custom_jvp
def with_the_slope_of_a_kink(x: Any) -> Any:
    return jnp.logaddexp(x, 0.0)


@with_the_slope_of_a_kink.defjvp
def _slope_of_a_kink(primals: Any, tangents: Any) -> Any:
    return with_the_slope_of_a_kink(*primals), tangents[0] * jnp.where(primals[0] > 0, 1.0, 0.0) / (1 + jnp.exp(-jnp.abs(primals[0])))


def test_a_wrong_slope_at_a_tie_is_no_subgradient() -> None:
    """Between the slopes of max(x, 0), and yet wrong: logaddexp(x, 0) has the slope 1/2 at 0."""
    assert verdicts(by_jax(with_the_slope_of_a_kink, 0.0)) == {Verdict.WRONG}
    assert verdicts(by_torch(lambda x: torch.relu(x) + torch.log1p(torch.exp(-torch.abs(x))), 0.0)) == {Verdict.WRONG}


@pytest.mark.parametrize(("check", "add", "infinity"), [(by_jax, jnp.logaddexp, jnp.inf), (by_torch, torch.logaddexp, math.inf)])
def test_nan_where_both_are_minus_infinity_is_wrong(check: Callable[..., Any], add: Callable[..., Any], infinity: float) -> None:
    """The slope is that of the rest, 1: JAX and PyTorch compute exp(-inf - -inf)."""
    report = check(lambda x: add(x, add(x - infinity, 2 * x - infinity)), 1.5)
    assert verdicts(report) == {Verdict.WRONG}
    assert float(report.results[0].exact) == 0.75  # what flows in
