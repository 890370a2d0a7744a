"""torch, jax and autograd as arithmetics of a Program, gate by gate, each with its gradient checker."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from verifier.arithmetic.floats import CONSTANT_VALUES
from verifier.circuit.expressions import definition
from verifier.circuit.program import Program
from verifier.language.gates import GATES

# What a gate is called in each library, below its top module; `-`: the library has no such function, and the gate runs its
# definition where the table of gates has one. A gate that is not listed runs its definition everywhere.
FUNCTIONS = """
gate        torch                        jax                         autograd
add         add                          numpy.add                   numpy.add
sub         sub                          numpy.subtract              numpy.subtract
mul         mul                          numpy.multiply              numpy.multiply
div         div                          numpy.divide                numpy.divide
neg         neg                          numpy.negative              numpy.negative
pow         pow                          numpy.power                 numpy.power
square      square                       numpy.square                numpy.square
reciprocal  reciprocal                   numpy.reciprocal            numpy.reciprocal
exp         exp                          numpy.exp                   numpy.exp
exp2        exp2                         numpy.exp2                  numpy.exp2
expm1       expm1                        numpy.expm1                 numpy.expm1
log         log                          numpy.log                   numpy.log
log2        log2                         numpy.log2                  numpy.log2
log10       log10                        numpy.log10                 numpy.log10
log1p       log1p                        numpy.log1p                 numpy.log1p
sqrt        sqrt                         numpy.sqrt                  numpy.sqrt
rsqrt       rsqrt                        lax.rsqrt                   -
cbrt        -                            numpy.cbrt                  numpy.cbrt
hypot       hypot                        numpy.hypot                 numpy.hypot
logaddexp   logaddexp                    numpy.logaddexp             numpy.logaddexp
logaddexp2  logaddexp2                   numpy.logaddexp2            numpy.logaddexp2
xlogy       special.xlogy                scipy.special.xlogy         -
xlog1py     special.xlog1py              scipy.special.xlog1py       -
entr        special.entr                 scipy.special.entr          -
rel_entr    -                            scipy.special.rel_entr      -
kl_div      -                            scipy.special.kl_div        -
sin         sin                          numpy.sin                   numpy.sin
cos         cos                          numpy.cos                   numpy.cos
tan         tan                          numpy.tan                   numpy.tan
asin        asin                         numpy.arcsin                numpy.arcsin
acos        acos                         numpy.arccos                numpy.arccos
atan        atan                         numpy.arctan                numpy.arctan
atan2       atan2                        numpy.arctan2               numpy.arctan2
sinh        sinh                         numpy.sinh                  numpy.sinh
cosh        cosh                         numpy.cosh                  numpy.cosh
tanh        tanh                         numpy.tanh                  numpy.tanh
asinh       asinh                        numpy.arcsinh               numpy.arcsinh
acosh       acosh                        numpy.arccosh               numpy.arccosh
atanh       atanh                        numpy.arctanh               numpy.arctanh
sinc        sinc                         numpy.sinc                  numpy.sinc
abs         abs                          numpy.abs                   numpy.abs
sign        sign                         numpy.sign                  numpy.sign
floor       floor                        numpy.floor                 numpy.floor
ceil        ceil                         numpy.ceil                  numpy.ceil
trunc       trunc                        numpy.trunc                 numpy.trunc
round       round                        numpy.round                 numpy.rint
max         maximum                      numpy.maximum               numpy.maximum
min         minimum                      numpy.minimum               numpy.minimum
maximum     maximum                      numpy.maximum               numpy.maximum
minimum     minimum                      numpy.minimum               numpy.minimum
where       where                        numpy.where                 numpy.where
copysign    copysign                     numpy.copysign              numpy.copysign
fmod        fmod                         numpy.fmod                  numpy.fmod
lt          lt                           numpy.less                  numpy.less
le          le                           numpy.less_equal            numpy.less_equal
gt          gt                           numpy.greater               numpy.greater
ge          ge                           numpy.greater_equal         numpy.greater_equal
eq          eq                           numpy.equal                 numpy.equal
ne          ne                           numpy.not_equal             numpy.not_equal
and         logical_and                  numpy.logical_and           numpy.logical_and
or          logical_or                   numpy.logical_or            numpy.logical_or
not         logical_not                  numpy.logical_not           numpy.logical_not
sigmoid     sigmoid                      nn.sigmoid                  scipy.special.expit
logsigmoid  nn.functional.logsigmoid     nn.log_sigmoid              -
silu        nn.functional.silu           nn.silu                     -
mish        nn.functional.mish           nn.mish                     -
logit       special.logit                scipy.special.logit         scipy.special.logit
erf         special.erf                  scipy.special.erf           scipy.special.erf
erfc        special.erfc                 scipy.special.erfc          scipy.special.erfc
erfinv      special.erfinv               scipy.special.erfinv        scipy.special.erfinv
erfcinv     -                            scipy.special.erfcinv       scipy.special.erfcinv
erfcx       special.erfcx                scipy.special.erfcx         -
ndtr        special.ndtr                 scipy.special.ndtr          -
log_ndtr    special.log_ndtr             scipy.special.log_ndtr      -
ndtri       special.ndtri                scipy.special.ndtri         -
gamma       -                            scipy.special.gamma         scipy.special.gamma
lgamma      special.gammaln              scipy.special.gammaln       scipy.special.gammaln
digamma     special.digamma              scipy.special.digamma       scipy.special.digamma
polygamma   special.polygamma            scipy.special.polygamma     scipy.special.polygamma
rgamma      -                            -                           scipy.special.rgamma
gammainc    special.gammainc             scipy.special.gammainc      scipy.special.gammainc
gammaincc   special.gammaincc            scipy.special.gammaincc     scipy.special.gammaincc
betainc     -                            scipy.special.betainc       scipy.special.betainc
besselj     -                            -                           scipy.special.jn
bessely     -                            -                           scipy.special.yn
besseli     -                            -                           scipy.special.iv
ive         -                            -                           scipy.special.ive
j0          special.bessel_j0            -                           scipy.special.j0
j1          special.bessel_j1            -                           scipy.special.j1
y0          special.bessel_y0            -                           scipy.special.y0
y1          special.bessel_y1            -                           scipy.special.y1
i0          special.i0                   scipy.special.i0            scipy.special.i0
i1          special.i1                   scipy.special.i1            scipy.special.i1
i0e         special.i0e                  scipy.special.i0e           -
i1e         special.i1e                  scipy.special.i1e           -
k0          special.modified_bessel_k0   -                           -
k1          special.modified_bessel_k1   -                           -
k0e         special.scaled_modified_bessel_k0  -                     -
k1e         special.scaled_modified_bessel_k1  -                     -
airyai      special.airy_ai              -                           -
spence      -                            scipy.special.spence        -
expn        -                            scipy.special.expn          -
exp1        -                            scipy.special.exp1          -
expi        -                            scipy.special.expi          -
"""
INTEGER_ORDERS = frozenset(("polygamma", "expn"))  # their first argument must be an int
SUBMODULES = {"torch": (), "jax": ("nn", "scipy.special", "test_util"), "autograd": ("numpy", "scipy.special", "test_util", "extend")}


def function_names() -> dict[str, dict[str, str]]:
    """`[library][gate]`: the dotted name."""
    head, *rows = (line.split() for line in FUNCTIONS.strip().splitlines())
    return {library: {row[0]: row[k] for row in rows if row[k] != "-"} for k, library in enumerate(head) if k}


@dataclass(frozen=True)
class Library:
    """A library's functions by gate, its scalar of one number type, and `check(f, backward, inputs) -> accepted`."""

    name: str
    functions: dict[str, Callable[..., Any]]
    scalar: Callable[[float], Any]
    check: Callable[[Callable[..., Any], Callable[..., Any], Sequence[float]], bool]


def lacks(program: Program, known: Iterable[str]) -> frozenset[str]:
    """The gates of a program that a library with the `known` ones cannot run: no function, and no definition to run instead."""
    names = frozenset(known)
    missing: set[str] = set()
    pending, seen = [program], set()
    while pending:
        for gate in {s.gate for s in pending.pop().steps if s.args} - names - seen - {"copy"}:
            seen.add(gate)
            if GATES[gate].means is None and GATES[gate].runs is None:
                missing.add(gate)
            else:
                pending.append(definition(gate))
    return frozenset(missing)


def run(library: Library, program: Program, inputs: Sequence[Any], upstream: Any, wanted: Sequence[int]) -> list[Any]:
    """The values of the wanted steps, and only of the steps they need, in the library's own arithmetic."""
    needed, pending = set(), list(wanted)
    while pending:
        if (i := pending.pop()) not in needed:
            needed.add(i)
            pending.extend(program.steps[i].args)
    values: dict[int, Any] = {}
    for i in sorted(needed):
        step = program.steps[i]
        if step.gate == "input":
            values[i] = inputs[i]
        elif step.gate == "upstream":
            values[i] = upstream
        elif not step.args:
            values[i] = library.scalar(float(step.text) if step.gate == "number" else CONSTANT_VALUES[step.text])
        elif step.gate == "copy":
            values[i] = values[step.args[0]]
        else:
            values[i] = _apply(library, step.gate, [values[a] for a in step.args])
    return [values[i] for i in wanted]


def _apply(library: Library, gate: str, args: list[Any]) -> Any:
    if gate in library.functions:
        return library.functions[gate](*args)
    program = definition(gate)
    return run(library, program, args, None, [program.output])[0]


def _function(library: str, dotted: str) -> Callable[..., Any] | None:
    value = importlib.import_module(library)
    for part in dotted.split("."):
        value = getattr(value, part, None)
    return value


def library(name: str, number: str = "float64") -> Library:
    """The library, imported and set to numbers of that format (float64, float32, float16, bfloat16) on the processor."""
    for part in SUBMODULES[name]:
        importlib.import_module(f"{name}.{part}")
    found = {gate: _function(name, dotted) for gate, dotted in function_names()[name].items()}
    functions = {gate: function for gate, function in found.items() if function is not None}
    for gate in INTEGER_ORDERS & functions.keys():
        functions[gate] = _with_integer_order(functions[gate])
    return {"torch": _torch, "jax": _jax, "autograd": _autograd}[name](functions, number)


def _with_integer_order(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda n, a: function(int(n), a)


def _torch(functions: dict[str, Callable[..., Any]], number: str) -> Library:
    import torch
    from torch.autograd.gradcheck import GradcheckError

    torch.set_num_threads(1)

    def scalar(x: float) -> Any:
        return torch.tensor(x, dtype=getattr(torch, number))

    def check(forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[float]) -> bool:
        class Checked(torch.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *xs: Any) -> Any:
                ctx.save_for_backward(*xs)
                return forward(*xs).clone()

            @staticmethod
            def backward(ctx: Any, g: Any) -> Any:
                return tuple(v.clone() for v in backward(g, *ctx.saved_tensors))

        try:
            return torch.autograd.gradcheck(Checked.apply, tuple(scalar(x).requires_grad_() for x in inputs))
        except GradcheckError:
            return False

    return Library("torch", functions, scalar, check)


def _jax(functions: dict[str, Callable[..., Any]], number: str) -> Library:
    import jax
    from jax.test_util import check_grads

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")

    def at_once(function: Callable[..., Any]) -> Callable[..., Any]:
        """Constants of a traced program stay numbers: the order of a Bessel function must be one."""

        def call(*args: Any) -> Any:
            if any(isinstance(a, jax.core.Tracer) for a in args):
                return function(*args)
            with jax.ensure_compile_time_eval():
                return function(*args)

        return call

    functions = {gate: at_once(function) for gate, function in functions.items()}
    scalar = getattr(jax.numpy, number)

    def check(forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[float]) -> bool:
        checked = jax.custom_vjp(forward)
        checked.defvjp(lambda *xs: (forward(*xs), xs), lambda xs, g: tuple(backward(g, *xs)))
        try:
            check_grads(checked, tuple(map(scalar, inputs)), order=1, modes=["rev"])
        except AssertionError:
            return False
        return True

    return Library("jax", functions, scalar, check)


def _autograd(functions: dict[str, Callable[..., Any]], number: str) -> Library:
    import numpy as np
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    scalar = getattr(np, number)  # NumPy has no bfloat16

    def check(forward: Callable[..., Any], backward: Callable[..., Any], inputs: Sequence[float]) -> bool:
        checked = primitive(forward)
        positions = range(len(inputs))
        defvjp(checked, *(lambda _, *xs, k=k: lambda g: backward(g, *xs)[k] for k in positions))
        np.random.seed(0)  # noqa: NPY002 - the generator that autograd draws its direction from
        try:
            check_grads(checked, tuple(positions), modes=["rev"], order=1)(*map(scalar, inputs))
        except AssertionError:
            return False
        return True

    return Library("autograd", functions, scalar, check)
