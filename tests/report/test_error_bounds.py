"""What a case claims of its whole domain: outcomes, findings, figures that stay bounds, the text and the JSON of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath.ctx_mp import MPContext

from verifier import load_text
from verifier.language.numeral import exact
from verifier.report.bound_words import badness, box_text, downward, in_percent, percent, upward
from verifier.report.draw import drawn, in_terminal
from verifier.report.draw.bound_rows import bound_lines, brief
from verifier.report.draw.paint import Paint
from verifier.report.error_bounds import bound_findings
from verifier.report.outcome import AssumedText, BoundResult, BoundShare, CaseReport, Report
from verifier.verify import verify

PLAIN = Paint(enabled=False)
SIGMOID = "function: 1 / (1 + exp(-x))\ndomain: {x: [-10, 10]}\n"


def report(text: str, *, strict: bool = False) -> CaseReport:
    loaded = load_text(text, file="f.yaml")
    assert loaded.complaints == ()
    return verify(loaded.cases[0], strict=strict)


def codes(found: CaseReport) -> list[str]:
    return [f.code for f in found.findings if not f.expected]


# ---------------------------------------------------------------- outcomes


def test_a_claim_that_holds_passes_and_one_below_what_occurs_is_refuted_with_a_witness() -> None:
    held, broken = report(SIGMOID + "certify: {ulps: 8}\n"), report(SIGMOID + "certify: {ulps: 2}\n")
    assert (held.status, codes(held), held.bounds[0].outcome, held.bounds[0].open) == ("passed", [], "proved", "0")
    assert (broken.status, codes(broken), broken.bounds[0].outcome) == ("failed", ["V109"], "refuted")


def test_the_error_at_a_witness_is_above_the_claim_by_mpmath_too() -> None:
    (b,) = report(SIGMOID + "certify: {ulps: 2}\n").bounds
    ((name, text),) = b.seen_at
    context = MPContext()
    context.prec = 300
    x = context.mpf(float(str(text)))
    true = context.exp(-x) / (1 + context.exp(-x)) ** 2
    ulp = context.mpf(2) ** (context.floor(context.log(true, 2)) - 52)
    assert name == "x"
    assert b.computed is not None
    assert abs(context.mpf(float(b.computed)) - true) / ulp > 2


def test_a_root_of_the_gradient_leaves_the_best_bound_incomplete_and_strict_makes_that_an_error() -> None:
    text = "function: x * sigmoid(x)\ndomain: {x: [-4, 4]}\ncertify: {ulps: best, budget: 0.5}\n"  # 0 at x = -1.278
    found = report(text)
    assert (found.status, codes(found), found.bounds[0].outcome) == ("passed", ["V206"], "open")
    assert 0 < float(found.bounds[0].open) < 1
    assert report(text, strict=True).status == "failed"
    absolute = report(text.replace("ulps: best", "absolute: best"))
    assert (absolute.status, codes(absolute), absolute.bounds[0].outcome) == ("passed", [], "proved")


def test_an_open_claim_fails_and_says_what_would_decide_it() -> None:
    found = report("function: gamma(x)\ndomain: {x: [1, 2]}\ncertify: {ulps: 6}\n")
    assert (found.status, codes(found), found.bounds[0].outcome) == ("failed", ["V110"], "open")
    (finding,) = found.findings
    assert "'gamma' and 'digamma'" in finding.message
    assert "assume: {gamma: 4 ulp, digamma: 4 ulp}" in finding.message
    assert not finding.details, "more time would not help"
    assert finding.place.line == 3
    (tried,) = report("function: x * sigmoid(x)\ndomain: {x: [-4, 4]}\ncertify: {ulps: 1000, budget: 0.3}\n").findings  # 0 at x = -1.278
    assert tried.code in ("V109", "V110")
    assert any(detail.startswith("decides") for detail in tried.details) is (tried.code == "V110")


def test_what_is_open_on_a_face_is_said_by_its_place_and_not_as_0_percent() -> None:
    found = report("function: copysign(y, x)*y\ndomain: {x: [-1, 1], y: [1, 2]}\ncertify: {ulps: best, budget: 0.2}\n")
    (open_,) = [b for b in found.bounds if b.outcome == "open"]
    assert (open_.gradient, float(open_.open)) == ("dy", 0)
    (finding,) = found.findings
    assert "is not shown at x = 0.0, a part without volume of x in [-1.0, 1.0], y in [1.0, 2.0]" in finding.message
    assert not any("more time" in text for text in finding.details), "no time shows it there"
    assert "open at x = 0.0" in str(found)
    assert " 0 %" not in str(found)


def test_one_statement_has_one_row_of_a_ledger_however_often_the_transform_writes_it() -> None:
    (b,) = report("function: x - x*x\ndomain: {x: [0.6, 1]}\ncertify: best\n").bounds
    statements = [line.statement for line in b.lines]
    assert "dx += x * dt1" in statements
    assert len(statements) == len(set(statements))


def test_an_expected_outcome_excuses_the_case_and_another_one_does_not() -> None:
    assert report(SIGMOID + "certify: {ulps: 2}\nexpect: {staged.dx: bound_refuted}\n").status == "passed"
    other = report(SIGMOID + "certify: {ulps: 2}\nexpect: {staged.dx: bound_open}\n")
    assert (other.status, codes(other)) == ("failed", ["V109", "V303"])
    proved = report(SIGMOID + "certify: {ulps: 8}\nexpect: {staged.dx: bound_refuted}\n")
    assert (proved.status, codes(proved)) == ("failed", ["V303"])


def test_the_components_of_an_array_have_one_finding_and_others_one_each() -> None:
    found = report("forward: s = sum(x * w * w)\nshapes: {x: 3, w: 3}\ndomain: {x: [1, 2], w: [0.5, 1]}\ncertify: {ulps: 0.01}\n")
    assert [(f.code, len(f.gradients)) for f in found.findings] == [("V109", 3), ("V109", 3)]
    assert "(the worst of 3 components)" in found.findings[0].message
    single = report("function: x * x * w * w\ndomain: {x: [1, 2], w: [0.5, 1]}\ncertify: {ulps: 0.01}\n")
    assert [(f.code, f.gradients) for f in single.findings] == [("V109", ()), ("V109", ())]


def test_a_worse_library_function_makes_a_worse_bound() -> None:
    near, far = (float(report(SIGMOID + f"certify: best\nassume: {{exp: {ulps} ulp}}\n").bounds[0].bound or "nan") for ulps in (1, 4))
    assert near + 2 < far


def test_the_assumptions_are_named_with_their_source_and_those_of_the_case_go_before() -> None:
    (default,), (stated,) = report(SIGMOID + "certify: {ulps: 9}\n").bounds, report(SIGMOID + "certify: {ulps: 9}\nassume: {exp: 2 ulp}\n").bounds
    assert [(a.function, a.ulps) for a in default.assumptions] == [("exp", "1")]
    assert "glibc" in default.assumptions[0].source
    assert [(a.function, a.ulps, a.source) for a in stated.assumptions] == [("exp", "2", "stated under 'assume'")]
    assert any("nearest" in text for text in default.stated)


def test_a_formula_that_is_not_proved_is_bounded_against_its_own_real_value_and_says_so() -> None:
    wrong = "implementations: {it: {backward: dx = 2*exp(-x)*out*out*dout}}\ncertify: {ulps: 20}\n"
    (b,) = report(SIGMOID + wrong).bounds
    assert (b.outcome, b.is_for_program_only) == ("proved", True)
    right = wrong.replace("2*exp", "exp")
    assert report(SIGMOID + right).bounds[0].is_for_program_only is False


def test_each_format_has_a_bound_of_its_own() -> None:
    found = report("function: x * x\ndomain: {x: [1, 2]}\nformats: [float64, float16]\ncertify: {absolute: best}\n")
    bounds = {b.format: float(b.bound or "nan") for b in found.bounds}
    assert set(bounds) == {"float64", "float16"}
    assert bounds["float16"] >= bounds["float64"]


def test_a_case_without_a_claim_has_no_bounds() -> None:
    found = report("function: x * x\npoints: [{x: 1}]\n")
    assert found.bounds == ()
    assert "bounds" not in json.loads(drawn("json", Report((found,)), paint=PLAIN))["cases"][0]


# ---------------------------------------------------------------- figures


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.floats(min_value=1e-300, max_value=1e300))
def test_a_bound_is_rounded_up_and_what_was_seen_down(value: float) -> None:
    text, below = upward(repr(value)), downward(repr(value))
    assert exact(text) >= Fraction(value) or exact(text) >= exact(repr(value))
    assert exact(below) <= exact(repr(value))
    assert float(exact(text)) <= value * 1.01
    assert float(exact(below)) >= value * 0.99


def test_nothing_that_is_left_open_is_called_none_and_nothing_that_is_not_all_is_called_all() -> None:
    assert [percent(share) for share in ("1e-9", "0.002", "0.5", "0.9999", "1")] == ["less than 0.001 %", "0.2 %", "50 %", "more than 99 %", "100 %"]
    assert [in_percent(share) for share in ("0.4321", "0.01234", "1")] == ["43 %", "1.2 %", "100 %"]


def test_inputs_with_the_same_interval_stand_together() -> None:
    assert box_text((("w", "-5.0", "5.0"), ("x", "1.0", "1.0"), ("b", "-5.0", "5.0"))) == "w, b in [-5.0, 5.0], x = 1.0"


# ---------------------------------------------------------------- drawn

BOUND = BoundResult(
    "staged", "dx", "float64", (("x", "-10.0", "10.0"),), "ulp", "6.5", "5.98711", "proved", at_a_point="5.7", seen="4.28", stated=("round to nearest",),
    assumptions=(AssumedText("exp", "1", "the C library"),), lines=(BoundShare(5, "f = 1.0 / (1 + e)", "0.6", "3.6"), BoundShare(None, "dx = f*f", "0.4", "2.4")), seconds="0.1",
)  # fmt: skip


def test_the_text_has_a_row_for_each_gradient_its_lines_and_once_what_is_given() -> None:
    found = CaseReport("a", "f.yaml", 1, "passed", bounds=(BOUND, replace(BOUND, gradient="dy", claim=None, is_for_program_only=True)))
    lines = bound_lines(found, PLAIN)
    assert lines[0] == "  for all x in [-10.0, 10.0]"
    assert lines[1] == "    staged.dx  proved (claim 6.5 ulp)  at most 5.988 ulp  5.7 ulp at a point  4.28 ulp seen  0.1 s"
    assert [line.strip() for line in lines[2:4]] == ["60 %  line 5: f = 1.0 / (1 + e)", "40 %  dx = f*f"]
    assert sum("round to nearest" in line for line in lines) == 1
    assert sum("exp within 1 ulp of the exact value (the C library)" in line for line in lines) == 1
    assert "program's own real value" in "\n".join(lines)


def test_in_a_narrow_terminal_a_row_has_several_lines_and_loses_nothing() -> None:
    found = report("function: exp(w[0]*x + w[1])\nshapes: {w: 2}\ndomain: {w: [-2, 2], x: [-2, 2]}\nformats: [float64, float32]\ncertify: {ulps: 60}\n")
    wide, narrow = bound_lines(found, PLAIN), bound_lines(found, Paint(enabled=False, columns=80))
    assert max(map(len, wide)) > 100
    assert max(map(len, narrow)) <= 80
    assert " ".join(" ".join(wide).split()) == " ".join(" ".join(narrow).split())


def test_the_text_says_what_is_open_and_what_is_refuted() -> None:
    opened, refuted = replace(BOUND, outcome="open", open="0.002"), replace(BOUND, outcome="refuted", seen="7.1")
    lines = bound_lines(CaseReport("a", "f.yaml", 1, "failed", bounds=(opened, replace(refuted, gradient="dy"))), PLAIN)
    rows = [line for line in lines if "staged." in line]
    assert "at most 5.988 ulp, open on 0.2 %" in rows[0]
    assert "at most" not in rows[1]
    assert "7.1 ulp seen" in rows[1]


def test_the_components_of_an_array_are_one_row_with_the_worst() -> None:
    parts = tuple(replace(BOUND, gradient=f"dw[{k}]", bound=str(k + 1)) for k in range(3))
    rows = [line for line in bound_lines(CaseReport("a", "f.yaml", 1, "passed", bounds=parts), PLAIN) if "staged." in line]
    assert len(rows) == 1
    assert "staged.dw[2] (worst of 3)" in rows[0]
    assert "at most 3 ulp" in rows[0]


def test_many_rows_have_one_statement_each_the_largest() -> None:
    many = tuple(replace(BOUND, gradient=f"d{name}", format=form) for name in "abcd" for form in ("float64", "float32"))
    found = CaseReport("a", "f.yaml", 1, "passed", bounds=many)
    lines = bound_lines(found, PLAIN)
    assert sum("60 %  line 5: f = 1.0 / (1 + e)" in line for line in lines) == 8
    assert not any("40 %" in line or "more statement" in line for line in lines)
    assert sum("40 %  dx = f*f" in line for line in bound_lines(found, PLAIN, most=9)) == 8
    assert sum("40 %" in line for line in bound_lines(replace(found, bounds=many[:6]), PLAIN)) == 6


def test_of_many_inputs_one_open_box_is_written_and_of_few_three() -> None:
    """Boxes of 8 inputs are of no use to a reader; the JSON report has them."""
    for inputs, boxes in ((8, 1), (2, 3)):
        (case,) = load_text(f"function: sum(x*x)\nshapes: {{x: {inputs}}}\ndomain: {{x: [-1, 1]}}\ncertify: {{ulps: 1}}\n").cases
        box, part = (tuple((f"x[{k}]", low, "1.0") for k in range(inputs)) for low in ("-1.0", "0.5"))
        opened = replace(BOUND, gradient="dx[0]", outcome="open", open="0.2", box=box, open_boxes=(part,) * 8, open_count=9, boxes=100)
        (finding,) = bound_findings(case, (opened,), strict=False)
        assert sum("in [0.5, 1.0]" in line for line in finding.details) == boxes
        (whole,) = bound_findings(case, (replace(opened, open_boxes=(box,), open_count=1),), strict=False)
        assert not any("[-1.0, 1.0]" in line for line in whole.details), "all of the domain is open, as the message says"
        assert any(f"and {9 - boxes} more boxes" in line for line in finding.details)


@pytest.mark.parametrize(("outcome", "key", "figures", "worst"), [("refuted", "seen", ("20.0", "90.0", "7.0"), 1), ("refuted", "seen", ("20.0", "90.0", None), 2), ("open", "open", ("0.2", "0.01", "0.5"), 2)])
def test_the_worst_component_is_the_one_of_the_finding(outcome: str, key: str, figures: Sequence[str | None], worst: int) -> None:
    """By the error that refutes (none is written where the gradient is not finite) or the share that is open, not by a bound, which holds elsewhere only."""
    parts = [replace(BOUND, gradient=f"dw[{k}]", outcome=outcome, bound=str(9 - k), **{key: figure}) for k, figure in enumerate(figures)]  # type: ignore[arg-type]
    (row,) = [line for line in bound_lines(CaseReport("a", "f.yaml", 1, "failed", bounds=tuple(parts)), PLAIN) if "staged." in line]
    assert f"staged.dw[{worst}] (worst of 3)" in row
    assert max(parts, key=badness) is parts[worst]


def test_the_line_of_a_case_that_passes_has_the_largest_bound_and_none_where_one_is_open() -> None:
    assert brief((BOUND, replace(BOUND, unit="absolute", bound="1.5e-12"))) == "certified within 5.988 ulp and 1.5e-12"
    assert brief((BOUND, replace(BOUND, outcome="open"))) == ""
    assert "certified within 5.988 ulp" in drawn("text", Report((CaseReport("a", "f.yaml", 1, "passed", bounds=(BOUND,)),)), paint=PLAIN, verbose=False)


def test_json_has_the_keys_of_the_contract() -> None:
    found: dict[str, Any] = json.loads(drawn("json", Report((CaseReport("a", "f.yaml", 1, "failed", bounds=(replace(BOUND, outcome="refuted", seen_at=(("x", "1.5"),)),)),)), paint=PLAIN))["cases"][0]["bounds"][0]
    assert {key: found[key] for key in ("implementation", "gradient", "format", "box", "unit", "claim", "bound", "outcome", "open", "witness")} == {
        "implementation": "staged", "gradient": "dx", "format": "float64", "box": {"x": ["-10.0", "10.0"]}, "unit": "ulp", "claim": "6.5", "bound": "5.98711", "outcome": "refuted", "open": "0", "witness": {"x": "1.5"},
    }  # fmt: skip
    assert found["assumptions"] == {"arithmetic": ["round to nearest"], "functions": {"exp": {"ulps": "1", "source": "the C library"}}}
    assert [(line["line"], line["statement"], line["share"]) for line in found["lines"]] == [(5, "f = 1.0 / (1 + e)", "0.6"), (None, "dx = f*f", "0.4")]


def test_a_proved_claim_has_no_witness_in_json() -> None:
    found = json.loads(drawn("json", Report((CaseReport("a", "f.yaml", 1, "passed", bounds=(replace(BOUND, seen_at=(("x", "1.5"),)),)),)), paint=PLAIN))["cases"][0]["bounds"][0]
    assert (found["witness"], found["seen_at"]) == (None, {"x": "1.5"})


def test_a_notebook_shows_the_bounds_too() -> None:
    assert "at most 5.988 ulp" in in_terminal(CaseReport("a", "f.yaml", 1, "passed", bounds=(BOUND,)))
