"""The case files at paths: in a stable order, each once, with complaints about what cannot be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from verifier.language.source import Complaint, Place

SUFFIXES = (".yaml", ".yml")


def case_files(*paths: str | os.PathLike[str], in_folders: Callable[[str], bool] | None = None) -> Iterator[str | Complaint]:
    """Files as they are named, and of folders the *.yaml and *.yml in them, those only for which `in_folders` is true; a file that is reached twice comes once."""
    seen: set[str] = set()
    for path in paths:
        for found in _found(os.fspath(path), in_folders):
            if isinstance(found, Complaint):
                yield found
            elif "\0" in found:
                yield about_file(found, "a file name cannot contain a NUL character")
            elif (identity := os.path.realpath(found)) not in seen:
                seen.add(identity)
                yield found


def _found(path: str, in_folders: Callable[[str], bool] | None) -> Iterator[str | Complaint]:
    """The case files at a path in a stable order, and complaints about what cannot be read."""
    if not os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a name is too long; reading it will tell
        yield path
        return
    found = 0
    failures: list[OSError] = []
    for folder, subfolders, names in os.walk(path, onerror=failures.append):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith(".") and not _is_special(Path(folder, name)) and (in_folders is None or in_folders(str(Path(folder, name)))):
                found += 1
                yield str(Path(folder, name))
    for failure in failures:
        yield about_file(str(failure.filename or path), f"the folder cannot be read: {failure.strerror}")
    if not found and not failures:
        yield about_file(path, f"no case found in '{path}': the folder has no *.yaml or *.yml file{' that the configuration names' if in_folders else ''}")


def _is_special(path: Path) -> bool:
    """A pipe, a socket or a device: no case file, whatever its name."""
    try:
        kind = path.stat().st_mode
    except OSError:
        return False  # reading it will tell
    return not (stat.S_ISREG(kind) or stat.S_ISDIR(kind))


def about_file(path: str, message: str) -> Complaint:
    """A complaint about a file as a whole."""
    return Complaint(Place(path, 1, 1), message)
