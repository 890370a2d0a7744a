"""Mistakes in the loops of recurrent cells at sampled points, slices of loops, and mistakes that only a witness shows: the line that was changed is named."""

from __future__ import annotations

import pytest

from verifier import load_text
from verifier.compare.meant import Meant, moderate_point
from verifier.language.formats import FORMATS
from verifier.verify import verify

CELL = """
name: a gated cell
shapes: {x: [4, 2, 3], h0: [2, 2], Wz: [3, 2], Uz: [2, 2], Wn: [3, 2]}
domain: {x: [-1, 1], h0: [-1, 1], Wz: [-1, 1], Uz: [-1, 1], Wn: [-1, 1]}
sample: 1
forward: |
  h, cache = h0, []
  for t in range(4):
      z = sigmoid(x[t] @ Wz + h @ Uz)
      n = np.tanh(x[t] @ Wn)
      cache.append((h, z, n))
      h = (1 - z) * n + z * h
  out = h
implementations:
  mine:
    backward: |
      dx, dWz, dUz, dWn = np.zeros_like(x), np.zeros_like(Wz), np.zeros_like(Uz), np.zeros_like(Wn)
      dh = dout
      for t in reversed(range(4)):
          hp, z, n = cache[t]
          dz = dh * (hp - n)
          dn = dh * (1 - z)
          daz = dz * z * (1 - z)
          dan = dn * (1 - n**2)
          dWz += x[t].T @ daz
          dUz += hp.T @ daz
          dWn += x[t].T @ dan
          dx[t] = daz @ Wz.T + dan @ Wn.T
          dhp = dh * z
          dhp += daz @ Uz.T
          dh = dhp
      dh0 = dh
"""

MISTAKES = (  # what is right, what is written, and what is said; the lines are those that were changed
    ("dz = dh * (hp - n)", "dz = dh * (n - hp)", "wrong order"),
    ("daz = dz * z * (1 - z)", "daz = dz * (1 - z)", "factor `z` is missing"),
    ("dUz += hp.T @ daz", "dUz = hp.T @ daz", "`=` where `+=` is meant"),
    ("dhp += daz @ Uz.T", "dhp += daz @ Uz", "`Uz.T` is meant"),
    ("dhp += daz @ Uz.T", "dhp = daz @ Uz.T", "`=` where `+=` is meant"),
)

POOL = """
name: means of squares
points: [{x: [[0.5, -1.25, 0.75, 1.5], [1.0, 0.25, -0.5, 2.0], [-0.75, 1.75, 0.125, 0.375], [2.5, -0.25, 1.25, 0.875]]}]
forward: |
  out = np.zeros((2, 2))
  for i in range(2):
      for j in range(2):
          out[i, j] = x[i*2:(i+1)*2, j*2:(j+1)*2].mean()
implementations:
  mine:
    backward: |
      dx = np.zeros_like(x)
      for i in range(2):
          for j in range(2):
              dx[i*2:(i+1)*2, j*2:(j+1)*2] += dout[i, j] / 4
"""

HIDDEN = """
name: weights of 0 hide a derivative
points: [{x: [[1.0, 2.0], [3.0, 4.0]], w: [0.0, 0.0]}]
forward: |
  h = x * w
  out = np.tanh(h)
implementations:
  mine:
    backward: |
      dh = dout * (1 - np.tanh(h))
      dx = dh * w
      dw = (dh * x).sum(axis=0)
"""


def findings(text):
    (case,) = load_text(text).cases
    return [f for f in verify(case).findings if f.severity == "error"]


def test_right_loops_accuse_nobody():
    assert findings(CELL) == []
    assert findings(POOL) == []


@pytest.mark.parametrize(("right", "wrong", "words"), MISTAKES)
def test_the_wrong_line_of_a_loop_is_named_alone(right, wrong, words):
    (found,) = findings(CELL.replace(right, wrong))
    assert found.statement == wrong
    assert words in found.message


def test_a_counter_in_the_place_of_another_is_said():
    (found,) = findings(POOL.replace("j*2:(j+1)*2] +=", "i*2:(i+1)*2] +="))
    assert "`dx[i * 2:(i + 1) * 2, j * 2:(j + 1) * 2]` is meant" in found.message


def test_a_division_by_another_number_is_said():
    (found,) = findings(POOL.replace("/ 4", "/ 2"))
    assert "the constant `2` should be 4" in found.message


def test_a_gradient_that_only_a_witness_refutes_has_its_line():
    found = findings(HIDDEN)
    assert {f.code for f in found} == {"V107"}
    assert {f.statement for f in found} == {"dh = dout * (1 - np.tanh(h))"}


def test_a_moderate_point_lies_in_the_domain():
    """Values of a golden section of each interval; a listed value where there are such."""
    meant = Meant(((-1.0, 1.0), (0.0, 1e6), (1e3, 2e3), (0.0, 1.0)), ((), (), (), (0.0, 1.0)))
    (point,) = moderate_point(meant, FORMATS["float64"])
    assert abs(point[0]) <= 1
    assert 0 < point[1] <= 2
    assert 1e3 <= point[2] <= 2e3
    assert point[3] in (0.0, 1.0)
