"""`check` and `assert_gradient` for PyTorch code: any callable on tensors, its forward and backward pass run on steps beside numbers.

    from verifier.torch import check

    report = check(MySigmoid.apply, torch.tensor([0.3, -1.2], dtype=torch.float64))
    assert report.status == "passed", report.findings
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch  # an error here says that it is missing

from verifier.callable.circuit_at import circuit_when_opened
from verifier.callable.question import Opened, ask
from verifier.callable.report import report_of
from verifier.language.source import Place
from verifier.report.assertion import assert_of
from verifier.report.diagram import Diagram
from verifier.report.outcome import CaseReport
from verifier.trace.places import spot_of, user_frame
from verifier.trace.torch.callee import callee, format_of, numbers_of, values_of
from verifier.trace.torch.tensor_inputs import NONE_FIXED, called


def check(
    fn: Callable[..., Any],
    *inputs: Any,
    backward: Callable[..., Any] | None = None,
    function: str | None = None,
    formats: Sequence[str] | str | None = None,
    domain: Mapping[str, tuple[float, float]] | None = None,
    scope: str | None = None,
    sample: int = 0,
    hunt: bool = False,
    accept: float | Mapping[str, float] | None = None,
    upstream: Any = None,
    names: Sequence[str] | None = None,
    strict: bool = False,
    improve: float | None = None,
    certify: str | Mapping[str, Any] | None = None,
    assume: Mapping[str, float] | None = None,
) -> CaseReport:
    """Check the gradients of a callable on tensors at these inputs.

    `fn` is a function, the `apply` of a `torch.autograd.Function`, or a module; its parameters, and those of modules in its
    closure, are inputs too. Gradients are those of autograd, or of `backward(*upstreams, *tensors)` where it is given. Tensors
    that require a gradient are differentiated; all tensors of floats where none does. `function` is the truth in the language
    of the case files (default: the forward pass). With `improve` better arrangements of lines that lose digits are looked
    for, for so many seconds.
    `certify` claims a bound of the error for all numbers of `domain`, as in case files: "best", {"ulps": 6}, {"absolute": 1e-12},
    {"dx": {"ulps": 6}, "budget": 30}; inputs without an interval keep their numbers. `assume` is within how many ulps library
    functions are: {"exp": 1}.
    `scope` says where the gradients are claimed beside the points: where a condition holds, "abs(x) < 1e6", or "points": nowhere else.
    """
    with torch.inference_mode(mode=False):  # in which nothing can be differentiated
        opened = opened_at(fn, inputs, backward=backward, names=names)
        return report_of(
            ask(opened, function=function, formats=formats, domain=domain, scope=scope, sample=sample, hunt=hunt, accept=accept, upstream=upstream, strict=strict, improve=improve, certify=certify, assume=assume, numbers=numbers_of)
        )


def circuit(fn: Callable[..., Any], *inputs: Any, backward: Callable[..., Any] | None = None, upstream: Any = None, names: Sequence[str] | None = None) -> Diagram:
    """The circuit of a callable with the gradients that PyTorch computes at these inputs, which a notebook shows. ValueError where it has none."""
    return circuit_when_opened(opened_at(fn, inputs, backward=backward, names=names), upstream=upstream, numbers=numbers_of)


def opened_at(fn: Callable[..., Any], inputs: Sequence[Any], *, backward: Callable[..., Any] | None = None, names: Sequence[str] | None = None, fixed: Mapping[str, Sequence[str]] = NONE_FIXED) -> Opened:
    """The callable with its inputs. `names` are those of the tensors of floats among these; `fixed` are those whose numbers stand in a case file, with their texts."""
    call = replace(called(fn, inputs, names, backward), fixed=fixed)
    if not call.inputs:
        raise TypeError(f"no input is a tensor of floats: there is nothing to differentiate{_given(inputs)}")
    for i in call.inputs:
        if i.tensor.is_meta:
            raise TypeError(f"the input '{i.name}' is on the device 'meta' and has no numbers: give one that has")
        if i.tensor.layout is not torch.strided:
            raise TypeError(f"the input '{i.name}' is sparse: give a dense one, and let the callable make it sparse")
    frame = user_frame()
    spot = spot_of(frame) if frame is not None else None
    found = callee(call, Place(spot.file, spot.line, max(spot.column, 1)) if spot is not None else None)
    return Opened(found, values_of(call), format_of(call))


def _given(inputs: Sequence[Any]) -> str:
    """What the inputs are instead."""
    kinds = [f"a tensor of {str(v.dtype).removeprefix('torch.')}" if isinstance(v, torch.Tensor) else type(v).__name__ for v in inputs]
    return f"; given {'is' if len(kinds) == 1 else 'are'} {', '.join(kinds)}" if kinds else ""


def assert_gradient(fn: Callable[..., Any], *inputs: Any, **options: Any) -> None:
    """Raise AssertionError, with the findings and the user's lines as text, where `check` with these arguments does not pass or judges nothing; what warns is a GradientWarning."""
    __tracebackhide__ = True  # pytest shows the line of the test
    assert_of(check, fn, inputs, options)


__all__ = ["assert_gradient", "check", "circuit"]
