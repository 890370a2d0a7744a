"""`check` and `assert_gradient` for PyTorch code: any callable on tensors, its forward and backward pass run on steps beside numbers.

    from verifier.torch import check

    report = check(MySigmoid.apply, torch.tensor([0.3, -1.2], dtype=torch.float64))
    assert report.status == "passed", report.findings
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from verifier.callable import Question, pattern, report_of, rounded
from verifier.language.formats import format_named
from verifier.language.source import Place
from verifier.report.outcome import CaseReport, Report
from verifier.trace.places import spot_of, user_frame
from verifier.trace.record import Callee, Floats
from verifier.trace.torch.callee import called, callee, format_of, values_of


def check(
    fn: Callable[..., Any],
    *inputs: Any,
    backward: Callable[..., Any] | None = None,
    function: str | None = None,
    formats: Sequence[str] | str | None = None,
    domain: Mapping[str, tuple[float, float]] | None = None,
    sample: int = 0,
    hunt: bool = False,
    accept: float | Mapping[str, float] | None = None,
    upstream: Any = None,
    names: Sequence[str] | None = None,
    strict: bool = False,
) -> CaseReport:
    """Check the gradients of a callable on tensors at these inputs.

    `fn` is a function, the `apply` of a `torch.autograd.Function`, or a module; its parameters, and those of modules in its
    closure, are inputs too. Gradients are those of autograd, or of `backward(*upstreams, *tensors)` where it is given. Tensors
    that require a gradient are differentiated; all tensors of floats where none does. `function` is the truth in the language
    of the case files (default: the forward pass).
    """
    call = called(fn, inputs, names, backward)
    frame = user_frame()
    spot = spot_of(frame) if frame is not None else None
    at_door = callee(call, Place(spot.file, spot.line, max(spot.column, 1)) if spot is not None else None)
    chosen = (formats,) if isinstance(formats, str) else tuple(formats) if formats is not None else (format_of(call),)
    for name in chosen:
        format_named(name)
    question = Question(
        at_door,
        values_of(call),
        _flows(at_door, upstream),
        chosen,
        function,
        {n: (float(b[0]), float(b[1])) for n, b in (domain or {}).items()} or None,
        sample,
        hunt,
        float(accept["ulps"]) if isinstance(accept, Mapping) else accept,
        strict,
    )
    return report_of(question)


def assert_gradient(fn: Callable[..., Any], *inputs: Any, **options: Any) -> None:
    """Raise AssertionError, with the findings and the user's lines as text, where `check` with these arguments does not pass."""
    __tracebackhide__ = True  # pytest shows the line of the test
    report = check(fn, *inputs, **options)
    if report.status != "passed":
        from verifier.report.draw.paint import Paint
        from verifier.report.draw.text import render

        raise AssertionError(render(Report((report,)), paint=Paint(enabled=False)))


def _flows(at_door: Callee, upstream: Any) -> dict[str, Floats]:
    """The gradients that flow in: those that are given, or numbers without pattern."""
    found = {o: pattern(s, k) for k, (o, s) in enumerate(at_door.upstreams.items())}
    several = isinstance(upstream, tuple | list) and len(found) > 1
    given: Mapping[str, Any] = {} if upstream is None else upstream if isinstance(upstream, Mapping) else dict(zip(found, upstream if several else [upstream], strict=True))
    for name, value in given.items():
        number = value.detach().to(torch.float64).cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value, dtype=np.float64)
        found[name] = np.broadcast_to(number, found[name].shape)
    return {o: rounded(v, format_named(at_door.narrow[o])) if o in at_door.narrow else v for o, v in found.items()}


__all__ = ["assert_gradient", "check"]
