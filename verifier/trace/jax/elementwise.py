"""The primitives of JAX that act on every component."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jax.scipy import special

from verifier.circuit import arrays
from verifier.circuit.arrays import Array
from verifier.trace.jax.jax_array import Bits, Context, JaxArray, row

if TYPE_CHECKING:
    from jax.extend.core import JaxprEqn

# fmt: off
GATES = {  # primitive -> gate of the table, operands in the same order
    "add": "add", "sub": "sub", "mul": "mul", "neg": "neg", "pow": "pow", "abs": "abs", "sign": "sign", "floor": "floor", "ceil": "ceil",
    "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log1p": "log1p", "sqrt": "sqrt", "rsqrt": "rsqrt", "cbrt": "cbrt", "square": "square",
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "asin", "acos": "acos", "atan": "atan", "atan2": "atan2",
    "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "asinh": "asinh", "acosh": "acosh", "atanh": "atanh", "logistic": "sigmoid",
    "max": "maximum", "min": "minimum", "erf": "erf", "erfc": "erfc", "erf_inv": "erfinv",
    "lgamma": "lgamma", "digamma": "digamma", "polygamma": "polygamma", "zeta": "hurwitz", "igamma": "gammainc", "igammac": "gammaincc",
    "regularized_incomplete_beta": "betainc", "bessel_i0e": "i0e", "bessel_i1e": "i1e",
}
COMPARISONS = {"lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne", "lt_to": "lt", "le_to": "le", "eq_to": "eq"}
LOGIC = {"and": "and", "or": "or"}
CASTS = ("float64", "float32", "float16", "bfloat16", "float8_e3m4", "float8_e4m3", "float8_e5m2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e4m3b11fnuz", "float8_e5m2fnuz")
SHIFTS = ("shift_right_arithmetic", "shift_right_logical")
# fmt: on


@row(*GATES)
def _gate(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    if eqn.primitive.name in ("max", "min") and all(v.kind == "b" for v in operands):
        return c.apply("or" if eqn.primitive.name == "max" else "and", *(c.steps(v) for v in operands))
    return c.apply(GATES[eqn.primitive.name], *(c.steps(v) for v in operands))


@row("add_any")
def _accumulated(c: Context, _: JaxprEqn, operands: list[JaxArray]) -> Array:
    """The sum of what comes through several uses of a value. JAX adds it, no line of the user does: it stands where the last contribution was computed."""
    found = c.apply("add", *(c.steps(v) for v in operands))
    steps = c.builder.steps
    for i in found.ravel().tolist():
        last = steps[max(steps[i].args, default=i)]
        if last.args and last.line >= 0:
            steps[i] = steps[i]._replace(line=last.line, start=last.start, end=last.end)
    return found


@row("div")
def _div(c: Context, _: JaxprEqn, operands: list[JaxArray]) -> Array:
    found = c.apply("div", *(c.steps(v) for v in operands))
    return found if operands[0].kind == "f" else c.apply("trunc", found)


@row("rem")
def _rem(c: Context, _: JaxprEqn, operands: list[JaxArray]) -> Array:
    return c.apply("fmod", *(c.steps(v) for v in operands))


@row(*COMPARISONS)
def _compare(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Any:
    left, right = (arrays.as_numbers(c.builder, c.steps(v)) for v in operands)
    if np.array_equal(left, right):  # `x != x` asks for NaN
        return JaxArray(eqn.primitive.bind(*(v.array for v in operands), **eqn.params))
    return c.apply(COMPARISONS[eqn.primitive.name], left, right)


@row(*LOGIC)
def _logic(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    _only_truths(c, eqn, operands)
    return c.apply(LOGIC[eqn.primitive.name], *(c.steps(v) for v in operands))


@row("not")
def _not(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    _only_truths(c, eqn, operands)
    return c.apply("not", c.steps(operands[0]))


@row("xor")
def _xor(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    _only_truths(c, eqn, operands)
    return c.apply("ne", *(arrays.as_numbers(c.builder, arrays.as_truths(c.builder, c.steps(v))) for v in operands))


def _only_truths(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> None:
    if any(v.kind != "b" for v in operands):
        raise c.refusal(f"the bits of whole numbers ({eqn.primitive.name}) that depend on an input")


@row("is_finite")
def _is_finite(_: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> JaxArray:
    return JaxArray(eqn.primitive.bind(operands[0].array, **eqn.params))


@row("integer_pow")
def _integer_pow(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    x, y = c.steps(operands[0]), int(eqn.params["y"])
    return c.apply("mul", x, x) if y == 2 else c.apply("pow", x, c.number(str(y)))


@row("round")
def _round(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    x = c.steps(operands[0])
    if int(eqn.params["rounding_method"]) == 1:
        return c.apply("round", x)
    return c.apply("mul", c.apply("sign", x), c.apply("floor", c.apply("add", c.apply("abs", x), c.number("0.5"))))


@row("clamp")
def _clamp(c: Context, _: JaxprEqn, operands: list[JaxArray]) -> Array:
    low, x, high = (c.steps(v) for v in operands)
    return c.apply("clip", x, low, high)


@row("select_n")
def _select(c: Context, _: JaxprEqn, operands: list[JaxArray]) -> Array:
    which, *cases = operands
    steps = [np.asarray(c.steps(v)) for v in cases]
    if all(v.kind == "b" for v in cases) and (not which.known):
        chosen, one, other = c.steps(which), arrays.as_truths(c.builder, steps[1]), arrays.as_truths(c.builder, steps[0])
        return c.apply("or", c.apply("and", chosen, one), c.apply("and", c.apply("not", chosen), other))
    if which.kind == "b" and not which.known:
        return arrays.choose(c.builder, np.asarray(c.steps(which)), steps[1], steps[0])
    index = np.asarray(c.frozen(which)).astype(np.int64)
    shape = steps[0].shape
    return np.asarray(np.choose(np.broadcast_to(index, shape), [np.broadcast_to(s, shape) for s in steps]))


@row("copy", "copy_p", "device_put", "optimization_barrier", "sharding_constraint", "pvary")
def _same(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Any:
    found = [c.steps(v) for v in operands]
    return found if eqn.primitive.multiple_results else found[0]


@row("convert_element_type")
def _convert(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    (value,) = operands
    wanted, steps = eqn.params["new_dtype"], c.steps(value)
    if jnp.issubdtype(wanted, np.bool_):
        return arrays.as_truths(c.builder, steps)
    steps = arrays.as_numbers(c.builder, steps)
    if jnp.issubdtype(wanted, jnp.floating):
        old, new = value.array.dtype, jnp.dtype(wanted)
        narrower = value.kind == "f" and (jnp.finfo(new).nmant < jnp.finfo(old).nmant or jnp.finfo(new).nexp < jnp.finfo(old).nexp)
        return c.apply(new.name, steps) if narrower and new.name in CASTS else steps
    if jnp.issubdtype(wanted, np.integer):
        return c.apply("trunc", steps) if value.kind == "f" else steps
    raise c.refusal(f"a conversion to {wanted}")


@row("reduce_precision")
def _precision(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    bits = (eqn.params["exponent_bits"], eqn.params["mantissa_bits"])
    known = {(11, 52): "float64", (8, 23): "float32", (5, 10): "float16", (8, 7): "bfloat16"}
    if bits not in known:
        raise c.refusal(f"a rounding to {bits[1]} bits")
    steps = c.steps(operands[0])
    finfo = jnp.finfo(operands[0].array.dtype)
    return steps if (finfo.nexp, finfo.nmant) == bits else c.apply(known[bits], steps)


@row("bitcast_convert_type")
def _bits(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Bits:
    found = eqn.primitive.bind(operands[0].array, **eqn.params)
    if operands[0].kind != "f" or found.shape != operands[0].array.shape:
        raise c.refusal("bits of a number that depends on an input")
    return Bits(found, c.steps(operands[0]))


@row(*SHIFTS)
def _shift(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> Array:
    """The sign bit: -1 or 1 where the number is negative."""
    bits, by = operands
    if not isinstance(bits, Bits) or not by.known or (np.asarray(by.array) != bits.array.dtype.itemsize * 8 - 1).any():
        raise c.refusal("a shift of whole numbers that depend on an input")
    negative = c.apply("lt", c.steps(bits), c.number("0"))
    signed = eqn.primitive.name == "shift_right_arithmetic" and np.issubdtype(bits.array.dtype, np.signedinteger)
    return c.apply("where", negative, c.number("-1" if signed else "1"), c.number("0"))


def _frexp(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Any] | None:
    """Mantissa and exponent, which JAX takes from the bits of the number: the exponent is that of this point."""
    if len(operands) != 1 or len(eqn.outvars) != 2:
        return None
    (value,) = operands
    mantissas, exponents = jnp.frexp(value.array)
    low, high = (c.recorder.constants(np.exp2(np.asarray(exponents) + d)) for d in (-1.0, 0.0))
    size = c.apply("abs", c.steps(value))
    inside = c.apply("and", c.apply("ge", size, low), c.apply("lt", size, high))
    for step, known in zip(inside.ravel().tolist(), np.asarray(exponents).ravel().tolist(), strict=True):
        if known:
            c.recorder.branch(step, holds=True)
    scale = c.recorder.constants(np.exp2(-np.asarray(exponents, dtype=np.float64)))
    del mantissas
    return [c.apply("mul", c.steps(value), scale), JaxArray(exponents)]


def _expn(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Any] | None:
    """The exponential integral, which JAX approximates by pieces whose slopes are not the function's."""
    if len(operands) != 2 or len(eqn.outvars) != 1 or not operands[0].known:
        return None
    order = np.asarray(operands[0].array)
    if (order != np.round(order)).any():
        return None
    return [c.apply("expn", arrays.numbers(c.builder, order.astype(np.int64)), c.steps(operands[1]))]


def _hyp1f1(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Any] | None:
    """A series that ends at a tolerance has not the function's slope."""
    del eqn, operands
    raise c.refusal("hyp1f1 is not traced: JAX ends its series at a tolerance")


def _fresnel(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Any] | None:
    """Fresnel's integrals, which JAX approximates by pieces in the forward pass, and differentiates by their formulas."""
    *_, x = operands  # after the coefficients
    if len(eqn.outvars) != 2:
        return None
    found = special.fresnel(x.array)
    return [JaxArray(array, c.apply(gate, c.steps(x))) for gate, array in zip(("fresnels", "fresnelc"), found, strict=True)]


def _by_pieces(*gates: str) -> Callable[[Context, JaxprEqn, list[JaxArray]], list[Any] | None]:
    """A function of a number that JAX approximates by pieces in the forward pass, and differentiates by its formula; each of its results is a gate."""

    def steps(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Any] | None:
        *_, x = operands  # after the coefficients
        if len(eqn.outvars) != len(gates) or x.kind != "f":
            return None
        return [c.apply(name, c.steps(x)) for name in gates]

    return steps


def _smooth(name: str) -> Callable[[Context, JaxprEqn, list[JaxArray]], list[Any] | None]:
    """A function of two numbers that JAX writes with `max` and `abs`, and that is smooth where these have a kink."""

    def steps(c: Context, eqn: JaxprEqn, operands: list[JaxArray]) -> list[Any] | None:
        if len(operands) != 2 or len(eqn.outvars) != 1 or any(v.kind != "f" for v in operands):
            return None
        return [c.apply(name, *(c.steps(v) for v in operands))]

    return steps


CALLS = {  # functions of JAX that are not what their lines are over the reals, by the name under which a jaxpr calls them
    "frexp": _frexp,
    "expn": _expn,
    "hyp1f1": _hyp1f1,
    "fresnel": _fresnel,
    "expi": _by_pieces("expi"),
    "sici": _by_pieces("si", "ci"),
    "_erfcx": _by_pieces("erfcx"),
    "_dawsn": _by_pieces("dawson"),
    **{name: _smooth(name) for name in ("logaddexp", "logaddexp2", "hypot")},
}
