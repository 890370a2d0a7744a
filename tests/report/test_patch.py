"""The change of a file that puts a statement in the place of another: only its characters change, whatever form the file has, and GNU patch agrees."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from verifier import load
from verifier.case.case import Case
from verifier.language.source import Source
from verifier.report.patch import NO_FILE, NOT_IN_THIS_FORM, NOT_THERE, edited, patch_of, sources_of, unified

OLD, NEW = "dx = (1 - out**2) * dout", "dx = dout / cosh(x)**2"
HEAD = "# first\nname: it\nfunction: tanh(x)\npoints: [{x: 20}]\nimplementations:\n  mine:\n"

Saved = Callable[[str], tuple[Case, Source, int]]


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Saved:
    """A case file with some text, loaded: its case, the source with the statement, and where this begins there."""
    monkeypatch.chdir(tmp_path)

    def save(text: str) -> tuple[Case, Source, int]:
        Path("it.yaml").write_bytes(text.encode("utf-8"))
        case = next(c for c in load("it.yaml").cases if c.name == "it")
        source = next(s for s in sources_of(case) if OLD in s.text)
        return case, source, source.text.index(OLD)

    return save


FORMS = {
    "block": HEAD + f"    backward: |\n      # about\n      {OLD}   # why\n",
    "end of the file": HEAD + f"    backward: |\n      {OLD}",
    "folded into one line": HEAD + f"    backward: {OLD}   # why\n",
    "in quotes": HEAD + f'    backward: "{OLD}"\n',
    "in single quotes": HEAD + f"    backward: '{OLD}'\n",
    "in braces": HEAD.removesuffix("  mine:\n") + f"  mine: {{backward: {OLD}}}\n",
    "carriage returns": (HEAD + f"    backward: |\n      {OLD}\n      unused = 1\n").replace("\n", "\r\n"),
    "further cases": f"name: other\nfunction: x\npoints: [{{x: 1}}]\n---\n{HEAD}    backward: |\n      a = 1\n      {OLD}\n---\nname: last\nfunction: x\npoints: [{{x: 1}}]\n",
    "byte order mark": "\ufeff{name: it, function: tanh(x), points: [{x: 20}], implementations: {mine: {backward: '" + OLD + "'}}}\n",
    "line ends that only YAML has": HEAD.replace("first", "a\x85# b\u2028# c") + f"    backward: |\n      {OLD}\n",
    "letters of two bytes": HEAD.replace("first", "é ∂ 😀") + f"    backward: |\n      # ∂x é\n      {OLD}\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_only_the_characters_of_the_statement_change(text: str, saved: Saved) -> None:
    case, source, start = saved(text)
    patch = patch_of(case, source, start, start + len(OLD), NEW)
    assert patch.problem == ""
    assert edited(text, [(patch.span, NEW)]) == text.replace(OLD, NEW)


@pytest.mark.skipif(shutil.which("patch") is None, reason="there is no patch")
@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_the_patch_is_one_that_patch_applies(text: str, saved: Saved) -> None:
    case, source, start = saved(text)
    patch = patch_of(case, source, start, start + len(OLD), NEW)
    run = subprocess.run(["patch", "-p1", "--binary"], input=patch.diff.encode(), capture_output=True, check=False)
    assert run.returncode == 0, run.stdout
    assert Path("it.yaml").read_bytes().decode() == text.replace(OLD, NEW)


@pytest.mark.parametrize("new", ["dx = a: b", "dx = 1 # 2", "dx = max(x, 1)\n# more: yaml"])
def test_a_text_that_would_be_read_as_something_else_is_refused(new: str, saved: Saved) -> None:
    case, source, start = saved(FORMS["folded into one line"])
    assert patch_of(case, source, start, start + len(OLD), new).problem == NOT_IN_THIS_FORM


def test_a_comma_in_braces_would_end_the_text_and_is_refused(saved: Saved) -> None:
    case, source, start = saved(FORMS["in braces"])
    assert patch_of(case, source, start, start + len(OLD), "dx = min(x, 1)").problem == NOT_IN_THIS_FORM
    case, source, start = saved(FORMS["block"])
    assert patch_of(case, source, start, start + len(OLD), "dx = min(x, 1)").problem == ""


def test_a_file_that_has_changed_since_or_is_gone_has_no_patch(saved: Saved) -> None:
    case, source, start = saved(FORMS["block"])
    Path("it.yaml").write_text("# a new line\n" + FORMS["block"], encoding="utf-8")
    assert patch_of(case, source, start, start + len(OLD), NEW).problem == NOT_THERE
    Path("it.yaml").unlink()
    assert patch_of(case, source, start, start + len(OLD), NEW).problem == NO_FILE


@pytest.mark.parametrize(("old", "new"), [("function: tanh(x)", "function: sinh(x)"), ("points: [{x: 20}]", "points: [{x: 20}]; domain: {x: [0, 1]}"), ("points: [{x: 20}]", "points: [{x: 20}]; given: x > 1")])
def test_a_file_of_which_something_else_has_changed_has_no_patch(old: str, new: str, saved: Saved) -> None:
    """What was found for one function, and for its domain, is not offered for others: the statement and its line are as they were."""
    text = FORMS["block"].replace("# first\n", "").replace("name: it", "name: it\nabout: first")
    case, source, start = saved(text)
    Path("it.yaml").write_text(text.replace("about: first\n", "").replace(old, new.replace("; ", "\n")) if ";" in new else text.replace(old, new), encoding="utf-8")
    assert patch_of(case, source, start, start + len(OLD), NEW).problem == NOT_IN_THIS_FORM
    Path("it.yaml").write_text(text.replace("first", "other"), encoding="utf-8")
    assert patch_of(case, source, start, start + len(OLD), NEW).problem == "", "the twin: words about it"


def test_escapes_are_no_sign_of_a_change(saved: Saved) -> None:
    text = HEAD + f'    backward: "{OLD}"\n'
    case, source, start = saved(text)
    escaped = text.replace("**2", "\\x2a*2")
    Path("it.yaml").write_text(escaped, encoding="utf-8")
    assert patch_of(case, source, start, start + len(OLD), NEW).problem == NOT_THERE, "the twin: it was read without them"
    case = next(iter(load("it.yaml").cases))
    source = next(s for s in sources_of(case) if OLD in s.text)
    assert patch_of(case, source, start, start + len(OLD), NEW).problem == NOT_IN_THIS_FORM


def test_a_name_below_this_folder_is_written_as_git_does_and_another_one_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert unified("a b.yaml", "1\n", "2\n") == "--- a/a b.yaml\t\n+++ b/a b.yaml\t\n@@ -1 +1 @@\n-1\n+2\n"
    assert unified(str(tmp_path / "here" / "a.yaml"), "1\n", "2\n").startswith("--- a/a.yaml\n+++ b/a.yaml\n")
    assert unified('a\t"b\\.yaml', "1\n", "2\n").startswith('--- "a/a\\011\\"b\\\\.yaml"\n+++ "b/')
    assert unified('a"b\\.yaml', "1\n", "2\n").startswith('--- a/a"b\\.yaml\n')
    assert unified("../a.yaml", "1\n", "2\n").startswith("--- ../a.yaml\n+++ ../a.yaml\n")


@pytest.mark.skipif(shutil.which("patch") is None or shutil.which("git") is None, reason="there is no patch or no git")
@pytest.mark.parametrize("name", ["a b.yaml", " a.yaml", 'a"b.yaml', "a\\b.yaml", "a\tb.yaml", "a\n--- b.yaml", "-a.yaml", "\u03ba.yaml"])
def test_patch_and_git_find_the_file_whatever_its_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (["patch", "-p1"], ["git", "apply"]):
        Path(name).write_text("1\n", encoding="utf-8")
        run = subprocess.run(command, input=unified(name, "1\n", "2\n").encode(), capture_output=True, check=False)
        assert run.returncode == 0, (command, run.stdout, run.stderr)
        assert Path(name).read_text(encoding="utf-8") == "2\n"
