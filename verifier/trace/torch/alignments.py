"""Rows of the loss that sums over all alignments of a sequence with its labels (connectionist temporal classification, CTC), its recursions unrolled at the labels of the point.

A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber: Connectionist Temporal Classification, ICML 2006, equations 6 to 16.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from verifier.circuit.arrays import Array
from verifier.trace.torch.mode import Tracer, row

RULE = "torch's backward pass of ctc_loss is right for log_probs that are the log_softmax of what is differentiated: it has the derivative of that in it, so it is not the gradient by log_probs alone"
LogSum = int | None  # a step; None where no alignment comes this way, whose logarithm is -inf


def _samples(logs: Array, targets: torch.Tensor, input_lengths: Any, target_lengths: Any) -> Iterator[tuple[int, Array, list[int]]]:
    """Of each sequence its place, the logarithms of its probabilities (time, label), and its labels."""
    times, counts = ([int(v) for v in np.ravel(lengths)] for lengths in (input_lengths, target_lengths))
    first = 0
    for k, (time, count) in enumerate(zip(times, counts, strict=True)):
        labels = targets.reshape(len(times), -1)[k, :count] if targets.ndim > 1 else targets[first : first + count]
        first += count
        yield k, logs[:time, k], [int(v) for v in labels.tolist()]


def _added(t: Tracer, states: Sequence[LogSum]) -> LogSum:
    """The logarithm of the sum of what states are logarithms of."""
    known = [s for s in states if s is not None]
    total = known[0] if known else None
    for other in known[1:]:
        total = int(t.gate("logaddexp", np.array(total), np.array(other)))
    return total


def _with_blanks(labels: Sequence[int], blank: int) -> list[int]:
    """The labels with a blank between them and at both ends."""
    return [blank, *(v for label in labels for v in (label, blank))]


def _forward(t: Tracer, logs: Array, path: Sequence[int], blank: int) -> list[list[LogSum]]:
    """For every time and state the logarithm of the sum over all alignments up to there (equation 6); run on what is turned round it gives that of all from there on."""
    rows: list[list[LogSum]] = [[int(logs[0, label]) if s < 2 else None for s, label in enumerate(path)]]
    for now in logs[1:]:
        before = rows[-1]
        after: list[LogSum] = []
        for s, label in enumerate(path):
            jumps = s > 1 and label not in (blank, path[s - 2])
            total = _added(t, [before[s], before[s - 1] if s else None, before[s - 2] if jumps else None])
            after.append(None if total is None else int(t.gate("add", np.array(total), np.array(now[label]))))
        rows.append(after)
    return rows


def _likelihood(t: Tracer, logs: Array, path: Sequence[int], blank: int) -> LogSum:
    """The logarithm of the probability of the labels."""
    if not len(logs):
        return int(t(0)) if len(path) == 1 else None
    return _added(t, _forward(t, logs, path, blank)[-1][-2:])


@row("_ctc_loss")
def _loss(t: Tracer, log_probs: torch.Tensor, targets: torch.Tensor, input_lengths: Any, target_lengths: Any, blank: int = 0, zero_infinity: bool = False) -> list[Any]:
    del zero_infinity  # a loss that is inf is replaced afterwards
    logs = _batched(t(log_probs))
    found = []
    for _, own, labels in _samples(logs, targets, input_lengths, target_lengths):
        total = _likelihood(t, own, _with_blanks(labels, blank), blank)
        found.append(t.recorder.number(math.inf) if total is None else int(t.gate("neg", np.array(total))))
    return [np.array(found, dtype=np.int64).reshape(tuple(t.out[0].shape)), None]


@row("_ctc_loss_backward")
def _backward(
    t: Tracer,
    flow: torch.Tensor,
    log_probs: torch.Tensor,
    targets: torch.Tensor,
    input_lengths: Any,
    target_lengths: Any,
    losses: torch.Tensor,
    log_alpha: torch.Tensor,
    blank: int,
    zero_infinity: bool = False,
) -> Array:
    """exp(log_probs) minus the share of the alignments that are at this label at this time, times what flows in (equation 16): the derivative of the loss by what log_probs are the log_softmax of."""
    del losses, log_alpha  # what they are over the reals is computed again
    logs, flows = _batched(t(log_probs)), t(flow).reshape(-1)
    if all(t.builder.steps[i].gate == "input" for i in logs.ravel().tolist()):
        t.note(RULE)
    found = np.full(logs.shape, int(t(0)), dtype=np.int64)
    for k, own, labels in _samples(logs, targets, input_lengths, target_lengths):
        path = _with_blanks(labels, blank)
        total = _likelihood(t, own, path, blank)
        if not len(own) or (total is None and zero_infinity):
            continue
        if total is None:
            found[: len(own), k] = t.recorder.number(math.nan)
            continue
        ahead, behind = _forward(t, own, path, blank), [r[::-1] for r in _forward(t, own[::-1], path[::-1], blank)][::-1]
        for time, now in enumerate(own):
            for label, log in enumerate(now.tolist()):
                both = [int(t.gate("add", np.array(a), np.array(b))) for s, (a, b) in enumerate(zip(ahead[time], behind[time], strict=True)) if path[s] == label and a is not None and b is not None]
                share = _added(t, both)
                slope = t.gate("exp", np.array(log))
                if share is not None:
                    slope = t.gate("sub", slope, t.gate("exp", t.gate("sub", t.gate("sub", np.array(share), np.array(total)), np.array(log))))
                found[time, k, label] = int(t.gate("mul", slope, np.array(flows[k])))
    return found.reshape(tuple(t.out.shape))


def _batched(logs: Array) -> Array:
    """Of one sequence a batch of one."""
    return logs if logs.ndim == 3 else logs[:, None]
