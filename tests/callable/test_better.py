"""Better arrangements of lines of Python: what is said in the library's own words computes the same, and what cannot be said so is not."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import verifier.numpy
from verifier.callable.own_words import in_own_words, in_the_language, library_name, module_of, same_names
from verifier.cli import main

LAYERS = '''"""Somebody's layers."""
import numpy as np


def forward(x):
    return np.tanh(x), x


def backward(dout, cache):
    x = cache
    grad = (1 - np.tanh(x)**2) * dout    # loses digits
    return grad


def short(x):
    t = np.tanh(x)
    return t, t


def short_back(dout, t):
    return (1 - t**2) * dout
'''
CASE = "name: {name}\nfunction: tanh(x)\ndomain: {{x: [-30, 30]}}\npoints: [{{x: 20}}]\nimplementations:\n  mine: {{call: {call}}}\n"
OLD = "grad = (1 - np.tanh(x)**2) * dout"


def suggested(capsys: pytest.CaptureFixture[str], call: str) -> list[dict[str, object]]:
    Path("it.yaml").write_text(CASE.format(name="it", call=call), encoding="utf-8")
    assert main(["improve", "it.yaml", "--allow-call", "--format", "json"]) == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    return case["suggestions"]  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("layers.py").write_text(LAYERS, encoding="utf-8")


def test_a_line_of_numpy_is_replaced_by_a_line_of_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = suggested(capsys, "{forward: layers.py:forward, backward: layers.py:backward}")
    assert (found["line"], found["original"], found["proof"], found["why_no_patch"]) == (11, OLD, "proved", "")
    new = str(found["replacement"])
    assert new.startswith("grad = ")
    assert "np." in new
    namespace: dict[str, object] = {"np": np, "x": 20.0, "dout": 3.0}
    exec(new, namespace)
    assert namespace["grad"] == pytest.approx(3 / math.cosh(20) ** 2, rel=1e-13)  # d tanh = 1/cosh**2, of which math.cosh loses nothing
    exec(OLD, namespace)
    assert namespace["grad"] == 0, "the twin"
    patch = str(found["patch"])
    assert [line[0] for line in patch.splitlines() if line[:1] in ("-", "+")] == ["-", "+", "-", "+"], "the two names and the two lines"
    run = subprocess.run(["patch", "-p0" if "--- /" in patch else "-p1"], input=patch, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
    assert Path("layers.py").read_text(encoding="utf-8") == LAYERS.replace(OLD, new)


def test_a_line_that_lacks_an_input_gets_no_patch_and_is_told_which(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = suggested(capsys, "{forward: layers.py:short, backward: layers.py:short_back}")
    assert (found["line"], found["patch"]) == (21, "")
    assert str(found["why_no_patch"]).startswith("the line does not read x")
    assert str(found["replacement"]).startswith("return ")


def test_a_callable_is_improved_from_python_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(".")
    monkeypatch.delitem(sys.modules, "layers", raising=False)  # of another test
    layers = importlib.import_module("layers")
    monkeypatch.delitem(sys.modules, "layers")
    report = verifier.numpy.check(layers.forward, 20.0, backward=layers.backward, domain={"x": (-30, 30)}, improve=10.0)
    (found,) = report.suggestions or ()
    assert (found.line, found.original) == (11, OLD)
    assert "better    " in str(report)
    assert verifier.numpy.check(layers.forward, 20.0, backward=layers.backward).suggestions is None
    with pytest.raises(ValueError, match="improve is 0; it must be a number of seconds"):
        verifier.numpy.check(layers.forward, 20.0, backward=layers.backward, improve=0)


def test_code_is_never_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("it.yaml").write_text(CASE.format(name="it", call="{forward: layers.py:forward, backward: layers.py:backward}"), encoding="utf-8")
    assert main(["improve", "it.yaml", "--allow-call", "--write"]) == 2
    assert "this is no case file but your code" in capsys.readouterr().err
    assert Path("layers.py").read_text(encoding="utf-8") == LAYERS


TORCH = """import torch


class Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.tanh(x)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * (1 - torch.tanh(x) ** 2)
"""
JAX = """import jax
import jax.numpy as jnp


@jax.custom_vjp
def tanh(x):
    return jnp.tanh(x)


def _forward(x):
    return jnp.tanh(x), x


def _backward(x, g):
    dx = g * (1 - jnp.tanh(x) ** 2)
    return (dx,)


tanh.defvjp(_forward, _backward)
"""


TUPLE = JAX.replace("    dx = g * (1 - jnp.tanh(x) ** 2)\n    return (dx,)\n", "    return (g * (1 - jnp.tanh(x) ** 2),)\n")


@pytest.mark.parametrize(
    ("library", "text", "call", "start", "word"),
    [("torch", TORCH, "Tanh", "return grad", "torch."), ("jax", JAX, "tanh", "dx = g", "jnp."), ("jax", TUPLE, "tanh", "return (g", ",)")],
    ids=["torch", "jax", "a tuple of one gradient"],
)
def test_a_line_of_another_library_is_replaced_in_its_words(library: str, text: str, call: str, start: str, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    Path("own.py").write_text(text, encoding="utf-8")
    Path("it.yaml").write_text(CASE.format(name="it", call=f"own.py:{call}, framework: {library}"), encoding="utf-8")
    assert main(["improve", "it.yaml", "--allow-call", "--format", "json"]) == 0
    ((found,),) = [c["suggestions"] for c in json.loads(capsys.readouterr().out)["cases"]]
    assert found["replacement"].startswith(start)
    assert word in found["replacement"]
    assert found["why_no_patch"] == ""
    assert found["patch"]


def code(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("formula", "text", "names"),
    [
        ("(1 - t**2)*dout", "(1.0 - np.square(t)) * g", {"t": "t", "dout": "g"}),
        ("dout*(1 - square(tanh(x)))", "grad - grad * torch.tanh(x) ** 2", {"x": "x", "dout": "grad"}),
        ("a/b", "b/a", None),  # the same names in other places
        ("a*b", "a*c + 0*c", {"a": "a", "b": "c"}),
        ("a*b", "c*d", None),  # two names that are spelt differently: which is which?
        ("x**2", "(x**2).sum()", None),
        ("exp(x)", "np.exp(x) + 1e-30", None),
        ("exp(x)", "np.exp(x, out=y)", None),
        ("log(x - 5)", "np.log(x - 5)", None),  # it has no values where they are compared
    ],
)
def test_names_are_those_of_the_code_only_where_both_are_the_same_function(formula: str, text: str, names: dict[str, str] | None) -> None:
    assert same_names(formula, code(text)) == names


@pytest.mark.parametrize(
    ("formula", "module", "text", "problem"),
    [
        ("dout/hypot(x, 1)", "numpy", "g / np.hypot(x, 1)", ""),
        ("dout/hypot(x, 1)", "torch", "g / torch.hypot(x, x.new_tensor(1.0))", ""),
        ("asinh(x)", "jax.numpy", "jnp.arcsinh(x)", ""),
        ("max(x, y)", "numpy", "np.maximum(x, y)", ""),
        ("fma(x, y, 1)", "numpy", "", "np has no fma"),
        ("sqrt(2)*x", "torch", "", "torch.sqrt takes no plain number"),
        ("pi*x", "torch", "", "the code has no name for pi"),
    ],
)
def test_a_formula_in_the_words_of_a_library(formula: str, module: str, text: str, problem: str) -> None:
    library = {"numpy": "np", "torch": "torch", "jax.numpy": "jnp"}[module]
    assert in_own_words(formula, module, library, {"dout": "g"}) == (text, problem)


def test_what_is_said_in_the_words_of_numpy_comes_back() -> None:
    for formula in ("x / hypot(x, 1)", "asinh(x) - max(x, 2)", "where", "expm1(-x) * log1p(x)"):
        said, problem = in_own_words(formula, "numpy", "np", {})
        assert problem == ""
        assert in_the_language(code(said)) == formula


def test_the_name_of_a_library_is_the_one_that_the_file_has() -> None:
    for text, module, name in (("import numpy as n", "numpy", "n"), ("import torch", "torch", "torch"), ("from jax import numpy as j", "jax.numpy", "j"), ("import jax", "jax.numpy", ""), ("import jax.numpy", "jax.numpy", "")):
        assert library_name(ast.parse(text), module) == name
    assert [module_of(f) for f in ("NumPy 2.1.0", "PyTorch 2.13.0+cpu", "JAX 0.10.2")] == ["numpy", "torch", "jax.numpy"]
