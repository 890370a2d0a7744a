"""The gate: which findings of a case fail it, by their codes and by a baseline of known ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from verifier.language.user_files import writing
from verifier.report.baseline import Baseline, excused, read, stale, updated, written
from verifier.report.outcome import CaseReport
from verifier.report.selection import Selection, by_code, selection


@dataclass(frozen=True)
class CiGate:
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
        left_out = [f.code for c in cases for f in c.findings if not f.expected and not self.selection.counts(f.code)]
        said = [f"left out by select and ignore: {by_code(left_out)}"] if left_out else []
        if self.baseline is None:
            return said
        name = self.baseline.file
        if self.writes:
            known = updated(cases, self.baseline)
            with writing(name):
                name.write_text(written(known), encoding="utf-8")
            return [*said, f"{name}: {len(known.known)} known {'entry' if len(known.known) == 1 else 'entries'} written"]
        count = sum(f.expected for c in cases for f in excused(c, self.baseline).findings) - sum(f.expected for c in cases for f in c.findings)
        said += [f"{name}: {count} known {'finding' if count == 1 else 'findings'}, no worse than there"] if count else []
        gone = stale(cases, self.baseline)
        said += [f"{name}: no longer found: {entry}" for entry in gone]
        return [*said, f"{name}: --baseline-update removes {'it' if len(gone) == 1 else 'them'}"] if gone else said


def gate_of(select: Sequence[str] = (), ignore: Sequence[str] = (), baseline_file: str | None = None, *, writes: bool = False) -> CiGate:
    """The gate of a run. Raises CampaignError where a code is none, or the baseline cannot be read."""
    return CiGate(selection(select, ignore), None if baseline_file is None else read(baseline_file, is_required=not writes), writes)
