"""Lines of NumPy, PyTorch and JAX get other forms in their own words: the file that has them runs, and its gradients are better."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.search.test_improve_arrays import BUDGET
from verifier.case.load import load
from verifier.many import verify_all
from verifier.report.outcome import CaseReport, Replacement

NUMPY_CROSS_ENTROPY = """
import numpy as np


def forward(z):
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[:, 0]))
    return loss, p


def backward(dout, p):
    dz = p.copy()
    dz[:, 0] -= 1  # the right class
    dz *= dout / p.shape[0]
    return dz
"""
NUMPY_NORMS = """
import numpy as np


def forward(x):
    n = np.sqrt(np.sum(x**2, axis=1, keepdims=True))
    return np.sum(n), (x, n)


def backward(dout, cache):
    x, n = cache
    return dout * x / n
"""
NUMPY_BCE = """
import numpy as np


def forward(z, t):
    p = 1 / (1 + np.exp(-z))
    return -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p)), (p, t, z)


def backward(dout, cache):
    p, t, z = cache
    dz = dout * (-t / p + (1 - t) / (1 - p)) * p * (1 - p)
    dt = -dout * z
    return dz, dt
"""
TORCH_LOG_SOFTMAX = "import torch\n\n\ndef loss(z):\n    return -torch.log(torch.softmax(z, dim=-1))[1]\n"
TORCH_LOG_COSH = """
import torch


class LogCosh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.mean(torch.log(torch.cosh(x)))

    @staticmethod
    def backward(ctx, grad):
        x, = ctx.saved_tensors
        dx = grad * torch.sinh(x) / torch.cosh(x) / x.numel()
        return dx
"""
TORCH_SOFTPLUS = "import torch\n\n\ndef loss(x):\n    return torch.log(1 + torch.exp(x)).sum()\n"
JAX_ROOTS = "import jax.numpy as jnp\n\n\ndef f(x):\n    return jnp.sqrt(x + 1) - jnp.sqrt(x)\n"
JAX_LSE = """
import jax
import jax.numpy as jnp


@jax.custom_vjp
def lse(x):
    return jnp.log(jnp.sum(jnp.exp(x)))


def fwd(x):
    return lse(x), x


def bwd(x, g):
    e = jnp.exp(x)
    return (g * e / jnp.sum(e),)


lse.defvjp(fwd, bwd)
"""
PAIR = "{call: {forward: code.py:forward, backward: code.py:backward}}"
CASES = {  # framework: "", torch or jax; the code, how it is called, the function, domain and point, the line, the new line
    "a batch of cross entropies": (
        "", NUMPY_CROSS_ENTROPY, PAIR, "forward: |\n  loss = mean(logsumexp(z, axis=1) - z[:, 0])", "{z: [-800, 800]}", "{z: [[750, 1, -3], [0.5, 2, 1]]}", "e = np.exp(z)", "e = np.exp(z - np.max(z, axis=1, keepdims=True))",
    ),
    "norms of rows": (
        "", NUMPY_NORMS, PAIR, "forward: |\n  out = sum(sqrt(sum(x**2, axis=1)))", "{x: [-1e200, 1e200]}", "{x: [[3e160, 4e160], [1, 2]]}", "n = np.sqrt(np.sum(x**2, axis=1, keepdims=True))",
        "n = np.max(np.abs(x), axis=1, keepdims=True) * np.sqrt(np.sum((x / np.where(np.max(np.abs(x), axis=1, keepdims=True) == 0, 1, np.max(np.abs(x), axis=1, keepdims=True))) ** 2, axis=1, keepdims=True))",
    ),
    "a saved probability": (
        "", NUMPY_BCE, PAIR, "forward: |\n  loss = sum(log1p(exp(-abs(z))) + max(z, 0) - t*z)", "{z: [-800, 800], t: [0, 1]}", "{z: [40, 1, -3], t: [1, 0, 1]}", "dz = dout * (-t / p + (1 - t) / (1 - p)) * p * (1 - p)", "dz = dout * (p - t)",
    ),
    "torch's own log_softmax": (
        "torch", TORCH_LOG_SOFTMAX, "{call: code.py:loss, framework: torch}", "forward: |\n  out = -log_softmax(z)[1]", "{z: [-800, 800]}", "{z: [750, 1, -3]}", "return -torch.log(torch.softmax(z, dim=-1))[1]", "return -torch.log_softmax(z, dim=-1)[1]",
    ),
    "a sum of torch whose exponentials overflow": (
        "torch", TORCH_SOFTPLUS, "{call: code.py:loss, framework: torch}", "forward: |\n  out = sum(max(x, 0) + log1p(exp(-abs(x))))", "{x: [-800, 800]}", "{x: [750, 1, -3]}",
        "return torch.log(1 + torch.exp(x)).sum()", "return (-torch.nn.functional.logsigmoid(-x)).sum()",
    ),
    "a mean of torch with the size of its array": (
        "torch", TORCH_LOG_COSH, "{call: code.py:LogCosh.apply, framework: torch}", "forward: |\n  out = mean(log(cosh(x)))", "{x: [-800, 800]}", "{x: [750, 1, -3]}", "dx = grad * torch.sinh(x) / torch.cosh(x) / x.numel()", "dx = grad * torch.tanh(x) / x.numel()",
    ),
    "roots that JAX differentiates": (
        "jax", JAX_ROOTS, "{call: code.py:f, framework: jax}", "function: sqrt(x + 1) - sqrt(x)", "{x: [1, 1e15]}", "{x: 1e12}", "return jnp.sqrt(x + 1) - jnp.sqrt(x)", "return 1 / (jnp.sqrt(x + 1) + jnp.sqrt(x))",
    ),
    "a rule of JAX": ("jax", JAX_LSE, "{call: code.py:lse, framework: jax}", "forward: |\n  out = logsumexp(x)", "{x: [-800, 800]}", "{x: [750, 1, -3]}", "e = jnp.exp(x)", "e = jnp.exp(x - jnp.max(x))"),
}  # fmt: skip


def report_of(folder: Path, code: str, call: str, function: str, domain: str, point: str, *, improves: bool = True) -> CaseReport:
    from dataclasses import replace

    folder.mkdir(exist_ok=True)
    (folder / "code.py").write_text(code.lstrip())
    (folder / "case.yaml").write_text(f"name: it\n{function}\ndomain: {domain}\npoints: [{point}]\nimplementations:\n  mine: {call}\n")
    loaded = load(str(folder / "case.yaml"), allow_call=True)
    assert loaded.complaints == ()
    (report,) = verify_all([replace(c, improve=BUDGET if improves else None) for c in loaded.cases]).cases
    return report


def only(report: CaseReport) -> Replacement:
    (found,) = report.suggestions or ()
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_line_gets_another_form_in_the_words_of_its_file(name: str, tmp_path: Path) -> None:
    framework, code, *given, line, form = CASES[name]
    if framework:
        pytest.importorskip(framework)
    before = report_of(tmp_path / "before", code, *given)
    found = only(before)
    assert (found.original, found.replacement, found.proof, found.why_no_patch) == (line, form, "proved", "")
    after = report_of(tmp_path / "after", code.replace(line, form), *given, improves=False)
    ranks = [max(r.verdict.rank for r in report.results) for report in (before, after)]
    assert ranks[1] < ranks[0]


def test_a_function_that_is_shifted_already_is_left_alone(tmp_path: Path) -> None:
    _, code, *given, line, form = CASES["norms of rows"]
    again = report_of(tmp_path / "after", code.replace(line, form), *given)
    assert again.suggestions == ()


def test_an_array_callable_whose_truth_the_case_states_is_improved_component_by_component(tmp_path: Path) -> None:
    """The function of the case has the outputs of the callable by name; without it nothing was ever found for it."""
    code = textwrap.dedent(
        """
        import numpy as np


        def forward(x):
            return np.log(1 + np.exp(x)), x


        def backward(dout, x):
            return dout * np.exp(x) / (1 + np.exp(x))
        """
    )
    found = only(report_of(tmp_path, code, PAIR, "function: log(1 + exp(x))", "{x: [-800, 800]}", "{x: [750, 1, -3]}"))
    assert (found.line, found.original, found.why_no_patch) == (9, "return dout * np.exp(x) / (1 + np.exp(x))", "")
