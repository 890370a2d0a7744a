"""The gradients of the input and of every parameter are right."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch_module import Net

from verifier.torch import assert_gradient, check

X = torch.tensor([[0.5, -1.25], [1.5, 0.25]], dtype=torch.float64)


def net():
    torch.manual_seed(0)
    return Net().double()


def test_the_gradients_of_the_module_are_right():
    assert_gradient(net(), X)


def test_each_parameter_is_judged_by_its_name():
    names = {r.gradient.partition("[")[0] for r in check(net(), X).results}
    assert names == {"dx", "dfirst_weight", "dfirst_bias", "dlast_weight", "dlast_bias"}
