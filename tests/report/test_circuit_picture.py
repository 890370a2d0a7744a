"""The circuit of the course notes: every gate is in the picture, forks are seen to add up, no two labels overlap, and what is wrong is red."""

from __future__ import annotations

import doctest
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import verifier.numpy
from tests import ROOT
from verifier.case.case import Case
from verifier.case.load import load, load_text
from verifier.circuit.program import LEAVES
from verifier.cli import main
from verifier.exact.truth import subject
from verifier.report import symbols, wire_figures, wire_labels
from verifier.report.bundles import MOST_GATES
from verifier.report.circuits import arrays_of, diagram_of
from verifier.report.diagram import CircuitGate, Diagram
from verifier.report.draw.circuit_svg import svg
from verifier.report.draw.circuit_text import render
from verifier.report.draw.paint import Paint
from verifier.report.layout import CHARACTERS, PIXELS, Label, Layout, laid_out

FILES = sorted([*ROOT.glob("cases/cs231n/*.yaml"), *ROOT.glob("cases/layers/*.yaml")])
MOST_IMPLEMENTATIONS = 3  # of a case: those of the mistakes of a layer share their forward pass
PLAIN = Paint(enabled=False)


def cases_of(name: str) -> list[Case]:
    return [c for c in load(str(ROOT / name), allow_call=True).cases if c.programs.drafts]


def pictures(case: Case) -> Iterator[Diagram]:
    for draft in case.programs.drafts[:MOST_IMPLEMENTATIONS]:
        yield diagram_of(case, implementation=draft.implementation.name, findings=())


def gate(d: Diagram, symbol: str, name: str = "") -> CircuitGate:
    (found,) = [g for g in d.gates if g.symbol == symbol and (not name or g.name == name)]
    return found


def overlaps(layout: Layout) -> list[tuple[Label, Label]]:
    ordered = sorted(layout.labels, key=lambda label: label.box.left)
    found = []
    for k, a in enumerate(ordered):
        for b in ordered[k + 1 :]:
            if b.box.left >= a.box.right:
                break
            if a.box.overlaps(b.box):
                found.append((a, b))
    return found


def on_gates(layout: Layout) -> list[tuple[Label, str]]:
    """Labels that stand on a gate."""
    edge = 0.01
    return [
        (label, p.gate.symbol)
        for label in layout.labels
        for p in layout.gates
        if label.box.left < p.x + p.half_width - edge and label.box.right > p.x - p.half_width + edge and label.box.top < p.y + p.half_height - edge and label.box.bottom > p.y - p.half_height + edge
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_every_gate_is_in_the_picture_once_and_no_two_labels_overlap(path: object) -> None:
    for case in cases_of(str(path)):
        for d in pictures(case):
            draft = next(x for x in case.programs.drafts if x.implementation.name == d.implementation)
            program = subject(draft).program
            end = program.backward_start if program.backward_start >= 0 else len(program)
            wanted = {i for i, s in enumerate(program.steps[:end]) if s.gate not in LEAVES and s.gate != "copy" and (s.line < 0 or not program.lines[s.line].text.startswith("outputs_together"))}
            drawn = [i for g in d.gates for i in g.steps]
            assert wanted - set(drawn) == set()
            for metrics, width in ((PIXELS, 0), (PIXELS, 1200), (CHARACTERS, 0), (CHARACTERS, 100)):
                layout = laid_out(d, metrics=metrics, width=width, ulps=True)
                assert overlaps(layout) == []
                assert on_gates(layout) == []
            ET.fromstring(svg(d))


def test_labels_that_are_wider_than_the_layout_thinks_overlap() -> None:
    d = diagram_of(cases_of("cases/cs231n/two_sigmoids.yaml")[0], findings=())
    layout = laid_out(d)
    wide = replace(layout, labels=tuple(replace(label, box=replace(label.box, right=label.box.left + 3 * (label.box.right - label.box.left))) for label in layout.labels))
    assert overlaps(layout) == []
    assert len(overlaps(wide)) > 3


def texts(drawing: str, kind: str) -> list[str]:
    return [e.text or "" for e in ET.fromstring(drawing).iter("{http://www.w3.org/2000/svg}text") if e.get("class") == kind]


def test_the_first_network_shows_what_the_notebook_prints() -> None:
    """The two lines that the notebook prints, and the values of its forward pass."""
    case = cases_of("cases/cs231n/neuron.yaml")[0]
    d = diagram_of(case, implementation="staged")
    drawing = svg(d)
    assert [g.symbol for g in d.gates] == ["W[0]", "W[1]", "W[2]", "X[0]", "X[1]", "*", "*", "+", "+", "*-1", "exp", "+1", "1/x", "f"]
    printed = "-0.534446645389 -0.534446645389 -0.196611933241 0.196611933241 0.196611933241 0.196611933241 0.196611933241 -0.196611933241 -0.393223866483 0.393223866483 -0.589835799724 0.196611933241".split()
    assert sorted(texts(drawing, "gradient")) == sorted([*printed, "1"]), "each of them on its wire, and 1 flows into f"
    assert texts(drawing, "exact_gradient") == [], "the notebook computes the gradient of every wire"
    assert {"2", "-3", "-1", "-2", "6", "4", "1", "0.367879441171", "1.36787944117", "0.73105857863"} == set(texts(drawing, "value"))
    by_name = {g.symbol: g.gradient.computed[0] for g in d.gates if g.kind == "input"}
    assert by_name == {"W[0]": "-0.19661193324148188", "W[1]": "-0.39322386648296376", "W[2]": "0.19661193324148188", "X[0]": "0.39322386648296376", "X[1]": "-0.5898357997244457"}
    assert gate(d, "exp").gradient.ulps == ("-0.165",)


def test_the_one_ulp_of_the_notebook_is_seen_on_the_wire() -> None:
    """Out[4] of the notebook: (1 - f)*f - ddotplusw2 is -2.7755575615628914e-17, one ulp of either."""
    staged, fused = (gate(diagram_of(cases_of("cases/cs231n/neuron.yaml")[0], implementation=i), "+", "dotplusw2").gradient for i in ("staged", "fused"))
    assert float(str(fused.computed[0])) - float(str(staged.computed[0])) == -2.7755575615628914e-17
    assert (staged.ulps, fused.ulps) == (("+0.945",), ("-0.055",))


def test_the_gradients_add_up_at_the_forks_of_the_second_network() -> None:
    d = diagram_of(cases_of("cases/cs231n/two_sigmoids.yaml")[0], implementation="staged")
    for name, computed in (("x", "2.0595697955721652"), ("y", "1.5922327514838093")):
        source = gate(d, name)
        wires = d.outputs_of(source.key)
        assert all(w.is_branch for w in wires)
        assert source.gradient.computed == (computed,)
        exact = sum((Fraction(Decimal(str(w.gradient.exact[0]))) for w in wires), Fraction(0))
        assert abs(exact - Fraction(Decimal(str(source.gradient.exact[0])))) < Fraction(1, 10**18)
        parts = [float(str(w.gradient.computed[0])) for w in wires]
        assert float(computed) in {sum(parts), parts[1] + parts[0], *(parts[i] + parts[j] + parts[k] for i in range(3) for j in range(3) for k in range(3) if len(parts) == 3 and {i, j, k} == {0, 1, 2})}
    assert gate(d, "1/x", "sigx").gradient.is_computed
    assert not next(g for g in d.gates if g.symbol == "exp").gradient.is_computed, "the closed form goes past it"
    assert "(0.0357615478127)" in texts(svg(d), "exact_gradient")


def test_a_local_gradient_times_what_flows_in_is_what_comes_back() -> None:
    d = diagram_of(cases_of("cases/cs231n/neuron.yaml")[0], implementation="staged")
    for w in d.wires:
        if d.by_key[w.target].kind != "output":
            flows_in = Decimal(str(d.by_key[w.target].gradient.exact[0]))
            assert abs(Decimal(str(w.local.exact[0])) * flows_in - Decimal(str(w.gradient.exact[0]))) < Decimal("1e-18")


WRONG = """\
name: <b>second</b> & "wrong"
function: (x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)
points: [{x: 3, y: -4}]
implementations:
  by_hand:
    forward: |
      sigy = 1.0 / (1 + math.exp(-y))
      num = x + sigy
      sigx = 1.0 / (1 + math.exp(-x))
      xpy = x + y
      xpysqr = xpy**2
      den = sigx + xpysqr
      invden = 1.0 / den
      f = num * invden
    backward: |
      dnum = invden
      dinvden = num
      dden = (-1.0 / (den**2)) * dinvden
      dsigx = dden
      dxpysqr = dden
      dxpy = (2 * xpy) * dxpysqr
      dx = dxpy
      dy = dxpy
      dx += {factor}sigx * dsigx
      dx += dnum
      dsigy = dnum
      dy += ((1 - sigy) * sigy) * dsigy
"""


def test_a_wrong_line_makes_its_wire_and_its_gates_red_and_no_others() -> None:
    """The line `dx += sigx*dsigx` misses the factor (1 - sigx); it spans the four gates of the sigmoid of x."""
    d = diagram_of(load_text(WRONG.replace("{factor}", "")).cases[0])
    chain = [g.key for g in d.gates if g.is_guilty]
    assert [d.by_key[k].symbol for k in chain] == ["*-1", "exp", "+1", "1/x"]
    assert d.by_key[chain[-1]].name == "sigx"
    (wire,) = [w for w in d.wires if w.is_guilty]
    assert (d.by_key[wire.source].symbol, wire.target) == ("x", chain[0])
    assert d.by_key[chain[0]].guilt.startswith("V101 ")
    assert d.by_key[chain[0]].guilt == "V101 dx is wrong: the factor `1 - sigx` is missing"
    drawing = svg(d)
    assert drawing.count('class="gate guilty"') == 4
    assert drawing.count('class="wire guilty') == 1
    assert "!*-1!" in render(d, paint=PLAIN)
    right = diagram_of(load_text(WRONG.replace("{factor}", "(1 - sigx) * ")).cases[0])
    assert not any(g.is_guilty for g in right.gates)


def test_text_of_a_case_stays_text() -> None:
    drawing = svg(diagram_of(load_text(WRONG.replace("{factor}", "")).cases[0]))
    assert "<b>" not in drawing
    root = ET.fromstring(drawing)
    title = root.find("{http://www.w3.org/2000/svg}title")
    assert title is not None
    assert str(title.text).startswith('<b>second</b> & "wrong": by_hand')
    assert root.get("role") == "img"
    assert root.find("{http://www.w3.org/2000/svg}desc") is not None


def test_a_notebook_shows_a_diagram_as_its_picture() -> None:
    d = diagram_of(cases_of("cases/cs231n/neuron.yaml")[0])
    assert d._repr_svg_() == svg(d)


def test_ipython_in_a_terminal_shows_a_diagram_with_characters() -> None:
    class Printer:
        shown = ""

        def text(self, text: str) -> None:
            self.shown += text

    printer = Printer()
    diagram_of(cases_of("cases/cs231n/neuron.yaml")[0])._repr_pretty_(printer, False)
    assert printer.shown.startswith("sigmoid neuron: staged, float64, at ")
    assert "(*-1)" in printer.shown
    assert "CircuitGate" not in printer.shown


def test_only_arrays_are_opened() -> None:
    case = cases_of("cases/layers/affine.yaml")[1]
    assert {"x", "w", "b", "out"} <= set(arrays_of(case))
    assert "*" not in arrays_of(case)
    assert arrays_of(cases_of("cases/cs231n/two_sigmoids.yaml")[0]) == [], "the twin: numbers only"


def test_an_array_is_one_gate_with_its_shape_and_is_opened_on_demand() -> None:
    case = cases_of("cases/layers/affine.yaml")[1]
    d = diagram_of(case, implementation="weights_not_transposed", findings=())
    assert [(g.symbol, g.kind) for g in d.gates] == [("x", "input"), ("w", "input"), ("b", "input"), ("dot", "array"), ("+", "array"), ("out", "output")]
    assert d.gates[0].value.shape == (2, 2)
    assert gate(d, "+").gradient.computed == ("0.658", "-1.6252", "-1.5481", "0.855"), "what flows into the output"
    opened = diagram_of(case, implementation="weights_not_transposed", findings=(), opened=("out", "x"))
    assert [g.symbol for g in opened.gates].count("+") == 4
    assert {"x[0,0]", "x[1,1]"} <= {g.symbol for g in opened.gates}
    everything = diagram_of(case, implementation="weights_not_transposed", findings=(), opened=("*",))
    assert [g.symbol for g in everything.gates].count("*") == 8
    assert all(g.kind != "array" for g in everything.gates)


def chain_of(count: int) -> str:
    lines = "\n".join(f"      t{k + 1} = sin(t{k}) * x" for k in range(count))
    return f"points: [{{x: 0.5}}]\nimplementations:\n  long:\n    forward: |\n      t0 = x + 1\n{lines}\n    backward: dx = dout\n"


def test_a_hundred_gates_are_all_drawn() -> None:
    case = load_text(chain_of(49)).cases[0]
    d = diagram_of(case, findings=())
    assert sum(g.kind == "gate" for g in d.gates) == 99
    assert d.notes == ()
    assert overlaps(laid_out(d, width=1500)) == []


def test_ten_thousand_gates_are_folded_and_the_picture_says_so() -> None:
    case = load_text(chain_of(5000)).cases[0]
    d = diagram_of(case, findings=())
    assert 20 < len(d.gates) <= MOST_GATES + 2
    assert sum(g.count for g in d.gates) == 10_001
    assert d.notes == (f"{d.folded:,} of 10,001 gates stand within folds",)
    assert d.folded > 9_000
    assert d.notes[0] in svg(d)
    fold = next(g for g in d.gates if g.kind == "fold")
    assert f"{fold.count:,} gates" in svg(d)
    assert all(s.startswith("t") for s in fold.holds)


def test_everything_is_computed_before_it_is_read() -> None:
    for name in ("cases/layers/rnn.yaml", "cases/layers/conv_naive.yaml", "cases/layers/lstm_step.yaml"):
        for case in cases_of(name):
            for d in pictures(case):
                places = {g.key: k for k, g in enumerate(d.gates)}
                assert all(places[w.source] < places[w.target] for w in d.wires)


def test_a_layout_is_the_same_in_every_run_and_levels_stand_apart() -> None:
    d = diagram_of(cases_of("cases/layers/lstm_step.yaml")[0], findings=())
    first, second = (laid_out(d, width=1200) for _ in range(2))
    assert first == second
    for metrics in (PIXELS, CHARACTERS):
        layout = laid_out(d, metrics=metrics)
        columns: dict[float, list[tuple[float, float]]] = {}
        for p in layout.gates:
            columns.setdefault(p.x, []).append((p.box.top, p.box.bottom))
        for boxes in columns.values():
            assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(sorted(boxes)))


def test_in_a_terminal_it_is_no_wider_than_the_terminal() -> None:
    d = diagram_of(cases_of("cases/cs231n/neuron.yaml")[0])
    wide, narrow = (render(d, paint=Paint(enabled=False, columns=c)) for c in (0, 80))
    assert "0.196611933241" in wide
    assert max(map(len, narrow.splitlines()[2:])) <= 80
    assert "─" in wide
    plain = render(d, paint=PLAIN, encoding="ascii")
    assert plain.isascii()
    assert "(*-1)" in plain
    assert "\x1b[" in render(d, paint=Paint(enabled=True))


def test_a_case_without_that_implementation_or_point_says_what_it_has() -> None:
    case = cases_of("cases/cs231n/neuron.yaml")[0]
    with pytest.raises(ValueError, match="no implementation 'other'"):
        diagram_of(case, implementation="other")
    with pytest.raises(ValueError, match="1 point, not 2"):
        diagram_of(case, point=2)


def test_an_implementation_with_a_format_of_its_own_is_drawn_in_it() -> None:
    case = load_text("function: x * x\npoints: [{x: 0.1}]\nimplementations: {narrow: {formats: [float16]}}\n").cases[0]
    d = diagram_of(case)
    assert d.format == "float16"
    assert gate(d, "x").value.computed == ("0.1",), "0.1 to the nearest float16, written as that format writes it"
    with pytest.raises(ValueError, match="only in float16"):
        diagram_of(case, form="float64")


PICTURES = {
    "neuron": ("cs231n/neuron.yaml", "staged"),
    "two_sigmoids": ("cs231n/two_sigmoids.yaml", "staged"),
    "wrong_line": ("wrong/forks.yaml", "wrong"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_of_the_documentation_are_what_the_command_draws(name: str, tmp_path: Path) -> None:
    case, implementation = PICTURES[name]
    drawing = tmp_path / "it.svg"
    assert main(["plot", str(ROOT / "cases" / case), "--circuit", "--implementation", implementation, "--output", str(drawing)]) == 0
    assert drawing.read_text(encoding="utf-8") == (ROOT / "docs" / "images" / f"{name}.svg").read_text(encoding="utf-8")
    shown = (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "docs" / "circuits.md").read_text(encoding="utf-8")
    assert f"images/{name}.svg)" in shown


def test_show_draws_every_implementation_with_characters(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(ROOT / "cases/cs231n/neuron.yaml"), "--circuit"]) == 0
    shown = capsys.readouterr().out
    assert [line for line in shown.splitlines() if line.startswith("sigmoid neuron: ")] == [f"sigmoid neuron: {i}, float64, at W = [2.0, -3.0, -3.0], X = [-1.0, -2.0]" for i in ("staged", "fused")]
    assert "(*-1)" in shown


def test_a_point_that_is_not_there_is_said_and_nothing_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", str(ROOT / "cases/cs231n/neuron.yaml"), "--circuit", "--point", "9"]) == 2
    assert "has 1 point, not 9" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["show", "plot"])
def test_an_array_that_no_case_has_is_said_and_nothing_is_drawn(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    layer = str(ROOT / "cases/layers/affine.yaml")
    assert main([command, layer, "--circuit", "--open", "ouu"]) == 2
    said = capsys.readouterr()
    assert "has no array 'ouu' to open; did you mean 'out'?" in said.err
    assert said.out == ""
    assert main([command, layer, "--circuit", "--open", "out", "--open", "*"]) == 0, "the twin"


def test_a_drawing_is_not_written_under_the_name_of_another_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    neuron = str(ROOT / "cases/cs231n/neuron.yaml")
    assert main(["plot", neuron, "--circuit", "--output", str(tmp_path / "c.PNG")]) == 2
    assert "c.svg'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert main(["plot", neuron, "--circuit", "--output", str(tmp_path / "c.svg")]) == 0, "the twin"


def test_numpy_code_has_a_circuit_with_its_own_gradients() -> None:
    def forward(x, w):
        return np.maximum(x @ w, 0), (x, w)

    def backward(dout, cache):
        x, w = cache
        dz = dout * (x @ w > 0)
        return dz @ w, x.T @ dz  # wrong: w.T

    x, w = np.array([[0.5, -1.0], [2.0, 0.25]]), np.array([[1.5, 2.0], [-0.5, 1.0]])
    d = verifier.numpy.circuit(forward, x, w, backward=backward)
    assert [(g.symbol, g.kind) for g in d.gates] == [("x", "input"), ("w", "input"), ("@", "array"), ("max 0", "array"), ("out", "output")]
    assert [float(str(c)) for c in gate(d, "w").gradient.computed] == backward(np.reshape([float(str(c)) for c in gate(d, "out").gradient.computed], (2, 2)), (x, w))[1].ravel().tolist()
    assert [w.source for w in d.wires if w.is_guilty] == ["g0"]
    assert gate(d, "@").is_guilty
    assert overlaps(laid_out(d)) == []


def test_a_function_of_torch_has_a_circuit_with_the_gradients_of_autograd() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed: its circuits are not drawn")
    import verifier.torch

    x = torch.tensor([[0.5, -1.0], [2.0, 0.25]], dtype=torch.float64, requires_grad=True)
    w = torch.tensor([[1.5], [-0.5]], dtype=torch.float64, requires_grad=True)
    d = verifier.torch.circuit(lambda x, w: torch.tanh(x @ w), x, w)
    assert [g.symbol for g in d.gates] == ["x", "w", "@", "tanh", "out"]
    flows = torch.tensor([float(str(c)) for c in gate(d, "out").gradient.computed], dtype=torch.float64)
    torch.tanh(x @ w).flatten().backward(flows)
    assert [float(str(c)) for c in gate(d, "w").gradient.computed] == w.grad.flatten().tolist()
    assert not any(g.is_guilty for g in d.gates)


def test_a_function_of_jax_has_a_circuit_with_the_gradients_of_jax() -> None:
    jax = pytest.importorskip("jax", reason="jax is not installed: its circuits are not drawn")
    import verifier.jax

    d = verifier.jax.circuit(lambda x, y: (jax.numpy.tanh(x) * y).sum(), np.float32([0.5, -1.0]), np.float32([2.0, 3.0]))
    assert [g.symbol for g in d.gates] == ["x", "y", "tanh", "*", "+", "out"]
    flow = float(str(gate(d, "out").gradient.computed[0]))
    assert [np.float32(str(c)) for c in gate(d, "y").gradient.computed] == [np.float32(t) * np.float32(flow) for t in jax.numpy.tanh(np.float32([0.5, -1.0]))]


def test_a_contribution_that_is_missing_is_red_where_it_is_missing() -> None:
    """The first case of cases/wrong/forks.yaml leaves out `dx += (1) * dnum`."""
    d = diagram_of(cases_of("cases/wrong/forks.yaml")[0], implementation="wrong")
    (wire,) = [w for w in d.wires if w.is_guilty]
    assert (d.by_key[wire.source].symbol, d.by_key[wire.target].name) == ("x", "num")
    assert not wire.gradient.is_computed, "nobody computes it: the exact one stands there"
    assert [g.name for g in d.gates if g.is_guilty] == ["num"]
    right = diagram_of(cases_of("cases/wrong/forks.yaml")[0], implementation="right")
    assert not any(w.is_guilty for w in right.wires)
    assert next(w for w in right.wires if (w.source, w.target) == (wire.source, wire.target)).gradient.is_computed


def test_what_a_loop_repeats_is_one_gate_where_there_are_many() -> None:
    loop = "shapes: {x: [60]}\nsample: 1\ndomain: {x: [1, 2]}\nimplementations:\n  a:\n    forward: |\n      s = 0\n      for i in range(60):\n          s += np.exp(x[i]) * 2\n      out = s\n    backward: dx = 2 * np.exp(x) * dout\n"
    case = load_text(loop).cases[0]
    d = diagram_of(case, findings=())
    assert [(g.symbol, g.kind, g.count) for g in d.gates] == [("x", "input", 0), ("exp", "array", 60), ("*2", "array", 60), ("+", "array", 60), ("out", "output", 0)]
    assert sum(g.count for g in d.gates) == sum(1 for i, s in enumerate(case.programs.drafts[0].forward.steps) if s.args and s.gate != "copy")


@pytest.mark.parametrize("module", [symbols, wire_figures, wire_labels], ids=lambda m: m.__name__)
def test_the_examples_of_the_docstrings_hold(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert (found.failed, found.attempted > 0) == (0, True)
