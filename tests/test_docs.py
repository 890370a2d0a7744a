"""The pages of docs/ and the README say what is true: their cases load and run, their generated pages are the code's own."""

from __future__ import annotations

import ast
import contextlib
import functools
import io
import re

import pytest

from tests import ROOT
from tests.sessions import agrees, run_page
from verifier import load_text
from verifier.case.document import _IMPLEMENTATION_KEYS, _KEYS
from verifier.cli import main
from verifier.many import verify_all
from verifier.report.draw import pages
from verifier.report.draw.paint import Paint
from verifier.report.draw.text import render

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(?P<kind>[\w{}-]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
REFUSED = "# refused: "
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\((?P<target>[^)\s]+)\)")


def blocks(kind: str) -> list[tuple[str, str]]:
    """(page:line, text) of every fenced block of a kind."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found += [(f"{page.name}:{text[: m.start()].count(chr(10)) + 1}", m["text"]) for m in FENCE.finditer(text) if m["kind"] == kind]
    return found


def first_word_of(rows: str) -> set[str]:
    """The words in backticks in the first column of the tables of a text."""
    return {word for row in rows.splitlines() if row.startswith("| `") for word in re.findall(r"`(\w+)`", row.split("|")[1])}


@pytest.mark.parametrize(("where", "text"), [b for b in blocks("yaml") if not b[1].startswith(REFUSED) and "{call: " not in b[1]], ids=lambda v: v if ".md:" in v[:40] else "")  # callables run in the session of their page
def test_every_case_on_a_page_loads_and_runs(where, text):
    loaded = load_text(text, file=where)
    assert [str(c) for c in loaded.complaints] == []
    assert loaded.cases
    assert verify_all(loaded.cases).errors == 0


@pytest.mark.parametrize(("where", "text"), [b for b in blocks("yaml") if b[1].startswith(REFUSED)], ids=lambda v: v if ".md:" in v[:40] else "")
def test_every_refused_case_on_a_page_is_refused_with_the_complaint_it_shows(where, text):
    complaints = load_text(text, file=where).complaints
    shown = text.splitlines()[0].removeprefix(REFUSED)
    assert shown in [f"{c.place.line}:{c.place.column}: {c.message}" for c in complaints]


def test_the_cases_of_the_format_page_pass():
    texts = [t for where, t in blocks("yaml") if where.startswith("case-format.md") and not t.startswith(REFUSED)]
    report = verify_all([c for t in texts for c in load_text(t).cases])
    assert [(c.name, f.message) for c in report.cases for f in c.findings if not f.expected] == []
    assert (report.exit_status, report.passed) == (0, len(texts))


def test_the_case_on_the_format_page_that_names_callables_is_read_where_it_is_allowed(tmp_path):
    (text,) = (t for where, t in blocks("text") if where.startswith("case-format.md"))
    for name in set(re.findall(r"(\w+\.py):", text)):
        (tmp_path / name).write_text("", encoding="utf-8")
    file = str(tmp_path / "layers.yaml")
    assert [str(c) for c in load_text(text, file=file, allow_call=True).complaints] == []
    assert len(load_text(text, file=file).complaints) == 3


COMMAND = re.compile(r"python -m verifier ([^`\n#]*)")


@functools.cache
def help_of(*command: str) -> str:
    """What `python -m verifier COMMAND --help` prints."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        main([*command, "--help"])
    return shown.getvalue()


def refused_options(page: str) -> list[str]:
    """The options in the commands of a page that the command line does not have."""
    found = []
    for words in (m[1].split() for m in COMMAND.finditer(page)):
        command = words[0] if words and words[0].isalpha() and words[0].islower() else "check"
        known = set(re.findall(r"--[a-z][a-z-]*", help_of(command) + help_of()))
        found += [f"{' '.join(words)}: {w}" for w in words if w.startswith("--") and w.partition("=")[0] not in known]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_the_commands_on_a_page_have_no_option_that_the_command_line_does_not_know(page):
    assert refused_options(page.read_text(encoding="utf-8")) == []


def test_an_option_that_is_not_there_is_seen():
    assert refused_options("`python -m verifier show A --point 2 --pint 2`, and `python -m verifier a.yaml --point 2`") == ["show A --point 2 --pint 2: --pint", "a.yaml --point 2: --point"]


def shown_with_cases(page: str) -> list[tuple[str, str]]:
    """Every case of a page with the lines of its report that are shown before the next case."""
    found, case = [], None
    for m in FENCE.finditer((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if m["kind"] == "yaml":
            case = m["text"]
        elif not m["kind"] and case is not None:
            found.append((case, m["text"]))
    return found


@pytest.mark.parametrize(("text", "shown"), shown_with_cases("layers.md"), ids=["", "shape"])
def test_what_the_page_on_layers_shows_is_what_the_report_says(text, shown):
    report = [" ".join(line.split()) for line in render(verify_all(load_text(text).cases), paint=Paint(enabled=False)).splitlines()]
    missing = [line for line in shown.splitlines() if not any(part.startswith(" ".join(line.split())) for part in report)]
    assert missing == []


def test_the_format_page_names_every_key_of_the_code_and_no_other():
    text = (ROOT / "docs" / "case-format.md").read_text(encoding="utf-8")
    case_keys = text.partition("## All keys")[2].partition("## ")[0]
    implementation_keys = text.partition("## Implementations")[2].partition("## ")[0]
    assert first_word_of(case_keys) == set(_KEYS)
    assert first_word_of(implementation_keys) == set(_IMPLEMENTATION_KEYS)


@pytest.mark.parametrize(("name", "generated"), [("gates.md", pages.gates_markdown), ("verdicts.md", pages.verdicts_markdown)])
def test_the_generated_pages_are_what_the_code_generates_now(name, generated):
    command = {"gates.md": "gates", "verdicts.md": "explain"}[name]
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == generated(), f"python -m verifier {command} --markdown > docs/{name}"


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "README.md"], ids=lambda p: p.name)  # tests/test_readme.py runs that one
def test_everything_that_a_page_runs_gives_what_the_page_shows(page, tmp_path):
    _, wrong, missing = run_page(page.read_text(encoding="utf-8"), tmp_path)
    assert wrong == [], f"python -m tests.sessions docs/{page.name} writes what happens now into the page"
    if missing:
        pytest.skip(f"the rest of the page ran; not installed: {', '.join(missing)}")


def test_a_command_that_prints_something_else_is_seen(tmp_path):
    page = "```yaml\n# a.yaml\nfunction: x * x\npoints: [{x: 3}]\n```\n```console\n$ python -m verifier a.yaml\nPASS a  a.yaml:2\n...\n1 case, 2 passed\n```\n"
    new, wrong, _ = run_page(page, tmp_path)
    assert len(wrong) == 1
    assert "1 case, 1 passed" in new
    assert run_page(new, tmp_path)[1:] == ([], [])


def test_a_result_or_a_report_of_a_cell_that_is_another_one_is_seen(tmp_path):
    right = "```python\n>>> 1 + 1\n2\n```\n```ipython\n%%verify x=3\nf = x * x\ndx = 2 * x\n```\n```text\nPASS In[2]\n...\n```\n"
    assert run_page(right, tmp_path) == (right, [], [])
    assert len(run_page(right.replace("2\n```\n```ip", "3\n```\n```ip"), tmp_path)[1]) == 1
    assert len(run_page(right.replace("PASS In", "FAIL In"), tmp_path)[1]) == 1
    with pytest.raises(ZeroDivisionError):
        run_page("```python\n1 / 0\n```\n", tmp_path)


def test_three_dots_stand_for_any_lines_or_for_words_within_a_line():
    assert agrees("a\n...\nb 1\n", "a\nx\ny\nb 1\n")
    assert agrees("a ... ulp\n", "a 3.2 ulp\n")
    assert not agrees("a\nb 1\n", "a\nx\nb 1\n")
    assert not agrees("a\n...\nb 1\n", "a\nx\nb 2\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_within_the_repository_leads_somewhere(page):
    targets = [m["target"] for m in LINK.finditer(page.read_text(encoding="utf-8")) if not m["target"].startswith(("http:", "https:", "mailto:"))]
    headings = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)}
    lost = [t for t in targets if (t[1:] not in headings if t.startswith("#") else not (page.parent / t.partition("#")[0]).exists())]
    assert lost == []


@pytest.mark.parametrize("path", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda p: p.stem)
def test_a_benchmark_imports_only_what_the_package_has(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("verifier"):
            for framework in ("torch", "jax"):
                if framework in node.module:
                    pytest.importorskip(framework, reason=f"{framework} is not installed")
            names: dict[str, object] = {}
            exec(compile(ast.Module([node], []), str(path), "exec"), names)
            assert {a.asname or a.name for a in node.names} <= set(names)
