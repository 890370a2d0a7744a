"""Hand-written rules of JAX: the right ones pass; each with one line changed fails with that line, and in words that say what is meant.

`jax_rules.txt` holds the rules. A line that ends with `# wrong: ...` is right; what stands behind the mark takes its place in the wrong version.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="JAX is not installed here")

import jax.numpy as jnp  # noqa: E402

from verifier.jax import check  # noqa: E402
from verifier.trace.jax.in_numpy import evaluated  # noqa: E402
from verifier.trace.jax.user_functions import functions_of  # noqa: E402

MARK = "  # wrong: "
_PARTS = re.split(r"^# ---- (\w+)\n", (Path(__file__).parent / "jax_rules.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
RULES = dict(zip(_PARTS[1::2], _PARTS[2::2], strict=True))
PLANTED = [(name, k) for name, text in RULES.items() for k, line in enumerate(text.splitlines()) if MARK in line]


def module_of(path, name, wrong=None):
    """The module of a rule in a file, with the line `wrong` in its other version."""
    lines = RULES[name].splitlines()
    texts = [line.partition(MARK)[0] for line in lines]
    if wrong is not None:
        texts[wrong] = lines[wrong][: len(lines[wrong]) - len(lines[wrong].lstrip())] + lines[wrong].partition(MARK)[2]
    file = path / f"{name}_{wrong}.py"
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", RULES)
def test_a_right_rule_passes(tmp_path, name):
    module = module_of(tmp_path, name)
    report = check(module.f, *module.INPUTS)
    assert (report.status, report.basis, report.findings) == ("passed", "traced", ())


@pytest.mark.parametrize(("name", "wrong"), PLANTED, ids=[f"{n}-{k + 1}" for n, k in PLANTED])
def test_the_changed_line_is_named_and_what_is_meant_is_said(tmp_path, name, wrong):
    module = module_of(tmp_path, name, wrong)
    report = check(module.f, *module.INPUTS)
    (found,) = (f for f in report.findings if f.code == "V101")
    assert (Path(found.place.file).name, found.place.line) == (f"{name}_{wrong}.py", wrong + 1), found.message
    assert "after this edit every gradient is certified to be the exact one" in found.details


# ---------------------------------------------------------------- what JAX keeps, and which functions are looked at


def test_what_jax_has_compiled_of_the_users_code_is_as_before(tmp_path):
    """Edits that are tried leave nothing in JAX's caches: not in what was compiled before, nor in checkpoints, which JAX traces once."""
    (name, wrong) = next(p for p in PLANTED if p[0] == "rotary")
    module = module_of(tmp_path, name, wrong)
    compiled = jax.jit(lambda *x: jax.vjp(jax.checkpoint(module.f), *x)[1](jnp.ones((2, 4)))[0])
    before = np.asarray(compiled(*module.INPUTS))
    assert check(jax.checkpoint(module.f), *module.INPUTS).status == "failed"
    assert np.array_equal(before, compiled(*module.INPUTS))
    assert np.array_equal(before, jax.jit(lambda *x: jax.vjp(jax.checkpoint(module.f), *x)[1](jnp.ones((2, 4)))[0])(*module.INPUTS))


def test_the_functions_of_rules_are_found_wherever_they_are_named(tmp_path):
    rule = module_of(tmp_path, "layer_norm")
    other = module_of(tmp_path, "leaky_relu_jvp")

    @jax.custom_jvp
    def square(x):
        return x * x

    def slope(t, _, x):
        return 2 * x * t

    square.defjvps(slope)

    def whole(x):
        return rule.layer_norm(square(x), 1.0, 0.0) + other.f(x)

    found = [f.__name__ for f in functions_of(None, jax.jit(whole))]
    assert set(found[:3]) == {"layer_norm_bwd", "slope", "leaky_jvp"}
    assert found[3] == "layer_norm_fwd"
    assert {"whole", "layer_norm", "square", "leaky"} <= set(found[4:])


# ---------------------------------------------------------------- NumPy in the place of JAX

X = np.array([[0.3, -1.2, 0.7], [1.1, 0.4, -0.6]])
Y = np.array([[0.5, 0.2, 0.9], [0.35, 0.8, 0.15]])
FUNCTIONS = {
    "elementwise": lambda x, y: jnp.exp(x) * jnp.log1p(y) / jnp.sqrt(y) - jnp.tanh(x) ** 3 + jax.nn.sigmoid(x) * jnp.sin(y) + jnp.abs(x) ** -2,
    "choices": lambda x, y: jnp.where((x > 0) & ~(y < 0.3), x, jnp.maximum(x, y)) + jnp.clip(x, -0.5, 0.5),
    "products": lambda x, y: (x @ y.T, jnp.einsum("bi,bj->bij", x, y), jnp.einsum("bi,ki->kb", x, y), jnp.outer(x, y), jnp.einsum("bi,bi->b", x, y)),
    "reductions": lambda x, y: (x.sum(0), x.mean(-1, keepdims=True), jnp.max(y), jnp.prod(x, axis=1), jnp.cumsum(x, 1), jnp.flip(jnp.cumsum(jnp.flip(y, 0), 0), 0), jnp.var(x)),
    "moves": lambda x, y: (x.T, x.reshape(3, 2), jnp.concatenate([x, y], 1), x[:, ::2], jnp.stack(jnp.split(x, 3, axis=1)), jnp.pad(x, 1), x[None], jnp.roll(y, 1, 0), jnp.arange(3.0) * y),
    "what NumPy has no row for": lambda x, y: (jnp.asarray(x).at[0, 1].add(y[1, 1]), jnp.sort(x, 1), jnp.linalg.inv(x @ y.T + jnp.eye(2)), jax.lax.scan(lambda c, v: (c * v, c), y[0], x)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_jaxpr_by_numpy_is_near_what_jax_gives(name):
    function = FUNCTIONS[name]
    jaxpr = jax.make_jaxpr(function)(X, Y)
    found = evaluated(jaxpr.jaxpr, jaxpr.consts, [X, Y])
    for own, theirs in zip(found, jax.tree_util.tree_leaves(function(jnp.asarray(X), jnp.asarray(Y))), strict=True):
        assert np.shape(own) == np.shape(theirs)
        np.testing.assert_allclose(own, theirs, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- iterations to a tolerance


def test_what_jax_iterates_to_a_tolerance_is_refused_with_what_to_do_and_judged_against_a_formula():
    odeint = pytest.importorskip("jax.experimental.ode").odeint

    def decay(y, k):
        return odeint(lambda state, _, rate: -rate * state, y, jnp.array([0.0, 0.5]), k)[-1]

    report = check(decay, 1.25, 0.75)
    assert report.status == "error"
    assert any("odeint of JAX iterates to a tolerance" in f.message and "lax.scan" in f.message for f in report.findings)
    report = check(decay, 1.25, 0.75, function="y*exp(-k/2)")
    assert report.basis == "sampled"
