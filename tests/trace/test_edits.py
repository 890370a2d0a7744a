"""Mistakes in array code are said in words: the edit that repairs them is found in the user's own function, which stays as it is."""

from __future__ import annotations

import ast
from functools import partial

import numpy as np
import pytest

from tests.trace import layers
from tests.trace.test_numpy import IMAGE, KERNEL, LABELS, SOURCE, B, W, X
from verifier.blame.formula.code import _tries
from verifier.numpy import check
from verifier.trace.edit_rows import ReadableNames
from verifier.trace.edits import changes, edits, whole_edits
from verifier.trace.rewrite import bodies, replaced

WORDS = {
    "mean for sum": (layers.affine_forward, (X, W, B), layers.affine_mean, "`mean` where `sum` is meant in `np.mean(dout, axis=0)`"),
    "= for +=": (layers.conv_forward, (IMAGE, KERNEL, 0.25), layers.conv_overwritten, "`=` where `+=` is meant"),
    "the loss of the sum": (layers.softmax_loss_of_the_sum, (X, LABELS), None, "a division by `n` is missing: `dx`"),
    "a factor too many": (layers.LinearWithoutTranspose(), (X,), None, "the factor `2` is superfluous in `dout @ self.W.T * 2`"),
}


@pytest.mark.parametrize("name", WORDS)
def test_the_mistake_is_said_in_words_once_for_all_components(name):
    fn, inputs, backward, words = WORDS[name]
    (found,) = check(fn, *inputs, backward=backward).findings
    assert found.code == "V101"
    assert found.message.endswith(words)
    assert found.statement == SOURCE[found.place.line - 1].strip()
    assert "after this edit every gradient is certified to be the exact one" in found.details


def test_the_users_functions_are_as_they_were():
    before = layers.affine_mean.__code__
    check(layers.affine_forward, X, W, B, backward=layers.affine_mean)
    assert layers.affine_mean.__code__ is before


def test_a_statement_is_replaced_within_the_with_only():
    (body,) = bodies([layers.affine_mean])
    old = body.statements[1]
    assert ast.unparse(old) == "db = np.mean(dout, axis=0)"
    new = next(n for n, words in edits(old, ()) if "`mean` where `sum` is meant" in words)
    ones = np.ones((2, 2))
    with replaced(body, old, new):
        assert layers.affine_mean(ones, (X, W, B))[2].tolist() == [2.0, 2.0]
    assert layers.affine_mean(ones, (X, W, B))[2].tolist() == [1.0, 1.0]


def test_a_function_that_is_not_what_stands_in_its_file_is_left_alone():
    (body,) = bodies([layers.affine_mean])
    old = body.statements[1]
    new = next(n for n, words in edits(old, ()) if "`mean` where `sum` is meant" in words)
    with replaced(body, old, new):
        assert bodies([layers.affine_mean]) == []


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("dw = dout.T @ x", "dw = x @ dout.T"),
        ("dw = x @ dout", "dw = x.T @ dout"),
        ("dx = dout @ x.t()", "dx = dout @ x"),
        ("dx = dout @ x.mT", "dx = dout @ x"),
        ("dx = dout @ f(x).transpose(-1, -2)", "dx = dout @ f(x)"),
        ("db = dout.sum(axis=1)", "db = dout.sum(axis=0)"),
        ("mu = x.sum(axis=1)", "mu = x.sum(axis=1, keepdims=True)"),
        ("dx += dout", "dx = dout"),
        ("dx = dout * (x < 0)", "dx = dout * (x > 0)"),
        ("dx = dout * (1 - g) ** 2", "dx = dout * (1 - g ** 2)"),
        ("dx = dout * x", "dx = dout * x ** 2"),
        ("dx = dout - x", "dx = x - dout"),
        ("dx = dout", "dx = dout / n"),
        ("dx = dout", "dx = -dout"),
        ("a, b = dout[:, :n], dout[:, n:]", "a, b = (dout[:, ::2], dout[:, 1::2])"),
        ("dx = np.fft.ifft(n * np.fft.fft(x)).real", "dx = np.fft.ifft(n * np.fft.fft(x).conj()).real"),
        ("dx = np.fft.ifft(np.conj(n) * x).real", "dx = np.fft.ifft(n * x).real"),
    ],
)
def test_an_edit_turns_the_mistake_back(wrong, right):
    (statement,) = ast.parse(wrong).body
    found = {ast.unparse(ast.fix_missing_locations(new)) for new, _ in edits(statement, ("n", "x"))}
    assert ast.unparse(ast.parse(right)) in found
    assert ast.unparse(statement) == ast.unparse(ast.parse(wrong)), "the statement itself is not changed"


@pytest.mark.parametrize(("wrong", "right"), [("dx = f(x.flip(-1))", "dx = f(x)"), ("dx = np.roll(x, 1, 0)", "dx = x")])
def test_that_nothing_is_to_be_moved_is_tried_before_another_axis(wrong, right):
    """Along an axis of length 1 nothing moves: that is the same, and nobody means it."""
    (statement,) = ast.parse(wrong).body
    found = [ast.unparse(ast.fix_missing_locations(new)) for new, words in edits(statement, ("n", "x")) if "axis" in words or " where `x` is meant" in words]
    assert found[0] == right


def test_likely_lines_come_first_and_a_line_without_a_statement_is_passed_over():
    (body,) = bodies([layers.affine_mean])
    first, second = body.statements[:2]
    here = _tries([body], [1, second.lineno, second.lineno], elsewhere=False)
    assert sorted(ast.unparse(new) for _, _, new, _ in here) == sorted(ast.unparse(new) for new, _ in edits(second, body.names, elements=body.elements_at(second)))
    olds = [old for _, old, _, _ in _tries([body], [second.lineno], elsewhere=True)]
    others = olds[sum(len(list(whole_edits(old))) for old in body.statements) :]  # after those of statements as a whole, which are few
    assert others[0] is second
    assert others.index(first) > 0
    assert len(olds) == sum(len(list(edits(old, body.names, elements=body.elements_at(old)))) for old in body.statements), "each statement once"


SCOPE = ReadableNames(("A", "X", "g", "p", "q", "r", "n", "tau"), {"A": (3, 3), "X": (3, 2), "g": (2,), "p": (2, 2, 2), "q": (4, 5), "r": (4, 5), "s": (4, 5), "tau": ()}, counts=("n",))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("dw = X.T @ d", "dw = (A @ X).T @ d"),
        ("t = dout", "t = dout * g[None, :, None]"),
        ("on = 1 / n", "on = 1 / n * (g > 0)[:, None]"),
        ("dx = s", "dx = s * (q > r)"),
        ("dx = s", "dx = s / tau"),
        ("dx = d / p", "dx = d / p / n**2"),
        ("dx = d @ p", "dx = d @ p.mT"),
        ("dx = f(d)", "dx = q - f(d)"),
        ("ds -= 1", "ds -= g"),
        ("a, b = x[::2], x[1::2]", "a, b = (x[:n], x[n:])"),
    ],
)
def test_an_edit_of_arrays_whose_shapes_are_known_turns_the_mistake_back(wrong, right):
    (statement,) = ast.parse(wrong).body
    assert ast.unparse(ast.parse(right)) in [ast.unparse(e.statement) for e in changes(statement, SCOPE)]


# ---------------------------------------------------------------- variables of outer functions


def scaled_tanh(scale):
    """A pair of functions that read a variable of this one."""

    def forward(x):
        return np.tanh(scale * x)

    def slope(t):
        return scale * scale * (1 - t * t)

    def backward(dout, x):
        return dout * slope(forward(x))

    def backward_that_forgets(dout, x):
        t = forward(x)
        return dout * (1 - t * t)

    return forward, backward, backward_that_forgets


class Doubling:
    """What a layer inherits."""

    def backward(self, dout):
        return dout * 2


class Square(Doubling):
    """x * x * 2, with a private name and a backward pass that calls the inherited one."""

    def __init__(self):
        self.__two = 2.0

    def forward(self, x):
        self.__x = x
        return self.__two * x * x

    def backward(self, dout):
        doubled = super().backward(dout)
        return doubled * self.__x * self.__two * self.__x


def cubed_backward(power, dout, x):
    return dout * power * x**power


def test_functions_with_variables_of_an_outer_function_are_edited_where_they_or_those_that_they_call_are_wrong():
    forward, backward, forgets = scaled_tanh(1.5)
    (found,) = check(forward, X, backward=backward).findings
    assert found.message.endswith("the factor `scale` is superfluous in `scale * scale`")
    assert found.statement == "return scale * scale * (1 - t * t)"
    (found,) = check(forward, X, backward=forgets).findings
    assert "is missing" in found.message
    assert check(scaled_tanh(1.0)[0], X, backward=scaled_tanh(1.0)[2]).status == "passed", "the twin: the variable is bound as it is in each"


def test_private_names_and_the_inherited_method_are_bound_in_an_edited_method():
    (found,) = check(Square(), X).findings
    assert found.message.endswith("the factor `self.__x` is superfluous in `doubled * self.__x * self.__two * self.__x`")
    assert Square().backward.__func__.__code__.co_freevars == ("__class__",)


def test_a_lambda_and_a_partial_are_edited():
    factor = 5.0
    (found,) = check(lambda x: factor * x, X, backward=lambda dout, x: dout * x * factor).findings
    assert found.message.endswith("the factor `x` is superfluous in `dout * x`")
    assert found.statement == "dout * x * factor"
    (found,) = check(lambda x: x**3, X, backward=partial(cubed_backward, 3)).findings
    assert "the exponent of `x ** power` is 1 too high" in found.message or "is superfluous" in found.message or "is missing" in found.message


def test_of_several_lambdas_in_a_line_the_one_that_runs_is_found():
    first, second = (lambda dout, x: dout * x), (lambda dout, x: dout * max(x, key=lambda y: y + x))
    assert [ast.unparse(body.tree.body[0]) for body in bodies([first, second])] == ["return dout * x", "return dout * max(x, key=lambda y: y + x)"]


def transitions(t, y):
    return t[:, y[:-1], y[1:]].sum() * 2 - t.sum(), (t, y)


def backward_of_transitions(dout, cache):
    t, y = cache
    dt = np.full(t.shape, -1.0)
    dt[:, y[:-1], y[1:]] -= -2
    return dt * dout


def test_an_index_that_stands_twice_beside_a_slice_counts_once():
    t = np.arange(8.0).reshape(2, 2, 2)
    (found,) = check(transitions, t, np.array([0, 0, 0, 1]), backward=backward_of_transitions).findings
    assert "`-=` where `np.subtract.at` is meant" in found.message
    assert check(transitions, t, np.array([0, 0, 1]), backward=backward_of_transitions).status == "passed", "the twin: no index stands twice"


def test_what_is_meant_in_one_component_gives_way_to_the_edit_that_makes_all_exact():
    """exp(x) - 1 is expm1(x): right where the 1 is missing in one element, and wrong in all others."""
    report = check(exp_less_counts, np.array([0.5, -0.25, 0.75]), np.array([0, 1, 0]), backward=backward_less_counts)
    (found,) = report.findings
    assert "`-=` where `np.subtract.at` is meant" in found.message
    assert found.statement == "dx[y] -= 1"


def exp_less_counts(x, y):
    return np.exp(x).sum() - x[y].sum(), (x, y)


def backward_less_counts(dout, cache):
    x, y = cache
    dx = np.exp(x)
    dx[y] -= 1
    return dx * dout


class Scaled:
    """A layer that keeps a number and gives a vector axes."""

    @staticmethod
    def forward(ctx, x, w):
        ctx.scale = 0.5
        return x**3 * ctx.scale * w[None, :, None]

    @staticmethod
    def backward(state, g):
        x, w = state.saved
        return g * x * w


def test_what_the_forward_pass_multiplies_by_is_tried_as_a_factor():
    forward, backward = bodies([Scaled.forward, Scaled.backward])
    assert sorted(forward.factors(backward)) == ["3", "state.scale", "w[None, :, None]"]
    (body,) = bodies([Scaled.backward])
    statement = body.statements[0]
    assert any("state.scale" in ast.unparse(new) for new, _ in edits(statement, body.names, ["state.scale"]))


def test_the_functions_of_calls_are_no_values():
    (statement,) = ast.parse("dx = np.sum(np.exp(x) * n)").body
    new = {ast.unparse(ast.fix_missing_locations(n)) for n, _ in edits(statement, ("n", "x"))}
    assert not any("np.exp *" in n or "np.exp)" in n or "(np.sum" in n for n in new)
