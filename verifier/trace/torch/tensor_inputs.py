"""A callable on tensors with its arguments: which tensors are its inputs, and what they are called."""

from __future__ import annotations

import dis
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from types import CodeType, MappingProxyType, ModuleType
from typing import Any

import torch
from torch.utils._pytree import tree_flatten_with_path, tree_map

FORMATS = {torch.float64: "float64", torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16"}
NO_WORD = re.compile(r"\W+")  # of a key, in a name
MOST_CODES = 256  # functions whose global names are remembered
NONE_FIXED: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Input:
    """A tensor of numbers that a callable reads: an argument, a parameter of a module, or a variable of a closure."""

    name: str
    tensor: torch.Tensor
    wanted: bool  # its gradient is asked for
    set: Callable[[torch.Tensor], None] | None = None  # puts another tensor in its place, where it is no argument
    is_complex: bool = False  # the tensor then has its real and imaginary parts, along a last axis


@dataclass(frozen=True, eq=False)
class TorchCall:
    """A callable with its arguments, in which tensors of numbers are inputs."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]  # as given: an Input in the place of each tensor of numbers
    inputs: tuple[Input, ...]
    backward: Callable[..., Any] | None = None  # (gradients that flow in, tensors of numbers) -> gradients; autograd where there is none
    modules: tuple[torch.nn.Module, ...] = ()  # whose buffers a run may change
    fixed: Mapping[str, Sequence[str]] = field(default_factory=dict)  # inputs whose numbers stand in a case file: the text of each number

    def run(self, tensors: Mapping[str, torch.Tensor]) -> Any:
        """What the callable returns for these tensors, those that are no arguments `placed`."""

        def own(v: Any) -> Any:
            return v if not isinstance(v, Input) else torch.view_as_complex(tensors[v.name]) if v.is_complex else tensors[v.name]

        is_plain = all(isinstance(v, Input | float | int) for v in self.arguments)  # the trees of torch cost as much as a small call
        arguments = map(own, self.arguments) if is_plain else tree_map(own, self.arguments, is_leaf=lambda v: isinstance(v, Input))
        found = self.function(*arguments)
        return _parts_of(found) if isinstance(found, torch.Tensor) else tree_map(_parts_of, found)

    @contextmanager
    def placed(self, tensors: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """These tensors stand where the callable finds those that are no arguments. A backward pass may look there again (`torch.utils.checkpoint`)."""
        elsewhere = [i for i in self.inputs if i.set is not None]
        try:
            for i in elsewhere:
                i.set(tensors[i.name])  # type: ignore[misc]
            yield
        finally:
            for i in elsewhere:
                i.set(i.tensor)  # type: ignore[misc]


def called(function: Callable[..., Any], arguments: Sequence[Any], names: Sequence[str] | None = None, backward: Callable[..., Any] | None = None) -> TorchCall:
    """A callable with its arguments. Inputs are the tensors that require a gradient; all tensors of numbers where none does."""
    if is_function(function):
        raise TypeError(f"{function.__name__} is the class of a Function: give {function.__name__}.apply")
    flat = [(path, v) for path, v in tree_flatten_with_path(tuple(arguments))[0] if _is_number(v) or _is_complex(v)]
    known = _argument_names(function, len(arguments))
    own, modules = _parameters_of(function, dict(zip(known, arguments, strict=False)))
    some = any(t.requires_grad for _, t in flat)
    given = list(names or ())
    taken = {i.name for i in own}
    inputs: dict[int, Input] = {}
    for count, (path, tensor) in enumerate(flat):
        name = given[count] if count < len(given) else _named(known[path[0].idx], path[1:])  # type: ignore[attr-defined]  # of a tuple
        while name in taken:
            name += "_"
        taken.add(name)
        plain = torch.view_as_real(tensor.detach().resolve_conj()) if _is_complex(tensor) else tensor
        inputs.setdefault(id(tensor), Input(name, plain, tensor.requires_grad or not some, is_complex=_is_complex(tensor)))
    replaced = tree_map(lambda v: inputs[id(v)] if _is_number(v) or _is_complex(v) else v, tuple(arguments))
    return TorchCall(function, replaced, (*inputs.values(), *own), backward, tuple(modules))


def _parts_of(value: Any) -> Any:
    """A complex output as its real and imaginary parts, along a last axis."""
    return torch.view_as_real(value.resolve_conj()) if isinstance(value, torch.Tensor) and value.dtype.is_complex else value


def is_function(owner: Any) -> bool:
    """Whether a method's owner is a `torch.autograd.Function`."""
    return isinstance(owner, type) and issubclass(owner, torch.autograd.Function)


def _is_number(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype in FORMATS


def _is_complex(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype.is_complex and value.dtype.to_real() in FORMATS


def _named(base: str, path: Sequence[Any]) -> str:
    return "_".join([base, *(NO_WORD.sub("_", str(getattr(k, "idx", getattr(k, "key", k)))) for k in path)])


def _argument_names(function: Callable[..., Any], count: int) -> list[str]:
    """The names of the arguments in the function's own signature; `x0`, `x1`, ... where it has none."""
    plain = inspect.unwrap(function)
    owner: Any = getattr(plain, "__self__", None)
    skipped = 0
    if is_function(owner):
        plain, skipped = owner.forward, int(owner.setup_context is torch.autograd.Function.setup_context)
    elif isinstance(plain, torch.nn.Module):
        plain = plain.forward
    names = [n for n in _positional(plain)[skipped:] if n.isidentifier()]
    if not names and count == 1:
        return ["x"]
    names += [f"x{k}" for k in range(len(names), count)]
    return ["x" if n == "input" else n for n in names]


def _positional(function: Any) -> list[str]:
    """The names of the positional parameters of a callable; none where it does not tell them."""
    if inspect.isfunction(function) and not (hasattr(function, "__signature__") or hasattr(function, "__wrapped__")):  # what its signature says, in a tenth of the time
        return list(function.__code__.co_varnames[: function.__code__.co_argcount])
    try:
        return [p.name for p in inspect.signature(function).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        return []


def _parameters_of(function: Callable[..., Any], arguments: Mapping[str, Any]) -> tuple[list[Input], list[torch.nn.Module]]:
    """The parameters of the modules, and the tensors that require a gradient, that a callable holds or is given; and the modules. Where two have the same name, the names of what holds them stand before it."""
    found: list[tuple[str, str, torch.Tensor, Callable[[torch.Tensor], None] | None]] = []  # holder, name, tensor, what puts another in its place
    objects = [one for name, v in arguments.items() if not isinstance(v, dict | list | tuple) for one in _inside(name, v)]  # what torch's trees open are arguments themselves
    holders = [*_held(function), *((f"x{k}", v, None) for k, v in enumerate(arguments.values()) if isinstance(v, torch.nn.Module)), *objects]
    for holder, value, put in holders:
        if isinstance(value, torch.nn.Module):
            for path, parameter in value.named_parameters():
                if parameter.requires_grad and parameter.dtype in FORMATS:
                    own = path.removeprefix("_orig_mod.").replace(".", "_")  # that prefix is of a module that torch.compile has compiled
                    found.append((holder, own if not own[0].isdigit() else "layer" + own, parameter, _setter(value, path)))
        elif _is_number(value) and value.requires_grad and value.is_leaf:
            found.append((holder, holder, value, put))
    unique = list({id(t): (h, n, t, put) for h, n, t, put in reversed(found)}.values())[::-1]
    names = Counter(n for _, n, _, _ in unique)
    inputs: list[Input] = []
    taken: set[str] = set()
    for holder, label, tensor, put in unique:
        name = f"{holder}_{label}" if holder and names[label] > 1 and holder != label else label
        while name in taken:
            name += "_"
        taken.add(name)
        inputs.append(Input(name, tensor, wanted=True, set=put))
    return inputs, list({id(v): v for _, v, _ in holders if isinstance(v, torch.nn.Module)}.values())


def _held(function: Any) -> list[tuple[str, Any, Callable[[Any], None] | None]]:
    """What a callable holds: its name, what it is, and what puts another in its place. Of a module itself and of its methods, the module."""
    owner = function if isinstance(function, torch.nn.Module) else getattr(function, "__self__", None)
    found: list[tuple[str, Any, Callable[[Any], None] | None]] = []
    if isinstance(function, partial):
        found += [(name, value, None) for name, value in [*((f"x{k}", v) for k, v in enumerate(function.args)), *function.keywords.items()]]
        found += _held(function.func)
    elif isinstance(owner, torch.nn.Module):
        found.append(("", owner, None))
    elif not inspect.isroutine(function) or (owner is not None and not isinstance(owner, type) and not inspect.ismodule(owner)):  # an object that is called, or whose method is
        holder = function if not inspect.isroutine(function) else owner
        found += [(name, value, partial(setattr, holder, name)) for name, value in getattr(holder, "__dict__", {}).items()]
        function = type(function).__call__ if holder is function and callable(function) else function
    code, closure = getattr(function, "__code__", None), getattr(function, "__closure__", None) or ()
    for name, cell in zip(code.co_freevars if code is not None else (), closure, strict=False):
        found.append((name, _content(cell), partial(setattr, cell, "cell_contents")))
    space = getattr(function, "__globals__", {})
    for name in _globals_of(code) if code is not None else ():
        found.append((name, space.get(name), partial(space.__setitem__, name)))
    return [*found, *(one for name, value, _ in list(found) for one in _inside(name, value))]


def _inside(name: str, value: Any) -> list[tuple[str, Any, Callable[[Any], None] | None]]:
    """The modules and the tensors that a list, a dictionary or an object holds, as `_held` gives them."""
    if isinstance(value, torch.nn.Module | torch.Tensor | ModuleType) or inspect.isclass(value) or inspect.isroutine(value):
        return []
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        return [(f"{name}_{NO_WORD.sub('_', str(key))}", v, partial(value.__setitem__, key)) for key, v in pairs if isinstance(v, torch.nn.Module | torch.Tensor)]
    pairs = enumerate(value) if isinstance(value, tuple) else getattr(value, "__dict__", {}).items()
    put = None if isinstance(value, tuple) else partial(object.__setattr__, value)  # of a frozen dataclass as well
    return [(f"{name}_{key}", v, put and partial(put, key)) for key, v in pairs if isinstance(v, torch.nn.Module) or (put is not None and isinstance(v, torch.Tensor))]


@lru_cache(maxsize=MOST_CODES)
def _globals_of(code: CodeType) -> tuple[str, ...]:
    """The global names that a function reads, and the functions that are defined in it."""
    found = dict.fromkeys(i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME"))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= dict.fromkeys(_globals_of(constant))
    return tuple(found)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not set yet
        return None


def _setter(module: torch.nn.Module, path: str) -> Callable[[torch.Tensor], None]:
    *inner, last = path.split(".")
    for part in inner:
        module = getattr(module, part)

    def put(tensor: torch.Tensor) -> None:
        table = module._parameters  # noqa: SLF001 - a parameter's place takes Parameters only when it is assigned
        table[last] = tensor  # type: ignore[assignment]

    return put
