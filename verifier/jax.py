"""`check` and `assert_gradient` for JAX: the gradient that `jax.vjp` gives, held against the exact one, with no tolerance.

    from verifier.jax import check

    report = check(my_softplus, x)        # a function, a custom_vjp, a custom_jvp, jitted or not; trees of arrays as arguments
    assert report.status == "passed", report.findings
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from verifier.callable import Question, pattern, report_of
from verifier.language.formats import format_named
from verifier.report.outcome import CaseReport, Report
from verifier.trace.jax.callee import called, callee_of, format_of
from verifier.trace.jax.values import in_double
from verifier.trace.record import Callee


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
    chosen = (formats,) if isinstance(formats, str) else tuple(formats) if formats is not None else (format_of(what),)
    callee = callee_of(what, format_named(chosen[0]))
    question = Question(
        callee,
        {n: in_double(what.leaves[k]) for n, k in what.names.items()},
        _flows(callee, upstream),
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


def _flows(callee: Callee, upstream: Any) -> dict[str, Any]:
    """The gradients that flow in: those that are given, or numbers without pattern."""
    found = {o: pattern(s, k) for k, (o, s) in enumerate(callee.upstreams.items())}
    if upstream is None:
        return found
    import jax

    given = upstream if isinstance(upstream, Mapping) and set(upstream) <= set(found) else dict(zip(found, jax.tree_util.tree_leaves(upstream), strict=True))
    return {o: np.broadcast_to(in_double(given[o]), v.shape) if o in given else v for o, v in found.items()}


__all__ = ["assert_gradient", "check"]
