"""The hunt finds, with no point given, where a gradient goes wrong."""

import math
import os
import subprocess
import sys
from fractions import Fraction

import pytest

from tests import ROOT
from verifier.case.load import load, load_text
from verifier.circuit.expressions import build_expression
from verifier.cli import main
from verifier.compare.check import Check
from verifier.exact.truth import Subject, truth_of
from verifier.language.formats import FORMATS
from verifier.language.source import Source
from verifier.search import thresholds
from verifier.search.hunt import simplest
from verifier.search.paths import axis
from verifier.verify import verify

FLOAT64 = FORMATS["float64"]


def hunted(function, backward, *, extra=""):
    text = f"name: hunted\nfunction: {function}\nhunt: true\n{extra}implementations:\n  a:\n    backward: |\n"
    text += "".join(f"      {line}\n" for line in backward.split("; "))
    loaded = load_text(text)
    assert loaded.complaints == ()
    return verify(loaded.cases[0])


def regions(report, verdict):
    return [r for r in report.regions if r.verdict.value == verdict]


def test_a_hexadecimal_constant_of_a_traced_line_is_a_special_number_as_well() -> None:
    """The lines of PyTorch's logsigmoid have log1p's own constants, exactly: 0x1.8p-1 is 0.75."""
    from dataclasses import replace

    program, _ = build_expression(Source("x*0.625", "t", 1, 1, "x*0.625"), ("x",))
    assert program is not None
    steps = tuple(s._replace(text="0x1.8p-1") if s.gate == "number" else s for s in program.steps)
    path = axis((0.5,), 0, [(-1.0, 1.0)])
    assert {0.75, -0.75} <= set(thresholds.special(path, replace(program, steps=steps)))


@pytest.mark.parametrize(
    ("function", "backward", "verdict"),
    [  # each is right nearly everywhere; the bug shows in a corner (facts of the trackers named in cases/museum)
        ("where(x == 0, 0, x * log(y))", "dx = where(x == 0, 0, log(y)); dy = x / y", "wrong"),
        ("x * 2.0**y", "dx = where(x == 0, 0, 2.0**y); dy = x * 2.0**y * log(2)", "wrong"),
        ("min(max((x + 3) / 6, 0), 1)", "dx = where(x < 3, where(x > -3, 1 / 6, 0), 1)", "wrong"),
        ("where(3*x > 1, x, log1p(exp(3*x)) / 3)", "dx = where(log1p(exp(3*x)) > 1, 1, exp(3*x) / (exp(3*x) + 1))", "wrong"),
        ("where(x == 0, 1, sin(pi*x) / (pi*x))", "dx = where(x == 0, 0, (pi*x*cos(pi*x) - sin(pi*x)) / (pi*x*x))", "nonfinite"),
        ("log(1 + exp(x))", "dx = exp(x) / (1 + exp(x))", "nonfinite"),
        ("tanh(x)", "dx = 1 - tanh(x)**2", "vanished"),
        ("sin(x)", "dx = where(x > 31.25, sin(x), cos(x))", "wrong"),
        ("x**3", "dx = where(x == 7.5, 0, 3 * x**2)", "wrong"),
    ],
)
def test_a_bug_in_a_corner_is_found_without_a_point(function, backward, verdict):
    assert regions(hunted(function, backward), verdict)


@pytest.mark.parametrize(
    ("function", "backward"),
    [("tanh(x)", "dx = (1 / cosh(x))**2"), ("sin(x)", "dx = cos(x)"), ("log(1 + exp(x))", "dx = where(x > 0, 1 / (1 + exp(-x)), exp(x) / (1 + exp(x)))")],
)
def test_a_right_gradient_has_no_bad_region_in_a_sensible_domain(function, backward):
    report = hunted(function, backward, extra="domain: {x: [-300, 300]}\n")
    assert [r for r in report.regions if r.verdict.fails] == []
    assert report.status == "passed"


def test_the_border_of_a_region_is_the_float_at_which_the_verdict_changes():
    # 1 - tanh(x)**2 is 0 in float64 from the x on whose tanh rounds to 1: 1 - tanh(x) < 2**-54, x > 19.0615
    vanished = regions(hunted("tanh(x)", "dx = 1 - tanh(x)**2"), "vanished")
    low = min(abs(float(r.low)) for r in vanished if float(r.low) > 0)
    assert low == pytest.approx(19.06, abs=0.4), "a tanh that is an ulp off moves it by log(2)/2"
    assert math.tanh(low) == 1.0
    assert math.tanh(math.nextafter(low, 0)) < 1.0


def test_the_same_case_is_hunted_to_the_same_points():
    first, second = (hunted("x / (x + 1)", "f2 = -x / (x + 1)**2; dx = 1 / (x + 1) + f2") for _ in range(2))
    assert first == second


def test_the_budget_bounds_the_points_that_are_judged():
    (case,) = load_text("function: tanh(x)\nhunt: true\n").cases
    from dataclasses import replace

    report = verify(replace(case, budget=10))
    assert len(report.results) <= 10


@pytest.mark.parametrize("low", [250_001.5, 640_000.25])
def test_all_borders_between_two_neighbours_of_the_grid_are_found(low):
    """Three of them within 0.002 of each other; the gradient is wrong between the second and the third only, where no point of the grid is."""
    x = f"where(x*x > {low - 1}, where(x*x > {low}, where(x*x < {low + 1}, 0, 2*x), 2*x), 2*x)"
    (region,) = [r for r in regions(hunted("x**2", f"dx = {x}"), "wrong") if float(r.low) > 0]
    first, last = float(region.low), float(region.high)
    assert Fraction(math.nextafter(first, 0)) ** 2 <= low < Fraction(first) ** 2, "over the reals, as verdicts are"
    assert Fraction(last) ** 2 < low + 1 <= Fraction(math.nextafter(last, math.inf)) ** 2


@pytest.mark.parametrize("wrong", ["x > 1000", "x < -1000"])
def test_a_small_budget_is_spread_over_the_inputs(wrong):
    """Neither the largest inputs go first where there are more points than may be judged, nor the smallest."""
    from dataclasses import replace

    (case,) = load_text(f"function: x**2\nhunt: true\nimplementations: {{a: {{backward: 'dx = where({wrong}, x, 2*x)'}}}}\n").cases
    for budget in (6, 20):
        assert regions(verify(replace(case, budget=budget)), "wrong")


@pytest.mark.parametrize(
    ("low", "high", "simple"),
    [(3.0, 1.7e308, 3.0), (-1e308, -3.0, -3.0), (19.06, 373.0, 20.0), (-1.0, 2.0, 0.0), (0.18, 0.33, 0.2), (0.1234567, 0.1234569, 0.1234568), (5e-324, 5e-324, 5e-324)],
)
def test_the_simplest_point_has_the_fewest_digits(low, high, simple):
    assert simplest(low, high, FLOAT64) == simple


HUNTED = ROOT / "cases" / "hunted"


@pytest.mark.parametrize("path", sorted(HUNTED.glob("*.yaml")), ids=lambda p: p.stem)
def test_a_bug_of_a_public_tracker_is_found_without_a_point_and_its_repair_is_no_alarm(path):
    (case,) = load(str(path)).cases
    assert (case.points, case.sample, case.source[:8]) == ((), 0, "https://")
    report = verify(case)
    assert report.status == "passed"
    assert [r for r in report.results if r.implementation != "wrong" and r.verdict.fails] == []
    for e in case.expect:
        assert regions_of(report, e.implementation, e.gradient, e.verdict)


def regions_of(report, implementation, gradient, verdict):
    return [r for r in report.regions if (r.implementation, r.gradient, r.verdict.value) == (implementation, gradient, verdict)]


@pytest.mark.parametrize(
    ("function", "backward", "verdict", "cause"),
    [  # what IEEE arithmetic does at each of these, said of the step that does it
        ("1 / (1 + exp(-x))", "dx = exp(-x) / (1 + exp(-x))**2", "nonfinite", "`exp(-x)` overflows"),
        ("tanh(x)", "dx = 1 - tanh(x)**2", "vanished", "`tanh(x)` rounds to 1.0, and `1 - tanh(x)**2` is 0"),
        ("log(x**2)", "dx = 2*x / (x*x)", "nonfinite", "`x*x` underflows, and `2*x / (x*x)` divides by zero"),
        ("exp(-x*x)", "dx = -2*x*exp(-x*x)", "vanished", "`exp(-x*x)` underflows"),
        ("x - sin(x)", "dx = 1 - cos(x)", "unstable", "`1 - cos(x)` cancels"),
        ("x**2", "dx = where(x > 40, x, 2*x)", "wrong", "`x > 40` is true here"),
        ("x * 2.0", "dx = where(x == 0, 0, 2)", "wrong", "`x == 0` ties"),
        ("x**2", "dx = 2*x*(x/x)", "wrong", "`x/x` divides by zero"),
    ],
)
def test_a_region_says_which_step_is_the_cause(function, backward, verdict, cause):
    found = regions(hunted(function, backward), verdict)
    assert any(r.cause.startswith(cause) for r in found), [r.cause for r in found]


@pytest.mark.parametrize(
    ("function", "backward", "along"),
    [  # each is right unless two inputs agree in a way that no scan of one of them from a short point meets
        ("x + y", "dx = where(x - y == 0, where(x > 1000, 0, 1), 1); dy = 1", "y = x"),
        ("x + y", "dx = where(x + y == 0, where(x > 1000, 0, 1), 1); dy = 1", "y = -x"),
        ("a + b + c + d", "da = where(a == b, where(b == c, where(c == d, where(d > 1000, 0, 1), 1), 1), 1); db = 1; dc = 1; dd = 1", "b = a, c = a, d = a"),
    ],
)
def test_inputs_move_together(function, backward, along):
    assert along in {r.along for r in regions(hunted(function, backward), "wrong")}


def test_a_bug_in_one_of_many_inputs_is_found():
    # one factor of ten, and only beyond 40: every input is moved, however many there are
    count = 10
    terms = " + ".join(f"W[{i}]*{i + 1}" for i in range(count))
    backward = "; ".join(f"dW[{i}] = {i + 1}" if i != 8 else "dW[8] = where(W[8] > 40, 8, 9)" for i in range(count))
    found = regions(hunted(terms, backward), "wrong")
    assert {r.gradient for r in found} == {"dW[8]"}
    assert {r.cause for r in found} == {"`W[8] > 40` is true here"}


def test_a_gradient_that_is_nearly_infinite_itself_may_overflow():
    # 3 * x**2 is finite up to 7.7e153 and x*x overflows at 1.3e154: between them the gradient is infinite, as it should be
    assert [r for r in hunted("x**3", "dx = 3 * (x*x)").regions if r.verdict.fails] == []


def test_the_ends_of_a_region_have_its_verdict_and_their_neighbours_have_not():
    found = regions(hunted("x**2", "dx = where(x > 7.3, where(x < 9.1, 0, 2*x), 2*x)"), "wrong")
    (region,) = found
    # the floats 7.3 and 9.1 are both a little below these decimals, which the exact side means: float.as_integer_ratio() says so
    assert Fraction(7.3) < Fraction("7.3")
    assert Fraction(9.1) < Fraction("9.1")
    assert (float(region.low), float(region.high)) == (math.nextafter(7.3, 8), 9.1)


def test_a_case_without_points_is_hunted_by_the_command_and_refused_by_check(tmp_path, capsys):
    # d/dx log(1 + x) = 1 / (1 + x): the backward pass has its sign wrong everywhere
    path = tmp_path / "no_points.yaml"
    path.write_text("function: log(1 + x)\nimplementations:\n  mine: {backward: dx = -1 / (1 + x)}\n", encoding="utf-8")
    assert main(["hunt", str(path), "--budget", "200"]) == 1
    assert "mine.dx wrong" in capsys.readouterr().out
    assert main(["check", str(path)]) == 2
    assert "no points" in capsys.readouterr().out


def test_the_command_hunts_in_the_domain_and_for_what_a_sample_would_draw(tmp_path, capsys):
    path = tmp_path / "no_points.yaml"
    wrong_from_7 = "implementations:\n  mine: {backward: 'dx = where(x > 7, 3*x, 2*x)*dout'}\n"
    for domain, status in (("[-5, 5]", 0), ("[-9, 9]", 1)):
        for rest in ("", "sample: 3\n"):
            path.write_text(f"function: x*x\ndomain: {{x: {domain}}}\n{rest}{wrong_from_7}", encoding="utf-8")
            assert main(["hunt", str(path), "--budget", "500"]) == status, (domain, rest)
    capsys.readouterr()


def test_neither_hash_seed_nor_processes_change_a_byte_of_a_hunt():
    command = [sys.executable, "-m", "verifier", "hunt", *(str(HUNTED / f"{name}.yaml") for name in ("kornia_axis_angle_identity", "enzyme_cbrt_negative")), "--format", "json"]
    runs = [subprocess.run([*command, "--jobs", jobs], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=False).stdout for seed, jobs in (("1", "1"), ("2", "2"))]
    assert len(runs[0]) > 1000
    assert runs[0] == runs[1]


@pytest.mark.parametrize(("formula", "kink"), [("clip(x, 0.37, 5)", 0.37), ("clip(x, 0.37, 5)", 5.0), ("relu6(x)", 6.0), ("hardswish(x)", 3.0), ("max(x, 0.37)", 0.37)])
def test_the_kinks_of_the_table_are_borders(formula, kink, monkeypatch):
    program = build_expression(Source(formula, "here", 1, 1, formula), ("x",))[0]
    check = Check("it", truth_of(program), Subject(program, ()), FLOAT64)
    path = axis((1.0,), 0, [(-10.0, 10.0)])
    ts = thresholds.grid(path, program, FLOAT64)

    def found():
        return [pair for pairs in thresholds.narrowed(path, check, ts, thresholds.behaviour(path, check, ts)) for pair in pairs]

    assert (math.nextafter(kink, -10), kink) in found()
    monkeypatch.setattr(thresholds, "kinks", {}.get)
    assert all(kink not in pair for pair in found()), "the twin: what the values show alone"


@pytest.mark.parametrize(
    ("dx", "code"),
    [("2", "V106"), ("2*dout**2", "V106"), ("2*dout/abs(dout)", "V106"), ("where(x > 7, 2*dout**2, 2*dout)", "V106"), ("2*dout", None)],
)  # right for upstream 1, everywhere; for another nowhere, or beyond 7 only
def test_the_hunt_lets_another_gradient_flow_in(dx, code):
    report = hunted("2*x + y", f"dx = {dx}; dy = dout", extra="domain: {x: [-20, 20], y: [1, 2]}\n")
    assert [(f.code, f.gradient) for f in report.findings] == ([(code, "dx")] if code else [])
    assert report.status == ("failed" if code else "passed")


def test_the_hunt_sees_a_backward_pass_that_ignores_what_flows_in():
    """The gradients of logaddexp, in which the gradient that flows in is forgotten; a backward pass that sets it itself says so."""
    said = hunted("logaddexp(a, b)", "da = exp(a - out); db = exp(b - out)", extra="domain: {a: [-20, 20], b: [-20, 20]}\n")
    assert [(f.code, f.severity, f.gradients) for f in said.findings] == [("V205", "warning", ("da", "db"))]
    given = hunted("logaddexp(a, b)", "da = exp(a - out); db = exp(b - out)", extra="upstream: 1\ndomain: {a: [-20, 20], b: [-20, 20]}\n")
    assert [(f.code, f.severity) for f in given.findings] == [("V205", "error")]
    right = hunted("logaddexp(a, b)", "da = exp(a - out)*dout; db = exp(b - out)*dout", extra="domain: {a: [-20, 20], b: [-20, 20]}\n")
    assert right.findings == ()
