"""Numbers that stand for minus infinity in a mask: where scores are below them nothing is claimed, and everything else is."""

from __future__ import annotations

import pytest

from verifier import load_text
from verifier.compare.mask_numbers import larger_than_masks
from verifier.compare.meant import meant_in, satisfied
from verifier.language.formats import FORMATS
from verifier.verify import verify

ATTENTION = """
name: attention with a mask
parameters: {{mask: [[1, 0], [1, 1]]{more}}}
points: [{{q: [[0.3, -0.7], [0.4, 1.1]], k: [[0.9, 0.2], [-0.5, 0.8]]}}]
forward: |
  s = q @ k.T
  {masked}
  {softmax}
implementations:
  it:
    backward: |
      ds = p * (dp - (p * dp).sum(axis=1, keepdims=True)){slip}
      dq = ds @ k
      dk = ds.T @ q
{domain}
"""
WHERE = "z = np.where(mask == 1, s, -1e9)"
SHIFTED = "e = np.exp(z - z.max(axis=1, keepdims=True)); p = e / e.sum(axis=1, keepdims=True)"
UNSHIFTED = "e = np.exp(z); p = e / e.sum(axis=1, keepdims=True)"


def attention(masked: str = WHERE, softmax: str = SHIFTED, *, slip: str = "", domain: str = "", more: str = ""):
    (case,) = load_text(ATTENTION.format(masked=masked, softmax=softmax, slip=slip, domain=domain, more=more)).cases
    return case


@pytest.mark.parametrize("softmax", [SHIFTED, UNSHIFTED])
@pytest.mark.parametrize("masked", [WHERE, "z = s.copy(); z[mask == 0] = -1e30", "z = np.where(mask == 1, s, -10000.0)", "z = np.where(on == 1, s, -1e9)"])
def test_a_softmax_that_leaves_its_mask_out_backward_is_right(masked, softmax):
    """The weights of what is masked are exp(-1e9): with scores of such a size they would not be 0, and nobody means these."""
    assert verify(attention(masked, softmax, more=", on: [[1.0, 0.0], [1.0, 1.0]]" if "on ==" in masked else "")).status == "passed"


@pytest.mark.parametrize("softmax", [SHIFTED, UNSHIFTED])
def test_a_mistake_beside_the_mask_is_found(softmax):
    assert verify(attention(softmax=softmax, slip=" * 1.0001")).status == "failed"
    assert verify(attention(softmax=softmax, slip=" * np.where(np.abs(s) < 5, 1, 2)")).status == "failed"


def test_a_domain_that_has_such_scores_is_the_writers_word():
    assert verify(attention(domain="domain: {q: [-1e10, 1e10], k: [-1e10, 1e10]}\nsample: 20")).status == "failed"
    assert verify(attention(domain="domain: {q: [-10, 10], k: [-10, 10]}\nsample: 20")).status == "passed"


@pytest.mark.parametrize(
    ("forward", "slope"),
    [("f = np.where(x < 1e9, x, 2 * x - 1e9)", "1"), ("f = max(x, -1e9)", "1"), ("f = np.where(x > -1e5, x, -1e5)", "1"), ("f = 1e5 * x", "1e5 * (x < 1e6)"), ("f = max(x, -1e5) - 1e5", "1")],
)
def test_a_limit_that_is_no_mask_is_claimed_beyond_it_too(forward, slope):
    (case,) = load_text(f"points: [{{x: 0.3}}]\nforward: {forward}\nimplementations: {{it: {{backward: 'dx = {slope} * df'}}}}").cases
    assert verify(case).status == "failed"
    assert larger_than_masks(case.programs.truth) is None


def test_the_condition_is_half_the_number():
    (case,) = load_text("points: [{x: 0.3, y: 2}]\nforward: |\n  m = max(x, -1e6, y)\n  f = exp(x - m) / (exp(x - m) + exp(-1e6 - m) + exp(y - m))").cases
    points = [(0.3, 2.0), (-1e7, 3.0), (-1e7, -4e5), (-1e7, -6e5), (-1e7, -1e8)]
    assert satisfied(meant_in(case, FORMATS["float64"]), points) == [True, True, True, False, False]
