"""How sharp are the tests? Single edits of the engine, drawn at random, each tried in a copy of the tree: killed, survived, or too slow.

`python benchmarks/mutation.py --edits 600 --seed 1` draws from everything that decides a verdict, a proof, a figure or a guilty line
(`MODULES`); `--module verifier/compare/judge.py` only from that one. An edit is run against those tests that enter the function
it is in, the fastest first, up to the first that fails. Which tests these are is measured by running all of `TESTS` (or `--tests`), file by
file, and measured again where a file of them has changed; all times are those of the processor, which other work does not lengthen.
What is found is written to `--results` and read again: a run that was stopped goes on, an edit whose file has changed since is tried again,
and `--survivors` tries again what survived. Edits that change nothing but time stand with the reason in `equivalent_edits.txt`; they are
not tried. The worktree itself is never changed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import difflib
import functools
import hashlib
import itertools
import json
import math
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flint  # noqa: F401
import mpmath  # noqa: F401
import numpy as np  # noqa: F401
import pytest
import sympy  # noqa: F401 - what takes long to import, once for all edits

ROOT = Path(__file__).resolve().parent.parent
MODULES = {  # what decides: a folder or a file -> the tests that see it
    "verifier/arithmetic/rounding.py":     ("tests/arithmetic",),
    "verifier/arithmetic/balls.py":        ("tests/arithmetic", "tests/language"),
    "verifier/arithmetic/reals.py":        ("tests/arithmetic",),
    "verifier/arithmetic/double_double":   ("tests/arithmetic/test_double_double.py", "tests/arithmetic/test_shifted.py", "tests/compare"),
    "verifier/arithmetic/doubles":         ("tests/arithmetic/test_doubles.py", "tests/compare/test_one_bound.py", "tests/compare"),
    "verifier/compare":                    ("tests/compare",),
    "verifier/exact":                      ("tests/exact", "tests/compare"),
    "verifier/blame":                      ("tests/blame",),
    "verifier/circuit/dag.py":             ("tests/circuit", "tests/exact"),
    "verifier/circuit/backprop.py":        ("tests/circuit",),
}  # fmt: skip
SHARED_TESTS = ("tests/test_verify.py", "tests/test_laws.py", "tests/test_self_fuzz.py", "tests/test_cases.py", "tests/test_museum.py", "tests/test_precision_cases.py")  # that span the rooms
TESTS = (*dict.fromkeys(t for tests in MODULES.values() for t in tests), *SHARED_TESTS)
COPIED = ("verifier", "tests", "cases", "benchmarks", "docs", "pyproject.toml", "README.md", "CHANGELOG.md")
EQUIVALENT = ROOT / "benchmarks" / "equivalent_edits.txt"
FACTOR, SPARE = 4.0, 30.0  # a run may take so many times what its tests took before, and so many seconds more, of the processor
WAIT = 10.0  # and so many times that on the clock
SMALL = 64  # constants up to it are changed by one, larger ones are halved
COMMUTATIVE = ("max", "min", "maximum", "minimum", "union", "gcd", "logical_and", "logical_or", "_apart")
SPENDING = ("spend",)  # calls whose arguments bound the time only
CAREFUL = ("strict", "frozen", "slots", "maxsize")  # arguments that guard against our own mistakes, and decide nothing
COMPARED = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In}
TURNED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
COMPUTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr, ast.LShift: ast.RShift, ast.RShift: ast.LShift}


@dataclass(frozen=True)
class Edit:
    """One change of one file: the bytes from `start` to `end` become `text`."""

    path: str
    line: int
    kind: str
    start: int
    end: int
    text: str
    source: str  # a hash of the file

    @property
    def key(self) -> str:
        return f"{self.path}:{self.line} {self.kind} {hashlib.sha256(f'{self.source} {self.start} {self.end} {self.text}'.encode()).hexdigest()[:10]}"

    def applied(self, data: bytes) -> bytes:
        return data[: self.start] + self.text.encode() + data[self.end :]


# ---------------------------------------------------------------- edits


def modules(only: str = "") -> list[str]:
    """The files that edits are drawn from."""
    found = [p for place in MODULES for p in ([ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py")))]
    return [name for name in (p.relative_to(ROOT).as_posix() for p in found) if name.startswith(only) and not name.endswith("__init__.py")]


def edits_of(path: str) -> list[Edit]:
    """All single edits of a file."""
    data = (ROOT / path).read_bytes()
    source = hashlib.sha256(data).hexdigest()
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found = {}
    for node in _nodes(ast.parse(data)):
        for kind, new in _changes(node):
            old = node.test if kind == "condition negated" else node
            first, last = starts[old.lineno - 1] + old.col_offset, starts[old.end_lineno - 1] + old.end_col_offset
            text = "pass" if new is None else ast.unparse(new)
            text = f"({text})" if isinstance(new, ast.expr) else text
            edit = Edit(path, old.lineno, kind, first, last, text, source)
            found[edit.key] = edit
    return list(found.values())


def _compiles(data: bytes) -> bool:
    try:
        compile(data, "edited", "exec")
    except SyntaxError:
        return False
    return True


def _nodes(node: ast.AST) -> Iterator[Any]:
    """The nodes that run: no annotations, docstrings, texts, decorators, imports, messages."""
    if isinstance(node, (ast.Import, ast.ImportFrom, ast.AnnAssign, ast.JoinedStr, ast.Raise, ast.Assert)):
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from _nodes(node.value)
        return
    if isinstance(node, ast.keyword) and node.arg in CAREFUL:
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SPENDING:
        return
    if isinstance(node, (ast.expr, ast.stmt)):
        yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases", "type_comment"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)) and not isinstance(child, ast.expr_context):
                yield from _nodes(child)


def _changes(node: Any) -> Iterator[tuple[str, ast.AST | None]]:
    """What may be put in the place of a node (None: nothing)."""
    if isinstance(node, ast.Compare):
        for i, operator in enumerate(node.ops):
            for table in (COMPARED, TURNED):
                if type(operator) in table:
                    new = copy.deepcopy(node)
                    new.ops[i] = table[type(operator)]()
                    yield "comparison", new
    elif isinstance(node, ast.BoolOp):
        yield "and/or", ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        for i in range(len(node.values)):
            rest = node.values[:i] + node.values[i + 1 :]
            yield "condition left out", rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub, ast.Invert)):
        yield "not/minus left out", node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in COMPUTED and not _is_text(node):
        yield "operator", ast.BinOp(node.left, COMPUTED[type(node.op)](), node.right)
    elif isinstance(node, ast.AugAssign) and type(node.op) in COMPUTED and not _is_text(node.value):
        yield "operator", ast.AugAssign(node.target, COMPUTED[type(node.op)](), node.value)
        yield "statement left out", None
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "constant", ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        for value in (node.value + 1, node.value - 1) if abs(node.value) <= SMALL else (node.value // 2 if isinstance(node.value, int) else node.value / 2,):
            yield "constant", ast.Constant(value)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] not in COMMUTATIVE:
        for i in range(len(node.args) - 1):
            if ast.dump(node.args[i]) != ast.dump(node.args[i + 1]) and not any(isinstance(a, ast.Starred) for a in node.args):
                yield "arguments exchanged", ast.Call(node.func, [*node.args[:i], node.args[i + 1], node.args[i], *node.args[i + 2 :]], node.keywords)
    elif isinstance(node, ast.Return) and node.value is not None:
        values = [v for v in (None, True, False) if ast.dump(node.value) != ast.dump(ast.Constant(v))]
        yield "returned value", ast.Return(ast.Constant(values[node.lineno % len(values)]))
    elif isinstance(node, (ast.Continue, ast.Break)) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield "statement left out", None
    if isinstance(node, (ast.If, ast.IfExp)) and not (isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not)):
        yield "condition negated", ast.UnaryOp(ast.Not(), node.test)
    if isinstance(node, ast.If) and not node.orelse:
        yield "statement left out", None


def _is_text(node: ast.AST) -> bool:
    return any(isinstance(n, (ast.JoinedStr,)) or (isinstance(n, ast.Constant) and isinstance(n.value, str)) for n in ast.walk(node))


def drawn(count: int, seed: int, only: str) -> list[Edit]:
    """So many edits; more of them begin with the same."""
    every = [edit for path in modules(only) for edit in edits_of(path)]
    order = sorted(every, key=lambda e: hashlib.sha256(f"{seed} {e.key}".encode()).hexdigest())
    return list(itertools.islice((e for e in order if _compiles(e.applied((ROOT / e.path).read_bytes()))), count))


# ---------------------------------------------------------------- which tests enter which function


def where(edit: Edit) -> str:
    """The function or method that an edit is in, by its qualified name; `<lambda>` for a lambda of the module, `<module>` for what runs at import."""
    names: list[str] = []
    node: Any = ast.parse((ROOT / edit.path).read_bytes())
    while True:
        inner = next((n for n in _below(node) if n.lineno <= edit.line <= n.end_lineno and (isinstance(n, ast.Lambda) or n.col_offset >= 0)), None)
        if inner is None or isinstance(inner, ast.Lambda):
            return ".".join(names) if names and inner is None and isinstance(node, ast.FunctionDef) else "<lambda>" if inner is not None else "<module>"
        names.append(inner.name)
        if isinstance(inner, ast.FunctionDef):
            return ".".join(names)
        node = inner


def _below(node: ast.AST) -> Iterator[Any]:
    """The classes, functions and lambdas in a node that are in none of one another."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.Lambda)):
            yield child
        else:
            yield from _below(child)


def cpu_seconds() -> float:
    """What this process and its children have used of the processor."""
    return sum(os.times()[:4])


class Watch:
    """A plugin of pytest: which functions of the package each test enters, and how much time of the processor it takes. Caches are emptied before every test."""

    def __init__(self, out: str) -> None:
        self.out, self.entered, self.found = out, set(), {}

    def _see(self, frame: Any, event: str, argument: Any) -> None:
        del event, argument
        self.entered.add((frame.f_code.co_filename, frame.f_code.co_qualname))

    def pytest_runtest_setup(self, item: Any) -> None:
        del item
        for name, module in list(sys.modules.items()):
            for value in vars(module).values() if name.startswith("verifier.") else ():
                if isinstance(value, functools._lru_cache_wrapper):  # noqa: SLF001
                    value.cache_clear()
        self.entered = set()
        self.start = cpu_seconds()
        sys.settrace(self._see)

    def pytest_runtest_teardown(self, item: Any) -> None:
        sys.settrace(None)
        package = f"{Path.cwd()}/verifier/"
        names = sorted({f"{f.removeprefix(package)}:{n.partition('.<locals>')[0]}" for f, n in self.entered if f.startswith(package)})
        self.found[item.nodeid] = [round(cpu_seconds() - self.start, 3), names]

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.found[report.nodeid] = None

    def pytest_sessionfinish(self) -> None:
        Path(self.out).write_text(json.dumps(self.found))


class Only:
    """A plugin of pytest: only these tests, in this order; the one that fails is written beside them."""

    def __init__(self, path: str) -> None:
        self.failed = Path(f"{path}.failed")
        self.order = {name: i for i, name in enumerate(json.loads(Path(path).read_text()))}

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda i: self.order[i.nodeid])

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self.failed.write_text(report.nodeid)


def worker(tree: Path, plugin: str, path: Path, tests: list[str]) -> int:
    """What runs in the copy of the tree: pytest with one of the plugins; its exit code."""
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    sys.dont_write_bytecode = True
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        options = ["-q", "-x", "-p", "no:cacheprovider", "--tb=no"] if plugin == "only" else ["-q", "-p", "no:cacheprovider"]
        return int(pytest.main([*options, *tests], plugins=[Only(str(path)) if plugin == "only" else Watch(str(path))]))


def reach(path: Path, tree: Path, tests: Sequence[str]) -> dict[str, Any]:
    """For each test of some folders and files its time and the functions that it enters; measured anew for those files that have changed."""
    known = json.loads(path.read_text()) if path.exists() else {}
    files = [f.relative_to(ROOT).as_posix() for t in tests for f in ([ROOT / t] if t.endswith(".py") else sorted((ROOT / t).glob("test_*.py")))]
    hashes = {f: hashlib.sha256((ROOT / f).read_bytes()).hexdigest() for f in files}
    for name in files:
        if known.get(name, {}).get("hash") != hashes[name]:
            print(f"measuring which functions {name} enters", flush=True)
            out = tree / "reach.json"
            out.unlink(missing_ok=True)
            _run(tree, "watch", out, [name], 1800.0)
            known[name] = {"hash": hashes[name], "tests": json.loads(out.read_text())}
            path.write_text(json.dumps(known))
    return {test: entry for name in files for test, entry in known[name]["tests"].items() if entry is not None}


def tests_for(edit: Edit, reached: dict[str, Any], most: float) -> list[list[str]]:
    """The tests that enter the function of an edit (the file, where none is known to), the fastest first, as many as take that time: those of its room, then all others."""
    name, function = edit.path.removeprefix("verifier/"), where(edit)
    found = sorted((entry[0], test) for test, entry in reached.items() if f"{name}:{function}" in entry[1] and function != "<module>")  # it is run by whichever test imports the file first
    found = found or sorted((entry[0], test) for test, entry in reached.items() if any(e.startswith(f"{name}:") for e in entry[1]))
    found = found or sorted((entry[0], test) for test, entry in reached.items() if test.startswith(tests_of(edit.path)))
    total, chosen = 0.0, []
    for seconds, test in found:
        total += seconds
        if total > most:
            break
        chosen.append(test)
    near = [test for test in chosen if test.startswith(tests_of(edit.path))]
    return [tests for tests in (near, [test for test in chosen if test not in near]) if tests]


def tests_of(path: str) -> tuple[str, ...]:
    """The tests that are said to see a file."""
    return next(tests for place, tests in MODULES.items() if path.startswith(place))


# ---------------------------------------------------------------- trying


def _run(tree: Path, plugin: str, path: Path, tests: list[str], seconds: float) -> int | None:
    """The exit code of pytest in a process of its own, in which SymPy and the like are imported already; None where it takes longer."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            os.setpgrp()
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 5))
            code = worker(tree, plugin, path, tests)
        finally:
            os._exit(code)
    end = time.monotonic() + WAIT * seconds
    while time.monotonic() < end:
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return None if code in (-signal.SIGXCPU, -signal.SIGKILL) else code
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


@dataclass
class Lab:
    """A copy of the tree, the tests with their functions, and those of which it is known that they pass where nothing is edited."""

    tree: Path
    reached: dict[str, Any]
    most: float
    passing: set[str] = field(default_factory=set)

    def fails(self, tests: list[str]) -> tuple[int | None, str]:
        """The exit code of these tests, and the first that fails."""
        order = self.tree / "order.json"
        order.write_text(json.dumps(tests))
        failed = Path(f"{order}.failed")
        failed.unlink(missing_ok=True)
        code = _run(self.tree, "only", order, list(dict.fromkeys(t.partition("::")[0] for t in tests)), FACTOR * sum(self.reached[t][0] for t in tests) + SPARE)
        return code, failed.read_text() if failed.exists() else ""

    def passes(self, tests: list[str]) -> bool:
        """Whether tests pass where nothing is edited; one that does not is forgotten."""
        if not self.passing.issuperset(tests):
            code, failed = self.fails(tests)
            if code != 0:
                for test in [failed] if failed else tests:
                    self.reached.pop(test, None)
                return False
            self.passing.update(tests)
        return True


def tried(edit: Edit, lab: Lab) -> tuple[str, str]:
    """What becomes of an edit: killed, survived, slow (it took too long), unreached (no test enters its function); and the test that killed it.

    A test that fails where nothing is edited kills nothing.
    """
    target = lab.tree / edit.path
    original = target.read_bytes()
    stages = tests_for(edit, lab.reached, lab.most)
    outcome = "survived" if stages else "unreached"
    while stages:
        tests = [test for test in stages[0] if test in lab.reached]
        try:
            target.write_bytes(edit.applied(original))
            code, failed = lab.fails(tests) if tests else (0, "")
        finally:
            target.write_bytes(original)
        if code is None:
            return "slow", ""
        if code != 0 and lab.passes([failed] if failed in lab.reached else tests[:1]):
            return "killed", failed or "collection"
        stages = stages[1:] if code == 0 else stages
    return outcome, ""


def shown(edit: Edit) -> str:
    """An edit as a diff."""
    data = (ROOT / edit.path).read_bytes()
    lines = difflib.unified_diff(data.decode().splitlines(), edit.applied(data).decode().splitlines(), edit.path, edit.path, n=0, lineterm="")
    return "\n".join(list(lines)[2:])


def equivalents() -> dict[tuple[str, str], str]:
    """The reason for every edit that is known to change nothing: blocks of `path: reason` and the diff."""
    blocks = [block.splitlines() for block in EQUIVALENT.read_text(encoding="utf-8").split("\n\n")]
    return {(lines[0].partition(": ")[0], "\n".join(lines[1:]).rstrip()): lines[0].partition(": ")[2] for lines in blocks if len(lines) > 1}


def is_equivalent(edit: Edit, known: dict[tuple[str, str], str]) -> bool:
    """Whether an edit stands among those that change nothing."""
    return (edit.path, shown(edit).partition("\n")[2].rstrip()) in known


def summary(edits: list[Edit], results: dict[str, Any]) -> str:
    """A row for every module, and the survivors."""
    done = [(e, results[e.key]["outcome"]) for e in edits if e.key in results]
    rows = [f"{'module':44s} {'edits':>5s} {'killed':>6s} {'slow':>5s} {'equal':>5s} {'survived':>8s}"]
    for path in (*sorted({e.path for e, _ in done}), ""):
        count = Counter(outcome for e, outcome in done if path in ("", e.path))
        rows.append(f"{path or 'all':44s} {sum(count.values()):5d} {count['killed']:6d} {count['slow']:5d} {count['equivalent']:5d} {count['survived'] + count['unreached']:8d}")
    left = [f"\n{e.path}:{e.line} {e.kind} ({outcome})\n{shown(e)}" for e, outcome in done if outcome in ("survived", "unreached")]
    return "\n".join([*rows, *left])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edits", type=int, default=50, help="how many are drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--module", default="", help="only files whose path begins so")
    parser.add_argument("--share", type=int, nargs=2, default=(1, 1), metavar=("K", "N"), help="only the K-th of N shares of them: several processes try them at once, each with results of its own")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="only these folders or files of tests")
    parser.add_argument("--results", type=Path, default=Path("mutation.json"), help="what was found so far, read and written")
    parser.add_argument("--most", type=float, default=90.0, help="seconds of tests an edit is tried with")
    parser.add_argument("--time", type=float, default=float("inf"), help="stop after so many seconds")
    parser.add_argument("--survivors", action="store_true", help="try again what survived")
    parser.add_argument("--show", action="store_true", help="only print what was found")
    options = parser.parse_args()
    share, shares = options.share
    edits = drawn(options.edits, options.seed, options.module)[share - 1 :: shares]
    results = json.loads(options.results.read_text()) if options.results.exists() else {}
    known = equivalents()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder).resolve()
        for name in COPIED if not options.show else ():
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tree / name)
        reached = {} if options.show else reach(options.results.with_suffix(".reach.json").resolve(), tree, options.tests)
        lab = Lab(tree, reached, options.most)
        for n, edit in enumerate(edits if not options.show else ()):
            again = results.get(edit.key, {}).get("outcome") in ("survived", "unreached") and (options.survivors or is_equivalent(edit, known))
            if (edit.key in results and not again) or time.monotonic() - start > options.time:
                continue
            outcome, test = ("equivalent", "") if is_equivalent(edit, known) else tried(edit, lab)
            results[edit.key] = {"outcome": outcome, "test": test, "line": edit.line, "path": edit.path, "diff": shown(edit)}
            options.results.write_text(json.dumps(results, indent=1))
            print(f"{n + 1:4d} {outcome:9s} {edit.path}:{edit.line} {edit.kind}  {test}", *([shown(edit)] if outcome in ("survived", "unreached") else []), sep="\n     ", flush=True)
    print(summary(edits, results))


if __name__ == "__main__":
    main()
