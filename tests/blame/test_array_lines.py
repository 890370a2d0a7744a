"""Mistakes in array code: the wrong line is named, once an array, and the mistake is said in words. The layers are those of `tests/planted_arrays.py`."""

from __future__ import annotations

import re

import pytest

from tests.planted_arrays import LAYERS, SQUARE, W33, Layer, case_of, planted
from verifier import load_text
from verifier.verify import verify

PLANTS = planted()
OFTEN_MISSED = (
    "hinge loss: -= 1", "pooling by pairs: without * (a < c)", "triplet loss: on = 1 / B", "softmax with a temperature: ds = dz", "instance norm: t = dout", "a bag of embeddings: dout[k] / K", "Huber loss: d",
    "a bilinear form: dy = x @ W",
)  # fmt: skip
TRIED = [*PLANTS[::4], *(p for k, p in enumerate(PLANTS) if k % 4 and p.name in OFTEN_MISSED)]
CODES = ("V101", "V105", "V107")


def findings(text):
    (case,) = load_text(text).cases
    return [f for f in verify(case).findings if f.code in CODES]


def test_there_are_enough_mistakes():
    assert len(PLANTS) >= 150
    assert len(LAYERS) >= 40
    assert {p.name for p in TRIED}.issuperset(OFTEN_MISSED)


@pytest.mark.parametrize("layer", LAYERS, ids=[layer.name for layer in LAYERS])
def test_a_right_layer_accuses_nobody(layer):
    (case,) = load_text(case_of(layer)).cases
    assert [f for f in verify(case).findings if f.severity == "error"] == []


@pytest.mark.parametrize("plant", TRIED, ids=[p.name for p in TRIED])
def test_the_wrong_line_is_named_alone_and_the_mistake_is_said(plant):
    found = findings(plant.text)
    assert {f.statement for f in found} == {plant.guilty}
    assert [f.message for f in found if not re.search(plant.words, f.message)] == []


def test_two_mistakes_are_two_findings_each_with_its_own_words():
    layer = next(x for x in LAYERS if x.name == "a linear layer")
    wrong = layer.backward.replace("dout @ w.T", "dout @ w").replace("axis=0", "axis=1")
    found = {f.statement: f.message for f in findings(case_of(layer, wrong))}
    assert found.keys() == {"dx = dout @ w", "db = dout.sum(axis=1)"}
    assert "`w` where `w.T` is meant" in found["dx = dout @ w"]
    assert "`axis=0` is meant" in found["db = dout.sum(axis=1)"]


def test_a_name_that_holds_a_slope_and_no_gradient_is_not_accused():
    """`dh` is the slope of tanh, right for those who read it: the one mistake is in the line after it."""
    layer = Layer("a tanh layer", f"points: [{{x: {SQUARE}, w: {W33}}}]", "z = x @ w\nh = np.tanh(z)\nout = h * h", "dh = 1 - h**2\ndz = 2 * dout * h * dh\ndx = dz @ w.T\ndw = x.T @ dz", ())
    assert findings(case_of(layer)) == []
    for wrong in ("dz = dout * h * dh", "dz = np.sin(3.7 * dout) * h * dh"):
        (finding,) = findings(case_of(layer, layer.backward.replace("dz = 2 * dout * h * dh", wrong)))
        assert finding.statement == wrong


def test_a_missing_division_does_not_blame_the_forward_pass():
    """`ds = p.copy()` has the very steps of `p = ...`: a line of the forward pass."""
    layer = next(x for x in LAYERS if x.name == "softmax and cross entropy")
    found = findings(case_of(layer, "ds = p.copy()\nds[np.arange(len(y)), y] -= 1"))
    assert [f.statement for f in found] == ["ds[np.arange(len(y)), y] -= 1"]


def test_an_edit_is_certified_before_it_is_said():
    layer = next(x for x in LAYERS if x.name == "squared error")
    (finding,) = findings(case_of(layer, "N = p.shape[0]\ndp = e / N\ndt = dp"))
    assert any("certified to be exact, at" in d for d in finding.details)


def test_what_no_edit_explains_has_one_line_and_no_diagnosis():
    """The twin: a line without any sense is named, and nothing is made up about it."""
    layer = next(x for x in LAYERS if x.name == "a linear layer")
    (finding,) = findings(case_of(layer, layer.backward.replace("dx = dout @ w.T", "dx = np.sin(x * 3.7) - dout**3")))
    assert finding.statement == "dx = np.sin(x * 3.7) - dout**3"
    assert "wrong even where everything it reads is exact" in finding.message


def test_a_mistake_in_a_function_is_found_in_the_function():
    text = (
        "points: [{x: [[0.31, -1.24, 0.85], [-0.66, 0.92, 1.37]]}]\nforward: |\n  out = np.tanh(x) * 2\nimplementations:\n  it:\n    backward: |\n"
        "      def slope(t):\n          s = 1 + t**2\n          return 2 * s\n      dx = dout * slope(np.tanh(x))\n"
    )
    (finding,) = findings(text)
    assert finding.statement == "s = 1 + t**2"
    assert "`-` is meant" in finding.message


def test_of_the_statements_of_a_function_that_an_edit_would_repair_the_last_is_named():
    """The slope is half of what it should be: `3` in place of `6` would do in the first statement, a factor 2 in any."""
    text = (
        "points: [{x: [0.31, -1.24, 0.85]}]\nforward: out = np.sin(x) + x / 2 + np.sin(2 * x) / 4\nimplementations:\n  it:\n    backward: |\n"
        "      def slope(t):\n          s = np.cos(t) / 6\n          r = s * 3\n          return r\n      dx = dout * slope(x) * (1 + slope(x))\n"
    )
    (finding,) = findings(text)
    assert finding.statement == "return r"
    assert "the factor `2` is missing" in finding.message


def test_a_loop_that_runs_the_wrong_way_is_said():
    text = (
        "points: [{x: [0.3, -1.2, 0.8, 0.5], a: 0.7}]\nforward: |\n  h = [x[0]]\n  for t in range(1, 4):\n      h.append(np.tanh(a * h[t - 1] + x[t]))\n  out = h[3]\n"
        "implementations:\n  it:\n    backward: |\n      dx = np.zeros(4)\n      da = 0\n      g = dout\n      for t in range(1, 4):\n          k = g * (1 - h[t]**2)\n          dx[t] = k\n          da += k * h[t - 1]\n          g = a * k\n      dx[0] = g\n"
    )
    (finding,) = findings(text)
    assert "`reversed(range(1, 4))` is meant" in finding.message


@pytest.mark.parametrize(("right", "wrong", "words"), [("1 - h**2", "1 + h**2", "`+` where `-` is meant"), ("a * k", "k", "the factor `a` is missing")])
def test_a_mistake_in_a_function_that_is_called_in_a_loop_only_is_found_in_the_function(right, wrong, words):
    text = (
        "points: [{x: [0.3, -1.2, 0.8, 0.5], a: 0.7}]\nforward: |\n  h = [x[0]]\n  for t in range(1, 4):\n      h.append(np.tanh(a * h[t - 1] + x[t]))\n  out = h[3]\n"
        "implementations:\n  it:\n    backward: |\n      def step(g, h, a):\n          k = g * (1 - h**2)\n          return k, a * k\n\n      dx = np.zeros(4)\n      da = 0\n      g = dout\n"
        "      for t in reversed(range(1, 4)):\n          dx[t], g = step(g, h[t], a)\n          da += dx[t] * h[t - 1]\n      dx[0] = g\n"
    )
    assert [f for f in findings(text) if f.severity == "error"] == []
    found = findings(text.replace(right, wrong))
    assert {f.statement for f in found} == {"k = g * (1 + h**2)" if "h" in wrong else "return k, k"}
    assert words in found[0].message


PASTED = """points: [{x: [[0.7, -1.2, 0.4, 2.1], [-0.3, 0.9, 1.6, -2.2]], g: [1.1, 0.8, -0.6, 1.7]}]
implementations:
  mine:
    forward: |
      def norm_forward(x, g):
          xc = x - x.mean(axis=1, keepdims=True)
          std = np.sqrt((xc**2).mean(axis=1, keepdims=True) + 0.01)
          out = xc / std * g
          return out, (xc / std, g, std)

      out, cache = norm_forward(x, g)
    backward: |
      def norm_backward(dout, cache):
          xhat, g, std = cache
          t = dout * g
          dx = (t - t.mean(axis=1, keepdims=True) - xhat * (t * xhat).mean(axis=1, keepdims=True)) / std
          dg = (dout * xhat).sum(axis=0)
          return dx, dg

      dx, dg = norm_backward(dout, cache)
"""


@pytest.mark.parametrize(
    ("right", "wrong", "statement", "words"),
    [
        (" - t.mean(axis=1, keepdims=True)", "", "dx = (t - xhat", "the term `- t.mean"),
        ("t = dout * g", "t = dout", "t = dout", "the factor `g` is missing"),
        (".sum(axis=0)", ".mean(axis=0)", "dg = ", "`mean` where `sum` is meant"),
        ("return dx, dg", "return dx, xhat.sum(axis=0)", "return dx, xhat.sum(axis=0)", "`dg`|wrong even where|`dout`"),
    ],
)
def test_mistakes_in_a_pasted_function_are_named_where_they_stand(right, wrong, statement, words):
    assert [f for f in findings(PASTED) if f.severity == "error"] == []
    (finding,) = findings(PASTED.replace(right, wrong, 1))
    assert finding.statement.startswith(statement)
    assert re.search(words, finding.message)


OTHER_NAMES = Layer("a tanh layer in one line", f"points: [{{x: {SQUARE}, w: {W33}, b: [0.2, -0.5, 0.9]}}]", "y = np.tanh(x @ w + b)", "g = dy * (1 - y**2)\ndx = g @ w.T\ndw = x.T @ g\ndb = g.sum(axis=0)", ())
SCORES = Layer("weights of scores", f"points: [{{q: {SQUARE}, k: {W33}}}]", "s = q @ k.T / np.sqrt(3)\np = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)", "g = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(3)\ndq = g @ k\ndk = g.T @ q", ())


@pytest.mark.parametrize(
    ("layer", "old", "new"),
    [(OTHER_NAMES, "1 - y**2", "np.sin(y)"), (OTHER_NAMES, "dy * (1 - y**2)", "np.cos(dy)"), (SCORES, "p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(3)", "np.sin(p) * dp")],
)
def test_an_array_of_any_name_that_several_gradients_are_computed_from_is_to_blame_where_it_should_be_an_adjoint(layer, old, new):
    """`g` is named after nothing, and no edit repairs its line: all that is computed from it comes right with the adjoint of what tanh, or the softmax, is given."""
    assert findings(case_of(layer)) == []
    found = findings(case_of(layer, layer.backward.replace(old, new)))
    assert {f.statement for f in found} == {layer.backward.replace(old, new).partition("\n")[0]}


def test_two_lines_that_are_wrong_for_reasons_of_their_own_keep_them():
    found = findings(case_of(OTHER_NAMES, OTHER_NAMES.backward.replace("g @ w.T", "np.sin(g @ w.T)").replace("x.T @ g", "np.cos(x.T @ g)")))
    assert {f.statement for f in found} == {"dx = np.sin(g @ w.T)", "dw = np.cos(x.T @ g)"}
