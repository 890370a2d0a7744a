"""Python that asks for numbers while JAX code is traced: those of fixed arrays are had, and a condition on an input is followed as it is at the point."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed here")

import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

from verifier.jax import check  # noqa: E402

FIXED = jnp.array([0.5, -1.0, 2.0])
X = jnp.array([0.3, -1.2, 0.8])


def by_first(x, p):
    return x * p if p[0] > 0 else x * x


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def scaled(x, p):
    return x * p if p[0] > 0 else x * x


scaled.defvjp(lambda x, p: (scaled(x, p), x), lambda p, x, g: (g * p if p[0] > 0 else 2 * g * x,))


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def unscaled(x, p):
    return x * p if p[0] > 0 else x * x


unscaled.defvjp(lambda x, p: (unscaled(x, p), x), lambda p, x, g: (g if p[0] > 0 else 2 * g * x,))

RIGHT = {
    "a closure": (lambda x: by_first(x, FIXED), (X,)),
    "functools.partial": (partial(by_first, p=FIXED), (X,)),
    "computed from a closure": (lambda x: by_first(x, 2 * FIXED), (X,)),
    "whole numbers as an argument": (by_first, (X, jnp.array([1, 2, 3]))),
    "nondiff_argnums": (lambda x: scaled(x, FIXED), (X,)),
    "float, tolist, item and NumPy": (lambda x: x * float(FIXED[0]) + FIXED.tolist()[1] * x + np.asarray(FIXED * 2) * x + FIXED[1].item(), (X,)),
    "how often a loop runs": (lambda x: lax.fori_loop(0, FIXED.astype(int)[2], lambda _, v: jnp.sin(v), x), (X,)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_the_numbers_of_a_fixed_array_are_had_by_python(name):
    fn, inputs = RIGHT[name]
    report = check(fn, *inputs)
    assert (report.status, report.basis, [f.message for f in report.findings]) == ("passed", "traced", [])
    assert not any("branches on values" in n for n in report.notes), "they are the same at all inputs"


def test_a_wrong_rule_that_branches_on_a_fixed_array_is_wrong():
    report = check(lambda x: unscaled(x, FIXED), X)
    assert {r.verdict.value for r in report.results} == {"wrong"}


def test_what_is_computed_from_a_fixed_array_is_no_constant():
    """sqrt(p)**2 is p over the reals; the square of a rounded root is not."""
    p = jnp.array([2.0, 3.0, 5.0])

    def forward(x):
        root = jnp.sqrt(p) ** 4
        return x * root if root[0] > 0 else x

    report = check(forward, X, backward=lambda g, x: g * p * p if p[0] > 0 else g + 0 * x)
    assert report.status == "passed", report.findings


def test_a_condition_on_an_input_is_followed_as_it_is_at_each_point():
    def by_sign(x):
        return x * x if x > 0 else x

    report = check(by_sign, 0.5, domain={"x": (-3, 3)}, sample=20)
    assert (report.status, report.basis) == ("passed", "traced"), report.findings
    assert any("x * x if x > 0 else x" in note for note in report.notes)
    wrong = check(by_sign, 0.5, backward=lambda g, x: g * (2 * x if x > 0 else 0.5), domain={"x": (-3, 3)}, sample=20)
    assert {r.verdict.value for r in wrong.results} >= {"wrong"}


def test_a_rule_that_branches_on_its_residual_is_wrong_on_one_side_only():
    @jax.custom_vjp
    def leaky(x):
        return jnp.where(x > 0, x, 0.01 * x)

    leaky.defvjp(lambda x: (leaky(x), x), lambda r, g: (g if r > 0 else 0.1 * g,))
    assert check(leaky, 0.5).status == "passed"
    assert [r.verdict.value for r in check(leaky, -0.5).results] == ["wrong"]


def test_a_number_of_an_input_that_becomes_a_python_float_is_not_a_constant_of_the_trace():
    @jax.custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (x * x, float(x)), lambda r, g: (2 * r * g,))
    report = check(square, 0.7)
    assert report.status == "error"
    assert "takes the numbers of an array that depends on an input" in report.findings[0].message
    assert check(square, 0.7, function="x * x").status == "passed"


def test_an_operation_on_data_alone_needs_no_row():
    report = check(lambda x: x * jnp.nextafter(1.0, 2.0), X)
    assert (report.status, report.basis) == ("passed", "traced"), report.findings


def test_what_prints_and_whole_numbers_beside_the_outputs_do_no_harm():
    def printing(x):
        jax.debug.print("{}", x.sum())
        return {"twice": x * 2, "rest": (x.sum(), 3)}

    report = check(printing, jnp.array([0.3, -1.2]))
    assert (report.status, report.basis) == ("passed", "traced")
    assert check(printing, jnp.array([0.3, -1.2]), backward=lambda g, h, _: 2 * g + h * 1.01).status == "failed"


@partial(jax.custom_vjp, nondiff_argnums=(1, 2))
def stretched(x, slope, shift):
    return jnp.tanh(slope * x) + shift * x


stretched.defvjp(lambda x, slope, shift: (stretched(x, slope, shift), x), lambda slope, shift, x, g: (g * (slope / jnp.cosh(slope * x) ** 2 + shift),))


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def unstretched(x, slope):
    return jnp.tanh(slope * x)


unstretched.defvjp(lambda x, slope: (unstretched(x, slope), x), lambda slope, x, g: (g / jnp.cosh(slope * x) ** 2,))


@pytest.mark.parametrize("fn", [stretched, jax.jit(stretched, static_argnums=(1, 2)), lambda x, slope, shift: 2 * stretched(x, slope, shift), lambda x, slope, shift: stretched(x, slope, 0.5) * shift])
def test_a_number_that_a_rule_does_not_differentiate_is_a_constant(fn):
    """JAX gives `nondiff_argnums` as numbers, and refuses tracers there."""
    report = check(fn, X, 0.7, 0.25)
    assert (report.status, report.basis) == ("passed", "traced")
    assert {r.gradient.partition("[")[0] for r in report.results} == {"dx"}


def test_a_wrong_rule_with_such_a_number_is_wrong():
    assert check(unstretched, X, 0.7).status == "failed"
    report = check(lambda x, slope: 2 * unstretched(x, slope), X, 0.7)
    assert report.status == "failed"
    assert any(n.startswith("slope is held constant") for n in report.notes)


def test_numbers_are_inputs_where_no_rule_takes_them_as_they_are():
    assert {r.gradient.partition("[")[0] for r in check(lambda x, slope: jnp.tanh(slope * x), X, 0.7).results} == {"dx", "dslope"}
