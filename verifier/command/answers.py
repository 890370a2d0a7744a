"""The commands that judge nothing: explain, gates, schema, diff, new, init, completion."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from functools import partial

from verifier.language.source import suggestion
from verifier.options import USAGE_ERROR
from verifier.report.draw.deliver import deliver, deliver_text, painted, say, visible
from verifier.report.draw.paint import paint_for


def run_explain(options: argparse.Namespace) -> int:
    """What codes and words of a report mean; the exit status."""
    from verifier.report.catalogue import CATALOGUE, FindingKind, codes_from
    from verifier.report.draw import pages
    from verifier.report.glossary import WORDS, explained_all

    if options.markdown:
        deliver(pages.verdicts_markdown())
        return 0
    text = " ".join(options.word)
    if not text.strip():
        deliver_text(f"{pages.overview(CATALOGUE.values())}\nwords: {', '.join(WORDS)}\n")
        return 0
    if begun := codes_from(text):
        deliver_text(pages.overview(begun))
        return 0
    found = explained_all(text)
    if isinstance(found, str):
        known = [*CATALOGUE, *(e.name for e in CATALOGUE.values()), *WORDS]
        hint = suggestion(found.upper(), known) or suggestion(found, known)
        say(f"verifier: no finding and no word of a report is called '{found}'{hint or ';'} 'python -m verifier explain' lists them")
        return USAGE_ERROR
    deliver_text("\n".join(pages.explain(f) if isinstance(f, FindingKind) else pages.word(*f) for f in found))
    return 0


def run_gates(options: argparse.Namespace) -> int:
    """The table of gates; the exit status."""
    from verifier.report.draw import pages

    (deliver if options.markdown else deliver_text)(pages.gates_markdown() if options.markdown else pages.gates_text())
    return 0


def run_schema(options: argparse.Namespace) -> int:
    """The JSON Schema of case files, or of the report; the exit status."""
    import json

    from verifier.case.schema import case_schema
    from verifier.report.report_schema import report_schema

    deliver(json.dumps(report_schema() if options.report else case_schema(), indent=2) + "\n")
    return 0


def run_diff(options: argparse.Namespace) -> int:
    """What got better and worse between two reports; 1 where something got worse."""
    from verifier.report import diff
    from verifier.report.draw.diff_text import render

    found = diff.between(diff.read(options.old), diff.read(options.new))
    deliver(painted(partial(render, found), paint_for(sys.stdout, options.color)))
    return 1 if found.worse else 0


def run_new(options: argparse.Namespace) -> int:
    """Write a case with comments to begin with; the exit status."""
    from verifier.start.new import new_case

    written = new_case(options.name)
    deliver(visible("".join(f"wrote {path}\n" for path in written) + f"check it: python -m verifier {shlex.quote(str(written[0]))}\n"))
    return 0


def run_init(options: argparse.Namespace) -> int:
    """Make a repository with a gate; the exit status."""
    from verifier.start.init import new_project

    there = "" if os.path.realpath(options.folder) == os.path.realpath(os.curdir) else f"go there: cd {shlex.quote(options.folder)}\n"
    deliver(visible("".join(f"{line}\n" for line in new_project(options.folder)) + f"{there}check its cases: python -m verifier\nrun its tests: python -m pytest cases\n"))
    return 0


def run_completion(options: argparse.Namespace) -> int:
    """The script that completes words in a shell; the exit status."""
    from verifier.start.completion import script

    deliver(script(options.shell, options.commands))
    return 0
