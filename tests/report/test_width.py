"""On a terminal every line fits: reports, tables, code with its carets, and what commands say; words and numbers are never cut."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from verifier.case.load import load_text
from verifier.report.draw import text
from verifier.report.draw.deliver import painted
from verifier.report.draw.paint import Paint, fitted
from verifier.verify import verify

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CASES = """\
name: a rather long name of a case that somebody wrote with all that he knows of it, and some more
function: (x + sigmoid(y)) / (sigmoid(x) + (x + y)**2)
points: [{x: 3, y: -4}, {x: 20, y: 1e5}, {x: -3.123456789012345, y: 1.234567890123456e-200}]
formats: [float64, float32]
domain: {x: [-10, 10], y: [-10, 10]}
sample: 5
implementations:
  staged: {}
  by_hand_with_a_long_name_that_goes_on:
    backward: |
      dx = (1 - sigmoid(x)*(1 - sigmoid(x))*(x + sigmoid(y)) / (sigmoid(x) + (x + y)**2))*dout + 0*x*y*(x + y)*(x - y)*(x + 2*y)*(x - 2*y)
      dy = dout * sigmoid(y)*(1 - sigmoid(y)) / (sigmoid(x) + (x + y)**2)
residuals:
  staged.dx - by_hand_with_a_long_name_that_goes_on.dx: 1.25
---
name: arrays
function: sum(tanh(W @ x)**2)
points: [{W: [[1, 2, 3.5], [4, 5, 6], [7, 8.123456789, 9]], x: [0.1, 0.2, 30]}]
implementations:
  it: {forward: "h = W @ x; t = tanh(h); out = sum(t**2)", backward: "dt = 2*t*dout; dh = (1 - t**2)*dt; dW = outer(dh, x); dx = W @ dh"}
"""


def plain(line: str) -> str:
    return ESCAPE.sub("", line)


@pytest.fixture(scope="module")
def reports() -> list[object]:
    return [verify(c) for c in load_text(CASES).cases]


@pytest.mark.parametrize("columns", [120, 80, 60, 50])
@pytest.mark.parametrize("is_coloured", [True, False])
def test_every_line_of_a_report_fits_and_no_word_is_lost(reports: list[object], columns: int, is_coloured: bool) -> None:
    for report in reports:
        wide, narrow = (painted(lambda p, report=report: text.case(report, paint=p), Paint(is_coloured, c)) for c in (0, columns))  # type: ignore[misc]
        lines = [plain(line) for line in narrow.split("\n")]
        assert [line for line in lines if len(line) > columns and " " in line.strip()] == []
        words = [[w for line in t.split("\n") if not re.match(r" {5}\|| *\d+ \|", plain(line)) for w in plain(line).split()] for t in (wide, narrow)]
        assert words[0] == words[1]
        carets = [(above, line) for above, line in pairwise(lines) if re.match(r" {5}\| +\^+$", line)]
        assert all(above[line.index("^")] in "d1(" for above, line in carets), carets  # the statement, or a part of it


@pytest.mark.parametrize(
    ("line", "columns", "expected"),
    [
        ("short", 80, ["short"]), ("short", 0, ["short"]), ("  one two three", 9, ["  one two", "    three"]), ("  one  two", 8, ["  one", "    two"]),
        ("aaaaaaaaaaaa", 5, ["aaaaaaaaaaaa"]), ("\x1b[31mone\x1b[0m two", 7, ["\x1b[31mone\x1b[0m two"]), ("\x1b[31mone\x1b[0m two", 6, ["\x1b[31mone\x1b[0m", "   two"]), ("│ a drawing that is wide │", 8, ["│ a drawing that is wide │"]),
    ],
)  # fmt: skip
def test_a_line_is_broken_at_spaces_and_its_rest_hangs(line: str, columns: int, expected: list[str]) -> None:
    assert fitted(line, columns).split("\n") == expected


def on_a_terminal(words: list[str], columns: int, folder: Path) -> list[str]:
    """The lines that a command writes to a terminal of so many columns."""
    fcntl, pty, termios = (pytest.importorskip(name) for name in ("fcntl", "pty", "termios"))
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    root = str(Path(__file__).parents[2])
    child = subprocess.Popen([sys.executable, "-m", "verifier", *words], stdin=its, stdout=its, stderr=subprocess.DEVNULL, cwd=folder, env={**os.environ, "PYTHONPATH": root, "TERM": "xterm"})
    os.close(its)
    found = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        found += part
    os.close(ours)
    child.wait()
    return [plain(line.split("\r")[-1]) for line in found.decode().replace("\r\n", "\n").split("\n")]


@pytest.mark.parametrize("words", [["many.yaml", "--no-cache"], ["show", "many.yaml", "--case", "arrays"], ["explain", "V101"], ["explain", "unstable"], ["explain"], ["gates"], ["--help"]])
def test_what_a_command_writes_to_a_terminal_fits(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text(CASES)
    lines = on_a_terminal(words, 64, tmp_path)
    assert len(lines) > 5
    assert [line for line in lines if len(line) > 64 and " " in line.strip()] == []


def test_of_a_line_of_200000_characters_is_shown_what_stands_around_the_mistake() -> None:
    (complaint,) = load_text(f"function: x{' + x' * 400} + sni(x){' + x' * 40_000}\npoints: [{{x: 1}}]\n").complaints or [None]
    assert complaint is not None
    _, line, caret = str(complaint).split("\n")
    assert len(line) < 500
    start = caret.index("^")
    assert line[start:].startswith(complaint.line_text[complaint.place.column - 1 :][:20])
