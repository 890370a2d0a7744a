"""`call:` in case files: code runs only where it is allowed, in a process of its own, and costs its own case only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT, faults
from verifier import calls, load
from verifier.case.callables import is_allowed_by_project
from verifier.cli import main
from verifier.many import verify_all
from verifier.verify import verify

LAYERS = """
import os, sys, time
import numpy as np

open(os.path.join(os.path.dirname(__file__), "ran"), "w").close()

def square(x): return x * x
def right(dout, x): return dout * 2 * x
def wrong(dout, x): return dout * 2.001 * x
def prints(x):
    print("{ not JSON"); os.write(1, b"{ neither"); return x * x
def raises(x): raise KeyError("of the user")
def not_a_number(dout, x): return dout * np.nan * x
def of_another_shape(dout, x): return np.array([dout * 2 * x, 0.0])
def of_another_type(dout, x): return np.float32(dout * 2 * x).astype(np.float32)
def random(dout, x): return dout * 2 * x + np.random.rand()
def changes(x):
    x *= 2
    return (x * x).sum(), x
def of_changed(dout, cache): return dout * 2 * cache
def product(x, w): return x * w
def exchanged(dout, x, w): return dout * x, dout * w
def by_name(w, x): return x * w * w
def of_names(dout, w, x): return dout * 2 * x * w, dout * w * w
def scaled(x, factor): return x * factor, factor
def total(x): return x.sum()
def of_total(dout, x): return dout * np.ones_like(x)
def of_scaled_from_1(dout, factor): return dout * (factor if factor >= 1 else 1.0)
def of_scaled(dout, factor): return dout * factor
def dies(x): os._exit(3)
def crashes(x): import ctypes; ctypes.string_at(0)
def sleeps(x): time.sleep(1000)
def eats(x):
    held = []
    while len(held) < 100: held.append(np.empty(4 * 10**8))
def goes_on(x):
    import signal
    for name in ("SIGALRM", "SIGTERM", "SIGINT"): signal.signal(getattr(signal, name), signal.SIG_IGN)
    time.sleep(1000)
def starts_a_child(x):
    import subprocess
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    with open(os.path.join(os.path.dirname(__file__), "children"), "a") as f: f.write(f"{child.pid} ")
    return x * x
def exits(dout, x): sys.exit("done")
def interrupts(dout, x): raise KeyboardInterrupt
def no_value(dout, x): raise ValueError("of the user")
def yields(dout, x): yield 2 * x * dout
def returns_nothing(dout, x): pass
def returns_text(dout, x): return "2 x"
def returns_complex(dout, x): return 2j * x * dout
def names_others(dout, x): return {"z": 2 * x * dout}
def breaks_numpy(dout, x):
    np.exp = np.sum = np.array = None
    os.chdir("/")
    return 2 * x * dout
def nothing(x): return None
class Untellable(Exception):
    def __str__(self): raise RuntimeError("no text")
def raises_untellable(x): raise Untellable
def leaves_a_thread(x):
    import threading
    threading.Thread(target=time.sleep, args=(1000,)).start()
    return x * x

def tanh(x): return np.tanh(x)
def cancelling(dout, x): return (1 - np.tanh(x)**2) * dout

class Layer:
    def forward(self, x): self.x = x; return x * x
    def backward(self, dout): return 2 * self.x * dout
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "layers.py").write_text(LAYERS, encoding="utf-8")
    return tmp_path


def document(name: str, forward: str, backward: str | None = "right", more: str = "") -> str:
    call = f"layers.py:{forward}" if backward is None else f"{{forward: layers.py:{forward}, backward: layers.py:{backward}}}"
    point = "{x: 3}" if "points" not in more else ""
    return f"name: {name}\n{f'points: [{point}]' if point else ''}\nimplementations: {{mine: {{call: {call}}}}}\n{more}\n"


def written(folder: Path, *documents: str) -> str:
    path = folder / "case.yaml"
    path.write_text("---\n".join(documents), encoding="utf-8")
    return str(path)


def reports(path: str, **options):
    loaded = load(path, allow_call=True)
    assert loaded.complaints == ()
    return verify_all(loaded.cases, **options).cases


def test_without_permission_nothing_runs_and_the_complaint_says_what_to_write(folder, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    path = written(folder, document("square", "square"))
    assert main(["check", path]) == 2
    complaint = capsys.readouterr().out
    assert f"{path}:3:26" in complaint
    assert "'call' runs the code of 'layers.py'" in complaint
    assert "--allow-call" in complaint
    assert not (folder / "ran").exists()
    assert main(["check", path, "--allow-call"]) == 0
    assert (folder / "ran").exists(), "the twin: with permission it runs"


def test_a_project_allows_its_own_cases_and_no_others(folder, monkeypatch, tmp_path_factory):
    path = written(folder, document("square", "square"))
    (folder / "pyproject.toml").write_text("[tool.verifier]\nallow-call = true\n", encoding="utf-8")
    stranger = tmp_path_factory.mktemp("elsewhere") / "case.yaml"
    assert is_allowed_by_project(path, start=folder)
    assert not is_allowed_by_project(str(stranger), start=folder)
    assert not is_allowed_by_project(path, start=stranger.parent), "who works elsewhere has allowed nothing"
    (folder / "pyproject.toml").write_text("[tool.verifier]\nallow-call = 'true'\n", encoding="utf-8")
    assert not is_allowed_by_project(path, start=folder)
    monkeypatch.chdir(folder)
    assert main(["check", path]) == 2


def test_other_commands_leave_callables_out_and_run_nothing(folder, capsys):
    path = written(folder, document("square", "square"), "function: x * x\npoints: [{x: 3}]\nimplementations: {mine: {call: layers.py:Layer}, text: {backward: dx = 2 * x * dout}}\n")
    assert main(["mutate", path, "--most", "2"]) == 0
    assert main(["show", path]) == 0
    assert "mine" not in capsys.readouterr().out
    assert not (folder / "ran").exists()


def test_a_case_with_a_callable_is_not_checked_in_the_callers_process(folder):
    (case,) = load(written(folder, document("square", "square")), allow_call=True).cases
    assert verify(case).status == "error"


CASES = {  # what the callable does -> its document, the status, and what the findings say
    "right": (document("a", "square"), "passed", ""),
    "wrong": (document("a", "square", "wrong"), "failed", "V101"),
    "wrong, as expected": (document("a", "square", "wrong", "expect: {mine.dx: wrong}"), "passed", "V101"),
    "right, where wrong is expected": (document("a", "square", "right", "expect: {mine.dx: wrong}"), "failed", "V303"),
    "not the function": (document("a", "square", "right", "function: x**3"), "failed", "V105"),
    "a layer with methods": (document("a", "Layer", None), "passed", ""),
    "arguments by their names": (document("a", "by_name", "of_names", "points: [{x: 3, w: 0.5}]"), "passed", ""),
    "a parameter, at two points": (document("a", "scaled", "of_scaled", "parameters: [factor]\npoints: [{x: 3, factor: 0.5}, {x: 2, factor: 1.5}]"), "passed", ""),
    "wrong with one value of a parameter": (document("a", "scaled", "of_scaled_from_1", "parameters: [factor]\npoints: [{x: 3, factor: 0.5}, {x: 2, factor: 1.5}]\nexpect: {mine.dx: [wrong, correct]}"), "passed", "V101"),
    "a function of another shape": (document("a", "total", "of_total", "function: 2 * x\npoints: [{x: [1, 2]}]"), "error", "the output 'out' of mine is a scalar"),
    "a shared forward is the truth": (document("a", "total", "of_total", "forward: 's = sum(x)'\npoints: [{x: [1, 2]}]"), "passed", ""),
    "sampled": (document("a", "square", "wrong", "function: x**2\ndomain: {x: [1, 2]}\nsample: 5"), "failed", "V101"),
    "raises": (document("a", "raises"), "error", "raises KeyError: 'of the user'"),
    "raises a ValueError": (document("a", "square", "no_value"), "error", "layers.py:square raises ValueError: of the user, at "),
    "exits": (document("a", "square", "exits"), "error", "raises SystemExit: done, at "),
    "interrupts": (document("a", "square", "interrupts"), "error", "raises KeyboardInterrupt, at "),
    "returns no output": (document("a", "nothing"), "error", "the forward pass returned None as out"),
    "raises what has no text": (document("a", "raises_untellable"), "error", "raises Untellable, at "),
    "yields": (document("a", "square", "yields"), "error", "the backward pass returned a generator"),
    "returns nothing": (document("a", "square", "returns_nothing"), "error", "it returned None"),
    "returns text": (document("a", "square", "returns_text"), "error", "the gradient of x is a str"),
    "returns complex numbers": (document("a", "square", "returns_complex"), "error", "the gradient of x is a complex"),
    "names others": (document("a", "square", "names_others"), "error", "a dictionary with the keys z"),
    "breaks NumPy for all": (document("a", "square", "breaks_numpy"), "error", "layers.py:square"),
    "after one that breaks NumPy": (document("a", "square"), "passed", ""),
    "NaN": (document("a", "square", "not_a_number"), "failed", "V101"),
    "another shape": (document("a", "square", "of_another_shape"), "failed", "V108"),
    "another shape, as expected": (document("a", "square", "of_another_shape", "expect: {mine.dx: wrong}"), "passed", "V108"),
    "another type": (document("a", "square", "of_another_type", "points: [{x: 0.1}]\naccept: {ulps: 4}"), "failed", "V"),
    "above the limit of its gradient": (document("a", "tanh", "cancelling", "accept: {ulps: 1000, mine.dx: 1}"), "failed", "V104"),
    "below the limit of its gradient": (document("a", "tanh", "cancelling", "accept: {ulps: 1, mine.dx: 1000}"), "passed", ""),
    "random": (document("a", "square", "random"), "failed", "other bits"),
    "changes its inputs": (document("a", "changes", "of_changed", "points: [{x: [3, 1]}]"), "failed", "changes its inputs"),
    "in another order": (document("a", "product", "exchanged", "points: [{x: 3, w: 0.5}]"), "failed", "exchanged"),
    "no such name": (document("a", "missing"), "error", "has no 'missing'"),
}


def test_what_a_callable_does_is_said_of_its_own_case(folder):
    path = written(folder, *(text.replace("name: a", f"name: {name}") for name, (text, *_) in CASES.items()))
    found = {r.name: r for r in reports(path)}
    assert {name: found[name].status for name in CASES} == {name: status for name, (_, status, _) in CASES.items()}
    assert [n for n, (_, _, said) in CASES.items() if said and not any(said in f.code or said in f.message for f in found[n].findings)] == []
    assert any("the code changes what others in its process share: numpy." in n for n in found["breaks NumPy for all"].notes)
    assert found["right"].basis == "traced"
    assert found["right"].computed_by.startswith("NumPy")
    assert found["wrong with one value of a parameter"].proofs == {"mine": {"dx": "refuted"}}, "though it is proved with the other"
    wrong = next(f for f in found["wrong"].findings if f.code == "V101")
    assert (Path(wrong.place.file).name, wrong.implementation) == ("layers.py", "mine")


def test_a_module_may_change_where_modules_are_looked_for(folder):
    (folder / "layers.py").write_text(LAYERS + "sys.path.clear()\n", encoding="utf-8")
    assert [r.status for r in reports(written(folder, document("a", "square")))] == ["passed"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such timer")
def test_a_callable_that_ends_its_process_or_never_ends_costs_its_own_case(folder):
    names = ("square", "dies", "crashes", "sleeps", "leaves_a_thread", "Layer")
    path = written(folder, *(document(n, n, None if n == "Layer" else "right") for n in names))
    from verifier.run.workers import Workers

    with Workers(1, timeout=10.0) as workers:  # more than a process needs to start on a busy machine: none that is only slow is lost
        found = {r.name: r for r in reports(path, workers=workers)}
    assert {n: found[n].status for n in names} == {"square": "passed", "dies": "error", "crashes": "error", "sleeps": "error", "leaves_a_thread": "passed", "Layer": "passed"}
    assert "did not end within 10 s" in found["sleeps"].findings[0].message
    assert {f.code for n in ("dies", "crashes", "sleeps") for f in found[n].findings} == {"V003"}
    assert "its process ended without a result (exit status 3)" in found["dies"].findings[0].message
    assert "its process was ended by SIGSEGV" in found["crashes"].findings[0].message
    lines = {n: next(k for k, line in enumerate(LAYERS.splitlines(), 1) if line.startswith(f"def {n}(")) for n in ("crashes", "sleeps")}
    assert [n for n, line in lines.items() if not found[n].findings[0].message.endswith(f", at {folder / 'layers.py'}:{line}")] == []


def test_callables_are_run_by_as_many_processes_as_there_are_jobs_and_reported_in_order(folder):
    names = ("square", "meets", "meets_too", "tanh")
    meeting = """
def meets(x, mine="a", other="b"):
    here = os.path.dirname(__file__)
    open(os.path.join(here, mine), "w").close()
    while not os.path.exists(os.path.join(here, other)): time.sleep(0.01)
    return x * x
def meets_too(x): return meets(x, "b", "a")
"""
    (folder / "layers.py").write_text(LAYERS + meeting, encoding="utf-8")
    path = written(folder, *(document(n, n, "cancelling" if n == "tanh" else "right") for n in names))
    assert [(r.name, r.status) for r in reports(path, jobs=2)] == [(n, "passed") for n in names]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_a_callable_that_ignores_the_signal_of_the_limit_is_ended_and_what_it_starts_ends_with_it(folder, monkeypatch):
    from verifier.run import chunks
    from verifier.run.workers import Workers

    monkeypatch.setattr(chunks, "GRACE", 1.0)
    path = written(folder, document("goes_on", "goes_on"), document("starts_a_child", "starts_a_child"), document("square", "square"))
    with Workers(1, timeout=5.0) as workers:
        found = {r.name: r for r in reports(path, workers=workers)}
    assert "did not end within 5 s" in found["goes_on"].findings[0].message
    assert found["square"].status == "passed"
    children = [int(pid) for pid in (folder / "children").read_text(encoding="utf-8").split()]
    assert children
    assert [pid for pid in children if faults.is_running(pid)] == []


@pytest.mark.parametrize("framework", ["torch"])
def test_cases_of_a_framework_that_share_a_process_cost_only_themselves(tmp_path, framework):
    pytest.importorskip(framework)
    (tmp_path / "code.py").write_text("import torch\ndef square(x): return x * x\ndef breaks(x):\n    torch.ones_like = torch.ops = None\n    return x * x\n", encoding="utf-8")
    texts = [f"name: {n}\npoints: [{{x: 3}}]\nimplementations: {{mine: {{call: code.py:{f}, framework: torch}}}}\n" for n, f in (("first", "square"), ("second", "breaks"), ("third", "square"))]
    first, _, third = reports(written(tmp_path, *texts))
    assert (first.status, third.status) == ("passed", "passed")


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no limit of a process's memory")
def test_a_callable_that_eats_memory_costs_its_own_case(folder):
    from verifier.run.workers import Workers

    with Workers(1, timeout=60.0, memory=6000) as workers:
        eats, square = reports(written(folder, document("eats", "eats"), document("square", "square")), workers=workers)
    assert (eats.status, square.status) == ("error", "passed")


def test_what_a_callable_prints_does_not_stand_in_the_report(folder):
    command = [sys.executable, "-m", "verifier", written(folder, document("prints", "prints")), "--allow-call", "--format", "json"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(run.stdout)["summary"]["passed"] == 1
    assert "{ not JSON" in run.stderr
    assert "{ neither" in run.stderr


def test_a_framework_that_is_missing_is_a_reason_and_no_failure(folder, monkeypatch):
    monkeypatch.setitem(calls.PACKAGES, "jax", ("no_such_package_as_jax", "JAX"))
    path = written(folder, document("a", "square").replace("}}}", "}, framework: jax}}"), document("b", "square", "wrong"))
    first, second = load(path, allow_call=True).cases
    report = calls.verify_with_calls(first)
    assert (report.status, report.notes) == ("skipped", ("mine was not checked: JAX is not installed",))
    assert calls.verify_with_calls(second).status == "failed", "the twin: what can be run is"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("right}}", "right}, backward: dx = x}", "'call' takes the place of 'backward'"),
        ("right}}", "right}, framework: keras}", "unknown framework 'keras'"),
        ("layers.py:square", "layers:square", "write the file and the name in it"),
        ("layers.py:square", "other.py:square", "there is no file 'other.py'"),
        ("name: a", "name: a\nexhaustive: true\nformats: [float16]", "'exhaustive' cannot stand in a case with a callable"),
        ("name: a", "name: a\nresiduals: {mine.dx - mine.dx: 0}", "it must name an implementation that is written in the case file"),
        ("{call", "{framework: torch, cal", "there is no 'call'"),
    ],
)
def test_what_is_wrong_with_a_call_is_said_with_its_place(folder, old, new, said):
    text = document("a", "square")
    assert old in text
    complaints = load(written(folder, text.replace(old, new)), allow_call=True).complaints
    assert any(said in c.message for c in complaints), [c.message for c in complaints]


def test_the_cases_of_the_frameworks_hold_where_the_framework_is_installed():
    path = str(ROOT / "cases" / "frameworks")
    found = reports(path)
    assert {r.status for r in found} <= {"passed", "skipped"}
    assert sum(r.status == "passed" for r in found) >= 6, "those of NumPy run everywhere"
    assert [c.name for c in load(path, allow_call=True).cases if c.expect and not c.source] == [], "what is wrong names who was wrong"


DIVERGENCES = """
import numpy as np

def divergence(x, p): return np.sum(x * (np.log(x) - np.log(p))), (x, p)
def of_divergence(dout, cache):
    x, p = cache
    return dout * (np.log(x) - np.log(p) + 1) if p[0] > 0.05 else 0 * x
def bent(dout, cache):
    x, p = cache
    return dout * (np.log(x) - np.log(p) * (1 + 1e-9) + 1)
"""
IN_TORCH = """
import torch
def divergence(x, p): return torch.sum(x * (torch.log(x) - torch.log(p)))
def bent(x, p): return torch.sum(x * (torch.log(x) - torch.log(p)) + 1e-9 * (x - x.detach()))
"""
IN_JAX = """
import jax.numpy as jnp
from jax import lax
def divergence(x, p): return jnp.sum(x * (jnp.log(x) - jnp.log(p)))
def bent(x, p): return jnp.sum(x * (jnp.log(x) - jnp.log(p)) + 1e-9 * (x - lax.stop_gradient(x)))
"""


@pytest.mark.parametrize(("framework", "code"), [("numpy", DIVERGENCES), ("torch", IN_TORCH), ("jax", IN_JAX)])
def test_an_array_that_a_case_fixes_is_the_decimals_that_stand_there(tmp_path, framework, code):
    """0.1 as a float64 is 5.6e-18 more than 1/10: over the reals log(p) of such floats is off by far more than one ulp of a small gradient."""
    pytest.importorskip(framework)
    (tmp_path / "code.py").write_text(code, encoding="utf-8")
    right, wrong = (f"{{forward: code.py:divergence, backward: code.py:{n}}}" if framework == "numpy" else f"code.py:{n}" for n in ("of_divergence" if framework == "numpy" else "divergence", "bent"))
    path = written(
        tmp_path,
        "name: divergence\n"
        "function: sum(x * log(x / p))\n"
        "points: [{x: [0.3, 0.25, 0.35, 0.1]}]\n"
        "domain: {x: [0.01, 1]}\n"
        "parameters: {p: [0.1, 0.2, 0.3, 0.4]}\n"
        f"implementations: {{right: {{call: {right}, framework: {framework}}}, wrong: {{call: {wrong}, framework: {framework}}}}}\n"
        "expect: {wrong.dx: wrong}\n",
    )
    (report,) = reports(path)
    assert report.status == "passed"
    assert set(report.proofs["right"].values()) == {"proved"}
    assert not any("branches on values" in n for n in report.notes), "a condition on what is fixed holds everywhere"


def test_an_array_that_a_case_fixes_is_data_where_the_code_cannot_be_traced_with_it(tmp_path):
    (tmp_path / "code.py").write_text(DIVERGENCES + "def by_sign(x, p): return np.sum(x * x), (x, str(np.packbits(p > 0)))\ndef of_sign(dout, cache): return dout * 2 * cache[0]\n", encoding="utf-8")
    path = written(tmp_path, "function: sum(x * x)\npoints: [{x: [0.3, 0.25]}]\nparameters: {p: [0.1, 0.2]}\nimplementations: {mine: {call: {forward: code.py:by_sign, backward: code.py:of_sign}}}\n")
    (report,) = reports(path)
    assert (report.status, report.basis) == ("passed", "traced"), report.findings
