"""The layout of the package in figures: rooms, the imports between them, names that stand twice, lists of gates outside the table.

Usage: python benchmarks/layout.py [FOLDER]     (FOLDER: a checkout, default this one). Reads source text; imports nothing of it.

Gates are named in the table `language/gates.py`. A collection of gate names is a tuple, list, set or dict literal, or the words of a split
text, with at least two strings that are all names of gates. Those of arithmetic/ and exact/ say which function of a library a gate is; those
of search/fuzz/ say what is drawn; those of trace/ are a framework's operators and the edits of array code; all others state facts about
gates that could be columns of the table.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

Graph = Mapping[str, set[str]]
PARALLEL = ("trace/jax", "trace/numpy", "trace/torch")  # the same jobs, each for its framework: files and classes of one name belong together


def floors_of(root: Path) -> tuple[str, ...]:
    """The rooms of a checkout from the ground up, as its `tests/test_layers.py` has them; none where it has no such test."""
    path = root / "tests" / "test_layers.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body if path.exists() else ():
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "FLOORS":
            return tuple(ast.literal_eval(node.value))
    return ()


def modules(package: Path) -> dict[str, ast.Module]:
    """Every module but the `__init__` files, by its name within the package."""
    return {".".join(p.relative_to(package).with_suffix("").parts): ast.parse(p.read_text(encoding="utf-8")) for p in sorted(package.rglob("*.py")) if p.stem != "__init__"}


def imports(tree: ast.Module, names: set[str]) -> set[str]:
    """The modules of the package that a module imports, anywhere in it, for annotations as well."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "verifier":
            base = (node.module or "").removeprefix("verifier").lstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                found.add(inner if inner in names else base)
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("verifier.") for a in node.names if a.name.startswith("verifier.")}
    return found & names


def room(module: str) -> str:
    """The top folder of a module, or its own name where it stands at the top."""
    return module.partition(".")[0]


def room_graph(graph: Graph) -> dict[str, set[str]]:
    """Which room imports which other room."""
    found: dict[str, set[str]] = {room(m): set() for m in graph}
    for module, others in graph.items():
        found[room(module)] |= {room(o) for o in others} - {room(module)}
    return found


def reachable(start: str, graph: Graph) -> set[str]:
    """Everything that is imported from here, directly or by way of others."""
    seen: set[str] = set()
    pending = [start]
    while pending:
        new = graph[pending.pop()] - seen
        seen |= new
        pending += new
    return seen


def circles(graph: Graph) -> list[set[str]]:
    """The groups of modules that import each other, directly or by way of others."""
    below = {m: reachable(m, graph) for m in graph}
    groups = {frozenset({m} | {o for o in below[m] if m in below[o]}) for m in graph if m in below[m]}
    return [set(g) for g in groups]


def height(graph: Graph) -> int:
    """The nodes of the longest chain of imports; a circle counts as one node."""
    below = {m: reachable(m, graph) for m in graph}
    alike = {m: min({m} | {o for o in below[m] if m in below[o]}) for m in graph}
    floors: dict[str, int] = {}
    for m in sorted(graph, key=lambda m: len(below[m])):  # whoever imports more comes later
        lower = {alike[o] for o in below[m]} - {alike[m]}
        floors[alike[m]] = max(floors.get(alike[m], 1), 1 + max((floors.get(o, 0) for o in lower), default=0))
    return max(floors.values())


def upward(graph: Graph, floors: Sequence[str]) -> list[tuple[str, str]] | None:
    """The imports of a module in a room above; None where no order of these rooms is known."""
    if not {room(m) for m in graph} <= set(floors):
        return None
    return [(m, o) for m, others in graph.items() for o in sorted(others) if floors.index(room(o)) > floors.index(room(m))]


def classes(tree: ast.Module) -> Iterator[str]:
    """The classes and aliases of types that a module defines, without a leading underscore."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield node.name.lstrip("_")
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(target, ast.Name) and not target.id.isupper() and target.id[:1].isupper():
            yield target.id


def twice(places: Iterable[tuple[str, str]]) -> str:
    """The names that stand in several places, where folders that are parallel to each other count as one."""
    where: dict[str, list[str]] = {}
    for name, place in places:
        where.setdefault(name, []).append(next(("parallel" for folder in PARALLEL if place.startswith(folder)), place))
    found = sorted(name for name, all_places in where.items() if len(all_places) - max(0, all_places.count("parallel") - 1) > 1)
    return f"{len(found)}: {', '.join(found)}" if found else "0"


def gate_names(table: ast.Module) -> set[str]:
    """The names that the rows `gate("name(a, b)", ...)` of the table define."""
    calls = (n for n in ast.walk(table) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in ("gate", "_gate") and n.args)
    return {str(c.args[0].value).partition("(")[0] for c in calls if isinstance(c.args[0], ast.Constant)}


def collections(node: ast.AST, gates: set[str]) -> Iterator[ast.AST]:
    """The literals that collect names of gates; a table whose rows hold such literals is one."""
    is_literal = isinstance(node, ast.Tuple | ast.List | ast.Set | ast.Dict | ast.Call)
    if is_literal and any(_collects(inner, gates) for inner in ast.walk(node) if not isinstance(node, ast.Call) or inner is node):
        yield node
        return
    for child in ast.iter_child_nodes(node):
        yield from collections(child, gates)


def _collects(node: ast.AST, gates: set[str]) -> bool:
    """Whether a literal has at least two strings, and all of them are names of gates."""
    strings: list[object] = []
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        strings = [e.value if isinstance(e, ast.Constant) else None for e in node.elts]
    elif isinstance(node, ast.Dict):
        strings = [k.value if isinstance(k, ast.Constant) else None for k in node.keys if k is not None]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "split" and isinstance(node.func.value, ast.Constant):
        strings = [*str(node.func.value.value).split()]
    return len(strings) >= 2 and all(s in gates for s in strings)


def figures(root: Path) -> Iterator[tuple[str, str]]:
    """What is measured, and its figure."""
    package = root / "verifier"
    trees = modules(package)
    graph = {m: imports(tree, set(trees)) for m, tree in trees.items()}
    files = [p for p in package.rglob("*.py") if p.stem != "__init__"]
    yield "files at the top of the package", str(len(list(package.glob("*.py"))))
    yield "rooms (folders at the top)", str(len([p for p in package.iterdir() if p.is_dir() and (p / "__init__.py").exists()]))
    yield "import circles, annotations included", str(len(circles(graph)))
    up = upward(graph, floors_of(root))
    yield "imports that run up", "no such rooms" if up is None else str(len(up))
    yield "floors (a folder is one room)", str(height(room_graph(graph)))
    yield "floors (a file is one room)", str(height(graph))
    yield "imports between modules", str(sum(map(len, graph.values())))
    yield "arrows between rooms", str(sum(map(len, room_graph(graph).values())))
    yield "file names that stand twice", twice((p.stem, p.relative_to(package).as_posix()) for p in files)
    yield "class names that stand twice", twice((name, m.replace(".", "/")) for m, tree in trees.items() for name in classes(tree))
    yield "modules", str(len(files))
    yield "lines of the package", f"{sum(len(p.read_text(encoding='utf-8').splitlines()) for p in package.rglob('*.py')):,}"
    table = trees.get("language.gates", trees.get("gates"))
    assert table is not None
    gates = gate_names(table)
    own, drawn, traced, facts = ({m: n for m in trees if where(m) and (n := len(list(collections(trees[m], gates))))} for where in (_is_arithmetic, _is_drawing, _is_trace, _states_facts))
    for what, found in (("gate names: the arithmetics' and SymPy's own functions", own), ("gate names: what the fuzzers draw", drawn), ("gate names: a framework's operators, edits of array code", traced), ("gate names: facts outside the table", facts)):
        places = ", ".join(f"{m} {n}" for m, n in sorted(found.items(), key=lambda item: (-item[1], item[0])))
        yield what, f"{sum(found.values())} in {len(found)} files" + (f": {places}" if found is facts else "")


def _is_arithmetic(module: str) -> bool:
    return room(module) in ("arithmetic", "exact")


def _is_drawing(module: str) -> bool:
    return module.startswith(("search.fuzz.", "fuzz."))


def _is_trace(module: str) -> bool:
    return room(module) == "trace"


def _states_facts(module: str) -> bool:
    return not _is_arithmetic(module) and not _is_drawing(module) and not _is_trace(module) and module not in ("language.gates", "gates")


if __name__ == "__main__":
    for what, figure in figures(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent):
        print(f"{what:<58} {figure}")
