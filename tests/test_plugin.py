"""The pytest plugin, in pytest runs of their own: cases are tests, with all that pytest does with tests."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests import ROOT
from verifier import load_text
from verifier.cli import main
from verifier.many import verify_all

GOOD = "name: good\nfunction: sin(x)\npoints: [{x: 1}]\n"
BENT = "name: bent\nfunction: sin(x)\npoints: [{x: 1}]\nimplementations:\n  mine:\n    backward: |\n      dx = sin(x) * dout\n"
LOSSY = "name: lossy\nfunction: tanh(x)\npoints: [{x: 20}]\nimplementations: {it: {backward: dx = (1 - out**2) * dout}}\n"
IS_INSTALLED = any(e.name == "verifier" for e in importlib.metadata.entry_points(group="pytest11"))


verify_all(load_text(GOOD + "---\n" + BENT).cases)  # what it imports stays for all runs in this process, which forget what they import: NumPy and SymPy can be imported only once
OWN = [] if IS_INSTALLED else ["-p", "verifier.plugin"]


@pytest.fixture
def folder(pytester: pytest.Pytester) -> pytest.Pytester:
    """A project of somebody else."""
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    write(pytester, "net/a.grad.yaml", f"{GOOD}---\n{BENT}---\n{GOOD}")
    write(pytester, "net/b.grad.yml", LOSSY)
    write(pytester, "net/settings.yaml", "no: case\n")
    return pytester


def write(folder: pytest.Pytester, name: str, text: str) -> None:
    path = folder.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(folder: pytest.Pytester, *words: str, status: int) -> str:
    done = folder.runpytest_inprocess("-p", "no:xdist", *OWN, *words)
    assert done.ret == status, done.outlines
    return "\n".join(done.outlines)


def in_a_process(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""}
    return subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)


def outcomes(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(\S.*?) (PASSED|FAILED|SKIPPED)", text, re.MULTILINE))


def test_every_case_of_a_case_file_is_a_test(folder: pytest.Pytester) -> None:
    assert outcomes(run(folder, "-v", "-rN", status=1)) == {
        "net/a.grad.yaml::good": "PASSED",
        "net/a.grad.yaml::bent": "FAILED",
        "net/a.grad.yaml::good #2": "PASSED",
        "net/b.grad.yml::lossy": "PASSED",
    }


def test_the_failure_is_the_finding_and_no_traceback(folder: pytest.Pytester) -> None:
    text = run(folder, status=1)
    assert "V101 wrong-gradient" in text
    assert re.search(r"^FAILED net/a\.grad\.yaml::bent - V101 mine\.dx: ", text, re.MULTILINE), "the summary shows the finding"
    assert "--> net/a.grad.yaml:11:12" in text
    assert "dx = sin(x) * dout" in text
    assert "0.5403023058681397174009366" in text  # cos 1, OEIS A049470
    assert "Traceback" not in text
    assert "plugin.py" not in text


@pytest.mark.parametrize(("words", "count"), [(("-k", "good"), 2), (("net/a.grad.yaml::good #2",), 1), (("net/b.grad.yml",), 1), (("-m", "verifier", "-k", "lossy"), 1)])
def test_cases_are_chosen_as_tests_are(folder: pytest.Pytester, words: tuple[str, ...], count: int) -> None:
    assert f"{count} passed" in run(folder, *words, status=0)


def test_the_last_failures_run_again_and_a_failure_may_end_the_run(folder: pytest.Pytester) -> None:
    assert "1 failed, 3 passed" in run(folder, "--lf", status=1)
    again = run(folder, "--lf", status=1)
    assert "= 1 failed in" in again
    assert "1 failed, 1 passed" in run(folder, "-x", status=1)


def test_cases_run_on_several_processes(folder: pytest.Pytester) -> None:
    pytest.importorskip("xdist", reason="pytest-xdist is not installed")
    done = in_a_process(folder.path, "-m", "pytest", *OWN, "-n", "2")
    assert "1 failed, 3 passed" in done.stdout
    assert "V101 wrong-gradient" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    write(folder, "pyproject.toml", "[tool.verifier]\nignore = ['V999']\n")
    done = in_a_process(folder.path, "-m", "pytest", *OWN, "-n", "2")
    assert "pyproject.toml:2:1: ignore has 'V999'" in done.stdout
    assert not {"Traceback", "plugin.py", "INTERNALERROR"} & set(re.findall(r"[\w.]+", done.stdout + done.stderr))


def test_pytests_junit_has_the_finding(folder: pytest.Pytester) -> None:
    run(folder, "--junit-xml=out.xml", status=1)
    tests = ET.parse(folder.path / "out.xml").findall(".//testcase")
    assert sorted(str(t.get("name")) for t in tests) == ["bent", "good", "good #2", "lossy"]
    (failure,) = [f for t in tests for f in t.findall("failure")]
    assert "V101 wrong-gradient" in (failure.text or "")
    assert re.match(r"V101 mine\.dx: .*`sin` where `cos` is meant", str(failure.get("message")))


def test_a_document_that_cannot_be_read_fails_and_the_others_run(folder: pytest.Pytester) -> None:
    write(folder, "net/c.grad.yaml", GOOD + "---\nfucntion: x\npoints: [{x: 1}]\n")
    text = run(folder, "net/c.grad.yaml", status=1)
    assert "1 failed, 1 passed" in text
    assert "net/c.grad.yaml:5:1" in text
    assert "did you mean 'function'?" in text


def test_other_globs_and_strictness_are_configured(folder: pytest.Pytester) -> None:
    assert "1 passed" in run(folder, "-o", "verifier_files=*.grad.yml", status=0)
    assert "1 failed" in run(folder, "-o", "verifier_files=*.grad.yml", "-o", "verifier_strict=true", status=1)
    write(folder, "deep/er/d.yaml", GOOD)
    assert "1 passed" in run(folder, "-o", "verifier_files=deep/**/*.yaml", status=0)
    run(folder, "-o", "verifier_files=none/*.yaml", status=5)


def test_the_configuration_of_the_project_holds_here_too(folder: pytest.Pytester) -> None:
    write(folder, "cases/d.yaml", LOSSY)
    write(folder, "pyproject.toml", "[tool.verifier]\nfiles = ['cases/*.yaml']\n")
    assert "1 failed, 4 passed" in run(folder, status=1)
    write(folder, "pyproject.toml", "[tool.verifier]\nstrict = true\n")
    assert "2 failed, 2 passed" in run(folder, status=1)
    write(folder, "pyproject.toml", "[tool.verifier]\nignore = ['V101']\n")
    assert "4 passed" in run(folder, status=0)
    write(folder, "pyproject.toml", "[tool.verifier]\nstrct = true\n")
    shown = run(folder, status=pytest.ExitCode.INTERRUPTED)
    assert "pyproject.toml:2:1: unknown key 'strct'" in shown
    assert "plugin.py" not in shown, "a user's mistake has no traceback"


@pytest.mark.parametrize(
    ("project", "words", "message"),
    [
        ("baseline = 'known.json'", (), "there is no baseline 'known.json'; --baseline-update writes it"),
        ("baseline = 'net/settings.yaml'", (), "is not a baseline"),
        ("ignore = ['V999']", (), "ignore has 'V999', and no finding's code begins so"),
        ("strict = true", ("-o", "verifier_strict=maybe"), "verifier_strict in pytest's configuration must be true or false"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_line_and_no_case_runs(folder: pytest.Pytester, project: str, words: tuple[str, ...], message: str) -> None:
    write(folder, "pyproject.toml", f"[tool.verifier]\n{project}\n")
    done = folder.runpytest_inprocess("-p", "no:xdist", *OWN, *words)
    assert done.ret == pytest.ExitCode.USAGE_ERROR, done.outlines
    (line,) = [line for line in [*done.outlines, *done.errlines] if line.startswith("ERROR: ")]
    assert message in line
    assert not {"Traceback", "plugin.py", "FAILED"} & set(re.findall(r"[\w.]+", "\n".join([*done.outlines, *done.errlines])))
    write(folder, "pyproject.toml", "[tool.verifier]\nignore = ['V101']\n")
    assert "4 passed" in run(folder, status=0), "the twin"


def test_what_a_baseline_knows_does_not_fail(folder: pytest.Pytester) -> None:
    write(folder, "pyproject.toml", "[tool.verifier]\nbaseline = 'known.json'\n")
    assert main(["net/a.grad.yaml", "--baseline-update"]) == 0
    assert "4 passed" in run(folder, status=0)
    write(folder, "net/a.grad.yaml", BENT.replace("sin(x) * dout", "tan(x) * dout"))
    assert "1 failed, 1 passed" in run(folder, status=1)


def test_a_file_that_is_named_is_collected_whatever_its_name(folder: pytest.Pytester) -> None:
    write(folder, "neuron.yaml", GOOD)
    assert "1 passed" in run(folder, "neuron.yaml", status=0)


def test_what_warns_is_shown_where_it_is_wanted(folder: pytest.Pytester) -> None:
    assert "V203 vanished-gradient" in run(folder, "net/b.grad.yml", "-rP", status=0)
    assert "V203" not in run(folder, "net/b.grad.yml", status=0), "the twin: a pass is quiet"


def test_a_case_of_which_nothing_is_checked_does_not_pass(folder: pytest.Pytester) -> None:
    write(folder, "e.grad.yaml", "function: log(x)\npoints: [{x: -1}]\n")
    text = run(folder, "e.grad.yaml", status=1)
    assert re.search(r"^nothing was checked: every gradient is undefined at its points$", text, re.MULTILINE)
    assert re.search(r"^FAILED e\.grad\.yaml::\S+ - nothing was checked: ", text, re.MULTILINE)
    assert "PASS" not in text
    assert "V204 undefined-gradient" in text


def test_where_nothing_is_collected_nothing_heavy_is_imported(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n", encoding="utf-8")
    code = f"import sys, pytest\nstatus = pytest.main({['-q', *OWN]!r})\nheavy = {{m.partition('.')[0] for m in sys.modules}} & {{'sympy', 'numpy', 'scipy', 'flint', 'mpmath', 'yaml'}}\nprint(int(status), sorted(heavy), [m for m in sys.modules if m.startswith('verifier.')])"
    done = in_a_process(tmp_path, "-c", code)
    assert done.stdout.splitlines()[-1] == "0 [] ['verifier.plugin']"
    (tmp_path / "a.grad.yaml").write_text(GOOD, encoding="utf-8")
    assert "'sympy'" in in_a_process(tmp_path, "-c", code).stdout.splitlines()[-1], "the twin: a case needs it"
