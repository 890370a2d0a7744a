"""Bags of the rows of a table, in every mode, and attention whose heads share keys: traced, and wrong where they should be."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from verifier.torch import check  # noqa: E402 - it imports torch

bag, attention = torch.nn.functional.embedding_bag, torch.nn.functional.scaled_dot_product_attention
INDICES = torch.tensor([0, 2, 0, 1])
DRAWN = torch.Generator().manual_seed(3)


def tensor(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=DRAWN).requires_grad_()


TABLE, MULTIPLES = tensor(3, 2), tensor(4)
RIGHT = {
    "largest": (lambda w: bag(INDICES, w, torch.tensor([0, 2]), mode="max"), (TABLE,)),
    "largest, without a row": (lambda w: bag(INDICES, w, torch.tensor([0, 2]), mode="max", padding_idx=1), (TABLE,)),
    "largest, of an empty bag": (lambda w: bag(INDICES, w, torch.tensor([0, 0, 3]), mode="max"), (TABLE,)),
    "multiples": (lambda w, p: bag(INDICES, w, torch.tensor([0, 2]), mode="sum", per_sample_weights=p), (TABLE, MULTIPLES)),
    "multiples, without a row, of an empty bag": (lambda w, p: bag(INDICES, w, torch.tensor([0, 1, 1]), mode="sum", per_sample_weights=p, padding_idx=2), (TABLE, MULTIPLES)),
    "multiples, with the last end": (lambda w, p: bag(INDICES, w, torch.tensor([0, 3, 4]), mode="sum", per_sample_weights=p, include_last_offset=True), (TABLE, MULTIPLES)),
    "rows of a matrix": (lambda w: bag(INDICES.view(2, 2), w, mode="max"), (TABLE,)),
    "two heads for each key": (lambda q, k, v: attention(q, k, v, enable_gqa=True), (tensor(1, 4, 2, 2), tensor(1, 2, 3, 2), tensor(1, 2, 3, 2))),
    "heads that share the only key, causal": (lambda q, k, v: attention(q, k, v, enable_gqa=True, is_causal=True), (tensor(1, 2, 2, 2), tensor(1, 1, 2, 2), tensor(1, 1, 2, 2))),
}


@pytest.mark.parametrize("name", RIGHT)
def test_they_are_traced_and_right(name: str) -> None:
    function, inputs = RIGHT[name]
    report = check(function, *inputs)
    assert (report.status, report.basis) == ("passed", "traced"), report.findings


def test_a_wrong_gradient_of_the_multiples_is_certified_wrong() -> None:
    def without_the_table(g: torch.Tensor, w: torch.Tensor, p: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows = g.repeat_interleave(2, 0)
        return torch.zeros_like(w).index_add(0, INDICES, rows * p[:, None]), rows.sum(1)

    report = check(lambda w, p: bag(INDICES, w, torch.tensor([0, 2]), mode="sum", per_sample_weights=p), TABLE, MULTIPLES, backward=without_the_table)
    assert report.status == "failed"
    assert {f.gradient.partition("[")[0] for f in report.findings} == {"dp"}


def test_a_long_statement_that_branches_is_noted_by_its_beginning() -> None:
    def shared(x: torch.Tensor) -> torch.Tensor:
        return torch.stack([
            torch.where(x > 0, x, -x), x.sort().values, x.sort(descending=True).values, x.flip(0).sort().values,
        ]).sum(0)  # fmt: skip

    (note,) = [n for n in check(shared, torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64, requires_grad=True)).notes if "branches" in n]
    assert "return torch.stack([ ...)" in note
    assert "\n" not in note
