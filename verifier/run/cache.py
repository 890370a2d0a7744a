"""Results of earlier runs in `.verifier_cache/`: plain data, believed only where this user's own key signs them.

An entry is one file, whose name is a hash of all that its value depends on. Its first line is a code of that name and of the text below it, made with
a secret key outside of the folder. So an entry that is damaged, that stands under another name, or that somebody else wrote (a repository may bring
such a folder with it) is as good as none. Whoever can read the key can run programs as this user, and needs no cache to deceive.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import stat
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from verifier.language.user_files import content_of
from verifier.run.environment import code, environment, processor
from verifier.run.plain import Foreign, plain, read

FOLDER = ".verifier_cache"
SWITCH = "VERIFIER_NO_CACHE"  # a variable of the environment: set to anything, there is no cache
KEY_BYTES = 32
MOST_BYTES = 64 << 20  # of an entry that is read
MOST_ENTRIES = 20_000  # above it the oldest half is removed
UNKNOWN = object()  # what `get` gives where there is no entry
IGNORED = "# made by verifier: results that it can compute again at any time\n*\n"


class Cache:
    """The entries of a folder; without a `secret`, none are found and none are written. Several runs may use it at the same time."""

    def __init__(self, folder: Path, secret: bytes | None) -> None:
        self.folder, self.secret = folder, None if folder.is_symlink() else secret
        self._is_new = True  # nothing was written yet
        self._held: dict[str, Any] | None = None  # new entries that are not written

    def get(self, name: str, kind: Any) -> Any:
        """The value of that name and type, or UNKNOWN."""
        if self.secret is None:
            return UNKNOWN
        if self._held is not None and name in self._held:
            return self._held[name]
        with suppress(OSError, ValueError, RecursionError):  # Foreign, JSONDecodeError and UnicodeDecodeError are ValueErrors
            content = content_of(self._path(name), MOST_BYTES + 1)  # no pipe and no device, which would be read without end
            code, _, text = content.decode("ascii").partition("\n")
            if len(content) <= MOST_BYTES and hmac.compare_digest(code, self._code(name, text)):
                return read(kind, json.loads(text))
        return UNKNOWN

    def keep(self, name: str, value: Any) -> None:
        """Write an entry, whole or not at all; where that is not possible, none."""
        if self.secret is None:
            return
        if self._held is not None:
            self._held[name] = value
            return
        with suppress(OSError):
            if self._is_new:
                self._prepare()
            text = json.dumps(plain(value))
            _written(self._path(name), f"{self._code(name, text)}\n{text}".encode("ascii"))

    def hold(self) -> Mapping[str, Any]:
        """Write nothing from now on: new entries come to stand in the mapping that this gives. For a process that runs code of others, which might change what is computed."""
        self._held = {}
        return self._held

    def _prepare(self) -> None:
        """The folder, with a file that keeps it out of a repository, and not more entries than there should be."""
        self.folder.mkdir(exist_ok=True)
        if not (self.folder / ".gitignore").exists():
            _written(self.folder / ".gitignore", IGNORED.encode("ascii"))
        self._is_new = False
        entries = list(self.folder.glob("*.json"))
        if len(entries) > MOST_ENTRIES:
            for path in sorted(entries, key=lambda p: p.stat().st_mtime)[: len(entries) // 2]:
                path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _code(self, name: str, text: str) -> str:
        return hmac.new(self.secret or b"", f"{name}\n{text}".encode(), hashlib.sha256).hexdigest()


def opened(folder: Path | None = None) -> Cache:
    """The cache of a folder (by default of the current one), with this user's key; an empty one that stays empty where there is no key."""
    return Cache(Path(FOLDER) if folder is None else folder, None if os.environ.get(SWITCH) else user_key())


NO_CACHE = Cache(Path(), None)  # which finds nothing, and keeps nothing
Remembered = TypeVar("Remembered")


def remembered(cache: Cache, name: Callable[[], str], kind: Any, work: Callable[[], Remembered], *, is_lasting: Callable[[], bool] = lambda: True) -> Remembered:
    """The value of that name in a cache; else what some work gives, which the cache has from then on if it is lasting: not where it ended because time ran out."""
    if cache.secret is None:
        return work()
    entry = name()
    found: Remembered = cache.get(entry, kind)
    if found is UNKNOWN:
        found = work()
        if is_lasting():
            cache.keep(entry, found)
    return found


def name_of(*parts: Any) -> str:
    """The name of an entry: a hash of what the value is computed from, and of the code, the libraries and the processor that compute it."""
    return hashlib.sha256("\0".join([code(), processor(), *map(repr, (sorted(environment().items()), *parts))]).encode("utf-8", "surrogatepass")).hexdigest()


def user_key() -> bytes | None:
    """This user's key, made where there is none; None where it cannot be made, or where others could have read it."""
    path = _home() / "verifier" / "cache.key"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _written(path, os.urandom(KEY_BYTES), replaces=False)
        with path.open("rb") as stream:
            found, status = stream.read(KEY_BYTES + 1), os.fstat(stream.fileno())
    except (OSError, RuntimeError):
        return None
    is_mine = os.name != "posix" or (status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077)
    return found if len(found) == KEY_BYTES and is_mine else None


def _home() -> Path:
    """Where programs store what is this user's own and outlives a run. Raises RuntimeError where the user has no home."""
    given = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", "")
    return Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "state"


def _written(path: Path, content: bytes, *, replaces: bool = True) -> None:
    """A file with that content, which nobody sees half written; one that is there stays, unless this one `replaces` it."""
    own = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
        if replaces:
            own.replace(path)
        else:
            with suppress(FileExistsError):
                own.rename(path) if sys.platform == "win32" else os.link(own, path)
    finally:
        own.unlink(missing_ok=True)


__all__ = ["FOLDER", "NO_CACHE", "SWITCH", "UNKNOWN", "Cache", "Foreign", "name_of", "opened", "remembered", "user_key"]
