"""The law of proofs: what is proved is true in and on the borders of every piece, as mpmath's difference quotients tell at 100 digits.

The functions are drawn from what provers stumble over: steps inside kernels, infinite bounds, inverse functions of
functions, logarithms of products, ties, integers. Each is written twice, the second time with rearrangements that hold
only in some places, and the derivative of the second is claimed for the first.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
from hypothesis import strategies as st

from tests.laws import by_mpmath
from tests.laws.law import case_in, require, settings_of
from verifier.circuit.program import Program
from verifier.compare.agreement import outcomes
from verifier.compare.check import Check
from verifier.exact import one_sided
from verifier.exact.truth import subject, truth_of

DIGITS = 100
BITS = 256
STEP = mpmath.mpf(2) ** -100  # of a difference quotient: its error is about 1e-30 of the second derivative
SMOOTH = mpmath.mpf("1e-24")  # to which the quotients of both sides agree where there is a derivative
TELLING = mpmath.mpf("1e-20")  # a claimed gradient that is further off is another one
ALIKE = mpmath.mpf("1e-85")  # two numbers that are nearer to each other, and not the same, are not told apart
SCALARS = (0, 1, -1, 2, -2, 3, -3, 4, 0.5, -0.5, 1.5, -1.5, 2.5, 0.25, -0.75, 7, -8, 20.25, -30.5, 100, 150.5, 101, 1000.25, -1000.25)
RANDOM_POINTS = 24
COMPARED = ("lt", "le", "gt", "ge", "eq", "ne", "max", "min")
STEPPED = ("floor", "ceil", "sign")
TINY = mpmath.mpf("1e-45")  # the same of 2**floor(x) at -1000
SATURATED = {"tanh": 25, "erf": 6}  # beyond, what a step jumps by is too small for difference quotients: tanh(floor(x)) at 100
Pair = tuple[str, str]


def _inner(draw: random.Random) -> str:
    return draw.choice(("x", "x", "x", "-x", "(x + 1)", "2*x", "(x - 2.5)", "x/3", "x*y", "(x - y)", "x*x", "(y - 1)"))


def _step(draw: random.Random) -> Pair:
    u = _inner(draw)
    name = draw.choice(("floor", "ceil", "round", "sign", "trunc"))
    text = f"{name}({u})"
    return text, draw.choice((text, text, f"{name}({name}({u}))", f"floor({text})", f"-ceil(-{text})", f"-floor(-{text})", f"ceil({u}) - 1" if name == "floor" else text, f"-1 - floor(-{u})" if name == "floor" else text))


def _kernel(draw: random.Random) -> Pair:
    a, b = _step(draw) if draw.random() < 0.7 else (_inner(draw),) * 2
    form = draw.choice(("tanh({})", "erf({})", "atan({})", "(exp({}) - 1)", "(2**{} - 8)", "sin({})", "sinh({})", "{}**3", "({} - 1)", "(tanh({}) - 1/2)", "cbrt({})", "({})**2"))
    return form.format(a), form.format(b)


def _tie(draw: random.Random) -> str:
    u = _inner(draw)
    form = draw.choice((
        "asin(sin({0})) - {0}", "atan(tan({0})) - {0}", "lambertw({0}*exp({0})) - {0}", "atan({0}) + atan(1/({0})) - pi/2", "sqrt({0}*({0})) - {0}", "acos(cos({0})) - {0}", "erfinv(erf({0})) - {0}",
        "abs({0}) - {0}", "max({0}, 0) - {0}", "floor({0}) - {0}", "log(exp({0})) - {0}", "asinh(sinh({0})) - {0}", "acosh(cosh({0})) - {0}", "gamma({0})*gamma({0} + 1/2) - 2**(1 - 2*({0}))*sqrt(pi)*gamma(2*({0}))",
    ))  # fmt: skip
    return form.format(f"({u})" if u[0] == "-" else u)


def _condition(draw: random.Random) -> Pair:
    kind = draw.randrange(5)
    a, b = _kernel(draw) if kind < 2 else (_tie(draw),) * 2 if kind == 2 else (_inner(draw),) * 2
    bound = draw.choice(("0", "0", "1", "100", "-2", "inf", "2.5"))
    operator = draw.choice((">", ">=", "<", "<="))
    other = operator if draw.random() < 0.5 else {">": ">=", ">=": ">", "<": "<=", "<=": "<"}[operator]
    return f"{a} {operator} {bound}", f"{b} {other} {bound}"


def _value(draw: random.Random, depth: int) -> Pair:
    kind = draw.randrange(11) if depth else draw.randrange(3)
    if kind == 0:
        return (draw.choice(("x", "x**2", "2*x", "x*y", "sin(x)", "exp(x)")),) * 2
    if kind == 1:
        a, b = _step(draw)
        return f"x*{a}", f"x*({b})"
    if kind == 2:
        a, b = _kernel(draw)
        return f"x*{a}", f"x*({b})"
    if kind in (3, 4, 5):
        (c, d), (a, b), (e, f) = _condition(draw), _value(draw, depth - 1), _value(draw, depth - 1)
        if draw.random() < 0.2:
            f = draw.choice(("17", "x", f))
        return f"where({c}, {a}, {e})", f"where({d}, {b}, {f})"
    if kind == 6:
        u, low, high = _inner(draw), draw.choice(("0", "-inf", "-1", "y")), draw.choice(("inf", "2", "6", "y + 1"))
        return f"x*clip({u}, {low}, {high})", draw.choice((f"x*clip({u}, {low}, {high})", f"x*min(max({u}, {low}), {high})", f"x*where({u} > {high}, {high if high != 'inf' else '5'}, where({u} < {low}, {low if low != '-inf' else '5'}, {u}))"))
    if kind == 7:
        return "x*log(x*y)", draw.choice(("x*(log(x) + log(y))", "x*log(abs(x*y))", "x*log(x*y)"))
    if kind == 8:
        return "log(x**2)", draw.choice(("2*log(x)", "2*log(abs(x))", "2*log(-x)"))
    if kind == 9:
        a, b = _kernel(draw)
        return f"x*sign({a})", draw.choice((f"x*sign({b})", f"where({b} > 0, x, -x)", f"x*abs({b})/({b})"))
    a, b = _kernel(draw)
    u = draw.choice(("x", "0", "y", "inf"))
    return f"x*max({a}, {u})", draw.choice((f"x*max({u}, {b})", f"x*where({b} > {u}, {b}, {u})", f"x*where({b} >= {u}, {b}, {u})"))


def drawn(number: int) -> str:
    """The text of a case: a function, and the derivative of another way to write it."""
    draw = random.Random(number)
    function, other = _value(draw, 2)
    if "y" not in function + other:
        function += " + 0*y"
    extra = draw.choice(("", "", "", " + ceil(x) - floor(x) - 1", " + where(x == 3, 1, 0)", " + where(x == y, 1, 0)", "*x/x", " + 0*log(x)", " + 0*sqrt(-x)"))
    x, y = (draw.choice(("0.5", "2.25", "-1.75", "3", "-0.5")) for _ in range(2))
    return f"function: {function}\npoints: [{{x: {x}, y: {y}}}]\nimplementations:\n  it: {{backward: 'dx = (diff({other} + 0*y, x){extra})*dout', gradients: {{x: dx}}}}\n"


def texts() -> st.SearchStrategy[str]:
    """Drawn texts, by their number."""
    return st.integers(0, 2**40).map(drawn)


# ---------------------------------------------------------------- the oracle


def _careful(table: dict[str, Callable[..., Any]], m: Any) -> dict[str, Callable[..., Any]]:
    """The gates with comparisons and steps that have no value where the digits do not tell."""

    def unclear(a: Any, b: Any) -> bool:
        return bool(a != b and not m.isinf(a) and not m.isinf(b) and abs(a - b) <= ALIKE * max(abs(a), abs(b), 1))

    def compared(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda a, b: None if unclear(a, b) else function(a, b)

    def stepped(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda a: None if m.isinf(a) or unclear(a, m.nint(a)) else function(a)

    careful = dict(table)
    careful.update({g: compared(table[g]) for g in COMPARED})
    careful.update({g: stepped(table[g]) for g in ("floor", "ceil")})
    careful["sign"] = lambda a: None if a != 0 and abs(a) <= ALIKE else m.sign(a)
    return careful


def _run(program: Program, m: Any, inputs: list[Any], output: int) -> Any:
    """A step's value, branches that are not taken left out; None where it is not known."""
    table = _careful(by_mpmath.rules(m), m)
    constants = {"pi": +m.pi, "e": +m.e, "tau": 2 * m.pi, "euler_gamma": +m.euler, "inf": m.inf}
    known: dict[int, Any] = dict(enumerate(inputs))
    for i, step in enumerate(program.steps):
        if i in known:
            continue
        if step.gate == "upstream":
            known[i] = m.mpf(1)
        elif step.gate == "where":
            condition, *branches = (known[a] for a in step.args)
            known[i] = None if condition is None else branches[0 if condition else 1]
        elif step.args:
            known[i] = _value_of(table, m, step.gate, [known[a] for a in step.args])
        else:
            known[i] = constants[step.text] if step.gate == "constant" else m.mpf(step.text)
    found = known[output]
    return found if found is not None and m.isfinite(found) else None


def _value_of(table: dict[str, Callable[..., Any]], m: Any, gate: str, args: list[Any]) -> Any:
    if gate in (*COMPARED, *STEPPED, "neg"):
        return None if None in args else table[gate](*args)
    if gate in ("and", "or") and args[0] == (gate == "or"):
        return args[0]
    if gate == "mul" and None not in args and 0 in args:
        return m.mpf(0) if all(m.isfinite(a) for a in args) else None
    found = by_mpmath.value(table, m, gate, args)
    is_lost = found is not None and ((gate in SATURATED and abs(args[0]) > SATURATED[gate]) or (gate in ("exp", "pow") and 0 < abs(found) < TINY))
    return None if is_lost else found


def _derivative(function: Program, m: Any, point: list[Any]) -> Any:
    """The derivative with respect to the first input, where the difference quotients of both sides agree; else None."""
    steps = (STEP, -STEP, STEP / 16, -STEP / 16)  # beside a jump the quotients of both sides may agree, and grow
    here, *beside = (_run(function, m, [point[0] + s, *point[1:]], function.output) for s in (0, *steps))
    if here is None or None in beside:
        return None
    quotients = [(value - here) / s for value, s in zip(beside, steps, strict=True)]
    return quotients[0] if all(abs(q - quotients[0]) <= SMOOTH * (1 + abs(q)) for q in quotients) else None


def proofs_are_true(text: str) -> int:
    """What is proved is the difference quotient's limit wherever there is one, on integers, halves, borders and elsewhere; no proof is contradicted by the challenge."""
    case, count = case_in(text), 0
    truth, tested = truth_of(case.programs.truth), subject(case.programs.drafts[0])
    draw = random.Random(len(text))
    for setting in settings_of(case):
        found = outcomes(Check("it", truth, tested, setting.format), setting.points)["dx"]
        require(not found.fault or "tie" in found.fault, lambda found=found: found.note)  # type: ignore[misc]
        if found.kind != "proved":
            continue
        points = [(float(a), float(draw.choice(SCALARS))) for a in SCALARS] + [(draw.uniform(-6, 6), draw.uniform(-6, 6)) for _ in range(RANDOM_POINTS)]
        points += [(float(a), float(a)) for a in SCALARS[:8]]
        m = mpmath.mp.clone()
        m.dps = DIGITS
        for point in points:
            inputs = [m.mpf(x) for x in point]
            expected, claimed = _derivative(truth.function, m, inputs), _run(tested.exact[0], m, inputs, tested.index("dx"))
            if expected is None or claimed is None:
                continue
            is_near = abs(expected - claimed) <= TELLING * (1 + abs(expected))
            if not is_near and isinstance(one_sided.derivative(truth.function, [Fraction(x) for x in point], 0, bits=BITS), one_sided.Unknown):
                continue  # a border at which the engine does not know the derivative: nothing contradicts the proof there
            require(is_near, lambda point=point, expected=expected, claimed=claimed: f"dx is proved, and at {point} it is {mpmath.nstr(claimed, 20)} where the difference quotient is {mpmath.nstr(expected, 20)}")  # type: ignore[misc]
            count += 1
    return count
