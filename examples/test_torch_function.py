"""The gradient of the Function is right, at listed points, over a domain, in three formats."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch_function import Softplus

from verifier.torch import assert_gradient, check

X = torch.tensor([0.3, -2.0, 40.0], dtype=torch.float64)


@pytest.mark.parametrize("format", ["float64", "float32", "bfloat16"])
def test_the_gradient_is_right(format):
    assert_gradient(Softplus.apply, X, formats=format)


def test_it_is_the_gradient_of_the_formula_over_a_domain():
    report = check(Softplus.apply, torch.tensor(0.5, dtype=torch.float64), function="log(1 + exp(x))", domain={"x": (-30, 30)}, sample=50)
    assert report.status == "passed"


class Flipped(Softplus):
    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * torch.sigmoid(-x)


def test_a_flipped_sign_is_found():
    with pytest.raises(AssertionError, match="wrong-gradient"):
        assert_gradient(Flipped.apply, X)
