"""Where the numbers of a tensor leave torch, by `numpy()` and its like: what is computed of them there has no steps."""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from verifier.trace.places import PACKAGE
from verifier.trace.record import Refusal
from verifier.trace.torch.mode import Tracer

TAKEN = {getattr(torch.Tensor, n): n for n in ("numpy", "tolist", "__array__", "__dlpack__")}  # torch's function -> its name


DETACHED = {torch.Tensor.detach: "detach()", torch.detach: "detach()", torch.Tensor.detach_: "detach_()", torch.Tensor.data.__get__: ".data"}  # torch's function -> how it is written


class NumbersTaken(TorchFunctionMode):  # type: ignore[misc]
    """Refuses to go on where the user's code takes numbers that depend on an input out of their tensor."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self.tracer = tracer

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function of torch, unless it is one of those."""
        del types
        name = TAKEN.get(func)
        if name is not None and not sys._getframe(1).f_code.co_filename.startswith(PACKAGE) and self.tracer.depends(args[0]):  # noqa: SLF001 - the tracer reads numbers itself
            self.tracer.stand(name)
            raise Refusal(f"{name}() takes numbers out of a tensor, and what is computed of them is not traced", self.tracer.recorder.place(), "write it with operations of torch, or give function=, the formula as text, so that the returned numbers can be checked without a trace")
        if func in DETACHED and torch.is_grad_enabled() and self.tracer.is_forward and args[0].requires_grad and self.tracer.depends(args[0]):
            self.tracer.stand(DETACHED[func])
            self.tracer.recorder.stop(f"{DETACHED[func]} stops the gradient")
        return func(*args, **(kwargs or {}))


__all__ = ["NumbersTaken"]
