"""A block of work that is given up after so many seconds of this process's time."""

import gc
import signal
import subprocess
import sys

import pytest

from tests import ROOT
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


COLLECTED = """
import gc, time
from verifier.run.limit import OutOfTime, limited_work

def slow(phase, _):
    start = time.process_time()
    while time.process_time() < start + 0.05:
        pass

gc.callbacks.append(slow)
try:
    with limited_work(0.01):
        gc.collect()
        while True:
            pass
except OutOfTime:
    print("given up")
"""


def test_a_callback_of_the_garbage_collector_is_not_interrupted() -> None:
    """Python ignores what is raised in one, and says so on stderr. In a process of its own, where nothing else has garbage."""
    run = subprocess.run([sys.executable, "-c", COLLECTED], capture_output=True, text=True, cwd=ROOT)
    assert (run.stdout, run.stderr) == ("given up\n", "")


def test_a_limit_leaves_no_callback_behind() -> None:
    before = list(gc.callbacks)
    with pytest.raises(OutOfTime), limited_work(0.02):
        _work()
    assert gc.callbacks == before
