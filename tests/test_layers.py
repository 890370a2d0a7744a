"""Imports go downwards only, and nothing heavy is imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "verifier"

# From the bottom to the top: a module imports modules of lower layers only, when it is loaded. (Inside a function, where a
# cycle would otherwise arise, symbolic reads arithmetic.expressions.)
LAYERS = (
    ("errors", "verdict", "gates", "language", "catalogue", "processes"),
    ("formats", "numeral", "case", "outcome", "arithmetic.kernels", "arithmetic.special"),
    ("yaml_tree", "points", "program"),
    ("reader", "backprop", "symbolic", "arithmetic.floats", "arithmetic.balls", "arithmetic.expressions"),
    ("inputs", "adjoints", "constants", "rounding", "arithmetic.series"),
    ("document", "limits", "blame"),
    ("load", "compare", "diagnose"),
    ("settle", "accuse"),
    ("verify",),
    ("report.paint",),
    ("report.text", "report.json", "report.pages"),
    ("report.circuit",),
    ("cli",),
    ("__main__",),
)
RANK = {module: rank for rank, layer in enumerate(LAYERS) for module in layer}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


MODULES = {name: path for path in sorted(PACKAGE.rglob("*.py")) if not (name := module_name(path)).endswith("__init__")}


def imports_at_load(source: str) -> set[str]:
    """The modules of the package that a module imports when it is loaded; not those for type checkers, not inside functions."""
    found: set[str] = set()
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            continue
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.partition(".")[0] == "verifier":
            base = node.module.removeprefix("verifier").lstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}".lstrip(".")
                found.add(inner if inner in MODULES else base)
        elif isinstance(node, ast.Import):
            found |= {a.name.removeprefix("verifier.") for a in node.names if a.name.startswith("verifier.")}
        pending.extend(ast.iter_child_nodes(node))
    return found - {""}


def upward(name: str, source: str) -> list[str]:
    return sorted(i for i in imports_at_load(source) if RANK[i] >= RANK[name])


def test_every_module_has_its_layer() -> None:
    assert sorted(MODULES) == sorted(RANK)


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_downwards_only(name: str) -> None:
    assert upward(name, MODULES[name].read_text(encoding="utf-8")) == []


def test_an_import_that_goes_upwards_is_seen() -> None:
    assert upward("language", "from verifier.settle import Check\nfrom verifier import report") == ["settle"]
    assert upward("errors", "import verifier.gates") == ["gates"]
    assert upward("language", "if TYPE_CHECKING:\n    from verifier.settle import Check") == []


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after some code."""
    command = f"import sys\n{code}\nprint(*sorted({{m.partition('.')[0] for m in sys.modules}}), file=sys.stderr)"
    run = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    return set(run.stderr.split())


HEAVY = {"sympy", "numpy", "scipy", "flint", "mpmath", "ml_dtypes", "yaml", "hypothesis"}


def test_importing_the_package_loads_no_library() -> None:
    assert loaded_by("import verifier") & HEAVY == set()
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


def test_every_module_says_in_one_sentence_what_it_is() -> None:
    for name, path in MODULES.items():
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert docstring, name


def test_no_tolerance_is_named_in_the_engine() -> None:
    for name, path in MODULES.items():
        source = path.read_text(encoding="utf-8").lower()
        assert "atol" not in source, name
        assert "rtol" not in source, name
