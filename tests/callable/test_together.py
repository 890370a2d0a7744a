"""Many points in one call of the framework: the same verdicts as one by one, and single calls where the points would touch each other."""

from __future__ import annotations

import numpy as np
import pytest

from verifier.report.outcome import CaseReport

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
pytest.importorskip("jax", reason="JAX is not installed")

from tests.trace import torch_layers  # noqa: E402
from verifier.callable import computed  # noqa: E402 - after the frameworks are known to be there
from verifier.jax import check as check_jax  # noqa: E402
from verifier.numpy import check as check_numpy  # noqa: E402
from verifier.torch import check  # noqa: E402

X = torch.tensor(0.375, dtype=torch.float64)
DOMAIN = {"x": (-9.0, 9.0)}
TOGETHER = "in one call as a vector"


class Squash(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + torch.exp(-x))

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = 1 / (1 + torch.exp(-x))
        return g * s * (1 + x * (1 - s))


class SquashTail(Squash):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = 1 / (1 + torch.exp(-x))
        return torch.where(x > 7.5, 1.0001 * g, g * s * (1 + x * (1 - s)))


def less_mean(x):
    return x * x - (x - x.mean()) * 3  # of one number: its square


def with_python(x):
    return x * x if float(x.detach()) > 0 else -x * x


def counted(report: CaseReport) -> list[dict[str, int]]:
    return [{g.verdict.value: g.count for g in s.tally.groups} for s in report.sweeps]


@pytest.mark.parametrize("fn", [Squash.apply, SquashTail.apply, torch.nn.functional.silu, torch.sigmoid])
def test_points_that_are_run_together_get_the_verdicts_of_single_calls(fn, monkeypatch):
    together = check(fn, X, names=["x"], domain=DOMAIN, sample=300, formats=["float64", "float32"])
    assert any(TOGETHER in n for n in together.notes)
    monkeypatch.setattr(computed, "FEWEST", 10**9)
    alone = check(fn, X, names=["x"], domain=DOMAIN, sample=300, formats=["float64", "float32"])
    assert not any(TOGETHER in n for n in alone.notes)
    assert together.status == alone.status == ("failed" if fn == SquashTail.apply else "passed")
    assert [(f.code, f.message) for f in together.findings] == [(f.code, f.message) for f in alone.findings]


@pytest.mark.parametrize("fn", [less_mean, with_python])
def test_a_callable_that_is_not_of_each_element_alone_is_called_one_by_one(fn):
    report = check(fn, X, domain=DOMAIN, sample=100)
    assert report.status == "passed", report.findings
    assert not any(TOGETHER in n for n in report.notes)


def test_bits_that_differ_in_a_call_of_many_send_every_point_back_to_a_call_of_its_own(monkeypatch):
    from verifier.trace.torch import callee

    def off(call, values, upstreams, fmt):
        ran = plain(call, values, upstreams, fmt)
        return type(ran)(ran.outputs, {n: np.nextafter(g, np.inf) for n, g in ran.gradients.items()})

    plain = callee.run_together
    monkeypatch.setattr(callee, "run_together", off)
    report = check(Squash.apply, X, domain=DOMAIN, sample=100)
    assert report.status == "passed"
    assert not any(TOGETHER in n for n in report.notes)


def test_jax_runs_points_together_only_where_every_primitive_is_of_each_element_alone():
    import jax.numpy as jnp

    report = check_jax(lambda x: x * jnp.tanh(x), np.float64(0.375), domain=DOMAIN, sample=100)
    assert report.status == "passed"
    assert any(TOGETHER in n for n in report.notes)
    sorts = check_jax(lambda x: jnp.sum(jnp.sort(jnp.stack([x, x * x]))), np.float64(0.375), domain=DOMAIN, sample=100)
    assert not any(TOGETHER in n for n in sorts.notes)


# ---------------------------------------------------------------- linear in what flows in


class Capped(Squash):
    @staticmethod
    def backward(ctx, g):
        return Squash.backward(ctx, g.clamp(-0.5, 0.5))


def capped_in_jax():
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (x * x, x), lambda x, g: (jnp.clip(g, -0.5, 0.5) * 2 * x,))
    return square


def cubed(x):
    return x**3


def test_a_gradient_that_is_not_linear_in_what_flows_in_is_said_to_be_so_by_all_doors():
    x = np.array([0.3, 1.2])
    reports = [
        check(Capped.apply, torch.tensor(x)),
        check_jax(capped_in_jax(), x),
        check_numpy(cubed, x, backward=lambda dout, x: np.sign(dout) * 3 * x**2),
    ]
    for report in reports:
        assert any(f.code == "V111" and "not linear in the gradient that flows in" in f.message for f in report.findings), report.findings
    right = [check(Squash.apply, torch.tensor(x)), check_numpy(cubed, x, backward=lambda dout, x: dout * 3 * x**2)]
    assert not any(r.findings for r in right)


def test_jax_is_called_with_other_gradients_flowing_in_and_shows_by_that_where_they_are_linear():
    """So linearity takes no calls of its own, and the first run stands for the plain one."""
    import jax.numpy as jnp

    from verifier.jax import opened_at

    flows = []

    def right(g, x):
        flows.append(np.asarray(g).tolist())
        return g * 2 * x

    steady = opened_at(lambda x: x * x, [jnp.asarray([0.3, 1.2])], backward=right).callee
    assert steady.linear_at is not None
    assert steady.faults == ()
    first, second = flows
    assert second == [-2 * v for v in first]
    capped = opened_at(lambda x: x * x, [jnp.asarray([0.3, 1.2])], backward=lambda g, x: jnp.clip(g, -0.5, 0.5) * 2 * x).callee
    assert capped.linear_at is None
    assert capped.faults == (), "it is steady: that it is not linear is said elsewhere"
    calls = iter(range(100))
    unsteady = opened_at(lambda x: x * x, [jnp.asarray([0.3, 1.2])], backward=lambda g, x: g * 2 * x + next(calls)).callee
    assert unsteady.linear_at is None
    assert [code for code, _ in unsteady.faults] == ["V111"]


def test_a_point_that_was_called_by_itself_is_compared_with_the_call_of_many(monkeypatch):
    """The call of many has it as its last element: where that alone has other bits, nothing of the call counts."""
    from verifier.trace.torch import callee

    def off(call, values, upstreams, fmt):
        ran = plain(call, values, upstreams, fmt)
        gradients = {n: np.where(np.arange(len(g)) == len(g) - 1, np.nextafter(g, np.inf), g) for n, g in ran.gradients.items()}
        assert [v[-1] for v in values.values()] == [0.375]
        return type(ran)(ran.outputs, gradients)

    plain = callee.run_together
    monkeypatch.setattr(callee, "run_together", off)
    report = check(Squash.apply, X, domain=DOMAIN, sample=100)
    assert report.status == "passed"
    assert not any(TOGETHER in n for n in report.notes)


def test_none_for_a_gradient_that_is_not_zero_is_said_in_words():
    x = torch.tensor([0.3, 1.2], dtype=torch.float64)
    report = check(torch_layers.NoGradient.apply, x, x + 1)
    (found,) = [f for f in report.findings if f.code == "V101"]
    assert "the backward pass returns None for w, which counts as 0" in found.message
