"""Where the numbers of a tensor leave torch, by `numpy()` and its like, and where they leave its gradient, by `detach()` and its like."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import torch
from torch.autograd import function
from torch.overrides import TorchFunctionMode

from verifier.trace.places import PACKAGE
from verifier.trace.record import Refusal
from verifier.trace.torch.memory import floats_in
from verifier.trace.torch.mode import Tracer

TAKEN = {getattr(torch.Tensor, n): n for n in ("numpy", "tolist", "__array__", "__dlpack__")}  # torch's function -> its name


DETACHED = {torch.detach: "detach()", torch.Tensor.detach_: "detach_()", torch.Tensor.data.__get__: ".data"}  # torch's function -> how it is written
FUNCTION = function.__file__  # within its `apply` nothing is differentiated: the backward pass is written by hand


class NumbersTaken(TorchFunctionMode):  # type: ignore[misc]
    """Refuses to go on where the user's code takes numbers that depend on an input out of their tensor, and notes where it takes tensors out of what is differentiated.

    `detach` is noted in torch's own Python code as well (`gumbel_softmax`), which runs without this mode: so the method is another one meanwhile.
    """

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self.tracer = tracer
        tracer.watched = NumbersTaken
        self.detach: Any = None  # torch's own method

    def __enter__(self) -> Any:
        own = self.detach = torch.Tensor.detach

        def detach(tensor: torch.Tensor) -> torch.Tensor:
            """Torch's own, which is noted."""
            found = own(tensor)
            return found if sys._getframe(1).f_code.co_filename.startswith(PACKAGE) or not torch.is_grad_enabled() else self.stopped("detach()", tensor, found)  # noqa: SLF001 - the tracer reads numbers itself

        torch.Tensor.detach = detach  # type: ignore[method-assign, assignment]
        return super().__enter__()

    def __exit__(self, *raised: object) -> None:
        torch.Tensor.detach = self.detach  # type: ignore[method-assign]
        super().__exit__(*raised)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function of torch, unless it is one of those."""
        del types
        name = TAKEN.get(func)
        if name is not None and not sys._getframe(1).f_code.co_filename.startswith(PACKAGE) and self.tracer.depends(args[0]):  # noqa: SLF001 - the tracer reads numbers itself
            self.tracer.stand()
            raise Refusal(f"{name}() takes numbers out of a tensor, and what is computed of them is not traced", self.tracer.recorder.place(), "write it with operations of torch, or give function=, the formula as text, so that the returned numbers can be checked without a trace")
        if func in DETACHED and torch.is_grad_enabled():
            needs = args[0].requires_grad  # before `detach_`
            found = func(*args, **(kwargs or {}))
            return self.stopped(DETACHED[func], args[0], found) if needs else found
        found = func(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor) and not torch.is_grad_enabled() and self.tracer.is_forward and not any(a is found for a in args) and not _in_a_function(sys._getframe(1)):  # noqa: SLF001 - who calls decides
            given = next((a for a in args if isinstance(a, torch.Tensor) and a.requires_grad), None)
            return found if given is None else self.stopped("torch.no_grad()", given, found)
        return found

    def stopped(self, by: str, given: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
        """A tensor that is taken out of what is differentiated; where the trace holds it constant, one with memory of its own."""
        tracer = self.tracer
        if not tracer.is_forward or tracer.kernels or not (given.requires_grad or given is found) or not found.dtype.is_floating_point or not tracer.depends(found):
            return found
        tracer.stand()
        held = tracer.recorder.stop(by, tracer(found), floats_in(found))
        if tracer.recorder.holds and given is not found:
            found = found.clone()
            tracer.memory.write(found, held)
        return found


def _in_a_function(frame: FrameType | None) -> bool:
    """Whether the code runs in the forward pass of a custom Function."""
    while frame is not None:
        if frame.f_code.co_filename == FUNCTION and frame.f_code.co_name == "apply":
            return True
        frame = frame.f_back
    return False


__all__ = ["NumbersTaken"]
