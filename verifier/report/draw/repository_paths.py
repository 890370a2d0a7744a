"""Paths as other tools read them: relative to the root of the repository, with forward slashes."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = "GITHUB_WORKSPACE"  # where GitHub checked the repository out


def relative(file: str) -> str:
    """A file as seen from the root of the repository on GitHub, else from the current folder; as it is where it lies outside."""
    path = Path(file)
    here = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links out of the repository
    for root in filter(None, (os.environ.get(ROOT), os.getcwd())):  # noqa: PTH109 - as above
        if here.is_relative_to(root):
            return here.relative_to(root).as_posix()
    return path.as_posix()
