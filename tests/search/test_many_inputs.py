"""A hunt of many inputs takes fewer paths, and what it says fits on a screen."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from verifier.case.load import case_of
from verifier.circuit.expressions import build_expression
from verifier.language.formats import FORMATS
from verifier.language.source import Source
from verifier.language.verdict import Verdict
from verifier.report.draw import text
from verifier.report.draw.paint import Paint
from verifier.report.outcome import CaseReport, HuntedRegion
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


def test_an_input_that_does_not_matter_is_said_not_to() -> None:
    found = regions_where("2 * y * dout")  # y against 2*y: wrong wherever x and y are
    assert found
    assert all(r.everywhere for r in found)
    assert all(f"wrong whatever {r.input} is" in line for r in found for line in text.regions([r], verbose=True)[:1])


def test_an_input_that_does_matter_has_its_interval() -> None:
    found = regions_where("where(x > 1.5, 2 * y, y) * dout")
    assert any(not r.everywhere and r.input == "x" and float(r.low) > 1.5 for r in found)
    (r, *_) = [r for r in found if not r.everywhere]
    assert f"wrong for {r.input} from {r.low} to {r.high}" in text.regions([r], verbose=False)[0]


REGION = HuntedRegion("mine", "dx", "float64", Verdict.WRONG, "x", "1.0", "2.0", (("x", "1.0"),), cause="`x * x` overflows")


def test_regions_of_one_cause_are_one_with_the_gradients_that_share_it_and_verbose_has_each() -> None:
    alike = [REGION, replace(REGION, gradient="dy"), replace(REGION, gradient="dz", input="z")]
    assert text.regions(alike, verbose=False) == ["  region    mine.dx, dy, dz wrong for x from 1.0 to 2.0   at x=1.0", "            `x * x` overflows"]
    assert len(text.regions(alike, verbose=True)) == 6


def test_of_joined_regions_one_is_shown_whose_input_matters() -> None:
    assert "for z from" in text.regions([replace(REGION, everywhere=True), replace(REGION, input="z")], verbose=False)[0]


def test_of_many_kinds_of_a_verdict_some_are_shown_and_the_others_counted() -> None:
    many = [replace(REGION, cause=str(k), verdict=v) for v in (Verdict.WRONG, Verdict.VANISHED) for k in range(9)]
    shown = text.regions(many, verbose=False)
    assert [sum(f" {v} for" in line for line in shown) for v in ("wrong", "vanished")] == [text.MOST_REGIONS] * 2
    assert shown[-1].strip() == "and 14 more (--verbose)"
    assert sum(" for x " in line for line in text.regions(many, verbose=True)) == 18


@pytest.mark.parametrize(("along", "words"), [("y = x, z = x", "with y = x, z = x"), (", ".join(f"y{k} = x" for k in range(9)), "with all inputs equal "), (", ".join(f"y{k} = -x" for k in range(9)), "with all inputs equal in size ")])
def test_how_many_inputs_move_together_is_said_in_short(along: str, words: str) -> None:
    assert words in text.regions([replace(REGION, along=along)], verbose=False)[0]


def test_of_a_hunt_the_first_finding_of_each_kind_is_shown_in_full_and_the_others_are_named() -> None:
    report = verify(case_of("function: x + y + z\nhunt: true\ndomain: {x: [1, 2], y: [1, 2], z: [1, 2]}\nimplementations: {mine: {backward: 'dx = 2 * dout; dy = 3 * dout; dz = 4 * dout'}}\n"))
    assert isinstance(report, CaseReport)
    assert len([f for f in report.findings if f.code == "V101"]) == 3
    brief, whole = (text.case(report, paint=PLAIN, verbose=v) for v in (False, True))
    assert (brief.count("V101 wrong-gradient"), whole.count("V101 wrong-gradient")) == (1, 3)
    assert "likewise  mine.dy, mine.dz (each in full with --verbose)" in brief
    assert "likewise" not in whole
