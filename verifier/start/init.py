"""`init`: a repository with a gate: the configuration, one case, and a workflow for GitHub. The cases are tests of pytest as they stand, since `files` names them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from verifier.case.schema import case_schema
from verifier.config import FILE as CONFIGURATION
from verifier.config import SECTION, config_for
from verifier.language.source import CampaignError
from verifier.language.user_files import content_of, writing
from verifier.start.new import SCHEMA, case_text

CONFIGURATION_TEXT = f"""\
[{SECTION}]
paths = ["cases"]    # what `python -m verifier` checks
files = ["cases/**/*.yaml", "cases/**/*.yml"]    # the case files there, each case of which is a test of pytest, too
# strict = true      # unstable, ill-conditioned and vanished gradients fail, too
# baseline = "known-findings.json"    # findings that are known do not fail: --baseline-update writes it
"""

WORKFLOW = """\
name: gradients
on: [push, pull_request]
permissions:
  contents: read
jobs:
  gradients:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.13"
      - run: python -m pip install backprop-verifier pytest
      - run: python -m verifier check --format github
      - run: python -m pytest cases
"""


def new_project(folder: str) -> list[str]:
    """Write the files of a gate into a folder; lines that say what was written. Raises CampaignError where one of them exists already, before anything is written; and OSError."""
    root = Path(folder)
    configuration, case, schema = root / CONFIGURATION, root / "cases" / "first.yaml", root / "cases" / SCHEMA
    texts = {
        case: case_text(Path("cases/first.yaml"), Path("cases") / SCHEMA),
        schema: json.dumps(case_schema(), indent=1) + "\n",
        root / ".github" / "workflows" / "gradients.yml": WORKFLOW,
    }
    there = [str(path) for path in texts if path.exists()]
    if configuration.exists() and config_for(start=root).file == configuration.resolve():
        there.insert(0, f"[{SECTION}] in {configuration}")
    if there:
        raise CampaignError(f"nothing is written, since these exist: {', '.join(there)}")
    before = content_of(configuration).decode("utf-8") if configuration.exists() else ""
    try:
        tomllib.loads(before)
    except tomllib.TOMLDecodeError as error:
        raise CampaignError(f"nothing is written, since '{configuration}' is not TOML: {error}") from None
    end = "\r\n" if "\r\n" in before else "\n"  # as the file has it
    texts[configuration] = (before.rstrip("\r\n") + end * 2 if before.strip() else "") + CONFIGURATION_TEXT.replace("\n", end)
    for path, text in texts.items():
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
    return [f"added [{SECTION}] to {path}" if path == configuration and before.strip() else f"wrote {path}" for path in texts]
