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


RNN = """
name: a recurrent network
points: [{x: [[0.5, -1.25], [1.0, 0.25], [-0.75, 1.75]], h0: [0.3, -0.2], Wx: [[0.1, -0.3], [0.7, 0.2]], Wh: [[0.4, 0.9], [-0.8, 0.6]], b: [0.05, -0.15]}]
forward: |
  h = h0
  hs = [h0]
  for t in range(3):
      h = np.tanh(x[t] @ Wx + h @ Wh + b)
      hs.append(h)
  out = np.stack(hs[1:])
implementations:
  mine:
    backward: |
      dx = np.zeros_like(x)
      dWx, dWh = np.zeros_like(Wx), np.zeros_like(Wh)
      db = np.zeros_like(b)
      dhnext = np.zeros_like(h0)
      for t in reversed(range(3)):
          dh = dout[t] + dhnext
          da = dh * (1 - hs[t + 1]**2)
          dx[t] = da @ Wx.T
          dWx += np.outer(x[t], da)
          dWh += np.outer(hs[t], da)
          db += da
          dhnext = da @ Wh.T
      dh0 = dhnext
"""


@pytest.mark.parametrize(
    ("right", "written", "line", "words"),
    [
        ("dh = dout[t] + dhnext", "dh = dout[t]", "dh = dout[t]", "the term `+ dhnext` is missing: `dout[t]`"),
        ("db += da\n", "pass\n", "db = np.zeros_like(b)", "nothing is ever added to `db`, which stays 0"),
        ("dWx += np.outer(x[t], da)\n", "pass\n", "dWx, dWh = np.zeros_like(Wx), np.zeros_like(Wh)", "nothing is ever added to `dWx`, which stays 0"),
    ],
)
def test_what_is_missing_in_a_recurrent_network_is_named_where_it_belongs(right, written, line, words):
    text = RNN.replace(right, written)
    finding = next(f for f in verify(load_text(text).cases[0]).findings if f.code == "V101")
    assert words in finding.message
    assert text.splitlines()[finding.place.line - 1].strip() == line


def test_what_is_read_elsewhere_is_not_said_to_stay_0():
    """The twin: `db` is part of another array, to which something is added."""
    text = RNN.replace("db += da\n", "both[0] += 2 * da\n").replace("db = np.zeros_like(b)\n", "db = np.zeros_like(b)\n      both = [db]\n")
    messages = [f.message for f in verify(load_text(text).cases[0]).findings if f.code == "V101"]
    assert messages
    assert not any("stays 0" in m for m in messages), messages
