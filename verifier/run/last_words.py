"""How a process ended that gave no answer, and where its code stood: what the system and Python's own fault handler tell of it."""

from __future__ import annotations

import faulthandler
import os
import re
import signal
from contextlib import suppress
from multiprocessing import connection

from verifier.language.user_files import is_of_a_library

BEFORE = 0.1  # seconds before its limit at which a process that goes on says where it is
MOST_READ = 1 << 16  # bytes of a trace
FRAME = re.compile(rb'^  File "(.+)", line (\d+) in ', re.MULTILINE)


class ProcessDied(Exception):
    """A process has ended without an answer; the text says how, `at` in which line, where that is known."""

    def __init__(self, how: str, at: str = "") -> None:
        super().__init__(how)
        self.at = at


def listen(writer: connection.Connection, limit: float) -> None:
    """In a process: write where its code stands when it is ended by a fault, or shortly before its limit. The descriptor stays open as long as the process lives."""
    with suppress(OSError):  # on Windows a pipe has no descriptor
        target = os.dup(writer.fileno())
        faulthandler.enable(target, all_threads=False)
        if BEFORE < limit < float("inf"):
            faulthandler.dump_traceback_later(limit - BEFORE, file=target)


def ending(exitcode: int | None) -> str:
    """How a process ended, in words.

    >>> ending(0), ending(-signal.SIGSEGV), ending(None)
    ('its process ended without a result (exit status 0): the code ended it, or changed Python itself', 'its process was ended by SIGSEGV (Segmentation fault)', 'its process died')
    """
    if exitcode is None:
        return "its process died"
    if exitcode >= 0:
        return f"its process ended without a result (exit status {exitcode}): the code ended it, or changed Python itself"
    with suppress(ValueError):
        number = signal.Signals(-exitcode)
        return f"its process was ended by {number.name}{f' ({words})' if (words := signal.strsignal(number)) else ''}"
    return f"its process was ended by the signal {-exitcode}"


def last_place(reader: connection.Connection) -> str:
    """The line where the code of a process stood, as the process has written it; '' where it has not, or stood in no code of a user."""
    trace = b""
    with suppress(OSError):
        os.set_blocking(reader.fileno(), False)
        trace = os.read(reader.fileno(), MOST_READ)
    for name, line in FRAME.findall(trace):
        file = name.decode("utf-8", "replace")
        if not is_of_a_library(file):
            return f"{file}:{int(line)}"
    return ""
