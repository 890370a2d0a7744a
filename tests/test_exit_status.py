"""The exit status of every command, as docs/ci.md has it in a table; the help of every command has an example, which can be parsed."""

from __future__ import annotations

import ast
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests import ROOT
from tests.texts import status_of
from verifier import load_text
from verifier.cli import RUNS, main
from verifier.many import verify_all
from verifier.options import COMMANDS, EXAMPLE_OF, parser_for
from verifier.report.draw import drawn
from verifier.report.draw.deliver import _PLAIN
from verifier.report.draw.paint import Paint, paint_for

GOOD = "name: good\nfunction: sin(x)\npoints: [{x: 1}]\n"
BAD = "name: bad\nfunction: sin(x)\npoints: [{x: 1}]\ndomain: {x: [0.5, 1.5]}\nimplementations: {mine: {backward: dx = sin(x) * dout}}\n"
LAZY = "name: lazy\nfunction: x*x\npoints: [{x: 3}, {x: -1.5}]\nupstream: 3\nimplementations: {mine: {backward: dx = 2*x*dout}}\n"
BLIND = "name: blind\nfunction: x*y\npoints: [{x: 1, y: 1}]\nimplementations: {mine: {backward: 'dx = y*dout\n\n  dy = x*dout'}}\n"
CLAIM = "name: claim\nfunction: x*exp(x)\ndomain: {x: [1, 2]}\ncertify: {ulps: 6}\n"
SMALL = {"fuzz": ("--max-examples", "10"), "hunt": ("--budget", "100")}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("good", GOOD), ("bad", BAD), ("lazy", LAZY), ("blind", BLIND), ("claim", CLAIM), ("broken", "fucntion: x\npoints: [{x: 1}]\n"), ("undefined", "function: log(x)\npoints: [{x: -1}]\n")):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name, text in (("good", GOOD.replace("good", "it")), ("bad", BAD.replace("bad", "it"))):
        report = replace(verify_all(load_text(text, file="it.yaml").cases), complaints=())
        (tmp_path / f"{name}.json").write_text(drawn("json", report, paint=Paint(enabled=False)), encoding="utf-8")
    (tmp_path / "here" / "cases").mkdir(parents=True)
    (tmp_path / "here" / "cases" / "first.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "made").mkdir()
    return tmp_path


SCENES = [
    ("check", ("good.yaml",), 0), ("check", ("bad.yaml",), 1), ("check", ("broken.yaml",), 2), ("check", ("undefined.yaml",), 2), ("check", ("good.yaml", "--format", "junit=nowhere/x.xml"), 2),
    ("hunt", ("good.yaml",), 0), ("hunt", ("bad.yaml",), 1), ("hunt", ("broken.yaml",), 2),
    ("improve", ("good.yaml",), 0), ("improve", ("bad.yaml",), 1), ("improve", ("broken.yaml",), 2), ("improve", ("good.yaml", "--implementation", "nobody"), 2),
    ("certify", ("bad.yaml", "--best"), 1), ("certify", ("claim.yaml",), 0), ("certify", ("claim.yaml", "--ulps", "0.1"), 1), ("certify", ("good.yaml",), 2), ("certify", ("claim.yaml", "--ulps", "-1"), 2),
    ("fuzz", ("good.yaml",), 0), ("fuzz", ("bad.yaml",), 1), ("fuzz", ("broken.yaml",), 2),
    ("mutate", ("lazy.yaml",), 0), ("mutate", ("blind.yaml",), 1), ("mutate", ("broken.yaml",), 2),
    ("diff", ("good.json", "good.json"), 0), ("diff", ("good.json", "bad.json"), 1), ("diff", ("good.json", "none.json"), 2),
    ("new", ("first",), 0), ("new", ("good",), 2), ("init", ("made",), 0), ("init", ("here",), 2), ("completion", ("bash",), 0), ("completion", ("basic",), 2),
    ("show", ("good.yaml",), 0), ("show", ("good.yaml", "--point", "9"), 2),
    ("plot", ("bad.yaml", "--over", "x", "--output", "x.svg"), 0), ("plot", ("bad.yaml", "--over", "q"), 2),
    ("explain", ("V101",), 0), ("explain", ("nonsense-word",), 2),
    ("serve", ("good.yaml", "--port", "0"), 0), ("serve", ("good.yaml", "--port", "none"), 2),
    ("gates", (), 0), ("gates", ("--nonsense",), 2), ("schema", (), 0), ("schema", ("--nonsense",), 2),
]  # fmt: skip


def _interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("command", "words", "status"), SCENES, ids=lambda v: " ".join(v) if isinstance(v, tuple) else str(v))
@pytest.mark.usefixtures("folder")
def test_every_command_ends_with_the_status_of_the_table(command: str, words: tuple[str, ...], status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verifier.serve.rest", _interrupted)  # it ends when somebody ends it
    assert status_of(command, *words, *SMALL.get(command, ())) == status


def test_the_table_has_every_command_and_a_scene_for_every_status() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8").partition("## Exit status")[2].partition("\n## ")[0]
    rows = {name: cells.split(" | ") for name, cells in re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE)}
    assert set(rows) == set(COMMANDS)
    stated = {(name, status) for name, cells in rows.items() for status, cell in enumerate(cells) if cell != "-"}
    tried = {(command, status) for command, _, status in SCENES}
    assert stated == tried


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example_that_can_be_parsed(command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert status_of(command, "--help") == 0
    example = EXAMPLE_OF[command]
    assert example in capsys.readouterr().out
    words = re.sub(r'^eval "\$\((.*)\)"$', r"\1", example).partition(">")[0].split()
    assert words[:4] == ["python", "-m", "verifier", command]
    assert parser_for(RUNS).parse_args(words[3:]).run is RUNS[command]


def test_fuzz_writes_nothing_outside_a_folder_that_was_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p.name for p in folder.iterdir()}
    words = [sys.executable, "-m", "verifier", "fuzz", "bad.yaml", "--max-examples", "10"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("HYPOTHESIS_STORAGE_DIRECTORY", None)
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stderr
    assert {p.name for p in folder.iterdir()} == before
    assert "add --save DIR" in done.stdout
    assert main(["fuzz", "bad.yaml", "--max-examples", "10", "--save", "found"]) == 1
    assert "add --save" not in capsys.readouterr().out
    assert {p.name for p in folder.iterdir()} == {*before, "found"}
    assert any((folder / "found").iterdir())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("variables", "when", "is_terminal", "painted"),
    [
        ({}, "auto", True, True), ({}, "auto", False, False), ({}, "always", False, True), ({}, "never", True, False), ({"NO_COLOR": "1"}, "auto", True, False), ({"NO_COLOR": ""}, "auto", True, True),
        ({"NO_COLOR": "1"}, "always", False, True), ({"FORCE_COLOR": "1"}, "auto", False, True), ({"FORCE_COLOR": "1"}, "never", False, False), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, "auto", True, False),
        ({"TERM": "dumb"}, "auto", True, False), ({"TERM": "dumb", "FORCE_COLOR": "1"}, "auto", True, True),
    ],
)  # fmt: skip
def test_colours_follow_the_option_then_no_color_then_force_color_then_the_terminal(variables: dict[str, str], when: str, is_terminal: bool, painted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert paint_for(Terminal() if is_terminal else io.StringIO(), when).enabled is painted


@pytest.mark.usefixtures("folder")
def test_the_option_reaches_the_report_and_the_circuit(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["check", "good.yaml"], ["show", "good.yaml"], ["hunt", "good.yaml", "--budget", "100"]):
        main([*words, "--color", "always"])
        assert "\x1b[" in capsys.readouterr().out
        main([*words, "--color", "never"])
        assert "\x1b[" not in capsys.readouterr().out


def spoken(path: Path) -> set[str]:
    """The characters beyond ASCII in a module's texts, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {id(n.body[0].value) for n in ast.walk(tree) if isinstance(n, ast.Module | ast.FunctionDef | ast.ClassDef) and n.body and isinstance(n.body[0], ast.Expr)}
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str) and id(n) not in documentation]
    return {c for text in texts for c in text if not c.isascii()}


def test_every_character_that_a_report_may_have_has_a_plain_form() -> None:
    """What steers a terminal, and what YAML refuses, are no characters of a report."""
    modules = [p for p in (ROOT / "verifier").rglob("*.py") if p.name not in ("deliver.py", "yaml_tree.py", "junit.py")]
    assert {c: p.name for p in modules for c in spoken(p) if c not in _PLAIN} == {}
    assert all(plain.isascii() for plain in _PLAIN.values())
    assert "κ" in set().union(*map(spoken, modules)), "the twin: characters are seen"
