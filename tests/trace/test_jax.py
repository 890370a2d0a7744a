"""JAX code as it stands: right functions pass, wrong ones are certified wrong with the user's line."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed here")

import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

from tests.trace import jax_functions as functions  # noqa: E402
from verifier.jax import assert_gradient, check  # noqa: E402
from verifier.trace.record import Refusal  # noqa: E402

FILE = Path(functions.__file__)
SOURCE = FILE.read_text(encoding="utf-8").splitlines()
X = jnp.array([0.3, -1.2, 0.8])
PARAMS = {"w": jnp.array([[0.5], [-0.25], [0.75]]), "b": jnp.array([0.25])}

RIGHT = {
    "a function of numbers": (functions.plain, (0.5, 2.0)),
    "a custom_vjp": (functions.sigmoid, (0.3,)),
    "nondiff_argnums": (lambda x: functions.applied(jnp.sin, x), (0.3,)),
    "a custom_jvp": (functions.softplus, (0.3,)),
    "jit": (jax.jit(functions.plain), (0.5, 2.0)),
    "vmap": (jax.vmap(functions.sigmoid), (X,)),
    "scan": (functions.by_scan, (X,)),
    "a loop": (functions.by_loop, (0.4,)),
    "cond": (functions.by_cond, (0.7,)),
    "a tree of parameters": (functions.layer, (PARAMS, X)),
}
WRONG = {  # the mistake -> its line
    "1 + s for 1 - s": (functions.sigmoid_plus, (0.3,), "    slope = s * (1 + s)"),
    "jitted": (jax.jit(functions.sigmoid_plus), (0.4,), "    slope = s * (1 + s)"),
    "a factor too many, with nondiff_argnums": (lambda x: functions.applied_twice(jnp.sin, x), (0.3,), "    return (2 * g * jnp.cos(x),)"),
    "the slope of another function": (functions.softplus_squared, (0.3,), "    return softplus_squared(x), s * s * tangent"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_functions_pass_and_their_lines_are_had(name):
    fn, inputs = RIGHT[name]
    report = check(fn, *inputs)
    assert (report.status, report.basis, [f.message for f in report.findings]) == ("passed", "traced", [])


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_certified_wrong_and_its_line_in_the_users_file_is_named(name):
    fn, inputs, line = WRONG[name]
    report = check(fn, *inputs)
    wrong = [f for f in report.findings if f.code == "V101"]
    assert (report.status, report.basis) == ("failed", "traced")
    assert {(Path(f.place.file), SOURCE[f.place.line - 1]) for f in wrong} == {(FILE, line)}


def test_gradients_have_the_names_of_their_leaves():
    report = check(functions.layer, PARAMS, X)
    assert {r.gradient.partition("[")[0] for r in report.results} == {"dparams_w", "dparams_b", "dx"}


def test_float64_is_checked_without_a_change_of_the_users_setting():
    before = jax.config.jax_enable_x64
    report = check(functions.plain, 0.5, 2.0, formats="float64")
    # y cos x - exp(-x) at (1/2, 2) times what flows in, and sin x: mpmath at 30 digits
    assert {r.format for r in report.results} == {"float64"}
    assert jax.config.jax_enable_x64 == before


@pytest.mark.parametrize("fmt", ["bfloat16", "float16", "float32"])
def test_narrow_formats_are_computed_by_jax_in_them(fmt):
    report = check(jax.nn.silu, jnp.array(0.5, dtype=fmt))
    assert (report.status, {r.format for r in report.results}) == ("passed", {fmt})


def test_constants_are_traced_and_not_folded():
    assert check(lambda x: jax.scipy.special.gammainc(1.5, x), 0.7).status == "passed"


def test_a_while_loop_is_unrolled_at_the_point_against_a_stated_truth():
    assert check(functions.square_root, 2.0, function="sqrt(a)").status == "passed"
    assert check(functions.square_root, 2.0, function="sqrt(a) + a").status == "failed"


def test_what_is_not_traced_is_said_with_the_primitive_and_judged_by_its_floats():
    report = check(lambda a: jax.random.gamma(jax.random.key(0), a), jnp.array([1.5, 0.7]))
    assert report.status == "error"
    assert "the primitive random_gamma of JAX" in report.findings[0].message


MATRIX = jnp.array([[2.0, 0.3, -0.4], [0.3, 1.5, 0.2], [-0.4, 0.2, 1.8]])
DECOMPOSITIONS = {
    "eigenvalues": jnp.linalg.eigvalsh,
    "singular values": lambda a: jnp.linalg.svd(a[:, :2], full_matrices=False)[1],
    "orthonormal columns": lambda a: jnp.linalg.qr(a[:, :2])[0],
    "least squares": lambda a: jnp.linalg.lstsq(a[:, :2], a[:, 2])[0],
    "mantissas": lambda a: jnp.ldexp(jnp.frexp(a)[0], 3),
}


@pytest.mark.parametrize("name", DECOMPOSITIONS)
def test_decompositions_are_had_as_they_are_at_the_point(name):
    report = check(DECOMPOSITIONS[name], MATRIX)
    assert (report.status, report.basis) == ("passed", "traced")


def test_a_wrong_gradient_of_eigenvalues_is_certified_wrong():
    def eigenvalues(a):
        return jnp.linalg.eigh(a)[0]

    def backward(g, a):
        v = jnp.linalg.eigh(a)[1]
        return (v.T * g) @ v  # the vectors are transposed

    report = check(eigenvalues, MATRIX, backward=backward)
    assert (report.status, "wrong" in {r.verdict.value for r in report.results}) == ("failed", True)


def test_convolutions_and_windows_agree_with_what_jax_computes():
    image = jnp.arange(9.0).reshape(1, 1, 3, 3) / 7 - 0.5

    def pooled(x, w):
        return lax.reduce_window(lax.conv(x, w, (1, 1), "SAME"), -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 1, 1), "VALID")

    report = check(pooled, image, jnp.array([[0.5, -1.25], [2.0, 0.75]]).reshape(1, 1, 2, 2))
    assert (report.status, report.basis) == ("passed", "traced")


def test_assert_gradient_raises_with_the_users_line():
    assert_gradient(functions.sigmoid, 0.3)
    with pytest.raises(AssertionError, match=r"slope = s \* \(1 \+ s\)"):
        assert_gradient(functions.sigmoid_plus, 0.3)


def test_without_numbers_there_is_nothing_to_differentiate():
    with pytest.raises(TypeError, match="no input is a float"):
        check(functions.plain, 1, 2)


# ---------------------------------------------------------------- what a callable must not do, and the options


def rule(function, forward, backward):
    own = jax.custom_vjp(function)
    own.defvjp(forward, backward)
    return own


def faults(report):
    return [f.message.partition(" ")[2] for f in report.findings if f.code == "V111"]


def test_an_output_that_is_another_under_differentiation_fails():
    other = rule(jnp.sin, lambda x: (jnp.cos(x), x), lambda x, g: (g * jnp.cos(x),))
    assert faults(check(other, 0.3)) == ["gives another output when it is differentiated than when it is not"]
    arranged = rule(lambda x: jnp.log(1 + jnp.exp(x)), lambda x: (jnp.log1p(jnp.exp(x)), x), lambda x, g: (g / (1 + jnp.exp(-x)),))
    report = check(arranged, 0.3)
    assert (report.status, faults(report)) == ("passed", []), "the twin: another arrangement of the same function"


def test_a_callable_that_gives_other_bits_when_it_is_called_again_fails():
    numbers = iter(range(1, 1000))
    assert faults(check(lambda x: x * next(numbers), 0.3)) == ["gives other bits when it is called again"]


MISTAKES = {
    "the order of the gradients": (rule(lambda x, w: x * w * w, lambda x, w: (x * w * w, (x, w)), lambda r, g: (2 * g * r[0] * r[1], g * r[1] ** 2)), (0.3, 1.7), "exchanged"),
    "None where it is not zero": (rule(lambda x, w: x * w * w, lambda x, w: (x * w * w, (x, w)), lambda r, g: (g * r[1] ** 2, None)), (0.3, 1.7), "dw"),
    "not linear in what flows in": (rule(lambda x: x * x, lambda x: (x * x, x), lambda x, g: (2 * x * g * jnp.abs(g),)), (0.3,), "dx"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_rule_that_breaks_what_every_gradient_keeps_fails(name):
    fn, inputs, said = MISTAKES[name]
    report = check(fn, *inputs)
    assert report.status == "failed"
    assert any(said in f.message or said in (f.gradient, *f.gradients) for f in report.findings if f.code == "V101")


def test_a_backward_pass_may_be_given_instead_of_a_rule():
    assert check(jnp.sin, 0.3, backward=lambda g, x: g * jnp.cos(x)).status == "passed"
    assert check(jnp.sin, 0.3, backward=lambda g, x: g * jnp.sin(x)).status == "failed"


def test_points_are_sampled_and_hunted_for_through_jax():
    def tail(x):
        return 1 - jnp.tanh(x)

    report = check(tail, 0.3, domain={"x": (-30, 30)}, sample=30, hunt=True)
    assert [s.points for s in report.sweeps] == [30]
    assert {r.verdict.value for r in report.regions} >= {"vanished", "unstable"}, "1 - tanh**2 cancels, and is 0 from 19.1 on"
    assert check(functions.sigmoid_plus, 0.3, domain={"x": (-3, 3)}, sample=10).sweeps[0].verdicts["wrong"] == 10


def test_a_call_is_recorded_once_and_gives_the_bits_of_the_plain_call():
    calls = []

    def counted(x):
        calls.append(1)
        return jnp.exp(x) / (1 + jnp.exp(x))

    report = check(counted, 0.3, domain={"x": (-3, 3)}, sample=200)
    assert report.sweeps[0].points == 200
    assert len(calls) < 20, "Python runs a few times, not at every point"
    with jax.experimental.enable_x64() if not hasattr(jax, "enable_x64") else jax.enable_x64(True):
        plain = float(jax.vjp(counted, jnp.asarray(0.3))[1](jnp.asarray(0.75))[0])
    assert float(report.results[0].computed) == plain


def test_python_that_takes_numbers_of_an_input_is_called_at_every_point():
    def by_sign(x):
        return x * x if float(x) > 0 else x

    report = check(by_sign, 0.5, backward=lambda g, x: g * (2 * x if x > 0 else 1.0), function="where(x > 0, x * x, x)", domain={"x": (-3, 3)}, sample=20)
    assert (report.status, report.basis) == ("passed", "sampled")
    assert len({r.point for r in report.results}) > 15
    assert any("takes the numbers of an array" in note and "test_jax.py" in note for note in report.notes), "which operation, in which line"


def test_a_function_of_jax_with_a_rule_of_its_own_is_a_gate_where_it_is_one():
    """The slope of the exponential integral E_2 is -E_1, which is 0.5597735947761608... at 0.5 (Abramowitz and Stegun, table 5.1)."""
    report = check(lambda x: jax.scipy.special.expn(2, x), np.float64(0.5), upstream=1.0)
    assert (report.status, report.basis) == ("passed", "traced"), report.findings
    assert report.results[0].exact.startswith("-0.5597735947761608")


@pytest.mark.parametrize("name", ["expi", "sici", "erfcx", "dawsn"])
def test_what_jax_approximates_by_pieces_is_judged_as_the_function_that_it_is(name: str) -> None:
    """The rule of the derivative is the function's; that of the pieces is another, by an ulp or two."""
    function = getattr(jax.scipy.special, name, None)
    if function is None:
        pytest.skip(f"this JAX has no {name}")
    for form in ("float32", "float64"):
        with jax.enable_x64(form == "float64"):
            report = check(function, jnp.array([0.4, 1.7, 0.9], dtype=form))
        assert report.status == "passed", str(report)
        assert {word for row in report.proofs.values() for word in row.values()} == {"proved"}


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # JAX's own
def test_a_constant_that_overflows_a_format_divides_to_nothing() -> None:
    """The zeta function divides by Bernoulli numbers, some of which are infinite in float16."""
    report = check(lambda x: jax.scipy.special.zeta(2.5, x), jnp.array([0.4, 1.7], dtype="float16"))
    assert report.status == "passed", str(report)


def test_a_gradient_that_is_right_by_way_of_the_logarithm_of_zero_is_right() -> None:
    report = check(lambda x: jax.scipy.special.gammainc(1.5, x), np.float32(0.0))
    assert [r.verdict.value for r in report.results] == ["correct"]


def test_fresnels_integrals_are_gates_and_their_slopes_in_float32_are_right():
    for x in (0.3, 1.7, -2.2):
        report = check(jax.scipy.special.fresnel, np.float32(x), formats="float32")
        assert report.status == "passed", report.findings


SYMMETRIC = np.array([[2.0, 0.3, -0.4], [0.3, 1.5, 0.2], [-0.4, 0.2, 1.8]])


@pytest.mark.parametrize(
    "call",
    [
        jax.scipy.linalg.cholesky,
        lambda a: jax.scipy.linalg.cholesky(a, lower=True),
        lambda a: jax.scipy.linalg.cho_factor(a)[0],
        lambda a: jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(a), jnp.ones(3)),
        lambda a: jax.scipy.linalg.solve(a, jnp.array([0.7, -1.0, 0.4]), assume_a="pos"),
        lambda a: jax.lax.linalg.cholesky(a @ a.T, symmetrize_input=False),
    ],
)
def test_a_cholesky_factor_of_a_symmetric_matrix_is_right(call):
    report = check(call, SYMMETRIC)
    assert (report.status, report.basis) == ("passed", "traced"), report.findings


def test_the_sum_of_both_gradients_of_a_pair_is_that_of_a_change_that_keeps_the_matrix_symmetric():
    """For [[p, q], [q, r]] the lower factor is [[sqrt(p), 0], [q / sqrt(p), sqrt(r - q**2 / p)]]; its derivatives with respect to q are 1 / sqrt(p) and -q / p / the last entry."""
    p, q, r = 2.0, 0.3, 2.5
    flows = np.array([[0.7, 0.0], [-0.9, 1.3]])
    report = check(lambda a: jax.scipy.linalg.cholesky(a, lower=True), np.array([[p, q], [q, r]]), upstream=flows)
    found = {g.gradient: float(g.exact) for g in report.results}
    assert found["da[0,1]"] + found["da[1,0]"] == pytest.approx(-0.9 / math.sqrt(p) + 1.3 * (-q / p) / math.sqrt(r - q * q / p), rel=1e-14)


def test_a_rule_of_cholesky_that_is_wrong_for_symmetric_changes_is_caught():
    @jax.custom_vjp
    def factor(a):
        return jax.scipy.linalg.cholesky(a, lower=True)

    def forward(a):
        low, pull = jax.vjp(lambda m: jax.scipy.linalg.cholesky(m, lower=True), a)
        return low, pull

    factor.defvjp(forward, lambda pull, g: (pull(jnp.tril(g, -1))[0],))
    report = check(factor, SYMMETRIC)
    assert any(f.code == "V101" for f in report.findings)


def test_a_cholesky_factor_of_one_triangle_is_noted():
    a = np.array([[2.0, 0.3], [0.1, 2.5]])
    one_triangle = check(jax.scipy.linalg.cholesky, a)
    assert any("reads one triangle only" in n for n in one_triangle.notes)
    assert any(f.code == "V101" for f in one_triangle.findings), "the other triangle does not change the result, and has a gradient"
    symmetric = check(lambda m: jax.scipy.linalg.cholesky((m + m.T) / 2), a)
    assert symmetric.status == "passed"
    assert not any("reads one triangle" in n for n in symmetric.notes)


@jax.custom_vjp
def cell(z):
    return jnp.tanh(z)


def cell_backward(z, g):
    return (g * (1 - jnp.tanh(z)),)  # the mistake


cell.defvjp(lambda z: (jnp.tanh(z), z), cell_backward)


def test_a_mistake_in_a_rule_is_found_there_and_not_where_its_result_is_read():
    (found,) = check(lambda w, x: cell(w @ x), np.array([[0.1, 0.3], [-0.2, 0.4]]), np.array([0.5, -0.7])).findings
    assert found.source_line.endswith("# the mistake")


def test_without_an_output_of_floats_there_is_nothing_to_differentiate():
    with pytest.raises(Refusal, match="no output is a float"):
        check(jnp.argmax, X)


def test_a_weight_that_is_0_in_logsumexp_leaves_the_other_gradients_as_they_are():
    """With b[1] = 0 the function is log(exp(x[0]) + 2 exp(x[2])) of the others; its slope in b[1] is exp(x[1]) over that sum, and JAX gives 0."""
    x, b = np.array([0.3, 1.2, 0.8]), np.array([1.0, 0.0, 2.0])
    report = check(lambda x, b: jax.scipy.special.logsumexp(x, b=b), x, b, upstream=1.0)
    found = {r.gradient: r for r in report.results}
    total = math.exp(0.3) + 2 * math.exp(0.8)
    assert float(found["dx[0]"].exact) == pytest.approx(math.exp(0.3) / total, rel=1e-14)
    assert float(found["db[2]"].exact) == pytest.approx(math.exp(0.8) / total, rel=1e-14)
    assert all(r.verdict.passes for n, r in found.items() if n != "db[1]")
    assert not found["db[1]"].verdict.passes
