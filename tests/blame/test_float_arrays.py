"""Array code on floats gives what Python and NumPy give for it; statements set and read the names that they do; missing terms are what their text says."""

from __future__ import annotations

import ast
from types import SimpleNamespace

import numpy as np
import pytest
from flint import arb

from verifier.blame.formula import array_lines, float_arrays, float_trials, rerun
from verifier.blame.formula.float_arrays import NotEvaluated, execute
from verifier.language.source import Source

X = np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -0.75]])
W = np.array([[1.0, 2.0], [-0.5, 0.125], [4.0, -3.0]])
B = np.array([0.5, -2.0, 1.5])
BLOCKS = (
    "y = x @ w", "y = x.T + 2*w - 1", "y = x / 3 // 0.5 % 0.7", "y = -x ** 2", "y = 2 ** 70", "y = 2 ** 3", "y = (x > 0) & (x < 2) | (x == 3)", "y = ~(x >= 0.25)", "y = x[0, 1:] * x[1, :2]", "y = x[:, None, :]", "y = x[:, ::-1]", "y = x.T.shape[0] + x.ndim + x.size", "y = np.sum(x, axis=0, keepdims=True)", "y = x.sum(axis=1)",
    "y = np.mean(x, axis=-1)", "y = x.mean()", "y = np.where(x > 0, x, -x)", "y = np.maximum(x, 0)", "y = np.exp(x - x.max(axis=1, keepdims=True))", "y = np.zeros_like(x > 0) + 1", "y = np.ones_like(x)", "y = np.full_like(x, 7)", "y = np.zeros((2, 2))", "y = np.arange(3) * b", "y = np.concatenate([x, x], axis=0)", "y = np.outer(b, b)", "y = np.einsum('ij,jk->ik', x, w)",
    "y = x.copy()\ny[0] = 5", "y = np.array([1.0, 2.0])", "y = x.reshape(3, 2)", "y = x.transpose(1, 0)", "y = np.pi * x + np.e", "y = pi + tau", "y = 1 if len(x) == 2 else 0", "y = 0 if len(x) == 2 else 3", "y, z = x, w", "[y, z] = [1, 2]", "y = z = b + 1", "y = x.copy()\ny += 1\ny -= b\ny *= 2\ny /= 4\ny **= 2", "y = 3\ny += 1", "y = x.copy()\ny[0, 1] += 7\ny[1] -= b",
    "y = 0\nfor i in range(3):\n    y += b[i] * i", "y = np.zeros(3)\nfor i, v in enumerate(b):\n    y[2 - i] = v", "y = []\nfor a, c in zip(b, x[0]):\n    y.append(a * c)\ny = np.array(y)", "y = 0\nfor i in reversed(range(3)):\n    y = y * 2 + b[i]", "y = 1\nif b[0] > 0:\n    y = 2\nelse:\n    y = 3", "y = 1\nif b[0] < 0:\n    y = 2\nelse:\n    y = 3", "y = 1\nif b[0] < 0:\n    y = 2",
    "def f(a, c=2):\n    t = a * c\n    return t + 1\ny = f(x) + f(b, 3) + f(a=1, c=b)", "def f(a):\n    if a > 0:\n        return a\n    return -a\ny = f(b[0]) + f(b[1])", "y = None is None", "y = b is not None", "y = not (b[0] > 0)", "y = +b", "y = np.tanh(b) + np.sqrt(abs(b)) - np.log1p(b * b)", "y = x.dot(w)", "y = np.clip(b, -1, 1)", "y = b.astype(float)", "y = (b > 0).astype(int)", "y = float(3) + int(2.5)", "y = np.prod(b)",
    "y = np.zeros((3, 3))\nnp.add.at(y, [0, 0, 1], b)", "y = np.zeros(3)\nnp.subtract.at(y, [0, 0, 1], 2.0)", "y = x[:, 1:][0, 0]", "y = (b > 0).copy() + 0.5", "y = np.stack([b, b])[1]", "y = np.pad(b, 1)", "y = np.argmax(b)", "y = list(b)[0]", "y = np.split(b, 3)[1]", "pass\ny = 1", "y = b[-1]", "y = np.einsum('i,i', b, b)", "y = np.tril(x) + np.triu(x)", "y = x[b[:2] > 0]", "k = np.array([0, 2]).copy()\ny = b[k]", "k = np.argmax(x, axis=1)\ny = x[np.arange(2), k.copy()]",
)  # fmt: skip
REFUSED = ("y = unknown", "y = x @ x", "y = x.unknown", "y = x[7]", "y = open('a')", "y = [v for v in b]", "y = lambda: 1", "y = x.tofile('a')", "with x: pass", "y = b.reshape(2, 2)", "y = int('a')", "return x", "x.real = 1", "y = 1 < 2 < 3", "y = (b > 0).copy()\nz = b > 0\nz[0] = 1.5", "while True: pass", "y = np.save", "y = {}", "del x", "y = 1/0", "y: float = 2", "for i in range(30000):\n    pass", "def f(a):\n    return f(a)\ny = f(1)", "(x).T = 1", "f(x)[0] += 1", "b.T += 1")


def given() -> dict[str, object]:
    return {"x": X.copy(), "w": W.copy(), "b": B.copy()}


@pytest.mark.parametrize("code", BLOCKS)
def test_a_block_gives_what_python_gives(code: str) -> None:
    names, expected = given(), given() | {"np": np, "pi": np.pi, "tau": 2 * np.pi, "e": np.e}
    for tree in ast.parse(code).body:
        execute(tree, names)
    exec(code, expected)
    for name in ("x", "w", "b", "y", *(["z"] if "z" in expected else [])):
        assert np.shape(names[name]) == np.shape(expected[name])
        assert np.array_equal(np.asarray(names[name], dtype=float), np.asarray(expected[name], dtype=float), equal_nan=True)


@pytest.mark.parametrize("code", REFUSED)
def test_what_is_not_plain_or_has_no_value_is_not_evaluated(code: str) -> None:
    names = given()

    def run() -> None:
        for tree in ast.parse(code).body if not code.startswith("return") else [ast.Return(ast.Name("x", ast.Load()))]:
            execute(tree, names)

    with pytest.raises(NotEvaluated):
        run()


def test_sigmoid_and_softmax_are_those_of_the_textbook() -> None:
    names = given()
    for code in ("s = sigmoid(b)", "p = softmax(x)", "q = softmax(x, axis=0)", "r = softmax(x, dim=0)"):
        execute(ast.parse(code).body[0], names)
    assert np.allclose(names["s"], 1 / (1 + np.exp(-B)), rtol=1e-15)
    assert np.allclose(names["p"], np.exp(X) / np.exp(X).sum(axis=1, keepdims=True), rtol=1e-14)
    assert np.allclose(names["q"], np.exp(X) / np.exp(X).sum(axis=0), rtol=1e-14)
    assert np.array_equal(names["q"], names["r"])  # type: ignore[arg-type]


def test_calls_inside_of_calls_end() -> None:
    code = "".join(f"def f{k}(a):\n    return {'a' if k == 0 else f'f{k - 1}(a) + 1'}\n" for k in range(12))
    names = given()
    for tree in ast.parse(code).body:
        execute(tree, names)
    for depth, works in ((float_arrays.MOST_CALLS, True), (float_arrays.MOST_CALLS + 1, False)):
        call = ast.parse(f"y = f{depth}(0)").body[0]
        if works:
            execute(call, names)
            assert names["y"] == depth
        else:
            with pytest.raises(NotEvaluated):
                execute(call, names)


# ---------------------------------------------------------------- statements of a block

# a block, and of each of its units the names that it sets and reads
UNITS = (
    ("dx = w @ y\ndx += b\n", [({"dx"}, {"w", "y"}), ({"dx"}, {"dx", "b"})]), ("dx[0] = w\n", [({"dx"}, {"dx", "w"})]), ("a, b = c, d\n", [({"a", "b"}, {"c", "d"})]), ("for i in range(n):\n    dx[i] += w\n", [({"i", "dx"}, {"range", "n", "dx", "i", "w"})]), ("np.add.at(dw, i, g)\n", [({"dw"}, {"np", "dw", "i", "g"})]), ("dx[n][i] = 2\n", [({"dx"}, {"dx", "n", "i"})]), ("l.append(v)\n", [({"l"}, {"l", "v"})]),
    ("def f(a):\n    return a\na = f(a)\nb = a\n", [({"b"}, {"a"})]), ("def f(a, c):\n    t = a*c\n    return t\ny = f(p, q)\n", [({"a"}, {"p"}), ({"c"}, {"q"}), ({"t"}, {"a", "c"}), ({"y"}, {"t"})]), ("def f(a, c=k):\n    return a*c\ny = f(p)\n", [({"a"}, {"p"}), ({"c"}, {"k"}), ({"y"}, {"a", "c"})]), ("def f(a, c):\n    return a*c\ny = f(c=p, a=q)\n", [({"a"}, {"q"}), ({"c"}, {"p"}), ({"y"}, {"a", "c"})]), ("def f(a):\n    y = a*a\n    return y\ny = f(a)\n", [({"y"}, {"a"})]),
    ("def f(a, c=2):\n    return a*c\ny = f(3*p)\n", [({"a"}, {"p"}), ({"c"}, set()), ({"y"}, {"a", "c"})]), ("def f(a, c):\n    return a*c\ny = f(p.T, c=-q)\n", [({"a"}, {"p"}), ({"c"}, {"q"}), ({"y"}, {"a", "c"})]),
)  # fmt: skip
WHOLE = ("def f(a, c):\n    return a*c\ny = f(c, a)\n", "def f(a):\n    return a\ny = f(p)\nz = f(q)\n", "def f(a):\n    if a: return 1\n    return 2\ny = f(p)\n", "def f(a, *, c=1):\n    return a\ny = f(p)\n", "def f(a, c):\n    return a\ny = f(p)\n", "def f(a):\n    return a\ny = f(p, q)\n", "def f(a):\n    return\ny = f(p)\n", "def f(a):\n    return a\n    t = 1\ny = f(p)\n")


@pytest.mark.parametrize(("text", "expected"), UNITS, ids=[t for t, _ in UNITS])
def test_a_statement_sets_and_reads_names_and_a_plain_function_is_written_out(text: str, expected: list[tuple[set[str], set[str]]]) -> None:
    found = rerun.units_of(Source(text, "", 1, 1, text))
    assert [(set(u.sets), set(u.reads)) for u in found] == expected
    for u in found:
        if u.is_written:
            assert text[u.start :].startswith(u.text)
            assert ast.unparse(ast.parse(u.text.strip() if "return" not in u.text else "0")) is not None


@pytest.mark.parametrize("text", WHOLE)
def test_a_function_that_is_not_plain_or_not_called_plainly_stays(text: str) -> None:
    found = rerun.units_of(Source(text, "", 1, 1, text))
    assert len(found) == len(ast.parse(text).body)
    assert isinstance(found[0].tree, ast.FunctionDef)


def test_a_statement_of_a_loop_is_found_where_it_stands() -> None:
    (unit,) = rerun.units_of(Source("for i in range(3):\n    a = 1\n    b = 2\n", "", 1, 1, ""))
    loop, first, second = rerun.statements_in(unit)
    assert isinstance(loop, ast.For)
    assert rerun.block_of(unit, first) == (loop.body, 0)
    assert rerun.block_of(unit, second) == (loop.body, 1)
    assert rerun.block_of(unit, loop) == ([loop], 0)
    assert float_trials.set_by(first) == {"a"}
    assert float_trials.set_by(ast.parse("a[i], b = 1, 2").body[0]) == {"a", "i", "b"}
    assert float_trials.set_by(ast.parse("a += c").body[0]) == {"a"}


# ---------------------------------------------------------------- near values, and terms


@pytest.mark.parametrize(
    ("value", "exact", "expected"),
    [
        ([1, 2], [1, 2], True), ([1, 2 * (1 + 0.9e-9)], [1, 2], True), ([1, 2 * (1 + 1.1e-9)], [1, 2], False), ([1, 2 * (1 - 1.1e-9)], [1, 2], False), ([0.9e-12, 1], [0, 1], True), ([1.2e-12, 1], [0, 1], False), ([5, 2], [np.nan, 2], True), ([np.nan, 2], [1, 2], False), ([1, 2, 3], [1, 2], False), ([], [], False), ([[1], [2]], [1, 2], True), ("a", [1], False), (None, [1], False), ([np.inf], [1], False),
    ],
)  # fmt: skip
def test_near_is_relative_to_the_component_or_to_the_largest(value: object, exact: list[float], expected: bool) -> None:
    """1e-9 of the component, 1e-12 of the largest one."""
    assert float_trials.near(value, np.array(exact, dtype=float)) is expected


def test_the_terms_have_the_values_of_their_texts() -> None:
    arrays = {"x": X, "w": W, "b": B, "s": np.array(2.0), "v": np.array([[1.5], [-2.5]])}
    found = list(float_trials._terms(arrays, 2))
    assert all(np.array_equal(eval(text, {**arrays, "np": np}), value) for text, value in found)
    texts = [text for text, _ in found]
    assert len(texts) == len(set(texts))
    assert {"x", "x.mean(axis=0, keepdims=True)", "b.sum(axis=0, keepdims=True)", "b * x", "x @ w", "x.T @ x", "x * (x * b).mean(axis=1, keepdims=True)", "w.T @ w"} <= set(texts)
    assert not {"x * w", "w * x", "b @ x", "b.sum(axis=1, keepdims=True)", "x * b"} & set(texts)


def test_the_terms_of_a_number_are_sums_of_vectors_as_well() -> None:
    assert "b.sum(axis=0, keepdims=True)" in [text for text, _ in float_trials._terms({"b": B}, 0)]


@pytest.mark.parametrize(("a", "b", "fits"), [((2, 3), (3,), True), ((2, 3), (2,), False), ((2, 3), (2, 1), True), ((), (2, 3), True), ((2, 3), (3, 2), False), ((4, 2, 3), (2, 3), True), ((4, 2, 3), (4, 3), False)])
def test_two_arrays_fit_where_numpy_broadcasts_them(a: tuple[int, ...], b: tuple[int, ...], fits: bool) -> None:
    assert float_trials._fit(np.zeros(a), np.zeros(b)) is fits
    try:
        np.broadcast_shapes(a, b)
        assert fits
    except ValueError:
        assert not fits


def test_the_sign_and_the_factor_of_a_term_are_found() -> None:
    outer = [("", np.array(1.0)), (" * s", np.array(2.0)), (" / s", np.array(0.5)), (" * b", B)]
    for rest, expected in ((X, ("+", "")), (-X, ("-", "")), (2 * X, ("+", " * s")), (-X / 2, ("-", " / s")), (X * B, ("+", " * b")), (3 * X, None), (X + 1, None), (X * 1.0000001, None), (np.zeros((2, 3)), None)):
        assert float_trials._factor(rest, X, outer) == expected
    for size in (1e-9, 1e9):  # near is relative to the value, however large it is
        assert float_trials._factor(X * size * (1 + 1e-12), X, [("", np.array(1.0)), (" * c", np.array(size))]) == ("+", " * c")
    assert float_trials._factor(np.ones((2, 3)) * B, B, outer) == ("+", "")
    assert float_trials._factor(B, X, outer) is None, "more axes than what is left"


def test_a_run_ends_where_the_array_that_is_looked_for_is_not_right() -> None:
    """`a` should be (2, 5), but for a third component that is nobody's; what comes after it is not run."""
    units = [SimpleNamespace(tree=ast.parse(text).body[0]) for text in ("a = b", "c = a + 1")]
    w = SimpleNamespace(name="a", unit=0, needed=[[arb(2)], [arb(5)], [arb(7)]], forward=[0, 1, -1])
    quick = float_trials.Quick(SimpleNamespace(units=units), {}, frozenset(), 0, w, frozenset(), {}, {}, {})  # type: ignore[arg-type]
    found = quick.run(ast.parse("a = np.array([2.0, 5.0, 0.0])").body)
    assert found is not None
    assert found["c"].tolist() == [3.0, 6.0, 1.0]
    assert quick.run(ast.parse("a = np.array([2.0, 4.0, 7.0])").body) is None


def test_a_product_that_is_missing_in_a_loop_is_a_statement_of_its_own_after_the_one_that_sets() -> None:
    loop = ast.parse("for k in range(1):\n    b = a * 2\n    c = a * 3").body[0]
    assert isinstance(loop, ast.For)
    quick = float_trials.Quick(SimpleNamespace(units=[SimpleNamespace(tree=loop, sets={"b", "c", "k"})]), {}, frozenset(), 0, None, frozenset(), {"a": B.copy()}, {}, {})  # type: ignore[arg-type]
    found = {e.words: e for e in float_trials.missing_products(quick, loop.body[1])}
    edit = found["the term `+ b * a` is missing"]
    assert edit.after
    names: dict[str, object] = {"a": B.copy(), "b": 2 * B, "c": 3 * B}
    execute(edit.statement, names)
    assert np.array_equal(names["c"], 3 * B + 2 * B * B)  # type: ignore[arg-type]


# ---------------------------------------------------------------- components that are judged


def test_components_that_hold_no_adjoint_of_their_own_are_not_judged() -> None:
    """The zeros of a padded array are numbers, and one step may stand in several places; a claim is judged as a whole."""
    steps = [SimpleNamespace(args=(), gate="number"), SimpleNamespace(args=(), gate="input"), SimpleNamespace(args=(1,), gate="exp"), SimpleNamespace(args=(), gate="constant")]
    forward = SimpleNamespace(steps=steps)
    assert array_lines._judged_components(forward, (0, 1, 2, 2, 3), is_claim=False) == (-1, 1, -1, -1, -1)  # type: ignore[arg-type]
    assert array_lines._judged_components(forward, (0, 1, 2), is_claim=False) == (-1, 1, 2)  # type: ignore[arg-type]
    assert array_lines._judged_components(forward, (0, 1, 2, 2), is_claim=True) == (0, 1, 2, 2)  # type: ignore[arg-type]
