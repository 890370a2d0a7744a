"""Loads case files. A broken document is reported and does not affect the others."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.case.case import Case
from verifier.case.document import is_named, read_case
from verifier.case.files import about_file, case_files
from verifier.case.yaml_tree import Document, read_documents
from verifier.language.source import CaseError, Complaint
from verifier.language.user_files import NoFileError, content_of, not_utf8

if TYPE_CHECKING:

    from verifier.case.case import Case

MAX_BYTES = 64 * 2**20  # of a file
MOST_CASES = 64  # texts whose case is kept
STANDARD_INPUT = "-"


Allowed = Callable[[str], bool]  # whether the cases of a file may run callables, or the file is one of cases


@dataclass(frozen=True)
class Loaded:
    """The cases that can be used, with their programs, and the complaints about the others."""

    cases: tuple[Case, ...]
    complaints: tuple[Complaint, ...]


def load(*paths: str | os.PathLike[str], allow_call: bool | Allowed = False, needs_points: bool = True, in_folders: Allowed | None = None) -> Loaded:
    """The cases in files and folders. A folder is walked for *.yaml and *.yml; a file is read whatever its suffix, once.
    `in_folders` tells which of the files of a folder are case files, if not all of them.

    `allow_call` allows cases whose implementations are callables (`call: layers.py:f`), which run code: all of them, or those of the files for which it is true.
    Without `needs_points` a case that lists no points is one to hunt, as if it said `hunt: true`.
    """
    parts: list[Loaded] = []
    for found in case_files(*paths, in_folders=in_folders):
        if isinstance(found, Complaint):
            parts.append(Loaded((), (found,)))
        else:
            parts.append(_load_file(found, allow_call=allow_call(found) if callable(allow_call) else allow_call, needs_points=needs_points))
    loaded = _together(parts)
    if not paths:
        return Loaded((), (about_file(".", "no case found: name a case file or a folder of them"),))
    return loaded


def load_text(text: str, *, file: str = "<text>", allow_call: bool = False, needs_points: bool = True, lines: tuple[int, ...] = ()) -> Loaded:
    """The cases in a text; the options are those of `load`. `lines` are those of the file, where the text was put together from pieces of it."""
    documents, broken = read_documents(text, file=file, lines=lines)
    if not documents and not broken:
        return Loaded((), (about_file(file, "no case found: the file is empty; a case needs at least 'function' and 'points'"),))
    parts: list[Loaded] = []
    unnamed = 0
    for document in documents:
        unnamed += not is_named(document)
        stem = Path(file).stem or file
        parts.append(_load_document(document, default_name=stem if unnamed < 2 else f"{stem} #{unnamed}", allow_call=allow_call, needs_points=needs_points))
    return _together([*parts, Loaded((), tuple(broken))])


def _load_document(document: Document, *, default_name: str, allow_call: bool, needs_points: bool) -> Loaded:
    case, complaints = read_case(document, default_name=default_name, allow_call=allow_call, needs_points=needs_points)
    return Loaded(() if case is None else (case,), tuple(complaints))


def _together(parts: list[Loaded]) -> Loaded:
    complaints = dict.fromkeys(complaint for part in parts for complaint in part.complaints)
    return Loaded(tuple(case for part in parts for case in part.cases), tuple(complaints))


def _load_file(path: str, *, allow_call: bool, needs_points: bool) -> Loaded:
    try:
        content = _standard_input() if path == STANDARD_INPUT else content_of(path, MAX_BYTES + 1)
    except NoFileError as error:
        return Loaded((), (about_file(path, f"the file cannot be read: {error}; to read what another program writes, use a pipe and 'verifier -'"),))
    except OSError as error:
        return Loaded((), (about_file(path, f"the file cannot be read: {error.strerror or error}"),))
    path = "<stdin>" if path == STANDARD_INPUT else path
    if len(content) > MAX_BYTES:
        return Loaded((), (about_file(path, f"the file has more than {MAX_BYTES // 2**20} MiB; split it into several files"),))
    try:
        return load_text(content.decode("utf-8"), file=path, allow_call=allow_call, needs_points=needs_points)
    except UnicodeDecodeError as error:
        return Loaded((), (not_utf8(content, error, path),))


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise OSError("standard input is closed")
    return sys.stdin.buffer.read(MAX_BYTES + 1)


@lru_cache(maxsize=MOST_CASES)
def case_of(text: str) -> Case:
    """The only case in a text. Raises CaseError, or ValueError where there are several."""
    loaded = load_text(text)
    if loaded.complaints:
        raise CaseError(loaded.complaints)
    if len(loaded.cases) != 1:
        raise ValueError(f"the text must hold one case; it holds {len(loaded.cases)}")
    return loaded.cases[0]
