"""Strategies draw what they promise and shrink to what people would write; finds become cases that replay."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import verifier
from tests import ROOT
from tests.laws.planted import Bug, bugs, examples, shows
from tests.texts import expression
from verifier.arithmetic import floats
from verifier.case.load import load, load_text
from verifier.case.points import listed
from verifier.circuit.backprop import with_backward
from verifier.cli import main
from verifier.compare.at_point import checks_in
from verifier.compare.compare import compare
from verifier.language import gates
from verifier.language.formats import FORMATS, format_named
from verifier.language.gates import canonical
from verifier.language.source import CaseError
from verifier.language.trees import parse_expression
from verifier.language.verdict import Verdict
from verifier.report.assertion import GradientWarning
from verifier.report.draw.finds import campaign as drawn_finds
from verifier.search import fuzz
from verifier.search.fuzz import campaign as campaigns
from verifier.search.fuzz import screen
from verifier.search.fuzz.arrange import arranged, text_of, tree_of
from verifier.search.fuzz.campaign import Campaign, campaign
from verifier.search.fuzz.draw_formulas import INSIDE, gate_count
from verifier.search.fuzz.draw_texts import block
from verifier.search.fuzz.screen import further_points
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
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)[1]
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    names["test_my_gradient_is_right"]()
    exec(compile(code.replace("exp(-x))", "exp(-x)) * 1.0000000001"), "README.md", "exec"), names)
    with pytest.raises(AssertionError, match="wrong-gradient"):
        names["test_my_gradient_is_right"]()


def test_a_call_of_assert_gradient_that_passes_imports_nothing_heavy():
    code = (
        "import sys, verifier\n"
        "case = '{function: log(1 + exp(x)), points: [{x: 0}], domain: {x: [-30, 30]}, implementations: {mine: {backward: dx = dout / (1 + exp(-x))}}}'\n"
        "verifier.fuzz.points(case)\n"
        "before = set(sys.modules)\n"
        "verifier.assert_gradient(case, {'x': 1})\n"
        "print(sorted(name for name in set(sys.modules) - before if not name.startswith('verifier.')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.stdout == "[]\n", run.stderr


def test_what_is_raised_names_the_line_and_the_point():
    with pytest.raises(AssertionError, match=r"(?s)V101 wrong-gradient.*threshold\.dx.*<text>:8:.*x=31"):
        verifier.assert_gradient(TANH, {"x": 31}, implementation="threshold")
    verifier.assert_gradient(TANH, {"x": 31}, implementation="right")
    verifier.assert_gradient(TANH, implementation="right")


def test_lost_digits_are_raised_only_when_strict():
    with pytest.warns(GradientWarning, match="V203 naive.dx vanishes"):
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
        (TANH, {"y": 1}, {}, ValueError, "missing or unknown: x, y"),
        (TANH, {"x": float("nan")}, {}, ValueError, "finite"),
        ("function: [", None, {}, CaseError, "<text>:1"),
    ],
)
def test_a_point_or_name_that_the_case_does_not_have_is_refused(text, point, options, error, words):
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


BANDS = TANH.replace("x > 30, 1e-9, (1 / cosh(x))**2", "(x > 30) | (x < -50) | ((x > 2.5) & (x < 2.6)) | (x == 0.125), 7, (1 / cosh(x))**2")


@pytest.mark.parametrize(
    ("low", "high", "digits"),
    [(30, 100, 2), (-100, -50, 2), (2.5, 2.6, 3), (0.125, 0.125, 3)],
)
def test_the_minimal_point_is_a_short_decimal_of_its_region(low, high, digits):
    found = find(fuzz.points(BANDS), lambda p: low <= p["x"] <= high and is_wrong(BANDS, p, implementation="threshold"), settings=settings(QUIET, max_examples=2000))
    assert len(f"{found['x']:g}".lstrip("-").replace(".", "").rstrip("0").lstrip("0")) <= digits, "whichever kind of draw it came from"


def test_the_minimal_point_is_small():
    assert find(fuzz.points(TANH), lambda p: p["x"] > 0.1, settings=QUIET)["x"] in {d * 10.0**n for d in range(1, 10) for n in range(3)}, "one digit; which one is Hypothesis's choice"
    tiny = find(fuzz.points("{function: log1p(-x), points: [{x: 0}]}"), lambda p: 0 < p["x"] < 1e-9, settings=QUIET)["x"]
    assert re.fullmatch(r"\de-\d+", repr(tiny))
    two = find(fuzz.points("{function: x*y, points: [{x: 0, y: 1}]}"), lambda p: p["x"] * p["y"] > 50, settings=QUIET)
    assert all(len(f"{v:g}") <= 3 for v in two.values())


def test_every_domain_of_the_table_has_a_way_in():
    assert {g.where for g in gates.GATES.values() if g.where} == set(INSIDE)


def gates_in(text):
    return {canonical(n.op) for n in parse_expression(text) if n.args}


def drawn_formulas(count):
    seen = []
    settings(DRAWN, max_examples=count)(given(fuzz.formulas(inputs=("x", "y")))(lambda text: seen.append(text)))()  # noqa: PLW0108 - @given needs a function with a name for its argument
    return seen


def test_formulas_are_spread_over_the_table_and_nearly_all_have_gradients():
    drawn = drawn_formulas(2000)
    assert max(map(gate_count, drawn)) <= 8
    count = Counter(name for text in drawn for name in gates_in(text))
    assert len(count) > 0.97 * len(gates.GATES), "the rarest may be missing: Hypothesis prefers some numbers, and it repeats parts"
    median = sorted(count.values())[len(count) // 2]
    assert sum(median / 3 <= n <= 3 * median for n in count.values()) > 0.7 * len(count), "those that bring others into their domain come more often"
    finite = Counter(all(math.isfinite(d) for d in gradient_of(text)) for text in drawn[:300])
    assert finite[True] > 0.9 * finite.total()


def gradient_of(text):
    """The generated gradient at x = 0.75, y = -1.5, in float64."""
    whole = with_backward(expression(text, "x", "y"), [("x", "dx"), ("y", "dy")])
    run = floats.run(whole, [[0.75], [-1.5]], fmt=format_named("float64"), upstream=1.0)
    return [run[whole.names[name]][0] for name in ("dx", "dy")]


LEAST = {"where": 2, "and": 4, "or": 4, "not": 3}  # gates of the smallest formula with a gate, where that is not 1: a truth value needs a choice


def test_the_minimal_formula_with_a_gate_is_that_gate_applied_to_inputs():
    for name, gate in gates.GATES.items():
        found = find(fuzz.formulas((name, "add", "exp", "square"), inputs=("x", "y")), lambda text, name=name: name in gates_in(text), settings=QUIET)
        assert gate_count(found) == LEAST.get(name, 2 if gate.boolean else 1), found


PLANTED = (("sinh", 0), ("log", 1), ("asin", 3), ("hypot", 2), ("max", 3))


@pytest.mark.parametrize(("gate", "kind"), PLANTED)
def test_a_planted_bug_is_found_within_200_examples_and_shrinks_to_its_gate(gate, kind):
    bug = list(bugs(gate, 0))[kind]
    text, point = find(examples(bug), lambda e: shows(*e, bug), settings=settings(QUIET, max_examples=200))
    assert gate in gates_in(text)
    assert gate_count(text) <= 3
    assert all(len(Decimal(repr(x)).normalize().as_tuple().digits) <= 3 for x in point), "few significant digits"


def test_a_gate_without_a_bug_shows_none():
    bug = next(bugs("sinh", 0))
    right = replace(bug, partial=gates.GATES["sinh"].partials[0])
    assert shows("sinh(x)", (1.0, 0.0), bug)
    assert not shows("sinh(x)", (1.0, 0.0), right)
    assert not shows("cosh(x)", (1.0, 0.0), bug)
    assert program_of(right) == program_of(None), "the table itself is as it was"


def program_of(bug):
    partials = {} if bug is None else {(bug.gate, bug.operand): bug.partial}
    return with_backward(expression("sinh(x)", "x"), [("x", "dx")], partials=partials).lines


def test_a_partial_that_has_no_value_in_balls_is_no_endless_question():
    assert shows("erfcinv(sigmoid(y))", (0.0, 100.0), Bug("erfcinv", 0, "", "where(a > 0.7, 1.001 * (-sqrt(pi) / 2 * exp(out * out)), -sqrt(pi) / 2 * exp(out * out))"))


# ---------------------------------------------------------------- backward passes


@settings(QUIET, max_examples=60, phases=[Phase.generate])
@given(fuzz.cases())
def test_backward_passes_in_any_arrangement_are_right(text):
    (case,) = load_text(text).cases
    fmt = format_named("float64")
    checks = checks_in(case, fmt)
    assert [c.implementation for c in checks] == ["staged", "by_hand"]
    staged, by_hand = (compare(c, listed(case, fmt), detail=False) for c in checks)
    for row, other in zip(staged, by_hand, strict=True):
        for a, b in zip(row, other, strict=True):
            assert b.verdict is not Verdict.WRONG or a.verdict is Verdict.WRONG, f"{b.name} {b.reason}\n{text}"


def test_sums_are_turned_products_expanded_and_factored_gates_fused_and_staged():
    words, seen = Counter(), set()
    texts = ("(x + y) * z", "x * z - y * z", "square(x) / y", "1 / (1 + exp(-x)) * z", "tanh(x) * (1 - y)")

    @settings(DRAWN, max_examples=200)
    @given(st.data())
    def look(data):
        tree, how = arranged(data.draw, tree_of(data.draw(st.sampled_from(texts))))
        words.update(how)
        seen.add(text_of(tree))

    look()
    assert set(words) == {"turned", "factored", "expanded", "negated", "inverted", "staged", "fused"}
    assert {"((x * z) + (y * z))", "((x - y) * z)", "((x * x) / y)", "(sigmoid(x) * z)"} <= seen


@pytest.mark.parametrize("forward", ["a = x * y\nb = exp(a)\nout = a * b + x", "t = x - y\nout = where(t > 0, t * t, sin(y) * x)", "out = hypot(x, y) / (2 + cos(x))"])
def test_every_mistake_is_one_and_is_caught(forward):
    kinds = Counter()
    point = (0.625, -1.25)

    @settings(DRAWN, max_examples=25)
    @given(fuzz.mistakes(forward, inputs=("x", "y"), points=[point]))
    def look(edit):
        lines = [*block("forward", forward), *block("backward", edit.text)]
        text = "\n".join([f"points: [{{x: {point[0]}, y: {point[1]}}}]", "implementations:", "  a:", *lines, ""])
        kinds[edit.kind] += 1
        assert is_wrong(text, None), edit

    look()
    assert len(kinds) >= 4


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


def finds_in(text, *, examples=250, **options):
    (case,) = load_text(text).cases
    run = campaign(case, max_examples=examples, **options)
    assert run.problem == ""
    return run.finds


def test_two_regions_of_one_line_and_verdict_are_two_finds_and_a_gap_between_them_is_told():
    finds = finds_in(TANH.replace("x > 30, 1e-9", "(x > 30) | (x < -50), 7"))
    regions = {f.point[0][1]: f.region[0][1:] for f in finds}
    assert regions == {"40.0": ("30.000000000000004", "100.0"), "-60.0": ("-100.0", "-50.00000000000001")}
    assert {(f.fault.implementation, f.fault.verdict, f.fault.line) for f in finds} == {("threshold", Verdict.WRONG, 8)}
    (one,) = finds_in(TANH.replace("x > 30", "x > -50"))
    assert one.region[0][1] == "-49.99999999999999", "one region is one find, on both sides of 0"


def test_regions_are_told_apart_in_a_plane():
    wrong = "where((x > 5) & (y > 5), 2, where((x < -5) & (y < -5), 2, 1)) * y * dout"
    text = f"{{function: x*y, points: [{{x: 1, y: 1}}], domain: {{x: [-10, 10], y: [-10, 10]}}, implementations: {{a: {{backward: 'dx = {wrong}; dy = x * dout'}}}}}}"
    assert {tuple(v for _, v in f.point) for f in finds_in(text)} == {("6.0", "6.0"), ("-6.0", "-6.0")}


def test_gradients_that_follow_one_line_are_one_find():
    text = "{points: [{x: 1, y: 2}], implementations: {a: {forward: 't = x * y; out = t * t', backward: 'dt = 3 * t * dout; dx = y * dt; dy = x * dt'}}}"
    (found,) = finds_in(text)
    assert found.fault.verdict is Verdict.WRONG
    assert {e.gradient for e in load_text(found.text).cases[0].expect} == {"dx", "dy"}


LIMITED = TANH.replace("[-100, 100]", "[0, 5]").replace("  threshold: ", "  # ").replace('(1 - tanh(x)**2) * dout"', '(1 - tanh(x)**2) * dout", accept: {ulps: 100}')


def test_above_an_accepted_limit_is_a_find_below_is_none():
    found, *others = finds_in(LIMITED)  # of one fault: the rounding errors are above the limit in one region or more, by the points that are drawn
    assert {f.fault.key for f in others} <= {found.fault.key}
    assert found.fault.over
    (case,) = load_text(found.text).cases
    assert verify(case).status == "passed"
    assert "over_limit" in {e.verdict for e in case.expect}
    right = load_text(found.text.replace("(1 - tanh(x)**2)", "(1 / cosh(x))**2")).cases[0]
    assert verify(right).status == "failed", "the gradient is repaired, and its error below the limit"
    assert finds_in(LIMITED.replace("[0, 5]", "[-0.5, 0.5]")) == ()
    assert {f.fault.key for f in finds_in(LIMITED, strict=True)} == {found.fault.key}


def test_a_find_is_saved_with_the_limit_of_its_gradient_alone():
    one = LIMITED.replace(", accept: {ulps: 100}", "") + "accept: {naive.dx: 100, right.dx: 5}\n"
    found, *others = finds_in(one)
    assert {f.fault.key for f in others} <= {found.fault.key}
    (case,) = load_text(found.text).cases
    assert (case.accept.ulps, case.accept.single) == (None, (("naive", "dx", "100"),))
    assert finds_in(one.replace("naive.dx: 100", "naive.dx: 1e300")) == ()


def test_a_saved_case_fails_once_the_gradient_is_repaired():
    (found,) = finds_in(TANH)
    assert verify(load_text(found.text).cases[0]).status == "passed"
    repaired = load_text(found.text.replace("where(x > 30, 1e-9, (1 / cosh(x))**2)", "(1 / cosh(x))**2")).cases[0]
    assert [f.code for f in verify(repaired).findings] == ["V303"]


BUMP = "{function: tanh(x), points: [{x: 0.5}], domain: {x: [-2, 2]}, implementations: {a: {backward: 'dx = (1 / cosh(x))**2 * (1 + 1e-3 * exp(-1e7 * (x - 1.2345)**2)) * dout'}}}"


def test_a_mistake_in_a_thousandth_of_the_domain_is_found_at_the_further_points_of_columns():
    """The formula is off by more than an ulp within 1.7e-3 of 1.2345, beside which no comparison stands: 1e-3 * exp(-1e7 * d**2) = 2**-52 at d = 1.7e-3. No point here is of Hypothesis."""
    (case,) = load_text(BUMP).cases
    search = campaigns._FormatCampaign(case, checks_in(case, FORMATS["float64"]), False, 0, lambda: False)
    for number in range(8):
        search.screen(number)
    (found,) = search.faults
    assert (found.fault.verdict, abs(found.point[0] - 1.2345) < 1.8e-3) == (Verdict.WRONG, True)
    assert (search.examples, search.screened) == (0, 8 * screen.BLOCK)
    assert drawn_finds(Campaign("a", (), 500, 7168), None) == "ok    a  500 examples, 7168 further points\n"


def test_the_further_points_are_others_for_another_seed_and_meet_the_constraint_of_the_case():
    (case,) = load_text("{function: x * y, points: [{x: 1, y: 0.5}], domain: {x: [0, 2], y: [0, 2]}, given: x > y}").cases
    x, y = further_points(case, FORMATS["float64"], 0, 1)
    assert len(x) == screen.BLOCK
    assert (x > y).all()
    assert not np.array_equal(x, further_points(case, FORMATS["float64"], 1, 1)[0])
    assert not np.array_equal(x, further_points(case, FORMATS["float64"], 0, 2)[0])
    assert np.array_equal(x, further_points(case, FORMATS["float64"], 0, 1)[0])


def test_where_floats_take_long_no_further_points_are_judged():
    (case,) = load_text("{function: zeta(x), points: [{x: 2}], domain: {x: [1.5, 9]}}").cases
    assert campaign(case, max_examples=70).screened == 0


def test_the_search_ends_when_the_time_is_over():
    (case,) = load_text(TANH).cases
    ticks = iter(range(10_000))
    run = campaign(case, max_examples=1000, max_time=50, clock=lambda: float(next(ticks)))
    assert run.examples == 50 * len(case.implementations), "one look at the clock for each point"
    assert campaign(case, max_examples=60, max_time=1e9, clock=lambda: 0.0).examples == 60 * len(case.implementations)


def test_another_process_finds_the_same_bytes(tmp_path):
    (tmp_path / "tanh.yaml").write_text(TANH)
    kept = []
    for number in ("1", "2"):
        command = [sys.executable, "-m", "verifier", "fuzz", "tanh.yaml", "--strict", "--max-examples", "60", "--save", number]
        assert subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": number}, capture_output=True, check=False).returncode == 1
        kept.append({path.name: path.read_bytes() for path in (tmp_path / number).iterdir()})
    assert kept[0] == kept[1]
    assert len(kept[0]) >= 3


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
