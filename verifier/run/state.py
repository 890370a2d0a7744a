"""Finished results on the disk: one SQLite file in a folder, each result under a hash of everything that it depends on."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

from verifier.language.source import CampaignError
from verifier.run.environment import fingerprint
from verifier.run.plain import Foreign, plain, read

FILE = "results.sqlite"
PATIENCE = 60.0  # seconds that one run waits for another that is writing
UNKNOWN = object()  # what `get` gives where there is no result
UNREADABLE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)  # the last one: tables that are not ours


class StateError(CampaignError):
    """A folder in which no results can be stored."""


def key(*parts: Any) -> str:
    """The name of a result: a hash of what it is computed from, and of the code and the libraries that compute it."""
    return hashlib.sha256("\0".join([fingerprint(), *map(repr, parts)]).encode()).hexdigest()


class State:
    """The results stored in a folder. A file that cannot be read is renamed, and `note` says so. Raises StateError.

    Several runs may use a folder at the same time: each finds what the others have finished.
    """

    def __init__(self, folder: str) -> None:
        self.path = Path(folder) / FILE
        self.note = ""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"--state {folder}: {'this is a file; name a folder' if isinstance(error, FileExistsError) else error.strerror}") from None
        try:
            self.connection = self._opened()
        except sqlite3.DatabaseError as error:
            if _code(error) not in UNREADABLE:
                raise StateError(f"--state {folder}: {error}") from None
            aside = _free(self.path)
            self.path.rename(aside)
            self.note = f"{self.path} holds no results of this tool ({error}); it was renamed to {aside.name}, and all results are computed anew"
            self.connection = self._opened()

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=PATIENCE)
        try:
            with connection:
                connection.execute("CREATE TABLE IF NOT EXISTS result (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
                connection.execute("SELECT key, value FROM result LIMIT 1").fetchall()
            ((check,),) = connection.execute("PRAGMA quick_check(1)").fetchall()
            if check != "ok":
                damaged = sqlite3.DatabaseError(check)
                damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise damaged
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, name: str, kind: Any) -> Any:
        """The result of that name as a value of that type, or UNKNOWN. What is damaged is unknown."""
        with suppress(Foreign, json.JSONDecodeError), closing(self._query("SELECT value FROM result WHERE key = ?", (name,))) as rows:
            for (text,) in rows:
                return read(kind, json.loads(text))
        return UNKNOWN

    def keep(self, results: Iterable[tuple[str, Any]]) -> None:
        """Write results, all or none; they are on the disk when this returns."""
        rows = [(name, json.dumps(plain(value))) for name, value in results]
        try:
            with self.connection:
                self.connection.executemany("INSERT OR REPLACE INTO result VALUES (?, ?)", rows)
        except sqlite3.DatabaseError as error:
            raise StateError(f"{self.path} cannot be written: {error}") from None

    def _query(self, question: str, values: tuple[str, ...]) -> sqlite3.Cursor:
        try:
            return self.connection.execute(question, values)
        except sqlite3.DatabaseError as error:
            raise StateError(f"{self.path} cannot be read: {error}") from None

    def close(self) -> None:
        """Release the file."""
        self.connection.close()


def _code(error: sqlite3.DatabaseError) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF  # without SQLite's extension of it


def _free(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.unreadable-{number}")).exists():
        number += 1
    return aside
