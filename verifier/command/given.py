"""What a command line gives: the configuration, the cases that are named, the processes and the gate."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from verifier.config import Config, ConfigError, config_for
from verifier.language.source import CampaignError, Complaint
from verifier.report.draw.deliver import say
from verifier.report.draw.destinations import Output, output

if TYPE_CHECKING:
    from verifier.case.load import Loaded
    from verifier.report.gate import CiGate
    from verifier.run.workers import Workers

MOST_NAMES = 6  # of cases in a message



def workers_for(options: argparse.Namespace) -> Workers:
    """The processes that a command may use; what they cannot do is said."""
    from verifier.run.workers import Workers

    workers = Workers(options.jobs, executor=options.executor, timeout=options.timeout, memory=options.memory, state=options.state, debug=options.debug)
    if workers.note:
        say(f"verifier: {workers.note}")
    return workers


def is_configured() -> bool:
    """Whether a run without any word is one of a project: it checks the paths of the configuration, or says that there are none."""
    try:
        return config_for().file is not None
    except ConfigError:
        return True  # the run will tell


def configured(options: argparse.Namespace) -> Config:
    """The configuration; the options that the command line leaves open take its values. Raises ConfigError, CampaignError."""
    config = config_for(options.paths)
    if config.select or config.ignore:
        from verifier.report.selection import check_codes

        check_codes(config)
    if not options.paths:
        options.paths = [config.path(p) for p in config.paths]
        if not options.paths:
            raise CampaignError("there is nothing to check: name case files and folders, or write paths = [...] under [tool.verifier] in pyproject.toml")
    for name in ("strict", "jobs", "select", "ignore"):
        if getattr(options, name, None) is None:
            setattr(options, name, getattr(config, name))
    options.strict, options.jobs = bool(options.strict), options.jobs or 0
    if hasattr(options, "baseline") and options.baseline is None and config.baseline is not None:
        options.baseline = config.path(config.baseline)
    if getattr(options, "format", None) is None and config.is_own:  # they may write files
        options.format = [_configured_output(config, text) for text in config.formats]
    return config


def _configured_output(config: Config, text: str) -> Output:
    """A format of the configuration, whose file stands in its folder. Raises ConfigError."""
    try:
        found = output(text)
    except ValueError as error:
        raise ConfigError([Complaint(config.place("formats"), f"formats: {error}")]) from None
    return replace(found, file=config.path(found.file)) if found.file else found


def load_texts(*paths: str, config: Config | None = None, needs_points: bool = True) -> Loaded:
    """The texts of the cases: callables are left out, and cases that have nothing else."""
    from verifier.case.case import without_calls
    from verifier.case.load import load

    loaded = load(*paths, allow_call=True, needs_points=needs_points, in_folders=case_files(config))  # to read of them runs nothing
    return replace(loaded, cases=tuple(without_calls(c) for c in loaded.cases if c.programs.drafts))


def case_files(config: Config | None) -> Callable[[str], bool] | None:
    """Which files of a folder are case files, where the configuration says it."""
    return config.is_case_file if config is not None and config.files else None


def load_with_calls(options: argparse.Namespace, config: Config, paths: Sequence[str], *, needs_points: bool = True) -> Loaded:
    """The cases at some paths with their callables, where these are allowed."""
    from verifier.case.callables import is_allowed_by_project
    from verifier.case.load import load

    allowed = is_allowed_by_project if options.allow_call is None else options.allow_call
    return load(*paths, allow_call=allowed, needs_points=needs_points, in_folders=case_files(config))


def complain(loaded: Loaded) -> None:
    """Say what could not be read, on standard error."""
    for complaint in loaded.complaints:
        say(str(complaint))


def gate_for(options: argparse.Namespace) -> CiGate:
    """Which findings fail. Raises CampaignError."""
    from verifier.report.gate import gate_of

    if options.baseline is None and options.baseline_update:
        raise CampaignError("--baseline-update needs the file: --baseline FILE, or the key baseline under [tool.verifier] in pyproject.toml")
    return gate_of(options.select, options.ignore, options.baseline, writes=options.baseline_update)


def some_of(names: Sequence[str]) -> str:
    """The first few names of many."""
    return ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
