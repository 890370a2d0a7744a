"""The primitives of the table as mpmath has them: an engine that shares no code with Arb."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from verifier.circuit.program import Program

MODERATE = 1e3  # arguments beyond it cost mpmath too much


def rules(m: Any) -> dict[str, Callable[..., Any]]:
    """Gate -> function of a context's numbers. Steps, choices and truth values are Python's."""
    half = m.mpf(1) / 2
    return {
        "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "neg": lambda a: -a, "copy": lambda a: a,
        "pow": lambda a, b: a**b, "exp": m.exp, "expm1": m.expm1, "log": m.log, "log1p": m.log1p, "sqrt": m.sqrt, "cbrt": lambda a: m.sign(a) * m.cbrt(abs(a)),
        "sin": m.sin, "cos": m.cos, "tan": m.tan, "asin": m.asin, "acos": m.acos, "atan": m.atan, "atan2": m.atan2, "sinh": m.sinh, "cosh": m.cosh, "tanh": m.tanh,
        "asinh": m.asinh, "acosh": m.acosh, "atanh": m.atanh, "sinpi": m.sinpi, "cospi": m.cospi,
        "erf": m.erf, "erfc": m.erfc, "erfi": m.erfi, "erfinv": m.erfinv, "gamma": m.gamma, "rgamma": m.rgamma, "lgamma": lambda a: m.log(abs(m.gamma(a))),
        "digamma": m.digamma, "polygamma": lambda n, a: m.psi(int(n), a), "zeta": m.zeta,
        "besselj": m.besselj, "bessely": m.bessely, "besseli": m.besseli, "besselk": m.besselk,
        "ive": lambda n, a: m.exp(-abs(a)) * m.besseli(n, a), "kve": lambda n, a: m.exp(a) * m.besselk(n, a),
        "airyai": m.airyai, "airybi": m.airybi, "airyaiprime": lambda a: m.airyai(a, derivative=1), "airybiprime": lambda a: m.airybi(a, derivative=1),
        "hyp2f1": m.hyp2f1, "hyp0f1": m.hyp0f1, "expn": m.expint, "expi": m.ei, "si": m.si, "ci": m.ci, "shi": m.shi, "chi": m.chi, "fresnels": m.fresnels, "fresnelc": m.fresnelc,
        "lambertw": m.lambertw, "spence": lambda a: m.polylog(2, 1 - a).real,
        "erfcx": lambda a: m.exp(a * a) * m.erfc(a), "dawson": lambda a: m.sqrt(m.pi) / 2 * m.exp(-a * a) * m.erfi(a),
        "log_ndtr": lambda a: m.log(m.erfc(-a / m.sqrt(2)) * half) if a < 0 else m.log1p(-m.erfc(a / m.sqrt(2)) * half),
        "gammainc": lambda s, a: m.gammainc(s, 0, a, regularized=True), "gammaincc": lambda s, a: m.gammainc(s, a, regularized=True),
        "betainc": lambda p, q, a: m.betainc(p, q, 0, a, regularized=True),
        "abs": abs, "sign": m.sign, "floor": m.floor, "ceil": m.ceil, "max": max, "min": min,
        "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b, "eq": lambda a, b: a == b, "ne": lambda a, b: a != b,
        "and": lambda a, b: a and b, "or": lambda a, b: a or b, "not": lambda a: not a, "where": lambda c, a, b: a if c else b,
    }  # fmt: skip


NO_ANSWER = (ValueError, ZeroDivisionError, OverflowError, TypeError, NotImplementedError, RecursionError)  # mpmath's at poles and where nothing converges


def value(table: dict[str, Callable[..., Any]], m: Any, gate: str, args: Sequence[Any]) -> Any:
    """A gate's value, a number or a truth value; None where mpmath gives no real one."""
    if any(a is None for a in args):
        return None
    if gate not in table or any(not isinstance(a, bool) and abs(a) > MODERATE for a in args):
        return None
    try:
        found = table[gate](*args)
    except NO_ANSWER:
        return None
    if isinstance(found, m.mpc):
        return found.real if found.imag == 0 else None
    return found if isinstance(found, bool) or m.isfinite(found) else None


def run(program: Program, m: Any, inputs: Sequence[Any]) -> list[Any]:
    """The value of every step of a program of primitives; None where it is not known."""
    table = rules(m)
    constants = {"pi": +m.pi, "e": +m.e, "tau": 2 * m.pi, "euler_gamma": +m.euler, "inf": None}
    found: list[Any] = []
    for step in program.steps:
        if step.gate == "input":
            found.append(inputs[len(found)])
        elif step.gate == "where":
            condition, *branches = (found[a] for a in step.args)
            found.append(None if condition is None else branches[0 if condition else 1])
        elif step.args:
            found.append(value(table, m, step.gate, [found[a] for a in step.args]))
        else:
            found.append(constants[step.text] if step.gate == "constant" else m.mpf(step.text))
    return found
