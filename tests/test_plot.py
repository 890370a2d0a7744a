"""Plots: well-formed, small, with every maximum in them; what is not there is said."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from verifier import load_text
from verifier.cli import main
from verifier.plot import MOST, Curve, curves
from verifier.report import svg
from verifier.verdict import Verdict
from verifier.verify import subject

TANH = "name: tanh <often> & so\nfunction: tanh(x)\ndomain: {x: [-25, 25]}\nsample: 3\nformats: [float64, float16]\nimplementations:\n  squares: {backward: dx = 1 - tanh(x)**2}\n  cosh: {backward: dx = (1 / cosh(x))**2}\n"
FREE = "name: free\nfunction: log(x) * y\npoints: [{x: 1, y: 3}]\nformats: [float32]\n"


def of(text: str, **options: object) -> list[Curve]:
    (case,) = load_text(text, file="t.yaml").cases
    return curves(case, {d.implementation.name: subject(d) for d in case.programs.drafts}, **options)


def heights(drawing: str) -> list[float]:
    return [float(m) for m in re.findall(r"M[\d.]+ ([\d.]+)h0", drawing)]


def test_a_curve_has_every_number_of_a_16_bit_domain() -> None:
    for curve in of(TANH, over="x", form="float16"):
        assert curve.is_complete
        assert len(curve.values) == 2 * int(np.array(25, np.float16).view(np.uint16)) + 2, "both zeros"
    assert {c.implementation for c in of(TANH, over="x")} == {"squares", "cosh"}


def test_a_plot_is_well_formed_and_small_and_has_the_largest_error() -> None:
    for text, options in ((TANH, {"form": "float16"}), (TANH, {}), (FREE, {})):
        found = of(text, over="x", **options)
        drawing = svg.render(found, title="a < b & c")
        assert len(drawing) < 200_000
        root = ET.fromstring(drawing)
        assert root.tag.endswith("svg")
        assert "nan" not in drawing.lower().replace("finance", "")
    (curve,) = of(TANH, over="x", implementation="squares", form="float16")
    lonely = curve.errors.copy()
    lonely[1234] = 1e9
    spike = Curve(**{**{f: getattr(curve, f) for f in curve.__dataclass_fields__}, "errors": lonely})
    drawing = svg.render([spike], title="spike")
    top = min(heights(drawing))
    assert heights(drawing).count(top) == 1, "one point of 30,000 is still there"
    assert top < min(h for h in heights(drawing) if h != top) - 10


def test_vanished_and_unstable_stretches_are_coloured() -> None:
    (curve,) = of(TANH, over="x", implementation="squares")
    drawing = svg.render([curve], title="t")
    bands = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="[\d.]+" fill="(#[0-9a-f]+)" fill-opacity', drawing)
    assert [colour for _, _, colour in bands] == [svg.COLOURS[v] for v in (Verdict.VANISHED, Verdict.UNSTABLE, Verdict.UNSTABLE, Verdict.VANISHED)]
    left = float(bands[0][0]) + float(bands[0][1])
    value = -25 + (left - svg.LEFT) / (svg.WIDTH - svg.LEFT - svg.RIGHT) * 50
    assert value == pytest.approx(-19.06, abs=0.15), "1 - t*t is 0 once t rounds to 1: x > log(2^54)/2 = 18.7, or a little later"


def test_the_other_inputs_are_those_of_a_point() -> None:
    (curve,) = of(FREE, over="x")
    assert curve.fixed == (("y", "3.0"),)
    assert curve.by_place
    assert not curve.is_complete
    assert len(curve.values) == MOST + 1
    assert (curve.implementation, curve.gradient) == ("staged", "dx")
    (other,) = of(FREE, over="x", gradient="dy")
    assert other.gradient == "dy"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"over": "z"}, "free has no input 'z'; it has x, y"), ({"over": "x", "point": 4}, "free has 1 point, not 4"), ({"over": "x", "gradient": "dq"}, "no implementation of free computes the gradient 'dq'")],
)
def test_what_is_not_there_is_said(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of(FREE, **options)


def test_the_command_writes_to_a_file_or_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case, drawing = tmp_path / "case.yaml", tmp_path / "plot.svg"
    case.write_text(TANH, encoding="utf-8")
    assert main(["plot", str(case), "--over", "x", "--in", "float16", "--output", str(drawing)]) == 0
    assert capsys.readouterr().out == ""
    assert main(["plot", str(case), "--over", "x", "--in", "float16"]) == 0
    assert capsys.readouterr().out == drawing.read_text(encoding="utf-8")
    assert main(["plot", str(case), "--over", "q"]) == 2
    assert "has no input 'q'" in capsys.readouterr().err
    assert main(["plot", str(case), "--over", "x", "--in", "flot16"]) == 2
    assert "did you mean 'float16'" in capsys.readouterr().err
