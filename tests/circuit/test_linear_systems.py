"""`np.linalg` in the language of the cases: its values are NumPy's but for rounding, and the gradients in the textbooks are right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import solve_triangular

from tests.texts import array_program, array_values
from verifier import load_text
from verifier.circuit import program
from verifier.verify import verify

A = np.array([[2.1, 0.3, -0.4], [0.5, 1.7, 0.6], [-0.2, 0.9, 2.5]])
SPD = np.array([[2.4, 0.3, -0.5], [0.3, 1.9, 0.4], [-0.5, 0.4, 3.1]])
LOW = np.array([[1.3, 0.0, 0.0], [0.4, 0.9, 0.0], [-0.6, 0.7, 1.7]])
FOUR = np.array([[0.0, 1.0, 0.5, -0.3], [2.0, 0.0, 0.1, 0.7], [0.3, -0.4, 0.0, 1.5], [0.9, 0.2, 1.1, 0.0]])  # zeros where a pivot would stand
STACK = np.stack([A, SPD])
ROW = np.array([0.7, -1.1, 0.4, 0.7, 2.0])
V, W = np.array([0.3, -0.5, 0.7]), np.array([1.1, 0.2, -0.6])


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("np.linalg.det(a)", A, np.linalg.det(A)),
        ("np.linalg.det(a)", FOUR, np.linalg.det(FOUR)),
        ("np.linalg.det(a)", STACK, np.linalg.det(STACK)),
        ("np.linalg.inv(a)", A, np.linalg.inv(A)),
        ("torch.inverse(a)", FOUR, np.linalg.inv(FOUR)),
        ("np.linalg.inv(a)", STACK, np.linalg.inv(STACK)),
        ("np.linalg.inv(a)", np.array([[4.0]]), np.array([[0.25]])),
        ("np.linalg.solve(a, a[0])", A, np.linalg.solve(A, A[0])),
        ("np.linalg.solve(a, a.T)", A, np.linalg.solve(A, A.T)),
        ("np.linalg.slogdet(a)[1]", -A, np.linalg.slogdet(-A)[1]),
        ("np.linalg.slogdet(a)[0]", -A, -1.0),
        ("torch.logdet(a)", SPD, np.log(np.linalg.det(SPD))),
        ("np.linalg.cholesky(a)", SPD, np.linalg.cholesky(SPD)),
        ("torch.linalg.cholesky(a, upper=True)", SPD, np.linalg.cholesky(SPD).T),
        ("scipy.linalg.solve_triangular(a, a[2], lower=True)", LOW, solve_triangular(LOW, LOW[2], lower=True)),
        ("torch.linalg.solve_triangular(a.T, a, upper=True)", LOW, solve_triangular(LOW.T, LOW)),
        ("solve_triangular(a, a[2], lower=True, trans=1)", LOW, solve_triangular(LOW, LOW[2], lower=True, trans=1)),
        ("solve_triangular(a, a[2], lower=True, unit_diagonal=1)", LOW, solve_triangular(LOW, LOW[2], lower=True, unit_diagonal=True)),
        ("np.sort(a)", ROW, np.sort(ROW)),
        ("-np.sort(-a, axis=0)", A, -np.sort(-A, axis=0)),
        ("np.sort(a, axis=None)", A, np.sort(A, axis=None)),
        ("np.cross(a[0], a[1])", A, np.cross(A[0], A[1])),
        ("np.cross(a, a[::-1])", A, np.cross(A, A[::-1])),
        ("a[0, :0] @ a[0, :0] + a[0, 0]", np.array([[1.0, 2.0]]), 1.0),
    ],
)
def test_the_values_are_those_of_numpy(text, value, expected):
    found = array_values(array_program(f"out = {text}", a=value.shape), a=value)("out")
    assert np.shape(found) == np.shape(expected)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-13)


def texts(array):
    return array.tolist()


RIGHT = {
    "inv": (f"points: [{{A: {texts(A)}}}]", "B = np.linalg.inv(A)", "dA = -B.T @ dB @ B.T", "dA = -B.T @ dB @ B", "dA = -B.T @ dB @ B"),
    "solve": (f"points: [{{A: {texts(A)}, b: {texts(V)}}}]", "x = np.linalg.solve(A, b)", "db = np.linalg.solve(A.T, dx)\ndA = -np.outer(db, x)", "db = np.linalg.solve(A, dx)\ndA = -np.outer(db, x)", "db = np.linalg.solve(A, dx)"),
    "det": (f"points: [{{A: {texts(A)}}}]", "d = np.linalg.det(A)", "dA = dd * d * np.linalg.inv(A).T", "dA = dd * np.linalg.inv(A).T", "dA = dd * np.linalg.inv(A).T"),
    "logdet": (f"points: [{{A: {texts(A)}}}]", "ld = np.linalg.slogdet(A)[1]", "dA = dld * np.linalg.inv(A).T", "dA = dld * np.linalg.inv(A)", "dA = dld * np.linalg.inv(A)"),
    "cholesky": (
        f"points: [{{A: {texts(SPD)}}}]",
        "L = np.linalg.cholesky(A)",
        "P = np.tril(L.T @ dL)\nP = P - 0.5 * np.diag(np.diag(P))\nM = np.linalg.inv(L)\nS = M.T @ P @ M\ndA = 0.5 * (S + S.T)",
        "P = np.tril(L @ dL)\nP = P - 0.5 * np.diag(np.diag(P))\nM = np.linalg.inv(L)\nS = M.T @ P @ M\ndA = 0.5 * (S + S.T)",
        "P = np.tril(L @ dL)",
    ),
    "triangular": (
        f"points: [{{L: {texts(LOW)}, b: {texts(V)}}}]",
        "x = scipy.linalg.solve_triangular(L, b, lower=True)",
        "db = scipy.linalg.solve_triangular(L.T, dx)\ndL = -np.tril(np.outer(db, x))",
        "db = scipy.linalg.solve_triangular(L.T, dx)\ndL = np.tril(np.outer(db, x))",
        "dL = np.tril(np.outer(db, x))",
    ),
    "cross": (f"points: [{{r: {texts(V)}, F: {texts(W)}}}]", "t = np.cross(r, F)", "dr = np.cross(F, dt)\ndF = np.cross(dt, r)", "dr = np.cross(dt, F)\ndF = np.cross(dt, r)", "dr = np.cross(dt, F)"),
    "sparsemax": (
        "points: [{z: [[0.62, 0.13, 0.41, -0.97], [-0.55, 0.84, 0.29, -0.36]]}]",
        "zs = -np.sort(-z, axis=1)\nk = np.arange(1, 5)\non = (1 + k * zs > np.cumsum(zs, axis=1)) * 1.0\ntau = ((zs * on).sum(axis=1, keepdims=True) - 1) / on.sum(axis=1, keepdims=True)\np = np.maximum(z - tau, 0)",
        "s = (p > 0) * 1.0\ndz = s * (dp - (dp * s).sum(axis=1, keepdims=True) / s.sum(axis=1, keepdims=True))",
        "s = (p > 0) * 1.0\ndz = s * (dp - dp.sum(axis=1, keepdims=True) / s.sum(axis=1, keepdims=True))",
        "dz = s * (dp - dp.sum(axis=1, keepdims=True) / s.sum(axis=1, keepdims=True))",
    ),
}


def case_of(head, forward, backward):
    lines = "\n".join(f"  {x}" for x in forward.split("\n"))
    back = "\n".join(f"      {x}" for x in backward.split("\n"))
    gradients = "    gradients: {L: dL, b: db}\n" if "dL = " in back and "db" in back else ""
    (case,) = load_text(f"{head}\nforward: |\n{lines}\nimplementations:\n  it:\n    backward: |\n{back}\n{gradients}").cases
    return case


@pytest.mark.parametrize("name", RIGHT)
def test_the_gradients_of_the_textbooks_are_right_and_a_mistake_has_its_line(name):
    """Giles, Collected matrix derivative results (2008); Murray, Differentiation of the Cholesky decomposition (2016); Martins and Astudillo, From softmax to sparsemax (2016)."""
    head, forward, right, wrong, line = RIGHT[name]
    assert verify(case_of(head, forward, right)).status == "passed"
    report = verify(case_of(head, forward, wrong))
    assert {f.statement for f in report.findings if f.code == "V101"} == {line}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("np.linalg.inv(a)", "'inv' needs a square matrix, not an array of shape (2, 3)"),
        ("np.linalg.det(np.eye(7))", "'det' is for matrices of at most 6 rows"),
        ("torch.sort(a)", "which element this picks depends on the values"),
        ("np.sort(np.zeros(40))", "'sort' is for rows of 1 to 16 numbers"),
        ("np.cross(a[:, :2], a[:, :2])", "'cross' is for vectors of 3 numbers"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(text, said):
    loaded = load_text(f"points: [{{a: [[1, 2, 3], [4, 5, 7]]}}]\nforward: out = {text}")
    assert any(said in c.message for c in loaded.complaints)


def test_a_stack_with_too_many_minors_is_refused_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each minor is a product and a sum, which are counted as they are made."""
    monkeypatch.setattr(program, "MAX_STEPS", 30)
    with pytest.raises((ValueError, program.SizeError), match="more than 30 steps"):
        array_program("out = np.linalg.det(a)", a=STACK.shape)
