"""The layers of `cases/layers`: NumPy runs the same texts to the same arrays, differences agree with the right ones, and every mistake is found."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import yaml

from tests import ROOT
from tests.texts import array_program, array_values
from verifier import load
from verifier.many import verify_all

LAYERS = ROOT / "cases" / "layers"
MISTAKES = ", its well-known mistakes"
MARK = "# wrong: "
NAMES: dict[str, Any] = {
    "np": np,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "softmax": lambda x, axis: np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True),
    "erf": np.vectorize(math.erf),
}


class Pasted(NamedTuple):
    """An implementation of a case: its texts, its point, its parameters, and numbers that flow in."""

    name: str
    forward: str
    backward: str
    inputs: dict[str, np.ndarray]
    whole: dict[str, Any]  # parameters that are whole numbers
    numbers: dict[str, np.ndarray]
    upstream: dict[str, np.ndarray]

    def names_in(self, text: str, **inputs: np.ndarray) -> dict[str, Any]:
        """Every name after NumPy ran a text of this repository."""
        known = {k: np.array(v) if isinstance(v, list) else v for k, v in self.whole.items()}
        names = {**NAMES, **known, **{k: np.array(v) for k, v in (self.numbers | self.inputs | self.upstream | inputs).items()}}
        exec(text, names)
        return names

    def total(self, **inputs: np.ndarray) -> float:
        """What flows in times the outputs, summed."""
        names = self.names_in(self.forward, **inputs)
        return sum(np.sum(g * names[d[1:]]) for d, g in self.upstream.items())


def pasted(document: dict[str, Any], name: str) -> Pasted:
    mine = document["implementations"][name]
    forward = mine.get("forward") or document["forward"]
    parameters = document.get("parameters") or {}
    numbers = {k: np.array(float(v)) for k, v in parameters.items() if isinstance(v, str | float)}  # YAML 1.1 reads 1e-5 as a text
    whole = {k: v for k, v in parameters.items() if k not in numbers}
    inputs = {k: np.array(v, dtype=float) for k, v in document["points"][0].items()}
    found = Pasted(f"{document['name']}: {name}", forward, mine["backward"], inputs, whole, numbers, {})
    names = found.names_in(forward)
    outputs = document.get("outputs") or [next(o for o in ("out", "loss", "next_h") if o in names)]
    rng = np.random.default_rng(12)
    return found._replace(upstream={f"d{o}": rng.standard_normal(names[o].shape) if np.shape(names[o]) else np.array(1.0) for o in outputs})


@functools.cache
def implementations() -> list[Pasted]:
    documents = [d for path in sorted(LAYERS.glob("*.yaml")) for d in yaml.safe_load_all(path.read_text(encoding="utf-8"))]
    return [pasted(d, name) for d in documents for name in d["implementations"]]


def right() -> list[Pasted]:
    return [p for p in implementations() if MISTAKES not in p.name]


def arrays(names: dict[str, Any]) -> dict[str, np.ndarray]:
    """The arrays and numbers among the names."""
    return {k: np.asarray(v, dtype=float) for k, v in names.items() if isinstance(v, np.ndarray | np.floating | float)}


@pytest.mark.parametrize("layer", implementations(), ids=lambda p: p.name)
def test_numpy_runs_the_texts_of_a_layer_to_the_same_arrays(layer: Pasted) -> None:
    text = layer.forward + "\n" + layer.backward
    given = layer.inputs | layer.numbers | layer.upstream
    program = array_program(text, known=layer.whole, **{k: np.shape(v) for k, v in given.items()})
    ours = array_values(program, **given)
    expected = {k: v for k, v in arrays(layer.names_in(text)).items() if k not in layer.whole}
    assert set(layer.inputs) < {k.removeprefix("d") for k in expected}
    for name, value in expected.items():
        assert np.shape(ours(name)) == value.shape, name
        np.testing.assert_allclose(np.asarray(ours(name), dtype=float), value, rtol=1e-10, atol=1e-13, err_msg=name)  # sums in another order


def farthest(layer: Pasted) -> float:
    """How far the gradients of a layer are from central differences, relative to the largest of each array."""
    names, worst = layer.names_in(layer.forward + "\n" + layer.backward), 0.0
    for name, at in layer.inputs.items():
        differences = np.zeros(at.shape)
        for index in np.ndindex(at.shape):
            step = np.zeros(at.shape)
            step[index] = 2.0**-18
            differences[index] = (layer.total(**{name: at + step}) - layer.total(**{name: at - step})) / 2.0**-17
        worst = max(worst, float(np.max(np.abs(differences - names[f"d{name}"])) / np.max(np.abs(differences))))
    return worst


@pytest.mark.parametrize("layer", right(), ids=lambda p: p.name)
def test_differences_agree_with_a_right_layer(layer: Pasted) -> None:
    assert farthest(layer) < 1e-6


def test_differences_do_not_agree_with_a_mistake() -> None:
    assert farthest(next(p for p in implementations() if p.name.endswith("mean_term_missing"))) > 0.01


def test_every_layer_is_right_in_two_writings_and_has_at_least_four_mistakes() -> None:
    names = [p.name.rpartition(": ") for p in implementations()]
    layers = {case for case, _, _ in names if MISTAKES not in case}
    assert {name for case, _, name in names if MISTAKES not in case} == {"staged", "short"}
    assert {case.removesuffix(MISTAKES) for case, _, _ in names} == layers
    assert min(sum(case == layer + MISTAKES for case, _, _ in names) for layer in layers) >= 4


def test_the_comment_of_every_mistake_stands_on_one_line() -> None:
    for path in sorted(LAYERS.glob("*.yaml")):
        mistakes = path.read_text(encoding="utf-8").partition("\n---\n")[2].partition("\nexpect:")[0].partition("\nimplementations:\n")[2]
        blocks = mistakes.split("    backward: |\n")[1:]
        assert [b.count(MARK) for b in blocks] == [1] * len(blocks), path.name


def test_every_mistake_is_wrong_and_no_right_layer_has_an_error() -> None:
    loaded = load(str(LAYERS))
    assert loaded.complaints == ()
    report = verify_all(loaded.cases)
    assert [(c.name, f.message) for c in report.cases for f in c.findings if f.severity == "error" and not f.expected] == []
    assert report.passed == len(report.cases) == 2 * len(list(LAYERS.glob("*.yaml")))
    wrong = {(c.name, r.implementation) for c in report.cases for r in c.results if r.verdict.value == "wrong"}
    assert wrong == {(c.name, i.name) for c in loaded.cases if MISTAKES in c.name for i in c.implementations}
    text = {Path(c.file): Path(c.file).read_text(encoding="utf-8").splitlines() for c in report.cases}
    lines = {(c.name, f.implementation) for c in report.cases for f in c.findings if f.place and MARK in text[Path(c.file)][f.place.line - 1]}
    assert len(lines) > 0.95 * len(wrong), "findings stand on the marked lines"
