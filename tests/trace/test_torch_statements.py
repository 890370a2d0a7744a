"""What is said of wrong PyTorch code: the words are those of its lines, and what is said to repair it does."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from verifier.torch import check  # noqa: E402 - it imports torch

LINES = Path(__file__).read_text(encoding="utf-8").splitlines()


class HardSwish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.relu(x + 3).clamp(max=6) / 6

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.where(x < -3, 0.0, torch.where(x < 3, x / 3 + 0.5, x))  # 1.0 is meant above 3


class ClippedGradient(torch.autograd.Function):
    @staticmethod
    def forward(_, x):
        return x.clone()

    @staticmethod
    def backward(_, g):
        return g.clamp(-1, 1)


def number(x: float) -> torch.Tensor:
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)


def test_a_name_that_nobody_wrote_is_not_said_to_be_meant() -> None:
    """1 flows into the sum of all outputs."""
    report = check(HardSwish.apply, number(1.0), domain={"x": (-6, 6)}, sample=40)
    (found,) = report.findings
    assert "`x` where `1` is meant in `torch.where(x < 3, x / 3 + 0.5, x)`" in found.message
    assert "above 3" in LINES[found.place.line - 1]


def test_an_edit_after_which_the_gradient_is_cut_off_at_another_bound_is_no_repair() -> None:
    """With -2 for -1 in clamp(-1, 1) every gradient is exact that is not below -2."""
    report = check(lambda x: ClippedGradient.apply(x * 2), torch.tensor([-1.5, -0.75, -0.625], dtype=torch.float64, requires_grad=True))
    assert [f.code for f in report.findings] == ["V111", "V101"]
    assert "is missing" not in report.findings[1].message
    assert not any("certified" in d for d in report.findings[1].details)


def test_the_clipped_objective_of_ppo_is_right() -> None:
    """Where nothing is clipped its two operands are equal, and so are their derivatives."""

    def objective(logs: torch.Tensor, gains: torch.Tensor) -> torch.Tensor:
        ratio = (logs - 0.125).exp()
        return -torch.min(ratio * gains, ratio.clamp(0.75, 1.25) * gains).mean()

    report = check(objective, torch.tensor([0.0625, 0.25, 2.0], dtype=torch.float64, requires_grad=True), torch.tensor([0.5, -0.625, 1.5], dtype=torch.float64, requires_grad=True))
    assert report.status == "passed", report.findings
    assert not report.findings


def test_the_sum_of_all_outputs_is_not_said_to_be_meant() -> None:
    """At a singular matrix PyTorch's gradient of the determinant is that of a matrix beside it."""
    report = check(torch.linalg.det, torch.tensor([[2.0, 1.0], [4.0, 2.0]], dtype=torch.float64, requires_grad=True))
    assert not any("outputs_together" in f.message for f in report.findings)


# ---------------------------------------------------------------- inputs of several formats


class Exponential(torch.autograd.Function):
    """Of a float32 and a float64 number, with float64 inside."""

    @staticmethod
    def forward(ctx, x, w, factors):
        e = x.double().exp()
        ctx.save_for_backward(e, w)
        ctx.factors = factors
        return e * w

    @staticmethod
    def backward(ctx, g):
        e, w = ctx.saved_tensors
        a, b = ctx.factors
        return (a * g * w * e).float(), b * g * e, None


MIXED = (torch.tensor([0.3, -1.2], dtype=torch.float32, requires_grad=True), torch.tensor([0.5, 1.5], dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize("options", [{}, {"strict": True}, {"accept": 4}, {"domain": {"x": (-2, 2), "w": (-2, 2)}, "sample": 20, "accept": 4}, {"hunt": True}], ids=str)
def test_a_gradient_is_judged_in_the_format_of_its_input(options) -> None:
    report = check(lambda x, w: Exponential.apply(x, w, (1.0, 1.0)), *MIXED, **options)
    assert report.status == "passed", report.findings
    assert not report.findings
    assert {(r.gradient[:2], r.format) for r in report.results} == {("dx", "float32"), ("dw", "float64")}


@pytest.mark.parametrize(("factors", "wrong"), [((1.001, 1.0), "dx"), ((1.0, 1.0000000001), "dw")])
def test_a_wrong_gradient_among_inputs_of_several_formats_is_certified_wrong(factors, wrong) -> None:
    report = check(lambda x, w: Exponential.apply(x, w, factors), *MIXED)
    assert {f.gradient[:2] for f in report.findings if f.code == "V101"} == {wrong}
    assert {r.verdict.value for r in report.results if r.gradient.startswith(wrong)} == {"wrong"}
    assert "wrong" not in {r.verdict.value for r in report.results if not r.gradient.startswith(wrong)}


def test_a_line_is_said_to_be_wrong_for_the_forward_pass_as_it_is() -> None:
    """Of 2*x**3 the gradient is another one than that of x**3, by which the line is found."""
    report = check(lambda x: x**3, number(0.75), function="2*x**3", backward=lambda g, x: 2 * x * g)
    assert [f.code for f in report.findings] == ["V105", "V101"]
    assert report.findings[1].message.endswith("its lines are compared with the derivative of the forward pass as it is, which is not the function")
