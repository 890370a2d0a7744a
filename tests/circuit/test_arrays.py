"""Arrays of steps mean what NumPy means: random programs run by NumPy and by ours, bit for bit; shapes, views, orders of summation."""

from __future__ import annotations

import functools
import math
import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.test_layers import loaded_by
from tests.texts import array_program, array_values
from verifier.circuit.program import Program, component_names
from verifier.circuit.statements import add_backward
from verifier.language.source import Source

SHAPES = {"x": (2, 3), "y": (2, 3), "w": (3, 2), "v": (3,), "q": (2, 1, 2)}
# dyadic numbers: sums and products of a few are exact, so that their order does not matter
VALUES = {name: (np.arange(math.prod(shape)) * 5 % 7 - 2.75).reshape(shape) + k / 4 for k, (name, shape) in enumerate(SHAPES.items())}

ELEMENTWISE = ("{a} + {b}", "{a} - {b}", "{a} * {b}", "-{a}", "2 * {a} - 1", "{a}**2", "np.abs({a})", "np.maximum({a}, {b})", "np.minimum({a}, 0.5)", "np.where({a} > {b}, {a}, {b})", "np.where({a} > 0, {a}, 0.0)", "({a} > {b}) * {a}", "({a} > 0).astype(float)", "np.clip({a}, -1, 1)", "{a}.clip(0, 2)", "np.sign({a})")
MOVES = ("{a}.T", "{a}.reshape(-1)", "{a}.reshape(3, -1)", "{a}.ravel()", "{a}.flatten()", "{a}[1:]", "{a}[::-1]", "{a}[..., None]", "{a}[None]", "{a}[:, 1]", "{a}[-1]", "{a}[0, 1:]", "{a}[[0, -1]]", "{a}[np.arange(2), [1, 0]]", "{a}.copy()", "{a}", "np.concatenate([{a}, {b}])", "np.concatenate(({a}, {b}), axis=1)", "np.stack([{a}, {b}], axis=1)", "np.hstack([{a}, {b}])", "np.vstack([{a}, {b}])", "np.flip({a}, 0)", "np.roll({a}, 1, axis=0)", "np.repeat({a}, 2, axis=0)", "np.tile({a}, 2)", "np.expand_dims({a}, 1)", "np.squeeze({a})", "{a}.swapaxes(0, 1)", "np.transpose({a})", "np.pad({a}, 1)", "np.split({a}, 2)[1]", "np.zeros_like({a})", "np.ones({a}.shape)", "np.full((2, 2), 1.5)", "np.eye(3)", "np.tril({a})", "np.diag({a}).copy()", "np.broadcast_to({a}, (2, 2, 3)).copy()")  # fmt: skip
REDUCTIONS = ("{a}.sum()", "np.sum({a}, axis=0)", "{a}.sum(axis=1, keepdims=True)", "np.sum({a}, axis=(0, 1))", "{a}.sum(-1)", "np.max({a}, axis=0)", "{a}.min(axis=1, keepdims=True)", "{a}.max()", "np.cumsum({a}, axis=0)", "{a}.cumsum()", "np.trace({a})", "{a} @ {b}", "{a} @ {b}.T", "{a}.T.dot({b})", "np.dot({a}, {b})", "np.outer({a}, {b})", "np.einsum('ij,kj->ik', {a}, {b})", "np.einsum('ij->j', {a})", "np.einsum('ij,ij', {a}, {b})", "np.tensordot({a}, {b}, axes=([0], [0]))", "np.prod({a}[:2], axis=0)", "({a} > 0).sum(axis=0)")  # fmt: skip
LAST = ("{a} / 3", "np.sqrt(np.abs({a}))", "{a}.mean(axis=0)", "np.mean({a})", "1.0 / ({a}**2 + 1)", "{a} / {a}.shape[0]", "np.linalg.norm({a})")  # exact before one rounding: their values are not read again
IN_PLACE = ("{a} += {b}", "{a} -= 1", "{a} *= 2", "{a}[0] = 3", "{a}[1:] += 1", "{a}[{a} > 0] = 0", "{a}[{a} <= 0] *= 2", "{a}[:, 0] = {a}[:, 1]", "{a}[0] = {b}[1]", "{a}[..., -1] -= {b}[..., 0]", "{a}[np.arange(2), [1, 0]] -= 1", "for i in range({a}.shape[0]):\n    {a}[i] += i * {a}[-1]", "for i, row in enumerate({a}):\n    row *= i + 1", "{a}, {b} = {b}, {a}", "np.add.at({a}, [0, 1, 0], {b}[0])", "{a}[...] = {b}", "{a} = {a} + 1")  # fmt: skip


@st.composite
def statements(draw: st.DrawFn) -> list[str]:
    """Lines of array code; not all of them have shapes that fit."""
    names, lines = list(SHAPES), []
    for k in range(draw(st.integers(1, 7))):
        kind = draw(st.sampled_from((ELEMENTWISE, MOVES, MOVES, REDUCTIONS, IN_PLACE, IN_PLACE, LAST)))
        a, b = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        text = draw(st.sampled_from(kind)).format(a=a, b=b)
        if kind is IN_PLACE:
            lines.append(text)
        else:
            lines.append(f"r{k} = {text}")
            if kind is not LAST:
                names.append(f"r{k}")
    return lines


def by_numpy(lines: list[str]) -> tuple[list[str], list[str], dict[str, np.ndarray]]:
    """The lines that NumPy runs, those that it refuses, and what every name is at the end. Values stay where sums are exact."""
    names: dict[str, np.ndarray] = {name: value.copy() for name, value in VALUES.items()}
    run: list[str] = []
    refused: list[str] = []
    for line in lines:
        before = {name: np.array(value) for name, value in names.items()}
        shared = dict(names)
        try:
            exec(line, {"np": np}, names)
        except (ValueError, IndexError, TypeError, NameError, np.exceptions.AxisError):
            refused.append(line)
            names = shared
            for name, value in before.items():
                if isinstance(names[name], np.ndarray):
                    names[name][...] = value
        else:
            run.append(line)
        names = {n: v for n, v in names.items() if n not in ("i", "row")}
    return run, refused, names


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal shapes and bits, but for the sign of zero (NumPy's sums begin with +0)."""
    return np.shape(a) == np.shape(b) and np.array_equal(np.asarray(a, dtype=float), np.asarray(b, dtype=float))


@settings(max_examples=400, deadline=None)
@given(statements())
def test_every_name_of_a_random_array_program_has_numpys_shape_and_value(lines: list[str]) -> None:
    run, _, names = by_numpy(lines)
    assume_small = all(np.all(np.abs(np.asarray(v, dtype=float)) < 2**20) for v in names.values())
    if not assume_small:
        return
    program = array_program("\n".join([*run, "out = 1 * 1"]), **SHAPES)
    ours = array_values(program, **VALUES)
    for name, value in names.items():
        assert program.shapes.get(name, ()) == np.shape(value), (name, run)
        assert same(ours(name), value), (name, run)


@settings(max_examples=200, deadline=None)
@given(statements())
def test_what_numpy_refuses_is_refused(lines: list[str]) -> None:
    run, refused, _ = by_numpy(lines)
    for line in refused[:1]:
        before = lines[: lines.index(line)]
        with pytest.raises(ValueError, match=":"):
            array_program("\n".join([*(b for b in before if b in run), line, "out = 1 * 1"]), **SHAPES)


def test_the_comparison_with_numpy_can_fail() -> None:
    program = array_program("r = x.sum(axis=0)\nout = r[0] * 1", **SHAPES)
    assert not same(array_values(program, **VALUES)("r"), VALUES["x"].sum(axis=1))
    assert not same(array_values(program, **VALUES)("r"), VALUES["x"].sum(axis=0) * (1 + 2**-52))


@given(st.lists(st.floats(-1e3, 1e3), min_size=9, max_size=9), st.lists(st.floats(-1e3, 1e3), min_size=9, max_size=9))
def test_sums_and_dot_products_run_left_to_right(a: list[float], b: list[float]) -> None:
    program = array_program("s = np.sum(a)\nd = a @ b\nm = a.reshape(3, 3) @ b.reshape(3, 3)\nc = np.cumsum(a)\nout = s + d", a=(9,), b=(9,))
    ours = array_values(program, a=a, b=b)
    assert ours("s") == functools.reduce(operator.add, a)
    assert ours("d") == functools.reduce(operator.add, [x * y for x, y in zip(a, b, strict=True)])
    assert ours("m")[1, 2] == a[3] * b[2] + a[4] * b[5] + a[5] * b[8]
    assert list(ours("c")) == [functools.reduce(operator.add, a[: k + 1]) for k in range(9)]


def test_softmax_variance_and_norms_are_those_of_numpy_formulas() -> None:
    x = np.random.default_rng(7).normal(size=(3, 4))
    program = array_program("p = F.softmax(x, dim=1)\nl = log_softmax(x, axis=-1)\nz = logsumexp(x, axis=1)\nv = np.var(x, axis=0, ddof=1)\nt = torch.var(x, dim=0)\ns = x.std()\nn = np.linalg.norm(x, axis=1)\nout = s * 1", x=(3, 4))
    ours = array_values(program, x=x)
    powers = np.exp(x)
    for name, expected in {"p": powers / powers.sum(axis=1, keepdims=True), "l": np.log(powers / powers.sum(axis=1, keepdims=True)), "z": np.log(powers.sum(axis=1)), "v": x.var(axis=0, ddof=1), "t": x.var(axis=0, ddof=1), "s": x.std(), "n": np.sqrt((x * x).sum(axis=1))}.items():
        np.testing.assert_array_max_ulp(ours(name), expected, maxulp=16)


def test_a_view_shares_and_fancy_indexing_copies() -> None:
    program = array_program("a = x.copy()\nrow = a[0]\nrow += 10\ntaken = a[[1]]\ntaken += 100\nturned = a.T\nturned[0, 0] = 7\nout = a[0, 0] * 1", x=(2, 3))
    x = VALUES["x"]
    assert array_values(program, x=x)("a").tolist() == [[7, *(x[0, 1:] + 10)], x[1].tolist()]


def test_whatever_only_moves_elements_makes_no_step() -> None:
    moves = "b = x.T\nc = b.reshape(-1)[::-1]\nd = np.stack([c, c])[:, None]\nout = d[0, 0, 0] * 1"
    assert len(array_program(moves, x=(2, 3))) == 6 + 2


def test_components_are_named_by_their_index() -> None:
    program = array_program("h = x * 2\nh[1] += 1\nout = h.sum()", x=(2, 3))
    assert program.names["h[1,2]"] == program.names["h[1,0]"] + 2
    assert {program.steps[program.names[f"h[{i},{j}]"]].name for i in range(2) for j in range(3)} == {f"h[{i},{j}]" for i in range(2) for j in range(3)}
    assert program.shapes == {"x": (2, 3), "h": (2, 3)}


def test_whole_numbers_stay_whole_until_they_meet_a_step() -> None:
    program = array_program("N, D = x.shape\nn = N * D // 2 + 1\nh = x.reshape(n - 1, -1)\nout = h.sum() / n", x=(2, 3))
    assert [s.text for s in program.steps if s.gate == "number"] == ["4"]
    assert program.shapes["h"] == (3, 2)


def test_loops_functions_lists_and_branches_are_written_out() -> None:
    text = """
def step(h, w, scale=1):
    if scale != 1:
        h = h * scale
    elif w is None:
        return h
    z = h @ w
    return np.maximum(z, 0), z

cache = []
h = x
for t in reversed(range(2)):
    h, z = step(h, w) if t else step(h, w, scale=2)
    h = h @ w.T
    cache.append((z, t))
total = sum(z.sum() * t for z, t in cache)
params = {'W1': w}
out = total + params['W1'][0, 1]
"""
    x, w = VALUES["x"], VALUES["w"]
    z1 = x @ w
    z0 = (np.maximum(z1, 0) @ w.T * 2) @ w
    assert array_values(array_program(text, x=(2, 3), w=(3, 2)), x=x, w=w)("out") == z1.sum() * 1 + z0.sum() * 0 + w[0, 1]


def test_a_part_under_a_mask_is_read_and_assigned_under_the_same_mask() -> None:
    text = """
positive, negative = x >= 0, x < 0
z = np.zeros_like(x)
z[positive] = np.exp(-x[positive])
z[negative] = np.exp(x[negative])
top = np.ones_like(x)
top[negative] = z[negative]
s = top / (1 + z)
d = x.copy()
d[x > 1] = 2 * d[x > 1] + 1
out = s.sum()
"""
    x = np.array([[1.5, -2, 0.0], [-700, 0.25, 800]])
    ours = array_values(array_program(text, x=(2, 3)), x=x)
    np.testing.assert_array_max_ulp(ours("s"), 1 / (1 + np.exp(-x)), maxulp=4)
    assert ours("d").tolist() == np.where(x > 1, 2 * x + 1, x).tolist()


def test_rounds_and_loops_are_left_as_in_python() -> None:
    text = """
total = x[0, 0] * 0
for i in range(2):
    for j in range(3)[::-1]:
        if j == y[i]:
            continue
        total += x[i, j]
    if i == stop:
        break
out = total * 1
"""
    x = VALUES["x"]
    for stop, rows in ((0, 1), (5, 2)):
        ours = array_values(array_program(text, known={"y": [2, 0], "stop": stop}, x=(2, 3)), x=x)
        assert ours("out") == sum(x[i, j] for i in range(rows) for j in range(3) if j != (2, 0)[i])


@pytest.mark.parametrize(("text", "expected"), [("int(1 + (7 + 2 * 1 - 3) / 2)", 4), ("int((x.shape[1] - 6) / 2)", -1), ("int(np.floor(x.shape[1] / 2)) + 1", 2), ("int(-x.shape[1] / 2.0)", -1)])
def test_a_quotient_of_whole_numbers_becomes_a_whole_number(text: str, expected: int) -> None:
    assert eval(text, {"np": np, "x": VALUES["x"]}) == expected, "Python's own value"
    assert array_program(f"k = {text}\nout = x[0, 0] * 1", x=(2, 3)).values["k"].value == expected


def test_a_slice_has_a_name_and_a_part_that_is_added_to_is_the_output() -> None:
    text = "rows, cols = slice(0, 2), slice(None, None, 2)\nout = np.zeros((2, 3))\nh = x * 2\nout[rows, cols] += h[rows, cols]"
    program = array_program(text, x=(2, 3))
    assert program.output_name == "out"
    assert array_values(program, x=VALUES["x"])("out").tolist() == (VALUES["x"] * [2, 0, 2]).tolist()


def test_the_first_of_several_names_of_the_last_line_is_the_output() -> None:
    text = "def f(x):\n    out = x * 2\n    return out, x\nout, cache = f(x)"
    assert array_program(text, x=(2, 3)).output_name == "out"


def test_labels_that_are_known_select_at_once() -> None:
    text = "N = x.shape[0]\nloss = -x[np.arange(N), y].sum() / N\nd = np.zeros_like(x)\nd[range(N), y] -= 1\nhot = (np.arange(3)[None, :] == y[:, None])\nm = np.where(hot, x, 0)\nout = loss + m.sum()"
    program = array_program(text, known={"y": [2, 0]}, x=(2, 3))
    ours = array_values(program, x=VALUES["x"])
    assert ours("d").tolist() == [[0, 0, -1], [-1, 0, 0]]
    assert all(s.gate != "where" for s in program.steps)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("r = x + w", "1:5: the shapes (2, 3) and (3, 2) do not fit together in '+': counted from the last axis, lengths must be equal or 1"),
        ("r = x @ x", "1:5: the shapes (2, 3) and (2, 3) do not fit in '@': 3 columns meet 2 rows"),
        ("r = x.reshape(4, 2)", "1:5: an array of shape (2, 3) has 6 elements and cannot have the shape (4, 2)"),
        ("r = x.sum(axis=2)", "1:5: an array of shape (2, 3) has no axis 2"),
        ("r = x[2]", "1:5: an array of shape (2, 3) has no part [2]"),
        ("x[0] = w", "1:1: an array of shape (3, 2) does not fit into a part of shape (3,)"),
        ("x += w", "1:1: the shapes (2, 3) and (3, 2)"),
        ("r = np.concatenate([x, w])", "1:5: the shapes (2, 3) and (3, 2) do not fit in 'concatenate'"),
        ("r = x[x > 0].sum()", "1:5: how many elements this mask selects depends on the inputs: write where(mask, a, b), or assign with it, as in dx[x <= 0] = 0"),
        ("r = x[x > 0] + x", "1:5: elements that a mask selects, where the mask depends on inputs, combine only with numbers and with elements of the same mask: write where(mask, a, b)"),
        ("x[x > 0] = x[x > 1]", "1:1: the values that are assigned were selected with another mask than the elements they go to"),
        ("continue", "1:1: 'continue' stands inside a loop"),
        ("if x.shape[0] > 1:\n    raise ValueError('too many')", "2:5: the program ends at this line, which raises an error; change the inputs or remove this line"),
        ("r = int(x[0, 0] / 2)", "1:5: a number that depends on inputs cannot be made a whole number"),
        ("r = np.argmax(x, axis=1)", "1:5: which element this picks depends on the values of the inputs"),
        ("if x[0, 0] > 0:\n    r = x", "1:4: 'if' needs one condition that does not depend on the inputs: write the choice as where(condition, a, b)"),
        ("r = x.cumsun(0)", "1:5: unknown method 'cumsun'; did you mean 'cumsum'?"),
        ("r = np.summ(x)", "1:5: unknown function 'summ'; did you mean 'sum'?"),
        ("while True:\n    r = 1", "1:1: 'while' is not part of the language: write for i in range(n), where n does not depend on the inputs"),
        ("for i in range(10**9):\n    r = i", "1:10: a loop of 1000000000 rounds is too long: at most 1000000"),
        ("for i in range(2000):\n    for j in range(2000):\n        r = i", "1:1: all loops together have more than 1000000 rounds"),
        ("r = sum([i for i in range(10**4) for j in range(10**4)])", "1:43: all comprehensions together have more than 1000000 rounds"),
        ("r = sum([sum([i for j in range(10**4)]) for i in range(10**4)])", "1:26: all comprehensions together have more than 1000000 rounds"),
        ("r = np.zeros((10**5, 10**5))", "1:5: an array of shape (100000, 100000) has more than 10000000 elements"),
        ("r = np.ones((3000, 3000)) @ np.ones((3000, 3000))", "1:5: the program has more than 2000000 steps"),
        ("r = np.tile(x, 10**9)", "1:5: an array of shape (1000000000,) has more than 10000000 elements"),
        ("def f(a):\n    return f(a)\nr = f(x)", "2:12: functions call each other more than 20 deep"),
        ("a, b = x.shape[0], x, w", "1:1: 3 values are assigned to 2 names"),
        ("return x", "1:1: 'return' is not part of the language: the last assigned name is the output"),
        ("x + 1", "1:1: a line must assign to a name: 'name = expression' or 'name += expression'"),
        ("r = lambda a: a", "1:5: 'lambda' is not part of the language: write the expression out"),
        ("r = x // 2", "1:5: '//' is only for whole numbers that do not depend on the inputs; write floor(a / b)"),
        ("r = x % 2", "1:5: '%' is only for whole numbers that do not depend on the inputs; write fmod(a, b)"),
    ],
)  # fmt: skip
def test_what_is_not_read_is_refused_with_what_to_write_instead(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=":") as caught:
        array_program(line + "\nout = x[0, 0] * 1", x=(2, 3), w=(3, 2))
    assert str(caught.value).partition("\n")[0].removeprefix("t:").startswith(message)


def test_one_mistake_does_not_hide_another_and_is_said_once() -> None:
    with pytest.raises(ValueError, match=":") as caught:
        array_program("a = x + w\nb = a * 2\nc = x @ x\nfor i in range(2):\n    d = c[i] + zz\n", x=(2, 3), w=(3, 2))
    assert [line.split(":")[1] for line in str(caught.value).splitlines() if line.startswith("t:")] == ["1", "3"]


def test_spellings_of_pytorch_and_jax_are_read() -> None:
    text = "a = torch.cat([x, x], dim=0)\nb = x.unsqueeze(1).squeeze(1)\nc = x.clamp(min=0).pow(2).t()\nd = x.view(-1, 2)\ne = x.permute(1, 0)\nf = x.at[0].add(v).at[x > 0].set(0)\ng = jnp.einsum('ij,j->i', x, v)\nh = x.max(dim=1, keepdim=True)[0]\ni = torch.sigmoid(x) + x.tanh()\nk = x.sum(dim=(0, 1))\nout = k * 1"
    program = array_program(text, x=(2, 3), v=(3,))
    x, v = VALUES["x"], VALUES["v"]
    ours = array_values(program, x=x, v=v)
    added = x.copy()
    added[0] += v
    added[x > 0] = 0
    expected = {"a": np.concatenate([x, x]), "b": x, "c": (np.maximum(x, 0) ** 2).T, "d": x.reshape(-1, 2), "e": x.T, "f": added, "g": x @ v, "h": x.max(axis=1, keepdims=True), "k": x.sum()}
    assert {name: same(ours(name), value) for name, value in expected.items()} == dict.fromkeys(expected, True)


LAYER_NORM = """
def layernorm_forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=1, keepdims=True)
    xmu = x - mu
    std = np.sqrt(np.mean(xmu**2, axis=1, keepdims=True) + eps)
    xhat = xmu / std
    out = gamma * xhat + beta
    cache = (xhat, gamma, std)
    return out, cache

out, cache = layernorm_forward(x, gamma, beta)
L = np.sum(dout * out)
"""
BACKWARD = """
def layernorm_backward(dout, cache):
    xhat, gamma, std = cache
    dgamma, dbeta = (dout * xhat).sum(0), dout.sum(0)
    dxhat = dout * gamma
    dx = (dxhat - dxhat.mean(1, keepdims=True) - xhat * (dxhat * xhat).mean(1, keepdims=True)) / std
    return dx, dgamma, dbeta

dx, dgamma, dbeta = layernorm_backward(dout, cache)
"""
LAYER = {"x": (2, 4), "gamma": (4,), "beta": (4,), "dout": (2, 4)}


def backward_of(text: str, *names: str) -> tuple[Program | None, list[str]]:
    """The layer norm with a backward pass, and the complaints about it."""
    forward = array_program(LAYER_NORM, **LAYER)
    claims = [(n, f"d{n}") for name in names for n in component_names(name, LAYER[name])]
    program, complaints = add_backward(forward, Source(text, "t", 1, 1, text), claims)
    return program, [str(c).partition("\n")[0] for c in complaints]


def test_a_layer_and_its_backward_pass_are_read_as_they_are_pasted() -> None:
    program, complaints = backward_of(BACKWARD, "x", "gamma", "beta")
    assert complaints == []
    assert program is not None
    rng = np.random.default_rng(3)
    values = {name: rng.normal(size=shape) for name, shape in LAYER.items()}
    ours = array_values(program, **values)

    def loss(x: np.ndarray) -> float:  # in long double, differenced: an independent derivative
        centred = x - x.mean(axis=1, keepdims=True)
        return ((centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5) * values["gamma"] + values["beta"]) * values["dout"]).sum()

    x = values["x"].astype(np.longdouble)
    for index in np.ndindex(2, 4):
        step = np.zeros((2, 4), dtype=np.longdouble)
        step[index] = 1e-5
        assert ours("dx")[index] == pytest.approx(float((loss(x + step) - loss(x - step)) / np.longdouble(2e-5)), rel=1e-7)
    assert program.steps[program.names["dx[1,2]"]].name == "dx[1,2]"
    line = program.lines[program.steps[program.names["dx[1,2]"]].line]
    assert line.text.startswith("dx = (dxhat - dxhat.mean")
    assert line.backward


def test_a_gradient_of_another_shape_costs_nothing_else() -> None:
    program, complaints = backward_of(BACKWARD.replace("dout.sum(0)", "dout.sum(1)"), "x", "gamma", "beta")
    assert complaints == []
    assert program is not None
    assert (program.shapes["dbeta"], program.shapes["dx"]) == ((2,), (2, 4))


def test_a_gradient_that_is_never_set_is_said_once() -> None:
    _, complaints = backward_of("dx = dout * gamma", "x", "gamma")
    assert complaints == ["t:1:1: the backward pass never sets 'dgamma', the gradient with respect to 'gamma'"]


def test_the_backward_pass_changes_nothing_of_the_forward_pass() -> None:
    forward = array_program("h = x * 2\nout = h.sum()", x=(2,))
    before = forward.values["h"].tolist()
    text = "h += 1\ndx = h * dout"
    program, complaints = add_backward(forward, Source(text, "t", 1, 1, text), [("x[0]", "dx[0]"), ("x[1]", "dx[1]")])
    assert complaints == []
    assert program is not None
    assert forward.values["h"].tolist() == before
    assert array_values(program, x=[1.5, 2])("dx").tolist() == [4, 5]


def test_cases_without_arrays_load_no_numpy() -> None:
    text = "function: W[0] * x + W[1]\\npoints: [{W: [2, -3], x: 5}]\\n"
    assert "numpy" not in loaded_by(f"from verifier import load_text\nassert load_text('{text}').cases")
    assert "numpy" in loaded_by(f"from verifier import load_text\nassert load_text('{text.replace('W[0] * x + W[1]', 'sum(W * x)')}').cases"), "the twin"


ATOMS = ("x", "v", "s", "3", "-1", "None", "'a'", "(1, 2)", "[x, x]", "[]", "{'k': x}", "x.shape", "y", "x > 0", "np.arange(3) > 1", "...", "f", "range(2)", "1:2", "float", "np.inf", "10**9")
FORMS = ("{0} + {1}", "{0} // {1}", "{0} @ {1}", "{0} < {1}", "{0} in {1}", "{0} and {1}", "np.{w}({0})", "np.{w}({0}, {1})", "np.{w}({0}, axis={1})", "({0}).{w}({1})", "({0}).{w}()", "({0})[{1}]", "({0})[{1}, {0}]", "-({0})", "({0}) if {1} else x", "[i for i in {0}]", "({0}).at[{1}].add({0})", "({0}).T", "np.einsum('ij,jk->ik', {0}, {1})")
LINES = ("r = {0}", "r[{0}] = {1}", "x[{0}] = {1}", "x[{0}] += {1}", "x *= {0}", "for i in {0}:\n    r = {1}", "if {0}:\n    r = {1}", "a, b = {0}", "l.append({0})", "np.add.at({0}, {1}, {0})", "x.fill({0})", "d[{0}] = {1}")  # fmt: skip


@st.composite
def nonsense(draw: st.DrawFn) -> str:
    """A line whose parts need not go together."""
    words = st.sampled_from(("sum", "max", "var", "norm", "dot", "outer", "reshape", "transpose", "squeeze", "concatenate", "split", "pad", "tile", "roll", "full", "zeros", "eye", "where", "exp", "clip", "maximum", "softmax", "cumsum", "size", "get", "append"))
    parts = st.recursive(st.sampled_from(ATOMS), lambda inner: st.builds(lambda form, a, b, w: form.format(a, b, w=w), st.sampled_from(FORMS), inner, inner, words), max_leaves=4)
    return draw(st.sampled_from(LINES)).format(draw(parts), draw(parts))


@settings(max_examples=500, deadline=None)
@given(nonsense())
def test_any_line_is_a_program_or_a_complaint(line: str) -> None:
    text = f"l = []\nd = {{}}\ndef f(a, b=2):\n    return a * b\n{line}\nout = 1 * 1"
    try:
        array_program(text, known={"y": [0, 1]}, x=(2, 3), v=(3,), s=())
    except ValueError as error:
        assert str(error).startswith("t:"), error  # noqa: PT017
