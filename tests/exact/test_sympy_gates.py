"""Every row of the gates as SymPy's functions is the function that mpmath has under that name, forth and back."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import pytest
import sympy
from flint import arb

from tests.laws import by_mpmath
from verifier.arithmetic import balls
from verifier.circuit.dag import Dag
from verifier.circuit.program import Program, Step
from verifier.exact import sympy_gates
from verifier.exact.sympy_gates import PRIMITIVES
from verifier.language.gates import COMPARISONS, GATES
from verifier.language.primitives import NoGate

DIGITS = 30
NUMBERS = (Fraction(-7, 4), Fraction(-3, 5), Fraction(0), Fraction(3, 8), Fraction(1), Fraction(7, 3), Fraction(11, 2))
ORDERS = {"polygamma": (1, 2), "besselj": (0, 2), "bessely": (0, 2), "besseli": (1, 2), "besselk": (0, 2), "ive": (1, 2), "kve": (1, 3), "expn": (1, 3), "hyp0f1": (Fraction(5, 2),), "hyp2f1": (), "gammainc": (Fraction(5, 2),), "gammaincc": (Fraction(5, 2),), "betainc": ()}
BOOLEANS = ("and", "or", "not", "where")
UNNAMED = ("hurwitz", "zetaderiv", "copy")  # SymPy has no functions of these names
NUMERIC = tuple(name for name in PRIMITIVES if name not in (*BOOLEANS, *UNNAMED))


def arguments(gate: str) -> list[tuple[Fraction, ...]]:
    """Operands of a gate, some of them on borders and outside of its domain."""
    count = len(GATES[gate].parameters)
    if gate == "hyp2f1":
        return [(Fraction(1, 2), Fraction(4, 3), Fraction(5, 2), a) for a in (Fraction(-7, 4), Fraction(-3, 5), Fraction(3, 8))]
    if gate == "betainc":
        return [(Fraction(3, 2), Fraction(4, 3), a) for a in (Fraction(3, 8), Fraction(3, 5))]
    if gate in ORDERS:
        return [(Fraction(n), a) for n in ORDERS[gate] for a in NUMBERS if gate not in ("bessely", "besselk", "kve", "expn", "gammainc", "gammaincc", "polygamma") or a > 0]
    if count == 1:
        return [(a,) for a in NUMBERS]
    return [(a, b) for a in NUMBERS for b in NUMBERS]


def domain_holds(gate: str, point: tuple[Fraction, ...]) -> bool:
    """Whether the table lists a point as inside of a gate's domain."""
    return not GATES[gate].where or bool(eval(GATES[gate].where, {"floor": math.floor, "exp": math.exp}, dict(zip(GATES[gate].parameters, point, strict=True))))


def of_mpmath(gate: str, point: tuple[Fraction, ...]) -> object:
    """The gate's value by mpmath at 40 digits; None where it gives no real one."""
    with mpmath.workdps(DIGITS + 10):
        return by_mpmath.value(by_mpmath.rules(mpmath), mpmath, gate, [mpmath.mpf(a.numerator) / a.denominator for a in point])


def rational(a: Fraction) -> sympy.Rational:
    return sympy.Rational(a.numerator, a.denominator)


def program_of(gate: str, count: int) -> Program:
    names = ("a", "b", "c", "d")[:count]
    return Program((*(Step("input", (), name) for name in names), Step(gate, tuple(range(count)))), names, {}, count)


def agree(mine: object, theirs: object) -> bool:
    with mpmath.workdps(DIGITS + 10):
        return abs(mpmath.mpf(str(mine)) - theirs) <= mpmath.mpf(10) ** -(DIGITS - 8) * (1 + abs(theirs))  # type: ignore[no-any-return, operator]


def known(gate: str) -> list[tuple[tuple[Fraction, ...], object]]:
    """The points of a gate's domain at which mpmath has a value, with it."""
    return [(p, v) for p in arguments(gate) if domain_holds(gate, p) and (v := of_mpmath(gate, p)) is not None]


@pytest.mark.parametrize("gate", [g for g in NUMERIC if g in by_mpmath.rules(mpmath) and g not in COMPARISONS])
def test_a_gate_as_sympy_has_it_has_the_value_that_mpmath_has(gate: str) -> None:
    compared = 0
    for point, value in known(gate):
        found = sympy_gates.run(program_of(gate, len(point)), [rational(a) for a in point])[-1]
        number = sympy.re(sympy.N(found, DIGITS)) if gate == "lgamma" else sympy.N(found, DIGITS)  # loggamma has a phase to the left of 0
        assert number.is_real, (point, number)
        assert agree(number, value), (point, number, value)
        compared += 1
    assert compared >= 2


@pytest.mark.parametrize("gate", [g for g in NUMERIC if g in by_mpmath.rules(mpmath) and g not in COMPARISONS])
def test_a_gate_read_back_from_sympy_has_the_same_value(gate: str) -> None:
    """SymPy's expression in symbols as steps again, which are run in balls."""
    count = len(arguments(gate)[0])
    symbols = sympy.symbols(f"s0:{count}", real=True)
    expression = sympy_gates.run(program_of(gate, count), symbols)[-1]
    dag = Dag(tuple(map(str, symbols)))
    try:
        at = sympy_gates.emit(expression, {s: i for i, s in enumerate(symbols)}, lambda name, *args: dag.gate(name, *args, exist=True), dag.number, lambda name: dag.leaf("constant", name))
    except NoGate:
        assert gate in ("zeta", "spence", "si", "ci", "shi", "chi", "fresnels", "fresnelc", "lambertw", "digamma", "betainc", "gammainc", "gammaincc"), "a gate whose derivatives need no such function"
        return
    back = Program(tuple(dag.steps), dag.inputs, {}, at)
    compared = 0
    for point, value in known(gate):
        with balls.precision(160):
            (found,) = balls.run(back, [[arb(a.numerator) / a.denominator] for a in point], bits=160, strict=False)[at]
            if not found.is_finite():
                continue  # log(0) in 0*log(0): an expression of another form may have a gap of its own
            assert agree(found.mid().str(DIGITS, radius=False), value), (point, found, value)
        compared += 1
    assert compared >= 2


@pytest.mark.parametrize("gate", sorted(COMPARISONS))
def test_a_comparison_holds_as_it_does_for_fractions(gate: str) -> None:
    for a in NUMBERS:
        for b in NUMBERS:
            assert bool(PRIMITIVES[gate](rational(a), rational(b))) is by_mpmath.rules(mpmath)[gate](a, b)


@pytest.mark.parametrize(("c", "expected"), [(True, 2), (False, 3)])
def test_a_choice_takes_the_branch_of_its_condition(c: bool, expected: int) -> None:
    x = sympy.Symbol("x", real=True)
    assert PRIMITIVES["where"](sympy.true if c else sympy.false, sympy.Integer(2), sympy.Integer(3)) == expected
    assert PRIMITIVES["where"](x > 0, sympy.Integer(2), sympy.Integer(3)).subs(x, 1 if c else -1) == expected


@pytest.mark.parametrize(("left", "right"), [(p, q) for p in (True, False) for q in (True, False)])
def test_logic_is_that_of_python(left: bool, right: bool) -> None:
    p, q = sympy.sympify(left), sympy.sympify(right)
    assert bool(PRIMITIVES["and"](p, q)) is (left and right)
    assert bool(PRIMITIVES["or"](p, q)) is (left or right)
    assert bool(PRIMITIVES["not"](p)) is (not left)


@pytest.mark.parametrize(("name", "value"), [("pi", mpmath.pi), ("e", mpmath.e), ("tau", 2 * mpmath.pi), ("euler_gamma", mpmath.euler)])
def test_the_constants_are_those_of_mpmath(name: str, value: object) -> None:
    assert abs(sympy.N(sympy_gates.CONSTANTS[name], 15) - sympy.Float(str(value), 15)) < 1e-13


# an expression of SymPy, and its value at x = 3/8, y = 7/3 by mpmath
X, Y = sympy.symbols("x y", real=True)
EXPRESSIONS = (
    (sympy.Integer(5), "5"), (sympy.Integer(-5), "-5"), (sympy.Integer(0), "0"), (sympy.Rational(2, 7), "m.mpf(2) / 7"), (sympy.Rational(-2, 7), "-m.mpf(2) / 7"),
    (sympy.E + X, "m.e + x"), (sympy.pi * X, "m.pi * x"), (sympy.EulerGamma - X, "m.euler - x"),
    (X + Y + X * Y, "x + y + x * y"), (X * Y * sympy.sin(X), "x * y * m.sin(x)"), (X / Y, "x / y"), (1 / Y, "1 / y"), (2 / (3 * Y), "2 / (3 * y)"),
    (sympy.sqrt(X), "m.sqrt(x)"), (Y**-2, "y**-2"), (X ** sympy.Rational(-3, 2), "x**-1.5"), (X**Y, "x**y"), (Y**3, "y**3"), (X ** (-Y), "x**-y"), (1 / sympy.sqrt(Y), "1 / m.sqrt(y)"),
    (sympy.Piecewise((X, X > Y), (2 * X, sympy.Rational(1, 2) > X), (3 * X, True)), "2 * x"), (sympy.Piecewise((X, X < Y), (2 * X, True)), "x"), (sympy.Piecewise((X, X > 1), (2 * X, Y < 1), (3 * X, True)), "3 * x"),
    (sympy.Heaviside(X - Y, sympy.Rational(1, 2)), "0"), (sympy.Heaviside(Y - X, sympy.Rational(1, 2)), "1"), (sympy.Heaviside(X - sympy.Rational(3, 8), sympy.Rational(1, 2)), "m.mpf(1) / 2"),
    (sympy.polygamma(0, Y), "m.psi(0, y)"), (sympy.polygamma(1, Y), "m.psi(1, y)"), (sympy.polygamma(2, Y), "m.psi(2, y)"),
    (sympy.hyper((sympy.Rational(1, 2), sympy.Rational(1, 3)), (sympy.Rational(5, 2),), X), "m.hyp2f1(0.5, m.mpf(1) / 3, 2.5, x)"), (sympy.hyper((), (sympy.Rational(5, 2),), X), "m.hyp0f1(2.5, x)"),
    (sympy.beta(X, Y), "m.beta(x, y)"), (sympy.sinc(X), "m.sin(x) / x"), (sympy.Max(X, Y, 1), "y"), (sympy.Min(X, Y, 1), "x"),
)  # fmt: skip


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS, ids=[str(e) for e, _ in EXPRESSIONS])
def test_an_expression_written_as_steps_has_the_value_that_mpmath_has(expression: sympy.Expr, value: str) -> None:
    dag = Dag(("x", "y"))
    at = sympy_gates.emit(expression, {X: 0, Y: 1}, dag.gate, dag.number, lambda name: dag.leaf("constant", name))
    program = Program(tuple(dag.steps), dag.inputs, {}, at)
    with balls.precision(160), mpmath.workdps(DIGITS + 10):
        (found,) = balls.run(program, [[arb(3) / 8], [arb(7) / 3]], bits=160, strict=False)[at]
        assert agree(found.mid().str(DIGITS, radius=False), +eval(f"m.mpf({value})", {"m": mpmath, "x": mpmath.mpf(3) / 8, "y": mpmath.mpf(7) / 3}))


@pytest.mark.parametrize(("expression", "gates"), [(X / Y, ["div"]), (2 / (3 * Y), ["mul", "div"]), (sympy.sqrt(X), ["sqrt"]), (1 / sympy.sqrt(Y), ["sqrt", "div"]), (X * Y, ["mul"]), (X * Y / (X + 1), ["mul", "add", "div"])], ids=str)
def test_a_quotient_is_one_division_and_a_root_is_one(expression: sympy.Expr, gates: list[str]) -> None:
    """x * (1/y) and x**(1/2) would have the same value, and one rounding or one branch more."""
    dag = Dag(("x", "y"))
    sympy_gates.emit(expression, {X: 0, Y: 1}, dag.gate, dag.number, lambda name: dag.leaf("constant", name))
    assert [s.gate for s in dag.steps if s.args] == gates


def test_the_first_polygamma_is_the_digamma_of_the_table() -> None:
    """The gate of its own has no order: a value for more arguments, by a faster kernel."""
    for order, name in ((0, "digamma"), (1, "polygamma"), (2, "polygamma")):
        dag = Dag(("x",))
        assert dag.steps[sympy_gates.emit(sympy.polygamma(order, X), {X: 0}, dag.gate, dag.number, lambda _: 0)].gate == name


def test_what_no_gate_stands_for_is_said() -> None:
    with pytest.raises(NoGate):
        sympy_gates.emit(sympy.jn(1, X), {X: 0, Y: 1}, lambda *_: 0, lambda _: 0, lambda _: 0)


def test_a_symbol_a_literal_and_upstream_are_leaves() -> None:
    steps = (Step("input", (), "x"), Step("number", (), "0.1"), Step("upstream", (), "upstream"), Step("constant", (), "pi"), Step("mul", (0, 1)))
    x = sympy.Symbol("x", real=True)
    assert sympy_gates.run(Program(steps, ("x",), {}, 4), [x]) == [x, sympy.Rational(1, 10), sympy.Symbol("upstream", real=True), sympy.pi, x / 10]
