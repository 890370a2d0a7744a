"""Run a Program over SymPy expressions, and turn expressions back into steps: how SymPy's derivatives become programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy.core.function import AppliedUndef
from sympy.functions.special.polynomials import laguerre  # noqa: F401 - loads the special functions once

from verifier.circuit.program import Program
from verifier.language.gates import GATES
from verifier.language.numeral import exact
from verifier.language.primitives import NoGate

Expression = Any  # sympy.Expr, or a truth value of SymPy
CONSTANTS = {"pi": sympy.pi, "e": sympy.E, "inf": sympy.oo, "nan": sympy.nan, "tau": 2 * sympy.pi, "euler_gamma": sympy.EulerGamma}


def _real_cbrt(a: Expression) -> Expression:
    return sympy.sign(a) * sympy.Abs(a) ** sympy.Rational(1, 3)


# The primitives of the gate table: SymPy's functions under the gates' names.
PRIMITIVES: dict[str, Callable[..., Expression]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "pow": lambda a, b: a**b,
    "copy": lambda a: a,
    "exp": sympy.exp,
    "expm1": lambda a: sympy.exp(a) - 1,
    "log": sympy.log,
    "log1p": lambda a: sympy.log(1 + a),
    "sqrt": sympy.sqrt,
    "cbrt": _real_cbrt,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": sympy.tan,
    "asin": sympy.asin,
    "acos": sympy.acos,
    "atan": sympy.atan,
    "atan2": sympy.atan2,
    "sinh": sympy.sinh,
    "cosh": sympy.cosh,
    "tanh": sympy.tanh,
    "asinh": sympy.asinh,
    "acosh": sympy.acosh,
    "atanh": sympy.atanh,
    "erf": sympy.erf,
    "erfc": sympy.erfc,
    "gamma": sympy.gamma,
    "lgamma": sympy.loggamma,
    "digamma": sympy.digamma,
    "polygamma": sympy.polygamma,
    "erfinv": sympy.erfinv,
    "erfcinv": sympy.erfcinv,
    "erfi": sympy.erfi,
    "erfcx": lambda a: sympy.exp(a**2) * sympy.erfc(a),
    "dawson": lambda a: sympy.sqrt(sympy.pi) / 2 * sympy.exp(-(a**2)) * sympy.erfi(a),
    "log_ndtr": lambda a: sympy.log(sympy.erfc(-a / sympy.sqrt(2)) / 2),
    "rgamma": lambda a: 1 / sympy.gamma(a),
    "gammainc": lambda s, a: sympy.lowergamma(s, a) / sympy.gamma(s),
    "gammaincc": lambda s, a: sympy.uppergamma(s, a) / sympy.gamma(s),
    "betainc": lambda p, q, a: sympy.betainc_regularized(p, q, 0, a),
    "zeta": sympy.zeta,
    "hurwitz": sympy.Function("hurwitz"),  # SymPy's zeta of two arguments would be read back as that of one
    "zetaderiv": sympy.Function("zetaderiv"),  # SymPy has no name for it
    "spence": lambda a: sympy.polylog(2, 1 - a),
    "besselj": sympy.besselj,
    "bessely": sympy.bessely,
    "besseli": sympy.besseli,
    "besselk": sympy.besselk,
    "ive": lambda n, a: sympy.exp(-sympy.Abs(a)) * sympy.besseli(n, a),
    "kve": lambda n, a: sympy.exp(a) * sympy.besselk(n, a),
    "airyai": sympy.airyai,
    "airybi": sympy.airybi,
    "airyaiprime": sympy.airyaiprime,
    "airybiprime": sympy.airybiprime,
    "hyp2f1": lambda p, q, r, a: sympy.hyper((p, q), (r,), a),
    "hyp0f1": lambda p, a: sympy.hyper((), (p,), a),
    "expn": sympy.expint,
    "expi": sympy.Ei,
    "si": sympy.Si,
    "ci": sympy.Ci,
    "shi": sympy.Shi,
    "chi": sympy.Chi,
    "fresnels": sympy.fresnels,
    "fresnelc": sympy.fresnelc,
    "lambertw": sympy.LambertW,
    "sinpi": lambda a: sympy.sin(sympy.pi * a),
    "cospi": lambda a: sympy.cos(sympy.pi * a),
    "abs": sympy.Abs,
    "sign": sympy.sign,
    "floor": sympy.floor,
    "ceil": sympy.ceiling,
    "max": sympy.Max,
    "min": sympy.Min,
    "lt": sympy.Lt,
    "le": sympy.Le,
    "gt": sympy.Gt,
    "ge": sympy.Ge,
    "eq": sympy.Eq,
    "ne": sympy.Ne,
    "and": sympy.And,
    "or": sympy.Or,
    "not": sympy.Not,
    "where": lambda c, a, b: sympy.Piecewise((a, c), (b, True)),
}

# The way back: the gate that a SymPy function is. Functions with a rule of their own are in `_special`.
GATES_OF_FUNCTIONS: dict[Expression, str] = {
    sympy.exp: "exp", sympy.log: "log", sympy.sin: "sin", sympy.cos: "cos", sympy.tan: "tan",
    sympy.asin: "asin", sympy.acos: "acos", sympy.atan: "atan", sympy.atan2: "atan2",
    sympy.sinh: "sinh", sympy.cosh: "cosh", sympy.tanh: "tanh",
    sympy.asinh: "asinh", sympy.acosh: "acosh", sympy.atanh: "atanh",
    sympy.erf: "erf", sympy.erfc: "erfc", sympy.erfinv: "erfinv", sympy.erfcinv: "erfcinv", sympy.erfi: "erfi",
    sympy.gamma: "gamma", sympy.loggamma: "lgamma", sympy.expint: "expn", sympy.Ei: "expi",
    sympy.besselj: "besselj", sympy.bessely: "bessely", sympy.besseli: "besseli", sympy.besselk: "besselk",
    sympy.airyai: "airyai", sympy.airybi: "airybi", sympy.airyaiprime: "airyaiprime", sympy.airybiprime: "airybiprime",
    sympy.Abs: "abs", sympy.sign: "sign", sympy.floor: "floor", sympy.ceiling: "ceil", sympy.Max: "max", sympy.Min: "min",
    sympy.StrictLessThan: "lt", sympy.LessThan: "le", sympy.StrictGreaterThan: "gt", sympy.GreaterThan: "ge",
    sympy.Equality: "eq", sympy.Unequality: "ne", sympy.And: "and", sympy.Or: "or", sympy.Not: "not",
}  # fmt: skip


_HYPERGEOMETRIC = {(2, 1): "hyp2f1", (0, 1): "hyp0f1"}


def run(program: Program, inputs: Sequence[Expression]) -> list[Expression]:
    """The expression of every step; `inputs` are SymPy expressions. `program` must consist of primitives."""
    values: list[Expression] = []
    for step in program.steps:
        if step.gate == "input":
            values.append(inputs[len(values)])
        elif step.args:
            values.append(PRIMITIVES[step.gate](*(values[a] for a in step.args)))
        elif step.gate == "number":
            value = exact(step.text)
            values.append(sympy.Rational(value.numerator, value.denominator))
        elif step.gate == "upstream":
            values.append(sympy.Symbol("upstream", real=True))
        else:
            values.append(CONSTANTS[step.text])
    return values


Emit = Callable[..., int]


def emit(expression: Expression, symbols: dict[Expression, int], gate: Emit, number: Callable[[str], int], constant: Callable[[str], int]) -> int:
    """Write an expression as steps; the index of its value.

    `symbols` maps SymPy symbols to step indices; `gate(name, *args)`, `number(text)` and `constant(name)` append a step.
    Raises NoGate for a function without a gate. The expressions are single derivatives, so recursion is shallow.
    """

    def go(e: Expression) -> int:
        if e in symbols:
            return symbols[e]
        if e.is_Integer:
            return number(str(e)) if e >= 0 else gate("neg", number(str(-e)))
        if e.is_Rational:
            top = gate("div", number(str(abs(e.p))), number(str(e.q)))
            return top if e.p > 0 else gate("neg", top)
        if e is sympy.S.Exp1:
            return constant("e")
        if e is sympy.pi:
            return constant("pi")
        if e is sympy.EulerGamma:
            return constant("euler_gamma")
        if e.is_Add:
            return _fold("add", [go(a) for a in e.args], gate)
        if e.is_Mul:
            return _product(e, go, gate, number)
        if e.is_Pow:
            return _power(e, go, gate, number)
        if isinstance(e, sympy.Piecewise):
            return _piecewise(e, go, gate)
        special = _special(e, go, gate, number)
        if special is not None:
            return special
        name = GATES_OF_FUNCTIONS.get(e.func)
        if name is None:
            raise NoGate(str(e))
        args = [go(a) for a in e.args]
        return _fold(name, args, gate) if GATES[name].folds else gate(name, *args)

    return go(expression)


def _fold(name: str, args: list[int], gate: Emit) -> int:
    total = args[0]
    for arg in args[1:]:
        total = gate(name, total, arg)
    return total


def _product(e: Expression, go: Callable[[Expression], int], gate: Emit, number: Callable[[str], int]) -> int:
    top, bottom = e.as_numer_denom()
    if bottom == 1 or top == e:
        return _fold("mul", [go(a) for a in e.args], gate)
    return gate("div", go(top), go(bottom)) if top != 1 else gate("div", number("1"), go(bottom))


def _power(e: Expression, go: Callable[[Expression], int], gate: Emit, number: Callable[[str], int]) -> int:
    base, exponent = e.args
    if exponent == sympy.Rational(1, 2):
        return gate("sqrt", go(base))
    if exponent == -1:
        return gate("div", number("1"), go(base))
    if exponent.is_number and exponent.is_negative:
        return gate("div", number("1"), go(base**-exponent))
    return gate("pow", go(base), go(exponent))


def _piecewise(e: Expression, go: Callable[[Expression], int], gate: Emit) -> int:
    value = go(e.args[-1].expr)
    for branch in reversed(e.args[:-1]):
        value = gate("where", go(branch.cond), go(branch.expr), value)
    return value


def _special(e: Expression, go: Callable[[Expression], int], gate: Emit, number: Callable[[str], int]) -> int | None:
    if isinstance(e, sympy.Heaviside):
        difference, zero = go(e.args[0]), number("0")
        at_0 = gate("where", gate("ge", difference, zero), go(e.args[1]), zero)  # a half: two equal operands share the slope
        return gate("where", gate("gt", difference, zero), number("1"), at_0)
    if isinstance(e, sympy.polygamma):
        return gate("digamma", go(e.args[1])) if e.args[0] == 0 else gate("polygamma", go(e.args[0]), go(e.args[1]))
    if isinstance(e, AppliedUndef):  # a gate that SymPy has no name for, written by `derivatives.DERIVATIVES`
        return gate(e.func.__name__, *map(go, e.args))
    if isinstance(e, sympy.hyper) and (len(e.ap), len(e.bq)) in _HYPERGEOMETRIC:
        return gate(_HYPERGEOMETRIC[len(e.ap), len(e.bq)], *map(go, (*e.ap, *e.bq, e.argument)))
    if isinstance(e, sympy.beta):
        p, q = e.args
        return go(sympy.gamma(p) * sympy.gamma(q) / sympy.gamma(p + q))
    if isinstance(e, sympy.sinc):
        return go(sympy.sin(e.args[0]) / e.args[0])
    return None
