"""Refuses every operation that is not one of each element alone: then many points can be run as one vector."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from verifier.trace.record import Refusal

MOVES = frozenset(  # that keep every element at its place, or make elements that are all alike
    "aten::_to_copy aten::detach aten::alias aten::clone aten::lift_fresh aten::copy_ aten::zeros_like aten::ones_like aten::full_like aten::empty_like aten::scalar_tensor aten::zero_ aten::fill_ aten::zeros aten::ones".split()
)
ALONE = frozenset(  # of each element alone, which torch does not mark so
    "aten::softplus_backward aten::hardtanh aten::hardtanh_backward aten::leaky_relu_backward aten::elu_backward aten::hardswish aten::hardswish_backward aten::hardsigmoid_backward aten::log_sigmoid_forward aten::log_sigmoid_backward aten::special_i0 aten::special_i1 aten::special_i0e aten::special_i1e".split()
)


class Elementwise(TorchDispatchMode):
    """Runs operations of each element alone. Raises Refusal at any other."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch need not load its compiler to keep it away from this mode; nothing is compiled while it runs."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, or refuse it."""
        del types
        name = func._schema.name  # noqa: SLF001 - the operation's name
        if torch.Tag.pointwise not in func.tags and name not in MOVES and name not in ALONE:
            raise Refusal(f"{name} is not an operation of each element alone")
        return func(*args, **(kwargs or {}))
