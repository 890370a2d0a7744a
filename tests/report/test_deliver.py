"""Output of the command line: any encoding, nothing raw that steers a terminal, no traceback where it is lost; what is no file is not waited for."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from verifier.cli import main
from verifier.report.draw.deliver import json_safe, painted, visible
from verifier.report.draw.paint import Paint

EVIL = 'name: "evil \\e[31m \\u202e κ \\u65e5"\nfunction: tanh(x)\npoints: [{x: 2}]\n'


@pytest.fixture
def evil(tmp_path: Path) -> str:
    path = tmp_path / "evil.yaml"
    path.write_text(EVIL, encoding="utf-8")
    return str(path)


def run(*words: str, encoding: str = "utf-8", stdout: int | None = subprocess.PIPE, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    return subprocess.run([sys.executable, "-m", "verifier", *words], input=given, stdout=stdout, stderr=subprocess.PIPE, env=environment, timeout=120, check=False)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_the_report_is_written_in_any_encoding(evil: str, encoding: str) -> None:
    done = run(evil, encoding=encoding)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    text = done.stdout.decode(encoding)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert ("κ" if encoding == "utf-8" else "kappa") in text
    form = run(evil, "--format", "json", encoding=encoding)
    assert json.loads(form.stdout.decode(encoding))["cases"][0]["name"] == "evil \x1b[31m \u202e κ 日"
    assert b"\x1b" not in form.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_a_report_that_is_lost_is_exit_status_2(evil: str) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = run(evil, stdout=full.fileno())
    assert done.returncode == 2
    assert done.stderr.startswith(b"verifier: the report could not be written: ")
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["check", "--help"], ["gates"], ["explain", "V101"], ["schema"], ["completion", "zsh"]])
def test_a_help_or_a_table_that_is_lost_is_exit_status_2_too(words: list[str]) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        done = subprocess.run([sys.executable, "-m", "verifier", *words], stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith(b"verifier: the report could not be written: ")


def test_a_reader_that_went_away_gets_no_traceback(evil: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(evil, stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (2, b"")


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(EVIL.encode()), encoding="utf-8"))
    assert main(["-"]) == 0
    assert "<stdin>:1" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_skipped_in_a_folder_and_refused_by_name(evil: str, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = Path(evil).with_name("pipe.yaml")
    os.mkfifo(pipe)
    assert main([str(pipe.parent)]) == 0
    assert "1 case, 1 passed" in capsys.readouterr().out
    assert main([str(pipe)]) == 2
    assert "it is a pipe, not a file" in capsys.readouterr().out


def test_a_name_that_is_too_long_is_said_of_that_path_alone(evil: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a/" * 3000 + "x.yaml", evil]) == 2
    out = capsys.readouterr().out
    assert "the file cannot be read: File name too long" in out
    assert "1 case, 1 passed" in out


def test_a_place_that_cannot_be_written_is_said(evil: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", evil, "--over", "x", "--output", str(Path(evil).parent / "none" / "x.svg")]) == 2
    assert "No such file or directory" in capsys.readouterr().err


def test_colours_are_ours_or_there_are_none() -> None:
    paint = Paint(enabled=True)
    assert painted(lambda p: p("fine", "red"), paint) == "\x1b[31mfine\x1b[0m"
    assert painted(lambda p: p("evil \x1b[31m", "red"), paint) == "evil \\x1b[31m"
    assert visible("a\u202eb\x7f\n\tc\udc80") == "a\\u202eb\\x7f\n\tc\\udc80"
    assert json.loads(json_safe('"a\u202e\x9f"')) == "a\u202e\x9f"
