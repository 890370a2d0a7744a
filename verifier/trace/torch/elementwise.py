"""Rows of aten operations that act on every element by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.record import Refusal
from verifier.trace.torch.memory import floats_in
from verifier.trace.torch.mode import Tracer, known_gate, row

# fmt: off
GATES_OF = {  # aten name -> gate; operands in the same order
    "neg": "neg", "abs": "abs", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log2": "log2", "log10": "log10", "log1p": "log1p", "sqrt": "sqrt", "rsqrt": "rsqrt",
    "reciprocal": "reciprocal", "sin": "sin", "cos": "cos", "tan": "tan", "asin": "asin", "acos": "acos", "atan": "atan", "atan2": "atan2", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "asinh": "asinh", "acosh": "acosh", "atanh": "atanh", "sinc": "sinc", "floor": "floor", "ceil": "ceil", "trunc": "trunc", "sign": "sign", "sgn": "sign", "deg2rad": "deg2rad",
    "rad2deg": "rad2deg", "square": "square", "hypot": "hypot", "logaddexp": "logaddexp", "logaddexp2": "logaddexp2", "xlogy": "xlogy", "special_xlog1py": "xlog1py", "special_entr": "entr",
    "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "special_erfcx": "erfcx", "special_ndtri": "ndtri", "special_log_ndtr": "log_ndtr", "lgamma": "lgamma", "digamma": "digamma",
    "i0": "i0", "special_i0e": "i0e", "special_i1": "i1", "special_i1e": "i1e", "special_bessel_j0": "j0", "special_bessel_j1": "j1", "special_bessel_y0": "y0", "special_bessel_y1": "y1",
    "special_modified_bessel_i0": "i0", "special_modified_bessel_i1": "i1", "special_modified_bessel_k0": "k0", "special_modified_bessel_k1": "k1",
    "special_scaled_modified_bessel_k0": "k0e", "special_scaled_modified_bessel_k1": "k1e", "special_airy_ai": "airyai", "sigmoid": "sigmoid", "silu": "silu", "mish": "mish", "relu": "relu",
    "relu6": "relu6", "hardswish": "hardswish", "hardsigmoid": "hardsigmoid", "maximum": "maximum", "minimum": "minimum", "fmax": "maximum", "fmin": "minimum", "fmod": "fmod",
    "remainder": "remainder", "copysign": "copysign", "heaviside": "heaviside", "igamma": "gammainc", "igammac": "gammaincc", "special_zeta": "hurwitz", "polygamma": "polygamma",
    "mul": "mul", "eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "logical_and": "and", "logical_or": "or", "logical_not": "not", "special_ndtr": "ndtr",
    "clamp_min": "maximum", "clamp_max": "minimum",
}
# fmt: on


def _plain(gate: str) -> Callable[..., Array]:
    def apply(t: Tracer, *operands: Any) -> Array:
        return t.gate(gate, *operands)

    return apply


for _name, _gate in GATES_OF.items():
    row(_name)(_plain(known_gate(_gate)))


@row("add")
def _add(t: Tracer, a: Any, b: Any, alpha: Any = 1) -> Array:
    return t.gate("add", a, b if alpha == 1 else t.gate("mul", b, alpha))


@row("sub")
def _sub(t: Tracer, a: Any, b: Any, alpha: Any = 1) -> Array:
    return t.gate("sub", a, b if alpha == 1 else t.gate("mul", b, alpha))


@row("rsub")
def _rsub(t: Tracer, a: Any, b: Any, alpha: Any = 1) -> Array:
    return t.gate("sub", b, a if alpha == 1 else t.gate("mul", a, alpha))


@row("div", "divide", "true_divide")
def _div(t: Tracer, a: Any, b: Any, rounding_mode: str | None = None) -> Array:
    found = t.gate("div", a, b)
    return found if rounding_mode is None else t.gate(rounding_mode, found)


@row("floor_divide")
def _floor_divide(t: Tracer, a: Any, b: Any) -> Array:
    return t.gate("floor", t.gate("div", a, b))


@row("pow")
def _pow(t: Tracer, a: Any, b: Any) -> Array:
    if isinstance(b, int | float) and b == 2:
        return t.gate("square", a)
    return t.gate("pow", a, b)


@row("frac")
def _frac(t: Tracer, a: Any) -> Array:
    return t.gate("sub", a, t.gate("trunc", a))


@row("round")
def _round(t: Tracer, a: Any, decimals: int = 0) -> Array:
    if decimals == 0:
        return t.gate("round", a)
    scale = t(10 ** abs(decimals))
    there, back = ("mul", "div") if decimals > 0 else ("div", "mul")
    return t.gate(back, t.gate("round", t.gate(there, a, scale)), scale)


@row("addcmul")
def _addcmul(t: Tracer, a: Any, b: Any, c: Any, value: Any = 1) -> Array:
    product = t.gate("mul", b, c) if value == 1 else t.gate("mul", t.gate("mul", value, b), c)
    return t.gate("add", a, product)


@row("addcdiv")
def _addcdiv(t: Tracer, a: Any, b: Any, c: Any, value: Any = 1) -> Array:
    ratio = t.gate("div", b if value == 1 else t.gate("mul", value, b), c)
    return t.gate("add", a, ratio)


@row("lerp")
def _lerp(t: Tracer, a: Any, b: Any, weight: Any) -> Array:
    return t.gate("add", a, t.gate("mul", weight, t.gate("sub", b, a)))


@row("clamp", "clip")
def _clamp(t: Tracer, a: Any, min: Any = None, max: Any = None) -> Array:  # noqa: A002 - torch's names
    found = t(a) if min is None else t.gate("maximum", a, min)
    return found if max is None else t.gate("minimum", found, max)


@row("hardtanh")
def _hardtanh(t: Tracer, a: Any, low: Any = -1, high: Any = 1) -> Array:
    return t.gate("hardtanh", a, low, high)


@row("leaky_relu")
def _leaky_relu(t: Tracer, a: Any, slope: Any = 0.01) -> Array:
    return t.gate("leaky_relu", a, slope)


@row("elu")
def _elu(t: Tracer, a: Any, alpha: Any = 1, scale: Any = 1, input_scale: Any = 1) -> Array:
    inner = t(a) if input_scale == 1 else t.gate("mul", a, input_scale)
    negative = t.gate("mul", alpha, t.gate("expm1", inner))
    chosen = t.gate("where", t.gate("gt", a, 0), a, negative)
    return chosen if scale == 1 else t.gate("mul", scale, chosen)


@row("elu_backward")
def _elu_backward(t: Tracer, g: Any, alpha: Any, scale: Any, input_scale: Any, is_result: bool, a: Any) -> Array:
    if is_result:
        negative = t.gate("mul", t.gate("mul", g, input_scale), t.gate("add", a, t.gate("mul", scale, alpha)))
    else:
        powers = t.gate("exp", t.gate("mul", a, input_scale))
        negative = t.gate("mul", t.gate("mul", t.gate("mul", g, input_scale), t.gate("mul", scale, alpha)), powers)
    return t.gate("where", t.gate("le", a, 0), negative, t.gate("mul", g, scale))


@row("softplus")
def _softplus(t: Tracer, a: Any, beta: Any = 1, threshold: Any = 20) -> Array:
    scaled = t(a) if beta == 1 else t.gate("mul", a, beta)
    soft = t.gate("log1p", t.gate("exp", scaled))
    return t.gate("where", t.gate("gt", scaled, threshold), a, soft if beta == 1 else t.gate("div", soft, beta))


@row("log_sigmoid_forward")
def _log_sigmoid(t: Tracer, a: Any) -> tuple[Array, None]:
    return t.gate("logsigmoid", a), None


@row("log_sigmoid_backward")
def _log_sigmoid_backward(t: Tracer, g: Any, a: Any, buffer: Any) -> Array:
    del buffer
    decay = t.gate("exp", t.gate("neg", t.gate("abs", a)))
    low = t.gate("lt", a, 0)
    most, sign = t.gate("where", low, 1, 0), t.gate("where", low, 1, -1)
    return t.gate("mul", t.gate("sub", most, t.gate("mul", sign, t.gate("div", decay, t.gate("add", 1, decay)))), g)


@row("gelu")
def _gelu(t: Tracer, a: Any, approximate: str = "none") -> Array:
    return t.gate("gelu" if approximate == "none" else "gelu_tanh", a)


@row("gelu_backward")
def _gelu_backward(t: Tracer, g: Any, a: Any, approximate: str = "none") -> Array:
    x = t(a)
    if approximate == "none":
        half = t(0.5)
        distribution = t.gate("mul", half, t.gate("add", 1, t.gate("erf", t.gate("div", x, t.gate("sqrt", 2)))))
        density = t.gate("div", t.gate("exp", t.gate("mul", t.gate("mul", x, x), -0.5)), t.gate("sqrt", t.gate("mul", 2, constant(t, "pi"))))
        return t.gate("mul", g, t.gate("add", distribution, t.gate("mul", x, density)))
    beta, kappa = t.gate("sqrt", t.gate("div", 2, constant(t, "pi"))), t(0.044715)
    squared = t.gate("mul", x, x)
    curve = t.gate("tanh", t.gate("mul", beta, t.gate("add", x, t.gate("mul", kappa, t.gate("mul", squared, x)))))
    left = t.gate("mul", 0.5, t.gate("add", 1, curve))
    slope = t.gate("mul", beta, t.gate("add", 1, t.gate("mul", t.gate("mul", 3, kappa), squared)))
    right = t.gate("mul", t.gate("mul", t.gate("mul", 0.5, x), t.gate("sub", 1, t.gate("mul", curve, curve))), slope)
    return t.gate("mul", g, t.gate("add", left, right))


def constant(t: Tracer, name: str) -> Array:
    """The step of a constant such as pi."""
    line, start, end = t.builder.place
    return np.array(t.builder.append("constant", (), text=name, line=line, start=start, end=end), dtype=np.int64)


@row("sigmoid_backward")
def _sigmoid_backward(t: Tracer, g: Any, out: Any) -> Array:
    return t.gate("mul", g, t.gate("mul", t.gate("sub", 1, out), out))


@row("tanh_backward")
def _tanh_backward(t: Tracer, g: Any, out: Any) -> Array:
    return t.gate("mul", g, t.gate("sub", 1, t.gate("mul", out, out)))


@row("silu_backward")
def _silu_backward(t: Tracer, g: Any, a: Any) -> Array:
    s = t.gate("sigmoid", a)
    return t.gate("mul", t.gate("mul", g, s), t.gate("add", 1, t.gate("mul", a, t.gate("sub", 1, s))))


@row("mish_backward")
def _mish_backward(t: Tracer, g: Any, a: Any) -> Array:
    curve, s = t.gate("tanh", t.gate("softplus", a)), t.gate("sigmoid", a)
    return t.gate("mul", g, t.gate("add", curve, t.gate("mul", t.gate("mul", a, s), t.gate("sub", 1, t.gate("mul", curve, curve)))))


@row("threshold_backward")
def _threshold_backward(t: Tracer, g: Any, a: Any, threshold: Any) -> Array:
    return t.gate("where", t.gate("le", a, threshold), 0, g)


@row("threshold")
def _threshold(t: Tracer, a: Any, threshold: Any, value: Any) -> Array:
    return t.gate("where", t.gate("le", a, threshold), value, a)


@row("softshrink")
def _softshrink(t: Tracer, a: Any, lambd: Any = 0.5) -> Array:
    return t.gate("softshrink", a, lambd)


@row("hardshrink")
def _hardshrink(t: Tracer, a: Any, lambd: Any = 0.5) -> Array:
    return t.gate("hardshrink", a, lambd)


@row("softshrink_backward", "hardshrink_backward")
def _shrink_backward(t: Tracer, g: Any, a: Any, lambd: Any) -> Array:
    inside = t.gate("and", t.gate("ge", a, t.gate("neg", lambd)), t.gate("le", a, lambd))
    return t.gate("where", inside, 0, g)


@row("rrelu_with_noise")
def _rrelu(t: Tracer, a: torch.Tensor, noise: torch.Tensor, lower: Any = 0.125, upper: Any = 1 / 3, training: bool = False, *_: Any) -> Array:
    if not training:
        return t.gate("leaky_relu", a, (lower + upper) / 2)
    t.memory.forget(noise)  # torch has just drawn it, a slope for every number that is not positive
    for step, holds in zip(t.gate("le", a, 0).ravel().tolist(), (floats_in(a) <= 0).ravel().tolist(), strict=True):
        t.recorder.branch(step, holds=holds)
    return t.gate("where", t.gate("le", a, 0), t.gate("mul", a, noise), a)


@row("rrelu_with_noise_backward")
def _rrelu_backward(t: Tracer, g: Any, a: torch.Tensor, noise: Any, lower: Any, upper: Any, training: bool, is_result: bool) -> Array:
    del is_result
    if training and upper - lower > 1e-6:
        return t.gate("mul", noise, g)
    return t.gate("where", t.gate("gt", a, 0), g, t.gate("mul", g, (lower + upper) / 2))


@row("where")
def _where(t: Tracer, condition: torch.Tensor, *branches: Any) -> Array:
    if not branches:
        raise Refusal("where(condition) gives indices", t.recorder.place(), "write where(condition, a, b)")
    a, b = branches
    if not t.memory.is_given(condition):
        return arrays.choose(t.builder, condition.cpu().numpy(), t(a), t(b))
    return t.gate("where", condition, a, b)


@row("masked_fill")
def _masked_fill(t: Tracer, a: Any, mask: torch.Tensor, value: Any) -> Array:
    return _where(t, mask, value, a)


@row("nan_to_num")
def _nan_to_num(t: Tracer, a: torch.Tensor, nan: Any = None, posinf: Any = None, neginf: Any = None) -> Array:
    if not torch.isfinite(a).all():
        raise Refusal("nan_to_num of numbers that are not finite", t.recorder.place(), "check it at points where its operand is finite")
    del nan, posinf, neginf
    return t(a)


@row("bitwise_and", "__and__")
def _and(t: Tracer, a: Any, b: Any) -> Array:
    return t.gate("and", a, b)


@row("bitwise_or", "__or__")
def _or(t: Tracer, a: Any, b: Any) -> Array:
    return t.gate("or", a, b)


@row("logical_xor", "bitwise_xor")
def _xor(t: Tracer, a: Any, b: Any) -> Array:
    return t.gate("ne", t.gate("where", a, 1, 0), t.gate("where", b, 1, 0))


@row("bitwise_not")
def _not(t: Tracer, a: Any) -> Array:
    return t.gate("not", a)


@row("_to_copy", "to", "_conj", "_conj_physical", "conj_physical", "real", "positive", "lift_fresh", "lift", "copy")
def _cast(t: Tracer, a: Any, *others: Any, **_: Any) -> Array:
    source = others[0] if others and isinstance(others[0], torch.Tensor) else a
    return cast(t, t(source), source.dtype, t.out.dtype)


@row("copy_")
def _copy(t: Tracer, a: torch.Tensor, source: torch.Tensor, *_: Any) -> Array:
    return _cast(t, a, source)


def cast(t: Tracer, steps: Array, old: torch.dtype, new: torch.dtype) -> Array:
    """Numbers of one type as numbers of another one: a gate where they are rounded."""
    if old == new:
        return steps
    if new == torch.bool:
        return arrays.as_truths(t.builder, steps)
    if not new.is_floating_point:
        return arrays.as_numbers(t.builder, steps) if not old.is_floating_point else t.gate("trunc", steps)
    if old.is_floating_point and torch.finfo(new).eps <= torch.finfo(old).eps and torch.finfo(new).max >= torch.finfo(old).max:
        return steps  # every number of the old type is one of the new
    numbers = arrays.as_numbers(t.builder, steps)
    return numbers if not old.is_floating_point else t.gate(str(new).removeprefix("torch."), numbers)


@row("scalar_tensor", "full", "fill", "full_like", "new_full")
def _filled(t: Tracer, *arguments: Any, **_: Any) -> Array:
    return np.broadcast_to(t(arguments[-1]), tuple(t.out.shape)).copy()


@row("fill_")
def _fill(t: Tracer, a: Any, value: Any) -> Array:
    return _filled(t, a, value)


@row("zeros", "zeros_like", "zero", "new_zeros", "ones", "ones_like", "new_ones", "eye")
def _known(t: Tracer, *_: Any, **__: Any) -> Array:
    return t.recorder.constants(floats_in(t.out)) if t.out.dtype.is_floating_point else t.recorder.constants(t.out.cpu().numpy())


@row("angle")
def _angle(t: Tracer, a: Any) -> Array:
    return t.gate("where", t.gate("lt", a, 0), constant(t, "pi"), 0)


@row("frexp")
def _frexp(t: Tracer, a: Any) -> list[Any]:
    exponents = t.out[1].cpu().numpy()
    for low, high, size, exponent in zip(*(v.ravel().tolist() for v in (*_ends(t, exponents), t.gate("abs", a), exponents)), strict=True):
        if exponent:  # the exponent is that of this point
            t.recorder.branch(int(t.gate("and", t.gate("ge", np.array(size), np.array(low)), t.gate("lt", np.array(size), np.array(high)))), holds=True)
    return [t.gate("mul", a, t.recorder.constants(np.exp2(-exponents.astype(np.float64)))), None]


def _ends(t: Tracer, exponents: Any) -> tuple[Array, Array]:
    return t.recorder.constants(np.exp2(exponents - 1.0)), t.recorder.constants(np.exp2(exponents * 1.0))
