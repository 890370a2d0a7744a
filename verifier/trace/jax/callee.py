"""A callable of JAX as a Callee: its inputs and outputs by name, how JAX runs it, and how it is traced."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from verifier.language.formats import Format, dtype
from verifier.language.source import Place
from verifier.trace.flows import OTHER, pattern
from verifier.trace.jax.concrete import jaxpr_of
from verifier.trace.jax.edited import EditedCall, Pull
from verifier.trace.jax.equation_places import last_place, own_lines
from verifier.trace.jax.interpret import Interpreter
from verifier.trace.jax.jax_array import ADVICE, JaxArray, in_double, jax_version
from verifier.trace.jax.replay import CONCRETE, Replayed
from verifier.trace.jax.user_functions import functions_of
from verifier.trace.record import MISSHAPEN, UNSTEADY, Callee, Occasion, Ran, Refusal, RunWith, Spot, Trace, TraceWith, Values
from verifier.trace.recorder import Recorder, point_of
from verifier.trace.shape_message import wrong_shapes

FORMATS = ("float16", "bfloat16", "float32", "float64")
NONE_FIXED: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class JaxCall:
    """A callable with its arguments, in whose trees the leaves that are numbers are inputs."""

    function: Callable[..., Any]
    leaves: tuple[Any, ...]
    tree: Any
    names: Mapping[str, int]  # input -> its leaf
    backward: Callable[..., Any] | None = None
    fixed: Mapping[int, Sequence[str]] = field(default_factory=dict)  # leaves that are arrays of numbers which stand in a case file: the text of each number

    def of(self, inputs: Sequence[Any]) -> list[Any]:
        """The outputs, as leaves, for other values of the inputs."""
        return list(jax.tree_util.tree_leaves(self.whole(inputs)))

    def whole(self, inputs: Sequence[Any]) -> Any:
        """What the callable returns."""
        leaves = list(self.leaves)
        for at, value in zip(self.names.values(), inputs, strict=True):
            leaves[at] = value
        return self.function(*jax.tree_util.tree_unflatten(self.tree, leaves))

    def with_fixed(self, values: Sequence[Any]) -> JaxCall:
        """The same call with other values of what is fixed."""
        known = dict(zip(self.fixed, values, strict=True))
        return replace(self, leaves=tuple(known.get(k, leaf) for k, leaf in enumerate(self.leaves)))


def called(function: Callable[..., Any], arguments: Sequence[Any], names: Sequence[str] | None = None, backward: Callable[..., Any] | None = None, fixed: Mapping[str, Sequence[str]] = NONE_FIXED) -> JaxCall:
    """A callable with its arguments. Inputs are the leaves that are floats or arrays of floats, named after the argument and the path; arguments that are `fixed`, or that the callable does not differentiate, are none."""
    constants = _constant_places(function, len(arguments))
    known = list(names or _argument_names(function, len(arguments)))
    if len(known) != len(arguments):
        raise TypeError(f"names= has {len(known)} names, and there are {len(arguments)} arguments")
    pairs, tree = jax.tree_util.tree_flatten_with_path(tuple(arguments))
    found: dict[str, int] = {}
    held: dict[int, Sequence[str]] = {}
    for k, (path, leaf) in enumerate(pairs):
        if is_number(leaf) and np.ndim(leaf) and known[path[0].idx] in fixed:
            held[k] = fixed[known[path[0].idx]]
        if not is_number(leaf) or known[path[0].idx] in fixed or path[0].idx in constants:
            continue
        name = "_".join([known[path[0].idx], *(str(getattr(p, "key", getattr(p, "idx", getattr(p, "name", p)))) for p in path[1:])])
        while name in found or not name:
            name += "_"
        found[name] = k
    return JaxCall(function, tuple(leaf for _, leaf in pairs), tree, found, backward, held)


def _constant_places(function: Callable[..., Any], count: int) -> set[int]:
    """The places of the arguments that a rule of the user's takes in `nondiff_argnums`, as numbers and not as tracers."""
    found: set[int] = set()
    while function is not None:
        found.update(k % count for k in getattr(function, "nondiff_argnums", ()) if count)
        function = getattr(function, "__wrapped__", None)  # type: ignore[assignment]
    return found


def without_numbers(called_: JaxCall) -> tuple[JaxCall, list[str]]:
    """The callable with the plain Python floats among its inputs as constants, and the names of these."""
    held = [n for n, k in called_.names.items() if isinstance(called_.leaves[k], float)]
    return replace(called_, names={n: k for n, k in called_.names.items() if n not in held}), held


def is_number(leaf: Any) -> bool:
    """Whether a leaf is a float or an array of floats."""
    return isinstance(leaf, float) or (hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating))


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    found = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)][:count]
    return [*found, *(f"x{k}" for k in range(len(found), count))]


@contextmanager
def wide(fmt: Format) -> Iterator[None]:
    """float64 where the format needs it, without a change of the user's own setting."""
    if fmt.name != "float64":
        yield
        return
    enable = jax.enable_x64 if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental").enable_x64
    with enable(True):
        yield


def format_of(called_: JaxCall) -> str:
    """The widest format of the inputs; Python's floats are float64."""
    found = [getattr(getattr(called_.leaves[k], "dtype", None), "name", "float64") for k in called_.names.values()]
    return max((n for n in found if n in FORMATS), key=FORMATS.index, default="float64")


def callee_of(called_: JaxCall, fmt: Format) -> Callee:
    """The callable at the door; it is run once, to see its outputs."""
    fn = called_.function
    name = getattr(inspect.unwrap(fn), "__name__", type(fn).__name__)
    shapes = {n: np.shape(called_.leaves[k]) for n, k in called_.names.items()}
    with wide(fmt):
        given = [jnp.asarray(called_.leaves[k], dtype=fmt.name) for k in called_.names.values()]
        plain = _outputs(called_.whole(given))
        outputs = {n: jnp.asarray(v) for n, v in plain.items()}
    numbers = [n for n, leaf in outputs.items() if jnp.issubdtype(leaf.dtype, jnp.floating)]
    for n, leaf in outputs.items():
        if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
            raise Refusal(f"the output {n} is complex", None, "return its real part and its imaginary part, or its absolute value")
    if not numbers:
        raise Refusal("no output is a float or an array of floats: there is nothing to differentiate", None, "return what is to be differentiated")
    replayed = _replayed(called_)
    seen = _behaviour(called_, fmt, {n: outputs[n] for n in numbers})
    if seen.linear_at is not None:
        replayed.known[fmt.name] = given, seen.flows, (plain, seen.gradients)
    notes = seen.notes
    if any(jnp.issubdtype(getattr(leaf, "dtype", type(leaf)), jnp.complexfloating) for leaf in called_.leaves if hasattr(leaf, "dtype") or isinstance(leaf, complex)):
        notes = (*notes, "complex inputs are taken as constants: to have their gradients checked, give the real and the imaginary part, and put them together with lax.complex")
    return Callee(
        name if name.isidentifier() else "callable",
        _place(fn),
        f"JAX {jax_version()}",
        shapes,
        {n: tuple(outputs[n].shape) for n in numbers},
        lambda values, flows, f: _run(called_, replayed, values, flows, f),
        lambda values, flows, f: _trace(called_, replayed, values, flows, f),
        tuple(numbers),
        notes,
        seen.faults,
        linear_at=seen.linear_at,
        held=lambda values, flows, f: _trace(called_, replayed, values, flows, f, holds=True),
        go_on=lambda values, flows, f, more: _trace(called_, replayed, values, flows, f, more),
        together=lambda values, flows, f: _run_together(called_, replayed, values, flows, f),
        functions=functions_of(called_.backward, called_.function),
        unremembered=lambda: _unremembered(called_),
        anew=lambda values, flows, f: _traced_anew(called_, values, flows, f),
    )


def _replayed(called_: JaxCall) -> Replayed:
    """The outputs and the gradients of a callable, as they are run again."""
    return Replayed(lambda inputs, flows: (_outputs(called_.whole(inputs)), _gradients(called_, inputs, flows)))


def _traced_anew(called_: JaxCall, values: Values, flows: Values, fmt: Format) -> Trace:
    """The trace of code that JAX may remember as it was before."""
    remembers = any(getattr(f, "__wrapped__", None) is not None or hasattr(f, "defvjp") or hasattr(f, "defjvp") for f in (called_.function, *_named(functions_of(called_.backward, called_.function))))
    if remembers:  # all that is compiled goes with it: for a plain function that would be seconds for nothing
        jax.clear_caches()
    try:
        return _trace(called_, _replayed(called_), values, flows, fmt)
    finally:
        if remembers:
            jax.clear_caches()


@contextmanager
def _unremembered(called_: JaxCall) -> Iterator[tuple[RunWith, TraceWith]]:
    """How code is run and traced that is edited meanwhile: nothing is compiled and loops are Python's, so that every run goes through the code as it is; what JAX has kept of it all the same is gone afterwards."""
    edited = EditedCall(lambda inputs: _differentiated(called_, inputs), functions_of(called_.backward, called_.function))

    def run(values: Values, flows: Values, fmt: Format) -> Ran:
        with wide(fmt):
            outputs, gradients = edited(_arrays(values, fmt), _arrays(flows, fmt))
            numbers = [in_double(v) for v in outputs if _is_float(v)]
            return Ran(dict(zip(flows, numbers, strict=True)), dict(zip(called_.names, map(in_double, gradients), strict=True)))

    def trace(values: Values, flows: Values, fmt: Format) -> Trace:
        with wide(fmt):
            outputs, gradients = edited.plainly(_arrays(values, fmt), _arrays(flows, fmt))
            numbers = [in_double(v) for v in outputs if _is_float(v)]
        ran = Ran(dict(zip(flows, numbers, strict=True)), dict(zip(called_.names, map(in_double, gradients), strict=True)))
        return _traced(replace(called_, fixed={}), values, flows, fmt, ran, 0)

    try:
        with jax.disable_jit():
            yield run, trace
    finally:
        jax.clear_caches()


def _named(functions: Sequence[Any]) -> list[Any]:
    """What functions name of their own file."""
    return [f.__globals__[n] for f in functions for n in f.__code__.co_names if n in f.__globals__]


@dataclass(frozen=True, eq=False)
class _FirstRuns:
    """What a callable does beside its gradients: faults, what is worth a note; where it was if it is steady and its gradients are linear there, with these and what flowed in."""

    faults: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    linear_at: Occasion | None = None
    flows: Sequence[Any] = ()
    gradients: Sequence[Any] = ()


def _behaviour(called_: JaxCall, fmt: Format, outputs: Mapping[str, Any]) -> _FirstRuns:
    """Whether a callable does what no gradient should: give other bits when it is called again, or another output under differentiation.

    It is called again with OTHER times as much flowing in: where that gives OTHER times the gradients, to the last bit, it is steady. An output under differentiation that is the plain one up to the digits that a verdict of `rounding` may lose is only noted: a rule may arrange it in another way.
    """
    with wide(fmt):
        inputs = [jnp.asarray(called_.leaves[k], dtype=fmt.name) for k in called_.names.values()]
        flows = {n: jnp.asarray(pattern(np.shape(v), k), dtype=v.dtype) for k, (n, v) in enumerate(outputs.items())}
        plain, pulled, gradients = _plain_and_pulled(called_, inputs, list(flows.values()))
        first = list(map(in_double, gradients))
        other = second = _plain_and_pulled(called_, inputs, [OTHER * f for f in flows.values()])
        is_scaled = _all_same([OTHER * g for g in first], list(map(in_double, other[2])))
        if not is_scaled:
            second = _plain_and_pulled(called_, inputs, list(flows.values()))
    if misshapen := wrong_shapes({n: (np.shape(x), np.shape(g)) for n, x, g in zip(called_.names, inputs, first, strict=False)}):
        return _FirstRuns(tuple((MISSHAPEN, text) for text in misshapen.values()))
    if not (_all_same([*plain, *pulled], [*other[0], *other[1]]) and _all_same([*plain, *pulled], [*second[0], *second[1]]) and (is_scaled or _all_same(first, list(map(in_double, second[2]))))):
        return _FirstRuns((("V111", UNSTEADY),))
    worst = max((_ulps(a, b, fmt) for a, b in zip(plain, pulled, strict=True)), default=0.0)
    if worst > 2.0 ** (fmt.precision / 3):
        return _FirstRuns((("V111", "gives another output when it is differentiated than when it is not"),))
    linear_at = Occasion(fmt.name, {n: in_double(x) for n, x in zip(called_.names, inputs, strict=True)}, {n: in_double(f) for n, f in flows.items()}) if is_scaled else None
    notes = (f"when it is differentiated, the output is up to {worst:.3g} ulp from that of a plain call: its derivative rule rounds in another order",) if worst else ()
    return _FirstRuns((), notes, linear_at, list(flows.values()), gradients)


def _plain_and_pulled(called_: JaxCall, inputs: Sequence[Any], flows: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """The numbers of the outputs, those under differentiation, and the gradients as JAX has them."""
    plain = [in_double(v) for v in called_.of(inputs) if _is_float(v)]
    if called_.backward is not None:
        return plain, plain, list(_gradients(called_, inputs, flows))
    outputs, gradients = _pulled(called_, inputs, flows)
    return plain, [in_double(v) for v in outputs if _is_float(v)], gradients


def _all_same(first: Sequence[Any], second: Sequence[Any]) -> bool:
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(first, second, strict=True))


def _ulps(first: Any, second: Any, fmt: Format) -> float:
    """How many ulps two arrays are apart, at the component where it is most; inf where one is no number."""
    if np.array_equal(first, second, equal_nan=True):
        return 0.0
    size = np.maximum(np.abs(first), np.abs(second))
    with np.errstate(all="ignore"):
        apart = np.abs(first - second) / np.exp2(np.maximum(np.floor(np.log2(size)), fmt.emin) - fmt.precision + 1)
    apart = np.where((first == second) | (np.isnan(first) & np.isnan(second)), 0.0, apart)
    return float(np.max(np.where(np.isnan(apart), np.inf, apart)))


def leaves_of(upstream: Any, names: Mapping[str, Any]) -> Any:
    """The gradients that flow in: a mapping by the names of the outputs as it is, the leaves of any other tree in order."""
    if upstream is None or (isinstance(upstream, Mapping) and set(upstream) <= set(names)):
        return upstream
    found = jax.tree_util.tree_leaves(upstream)
    return found[0] if len(found) == 1 else tuple(found)


def _outputs(tree: Any) -> dict[str, Any]:
    """The leaves of what a callable returns, by name."""
    pairs = jax.tree_util.tree_flatten_with_path(tree)[0]
    found = {}
    for path, leaf in pairs:
        name = "_".join(["out", *(str(getattr(p, "key", getattr(p, "idx", getattr(p, "name", p)))) for p in path)])
        found[name] = leaf
    return found


def _place(fn: Any) -> Place:
    target = inspect.unwrap(fn)
    code = getattr(target, "__code__", None)
    return Place(code.co_filename, code.co_firstlineno, 1) if code is not None else Place(getattr(fn, "__module__", "") or "", 0, 0)


def _arrays(values: Values, fmt: Format) -> list[Any]:
    return [jnp.asarray(v, dtype=fmt.name) for v in values.values()]


def _is_float(array: Any) -> bool:
    return bool(jnp.issubdtype(array.dtype if hasattr(array, "dtype") else jnp.asarray(array).dtype, jnp.floating))


def _cotangents(leaves: Sequence[Any], flows: Sequence[Any]) -> list[Any]:
    """What flows into each leaf of the outputs; nothing into whole numbers."""
    rest = iter(flows)
    return [next(rest).astype(leaf.dtype) if _is_float(leaf) else np.zeros(np.shape(leaf), jax.dtypes.float0) for leaf in leaves]


def _gradients(called_: JaxCall, inputs: Sequence[Any], flows: Sequence[Any]) -> Any:
    if called_.backward is not None:
        found = jax.tree_util.tree_leaves(called_.backward(*(flows if len(flows) != 1 else (flows[0],)), *jax.tree_util.tree_unflatten(called_.tree, _replaced(called_, inputs))))
        return [jnp.asarray(g) for g in found]
    return _pulled(called_, inputs, flows)[1]


def _pulled(called_: JaxCall, inputs: Sequence[Any], flows: Sequence[Any]) -> tuple[Sequence[Any], list[Any]]:
    """The outputs under differentiation, and the gradients."""
    outputs, pull = _differentiated(called_, inputs)
    return outputs, list(pull(flows))


def _differentiated(called_: JaxCall, inputs: Sequence[Any]) -> tuple[Sequence[Any], Pull]:
    """The outputs, and what gives the gradients for those that flow in."""
    if called_.backward is not None:
        return called_.of(inputs), lambda flows: _gradients(called_, inputs, flows)
    with own_lines():  # always: what JAX has traced it keeps
        outputs, pull = jax.vjp(lambda *x: called_.of(x), *inputs)

    def gradients(flows: Sequence[Any]) -> list[Any]:
        with own_lines():
            return list(pull(_cotangents(outputs, flows)))

    return outputs, gradients


def _replaced(called_: JaxCall, inputs: Sequence[Any]) -> list[Any]:
    leaves = list(called_.leaves)
    for at, value in zip(called_.names.values(), inputs, strict=True):
        leaves[at] = value
    return leaves


def _run(called_: JaxCall, replayed: Replayed, values: Values, flows: Values, fmt: Format) -> Ran:
    """JAX alone."""
    with wide(fmt):
        outputs, gradients = replayed(_arrays(values, fmt), _arrays(flows, fmt), fmt.name)
        return Ran(
            {n: in_double(v) for n, v in outputs.items() if _is_float(v)},
            {n: in_double(g) for n, g in zip(called_.names, gradients, strict=True)},
        )


def _run_together(called_: JaxCall, replayed: Replayed, values: Values, flows: Values, fmt: Format) -> Ran:
    """JAX alone, at many points in one call. Raises Refusal."""
    with wide(fmt):
        outputs, gradients = replayed.together(_arrays(values, fmt), _arrays(flows, fmt), fmt.name)
        return Ran({n: in_double(v) for n, v in outputs.items()}, {n: in_double(g) for n, g in zip(called_.names, gradients, strict=True)})


def _trace(called_: JaxCall, replayed: Replayed, values: Values, flows: Values, fmt: Format, more: int = 0, *, holds: bool = False) -> Trace:
    """The forward pass, and then the backward pass, whose equations that depend on the inputs alone are those of the forward pass. Raises Refusal.

    What a case file fixes is traced as well; where the code cannot be traced so, its numbers are data.
    """
    ran = _run(called_, replayed, values, flows, fmt)
    if called_.fixed:
        with suppress(Exception):  # the code may read its numbers, or have them as static arguments
            return _traced(called_, values, flows, fmt, ran, more, holds=holds)
    return _traced(replace(called_, fixed={}), values, flows, fmt, ran, more, holds=holds)


def _jaxprs(called_: JaxCall, constants: list[Any], inputs: list[Any], flowing: list[Any]) -> list[tuple[Any, list[Spot | None]]]:
    """The forward pass and the backward pass, each with the places at which Python asks for numbers that depend on an input. Raises Refusal.

    Only code that cannot be traced otherwise has such numbers: where JAX itself could use them, it would take another way.
    """
    for follows in (False, True):
        try:
            forward = jaxpr_of(lambda c, *x: called_.with_fixed(c).of(x), constants, *inputs, follows=follows)
            return [forward, jaxpr_of(lambda c, x, g: _gradients(called_.with_fixed(c), x, g), constants, inputs, flowing, follows=follows)]
        except CONCRETE as error:
            refused = error
    raise Refusal("Python code takes the numbers of an array that depends on an input (float, NumPy, if in a function that JAX compiles)", last_place(refused), "write it with jnp.where or lax.cond; else " + ADVICE) from refused


def _traced(called_: JaxCall, values: Values, flows: Values, fmt: Format, ran: Ran, more: int, *, holds: bool = False) -> Trace:
    """The trace beside what JAX gave; iterations with a derivative rule of their own run `more` times as many rounds more; what is stopped is constant where it `holds`."""
    with wide(fmt):
        recorder = Recorder({n: v.shape for n, v in values.items()}, {n: v.shape for n, v in flows.items()}, holds=holds, dtype=dtype(fmt))
        inputs, flowing = _arrays(values, fmt), _arrays(flows, fmt)
        constants = [jnp.asarray(called_.leaves[k]) for k in called_.fixed]
        (forward, asked), (backward, asked_backward) = _jaxprs(called_, constants, inputs, flowing)
        interpreter = Interpreter(recorder, more=more)
        own = [JaxArray(a, recorder.inputs[n]) for n, a in zip(values, inputs, strict=True)]
        given = [JaxArray(a, recorder.upstreams[n]) for n, a in zip(flows, flowing, strict=True)]
        fixed = [JaxArray(a, recorder.decimals(texts, a.shape)) for a, texts in zip(constants, called_.fixed.values(), strict=True)]
        outputs = [v for v in interpreter.followed(forward, [*fixed, *own], asked) if v.kind == "f"]
        recorder.end_forward({n: interpreter.steps(v) for n, v in zip(flows, outputs, strict=True)})
        found = interpreter.followed(backward, [*fixed, *own, *given], asked_backward)
        interpreter.rule_results.give_names(recorder)
        gradients = {n: interpreter.steps(v) for n, v in zip(called_.names, found, strict=True)}
        return replace(recorder.trace(gradients, point_of(recorder, values, flows), computed=ran.gradients, outputs=ran.outputs), iterations=tuple(interpreter.iterations.values()))
