"""Bounds of the error of callables for all numbers of a domain: those of their traced lines, held against the framework's own floats."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import verifier.numpy
from tests.compare.errors_at_points import question
from tests.compare.test_certify_boxes import SIGMOID
from verifier.case.certified import SECONDS
from verifier.cli import main
from verifier.compare.boxes.bounds import Assumptions, ErrorClaim
from verifier.compare.boxes.certify import certify
from verifier.report.outcome import CaseReport

LAYERS = """
import numpy as np


def sigmoid(x):
    s = 1 / (1 + np.exp(-x))
    return s, (x, s)


def staged(dout, cache):
    x, s = cache
    return dout * np.exp(-x) * s * s


def fused(dout, cache):
    _, s = cache
    return dout * (1 - s) * s


def slope(x):
    if x > 0:
        return 2 * x, x
    return x / 4, x


def of_slope(dout, x):
    return dout * 2 if x > 0 else dout / 4


def there_and_back(x):
    return np.float64(repr(float(x))), x


def of_there_and_back(dout, x):
    return dout


def affine(x, w):
    return x @ w, (x, w)


def of_affine(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("layers.py").write_text(LAYERS, encoding="utf-8")


def report(forward: str, backward: str, *inputs: Any, **options: Any) -> CaseReport:
    names: dict[str, Any] = {}
    path = Path("layers.py").resolve()
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    return verifier.numpy.check(names[forward], *inputs, backward=names[backward], **options)


def codes(found: CaseReport) -> list[str]:
    return [f.code for f in found.findings]


def test_a_bound_of_traced_lines_is_proved_and_names_the_assumption_that_they_are_computed_so() -> None:
    found = report("sigmoid", "staged", 0.5, domain={"x": (-10, 10)}, certify={"ulps": 8}, upstream=1.0)
    (b,) = found.bounds
    assert (found.status, b.gradient, b.unit, b.claim, b.outcome, b.format) == ("passed", "dx", "ulp", "8.0", "proved", "float64")
    assert any("traced lines" in text for text in b.stated)
    assert [(a.function, a.ulps) for a in b.assumptions] == [("exp", "1")]
    assert "framework's own function" in b.assumptions[0].source
    assert {line.line for line in b.lines} <= {6, 12}
    assert report("sigmoid", "staged", 0.5, domain={"x": (-10, 10)}, certify={"dx": {"ulps": 8}}, assume={"exp": 4}, upstream=1.0).bounds[0].assumptions[0].source == "stated under 'assume'"


def test_a_false_claim_is_refuted_by_a_number_that_numpy_itself_computes() -> None:
    found = report("sigmoid", "fused", 0.5, domain={"x": (-10, 10)}, certify={"ulps": 8}, upstream=1.0)
    assert (found.status, codes(found), found.bounds[0].outcome) == ("failed", ["V109"], "refuted")
    x = float(dict(found.bounds[0].seen_at)["x"])
    s = 1 / (1 + np.exp(-x))
    with mp.workdps(60):  # the derivative of the sigmoid, by mpmath
        e = mp.exp(-mp.mpf(x))
        exact = e / (1 + e) ** 2
        off = abs(mp.mpf(float((1 - s) * s)) - exact) / mp.mpf(2) ** (mp.floor(mp.log(exact, 2)) - 52)
    assert off > 8


def test_inputs_without_an_interval_keep_their_numbers() -> None:
    x, w = np.array([[1.0, 2.0]]), np.array([[0.5], [0.25]])
    found = report("affine", "of_affine", x, w, domain={"x": (1, 2)}, certify={"absolute": "best"}, upstream=np.array([[1.0]]))
    assert found.status == "passed"
    assert {b.gradient: b.bound for b in found.bounds} == dict.fromkeys(("dx[0,0]", "dx[0,1]", "dw[0,0]", "dw[1,0]"), "0.0"), "products by 1 are exact"
    box = {name: (low, high) for name, low, high in found.bounds[0].box}
    assert (box["x[0,1]"], box["w[1,0]"]) == (("1.0", "2.0"), ("0.25", "0.25"))
    assert "x in [1.0, 2.0]" in str(found)


@pytest.mark.parametrize(("forward", "backward", "reason"), [("slope", "of_slope", "other ways"), ("there_and_back", "of_there_and_back", "not known")])
def test_what_is_not_one_program_in_the_whole_domain_has_no_bound(forward: str, backward: str, reason: str) -> None:
    found = report(forward, backward, 0.5, function="x" if forward == "there_and_back" else None, domain={"x": (-1, 1)}, certify={"ulps": 8})
    assert (found.status, [(b.outcome, b.bound, b.open) for b in found.bounds]) == ("failed", [("open", None, "1")])
    assert reason in found.bounds[0].reason
    assert "V110" in codes(found)


def test_floats_that_contradict_the_bound_of_the_traced_lines_prove_nothing() -> None:
    """The twin of a proof: somebody's kernel that is 100 ulps off the lines that were traced."""
    check, box = question(SIGMOID, {"x": (1, 2)})
    claim = {"dx": ErrorClaim("ulp", 10_000.0)}

    def kernel(points: Any) -> dict[str, list[float]]:
        values = [1 / (1 + np.exp(-p[0])) for p in points]
        return {"dx": [float((1 - s) * s) * (1 + 100 * 2.0**-52) for s in values]}

    (right,) = certify(check, box, claim, assumptions=Assumptions(), budget=SECONDS)
    (other,) = certify(replace(check, computed=kernel), box, claim, assumptions=Assumptions(), budget=SECONDS)
    assert right.outcome == "proved"
    assert (other.outcome, other.bound) == ("open", None)
    assert "framework" in other.reason


def test_claims_that_make_no_sense_are_refused_in_words() -> None:
    for certify_, words in (({"ulp": 3}, "did you mean 'ulps'"), ({"dy": {"ulps": 3}}, "no gradient of sigmoid"), ("bst", "'best'"), ({"ulps": -1}, "never negative"), ({"ulps": float("nan")}, "finite"), ({"ulps": True}, "not a number"), (6, "what is claimed"), ({"dx": {}}, "what is claimed"), ({"dx": "bst"}, "'best'"), ({"dx": {"ulps": -1}}, "never negative"), ({}, "what is claimed"), ({"ulps": 3, "absolute": 2}, "one claim"), ({"ulps": 1, "budget": 0}, "seconds")):
        with pytest.raises(ValueError, match="certify") as error:
            report("sigmoid", "staged", 0.5, domain={"x": (-1, 1)}, certify=certify_)
        assert words in str(error.value)
    with pytest.raises(ValueError, match="domain"):
        report("sigmoid", "staged", 0.5, certify="best")
    for assume, words in (({"epx": 1}, "did you mean 'exp'"), ({"exp": 0.25}, "0.5 ulp")):
        with pytest.raises(ValueError, match="assume") as error:
            report("sigmoid", "staged", 0.5, domain={"x": (-1, 1)}, certify="best", assume=assume)
        assert words in str(error.value)


CASE = "function: 1/(1+exp(-x))\npoints: [{x: 0.5}]\ndomain: {x: [-10, 10]}\ncertify: {ulps: 8}\nimplementations:\n  mine: {call: {forward: 'layers.py:sigmoid', backward: 'layers.py:BACKWARD'}}\n"


def test_a_case_with_a_callable_claims_bounds_and_the_command_certifies_it(capsys: pytest.CaptureFixture[str]) -> None:
    for backward, status, outcome in (("staged", 0, "proved"), ("fused", 1, "refuted")):
        Path("it.yaml").write_text(CASE.replace("BACKWARD", backward), encoding="utf-8")
        for command in ("check", "certify"):
            assert main([command, "it.yaml", "--allow-call", "--format", "json"]) == status
            (case,) = json.loads(capsys.readouterr().out)["cases"]
            assert [(b["implementation"], b["gradient"], b["claim"], b["outcome"]) for b in case["bounds"]] == [("mine", "dx", "8", outcome)]
    Path("it.yaml").write_text(CASE.replace("certify: {ulps: 8}", "").replace("BACKWARD", "staged"), encoding="utf-8")
    assert main(["certify", "it.yaml", "--allow-call", "--format", "json"]) == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    assert [b["outcome"] for b in case["bounds"]] == ["proved"]


def test_a_torch_function_and_a_jax_function_have_bounds_in_float32() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    import verifier.jax
    import verifier.torch

    x = torch.tensor(0.5, dtype=torch.float32, requires_grad=True)
    wanted = {"domain": {"x": (1, 2)}, "certify": {"ulps": 40}}
    for found in (verifier.torch.check(lambda x: x * torch.sigmoid(x), x, names=["x"], **wanted), verifier.jax.check(lambda x: x * jax.nn.sigmoid(x), np.float32(0.5), **wanted)):
        assert (found.status, [(b.format, b.outcome) for b in found.bounds]) == ("passed", [("float32", "proved")]), str(found)
