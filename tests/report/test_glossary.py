"""Every word that a report prints is explained by `python -m verifier explain WORD`."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from verifier import load_text, verify
from verifier.cli import main
from verifier.language.verdict import Verdict
from verifier.report.catalogue import CATALOGUE
from verifier.report.draw.mutants import FATES
from verifier.report.draw.paint import Paint
from verifier.report.draw.text import render
from verifier.report.glossary import explained
from verifier.report.outcome import Report

# A wrong line with a line that follows it, a lost value inside a gate, cancellation, a wrong forward pass, residuals, samples, a refuted formula.
TEXT = """
name: many words
function: sech(x) * (1 - cos(x))
domain: {x: [-1, 1]}
points: [{x: 1e-9}, {x: 0.5}]
sample: 20
implementations:
  wrong:
    forward: |
      a = sech(x)
      b = 1 - cos(x)
      out = a * b
    backward: |
      da = b * dout
      db = a + dout
      dx = db * sin(x)
      dx += -da * sech(x) * tanh(x)
  other: {forward: out = sech(x) * (1 - cos(x)) + 1, backward: dx = (sin(x) * sech(x) - (1 - cos(x)) * sech(x) * tanh(x)) * dout}
residuals: {wrong.dx - other.dx: 5}
published: {other.dx: 7.5}
---
name: cancellation
function: 1 - cos(x)**2
points: [{x: 1e-9}, {x: 1e-5}]
implementations:
  staged: {forward: out = 1 - cos(x)**2, backward: dx = (sin(x + x) - 0*x + (1 + x) - (1 + x)) * dout}
---
name: lost values
function: sigmoid(x) * exp(x - x)
points: [{x: 750}, {x: 1}, {x: -750}]
implementations:
  staged: {forward: out = exp(x) / (1 + exp(x)), backward: dx = exp(x) / (1 + exp(x)) ** 2 * dout}
---
name: a hunt
function: abs(x) * x
hunt: true
implementations:
  staged: {forward: out = abs(x) * x, backward: dx = 2 * x * dout}
---
name: all numbers
function: sin(x)
formats: [float8_e5m2]
exhaustive: true
implementations:
  staged: {forward: out = sin(x), backward: dx = (1 - x*x/2) * dout}
"""


@pytest.fixture(scope="module")
def report() -> Report:
    loaded = load_text(TEXT)
    assert not loaded.complaints
    return Report(tuple(verify(replace(case, budget=200)) for case in loaded.cases))


def labels(text: str) -> set[str]:
    """The words of a report that stand before a figure: `  note      ...`, `     =  exact     ...`."""
    rows = re.findall(r"^  (every|residual|published|region|note) ", text, re.MULTILINE)
    details = [d.partition(" to line")[0] if d.startswith("propagated") else d[:9].strip() for d in re.findall(r"^     =  (.*)$", text, re.MULTILINE)]
    return {*rows, *(d for d in details if d != "explain")}


def test_every_word_before_a_figure_is_explained(report: Report) -> None:
    found = labels(render(report, paint=Paint(enabled=False)))
    assert {"exact", "computed", "needed", "this line", "worst", "first", "function", "forward", "residual", "published", "region", "every", "note"} <= found, "the cases show nearly all of them"
    assert {word for word in found if explained(word) is None} == set()


def test_every_verdict_proof_and_finding_of_a_report_is_explained(report: Report) -> None:
    said = {r.verdict.value for c in report.cases for r in c.results} | {kind for c in report.cases for by_name in c.proofs.values() for kind in by_name.values()}
    assert {"wrong", "unstable", "proved", "refuted"} <= said
    assert {word for word in {*said, *(v.value for v in Verdict), "proved", "agrees", "approximates", "refuted", "over_limit"} if explained(word) is None} == set()
    assert {code for code in CATALOGUE if explained(code) is None} == set()
    assert {e.name for e in CATALOGUE.values() if explained(e.name) is not e} == set()
    assert {v.code for v in Verdict if v.code} <= set(CATALOGUE)


def test_the_units_and_columns_of_the_table_are_explained() -> None:
    assert [word for word in ("ulp", "κ", "kappa", "points", "sampled", "all", "own rounding", "effect", "share", "above the limit", *FATES, "caught", "survives", "line not named", "no diagnosis") if explained(word) is None] == []


def test_a_word_that_no_report_prints_is_not_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained("unstabel") is None
    assert main(["explain", "unstabel"]) == 2
    assert "did you mean 'unstable'" in capsys.readouterr().err


def test_the_command_explains_a_word_of_two_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "this", "line"]) == 0
    assert capsys.readouterr().out.startswith("this line\n")
    assert main(["explain", "wrong"]) == 0
    assert "explain V101" in capsys.readouterr().out, "a verdict leads to its finding"
