"""The commands that draw many points or edits: fuzz and mutate."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from verifier.command.given import complain, configured, load_texts, workers_for
from verifier.language.source import CampaignError
from verifier.options import USAGE_ERROR
from verifier.report.draw import FORMATS, drawn_edits
from verifier.report.draw.deliver import deliver, deliver_text, safe, say, visible
from verifier.report.draw.paint import Paint, paint_for
from verifier.report.draw.progress import live

if TYPE_CHECKING:
    from verifier.report.draw.mutants import CaseEdits
    from verifier.search.mutate import Mutant


def run_fuzz(options: argparse.Namespace) -> int:
    """Judge cases at drawn points; 1 where one shows a fault."""
    config = configured(options)
    if options.save and os.path.lexists(options.save) and not Path(options.save).is_dir():
        raise CampaignError(f"--save {options.save}: this is a file; name a folder")
    loaded = load_texts(*options.paths, config=config)
    complain(loaded)
    from verifier.many import campaigns
    from verifier.report.draw import finds
    from verifier.search.fuzz.campaign import save

    run = []
    with live([c.name for c in loaded.cases], sys.stderr) as shown, workers_for(options) as workers:
        for found in campaigns(loaded.cases, workers, max_examples=options.max_examples, max_time=options.max_time, seed=options.seed, strict=options.strict):
            run.append(found)
            with shown.hidden():
                deliver_text(visible(finds.campaign(found, save(found.finds, options.save) if options.save else None)))
            shown.next()
    deliver_text(finds.summary(run, is_saved=bool(options.save)))
    if loaded.complaints or not loaded.cases or any(c.problem for c in run):
        return USAGE_ERROR
    return 1 if any(c.finds for c in run) else 0


def run_mutate(options: argparse.Namespace) -> int:
    """Make single edits in backward passes; 1 where one is not caught."""
    config = configured(options)
    loaded = load_texts(*options.paths, config=config)
    complain(loaded)
    from verifier.many import mutations

    total: list[Mutant] = []
    is_whole = True

    def edited() -> Iterator[CaseEdits]:
        nonlocal is_whole
        for case, found in zip(loaded.cases, mutations(loaded.cases, workers, most=options.most), strict=True):
            if isinstance(found, str):
                is_whole = False
                with shown.hidden():
                    say(f"verifier: {case.place}: {case.name}: {found}")
            else:
                total.extend(found)
                yield case.name, case.file, found
            shown.next()

    with live([c.name for c in loaded.cases], sys.stderr) as shown, workers_for(options) as workers:
        for part in drawn_edits(options.format, edited(), every=options.all):
            with shown.hidden():
                (deliver_text if options.format == "text" else deliver)(safe(FORMATS[options.format].kind, partial(_as_it_is, part), paint_for(sys.stdout)))
    if loaded.complaints or not loaded.cases or not is_whole:
        return USAGE_ERROR
    return 1 if any(m.fate == "survived" for m in total) else 0


def _as_it_is(text: str, _: Paint) -> str:
    return text
