"""Lines of arrays whose components read each other (softmax, logsumexp, norms, variances) get other forms, of the forward or the backward pass: right, and better where they are tried."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mpmath
import numpy as np
import pytest

from tests.search.test_improve_arrays import improved, loaded
from verifier.adopt import adopt
from verifier.case.case import ImproveRequest
from verifier.case.load import load
from verifier.many import verify_all
from verifier.report.outcome import Replacement

LSE = "name: it\nfunction: log(sum(exp(x)))\ndomain: {x: [-1000, 1000]}\npoints: [{x: [800, 1, -3]}]\nimplementations:\n  mine:\n    backward: |\n      e = exp(x)\n      s = sum(e)\n      dx = e / s * dout\n"
CROSS_ENTROPY = (
    "name: it\ndomain: {z: [-800, 800]}\npoints: [{z: [0.5, 30, -3]}, {z: [750, 2, 1]}]\nforward: |\n  loss = log(sum(exp(z))) - z[1]\nimplementations:\n  mine:\n"
    "    forward: |\n      e = np.exp(z)\n      p = e / np.sum(e)\n      loss = -np.log(p[1])\n    backward: |\n      dz = p.copy()\n      dz[1] -= 1   # the class\n      dz *= dloss\n"
)
NORM = "name: it\ndomain: {x: [-1e200, 1e200]}\npoints: [{x: [3e160, 4e160]}, {x: [3, 4]}]\nforward: |\n  n = norm(x)\nimplementations:\n  mine:\n    forward: |\n      q = np.sum(x * x)\n      n = np.sqrt(q)\n    backward: |\n      dx = x / n * dn\n"
DEVIATION = (
    "name: it\ndomain: {x: [1, 2e6]}\npoints: [{x: [1000001, 1000002, 1000004]}]\nforward: |\n  s = sqrt(mean((x - mean(x))**2))\nimplementations:\n  mine:\n"
    "    forward: |\n      m = np.mean(x)\n      v = np.mean(x**2) - m**2\n      s = np.sqrt(v)\n    backward: |\n      dx = (x - m) / (3*s) * ds\n"
)
ONE_HOT = "name: it\nparameters: {t: [0, 1, 0]}\ndomain: {z: [-700, 700]}\npoints: [{z: [1, 40, -3]}]\nforward: |\n  loss = logsumexp(z) - sum(t*z)\nimplementations:\n  mine:\n    backward: |\n      p = softmax(z)\n      dz = (p - t) * dloss\n"
ROWS = (
    "name: it\ndomain: {x: [-800, 800]}\npoints: [{x: [[750, 1, 2], [0.5, -3, 1]]}]\nforward: |\n  out = logsumexp(x, axis=1)\nimplementations:\n  mine:\n"
    "    forward: |\n      e = np.exp(x)\n      s = np.sum(e, axis=1, keepdims=True)\n      out = np.log(s)[:, 0]\n    backward: |\n      dx = dout[:, None] * e / s\n"
)
GENERATED = "name: it\ndomain: {x: [-800, 800]}\npoints: [{x: [750, 1, 2]}]\nforward: |\n  out = logsumexp(x)\nimplementations:\n  mine:\n    forward: |\n      s = np.sum(np.exp(x))\n      out = np.log(s)\n"
LABELS = (
    "name: it\ndomain: {z: [-800, 800]}\npoints: [{z: [750, 2, -800]}]\nparameters: {t: [1, 0, 1]}\nforward: |\n  loss = sum(t*logaddexp(-z, 0) + (1 - t)*logaddexp(z, 0))\nimplementations:\n  mine:\n"
    "    forward: |\n      p = 1 / (1 + np.exp(-z))\n      loss = -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))\n"
)
LOSS = "name: it\nparameters: {t: [0.5, 1.5, 2]}\ndomain: {x: [-800, 800]}\npoints: [{x: [750, 1, 2]}]\nforward: |\n  loss = mean(log(cosh(x - t)))\nimplementations:\n  mine:\n    backward: |\n      r = x - t\n      dx = sinh(r) / cosh(r) / 3 * dloss\n"
CASES = {  # the case, the line, what stands in its place
    "logsumexp": (LSE, "e = exp(x)", "e = exp(x - max(x))"),
    "a saved probability": (CROSS_ENTROPY, "e = np.exp(z)", "e = np.exp(z - np.max(z))"),
    "a saved norm": (NORM, "n = np.sqrt(q)", "n = np.max(np.abs(x)) * np.sqrt(np.sum((x / np.where(np.max(np.abs(x)) == 0, 1, np.max(np.abs(x)))) ** 2))"),
    "a saved variance": (DEVIATION, "v = np.mean(x**2) - m**2", "v = np.mean((x - m) ** 2)"),
    "one-hot labels": (ONE_HOT, "dz = (p - t) * dloss", "dz = sum(p[:, None] * t - t[:, None] * p, axis=1) * dloss"),
    "rows, where the saved value is read by the output": (
        ROWS, "dx = dout[:, None] * e / s", "dx = dout[:, None] * np.exp(x - np.max(x, axis=1, keepdims=True)) / np.sum(np.exp(x - np.max(x, axis=1, keepdims=True)), axis=1, keepdims=True)",
    ),
    "a forward pass that backprop differentiates": (GENERATED, "out = np.log(s)", "out = np.max(x) + np.log(np.sum(np.exp(x - np.max(x))))"),
    "labels of 0 and 1, and two logarithms": (
        LABELS, "loss = -np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))", "loss = -np.sum(t * -np.logaddexp(-z, 0) + (1 - t) * -np.logaddexp(z, 0))",
    ),
    "a loss of which each gradient reads one component": (LOSS, "dx = sinh(r) / cosh(r) / 3 * dloss", "dx = dout * tanh(r) / 3"),
}  # fmt: skip


def only(text: str) -> Replacement:
    (found,) = improved(text).suggestions or ()
    return found


@pytest.mark.parametrize("name", CASES)
def test_the_line_that_overflows_or_cancels_gets_another_form(name: str) -> None:
    text, line, form = CASES[name]
    found = only(text)
    assert (found.original, found.replacement, found.proof) == (line, form, "proved")
    before, after = (verify_all([replace(loaded(t), sample=60)]).cases[0] for t in (text, text.replace(line, form)))
    ranks = [max(r.verdict.rank for r in report.results) for report in (before, after)]
    assert ranks[1] < ranks[0]
    assert after.proofs["mine"][found.gradient if found.gradient in after.proofs["mine"] else next(iter(after.proofs["mine"]))] == "proved"


def test_the_better_softmax_is_what_mpmath_says() -> None:
    """The gradient of logsumexp with the new line, run by NumPy; the exact one by mpmath."""
    found = only(LSE)
    x = np.array([800.0, 799.25, -3.0])
    e = eval(found.replacement.partition(" = ")[2], {"exp": np.exp, "max": np.max}, {"x": x})
    with mpmath.workdps(60):
        exact = [mpmath.exp(mpmath.mpf(v)) for v in x]
        exact = [v / sum(exact) for v in exact]
        assert all(abs(mpmath.mpf(float(g)) - v) <= mpmath.mpf(float(np.spacing(float(v)))) * 4 for g, v in zip(e / e.sum(), exact, strict=True) if v > 1e-300)


def test_what_is_left_gets_its_line_when_it_is_run_again() -> None:
    again = only(CROSS_ENTROPY.replace("e = np.exp(z)", "e = np.exp(z - np.max(z))"))
    assert (again.original, again.replacement) == ("dz[1] -= 1", "dz[1] = 0\ndz[1] = -np.sum(dz)")
    once_more = improved(CROSS_ENTROPY.replace("e = np.exp(z)", "e = np.exp(z - np.max(z))").replace(again.original, again.replacement.replace("\n", "\n      ")))
    assert once_more.suggestions == (), "the twin: nothing is left to be gained"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_two_statements_in_the_place_of_one_are_written_below_each_other(tmp_path: Path, end: str) -> None:
    path = tmp_path / "loss.yaml"
    path.write_bytes(CROSS_ENTROPY.replace("e = np.exp(z)", "e = np.exp(z - np.max(z))").replace("\n", end).encode())
    loaded_file = load(str(path))
    (report,) = verify_all([replace(c, improve=ImproveRequest(60.0)) for c in loaded_file.cases]).cases
    (found,) = report.suggestions or ()
    assert found.patch
    assert adopt([report]).files == (str(path),)
    assert f"      dz[1] = 0{end}      dz[1] = -np.sum(dz)   # the class{end}" in path.read_bytes().decode()


def test_a_loss_that_is_shifted_already_gets_nothing() -> None:
    assert improved(LSE.replace("exp(x)\n", "exp(x - max(x))\n")).suggestions == ()


def test_a_forward_pass_that_two_implementations_share_is_left_alone() -> None:
    shared = NORM.replace("forward: |\n  n = norm(x)\n", "forward: |\n  q = np.sum(x * x)\n  n = np.sqrt(q)\n").replace("    forward: |\n      q = np.sum(x * x)\n      n = np.sqrt(q)\n", "") + "  other:\n    backward: |\n      dx = x * dn / n\n"
    assert all(s.original.startswith("dx = ") for s in improved(shared).suggestions or ())


def test_a_size_of_one_array_takes_the_place_of_no_other_number() -> None:
    """In a text that has the length of an array the new line has it, too, or there is none."""
    sized = LOSS.replace("cosh(r) / 3", "cosh(r) / x.shape[0]")
    assert only(sized).replacement == "dx = dout * tanh(r) / x.shape[0]"
    two = sized.replace("[0.5, 1.5, 2]", "[0.5, 1.5, 2, 4]").replace("[750, 1, 2]", "[750, 1, 2, 3]")
    assert improved(two).suggestions == (), "4 may be a number of the formula"


def test_several_gradients_that_read_one_line_get_one_line() -> None:
    text = (
        "name: it\ndomain: {x: [-700, 700], w: [0.5, 2]}\npoints: [{x: [1, 2, 3], w: [1, 1, 2]}, {x: [690, 600, 1], w: [2, 1, 1]}]\nforward: |\n  out = logsumexp(w*x)\nimplementations:\n  mine:\n"
        "    backward: |\n      e = exp(w*x)\n      p = e / sum(e)\n      dx = w * p * dout\n      dw = x * p * dout\n"
    )
    found = improved(text).suggestions or ()
    assert {(s.gradient, s.original, s.replacement) for s in found} == {("dx", "e = exp(w*x)", "e = exp(w * x - max(w * x))"), ("dw", "e = exp(w*x)", "e = exp(w * x - max(w * x))")}


def test_a_search_of_no_time_finds_nothing_and_says_nothing_wrong() -> None:
    (report,) = verify_all([replace(loaded(LSE), improve=ImproveRequest(0.0))]).cases
    assert report.suggestions == ()
