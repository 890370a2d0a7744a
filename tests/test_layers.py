"""Imports go downwards only, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests import ROOT

PACKAGE = ROOT / "verifier"

# The rooms of the house, from the ground up; `run` stands beside `language`, `case` and `trace` beside `arithmetic`. docs/architecture.md says what each is for.
FLOORS = ("language", "config", "run", "circuit", "case", "trace", "arithmetic", "exact", "compare", "blame", "search", "report", "verify", "callable", "numpy", "jax", "torch", "calls", "many", "adopt", "reuse", "serve", "testing", "plugin", "start", "notebook", "options", "command", "cli", "__main__")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


MODULES = {name: path for path in sorted(PACKAGE.rglob("*.py")) if not (name := module_name(path)).endswith("__init__")}


def imports(source: str) -> set[str]:
    """The modules of the package that a module imports: anywhere, and for annotations as well."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.partition(".")[0] == "verifier":
            base = node.module.removeprefix("verifier").lstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                found.add(inner if inner in MODULES else base)
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("verifier.") for a in node.names if a.name.startswith("verifier.")}
    return found & set(MODULES)


GRAPH = {name: imports(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def room(name: str) -> str:
    return name.partition(".")[0]


def upward(graph: dict[str, set[str]]) -> list[tuple[str, str]]:
    """The imports of a module in a room above."""
    return [(name, other) for name, others in graph.items() for other in sorted(others) if FLOORS.index(room(other)) > FLOORS.index(room(name))]


def below(name: str, graph: dict[str, set[str]]) -> set[str]:
    """Everything that a module imports, directly or by way of others; itself where there is a cycle."""
    reached: set[str] = set()
    pending = [name]
    while pending:
        for imported in graph[pending.pop()] - reached:
            reached.add(imported)
            pending.append(imported)
    return reached


def test_a_room_imports_only_rooms_below_it() -> None:
    assert upward(GRAPH) == []


def test_rooms_side_by_side_do_not_know_each_other() -> None:
    beside = {("case", "arithmetic"), ("arithmetic", "case"), ("circuit", "run")}
    found = {(name, other) for name, others in GRAPH.items() for other in others}
    assert {(a, b) for a, b in found if (room(a), room(b)) in beside} == set()
    assert {(a, b) for a, b in found if {a.rpartition(".")[0], b.rpartition(".")[0]} == {"blame.formula", "blame.rounding"}} == set()


@pytest.mark.parametrize("name", MODULES)
def test_no_module_imports_itself_by_way_of_others(name: str) -> None:
    assert name not in below(name, GRAPH)


def test_the_page_about_the_rooms_has_each_of_them_in_order_and_names_only_modules_that_are_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = re.findall(r"^\| `(\w+)` \|", page.partition("## The rooms")[2].partition("\n## ")[0], re.MULTILINE)
    assert tuple(reversed(rooms)) == FLOORS, "the table is read upwards"
    assert set(FLOORS) == {room(name) for name in MODULES}
    named = set(re.findall(r"`([\w/]+\.py)`", page))
    assert len(named) > 30
    assert {n for n in named if not (PACKAGE / n).exists() and not (ROOT / n).exists()} == set()
    assert {n for n in re.findall(r"`(\w+/(?:\w+/)?)`", page) if not (PACKAGE / n).is_dir()} <= {"formula/", "rounding/", "draw/", "sweep/", "boxes/", "identities/", "intervals/", "double_double/"}


def test_every_type_of_the_spine_is_where_the_page_says() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").partition("## The spine")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|.*\| `([\w/]+\.py)` \|$", page, re.MULTILINE)
    assert [name for name, _ in rows] == ["Program", "Truth", "Subject", "Check", "Discrepancy", "Checked", "Report"]
    assert [(name, path) for name, path in rows if not re.search(rf"^class {name}\b", (PACKAGE / path).read_text(encoding="utf-8"), re.MULTILINE)] == []


def test_an_import_that_goes_upwards_is_seen() -> None:
    assert imports("def f():\n    from verifier.report.assemble import report\nfrom verifier.exact import one_sided, __version__") == {"report.assemble", "exact.one_sided"}
    assert imports("if TYPE_CHECKING:\n    from verifier.report.assemble import report") == {"report.assemble"}
    bent = {**GRAPH, "language.formats": GRAPH["language.formats"] | {"case.points"}}
    assert ("language.formats", "case.points") in upward(bent)
    assert "language.formats" in below("language.formats", bent)


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after some code."""
    command = f"import sys\n{code}\nprint(*sorted({{m.partition('.')[0] for m in sys.modules}}), file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    return set(run.stderr.split())


HEAVY = {"sympy", "numpy", "scipy", "flint", "mpmath", "ml_dtypes", "yaml", "hypothesis"}


def test_importing_the_package_loads_no_library() -> None:
    assert loaded_by("import verifier") & HEAVY == set()
    assert loaded_by("import verifier") & {"IPython"} == set()
    assert "flint" in loaded_by("from verifier import verify"), "the twin: what is used is loaded"


def test_help_and_version_load_no_library() -> None:
    for argument in ("--help", "--version"):
        assert loaded_by(f"from verifier.cli import main\ntry:\n    main(['{argument}'])\nexcept SystemExit:\n    pass") & HEAVY == set()


def test_reading_cases_loads_no_sympy() -> None:
    text = "function: sin(x)\\npoints: [{x: 1}]\\n"
    assert not loaded_by(f"from verifier import load_text\nassert load_text('{text}').cases") & {"sympy", "numpy", "scipy"}


def test_a_module_fits_in_one_head() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {n for n, length in lengths.items() if length > 600} == set(), "STYLE: about 300 lines; tables may be longer"


SIBLINGS = ("trace/jax", "trace/torch"), ("arithmetic/intervals", "arithmetic/double_double"), ("compare/sweep", "arithmetic"), ("trace", "")
"""Folders in which files of one name do the same for another library or arithmetic: `sweep/balls.py` runs `arithmetic/balls.py`."""


def _called_twice(places: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """Names with all places that have them, where these are several and not siblings."""
    found: dict[str, set[str]] = {}
    for name, place in places:
        found.setdefault(name, set()).add(place)
    return {name: where for name, where in found.items() if len(where) > 1 and not any(where <= set(s) for s in SIBLINGS)}


def _types(source: str) -> Iterator[str]:
    """The classes and aliases of types that a module defines."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name) and target.id[0].isupper() and not target.id.isupper():
                    yield target.id


def test_a_name_of_a_file_or_of_a_type_means_one_thing() -> None:
    files = [(p.name, p.parent.relative_to(PACKAGE).as_posix().replace(".", "")) for p in MODULES.values() if p.name != "__init__.py"]
    assert set(_called_twice(files)) == set()
    assert _called_twice((t, name) for name, path in MODULES.items() for t in _types(path.read_text(encoding="utf-8"))) == {}
    assert _called_twice([("Point", "case.case"), ("Point", "compare.check")]) == {"Point": {"case.case", "compare.check"}}
    assert list(_types("Ends = tuple[int, int]\nMOST = 3\nclass Check: ...\nFlow: TypeAlias = int")) == ["Ends", "Check", "Flow"]


def test_every_module_says_in_one_sentence_what_it_is() -> None:
    for name, path in MODULES.items():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert docstring, name


def test_no_tolerance_is_named_in_the_engine() -> None:
    for name, path in MODULES.items():
        source = path.read_text(encoding="utf-8").lower()
        assert "atol" not in source, name
        assert "rtol" not in source, name
