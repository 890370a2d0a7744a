"""`serve`: the page on this machine, checked again when a file changes, refused to everybody else."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ROOT
from verifier.cli import main
from verifier.serve import is_own_host, noticed_interrupts, stamps_of

GOOD = "name: good\nfunction: sin(x)\npoints: [{x: 1}]\n"
BAD = "name: bad\nfunction: sin(x)\npoints: [{x: 1}]\nimplementations: {mine: {backward: dx = sin(x) * dout}}\n"
UNREADABLE = "name: broken\nfunction: sin(x) +\npoints: [{x: 1}]\n"


@pytest.fixture
def case(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def served(case: Path) -> Iterator[subprocess.Popen[str]]:
    """A server of the case; it says one line when it is ready and one after every check."""
    words = [sys.executable, "-u", "-m", "verifier", "serve", str(case), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        yield process
        if process.poll() is None:
            process.kill()


def saved(path: Path, text: str) -> None:
    """Replace a file as editors do: nobody sees half of it."""
    other = path.with_suffix(".new")
    other.write_text(text, encoding="utf-8")
    other.replace(path)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def asked(port: int, path: str = "/", *, host: str = "", method: str = "GET") -> tuple[int, str, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode("utf-8"), answer.headers


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_the_page_follows_the_file_and_the_interrupt_ends_it(served: subprocess.Popen[str], case: Path) -> None:
    port = int(said(served).rpartition(":")[2].partition("/")[0])
    assert said(served).endswith("s)"), "the first check is done"
    first = asked(port, "/version")[1]
    status, page, headers = asked(port)
    assert (status, f'content="{first}"' in page, ">good<" in page) == (200, True, True)
    assert headers["Cache-Control"] == "no-store"
    assert "connect-src" in page

    saved(case, BAD)
    assert "1 failed" in said(served)
    second = asked(port, "/version")[1]
    assert second != first, "so the page in the browser is loaded again"
    assert ">bad<" in asked(port)[1]

    saved(case, UNREADABLE)
    assert "1 not checked" in said(served)
    assert "What could not be read" in asked(port)[1]

    saved(case, GOOD)
    assert "0 failed, 0 not checked" in said(served)

    assert asked(port, host="evil.example")[0] == 403, "a name of somebody else that leads here"
    assert asked(port, "/../mine.yaml")[0] == 404
    assert asked(port, method="POST")[0] == 501
    assert asked(port, method="HEAD")[:2] == (200, "")

    served.send_signal(signal.SIGINT)
    assert served.wait(timeout=60) == 0
    assert served.stdout is not None
    assert served.stdout.read().strip() == "stopped"
    assert served.stderr is not None
    assert served.stderr.read() == ""


def test_a_port_that_is_taken_is_said(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["serve", str(case), "--port", str(port)]) == 2
    assert capsys.readouterr().err.startswith(f"verifier: port {port} cannot be used: ")


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_what_is_no_port_is_refused(case: Path, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["serve", str(case), f"--port={port}"])
    assert refused.value.code == 2
    assert f"'{port}' is not a port from 0 to 65535" in capsys.readouterr().err


def test_only_this_machines_names_are_its_own() -> None:
    assert all(is_own_host(h, 8642) for h in ("127.0.0.1:8642", "localhost:8642", "LocalHost:8642"))
    assert not any(is_own_host(h, 8642) for h in ("", "127.0.0.1", "127.0.0.1:1", "evil.example:8642", "localhost.evil.example:8642"))


def test_a_file_that_changes_comes_or_goes_is_seen(case: Path) -> None:
    before = stamps_of([str(case.parent)], [])
    assert stamps_of([str(case.parent)], []) == before, "the twin: nothing has changed"
    other = case.with_name("other.yaml")
    other.write_text(GOOD, encoding="utf-8")
    with_other = stamps_of([str(case.parent)], [])
    assert with_other != before
    other.write_text(GOOD + "\n", encoding="utf-8")
    assert stamps_of([str(case.parent)], []) != with_other
    other.unlink()
    assert stamps_of([str(case.parent)], []) == before
    assert stamps_of([], [str(other)]) == ((str(other), -1, -1),), "code that is called and gone"


class InterruptedInAFinalizer:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_drops_is_noticed() -> None:
    """An exception of a finalizer is printed and goes no further (Python's documentation of `object.__del__`)."""
    before = signal.getsignal(signal.SIGINT)
    with noticed_interrupts() as interrupted:
        assert not interrupted.is_set()
        InterruptedInAFinalizer()
        assert interrupted.is_set()
    assert signal.getsignal(signal.SIGINT) is before
