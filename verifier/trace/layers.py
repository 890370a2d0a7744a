"""How a pair of NumPy functions is called: cs231n's `out, cache = forward(x, w)` and `dx, dw = backward(dout, cache)`, plain functions, layers with methods, losses that return their gradients."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from verifier.trace.autograd import backward_of, is_for_autograd
from verifier.trace.numpy import Traced
from verifier.trace.places import raised_at
from verifier.trace.plain_left import settled
from verifier.trace.record import Refusal
from verifier.trace.shape_message import wrong_shapes
from verifier.trace.weights import HeldArray, Kept, Weight, arrays_in, own_weights, with_inner

FLOWING = re.compile(r"d(_\w+|[A-Za-z]{1,2}\d*|[A-Z]\w*|(out|next|prev|state|hidden|cell|mean|var|logvar|sigma|std)\w*)|grad\w*|g(_\w+|\d+)|\w+_grad|delta\w*")  # what gradients that flow in are called
NONE_FIXED: Mapping[str, Sequence[str]] = MappingProxyType({})


class CallError(TypeError):
    """A callable that is not called as one of the conventions has it; the text says which."""


class ShapeError(CallError):
    """A gradient of another shape than what it is the gradient of: that of `input`."""

    def __init__(self, variable: str, words: str) -> None:
        super().__init__(words)
        self.input = variable


@dataclass(frozen=True)
class Layer:
    """A forward pass, its backward pass, and what they are given. `owner` is the object whose methods they are."""

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None
    args: tuple[Any, ...]
    names: tuple[str, ...]  # of the arguments
    owner: Any = None
    framework: str = f"NumPy {np.__version__}"
    weights: tuple[Weight, ...] = ()  # arrays of floats that the owner holds, itself or in what it holds
    fixed: Mapping[str, Sequence[str]] = field(default_factory=dict)  # arguments that are constants, though they may be floats: the text of each of their numbers

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that are numbers with a gradient."""
        return {n: a for n, a in zip(self.names, self.args, strict=True) if is_real(a) and n not in self.fixed}

    @property
    def inputs(self) -> dict[str, Any]:
        """The arguments and weights that are numbers with a gradient: floats and arrays of floats."""
        return self.arguments | {w.name: w.value for w in self.weights}


def is_real(value: Any) -> bool:
    """Whether an argument is a float or an array of floats."""
    return isinstance(value, float) or (isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f")


def layer_of(fn: Any, args: Sequence[Any], backward: Callable[..., Any] | None, names: Sequence[str] | None, fixed: Mapping[str, Sequence[str]] = NONE_FIXED) -> Layer:
    """The layer that a caller means. Raises CallError."""
    owner = None
    if isinstance(fn, type) and hasattr(fn, "forward"):
        fn = fn()
    if backward is None and hasattr(fn, "forward") and hasattr(fn, "backward"):
        owner, fn, backward = fn, fn.forward, fn.backward
    elif inspect.ismethod(fn) and not isinstance(fn.__self__, type):
        owner = fn.__self__
    framework = Layer.framework
    if backward is None and is_for_autograd(fn):
        framework = f"autograd on {framework}"
        backward = backward_of(fn, [i for i, a in enumerate(args) if is_real(a)])
    if not callable(fn):
        raise CallError("fn must be a function, or an object with the methods forward and backward")
    if names is not None and len(set(names)) < len(names):
        raise CallError(f"names= has one name twice: {', '.join(names)}")
    if names is not None and len(names) != len(args):
        raise CallError(f"names= has {len(names)} names, and there are {len(args)} inputs")
    layer = Layer(fn, backward, tuple(args), tuple(names) if names is not None else _names(fn, args), owner, framework, own_weights(owner), fixed)
    if owner is None and not layer.inputs:
        raise CallError(f"no input is a float or an array of floats, so there is nothing to differentiate: it was given {', '.join(map(kind_in_words, args)) or 'nothing'}")
    return layer


def with_weights(layer: Layer, flows: Callable[[Forward], Sequence[Any]]) -> Layer:
    """The layer with the weights of what its object holds, of which the backward pass sets gradients. It is run once, to see which these are; `flows` gives what flows into its outputs."""
    if layer.owner is None:
        return layer
    held = arrays_in(layer.owner)
    before = [h.value for h in held]
    with Kept(layer.owner), np.errstate(all="ignore"):
        given = layer.inputs | copy.deepcopy(layer.arguments)  # what the object keeps of these is no weight
        forward = run_forward(layer, given)
        left = [h for h, array in zip(held, before, strict=True) if _is_there(h) and h.value is array]
        if forward.gradients is None:
            called_backward(layer, forward, flows(forward), given)
        weights = with_inner(layer.weights, left, layer.names)
    return replace(layer, weights=weights)


def _is_there(held: HeldArray) -> bool:
    return held.key in held.container if isinstance(held.container, dict) else held.key < len(held.container)


def _names(fn: Callable[..., Any], args: Sequence[Any]) -> tuple[str, ...]:
    try:
        parameters = list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):
        return tuple(f"x{i}" for i in range(len(args)))
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "x")
    return tuple(names[i] if i < len(names) else f"{rest}{i - len(names)}" for i in range(len(args)))


# ---------------------------------------------------------------- forward


@dataclass(frozen=True)
class Forward:
    """What a forward pass returned: its outputs by name, what it keeps for the backward pass, and gradients that came with a loss."""

    outputs: dict[str, Any]
    cache: tuple[Any, ...] = ()
    gradients: Any = None  # of a loss that returns them


def run_forward(layer: Layer, values: Mapping[str, Any]) -> Forward:
    """Call the forward pass with other values of the inputs."""
    for weight in layer.weights:
        weight.set(values[weight.name])
    result = layer.forward(*(values.get(n, a) for n, a in zip(layer.names, layer.args, strict=True)))
    if layer.backward is None:
        if isinstance(result, tuple) and len(result) >= 2 and np.ndim(_plain(result[0])) == 0:
            return Forward({"loss": result[0]}, gradients=result[1] if len(result) == 2 else result[1:])
        raise CallError("there is no backward pass: give backward=, an object with the methods forward and backward, or a loss that returns (loss, gradients)")
    if isinstance(result, tuple):
        count = _positional(layer.backward)
        if count is not None and count == len(result) and not is_numbers(result[-1]):
            return _named(result[:-1], result[-1:])
        if len(result) == 2 and (count == 2 or not is_numbers(result[1])) and not _takes_gradients(layer.backward, result):
            return _named(result[:1], result[1:])
        if all(is_numbers(v) for v in result):
            return _named(result, ())
        return _named(result[:-1], result[-1:])
    return _named((result,), ())


def _takes_gradients(backward: Callable[..., Any], result: Sequence[Any]) -> bool:
    """Whether a backward pass takes as many gradients as there are outputs, by the names of its arguments: `dh` and `dc`, `grad_h` and `grad_c`; `dout` and `cache` are no such names."""
    try:
        names = [p.name for p in inspect.signature(backward).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    except (TypeError, ValueError):
        return False
    return len(names) == len(result) and all(map(is_numbers, result)) and all(map(FLOWING.fullmatch, names))


def _named(outputs: Sequence[Any], cache: tuple[Any, ...]) -> Forward:
    return Forward({"out": outputs[0]} if len(outputs) == 1 else {f"out{k + 1}": o for k, o in enumerate(outputs)}, cache)


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Traced) else value


def is_numbers(value: Any) -> bool:
    """Whether a value is a number or an array of floats, traced or not."""
    return isinstance(value, Traced) or is_real(value)


def _positional(function: Callable[..., Any]) -> int | None:
    """How many arguments a function needs; None where it takes any number."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters)


# ---------------------------------------------------------------- backward


def run_backward(layer: Layer, forward: Forward, flows: Sequence[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Call the backward pass; the gradients by input."""
    return gradients_of(layer, forward.gradients if forward.gradients is not None else called_backward(layer, forward, flows, values))


def called_backward(layer: Layer, forward: Forward, flows: Sequence[Any], values: Mapping[str, Any]) -> Any:
    """What the backward pass returns."""
    assert layer.backward is not None
    if forward.cache:
        given: tuple[Any, ...] = forward.cache
    else:
        count = _positional(layer.backward)
        given = () if count is not None and count <= len(flows) else tuple(values.get(n, a) for n, a in zip(layer.names, layer.args, strict=True))
    return layer.backward(*flows, *given)


def gradients_of(layer: Layer, result: Any) -> dict[str, Any]:
    """The gradients that were returned, and those that the owner holds, by input. Raises CallError."""
    found: dict[str, Any] = {}
    arguments = layer.arguments
    if isinstance(result, Iterator) and not isinstance(result, Traced):
        raise CallError(f"the backward pass returned {kind_in_words(result)}, which has no gradients until it is run; return them")
    if isinstance(result, dict):
        everything = layer.inputs
        for key, value in result.items():
            name = next((n for n in (key, *(key.removeprefix(p) for p in ("d", "grad_", "d_")), key.removesuffix("_grad")) if n in everything), None)
            if name is not None and value is not None:
                found[name] = value
    elif result is not None:
        listed = list(result) if isinstance(result, tuple | list) else [result]
        found.update(_in_order(listed, layer, arguments))
    for weight in layer.weights if layer.backward is not None else ():
        value = weight.gradient
        if value is not None and weight.name not in found:
            found[weight.name] = value
    if not found:
        raise CallError(f"the backward pass returned no gradient of an input of floats ({', '.join(layer.inputs)}): it returned {kind_in_words(result)}")
    found = {n: settled(v) for n, v in found.items()}
    for name, value in found.items():
        if not isinstance(value, Traced) and (np.asarray(value).dtype.kind not in "fiub" and not _holds_traced(value)):
            raise CallError(f"the gradient of {name} is {kind_in_words(value)}: it must be a number or an array of real numbers")
    inputs = layer.inputs
    for name, words in wrong_shapes({n: (np.shape(inputs[n]), np.shape(_plain(v))) for n, v in found.items()}).items():
        raise ShapeError(name, words)
    return found


def _holds_traced(value: Any) -> bool:
    return isinstance(value, list | tuple) and any(isinstance(v, Traced) or _holds_traced(v) for v in value)


def kind_in_words(value: Any) -> str:
    """What a value is that is no number and no array of numbers."""
    if value is None:
        return "None"
    if isinstance(value, dict):
        return f"a dictionary with the keys {', '.join(map(str, value))}"
    return f"an array of dtype {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def _in_order(listed: list[Any], layer: Layer, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients in the order of the arguments: of all of them, of those that are floats, or of the arrays among these."""
    for names in (layer.names, tuple(arguments), tuple(n for n, a in arguments.items() if isinstance(a, np.ndarray))):
        if len(names) == len(listed):
            return {n: _or_zeros(g, arguments[n]) for n, g in zip(names, listed, strict=True) if n in arguments}
    if len(listed) < len(arguments):
        return {n: _or_zeros(g, arguments[n]) for n, g in zip(arguments, listed, strict=False)}
    raise CallError(f"the backward pass returned {len(listed)} gradients, and there are {len(arguments)} inputs of floats: {', '.join(arguments)}")


def _or_zeros(gradient: Any, argument: Any) -> Any:
    """None claims that the gradient is 0."""
    return np.zeros(np.shape(argument), dtype=np.asarray(argument).dtype)[()] if gradient is None else gradient


def unreadable(layer: Layer, error: Exception) -> Refusal:
    """What a trace cannot go through, because the code fails on traced values."""
    name = getattr(layer.forward, "__name__", "the callable")
    return Refusal(f"{name} raises an error when it is traced, {type(error).__name__}: {str(error)[:200]}", raised_at(error), "give function=, the formula as text, so that the returned numbers can be checked without a trace")
