"""The gate: which findings of a case fail it, by their codes and by a baseline of known ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.report.baseline import Baseline, excused, read, stale, updated, written
from verifier.report.outcome import CaseReport
from verifier.report.selection import Selection, selection


@dataclass(frozen=True)
class Gate:
    """The findings that count, those that are known, and whether those of this run are to be known from now on."""

    selection: Selection
    baseline: Baseline | None = None
    writes: bool = False

    def of(self, case: CaseReport) -> CaseReport:
        """The report of a case as the gate sees it: for each case alone, so that it can be shown at once."""
        if self.baseline is not None:
            case = excused(case, updated([case], self.baseline) if self.writes else self.baseline)
        return self.selection.of(case)

    def settle(self, cases: Sequence[CaseReport]) -> list[str]:
        """Write the baseline, or compare it: lines to be said at the end of a run, of whose cases these are the reports before the gate. Raises OSError."""
        if self.baseline is None:
            return []
        name = self.baseline.file
        if self.writes:
            known = updated(cases, self.baseline)
            name.write_text(written(known), encoding="utf-8")
            return [f"{name}: {len(known.known)} known {'entry' if len(known.known) == 1 else 'entries'} written"]
        gone = stale(cases, self.baseline)
        return [*(f"{name}: no longer found: {entry}" for entry in gone), f"{name}: --baseline-update removes {'it' if len(gone) == 1 else 'them'}"] if gone else []


def gate_of(select: Sequence[str] = (), ignore: Sequence[str] = (), baseline_file: str | None = None, *, writes: bool = False) -> Gate:
    """The gate of a run. Raises CampaignError where a code is none, or the baseline cannot be read."""
    return Gate(selection(select, ignore), None if baseline_file is None else read(baseline_file, is_required=not writes), writes)
