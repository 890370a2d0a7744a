"""Functions written for HIPS autograd: their backward pass is the one that autograd makes of them, and its rules are traced like any code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from verifier.trace.numpy import Traced


def is_for_autograd(function: Any) -> bool:
    """Whether a function's module, or what the function closes over, uses autograd's NumPy. Loads nothing."""
    if "autograd" not in sys.modules:
        return False
    closed = [c.cell_contents for c in getattr(function, "__closure__", None) or () if c.cell_contents is not None]
    used = getattr(function, "__code__", None)
    names = set(used.co_names) if used is not None else set()
    held = [v for n, v in getattr(function, "__globals__", {}).items() if n in names]
    return any(_module(v).partition(".")[0] == "autograd" for v in [*closed, *held])


def _module(value: Any) -> str:
    return str(value.__name__ if isinstance(value, type(sys)) else getattr(value, "__module__", "") or "")


def backward_of(function: Callable[..., Any], wanted: list[int]) -> Callable[..., Any]:
    """The backward pass `(dout, *inputs)` that autograd makes: the gradients of the inputs at these positions, None for the others."""
    from autograd import make_vjp
    from autograd.extend import VSpace
    from autograd.numpy.numpy_boxes import ArrayBox
    from autograd.numpy.numpy_vspaces import ArrayVSpace

    ArrayBox.register(Traced)
    VSpace.register(Traced, lambda array: ArrayVSpace(array.value))

    def backward(dout: Any, *inputs: Any) -> tuple[Any, ...]:
        return tuple(make_vjp(function, i)(*inputs)[0](dout) if i in wanted else None for i in range(len(inputs)))

    return backward
