"""The gates: one entry each, in the language of the case files. This table is the vocabulary of every program.

`means` is the exact function over the reals, written with other gates; a gate without `means` is a primitive, which
`arithmetic.ball_gates` encloses and `exact.sympy_gates` names in SymPy (`language.primitives` lists what one lacks).
`runs` is how floats compute it where that is not its meaning. `partials` are the local gradients of the staged engine:
they may use the parameters, the gate's own output `out`, and `dout`, the adjoint of the output (then the entry is the
whole contribution, not a factor). `float64` and `arrays` are kernels (module.function): CPython's for float64, NumPy's
for the narrower formats. `where` is the domain over the reals, `wider` that the meaning alone would go beyond it. `kinks` is where, inside it, the derivative with respect
to some parameter differs from one side to the other, or the value jumps: the hunt looks there, `arithmetic.ranges`
stops there. `kind`, `exact`, `symbol`, `binds`, `holds`, `folds`, `commutes` and `rises` are explained at the columns.
`tests/language/test_gates.py`, `test_kinks.py` and `test_monotonic.py` hold every column against the meaning.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

CONSTANTS = ("pi", "e", "inf", "nan", "tau", "euler_gamma")


@dataclass(frozen=True, slots=True)
class Gate:
    """One row of the table. `defaults` holds the literals of trailing parameters that may be left out."""

    name: str
    parameters: tuple[str, ...]
    defaults: tuple[str, ...] = ()
    means: str | None = None
    runs: str | None = None
    partials: tuple[str | None, ...] = ()
    float64: str | None = None
    arrays: str | None = None
    where: str = ""
    wider: bool = False  # the meaning as a formula has values outside the domain, too: they do not count
    kinks: str = ""
    kind: str = "smooth"  # or step: constant between its jumps; choice: one of several formulas; comparison; logic
    exact: bool = False  # the result is never rounded
    symbol: str = ""  # of an operator: what stands between its operands, or before its only one
    binds: int = 0  # how strongly the operator binds; Python's order
    holds: tuple[int, ...] = ()  # of a comparison: the signs of a - b for which it holds
    folds: bool = False  # more than two operands are taken two by two
    commutes: bool = False  # its two operands may change places
    rises: int = 0  # 1: strictly increasing over all of its domain, -1: strictly decreasing, 0: neither, or not said
    conditions: tuple[int, ...] = ()  # the arguments that are truth values
    orders: tuple[int, ...] = ()  # the arguments that must be constants (the order of a Bessel function): no derivative
    group: str = ""
    note: str = ""

    @property
    def boolean(self) -> bool:
        """The result is a truth value."""
        return self.kind in ("comparison", "logic")


@cache
def kernel(path: str) -> Callable[..., Any]:
    """The function named by a dotted path such as `math.exp` or `scipy.special.erfcx`; imported on first use."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module({"np": "numpy"}.get(module, module)), name)  # type: ignore[no-any-return]


GATES: dict[str, Gate] = {}
ALIASES: dict[str, str] = {}
_group = [""]


def _gate(signature: str, *aliases: str, **columns: Any) -> None:
    name, _, inside = signature.partition("(")
    if taken := {name, *aliases} & {*GATES, *ALIASES}:
        raise ValueError(f"two rows of the table are called {', '.join(sorted(taken))}")
    parameters = [p.strip() for p in inside.rstrip(")").split(",")]
    defaults = tuple(p.split("=")[1].strip() for p in parameters if "=" in p)
    names = tuple(p.split("=")[0].strip() for p in parameters)
    GATES[name] = Gate(name, names, defaults, group=_group[0], **columns)
    for alias in aliases:
        ALIASES[alias] = name


OVERLOADS = {("zeta", 2): "hurwitz"}  # (spelling, number of arguments) -> the gate that is meant


def canonical(name: str) -> str | None:
    """The table's name for a gate or one of its other spellings; None where there is none."""
    return name if name in GATES else ALIASES.get(name)


# Parts of partials that are long: series where the closed form cancels. Each is right to less than a float64 ulp where its row uses it.
# The slope of sin(x)/x, over x: sum of (-1)^k 2k x^(2k-2) / (2k+1)!, to x = 1/2.
_SINC_SLOPE = "(-1/3 + {0}**2 * (1/30 - {0}**2 * (1/840 - {0}**2 * (1/45360 - {0}**2 * (1/3991680 - {0}**2 * (1/518918400 - {0}**2 / 93405312000))))))"
# sum of (±1)^k (2k+1)!! / (2 a^2)^k (DLMF 7.12.1), from |a| = 30; `{0}` is the leading factor, `{1}` the sign.
_TAIL = "({0} * (1 {1} 3 / (2 * a * a) * (1 {1} 5 / (2 * a * a) * (1 {1} 7 / (2 * a * a) * (1 {1} 9 / (2 * a * a) * (1 {1} 11 / (2 * a * a) * (1 {1} 13 / (2 * a * a))))))))"
# sum of (2k+1) a_k(n) (-1)^k / x^k: the slopes of exp(-x) I_n(x), and at -x of exp(x) K_n(x), for n = 0 and 1 (DLMF 10.40.1, 10.17.1), from x = 1000.
_HANKEL_SLOPE = (
    "(1 + (3/8 + (45/128 + (1575/3072 + (99225/98304 + 9823275/3932160 / {0}) / {0}) / {0}) / {0}) / {0})",
    "(1 - (9/8 + (75/128 + (2205/3072 + (127575/98304 + 12006225/3932160 / {0}) / {0}) / {0}) / {0}) / {0})",
)
# sqrt(2/pi) (a + 0.044715 a^3), doubled: 1 + tanh(u) = 2 / (1 + exp(-2u)) does not cancel in the tail. The cube is a product, as in the kernels of PyTorch: NumPy takes a hundred times as long for a power in float32.
_GELU = "sqrt(8 / pi) * (a + 0.044715 * (a * a * a))"
# exp(-|a|), whose slope at 0 is that of the branch that is taken there.
_DECAY = "exp(where(a > 0, -a, a))"

# fmt: off
_group[0] = "arithmetic"
_gate("add(a, b)",        partials=("1", "1"),                       float64="operator.add",     arrays="np.add", symbol="+", binds=10, commutes=True)
_gate("sub(a, b)",        "subtract",
                          partials=("1", "-1"),                      float64="operator.sub",     arrays="np.subtract", symbol="-", binds=10)
_gate("mul(a, b)",        "multiply",
                          partials=("b", "a"),                       float64="operator.mul",     arrays="np.multiply", symbol="*", binds=11, commutes=True)
_gate("div(a, b)",        "divide", "true_divide",
                          partials=("1 / b", "-out / b"),            float64="operator.truediv", arrays="np.divide",       where="b != 0", symbol="/", binds=11)
_gate("neg(a)",           "negative",
                          partials=("-1",),                          float64="operator.neg",     arrays="np.negative", symbol="-", binds=12, exact=True)
_gate("pow(a, b)",        "power",
                          partials=("where(b == 0, where(a == 0, 0, b / a * a**b), b * a**(b - 1))", "where(a == 0, 0, out * log(a))"),
                                                                     float64="operator.pow",     arrays="np.power",
      where="a > 0 or (a == 0 and b >= 0) or (a < 0 and b == floor(b))", symbol="**", binds=14)
_gate("fma(a, b, c)",     means="a * b + c", partials=("b", "a", "1"), float64="verifier.arithmetic.floats.fma")
_gate("square(a)",        means="a * a",     partials=("2 * a",),      float64=None,               arrays="np.square")
_gate("reciprocal(a)",    means="1 / a",     partials=("-out * out",), arrays="np.reciprocal",     where="a != 0")

_group[0] = "exponentials, logarithms and roots"
_gate("exp(a)",           partials=("out",),                         float64="math.exp",         arrays="np.exp", rises=1)
_gate("exp2(a)",          means="2**a",          partials=("out * log(2)",),       float64="math.exp2",  arrays="np.exp2", rises=1)
_gate("expm1(a)",         partials=("exp(a)",),                      float64="math.expm1",       arrays="np.expm1", rises=1)
_gate("exp10(a)",         means="10**a",         partials=("out * log(10)",),      float64="scipy.special.exp10", arrays="scipy.special.exp10", rises=1)
_gate("log(a)", "ln",     partials=("1 / a",),                       float64="math.log",         arrays="np.log",          where="a > 0", rises=1)
_gate("log2(a)",          means="log(a) / log(2)",  partials=("1 / (a * log(2))",),  float64="math.log2",  arrays="np.log2",  where="a > 0", rises=1)
_gate("log10(a)",         means="log(a) / log(10)", partials=("1 / log(10) / a",),   float64="math.log10", arrays="np.log10", where="a > 0", rises=1)
_gate("log1p(a)",         partials=("1 / (1 + a)",),                 float64="math.log1p",       arrays="np.log1p",        where="a > -1", rises=1)
_gate("sqrt(a)",          partials=("0.5 / out",),                   float64="math.sqrt",        arrays="np.sqrt",         where="a >= 0", rises=1)
_gate("rsqrt(a)",         means="1 / sqrt(a)",   partials=("-0.5 * out / a",),     where="a > 0")
_gate("cbrt(a)",          partials=("1 / (3 * out * out)",),         float64="math.cbrt",        arrays="np.cbrt", rises=1)
_gate("hypot(a, b)",      means="sqrt(a * a + b * b)",
                          partials=("where(out == 0, 0, a / out)", "where(out == 0, 0, b / out)"),
                                                                     float64="math.hypot",       arrays="np.hypot",        kinks="a == 0 and b == 0", commutes=True)
_gate("logaddexp(a, b)",  means="log(exp(a) + exp(b))",
      partials=("exp(min(a - b, 0)) / (1 + exp(-abs(a - b)))", "exp(min(b - a, 0)) / (1 + exp(-abs(a - b)))"), float64="np.logaddexp", arrays="np.logaddexp", commutes=True)
_gate("logaddexp2(a, b)", means="log2(2**a + 2**b)",
      partials=("exp2(min(a - b, 0)) / (1 + exp2(-abs(a - b)))", "exp2(min(b - a, 0)) / (1 + exp2(-abs(a - b)))"), float64="np.logaddexp2", arrays="np.logaddexp2", commutes=True)
_gate("xlogy(a, b)",      means="where(a == 0, 0, a * log(b))",   partials=("log(b)", "a / b"),
      float64="scipy.special.xlogy",  arrays="scipy.special.xlogy",  where="a == 0 or b > 0")
_gate("xlog1py(a, b)",    means="where(a == 0, 0, a * log1p(b))", partials=("log1p(b)", "a / (1 + b)"),
      float64="scipy.special.xlog1py", arrays="scipy.special.xlog1py", where="a == 0 or b > -1")
_gate("entr(a)",          means="where(a == 0, 0, -a * log(a))",  partials=("-log(a) - 1",),
      float64="scipy.special.entr",   arrays="scipy.special.entr",   where="a >= 0")
_gate("rel_entr(a, b)",   means="where(a == 0, 0, a * log(a / b))", partials=("log(a / b) + 1", "-a / b"),
      float64="scipy.special.rel_entr", arrays="scipy.special.rel_entr", where="a >= 0 and b > 0", wider=True)
_gate("kl_div(a, b)",     means="where(a == 0, 0, a * log(a / b)) - a + b", partials=("log(a / b)", "(b - a) / b"),
      float64="scipy.special.kl_div",   arrays="scipy.special.kl_div",   where="a >= 0 and b > 0", wider=True)
_gate("ldexp(a, b)",      means="a * 2**b", partials=("exp2(b)", "out * log(2)"))

_group[0] = "trigonometric and hyperbolic"
_gate("sin(a)",           partials=("cos(a)",),                      float64="math.sin",         arrays="np.sin")
_gate("cos(a)",           partials=("-sin(a)",),                     float64="math.cos",         arrays="np.cos")
_gate("tan(a)",           partials=("1 + out * out",),               float64="math.tan",         arrays="np.tan")
_gate("asin(a)", "arcsin", partials=("1 / sqrt((1 - a) * (1 + a))",), float64="math.asin",       arrays="np.arcsin",       where="a >= -1 and a <= 1", rises=1)
_gate("acos(a)", "arccos", partials=("-1 / sqrt((1 - a) * (1 + a))",), float64="math.acos",      arrays="np.arccos",       where="a >= -1 and a <= 1", rises=-1)
_gate("atan(a)", "arctan", partials=("(1 / hypot(1, a))**2",),       float64="math.atan",        arrays="np.arctan", rises=1)
_gate("atan2(a, b)", "arctan2",
      partials=("b / hypot(a, b) / hypot(a, b)", "-a / hypot(a, b) / hypot(a, b)"),
                                                                     float64="math.atan2",       arrays="np.arctan2",      where="a != 0 or b != 0", kinks="a == 0 and b <= 0")
_gate("sinh(a)",          partials=("cosh(a)",),                     float64="math.sinh",        arrays="np.sinh", rises=1)
_gate("cosh(a)",          partials=("sinh(a)",),                     float64="math.cosh",        arrays="np.cosh")
_gate("tanh(a)",          partials=("(1 / cosh(a))**2",),            float64="math.tanh",        arrays="np.tanh", rises=1)
_gate("asinh(a)", "arcsinh", partials=("1 / hypot(a, 1)",),          float64="math.asinh",       arrays="np.arcsinh", rises=1)
_gate("acosh(a)", "arccosh", partials=("1 / (sqrt(a - 1) * sqrt(a + 1))",), float64="math.acosh", arrays="np.arccosh",     where="a >= 1", rises=1)
_gate("atanh(a)", "arctanh", partials=("1 / ((1 - a) * (1 + a))",),  float64="math.atanh",       arrays="np.arctanh",      where="a > -1 and a < 1", rises=1)
_gate("sinpi(a)",         runs="(1 - 2 * abs(fmod(round(a), 2))) * sin(pi * (a - round(a)))",              partials=("pi * cospi(a)",),
      note="exactly 0 at the integers")
_gate("cospi(a)",         runs="(1 - 2 * abs(fmod(round(a), 2))) * sin(pi * (0.5 - abs(a - round(a))))", partials=("-pi * sinpi(a)",),
      note="exactly 0 halfway between the integers")
_gate("sinc(a)",          means="where(a == 0, 1, sinpi(a) / (pi * a))",
      partials=(f"where(abs(a) < 0.15, pi * pi * a * {_SINC_SLOPE.format('(pi * a)')}, (cospi(a) - out) / a)",),
      float64="np.sinc", arrays="np.sinc", note="sin(pi a) / (pi a), normalised as NumPy's")
_gate("sinc_unnormalized(a)", "sinc_unnormalised", "sinc1",
      means="where(a == 0, 1, sin(a) / a)",
      partials=(f"where(abs(a) < 0.5, a * {_SINC_SLOPE.format('a')}, (cos(a) - out) / a)",),
      note="sin(a) / a")
_gate("sec(a)",           means="1 / cos(a)",                        partials=("out * tan(a)",))
_gate("csc(a)",           means="1 / sin(a)",                        partials=("-out / tan(a)",),        where="a != 0")
_gate("cot(a)",           means="cos(a) / sin(a)",  runs="1 / tan(a)", partials=("-(1 + out * out)",),   where="a != 0")
_gate("sech(a)",          means="1 / cosh(a)",                       partials=("-out * tanh(a)",))
_gate("csch(a)",          means="1 / sinh(a)",                       partials=("-out / tanh(a)",),       where="a != 0")
_gate("coth(a)",          means="cosh(a) / sinh(a)", runs="1 / tanh(a)", partials=("-(1 / sinh(a))**2",), where="a != 0")
_gate("cosm1(a)",         means="cos(a) - 1",                        partials=("-sin(a)",),
      float64="scipy.special.cosm1", arrays="scipy.special.cosm1")
_gate("deg2rad(a)", "radians", means="a * (pi / 180)", partials=("pi / 180",))
_gate("rad2deg(a)", "degrees", means="a * (180 / pi)", partials=("180 / pi",))

_group[0] = "kinks, steps and choices"
_gate("abs(a)", "fabs", "absolute",
                          partials=("sign(a)",),                     float64="builtins.abs",     arrays="np.abs",          kinks="a == 0", kind="choice", exact=True)
_gate("sign(a)",          partials=("0",),                           float64="verifier.arithmetic.floats.sign", arrays="np.sign", kinks="a == 0", kind="step", exact=True)
_gate("floor(a)",         partials=("0",),                           float64="verifier.arithmetic.floats.floor", arrays="np.floor", kinks="a == floor(a)", kind="step", exact=True)
_gate("ceil(a)",          partials=("0",),                           float64="verifier.arithmetic.floats.ceil",  arrays="np.ceil",  kinks="a == floor(a)", kind="step", exact=True)
_gate("trunc(a)",         means="where(a < 0, ceil(a), floor(a))",   partials=("0",),
                          float64="verifier.arithmetic.floats.trunc", arrays="np.trunc", kinks="a == floor(a) and a != 0", kind="step", exact=True)
_gate("remainder(a, b)", "mod", means="a - b * floor(a / b)",        partials=("1", "(out - a) / b"),
                          float64="np.remainder", arrays="np.remainder", where="b != 0", kinks="a / b == floor(a / b)", note="the rest has the sign of b, as in NumPy, torch and Python's %; math.remainder is another")
_gate("round(a)", "rint", "round_",
                          means="where(a + 0.5 - floor(a + 0.5) == 0, 2 * floor((a + 0.5) / 2), floor(a + 0.5))",
                          partials=("0",), float64="verifier.arithmetic.floats.round_half_even", arrays="np.rint",
                          kinks="a + 0.5 == floor(a + 0.5)", note="halves go to the even neighbour", kind="step", exact=True)
_gate("max(a, b)",        partials=("where(a > b, dout, where(a == b, dout / 2, 0))", "where(a < b, dout, where(a == b, dout / 2, 0))"),
                                                                     float64="builtins.max",     arrays="np.maximum",      kinks="a == b", kind="choice", exact=True, folds=True, commutes=True)
_gate("min(a, b)",        partials=("where(a < b, dout, where(a == b, dout / 2, 0))", "where(a > b, dout, where(a == b, dout / 2, 0))"),
                                                                     float64="builtins.min",     arrays="np.minimum",      kinks="a == b", kind="choice", exact=True, folds=True, commutes=True)
_gate("maximum(a, b)", "fmax", means="max(a, b)", partials=("where(a > b, dout, where(a == b, dout / 2, 0))", "where(a < b, dout, where(a == b, dout / 2, 0))"),
                                                                     float64="np.maximum",       arrays="np.maximum",      kinks="a == b", kind="choice", exact=True, folds=True, commutes=True)
_gate("minimum(a, b)", "fmin", means="min(a, b)", partials=("where(a < b, dout, where(a == b, dout / 2, 0))", "where(a > b, dout, where(a == b, dout / 2, 0))"),
                                                                     float64="np.minimum",       arrays="np.minimum",      kinks="a == b", kind="choice", exact=True, folds=True, commutes=True)
_gate("clip(a, lo, hi)", "clamp",
                          means="min(max(a, lo), hi)",
                          partials=("where(a >= lo and a <= hi and lo < hi, dout, 0)", "where(a < lo and lo <= hi, dout, 0)", "where(a > hi or lo > hi or (a == hi and lo == hi), dout, 0)"), kind="choice", exact=True, kinks="max(a, lo) == hi or (a == lo and a < hi)")
_gate("where(c, a, b)",   partials=(None, "where(c, dout, 0)", "where(c, 0, dout)"), conditions=(0,),
                                                                     float64="verifier.arithmetic.floats.where", arrays="np.where", kind="choice", exact=True, note="no kink of its own: where c turns, the comparison in it has one")
_gate("heaviside(a, b=0.5)", means="where(a < 0, 0, where(a == 0, b, 1))", partials=("0", "where(a == 0, dout, 0)"), kinks="a == 0", kind="step", exact=True)
_gate("copysign(a, b)",   means="where(b < 0, -abs(a), abs(a))",     partials=("copysign(1, a) * copysign(1, b)", "0"),
                                                                     float64="math.copysign",    arrays="np.copysign",     kinks="a == 0 or b == 0", kind="choice", exact=True)
_gate("fmod(a, b)",       means="a - b * trunc(a / b)",              partials=("1", "(out - a) / b"),
                                                                     float64="math.fmod",        arrays="np.fmod",         where="b != 0", kind="choice", exact=True, kinks="a != 0 and a / b == floor(a / b)", note="the rest has the sign of a, as in C")
_gate("lt(a, b)", "less",          float64="operator.lt", arrays="np.less", kind="comparison", exact=True, symbol="<", binds=5, holds=(-1,), kinks="a == b")
_gate("le(a, b)", "less_equal",    float64="operator.le", arrays="np.less_equal", kind="comparison", exact=True, symbol="<=", binds=5, holds=(-1, 0), kinks="a == b")
_gate("gt(a, b)", "greater",       float64="operator.gt", arrays="np.greater", kind="comparison", exact=True, symbol=">", binds=5, holds=(1,), kinks="a == b")
_gate("ge(a, b)", "greater_equal", float64="operator.ge", arrays="np.greater_equal", kind="comparison", exact=True, symbol=">=", binds=5, holds=(0, 1), kinks="a == b")
_gate("eq(a, b)", "equal",         float64="operator.eq", arrays="np.equal", kind="comparison", exact=True, symbol="==", binds=5, holds=(0,), kinks="a == b", commutes=True)
_gate("ne(a, b)", "not_equal",     float64="operator.ne", arrays="np.not_equal", kind="comparison", exact=True, symbol="!=", binds=5, holds=(-1, 1), kinks="a == b", commutes=True)
_gate("and(a, b)", "logical_and",  float64="operator.and_", arrays="np.logical_and", conditions=(0, 1), kind="logic", exact=True, symbol="and", binds=2, folds=True, commutes=True)
_gate("or(a, b)", "logical_or",    float64="operator.or_", arrays="np.logical_or",   conditions=(0, 1), kind="logic", exact=True, symbol="or", binds=1, folds=True, commutes=True)
_gate("not(a)", "logical_not",     float64="operator.not_", arrays="np.logical_not", conditions=(0,), kind="logic", exact=True, symbol="not", binds=3)
_group[0] = "casts"
for _format in ("float64", "float32", "float16", "bfloat16", "float8_e3m4", "float8_e4m3", "float8_e5m2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e4m3b11fnuz", "float8_e5m2fnuz"):
    _gate(f"{_format}(a)", means="a", partials=("1",), float64=f"verifier.arithmetic.floats.to_{_format}", arrays=f"verifier.arithmetic.floats.to_{_format}",
          note="the number itself; floats round it to the format, as the library's cast does, and go on in the format of the run")

_group[0] = "activations"
_gate("sigmoid(a)", "logistic", "expit",
                          means="1 / (1 + exp(-a))",                 partials=("(1 - out) * out",))
_gate("logsigmoid(a)", "log_sigmoid", "log_expit",
                          means="-log1p(exp(-a))",                   runs="min(a, 0) - log1p(exp(-abs(a)))",
                          partials=(f"where(a > 0, {_DECAY} / (1 + {_DECAY}), 1 / (1 + {_DECAY}))",))
_gate("softplus(a)",      means="log1p(exp(a))",                     runs="max(a, 0) + log1p(exp(-abs(a)))",
                          partials=(f"where(a > 0, 1 / (1 + {_DECAY}), {_DECAY} / (1 + {_DECAY}))",))
_gate("relu(a)",          means="max(a, 0)",                         partials=("where(a > 0, dout, 0)",),                  kinks="a == 0", kind="choice", exact=True)
_gate("relu6(a)",         means="min(max(a, 0), 6)",                 partials=("where(a > 0 and a < 6, dout, 0)",),        kinks="a == 0 or a == 6", kind="choice", exact=True)
_gate("leaky_relu(a, slope=0.01)",
                          means="where(a > 0, a, slope * a)",        partials=("where(a > 0, dout, slope * dout)", "where(a > 0, 0, a * dout)"), kind="choice", kinks="a == 0 and slope != 1")
_gate("silu(a)", "swish", means="a / (1 + exp(-a))",                 partials=("(1 + a / (1 + exp(a))) / (1 + exp(-a))",))
_gate("gelu(a)",          means="a * erfc(-a / sqrt(2)) / 2",        partials=("erfc(-a / sqrt(2)) / 2 + a * exp(-a * a / 2) / sqrt(2 * pi)",))
_gate("gelu_tanh(a)",     means="0.5 * a * (1 + tanh(sqrt(2 / pi) * (a + 0.044715 * (a * a * a))))",
      partials=(f"where(abs(a) > 25, where(a > 0, 1, 0), (1 + a * sqrt(8 / pi) * (1 + 0.134145 * a * a) / (1 + exp({_GELU}))) / (1 + exp(-{_GELU})))",),
      note="beyond 25 the factors overflow where the derivative is 1, or 0, to 500 digits")
_gate("elu(a, alpha=1)",  means="where(a > 0, a, alpha * expm1(a))",
      partials=("where(a > 0, dout, alpha * exp(a) * dout)", "where(a > 0, 0, expm1(a) * dout)"), kind="choice", kinks="a == 0 and alpha != 1")
_gate("celu(a, alpha=1)", means="where(a > 0, a, alpha * expm1(a / alpha))",
      partials=("where(a > 0, dout, exp(a / alpha) * dout)", "where(a > 0, 0, (expm1(a / alpha) - a / alpha * exp(a / alpha)) * dout)"), kind="choice")
_gate("selu(a)",          means="1.0507009873554804934193349852946 * where(a > 0, a, 1.6732632423543772848170429916717 * expm1(a))",
      partials=("where(a > 0, 1.0507009873554804934193349852946 * dout, 1.0507009873554804934193349852946 * 1.6732632423543772848170429916717 * exp(a) * dout)",),
      kinks="a == 0", note="the constants of Klambauer et al. 2017 to 32 digits", kind="choice")
_gate("softsign(a)",      means="a / (1 + abs(a))",                  partials=("1 / ((1 + abs(a)) * (1 + abs(a)))",))
_gate("hardtanh(a, lo=-1, hi=1)",
                          means="min(max(a, lo), hi)",
                          partials=("where(a > lo and a < hi, dout, 0)", "where(a <= lo and lo < hi, dout, 0)", "where(a >= hi or lo >= hi, dout, 0)"), kind="choice", exact=True, kinks="max(a, lo) == hi or (a == lo and a < hi)")
_gate("hardsigmoid(a)", "hard_sigmoid", means="min(max(a / 6 + 0.5, 0), 1)", partials=("where(a > -3 and a < 3, dout / 6, 0)",), kinks="a == -3 or a == 3", kind="choice")
_gate("hardswish(a)", "hard_swish",     means="a * min(max(a / 6 + 0.5, 0), 1)",
                          partials=("where(a > -3 and a < 3, (a / 3 + 0.5) * dout, where(a >= 3, dout, 0))",), kinks="a == -3 or a == 3", kind="choice")
_gate("mish(a)",          means="a * tanh(log1p(exp(a)))",           runs="a * tanh(softplus(a))",
      partials=("tanh(softplus(a)) + a * sigmoid(a) * (1 / cosh(softplus(a)))**2",))
_gate("tanhshrink(a)",    means="a - tanh(a)",                       partials=("tanh(a)**2",))
_gate("logit(a)",         means="log(a / (1 - a))",                  partials=("1 / (a * (1 - a))",),
      float64="scipy.special.logit", arrays="scipy.special.logit",   where="a > 0 and a < 1")

_gate("softshrink(a, threshold=0.5)",
                          means="where(a > threshold, a - threshold, where(a < -threshold, a + threshold, 0))",
                          partials=("where(a > threshold or a < -threshold or threshold <= 0, dout, 0)", "where(a > threshold, -dout, where(a < -threshold, dout, 0))"), kind="choice", kinks="a == threshold or (a == -threshold and threshold >= 0)")
_gate("hardshrink(a, threshold=0.5)",
                          means="where(a > threshold or a < -threshold, a, 0)",
                          partials=("where(a > threshold or a < -threshold or threshold <= 0, dout, 0)", "0"), kind="choice", exact=True, kinks="abs(a) == threshold and threshold > 0")
_gate("huber(delta, a)",  means="where(abs(a) <= delta, a * a / 2, delta * (abs(a) - delta / 2))",
                          partials=("where(abs(a) <= delta, 0, (abs(a) - delta) * dout)", "where(abs(a) <= delta, a * dout, sign(a) * delta * dout)"),
      float64="scipy.special.huber",  arrays="scipy.special.huber",  where="delta >= 0", wider=True, kind="choice")
_gate("pseudo_huber(delta, a)", means="delta * delta * (sqrt(1 + (a / delta)**2) - 1)",
      partials=("delta * (a / delta / (1 + hypot(1, a / delta)))**2 * (a / delta / hypot(1, a / delta)) * (a / delta)", "a / hypot(1, a / delta)"),
      float64="scipy.special.pseudo_huber", arrays="scipy.special.pseudo_huber", where="delta > 0", wider=True)

_group[0] = "error functions"
_gate("erf(a)",           partials=("2 / sqrt(pi) * exp(-a * a)",),  float64="math.erf",         arrays="scipy.special.erf", rises=1)
_gate("erfc(a)",          partials=("-2 / sqrt(pi) * exp(-a * a)",), float64="math.erfc",        arrays="scipy.special.erfc", rises=-1)
_gate("erfinv(a)",        partials=("sqrt(pi) / 2 * exp(out * out)",), float64="scipy.special.erfinv", arrays="scipy.special.erfinv", where="a > -1 and a < 1", rises=1)

_gate("erfcinv(a)",       partials=("-sqrt(pi) / 2 * exp(out * out)",), float64="scipy.special.erfcinv", arrays="scipy.special.erfcinv", where="a > 0 and a < 2", rises=-1)
_gate("erfi(a)",          partials=("2 / sqrt(pi) * exp(a * a)",),   float64="scipy.special.erfi",   arrays="scipy.special.erfi", rises=1)
_gate("erfcx(a)",         partials=(f"where(a > 30, {_TAIL.format('-1 / (sqrt(pi) * a)', '-')} / a, 2 * a * out - 2 / sqrt(pi))",),
      float64="scipy.special.erfcx",  arrays="scipy.special.erfcx",  note="exp(a**2) * erfc(a); its slope is a series beyond 30, where the terms cancel")
_gate("dawson(a)", "dawsn", partials=(f"where(abs(a) > 30, {_TAIL.format('-0.5 / a', '+')} / a, 1 - 2 * a * out)",),
      float64="scipy.special.dawsn",  arrays="scipy.special.dawsn",  note="exp(-a**2) times the integral of exp(t**2) from 0 to a")
_gate("ndtr(a)",          means="erfc(-a / sqrt(2)) / 2",            partials=("exp(-a * a / 2) / sqrt(2 * pi)",),
      float64="scipy.special.ndtr",   arrays="scipy.special.ndtr",   note="the standard normal distribution function")
_gate("log_ndtr(a)",      partials=("where(a > 0, exp(-a * a / 2) / sqrt(2 * pi) / ndtr(a), sqrt(2 / pi) / erfcx(-a / sqrt(2)))",),
      float64="scipy.special.log_ndtr", arrays="scipy.special.log_ndtr")
_gate("ndtri(a)",         means="-sqrt(2) * erfcinv(2 * a)",         partials=("sqrt(2 * pi) * exp(out * out / 2)",),
      float64="scipy.special.ndtri",  arrays="scipy.special.ndtri",  where="a > 0 and a < 1")

_group[0] = "gamma and beta functions"
_gate("gamma(a)", "tgamma",          partials=("out * digamma(a)",), float64="math.gamma",       arrays="scipy.special.gamma",    where="a > 0 or a != floor(a)")
_gate("lgamma(a)", "gammaln", "loggamma",
                          partials=("digamma(a)",),                  float64="math.lgamma",      arrays="scipy.special.gammaln",  where="a > 0 or a != floor(a)")
_gate("digamma(a)", "psi", partials=("trigamma(a)",),                float64="scipy.special.digamma", arrays="scipy.special.digamma", where="a > 0 or a != floor(a)")
_gate("polygamma(n, a)",  partials=(None, "polygamma(n + 1, a)"),    float64="verifier.arithmetic.kernels.polygamma", arrays="verifier.arithmetic.kernels.polygamma",
      orders=(0,), where="a > 0 or a != floor(a)")
_gate("trigamma(a)",      means="polygamma(1, a)",                   runs="where(a > 0, polygamma(1, a), (pi / sinpi(a))**2 - polygamma(1, 1 - a))",
      partials=("where(a > 0, polygamma(2, a), polygamma(2, 1 - a) - 2 * pi**3 * cospi(a) / sinpi(a)**3)",), where="a > 0 or a != floor(a)",
      note="reflected to the left of 0, where SciPy's polygamma is NaN")
_gate("beta(a, b)",       means="gamma(a) * gamma(b) / gamma(a + b)",
      partials=("out * (digamma(a) - digamma(a + b))", "out * (digamma(b) - digamma(a + b))"),
      float64="scipy.special.beta", arrays="scipy.special.beta", commutes=True)
_gate("rgamma(a)",        partials=("where(a < 1/3, gamma(1 - a) * (cospi(a) - sinpi(a) / pi * digamma(1 - a)), -out * digamma(a))",),
      float64="scipy.special.rgamma", arrays="scipy.special.rgamma", note="1 / gamma(a), 0 at the poles of gamma; its slope is reflected there")
_gate("betaln(a, b)", "lbeta", means="lgamma(a) + lgamma(b) - lgamma(a + b)",
      partials=("digamma(a) - digamma(a + b)", "digamma(b) - digamma(a + b)"),
      float64="scipy.special.betaln", arrays="scipy.special.betaln", where="a > 0 and b > 0", wider=True, commutes=True)
_gate("poch(a, b)",       means="gamma(a + b) * rgamma(a)",
      partials=("where(a == 0, gamma(b), out * (digamma(a + b) - digamma(a)))", "out * digamma(a + b)"),
      float64="scipy.special.poch",   arrays="scipy.special.poch",   where="a > 0 and a + b > 0", wider=True)
_gate("binom(a, b)",      means="gamma(a + 1) * rgamma(b + 1) * rgamma(a - b + 1)",
      partials=("out * (digamma(a + 1) - digamma(a - b + 1))", "out * (digamma(a - b + 1) - digamma(b + 1))"),
      float64="scipy.special.binom",  arrays="scipy.special.binom",  where="a > -1 and b > -1 and a - b > -1", wider=True)
_gate("gammainc(s, a)",   partials=(None, "where(a == 0, a**(s - 1) * exp(-a) / gamma(s), exp(xlogy(s - 1, a) - a - lgamma(s)))"),  orders=(0,),
      float64="scipy.special.gammainc",  arrays="scipy.special.gammainc",  where="s >= 0 and a >= 0", note="the regularised lower incomplete gamma function P(s, a)")
_gate("gammaincc(s, a)",  partials=(None, "where(a == 0, -a**(s - 1) * exp(-a) / gamma(s), -exp(xlogy(s - 1, a) - a - lgamma(s)))"), orders=(0,),
      float64="scipy.special.gammaincc", arrays="scipy.special.gammaincc", where="s >= 0 and a >= 0", note="the regularised upper incomplete gamma function Q(s, a)")
_gate("betainc(p, q, a)", partials=(None, None, "where(a == 0 or a == 1, a**(p - 1) * (1 - a)**(q - 1) / beta(p, q), exp(xlogy(p - 1, a) + xlog1py(q - 1, -a) - betaln(p, q)))"), orders=(0, 1),
      float64="scipy.special.betainc",   arrays="scipy.special.betainc",   where="a >= 0 and a <= 1", note="the regularised incomplete beta function I_a(p, q)")

_group[0] = "zeta functions and polylogarithms"
_gate("hurwitz(s, a)", "hurwitz_zeta", partials=(None, "-s * hurwitz(s + 1, a)"), float64="scipy.special.zeta", arrays="scipy.special.zeta",
      orders=(0,), where="a > 0", note="Hurwitz's zeta function for s > 1: the sum of 1 / (k + a)**s; also written zeta(s, a)")
_gate("zeta(a)",          partials=("zetaderiv(1, a)",),             float64="scipy.special.zeta",   arrays="scipy.special.zeta",   where="a != 1", note="Riemann's")
_gate("zetaderiv(n, a)",  partials=(None, "zetaderiv(n + 1, a)"),    float64="verifier.arithmetic.kernels.zetaderiv", arrays="verifier.arithmetic.kernels.zetaderiv",
      orders=(0,), where="a != 1", note="the n-th derivative of zeta")
_gate("spence(a)",        partials=("where(a == 1, -1, log(a) / (1 - a))",), float64="scipy.special.spence", arrays="scipy.special.spence", where="a >= 0",
      note="Li2(1 - a)")

_group[0] = "Bessel and Airy functions"
_gate("besselj(n, a)", "jv", "jn", partials=(None, "(besselj(n - 1, a) - besselj(n + 1, a)) / 2"),   orders=(0,),
      float64="scipy.special.jv",     arrays="scipy.special.jv")
_gate("bessely(n, a)", "yv", "yn", partials=(None, "(bessely(n - 1, a) - bessely(n + 1, a)) / 2"),   orders=(0,),
      float64="verifier.arithmetic.kernels.bessely", arrays="verifier.arithmetic.kernels.bessely", where="a > 0")
_gate("besseli(n, a)", "iv",    partials=(None, "(besseli(n - 1, a) + besseli(n + 1, a)) / 2"),      orders=(0,),
      float64="scipy.special.iv",     arrays="scipy.special.iv")
_gate("besselk(n, a)", "kv", "kn", partials=(None, "-(besselk(n - 1, a) + besselk(n + 1, a)) / 2"),  orders=(0,),
      float64="scipy.special.kv",     arrays="scipy.special.kv",     where="a > 0")
_gate("ive(n, a)",              partials=(None, "(ive(n - 1, a) + ive(n + 1, a)) / 2 - sign(a) * out"), orders=(0,),
      float64="scipy.special.ive",    arrays="scipy.special.ive", note="exp(-abs(a)) * besseli(n, a)", kinks="n == 0 and a == 0")
_gate("kve(n, a)",              partials=(None, "out - (kve(n - 1, a) + kve(n + 1, a)) / 2"),        orders=(0,),
      float64="scipy.special.kve",    arrays="scipy.special.kve",    where="a > 0", note="exp(a) * besselk(n, a)")
_gate("j0(a)",  means="besselj(0, a)", partials=("-j1(a)",),                       float64="scipy.special.j0",  arrays="scipy.special.j0")
_gate("j1(a)",  means="besselj(1, a)", partials=("(j0(a) - besselj(2, a)) / 2",),  float64="scipy.special.j1",  arrays="scipy.special.j1")
_gate("y0(a)",  means="bessely(0, a)", partials=("-y1(a)",),                       float64="scipy.special.y0",  arrays="scipy.special.y0",  where="a > 0")
_gate("y1(a)",  means="bessely(1, a)", partials=("y0(a) - out / a",),              float64="scipy.special.y1",  arrays="scipy.special.y1",  where="a > 0")
_gate("i0(a)",  means="besseli(0, a)", partials=("i1(a)",),                        float64="scipy.special.i0",  arrays="scipy.special.i0")
_gate("i1(a)",  means="besseli(1, a)", partials=("(i0(a) + besseli(2, a)) / 2",),  float64="scipy.special.i1",  arrays="scipy.special.i1")
_gate("k0(a)",  means="besselk(0, a)", partials=("-k1(a)",),                       float64="scipy.special.k0",  arrays="scipy.special.k0",  where="a > 0")
_gate("k1(a)",  means="besselk(1, a)", partials=("-k0(a) - out / a",),             float64="scipy.special.k1",  arrays="scipy.special.k1",  where="a > 0")
_gate("i0e(a)", means="ive(0, a)",     float64="scipy.special.i0e", arrays="scipy.special.i0e", kinks="a == 0",
      partials=(f"where(abs(a) > 1000, -sign(a) / (2 * abs(a) * sqrt(2 * pi * abs(a))) * {_HANKEL_SLOPE[0].format('abs(a)')}, i1e(a) - sign(a) * out)",))
_gate("i1e(a)", means="ive(1, a)",     float64="scipy.special.i1e", arrays="scipy.special.i1e",
      partials=(f"where(abs(a) > 1000, -1 / (2 * abs(a) * sqrt(2 * pi * abs(a))) * {_HANKEL_SLOPE[1].format('abs(a)')}, (i0e(a) + ive(2, a)) / 2 - abs(out))",))
_gate("k0e(a)", means="kve(0, a)",     float64="scipy.special.k0e", arrays="scipy.special.k0e", where="a > 0",
      partials=(f"where(a > 1000, -sqrt(pi / 2) / (2 * a * sqrt(a)) * {_HANKEL_SLOPE[0].format('(-a)')}, out - k1e(a))",))
_gate("k1e(a)", means="kve(1, a)",     float64="scipy.special.k1e", arrays="scipy.special.k1e", where="a > 0",
      partials=(f"where(a > 1000, -sqrt(pi / 2) / (2 * a * sqrt(a)) * {_HANKEL_SLOPE[1].format('(-a)')}, out - k0e(a) - out / a)",))
_gate("airyai(a)", "airy_ai",   partials=("airyaiprime(a)",),  float64="verifier.arithmetic.kernels.airyai",      arrays="verifier.arithmetic.kernels.airyai")
_gate("airybi(a)", "airy_bi",   partials=("airybiprime(a)",),  float64="verifier.arithmetic.kernels.airybi",      arrays="verifier.arithmetic.kernels.airybi")
_gate("airyaiprime(a)",         partials=("a * airyai(a)",),   float64="verifier.arithmetic.kernels.airyaiprime", arrays="verifier.arithmetic.kernels.airyaiprime")
_gate("airybiprime(a)",         partials=("a * airybi(a)",),   float64="verifier.arithmetic.kernels.airybiprime", arrays="verifier.arithmetic.kernels.airybiprime")

_group[0] = "elliptic and hypergeometric functions"
_gate("ellipk(a)", means="pi / 2 * hyp2f1(1/2, 1/2, 1, a)",  partials=("ellipb(a) / (2 * (1 - a))",), float64="scipy.special.ellipk", arrays="scipy.special.ellipk",
      where="a < 1", note="of the parameter m = k**2")
_gate("ellipe(a)", means="pi / 2 * hyp2f1(-1/2, 1/2, 1, a)", partials=("-ellipd(a) / 2",), float64="scipy.special.ellipe", arrays="scipy.special.ellipe",
      where="a < 1", note="of the parameter m = k**2")
_gate("ellipb(a)", means="pi / 4 * hyp2f1(1/2, 1/2, 2, a)",  partials=("pi / 32 * hyp2f1(3/2, 3/2, 3, a)",),
      float64="verifier.arithmetic.kernels.ellipb", arrays="verifier.arithmetic.kernels.ellipb", where="a < 1", note="(E - (1 - m) K) / m, regular at 0")
_gate("ellipd(a)", means="pi / 4 * hyp2f1(1/2, 3/2, 2, a)",  partials=("3 * pi / 32 * hyp2f1(3/2, 5/2, 3, a)",),
      float64="verifier.arithmetic.kernels.ellipd", arrays="verifier.arithmetic.kernels.ellipd", where="a < 1", note="(K - E) / m, regular at 0")
_gate("hyp2f1(p, q, r, a)", partials=(None, None, None, "p * q / r * hyp2f1(p + 1, q + 1, r + 1, a)"), orders=(0, 1, 2),
      float64="scipy.special.hyp2f1", arrays="scipy.special.hyp2f1", where="a < 1")
_gate("hyp0f1(p, a)",     partials=(None, "hyp0f1(p + 1, a) / p"),   orders=(0,),
      float64="verifier.arithmetic.kernels.hyp0f1", arrays="verifier.arithmetic.kernels.hyp0f1")

_group[0] = "integrals"
_gate("expn(n, a)",       partials=(None, "where(n == 0, -exp(-a) * (1 + a) / (a * a), -expn(n - 1, a))"), orders=(0,),
      float64="verifier.arithmetic.kernels.expn", arrays="verifier.arithmetic.kernels.expn",   where="a > 0 or (a == 0 and n > 1)")
_gate("exp1(a)", "E1",    means="expn(1, a)",                        partials=("-exp(-a) / a",), float64="scipy.special.exp1", arrays="scipy.special.exp1", where="a > 0")
_gate("expi(a)", "ei", "Ei", partials=("exp(a) / a",),               float64="scipy.special.expi",   arrays="scipy.special.expi",   where="a != 0")
_gate("li(a)",            means="expi(log(a))",                      partials=("1 / log(a)",),       where="a > 0 and a != 1")
_gate("si(a)", "Si",      partials=("where(a == 0, 1, sin(a) / a)",), float64="verifier.arithmetic.kernels.si",  arrays="verifier.arithmetic.kernels.si")
_gate("ci(a)", "Ci",      partials=("cos(a) / a",),                  float64="verifier.arithmetic.kernels.ci",  arrays="verifier.arithmetic.kernels.ci",  where="a > 0")
_gate("shi(a)", "Shi",    partials=("where(a == 0, 1, sinh(a) / a)",), float64="verifier.arithmetic.kernels.shi", arrays="verifier.arithmetic.kernels.shi", rises=1)
_gate("chi(a)", "Chi",    partials=("cosh(a) / a",),                 float64="verifier.arithmetic.kernels.chi", arrays="verifier.arithmetic.kernels.chi", where="a > 0")
_gate("fresnels(a)",      partials=("sin(pi * a * a / 2)",), float64="verifier.arithmetic.kernels.fresnels", arrays="verifier.arithmetic.kernels.fresnels")
_gate("fresnelc(a)",      partials=("cos(pi * a * a / 2)",), float64="verifier.arithmetic.kernels.fresnelc", arrays="verifier.arithmetic.kernels.fresnelc")
_gate("lambertw(a)", "lambertW", partials=("exp(-out) / (1 + out)",), float64="verifier.arithmetic.kernels.lambertw", arrays="verifier.arithmetic.kernels.lambertw",
      where="a >= -exp(-1)", note="the real principal branch", rises=1)
# fmt: on


def of_kind(*kinds: str) -> frozenset[str]:
    """The names of the gates of some kinds."""
    return frozenset(name for name, gate in GATES.items() if gate.kind in kinds)


COMPARISONS = of_kind("comparison")
ORDERINGS = tuple(name for name, gate in GATES.items() if sum(gate.holds) != 0)  # the comparisons but == and !=
LOGIC = of_kind("logic")
SUMS = frozenset(name for name, gate in GATES.items() if gate.binds == GATES["add"].binds)
PRODUCTS = frozenset(name for name, gate in GATES.items() if gate.binds == GATES["mul"].binds)
EXTREMES = frozenset(name for name, gate in GATES.items() if gate.kind == "choice" and gate.folds)


def is_operator(name: str) -> bool:
    """Whether a gate is written with a symbol."""
    return name in GATES and GATES[name].symbol != ""


def applied(name: str, operands: Sequence[str]) -> str:
    """The text of a gate with the texts of its operands, which bind strongly enough.

    >>> applied("add", ("x", "1")), applied("pow", ("x", "2")), applied("neg", ("x",)), applied("not", ("c",)), applied("exp", ("x",))
    ('x + 1', 'x**2', '-x', 'not c', 'exp(x)')
    """
    if not is_operator(name):
        return f"{name}({', '.join(operands)})"
    gate = GATES[name]
    if len(operands) == 1:
        return f"{gate.symbol} {operands[0]}" if gate.symbol.isalpha() else gate.symbol + operands[0]
    return (gate.symbol if gate.binds > GATES["neg"].binds else f" {gate.symbol} ").join(operands)
