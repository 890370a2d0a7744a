"""Strategies draw what they promise and shrink to what people would write; finds become cases that replay."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

import verifier
from verifier import build, fuzz, gates
from verifier.arithmetic import floats
from verifier.cli import main
from verifier.errors import CaseError
from verifier.formats import format_named
from verifier.fuzz.draw_texts import INSIDE, gate_count
from verifier.gates import canonical
from verifier.language import parse_expression
from verifier.load import load, load_text
from verifier.verdict import Verdict
from verifier.verify import verify

QUIET = settings(database=None, derandomize=True, deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
DRAWN = settings(QUIET, phases=[Phase.generate])

TANH = """\
name: tanh
function: tanh(x)
points: [{x: 0.5}]
domain: {x: [-100, 100]}
implementations:
  right: {backward: "dx = (1 / cosh(x))**2 * dout"}
  naive: {backward: "dx = (1 - tanh(x)**2) * dout"}
  threshold: {backward: "dx = where(x > 30, 1e-9, (1 / cosh(x))**2) * dout"}
"""
VECTOR = "{function: 'W[0]*x + W[1]', points: [{W: [1, 2], x: 3}], domain: {W: [0, 1], x: [-2, -1]}, formats: [float32]}"


def is_wrong(text, point, **options):
    try:
        verifier.assert_gradient(text, point, **options)
    except AssertionError:
        return True
    return False


# ---------------------------------------------------------------- assert_gradient


def test_the_example_of_the_readme_is_a_test_that_passes_and_its_twin_fails():
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    code = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[1]
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    names["test_my_gradient_is_right"]()
    exec(compile(code.replace("exp(-x))", "exp(-x)) * 1.0000000001"), "README.md", "exec"), names)
    with pytest.raises(AssertionError, match="wrong-gradient"):
        names["test_my_gradient_is_right"]()


def test_what_is_raised_names_the_line_and_the_point():
    with pytest.raises(AssertionError, match=r"(?s)V101 wrong-gradient.*threshold\.dx.*<text>:8:.*x=31"):
        verifier.assert_gradient(TANH, {"x": 31}, implementation="threshold")
    verifier.assert_gradient(TANH, {"x": 31}, implementation="right")
    verifier.assert_gradient(TANH, implementation="right")


def test_lost_digits_are_raised_only_when_strict():
    assert not is_wrong(TANH, {"x": 20}, implementation="naive")
    assert is_wrong(TANH, {"x": 20}, implementation="naive", strict=True)


def test_an_expectation_is_no_excuse():
    text = "{function: x, points: [{x: 1}], implementations: {a: {backward: dx = 2}}, expect: {a.dx: wrong}}"
    assert verify(load_text(text).cases[0]).status == "passed"
    assert is_wrong(text, None)
    assert is_wrong(text, {"x": 1})


@pytest.mark.parametrize(
    ("text", "point", "options", "error", "words"),
    [
        (TANH, {"x": 1}, {"implementation": "rihgt"}, ValueError, "did you mean 'right'"),
        (TANH, {"y": 1}, {}, ValueError, "look at x, y"),
        (TANH, {"x": float("nan")}, {}, ValueError, "finite"),
        ("function: [", None, {}, CaseError, "<text>:1"),
    ],
)
def test_what_cannot_be_asked_is_said(text, point, options, error, words):
    with pytest.raises(error, match=words):
        verifier.assert_gradient(text, point, **options)


def test_the_largest_points_can_be_asked():
    verifier.assert_gradient("{function: x*2, points: [{x: 1}], implementations: {a: {backward: dx = 2*dout}}}", {"x": 1.7976931348623157e308})
    report = verify(load_text("function: exp(x)\npoints: [{x: 1.7976931348623157e308}]").cases[0])
    assert {r.verdict for r in report.results} == {Verdict.CORRECT}, "points near it are drawn, and none is infinite"


# ---------------------------------------------------------------- strategies


def test_points_are_numbers_of_the_format_within_the_domain():
    seen = []
    DRAWN(given(fuzz.points(VECTOR))(lambda point: seen.append(point)))()  # noqa: PLW0108 - @given needs a function with a name for its argument
    assert len(seen) > 100
    for point in seen:
        assert [*point] == ["W", "x"]
        assert all(0 <= w <= 1 for w in point["W"])
        assert -2 <= point["x"] <= -1
    import numpy as np

    assert all(float(np.float32(p["x"])) == p["x"] for p in seen)


def test_the_minimal_point_is_a_short_decimal():
    points = fuzz.points(TANH)
    x = find(points, lambda p: is_wrong(TANH, p, implementation="threshold"), settings=QUIET)["x"]
    assert 30 < x <= 100
    assert len(f"{x:g}") <= 2
    assert find(points, lambda p: p["x"] > 0.1, settings=QUIET)["x"] in range(1, 10)
    tiny = find(fuzz.points("{function: log1p(-x), points: [{x: 0}]}"), lambda p: 0 < p["x"] < 1e-9, settings=QUIET)["x"]
    assert re.fullmatch(r"\de-\d+", repr(tiny))


def test_every_domain_of_the_table_has_a_way_in():
    assert {g.where for g in gates.GATES.values() if g.where} == set(INSIDE)


def test_every_gate_can_be_drawn():
    drawn = []
    for name in gates.GATES:
        settings(DRAWN, max_examples=1)(given(fuzz.formulas([name]))(lambda text: drawn.append(text)))()  # noqa: PLW0108 - @given needs a function with a name for its argument
        assert name in {canonical(n.op) for n in parse_expression(drawn[-1])}


def test_formulas_are_spread_over_the_table_and_most_have_values():
    count, values = Counter(), Counter()

    @settings(DRAWN, max_examples=120)
    @given(fuzz.formulas(inputs=("x", "y")))
    def look(text):
        (case,) = load_text(f"function: {text}\npoints: [{{x: 0.75, y: -1.5}}]\n").cases
        truth = case.programs.truth
        count.update({s.gate for s in truth.steps})
        assert gate_count(text) <= 8
        values[math.isfinite(floats.run(truth, [[0.75], [-1.5]], format_named("float64"), upstream=1.0)[truth.output][0])] += 1

    look()
    assert len(count) > 0.3 * len(gates.GATES)
    assert values[True] > 0.7 * values.total()


@pytest.mark.parametrize(("name", "bent"), [("sinh", "1.001 * cosh(a)"), ("log", "1 / a + 1e-9")])
def test_the_minimal_formula_for_a_planted_bug_has_at_most_two_gates(monkeypatch, name, bent):
    row = gates.GATES[name]
    monkeypatch.setitem(gates.GATES, name, replace(row, partials=(bent, *row.partials[1:])))
    build.partial.cache_clear()
    near = [g for g in gates.GATES if g in (name, "add", "mul", "sin", "sqrt", "exp", "tanh", "where", "lt", "div")]
    points = "points: [{x: 0.75, y: -1.5}]"
    try:
        found = find(fuzz.formulas(near, inputs=("x", "y")), lambda text: is_wrong(f"function: {text}\n{points}", None), settings=QUIET)
    finally:
        build.partial.cache_clear()
    assert name in found
    assert gate_count(found) <= 2


@settings(QUIET, max_examples=10, phases=[Phase.generate])
@given(fuzz.cases(["add", "mul", "div", "exp", "sin", "tanh", "square", "sigmoid", "atan2", "hypot"]))
def test_backward_passes_in_any_arrangement_are_right(text):
    (case,) = load_text(text).cases
    results = verify(case).results
    verdicts = {(r.gradient, r.point, r.implementation): r.verdict for r in results}
    assert {i for *_, i in verdicts} == {"staged", "by_hand"}
    assert [k for k, v in verdicts.items() if v is Verdict.WRONG] == []


def test_most_mistakes_are_wrong():
    forward = "a = x * y\nb = exp(a)\nout = a * b + x"
    verdicts = Counter()

    @settings(DRAWN, max_examples=15)
    @given(fuzz.mistakes(forward))
    def look(edit):
        lines = "".join(f"\n      {line}" for line in edit.text.splitlines())
        forwards = "".join(f"\n      {line}" for line in forward.splitlines())
        text = f"points: [{{x: 0.75, y: -1.5}}]\nimplementations:\n  a:\n    forward: |{forwards}\n    backward: |{lines}\n"
        verdicts[is_wrong(text, None)] += 1

    look()
    assert verdicts[True] > 0.6 * verdicts.total()


# ---------------------------------------------------------------- the command


def fuzzed(path, folder, *more):
    return main(["fuzz", str(path), "--save", str(folder), "--max-examples", "150", *more])


def test_a_find_is_saved_once_replays_and_is_found_again_byte_for_byte(tmp_path, capsys):
    (tmp_path / "tanh.yaml").write_text(TANH)
    assert fuzzed(tmp_path / "tanh.yaml", tmp_path / "kept") == 1
    printed = capsys.readouterr().out
    (kept,) = sorted((tmp_path / "kept").iterdir())
    first = kept.read_bytes()
    assert "threshold.dx  wrong  line 8" in printed
    assert str(tmp_path).encode() not in first
    (case,) = load(kept).cases
    assert [(e.implementation, e.gradient, e.verdict) for e in case.expect] == [("threshold", "dx", "wrong")]
    assert main([str(kept)]) == 0
    kept.unlink()
    assert fuzzed(tmp_path / "tanh.yaml", tmp_path / "kept") == 1
    assert kept.read_bytes() == first


def test_strict_finds_lost_digits_and_an_expected_verdict_is_no_find(tmp_path, capsys):
    only = TANH.replace('  threshold: {backward: "dx = where(x > 30, 1e-9, (1 / cosh(x))**2) * dout"}\n', "")
    (tmp_path / "case.yaml").write_text(only)
    assert fuzzed(tmp_path / "case.yaml", tmp_path / "kept") == 0
    assert fuzzed(tmp_path / "case.yaml", tmp_path / "kept", "--strict") == 1
    assert {"unstable", "vanished"} <= set(capsys.readouterr().out.split())
    assert main([str(tmp_path / "kept")]) == 0
    (tmp_path / "case.yaml").write_text(only + "expect: {naive.dx: [unstable, vanished]}\n")
    assert fuzzed(tmp_path / "case.yaml", tmp_path / "again", "--strict") == 0


def test_two_mistakes_of_one_verdict_are_two_finds_and_a_pasted_example_still_loads(tmp_path):
    (tmp_path / "case.yaml").write_text(
        "points: [{x: 3, W: [1, 2]}]\nimplementations:\n  a: {}\n  b:\n    forward: |\n      x = 3\n      t = W[0] * x\n      f = t + W[1]\n"
        "    backward: |\n      dx = 2 * W[0]\n      dW[0] = x\n      dW[1] = 1.5\n"
    )
    assert fuzzed(tmp_path / "case.yaml", tmp_path / "kept") == 1
    kept = load(tmp_path / "kept")
    assert kept.complaints == ()
    assert {e.gradient for c in kept.cases for e in c.expect} == {"dx", "dW[1]"}
    assert main([str(tmp_path / "kept")]) == 0


@pytest.mark.parametrize("text", ["function: [", "{function: x, points: [{x: 1}], domain: {x: [0.1, 0.1]}, formats: [float16]}"])
def test_what_cannot_be_fuzzed_exits_with_2(tmp_path, text, capsys):
    (tmp_path / "case.yaml").write_text(text)
    assert fuzzed(tmp_path / "case.yaml", tmp_path / "kept") == 2
    assert capsys.readouterr()
