"""Layers with mistakes as people make them in array code: the line that is wrong, and what must be said of it. None of these texts stands in `cases/layers`."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """A right layer: what a case file says of it, and its mistakes: old text, new text, words that must be said, and the wrong line where it is another one."""

    name: str
    head: str
    forward: str
    backward: str
    mistakes: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class PlantedArray:
    """A layer with one mistake: its case file, the line that is wrong, a pattern of the words."""

    name: str
    text: str
    guilty: str
    words: str


X34 = "[[0.31, -1.24, 0.85, 0.47], [-0.66, 0.92, 1.37, -0.28], [1.13, 0.54, -0.39, -0.97]]"
SQUARE = "[[0.31, -1.24, 0.85], [-0.66, 0.92, 1.37], [1.13, 0.54, -0.39]]"
W33 = "[[0.7, -0.4, 1.1], [0.25, 0.9, -0.6], [-1.3, 0.35, 0.8]]"

LAYERS = (
    Layer("a linear layer", f"points: [{{x: {SQUARE}, w: {W33}, b: [0.2, -0.5, 0.9]}}]",
          "out = x @ w + b",
          "dx = dout @ w.T\ndw = x.T @ dout\ndb = dout.sum(axis=0)",
          (("dx = dout @ w.T", "dx = dout @ w", r"w\.T|transpose"), ("dw = x.T @ dout", "dw = x @ dout", r"x\.T"), ("dw = x.T @ dout", "dw = dout.T @ x", r"\.T|order"),
           ("db = dout.sum(axis=0)", "db = dout.sum(axis=1)", "axis=0"), ("db = dout.sum(axis=0)", "db = dout.mean(axis=0)", "sum"))),
    Layer("a rectifier", f"points: [{{x: {X34}}}]",
          "out = np.maximum(x, 0)",
          "dx = dout.copy()\ndx[x <= 0] = 0",
          (("x <= 0", "x > 0", "<"), ("x <= 0", "dout <= 0", "`dout` where `(x|out)`"), ("\ndx[x <= 0] = 0", "", "mask", "dx = dout.copy()"))),
    Layer("softmax and cross entropy", f"parameters: {{y: [2, 0, 3]}}\npoints: [{{s: {X34}}}]",
          "N = s.shape[0]\ne = np.exp(s - np.max(s, axis=1, keepdims=True))\np = e / e.sum(axis=1, keepdims=True)\nloss = -np.log(p[np.arange(N), y]).sum() / N",
          "N = s.shape[0]\nds = p.copy()\nds[np.arange(N), y] -= 1\nds /= N",
          (("\nds /= N", "", "division by `(N|s.shape)", "ds[np.arange(N), y] -= 1"), ("-= 1", "+= 1", "-="), ("-= 1", "= 1", "-="), ("\nds[np.arange(N), y] -= 1", "", "labels", "ds /= N"),
           ("ds /= N", "ds *= N", "`/=` is meant"), ("ds[np.arange(N), y]", "ds[:, y]", "arange"))),
    Layer("hinge loss", f"parameters: {{y: [1, 3, 0]}}\npoints: [{{s: {X34}}}]",
          "N = len(y)\nright = s[np.arange(N), y].reshape(N, 1)\nm = np.maximum(0, s - right + 1)\nm[np.arange(N), y] = 0\nloss = np.sum(m) / N",
          "on = (m > 0) * 1.0\ncount = on.sum(axis=1)\nds = on\nds[np.arange(N), y] -= count\nds = ds / N",
          (("axis=1)", "axis=0)[:3]", "axis=1|count|\\["), ("-= count", "-= 1", ""), ("ds = ds / N", "ds = ds / 2", "N|3"), ("-= count", "+= count", "-="))),
    Layer("batch normalisation", f"parameters: {{eps: 1e-3}}\npoints: [{{x: {X34}, g: [0.9, -1.2, 0.4, 1.5], b: [0.1, 0.2, -0.3, 0.4]}}]",
          "mu = x.mean(axis=0)\nxc = x - mu\nv = (xc**2).mean(axis=0)\ns = np.sqrt(v + eps)\nxh = xc / s\nout = g * xh + b",
          "M = x.shape[0]\ndb = dout.sum(axis=0)\ndg = (dout * xh).sum(axis=0)\ndxh = dout * g\ndv = -0.5 * (dxh * xc).sum(axis=0) / s**3\ndmu = -dxh.sum(axis=0) / s - 2 * dv * xc.mean(axis=0)\ndx = dxh / s + 2 * dv * xc / M + dmu / M",
          (("dg = (dout * xh)", "dg = (dout * x)", "xh"), ("dout * g", "dout", "factor `g`|`dout` where"), ("/ s**3", "/ s**2", "exponent|3"), ("-0.5 *", "0.5 *", "sign"),
           (" + dmu / M", "", "term"), ("2 * dv * xc / M", "dv * xc / M", "factor `2`"), ("2 * dv * xc / M", "2 * dv * xc", "division by `(M|x.shape)"), ("db = dout.sum(axis=0)", "db = dout.sum(axis=0) / M", "M"))),
    Layer("layer normalisation", f"parameters: {{eps: 1e-3}}\npoints: [{{x: {X34}, g: [0.9, -1.2, 0.4, 1.5], b: [0.1, 0.2, -0.3, 0.4]}}]",
          "m = x.mean(axis=-1, keepdims=True)\nr = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + eps)\nxh = (x - m) * r\nout = xh * g + b",
          "db = dout.sum(axis=0)\ndg = (dout * xh).sum(axis=0)\nt = dout * g\na = t.mean(axis=-1, keepdims=True)\nc = (t * xh).mean(axis=-1, keepdims=True)\ndx = r * (t - a - xh * c)",
          (("a = t.mean(axis=-1", "a = t.mean(axis=0", "axis=-?1"), ("c = (t * xh).mean", "c = (t * xh).sum", "mean"), (" - a", "", "term"), ("t - a - xh * c", "t - a + xh * c", "-"), ("dx = r * (", "dx = (", "factor `r`"),
           ("t = dout * g", "t = dout", "factor `g`"), ("t - a - xh * c", "t - a", "term"))),
    Layer("dropout", f"parameters: {{mask: [[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 1]], p: 0.75}}\npoints: [{{x: {X34}}}]",
          "out = x * mask / p",
          "dx = dout * mask / p",
          ((" / p", " * p", "`/` is meant"), (" * mask", "", "mask"), ("mask", "(1 - mask)", "1|mask"), (" / p", "", "division by `p`"))),
    Layer("convolution in one dimension", "points: [{x: [0.3, -1.2, 0.8, 0.5, -0.7, 1.1], w: [0.6, -0.9, 0.35], b: 0.2}]",
          "L, K = len(x), len(w)\nout = np.zeros(L - K + 1)\nfor i in range(L - K + 1):\n    out[i] = np.sum(x[i:i + K] * w) + b",
          "dx = np.zeros(L)\ndw = np.zeros(K)\nfor i in range(L - K + 1):\n    dx[i:i + K] += w * dout[i]\n    dw += x[i:i + K] * dout[i]\ndb = dout.sum()",
          (("dx[i:i + K] += w", "dx[i:i + K] = w", r"\+="), ("dw += x[i:i + K]", "dw = x[i:i + K]", r"\+="), ("w * dout[i]", "w[::-1] * dout[i]", "w"), ("dw += x[i:i + K]", "dw += x[i + 1:i + K + 1]", "x|i", "", "skip"), ("db = dout.sum()", "db = dout.mean()", "sum"))),
    Layer("pooling by pairs", "points: [{x: [[0.3, -1.2, 0.8, 0.5], [1.7, -0.4, -0.9, 0.2]]}]",
          "a, c = x[:, ::2], x[:, 1::2]\nout = np.maximum(a, c)",
          "dx = np.zeros_like(x)\ndx[:, ::2] = dout * (a > c)\ndx[:, 1::2] = dout * (a < c)",
          (("(a > c)", "(a < c)", "<"), ("dx[:, 1::2] = dout * (a < c)", "dx[:, ::2] = dout * (a < c)", r"1?::2|part|dx", "", ""), (" * (a < c)", "", ""))),
    Layer("attention of one head", f"points: [{{q: {SQUARE}, k: {W33}, v: [[0.5, -0.2, 0.9], [1.1, 0.4, -0.8], [-0.6, 0.7, 0.3]]}}]",
          "d = q.shape[1]\ns = q @ k.T / np.sqrt(d)\np = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)\nout = p @ v",
          "dv = p.T @ dout\ndp = dout @ v.T\nds = p * (dp - (dp * p).sum(axis=1, keepdims=True))\nds = ds / np.sqrt(d)\ndq = ds @ k\ndk = ds.T @ q",
          (("dv = p.T", "dv = p", r"p\.T"), ("dk = ds.T @ q", "dk = ds @ q", r"ds\.T"), ("axis=1, keepdims=True))\nds", "axis=0, keepdims=True))\nds", "axis=1", "ds = p * (dp - (dp * p).sum(axis=0, keepdims=True))"),
           ("ds = ds / np.sqrt(d)", "ds = ds / d", "sqrt"), ("dq = ds @ k", "dq = ds @ v", "k"), ("dp * p).sum", "dp).sum", "p", "ds = p * (dp - (dp).sum(axis=1, keepdims=True))"))),
    Layer("a step of a gated cell", "points: [{x: [[0.3, -0.8]], h: [[0.6, 0.1]], U: [[0.4, -0.7], [1.1, 0.2]], V: [[-0.5, 0.9], [0.3, 0.8]], c: [[0.5, -1.1]]}]",
          "z = 1 / (1 + np.exp(-(x @ U)))\nn = np.tanh(x @ V + c)\nout = (1 - z) * n + z * h",
          "dz = dout * (h - n)\ndn = dout * (1 - z)\ndh = dout * z\naz = dz * z * (1 - z)\nan = dn * (1 - n**2)\ndx = az @ U.T + an @ V.T\ndU = x.T @ az\ndV = x.T @ an\ndc = an",
          (("dz = dout * (h - n)", "dz = dout * (n - h)", "order|sign"), ("dn = dout * (1 - z)", "dn = dout * z", "1 - z"), ("dz * z * (1 - z)", "dz * (1 - z)", "factor `z`"), ("1 - n**2", "1 - n", "n"), (" + an @ V.T", "", "term|an @ V"), ("dV = x.T @ an", "dV = x.T @ az", "an"))),
    Layer("a recurrent step", "points: [{x: [[0.3, -0.8], [0.9, 0.2]], h: [[0.6, 0.1], [-0.4, 0.7]], A: [[0.4, -0.7], [1.1, 0.2]], B: [[-0.5, 0.9], [0.3, 0.8]], b: [0.1, -0.2]}]",
          "out = np.tanh(x @ A + h @ B + b)",
          "da = dout * (1 - out * out)\ndx = da @ A.T\ndh = da @ B.T\ndA = x.T @ da\ndB = h.T @ da\ndb = np.sum(da, axis=0)",
          (("dout * (1 - out * out)", "dout * (1 - out)", "out"), ("dh = da @ B.T", "dh = da @ A.T", "B"), ("dh = da @ B.T", "dh = da @ B", r"B\.T"), ("dB = h.T @ da", "dB = x.T @ da", "h"), ("np.sum(da, axis=0)", "np.sum(dout, axis=0)", "da"))),
    Layer("an embedding", "parameters: {i: [2, 0, 2]}\npoints: [{E: [[0.3, -0.8], [0.9, 0.2], [0.5, 1.4]]}]",
          "out = E[i] * 2",
          "dE = np.zeros_like(E)\nnp.add.at(dE, i, 2 * dout)",
          (("np.add.at(dE, i, 2 * dout)", "dE[i] += 2 * dout", "add.at"), ("2 * dout", "dout", "2"), ("np.add.at(dE, i, 2 * dout)", "dE[i] = 2 * dout", "add.at"))),
    Layer("group normalisation", "points: [{x: [[0.3, -1.2, 0.8, 0.5], [1.7, -0.4, -0.9, 0.2]], g: [0.9, -1.2, 0.4, 1.5]}]",
          "N, C = x.shape\nz = x.reshape(N, 2, C // 2)\nm = z.mean(axis=2, keepdims=True)\ns = np.sqrt(((z - m)**2).mean(axis=2, keepdims=True) + 0.01)\nh = (z - m) / s\nout = h.reshape(N, C) * g",
          "dg = (dout * h.reshape(N, C)).sum(axis=0)\nt = (dout * g).reshape(N, 2, C // 2)\ndz = (t - t.mean(axis=2, keepdims=True) - h * (t * h).mean(axis=2, keepdims=True)) / s\ndx = dz.reshape(N, C)",
          (("- t.mean(axis=2", "- t.mean(axis=1", "axis=2"), ("- t.mean(axis=2, keepdims=True) ", "", "term"), ("/ s\n", "/ s**2\n", "s", "dz = (t - t.mean(axis=2, keepdims=True) - h * (t * h).mean(axis=2, keepdims=True)) / s**2"), ("dout * g)", "dout)", "g"))),
    Layer("squared error", f"points: [{{p: {X34}, t: [[0.1, -1.0, 0.8, 0.2], [-0.5, 0.9, 1.1, -0.3], [1.0, 0.6, -0.4, -1.2]]}}]",
          "N = p.shape[0]\ne = p - t\nloss = (e**2).sum() / (2 * N)",
          "dp = e / N\ndt = -dp",
          (("dp = e / N", "dp = e", "division by `(N|p.shape|e.shape|t.shape)|/ N"), ("dt = -dp", "dt = dp", "sign"), ("dp = e / N", "dp = 2 * e / N", "2"), ("dp = e / N", "dp = (t - p) / N", "order|sign|e"))),
    Layer("smoothed labels", f"parameters: {{y: [2, 0, 3], a: 0.1}}\npoints: [{{s: {X34}}}]",
          "N, C = s.shape\nlp = s - np.max(s, axis=1, keepdims=True)\nlp = lp - np.log(np.exp(lp).sum(axis=1, keepdims=True))\nq = np.full((N, C), a / C)\nq[np.arange(N), y] += 1 - a\nloss = -(q * lp).sum() / N",
          "p = np.exp(lp)\nds = (p - q) / N",
          (("(p - q) / N", "(q - p) / N", "order|sign"), ("(p - q) / N", "(p - q)", "N|shape"), ("p = np.exp(lp)", "p = lp", "exp"), ("(p - q) / N", "p - q / N", r"\(p - q\) / N|p - q"))),
)  # fmt: skip


def case_of(layer: Layer, backward: str = "") -> str:
    """A case file with one implementation of a layer."""
    indented = ["".join(f"{space}{line}\n" for line in text.splitlines()) for text, space in ((layer.forward, "  "), (backward or layer.backward, "      "))]
    return f"name: {layer.name}\n{layer.head}\nforward: |\n{indented[0]}implementations:\n  it:\n    backward: |\n{indented[1]}"


def planted() -> list[PlantedArray]:
    """Every layer with every one of its mistakes."""
    found = []
    for layer in LAYERS:
        for old, new, words, *rest in layer.mistakes:
            assert layer.backward.count(old) >= 1, (layer.name, old)
            if len(rest) > 1:
                continue
            text = layer.backward.replace(old, new, 1)
            at = layer.backward.index(old)
            guilty = rest[0] if rest else next(line.strip() for line, start in _lines(text) if start <= at + len(new) - 1 < start + len(line) + 1)
            assert guilty in [line.strip() for line in text.splitlines()], (layer.name, guilty)
            found.append(PlantedArray(f"{layer.name}: {new.strip() or 'without ' + old.strip()}", case_of(layer, text), guilty, words))
    return found


def _lines(text: str) -> list[tuple[str, int]]:
    return [(m.group(), m.start()) for m in re.finditer(r"[^\n]+", text)]
