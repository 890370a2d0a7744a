"""The command line: parse, run the command, exit status."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence

from verifier.command.answers import run_completion, run_diff, run_explain, run_gates, run_init, run_new, run_schema
from verifier.command.checks import INTERRUPTED, run_certify, run_check, run_hunt, run_improve, run_serve
from verifier.command.given import is_configured
from verifier.command.pictures import run_plot, run_show
from verifier.command.trials import run_fuzz, run_mutate
from verifier.config import ConfigError
from verifier.language.source import CampaignError, suggestion
from verifier.options import COMMANDS, USAGE_ERROR, parsed, parser_for
from verifier.report.draw.deliver import OutputClosed, abandon, say
from verifier.run.collector import RARE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status."""
    gc.set_threshold(*RARE)
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] not in COMMANDS and not words[0].startswith("-") and not os.path.exists(words[0]):  # noqa: PTH110
        hint = suggestion(words[0], COMMANDS)
        if hint and os.sep not in words[0] and "." not in words[0]:
            say(f"verifier: unknown command '{words[0]}'{hint}")
            return USAGE_ERROR
    try:
        if not words and not is_configured():
            parser_for(RUNS).print_help()
            return USAGE_ERROR
        is_check = not words or words[0] not in (*COMMANDS, "-h", "--help", "--version")
        options = parsed(["check", *words] if is_check else words, RUNS)
        run: Callable[[argparse.Namespace], int] = options.run
        return run(options)
    except OutputClosed as error:
        if str(error):
            say(f"verifier: {error}")
        abandon()
        return USAGE_ERROR
    except OSError as error:
        say(f"verifier: {error}" if error.filename is None else f"verifier: '{error.filename}': {error.strerror}")
        return USAGE_ERROR
    except CampaignError as error:
        say(f"verifier: {error}")
        return USAGE_ERROR
    except ConfigError as error:
        for complaint in error.complaints:
            say(str(complaint))
        return USAGE_ERROR
    except KeyboardInterrupt:
        say("verifier: interrupted")
        return INTERRUPTED


RUNS = {
    "check": run_check,
    "hunt": run_hunt,
    "improve": run_improve,
    "fuzz": run_fuzz,
    "certify": run_certify,
    "show": run_show,
    "plot": run_plot,
    "mutate": run_mutate,
    "diff": run_diff,
    "explain": run_explain,
    "gates": run_gates,
    "schema": run_schema,
    "serve": run_serve,
    "new": run_new,
    "init": run_init,
    "completion": run_completion,
}
