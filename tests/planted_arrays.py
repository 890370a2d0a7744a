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
          (("axis=1)", "axis=0)[:3]", "axis=1|count|\\["), ("-= count", "-= 1", "`1` where `count`"), ("ds = ds / N", "ds = ds / 2", "N|3"), ("-= count", "+= count", "-="))),
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
          (("dx[i:i + K] += w", "dx[i:i + K] = w", r"\+="), ("dw += x[i:i + K]", "dw = x[i:i + K]", r"\+="), ("w * dout[i]", "w[::-1] * dout[i]", "w"), ("db = dout.sum()", "db = dout.mean()", "sum"))),
    Layer("pooling by pairs", "points: [{x: [[0.3, -1.2, 0.8, 0.5], [1.7, -0.4, -0.9, 0.2]]}]",
          "a, c = x[:, ::2], x[:, 1::2]\nout = np.maximum(a, c)",
          "dx = np.zeros_like(x)\ndx[:, ::2] = dout * (a > c)\ndx[:, 1::2] = dout * (a < c)",
          (("(a > c)", "(a < c)", "<"), ("dx[:, 1::2] = dout * (a < c)", "dx[:, ::2] = dout * (a < c)", r"`dx\[:, ::2\]` where `dx\[:, 1::2\]` is meant"), (" * (a < c)", "", r"the factor `\((a < c|c > a|out > a)\)` is missing"))),
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
    Layer("root mean square norm", f"points: [{{x: {X34}, g: [0.9, -1.2, 0.4, 1.5]}}]",
          "r = 1 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 0.01)\nout = x * r * g",
          "dg = np.sum(dout * x * r, axis=0)\ndn = dout * g\ndx = r * dn - x * r**3 * np.mean(dn * x, axis=-1, keepdims=True)",
          (("r**3", "r**2", "exponent|r\\*\\*3|factor `r`"), ("np.mean(dn * x", "np.sum(dn * x", "`mean` is meant"), ("np.sum(dout * x * r, axis=0)", "np.sum(dout * x, axis=0)", "factor `r`"))),
    Layer("a gated unit with swish", f"points: [{{x: {SQUARE}, w: {W33}, v: [[0.5, -0.2, 0.9], [1.1, 0.4, -0.8], [-0.6, 0.7, 0.3]]}}]",
          "a = x @ w\nb = x @ v\ns = 1 / (1 + np.exp(-a))\nout = a * s * b",
          "db = dout * a * s\nda = dout * b * (s + a * s * (1 - s))\ndw = x.T @ da\ndv = x.T @ db\ndx = da @ w.T + db @ v.T",
          (("(s + a * s * (1 - s))", "s * (1 - s)", "term|a|s"), ("dx = da @ w.T + db @ v.T", "dx = da @ w.T", "term"), ("dv = x.T @ db", "dv = x.T @ da", "`da` where `db`"))),
    Layer("depthwise convolution", "points: [{x: [[0.3, -1.2, 0.8, 0.5, -0.7], [1.1, 0.2, -0.9, 0.6, 1.4]], w: [[0.6, -0.9, 0.35], [-0.4, 1.2, 0.7]], b: [0.2, -0.3]}]",
          "C, L = x.shape\nK = w.shape[1]\nout = np.zeros((C, L - K + 1))\nfor c in range(C):\n    for t in range(L - K + 1):\n        out[c, t] = np.dot(x[c, t:t + K], w[c]) + b[c]",
          "dx = np.zeros_like(x)\ndw = np.zeros_like(w)\nfor c in range(C):\n    for t in range(L - K + 1):\n        dw[c] += dout[c, t] * x[c, t:t + K]\n        dx[c, t:t + K] += dout[c, t] * w[c]\ndb = dout.sum(axis=1)",
          (("dx[c, t:t + K] += dout[c, t] * w[c]", "dx[c, t:t + K] += dout[c, t] * w[c][::-1]", "w"), ("dw[c] += dout[c, t] * x[c, t:t + K]", "dw[c] += dout[c, t] * x[c, :K]", "x"), ("db = dout.sum(axis=1)", "db = dout.sum(axis=1) / C", "C"))),
    Layer("average pooling", "parameters: {k: 2}\npoints: [{x: [[0.3, -1.2, 0.8, 0.5, 1.4, -0.7], [1.1, 0.2, -0.9, 0.6, 0.1, 0.9]]}]",
          "H, W = x.shape\nout = x.reshape(H // k, k, W // k, k).mean(axis=(1, 3))",
          "dx = np.repeat(np.repeat(dout, k, axis=0), k, axis=1) / (k * k)",
          ((" / (k * k)", "", "k|4"), (" / (k * k)", " / k", "k"))),
    Layer("cosine similarity loss", f"points: [{{u: {X34}, v: [[0.1, -1.0, 0.8, 0.2], [-0.5, 0.9, 1.1, -0.3], [1.0, 0.6, -0.4, -1.2]]}}]",
          "nu = np.linalg.norm(u, axis=1)\nnv = np.linalg.norm(v, axis=1)\nc = (u * v).sum(axis=1) / (nu * nv)\nloss = np.mean(1 - c)",
          "N = u.shape[0]\ng = -np.ones(N) / N\ndu = g[:, None] * (v / (nu * nv)[:, None] - c[:, None] * u / (nu**2)[:, None])\ndv = g[:, None] * (u / (nu * nv)[:, None] - c[:, None] * v / (nv**2)[:, None])",
          (("c[:, None] * u / (nu**2)", "c[:, None] * u / nu", "nu|squared"), ("g = -np.ones(N)", "g = np.ones(N)", "sign"), ("(u / (nu * nv)[:, None] - c[:, None] * v / (nv**2)[:, None])", "(u / (nu * nv)[:, None] - c[:, None] * v / (nu**2)[:, None])", "nv"))),
    Layer("triplet loss", f"parameters: {{margin: 1.0}}\npoints: [{{a: {X34}, p: [[0.1, -1.0, 0.8, 0.2], [-0.5, 0.9, 1.1, -0.3], [1.0, 0.6, -0.4, -1.2]], n: [[0.5, -0.7, 0.2, 0.9], [-0.9, 1.2, 0.3, 0.1], [2.5, -1.9, 1.4, 2.2]]}}]",
          "B = a.shape[0]\ndp_ = ((a - p)**2).sum(axis=1)\ndn_ = ((a - n)**2).sum(axis=1)\nh = np.maximum(dp_ - dn_ + margin, 0)\nloss = h.sum() / B",
          "on = (h > 0)[:, None] / B\nda = 2 * on * (n - p)\ndp = -2 * on * (a - p)\ndn = 2 * on * (a - n)",
          (("da = 2 * on * (n - p)", "da = 2 * on * (p - n)", "order|sign"), ("on = (h > 0)[:, None] / B", "on = 1 / B", "mask|h"), ("dn = 2 * on * (a - n)", "dn = 2 * on * (a - p)", "n"))),
    Layer("divergence of gaussians", f"points: [{{mu: {SQUARE}, lv: {W33}}}]",
          "loss = -0.5 * np.sum(1 + lv - mu**2 - np.exp(lv)) / mu.shape[0]",
          "dmu = mu / mu.shape[0]\ndlv = 0.5 * (np.exp(lv) - 1) / mu.shape[0]",
          (("np.exp(lv) - 1", "np.exp(lv)", "term|1"), ("0.5 * (np.exp(lv) - 1)", "-0.5 * (np.exp(lv) - 1)", "sign|order"), ("dmu = mu / mu.shape[0]", "dmu = -mu / mu.shape[0]", "sign"))),
    Layer("instance norm", "points: [{x: [[[0.3, -1.2, 0.8, 0.5], [1.1, 0.2, -0.9, 0.6]], [[-0.4, 0.7, 1.3, -0.1], [0.9, -0.6, 0.4, 1.5]]], g: [0.9, -1.2], b: [0.3, 0.1]}]",
          "m = x.mean(axis=2, keepdims=True)\nv = x.var(axis=2, keepdims=True)\nxh = (x - m) / np.sqrt(v + 0.01)\nout = xh * g[None, :, None] + b[None, :, None]",
          "dg = (dout * xh).sum(axis=(0, 2))\ndb = dout.sum(axis=(0, 2))\nt = dout * g[None, :, None]\ndx = (t - t.mean(axis=2, keepdims=True) - xh * (t * xh).mean(axis=2, keepdims=True)) / np.sqrt(v + 0.01)",
          (("xh * (t * xh).mean(axis=2, keepdims=True)", "xh * (t * xh).mean(axis=(0, 2), keepdims=True)", "axis=2|keepdim"), ("t = dout * g[None, :, None]", "t = dout", "g"), (" / np.sqrt(v + 0.01)", " / (v + 0.01)", "sqrt"))),
    Layer("leaky rectifier with a slope", f"points: [{{x: {X34}, a: [0.25, 0.1, 0.4, 0.3]}}]",
          "out = np.where(x > 0, x, a * x)",
          "dx = np.where(x > 0, dout, a * dout)\nda = np.sum(np.where(x > 0, 0, x * dout), axis=0)",
          (("np.where(x > 0, 0, x * dout)", "np.where(x > 0, x * dout, 0)", "exchanged|<|order"), ("np.where(x > 0, dout, a * dout)", "np.where(x > 0, dout, a)", "dout"), ("np.where(x > 0, dout, a * dout)", "np.where(x > 0, dout, 0)", "a"))),
    Layer("a bag of embeddings", "parameters: {i: [[2, 0], [1, 2], [0, 0]]}\npoints: [{E: [[0.3, -0.8], [0.9, 0.2], [0.5, 1.4]]}]",
          "out = E[i].mean(axis=1)",
          "dE = np.zeros_like(E)\nB, K = i.shape\nfor b in range(B):\n    for k in range(K):\n        dE[i[b, k]] += dout[b] / K",
          (("dout[b] / K", "dout[b]", "K|2"), ("dE[i[b, k]] += ", "dE[i[b, k]] = ", r"\+="), ("dout[b] / K", "dout[k] / K", "b"))),
    Layer("a bilinear form", f"points: [{{x: {SQUARE}, W: {W33}, y: [[0.5, -0.2, 0.9], [1.1, 0.4, -0.8], [-0.6, 0.7, 0.3]]}}]",
          "out = np.einsum('bi,ij,bj->b', x, W, y)",
          "dx = dout[:, None] * (y @ W.T)\ndy = dout[:, None] * (x @ W)\ndW = np.einsum('b,bi,bj->ij', dout, x, y)",
          (("y @ W.T", "y @ W", r"W\.T"), ("'b,bi,bj->ij', dout, x, y", "'b,bi,bj->ji', dout, x, y", "ij|transpose|exchanged|T"), ("dy = dout[:, None] * (x @ W)", "dy = x @ W", "dout"))),
    Layer("softmax with a temperature", f"parameters: {{tau: 0.5}}\npoints: [{{s: {X34}}}]",
          "z = s / tau\ne = np.exp(z - z.max(axis=1, keepdims=True))\nout = e / e.sum(axis=1, keepdims=True)",
          "dz = out * (dout - (dout * out).sum(axis=1, keepdims=True))\nds = dz / tau",
          (("ds = dz / tau", "ds = dz", "tau"), ("ds = dz / tau", "ds = dz * tau", "/"), ("(dout * out).sum(axis=1", "(dout * out).mean(axis=1", "sum"), ("(dout - (dout * out).sum(axis=1, keepdims=True))", "dout * (1 - out)", ""))),
    Layer("Huber loss", f"parameters: {{d: 0.6}}\npoints: [{{p: {X34}, t: [[0.1, -1.0, 0.8, 0.2], [-0.5, 0.3, 0.1, -0.3], [1.0, 0.6, -0.4, 1.2]]}}]",
          "r = p - t\na = np.abs(r)\nloss = np.mean(np.where(a <= d, 0.5 * r**2, d * (a - 0.5 * d)))",
          "dr = np.where(a <= d, r, d * np.sign(r)) / r.size\ndp = dr\ndt = -dr",
          (("d * np.sign(r)", "np.sign(r)", "factor `d`"), (" / r.size", " / r.shape[0]", "size|shape|4|division"), ("d * np.sign(r)", "d", "sign"))),
    Layer("squeeze and excite", f"points: [{{x: {X34}, w: [[0.5, -0.2, 0.9, 0.3], [1.1, 0.4, -0.8, 0.6], [-0.6, 0.7, 0.3, -0.9], [0.2, 0.8, -0.4, 1.2]]}}]",
          "z = x @ w\ns = 1 / (1 + np.exp(-z))\nout = x * s",
          "ds = dout * x\ndz = ds * s * (1 - s)\ndx = dout * s + dz @ w.T\ndw = x.T @ dz",
          (("dx = dout * s + dz @ w.T", "dx = dz @ w.T", "dout \\* s|term"), ("ds * s * (1 - s)", "ds * s * (1 - z)", "`z` where `s`"), ("dz @ w.T", "ds @ w.T", "dz"))),
    Layer("log softmax", f"points: [{{x: {X34}}}]",
          "m = x.max(axis=1, keepdims=True)\nout = x - m - np.log(np.exp(x - m).sum(axis=1, keepdims=True))",
          "dx = dout - np.exp(out) * dout.sum(axis=1, keepdims=True)",
          (("np.exp(out) * dout.sum", "out * dout.sum", "exp"), ("dout.sum(axis=1, keepdims=True)", "dout.sum(axis=0, keepdims=True)", "axis=1"), ("dout - ", "", "dout|sign|term"))),
    Layer("graph convolution", f"points: [{{A: {SQUARE}, X: {W33}, W: [[0.5, -0.2], [1.1, 0.4], [-0.6, 0.7]]}}]",
          "H = A @ X @ W\nout = np.maximum(H, 0)",
          "dH = dout * (H > 0)\ndW = (A @ X).T @ dH\ndX = A.T @ dH @ W.T\ndA = dH @ (X @ W).T",
          (("A.T @ dH @ W.T", "A @ dH @ W.T", r"A\.T"), ("(A @ X).T @ dH", "X.T @ dH", "A"), ("dout * (H > 0)", "dout", "H > 0|mask|out > 0"), ("(X @ W).T", "W.T", "X"))),
    Layer("binary cross entropy with logits", f"points: [{{z: {X34}, t: [[1, 0, 0.5, 1], [0, 1, 1, 0], [0.25, 1, 0, 1]]}}]",
          "loss = np.mean(np.maximum(z, 0) - z * t + np.log1p(np.exp(-np.abs(z))))",
          "p = 1 / (1 + np.exp(-z))\ndz = (p - t) / z.size\ndt = -z / z.size",
          (("(p - t) / z.size", "(p - t) / len(z)", "size|division|4|shape"), ("np.exp(-z)", "np.exp(z)", r"\(1 - p\)", "dz = (p - t) / z.size"), ("(p - t)", "p * (1 - p) * (p - t)", "factor"))),
    Layer("strided convolution by columns", "parameters: {st: 2}\npoints: [{x: [0.3, -1.2, 0.8, 0.5, -0.7, 1.1, 0.4], w: [[0.6, -0.9, 0.35], [0.2, 0.7, -0.5]]}]",
          "F, K = w.shape\nT = (len(x) - K) // st + 1\ncols = np.zeros((T, K))\nfor t in range(T):\n    cols[t] = x[t * st:t * st + K]\nout = cols @ w.T",
          "dw = dout.T @ cols\ndcols = dout @ w\ndx = np.zeros_like(x)\nfor t in range(T):\n    dx[t * st:t * st + K] += dcols[t]",
          (("dx[t * st:t * st + K] += dcols[t]", "dx[t * st:t * st + K] = dcols[t]", r"\+="), ("dx[t * st:t * st + K] += dcols[t]", "dx[t:t + K] += dcols[t]", "st"), ("dw = dout.T @ cols", "dw = (cols.T @ dout).T * st", "st"))),
    Layer("a scaled residual", f"points: [{{x: {SQUARE}, w: {W33}, s: [0.3, -0.7, 1.2]}}]",
          "h = np.tanh(x @ w)\nout = x + s * h",
          "ds = (dout * h).sum(axis=0)\ndh = dout * s\ndz = dh * (1 - h**2)\ndx = dout + dz @ w.T\ndw = x.T @ dz",
          (("dx = dout + dz @ w.T", "dx = dz @ w.T", "dout"), ("(dout * h).sum(axis=0)", "(dout * x).sum(axis=0)", "h"), ("dh = dout * s", "dh = dout", "s"), ("(1 - h**2)", "(1 - h)**2", "h\\*\\*2|\\(1 - h\\)"))),
    Layer("weight normalisation", f"points: [{{x: {SQUARE}, v: {W33}, g: [0.9, -1.2, 0.4]}}]",
          "n = np.sqrt((v**2).sum(axis=0))\nw = v / n * g\nout = x @ w",
          "dx = dout @ w.T\ndw = x.T @ dout\ndg = (dw * v / n).sum(axis=0)\ndv = g / n * dw - g / n**2 * dg * v",
          (("g / n**2 * dg * v", "g / n * dg * v", "n|exponent|divi"), ("(dw * v / n).sum(axis=0)", "(dw * v).sum(axis=0)", "n"), (" - g / n**2 * dg * v", "", "term"))),
    Layer("maxout", f"points: [{{x: {X34}, y: [[0.1, -1.0, 0.8, 0.2], [-0.5, 0.3, 1.6, -0.3], [1.0, 0.6, -0.4, 1.2]]}}]",
          "out = np.maximum(x, y)\nloss = (out**2).mean()",
          "d = 2 * out / out.size\ndx = d * (x >= y)\ndy = d * (x < y)",
          (("2 * out / out.size", "out / out.size", "2"), ("dy = d * (x < y)", "dy = d", "x|y"), ("d * (x >= y)", "d * (x >= 0)", "`0` where `(y|out)`"))),
    Layer("elman cell over time", "points: [{x: [[0.3, -0.8], [0.9, 0.2], [-0.4, 0.7]], U: [[0.4, -0.7], [1.1, 0.2]], V: [[-0.5, 0.9], [0.3, 0.8]]}]",
          "T = len(x)\nh = np.zeros((T + 1, 2))\nfor t in range(T):\n    h[t + 1] = np.tanh(x[t] @ U + h[t] @ V)\nout = h[T]",
          "dx, dU, dV = np.zeros_like(x), np.zeros_like(U), np.zeros_like(V)\ndh = dout\nfor t in reversed(range(T)):\n    da = dh * (1 - h[t + 1]**2)\n    dU += np.outer(x[t], da)\n    dV += np.outer(h[t], da)\n    dx[t] = U @ da\n    dh = V @ da",
          (("np.outer(h[t], da)", "np.outer(h[t + 1], da)", r"h\[t\]|superfluous in `t \+ 1`"), ("1 - h[t + 1]**2", "1 - h[t]**2", r"h\["), ("dh = V @ da", "dh = V.T @ da", "V"), ("np.outer(x[t], da)", "np.outer(da, x[t])", r"order|exchanged|\.T` is meant"), ("dV += np", "dV = np", r"\+="))),
    Layer("contrastive loss", "parameters: {m: 1.5}\npoints: [{a: [[0.3, -1.2], [0.8, 0.5], [1.1, -0.6]], b: [[0.1, -0.9], [1.9, 0.2], [0.4, -0.2]], s: [1, 0, 0]}]",
          "d = np.sqrt(((a - b)**2).sum(axis=1))\nh = np.maximum(m - d, 0)\nloss = (s * d**2 + (1 - s) * h**2).sum()",
          "dd = 2 * s * d - 2 * (1 - s) * h\nda = (dd / d)[:, None] * (a - b)\ndb = -da\nds = d**2 - h**2",
          (("- 2 * (1 - s) * h", "+ 2 * (1 - s) * h", "-|sign"), ("(dd / d)[:, None]", "dd[:, None]", "d"), ("(1 - s) * h", "s * h", "1 - s"))),
    Layer("low rank adapter", f"parameters: {{r: 2}}\npoints: [{{x: {SQUARE}, w: {W33}, A: [[0.5, -0.2], [1.1, 0.4], [-0.6, 0.7]], B: [[0.3, -0.8, 0.1], [0.9, 0.2, 0.4]]}}]",
          "out = x @ w + (x @ A) @ B / r",
          "g = dout / r\ndB = (x @ A).T @ g\ndA = x.T @ (g @ B.T)\ndw = x.T @ dout\ndx = dout @ w.T + g @ B.T @ A.T",
          (("g = dout / r", "g = dout", "r|2"), (" + g @ B.T @ A.T", "", "term|g @|the contribution through"), ("g @ B.T @ A.T", "dout @ B.T @ A.T", "g"), ("dA = x.T @ (g @ B.T)", "dA = x.T @ g @ w.T[:, :2]", "this line is wrong|B"))),
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
            text = layer.backward.replace(old, new, 1)
            at = layer.backward.index(old)
            guilty = rest[0] if rest else next(line.strip() for line, start in _lines(text) if start <= at + len(new) - 1 < start + len(line) + 1)
            assert guilty in [line.strip() for line in text.splitlines()], (layer.name, guilty)
            found.append(PlantedArray(f"{layer.name}: {new.strip() or 'without ' + old.strip()}", case_of(layer, text), guilty, words))
    return found


def _lines(text: str) -> list[tuple[str, int]]:
    return [(m.group(), m.start()) for m in re.finditer(r"[^\n]+", text)]
