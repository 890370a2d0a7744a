"""`assert_gradient` on texts in a test, and those of the frameworks: pytest's own failure section shows the caller's line and the finding with the wrong one."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import verifier
import verifier.numpy
from verifier import CaseError
from verifier.case.compose import CallSite, located, unindented, written
from verifier.case.load import load_text

FORWARD = """
    a = x * x
    out = sin(a)
"""


def failure(**texts: object) -> str:
    with pytest.raises(AssertionError) as caught:
        verifier.assert_gradient(**texts)  # type: ignore[arg-type]
    return str(caught.value)


def line_of(text: str) -> int:
    """The only line of this file that ends in a comment."""
    (found,) = [i for i, line in enumerate(Path(__file__).read_text(encoding="utf-8").splitlines(), 1) if line.endswith(f"  # {text}")]
    return found


def test_texts_that_are_right_pass() -> None:
    verifier.assert_gradient(function="sin(x)", backward="dx = cos(x) * dout", at={"x": 1})
    verifier.assert_gradient(forward=FORWARD, backward="dx = 2 * x * cos(a) * dout", at=[{"x": 1}, {"x": "0x1p-3"}], formats=["float64", "float32"], upstream=2)
    verifier.assert_gradient(function="x * y", gradients={"x": "gx"}, backward="gx = y * dout", domain={"x": (-1, 1), "y": {1, 2}}, sample=3, accept=1)
    verifier.assert_gradient(forward="out = x.dot(w)", at={"x": np.array([1.0, 2.0]), "w": [3, -1]}, strict=True)


def test_a_wrong_text_is_found_with_its_line_and_column_in_this_file() -> None:
    with pytest.raises(AssertionError, match="V101 wrong-gradient") as caught:
        verifier.assert_gradient(function="sin(x)", backward="dx = sin(x) * dout", at={"x": 1})  # one line
    source = Path(__file__).read_text(encoding="utf-8").splitlines()[line_of("one line") - 1]
    assert f"test_assert_gradient.py:{line_of('one line')}:{source.index('sin(x) * dout') + 1}" in str(caught.value)


def test_a_wrong_statement_of_several_is_found_with_its_line() -> None:
    with pytest.raises(AssertionError) as caught:
        verifier.assert_gradient(
            forward=FORWARD,
            backward="""
                da = cos(a) * dout
                dx = 3 * x * da
            """,
            at={"x": 1},
        )
    expected = Path(__file__).read_text(encoding="utf-8").splitlines().index("                dx = 3 * x * da") + 1
    assert f"test_assert_gradient.py:{expected}:22 " in str(caught.value)
    assert f"{expected} |  dx = 3 * x * da" in str(caught.value)


def test_texts_that_cannot_be_read_are_complained_about_in_this_file() -> None:
    with pytest.raises(CaseError) as caught:
        verifier.assert_gradient(function="sin(x)", backward="dx = csin(x)", at={"x": 1})  # broken
    assert f"test_assert_gradient.py:{line_of('broken')}:" in str(caught.value)
    assert "did you mean 'sin'?" in str(caught.value)
    with pytest.raises(CaseError, match="the case has no points"):
        verifier.assert_gradient(function="sin(x)")


def test_a_text_that_the_file_does_not_have_stands_where_the_call_is() -> None:
    with pytest.raises(AssertionError) as caught:
        verifier.assert_gradient(function="sin(x)", backward="dx = " + "+".join(["sin(x)"] * 3) + " + 0 * dout", at={"x": 1})  # made up
    assert f"test_assert_gradient.py:{line_of('made up')}:" in str(caught.value)


def test_what_warns_fails_when_strict_and_what_checks_nothing_fails() -> None:
    lossy = {"function": "tanh(x)", "backward": "dx = (1 - out**2) * dout", "at": {"x": 20}}
    with pytest.warns(verifier.GradientWarning, match="V203 mine.dx: vanished") as warned:
        verifier.assert_gradient(**lossy)  # type: ignore[arg-type]
    assert [w.filename for w in warned] == [__file__]
    assert "V203 vanished-gradient" in failure(**lossy, strict=True)
    text = failure(function="log(x)", at={"x": -1})
    assert text.startswith("nothing was checked: every gradient is undefined at its points\n")
    assert "PASS" not in text
    assert "V204 undefined-gradient" in text


WHERE = """
name: logarithm
function: log(x)
implementations:
  mine:
    backward: dx = dout / x
points:
  - {x: 2}
"""


def test_a_point_of_a_case_at_which_nothing_is_defined_does_not_pass() -> None:
    verifier.assert_gradient(WHERE, {"x": 3})
    with pytest.raises(AssertionError, match=r"^nothing was checked: every gradient is undefined"):
        verifier.assert_gradient(WHERE, {"x": -1})


def test_what_warns_at_a_point_of_a_case_is_a_warning_at_the_line_of_the_test() -> None:
    case = "name: c\nfunction: tanh(x)\nimplementations:\n  mine:\n    backward: dx = (1 - out**2) * dout\npoints: [{x: 1}]\n"
    verifier.assert_gradient(case, {"x": 1})
    with pytest.warns(verifier.GradientWarning, match="V203 mine.dx vanishes .float64, at x=20.0") as warned:
        verifier.assert_gradient(case, {"x": 20})
    assert [w.filename for w in warned] == [__file__]


def test_the_first_line_is_the_first_finding_since_summaries_show_no_more() -> None:
    texts = {"function": "sin(x)", "backward": "dx = sin(x) * dout", "at": {"x": 1}}
    first, second, *_ = failure(**texts).splitlines()
    assert first.startswith("V101 mine.dx: ")
    assert "`sin` where `cos` is meant" in first
    assert "mine.dx" not in first.removeprefix("V101 mine.dx: "), "it is named once"
    assert second.startswith("FAIL ")
    assert failure(function="tanh(x)", backward="dx = (1 - out**2) * dout", at={"x": 20}, strict=True).startswith("V203 mine.dx: vanished: ")
    with pytest.raises(AssertionError, match=r"^V101 sin\.dx: "):
        verifier.numpy.assert_gradient(np.sin, np.array([1.0]), backward=lambda dout, x: dout * np.sin(x))


def test_a_case_and_texts_do_not_go_together() -> None:
    with pytest.raises(TypeError, match="either a case, or its texts"):
        verifier.assert_gradient("{function: x, points: [{x: 1}]}", function="x")
    with pytest.raises(TypeError, match="give a case"):
        verifier.assert_gradient(backward="dx = dout")


@pytest.mark.parametrize("at", [1, [1], "x", [{"x": 1}, 2]])
def test_what_is_no_point_is_said_to_be_none(at: object) -> None:
    with pytest.raises(TypeError, match=r"at must be a point, .* such as \{'x': 1\}, or a list of points; \S+ is none$"):
        verifier.assert_gradient(function="sin(x)", at=at)  # type: ignore[arg-type]
    verifier.assert_gradient(function="sin(x)", at=iter([{"x": 1}]))  # type: ignore[arg-type]


@pytest.mark.parametrize("texts", [{"case": np.sin}, {"function": np.sin}, {"forward": lambda x: x}, {"function": "x", "backward": lambda g: g}, {"function": "x", "gradients": {"x": lambda g: g}}])
def test_functions_of_python_have_a_call_of_their_own(texts: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"must be a text, such as 'sin\(x\)', not .*verifier\.numpy\.check\(fn"):
        verifier.assert_gradient(**texts, at={"x": 1})  # type: ignore[arg-type]


def test_values_are_written_as_yaml() -> None:
    assert written({"x": (0.1, float("-inf"), 3), "t": {1, 0}, "é": "a\nb"}) == '{"x": [0.1, -inf, 3], "t": {0, 1}, "é": "a\\nb"}'
    assert written(np.array([[1.5, 2.0]])) == "[[1.5, 2.0]]"
    with pytest.raises(TypeError, match="is no number"):
        written(object())


def test_texts_lose_the_indentation_that_they_have_in_common() -> None:
    assert unindented("\n    a = 1\n    b = 2\n") == ["", "a = 1", "b = 2"]
    assert unindented("a = 1\n    b = 2") == ["a = 1", "b = 2"]
    assert unindented("def f(x):\n    return x\n") == ["def f(x):", "    return x"]


def test_a_text_that_stands_twice_outside_of_the_call_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("A = 'dx = 1'\nB = 'dx = 1'\nC = 'dy = 1'\nf(A)\n", encoding="utf-8")
    site = CallSite(str(path), 4, 4)
    assert located(["dx = 1"], site) == (0, 0)
    assert located(["dy = 1"], site) == (3, 5)


def test_the_lines_of_a_text_that_was_put_together_are_those_of_the_file() -> None:
    text = "function: sin(x)\nfunctoin: 2\npoints: [{x: 1}]\n"
    (complaint,) = load_text(text, file="a.py", lines=(30, 20, 10)).complaints
    assert (complaint.place.line, complaint.line_text) == (20, "functoin: 2")


NUMPY = """
import numpy as np
import verifier.numpy


def forward(x):
    return np.sin(x).sum(), x


def backward(dout, cache):
    return dout * np.sin(cache)


def test_it():
    verifier.numpy.assert_gradient(forward, np.array([1.0, 2.0]), backward=backward)  # this line
"""
TORCH = """
import torch
import verifier.torch


class Sine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.sin(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * torch.sin(x)


def test_it():
    verifier.torch.assert_gradient(Sine.apply, torch.tensor([1.0, 2.0], dtype=torch.float64))  # this line
"""
JAX = """
import jax
import jax.numpy as jnp
import verifier.jax


@jax.custom_vjp
def sine(x):
    return jnp.sin(x)


def fwd(x):
    return jnp.sin(x), x


def bwd(x, g):
    return (g * jnp.sin(x),)


sine.defvjp(fwd, bwd)


def test_it():
    verifier.jax.assert_gradient(sine, jnp.array([1.0, 2.0]))  # this line
"""


@pytest.mark.parametrize(("framework", "text", "wrong"), [("numpy", NUMPY, "return dout * np.sin(cache)"), ("torch", TORCH, "return g * torch.sin(x)"), ("jax", JAX, "return (g * jnp.sin(x),)")])
def test_the_failure_section_shows_the_line_of_the_test_and_the_wrong_line(pytester: pytest.Pytester, framework: str, text: str, wrong: str) -> None:
    pytest.importorskip(framework, reason=f"{framework} is not installed")
    text = text.strip()
    pytester.makepyfile(test_user=text)
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore")
    assert done.ret == 1, done.outlines
    shown = "\n".join(done.outlines)
    assert re.search(r"^>.*# this line$", shown, re.MULTILINE)
    assert re.search(rf"test_user\.py:{next(i for i, line in enumerate(text.splitlines(), 1) if wrong in line)}:\d+", shown)
    assert "V101 wrong-gradient" in shown
    assert "raise AssertionError" not in shown, "the frames of the package are hidden"


def test_a_bound_for_a_whole_domain_is_asserted_without_a_point():
    sigmoid = {"function": "1 / (1 + exp(-x))", "domain": {"x": [-10, 10]}}
    verifier.assert_gradient(**sigmoid, backward="dx = exp(-x) / (1 + exp(-x))**2 * dout", certify={"ulps": 12}, assume={"exp": 2})
    with pytest.raises(AssertionError, match="bound-refuted"):
        verifier.assert_gradient(**sigmoid, backward="dx = (1 - 1/(1 + exp(-x))) / (1 + exp(-x)) * dout", certify={"ulps": 12})
