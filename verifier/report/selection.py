"""Findings by the beginnings of their codes: which of them count. What is left out is said in a note of its case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from verifier.config import UNREADABLE, Config, ConfigError, code_problem
from verifier.language.source import CampaignError, Complaint, suggestion
from verifier.report.catalogue import CATALOGUE
from verifier.report.outcome import CaseReport, Finding


@dataclass(frozen=True, slots=True)
class Selection:
    """Codes that count (none: all of them), and codes that do not. The longer beginning of a code goes before the shorter one, and of equal ones `ignore`."""

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def counts(self, code: str) -> bool:
        """Whether the findings of a code count; those of cases that were not checked always do."""
        if code.startswith(UNREADABLE):
            return True
        chosen = max((len(c) for c in self.select or ("",) if code.startswith(c)), default=-1)
        return chosen > max((len(c) for c in self.ignore if code.startswith(c)), default=-1)

    def of(self, case: CaseReport) -> CaseReport:
        """The report of a case with the findings that count, and its status by them."""
        left_out = [f for f in case.findings if not self.counts(f.code)]
        if not left_out:
            return case
        note = f"left out by select and ignore: {by_code([f.code for f in left_out])}"
        return with_findings(case, tuple(f for f in case.findings if self.counts(f.code)), note)


def by_code(codes: Sequence[str]) -> str:
    """Findings counted by their codes, in words.

    >>> by_code(["V203", "V101", "V203"])
    '1 V101 wrong-gradient, 2 V203 vanished-gradient'
    """
    return ", ".join(f"{codes.count(code)} {code} {CATALOGUE[code].name}" for code in sorted(set(codes)))


def with_findings(case: CaseReport, findings: tuple[Finding, ...], note: str) -> CaseReport:
    """A case with other findings, and its status by them; one that was not checked stays so."""
    failed = any(f.severity == "error" and not f.expected for f in findings)
    status = ("failed" if failed else "passed") if case.status in ("passed", "failed") else case.status
    return replace(case, findings=findings, notes=(*case.notes, note), status=status)


def check_codes(config: Config) -> None:
    """Refuse codes of the configuration that no finding has. Raises ConfigError, with their line."""
    for key, chosen in (("select", (config.select, ())), ("ignore", ((), config.ignore))):
        try:
            selection(*chosen)
        except CampaignError as error:
            raise ConfigError([Complaint(config.place(key), str(error))]) from None


def selection(select: Sequence[str], ignore: Sequence[str]) -> Selection:
    """The findings that count. Raises CampaignError where a code is none."""
    for name, codes in (("select", select), ("ignore", ignore)):
        for code in codes:
            problem = code_problem(name, code)
            if not problem and not any(known.startswith(code) for known in CATALOGUE):
                problem = f"{name} has '{code}', and no finding's code begins so{suggestion(code, CATALOGUE)}"
            if problem:
                raise CampaignError(problem)
    return Selection(tuple(select), tuple(ignore))
