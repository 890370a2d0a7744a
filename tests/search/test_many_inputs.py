"""A hunt of many inputs takes fewer paths, and what it says fits on a screen."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from verifier.case.load import case_of
from verifier.circuit.expressions import build_expression
from verifier.language.formats import FORMATS
from verifier.language.source import Place, Source
from verifier.language.verdict import Verdict
from verifier.report.draw import hunt_lines, text
from verifier.report.draw.paint import Paint
from verifier.report.outcome import CaseReport, Finding, HuntedRegion
from verifier.search.paths import MANY, of_many, paths
from verifier.verify import verify

FLOAT64 = FORMATS["float64"]
PLAIN = Paint(enabled=False)
WRONG = "function: x * y\nhunt: true\ndomain: {x: [1, 2], y: [1, 2]}\nimplementations: {mine: {backward: 'dx = DX; dy = x * dout'}}\n"


def paths_of(count: int) -> int:
    names = [f"x{i}" for i in range(count)]
    formula = " + ".join(f"{a} * {b}" for a, b in itertools.pairwise(names))
    program = build_expression(Source(formula, "t", 1, 1, formula), tuple(names))[0]
    return sum(1 for _ in paths(program, [(-8.0, 8.0)] * count, FLOAT64, random.Random(0)))


def test_every_input_moves_alone_however_many_there_are_and_the_other_paths_are_a_third() -> None:
    few, many = paths_of(MANY - 1), paths_of(MANY)
    assert (of_many(6, MANY - 1), of_many(6, MANY)) == (6, 2)
    assert MANY < many < few / 2 + MANY / 2 + 1


def regions_where(gradient: str) -> list[HuntedRegion]:
    report = verify(case_of(WRONG.replace("DX", gradient)))
    return [r for r in report.regions if r.verdict is Verdict.WRONG]


def test_an_input_that_does_not_matter_has_no_interval() -> None:
    found = regions_where("2 * y * dout")  # y against 2*y: wrong wherever x and y are
    assert found
    assert all(r.everywhere for r in found)
    assert all(f"wrong for every {r.input} that was tried" in line for r in found for line in hunt_lines.regions([r], verbose=True)[:1])


def test_an_input_that_does_matter_has_its_interval() -> None:
    found = regions_where("where(x > 1.5, 2 * y, y) * dout")
    assert any(not r.everywhere and r.input == "x" and float(r.low) > 1.5 for r in found)
    (r, *_) = [r for r in found if not r.everywhere]
    assert f"wrong for {r.input} from {r.low} to {r.high}" in hunt_lines.regions([r], verbose=False)[0]


REGION = HuntedRegion("mine", "dx", "float64", Verdict.WRONG, "x", "1.0", "2.0", (("x", "1.0"),), cause="`x * x` overflows")


def test_regions_of_one_cause_are_one_and_the_interval_is_that_of_the_gradient_it_was_found_for() -> None:
    alike = [REGION, replace(REGION, gradient="dy"), replace(REGION, gradient="dz", input="z")]
    assert hunt_lines.regions(alike, verbose=False) == ["  region    mine.dx wrong for x from 1.0 to 2.0   at x=1.0", "            `x * x` overflows, in regions of their own also mine.dy, mine.dz"]
    assert len(hunt_lines.regions(alike, verbose=True)) == 6


def test_regions_of_one_cause_are_one_for_all_implementations() -> None:
    assert hunt_lines.regions([REGION, replace(REGION, implementation="other")], verbose=False)[1].endswith("in regions of its own also other.dx")


def test_of_joined_regions_one_is_shown_whose_input_matters() -> None:
    assert "for z from" in hunt_lines.regions([replace(REGION, everywhere=True), replace(REGION, input="z")], verbose=False)[0]


def test_of_many_regions_those_of_other_verdicts_come_first_and_the_others_are_counted() -> None:
    many = [replace(REGION, cause=str(k), verdict=v) for v in (Verdict.WRONG, Verdict.VANISHED) for k in range(9)]
    shown = hunt_lines.regions(many, verbose=False)
    assert sum(" wrong for" in line or " vanished for" in line for line in shown) == hunt_lines.MOST_REGIONS
    assert any(" vanished for" in line for line in shown)
    assert shown[-1].strip() == f"and {18 - hunt_lines.MOST_REGIONS} more (--verbose)"
    assert sum(" for x " in line for line in hunt_lines.regions(many, verbose=True)) == 18


@pytest.mark.parametrize("columns", [80, 160])
def test_a_region_of_many_inputs_is_no_wider_than_the_terminal_and_shows_the_first_of_them(columns: int) -> None:
    point = tuple((f"input{k}", "1.5309010345804195e+200") for k in range(15))
    shown = hunt_lines.regions([replace(REGION, point=point)], verbose=False, columns=columns)
    assert max(map(len, shown)) <= columns
    assert "and 11 more inputs" in " ".join(" ".join(shown).split())


@pytest.mark.parametrize(("along", "words"), [("y = x, z = x", "with y = x, z = x"), (", ".join(f"y{k} = x" for k in range(9)), "with all inputs equal "), (", ".join(f"y{k} = -x" for k in range(9)), "with all inputs equal in size ")])
def test_how_many_inputs_move_together_is_said_in_short(along: str, words: str) -> None:
    assert words in hunt_lines.regions([replace(REGION, along=along)], verbose=False)[0]


def test_other_wrong_lines_of_a_hunt_stand_for_themselves() -> None:
    report = verify(case_of("function: x + y + z\nhunt: true\ndomain: {x: [1, 2], y: [1, 2], z: [1, 2]}\nimplementations: {mine: {backward: 'dx = 2 * dout; dy = 3 * dout; dz = 4 * dout'}}\n"))
    assert isinstance(report, CaseReport)
    brief, whole = (text.case(report, paint=PLAIN, verbose=v) for v in (False, True))
    assert (brief.count("V101 wrong-gradient"), whole.count("V101 wrong-gradient")) == (3, 3)
    assert "likewise" not in brief
    assert brief.count("explain   python") == hunt_lines.IN_FULL


FINDING = Finding("V203", "vanished-gradient", "warning", "mine.dx vanished: `1 - i` is 0", Place("it.yaml", 4, 7), "mine", "dx", statement="i = sigmoid(t4)")


def test_findings_of_one_line_code_and_event_are_one_and_those_in_excess_are_counted() -> None:
    alike = [FINDING, replace(FINDING, gradient="dy"), replace(FINDING, implementation="other")]
    shown = hunt_lines.findings(alike, PLAIN)
    assert sum("V203 vanished" in line for line in shown) == 1
    assert shown[-1] == "     =  likewise  mine.dy, other.dx (each in full with --verbose)"
    lost = [replace(FINDING, details=(f"first     `{what}` is 0, and `1 - {k}` is 0",), gradient=f"d{k}") for k, what in enumerate(("a", "a", "b"))]
    assert [sum("V203 vanished" in line for line in hunt_lines.findings(some, PLAIN)) for some in (lost[:2], lost[1:])] == [1, 2]
    apart = [replace(FINDING, statement=f"s{k}") for k in range(9)]
    assert sum("V203 vanished" in line for line in hunt_lines.findings(apart, PLAIN)) == hunt_lines.IN_FULL + hunt_lines.IN_BRIEF
    assert hunt_lines.findings(apart, PLAIN)[-1] == f"  and {9 - hunt_lines.IN_FULL - hunt_lines.IN_BRIEF} more findings (--verbose)"


def test_wrong_lines_are_shown_before_warnings_of_any_kind() -> None:
    wrong = replace(FINDING, code="V101", name="wrong-gradient", severity="error", place=Place("it.yaml", 9, 1))
    warnings = [replace(FINDING, statement=f"s{k}", code=f"V20{k}") for k in range(9)]
    shown = "\n".join(hunt_lines.findings([*warnings, *(replace(wrong, statement=f"s{k}") for k in range(4))], PLAIN))
    assert [shown.index("V101 wrong-gradient  mine.dx") < shown.index("V200"), shown.count("V101 wrong")] == [True, 4]


def test_of_many_gradients_those_that_do_not_pass_stay_in_the_table() -> None:
    lines = [str(k) for k in range(20)]
    shown = hunt_lines.rows(lines, [k != 17 for k in range(20)])
    assert "17" in shown
    assert len(shown) == hunt_lines.MOST_ROWS + 1
    assert hunt_lines.rows(lines[:3], [True] * 3) == lines[:3]

