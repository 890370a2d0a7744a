"""The ledger as a picture: legs that lead from the exact gradient to the computed one, and the picture of the documentation."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

from tests import ROOT
from verifier import load_text
from verifier.case.load import load
from verifier.cli import main
from verifier.report.draw import waterfall
from verifier.report.legs import MOST_STATEMENTS, Waterfall, reach, waterfalls

NEURON = ROOT / "cases" / "cs231n" / "neuron.yaml"
FORK = "name: a < b & c\nfunction: t / (t + 1)\npoints: [{t: 971.74}, {t: 3}]\n"


def of(text: str, **options: object) -> list[Waterfall]:
    (case,) = load_text(text, file="t.yaml").cases
    return waterfalls(case, **options)


def test_the_picture_of_the_documentation_is_what_the_command_draws(tmp_path: Path) -> None:
    drawing = tmp_path / "it.svg"
    assert main(["plot", str(NEURON), "--ledger", "--gradient", "dw2", "--output", str(drawing)]) == 0
    assert drawing.read_text(encoding="utf-8") == (ROOT / "docs" / "rounding.svg").read_text(encoding="utf-8")
    assert "(rounding.svg)" in (ROOT / "docs" / "rounding.md").read_text(encoding="utf-8")


def test_the_legs_lead_to_the_computed_gradient() -> None:
    case = load(str(NEURON)).cases[0]
    staged, fused = waterfalls(case, gradient="dw2")
    assert [round(leg.ulps, 4) for leg in staged.legs] == [0.1106, 0.4542, -0.0828, 0.4633]  # FACTS of the reference: e, 1/p, f*f, e*de
    assert [leg.line for leg in staged.legs] == [20, 21, 25, 27]
    for path in (staged, fused):
        assert sum(leg.ulps for leg in path.legs) == pytest.approx(path.end, abs=1e-9)
    assert (round(staged.end, 4), round(fused.end, 4)) == (0.9453, -0.0547)
    assert dict(staged.floats)[staged.computed] == pytest.approx(staged.end)
    places = [place for _, place in staged.floats]
    assert [b - a for a, b in pairwise(places)] == pytest.approx([1.0] * (len(places) - 1)), "neighbours are an ulp apart"
    assert staged.computed - fused.computed == 2.7755575615628914e-17


def test_a_bar_ends_where_the_next_one_begins() -> None:
    (path,) = of(FORK)
    drawing = waterfall.render([path], title="t")
    bars = re.findall(r'<path d="M([\d.]+) \d+L[\d.]+ \d+L([\d.]+) [\d.]+L', drawing)
    assert len(bars) == 3, "the addition at the fork is exact"
    assert [a for a, _ in bars][1:] == [b for _, b in bars][:-1]
    assert ">condition 1944<" in drawing
    assert reach(path.legs) == (pytest.approx(-1067.6, abs=0.05), 0.0)
    assert path.floats == (), "a thousand floats are not drawn"


def test_a_picture_is_well_formed_and_says_which_float_was_computed() -> None:
    for text, options in ((FORK, {"point": 2}), (FORK, {"form": "bfloat16"}), ("function: x * x\npoints: [{x: 3}]\n", {}), ("function: exp(x)\npoints: [{x: 0.3}]\nformats: [float8_e4m3fn]\n", {})):
        found = of(text, **options)
        drawing = waterfall.render(found, title="a < b & c")
        ET.fromstring(drawing)
        assert "nan" not in drawing
        assert f"computed {found[0].computed!r}" in drawing or found[0].format != "float64"


def test_long_paths_show_the_worst_statements_and_the_rest_in_one() -> None:
    terms = " + ".join(f"sin(x * 0.{i})" for i in range(11, 90))
    (path,) = of(f"function: {terms}\npoints: [{{x: 1.25}}]\n")
    assert len(path.legs) == MOST_STATEMENTS + 2
    assert path.legs[-2].statement.endswith("more statements")
    assert path.legs[-1].statement.startswith("remainder")
    assert sum(leg.ulps for leg in path.legs) == pytest.approx(path.end, abs=1e-6)


def test_a_formula_that_is_off_itself_has_a_leg() -> None:
    (path,) = of("function: sin(x)\npoints: [{x: 0.01}]\nimplementations:\n  series: {backward: 'dx = (1 - x*x/2 + x**4/24) * dout'}\n")
    assert path.legs[0].statement == "the formula itself, over the reals"
    assert path.legs[0].ulps == pytest.approx(0.01**6 / 720 * 2**53, rel=1e-3)  # the first term left out; ulp(cos 0.01) = 2^-53


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"point": 3}, "has 2 points, not 3"),
        ({"gradient": "dq"}, "computes the gradient 'dq'"),
        ({"form": "float16", "point": 9}, "has 2 points, not 9"),
    ],
)
def test_what_is_not_there_is_said(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of(FORK, **options)


def test_without_a_ledger_there_is_no_picture() -> None:
    with pytest.raises(ValueError, match="has no ledger at point 1: a float is not finite"):
        of("function: log(1 + exp(x))\npoints: [{x: 800}]\n")
    with pytest.raises(ValueError, match="there is no exact gradient"):
        of("function: abs(x)\npoints: [{x: 0}]\n")


def test_the_command_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", str(NEURON), "--ledger", "--case", "sigmoid neurn"]) == 2
    assert "did you mean 'sigmoid neuron'" in capsys.readouterr().err
    assert main(["plot", str(NEURON), "--ledger", "--implementation", "fuse"]) == 2
    assert "did you mean 'fused'" in capsys.readouterr().err
