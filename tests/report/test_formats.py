"""JUnit, SARIF and GitHub: valid by the schemas of others, readable by common readers, within the limits of those who show them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes
from xml.etree import ElementTree as ET

import pytest

from tests import ROOT
from verifier import load, load_text
from verifier.cli import main
from verifier.language.source import Complaint, Place
from verifier.many import verify_all
from verifier.report import draw
from verifier.report.catalogue import CATALOGUE, finding
from verifier.report.draw import github, junit, sarif
from verifier.report.draw.destinations import Output, output, together
from verifier.report.draw.paint import Paint
from verifier.report.outcome import CaseReport, Report

SCHEMAS = ROOT / "tests" / "schemas"
PLAIN = Paint(enabled=False)
TEXT = """\
name: good
function: sin(x)
points: [{x: 1}]
---
name: bent
function: sin(x)
points: [{x: 1}]
implementations:
  mine:
    backward: |
      dx = sin(x) * dout
---
name: lossy
function: tanh(x)
points: [{x: 20}]
implementations: {it: {backward: "dx = (1 - out**2) * dout"}}
---
name: "odd <&> \\u0007 \\e[31m ]]> κ"
function: sin(x)
points: [{x: 1}]
implementations: {mine: {backward: dx = sin(x) * dout}}
---
name: bent
fucntion: sin(x)
points: [{x: one}]
"""


@pytest.mark.parametrize("name", ['a<b>&"c.yaml', "bytes\udcff\udcfe.yaml", "new\nline.yaml", "\u202ertl.yaml"])
def test_every_format_takes_any_name_of_a_file(name: str) -> None:
    loaded = load_text("function: x * y\npoints: [{x: 3, y: -4}]\nimplementations: {m: {backward: dx = x; dy = x}}\ndomain: {x: [1, 2], y: [1, 2]}\nsample: 2\n", file=name)
    report = verify_all(loaded.cases, loaded.complaints)
    (first, *_) = json.loads(sarif.render(report))["runs"][0]["results"]
    assert os.fsdecode(unquote_to_bytes(first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])) == name
    ET.fromstring(junit.render(report))
    assert sum(line.startswith("::error ") for line in github.render(report).splitlines()) == 1


@pytest.fixture(scope="module")
def mixed() -> Report:
    loaded = load_text(TEXT, file="cases/some net/a.yaml")
    skipped = CaseReport("later", "cases/b.yaml", 1, "skipped", notes=("mine was not checked: PyTorch is not installed",))
    report = verify_all(loaded.cases, loaded.complaints)
    return Report((*report.cases, skipped), report.complaints)


@pytest.fixture(autouse=True)
def _no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)


# ---------------------------------------------------------------- JUnit


def junit_problems(text: str) -> list[str]:
    xmlschema = pytest.importorskip("xmlschema", reason="xmlschema is not installed")
    return [str(e.reason) for e in xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd")).iter_errors(text)]


def test_junit_is_valid_by_jenkins_schema(mixed: Report) -> None:
    drawn = junit.render(mixed)
    assert junit_problems(drawn) == []
    assert junit_problems(drawn.replace("<testcase name=", "<testcase nmae=", 1)) != [], "the twin: the schema sees a wrong attribute"


def test_junit_has_a_suite_for_a_file_and_a_test_for_a_case(mixed: Report) -> None:
    root = ET.fromstring(junit.render(mixed))
    assert [(s.get("name"), s.get("tests"), s.get("failures"), s.get("errors"), s.get("skipped")) for s in root] == [
        ("cases/b.yaml", "1", "0", "0", "1"),
        ("cases/some net/a.yaml", "5", "2", "1", "0"),
    ]
    tests = root.findall("testsuite/testcase")
    assert len(tests) == len(mixed.cases) == int(root.get("tests") or 0)
    assert len(root.findall(".//failure")) == mixed.failed == int(root.get("failures") or 0)
    assert len(root.findall(".//error")) == mixed.errors == int(root.get("errors") or 0)
    assert len({(t.get("classname"), t.get("name")) for t in tests}) == len(tests), "readers put tests of one name together"
    assert {t.get("classname") for t in tests} == {"cases.some net.a", "cases.b"}


def test_a_failure_in_junit_has_the_text_of_the_finding(mixed: Report) -> None:
    root = ET.fromstring(junit.render(mixed))
    failure = root.find(".//testcase[@name='bent']/failure")
    assert failure is not None
    assert failure.get("type") == "V101 wrong-gradient"
    assert "cases/some net/a.yaml:11:" in (failure.text or "")
    assert "0.5403023058681397174009366" in (failure.text or "")  # cos 1, OEIS A049470
    assert "V203" in (root.findtext(".//testcase[@name='lossy']/system-out") or "")
    skipped = root.find(".//testcase[@name='later']/skipped")
    assert skipped is not None
    assert "PyTorch" in (skipped.get("message") or "")


def test_characters_that_xml_lacks_are_written_out(mixed: Report) -> None:
    drawn = junit.render(mixed)
    assert "odd &lt;&amp;&gt; \\x07 \\x1b[31m ]]&gt; κ" in drawn
    assert junit.class_name("a\ufffeb.yaml") == "a\ufffeb"
    assert "\\uffff" in junit.render(Report((CaseReport("\uffff", "a.yaml", 1, "passed"),)))


def test_names_are_distinct_whatever_they_are() -> None:
    assert junit.distinct(["a", "b", "a", "a"]) == ["a", "b", "a #2", "a #3"]
    assert [junit.class_name(f) for f in ("./x.yml", "<stdin>", "../v1.2/net.yaml")] == ["x", "<stdin>", "v1_2.net"]


# ---------------------------------------------------------------- SARIF


def sarif_problems(text: str) -> list[str]:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads((SCHEMAS / "sarif-2.1.0.json").read_text(encoding="utf-8"))
    return [e.message for e in jsonschema.Draft4Validator(schema).iter_errors(json.loads(text))]


def test_sarif_is_valid_by_the_schema_of_oasis(mixed: Report) -> None:
    drawn = sarif.render(mixed)
    assert sarif_problems(drawn) == []
    assert sarif_problems(drawn.replace('"level": "error"', '"level": "bad"')) != [], "the twin: the schema sees a wrong level"


def test_every_kind_of_finding_is_a_rule_with_its_help_within_githubs_limits(mixed: Report) -> None:
    """https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning: 255 and 1024 characters."""
    run = json.loads(sarif.render(mixed))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [r["id"] for r in rules] == list(CATALOGUE)
    for rule in rules:
        assert 0 < len(rule["shortDescription"]["text"]) <= 1024
        assert 0 < len(rule["fullDescription"]["text"]) <= 1024
        assert len(rule["name"]) <= 255
        assert "What to do" in rule["help"]["text"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_results_have_relative_paths_and_the_place_of_the_finding(mixed: Report) -> None:
    results = json.loads(sarif.render(mixed))["runs"][0]["results"]
    assert [r["ruleId"] for r in results] == ["V101", "V203", "V101", "V001", "V001"]
    place = results[0]["locations"][0]["physicalLocation"]
    assert unquote(place["artifactLocation"]["uri"]) == "cases/some net/a.yaml"
    assert (place["region"]["startLine"], place["region"]["startColumn"], place["region"]["endColumn"]) == (11, 12, 18)


def test_paths_are_relative_to_githubs_workspace(mixed: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(Path.cwd().parent))
    uri = json.loads(sarif.render(mixed))["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote(uri) == f"{Path.cwd().name}/cases/some net/a.yaml"


def _prints(report: Report) -> list[str]:
    return [r["partialFingerprints"]["primaryLocationLineHash"] for r in json.loads(sarif.render(report))["runs"][0]["results"]]


def test_fingerprints_outlive_other_lines_points_and_figures_but_not_another_statement() -> None:
    def prints(text: str) -> list[str]:
        return _prints(verify_all(load_text(text, file="a.yaml").cases))

    text = "name: bent\nfunction: sin(x)\npoints: [{x: 1}]\nimplementations: {mine: {backward: dx = sin(x) * dout}}\n"
    assert prints(text) == prints("# moved\n\n" + text.replace("x: 1", "x: 0.7"))
    assert len(prints(text)) == 1
    assert prints(text) != prints(text.replace("dx = sin(x)", "dx = -sin(x)"))
    assert prints(text) != prints(text.replace("name: bent", "name: other"))
    assert prints(text.replace("dx = sin(x)", "dx = 2*sin(x)")) == prints(text.replace("dx = sin(x)", "dx = 3.5*sin(x)")), "a constant is a number, too"


def test_fingerprints_tell_all_findings_of_a_run_apart(mixed: Report) -> None:
    assert len(set(_prints(mixed))) == len(_prints(mixed)) == 5
    assert len(set(_prints(Report((*mixed.cases, *mixed.cases))))) == 10


# ---------------------------------------------------------------- GitHub

COMMAND = re.compile(r"::(error|warning) file=([^,:]*),line=(\d+),col=(\d+)(?:,endColumn=\d+)?,title=([^:]*)::(.*)")


def flood(errors: int, warnings: int) -> Report:
    place = Place("a.yaml", 3, 7)
    found = [finding("V203", f"warning {i}", place) for i in range(warnings)] + [finding("V301", f"figure {i}", place) for i in range(errors - 1)] + [finding("V101", "the wrong one", place)]
    return Report((CaseReport("many", "a.yaml", 1, "failed", findings=tuple(found)),))


def test_an_annotation_has_its_place_and_title_and_every_character_is_escaped(mixed: Report) -> None:
    """By actions/toolkit: % CR LF in messages; in fields : and , too."""
    place = Place("odd, 100%:dir/a.yaml", 3, 7)
    report = Report((CaseReport("c", place.file, 1, "failed", findings=(finding("V101", "50 %\r\nis, so: wrong", place),)),))
    first = github.render(report).splitlines()[0]
    assert first.startswith("::error file=odd%2C 100%25%3Adir/a.yaml,line=3,col=7,title=V101 wrong-gradient in c::50 %25%0D%0Ais, so: wrong%0A")
    lines = github.render(mixed).splitlines()
    commands = [m for line in lines if (m := COMMAND.fullmatch(line))]
    assert len(commands) == len(lines) - 1
    assert [m[1] for m in commands] == ["error", "error", "error", "error", "warning"]
    assert commands[0][5] == "V001 unreadable-case"


def test_no_more_annotations_than_github_shows_and_the_most_severe_first() -> None:
    lines = github.render(flood(14, 11)).splitlines()
    assert sum(line.startswith("::error") for line in lines) == 10
    assert sum(line.startswith("::warning") for line in lines) == 10
    assert "the wrong one" in lines[0]
    assert sum(line.startswith("  error V301") for line in lines) == 4
    assert sum(line.startswith("  warning V203") for line in lines) == 1


def test_a_text_of_somebody_else_is_no_command() -> None:
    place = Place("a.yaml", 1, 1)
    evil = tuple(finding("V101", "x\n::error::evil ##[error]evil", place) for _ in range(12))
    lines = github.render(Report((CaseReport("c", "a.yaml", 1, "failed", findings=evil),))).splitlines()
    assert sum(line.lstrip().startswith("::") for line in lines) == 10
    assert all("##[" not in line for line in lines if not line.startswith("::"))


def test_the_summary_of_the_step_has_every_finding_and_grows_no_larger_than_github_takes() -> None:
    text = github.summary(flood(14, 11))
    assert sum(f"figure {i}" in text for i in range(13)) == 13
    assert sum(f"warning {i}" in text for i in range(11)) == 11
    long = Report((CaseReport("c", "a.yaml", 1, "failed", findings=tuple(finding("V101", "x" * 1000, Place("a.yaml", 1, 1)) for _ in range(3000))),))
    assert len(github.summary(long).encode()) < 2**20
    assert re.search(r"\d+ more findings are in the log", github.summary(long))
    fenced = github.summary(Report((CaseReport("c | <b>", "a.yaml", 1, "failed", findings=(finding("V101", "x\n```\n# evil", Place("a.yaml", 1, 1)),)),)))
    assert "````text\n" in fenced
    assert "c \\| \\<b\\>" in fenced


# ---------------------------------------------------------------- where they go


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "a.yaml").write_text(TEXT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "a.yaml"


def test_several_formats_go_to_files_and_the_text_to_the_terminal(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([case, "--format", "junit=out.xml", "--format", "sarif=out.sarif", "--format", "json=out.json"]) == 2
    assert "FAIL bent" in capsys.readouterr().out
    assert ET.parse("out.xml").getroot().tag == "testsuites"
    assert json.loads(Path("out.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert json.loads(Path("out.json").read_text(encoding="utf-8"))["summary"]["failed"] == 2


@pytest.mark.parametrize("name", draw.FORMATS)
def test_a_dash_is_standard_output(name: str, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([case, "--no-cache", "--format", f"{name}=-"]) == 2
    out = capsys.readouterr().out
    assert main([case, "--no-cache", "--format", name]) == 2
    assert capsys.readouterr().out == out
    assert not Path("-").exists()


def test_the_summary_is_added_to_the_file_that_github_names(case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    Path("summary.md").write_text("before\n", encoding="utf-8")
    main([case, "--format", "text", "--format", "github"])
    out = capsys.readouterr().out
    assert "FAIL bent" in out
    assert "::error file=a.yaml,line=11,col=12,endColumn=18,title=V101 wrong-gradient in bent::" in out
    assert Path("summary.md").read_text(encoding="utf-8").startswith("before\n### verifier: 5 cases")
    main([case, "--format", "text"])
    assert Path("summary.md").read_text(encoding="utf-8").count("### verifier") == 1, "the twin: another format adds nothing"


def test_a_place_that_cannot_be_written_takes_no_other_with_it(case: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(Path("none", "summary.md")))
    assert main([case, "--format", "github", "--format", "junit=out.xml"]) == 2
    out, err = capsys.readouterr()
    assert "::error file=a.yaml" in out
    assert ET.parse("out.xml").getroot().tag == "testsuites"
    assert "summary.md" in err


@pytest.mark.parametrize("words", [["xml"], ["junit="], ["json", "junit"], ["json", "text"], ["json=a", "junit=a"], ["junit=none/x.xml"], ["junit=."]])
def test_outputs_that_make_no_sense_are_said_before_the_work(case: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    options = [part for word in words for part in ("--format", word)]
    try:
        status = main([case, *options])
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith("verifier: ")


def test_the_text_is_for_standard_output_unless_something_else_goes_there() -> None:
    assert together([output("junit=a.xml")]) == (Output("text"), Output("junit", "a.xml"))
    assert together([output("json")]) == (Output("json"),)
    assert together([output("junit=-")]) == together([output("junit")]) == (Output("junit"),)
    assert together([output("github"), output("text"), output("text")]) == (Output("github"), Output("text"))


@pytest.mark.parametrize("name", draw.FORMATS)
def test_every_format_draws_the_cases_of_the_lectures(name: str) -> None:
    """cases/cs231n: everything passes, with warnings and findings that are expected."""
    loaded = load(str(ROOT / "cases" / "cs231n"))
    report = verify_all(loaded.cases, loaded.complaints)
    drawn = draw.drawn(name, report, paint=PLAIN)
    assert "neuron" in drawn
    if name == "junit":
        assert junit_problems(drawn) == []
    if name == "sarif":
        assert sarif_problems(drawn) == []


def test_a_complaint_is_drawn_in_every_format_with_its_place() -> None:
    complaint = Complaint(Place("a.yaml", 4, 2), "no such key", "fucntion: x")
    report = verify_all([], [complaint])
    for name in draw.FORMATS:
        assert "no such key" in draw.drawn(name, report, paint=PLAIN)
