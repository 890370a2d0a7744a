"""The pages of docs/ as sessions: what a page saves is saved, what it runs is run, and what it shows is compared with what happens.

    ```yaml / ```python that begins with `# NAME.yaml`   a file in the folder of the session
    ```python                                            run, in order, in one namespace; with `>>>` its results are compared
    ```console                                           `$ COMMAND`, and what it prints, where a line `...` stands for any lines, and `...` in a line for any words
    ```ipython                                           cells of a notebook: `%%verify` is checked, others are run; a ```text below has the report

`python -m tests.sessions docs/PAGE.md ...` writes what happens now into the pages.
"""

from __future__ import annotations

import doctest
import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests import ROOT

BLOCK = re.compile(r"^```(?P<kind>[\w{}-]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"# (?P<name>[\w.-]+\.(?:yaml|py|toml|txt))(?:,.*)?\n")
OPTIONAL = ("torch", "jax", "autograd", "ray", "pytest")


@dataclass
class Session:
    """A folder, the names that Python blocks have set, and what could not be run for want of a library."""

    folder: Path
    names: dict[str, object] = field(default_factory=dict)
    missing: dict[str, None] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def lacks(self, text: str) -> bool:
        """Whether a text, or a file that it names, imports a library that is not installed."""
        whole = "\n".join([text, *(saved for name, saved in self.files.items() if name in text)])
        found = [m for m in OPTIONAL if re.search(rf"^\s*(import|from) {m}\b|-m {m}\b|verifier\.{m}\b", whole, re.MULTILINE) and importlib.util.find_spec(m) is None]
        self.missing.update(dict.fromkeys(found))
        return bool(found)


def run_page(page: str, folder: Path) -> tuple[str, list[str], list[str]]:
    """The page as it would be if it showed what happens, what differs from that, and the libraries that are missing."""
    session = Session(folder)
    if not (folder / "cases").exists():
        (folder / "cases").symlink_to(ROOT / "cases")
    wrong: list[str] = []
    report = ""  # of the last cell

    def happened(match: re.Match[str]) -> str:
        nonlocal report
        kind, text = match["kind"], match["text"]
        where = f"line {page[: match.start()].count(chr(10)) + 1}"
        if kind in ("yaml", "python", "toml") and (named := NAMED.match(text)):
            (folder / named["name"]).write_text(text, encoding="utf-8")
            session.files[named["name"]] = text
            return match[0]
        if session.lacks(text):
            return match[0]
        if kind == "python" and ">>>" in text:
            wrong.extend(f"{where}: {problem}" for problem in results(text, session))
        elif kind == "python":
            in_folder(session, lambda: exec(compile(text, where, "exec"), session.names))
        elif kind == "console":
            new = console(text, session)
            if not agrees(text, new):
                wrong.append(f"{where} shows\n{text}\nand it is\n{new}")
                return f"```console\n{new}```"
        elif kind == "ipython":
            report = cells(text, session)
        elif kind == "text" and report:
            new, report = report, ""
            if not agrees(text, new):
                wrong.append(f"{where} shows\n{text}\nand it is\n{new}")
                return f"```text\n{new}```"
        return match[0]

    return BLOCK.sub(happened, page), wrong, list(session.missing)


def in_folder(session: Session, work) -> None:
    before = Path.cwd()
    os.chdir(session.folder)
    try:
        work()
    finally:
        os.chdir(before)


def results(text: str, session: Session) -> list[str]:
    """What a session of Python gives that differs from what it shows."""
    runner = doctest.DocTestRunner(verbose=False)
    found: list[str] = []
    test = doctest.DocTestParser().get_doctest(text, session.names, "page", None, None)
    in_folder(session, lambda: runner.run(test, clear_globs=False, out=found.append))
    session.names = test.globs
    return found


def console(text: str, session: Session) -> str:
    """The commands of a block, each with what it prints now."""
    parts = []
    for line in re.findall(r"^\$ .*$", text, re.MULTILINE):
        words = shlex.split(line.removeprefix("$ "))
        assert words[0] == "python", line
        run = subprocess.run(
            [sys.executable, *words[1:]], cwd=session.folder, capture_output=True, encoding="utf-8", check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "PYTEST_ADDOPTS": "-p no:cacheprovider"},
        )  # fmt: skip
        shown = run.stdout.replace(f"{session.folder.resolve()}/", "").replace(f"{session.folder}/", "") + ("" if run.returncode in (0, 1) else run.stderr)
        parts += [line, *(part.rstrip() for part in shown.rstrip().splitlines()), ""]
    return "\n".join(parts)


def cells(text: str, session: Session) -> str:
    """The report of the cell with `%%verify`; another cell is run."""
    from verifier.notebook import options_of, report_of

    code = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("%load_ext"))
    if not code.startswith("%%verify"):
        in_folder(session, lambda: exec(compile(code, "cell", "exec"), session.names))
        return ""
    first, _, cell = code.partition("\n")
    options = options_of(first.removeprefix("%%verify"), session.names)
    report = str(report_of(cell, session.names, options, file="In[2]", line=2))
    session.names.update(options.values)
    return report.rstrip() + "\n"


def agrees(shown: str, now: str) -> bool:
    """Whether what a page shows is what happens; a line `...` stands for any lines, ` ... ` within a line for any words."""
    pattern = "".join(r"(.*\n)*?" if line.strip() == "..." else re.escape(line.rstrip()).replace(re.escape("..."), ".*") + r"\s*\n" for line in shown.rstrip().splitlines())
    return re.fullmatch(pattern, "".join(line.rstrip() + "\n" for line in now.rstrip().splitlines())) is not None


if __name__ == "__main__":
    for path in map(Path, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as scratch:
            new, wrong, missing = run_page(path.read_text(encoding="utf-8"), Path(scratch))
        path.write_text(new, encoding="utf-8")
        print(path, *wrong, *(f"not run: {name} is missing" for name in missing), sep="\n")
