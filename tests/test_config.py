"""[tool.verifier]: where it is found, what it may hold, and that the command line goes before it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests import ROOT
from verifier.cli import main
from verifier.config import KEYS, NO_CONFIG, Config, ConfigError, config_for

GOOD = "name: good\nfunction: sin(x)\npoints: [{x: 1}]\n"
BAD = "name: bad\nfunction: sin(x)\npoints: [{x: 1}]\nimplementations:\n  bent:\n    backward: dx = sin(x)\n"
LOSSY = "name: lossy\nfunction: tanh(x)\npoints: [{x: 20}]\nimplementations: {it: {backward: dx = (1 - out**2) * dout}}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cases" / "deep").mkdir(parents=True)
    for name, text in (("cases/good", GOOD), ("cases/deep/lossy.grad", LOSSY), ("other", BAD)):
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configured(folder: Path, text: str) -> Path:
    path = folder / "pyproject.toml"
    path.write_text(f"[tool.verifier]\n{text}\n", encoding="utf-8")
    return path


def names(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> list[str]:
    """The names of the cases that a command checks."""
    assert main([*words, "--format", "json"]) == status
    return [c["name"] for c in json.loads(capsys.readouterr().out)["cases"]]


# ---------------------------------------------------------------- where it is


def test_the_nearest_file_with_a_section_holds_from_the_common_parent_of_the_paths_upwards(project):
    assert config_for(["cases"]) == NO_CONFIG
    top = configured(project, "jobs = 1")
    (project / "cases" / "pyproject.toml").write_text("[project]\nname = 'without a section'\n", encoding="utf-8")
    assert config_for(["cases/deep"]).file == top
    deep = configured(project / "cases" / "deep", "jobs = 2")
    assert config_for(["cases/deep"]).jobs == 2
    assert config_for([str(deep), "cases/deep/lossy.grad.yaml"]).jobs == 2
    assert config_for(["cases/good.yaml", "cases/deep"]).jobs == 1, "their common parent is cases/"
    assert config_for().jobs == 1, "without paths: where the user works"
    assert config_for(["-"]).jobs == 1


@pytest.mark.parametrize("text", ["[project]\nname = 'x'\n", "[tool.other]\nverifier = 1\n", "# verifier\n", "[tool]\nruff = {}\n"])
def test_a_file_without_our_section_is_passed_over(project, text):
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    assert config_for() == NO_CONFIG


def test_paths_are_those_of_the_file_and_are_shown_from_where_the_user_works(project, monkeypatch):
    configured(project, 'paths = ["cases"]')
    assert config_for().path("cases") == "cases"
    monkeypatch.chdir(project / "cases" / "deep")
    assert (project / "cases").samefile(config_for().path("cases"))


# ---------------------------------------------------------------- what it holds


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("strcit = true", 2, "unknown key 'strcit' in [tool.verifier]; did you mean 'strict'?"),
        ("jobs = 2\nzebra = 1", 3, "unknown key 'zebra' in [tool.verifier]; known are paths, "),
        ("strict = 'yes'", 2, "strict must be true or false, not 'yes'"),
        ("allow-call = 1", 2, "allow-call must be true or false, not 1"),
        ("paths = 'cases'", 2, 'paths must be a list of texts, such as paths = ["cases"], not \'cases\''),
        ("files = [1]", 2, "files must be a list of texts"),
        ("jobs = true", 2, "jobs must be a number of processes from 0 to 4096, not true"),
        ("jobs = -1", 2, "jobs must be a number of processes"),
        ("select = ['V1', 'X1']", 2, "select has 'X1'; write codes of findings"),
        ("ignore = ['V001']", 2, "ignore has 'V001'; a case that was not checked never passes"),
        ("baseline = []", 2, "baseline must be the path of a file, not []"),
        ("cache = 'no'", 2, "cache must be true or false, not 'no'"),
        ("jobs = ", 2, "this is not TOML: "),
        ("\n# a comment\n  strict = 0  # indented", 4, "strict must be true or false"),
        ("[tool.verifier.strict]\nx = 1", 2, "strict must be true or false"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_line_and_nothing_is_checked(project, capsys, text, line, part):
    configured(project, text)
    assert main(["cases"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.match(rf"pyproject\.toml:{line}:\d+: ", err), err
    assert part in err
    configured(project, "strict = false")
    assert main(["cases"]) == 0, "the twin"


@pytest.mark.parametrize("text", ["[tool]\nverifier = {strcit = true}\n", "tool.verifier.strcit = true\n", "[tool.'verifier']\nstrcit = true\n"])
def test_other_spellings_of_the_section_are_read_too(project, text):
    (project / "pyproject.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="did you mean 'strict'"):
        config_for()


def test_all_that_is_wrong_comes_at_once(project):
    configured(project, "strcit = 1\njobs = 'two'\nfoo = 3")
    with pytest.raises(ConfigError) as error:
        config_for()
    assert [c.place.line for c in error.value.complaints] == [2, 3, 4]


@pytest.mark.parametrize(("name", "words"), [("select", ()), ("ignore", ()), ("select", ("--select", "V9")), ("ignore", ("--ignore", "V1,V9"))])
def test_a_code_that_no_finding_has_is_refused(project, capsys, name, words):
    if not words:
        configured(project, f"{name} = ['V9']")
    assert main(["cases", *words]) == 2
    assert f"{name} has 'V9', and no finding's code begins so" in capsys.readouterr().err
    configured(project, "")
    assert main(["cases", "--select", "V1", "--ignore", "V2"]) == 0, "the twin"


def test_every_key_is_on_the_page_and_in_the_dataclass():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8").partition("| key |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", page, re.MULTILINE)) == set(KEYS)
    assert {k.replace("-", "_") for k in KEYS} <= set(Config.__dataclass_fields__)


# ---------------------------------------------------------------- who goes first


def test_without_a_path_the_paths_of_the_configuration_are_checked(project, capsys):
    assert main([]) == 2
    assert main(["check"]) == 2
    assert "there is nothing to check" in capsys.readouterr().err
    configured(project, 'paths = ["cases", "other.yaml"]')
    assert names(capsys, "check", status=1) == ["good", "lossy", "bad"]
    assert main([]) == 1
    capsys.readouterr()
    assert names(capsys, "cases/good.yaml") == ["good"], "the command line goes before it"


@pytest.mark.parametrize(
    ("text", "words", "status"),
    [
        ("", (), 0), ("strict = true", (), 1), ("strict = true", ("--no-strict",), 0), ("strict = false", ("--strict",), 1),
        ("strict = true\nignore = ['V203']", (), 0), ("strict = true\nignore = ['V203']", ("--ignore", "V1"), 1), ("strict = true\nselect = ['V1']", (), 0),
        ("strict = true\nselect = ['V1', 'V203']\nignore = ['V2']", (), 1), ("strict = true\nselect = ['V2']\nignore = ['V203']", (), 0),
    ],
)  # fmt: skip
def test_the_command_line_goes_before_the_file(project, text, words, status):
    configured(project, text)
    assert main(["cases", *words]) == status


@pytest.mark.usefixtures("project")
def test_what_is_ignored_is_said_and_the_verdict_stays(capsys):
    assert main(["other.yaml", "--ignore", "V1", "--verbose"]) == 0
    out, err = capsys.readouterr()
    assert "left out by select and ignore: 1 V101 wrong-gradient" in out
    assert err == "verifier: left out by select and ignore: 1 V101 wrong-gradient\n", "where a case that passes takes one line, too"
    assert "bent.dx  wrong" in out


def test_a_case_that_could_not_be_read_fails_whatever_is_selected(project):
    (project / "broken.yaml").write_text("fucntion: 1\n", encoding="utf-8")
    assert main(["broken.yaml", "cases", "--select", "V2"]) == 2


@pytest.mark.parametrize(
    ("globs", "found"),
    [
        (["*.grad.yaml"], ["lossy"]), (["good.*", "other.yaml"], ["bad", "good"]), (["cases/*.yaml"], ["good"]), (["cases/**/*.yaml"], ["good", "lossy"]),
        (["**/deep/*.yaml"], ["lossy"]), (["*.yaml"], ["bad", "good", "lossy"]),
    ],
)  # fmt: skip
def test_globs_choose_the_case_files_of_folders(project, capsys, globs, found):
    configured(project, f"files = {globs}")
    assert names(capsys, ".", status=int("bad" in found)) == found
    assert names(capsys, "cases/good.yaml") == ["good"], "a file that is named is read"


def test_globs_that_match_nothing_are_no_pass(project, capsys):
    configured(project, "files = ['*.none.yaml']")
    assert main(["."]) == 2
    assert "the folder has no *.yaml or *.yml file that the configuration names" in capsys.readouterr().out


def test_formats_of_a_strangers_configuration_are_not_used(project, capsys, monkeypatch):
    configured(project / "cases", "formats = ['json']")
    main(["cases"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 cases, 2 passed")
    monkeypatch.chdir(project / "cases")
    main(["."])
    assert json.loads(capsys.readouterr().out)["summary"]["passed"] == 2
    main([".", "--format", "text"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 cases, 2 passed")


def test_files_of_formats_stand_in_the_folder_of_the_configuration(project, monkeypatch, capsys):
    configured(project, "formats = ['text', 'json=out.json']")
    monkeypatch.chdir(project / "cases" / "deep")
    main(["lossy.grad.yaml"])
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 case, 1 passed")
    assert json.loads((project / "out.json").read_text(encoding="utf-8"))["summary"]["passed"] == 1
    (project / "out.json").unlink()
    monkeypatch.chdir(project.parent)
    main([str(project / "cases")])
    assert not (project / "out.json").exists(), "nobody's files are written from outside"


def test_an_unknown_format_is_an_error_of_its_line(project, capsys):
    configured(project, "jobs = 1\nformats = ['jsno']")
    assert main(["cases"]) == 2
    assert capsys.readouterr().err.startswith("pyproject.toml:3:1: formats: there is no format 'jsno'; did you mean 'json'?")


# ---------------------------------------------------------------- files that cannot be read


def a_pipe(path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes with a name on this system")
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("make", "line", "part"),
    [
        (lambda p: p.write_bytes(b"[project]\nname = 'caf\xe9'\n[tool.verifier]\nstrict = true\n"), 2, "not text in UTF-8 (byte 0xe9)"),
        (lambda p: p.write_bytes(b"\xef\xbb\xbf[tool.verifier]\nstrict = true\n"), 1, "byte order mark"),
        (lambda p: p.mkdir(), 1, "it is a folder, not a file"),
        (lambda p: p.symlink_to("nowhere"), 1, "the file cannot be read"),
        (a_pipe, 1, "it is a pipe, not a file"),
    ],
)  # fmt: skip
def test_a_configuration_that_cannot_be_read_does_not_open_the_gate(project, capsys, make, line, part):
    assert main(["cases"]) == 0, "the twin: no file at all"
    capsys.readouterr()
    make(project / "pyproject.toml")
    assert main(["cases"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"pyproject.toml:{line}:")
    assert part in err


@pytest.mark.parametrize("key", ["select", "ignore"])
def test_a_code_of_the_configuration_that_no_finding_has_is_an_error_of_its_line(project, capsys, key):
    configured(project, f'strict = true\n{key} = ["V999"]')
    assert main(["cases"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"pyproject.toml:3:1: {key} has 'V999', and no finding's code begins so")


@pytest.mark.parametrize(
    ("text", "status"),
    [("[tool.verifer]\nstrict = true\n", 2), ("[tool.verifyer]\n", 2), ("[tool.verifers]\neval = {}\n", 0), ("[tool.verifer]\nstrict = true\n[tool.verifier]\n", 0)],
)
def test_a_section_that_is_mistyped_is_found(project, capsys, text, status):
    (project / "pyproject.toml").write_text(f"[project]\nname = 'x'\n{text}", encoding="utf-8")
    assert main(["cases"]) == status
    err = capsys.readouterr().err
    assert err.startswith("pyproject.toml:3:1: there is a section [tool.") == bool(status)
    assert ("did you mean [tool.verifier]?" in err) == bool(status)


def test_a_configuration_without_paths_says_that_there_is_nothing_to_check(project, capsys):
    configured(project, "paths = []")
    for words in ([], ["check"]):
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("verifier: there is nothing to check: name case files")
    (project / "pyproject.toml").unlink()
    assert main([]) == 2
    assert "usage:" in capsys.readouterr().out, "the twin: no project"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.usefixtures("project")
def test_what_cannot_be_written_is_named(capsys):
    assert main(["cases", "--format", "json=/dev/full"]) == 2
    assert "verifier: '/dev/full' cannot be written: No space left on device\n" in capsys.readouterr().err
