"""The configuration of a project: the section `[tool.verifier]` of its pyproject.toml. What the command line says goes before it."""

from __future__ import annotations

import os
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from verifier.language.source import Complaint, Place, suggestion
from verifier.language.user_files import content_of, not_utf8

FILE = "pyproject.toml"
SECTION = "tool.verifier"
MOST_JOBS = 4096
NEAR = 0.85  # of a name of 8 letters: one is missing, added, or another one
CODE = re.compile(r"V\d{0,3}")  # a finding, or the first characters of several
UNREADABLE = "V0"  # findings about cases that were not checked: these cannot be left out


class ConfigError(Exception):
    """A configuration that cannot be used. `complaints` holds everything that is wrong with it."""

    def __init__(self, complaints: Iterable[Complaint]) -> None:
        self.complaints = tuple(complaints)
        super().__init__("\n".join(str(c) for c in self.complaints))


@dataclass(frozen=True)
class Config:
    """What a project says; None and () where it says nothing. Paths are those of the file: relative to its folder."""

    file: Path | None = None
    paths: tuple[str, ...] = ()  # what is checked where the command line names nothing
    files: tuple[str, ...] = ()  # globs of the case files in folders; of *.yaml and *.yml all, where nothing is said
    strict: bool | None = None
    formats: tuple[str, ...] = ()
    jobs: int | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    allow_call: bool | None = None
    cache: bool | None = None
    baseline: str | None = None
    lines: dict[str, int] = field(default_factory=dict, compare=False)  # of the keys in the file

    @property
    def folder(self) -> Path:
        """The folder of the file; the one in which the user works, where there is none."""
        return Path.cwd() if self.file is None else self.file.parent

    @property
    def is_own(self) -> bool:
        """Whether the user works in the folder of the file: what a configuration allows or writes holds only then."""
        return Path.cwd().resolve().is_relative_to(self.folder)

    def path(self, name: str) -> str:
        """A path of the configuration, as it is reached from where the user works."""
        absolute = self.folder / name
        try:
            near = os.path.relpath(absolute)
        except ValueError:  # another drive of Windows
            return str(absolute)
        return str(absolute) if near.startswith(os.pardir) else near

    def place(self, key: str) -> Place:
        """Where a key stands."""
        return Place(FILE if self.file is None else self.path(self.file.name), self.lines.get(key, 1), 1)

    def is_case_file(self, path: str | os.PathLike[str]) -> bool:
        """Whether a file of a folder is one of the case files that `files` names; true for all where it names none."""
        if not self.files:
            return True
        name = Path(path)
        absolute = Path(os.path.abspath(name))  # noqa: PTH100 - a link is named by its own name
        inside = absolute.relative_to(self.folder).parts if absolute.is_relative_to(self.folder) else absolute.parts
        return any(_matches(inside, glob.split("/")) if "/" in glob else fnmatch(name.name, glob) for glob in self.files)


NO_CONFIG = Config()


def _matches(parts: Sequence[str], globs: Sequence[str]) -> bool:
    """Whether the parts of a path are those of a glob, in which `**` stands for any number of folders."""
    if not globs:
        return not parts
    if globs[0] == "**":
        return _matches(parts, globs[1:]) or (bool(parts) and _matches(parts[1:], globs))
    return bool(parts) and fnmatch(parts[0], globs[0]) and _matches(parts[1:], globs[1:])


# ---------------------------------------------------------------- finding it


def config_for(paths: Iterable[str | os.PathLike[str]] = (), *, start: Path | None = None) -> Config:
    """The configuration of the nearest pyproject.toml with a section of ours, from the common parent of the paths upwards (without paths: from the folder `start`, or that in which the user works).

    Raises ConfigError.
    """
    places = [os.path.realpath(p) for p in paths if os.fspath(p) != "-" and "\0" not in os.fspath(p)]
    try:
        common = Path(os.path.commonpath(places)) if places else (start or Path.cwd()).resolve()
    except ValueError:  # several drives of Windows
        return NO_CONFIG
    for folder in (common, *common.parents):
        found = _read(folder / FILE)
        if found is not None:
            return found
    return NO_CONFIG


def _read(file: Path) -> Config | None:
    """The configuration of a file; None where there is none for us."""
    if not os.path.lexists(file):
        return None
    empty = Config(file)
    try:
        content = content_of(file)
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError([not_utf8(content, error, empty.place("").file)]) from None
    except OSError as error:
        raise ConfigError([Complaint(empty.place(""), f"the file cannot be read: {error.strerror or error}")]) from None
    if "verifier" in text and content.startswith(BOM_UTF8):
        raise ConfigError([Complaint(empty.place(""), "the file begins with a byte order mark, which TOML does not allow; save it as UTF-8 without BOM")])
    import tomllib

    text = text.replace("\r\n", "\n")
    try:
        tools = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        if "verifier" not in text:
            return None
        at = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
        place = replace(empty.place(""), line=int(at[1]), column=int(at[2])) if at else empty.place("")
        raise ConfigError([_complaint(text, place, f"this is not TOML: {str(error).partition(' (at ')[0]}")]) from None
    if not isinstance(tools, dict):
        return None
    if "verifier" not in tools:
        mistyped = next((name for name, table in tools.items() if _is_mistyped(name, table)), None)
        if mistyped is None:
            return None
        line = next((i for i, row in enumerate(text.splitlines(), 1) if mistyped in row), 1)
        raise ConfigError([_complaint(text, replace(empty.place(""), line=line), f"there is a section [tool.{mistyped}]; did you mean [{SECTION}]?")])
    own = tools["verifier"]
    if not isinstance(own, dict):
        raise ConfigError([_complaint(text, empty.place(""), f"[{SECTION}] must be a table of keys, such as strict = true")])
    lines = _lines(text, own)
    empty = replace(empty, lines=lines)
    values: dict[str, Any] = {}
    complaints = []
    for name, value in own.items():
        problem = f"unknown key '{name}' in [{SECTION}]{suggestion(name, KEYS) or '; known are ' + ', '.join(KEYS)}" if name not in KEYS else KEYS[name](name, value)
        if problem:
            complaints.append(_complaint(text, empty.place(name), problem))
        values[name.replace("-", "_")] = tuple(value) if isinstance(value, list) else value
    if complaints:
        raise ConfigError(complaints)
    return replace(empty, **values)


def _is_mistyped(name: str, table: object) -> bool:
    """Whether a section of another name was meant as ours: the name is one letter off, and the section has a key of ours or none at all."""
    return SequenceMatcher(None, name.lower(), "verifier").ratio() > NEAR and isinstance(table, dict) and (not table or any(key in KEYS for key in table))


def _complaint(text: str, place: Place, message: str) -> Complaint:
    rows = text.splitlines()
    line = rows[place.line - 1] if place.line <= len(rows) else ""
    return Complaint(replace(place, column=max(place.column, len(line) - len(line.lstrip()) + 1)), message, line)


def _lines(text: str, keys: Iterable[str]) -> dict[str, int]:
    """The lines of the keys of our section, which tomllib does not tell: the first one after the head of the section that begins with the key."""
    rows = text.splitlines()
    head = next((i for i, row in enumerate(rows) if re.match(r"\s*\[\s*tool\s*\.\s*[\"']?verifier\b", row)), None)
    if head is None:  # an inline table, or dotted keys
        head = next((i for i, row in enumerate(rows) if "verifier" in row), 0) - 1
    found = {}
    for key in keys:
        pattern = re.compile(rf"\s*\[?\s*(?:tool\s*\.\s*verifier\s*\.\s*)?[\"']?{re.escape(key)}[\"']?\s*[.=\]]")
        found[key] = next((i + 1 for i, row in enumerate(rows) if i > head and pattern.match(row)), max(head, 0) + 1)
    return found


# ---------------------------------------------------------------- what the keys hold


def _truth(name: str, value: object) -> str:
    return "" if isinstance(value, bool) else f"{name} must be true or false, not {_shown(value)}"


def _texts(example: str) -> Callable[[str, object], str]:
    def problem(name: str, value: object) -> str:
        if isinstance(value, list) and all(isinstance(v, str) and v for v in value):
            return ""
        return f"{name} must be a list of texts, such as {name} = {example}, not {_shown(value)}"

    return problem


def _codes(name: str, value: object) -> str:
    problem = _texts('["V2", "V108"]')(name, value)
    if problem or not isinstance(value, list):
        return problem
    return next((p for p in (code_problem(name, code) for code in value) if p), "")


def code_problem(name: str, code: str) -> str:
    """What is wrong with the beginning of a code in `select` or `ignore`; '' where nothing is."""
    if not CODE.fullmatch(code):
        return f"{name} has {_shown(code)}; write codes of findings or their first characters, such as V108 or V2 (python -m verifier explain lists them)"
    if name == "ignore" and code.startswith(UNREADABLE):
        return f"{name} has '{code}'; a case that was not checked never passes, so its findings cannot be ignored"
    return ""


def _jobs(name: str, value: object) -> str:
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_JOBS
    return "" if is_number else f"{name} must be a number of processes from 0 to {MOST_JOBS}, not {_shown(value)}"


def _text(name: str, value: object) -> str:
    return "" if isinstance(value, str) and value else f"{name} must be the path of a file, not {_shown(value)}"


def _shown(value: object) -> str:
    return f"'{value}'" if isinstance(value, str) else {True: "true", False: "false"}.get(value, repr(value)) if isinstance(value, bool) else repr(value)


KEYS: dict[str, Callable[[str, object], str]] = {
    "paths": _texts('["cases"]'),
    "files": _texts('["*.grad.yaml"]'),
    "strict": _truth,
    "formats": _texts('["text", "json"]'),
    "jobs": _jobs,
    "select": _codes,
    "ignore": _codes,
    "allow-call": _truth,
    "cache": _truth,
    "baseline": _text,
}
