"""The dispatch mode: every aten operation runs as it would, and its row of the table runs on steps beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch._decomp import decomposition_table
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from verifier.circuit import arrays
from verifier.circuit.arrays import Array, ArrayError
from verifier.language.gates import GATES
from verifier.trace.complex_pairs import Pair
from verifier.trace.places import PACKAGE, spot_of
from verifier.trace.record import Refusal, Spot, Taken
from verifier.trace.recorder import Recorder
from verifier.trace.torch.memory import Memory, floats_in, share_storage

ESCAPES = str(Path(__file__).with_name("escapes.py"))  # stands between the user's line and torch, and runs nothing by itself
FRAMEWORK = str(Path(torch.__file__).resolve().parent)
ROWS: dict[str, Callable[..., Any]] = {}  # aten name -> function of (tracer, arguments) that returns steps
COMPLEX: dict[str, Callable[..., Any]] = {}  # the same, where an operand is complex, or where only the result can be
DATA = frozenset(  # results that are whole numbers or random: data at this point, whatever they depend on
    "bernoulli rand randn randint randperm rand_like randn_like randint_like normal uniform exponential geometric cauchy log_normal multinomial empty empty_like empty_strided new_empty new_empty_strided "
    "arange argmax argmin argsort nonzero searchsorted bucketize isnan isinf isfinite is_same_size count_nonzero native_dropout_mask histc bincount unique_dim _unique2 equal allclose _local_scalar_dense".split()
)

ONE_TRIANGLE = "torch's {} reads one triangle of a matrix that is not symmetric here, and torch's gradient is right for changes that keep a matrix symmetric only; give it (a + a.mT) / 2"
ORDERED = frozenset("argmax argmin argsort searchsorted bucketize unique_dim _unique2 histc bincount".split())  # data that the order of the operands' elements decides
ZEROS = frozenset(("nonzero", "count_nonzero"))  # data that is decided by which elements are 0
INDEXED = ("index", "scatter", "gather", "take", "put", "embedding", "masked_select", "masked_scatter", "_unsafe_index", "_unsafe_masked", "_index_put", "repeat_interleave", "max_unpool")
KINKED = frozenset("lt le gt ge eq ne maximum minimum clip hardtanh softshrink hardshrink".split())  # gates that compare their operands
RESHAPED = frozenset("transpose_ t_ unsqueeze_ squeeze_ swapaxes_ swapdims_ as_strided_ detach_".split())  # a tensor as another view of its memory
IS_META = attrgetter("is_meta")
OF_TORCH = frozenset(("aten", "prim", "prims"))  # namespaces of operations that are not written in Python
NO_OPERANDS = frozenset(("out", "generator", "dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking"))


class Tracer(TorchDispatchMode):
    """Runs operations on tensors and on their steps. `forward` places stand for backward operations that no user's line runs."""

    def __init__(self, recorder: Recorder, outside: Iterable[str] = ()) -> None:
        super().__init__()
        self.recorder = recorder
        self.builder = recorder.builder
        self.memory = Memory(recorder)
        self.outside = (FRAMEWORK, *outside)
        self.out: Any = None  # what torch returned, while a row runs
        self.name = ""  # the operation of that row
        self.function: Any = None  # and how torch runs it: the operation that returns what others write
        self.watched: Callable[[Tracer], AbstractContextManager[Any]] = nullcontext  # what sees where numbers leave torch, in operations of the user as well
        self.kernels = 0  # how deep in operations of the user that are written in Python
        self._depth = 0
        self._operands: dict[int, Array] = {}  # by the identity of an operand of that row, the steps that were given to it, where nothing is written
        self._files: dict[str, str] = {}  # whose code a file has, by its name
        self._nodes: dict[int, tuple[Spot, int, int]] = {}  # number of an autograd node -> where its operation stands
        self._sequence = torch._C._autograd._get_sequence_nr()  # noqa: SLF001 - nodes before it are of other runs

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Torch would load its compiler, which takes longer than everything else, to keep it away from this mode; nothing is compiled while it runs."""
        return False

    @property
    def is_forward(self) -> bool:
        """Whether the forward pass runs."""
        return self.recorder.backward_start < 0

    def note(self, text: str) -> None:
        """Something that the report says of the line that runs."""
        place = self.recorder.place()
        self.recorder.notes.append(f"{place}: {text}" if place is not None else text)

    # ------------------------------------------------------------ steps

    def __call__(self, value: Any) -> Array:
        """The steps of a tensor or of a number."""
        if isinstance(value, np.ndarray | np.integer):
            return np.asarray(value)  # steps already
        if isinstance(value, torch.Tensor) and not value.dtype.is_complex:
            return self.gate("neg", self.memory.read(value)) if value.is_neg() else self.memory.read(value)
        if isinstance(value, complex | torch.Tensor):
            raise Refusal(f"aten.{self.name} of complex numbers is not traced", self.recorder.place(), "write the real and the imaginary part out")
        if isinstance(value, bool | int):
            return np.array(arrays.literal(self.builder, str(int(value))), dtype=np.int64)
        return np.array(self.recorder.number(float(value)), dtype=np.int64)

    def pair(self, value: Any) -> Pair:
        """The steps of the real and of the imaginary part of a tensor or of a number."""
        if isinstance(value, Pair):
            return value
        if isinstance(value, torch.Tensor) and value.dtype.is_complex:
            steps = self.memory.read(value)
            return Pair(steps[..., 0], self.gate("neg", steps[..., 1]) if value.is_conj() else steps[..., 1])
        if isinstance(value, complex):
            return Pair(self(value.real), self(value.imag))
        real = self(value)
        return Pair(real, np.broadcast_to(self(0), real.shape))

    def own(self, tensor: torch.Tensor) -> Array | Pair:
        """The steps of a tensor, of its two parts where it is complex."""
        return self.pair(tensor) if tensor.dtype.is_complex else self(tensor)

    def gate(self, name: str, *operands: Any) -> Array:
        """A gate of the table on every component, shapes broadcast. A number at which it has a kink is the float that torch compares with."""
        if name in KINKED and any(isinstance(o, float) for o in operands):
            kind = next((o.dtype for o in operands if isinstance(o, torch.Tensor) and o.dtype.is_floating_point), torch.float64)
            operands = tuple(self.recorder.constants(float(torch.tensor(o, dtype=kind))) if isinstance(o, float) else o for o in operands)
        known = self._operands
        return arrays.elementwise(self.builder, name, *[known[id(o)] if id(o) in known and not o.is_neg() else self(o) for o in operands])

    def depends(self, tensor: torch.Tensor) -> bool:
        """Whether any element of a tensor depends on an input."""
        return self._moves(self.memory.given(tensor))

    def _moves(self, read: Array | None) -> bool:
        """Whether any of the steps that were given to a tensor depends on an input."""
        return read is not None and self.recorder.depends(read)

    # ------------------------------------------------------------ dispatch

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, and its steps."""
        del types
        kwargs = kwargs or {}
        facts = _facts(func)
        if self._depth == 0:
            self.stand()
        tensors = _tensors((*args, *kwargs.values()))
        if not facts.returns_tensors or any(map(IS_META, tensors)):
            return func(*args, **kwargs)  # shapes without numbers, or what is said of shapes: forward-mode differentiation asks for such
        if facts.is_view:
            out = func(*args, **kwargs)
            if facts.name in RESHAPED or share_storage(tree_leaves(out), tensors):
                return out  # else it has been copied after all, as aten.to.dtype copies for another type
        kernel = kernel_in_python(func) if facts.may_be_in_python else None
        if kernel is not None and any(map(self.depends, tensors)):
            return self._run_in_python(kernel, args, kwargs)
        try:
            return self._operation(func, facts, args, kwargs, tensors)
        except ArrayError as error:
            raise self._refused(facts.name, str(error)) from error

    def _run_in_python(self, kernel: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """An operation of the user (`torch.library.custom_op`) by the Python function that it is, whose lines are traced; its gradient is a rule of its own."""
        self.kernels += 1
        try:
            with self, self.watched(self):
                return kernel(*args, **kwargs)
        finally:
            self.kernels -= 1

    def _operation(self, func: Any, facts: _Facts, args: Any, kwargs: Any, tensors: Sequence[torch.Tensor]) -> Any:
        written = _written(func, args, kwargs) if facts.writes else []
        base = facts.base if written else facts.name
        read = list(map(self.memory.given, tensors))  # may make steps
        bound = any(map(self._moves, read))
        if not bound and (base in DATA or not any(map(_is_number, tensors))):
            return self._data(func, args, kwargs, written)
        if base == "_local_scalar_dense":
            return self._followed(func, args, kwargs)
        if base in DATA:
            self._decided(base, tensors)
            return self._data(func, args, kwargs, written)
        if facts.is_indexed:
            self._followed_indices(tensors)
        row = (COMPLEX if base not in ROWS or any(t.dtype.is_complex for t in tensors) else ROWS).get(base)
        if row is None:
            return self._without_row(func, base, args, kwargs, written, bound=bound)
        for k, tensor in enumerate(tensors):  # before the operation, which may write into its operands
            if read[k] is None and _is_number(tensor):
                read[k] = self.memory.read(tensor)
        out = func(*args, **kwargs)
        given = {k: v for k, v in kwargs.items() if k not in NO_OPERANDS} if kwargs else kwargs
        if out.dtype.is_complex if isinstance(out, torch.Tensor) else any(r.dtype.is_complex for r in _tensors(tree_leaves(out))):
            row = COMPLEX.get(base, row)
        saved = self.out, self.name, self.function, self._operands
        self.out, self.name, self.function = out, base, (_functional(func, base) or func) if written else func
        self._operands = {} if written else {id(t): steps for t, steps in zip(tensors, read, strict=True) if steps is not None}
        try:
            found = row(self, *args, **given)
        except Refusal:
            if bound:
                raise
            return self._kept(out, None, facts.name)
        finally:
            self.out, self.name, self.function, self._operands = saved
        return self._kept(out, found, facts.name)

    def _decided(self, name: str, tensors: Sequence[torch.Tensor]) -> None:
        """Data that the values of its operands decide: the program holds where they decide alike."""
        numbers = [t for t in tensors if t.dtype.is_floating_point]
        if name in ORDERED and numbers:
            self.ordered(np.concatenate([self(t).ravel() for t in numbers]), np.concatenate([floats_in(t).ravel() for t in numbers]))
        elif name in ZEROS:
            for tensor in numbers:
                for step, holds in zip(self.gate("ne", tensor, 0).ravel().tolist(), (floats_in(tensor) != 0).ravel().tolist(), strict=True):
                    self.recorder.branch(step, holds=holds)

    def ordered(self, steps: Array, values: Any) -> None:
        """What follows depends on the order of these numbers, and on which are equal, of which a kernel picks one as it likes: the program holds where that is the same."""
        order = [k for k in np.argsort(values, kind="stable").tolist() if np.isfinite(values[k])]
        for lower, upper in pairwise(order):
            self.recorder.branch(int(self.gate("lt" if values[lower] < values[upper] else "eq", steps[lower], steps[upper])), holds=True)

    def _followed_indices(self, tensors: Sequence[torch.Tensor]) -> None:
        """Indices and masks that depend on the inputs: the program holds where they are the same."""
        for tensor in tensors:
            if _is_number(tensor) or not self.depends(tensor):
                continue
            for step, value in dict(zip(self(tensor).ravel().tolist(), tensor.detach().cpu().ravel().tolist(), strict=True)).items():
                if self.builder.boolean(step):
                    self.recorder.branch(step, holds=bool(value))
                elif self.builder.steps[step].args:
                    self.recorder.branch(int(self.gate("eq", np.array(step), int(value))), holds=True)

    def _kept(self, out: Any, found: Any, name: str) -> Any:
        """The results of an operation with their steps."""
        if isinstance(out, torch.Tensor):
            self._keep(out, found[0] if isinstance(found, tuple | list) else found, name)
            return out
        steps = list(found) if isinstance(found, tuple | list) else [found]
        for k, tensor in enumerate(out if isinstance(out, tuple | list) else ()):
            if isinstance(tensor, torch.Tensor):
                self._keep(tensor, steps[k] if k < len(steps) else None, name)
        return out

    def _keep(self, tensor: torch.Tensor, own: Any, name: str) -> None:
        """A result with its steps; None where it is data."""
        if tensor.is_meta:
            return
        if own is None:
            self.memory.forget(tensor)
            return
        shape, parts = tuple(tensor.shape), own
        if tensor.dtype.is_complex:
            both = self.pair(own)
            shape, parts = (*shape, 2), np.stack([np.broadcast_to(p, shape) for p in (both.re, both.im)], axis=-1)
        shaped = np.asarray(parts, dtype=np.int64)
        if shaped.shape != shape:
            shaped = np.broadcast_to(shaped, shape)
        read = self._depth == 0 and _is_number(tensor)  # inside a decomposition torch's kernel computes something else
        self.recorder.done(shaped, floats_in(tensor) if read else None, f"aten.{name}", fmt=_format_of(tensor.dtype))
        self.memory.write(tensor, shaped)

    def _data(self, func: Any, args: Any, kwargs: Any, written: Sequence[torch.Tensor]) -> Any:
        """An operation whose result is data."""
        out = func(*args, **kwargs)
        for tensor in [*written, *(t for t in tree_leaves(out) if isinstance(t, torch.Tensor) and not t.is_meta)]:
            self.memory.forget(tensor)
        return out

    def _followed(self, func: Any, args: Any, kwargs: Any) -> Any:
        """A tensor that becomes a Python number: what the code does with it is followed at this point only."""
        out = func(*args, **kwargs)
        (step,) = self(args[0]).ravel().tolist()
        if self.builder.boolean(step):
            self.recorder.branch(step, holds=bool(out))
        else:
            self.recorder.taken.append(Taken(self.recorder.place(), float(out)))
            note = f"{self.recorder.place() or 'a line'}: a tensor is turned into a Python number; the results hold only where that number is {out!r}"
            if note not in self.recorder.notes:
                self.recorder.notes.append(note)
        return out

    def _without_row(self, func: Any, name: str, args: Any, kwargs: Any, written: Sequence[torch.Tensor], *, bound: bool) -> Any:
        """By torch's own decomposition, run under the mode; refused where there is none."""
        if written:
            functional = _functional(func, name)
            if functional is None or (functional not in decomposition_table and name not in ROWS):
                return self._refuse_or_fold(func, name, args, kwargs, written, bound=bound)
            plain = {k: v for k, v in kwargs.items() if k != "out"}
            found = self._decomposed(decomposition_table[functional], args, plain)
            steps = [self.own(t) for t in tree_leaves(found)]
            out = func(*args, **kwargs)
            for tensor, own in zip(written, steps, strict=False):
                self.memory.write(tensor, np.stack([own.re, own.im], axis=-1) if isinstance(own, Pair) else own)
            return out
        rule = decomposition_table.get(func)
        if rule is None and torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"):  # noqa: SLF001 - how torch itself asks
            rule = func.decompose
        if rule is None:
            return self._refuse_or_fold(func, name, args, kwargs, written, bound=bound)
        found = self._decomposed(rule, args, kwargs)
        if found is NotImplemented:
            return self._refuse_or_fold(func, name, args, kwargs, written, bound=bound)
        out = func(*args, **kwargs)
        parts = [found] if isinstance(found, torch.Tensor) else list(found)
        return self._kept(out, [self.own(t) if isinstance(t, torch.Tensor) and (_is_number(t) or self.memory.is_given(t)) else None for t in parts], name)

    def _decomposed(self, rule: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self._depth += 1
        try:
            with self:
                return rule(*args, **kwargs)
        finally:
            self._depth -= 1

    def _refuse_or_fold(self, func: Any, name: str, args: Any, kwargs: Any, written: Sequence[torch.Tensor], *, bound: bool) -> Any:
        if bound:
            raise self._refused(name, "")
        return self._data(func, args, kwargs, written)

    def _refused(self, name: str, why: str) -> Refusal:
        place = self.recorder.place()
        return Refusal(f"{name if '::' in name else f'aten.{name}'} is not traced{': ' + why if why else ''}", place, "write it with operations that are, or give function=, the formula as text, so that the returned numbers can be checked without a trace")

    # ------------------------------------------------------------ places

    def stand(self) -> None:
        """Where the operation stands: the user's line, or (in torch's own backward pass) the line of the forward pass that it differentiates."""
        node = torch._C._current_autograd_node()  # noqa: SLF001 - torch's own way to ask
        frame = self._frame()
        if frame is not None:
            spot, run, instruction = spot_of(frame), id(frame), frame.f_lasti
            self.recorder.at(spot, run=run, instruction=instruction)
            if node is None:
                made = torch._C._autograd._get_sequence_nr()  # noqa: SLF001
                for number in range(self._sequence, made):
                    self._nodes.setdefault(number, (spot, run, instruction))
                self._sequence = made
        elif node is not None:
            known = self._nodes.get(node._sequence_nr())  # noqa: SLF001
            if known is not None:
                self.recorder.at(known[0], run=known[1], instruction=known[2])

    def _frame(self) -> FrameType | None:
        """The innermost frame of the user's code above this operation; None where torch's engine, or this package, runs it by itself."""
        frame: FrameType | None = sys._getframe(3)  # noqa: SLF001 - the stack is what is asked for
        while frame is not None:
            file = frame.f_code.co_filename
            whose = self._files.get(file)
            if whose is None:
                whose = self._files[file] = _whose(file, self.outside)
            if whose != "between":
                return frame if whose == "user" else None
            frame = frame.f_back
        return None


def _whose(file: str, outside: tuple[str, ...]) -> str:
    """Whose code a file has: the user's, that of this package, or what stands `between` the two."""
    if file != ESCAPES and file.startswith(PACKAGE):
        return "package"
    return "between" if file == ESCAPES or file.startswith(("<frozen", *outside)) else "user"


class _Facts(NamedTuple):
    """What an operation is, whatever its operands."""

    name: str
    base: str  # without the mark of one that writes
    returns_tensors: bool  # or what their numbers decide
    is_view: bool
    writes: bool  # into operands
    may_be_in_python: bool
    is_indexed: bool


@cache
def _facts(func: Any) -> _Facts:
    name, writes = func._schema.name.removeprefix("aten::"), func._schema.is_mutable  # noqa: SLF001 - the operation's name
    base = name.removesuffix("_") if writes and name.endswith("_") and not name.endswith("__") else name
    return _Facts(name, base, _returns_tensors(func, name), func.is_view or name in RESHAPED, writes, func.namespace not in OF_TORCH, base.startswith(INDEXED))


def kernel_in_python(func: Any) -> Callable[..., Any] | None:
    """The Python function that an operation made by `torch.library.custom_op` is, if it is one for all devices or for the CPU."""
    if func.namespace in OF_TORCH:
        return None
    made = getattr(sys.modules.get("torch._library.custom_ops"), "OPDEFS", {}).get(func._schema.name)  # noqa: SLF001 - torch has no other way to ask
    found = getattr(made, "_init_fn", None)
    return found if callable(found) else None


def _returns_tensors(func: Any, name: str) -> bool:
    """Whether an operation returns tensors, or what their numbers decide; else it tells of shapes and memory only."""
    return name in DATA or func._schema.is_mutable or any("Tensor" in str(r.type) for r in func._schema.returns)  # noqa: SLF001


def _written(func: Any, args: Any, kwargs: Any) -> list[torch.Tensor]:
    """The tensors that an operation writes into, in the order of its signature."""
    found = []
    for position, argument in enumerate(func._schema.arguments):  # noqa: SLF001
        if argument.alias_info is not None and argument.alias_info.is_write:
            value = args[position] if position < len(args) and not argument.kwarg_only else kwargs.get(argument.name)
            found += [t for t in tree_leaves(value) if isinstance(t, torch.Tensor)]
    return found


def _functional(func: Any, name: str) -> Any:
    """The operation that returns what this one writes."""
    packet = getattr(torch.ops.aten, name, None)
    overload = func._schema.overload_name or "default"  # noqa: SLF001
    for wanted in (overload, overload.removesuffix("_out"), "default", "Tensor"):
        if packet is not None and hasattr(packet, wanted) and not getattr(packet, wanted)._schema.is_mutable:  # noqa: SLF001
            return getattr(packet, wanted)
    return None


def _tensors(values: Sequence[Any]) -> list[torch.Tensor]:
    """The tensors among some values, and in those that are lists or dictionaries."""
    nested = any(isinstance(v, tuple | list | dict) for v in values)
    return [v for v in (tree_leaves(values) if nested else values) if isinstance(v, torch.Tensor)]


@cache
def _format_of(kind: torch.dtype) -> str:
    """The name of the format of numbers of a type, of their parts where they are complex."""
    return str(kind.to_real()).removeprefix("torch.")


def _is_number(tensor: torch.Tensor) -> bool:
    return tensor.dtype.is_floating_point or tensor.dtype.is_complex


def row(*names: str, table: dict[str, Callable[..., Any]] = ROWS) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A function as the row of aten operations."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        for name in names:
            table[name] = function
        return function

    return enter


def known_gate(name: str) -> str:
    """A gate of the table, checked when the rows are read."""
    return GATES[name].name
