"""`check` and `assert_gradient` for JAX: the gradient that `jax.vjp` gives, held against the exact one, with no tolerance.

    from verifier.jax import check

    report = check(my_softplus, x)        # a function, a custom_vjp, a custom_jvp, jitted or not; trees of arrays as arguments
    assert report.status == "passed", report.findings
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from jax.errors import UnexpectedTracerError

from verifier.callable.circuit_at import circuit_when_opened
from verifier.callable.question import Opened, ask
from verifier.callable.report import report_of
from verifier.language.formats import format_named
from verifier.report.assertion import assert_of
from verifier.report.diagram import Diagram
from verifier.report.outcome import CaseReport
from verifier.trace.jax.callee import NONE_FIXED, called, callee_of, format_of, leaves_of, without_numbers
from verifier.trace.jax.jax_array import in_double


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
    """Check the gradient of `fn` at these inputs: of every leaf that is a float or an array of floats; whatever else is given is passed on.

    `backward(gradients that flow in, *inputs)` stands in for `jax.vjp` where it is given. `function` is the truth in the
    language of the case files (default: the forward pass of `fn`). Leaves are named after their argument and path, `params_w`.
    With `improve` better arrangements of lines that lose digits are looked for, for so many seconds.
    `certify` claims a bound of the error for all numbers of `domain`, as in case files: "best", {"ulps": 6}, {"absolute": 1e-12},
    {"dx": {"ulps": 6}, "budget": 30}; inputs without an interval keep their numbers. `assume` is within how many ulps library
    functions are: {"exp": 1}.
    `scope` says where the gradients are claimed beside the points: where a condition holds, "abs(x) < 1e6", or "points": nowhere else.
    """
    chosen = (formats,) if isinstance(formats, str) else formats
    opened = opened_at(fn, inputs, backward=backward, names=names, fmt=next(iter(chosen), None) if chosen is not None else None)
    return report_of(ask(opened, function=function, formats=chosen, domain=domain, scope=scope, sample=sample, hunt=hunt, accept=accept, upstream=leaves_of(upstream, opened.callee.upstreams), strict=strict, improve=improve, certify=certify, assume=assume, numbers=in_double))


def circuit(fn: Callable[..., Any], *inputs: Any, backward: Callable[..., Any] | None = None, upstream: Any = None, names: Sequence[str] | None = None) -> Diagram:
    """The circuit of a function with the gradients that JAX computes at these inputs, which a notebook shows. ValueError where it has none."""
    opened = opened_at(fn, inputs, backward=backward, names=names)
    return circuit_when_opened(opened, upstream=leaves_of(upstream, opened.callee.upstreams), numbers=in_double)


def opened_at(
    fn: Callable[..., Any], inputs: Sequence[Any], *, backward: Callable[..., Any] | None = None, names: Sequence[str] | None = None, fixed: Mapping[str, Sequence[str]] = NONE_FIXED, fmt: str | None = None
) -> Opened:
    """The callable with its inputs; `fmt` is the format in which it is run first, `fixed` are arguments that are constants, with the texts of their numbers."""
    what = called(fn, inputs, names, backward, fixed)
    if not what.names:
        raise TypeError("no input is a float or an array of floats: there is nothing to differentiate")
    own = format_of(what)
    try:
        callee = callee_of(what, format_named(fmt or own))
    except UnexpectedTracerError:  # a rule that is called inside takes one of them in nondiff_argnums
        what, held = without_numbers(what)
        if not held or not what.names:
            raise
        callee = callee_of(what, format_named(fmt or own))
        callee = replace(callee, notes=(*callee.notes, f"{' and '.join(held)} {'is' if len(held) == 1 else 'are'} held constant, since a rule takes {'it' if len(held) == 1 else 'one of them'} in nondiff_argnums"))
    return Opened(callee, {n: in_double(what.leaves[k]) for n, k in what.names.items()}, own)


def assert_gradient(fn: Callable[..., Any], *inputs: Any, **options: Any) -> None:
    """Raise AssertionError, with the findings and the user's lines as text, where `check` with these arguments does not pass or judges nothing; what warns is a GradientWarning."""
    __tracebackhide__ = True  # pytest shows the line of the test
    assert_of(check, fn, inputs, options)


__all__ = ["assert_gradient", "check", "circuit"]
