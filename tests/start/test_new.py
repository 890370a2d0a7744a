"""`new` and `init`: what they write is checked and passes; nothing is overwritten."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests import ROOT
from verifier import load
from verifier.case.document import _KEYS
from verifier.cli import main
from verifier.config import KEYS, config_for
from verifier.start.init import CONFIGURATION_TEXT


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def schema_of(path: Path) -> Path:
    """The file that the first line of a case names to editors."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    return path.parent / first.removeprefix("# yaml-language-server: $schema=")


@pytest.mark.parametrize(("name", "file", "case"), [("softplus", "softplus.yaml", "softplus"), ("cases/a.yml", "cases/a.yml", "a"), ("deep/er/two words", "deep/er/two words.yaml", "two words"), ("1e5", "1e5.yaml", "1e5"), ("x.grad", "x.grad.yaml", "x")])
def test_a_new_case_is_one_that_passes(name, file, case):
    assert main(["new", name]) == 0
    assert [c.name for c in load(file).cases] == [case]
    assert main([file]) == 0
    assert "by_hand:" in Path(file).read_text(encoding="utf-8")


def test_a_mistake_in_the_new_case_is_caught():
    main(["new", "a"])
    text = Path("a.yaml").read_text(encoding="utf-8")
    Path("a.yaml").write_text(text.replace("dx = de * e", "dx = de"), encoding="utf-8")
    assert main(["a.yaml"]) == 1


def test_keys_that_are_commented_out_are_keys():
    main(["new", "a"])
    text = Path("a.yaml").read_text(encoding="utf-8")
    rows = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ") and line.removeprefix("# ").partition(":")[0] in _KEYS]
    assert [row.partition(":")[0] for row in rows] == ["accept", "expect", "hunt"]
    for row in rows:
        Path("a.yaml").write_text(f"{text}\n{row}\n", encoding="utf-8")
        assert load("a.yaml").complaints == ()


def test_a_file_is_never_overwritten(capsys):
    Path("a.yaml").write_text("mine", encoding="utf-8")
    assert main(["new", "a"]) == 2
    assert Path("a.yaml").read_text(encoding="utf-8") == "mine"
    assert "'a.yaml' exists" in capsys.readouterr().err


def test_editors_find_the_schema_and_a_project_has_it_once(folder):
    main(["new", "cases/a"])
    main(["new", "cases/deep/b"])
    (folder / "cases" / "deep" / "other").mkdir()
    (folder / "cases" / "deep" / "other" / "pyproject.toml").touch()
    main(["new", "cases/deep/other/c"])
    found = [schema_of(folder / "cases" / file) for file in ("a.yaml", "deep/b.yaml", "deep/other/c.yaml")]
    assert found[0].samefile(found[1])
    assert not found[0].samefile(found[2]), "another project has its own"
    assert json.loads(found[0].read_text(encoding="utf-8"))["properties"].keys() == set(_KEYS)


# ---------------------------------------------------------------- a repository


def test_a_new_repository_passes_as_its_workflow_runs_it(folder):
    assert main(["init"]) == 0
    assert main([]) == 0
    job = yaml.safe_load((folder / ".github" / "workflows" / "gradients.yml").read_text(encoding="utf-8"))["jobs"]["gradients"]
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[0].startswith("python -m pip install backprop-verifier")
    is_installed = any(e.name == "verifier" for e in importlib.metadata.entry_points(group="pytest11"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": "" if is_installed else "-p verifier.plugin"}
    for command in commands[1:]:
        run = subprocess.run([sys.executable, *shlex.split(command)[1:]], env=environment, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stdout + run.stderr
        assert "pytest" not in command or "1 passed" in run.stdout, "the case is the test"
    case = folder / "cases" / "first.yaml"
    case.write_text(case.read_text(encoding="utf-8").replace("dx = de * e", "dx = de"), encoding="utf-8")
    for command in commands[1:]:
        assert subprocess.run([sys.executable, *shlex.split(command)[1:]], env=environment, capture_output=True, check=False).returncode == 1, "the twin"
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as section:
        section.write('baseline = "known.json"\n')
    assert main(["--baseline-update"]) == 0
    for command in commands[1:]:
        assert subprocess.run([sys.executable, *shlex.split(command)[1:]], env=environment, capture_output=True, check=False).returncode == 0, "what the baseline knows fails nowhere"


def test_the_schema_of_a_new_repository_is_where_its_case_says(folder):
    main(["init", "here"])
    assert schema_of(folder / "here" / "cases" / "first.yaml").is_file()
    assert config_for(start=folder / "here").paths == ("cases",)


def test_what_is_there_is_left_as_it_is(folder, capsys):
    (folder / "cases").mkdir()
    (folder / "cases" / "first.yaml").write_text("mine", encoding="utf-8")
    assert main(["init"]) == 2
    assert "nothing is written, since these exist: cases/first.yaml" in capsys.readouterr().err.replace(os.sep, "/")
    assert sorted(p.name for p in folder.iterdir()) == ["cases"]


def test_the_section_is_added_to_the_configuration_of_others(folder):
    own = '[project]\nname = "mine"\n\n[tool.ruff]\nline-length = 100\n'
    (folder / "pyproject.toml").write_text(own, encoding="utf-8")
    assert main(["init"]) == 0
    assert (folder / "pyproject.toml").read_text(encoding="utf-8") == f"{own}\n{CONFIGURATION_TEXT}"
    assert main(["init"]) == 2, "the twin: a section of ours is not added twice"


def test_keys_of_the_new_configuration_that_are_commented_out_are_keys():
    assert {line.removeprefix("# ").partition(" =")[0] for line in CONFIGURATION_TEXT.splitlines()[1:]} <= set(KEYS)


# ---------------------------------------------------------------- names and files as they come


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("", "python -m verifier new first\n"),
        (".", "python -m verifier new first\n"),
        ("sub/", "python -m verifier new sub/first\n"),
        ("first/..", "python -m verifier new first\n"),
        ("two words/", "python -m verifier new 'two words/first'\n"),
        ("sub/.yaml", "python -m verifier new sub/first\n"),
        ("a\nb", "the end of a line"),
    ],
)
def test_a_name_of_no_file_is_refused_with_what_to_write(folder, capsys, name, part):
    assert main(["new", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert part in err
    assert list(folder.iterdir()) == []


def test_the_hint_is_a_command_that_a_shell_reads(capsys):
    assert main(["new", "two words"]) == 0
    command = capsys.readouterr().out.splitlines()[-1].removeprefix("check it: ")
    assert shlex.split(command)[-1] == "two words.yaml"
    assert f"Check it: {command}\n" in Path("two words.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_section_is_added_with_the_ends_of_lines_of_the_file(folder, capsys, end):
    own = f'[project]{end}name = "mine"{end}'
    (folder / "pyproject.toml").write_bytes(own.encode())
    assert main(["init"]) == 0
    assert (folder / "pyproject.toml").read_bytes().decode() == own + end + CONFIGURATION_TEXT.replace("\n", end)
    assert "added [tool.verifier] to pyproject.toml\n" in capsys.readouterr().out
    assert config_for().paths == ("cases",)


def test_nothing_is_added_to_a_file_that_is_no_toml(folder, capsys):
    (folder / "pyproject.toml").write_text("[project\n", encoding="utf-8")
    assert main(["init"]) == 2
    assert "'pyproject.toml' is not TOML" in capsys.readouterr().err
    assert [p.name for p in folder.iterdir()] == ["pyproject.toml"]
