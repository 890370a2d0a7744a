"""A process for every chunk: what one does costs no other, at most so many run at a time, and none is left behind."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import pytest

from tests import faults
from verifier.run.chunks import Failed, Lost
from verifier.run.workers import Workers


def all_stand(outcomes: Sequence[object]) -> list[bool]:
    return [True] * len(outcomes)


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_results_come_in_order_and_every_group_has_a_process_of_its_own(jobs: int) -> None:
    groups = [[0], [1, 2, 3], [4], [5], [6, 7]]
    with Workers(jobs) as workers:
        found = list(workers.run_apart(faults.with_its_process, groups, limit=60.0, stands=all_stand))
    assert [n for n, _ in found] == list(range(8))
    processes = dict(found)
    assert len(set(processes.values()) - {os.getpid()}) == len(groups)
    assert [len({processes[n] for n in group}) for group in groups] == [1] * len(groups)


def test_without_groups_there_is_nothing_to_do() -> None:
    with Workers(2) as workers:
        assert list(workers.run_apart(faults.square, [], limit=60.0, stands=all_stand)) == []


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_ends_its_process_is_found_and_costs_only_itself(jobs: int) -> None:
    with Workers(jobs, memory=2500) as workers:
        found = list(workers.run_apart(faults.faulty, [[n] for n in range(5, 19)], limit=3.0, stands=all_stand))
    hangs = next(n for n, line in enumerate(Path(faults.__file__).read_text(encoding="utf-8").splitlines(), 1) if "while n == HANGING" in line)
    lost = {f.item: f.reason for f in found if isinstance(f, Lost)}
    assert re.fullmatch(rf"it did not end within 3 s, at .*faults\.py:({hangs}|{hangs + 1})", lost.pop(faults.HANGING))
    assert lost == {
        faults.DEADLY: "its process was ended by SIGKILL (Killed)",
        faults.HUNGRY: "it takes more memory than a worker may have",
        faults.RAISING: "the tool failed (ValueError: a bug); please report it",
    }
    assert [f for f in found if not isinstance(f, Lost)] == [n * n for n in range(5, 19) if n not in (faults.DEADLY, faults.HANGING, faults.HUNGRY, faults.RAISING)]


@pytest.mark.parametrize("group", [[3, 4, 5], [3, faults.DEADLY, 5]])
def test_what_does_not_stand_beside_others_is_worked_on_again_alone(group: list[int], tmp_path: Path) -> None:
    def only_even(outcomes: Sequence[object]) -> list[bool]:
        return [not isinstance(o, Failed) and int(str(o)) % 2 == 0 for o in outcomes]

    with Workers(2) as workers:
        found = list(workers.run_apart(partial(faults.counted, folder=str(tmp_path)), [[1], group, [9]], limit=60.0, stands=only_even))
    assert [f.item if isinstance(f, Lost) else f for f in found] == [1, *(n if n == faults.DEADLY else n * n for n in group), 81]
    times = {n: len(list(tmp_path.glob(f"{n}.*"))) for n in (1, 3, 4, 5, 9)}
    assert times == {1: 1, 3: 2, 4: 1 if 4 in group else 0, 5: 2 if 4 in group else 1, 9: 1}, "alone, whatever comes of it; after the death of a group all that were in it, or had not begun"


def test_as_many_run_at_a_time_as_there_are_jobs_and_no_more(tmp_path: Path) -> None:
    with Workers(2) as workers:
        found = list(workers.run_apart(partial(faults.meets_another, folder=str(tmp_path)), [[n] for n in range(6)], limit=60.0, stands=all_stand))
    spans = sorted(found)
    assert max(sum(start <= begun < end for start, end in spans) for begun, _ in spans) == 2


def test_no_thread_is_there_while_processes_are_started() -> None:
    before = threading.active_count()
    with Workers(2) as workers:
        assert list(workers.run(faults.square, [3], size=1)) == [[9]]
        assert [threading.active_count() for _ in workers.run_apart(faults.square, [[1], [2], [3]], limit=60.0, stands=all_stand)] == [before] * 3


@pytest.mark.skipif(os.name == "nt", reason="the test looks for processes as Linux and macOS do")
def test_what_nobody_waits_for_is_ended_with_what_it_has_started(tmp_path: Path) -> None:
    with Workers(3) as workers:
        found = workers.run_apart(partial(faults.starts_another, folder=str(tmp_path)), [[0], [1], [2]], limit=60.0, stands=all_stand)
        assert next(found) == 0
        while len(list(tmp_path.iterdir())) < 4:
            pass
        found.close()  # type: ignore[attr-defined]
    for pid in (int(p.name) for p in tmp_path.iterdir()):
        while faults.is_running(pid):  # until the system has ended what it was told to
            time.sleep(0.01)


@pytest.mark.parametrize(("work", "reason"), [(faults.breaks_python, "its process ended without a result (exit status 0)"), (faults.answers_half, "its process died"), (faults.aborts, "its process was ended by SIGABRT (Aborted), at ")])
def test_an_answer_that_cannot_be_read_costs_its_item_only(work: Callable[[int], int], reason: str) -> None:
    with Workers(2) as workers:
        found = list(workers.run_apart(work, [[0], [1], [2]], limit=20.0, stands=all_stand))
    assert (found[0], found[2]) == (0, 2)
    assert isinstance(found[1], Lost)
    assert found[1].reason.startswith(reason)


@pytest.mark.skipif(os.name == "nt", reason="the test looks for processes as Linux and macOS do")
@pytest.mark.parametrize("dies", [True, False])
def test_what_a_process_has_started_ends_with_it_however_it_ends(dies: bool, tmp_path: Path) -> None:
    with Workers(2) as workers:
        found = list(workers.run_apart(partial(faults.leaves_another, folder=str(tmp_path), dies=dies), [[0], [1]], limit=20.0, stands=all_stand))
    assert [isinstance(f, Lost) for f in found] == [dies, dies]
    assert list(tmp_path.iterdir())
    for pid in (int(p.name) for p in tmp_path.iterdir()):
        while faults.is_running(pid):
            time.sleep(0.01)
