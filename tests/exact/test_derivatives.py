"""The exact side: SymPy's derivatives, nothing of the staged side's, in linear size."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import time
from fractions import Fraction
from functools import cache

import mpmath
import pytest
import sympy
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.core.function import AppliedUndef

import verifier.arithmetic.ball_functions
import verifier.arithmetic.ball_gates
import verifier.arithmetic.balls
import verifier.circuit.backprop
import verifier.exact.derivatives
import verifier.exact.one_sided
import verifier.exact.series
import verifier.exact.sympy_gates
from tests.texts import expression, forward, smooth_expressions
from verifier.arithmetic import balls
from verifier.circuit import expand
from verifier.circuit.program import Program
from verifier.exact import derivatives, one_sided, sympy_gates
from verifier.exact.truth import truth_of
from verifier.language.gates import GATES

EXACT_SIDE = (
    verifier.exact.derivatives, verifier.exact.one_sided, verifier.exact.series, verifier.arithmetic.balls, verifier.arithmetic.ball_gates, verifier.arithmetic.ball_functions,
    verifier.exact.sympy_gates,
)  # fmt: skip
STAGED_SIDE_ONLY = frozenset(("partials", "float64", "arrays", "runs"))


def staged_mentions(source: str) -> list[str]:
    """What a module reads of the staged side: columns of the table, the table's partials, float kernels."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in STAGED_SIDE_ONLY:
            found.append(node.attr)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("partial", "kernel"):
            found.append(node.func.id)
        if isinstance(node, ast.ImportFrom) and any(a.name in ("partial", "kernel", "floats", "kernels", "backprop") for a in node.names):
            found.append(f"import {node.module}")
        if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2] in ("floats", "kernels", "backprop"):
            found.append(f"import {node.module}")
    return found


@pytest.mark.parametrize("module", EXACT_SIDE, ids=lambda m: m.__name__)
def test_the_exact_side_never_reads_what_the_staged_side_computes_with(module: object) -> None:
    assert staged_mentions(inspect.getsource(module)) == []  # type: ignore[arg-type]


def test_the_search_for_forbidden_reads_finds_them() -> None:
    assert sorted(staged_mentions("x = GATES[n].partials[0]\ny = g.float64\nz = partial('mul', 0)")) == ["float64", "partial", "partials"]
    assert staged_mentions("from verifier.program import partial")
    assert staged_mentions(inspect.getsource(verifier.circuit.backprop)), "backprop lives on the table's partials"


@given(smooth_expressions(leaves=5))
@settings(max_examples=20)
def test_a_bent_table_does_not_move_the_exact_gradient(text: str) -> None:
    program = expression(text, "x", "y")
    before = derivatives.gradient(program)
    honest = dict(GATES)
    try:
        for name, gate in honest.items():
            GATES[name] = dataclasses.replace(gate, partials=("42",) * len(gate.partials), float64="math.nan", arrays="np.nan", runs=None)
        expand.meaning.cache_clear()
        assert derivatives.gradient(program) == before
    finally:
        GATES.update(honest)
        expand.meaning.cache_clear()


# ---------------------------------------------------------------- DERIVATIVES


def _written_out(e: sympy.Expr) -> sympy.Expr:
    """A derivative with the gates that SymPy has no name for replaced by what they mean."""
    while any(isinstance(n, AppliedUndef) and n.func.__name__ != "zetaderiv" for n in sympy.preorder_traversal(e)):
        e = e.replace(
            lambda n: isinstance(n, AppliedUndef) and n.func.__name__ != "zetaderiv",
            lambda n: sympy_gates.PRIMITIVES[n.func.__name__](*n.args),
        )
    return e


POINTS = {"default": ("0.37", "2.6", "-0.45"), "lambertw": ("0.37", "2.6", "-0.2"), "kve": ("0.37", "2.6"), "spence": ("0.37", "2.6")}
BY_SYMPY = sorted(name for name in derivatives.DERIVATIVES if not name.startswith("zeta") and name not in ("hurwitz", "pow"))


@pytest.mark.parametrize("name", BY_SYMPY)
def test_a_derivative_of_our_own_is_that_of_sympy(name: str) -> None:
    gate = GATES[name]
    a = sympy.Symbol("a", real=True)
    orders = [sympy.Integer(2)] * len(gate.orders)
    meaning = sympy_gates.PRIMITIVES[name](*orders, a)
    ours = _written_out(derivatives.DERIVATIVES[name](*orders, a)[-1])
    theirs = sympy.diff(meaning, a)
    for text in POINTS.get(name, POINTS["default"]):
        at = sympy.Rational(text)
        difference = sympy.N((ours - theirs).subs(a, at).doit(), 25, maxn=200)
        assert abs(complex(difference)) < 1e-22, (name, text)


@pytest.mark.parametrize(("a", "b"), [("0.37", "2.6"), ("2.6", "-0.45"), ("-1.5", "3"), ("-1.5", "0"), ("0.37", "0")])
def test_the_derivatives_of_a_power_are_those_of_sympy(a: str, b: str) -> None:
    base, exponent = sympy.symbols("a b", real=True)
    at = {base: sympy.Rational(a), exponent: sympy.Rational(b)}
    for ours, variable in zip(derivatives.DERIVATIVES["pow"](base, exponent), (base, exponent), strict=True):
        assert sympy.simplify((ours - sympy.diff(base**exponent, variable)).subs(at)) == 0


# What the derivatives of the powers with a whole exponent are at 0 (Rudin, Principles of Mathematical Analysis, 5.5).
@pytest.mark.parametrize(("exponent", "expected"), [(2, 2), (3, 0), (7, 0)])
def test_a_power_has_second_derivatives_at_0(exponent: int, expected: int) -> None:
    program = derivatives.primitive(expression("diff(x**y, x)", "x", "y"))
    found = one_sided.derivative(program, [Fraction(0), Fraction(exponent)], 0, bits=128)
    assert isinstance(found, one_sided.Finite)
    assert found.ball == expected


def test_a_mixed_derivative_of_a_power_is_no_branch() -> None:
    """The third derivative of x**y by x, y and x again is -1/x**2 at y = 0 (by hand)."""
    program = derivatives.primitive(expression("diff(diff(x**y, x), y)", "x", "y"))
    found = one_sided.derivative(program, [Fraction(1, 2), Fraction(0)], 0, bits=128)
    assert isinstance(found, one_sided.Finite)
    assert found.ball == -4


def test_a_derivative_of_our_own_that_is_bent_would_be_seen() -> None:
    a = sympy.Symbol("a", real=True)
    ours = derivatives.DERIVATIVES["tanh"](a)[0] * (1 + sympy.Rational(1, 10**40))
    assert abs(sympy.N((ours - sympy.diff(sympy.tanh(a), a)).subs(a, sympy.Rational(1, 3)), 50, maxn=400)) > 1e-41


@pytest.mark.parametrize("at", ["2.5", "-1.5", "14.25"])
def test_the_derivatives_of_zeta_are_those_of_mpmath(at: str) -> None:
    context = mpmath.MPContext()
    context.dps = 50
    for text, order in (("diff(zeta(x), x)", 1), ("diff(zeta(x), x, 2)", 2)):
        program = derivatives.primitive(expression(text, "x"))
        with balls.precision(250):
            enclosure = balls.run(program, [[arb(at)]], bits=250, strict=False)[program.output][0]
            assert abs(enclosure - arb(context.nstr(context.zeta(context.mpf(at), 1, order), 48))) < arb(10) ** -40


# ---------------------------------------------------------------- the gradient program


def ball_gradient(program: Program, point: list[float], digits: int = 300) -> list[arb]:
    gradient = derivatives.gradient(program)
    with balls.precision(digits):
        run = balls.run(gradient.program, [[arb(v)] for v in point], bits=digits, strict=True)
        return [arb(0) if (s := gradient.wrt(i)) is None else run[s][0] for i in range(len(point))]


@given(smooth_expressions(leaves=5), st.sampled_from((0.5, -1.25, 2.0)), st.sampled_from((0.75, -0.375, 1.5)))
@settings(max_examples=25)
def test_the_accumulated_gradient_is_sympys_derivative_of_the_whole_function(text: str, x: float, y: float) -> None:
    program = expression(text, "x", "y")
    p, q = sympy.symbols("x y", real=True)
    primitive = derivatives.primitive(program)
    whole = sympy_gates.run(primitive, [p, q])[primitive.output]
    for enclosure, symbol in zip(ball_gradient(program, [x, y]), (p, q), strict=True):
        expected = sympy.N(sympy.diff(whole, symbol).subs({p: sympy.Rational(x), q: sympy.Rational(y)}), 60, maxn=500)
        with balls.precision(300):
            assert abs(enclosure - arb(str(expected))) <= abs(enclosure) * arb(10) ** -45 + arb(10) ** -80


@pytest.mark.parametrize(("s", "a"), [("2", 0.25), ("2", 3.5), ("1.5", 1.25), ("4", 0.7)])
def test_the_slope_of_hurwitzs_zeta_function_is_mpmaths(s: str, a: float) -> None:
    (slope,) = ball_gradient(expression(f"zeta({s}, x)", "x"), [a])
    with mpmath.workdps(60):
        expected = mpmath.diff(lambda t: mpmath.nsum(lambda k: (k + t) ** -mpmath.mpf(s), [0, mpmath.inf], method="euler-maclaurin"), mpmath.mpf(a))
    with balls.precision(200):
        assert abs(slope / arb(mpmath.nstr(expected, 40)) - 1) < 1e-12


def test_equal_steps_are_merged_and_zeros_and_ones_folded() -> None:
    program = derivatives.primitive(expression("sin(x) * sin(x) + 0 * y + 1 * x", "x", "y"))
    assert [s.gate for s in program.steps].count("sin") == 1
    assert not any(s.text in ("0", "1") for s in derivatives.gradient(expression("x + y", "x", "y")).program.steps[3:-1] if s.gate == "number" and s.args)
    assert derivatives.gradient(expression("x + 0 * y", "x", "y")).wrt(1) is None


def test_a_parameter_without_a_derivative_is_refused_by_name() -> None:
    program = _order_as_an_input()
    with pytest.raises(derivatives.NotDifferentiable, match="'gammainc' has no derivative with respect to its parameter 's'"):
        derivatives.gradient(program, variables={0, 1})
    assert set(derivatives.gradient(program).adjoint) >= {1}  # unless it is asked for: then the order is a constant
    assert 0 not in derivatives.gradient(program).adjoint


def _order_as_an_input() -> Program:
    from verifier.circuit.program import Builder

    builder = Builder(("s", "a"), is_table=True)
    return builder.program(builder.append("gammainc", (0, 1)))


@cache
def chain(n: int) -> Program:
    return forward("\n".join(["t0 = x", *(f"t{i + 1} = sin(t{i}) * t{i} + y" for i in range(n))]), "x", "y")


def test_the_gradient_program_is_linear_in_the_function() -> None:
    sizes = [len(derivatives.gradient(chain(n)).program) for n in (100, 200, 400)]
    assert sizes[2] - sizes[1] == 2 * (sizes[1] - sizes[0])
    assert sizes[2] < 12 * len(chain(400))


def test_a_hundred_thousand_steps_take_seconds() -> None:
    program = chain(25_000)
    start = time.process_time()
    assert len(derivatives.gradient(program).program) > 100_000
    assert time.process_time() - start < 20


def test_the_adjoints_of_a_component_are_a_row_of_the_hessian() -> None:
    """Of x**2*y + sin(y): (2y, 2x) and (2x, -sin(y)); of y alone there is no row for x, and that for y is empty."""
    truth = truth_of(expression("x**2*y + sin(y)", "x", "y"))
    with balls.precision(200):
        expected = ((arb(4), arb(6)), (arb(6), -arb(2).sin()))
        for position, values in enumerate(expected):
            row = truth.hessian_row(position)
            assert row is not None
            assert row is truth.hessian_row(position)
            found = balls.at(row.program, (3.0, 2.0), strict=False)
            assert all(found[row.adjoint[k]].overlaps(value) for k, value in enumerate(values))
    linear = truth_of(expression("y + 0*x", "x", "y"))
    assert linear.hessian_row(0) is None
    row = linear.hessian_row(1)
    assert row is not None
    assert row.adjoint.get(1) is None
