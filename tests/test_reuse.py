"""What has not changed is not checked again, and the cache is believed only where this user signed it."""

from __future__ import annotations

import json
import linecache
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import ROOT
from verifier import reuse
from verifier.case.load import load, load_text
from verifier.cli import main
from verifier.report.outcome import CaseReport
from verifier.run import cache as caches
from verifier.run import environment
from verifier.run.cache import FOLDER, SWITCH, UNKNOWN, Cache, name_of, user_key
from verifier.verify import verify

if TYPE_CHECKING:
    from collections.abc import Callable

    from verifier.many import CallAnswer

GOOD = "name: good\nfunction: sin(x)\npoints: [{x: 1}, {x: 2}]\n"
BAD = "name: bad\nfunction: sin(x)\npoints: [{x: 1}]\nimplementations: {mine: {backward: dx = sin(x) * dout}}\n"
SECRET = bytes(range(32))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two files, in which there is a cache and a key."""
    monkeypatch.delenv(SWITCH)
    monkeypatch.setenv("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "bad.yaml").write_text(BAD, encoding="utf-8")
    return tmp_path


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the cases that were checked, not taken from the cache."""
    seen: list[str] = []
    from verifier import many

    safely = many.verify_safely
    monkeypatch.setattr(many, "verify_safely", lambda case, **options: seen.append(case.name) or safely(case, **options))
    return seen


Run = list[tuple[str, str, bool]]


@pytest.fixture
def run(folder: Path, checked: list[str], capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Runs the command; name, status and whether it is cached of every case."""
    del folder

    def run_command(*words: str) -> Run:
        checked.clear()
        main([*(words or ("check", "good.yaml", "bad.yaml")), "--format", "json"])
        return [(c["name"], c["status"], c.get("cached", False)) for c in json.loads(capsys.readouterr().out)["cases"]]

    return run_command


def test_the_second_run_checks_nothing_and_says_so(run: Callable[..., Run], checked: list[str]) -> None:
    assert run() == [("good", "passed", False), ("bad", "failed", False)]
    assert checked == ["good", "bad"]
    assert run() == [("good", "passed", True), ("bad", "failed", True)]
    assert checked == []


@pytest.mark.usefixtures("folder")
def test_text_and_json_of_a_cached_report_are_those_of_a_fresh_one_but_for_that_word(capsys: pytest.CaptureFixture[str]) -> None:
    texts = {}
    for form in ("text", "json"):
        for attempt in (1, 2):
            status = main(["check", "good.yaml", "bad.yaml", "--format", form, *(["--no-cache"] if attempt == 1 and form == "json" else [])])
            assert status == 1
            texts[form, attempt] = capsys.readouterr().out
    assert texts["text", 2].replace("  cached", "").replace(", 2 cached", "") == texts["text", 1]
    assert texts["json", 2].replace('   "cached": true,\n', "") == texts["json", 1]


def test_what_changes_is_checked_again_and_only_that(run: Callable[..., Run], folder: Path, checked: list[str]) -> None:
    (folder / "two.yaml").write_text(f"{GOOD}---\n{BAD}", encoding="utf-8")
    run("check", "two.yaml")
    (folder / "two.yaml").write_text(f"{GOOD}---\n{BAD.replace('sin(x) * dout', 'cos(x) * dout')}", encoding="utf-8")
    assert run("check", "two.yaml") == [("good", "passed", True), ("bad", "passed", False)]
    assert checked == ["bad"]
    assert run("check", "two.yaml") == [("good", "passed", True), ("bad", "passed", True)]


@pytest.mark.parametrize("words", [("--strict",), ("--no-cache",), ("--state", "s"), ("--debug",)])
def test_other_options_are_another_question(run: Callable[..., Run], words: tuple[str, ...]) -> None:
    run()
    assert [is_cached for *_, is_cached in run("check", "good.yaml", *words)] == [False]


def test_a_hunt_with_another_budget_is_another_question(run: Callable[..., Run]) -> None:
    assert [[is_cached for *_, is_cached in run("hunt", "good.yaml", "--budget", budget)] for budget in ("50", "50", "60")] == [[False], [True], [False]]


def test_another_version_of_the_code_or_of_a_library_is_another_question(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    monkeypatch.setattr(caches, "code", lambda: "other")
    assert [c for *_, c in run()] == [False, False]
    monkeypatch.undo()


def test_the_hash_of_the_code_sees_every_room() -> None:
    script = f"import pathlib, sys; sys.path.insert(0, {str(ROOT)!r}); from verifier.run import environment as e; import builtins; seen = []; read = pathlib.Path.read_bytes; pathlib.Path.read_bytes = lambda p: (seen.append(p.parent.name), read(p))[1]; e.code(); print(*sorted(set(seen)))"
    rooms = subprocess.run([sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True).stdout.split()
    assert {"verifier", "language", "circuit", "case", "arithmetic", "exact", "compare", "blame", "report", "run"} <= set(rooms)
    assert environment.processor()


def test_a_case_with_complaints_or_a_callable_is_never_taken_from_the_cache(run: Callable[..., Run], folder: Path) -> None:
    (folder / "broken.yaml").write_text("fucntion: x\n", encoding="utf-8")
    (folder / "f.py").write_text("def f(x):\n    return x * x, x\n\n\ndef b(dout, x):\n    return 2 * x * dout\n", encoding="utf-8")
    (folder / "call.yaml").write_text("name: call\nfunction: x * x\npoints: [{x: 3}]\nimplementations: {mine: {call: {forward: 'f.py:f', backward: 'f.py:b'}}}\n", encoding="utf-8")
    for _ in range(2):
        assert run("check", "broken.yaml")[0][1:] == ("error", False)
        assert run("check", "call.yaml", "--allow-call") == [("call", "passed", False)]


def test_of_many_files_those_alone_are_read_that_are_not_known_and_the_reports_stay_in_order(run: Callable[..., Run], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from verifier.case import load

    read: list[str] = []
    original = load._load_file
    monkeypatch.setattr(load, "_load_file", lambda path, **options: read.append(path) or original(path, **options))
    (folder / "broken.yaml").write_text("fucntion: x\n", encoding="utf-8")
    (folder / "last.yaml").write_text(GOOD.replace("good", "last"), encoding="utf-8")
    words = ("check", "good.yaml", "broken.yaml", "bad.yaml", "last.yaml")
    expected = [("good", "passed"), ("bad", "failed"), ("last", "passed"), ("broken.yaml", "error")]  # what cannot be read comes last
    assert [found[:2] for found in run(*words)] == expected
    assert read == list(words[1:])
    read.clear()
    assert run(*words) == [(*found, found[1] != "error") for found in expected]
    assert read == ["broken.yaml"]
    read.clear()
    (folder / "bad.yaml").write_text(BAD.replace("x: 1", "x: 2"), encoding="utf-8")
    assert run(*words) == [(*found, found[0] not in ("bad", "broken.yaml")) for found in expected]
    assert read == ["broken.yaml", "bad.yaml"]


def test_names_of_better_lines_are_looked_for_in_all_files(run: Callable[..., Run]) -> None:
    words = ("improve", "good.yaml", "bad.yaml", "--implementation", "mine", "--budget", "0.2")
    first = run(*words)
    assert [found[0] for found in first] == ["good", "bad"]
    assert [found[0] for found in run(*words)] == ["good", "bad"]


# ---------------------------------------------------------------- who may write there


def forged(folder: Path) -> list[Path]:
    return sorted((folder / FOLDER).glob("*.json"))


SPOILERS: dict[str, Callable[[str], str]] = {
    "a pass where it failed": lambda text: text.replace('"failed"', '"passed"'),
    "no signature": lambda text: text.partition("\n")[2],
    "an empty signature": lambda text: "\n" + text.partition("\n")[2],
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda _: "",
    "no text": lambda text: "\x00\xff" + text,
    "a deep nest": lambda _: "[" * 100_000,
}


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_an_entry_that_was_changed_is_computed_again_in_silence(run: Callable[..., Run], folder: Path, checked: list[str], spoil: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    run()
    for path in forged(folder):
        path.write_text(spoil(path.read_text(encoding="utf-8")), encoding="utf-8")
    again = run()
    assert [status for _, status, _ in again] == ["passed", "failed"]
    assert ("bad" in checked, again[1][2]) == (True, False)
    assert run() == [("good", "passed", True), ("bad", "failed", True)]
    assert capsys.readouterr().err == ""


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_huge_file(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(caches.MOST_BYTES + 2)


@pytest.mark.skipif(os.name != "posix", reason="named pipes, devices and files with holes")
@pytest.mark.parametrize("put", [a_pipe, a_link_to_a_device, a_huge_file, Path.mkdir])
def test_an_entry_that_is_no_file_of_a_sensible_size_is_none(run: Callable[..., Run], folder: Path, put: Callable[[Path], None]) -> None:
    run()
    for path in (folder / FOLDER).glob("*.json"):
        path.unlink()
        put(path)
    assert run() == [("good", "passed", False), ("bad", "failed", False)]


def test_the_entry_of_one_case_is_none_for_another(run: Callable[..., Run], folder: Path) -> None:
    run()
    entries = [p for p in forged(folder) if any(word in p.read_text(encoding="utf-8") for word in ('"good"', '"bad"'))]
    assert len(entries) == 2
    texts = [p.read_text(encoding="utf-8") for p in entries]
    for path, text in zip(entries, reversed(texts), strict=True):
        path.write_text(text, encoding="utf-8")
    assert run() == [("good", "passed", False), ("bad", "failed", False)]


def test_a_folder_that_somebody_else_wrote_is_not_believed(folder: Path, run: Callable[..., Run]) -> None:
    (case,) = load_text(BAD, file="bad.yaml").cases
    stranger = Cache(folder / FOLDER, SECRET)
    lie = replace(verify(case), status="passed", findings=())
    stranger.keep(name_of("check", False, case), lie)
    assert stranger.get(name_of("check", False, case), CaseReport) == lie
    assert run("check", "bad.yaml") == [("bad", "failed", False)]


@pytest.mark.skipif(os.name != "posix", reason="the modes of files are POSIX's")
def test_a_key_that_others_could_read_is_not_used(folder: Path, run: Callable[..., Run]) -> None:
    run()
    key = folder / "home" / "verifier" / "cache.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.chmod(0o644)
    assert user_key() is None
    assert [c for *_, c in run()] == [False, False]


@pytest.mark.usefixtures("folder")
def test_without_a_home_there_is_no_cache_and_no_complaint(run: Callable[..., Run], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "home").write_text("a file where a folder should be", encoding="utf-8")
    assert [c for _ in range(2) for *_, c in run()] == [False] * 4
    assert not (folder / FOLDER).exists()
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_folder_that_leads_elsewhere_is_not_used(folder: Path, run: Callable[..., Run]) -> None:
    (folder / "elsewhere").mkdir()
    (folder / FOLDER).symlink_to(folder / "elsewhere")
    assert [c for _ in range(2) for *_, c in run()] == [False] * 4
    assert list((folder / "elsewhere").iterdir()) == []


def test_the_folder_is_in_no_repository_and_leaves_no_temporary_files(folder: Path, run: Callable[..., Run]) -> None:
    run()
    assert (folder / FOLDER / ".gitignore").read_text(encoding="utf-8").splitlines()[-1] == "*"
    assert all(p.suffix == ".json" for p in (folder / FOLDER).iterdir() if p.name != ".gitignore")
    assert [p.name for p in (folder / "home" / "verifier").iterdir()] == ["cache.key"]


def test_many_writers_leave_whole_entries(tmp_path: Path) -> None:
    def write(k: int) -> None:
        Cache(tmp_path / FOLDER, SECRET).keep("same", tuple([str(k)] * 5000))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(40)))
    found = Cache(tmp_path / FOLDER, SECRET).get("same", tuple[str, ...])
    assert found is not UNKNOWN
    assert len(set(found)) == 1
    assert sorted(p.name for p in (tmp_path / FOLDER).iterdir()) == [".gitignore", "same.json"]


def test_a_full_folder_loses_the_older_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "MOST_ENTRIES", 3)
    first = Cache(tmp_path / FOLDER, SECRET)
    for k in range(4):
        first.keep(str(k), (str(k),))
        os.utime(tmp_path / FOLDER / f"{k}.json", (k, k))
    Cache(tmp_path / FOLDER, SECRET).keep("new", ("new",))
    assert sorted(p.name for p in (tmp_path / FOLDER).glob("*.json")) == ["2.json", "3.json", "new.json"]


def test_a_file_that_changes_while_it_is_checked_is_not_remembered(folder: Path) -> None:
    cache = Cache(folder / FOLDER, SECRET)
    digests = reuse.digests_of(["good.yaml"], cache)
    cases = load_text(GOOD, file="good.yaml").cases
    (folder / "good.yaml").write_text(BAD, encoding="utf-8")
    reuse.remember(digests, cache, what=("check",), cases=cases, complaints=(), strict=False)
    assert not (folder / FOLDER).exists()


WARM = "import sys; from verifier.cli import main; main(['check', 'good.yaml']); print(*(m for m in ('numpy', 'sympy', 'flint', 'mpmath', 'yaml', 'verifier.case.load') if m in sys.modules), file=sys.stderr)"


def test_an_unchanged_file_needs_neither_sympy_nor_numpy(folder: Path) -> None:
    environment_ = {**os.environ, "PYTHONPATH": str(ROOT)}
    cold, warm = (subprocess.run([sys.executable, "-c", WARM], cwd=folder, env=environment_, capture_output=True, encoding="utf-8", check=True) for _ in range(2))
    assert {"sympy", "flint"} <= set(cold.stderr.split())
    assert warm.stderr.split() == []
    assert "1 cached" in warm.stdout


# ---------------------------------------------------------------- proofs and diagnoses, each with an entry of its own

TWO = """name: two
function: x*y + sin(x)
points: [{x: 1, y: 2}]
implementations:
  right:
    backward: |
      dx = (y + cos(x)) * dout
      dy = x * dout
  mistaken:
    backward: |
      dx = (y - cos(x)) * dout
      dy = x * dout
"""


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What was proved and diagnosed anew: of which gradients."""
    from verifier.blame.formula import explain
    from verifier.compare import agreement

    seen: list[tuple[str, str]] = []
    proofs, explanations = agreement._proofs, explain.explanations
    monkeypatch.setattr(agreement, "_proofs", lambda check, deadline: seen.append(("proofs", check.implementation)) or proofs(check, deadline))
    monkeypatch.setattr(explain, "explanations", lambda draft, *rest, **options: seen.append(("diagnosis", draft.implementation.name)) or explanations(draft, *rest, **options))
    return seen


def checked_text(folder: Path, text: str, made: list[tuple[str, str]], capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[tuple[str, str]], dict[str, object]]:
    """What was made anew where a case file has this text, and its case in the report."""
    (folder / "two.yaml").write_text(text, encoding="utf-8")
    made.clear()
    main(["check", "two.yaml", "--format", "json", "--jobs", "1", *words])
    return sorted(made), json.loads(capsys.readouterr().out)["cases"][0]


def test_after_an_edit_only_the_edited_implementation_is_proved_and_diagnosed_again(folder: Path, made: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    first, _ = checked_text(folder, TWO, made, capsys)
    assert first == [("diagnosis", "mistaken"), ("proofs", "mistaken"), ("proofs", "right")]
    again, _ = checked_text(folder, TWO.replace("dx = (y + cos(x)) * dout", "dx = (cos(x) + y) * dout"), made, capsys)
    assert again == [("proofs", "right")]
    last, _ = checked_text(folder, TWO.replace("(y - cos(x))", "(y - 2*cos(x))"), made, capsys)
    assert last == [("diagnosis", "mistaken"), ("proofs", "mistaken")]


def test_after_another_point_nothing_is_proved_again(folder: Path, made: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    checked_text(folder, TWO, made, capsys)
    again, case = checked_text(folder, TWO.replace("{x: 1, y: 2}", "{x: 1, y: 2}, {x: 3, y: 5}"), made, capsys)
    assert again == [("diagnosis", "mistaken")], "its points are what a diagnosis is made from"
    assert case["proofs"] == {"right": {"dx": "proved", "dy": "proved"}, "mistaken": {"dx": "refuted", "dy": "proved"}}


def test_what_comes_from_entries_is_what_is_found_without_them_also_where_lines_have_moved(folder: Path, made: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    moved = "# a line more\nabout: of two\n" + TWO.replace("dx = (y + cos(x)) * dout", "# another one\n      dx = (y + cos(x)) * dout")
    _, fresh = checked_text(folder, moved, made, capsys, "--no-cache")
    checked_text(folder, TWO, made, capsys)
    again, case = checked_text(folder, moved, made, capsys)
    assert ("diagnosis", "mistaken") not in again
    assert ("proofs", "mistaken") not in again
    assert case == fresh
    assert any(f["statement"].startswith("dx = (y - cos(x))") for f in case["findings"])


CODE = """import numpy as np


def tanh(x):
    return np.tanh(x)


def right(dout, x):
    return (1 - np.tanh(x) ** 2) * dout


def wrong(dout, x):
    return (1 + np.tanh(x) ** 2) * dout


def meddles(dout, x):
    np.full = None
    return (1 - np.tanh(x) ** 2) * dout
"""
CALLS = "name: calls\npoints: [{x: 0.5}]\nimplementations: {right: {call: {forward: 'f.py:tanh', backward: 'f.py:right'}}, wrong: {call: {forward: 'f.py:tanh', backward: 'f.py:wrong'}}}\n"


@pytest.fixture
def fresh_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of callables are read again, and what this process has proved of their programs is proved again."""
    from verifier import calls
    from verifier.exact.truth import forget

    monkeypatch.setattr(calls, "_loaded", {})
    forget()


def called(folder: Path, text: str, code: str, made: list[tuple[str, str]]) -> CallAnswer:
    """What is found of a case with callables, in this process; what it proves is kept as by the driver."""
    from verifier import calls, many

    (folder / "f.py").write_text(code, encoding="utf-8")
    (folder / "calls.yaml").write_text(text, encoding="utf-8")
    linecache.checkcache()
    calls._loaded.clear()
    made.clear()
    (case,) = load(str(folder / "calls.yaml"), allow_call=True).cases
    answer = many._with_calls(case, strict=False, details=False, entries=str(folder / FOLDER))
    for name, value in answer.entries.items() if answer.is_clean else ():
        Cache(folder / FOLDER, user_key()).keep(name, value)
    return answer


@pytest.mark.usefixtures("fresh_modules")
def test_callables_are_run_again_and_what_was_proved_of_an_equal_trace_is_not_proved_again(folder: Path, made: list[tuple[str, str]]) -> None:
    first = called(folder, CALLS, CODE, made)
    assert sorted(made) == [("diagnosis", "wrong"), ("proofs", "right"), ("proofs", "wrong")]
    again = called(folder, CALLS, CODE, made)
    assert (made, again.entries, again.report) == ([], {}, first.report)
    below = called(folder, CALLS, CODE.replace("(1 + np", "(1 + 1 * np"), made)
    assert sorted(made) == [("diagnosis", "wrong"), ("proofs", "wrong")], "the code is another, and so is what it runs"
    assert below.report.proofs == first.report.proofs
    called(folder, CALLS, CODE + "\n# a line more\n", made)
    assert made == [], "it stands elsewhere in the file"


def test_where_code_changes_what_proofs_are_made_with_none_are_kept(folder: Path) -> None:
    (folder / "f.py").write_text(CODE, encoding="utf-8")
    for text, is_kept in ((CALLS.replace("f.py:right", "f.py:meddles"), False), (CALLS, True)):
        (folder / "calls.yaml").write_text(text, encoding="utf-8")
        subprocess.run([sys.executable, "-m", "verifier", "check", "calls.yaml", "--allow-call"], capture_output=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)})  # by processes that have this environment
        assert bool(list((folder / FOLDER).glob("*.json"))) is is_kept


@pytest.mark.parametrize("spoil", SPOILERS.values(), ids=SPOILERS)
def test_an_entry_of_a_proof_or_a_diagnosis_that_was_changed_is_made_again(folder: Path, made: list[tuple[str, str]], capsys: pytest.CaptureFixture[str], spoil: Callable[[str], str]) -> None:
    first, fresh = checked_text(folder, TWO, made, capsys)
    for path in forged(folder):
        text = path.read_text(encoding="utf-8")
        path.write_text(spoil(text.replace('"refuted"', '"proved"')), encoding="utf-8")
    again, case = checked_text(folder, TWO, made, capsys)
    assert case["status"] == fresh["status"] == "failed"
    assert case["proofs"] == fresh["proofs"]
    assert set(again) <= set(first)


def test_proofs_that_somebody_else_wrote_are_not_believed(folder: Path, made: list[tuple[str, str]], capsys: pytest.CaptureFixture[str]) -> None:
    first, fresh = checked_text(folder, TWO, made, capsys)
    for path in forged(folder):
        value = json.loads(path.read_text(encoding="utf-8").partition("\n")[2].replace('"refuted"', '"proved"'))
        text = json.dumps(value)
        path.write_text(f"{Cache(folder / FOLDER, SECRET)._code(path.stem, text)}\n{text}", encoding="utf-8")
    again, case = checked_text(folder, TWO, made, capsys)
    assert again == first
    assert case["proofs"] == fresh["proofs"]


@pytest.mark.parametrize("words", [("--no-cache",), ("--debug",)])
def test_without_a_cache_proofs_are_made_again_and_none_are_written(folder: Path, made: list[tuple[str, str]], capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    first, _ = checked_text(folder, TWO, made, capsys, *words)
    again, _ = checked_text(folder, TWO, made, capsys, *words)
    assert first == again != []
    assert not (folder / FOLDER).exists()


def test_what_ended_because_time_ran_out_is_not_remembered(tmp_path: Path) -> None:
    cache = Cache(tmp_path / FOLDER, SECRET)
    for is_lasting in (False, True):
        assert caches.remembered(cache, lambda: "entry", int, lambda: 1, is_lasting=lambda lasts=is_lasting: lasts) == 1
        assert (cache.get("entry", int) is UNKNOWN) is not is_lasting
    assert caches.remembered(cache, lambda: "entry", int, lambda: 2) == 1


AGAIN = "import sys; from verifier.cli import main; main(['check', 'two.yaml', '--jobs', '1']); print(*(m for m in ('sympy', 'flint') if m in sys.modules), file=sys.stderr)"


def test_a_changed_case_of_known_gates_needs_no_sympy(folder: Path) -> None:
    environment_ = {**os.environ, "PYTHONPATH": str(ROOT)}
    seen = []
    for text in (TWO, TWO.replace("{x: 1, y: 2}", "{x: 1.5, y: 2}").replace("y - cos(x)", "y + cos(x)"), TWO.replace("sin(x)", "tanh(x)")):
        (folder / "two.yaml").write_text(text, encoding="utf-8")
        found = subprocess.run([sys.executable, "-c", AGAIN], cwd=folder, env=environment_, capture_output=True, encoding="utf-8", check=True)
        seen.append(found.stderr.split())
    assert seen == [["sympy", "flint"], ["flint"], ["sympy", "flint"]]


def test_a_derivative_is_the_same_from_the_cache_and_a_damaged_one_is_made_again(tmp_path: Path) -> None:
    from verifier.exact.derivatives import derived_before, local_gradient

    plain = {gate: local_gradient(gate, literals) for gate, literals in (("tanh", (None,)), ("pow", (None, "3")), ("atan2", (None, None)), ("sin", (None,)))}
    for spoil in (None, "", "[]"):
        with derived_before(Cache(tmp_path / FOLDER, SECRET)):
            for (gate, literals) in (("tanh", (None,)), ("pow", (None, "3")), ("atan2", (None, None)), ("sin", (None,))):
                local_gradient.cache_clear()
                assert local_gradient(gate, literals) == plain[gate]
        for path in (tmp_path / FOLDER).glob("*.json") if spoil is not None else ():
            path.write_text(spoil, encoding="utf-8")
    assert len(list((tmp_path / FOLDER).glob("*.json"))) >= 4
