"""Implicit differentiation: a rule that is the derivative of what an iteration converges to is not wrong as the iteration stops."""

from __future__ import annotations

import math

import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed here")

import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

from verifier.jax import check  # noqa: E402


def heron(rounds, divisor=2.0):
    """The square root by so many rounds, with the gradient g / (divisor * y)."""
    root = jax.custom_vjp(lambda a: lax.fori_loop(0, rounds, lambda _, y: 0.5 * (y + a / y), a))
    root.defvjp(lambda a: (root(a), root(a)), lambda y, g: (g / (divisor * y),))
    return root


def until(tolerance):
    root = jax.custom_vjp(lambda a: lax.while_loop(lambda y: abs(y * y - a) > tolerance * a, lambda y: 0.5 * (y + a / y), a))
    root.defvjp(lambda a: (root(a), root(a)), lambda y, g: (g / (2 * y),))
    return root


def fixed_point(transposed):
    """z = tanh(w z + x), with the gradient of the implicit function theorem."""

    @jax.custom_vjp
    def equilibrium(w, x):
        return lax.while_loop(lambda s: jnp.max(jnp.abs(s[0] - s[1])) > 1e-6, lambda s: (jnp.tanh(w @ s[0] + x), s[0]), (x, x + 1))[0]

    def backward(held, g):
        w, z = held
        slope = 1 - z * z
        matrix = jnp.eye(len(z)) - slope[:, None] * w
        u = jnp.linalg.solve(matrix.T if transposed else matrix, g) * slope
        return jnp.outer(u, z), u

    equilibrium.defvjp(lambda w, x: (equilibrium(w, x), (w, equilibrium(w, x))), backward)
    return equilibrium


W, B = jnp.array([[0.2, -0.1], [0.15, 0.1]]), jnp.array([0.3, -0.2])


def cube_root(a, slope=1.0):
    def equation(y):
        return y**3 - a

    def solve(f, start):
        return lax.fori_loop(0, 40, lambda _, y: y - f(y) / jax.grad(f)(y), start)

    return lax.custom_root(equation, jnp.ones_like(a), solve, lambda g, y: slope * y / g(1.0))


def by_bisection(a):
    def solve(f, start):
        def halve(_, ends):
            low, high = ends
            middle = 0.5 * (low + high)
            return jnp.where(f(middle) < 0, middle, low), jnp.where(f(middle) < 0, high, middle)

        return sum(lax.fori_loop(0, 55, halve, (jnp.zeros_like(start), jnp.full_like(start, 2.0)))) / 2

    return lax.custom_root(lambda y: y**3 - a, jnp.ones_like(a), solve, lambda g, y: y / g(1.0))


RIGHT = {
    "rounds enough": (heron(8), (2.0,)),
    "too many rounds": (heron(30), (2.0,)),
    "stopped by a tolerance": (until(1e-12), (2.0,)),
    "a fixed point that is not reached": (fixed_point(True), (W, B)),
    "custom_root": (cube_root, (2.0,)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_gradient_of_what_an_iteration_converges_to_passes(name):
    fn, inputs = RIGHT[name]
    report = check(fn, *inputs)
    assert (report.status, [f.message for f in report.findings]) == ("passed", [])
    assert any("the iteration in line" in n for n in report.notes), "what is compared is said"


WRONG = {
    "a factor": (heron(8, 1.0), (2.0,)),
    "a factor, and few rounds": (heron(3, 1.0), (2.0,)),
    "not transposed": (fixed_point(False), (W, B)),
    "custom_root with a wrong tangent solve": (lambda a: cube_root(a, 2.0), (2.0,)),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_gradient_that_is_that_of_no_limit_is_wrong(name):
    fn, inputs = WRONG[name]
    report = check(fn, *inputs)
    assert {r.verdict.value for r in report.results} == {"wrong"}


@pytest.mark.parametrize("fn", [heron(3), until(1e-3)])
def test_an_iteration_that_stops_early_loses_digits_and_its_rule_is_not_wrong(fn):
    """The derivative of sqrt at 2 is 1 / (2 sqrt 2); three rounds from 2 give 577 / 408."""
    report = check(fn, 2.0, upstream=1.0)
    (result,) = report.results
    assert result.verdict.value == "unstable"
    assert float(result.exact) == pytest.approx(1 / (2 * math.sqrt(2)), rel=1e-12)
    assert float(result.computed) == pytest.approx(408 / (2 * 577), rel=1e-15)
    assert any("stops after 3 rounds" in n for n in report.notes)
    assert not any("kernel" in text for text in (*report.notes, *(f.message for f in report.findings))), "no kernel loses them"
    assert report.proofs == {}


def test_a_function_that_is_stated_is_the_truth():
    assert check(heron(8), 2.0, function="sqrt(a)").results[0].verdict.value == "rounding"
    assert check(heron(8), 2.0, function="sqrt(a) + a").results[0].verdict.value == "wrong"
    assert {r.verdict.value for r in check(heron(3), 2.0, function="sqrt(a)").results} == {"wrong"}, "the rounds that run are held against it"


def test_a_rule_that_stands_for_bisection_is_neither_right_nor_wrong_until_the_function_is_stated():
    report = check(by_bisection, 2.0)
    assert (report.status, [r.verdict.value for r in report.results]) == ("failed", ["undecided"])
    assert "chooses between values by a condition" in report.findings[0].message
    assert check(by_bisection, 2.0, function="cbrt(a)", domain={"a": (0.5, 7)}).status == "passed"


def test_a_loop_that_is_differentiated_itself_is_compared_with_its_own_rounds():
    report = check(lambda a: lax.fori_loop(0, 3, lambda _, y: 0.5 * (y + a / y), a), 2.0)
    assert report.status == "passed"
    assert not any("the iteration in line" in n for n in report.notes)


def test_a_rule_whose_own_backward_pass_iterates_passes():
    """Christianson's reverse accumulation, as it stands in JAX's documentation of custom rules."""

    def settled(f, start):
        return lax.while_loop(lambda s: jnp.linalg.norm(s[0] - s[1]) > 1e-6, lambda s: (s[1], f(s[1])), (start, f(start)))[1]

    point = jax.custom_vjp(lambda a: settled(lambda x: jnp.tanh(0.3 * x + a), jnp.zeros_like(a)))

    def backward(held, g):
        a, x = held
        _, by_x = jax.vjp(lambda v: jnp.tanh(0.3 * v + a), x)
        _, by_a = jax.vjp(lambda v: jnp.tanh(0.3 * x + v), a)
        return by_a(settled(lambda u: g + by_x(u)[0], g))

    point.defvjp(lambda a: (point(a), (a, point(a))), backward)
    report = check(point, jnp.array([0.3, 0.7]))
    assert (report.status, [f.message for f in report.findings]) == ("passed", [])
    wide = check(point, jnp.array([0.3, 0.7]), formats="float64")
    assert ({f.code for f in wide.findings}, {r.verdict.value for r in wide.results}) == ({"V201"}, {"unstable"})
    assert any("is not linear in the gradient that flows in" in n for n in wide.notes), "it stops at 1e-6, whatever flows in"
