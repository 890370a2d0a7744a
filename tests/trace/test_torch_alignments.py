"""torch's loss of all alignments (CTC): traced with its backward pass, and an own one that forgets repeated labels is wrong."""

from __future__ import annotations

from itertools import product

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed here")

from torch.nn import functional  # noqa: E402

from verifier.torch import check  # noqa: E402
from verifier.trace.torch.alignments import RULE  # noqa: E402

D = torch.float64
SCORES = torch.tensor([[[0.3, -0.7, 0.2], [1.1, 0.4, -0.5]], [[-0.2, 0.6, 0.9], [0.1, -1.2, 0.3]], [[0.8, 0.5, -0.4], [0.7, 0.2, -0.9]], [[-0.6, 0.1, 0.4], [0.3, 0.9, 0.2]]], dtype=D)
ONE = SCORES[:, :1]


def loss(scores, labels, times, counts, **options):
    return functional.ctc_loss(scores.log_softmax(-1), torch.tensor(labels), torch.tensor(times), torch.tensor(counts), **options)


RIGHT = {
    "one sequence": (lambda s: loss(s, [[1, 2]], [4], [2]), ONE),
    "a repeated label": (lambda s: loss(s, [[1, 1]], [4], [2], reduction="none"), ONE),
    "no label": (lambda s: loss(s, [[1, 1]], [3], [0], reduction="sum"), ONE),
    "two sequences of other lengths, one after the other": (lambda s: loss(s, [2, 1, 1], [4, 3], [1, 2], reduction="mean"), SCORES),
    "padded, another blank": (lambda s: loss(s, [[0, 1], [1, 0]], [4, 2], [2, 1], blank=2, reduction="sum"), SCORES),
    "no alignment, which counts as 0": (lambda s: loss(s, [[1, 1], [1, 2]], [2, 4], [2, 2], zero_infinity=True), SCORES),
    "without a batch": (lambda s: loss(s, [1, 2], 4, 2), ONE[:, 0]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_recursions_are_unrolled_at_the_labels(name):
    function, scores = RIGHT[name]
    report = check(function, scores)
    assert (report.status, report.basis, [f.message for f in report.findings if f.severity == "error"]) == ("passed", "traced", [])


class Alignments(torch.autograd.Function):
    """By the sum over all paths, whose derivative is the share of each label at each time."""

    @staticmethod
    def forward(ctx, scores):
        logs = scores.log_softmax(-1)
        with torch.enable_grad():
            total = functional.ctc_loss(logs[:, None], torch.tensor([[1, 2]]), torch.tensor([4]), torch.tensor([2]), reduction="none")
        shares = torch.zeros_like(logs)
        for path in product(range(3), repeat=4):
            short = [v for k, v in enumerate(path) if k == 0 or path[k - 1] != v]
            if [v for v in short if v] == [1, 2]:
                weight = sum(logs[k, v] for k, v in enumerate(path)).exp()
                for k, v in enumerate(path):
                    shares[k, v] += weight
        ctx.save_for_backward(logs, shares / shares[0].sum())
        return total[0]

    @staticmethod
    def backward(ctx, g):
        logs, shares = ctx.saved_tensors
        return g * (logs.exp() - shares)


class WithoutProbabilities(Alignments):
    """The derivative by the logarithms, where that by the scores is asked for."""

    @staticmethod
    def backward(ctx, g):
        _, shares = ctx.saved_tensors
        return -g * shares


def test_an_own_rule_by_all_paths_is_right_and_one_that_forgets_the_softmax_is_wrong():
    """The sum over the paths themselves, which shares no line with the recursions."""
    scores = SCORES[:, 0]
    assert check(Alignments.apply, scores).status == "passed"
    report = check(WithoutProbabilities.apply, scores)
    assert (report.status, report.basis) == ("failed", "traced")
    assert {f.code for f in report.findings} >= {"V101"}


def test_torchs_rule_is_not_the_gradient_by_log_probs_alone_and_a_note_says_why():
    """Its documentation: the gradient is that of what the log_probs are the log_softmax of. By log_probs alone it is minus the share of the alignments."""
    report = check(lambda logs: functional.ctc_loss(logs, torch.tensor([[1, 2]]), torch.tensor([4]), torch.tensor([2])), ONE.log_softmax(-1))
    assert (report.status, report.basis) == ("failed", "traced")
    assert any(RULE in n for n in report.notes)
