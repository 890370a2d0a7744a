"""The site of docs/: `.ci/docs` builds it, with warnings as errors."""

import dataclasses
import inspect
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCE = next((url.rstrip("/") for name, url in PROJECT.get("urls", {}).items() if name.lower() in ("source", "repository")), "")

project = "verifier"
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = "verifier"
html_copy_source = False
html_show_copyright = False
autodoc_member_order = "bysource"
autodoc_mock_imports = ["torch", "jax", "jaxlib"]  # the site is built without them
python_use_unqualified_type_names = True
default_role = "literal"  # docstrings write `code` as Markdown does

OUTSIDE = re.compile(r"(?<!!)\[(?P<text>[^\]\n]+)\]\(\.\./(?P<path>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
FIELD = re.compile(r"^    (?P<name>[a-z]\w*): (?P<type>[^=#\n]+?)(?: = (?P<default>[^#\n]+?))?\s*(?:# (?P<comment>.*))?$", re.MULTILINE)


def outside(text: str, source: str = SOURCE) -> str:
    """A page whose links to files outside docs/ lead to the repository; where its address is not known, only their text is left."""

    def replaced(match: re.Match[str]) -> str:
        if source:
            return f"[{match['text']}]({source}/blob/main/{match['path']}{match['anchor'] or ''})"
        return match["text"] if "`" in match["text"] else f"`{match['text']}`"

    return OUTSIDE.sub(replaced, text)


def as_rst(lines: list[str]) -> list[str]:
    """A docstring as reStructuredText: stars, bars and underscores mean themselves, and what is indented is code."""
    found: list[str] = []
    is_code = False
    for line in lines:
        indented = line.startswith("    ")
        if indented and not is_code and found and not found[-1].strip():
            found += ["::", ""]
        is_code = indented or (is_code and not line.strip())
        pieces = [line] if is_code else re.split(r"(`[^`]*`)", line)
        found.append("".join(p if is_code or p.startswith("`") else re.sub(r"[*|\\]|(?<=\w)_(?!\w)", r"\\\g<0>", p) for p in pieces))
    return found


def fields_of(thing: type) -> list[str]:
    """The fields of a dataclass, each with its type and the comment beside it, as reStructuredText."""
    body = inspect.getsource(thing).partition("\n    def ")[0].partition("\n    @")[0]
    return ["", *(f"* ``{m['name']}: {m['type']}``{': ' + as_rst([m['comment']])[0] if m['comment'] else ''}" for m in FIELD.finditer(body)), ""]


def setup(app) -> None:  # noqa: ANN001
    """Let Sphinx call the functions above."""
    from pygments.lexers.python import PythonLexer

    def document(_app, _what, _name, thing, _options, lines) -> None:  # noqa: ANN001
        is_data = isinstance(thing, type) and dataclasses.is_dataclass(thing)
        lines[:] = as_rst(lines) + (fields_of(thing) if is_data else [])

    def sign(_app, _what, _name, thing, _options, signature, returned):  # noqa: ANN001, ANN202
        return ("", "") if isinstance(thing, type) and dataclasses.is_dataclass(thing) else (signature, returned)

    app.add_lexer("ipython", PythonLexer)
    app.connect("source-read", lambda _app, _name, content: content.__setitem__(0, outside(content[0])))
    app.connect("autodoc-process-docstring", document)
    app.connect("autodoc-process-signature", sign)
