"""The pytest plugin: every case of a case file is a test. pytest loads it, so nothing heavy is imported before a case file is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from verifier.case.case import Case
    from verifier.config import Config
    from verifier.language.source import Complaint
    from verifier.report.gate import CiGate
    from verifier.report.outcome import Report

FILES = ["*.grad.yaml", "*.grad.yml"]
SUFFIXES = (".yaml", ".yml")


class CaseFailure(AssertionError):
    """A case that does not pass, as its report says."""

    def __init__(self, report: Report) -> None:
        from verifier.report.draw.failure import failure

        super().__init__(failure(report))


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options in pytest's configuration file."""
    parser.addini("verifier_files", "globs of case files, each case of which is a test; without a slash for the name of a file, else for its path below the root", type="args", default=FILES)
    parser.addini("verifier_strict", "gradients that are unstable, ill-conditioned or vanished fail, too", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """The mark that every case has: `pytest -m verifier` runs these only."""
    config.addinivalue_line("markers", "verifier: a case of a case file, checked by verifier")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> CaseFile | None:
    """A file of cases: one that a glob fits, or that is named on the command line."""
    if file_path.suffix.lower() not in SUFFIXES or not (parent.session.isinitpath(file_path) or _is_case_file(file_path, parent.config)):
        return None
    found: CaseFile = CaseFile.from_parent(parent, path=file_path)
    return found


def _is_case_file(path: Path, config: pytest.Config) -> bool:
    """Whether a glob of pytest's configuration, or of the project's `[tool.verifier]`, fits a file."""
    from verifier.config import FILE, Config

    project = _project(config)
    return Config(config.rootpath / FILE, files=tuple(config.getini("verifier_files")) or ("",)).is_case_file(path) or (bool(project.files) and project.is_case_file(path))


_PROJECT = pytest.StashKey["Config"]()
_GATE = pytest.StashKey["CiGate"]()


def _project(config: pytest.Config) -> Config:
    """The configuration of the project, read once. What is wrong with it ends the collection in one line."""
    from verifier.config import ConfigError, config_for

    if _PROJECT not in config.stash:
        try:
            config.stash[_PROJECT] = config_for(start=config.rootpath)
        except ConfigError as error:
            raise pytest.Collector.CollectError(str(error)) from None
    return config.stash[_PROJECT]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where there are cases, what they are judged by is read before the first of them runs: a mistake in it is one line, not a failure of every case."""
    if any(isinstance(item, CaseItem) for item in items) and (problem := _problem(config)):
        raise pytest.UsageError(f"verifier: {problem}")


def _problem(config: pytest.Config) -> str:
    """What is wrong with what cases are judged by; '' where nothing is."""
    from verifier.language.source import CampaignError

    try:
        _is_strict(config)
        _gate(config)
    except CampaignError as error:
        return str(error)
    return ""


def _is_strict(config: pytest.Config) -> bool:
    """Whether what warns fails, too. Raises CampaignError where pytest's option is no truth value."""
    from verifier.language.source import CampaignError

    try:
        return bool(config.getini("verifier_strict") or _project(config).strict)
    except (ValueError, TypeError, pytest.UsageError) as error:
        raise CampaignError(f"verifier_strict in pytest's configuration must be true or false: {error}") from None


def _gate(config: pytest.Config) -> CiGate:
    """Which findings fail: all but those that the project ignores or its baseline knows. Raises CampaignError where a code is none, or the baseline cannot be read."""
    from verifier.report.gate import gate_of

    if _GATE not in config.stash:
        project = _project(config)
        config.stash[_GATE] = gate_of(project.select, project.ignore, None if project.baseline is None else project.path(project.baseline))
    return config.stash[_GATE]


class CaseFile(pytest.File):
    """A case file; a document that cannot be read is a test that fails, beside the others."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test for every case."""
        from verifier.case.callables import is_allowed_by_project
        from verifier.case.load import load
        from verifier.report.draw.junit import distinct

        if hasattr(self.config, "workerinput") and (problem := _problem(self.config)):  # a process of pytest-xdist, which must not end by an error of usage
            raise self.CollectError(f"verifier: {problem}")
        here = self.config.invocation_params.dir
        loaded = load(self.path.relative_to(here) if self.path.is_relative_to(here) else self.path, allow_call=is_allowed_by_project)
        for name, case in zip(distinct(c.name.replace("::", ":") for c in loaded.cases), loaded.cases, strict=True):
            yield CaseItem.from_parent(self, name=name, case=case, complaints=())
        if loaded.complaints:
            yield CaseItem.from_parent(self, name="(unreadable)", case=None, complaints=loaded.complaints)


class CaseItem(pytest.Item):
    """The test of one case."""

    def __init__(self, *, case: Case | None, complaints: tuple[Complaint, ...], **rest: Any) -> None:
        super().__init__(**rest)
        self.case = case
        self.complaints = complaints
        self.add_marker("verifier")

    def runtest(self) -> None:
        """Check the case. What warns stands in a section of its own, which pytest shows with `-rA` and where it fails."""
        from verifier.many import verify_all
        from verifier.report.draw.finding import lines, unexpected
        from verifier.report.draw.paint import Paint

        report = verify_all([] if self.case is None else [self.case], self.complaints, strict=_is_strict(self.config))
        if report.is_interrupted:
            raise KeyboardInterrupt  # what was not seen has not passed
        report = replace(report, cases=tuple(map(_gate(self.config).of, report.cases)))
        (found,) = report.cases
        if found.status == "skipped":
            pytest.skip("; ".join(found.notes))
        if report.exit_status:
            raise CaseFailure(report)
        if warnings := unexpected(found, "warning"):
            self.add_report_section("call", "verifier", "\n".join(line for f in warnings for line in lines(f, Paint(enabled=False))))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The report of the case; of a fault of the tool, its traceback."""
        return str(excinfo.value) if isinstance(excinfo.value, CaseFailure) else super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the case begins."""
        line = self.case.place.line if self.case is not None else self.complaints[0].place.line
        return self.path, line - 1, self.name
