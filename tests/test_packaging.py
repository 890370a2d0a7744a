"""What is packed, and what other tools read of this repository: the index, pre-commit, GitHub's actions."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GOOD = "name: good\nfunction: sin(x)\npoints: [{x: 1}]\n"
BAD = "name: bad\nfunction: sin(x)\npoints: [{x: 1}]\nimplementations: {bent: {backward: dx = sin(x)}}\n"


def test_the_licence_is_an_spdx_text_and_its_file_is_packed():
    assert PROJECT["license"] == "MIT"
    assert [(ROOT / file).read_text(encoding="utf-8").splitlines()[0] for file in PROJECT["license-files"]] == ["MIT License"]
    assert not any(c.startswith("License ::") for c in PROJECT["classifiers"]), "an index refuses both"


def test_the_page_of_the_index_has_no_link_that_leads_nowhere_there_and_shows_what_the_readme_shows():
    page, readme = ((ROOT / name).read_text(encoding="utf-8") for name in (PROJECT["readme"], "README.md"))
    links = re.compile(r"\]\((?!https:)[^)]+\)")
    assert links.findall(page) == []
    assert links.findall(readme) != [], "the twin: the README has links to files beside it"
    fences = re.compile(r"^```(?:yaml|python)\n.*?^```$", re.MULTILINE | re.DOTALL)
    assert len(fences.findall(page)) == 2
    assert set(fences.findall(page)) <= set(fences.findall(readme)), "which its own tests run"
    assert PROJECT["name"] in page


def test_the_versions_of_python_are_the_same_everywhere():
    named = [int(m[1]) for c in PROJECT["classifiers"] if (m := re.fullmatch(r"Programming Language :: Python :: 3\.(\d+)", c))]
    low, high = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    assert named == list(range(int(low), int(high)))
    assert f"Python 3.{low} to 3.{int(high) - 1}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_the_tests_read_is_in_the_source_distribution():
    manifest = (ROOT / "MANIFEST.in").read_text(encoding="utf-8")
    packed = set(re.findall(r"^(?:graft|include) (.*)$", manifest, re.MULTILINE))
    named = {word for row in packed for word in row.split()}
    assert {name for name in named if not (ROOT / name).exists()} == set()
    folders = {p.name for p in ROOT.iterdir() if p.is_dir() and not p.name.startswith(".") and p.name not in ("build", "dist", "verifier") and not p.name.endswith(".egg-info") and p.name != "__pycache__"}
    assert folders <= named


# ---------------------------------------------------------------- pre-commit


@pytest.mark.parametrize(("file", "is_checked"), [("cases/a.yaml", True), ("pkg/cases/deep/a.yml", True), ("x.grad.yaml", True), (".github/workflows/ci.yml", False), ("mycases/a.yaml", False), ("cases/a.json", False)])
def test_the_hook_takes_case_files_only(file, is_checked):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert bool(re.search(hook["files"], file)) is is_checked


@pytest.mark.parametrize(("text", "status"), [(GOOD, 0), (BAD, 1)])
def test_the_hook_runs_the_command_line(tmp_path, text, status):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    program, *words = shlex.split(hook["entry"])
    assert PROJECT["scripts"][program] == "verifier.cli:main"
    assert run_in(tmp_path, [sys.executable, "-m", "verifier", *words, "a.yaml"]).returncode == status


# ---------------------------------------------------------------- the action


def run_in(folder: Path, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, text=True, check=False)


@pytest.mark.skipif(os.name == "nt", reason="the shell of the action is bash")
@pytest.mark.parametrize(
    ("paths", "options", "status"),
    [("good.yaml", "", 0), ("good.yaml bad.yaml", "", 1), ("good.yaml\nbad.yaml\n", "", 1), ("good.yaml bad.yaml", "--ignore V1", 0), ("", "", 0), ("good.yaml; touch pwned", "", 2), ("$(touch pwned)", "", 2)],
)  # fmt: skip
def test_the_action_checks_what_it_is_given_and_runs_nothing_else(tmp_path, paths, options, status):
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "bad.yaml").write_text(BAD, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text('[tool.verifier]\npaths = ["good.yaml"]\n', encoding="utf-8")
    step = action["runs"]["steps"][-1]
    values = {"inputs.paths": paths, "inputs.options": options}
    environment = {name: values[re.fullmatch(r"\$\{\{ (.*) \}\}", value)[1]] for name, value in step["env"].items()}
    assert "${{" not in step["run"]
    python = f'python() {{ "{sys.executable}" "$@"; }}\n'
    run = run_in(tmp_path, ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", python + step["run"]], **environment)
    assert run.returncode == status, run.stdout + run.stderr
    assert not (tmp_path / "pwned").exists()
    assert ("::error" in run.stdout) is (status != 0)


def test_every_input_of_the_action_is_used_and_said():
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    inputs = yaml.safe_load(text)["inputs"]
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(inputs)
    assert all(row["description"].endswith(".") and "default" in row for row in inputs.values())
