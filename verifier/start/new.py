"""`new`: a case file with comments, to be changed line by line, and the schema by which editors know its keys."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from verifier.case.files import SUFFIXES
from verifier.case.schema import case_schema
from verifier.language.source import CampaignError
from verifier.language.user_files import writing

SCHEMA = "case.schema.json"
ROOTS = (".git", "pyproject.toml")  # what stands in the topmost folder of a project

TEXT = """\
# yaml-language-server: $schema={schema}
# A case of verifier. Check it: python -m verifier {path}
# docs/case-format.md explains every key.
name: {name}
about: softplus, with a backward pass by hand         # free text

# The truth: the exact gradient is that of this function.
function: log(1 + exp(x))

# Where the gradients are checked: points of your choice, and as many more from the domain as `sample` says.
points:
  - {{x: 0.5}}
  - {{x: -3}}
domain: {{x: [-30, 30]}}
sample: 100
formats: [float64, float32]

# Your code, as it stands. Without `forward` it is the function, without `backward` backprop writes one.
# dout is the gradient that flows in, dx the gradient with respect to x.
implementations:
  by_hand:
    forward: |
      e = np.exp(x)
      out = np.log(1.0 + e)
    backward: |
      de = dout / (1.0 + e)
      dx = de * e
  staged: {{}}                                          # backprop's own backward pass, to compare with

# accept: {{ulps: 4}}                                   # a larger error fails, although the formula is right
# expect: {{by_hand.dx: unstable}}                      # a verdict that this case is there to show
# hunt: true                                          # look for inputs at which a gradient goes wrong
"""


def new_case(name: str) -> list[Path]:
    """Write a case file, and the schema where the project has none; the paths that were written. Raises CampaignError where the name is none or the file exists, and OSError."""
    if problem := _name_problem(name):
        raise CampaignError(problem)
    path = Path(name if name.lower().endswith(SUFFIXES) else f"{name}.yaml")
    if path.exists():
        raise CampaignError(f"'{path}' exists, and is left as it is")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    schema = nearest_schema(path.parent)
    written = [path]
    if schema is None:
        schema = path.parent / SCHEMA
        with writing(schema):
            schema.write_text(json.dumps(case_schema(), indent=1) + "\n", encoding="utf-8")
        written.append(schema)
    with writing(path), path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(case_text(path, schema))
    return written


def _name_problem(name: str) -> str:
    """What is wrong with the name of a new case; '' where nothing is."""
    if not name.isprintable():
        return f"{name!r} has a character that is not printed, such as the end of a line; write a name without it"
    last = os.path.split(name)[1]
    if last not in ("", os.curdir, os.pardir, *SUFFIXES):
        return ""
    folder = Path(os.path.normpath(name if last not in SUFFIXES else os.path.split(name)[0] or os.curdir))
    example = shlex.quote((folder / "first").as_posix())
    return f"'{name}' does not name a file; write the name of the case, such as: python -m verifier new {example}"


def case_text(path: Path, schema: Path) -> str:
    """The text of a new case file."""
    stem = path.name.partition(".")[0]
    name = stem if stem.isidentifier() else json.dumps(stem, ensure_ascii=False)
    return TEXT.format(schema=Path(os.path.relpath(schema.resolve(), path.parent.resolve())).as_posix(), path=shlex.quote(path.as_posix()), name=name)


def nearest_schema(folder: Path) -> Path | None:
    """The schema in a folder or above it, within the project."""
    here = folder.resolve()
    for place in (here, *here.parents):
        if (place / SCHEMA).is_file():
            return place / SCHEMA
        if any((place / name).exists() for name in ROOTS):
            break
    return None
