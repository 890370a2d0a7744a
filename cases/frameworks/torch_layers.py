"""Functions and modules of PyTorch: right ones, and ones that were wrong in released libraries."""

import torch


class Linear(torch.autograd.Function):
    """The linear function of PyTorch's notes on extending it."""

    @staticmethod
    def forward(x, weight, bias):
        return x.mm(weight.t()) + bias

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, weight, bias = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        return grad_output.mm(weight), grad_output.t().mm(x), grad_output.sum(0)


class LinearOneBias(Linear):
    """The same, with a bias gradient of one row of the batch."""

    @staticmethod
    def backward(ctx, grad_output):
        x, weight = ctx.saved_tensors
        return grad_output.mm(weight), grad_output.t().mm(x), grad_output[0]


class SteepSigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 1 / (1 + torch.exp(-25 * x))

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        e = torch.exp(-25 * x.abs())
        return g * 25 * e / (e + 1) ** 2


class SteepSigmoidOverflows(SteepSigmoid):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 25 * torch.exp(-25 * x) / (torch.exp(-25 * x) + 1) ** 2


class Softplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = torch.where(3 * x > 1, x, torch.log1p(torch.exp(3 * x)) / 3)
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, _ = ctx.saved_tensors
        e = torch.exp(3 * x)
        return g * torch.where(3 * x > 1, 1.0, e / (e + 1))


class SoftplusOfOutput(Softplus):
    @staticmethod
    def backward(ctx, g):
        x, y = ctx.saved_tensors
        e = torch.exp(3 * x)
        return g * torch.where(3 * y > 1, 1.0, e / (e + 1))


class Softsign(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x / (1 + x.abs())

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (1 + x.abs()) ** 2


class SoftsignOfOutput(Softsign):
    @staticmethod
    def forward(ctx, x):
        y = x / (1 + x.abs())
        ctx.save_for_backward(y)
        return y


class Net(torch.nn.Module):
    """Two layers; the gradients of its parameters are checked by their names."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(2, 3)
        self.norm = torch.nn.LayerNorm(3)
        self.last = torch.nn.Linear(3, 1)

    def forward(self, x):
        return self.last(torch.tanh(self.norm(self.first(x))))
