"""Points that go another way through PyTorch's kernels than the one that was traced: another pivot, elements that tie. They are traced again, and judged by their own lines."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from verifier.callable import report as reports  # noqa: E402
from verifier.torch import check  # noqa: E402 - it imports torch

SQUARE = torch.tensor([[2.0, 0.25], [0.125, 1.5]], dtype=torch.float64, requires_grad=True)
RIGHT = torch.tensor([1.0, -0.75], dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(("function", "inputs"), [(torch.linalg.inv, (SQUARE,)), (torch.linalg.solve, (SQUARE, RIGHT))], ids=["inv", "solve"])
def test_a_matrix_whose_first_pivot_is_another_is_not_divided_by_zero(function, inputs) -> None:
    """At a[0, 0] = 0, to which hunts go, elimination without exchange has no value and PyTorch's has."""
    report = check(function, *inputs, hunt=True)
    assert not [f for f in report.findings if f.code == "V101"], report.findings
    at_zero = torch.tensor([[0.0, 0.25], [0.125, 1.5]], dtype=torch.float64, requires_grad=True)
    assert check(function, at_zero, *inputs[1:]).status == "passed"


def test_what_is_picked_of_equal_elements_is_what_the_kernel_picks() -> None:
    """A hunt goes to ties; there another element may be picked than beside it."""
    x = torch.tensor([0.25, -1.5, 2.0, 0.5], dtype=torch.float64, requires_grad=True)
    report = check(lambda x: torch.nn.functional.max_pool1d(x[None], 2)[0], x, domain={"x": (-5, 5)}, hunt=True)
    assert report.status == "passed", report.findings
    assert not report.findings
    assert not any("kernel" in n for n in report.notes)


def test_a_hunt_goes_through_a_few_of_the_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    hunted = reports.hunted_in
    monkeypatch.setattr(reports, "hunted_in", lambda *a, **k: seen.append(1) or hunted(*a, **k))
    x = torch.tensor([0.25, -1.5, 2.0, 0.5], dtype=torch.float64, requires_grad=True)
    report = check(lambda x: x.sort().values, x, domain={"x": (-5, 5)}, hunt=True)
    assert len(seen) == reports.MOST_HUNTED
    assert any(n.startswith(f"a hunt went through {reports.MOST_HUNTED} of the ") for n in report.notes)


@pytest.mark.parametrize("numbers", [(1.0, 1.0, 2.0), (1.0, 2.0, 2.0), (3.0, 2.0, 2.0, 2.0, 1.0), (1.0, 1.0, 1.0, 1.0)], ids=str)
@pytest.mark.parametrize("function", [torch.median, torch.nanmedian])
def test_a_median_of_equal_elements_may_share_its_gradient(function, numbers) -> None:
    report = check(function, torch.tensor(numbers, dtype=torch.float64, requires_grad=True))
    assert (report.status, report.basis) == ("passed", "traced"), report.findings


def test_a_median_that_gives_a_gradient_to_what_it_does_not_pick_is_wrong() -> None:
    report = check(torch.median, torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64, requires_grad=True), backward=lambda g, x: g * torch.ones_like(x) / 3)
    assert [r.verdict.value for r in report.results] == ["subgradient", "subgradient", "wrong"]
