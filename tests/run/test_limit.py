"""A block of work that is given up after so many seconds of this process's time."""

import gc
import signal
import sys
import time

import pytest

from verifier.run.limit import OutOfTime, limited_work

INF = float("inf")

pytestmark = pytest.mark.skipif(not hasattr(signal, "ITIMER_VIRTUAL"), reason="this system has no timer of the time a process has used")


def _work() -> None:
    while True:
        pass


def _armed() -> float:
    return signal.getitimer(signal.ITIMER_VIRTUAL)[0]


def test_a_block_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(OutOfTime), limited_work(0.05):
        _work()
    assert _armed() == 0, "no timer is left behind"


def test_a_block_without_a_limit_sets_no_timer() -> None:
    with limited_work(INF):
        assert _armed() == 0


def test_the_end_of_an_inner_block_does_not_end_the_limit_of_the_outer_one() -> None:
    def both() -> None:
        with limited_work(0.1):
            with limited_work(60):
                pass
            assert 0 < _armed() < 1
            _work()

    with pytest.raises(OutOfTime):
        both()
    assert _armed() == 0


def test_an_inner_block_that_is_given_up_leaves_the_outer_one_its_rest() -> None:
    with limited_work(60):
        with pytest.raises(OutOfTime), limited_work(0.05):
            _work()
        assert 50 < _armed() < 60, "what the inner block has used is counted"
    assert _armed() == 0


def test_an_inner_block_ends_no_later_than_the_outer_one() -> None:
    with pytest.raises(OutOfTime), limited_work(0.05), limited_work(60):
        _work()
    assert _armed() == 0


def test_a_callback_of_the_garbage_collector_is_not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python ignores what is raised in one, and says so on stderr."""
    ignored: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    ended: list[str] = []

    def slow(phase: str, _: object) -> None:
        start = time.process_time()
        while time.process_time() < start + 0.05:
            pass
        ended.append(phase)

    def collect() -> None:
        with limited_work(0.01):
            gc.collect()
            _work()

    gc.collect()  # what other tests left behind: destructors may not raise either
    gc.callbacks.append(slow)
    try:
        with pytest.raises(OutOfTime):
            collect()
    finally:
        gc.callbacks.remove(slow)
    assert (ended[:1], ignored) == (["start"], [])
