"""Array code with mistakes that the search for the guilty line has not seen: layers and losses as people post them, each written before the tool was run on it (see `held_out`)."""

from __future__ import annotations

from tests.held_out import HeldOut, Slip

X34 = "[[0.52, -0.83, 1.21, 0.17], [-0.94, 0.38, 0.66, -1.32], [0.29, 1.05, -0.47, 0.73]]"
X33 = "[[0.42, -1.13, 0.75], [0.68, 0.21, -0.56], [-0.87, 1.34, 0.19]]"
W33 = "[[0.61, -0.32, 0.94], [-0.48, 0.83, 0.27], [1.12, 0.15, -0.71]]"
W42 = "[[0.31, -0.62], [0.74, 0.28], [-0.45, 0.57], [0.12, 0.96]]"

NORMS = (
    HeldOut(
        "root mean square norm with one plus the gain", f"parameters: {{eps: 1e-3}}\npoints: [{{x: {X34}, g: [0.3, -0.4, 0.1, 0.6]}}]",
        "dg = (dy * n).sum(axis=0)\ndn = dy * (1 + g)\ndx = (dn - n * (dn * n).mean(axis=1, keepdims=True)) / r",
        (Slip("dn = dy * (1 + g)", "dn = dy * g", r"1 \+ g|`?1`? is missing"),),
        forward="r = np.sqrt((x**2).mean(axis=1, keepdims=True) + eps)\nn = x / r\ny = n * (1 + g)",
    ),
    HeldOut(
        "rows of length one", f"points: [{{x: {X33}}}]",
        "dx = (dy - y * (dy * y).sum(axis=1, keepdims=True)) / n",
        (Slip("(dy * y).sum(axis=1", "(dy * y).sum(axis=0", "axis=1"),),
        forward="n = np.sqrt((x**2).sum(axis=1, keepdims=True))\ny = x / n",
    ),
    HeldOut(
        "swish with a sharpness for each channel", f"points: [{{x: {X34}, b: [0.9, 1.4, 0.6, 2.1]}}]",
        "s = 1 / (1 + np.exp(-b * x))\nds = s * (1 - s)\ndx = dout * (s + b * x * ds)\ndb = (dout * x**2 * ds).sum(axis=0)",
        (Slip("dout * x**2 * ds", "dout * x * ds", r"squared|`x`|exponent"),),
        forward="out = x / (1 + np.exp(-b * x))",
    ),
    HeldOut(
        "dropout beside a skip connection", f"parameters: {{m: [[1, 0, 1, 1], [0, 1, 1, 1], [1, 1, 0, 1]], keep: 0.8}}\npoints: [{{x: {X34}}}]",
        "dh = dout * m / keep\ndx = dout + (1 - h**2) * dh",
        (Slip("dout * m / keep", "dout * m", r"divi.*keep|keep"),),
        forward="h = np.tanh(x)\nout = x + h * m / keep",
    ),
)  # fmt: skip

LOSSES = (
    HeldOut(
        "distillation with a temperature", f"parameters: {{T: 2, t: [[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.4, 0.1]]}}\npoints: [{{s: {X34}}}]",
        "p = np.exp(s / T) / np.exp(s / T).sum(axis=1, keepdims=True)\nds = T * (p - t) / len(s)",
        (Slip("T * (p - t) / len(s)", "(p - t) / len(s)", "`T`|`2`"),),
        forward="q = np.exp(s / T) / np.exp(s / T).sum(axis=1, keepdims=True)\nloss = -T**2 * (t * np.log(q)).sum() / len(s)",
    ),
    HeldOut(
        "ridge regression", f"parameters: {{y: [0.4, -1.1, 0.8], lam: 0.3}}\npoints: [{{x: {X34}, w: [0.5, -0.2, 0.7, 1.1]}}]",
        "r = x @ w - y\ndw = 2 * x.T @ r / len(y) + 2 * lam * w\ndx = 2 * np.outer(r, w) / len(y)",
        (Slip("+ 2 * lam * w", "+ lam * w", r"`2`"),),
        forward="loss = ((x @ w - y)**2).mean() + lam * (w**2).sum()",
    ),
    HeldOut(
        "logistic regression", f"parameters: {{y: [1, 0, 1]}}\npoints: [{{x: {X34}, w: [0.5, -0.2, 0.7, 1.1], b: 0.3}}]",
        "e = p - y\ndw = x.T @ e / len(y)\ndb = e.mean()",
        (Slip("db = e.mean()", "db = e.sum()", "mean|divi"), Slip("x.T @ e / len(y)", "-x.T @ e / len(y)", "sign")),
        forward="z = x @ w + b\np = 1 / (1 + np.exp(-z))\nloss = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()", gradients="{w: dw, b: db}",
    ),
    HeldOut(
        "skip-gram with negative samples", "points: [{v: [0.4, -0.7, 0.2], u: [0.6, 0.3, -0.5], U: [[0.1, 0.8, -0.4], [-0.9, 0.2, 0.7]]}]",
        "a = 1 / (1 + np.exp(-(u @ v)))\nn = 1 / (1 + np.exp(-(U @ v)))\ndv = (a - 1) * u + U.T @ n\ndu = (a - 1) * v\ndU = np.outer(n, v)",
        (Slip("np.outer(n, v)", "np.outer(1 - n, v)", r"`1 - n`|term `1`|sign|`n`"),),
        forward="loss = -np.log(1 / (1 + np.exp(-(u @ v)))) - np.log(1 / (1 + np.exp(U @ v))).sum()",
    ),
    HeldOut(
        "reconstruction by two shared weights", f"points: [{{x: {X34}, w: {W42}}}]",
        "de = 2 * e\ndw = -(x.T @ de @ w + de.T @ x @ w)",
        (Slip("-(x.T @ de @ w + de.T @ x @ w)", "-(x.T @ de @ w)", r"missing|de\.T"),),
        forward="e = x - x @ w @ w.T\nloss = (e**2).sum()", gradients="{w: dw}",
    ),
    HeldOut(
        "policy ratio", "parameters: {old: [-1.1, -0.4, -2], A: [0.7, -1.2, 0.4]}\npoints: [{lp: [-0.9, -0.8, -1.7]}]",
        "dlp = -A * ratio / len(A)",
        (Slip("-A * ratio / len(A)", "-A / len(A)", "`?ratio`?.*missing|exp"),),
        forward="ratio = np.exp(lp - old)\nloss = -(ratio * A).mean()",
    ),
    HeldOut(
        "sampling a Gaussian code", "parameters: {noise: [0.4, -1.2, 0.9]}\npoints: [{mu: [0.3, -0.5, 0.8], lv: [-0.6, 0.2, 0.4]}]",
        "dz = z\ndmu = dz + mu\ndlv = 0.5 * std * noise * dz - 0.5 * (1 - std**2)",
        (Slip("0.5 * std * noise * dz", "std * noise * dz", r"0\.5|`2`|1/2"),),
        forward="std = np.exp(0.5 * lv)\nz = mu + std * noise\nloss = (z**2).sum() / 2 - 0.5 * (1 + lv - mu**2 - np.exp(lv)).sum()",
    ),
    HeldOut(
        "contrast of pairs", f"parameters: {{t: 0.5}}\npoints: [{{a: {X33}, b: {W33}}}]",
        "dS = (P - np.eye(3)) / (3 * t)\nda = dS @ b\ndb = dS.T @ a",
        (Slip("dS.T @ a", "dS @ a", r"dS\.T|transpose"),),
        forward="S = a @ b.T / t\nP = np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)\nloss = -np.log(np.diag(P)).mean()",
    ),
    HeldOut(
        "squared hinge loss", f"parameters: {{y: [1, 3, 0]}}\npoints: [{{s: {X34}}}]",
        "dm = 2 * m / len(y)\nds = dm.copy()\nds[np.arange(3), y] -= dm.sum(axis=1)",
        (Slip("dm = 2 * m / len(y)", "dm = 2 * (m > 0) / len(y)", r"`m > 0`|`m`"),),
        forward="m = np.maximum(0, s - s[np.arange(3), y].reshape(3, 1) + 1)\nm[np.arange(3), y] = 0\nloss = (m**2).sum() / len(y)",
    ),
)  # fmt: skip

LAYERS_OF_MANY = (
    HeldOut(
        "causal attention", f"parameters: {{mask: [[1, 0, 0], [1, 1, 0], [1, 1, 1]]}}\npoints: [{{q: {X33}, k: {W33}, v: [[0.3, 0.7, -0.2], [-0.6, 0.5, 0.9], [0.8, -0.1, 0.4]]}}]",
        "dv = P.T @ dout\ndP = dout @ v.T\ndS = P * (dP - (dP * P).sum(axis=1, keepdims=True))\ndq = dS @ k * scale\ndk = dS.T @ q * scale",
        (Slip("dk = dS.T @ q * scale", "dk = dS.T @ q", "scale"),),
        forward="scale = 1 / np.sqrt(3)\nE = np.exp(q @ k.T * scale) * mask\nP = E / E.sum(axis=1, keepdims=True)\nout = P @ v",
    ),
    HeldOut(
        "additive attention", f"points: [{{x: {X33}, W: {W33}, u: [0.7, -0.4, 0.9]}}]",
        "da = x @ dctx\nde = a * (da - (da * a).sum())\ndu = h.T @ de\ndh = np.outer(de, u) * (1 - h**2)\ndW = x.T @ dh\ndx = dh @ W.T + np.outer(a, dctx)",
        (Slip("dh @ W.T + np.outer(a, dctx)", "dh @ W.T", r"missing"),),
        forward="h = np.tanh(x @ W)\ne = h @ u\na = np.exp(e) / np.exp(e).sum()\nctx = a @ x",
    ),
    HeldOut(
        "two layers with a sigmoid", f"points: [{{x: {X34}, w1: {W42}, w2: [[0.6, -0.9], [0.4, 0.7]]}}]",
        "dw2 = h.T @ dout\ndh = dout @ w2.T\ndz = dh * h * (1 - h)\ndw1 = x.T @ dz\ndx = dz @ w1.T",
        (Slip("dz = dh * h * (1 - h)", "dz = dh", r"1 - h|sigmoid|chain rule"),),
        forward="z = x @ w1\nh = 1 / (1 + np.exp(-z))\nout = h @ w2", source="https://github.com/filipecalasans/mlp/issues/1",
    ),
    HeldOut(
        "bias read before the mask", f"points: [{{x: {X34}, w1: {W42}, b1: [0.1, -0.3], w2: [[0.6, -0.9], [0.4, 0.7]]}}]",
        "dw2 = h.T @ dout\ndh = dout @ w2.T\ndh[h <= 0] = 0\ndb1 = dh.sum(axis=0)\ndw1 = x.T @ dh\ndx = dh @ w1.T",
        (Slip("dh[h <= 0] = 0\ndb1 = dh.sum(axis=0)", "db1 = dh.sum(axis=0)\ndh[h <= 0] = 0", "before|mask|h <= 0|h > 0", "db1 = dh.sum(axis=0)"),),
        forward="h = np.maximum(0, x @ w1 + b1)\nout = h @ w2",
    ),
    HeldOut(
        "convolution in two dimensions", "points: [{x: [[0.3, -0.8, 0.5], [1.1, 0.2, -0.6], [-0.4, 0.9, 0.7]], w: [[0.6, -0.3], [0.8, 0.1]]}]",
        "dx = np.zeros((3, 3))\ndw = np.zeros((2, 2))\nfor i in range(2):\n    for j in range(2):\n        dw += x[i:i + 2, j:j + 2] * dout[i, j]\n        dx[i:i + 2, j:j + 2] += w * dout[i, j]",
        (Slip("dw += x[i:i + 2, j:j + 2] * dout[i, j]", "dw += x[i:i + 2, j:j + 2] * dout[j, i]", r"dout\[i, j\]|order|exchanged|`j` where `i`|transpos|dout`? where `dout\.T|dout\.T"),),
        forward="out = np.zeros((2, 2))\nfor i in range(2):\n    for j in range(2):\n        out[i, j] = (x[i:i + 2, j:j + 2] * w).sum()",
    ),
    HeldOut(
        "convolution with holes", "parameters: {d: 2}\npoints: [{x: [0.3, -0.8, 0.5, 1.1, 0.2, -0.6], w: [0.6, -0.3]}]",
        "dx = np.zeros(6)\ndw = np.zeros(2)\nfor k in range(2):\n    dx[k * d:k * d + 4] += w[k] * dout\n    dw[k] = (x[k * d:k * d + 4] * dout).sum()",
        (Slip("dx[k * d:k * d + 4] += w[k] * dout", "dx[k:k + 4] += w[k] * dout", r"`d`|\bd\b"),),
        forward="out = np.zeros(4)\nfor k in range(2):\n    out += w[k] * x[k * d:k * d + 4]",
    ),
    HeldOut(
        "transposed convolution", "parameters: {s: 2}\npoints: [{x: [0.3, -0.8, 0.5], w: [0.6, -0.3, 0.9]}]",
        "dx = np.zeros(3)\ndw = np.zeros(3)\nfor i in range(3):\n    dx[i] = (dout[i * s:i * s + 3] * w).sum()\n    dw += x[i] * dout[i * s:i * s + 3]",
        (Slip("dw += x[i]", "dw = x[i]", r"\+="),),
        forward="out = np.zeros(7)\nfor i in range(3):\n    out[i * s:i * s + 3] += x[i] * w",
    ),
    HeldOut(
        "step of a long short-term memory", "points: [{x: [0.4, -0.9], c0: [0.6, -0.2], W: [[0.3, -0.5, 0.8, 0.1, 0.7, -0.4, 0.2, 0.9], [-0.6, 0.4, 0.2, 0.7, -0.1, 0.5, 0.6, -0.3]]}]",
        "do = dh * np.tanh(c)\ndc = dh * o * (1 - np.tanh(c)**2)\ndi, df, dg, dc0 = dc * g, dc * c0, dc * i, dc * f\n"
        "da = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)])\ndW = np.outer(x, da)\ndx = W @ da",
        (Slip("dc * c0, dc * i", "dc * c, dc * i", "`c` where `c0`"),),
        forward="a = x @ W\ni = 1 / (1 + np.exp(-a[:2]))\nf = 1 / (1 + np.exp(-a[2:4]))\no = 1 / (1 + np.exp(-a[4:6]))\ng = np.tanh(a[6:])\nc = f * c0 + i * g\nh = o * np.tanh(c)",
    ),
    HeldOut(
        "embedding with a scale", "parameters: {i: [2, 0, 2], s: 1.5}\npoints: [{E: [[0.3, -0.8], [0.9, 0.2], [0.5, 1.4]]}]",
        "dE = np.zeros((3, 2))\nfor t in range(3):\n    dE[i[t]] += s * dout[t]",
        (Slip("+= s * dout[t]", "+= dout[t]", "`s`"),),
        forward="out = s * E[i]",
    ),
    HeldOut(
        "expected position under a softmax", "parameters: {u: [-1, 0, 1, 2]}\npoints: [{s: [0.4, -0.9, 1.2, 0.3]}]",
        "ds = p * (u - pos) * dpos",
        (Slip("p * (u - pos)", "p * u", r"pos|missing"),),
        forward="p = np.exp(s) / np.exp(s).sum()\npos = (p * u).sum()",
    ),
    HeldOut(
        "form with a matrix that is not symmetric", f"points: [{{x: [0.4, -0.9, 1.2], mu: [0.1, 0.3, 0.7], P: {W33}}}]",
        "d = x - mu\ndx = (P + P.T) @ d * dout\ndmu = -dx\ndP = np.outer(d, d) * dout",
        (Slip("(P + P.T) @ d", "2 * P @ d", r"P\.T"),),
        forward="out = (x - mu) @ P @ (x - mu)",
    ),
)  # fmt: skip

ARRAYS = (*NORMS, *LOSSES, *LAYERS_OF_MANY)
