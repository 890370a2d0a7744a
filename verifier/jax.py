"""`check` and `assert_gradient` for JAX: the gradient that `jax.vjp` gives, held against the exact one, with no tolerance.

    from verifier.jax import check

    report = check(my_softplus, x)        # a function, a custom_vjp, a custom_jvp, jitted or not; trees of arrays as arguments
    assert report.status == "passed", report.findings
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from verifier.callable.question import ask, raise_if_failed
from verifier.callable.report import report_of
from verifier.language.formats import format_named
from verifier.report.outcome import CaseReport
from verifier.trace.jax.callee import called, callee_of, format_of, leaves_of
from verifier.trace.jax.values import in_double


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
    """Check the gradient of `fn` at these inputs: of every leaf that is a float or an array of floats; whatever else is given is passed on.

    `backward(gradients that flow in, *inputs)` stands in for `jax.vjp` where it is given. `function` is the truth in the
    language of the case files (default: the forward pass of `fn`). Leaves are named after their argument and path, `params_w`.
    """
    what = called(fn, inputs, names, backward)
    if not what.names:
        raise TypeError("no input is a float or an array of floats: there is nothing to differentiate")
    own = format_of(what)
    first = formats if isinstance(formats, str) else next(iter(formats), own) if formats is not None else own
    callee = callee_of(what, format_named(first))
    values = {n: in_double(what.leaves[k]) for n, k in what.names.items()}
    return report_of(ask(callee, values, own, function=function, formats=formats, domain=domain, sample=sample, hunt=hunt, accept=accept, upstream=leaves_of(upstream, callee.upstreams), strict=strict, numbers=in_double))


def assert_gradient(fn: Callable[..., Any], *inputs: Any, **options: Any) -> None:
    """Raise AssertionError, with the findings and the user's lines as text, where `check` with these arguments does not pass."""
    __tracebackhide__ = True  # pytest shows the line of the test
    raise_if_failed(check(fn, *inputs, **options))


__all__ = ["assert_gradient", "check"]
