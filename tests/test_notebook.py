"""Reports in notebooks: HTML in which text stays text, and `%%verify` in a real kernel on cells as they stand."""

from __future__ import annotations

import importlib.util
from html.parser import HTMLParser

import pytest

from tests import ROOT
from verifier import load, load_text, verify, verify_all
from verifier.notebook import UsageError, options_of, report_of, with_calls

HOSTILE = """
name: <script>alert(1)</script>
function: x * x
points: [{x: 3}]
implementations:
  mine: {backward: "dx = 3 * x * dout  # </pre><img src=x onerror=alert(2)> $x^2$ & \\"quoted\\""}
"""


class Reader(HTMLParser):
    """The tags, attributes and text of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_report_is_a_small_table_with_verdicts_ulps_and_findings_with_their_lines():
    (case,) = load_text("function: x * x\npoints: [{x: 3}]\nimplementations:\n  mine: {backward: dx = 3 * x * dout}\n", file="square.yaml").cases
    html = Reader(verify(case)._repr_html_())
    assert html.open == []
    assert "table" in html.tags
    for words in ("FAIL", "mine.dx", "wrong", "ulp", "V101 wrong-gradient", "square.yaml:4:"):
        assert words in html.text


@pytest.mark.parametrize("thing", ["case", "report", "run"])
def test_text_of_a_case_that_looks_like_html_stays_text(thing):
    (case,) = load_text(HOSTILE).cases
    shown = {"case": lambda: case, "report": lambda: verify(case), "run": lambda: verify_all([case])}[thing]()
    html = Reader(shown._repr_html_())
    assert set(html.tags) <= {"div", "table", "tr", "td", "span"}
    assert html.attributes <= {"style", "class"}
    assert "<script>alert(1)</script>" in html.text
    assert "dx = 3 * x * dout" in html.text


def test_the_reader_of_these_tests_sees_html_that_is_not_escaped():
    assert Reader("<td><script>alert(1)</script></td>").tags == ["td", "script"]


@pytest.mark.parametrize("case", load(ROOT / "cases" / "cs231n", ROOT / "cases" / "arrays").cases[:8], ids=lambda c: c.name)
def test_every_case_and_its_report_is_whole_html(case):
    assert Reader(case._repr_html_()).open == []
    html = Reader(verify(case)._repr_html_())
    assert html.open == []
    assert case.name in html.text


def test_a_terminal_gets_the_text_of_the_report():
    class Printer:
        shown = ""

        def text(self, text):
            self.shown += text

    (case,) = load_text("function: x * x\npoints: [{x: 3}]\n", file="square.yaml").cases
    printer = Printer()
    verify(case)._repr_pretty_(printer, False)
    assert printer.shown.startswith("PASS square")


def test_the_line_of_the_magic_has_values_names_of_the_notebook_and_options():
    options = options_of("w=[2, -3,-3] x=seen y=-1e-3 --strict --output=f --formats float32,bfloat16 --no-run", {"seen": [1, 2]})
    assert options.values == {"w": [2, -3, -3], "x": [1, 2], "y": -1e-3}
    assert (options.is_strict, options.output, options.formats, options.runs) == (True, "f", ("float32", "bfloat16"), False)
    assert options_of("", {}).runs


@pytest.mark.parametrize("line", ["w", "--strickt", "x=__import__('os')", "x=np.ones(3)", "--output", "--formats float31", "x=", "1=2", "x=[1"])
def test_a_line_of_the_magic_that_is_not_read_is_refused(line):
    with pytest.raises(UsageError):
        options_of(line, {})


def test_a_strict_check_fails_where_the_other_warns():
    tail = "f = 1 / (1 + exp(-x))\ndf = 1\ndx = (1 - f) * f * df"
    assert report_of(tail, {}, options_of("x=40", {})).status == "passed"
    assert report_of(tail, {}, options_of("x=40 --strict", {})).status == "failed"


def test_a_cell_that_never_reads_what_flows_in_has_a_note_and_with_strict_a_finding():
    text = "f = x * x\ndx = 2 * x"
    report = report_of(text, {"x": 3.0}, options_of("", {}))
    assert (report.status, report.findings) == ("passed", ())
    assert any("never reads df, the gradient that flows in" in note for note in report.notes)
    strict = report_of(text, {"x": 3.0}, options_of("--strict", {}))
    assert [f.code for f in strict.findings] == ["V205"]


def test_a_value_that_no_line_reads_is_said():
    text = "f = x * x\ndx = 2 * x * df"
    assert "X is set on the line of %%verify, and no line of the cell reads it" in report_of(text, {"x": 3.0, "df": 1.0}, options_of("X=5", {})).notes
    assert not any("is set on the line" in note for note in report_of(text, {"df": 1.0}, options_of("x=5", {})).notes)


def test_print_of_python_2_becomes_a_call_and_nothing_else_changes():
    assert with_calls("x = 1  # print x\nprint x, 'a b'  # shown\nprint(x)\n") == "x = 1  # print x\nprint(x, 'a b')  # shown\nprint(x)\n"
    assert with_calls("if x:\n    print x\n") == "if x:\n    print(x)\n"


# ---------------------------------------------------------------- a real kernel

MISSING = [name for name in ("IPython", "nbclient", "ipykernel") if importlib.util.find_spec(name) is None]
needs_kernel = pytest.mark.skipif(bool(MISSING), reason=f"{', '.join(MISSING)} is not installed: no kernel to run notebooks in")


def run(*cells: str):
    """The cells of a notebook after they have run in a kernel of this Python."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    NotebookClient(notebook, timeout=300, allow_errors=True, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    return notebook.cells


def shown(cell, kind: str = "text/plain") -> str:
    return "".join(o.data.get(kind, "") if "data" in o else o.get("text", "") if kind == "text/plain" else "" for o in cell.outputs)


@needs_kernel
@pytest.mark.filterwarnings("ignore")  # of the kernel's own libraries
def test_cells_of_the_notebook_are_checked_and_run_as_they_stand():
    one, two = (load(ROOT / "cases" / "cs231n" / name).cases[0].implementations[0] for name in ("neuron.yaml", "two_sigmoids.yaml"))
    _, neuron, difference, both, bent, late = run(
        "%load_ext verifier\nimport math",
        "%%verify\n" + one.forward.text + one.backward.text + "\nprint dplusone, dexp, dminusone\n\nprint dw0, dw1, dx0, dx1, dw2\n",
        "((1-f) * f) - ddotplusw2",
        "%%verify\n" + two.forward.text + two.backward.text + "\nprint dx, dy\n",
        "%%verify w=[2,-3,-3] x=[-1,-2]\nf = w[0]*x[0] + w[1]*x[1] + w[2]\ndf = 1\ndw = [x[0], x[1], 1]\ndx = [w[0]*df, w[0]*df]",
        "len(w), _.status",
    )
    assert "PASS In[2]" in shown(neuron)
    assert "-0.19661193324148" in shown(neuron), "the print of Python 2 has run, too"
    assert "cell.dw0" in Reader(shown(neuron, "text/html")).text
    assert shown(difference) == "-2.7755575615628914e-17", "as the notebook prints it: the names of the cell are there below it"
    assert "PASS In[4]" in shown(both)
    assert "2.05956979557" in shown(both)
    assert "In[5]:5:16" in shown(bent), "the line as the notebook counts it, with the line of %%verify"
    assert "V101" in Reader(shown(bent, "text/html")).text
    assert shown(late) == "(3, 'failed')"


@needs_kernel
@pytest.mark.filterwarnings("ignore")
def test_a_cell_that_is_not_read_does_not_run_and_one_that_raises_shows_its_report_first():
    _, refused, after, raising, alone, name, open_end = run(
        "%load_ext verifier",
        "%%verify\nran = 1\nf = x * x\ndx = 2 * x",
        "'ran' in globals()",
        "%%verify x=3\nf = x * x\ndx = 2 * x\nassert f == 1",
        "%%verify y=3 --no-run\ng = y * y\ndy = 2 * y",
        "'g' in globals()",
        "%%verify z=3\nh = z * z\ndz = 2 * z * dout",
    )
    assert "'x' has no value" in "".join(o.get("text", "") + o.get("evalue", "") for o in refused.outputs)
    assert shown(after) == "False"
    assert "PASS" in shown(raising)
    assert raising.outputs[-1].ename == "AssertionError"
    assert "PASS" in shown(alone)
    assert shown(name) == "False"
    assert "PASS" in shown(open_end)
    assert "the run needs 'dout': give it a value, as in %%verify dout=1.0" in "\n".join(open_end.outputs[-1].traceback)
