"""Of several edits that repair a line the one that a person would name is said, and none that holds by chance. Each row is a kind; the right derivatives are those of the textbook."""

from __future__ import annotations

import pytest

from verifier import load_text
from verifier.verify import verify

CASE = "name: a kind\n{head}\n{truth}\nimplementations:\n  it:\n    backward: |\n{backward}\n    gradients: {gradients}\n"


def said(truth: str, head: str, backward: str, gradients: str = "{x: dx}") -> dict[str, str]:
    """What is said of each line that is accused; after the gradient's name."""
    forward = "forward: |\n" + "\n".join(f"  {line}" for line in truth.splitlines()) if "=" in truth else f'function: "{truth}"'
    (case,) = load_text(CASE.format(head=head, truth=forward, backward="\n".join(f"      {line}" for line in backward.splitlines()), gradients=gradients)).cases
    return {f.statement: f.message.partition(": it.")[2].partition(": ")[2] for f in verify(case).findings if f.code in ("V101", "V105", "V107")}


# the function, points and parameters, the backward pass, the wrong line, what is said of it
KINDS = {
    "a parameter by its name, not its number": ("sin(n*x)", "parameters: {n: 3}\npoints: [{x: 0.4}]", "dx = cos(n*x)*dout", "dx = cos(n*x)*dout", "the factor `n` is missing"),
    "a parameter's number is no misprint": ("x**2*n", "parameters: {n: 3}\npoints: [{x: 0.4}]", "dx = n*x*dout", "dx = n*x*dout", "the factor `2` is missing"),
    "an expression of parameters": ("((x - lo)/(hi - lo))**2", "parameters: {lo: 0.2, hi: 1.7}\npoints: [{x: 0.6}]", "t = (x - lo)/(hi - lo)\ndx = 2*t*dout", "dx = 2*t*dout", "a division by `hi - lo` is missing"),
    "a factor in the branch that is taken": ("where(abs(x) < w, 0.5*x*x/w, abs(x) - 0.5*w)", "parameters: {w: 0.4}\npoints: [{x: 0.3}, {x: -1.2}]", "dx = where(abs(x) < w, x, sign(x))*dout", "dx = where(abs(x) < w, x, sign(x))*dout", "a division by `w` is missing at `x` in `where(abs(x) < w, x, sign(x))` (at 1 of 2 points)"),
    "a sign of the argument of sign": ("abs(y - x)/s", "parameters: {y: 0.1}\npoints: [{x: 0.4, s: 0.05}]", "dx = sign(s - y)/s*dout", "dx = sign(s - y)/s*dout", "`s` where `x` is meant in `s - y`"),
    "another adjoint that is not read": ("p = x*y*z\nout = -p", "points: [{x: 2, y: 3, z: 0.5}]", "dp = -dout\ndx = y*z", "dx = y*z", "the factor `dp` is missing"),
    "a number at a name": ("x*x + x*sin(x)*y", "points: [{x: 0.4, y: 1.3}]", "s = y*sin(x)\ndx = (x + s + y*x*cos(x))*dout", "dx = (x + s + y*x*cos(x))*dout", "the factor `2` is missing at `x` in `x + s`"),
    "a name at a name": ("exp(-x*x) + x*y", "points: [{x: 0.4, y: 1.3}]", "h = -2*exp(-x*x)\ndx = (h + y)*dout\ndy = x*dout", "dx = (h + y)*dout", "the factor `x` is missing at `h` in `h + y`"),
    "a quotient": ("x*tanh(log(1 + exp(x)))", "points: [{x: 0.6}, {x: -1.4}]", "t = tanh(log(1 + exp(x)))\ndx = (t + x*(1 - t*t))*dout", "dx = (t + x*(1 - t*t))*dout", "the factor `sigmoid(x)` is missing in `1 - t*t` (at 2 of 2 points)"),
    "an operator before swapped operands": ("(a - 1)*log(x) + (b - 1)*log(1 - x)", "points: [{x: 0.3, a: 2.5, b: 1.7}]", "dx = ((a - 1)/x + (b - 1)/(1 - x))*dout", "dx = ((a - 1)/x + (b - 1)/(1 - x))*dout", "`+` where `-` is meant in `(a - 1)/x + (b - 1)/(1 - x)`"),
    "the sign of a term, not of what it is made of": ("sin((x - y)/2)**2 + cos(x)", "points: [{x: 0.7, y: 0.2}]", "dx = (0.5*sin(y - x) - sin(x))*dout", "dx = (0.5*sin(y - x) - sin(x))*dout", "the sign of `0.5*sin(y - x)` is flipped"),
    "a factor too many, with a minus": ("exp(-a*(x - r))", "points: [{x: 0.7, r: 0.2, a: 1.3}]", "q = exp(-a*(x - r))\ndx = -a*q*dout\nda = -a*(x - r)*q*dout", "da = -a*(x - r)*q*dout", "the factor `a` is superfluous in `-a*(x - r)`"),
    "a number, though a contribution seems to be missing": ("r2 = x*x + y*y\na2 = r2 + 2*x*x\nu = a2*y + x", "points: [{x: 0.4, y: -0.3}]", "g = 2*x\ndx = (y*(g + 2*x) + 1)*du", "dx = (y*(g + 2*x) + 1)*du", "the constant `2` should be 4"),
    "a term that is a number": ("log(b) + eta - eta*exp(b*x)*x", "points: [{x: 0.8, b: 0.6, eta: 0.4}]", "dx = -eta*(b*x + 1)*exp(b*x)*dout\ndeta = -exp(b*x)*x*dout", "deta = -exp(b*x)*x*dout", "the term `1` is missing in `-exp(b*x)*x`"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_the_edit_that_a_person_would_name_is_said(kind: str) -> None:
    truth, head, backward, line, words = KINDS[kind]
    names = [n for n in ("x", "y", "a", "eta") if f"\nd{n} = " in f"\n{backward}"]
    assert said(truth, head, backward, "{" + ", ".join(f"{n}: d{n}" for n in names) + "}") == {line: words}


ARRAY_KINDS = {
    "a term that stands there is not missing once more": ("loss = (x**2).sum() * 0.3 + (w * x).sum()", "points: [{x: [0.4, -0.7, 0.9], w: [1.1, 0.3, 0.2]}]", "dx = (0.3 * x + w) * dloss", "the factor `2`"),
    "a sum from the other end": ("y = np.cumsum(x)\nloss = (y * y).sum()", "points: [{x: [0.4, -0.9, 1.2, 0.3]}]", "dy = 2 * y * dloss\ndx = np.cumsum(dy)", "`np.cumsum(dy[::-1])[::-1]`"),
    "a counter times a length": ("out = np.zeros(4)\nfor k in range(2):\n  out += w[k] * x[k * d:k * d + 4]", "parameters: {d: 2, w: [0.6, -0.3]}\npoints: [{x: [0.3, -0.8, 0.5, 1.1, 0.2, -0.6]}]", "dx = np.zeros(6)\nfor k in range(2):\n  dx[k:k + 4] += w[k] * dout", "`dx[k * d:k * d + 4]` is meant"),
    "a matrix and its transpose": ("out = x @ P @ x", "parameters: {P: [[0.6, -0.3, 0.9], [-0.5, 0.8, 0.3], [1.1, 0.2, -0.7]]}\npoints: [{x: [0.4, -0.9, 1.2]}]", "dx = 2 * P @ x * dout", "`(P + P.T)` is meant"),
    "an outer product": ("h = np.tanh(x @ w)\nloss = ((h @ a)**2).mean() + ((h @ b)**2).mean()", "parameters: {a: [0.8, -0.5], b: [0.3, 1.1], w: [[0.6, -0.3], [0.2, 0.9]]}\npoints: [{x: [[0.4, -0.9], [1.2, 0.3], [-0.6, 0.7]]}]", "p = 2 * (h @ a) / 3 * dloss\nq = 2 * (h @ b) / 3 * dloss\ndh = np.outer(p, a)\ndx = (dh * (1 - h**2)) @ w.T", "the term `+ np.outer(q, b)` is missing"),
    "what is left of 1": ("loss = np.log(1 + np.exp(x)).sum()", "points: [{x: [0.4, -0.9, 1.2]}]", "n = 1 / (1 + np.exp(-x))\ndx = (1 - n) * dloss", "`1 - n` where `n` is meant"),
    "the sign of an array": ("loss = (x * x).sum() + 0.3 * np.abs(x).sum()", "points: [{x: [0.4, -0.9, 1.2]}]", "dx = (2 * x + 0.3 * x) * dloss", "`np.sign(x)` is meant"),
    "a vector with more axes": ("out = (x * m[:, :, None]).sum(axis=1) / m.sum(axis=1)[:, None]", "parameters: {m: [[1, 1, 0], [1, 0, 0]]}\npoints: [{x: [[[0.4, -0.7], [1.1, 0.3], [0.6, 0.2]], [[0.2, 0.9], [-0.5, 0.6], [0.8, -0.1]]]}]", "n = m.sum(axis=1)\ndx = m[:, :, None] * dout[:, None, :] / 3", "`n[:, None, None]` is meant"),
    "one and a gain": ("y = x * (1 + g)", "parameters: {g: [0.3, -0.4, 0.7]}\npoints: [{x: [[0.4, -0.9, 1.2], [0.5, 0.1, -0.6]]}]", "dx = dy * g", "`(1 + g)` is meant"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ARRAY_KINDS)
def test_the_edit_of_array_code_that_a_person_would_name_is_said(kind: str) -> None:
    truth, head, backward, words = ARRAY_KINDS[kind]
    found = said(truth, head, backward)
    assert len(found) == 1
    assert words in next(iter(found.values()))
