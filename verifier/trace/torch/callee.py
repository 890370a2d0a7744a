"""A callable on tensors as a Callee: its inputs and outputs by name, how torch runs it, and how it is traced."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils._pytree import tree_flatten_with_path, tree_leaves
from torch.utils.checkpoint import CheckpointFunction

from verifier.language.formats import Format, dtype, format_named
from verifier.language.source import Place
from verifier.trace.flows import OTHER, pattern
from verifier.trace.record import MISSHAPEN, UNSTEADY, Callee, Floats, Occasion, Ran, Refusal, Trace, Values
from verifier.trace.recorder import Recorder, point_of
from verifier.trace.shape_message import wrong_shapes
from verifier.trace.torch import (
    alignments,
    complex_numbers,
    decompositions,
    elementwise,
    embedding_bags,
    linear_algebra,
    moves,
    products,
    reductions,
    sampling,
)
from verifier.trace.torch.elementwise_only import Elementwise
from verifier.trace.torch.escapes import NumbersTaken
from verifier.trace.torch.memory import floats_in
from verifier.trace.torch.mode import FRAMEWORK, Tracer
from verifier.trace.torch.tensor_inputs import FORMATS, TorchCall, is_function

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TYPES = {name: kind for kind, name in FORMATS.items()}
COMPILED = "compiled by torch.compile: the gradients are those of the compiled code, the traced lines and the proofs those of the code that was compiled"
MOST_NODES = 20_000  # of an autograd graph that are looked at for custom Functions
OF_NUMBERS = {"float16": "float32", "bfloat16": "float32"}  # torch's kernels for 16 bits compute in float32: a Python number beside such a tensor is never rounded to 16 bits
SEED = 20_240_229  # of every run, so that all draw the same random numbers
TABLES = (alignments, complex_numbers, decompositions, elementwise, embedding_bags, linear_algebra, moves, products, reductions, sampling)  # their rows are entered when they are imported


# ---------------------------------------------------------------- running


def outputs_of(result: Any) -> dict[str, torch.Tensor]:
    """The outputs that have a gradient, by name: `out`, `out0`, `out1`, or the keys of a dictionary."""
    if isinstance(result, torch.Tensor):
        return {"out": result} if result.requires_grad else {}
    flat = [(path, v) for path, v in tree_flatten_with_path(result)[0] if isinstance(v, torch.Tensor)]
    found = {}
    for path, tensor in flat:
        parts = [str(getattr(k, "key", getattr(k, "idx", getattr(k, "name", k)))) for k in path]
        label = "_".join(parts)
        if tensor.requires_grad:
            found[label if label.isidentifier() else f"out{label}" if len(flat) > 1 else "out"] = tensor
    return found


def leaves(call: TorchCall, values: Values | None, fmt: Format) -> dict[str, torch.Tensor]:
    """The inputs as tensors of a format. Where it is the callable's own, each keeps its type."""
    own = format_of(call)
    found = {}
    for i in call.inputs:
        kind = i.tensor.dtype if fmt.name == own else TYPES[fmt.name]
        if values is None:
            data = i.tensor.detach().to(kind).clone()
        else:
            data = torch.as_tensor(np.array(values[i.name], dtype=np.float64), dtype=kind, device=i.tensor.device)
        found[i.name] = data.requires_grad_(i.wanted)
    return found


def format_of(call: TorchCall) -> str:
    """The format of a callable's inputs: the widest of their types."""
    kinds = [i.tensor.dtype for i in call.inputs]
    return FORMATS[max(kinds, key=lambda k: torch.finfo(k).bits * 100 - torch.finfo(k).eps)] if kinds else "float64"


def _seeds(outputs: Mapping[str, torch.Tensor], upstreams: Values) -> dict[str, torch.Tensor]:
    found = {}
    for name, tensor in outputs.items():
        data = np.array(upstreams[name], dtype=np.float64).reshape(tuple(tensor.shape))
        found[name] = torch.from_numpy(data).to(tensor.dtype).to(tensor.device)
    return found


def _gradients(call: TorchCall, tensors: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], seeds: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor | None]:
    """The gradients by autograd, or by the backward pass that was given."""
    if call.backward is not None:
        with torch.no_grad():
            found = call.backward(*seeds.values(), *(tensors[i.name] for i in call.inputs if i.set is None))
        wanted = [i.name for i in call.inputs if i.set is None and i.wanted]
        if isinstance(found, Mapping):
            if found.keys() != set(wanted):
                raise ValueError(f"the backward pass returns gradients of {', '.join(map(str, found)) or 'nothing'}; the inputs are {', '.join(wanted)}")
            return dict(found)
        found = found if isinstance(found, tuple | list) else (found,)
        if len(found) != len(wanted):
            raise ValueError(f"the backward pass returns {len(found)} gradients; there are {len(wanted)} inputs: {', '.join(wanted)}")
        return dict(zip(wanted, found, strict=True))
    wanted = [n for n, v in tensors.items() if v.requires_grad]
    if CheckpointFunction in customs_in(outputs.values()):
        return _accumulated({n: tensors[n] for n in wanted}, outputs, seeds)
    found = torch.autograd.grad([outputs[o] for o in outputs], [tensors[n] for n in wanted], [seeds[o] for o in outputs], allow_unused=True)
    return dict(zip(wanted, found, strict=True))


def _accumulated(wanted: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], seeds: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor | None]:
    """The gradients as `.backward()` leaves them in the inputs, for a reentrant checkpoint, which refuses `torch.autograd.grad`. Other tensors keep the gradients that they had."""
    others = [(v, v.grad) for v in _variables_of(outputs.values())]
    try:
        torch.autograd.backward([outputs[o] for o in outputs], [seeds[o] for o in outputs])
        return {n: v.grad for n, v in wanted.items()}
    finally:
        for tensor, gradient in others:
            tensor.grad = gradient


def run(call: TorchCall, values: Values, upstreams: Values, fmt: Format) -> Ran:
    """What torch computes, without any tracing. In a format that is not the callable's own NaN where torch has no kernel for it."""
    tensors = leaves(call, values, fmt)
    try:
        with _alike(call, tensors), torch.enable_grad():
            outputs = outputs_of(call.run(tensors))
            gradients = _gradients(call, tensors, outputs, _seeds(outputs, upstreams))
    except (RuntimeError, NotImplementedError):
        if fmt.name == format_of(call):
            raise
        return Ran({n: np.full(np.shape(v), np.nan) for n, v in upstreams.items()}, {i.name: np.full(tuple(i.tensor.shape), np.nan) for i in call.inputs if i.wanted})
    return Ran({n: floats_in(v) for n, v in outputs.items()}, {n: _numbers(g, tensors[n]) for n, g in gradients.items()})


def run_together(call: TorchCall, values: Values, upstreams: Values, fmt: Format) -> Ran:
    """What torch computes at many points in one call, each number in the place of a column of them. Raises Refusal where an operation is not one of each element alone."""
    tensors = leaves(call, values, fmt)
    with _alike(call, tensors), _as_written(), torch.enable_grad(), Elementwise():
        outputs = outputs_of(call.run(tensors))
        if any(v.shape != np.shape(upstreams[n]) for n, v in outputs.items()) or outputs.keys() != upstreams.keys():
            raise Refusal("the outputs are not as many as the points")
        gradients = _gradients(call, tensors, outputs, _seeds(outputs, upstreams))
    return Ran({n: floats_in(v) for n, v in outputs.items()}, {n: _numbers(g, tensors[n]) for n, g in gradients.items()})


def _numbers(gradient: torch.Tensor | None, like: torch.Tensor) -> Floats:
    return np.zeros(tuple(like.shape)) if gradient is None else floats_in(gradient)


def trace(call: TorchCall, values: Values, upstreams: Values, fmt: Format, *, outside: Sequence[str] = (), known: list[Ran] | None = None, holds: bool = False) -> Trace:
    """The callable on steps, at these values; what is detached is constant where it `holds`. What it computes when nobody looks is `known` where it was run at them before, and serves once. Raises Refusal."""
    shapes = {i.name: tuple(i.tensor.shape) for i in call.inputs}
    recorder = Recorder(shapes, {o: np.shape(v) for o, v in upstreams.items()}, holds=holds, dtype=dtype(format_named(OF_NUMBERS.get(fmt.name, fmt.name))))
    tensors = leaves(call, values, fmt)
    tracer = Tracer(recorder, outside)
    for name, tensor in tensors.items():
        tracer.memory.write(tensor, recorder.decimals(call.fixed[name], shapes[name]) if name in call.fixed else recorder.inputs[name])
    try:
        with _alike(call, tensors), _as_written(), torch.enable_grad():
            with tracer, NumbersTaken(tracer):
                outputs = outputs_of(call.run(tensors))
            _same_outputs(outputs, upstreams, recorder)
            recorder.end_forward({o: tracer.memory.read(v) for o, v in outputs.items()})
            seeds = _seeds(outputs, upstreams)
            for name, seed in seeds.items():
                tracer.memory.write(seed, recorder.upstreams[name])
            with tracer, NumbersTaken(tracer):
                gradients = _gradients(call, tensors, outputs, seeds)
    except Refusal as refusal:
        refusal.forward = recorder.forward()
        raise
    zero = tracer(0)
    steps = {n: np.broadcast_to(zero, shapes[n]) if g is None else tracer.memory.read(g) for n, g in gradients.items()}
    computed = {n: _numbers(g, tensors[n]) for n, g in gradients.items()}
    found = {n: floats_in(v) for n, v in outputs.items()}
    plain = known.pop() if known else run(call, values, upstreams, fmt)
    if not all(np.array_equal(plain.outputs[n], v, equal_nan=True) for n, v in found.items()) or not all(np.array_equal(plain.gradients[n], v, equal_nan=True) for n, v in computed.items()):
        recorder.readings.clear()  # torch runs something else when nobody looks, such as compiled code: its results are judged, and what it computed on the way is not known
        computed, found = plain.gradients, plain.outputs
    return recorder.trace(steps, point_of(recorder, values, upstreams), computed=computed, outputs=found)


@contextmanager
def _as_written() -> Iterator[None]:
    """What is compiled runs as it is written, so that its lines are seen."""
    if "torch._dynamo" not in sys.modules:  # nothing can be compiled
        yield
        return
    with torch.compiler.set_stance("force_eager"):
        yield


def _is_compiled(function: Any) -> bool:
    """Whether a callable comes from torch.compile."""
    return hasattr(function, "_torchdynamo_orig_callable") or hasattr(function, "_orig_mod")


def _same_outputs(outputs: Mapping[str, torch.Tensor], upstreams: Values, recorder: Recorder) -> None:
    if outputs.keys() != upstreams.keys():
        raise Refusal("the set of outputs changes from call to call", recorder.place(), "return the same tensors every time")


@cache
def _seeded() -> torch.Tensor:
    """The state of torch's generator after SEED; to seed it anew costs ten times as much."""
    return torch.Generator().manual_seed(SEED).get_state()


@contextmanager
def _alike(call: TorchCall, tensors: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """The callable has these tensors; every run draws the same random numbers from torch's generator, and leaves the buffers and the attributes of modules as they were."""
    with _kept_modules(call.modules) if call.modules else nullcontext():
        before = torch.random.get_rng_state()
        torch.random.set_rng_state(_seeded())
        try:
            with call.placed(tensors):
                yield
        finally:
            torch.random.set_rng_state(before)


@contextmanager
def _kept_modules(modules: Iterable[torch.nn.Module]) -> Iterator[None]:
    """Buffers and attributes of modules, and of those inside them, are put back as they were."""
    inner = list(dict.fromkeys(m for outer in modules for m in outer.modules()))
    tables = [(table, dict(table)) for m in inner for table in (m._buffers, vars(m)) if isinstance(table, dict)]  # noqa: SLF001 - torch has no other way to put a tensor of another shape back
    held = {id(v): v for values in (*(table.values() for _, table in tables), *(m.buffers(recurse=False) for m in inner)) for v in values if isinstance(v, torch.Tensor)}
    kept = [(v, v.detach().clone()) for v in held.values()]
    try:
        yield
    finally:
        for table, content in tables:
            table.clear()
            table.update(content)
        with torch.no_grad():
            for tensor, value in kept:
                if not torch.equal(tensor, value):
                    tensor.copy_(value)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A run at the values that were given: all tensors that are returned, the gradients and what flowed in (none without differentiation), and the inputs that the run changed."""

    results: list[torch.Tensor]
    tensors: Mapping[str, torch.Tensor]
    outputs: Mapping[str, torch.Tensor]
    gradients: Mapping[str, torch.Tensor | None]
    flows: Values
    changed: list[str]

    @property
    def ran(self) -> Ran:
        """What was computed, as numbers."""
        return Ran({n: floats_in(v) for n, v in self.outputs.items()}, {n: _numbers(g, self.tensors[n]) for n, g in self.gradients.items()})

    def times(self, factor: float) -> list[torch.Tensor]:
        """The gradients that there are, so many times."""
        return [g if factor == 1.0 else g * factor for g in self.gradients.values() if g is not None]


def _seen(call: TorchCall, factor: float) -> _Seen:
    """A run with `factor` times the numbers without pattern flowing in; without differentiation where it is 0."""
    tensors = leaves(call, None, format_named(format_of(call)))
    before = {n: v.detach().clone() for n, v in tensors.items()}
    with _alike(call, tensors), torch.enable_grad() if factor else torch.no_grad():
        result = call.run(tensors)
        results = [v.detach() for v in tree_leaves(result) if isinstance(v, torch.Tensor)]
        outputs = outputs_of(result) if factor else {}
        flows = {n: factor * pattern(tuple(v.shape), k) for k, (n, v) in enumerate(outputs.items())}
        gradients = _gradients(call, tensors, outputs, _seeds(outputs, flows)) if outputs and any(i.wanted for i in call.inputs) else {}
    return _Seen(results, tensors, outputs, gradients, flows, [n for n, v in tensors.items() if not _same(v.detach(), before[n])])


@dataclass(eq=False)
class _Known:
    """A run that serves once: the code may be edited after that."""

    at: Occasion | None
    ran: Ran | None

    def taken(self, values: Values, upstreams: Values, fmt: Format) -> list[Ran]:
        """The run at these values, where it is that; it is known no longer."""
        at, ran = self.at, self.ran
        self.at = self.ran = None
        return [ran] if at is not None and ran is not None and at.is_the(fmt, values, upstreams) else []


@dataclass(frozen=True, eq=False)
class _Behaviour:
    """What a callable does beside its gradients: faults, what is worth a note, the inputs whose gradient is None; the run that showed it, where it may stand for another one, and where it was if the gradients are linear there."""

    faults: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    known: _Known = field(default_factory=lambda: _Known(None, None))
    linear_at: Occasion | None = None


def behaviour_of(call: TorchCall, first: _Seen) -> _Behaviour:
    """Whether a callable does what no gradient should: change its inputs, give other numbers when it is called again, or another output under differentiation.

    After the `first` run it is called again with OTHER times as much flowing in: where that gives OTHER times the gradients, to the last bit, it is steady.
    """
    if misshapen := wrong_shapes({n: (tuple(first.tensors[n].shape), tuple(g.shape)) for n, g in first.gradients.items() if g is not None}):
        return _Behaviour(tuple((MISSHAPEN, text) for text in misshapen.values()))
    other = _seen(call, OTHER)
    second, factor = other, OTHER
    if not _all_same(first.times(OTHER), other.times(1.0)):
        second, factor = _seen(call, 1.0), 1.0
    try:
        plain = _seen(call, 0.0)
    except RuntimeError:  # what registers hooks, or differentiates, runs with gradients only
        plain = first
    silent = [n for n, g in second.gradients.items() if g is None] or [n for n, g in first.gradients.items() if g is None]
    found: list[tuple[str, str]] = [("V111", f"changes its inputs: {', '.join(plain.changed)}")] if plain.changed else []
    notes = []
    before, after = first.times(factor), second.times(1.0)
    again = [*other.results, *second.results]
    if not (_all_same([*first.results, *first.results], again, but_for_rounding=True) and _all_same(before, after, but_for_rounding=True)):
        found.append(("V111", UNSTEADY))
    elif not (_all_same([*first.results, *first.results], again) and _all_same(before, after)):
        notes.append("other bits when it is called again, by no more than rounding: kernels of PyTorch sum in an order that depends on where the memory lies")
    elif not _all_same(first.results, plain.results, but_for_rounding=True):  # torch may take another kernel where nothing is differentiated
        found.append(("V111", "gives another output under torch.no_grad() than when it is differentiated"))
    is_plain = not found and not notes and all(i.tensor.is_contiguous() for i in call.inputs)  # in another order in memory sums may have other bits
    at = Occasion(format_of(call), values_of(call), first.flows)
    return _Behaviour(tuple(found), tuple(notes), tuple(silent), _Known(at, first.ran if is_plain else None), at if second is other else None)


def _same(a: torch.Tensor, b: torch.Tensor, *, but_for_rounding: bool = False) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if torch.equal(a, b):
        return True
    if not torch.equal(torch.isnan(a), torch.isnan(b)):
        return False
    x, y = torch.nan_to_num(a), torch.nan_to_num(b)
    if bool(torch.equal(x, y)) or not but_for_rounding or not a.dtype.is_floating_point:
        return bool(torch.equal(x, y))
    third = torch.finfo(a.dtype).eps ** (2 / 3)  # as many digits as the verdict `rounding` may lose
    return bool((x - y).abs().max() <= third * x.abs().max())


def _all_same(first: Sequence[torch.Tensor], second: Sequence[torch.Tensor], *, but_for_rounding: bool = False) -> bool:
    return len(first) == len(second) and all(_same(a, b, but_for_rounding=but_for_rounding) for a, b in zip(first, second, strict=True))


def callee(call: TorchCall, place: Place | None = None) -> Callee:
    """A callable at the door. Runs it, to see its outputs and what it does beside them. Raises Refusal where nothing is differentiable."""
    first = _seen(call, 1.0)
    outputs = first.outputs
    customs = customs_in(outputs.values())
    if not outputs or not any(i.wanted for i in call.inputs):
        raise Refusal("no output depends on an input that requires a gradient", place_of(call.function) or place, "return a tensor that is computed from tensors of floats without detach()")
    seen = behaviour_of(call, first)
    return Callee(
        name=_name(call.function),
        place=place_of(call.function) or place or Place("", 1, 1),
        framework=f"PyTorch {torch.__version__}",
        inputs={i.name: tuple(i.tensor.shape) for i in call.inputs},
        outputs={o: tuple(v.shape) for o, v in outputs.items()},
        run=lambda values, upstreams, fmt: run(call, values, upstreams, fmt),
        trace=lambda values, upstreams, fmt: trace(call, values, upstreams, fmt, known=seen.known.taken(values, upstreams, fmt)),
        held=lambda values, upstreams, fmt: trace(call, values, upstreams, fmt, holds=True),
        together=None if call.modules or any(i.is_complex for i in call.inputs) else lambda values, upstreams, fmt: run_together(call, values, upstreams, fmt),
        faults=seen.faults,
        silent=seen.silent,
        linear_at=seen.linear_at,
        functions=functions_of(call, customs),
        notes=(*seen.notes, *([COMPILED] if _is_compiled(call.function) else [])),
        numbers_in=OF_NUMBERS,
        kept={format_of(call): {i.name: FORMATS[i.tensor.dtype] for i in call.inputs if FORMATS[i.tensor.dtype] != format_of(call)}},
        narrow={o: FORMATS[v.dtype] for o, v in outputs.items() if v.dtype in FORMATS},
    )


def numbers_of(value: Any) -> Floats:
    """The numbers of a tensor, or of anything that NumPy takes for numbers."""
    return floats_in(value) if isinstance(value, torch.Tensor) else np.asarray(value, dtype=np.float64)


def customs_in(outputs: Iterable[torch.Tensor]) -> list[Any]:
    """The custom Functions that outputs were computed by, wherever they were called."""
    return list(dict.fromkeys(custom for node in _nodes_of(outputs) if (custom := getattr(type(node), "_forward_cls", None)) is not None))


def _variables_of(outputs: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """The tensors that outputs were computed from and that gradients are accumulated in."""
    return [variable for node in _nodes_of(outputs) if (variable := getattr(node, "variable", None)) is not None]


def _nodes_of(outputs: Iterable[torch.Tensor]) -> Iterator[Any]:
    """The nodes of the graph by which autograd differentiates outputs."""
    pending = [v.grad_fn for v in outputs]
    seen: set[Any] = set()
    while pending and len(seen) < MOST_NODES:
        node = pending.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        yield node
        pending += [n for n, _ in node.next_functions]


def functions_of(call: TorchCall, used: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The functions of the user that may hold a mistake: the backward and forward passes of the custom Functions that the callable is, names or used, and the callable itself."""
    found: list[Any] = [call.backward] if call.backward is not None else []
    owner: Any = getattr(call.function, "__self__", None)
    own: Any = _forward_of(call.function) if isinstance(call.function, torch.nn.Module) else inspect.unwrap(call.function)
    customs = [owner] if is_function(owner) else dict.fromkeys([*_functions_named_in(own), *used])
    found += [f for c in customs for f in (c.backward, c.forward)]
    return tuple(dict.fromkeys(f for f in (*found, own) if inspect.isfunction(f) and not f.__code__.co_filename.startswith(FRAMEWORK)))


def _functions_named_in(function: Any) -> list[Any]:
    """The custom Functions that the code of a function names."""
    code, space = getattr(function, "__code__", None), getattr(function, "__globals__", {})
    return [space[n] for n in (code.co_names if code is not None else ()) if is_function(space.get(n))]


def values_of(call: TorchCall) -> dict[str, Floats]:
    """The numbers of the inputs as they were given."""
    return {i.name: floats_in(i.tensor) for i in call.inputs}


def _name(function: Callable[..., Any]) -> str:
    owner: Any = getattr(function, "__self__", None)
    if is_function(owner):
        return owner.__name__
    function = getattr(function, "_orig_mod", function)  # of a module that torch.compile has compiled
    return getattr(function, "__name__", type(function).__name__)


def _forward_of(module: torch.nn.Module) -> Any:
    """The forward pass of a module's class; of a script it is no function."""
    return inspect.getattr_static(type(module), "forward", None)


def place_of(function: Callable[..., Any]) -> Place | None:
    """Where a callable is defined; None for one of torch itself."""
    owner: Any = getattr(function, "__self__", None)
    plain: Any = function
    if is_function(owner):
        plain = owner.forward
    elif isinstance(function, torch.nn.Module):
        plain = _forward_of(getattr(function, "_orig_mod", function))
    code = getattr(inspect.unwrap(plain), "__code__", None)
    if code is None or code.co_filename.startswith(FRAMEWORK):
        return None
    return Place(code.co_filename, code.co_firstlineno, 1)

