"""The command line: exit status, streams, colours, and every command."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.texts import status_of
from verifier import __version__
from verifier.cli import main
from verifier.language.gates import GATES
from verifier.report.catalogue import CATALOGUE
from verifier.report.draw.paint import paint_for

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "name: good\nfunction: sin(x)\npoints: [{x: 1}]\n"
BAD = "name: bad\nfunction: sin(x)\npoints: [{x: 1}]\nimplementations:\n  bent:\n    backward: dx = sin(x)\n"
LOSSY = "name: lossy\nfunction: tanh(x)\npoints: [{x: 20}]\nimplementations: {it: {backward: dx = 1 - out**2}}\n"
BROKEN = "fucntion: sin(x)\npoints: [{x: 1}]\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("good", GOOD), ("bad", BAD), ("lossy", LOSSY), ("broken", BROKEN)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("good.yaml",), 0), (("check", "good.yaml"), 0), (("good.yaml", "bad.yaml"), 1), (("lossy.yaml",), 0), (("lossy.yaml", "--strict"), 1),
        (("broken.yaml",), 2), (("good.yaml", "broken.yaml"), 2), (("bad.yaml", "broken.yaml"), 2), (("empty",), 2), (("nowhere.yaml",), 2), ((), 2),
        (("good.yaml", "--format", "xml"), 2), (("good.yaml", "--no-such-option"), 2), (("chekc", "good.yaml"), 2), (("check",), 2), (("good.yaml", "--jobs", "-1"), 2),
        (("--version",), 0), (("--help",), 0), (("check", "--help"), 0), (("explain",), 0), (("explain", "V101"), 0), (("explain", "wrong-gradient"), 0),
        (("explain", "V999"), 2), (("gates",), 0), (("show", "good.yaml"), 0), (("show", "broken.yaml"), 2), (("show", "good.yaml", "--point", "2"), 2),
        (("show", "good.yaml", "--implementation", "stagd"), 2), (("show", "bad.yaml", "--case", "bda"), 2), (("good.yaml", "--jobs", "2"), 0),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_the_exit_status_says_what_happened(words: tuple[str, ...], status: int) -> None:
    assert status_of(*words) == status


@pytest.mark.usefixtures("folder")
def test_json_stands_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["good.yaml", "bad.yaml", "broken.yaml", "--format", "json"]) == 2
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["verifier"] == __version__
    assert report["summary"] == {"cases": 3, "passed": 1, "failed": 1, "errors": 1, "warnings": 0}
    assert [c["status"] for c in report["cases"]] == ["passed", "failed", "error"]
    assert "did you mean 'function'?" in err


@pytest.mark.usefixtures("folder")
def test_json_has_the_keys_of_the_contract_and_precise_numbers_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bad.yaml", "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    assert {"python", "numpy", "libm"} <= set(report["environment"])
    case = report["cases"][0]
    assert {"name", "file", "line", "status", "proofs", "results", "sweeps", "residuals", "findings"} <= set(case)
    result = case["results"][0]
    contract = {"implementation", "gradient", "format", "point", "computed", "exact", "rounded", "residual", "formula_error_ulps", "ulps", "condition", "program_condition", "verdict", "blame"}
    assert contract <= set(result)
    assert result["exact"].startswith("0.5403023058681397174009366")  # cos 1, OEIS A049470
    assert len(result["exact"].replace("0.", "")) >= 25
    assert result["point"] == {"x": "1.0"}
    assert result["verdict"] == "wrong"
    finding = case["findings"][0]
    assert (finding["code"], finding["name"], finding["severity"]) == ("V101", "wrong-gradient", "error")
    assert (finding["file"], finding["line"]) == ("bad.yaml", 6)


@pytest.mark.usefixtures("folder")
def test_text_says_which_line_is_wrong_and_never_cuts_digits(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bad.yaml"])
    out = capsys.readouterr().out
    assert "V101" in out
    assert "bad.yaml:6" in out
    assert "0.5403023058681397174009366" in out
    assert "0.8414709848078965" in out
    assert "…" not in out
    assert out.splitlines()[-1] == "1 case, 0 passed, 1 failed"


@pytest.mark.usefixtures("folder")
def test_quiet_shows_only_what_needs_attention(capsys: pytest.CaptureFixture[str]) -> None:
    main(["good.yaml", "bad.yaml", "--quiet"])
    out = capsys.readouterr().out
    assert "PASS" not in out
    assert "FAIL bad" in out


@pytest.mark.usefixtures("folder")
def test_an_unreadable_case_is_complained_about_with_its_line_and_a_caret(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["broken.yaml"]) == 2
    out, err = capsys.readouterr()
    assert "unknown key 'fucntion'" in out
    assert "    --> broken.yaml:1:1\n   1 |  fucntion: sin(x)\n     |  ^\n" in out
    assert err == "", "the text has it, in its place"
    assert main(["broken.yaml", "--format", "json"]) == 2
    err = capsys.readouterr().err
    assert "broken.yaml:1:1: unknown key 'fucntion'" in err
    assert "    1 | fucntion: sin(x)\n" in err
    assert "^" in err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_and_respects_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert paint_for(Terminal())("x", "red") == "\x1b[31mx\x1b[0m"
    assert paint_for(io.StringIO())("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint_for(Terminal())("x", "red") == "x"


@pytest.mark.usefixtures("folder")
def test_show_prints_every_line_with_its_value_and_exact_value(capsys: pytest.CaptureFixture[str]) -> None:
    main(["show", "good.yaml"])
    out = capsys.readouterr().out
    assert "out = sin(x)" in out
    assert "backward" in out
    assert "dx = cos(x) * dout" in out
    assert "0.54030230586813971740" in out


@pytest.mark.parametrize("code", CATALOGUE)
def test_every_finding_is_explained(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code.lower()]) == 0
    out = capsys.readouterr().out
    for part in (code, "What it says", "Why it matters", "Example", "What to do"):
        assert part in out


def test_an_unknown_code_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "wrong-gradeint"]) == 2
    assert "did you mean 'wrong-gradient'?" in capsys.readouterr().err


def test_several_words_are_explained_and_the_beginning_of_a_code_lists_the_codes(capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        assert main(["explain", *words]) == 0
        return capsys.readouterr().out

    assert said("V101", "v102") == said("V101") + "\n" + said("V102")
    assert said("unstable", "wrong-gradient") == said("unstable") + "\n" + said("wrong-gradient")
    assert [line[:4] for line in said("v1").splitlines()] == [code for code in CATALOGUE if code.startswith("V1")]
    assert main(["explain", "V101", "V999"]) == 2
    assert capsys.readouterr() == ("", "verifier: no finding and no word of a report is called 'V999'; 'python -m verifier explain' lists them\n")


def test_an_option_that_is_none_gets_a_suggestion_and_its_commands_help(capsys: pytest.CaptureFixture[str]) -> None:
    for words, message, command in (
        (["x.yaml", "--formt", "json"], "there is no option '--formt'; did you mean '--format'?", "check"),
        (["--stricd", "x.yaml"], "there is no option '--stricd'; did you mean '--strict'?", "check"),
        (["hunt", "x.yaml", "--bugdet=5"], "there is no option '--bugdet'; did you mean '--budget'?", "hunt"),
        (["fuzz", "x.yaml", "--max-examples", "0"], "argument --max-examples: '0' is not a whole number from 1 on", "fuzz"),
        (["hunt", "x.yaml", "--budget", "-5"], "argument --budget: '-5' is not a whole number from 1 on", "hunt"),
        (["mutate", "x.yaml", "--most", "few"], "argument --most: 'few' is not a whole number from 1 on", "mutate"),
        (["show", "x.yaml", "--point", "0"], "argument --point: '0' is not a whole number from 1 on", "show"),
        (["fuzz", "x.yaml", "--max-time", "-1"], "argument --max-time: '-1' is not a positive number of seconds", "fuzz"),
        (["gates", "exp"], "'exp' is one word too many", "gates"),
    ):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert (end.value.code, capsys.readouterr().err) == (2, f"verifier: {message}\ntry: python -m verifier {command} --help\n")


@pytest.mark.usefixtures("folder")
def test_a_path_without_a_case_is_not_counted_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    for words, last in (
        (["nowhere.yaml"], "0 cases, 1 path without a readable case"),
        (["good.yaml", "nowhere.yaml", "empty"], "1 case, 1 passed, 2 paths without a readable case"),
        (["good.yaml", "broken.yaml"], "2 cases, 1 passed, 1 error"),
    ):
        assert main(words) == 2
        assert capsys.readouterr().out.splitlines()[-1] == last


@pytest.mark.usefixtures("folder")
def test_show_says_which_cases_and_points_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "good.yaml", "--case", "zzz"]) == 2
    assert capsys.readouterr().err == "verifier: 'good.yaml' has no case named 'zzz'; it has 'good'\n"
    assert main(["show", "nowhere.yaml"]) == 2
    assert capsys.readouterr().err == "nowhere.yaml:1:1: the file cannot be read: No such file or directory\n"
    assert main(["show", "good.yaml", "--point", "2"]) == 2
    assert capsys.readouterr().err == "verifier: good has 1 point, so there is no --point 2\n"


@pytest.mark.usefixtures("folder")
def test_a_folder_that_is_a_file_is_said_before_the_campaign(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "bad.yaml", "--save", "good.yaml"]) == 2
    assert capsys.readouterr() == ("", "verifier: --save good.yaml: this is a file; name a folder\n")


def test_gates_lists_the_whole_table(capsys: pytest.CaptureFixture[str]) -> None:
    main(["gates"])
    out = capsys.readouterr().out
    assert [name for name in GATES if f"  {name}(" not in out] == []


def test_a_mistyped_command_is_told_from_a_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    main(["exlpain", "V101"])
    assert "unknown command 'exlpain'; did you mean 'explain'?" in capsys.readouterr().err


def test_the_module_runs_as_a_program_and_a_closed_pipe_is_no_crash(folder: Path) -> None:
    run = subprocess.run([sys.executable, "-m", "verifier", str(folder / "good.yaml")], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    piped = subprocess.run(f"{sys.executable} -m verifier gates | head -n 1", shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in piped.stderr


def test_mutate_of_a_file_that_cannot_be_read_says_that_alone(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["mutate", "missing.yaml"]) == 2
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.startswith("missing.yaml:1:1: the file cannot be read")
