"""Files that a user names: only what ends is read, and a failure says which file it is about."""

from __future__ import annotations

import os
import stat
import sysconfig
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verifier.language.source import Complaint, Place

DESCRIPTORS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")  # files that are open already: `verifier <(python make_case.py)`
OWN_FOLDER = str(Path(__file__).resolve().parent.parent)
STANDARD = tuple({sysconfig.get_path(k) + os.sep for k in ("stdlib", "platstdlib")})
INSTALLED = tuple({sysconfig.get_path(k) + os.sep for k in ("purelib", "platlib")})  # below the standard library on some systems
FRAMEWORKS = tuple(folder + name + os.sep for folder in INSTALLED for name in ("numpy", "scipy", "torch", "jax", "jaxlib", "autograd", "sympy", "mpmath", "flint", "ml_dtypes"))  # and the libraries of this package


class NoFileError(OSError):
    """A pipe, a folder or a device where a file is needed."""


def content_of(path: str | os.PathLike[str], most: int = -1) -> bytes:
    """The bytes of a file, the first `most` of them if it is not negative. Raises OSError; NoFileError for a pipe, which would be waited for without end, a folder or a device."""
    wait = 0 if os.fspath(path).startswith(DESCRIPTORS) else getattr(os, "O_NONBLOCK", 0)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | wait | getattr(os, "O_BINARY", 0)), "rb") as stream:
            kind = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(kind) and wait:
                raise NoFileError(f"it is {'a pipe' if stat.S_ISFIFO(kind) else 'a device'}, not a file")
            return stream.read(most)
    except IsADirectoryError:
        raise NoFileError("it is a folder, not a file") from None


def is_of_a_library(file: str) -> bool:
    """Whether a file of code belongs to Python, to a framework that computes gradients, to this package or to a library of its own: no code of a user stands there."""
    return file.startswith(("<frozen", OWN_FOLDER, *FRAMEWORKS)) or (file.startswith(STANDARD) and not file.startswith(INSTALLED))


def seed_of(name: str) -> int:
    """A number that a name gives, the same everywhere; the name may have bytes of a file's name that are no text."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass"))


def not_utf8(content: bytes, error: UnicodeDecodeError, file: str) -> Complaint:
    """The complaint about bytes that are no text in UTF-8, at the first of them."""
    before = content[: error.start].decode("utf-8")
    place = Place(file, before.count("\n") + 1, error.start - content.rfind(b"\n", 0, error.start))
    return Complaint(place, f"the file is not text in UTF-8 (byte 0x{content[error.start]:02x}); save it as UTF-8")


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Names the file in every OSError that comes from writing it."""
    try:
        yield
    except OSError as error:
        at = "" if error.filename in (None, path, os.fspath(path)) else f" ('{error.filename}')"
        raise OSError(f"'{os.fspath(path)}' cannot be written: {error.strerror or error}{at}") from error
