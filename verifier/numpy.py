"""`check` and `assert_gradient` for NumPy code: a forward pass and its backward pass, run on steps instead of numbers.

    from verifier.numpy import check

    report = check(affine_forward, x, w, b, backward=affine_backward)
    assert report.status == "passed", report.findings
"""

from __future__ import annotations

import contextlib
import copy
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from verifier.callable.circuit_at import circuit_when_opened
from verifier.callable.question import Opened, ask
from verifier.callable.report import report_of
from verifier.language.formats import Format, dtype
from verifier.language.source import Place
from verifier.language.user_files import is_of_a_library
from verifier.report.assertion import assert_of
from verifier.report.catalogue import finding
from verifier.report.diagram import Diagram
from verifier.report.outcome import CaseReport
from verifier.trace import numpy_complex, numpy_functions, numpy_linalg, numpy_ufuncs, numpy_writes  # noqa: F401 - they fill the tables of functions
from verifier.trace.flows import pattern
from verifier.trace.layers import (
    NONE_FIXED,
    CallError,
    Layer,
    ShapeError,
    is_real,
    kind_in_words,
    layer_of,
    run_backward,
    run_forward,
    unreadable,
    with_weights,
)
from verifier.trace.numpy import WRITABLE, Traced, lift
from verifier.trace.patches import patched
from verifier.trace.reached import reached
from verifier.trace.record import UNSTEADY, Callee, Ran, Refusal, Trace, Values
from verifier.trace.recorder import Recorder, floats_of, point_of
from verifier.trace.weights import Kept, objects_in

DTYPES = ("float16", "float32", "float64")


def check(
    fn: Any,
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
    """Check the gradients of a forward pass `fn` and its `backward` at these inputs.

    `fn` returns its output, or (output, cache); `backward` takes (dout, cache), (dout, *inputs) or (dout). A layer with both
    methods needs no `backward`, nor does a loss that returns (loss, gradients). Inputs of floats are differentiated; whatever
    else is given is passed on. `function` is the truth in the language of the case files (default: the forward pass).
    With `improve` better arrangements of lines that lose digits are looked for, for so many seconds.
    `certify` claims a bound of the error for all numbers of `domain`, as in case files: "best", {"ulps": 6}, {"absolute": 1e-12},
    {"dx": {"ulps": 6}, "budget": 30}; inputs without an interval keep their numbers. `assume` is within how many ulps library
    functions are: {"exp": 1}.
    `scope` says where the gradients are claimed beside the points: where a condition holds, "abs(x) < 1e6", or "points": nowhere else.
    """
    opened = opened_at(fn, inputs, backward=backward, names=names)
    if isinstance(opened, CaseReport):
        return opened
    return report_of(
        ask(opened, function=function, formats=formats, domain=domain, scope=scope, sample=sample, hunt=hunt, accept=accept, upstream=upstream, strict=strict, improve=improve, certify=certify, assume=assume, numbers=floats_of)
    )


def assert_gradient(fn: Any, *inputs: Any, **options: Any) -> None:
    """Raise AssertionError, with the findings and the user's lines as text, where `check` with these arguments does not pass or judges nothing; what warns is a GradientWarning."""
    __tracebackhide__ = True  # pytest shows the line of the test
    assert_of(check, fn, inputs, options)


def circuit(fn: Any, *inputs: Any, backward: Callable[..., Any] | None = None, upstream: Any = None, names: Sequence[str] | None = None) -> Diagram:
    """The circuit of a forward pass with the gradients of its backward pass at these inputs, which a notebook shows. ValueError where it has none."""
    return circuit_when_opened(opened_at(fn, inputs, backward=backward, names=names), upstream=upstream)


def opened_at(fn: Any, inputs: Sequence[Any], *, backward: Callable[..., Any] | None = None, names: Sequence[str] | None = None, fixed: Mapping[str, Sequence[str]] = NONE_FIXED) -> Opened | CaseReport:
    """The callable with its inputs; a report at once where a gradient has the wrong shape. `fixed` are arguments that are constants, with the texts of their numbers."""
    layer = layer_of(fn, inputs, backward, names, fixed)
    try:
        layer = with_weights(layer, lambda forward: _patterns(layer, [np.shape(v) for v in forward.outputs.values()]))
        callee = callee_of(layer, fn)
    except ShapeError as error:
        made = _place(replace(layer, forward=layer.backward), fn) if layer.backward is not None else None
        place = made if made is not None and made.line and not is_of_a_library(made.file) else _place(layer, fn)
        found = finding("V108", str(error), place, implementation=_name(fn), gradient=f"d{error.input}")
        return CaseReport(_name(fn), place.file, place.line, "failed", findings=(found,), basis="traced", computed_by=layer.framework)
    return Opened(callee, {n: floats_of(v) for n, v in layer.inputs.items()}, _format_of(layer))


def _format_of(layer: Layer) -> str:
    """The widest dtype of the inputs."""
    found = [np.asarray(v).dtype.name for v in layer.inputs.values()]
    return max((n for n in found if n in DTYPES), key=DTYPES.index, default="float64")


def callee_of(layer: Layer, fn: Any) -> Callee:
    """The callable at the door; it is run once, to see its outputs."""
    start = {n: floats_of(v) for n, v in layer.inputs.items()}
    unrounded = {n: copy.deepcopy(v) for n, v in layer.inputs.items()}
    first = _forward(layer, unrounded)
    for n, v in first.outputs.items():
        if np.asarray(v).dtype.kind not in "fiubc":
            raise CallError(f"the forward pass returned {kind_in_words(v)} as {n}: it must be a number or an array of numbers")
        if np.iscomplexobj(v):
            raise CallError(f"the output {n} is complex: return its real part and its imaginary part, or its absolute value")
    outputs = {n: np.shape(v) for n, v in first.outputs.items()}
    flows = () if first.gradients is not None else tuple(outputs)
    given = _patterns(layer, list(outputs.values()))
    faults, silent = _faults(layer, given if flows else [])
    place = _place(layer, fn)
    shapes = {n: v.shape for n, v in start.items()}
    return Callee(
        _name(fn),
        place,
        layer.framework,
        shapes,
        outputs,
        lambda values, upstreams, fmt: _run(layer, values, upstreams, fmt, tuple(flows)),
        lambda values, upstreams, fmt: _trace(layer, values, upstreams, fmt, shapes, {o: outputs[o] for o in flows}),
        flows,
        ((f"no gradient is returned of {', '.join(silent)}, so none of these is checked",) if silent else ()),
        faults=faults,
        functions=_functions(layer),
    )


def _name(fn: Any) -> str:
    while isinstance(fn, partial):
        fn = fn.func
    name = getattr(fn, "__name__", type(fn).__name__)
    return name if name.isidentifier() else "callable"


def _functions(layer: Layer) -> tuple[Any, ...]:
    """The functions of the user that may hold the mistake: the backward pass, the forward pass, those of inner layers, and those that they reach by a name."""
    inside = objects_in(layer.owner) if layer.owner is not None else []
    inner = [m for o in inside for n in ("backward", "forward") if (m := getattr(o, n, None)) is not None]
    return reached([f for f in (layer.backward, layer.forward, *inner) if f is not None], [layer.owner, *inside] if layer.owner is not None else inside)


def _patterns(layer: Layer, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """What flows into outputs of these shapes: numbers without pattern."""
    widest = np.dtype(_format_of(layer))
    return [np.array(pattern(s, k), dtype=widest) if s else float(pattern(s, k)) for k, s in enumerate(shapes)]


def _place(layer: Layer, fn: Any) -> Place:
    try:
        target = inspect.unwrap(layer.forward)
        return Place(inspect.getsourcefile(target) or "", target.__code__.co_firstlineno, 1)
    except (TypeError, AttributeError):
        return Place(getattr(fn, "__module__", "") or "", 0, 0)


def _as_given(layer: Layer, values: Values, fmt: Format) -> dict[str, Any]:
    """The values as the callable takes them: floats where it was given floats, arrays of the format's dtype."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        was = layer.inputs[name]
        kind = dtype(fmt)
        found[name] = (float(value) if fmt.name == "float64" else kind.type(value)) if isinstance(was, float) and not isinstance(was, np.floating) else np.array(value, dtype=kind)[()] if np.ndim(was) == 0 and not isinstance(was, np.ndarray) else np.array(value, dtype=kind)
    return found


def _forward(layer: Layer, values: Mapping[str, Any]) -> Any:
    with Kept(layer.owner), np.errstate(all="ignore"):
        return run_forward(_fresh(layer), values)


def _run(layer: Layer, values: Values, upstreams: Values, fmt: Format, flows: tuple[str, ...]) -> Ran:
    """NumPy alone."""
    given = _as_given(layer, values, fmt)
    with Kept(layer.owner), np.errstate(all="ignore"):
        forward = run_forward(_fresh(layer), given)
        gradients = run_backward(layer, forward, _flowing(upstreams, flows, fmt), given)
        return Ran({n: np.array(floats_of(v)) for n, v in forward.outputs.items()}, {n: np.array(floats_of(gradients[n])) for n in layer.inputs if n in gradients})  # copies: the object's own arrays are put back


def _fresh(layer: Layer) -> Layer:
    """The layer with copies of what is passed on, so that one run does not change the next."""
    return replace(layer, args=tuple(a if is_real(a) else copy.deepcopy(a) for a in layer.args))


def _flowing(upstreams: Values, flows: tuple[str, ...], fmt: Format) -> list[Any]:
    kind = dtype(fmt)
    return [np.array(upstreams[o], dtype=kind) if np.ndim(upstreams[o]) else (float(upstreams[o]) if fmt.name == "float64" else kind.type(upstreams[o])) for o in flows]


def _trace(layer: Layer, values: Values, upstreams: Values, fmt: Format, shapes: Mapping[str, tuple[int, ...]], flows: Mapping[str, tuple[int, ...]]) -> Trace:
    """The same on steps. Raises Refusal. What a case file fixes is traced as well; where the code cannot be traced so, its numbers are data."""
    ran = _run(layer, values, upstreams, fmt, tuple(flows))
    if any(is_real(a) and n in layer.fixed for n, a in zip(layer.names, layer.args, strict=True)):
        with contextlib.suppress(Refusal):
            return _traced(layer, values, upstreams, fmt, shapes, flows, ran, layer.fixed)
    return _traced(layer, values, upstreams, fmt, shapes, flows, ran)


def _traced(
    layer: Layer, values: Values, upstreams: Values, fmt: Format, shapes: Mapping[str, tuple[int, ...]], flows: Mapping[str, tuple[int, ...]], ran: Ran, fixed: Mapping[str, Sequence[str]] = NONE_FIXED
) -> Trace:
    """The trace beside what NumPy gave."""
    kind = dtype(fmt)
    recorder = Recorder(shapes, flows, dtype=kind)
    recorder.has_symmetric_gradients = _are_symmetric(values, ran)
    inputs = {n: Traced(recorder.inputs[n].copy(), np.array(values[n], dtype=kind), recorder) for n in shapes}
    inputs |= {n: Traced(recorder.decimals(fixed[n], np.shape(a)), np.array(a), recorder) for n, a in zip(layer.names, layer.args, strict=True) if n in fixed and is_real(a)}
    flowing = [Traced(recorder.upstreams[o].copy(), np.array(upstreams[o], dtype=kind), recorder) for o in flows]
    spaces = [f.__globals__ for f in (layer.forward, layer.backward) if f is not None and hasattr(f, "__globals__")]
    try:
        with Kept(layer.owner), np.errstate(all="ignore"), patched(recorder, spaces):
            forward = run_forward(_fresh(layer), inputs)
            outputs = {n: lift(recorder, v) for n, v in forward.outputs.items()}
            _is_read_as_written(recorder, [(v.value, ran.outputs[n]) for n, v in outputs.items()])
            recorder.end_forward({n: v.steps for n, v in outputs.items()})
            gradients = run_backward(layer, forward, flowing, inputs)
            lifted = {n: lift(recorder, gradients[n]) for n in layer.inputs if n in gradients}
            found = {n: v.steps for n, v in lifted.items()}
            _is_read_as_written(recorder, [(v.value, ran.gradients[n]) for n, v in lifted.items()])
    except (Refusal, CallError):
        raise
    except Exception as error:  # the user's code, on values that are not quite NumPy's
        refusal = unreadable(layer, error)
        refusal.forward = recorder.forward()
        raise refusal from error
    return recorder.trace(found, point_of(recorder, values, upstreams), computed=ran.gradients, outputs=ran.outputs)


def _are_symmetric(values: Values, ran: Ran) -> bool:
    """Whether symmetric matrices have symmetric gradients, none of them diagonal, as far as rounding lets one tell."""
    pairs = [(np.asarray(values[n]), g) for n, g in ran.gradients.items() if g.ndim >= 2 and g.shape[-1] == g.shape[-2] > 1]
    found = [g for v, g in pairs if np.array_equal(v, np.swapaxes(v, -1, -2))]
    return bool(found) and all(np.allclose(g, np.swapaxes(g, -1, -2)) and np.any(np.tril(g, -1)) for g in found)


def _is_read_as_written(recorder: Recorder, pairs: Iterable[tuple[Any, Any]]) -> None:
    """Refuse a run in which a plain array that traced values were written into, which holds NaN since, is read by another name."""
    if recorder.undo and any(bool(np.any(np.isnan(own) & ~np.isnan(computed))) for own, computed in pairs):
        raise Refusal("an array that traced values are written into is read by another name", recorder.written_at, WRITABLE, recorder.forward())


def _faults(layer: Layer, flows: list[Any]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """What a callable does that no gradient should: change its inputs, give other bits when it is called again; the inputs of which it returns no gradient."""
    found: list[tuple[str, str]] = []
    results: list[Any] = []
    for _ in range(2):
        given = {n: copy.deepcopy(v) for n, v in layer.inputs.items()}
        with Kept(layer.owner), np.errstate(all="ignore"):
            forward = run_forward(_fresh(layer), given)
            gradients = run_backward(layer, forward, copy.deepcopy(flows), given)
            changed = [n for n, v in layer.inputs.items() if not _same(v, given[n])]
            results.append(([np.array(v) for v in forward.outputs.values()], {n: np.array(g) for n, g in gradients.items()}))
    if changed:
        found.append(("V111", f"changes its inputs: {', '.join(changed)}"))
    if not all(_same(a, b) for a, b in zip(results[0][0], results[1][0], strict=True)) or not all(_same(g, results[1][1][n]) for n, g in results[0][1].items()):
        found.append(("V111", UNSTEADY))
    return tuple(found), tuple(n for n in layer.inputs if n not in results[0][1])


def _same(a: Any, b: Any) -> bool:
    return np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True)


__all__ = ["assert_gradient", "check"]
