"""A better arrangement as lines of text, whatever its figures are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from verifier.language.verdict import Verdict
from verifier.report.draw import better_lines
from verifier.report.draw.paint import Paint
from verifier.report.draw.text import case
from verifier.report.outcome import CaseReport, ErrorFigures, Replacement, ReplacementRegion, Result, joined_suggestions

PLAIN = Paint(enabled=False)
BAD, GOOD = ErrorFigures(1000, "1.845e+19", "0.5", "30.12"), ErrorFigures(1000, "2.5", "0.25", "0.10")
REGIONS = (ReplacementRegion("x < -1", "exp(x)", BAD, GOOD), ReplacementRegion("", "1 - exp(-x)", GOOD, GOOD))
ONE = Replacement("mine", "dx", "float64", "it.yaml", 7, 3, "dx = a", "dx = b", "proved", "for all inputs", BAD, GOOD, REGIONS, "1.2", "nonfinite", "rounding", 40, "--- a\n")
REPORT = CaseReport("it", "it.yaml", 1, "passed", suggestions=(ONE,))


def test_every_figure_is_shown_once_with_its_words() -> None:
    assert better_lines.lines(REPORT, PLAIN) == [
        "  better    mine.dx",
        "    --> it.yaml:7:3",
        "   7 |  - dx = a",
        "     |  + dx = b",
        "     =  proof     proved: for all inputs",
        "     =  worst     no number or 2^64 -> 2.5 ulp, at 1,000 points in float64",
        "     =  median    0.5 -> 0.25 ulp",
        "     =  bits      30.12 -> 0.10 lost on average",
        "     =  verdict   nonfinite -> rounding at worst",
        "     =  cost      1.2 times the time of this statement",
        "     =  region    x < -1  no number or 2^64 -> 2.5 ulp  exp(x)",
        "     =            else    2.5 -> 2.5 ulp                1 - exp(-x)",
    ]


def test_the_same_line_for_another_gradient_is_shown_once() -> None:
    shown = better_lines.lines(replace(REPORT, suggestions=(ONE, replace(ONE, gradient="dy"), replace(ONE, gradient="dz", replacement="dx = c"))), PLAIN)
    assert "     =  line      the same as for mine.dx" in shown
    assert shown.count("   7 |  - dx = a") == 2, "that of dz is another one"
    assert [line for line in shown if line.startswith("  better")] == ["  better    mine.dx", "  better    mine.dy", "  better    mine.dz"]


def test_an_implementation_to_be_written_is_shown_as_it_may_stand_in_the_file() -> None:
    shown = better_lines.lines(replace(REPORT, suggestions=(replace(ONE, pass_text="staged:\n  backward: |\n    dx = b"),)), PLAIN)
    assert [line.strip() for line in shown[-3:]] == ["staged:", "backward: |", "dx = b"]
    assert [len(line) - len(line.lstrip()) for line in shown[-3:]] == [11, 13, 15], "indented as YAML is"


def test_one_formula_for_all_inputs_has_no_regions_and_a_missing_patch_its_reason() -> None:
    shown = better_lines.lines(replace(REPORT, suggestions=(replace(ONE, regions=REGIONS[1:], patch="", why_no_patch="so it is"),)), PLAIN)
    assert not any("region" in line for line in shown)
    assert shown[-1] == "     =  patch     none: so it is"


@pytest.mark.parametrize(("verdict", "words"), [(Verdict.CORRECT, "nothing to improve"), (Verdict.UNSTABLE, "no better arrangement found")])
def test_a_case_without_a_suggestion_says_why_in_its_line(verdict: Verdict, words: str) -> None:
    result = Result("mine", "dx", "float64", (("x", "1.0"),), "1.0", "1", "1.0", "0", "0", "0", "1", "1", verdict)
    assert words in case(replace(REPORT, suggestions=(), results=(result,)), paint=PLAIN, verbose=False)
    assert words not in case(replace(REPORT, suggestions=None, results=(result,)), paint=PLAIN, verbose=False), "nobody asked"


def test_a_notebook_shows_it_too() -> None:
    assert "+ dx = b" in REPORT._repr_html_()
    assert "+ dx = b" not in replace(REPORT, suggestions=None)._repr_html_()


def test_quiet_shows_a_case_with_a_suggestion_and_none_without() -> None:
    assert "better" in case(REPORT, paint=PLAIN, quiet=True, verbose=False)
    assert case(replace(REPORT, suggestions=()), paint=PLAIN, quiet=True, verbose=False) == ""


def test_reports_that_are_joined_have_each_place_once_and_none_where_nobody_asked() -> None:
    other = replace(ONE, line=9)
    assert joined_suggestions([REPORT, replace(REPORT, suggestions=(other, ONE))]) == (ONE, other)
    assert joined_suggestions([replace(REPORT, suggestions=None), REPORT]) == (ONE,)
    assert joined_suggestions([replace(REPORT, suggestions=None)]) is None
