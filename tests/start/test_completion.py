"""Completion in the shell: the script for bash is run by bash; those for zsh and fish name the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from verifier.cli import RUNS, main
from verifier.options import COMMANDS, SHELLS, parser_for
from verifier.report.catalogue import CATALOGUE
from verifier.report.draw import FORMATS
from verifier.report.draw.paint import WHEN

COMPLETE = """
source ./completion
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _verifier; printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cases").mkdir()
    (tmp_path / "café au lait.yaml").touch()


def script(capsys: pytest.CaptureFixture[str], shell: str) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["mut"], ["mutate"]), (["ca"], ["café au lait.yaml", "cases"]), (["check", "cas"], ["cases"]), (["--bas"], ["--baseline", "--baseline-update"]), (["cases", "--qui"], ["--quiet"]), (["hunt", "--bud"], ["--budget"]),
        (["gates", "--bud"], []), (["--format", "ju"], ["junit"]), (["cases", "--format", ""], [*FORMATS]), (["cases", "--format", "=", "s"], ["sarif"]), (["cases", "--format", "="], [*FORMATS]), (["cases", "--format=s"], ["--format=sarif"]),
        (["cases", "--format", "junit", "=", "ca"], ["café au lait.yaml", "cases"]), (["cases", "--format=junit=cas"], ["--format=junit=cases"]), (["cases", "--baseline", "=", "cas"], ["cases"]),
        (["check", "--color", ""], [*WHEN]), (["gates", "--color", "=", "n"], ["never"]), (["plot", "--color=al"], ["--color=always"]), (["explain", "V10"], [c for c in CATALOGUE if c.startswith("V10")]),
        (["explain", "unst"], ["unstable-gradient", "unstable"]), (["completion", ""], ["--color", "--help", *SHELLS]), (["show", "--im"], ["--implementation"]), (["check", "zzz"], []),
        (["mutate", "--format", ""], ["json", "text"]), (["mutate", "--format", "=", "j"], ["json"]), (["hunt", "--format=s"], ["--format=sarif"]),
    ],
)  # fmt: skip
def test_bash_completes(capsys, words, found):
    Path("completion").write_text(script(capsys, "bash"), encoding="utf-8")
    run = subprocess.run(["bash", "--norc", "-c", COMPLETE, "bash", "verifier", *words], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    assert sorted(run.stdout.split("\n")[:-1]) == sorted(found or [""])


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_takes_the_script_for_the_command(capsys):
    run = subprocess.run(["bash", "--norc", "-c", f"{script(capsys, 'bash')}\ncomplete -p verifier"], capture_output=True, text=True, check=True)
    assert run.stdout == "complete -o bashdefault -o filenames -F _verifier verifier\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_and_every_option_is_completed(capsys, shell):
    text = script(capsys, shell)
    commands = parser_for(RUNS).parse_args(["completion", shell]).commands
    assert tuple(commands) == COMMANDS
    for name, parser in commands.items():
        for option in (o for action in parser._actions for o in action.option_strings if o.startswith("--")):
            pattern = rf"^ +{name}\) list=\".*(?<=[ \"]){option}[ \"]" if shell != "fish" else rf"^complete -c verifier -n '__fish_seen_subcommand_from {name}' -l {option[2:]} "
            assert re.search(pattern, text, re.MULTILINE), (name, option)


def test_fish_completes_the_values_of_options_too(capsys):
    rows = script(capsys, "fish").splitlines()
    assert all(f" -x -a '{' '.join(WHEN)}' " in row for row in rows if " -l color " in row)
    formats = [row for row in rows if " -l format " in row]
    assert all(f" -x -a '{'text json' if 'from mutate' in row else ' '.join(FORMATS)}' " in row for row in formats if "from diff'" not in row)
    assert any("from mutate'" in row for row in formats)
    assert all(" -r " in row for row in rows if " -l baseline " in row)
    assert sum(" -l color " in row for row in rows) == len(COMMANDS)


def test_an_unknown_shell_is_refused():
    with pytest.raises(SystemExit) as end:
        main(["completion", "tcsh"])
    assert end.value.code == 2
