"""Code as people write it for PyTorch, right and wrong: what the tests of the door trace."""

# ruff: noqa: ARG004 - the signatures are torch's

import math

import torch
from torch.autograd.function import once_differentiable


class Sigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.sigmoid(x)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y * (1 - y)


class SigmoidPlus(Sigmoid):
    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        slope = y * (1 + y)
        return g * slope


class Scaled(torch.autograd.Function):
    """Two outputs, an argument that is no tensor, setup_context, once_differentiable."""

    @staticmethod
    def forward(x, w, power):
        return x**power * w, (x * w).sum()

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, w, ctx.power = inputs
        ctx.save_for_backward(x, w)

    @staticmethod
    @once_differentiable
    def backward(ctx, g, h):
        x, w = ctx.saved_tensors
        n = ctx.power
        dx = g * n * x ** (n - 1) * w + h * w
        dw = g * x**n + h * x
        return dx, dw, None


class ScaledForgets(Scaled):
    """What flows into the second output is forgotten."""

    @staticmethod
    def backward(ctx, g, h):
        x, w = ctx.saved_tensors
        n = ctx.power
        dx = g * n * x ** (n - 1) * w
        dw = g * x**n + h * x
        return dx, dw, None


class Doubled(torch.autograd.Function):
    """In place, and said so."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return 2 * g


class Hidden(torch.autograd.Function):
    """In place, and not said."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        return 2 * g


class NoGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w):
        ctx.save_for_backward(w)
        return x * w

    @staticmethod
    def backward(ctx, g):
        (w,) = ctx.saved_tensors
        return g * w, None


class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        mean = x.mean(-1, keepdim=True)
        centred = x - mean
        rstd = torch.rsqrt((centred * centred).mean(-1, keepdim=True) + 1e-5)
        normed = centred * rstd
        ctx.save_for_backward(normed, rstd)
        return normed

    @staticmethod
    def backward(ctx, g):
        normed, rstd = ctx.saved_tensors
        inner = g - g.mean(-1, keepdim=True) - normed * (g * normed).mean(-1, keepdim=True)
        return inner * rstd


class LayerNormWithoutMean(LayerNorm):
    @staticmethod
    def backward(ctx, g):
        normed, rstd = ctx.saved_tensors
        inner = g - normed * (g * normed).mean(-1, keepdim=True)
        return inner * rstd


def in_place(x):
    y = x.clone()
    y[0] *= 3
    row = y[1]  # a view
    row += y[0]
    y.view(-1)[::2].sub_(1)
    return y.exp()


def by_sign(x):
    return x.sin() if x.sum() > 0 else x.cos()


def with_cast(x):
    return (x.float() * 2).double().sum() + x.pow(2).sum()


def through_sparse(x):
    return (x.to_sparse() * 2).to_dense().sum()


class Eigenvalues(torch.autograd.Function):
    @staticmethod
    def forward(ctx, a):
        values, vectors = torch.linalg.eigh(a)
        ctx.save_for_backward(vectors)
        return values

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return (v * g) @ v.T


class EigenvaluesWithoutVectors(Eigenvalues):
    """The vectors are transposed."""

    @staticmethod
    def backward(ctx, g):
        (v,) = ctx.saved_tensors
        return (v.T * g) @ v


def dropout(x):
    return torch.nn.functional.dropout(x, 0.5).exp()


def attention(q, k, v):
    return torch.softmax(q @ k.T / math.sqrt(q.shape[-1]), -1) @ v


calls = []


def another_each_time(x):
    calls.append(1)
    return x * len(calls)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(3, 4)
        self.norm = torch.nn.BatchNorm1d(4)
        self.last = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.last(torch.relu(self.norm(self.first(x))))


class Lstm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, w, xs):
        n = w.shape[0] // 4
        h, c = torch.zeros(n, dtype=w.dtype), torch.zeros(n, dtype=w.dtype)
        saved, out = [], []
        for x in xs:
            a = w @ torch.cat([x, h])
            i, f, o, u = torch.sigmoid(a[:n]), torch.sigmoid(a[n : 2 * n]), torch.sigmoid(a[2 * n : 3 * n]), torch.tanh(a[3 * n :])
            c2 = f * c + i * u
            saved.append((h, c, i, f, o, u, c2))
            h, c = o * torch.tanh(c2), c2
            out.append(h)
        ctx.saved = w, xs, saved
        return torch.stack(out)

    @staticmethod
    def backward(ctx, g):
        w, xs, saved = ctx.saved
        n = w.shape[0] // 4
        dw, dh, dc, dxs = torch.zeros_like(w), torch.zeros(n, dtype=w.dtype), torch.zeros(n, dtype=w.dtype), []
        for t in reversed(range(len(saved))):
            h, c, i, f, o, u, c2 = saved[t]
            dh = dh + g[t]
            s = torch.tanh(c2)
            dc = dc + dh * (1 - s * s)  # the factor o is missing
            do = dh * s * o * (1 - o)
            di = dc * u * i * (1 - i)
            df = dc * c * f * (1 - f)
            du = dc * i * (1 - u * u)
            da = torch.cat([di, df, do, du])
            dxh = w.T @ da
            dw = dw + torch.outer(da, torch.cat([xs[t], h]))
            dh, dc = dxh[xs.shape[1] :], dc * f
            dxs.insert(0, dxh[: xs.shape[1]])
        return dw, torch.stack(dxs)
