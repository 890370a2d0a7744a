"""The page as a text: self-contained, closed to whatever a case brings with it, complete from the cache too."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests import ROOT
from verifier import load, load_text
from verifier.cli import main
from verifier.language.source import Complaint, Place
from verifier.language.verdict import Verdict
from verifier.many import verify_all
from verifier.report import plot, repair, typeset
from verifier.report.draw import page, svg
from verifier.report.outcome import CaseReport, Report
from verifier.run.cache import SWITCH
from verifier.run.plain import plain, read

HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\u202e \x1b[31m & κ'
TEXT = """\
name: right
function: sin(x) * y
points: [{x: 1, y: 2}]
---
name: bent
function: x**2 * y
points: [{x: 3, y: 2}]
implementations:
  mine:
    forward: |
      s = x**2
      out = s * y
    backward: |
      ds = y * dout
      dy = s * dout
      dx = 3 * x * ds
"""


@pytest.fixture(scope="module")
def mixed() -> Report:
    loaded = load_text(TEXT, file="cases/a.yaml")
    return verify_all(loaded.cases, details=True)


class Tags(HTMLParser):
    """The elements of a page, with their attributes, and the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if not self.found or self.found[-1][0] not in ("script", "style"):
            self.text += data


def contents(text: str) -> list[dict[str, object]]:
    """What the cases of a page show when they are opened."""
    packed = re.search(r'id="details">([^<]*)</script>', text)
    assert packed is not None
    return page.unpacked(gzip.decompress(base64.b64decode(packed[1])).decode("ascii"))


def test_the_page_needs_nothing_from_the_network_and_lets_nothing_else_run(mixed: Report) -> None:
    drawn = page.render(mixed)
    tags = Tags(drawn).found
    policy = next(a["content"] for t, a in tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        text = re.findall(rf"<{tag}>(.*?)</{tag}>", drawn, re.DOTALL)
        assert len(text) == 1
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text[0].encode()).digest()).decode()}'" in policy, "the only one that may run"
    assert [a for _, a in tags if any(k in a for k in ("src", "srcset", "action", "style")) or any(k.startswith("on") for k in a)] == []
    assert {a["href"] for t, a in tags if "href" in a} == {"#cases", "data:,"}
    assert set(re.findall(r"https?://[^\s\"'<]+", drawn)) <= {"http://www.w3.org/1998/Math/MathML"}
    assert drawn.isascii()


def test_only_a_served_page_may_ask_its_server(mixed: Report) -> None:
    assert "connect-src" not in page.render(mixed)
    assert "connect-src &#x27;self&#x27;" in page.page(mixed, served="a-1")


def test_text_of_a_case_stays_text(mixed: Report) -> None:
    bad = mixed.cases[1]
    findings = tuple(replace(f, message=HOSTILE, statement=HOSTILE, source_line=HOSTILE, details=(HOSTILE,)) for f in bad.findings)
    hostile = replace(bad, name=HOSTILE, file=HOSTILE, findings=findings, notes=(HOSTILE,))
    report = Report((hostile, *mixed.cases), (Complaint(Place(HOSTILE, 1, 1), HOSTILE, HOSTILE),))
    drawn = page.render(report)
    before, after = (sorted(t for t, _ in Tags(page.render(r)).found) for r in (Report((bad, *mixed.cases)), report))
    assert [t for t in after if t in ("script", "img")] == ["script", "script"]
    assert set(after) - set(before) <= {"section", "ul", "li", "pre", "code"}, "those of the complaint"
    assert "\x1b" not in drawn
    assert "\u202e" not in drawn
    assert "alert(1)" in Tags(drawn).text
    assert contents(drawn)[0]["notes"] == [HOSTILE], "what is unpacked is data, and the script makes text nodes of it"


def test_the_worst_cases_stand_first() -> None:
    names = ["fine", "lost", "bent", "skipped"]
    statuses = ["passed", "error", "failed", "skipped"]
    report = Report(tuple(CaseReport(n, "a.yaml", i, s) for i, (n, s) in enumerate(zip(names, statuses, strict=True))))
    assert re.findall(r"<button>(\w+)<", page.render(report)) == ["lost", "bent", "skipped", "fine"]
    assert "<b>1</b> failed" in page.render(report)


def test_an_opened_case_has_its_formulas_its_lines_and_its_circuit(mixed: Report) -> None:
    bent = contents(page.render(mixed))[0]
    assert [f["name"] for f in bent["formulas"]] == ["", "x", "y"]
    assert [f["text"] for f in bent["formulas"]] == ["x**2 * y", "2*x*y", "x**2"], "the derivatives by hand"
    assert all(f["mathml"] for f in bent["formulas"])
    (mine,) = bent["implementations"]
    assert [(line[0], line[1]) for line in mine["lines"]] == [("s = x**2", "9.0"), ("out = s * y", "18.0"), ("ds = y * dout", "2.0"), ("dy = s * dout", "9.0"), ("dx = 3 * x * ds", "18.0")]
    assert mine["lines"][-1][2] == "12.0", "the exact gradient, 2*3*2"
    product = next(g for g in mine["gates"] if g[2] == "*")
    assert (product[6], product[8], product[9]) == ("18", ["2", "9"], ["2", "9"]), "value, local gradients, what flows back: d(s*y)/ds = y, d(s*y)/dy = s"
    assert mine["circuit"].startswith("<svg ")
    assert bent["findings"][0]["repair"] == ["dx = 3 * x * ds", "dx = 2 * x * ds"]


def test_only_what_is_wrong_is_red_in_a_circuit() -> None:
    reports = verify_all(load(str(ROOT / "cases" / "cs231n" / "two_sigmoids.yaml"), str(ROOT / "cases" / "wrong" / "forks.yaml")).cases, details=True).cases
    guilty = {c.name: ["guilty" in i.circuit for i in c.details.implementations] for c in reports if c.details is not None}
    assert any(f.severity == "warning" for f in reports[0].findings)
    assert guilty["two sigmoids"] == [False, False], "the notebook's gradients are right; that one ignores what flows in is a warning"
    assert guilty["a fork that is dropped"] == [True, False], "the twin"


def test_details_are_made_only_for_a_format_that_shows_them() -> None:
    loaded = load_text(TEXT)
    assert all(c.details is None for c in verify_all(loaded.cases).cases)
    assert all(c.details is not None for c in verify_all(loaded.cases, details=True).cases)
    assert [replace(c, details=None) for c in verify_all(loaded.cases, details=True).cases] == list(verify_all(loaded.cases).cases), "they change nothing else"


def test_a_claim_for_a_whole_domain_stands_on_the_page() -> None:
    loaded = load_text("function: x * y\npoints: [{x: 1, y: 2}]\ndomain: {x: [1, 2], y: [1, 2]}\nimplementations: {mine: {backward: 'dx = y * dout\n\n  dy = x * dout'}}\ncertify: {ulps: 1}\n")
    assert loaded.complaints == ()
    found = page.content(verify_all(loaded.cases, details=True).cases[0])
    assert [(b["who"], b["outcome"], b["where"]) for b in found["bounds"]] == [("mine.dx", "proved", "x, y in [1.0, 2.0]"), ("mine.dy", "proved", "x, y in [1.0, 2.0]")], "a product by 1 is exact"
    assert [(b["bound"], b["claim"]) for b in found["bounds"]] == [("0 ulp", "1 ulp")] * 2
    assert any("rounded once to the nearest" in text for text in found["assumed"])


def test_the_bounds_of_an_array_are_one_row_on_the_page_and_a_long_point_does_not_stand_in_it() -> None:
    (case,) = load_text("function: sum(x*x*x*y)\nshapes: {x: [4, 4], y: [4, 4]}\ndomain: {x: [1, 2], y: [1, 2]}\ncertify: {absolute: 1, budget: 1}\n", needs_points=False).cases
    (found,) = verify_all([case]).cases
    assert len(found.bounds) == 32
    rows = page.content(found)["bounds"]
    assert [row["who"].partition(" ")[2] for row in rows] == ["(worst of 16)", "(worst of 16)"]
    assert all("the largest error seen" in row["remarks"] and "x = " not in row["remarks"] and "x=" not in row["remarks"] for row in rows)


def test_what_is_not_there_is_said() -> None:
    (case, _) = load_text(TEXT).cases
    (bare,) = verify_all([case]).cases
    assert "they were not made with this report" in page.content(bare)["left"][0]
    loaded = load(str(ROOT / "cases" / "frameworks" / "numpy.yaml"), allow_call=True)
    (called,) = verify_all(loaded.cases[:1], details=True).cases
    assert page.content(called)["left"] == ["mine: lines and circuits of callables are not shown here; a finding names the line in the Python file"]
    assert "left" not in page.content(verify_all([case], details=True).cases[0]), "the twin"


def test_details_travel_between_processes_and_through_the_cache(mixed: Report) -> None:
    assert [read(CaseReport, json.loads(json.dumps(plain(c)))) for c in mixed.cases] == list(mixed.cases)


def test_a_page_from_the_cache_shows_as_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(TEXT, encoding="utf-8")
    drawn = []
    for words in (["a.yaml"], ["a.yaml", "--format", "html=p.html"], ["a.yaml", "--format", "html=p.html"]):
        assert main(words) == 1
        if len(words) > 1:
            drawn.append(Path("p.html").read_text(encoding="ascii"))
    assert "cached" in capsys.readouterr().out, "the last run took its reports from the cache"
    assert contents(drawn[0]) == contents(drawn[1])
    assert all("implementations" in c for c in contents(drawn[0])), "what the first run kept, without details, was not enough for the second"


def test_a_detail_that_fails_or_takes_too_long_costs_a_note_and_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(typeset, "formulas", broken)
    (case,) = load_text("function: sin(x)\npoints: [{x: 1}]\n").cases
    (report,) = verify_all([case], details=True).cases
    assert report.status == "passed"
    assert report.notes == ()
    assert report.details is not None
    assert [f.text for f in report.details.formulas] == ["sin(x)"], "the text stands where the typeset formula would"
    assert "the typeset formulas" in report.details.notes[0]


def test_the_script_and_the_style_are_packed_with_the_modules() -> None:
    import tomllib

    packed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]["verifier.report.draw"]
    assert sorted(packed) == sorted(p.name for p in (ROOT / "verifier" / "report" / "draw").iterdir() if p.is_file() and p.suffix != ".py")


# ---------------------------------------------------------------- formulas


def test_only_mathml_is_taken_for_mathml() -> None:
    import sympy

    x = sympy.Symbol("x", real=True)
    assert "<mfrac>" in typeset.mathml(1 / x)
    assert typeset.mathml(sympy.Symbol("<script>alert(1)</script>")) == "", "SymPy's printer escapes nothing"
    assert typeset.mathml(sympy.Symbol('<mi onclick="alert(1)">x</mi>')) == ""
    assert typeset.mathml(sum(sympy.Symbol(f"x{i}") for i in range(500))) == "", "too long"


# ---------------------------------------------------------------- repairs

MEANT = [
    ("dz = dh", "the factor `h*(1 - h)` is missing: ...", "dz = h*(1 - h) * dh"),
    ("dy = dy * k", "the factor `k` is superfluous in `dy * k`", "dy = dy"),
    ("dv = 1 / std * dstd", "a division by `2` is missing", "dv = 1 / std * dstd / 2"),
    ("dx = (u*a + v) * dout", "`+` where `-` is meant in `u*a + v`", "dx = (u*a - v) * dout"),
    ("dw = x * dz", "`=` overwrites an earlier contribution where `+=` is meant: ...", "dw += x * dz"),
    ("db = -dz", "the sign is flipped", "db = dz"),
    ("dt = du / t", "`t` where `1 + t` is meant in `du / t`", "dt = du / (1 + t)"),
    ("db = np.mean(dout, axis=0)", "`mean` where `sum` is meant in `np.mean(dout, axis=0)`", "db = np.sum(dout, axis=0)"),
    ("dx = (a - b.mean(0, keepdims=True)) / s", "`axis=0` where `axis=1` is meant in `b.mean(0, keepdims=True)`", "dx = (a - b.mean(1, keepdims=True)) / s"),
    ("dx = dout", "the mask `out > 0` is missing: `dx[out <= 0] = 0`", "dx = dout\ndx[out <= 0] = 0"),
    ("dz = (1 - h) * dh", "`h` should be squared in `1 - h`", "dz = (1 - h**2) * dh"),
]


@pytest.mark.parametrize(("line", "words", "wanted"), MEANT)
def test_a_diagnosis_is_read_as_a_line(line: str, words: str, wanted: str) -> None:
    assert wanted in list(repair.meant(line, words))


def test_no_repair_is_shown_that_is_not_certified(mixed: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    bent = next(c for c in mixed.cases if c.name == "bent")
    assert bent.details is not None
    assert [r.new for r in bent.details.repairs] == ["dx = 2 * x * ds"]
    monkeypatch.setattr(repair, "meant", lambda *_: iter(["dx = 2.0000001 * x * ds", "dx = 2 * x * ds * dout", "dx = (", "dq = 1"]))
    (_, case) = load_text(TEXT).cases
    (report,) = verify_all([case], details=True).cases
    assert report.details is not None
    assert report.details.repairs == (), "nearly right; right for one upstream only; no text of the language; another name"


def test_most_mistakes_of_the_cases_have_a_repair() -> None:
    reports = verify_all(load(str(ROOT / "cases" / "wrong" / "neighbours.yaml"), str(ROOT / "cases" / "wrong" / "operands.yaml")).cases, details=True).cases
    wrong = sum(f.code == "V101" for c in reports for f in c.findings)
    shown = sum(len(c.details.repairs) for c in reports if c.details is not None)
    assert shown >= wrong * 3 // 4


# ---------------------------------------------------------------- the error over an input


def test_regions_of_a_hunt_are_shaded_and_a_curve_without_them_is_not() -> None:
    (case,) = load_text("function: exp(x) / (1 + exp(x))\ndomain: {x: [-800, 800]}\nsample: 1\n").cases
    (curve,) = plot.curves(case, over="x", most=200)
    assert len(curve.values) <= 2 * 200 + 1
    shaded = svg.render([replace(curve, regions=((Verdict.NONFINITE, 709.78, 800.0),))], title="t")
    assert "<title>nonfinite: x from 709.78 to 800" in shaded
    assert "<title>nonfinite" not in svg.render([curve], title="t")


def test_a_page_that_grows_too_large_leaves_out_the_drawings_of_its_best_cases_and_says_so(mixed: Report) -> None:
    shown = [page.content(c) for c in mixed.cases]
    first, second = page.unpacked(gzip.decompress(page.packed_within(0, shown)).decode("ascii"))
    assert [i["circuit"] for c in (first, second) for i in c["implementations"]] == ["", ""]
    assert "too large" in first["left"][0]
    assert all(i["lines"] for c in (first, second) for i in c["implementations"]), "the lines stay"
    assert page.unpacked(gzip.decompress(page.packed_within(page.LARGEST, shown)).decode("ascii")) == shown, "the twin"


def test_a_page_that_grows_too_large_first_leaves_out_circuits_of_further_implementations_without_findings() -> None:
    drawn = {"circuit": "<svg/>", "gates": [["g0"]], "lines": []}
    case = {"name": "c", "findings": [{"implementation": "third"}], "implementations": [{"name": name, **drawn} for name in ("first", "second", "third")]}
    fewer = page.with_fewer_circuits(case)
    assert [bool(i["circuit"] and i["gates"]) for i in fewer["implementations"]] == [True, False, True]
    assert fewer["left"] == ["left out: the circuit of second: the page would be too large; one of fewer cases has it"]
    assert page.with_fewer_circuits(fewer | {"left": []}) == fewer | {"left": []}, "the twin: nothing more to leave out"

    cases = [case | {"name": str(sum(map(ord, f"{n}")) * 7919 ** n)} for n in range(400)]  # names that do not compress
    whole = page.unpacked(gzip.decompress(page.packed_within(10**9, cases)).decode("ascii"))
    assert whole == cases
    most = len(page.packed_within(10**9, cases)) * 9 // 10
    shown = page.unpacked(gzip.decompress(page.packed_within(most, cases)).decode("ascii"))
    counts = [sum(bool(i["circuit"]) for i in c["implementations"]) for c in shown]
    assert counts == sorted(counts, reverse=True)
    assert set(counts) == {3, 2, 0}


def test_the_page_is_named_as_what_it_shows(mixed: Report) -> None:
    title = re.search(r"<title>(.*?)</title>", page.render(mixed))
    assert title is not None
    assert unescape(title[1]) == "verifier: 2 cases, 1 failed, 1 passed"
