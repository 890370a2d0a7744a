"""Campaigns: the same bytes from any executor; what ends its process is found and costs itself only; what is finished stays finished."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests import ROOT, faults
from verifier import load, load_text, many
from verifier.cli import main
from verifier.compare.sweep import sample
from verifier.compare.sweep.tally import Tally
from verifier.language.source import CampaignError
from verifier.many import verify_all
from verifier.report.outcome import CaseReport
from verifier.run import chunks, local
from verifier.run.chunks import Failed, Lost, Refused
from verifier.run.named import ExecutorError
from verifier.run.plain import Foreign, plain, read
from verifier.run.state import FILE, UNKNOWN, State, key
from verifier.run.workers import Workers
from verifier.verify import verify

DASK = "verifier.run.dask:local"

CAMPAIGN = """\
name: listed
function: sigmoid(x) * y
points: [{x: 1, y: 2}, {x: -3, y: 0.5}]
formats: [float64, float32]
implementations: {staged: {}, bent: {backward: "dx = out * y * dout\\ndy = out * dout"}}
---
name: all of them
function: tanh(x)
formats: [float16, bfloat16]
domain: {x: [0.5, 300]}
exhaustive: true
implementations: {squared: {backward: dx = (1 - out**2) * dout}, staged: {}}
---
name: sampled
function: log1p(exp(x))
domain: {x: [-30, 30]}
sample: 3000
formats: [float32]
---
name: singular
function: sin(x) / x
points: [{x: 0}, {x: 1e-8}]
implementations: {mine: {backward: dx = (cos(x) - out) / x * dout}}
---
name: beyond
function: x
points: [{x: 1e6}]
formats: [float16]
"""


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cases of every kind, of which the larger ones are cut into many chunks."""
    monkeypatch.setattr(many, "MANY_POINTS", 1000)
    monkeypatch.setattr(sample, "PART", 500)
    monkeypatch.setattr(sample, "CHUNK", 2000)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cases.yaml"
    path.write_text(CAMPAIGN)
    return path


def printed(capsys: pytest.CaptureFixture[str], *words: object, status: int) -> str:
    """What a command line prints on standard output; nothing is said on the other one."""
    assert main([str(w) for w in words]) == status
    out, err = capsys.readouterr()
    assert err == ""
    return out


# ---------------------------------------------------------------- the executors


@pytest.mark.parametrize("jobs", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_results_come_in_order_from_any_number_of_processes(jobs: int, size: int) -> None:
    with Workers(jobs) as workers:
        assert list(workers.run(faults.square, range(50), size=size)) == [[n * n] for n in range(50)]
        assert list(workers.run(faults.square, [], size=size)) == []


def test_what_ends_its_process_is_found_and_costs_only_itself() -> None:
    with Workers(2, timeout=3, memory=2500) as workers:
        found = list(workers.run(faults.faulty, range(24), size=8))
    reasons = {f.item: f.reason for (f,) in found if isinstance(f, Lost)}
    assert reasons == {
        faults.DEADLY: "its process died",
        faults.HANGING: "it did not end within 3 s",
        faults.HUNGRY: "it takes more memory than a worker may have",
        faults.RAISING: "the tool failed (ValueError: a bug); please report it",
    }
    assert [f for (f,) in found if not isinstance(f, Lost)] == [n * n for n in range(24) if n not in reasons]


def test_with_more_memory_the_hungry_one_is_served() -> None:
    with Workers(1, memory=16_000) as workers:
        assert list(workers.run(faults.faulty, [faults.HUNGRY])) == [[3 * faults.GIB]]


def test_of_a_range_only_the_deadly_number_is_lost() -> None:
    spans = [(n, n + 10) for n in range(0, 40, 10)]
    with Workers(2) as workers:
        found = list(workers.run(faults.total, spans, split=faults.halves))
    assert [f.item for f in found[0] if isinstance(f, Lost)] == [(faults.DEADLY, faults.DEADLY + 1)]
    assert sum(f for f in found[0] if not isinstance(f, Lost)) == sum(range(10)) - faults.DEADLY
    assert found[1:] == [[sum(range(*span))] for span in spans[1:]]


def test_where_everything_fails_the_search_for_culprits_ends() -> None:
    with Workers(1) as workers:
        (found,) = workers.run(faults.square, [(0, 1 << 20)], split=faults.halves)  # type: ignore[arg-type]
    assert {type(f) for f in found} == {Lost}
    assert [f.item[1] - f.item[0] for f in found[: chunks.MOST_LOST]] == [1] * chunks.MOST_LOST
    assert found[-1].item[1] == 1 << 20
    assert len(found) < 30


@pytest.mark.parametrize(("work", "times"), [(faults.killed, 1), (faults.killed, 4), (faults.cut_short, 1)])
def test_processes_that_are_killed_from_outside_cost_nothing(work: object, times: int, tmp_path: Path) -> None:
    with Workers(2) as workers:
        assert list(workers.run(partial(work, folder=str(tmp_path), times=times), range(12), size=3)) == [[n * n] for n in range(12)]  # type: ignore[arg-type]
    assert len(list(tmp_path.iterdir())) == times


def test_a_worker_that_cannot_even_start_ends_the_run() -> None:
    with Workers(1, executor="tests.faults:dying") as workers, pytest.raises(ExecutorError, match=r"its workers cannot be used \(they die before they do anything\)"):
        list(workers.run(faults.square, [1]))


@pytest.mark.skipif("forkserver" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.parametrize("library", ["jax", "torch"])
def test_beside_a_library_with_threads_of_its_own_no_process_is_forked_from_this_one(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    for name in local.THREADED:
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert local.start_method().get_start_method() == multiprocessing.get_start_method()
    monkeypatch.setitem(sys.modules, library, sys)
    assert local.start_method().get_start_method() == "forkserver"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("faults", "write module:factory, as in verifier.run.dask:local"),
        ("no_such_module:local", "the module cannot be imported (No module named 'no_such_module')"),
        ("tests.faults:procesess", "tests.faults has no 'procesess'; did you mean 'processes'?"),
        ("tests.faults:GIB", "'GIB' cannot be called"),
        ("tests.faults:failing", "the factory failed (OSError: no machine for 2 workers)"),
        ("tests.faults:not_an_executor", "the factory must return a concurrent.futures.Executor or a context manager that gives one, not list"),
        ("concurrent.futures:ThreadPoolExecutor", "threads share one working precision"),
        ("tests.faults:in_the_driver", "its workers are threads of this process; threads share one working precision"),
        ("tests.faults:several_threads", "its workers have several threads each; threads share one working precision"),
    ],
)
def test_an_executor_that_cannot_be_used_is_refused_with_a_reason(name: str, said: str) -> None:
    with Workers(2, executor=name) as workers, pytest.raises(ExecutorError) as refused:
        list(workers.run(faults.slow, range(8)))
    assert str(refused.value).startswith(f"--executor {name}: {said}")


def test_a_worker_with_other_libraries_is_refused() -> None:
    there = ("elsewhere", 1)
    assert isinstance(chunks._served(there, "another fingerprint", 0, 1.0, b""), Refused)
    with pytest.raises(EOFError):
        chunks._served(there, "", 0, 1.0, b"")  # the twin: nobody asks, and the empty chunk is read


# ---------------------------------------------------------------- the same bytes


@pytest.mark.parametrize("others", [("--jobs", 2), ("--jobs", 3), ("--jobs", 2, "--executor", "tests.faults:processes"), ("--jobs", 2, "--executor", DASK)])
def test_every_executor_gives_the_same_bytes(campaign: Path, capsys: pytest.CaptureFixture[str], others: tuple[object, ...]) -> None:
    words = ("check", campaign, "--format", "json", *others)
    assert printed(capsys, *words, status=2) == printed(capsys, *words[:4], "--jobs", 1, status=2)


def test_the_cutting_does_not_change_the_report(campaign: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    cut = printed(capsys, "check", campaign, "--format", "json", status=2)
    for module, name in ((sample, "PART"), (sample, "CHUNK"), (many, "MANY_POINTS")):
        monkeypatch.setattr(module, name, 10**6)
    assert printed(capsys, "check", campaign, "--format", "json", status=2) == cut


@pytest.mark.parametrize("words", [("mutate", "cases.yaml", "--most", "6", "--all"), ("fuzz", "cases.yaml", "--max-examples", "15", "--save", "finds"), ("hunt", "cases.yaml", "--budget", "300")])
def test_other_commands_use_the_same_executor(campaign: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    campaign.write_text(CAMPAIGN.partition("---")[0] + "---\nname: square\nfunction: x * x\npoints: [{x: 3}]\nimplementations: {mine: {backward: dx = 2 * x * dout}}\n")
    found = []
    for others in (("--jobs", "1"), ("--jobs", "2"), ("--jobs", "2", "--state", "state"), ("--jobs", "1", "--state", "state")):
        main([*words, *others])
        found.append(capsys.readouterr())
    assert len(set(found)) == 1
    assert found[0].err == ""
    assert "square" in found[0].out or "mine" in found[0].out


# ---------------------------------------------------------------- faults of whole cases


def test_a_case_that_kills_its_process_is_an_error_with_its_place_and_the_others_are_unharmed(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    campaign.write_text(f"name: deadly\nfunction: x\npoints: [{{x: 1}}]\n---\n{CAMPAIGN}")
    report = json.loads(printed(capsys, "check", campaign, "--format", "json", "--executor", "tests.faults:deadly", "--jobs", 2, status=2))
    whole = json.loads(printed(capsys, "check", campaign, "--format", "json", "--jobs", 1, status=2))
    (finding,) = report["cases"][0]["findings"]
    assert (report["cases"][0]["status"], finding["code"], finding["file"], finding["line"]) == ("error", "V003", str(campaign), 1)
    assert finding["message"] == "not checked completely: its process died"
    swept = next(c for c in report["cases"] if c["name"] == "all of them")
    assert [f["message"] for f in swept["findings"]] == ["not checked completely: its process died at x=1.5"]
    others = [i for i, c in enumerate(report["cases"]) if c["name"] not in ("deadly", "all of them")]
    assert [report["cases"][i] for i in others] == [whole["cases"][i] for i in others]
    assert len(others) == 4


# ---------------------------------------------------------------- the state


def test_a_run_whose_driver_was_killed_goes_on_and_does_nothing_twice(campaign: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # the driver is a process of its own, with the same cutting; its executor kills it while it hands out a chunk
    code = "import sys; from verifier import many; from verifier.compare.sweep import sample; many.MANY_POINTS, sample.PART, sample.CHUNK = 1000, 500, 2000; from verifier.cli import main; sys.exit(main())"
    words = ["check", str(campaign), "--format", "json", "--jobs", "2", "--state", "state"]
    run = subprocess.run([sys.executable, "-c", code, *words, "--executor", "tests.faults:fatal"], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (run.returncode, run.stdout) == (-signal.SIGKILL, b"")
    with sqlite3.connect("state/" + FILE) as connection:
        kept = dict(connection.execute("SELECT key, value FROM result"))
    connection.close()
    assert kept, "what was finished is on the disk"
    done: list[str] = []
    keep = State.keep
    monkeypatch.setattr(State, "keep", lambda self, rows: keep(self, [done.append(name) or (name, value) for name, value in rows]))  # type: ignore[func-returns-value]
    resumed = printed(capsys, *words, status=2)
    assert done
    assert not set(done) & set(kept), "nothing is computed twice"
    assert len(done) == len(set(done))
    assert resumed == printed(capsys, *words[:-2], status=2)
    done.clear()
    assert printed(capsys, *words, status=2) == resumed
    assert done == []


def test_the_state_is_data_that_comes_back_as_it_was() -> None:
    for case in load(ROOT / "cases" / "cs231n", ROOT / "cases" / "wrong").cases[:12]:
        report = verify(case)
        assert read(CaseReport, json.loads(json.dumps(plain(report)))) == report
    with pytest.raises(TypeError, match="object is not plain data"):
        plain((1, object()))


@pytest.mark.parametrize(("kind", "value"), [(int, "1"), (int, True), (tuple[int, int], [1]), (dict[str, int], [["a", "b"]]), (Tally, {"points": 1}), (Tally, [1, [], []]), (list[int], 3), (str | None, 2.5)])
def test_what_is_of_another_type_is_not_taken(kind: object, value: object) -> None:
    with pytest.raises(Foreign):
        read(kind, value)


def test_a_result_is_found_by_everything_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key("check", True) == key("check", True)
    names = {key("check", True), key("check", False), key("sweep", True), key("check", (True,))}
    monkeypatch.setattr("verifier.run.state.fingerprint", lambda: "another version")
    assert len(names | {key("check", True)}) == 5


def test_an_edited_case_is_checked_again(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    campaign.write_text("function: x * x\npoints: [{x: 3}]\nimplementations: {i: {backward: dx = 2 * x * dout}}\n")
    assert '"passed": 1' in printed(capsys, "check", campaign, "--state", "s", "--format", "json", status=0)
    campaign.write_text(campaign.read_text().replace("2 * x", "3 * x"))
    assert '"failed": 1' in printed(capsys, "check", campaign, "--state", "s", "--format", "json", status=1)


def text_file(path: Path) -> None:
    path.write_text("this is no database, but it is rather longer than the header of one would be: " * 40)


def cut_file(path: Path) -> None:
    with State(str(path.parent)) as state:
        state.keep((f"{i:064}", "x" * 1000) for i in range(200))
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * 4096 + content[8192 : len(content) // 2])


def other_tables(path: Path) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE result (name TEXT)")
    connection.close()


@pytest.mark.parametrize("damage", [text_file, cut_file, other_tables])
def test_a_damaged_or_foreign_state_is_set_aside_and_said(campaign: Path, capsys: pytest.CaptureFixture[str], damage: object) -> None:
    folder = campaign.parent / "state"
    folder.mkdir()
    damage(folder / FILE)  # type: ignore[operator]
    assert main(["check", str(campaign), "--format", "json", "--state", "state", "--jobs", "1"]) == 2
    out, err = capsys.readouterr()
    assert "holds no results of this tool" in err
    assert sorted(p.name for p in folder.iterdir()) == [FILE, f"{FILE}.unreadable-1"]
    assert out == printed(capsys, "check", campaign, "--format", "json", "--state", "state", status=2), "and now it is one"


def test_a_damaged_row_is_computed_again(tmp_path: Path) -> None:
    with Workers(1, state=str(tmp_path)) as workers:
        run = partial(workers.run, faults.square, [2, 3], key=str, kind=int)
        assert list(run()) == [[4], [9]]
        for text in ("[", '["four"]', "{}", "null"):
            workers._state.connection.execute("UPDATE result SET value = ? WHERE key = '2'", (text,))  # type: ignore[union-attr]
            assert list(run()) == [[4], [9]]
        workers._state.connection.execute("UPDATE result SET value = '[5]' WHERE key = '2'")  # type: ignore[union-attr]
        assert list(run()) == [[5], [9]], "the twin: what is whole is taken"


def test_a_folder_that_cannot_be_had_is_said(campaign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(campaign), "--state", str(campaign)]) == 2
    assert capsys.readouterr().err == f"verifier: --state {campaign}: this is a file; name a folder\n"


def test_two_runs_share_a_state(tmp_path: Path) -> None:
    with State(str(tmp_path)) as one, State(str(tmp_path)) as other:
        for i in range(50):
            (one, other)[i % 2].keep([(str(i), i), ("both", i)])
        assert [one.get(str(i), int) for i in range(50)] == [other.get(str(i), int) for i in range(50)] == list(range(50))
        assert one.get("both", int) == 49
        assert one.get("neither", int) is UNKNOWN


# ---------------------------------------------------------------- an interrupt


def test_an_interrupt_leaves_the_cases_that_were_checked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module = sys.modules["verifier.many"]
    seen: list[str] = []

    def interrupted(case: object, **options: object) -> CaseReport:
        seen.append(case.name)  # type: ignore[attr-defined]
        if len(seen) == 3:
            raise KeyboardInterrupt
        return verify(case, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "verify", interrupted)
    cases = load(ROOT / "cases" / "cs231n").cases
    report = verify_all(cases)
    assert [c.name for c in report.cases] == seen[:2]
    assert (report.unchecked, report.is_interrupted) == (len(cases) - 2, True)
    seen.clear()
    assert main(["check", str(ROOT / "cases" / "cs231n"), "--jobs", "1"]) == 130
    out = capsys.readouterr().out
    assert "2 cases, 2 passed, " in out
    assert f", {len(cases) - 2} not checked before the interruption" in out


def test_what_nobody_waits_for_is_ended_although_it_hangs() -> None:
    with Workers(2) as workers:
        found = workers.run(faults.faulty, [1, faults.HANGING, 2])
        assert next(found) == [1]
        found.close()  # type: ignore[attr-defined]
        assert list(workers.run(faults.square, [3])) == [[9]]


# ---------------------------------------------------------------- dask


def test_dask_finds_the_culprit_as_well() -> None:
    with Workers(2, executor=DASK, timeout=2) as workers:
        found = list(workers.run(faults.faulty, range(5, 15), size=4))
    assert [f if isinstance(f, int) else (f.item, f.reason) for (f,) in found] == [
        (n, "its process died") if n == faults.DEADLY else (n, "it did not end within 2 s") if n == faults.HANGING else n * n for n in range(5, 15)
    ]


def test_a_cluster_in_processes_of_its_own_gives_the_same_bytes(campaign: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    words = ("check", campaign, "--format", "json", "--executor", "verifier.run.dask:cluster", "--jobs", 2)
    assert main([str(w) for w in words]) == 2
    assert "set DASK_SCHEDULER_ADDRESS to the scheduler's address" in capsys.readouterr().err
    with subprocess.Popen([sys.executable, str(ROOT / "tests" / "faults.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as cluster:
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.stdout.readline().strip())  # type: ignore[union-attr]
        assert printed(capsys, *words, status=2) == printed(capsys, "check", campaign, "--format", "json", "--jobs", 1, status=2)
        cluster.stdin.close()  # type: ignore[union-attr]
    assert cluster.returncode == 0


def test_an_attempt_says_whether_another_may_end_otherwise() -> None:
    assert chunks.attempt(faults.faulty, [2, faults.RAISING]) == [4, Failed("the tool failed (ValueError: a bug); please report it", again=0)]


# ---------------------------------------------------------------- faults of ours, raised


def _bug(*_: Any, **__: Any) -> None:
    raise ZeroDivisionError("a bug")


SAMPLED = "name: sampled\nfunction: sin(x)\nsample: 20\ndomain: {x: [0, 1]}\n"
PLACES = {  # what is bent, and the case and the command that come to it
    "a listed point": ("verifier.verify", "compare", "function: sin(x)\npoints: [{x: 1}]\n", "check"),
    "a sampled point": ("verifier.compare.sweep.sweep", "judge_columns", SAMPLED, "check"),
    "an edit": ("verifier.search.mutate", "compare", "function: sin(x)\npoints: [{x: 1}]\nimplementations: {mine: {backward: dx = cos(x) * dout}}\n", "mutate"),
    "a campaign": ("verifier.search.fuzz.campaign", "checks_in", "function: sin(x)\npoints: [{x: 1}]\n", "fuzz"),
}


@pytest.mark.parametrize(("module", "name", "text", "command"), PLACES.values(), ids=PLACES)
def test_a_fault_of_the_tool_is_reported_with_its_case_and_raised_with_debug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], module: str, name: str, text: str, command: str) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(text)
    words = [command, str(path), *(["--save", str(tmp_path / "finds")] if command == "fuzz" else [])]
    monkeypatch.setattr(import_module(module), name, _bug)
    assert main([*words, "--jobs", "1"]) == 2
    assert "ZeroDivisionError: a bug" in "".join(capsys.readouterr())
    with pytest.raises(ZeroDivisionError, match="a bug") as caught:
        main([*words, "--debug"])
    assert caught.traceback[-1].name == "_bug", "the traceback leads to the fault"


def test_with_debug_a_sound_run_is_what_it_is_without() -> None:
    cases = load_text(f"{SAMPLED}---\nfunction: x / 0\npoints: [{{x: 1}}]\n").cases
    with Workers(debug=True) as workers:
        assert verify_all(cases, workers=workers) == verify_all(cases)


@pytest.mark.parametrize("other", [{"jobs": 2}, {"executor": "tests.faults:processes"}, {"timeout": 1.0}, {"memory": 1000}, {"state": "folder"}])
def test_debug_asks_for_this_process_and_nothing_else_may_be_asked_for(other: dict[str, Any]) -> None:
    with pytest.raises(CampaignError, match="in this process and reuses no results"):
        Workers(**other, debug=True)
