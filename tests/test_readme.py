"""What the README and the tour show is what happens."""

from __future__ import annotations

import doctest
import re
import runpy
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests import ROOT
from tests.sessions import run_page
from verifier.case.case import VERDICTS
from verifier.case.load import load_text
from verifier.language.verdict import Verdict
from verifier.verify import verify

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run_tour(text: str) -> doctest.TestResults:
    """All Python blocks of a page as one session."""
    test = doctest.DocTestParser().get_doctest("\n".join(blocks(text, "python")), {}, "tour", "tour.md", 0)
    runner = doctest.DocTestRunner()
    runner.run(test)
    return runner.summarize(verbose=False)


def test_every_result_of_the_tour_is_what_the_code_prints() -> None:
    failed, attempted = run_tour((ROOT / "docs" / "tour.md").read_text(encoding="utf-8"))
    assert attempted > 30
    assert failed == 0


def test_a_result_of_the_tour_that_were_wrong_would_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_tour("```python\n>>> 1 + 1\n3\n```\n").failed == 1
    assert "Expected:\n    3" in capsys.readouterr().out


def run_example(folder: Path) -> subprocess.CompletedProcess[str]:
    """The first case of the README, saved under the name it gives, and the command below it."""
    case = blocks(README, "yaml")[0]
    session = blocks(README, "console")[0]
    (folder / case.partition("\n")[0].removeprefix("# ")).write_text(case, encoding="utf-8")
    _, python, *words = shlex.split(session.partition("\n")[0])
    assert python == "python"
    return subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, encoding="utf-8", check=False)


def test_the_bound_of_the_readme_is_what_the_tool_prints_but_for_its_seconds(tmp_path: Path) -> None:
    page, wrong, _ = run_page("```console\n" + blocks(README, "console")[1] + "```\n", tmp_path)
    assert wrong == []
    assert "proved (claim 7 ulp)" in page


def test_the_example_of_the_readme_prints_what_the_readme_shows(tmp_path: Path) -> None:
    run = run_example(tmp_path)
    assert run.stdout == blocks(README, "console")[0].partition("\n")[2], "python tests/test_readme.py writes the new output into the README"
    assert (run.returncode, run.stderr) == (1, "")


def test_the_headline_is_true_the_constants_differ_by_1e_12_and_only_one_is_wrong() -> None:
    case = blocks(README, "yaml")[0]
    first, second = re.findall(r"0\.39894\d+", case)
    assert abs(float(first) - float(second)) == pytest.approx(1e-12, rel=1e-3)
    (loaded,) = load_text(case, file="normal.yaml").cases
    assert {r.implementation: r.verdict for r in verify(loaded).results} == {"right": Verdict.ROUNDING, "typo": Verdict.WRONG}


def test_finite_differences_do_not_see_what_the_headline_says_they_do_not() -> None:
    import math

    h, x = 1e-6, 1.5
    difference = (math.erf((x + h) / math.sqrt(2)) - math.erf((x - h) / math.sqrt(2))) / (4 * h)
    for constant in (0.3989422804014327, 0.3989422804024327):
        assert abs(constant * math.exp(-(x**2) / 2) - difference) < 1e-9, "gradcheck's bound is 1e-5 + 1e-3 |g|: both pass"


def test_the_second_case_of_the_readme_passes_and_reproduces_the_published_figures() -> None:
    (case,) = load_text(blocks(README, "yaml")[1], file="two.yaml").cases
    report = verify(case)
    assert report.status == "passed"
    assert [p.met for p in report.published] == [True, True]


def test_the_table_of_verdicts_has_every_verdict_on_its_side_of_the_gate() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", README, re.MULTILINE))
    sides = {v.value: "passes" if v.passes else "warns" if v.warns else "fails" if v.fails else "neither" for v in Verdict}
    assert rows == sides
    assert set(rows) == set(VERDICTS)


def test_the_python_of_the_readme_is_python_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "a.yaml").write_text("function: x * x\npoints: [{x: 3}]\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code, *_ = blocks(README, "python")  # the second is for test_fuzz.py
    exec(compile(code, "README.md", "exec"), {})
    (tmp_path / "cases" / "b.yaml").write_text("function: x * x\npoints: [{x: 3}]\nimplementations: {i: {backward: dx = x}}\n", encoding="utf-8")
    with pytest.raises(AssertionError):
        exec(compile(code, "README.md", "exec"), {})


def test_the_code_of_the_readme_is_checked_where_it_stands(tmp_path: Path) -> None:
    own = blocks(README, "python")[2]
    (tmp_path / "mine.py").write_text(own, encoding="utf-8")
    runpy.run_path(str(tmp_path / "mine.py"))
    (tmp_path / "bent.py").write_text(own.replace("x.T @ dout", "x.T @ dout / 2"), encoding="utf-8")
    with pytest.raises(AssertionError, match="wrong gradient"):
        runpy.run_path(str(tmp_path / "bent.py"))


def test_the_two_commands_are_one_line_each_and_make_their_own_environment() -> None:
    commands = [block.strip() for block in blocks(README, "sh")]
    assert len(commands) == 2
    assert all("\n" not in c and c.startswith("python3 -m venv .venv && .venv/bin/pip install ") for c in commands)
    assert "-m verifier cases/" in commands[0]
    assert "-m pytest" in commands[1]


def test_every_link_of_the_pages_leads_to_a_file() -> None:
    for page in (ROOT / "README.md", ROOT / "docs" / "tour.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), target


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        session = blocks(README, "console")[0]
        new = session.partition("\n")[0] + "\n" + run_example(Path(scratch)).stdout
        (ROOT / "README.md").write_text(README.replace(session, new), encoding="utf-8")
