"""Plots: well-formed, small, with every maximum in them; what is not there is said."""

from __future__ import annotations

import math
import random
import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from verifier import load_text
from verifier.cli import main
from verifier.language.verdict import Verdict
from verifier.report.draw import svg
from verifier.report.plot import MOST, Curve, curves

TANH = "name: tanh <often> & so\nfunction: tanh(x)\ndomain: {x: [-25, 25]}\nsample: 3\nformats: [float64, float16]\nimplementations:\n  squares: {backward: dx = 1 - tanh(x)**2}\n  cosh: {backward: dx = (1 / cosh(x))**2}\n"
FREE = "name: free\nfunction: log(x) * y\npoints: [{x: 1, y: 3}]\nformats: [float32]\n"


def of(text: str, **options: object) -> list[Curve]:
    (case,) = load_text(text, file="t.yaml").cases
    return curves(case, **options)


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


@given(st.lists(st.tuples(st.floats(0, 1e12), st.sampled_from(list(Verdict))), min_size=2, max_size=900), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_thinning_keeps_the_largest_error_of_every_verdict_in_every_column_of_pixels(drawn: list[tuple[float, Verdict]], source: random.Random) -> None:
    values = np.sort(np.array([source.uniform(-5, 5) for _ in drawn]))
    errors = np.array([e for e, _ in drawn])
    curve = Curve("it", "dx", "float64", "x", values, [v for _, v in drawn], errors, by_place=False, fixed=(), is_complete=False)
    drawing = svg.render([curve], title="t")
    ET.fromstring(drawing)
    kept = {colour: set(map(float, re.findall(r"M[\d.]+ ([\d.]+)h0", dots))) for dots, colour in re.findall(r'<path d="((?:M[\d.]+ [\d.]+h0)+)" stroke="(#\w+)"', drawing)}
    top = 2.0 ** math.ceil(math.log2(max(4.0, errors.max())) + 0.3)
    plain, span = svg.HEIGHT - svg.TOP - svg.BOTTOM, math.log2(top) - math.log2(svg.LEAST)
    columns = np.clip(((values - values[0]) / ((values[-1] - values[0]) or 1) * svg.COLUMNS).astype(int), 0, svg.COLUMNS - 1)
    largest: dict[tuple[int, Verdict], float] = {}
    for column, (error, verdict) in zip(columns.tolist(), drawn, strict=True):
        largest[column, verdict] = max(error, largest.get((column, verdict), 0.0))
    for (_, verdict), error in largest.items():
        height = svg.HEIGHT - svg.BOTTOM - (math.log2(max(error, svg.LEAST)) - math.log2(svg.LEAST)) / span * plain
        assert any(abs(height - h) < 0.11 for h in kept[svg.COLOURS[verdict]]), (verdict, error)


@pytest.mark.parametrize(
    ("domain", "by_place"), [("[-25, 25]", False), ("[0, 999]", False), ("[1e-8, 1e8]", True), ("[-1e6, -1e-6]", True), ("[1, 1]", False), ("[1, 1.001]", False), ("[0, 1e-7]", False)]
)
def test_an_interval_of_many_powers_of_ten_is_drawn_over_places(domain: str, *, by_place: bool) -> None:
    (curve,) = of(f"function: x * x\ndomain: {{x: {domain}}}\nsample: 1\nformats: [float16]\n", over="x")
    assert curve.by_place == by_place
    ET.fromstring(svg.render([curve], title="t"))


def test_an_interval_of_two_floats_has_their_digits_under_it() -> None:
    drawing = svg.render(of("function: x * x\ndomain: {x: [1, 1.0000000000000002]}\nsample: 1\n", over="x"), title="t")
    assert ">1<" in drawing
    assert ">1.0000000000000002<" in drawing


def test_labels_of_an_axis_do_not_run_into_each_other() -> None:
    for text, options in ((TANH, {"form": "float16"}), (FREE, {}), ("function: 1 / x\npoints: [{x: 1}]\n", {}), ("function: 1 / x\npoints: [{x: 1}]\nformats: [bfloat16]\n", {})):
        for curve in of(text, over="x", **options):
            drawing = svg.render([curve], title="t")
            ticks = sorted((float(x), len(label)) for x, label in re.findall(rf'<text x="([\d.]+)" y="{svg.HEIGHT - svg.BOTTOM + 18}"[^>]*>([^<]+)<', drawing))
            assert len(ticks) >= 5
            assert all(b - a > 3.6 * (m + n) for (a, m), (b, n) in pairwise(ticks))
            assert ticks[0][0] - 3.6 * ticks[0][1] > 0
            assert ticks[-1][0] + 3.6 * ticks[-1][1] < svg.WIDTH


# Machado, Oliveira, Fernandes 2009, "A Physiologically-based Model for Simulation of Color Vision Deficiency", severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}
XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])  # of linear sRGB, IEC 61966-2-1
WHITE = XYZ @ np.ones(3)


def lab(colour: str, vision: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of an sRGB colour as it is seen."""
    encoded = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    t = XYZ @ np.clip(vision @ linear, 0, 1) / WHITE
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
def test_the_colours_of_the_verdicts_are_told_apart_by_the_colour_blind(vision: str) -> None:
    """A difference of 2.3 is just noticeable; 20 is another colour."""
    seen = [lab(c, VISION[vision]) for c in svg.COLOURS.values()]
    assert set(svg.COLOURS) == set(Verdict)
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 20


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
