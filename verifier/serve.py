"""`serve`: the page of some case files on this machine, checked again whenever one of them changes.

The main thread watches and checks, since only work of the main thread can be limited in time; another thread answers. Only this machine is
answered (the address is that of the loopback, and a request that names another host is refused), and nothing but the page can be asked for.
"""

from __future__ import annotations

import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from verifier import reuse
from verifier.case.case import calls_of
from verifier.case.files import case_files
from verifier.language.source import CampaignError
from verifier.report.draw.page import page
from verifier.report.outcome import Report
from verifier.run.cache import opened
from verifier.run.workers import Workers

if TYPE_CHECKING:
    from verifier.case.load import Loaded
    from verifier.report.gate import CiGate

ADDRESS = "127.0.0.1"
SECONDS = 0.25  # between two looks at the files
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "frame-ancestors 'none'",  # beside the page's own
}

Stamps = tuple[tuple[str, int, int], ...]  # of every file that is watched: its name, when it was changed, its size


@dataclass(frozen=True)
class Watch:
    """What is served: the paths, how their cases are read, and which findings count."""

    paths: Sequence[str]
    load: Callable[[], Loaded]
    gate: CiGate
    strict: bool = False
    in_folders: Callable[[str], bool] | None = None


class Site:
    """The page as it is now, and its version."""

    def __init__(self) -> None:
        self._run, self._count = secrets.token_hex(4), 0
        self.version, self.content = "", b""
        self.show(Report(()), message="The cases are being checked for the first time ...")

    def show(self, report: Report, *, message: str = "") -> None:
        """Put a report in the place of the one before."""
        self._count += 1
        version = f"{self._run}-{self._count}"
        self.content = page(report, served=version, message=message).encode("ascii")
        self.version = version


def serve(watch: Watch, *, port: int, say: Callable[[str], None]) -> None:
    """Check, answer, and check again what changed, until it is interrupted. Raises CampaignError where the port cannot be had."""
    site = Site()
    try:
        server = ThreadingHTTPServer((ADDRESS, port), BaseHTTPRequestHandler)
    except OSError as error:
        raise CampaignError(f"port {port} cannot be used: {error.strerror}; choose another with --port, or 0 for any free one") from None
    port = server.server_address[1]
    server.RequestHandlerClass = _handler(site, port)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    say(f"serving http://{ADDRESS}:{port}/ (Ctrl-C ends it)")
    try:
        with noticed_interrupts() as interrupted:
            _keep_checking(watch, site, say, interrupted)
    except KeyboardInterrupt:
        say("stopped")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def noticed_interrupts() -> Iterator[threading.Event]:
    """An event that every interrupt sets beside raising KeyboardInterrupt, which Python drops where a finalizer runs just then."""
    event = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def notice(number: int, frame: FrameType | None) -> None:
        event.set()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGINT, notice)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)


def _keep_checking(watch: Watch, site: Site, say: Callable[[str], None], interrupted: threading.Event) -> NoReturn:
    """Look at the files, and check their cases when one has changed. Raises KeyboardInterrupt."""
    seen: Stamps | None = None
    before: Stamps | None = None  # of the last look
    called: tuple[str, ...] = ()
    while True:
        if interrupted.is_set():
            raise KeyboardInterrupt
        stamps = stamps_of(watch.paths, called, watch.in_folders)
        if stamps == seen or (seen is not None and stamps != before):  # nothing is new, or somebody may be writing still
            before = stamps
            rest()
            continue
        seen = stamps
        started = time.monotonic()
        loaded = watch.load()
        found = tuple(sorted({str(Path(c.file).parent / name) for c in loaded.cases for i in calls_of(c) if i.call is not None for name in (i.call.file, *(i.call.backward or ())[:1])}))
        if found != called:
            called, seen = found, stamps_of(watch.paths, found, watch.in_folders)
        report = reuse.verify_changed(loaded.cases, loaded.complaints, cache=opened(), strict=watch.strict, workers=lambda: Workers(1), details=True)
        if report.is_interrupted:
            raise KeyboardInterrupt
        report = replace(report, cases=tuple(watch.gate.of(c) for c in report.cases))
        site.show(report)
        cached = sum(c.is_cached for c in report.cases)
        say(f"{time.strftime('%H:%M:%S')}  {len(report.cases)} case{'' if len(report.cases) == 1 else 's'}, {report.failed} failed, {report.errors} not checked ({len(report.cases) - cached} checked now, in {time.monotonic() - started:.1f} s)")


def rest() -> None:
    """Wait a little: nothing has changed."""
    time.sleep(SECONDS)


def stamps_of(paths: Sequence[str], called: Sequence[str], in_folders: Callable[[str], bool] | None = None) -> Stamps:
    """When the case files at some paths, and the code that they call, were changed; a file that is gone has no time."""
    found = []
    for file in (*(f for f in case_files(*paths, in_folders=in_folders) if isinstance(f, str)), *called):
        changed, size = -1, -1
        with suppress(OSError):
            status = Path(file).stat()
            changed, size = status.st_mtime_ns, status.st_size
        found.append((file, changed, size))
    return tuple(found)


def _handler(site: Site, port: int) -> type[BaseHTTPRequestHandler]:
    class Answer(BaseHTTPRequestHandler):
        """Answers with the page, or its version, and refuses everything else."""

        server_version, sys_version = "verifier", ""

        def do_GET(self) -> None:
            status, kind, content = self._answer()
            self.send_response(status)
            for name, value in {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(content)), **HEADERS}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                with suppress(OSError):  # whoever asked is gone
                    self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

        def _answer(self) -> tuple[int, str, bytes]:
            if not is_own_host(self.headers.get("Host", ""), port):
                return 403, "text/plain", b"this server answers to its own address only\n"
            path = self.path.partition("?")[0]
            if path == "/":
                return 200, "text/html", site.content
            if path == "/version":
                return 200, "text/plain", site.version.encode("ascii")
            return 404, "text/plain", b"there is nothing but /\n"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of http.server's own
            """Say nothing of requests."""

    return Answer


def is_own_host(host: str, port: int) -> bool:
    """Whether a request was meant for this server: a page elsewhere may have made a name of its own lead here.

    >>> is_own_host("localhost:8642", 8642), is_own_host("evil.example:8642", 8642)
    (True, False)
    """
    return host.lower() in {f"{name}:{port}" for name in (ADDRESS, "localhost")} | ({ADDRESS, "localhost"} if port == 80 else set())
