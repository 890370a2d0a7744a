"""A gradient that is written as a multiple of the one that flows in is right for all of them or for none."""

from __future__ import annotations

import pytest

from verifier.case.load import case_of
from verifier.compare import linearity
from verifier.compare.check import checks_of
from verifier.exact.truth import truth_of


def is_linear(backward: str) -> bool:
    case = case_of(f'name: a product\nfunction: x*y\npoints: [{{x: 2, y: 3}}]\nimplementations:\n  mine: {{backward: "{backward}"}}\n')
    ((_, (check,)),) = checks_of(case, truth_of(case.programs.truth))
    return linearity.is_linear(check)


@pytest.mark.parametrize("backward", ["dx = y*dout; dy = x*dout", "dx = -(dout/2)*y + dout*y - 0; dy = where(x > 0, x*dout, 0)", "t = dout; dx = t*y; dy = (t - 2*t)*x"])
def test_a_multiple_of_the_gradient_that_flows_in_is_linear(backward: str) -> None:
    assert is_linear(backward)


@pytest.mark.parametrize("backward", ["dx = y; dy = x*dout", "dx = y*dout*dout; dy = x*dout", "dx = y*dout; dy = x*dout + 1", "dx = where(dout > 0, y*dout, 0); dy = x*dout", "dx = y/dout; dy = x*dout", "dx = exp(dout)*y; dy = x*dout"])
def test_anything_else_is_not_known_to_be_linear(backward: str) -> None:
    assert not is_linear(backward)
