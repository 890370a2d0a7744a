"""The report as text: a table per case with its findings under it, and one line at the end. Numbers are shown with all their digits."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from verifier.case.components import PointText, by
from verifier.language.verdict import Verdict
from verifier.report.by_array import ArrayGradient, arrays, index
from verifier.report.draw import better_lines, hunt_lines
from verifier.report.draw.bound_rows import bound_lines, brief
from verifier.report.draw.finding import at, unexpected, wrapped
from verifier.report.draw.finding import lines as finding_lines
from verifier.report.draw.paint import Paint, fitted
from verifier.report.outcome import CaseReport, Report, ResidualResult, Result, Sweep

MARKS = {"passed": ("PASS", "green"), "failed": ("FAIL", "red"), "error": ("ERROR", "red"), "skipped": ("SKIP", "yellow")}
BRIEF = ("passed", "skipped")  # what one line says all about
SENTENCE = 132  # columns of a wrapped sentence, where the text goes to no terminal
COMPONENT = re.compile(r"(\(.*\)|[\w.]+)\[\d+(,\d+)*\]")  # of a difference of arrays


def render(report: Report, *, paint: Paint, quiet: bool = False, verbose: bool = True) -> str:
    """All cases and the summary: `case` and `end` as one text."""
    return "".join([*(case(c, paint=paint, quiet=quiet, verbose=verbose) for c in report.cases), end(report, paint=paint, quiet=quiet, verbose=verbose)])


def case(c: CaseReport, *, paint: Paint, quiet: bool = False, verbose: bool = True) -> str:
    """One case: all of it, or where it is not `verbose` one line if it passes, with its findings; nothing if it is `quiet` and there is nothing to say."""
    if quiet and not _needs_attention(c):
        return ""
    if verbose or c.status not in BRIEF or c.is_interrupted or c.suggestions or _is_excused(c):
        return fitted(_case(c, paint, verbose=verbose) + "\n", paint.columns)
    if c.regions and unexpected(c):
        findings = [*hunt_lines.regions(c.regions, verbose=False, columns=paint.columns), *hunt_lines.findings(unexpected(c), paint)]
    else:
        findings = [line for f in unexpected(c) for line in finding_lines(f, paint)]
    return fitted("\n".join([_brief(c, paint), *findings, ""]) + ("\n" if findings else ""), paint.columns)


def end(report: Report, *, paint: Paint, quiet: bool = False, verbose: bool = True) -> str:
    """The summary, with an empty line before it."""
    last = next((c for c in reversed(report.cases) if not quiet or _needs_attention(c)), None)
    is_line = last is not None and not case(last, paint=paint, verbose=verbose).endswith("\n\n")
    return ("\n" if is_line else "") + fitted(summary(report, paint), paint.columns) + "\n"


def _is_excused(c: CaseReport) -> bool:
    """Whether a gradient fails and the case passes all the same, although it does not expect that: its findings were ignored, and a note says so."""
    verdicts = [r.verdict for r in c.results] + [Verdict(v) for s in c.sweeps for v in s.verdicts]
    return any(v.fails for v in verdicts) and not any(f.expected for f in c.findings)


def _needs_attention(c: CaseReport) -> bool:
    return c.status not in BRIEF or bool(unexpected(c) or c.suggestions)


def summary(report: Report, paint: Paint) -> str:
    """One line that sums up the run."""
    colour = "red" if report.exit_status else "green"
    count = sum(c.is_case for c in report.cases)
    empty = len(report.cases) - count
    parts = [f"{count} {_plural(count, 'case')}"] + ([f"{report.passed} passed"] if count or not empty else [])
    parts += [f"{report.failed} failed"] if report.failed else []
    parts += [f"{report.errors - empty} {_plural(report.errors - empty, 'error')}"] if report.errors > empty else []
    parts += [f"{empty} {_plural(empty, 'path')} without a readable case"] if empty else []
    parts += [f"{report.skipped} skipped"] if report.skipped else []
    parts += [f"{report.warnings} {_plural(report.warnings, 'warning')}"] if report.warnings else []
    cached = sum(c.is_cached for c in report.cases)
    parts += [f"{cached} cached"] if cached else []
    parts += [f"{report.unchecked} not checked before the interruption"] if report.unchecked else []
    nothing = "" if report.checked or report.errors or report.complaints else ": nothing was checked" + ("" if report.skipped or report.unchecked else ", every gradient is undefined at its points")
    return paint(", ".join(parts) + nothing, colour, bold=True)


def _plural(count: int, word: str) -> str:
    return word if count == 1 else word + "s"


def _head(c: CaseReport, paint: Paint) -> str:
    """The status of a case, its name and its place."""
    mark, colour = MARKS[c.status] if not c.is_interrupted or c.status == "failed" else ("STOPPED", "yellow")
    place = f"{c.file}:{c.line}{'  cached' if c.is_cached else ''}"
    return f"{paint(mark, colour, bold=True)} {paint(c.name, bold=True)}  {paint(place, 'dim')}" if c.name != c.file else f"{paint(mark, colour, bold=True)} {c.file}"


def _brief(c: CaseReport, paint: Paint) -> str:
    """One line about a case that passes: how much was judged, the worst error of what passes, what is proved; why it was skipped."""
    known = _arrays(c)
    judged: list[Result | Sweep] = [*c.results, *c.sweeps]
    gradients = {(r.implementation, _array_name(known, r)) for r in judged}
    worst = [r for r in (*c.results, *(s.worst for s in c.sweeps if s.worst is not None)) if r.verdict.passes and r.ulps is not None]
    proofs = [kind for found in c.proofs.values() for kind in found.values()]
    proved, points = proofs.count("proved"), len({r.point for r in c.results}) + max((s.points for s in c.sweeps), default=0)
    known_findings = sum(f.is_known for f in c.findings)
    hidden, notes = sum(f.expected for f in c.findings) - known_findings, len(c.notes)
    parts = [
        f"{len(gradients):,} {_plural(len(gradients), 'gradient')}" if gradients else "",
        f"{points:,} points" if points > 1 else "",
        f"worst {_short(max(worst, key=lambda r: r.error).ulps)} ulp" if worst else "",
        brief(c.bounds),
        "proved" if proved and proved == len(proofs) else f"{proved:,} of {len(proofs):,} proved" if proved else "",
        f"{hidden} expected {_plural(hidden, 'finding')}" if hidden else "",
        "" if c.suggestions is None else "nothing to improve" if better_lines.nothing(c) == better_lines.NOTHING_TO_DO else "no better arrangement found",
        f"{known_findings} known {_plural(known_findings, 'finding')}" if known_findings else "",
        "; ".join(c.notes) if c.status == "skipped" else f"{notes} {_plural(notes, 'note')}" if notes else "",
    ]
    return f"{_head(c, paint)}  {paint(', '.join(filter(None, parts)), 'dim')}".rstrip()


def _case(c: CaseReport, paint: Paint, *, verbose: bool = True) -> str:
    lines = [_head(c, paint)]
    shown = table(rows(c, paint), paint)
    lines += hunt_lines.rows(shown, _passing(c)) if c.regions and not verbose else shown
    lines += [line for text in _without_proof(c) for line in wrapped(text, "  agrees    ", paint.columns)]
    for s in c.sweeps:
        if s.statement:
            lines += wrapped(s.statement, "  every     ", paint.columns or SENTENCE)
    lines += bound_lines(c, paint)
    for residual, count in _residuals_in_brief(c):
        state = "" if residual.met is None else "  as expected" if residual.met else "  (the expected value occurs at another point)" if any(
            r.met and r.expression == residual.expression for r in c.residuals
        ) else paint(f"  expected {residual.expected}", "red")
        lines.append(f"  residual  {residual.expression} = {residual.computed}{f'  the largest of {count:,}' if count > 1 else ''}{state}{at(residual.point) if len({r.point for r in c.residuals}) > 1 else ''}")
    if c.published:
        names = {p.name for p in c.published}
        met = {p.name for p in c.published if p.met}
        lines.append(f"  published {len(met)} of {len(names)} {_plural(len(names), 'figure')} reproduced")
    lines += hunt_lines.regions(c.regions, verbose=verbose, columns=paint.columns)
    lines += [paint(line, "dim") for note in c.notes for line in wrapped(note, "  note      ", paint.columns)]
    hidden = sum(f.expected and not f.is_known for f in c.findings)  # what is known stands among the notes
    if hidden:
        lines.append(paint(f"  {hidden} expected {_plural(hidden, 'finding')}", "dim"))
    findings = unexpected(c)
    if c.regions and not verbose:
        lines += hunt_lines.findings(findings, paint)
    else:
        lines += [line for f in findings for line in finding_lines(f, paint, is_last=f.code != "V001" or f is findings[-1])]  # complaints about a file come in numbers
    return "\n".join(lines + better_lines.lines(c, paint)) + "\n"


def _residuals_in_brief(c: CaseReport) -> list[tuple[ResidualResult, int]]:
    """The residuals, of a difference of arrays only the largest (of those that are not as expected, if any), with the number of its components."""
    groups: dict[tuple[str, PointText], list[ResidualResult]] = {}
    for r in c.residuals:
        part = COMPONENT.fullmatch(r.expression)
        groups.setdefault((part[1] if part else r.expression, r.point), []).append(r)
    return [(max([r for r in group if r.met is False] or group, key=lambda r: _magnitude(r.computed)), len(group)) for group in groups.values()]


def _magnitude(text: str) -> float:
    try:
        return abs(float(text))
    except ValueError:
        return math.inf


def rows(c: CaseReport, paint: Paint) -> list[list[str]]:
    """One row per implementation, gradient and format: the counts of verdicts and the worst error."""
    known = _arrays(c)
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for r in c.results:
        groups.setdefault((r.implementation, _array_name(known, r), r.format), []).append(r)
    swept: dict[tuple[str, str, str], list[Sweep]] = {}
    for s in c.sweeps:
        if s.worst is not None:
            swept.setdefault((s.implementation, _array_name(known, s), s.format), []).append(s)
    formats = {r.format for r in c.results} | {s.format for s in c.sweeps}
    rows = []
    for (implementation, gradient, fmt), everything in groups.items():
        results = list(_one_a_point(everything))
        array = known[implementation].get(results[0].gradient)
        proofs = [c.proofs.get(implementation, {}).get(name, "") for name in dict.fromkeys(r.gradient for r in results)]
        count = len(results) // (array.count if array else 1)
        rows.append(_row(f"{implementation}.{gradient}", fmt if len(formats) > 1 else "", _tally(results), max(results, key=lambda r: r.error), count, paint, proof=_proof(proofs), array=array))
    for (implementation, gradient, fmt), sums in swept.items():
        array, s = known[implementation].get(sums[0].gradient), sums[0]
        worst = max((s.worst for s in sums if s.worst is not None), key=lambda r: (r.verdict.fails, r.error))
        label = "sampled" if not s.is_exhaustive else "all" if s.points == s.total else f"of {s.total:,}"
        proofs = [] if (implementation, gradient, fmt) in groups else [c.proofs.get(implementation, {}).get(name, "") for name in dict.fromkeys(s.gradient for s in sums)]
        rows.append(_row(f"{implementation}.{gradient}", fmt if len(formats) > 1 else "", _added(s.verdicts for s in sums), worst, s.points, paint, label=label, proof=_proof(proofs), array=array))
    if any(row[1] for row in rows):  # a table of arrays: the worst error and where it is, then the counts
        return [[name, shape, fmt, figures, verdict_words, *rest] for name, shape, fmt, verdict_words, figures, *rest in rows]
    return rows


def _passing(c: CaseReport) -> list[bool]:
    """Of each of the `rows`, whether the gradient passes at all points."""
    known, found = _arrays(c), dict[tuple[str, str, str, bool], bool]()
    verdicts = [(r, False, [r.verdict]) for r in c.results] + [(s, True, [Verdict(v) for v in s.verdicts]) for s in c.sweeps if s.worst is not None]
    for r, is_swept, given in verdicts:
        key = r.implementation, _array_name(known, r), r.format, is_swept
        found[key] = found.get(key, True) and all(v.passes for v in given)
    return list(found.values())


def _arrays(c: CaseReport) -> dict[str, dict[str, ArrayGradient]]:
    """For each implementation its components of arrays."""
    names: dict[str, dict[str, None]] = {}
    rows_of: list[Result | Sweep] = [*c.results, *c.sweeps]
    for r in rows_of:
        names.setdefault(r.implementation, {})[r.gradient] = None
    return {implementation: arrays(found) for implementation, found in names.items()}


def _array_name(known: dict[str, dict[str, ArrayGradient]], r: Result | Sweep) -> str:
    array = known[r.implementation].get(r.gradient)
    return r.gradient if array is None else array.name


def _proof(proofs: Sequence[str]) -> str:
    """What was proved; of an array how many components, where not all are alike."""
    counts: dict[str, int] = {}
    for kind in filter(None, proofs):
        counts[kind] = counts.get(kind, 0) + 1
    return next(iter(counts)) if len(counts) == 1 else ", ".join(f"{n:,} {kind}" for kind, n in counts.items())


def _without_proof(c: CaseReport) -> list[str]:
    """Which gradients agree at points only because no proof was tried, and why."""
    known, groups = _arrays(c), dict[str, dict[str, None]]()
    for implementation, notes in c.proof_notes.items():
        for gradient, note in notes.items():
            _, _, reason = note.partition("; ")
            if reason and c.proofs[implementation].get(gradient) == "agrees":
                array = known.get(implementation, {}).get(gradient)
                groups.setdefault(reason, {})[f"{implementation}.{gradient if array is None else array.name}"] = None
    return [f"{hunt_lines.listed(list(names))}: {reason}" for reason, names in groups.items()]


def _added(counted: Iterable[dict[str, int]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for verdicts in counted:
        for verdict, count in verdicts.items():
            counts[verdict] = counts.get(verdict, 0) + count
    return counts


def _one_a_point(results: Sequence[Result]) -> Iterable[Result]:
    """The worst result of each gradient at each point: one name that is claimed for several inputs has several."""
    worst: dict[tuple[str, PointText], Result] = {}
    for r in results:
        before = worst.get((r.gradient, r.point))
        if before is None or (r.verdict.fails, r.verdict.warns, r.error) > (before.verdict.fails, before.verdict.warns, before.error):
            worst[r.gradient, r.point] = r
    return worst.values()


def _tally(results: Sequence[Result]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for r in results:
        counts[r.verdict.value] = counts.get(r.verdict.value, 0) + 1
    return counts


def _row(name: str, fmt: str, verdicts: dict[str, int], worst: Result, count: int, paint: Paint, *, label: str = "", proof: str = "", array: ArrayGradient | None = None) -> list[str]:
    verdict_words = ", ".join(paint(v if count == 1 and array is None else f"{n:,} {v}", _colour(v)) for v, n in verdicts.items())
    figures = f"{_short(worst.ulps)} ulp" if worst.ulps is not None else "-"
    if array is not None:
        figures = f"worst {figures} at {index(worst.gradient)}" if worst.error else figures
    where = f"of {'all ' if label == 'all' else ''}{count:,}{'' if label == 'all' else ' ' + (label or 'points')}" if count > 1 or label else ""
    condition = f"κ {_short(worst.condition)}" if worst.condition is not None else ""
    return [name, by(array.shape) if array is not None else "", fmt, verdict_words, figures, condition, proof, where]


def _colour(verdict: str) -> str:
    known = Verdict(verdict)
    return "red" if known.fails else "yellow" if known.warns else ""


def _short(figure: str | None) -> str:
    return "-" if figure is None else f"{float(figure):.3g}"


def table(rows: Sequence[Sequence[str]], paint: Paint) -> list[str]:
    """Rows with their columns aligned (escape sequences of colours have no width). Where the terminal is too narrow for that, the first cell of each row stands on a line of its own, and the others below it."""
    lines = _aligned(rows, paint, "  ")
    if not paint.columns or all(paint.width(line) <= paint.columns for line in lines):
        return lines
    return [f"  {row[0]}\n{rest}".rstrip() for row, rest in zip(rows, _aligned([row[1:] for row in rows], paint, " " * 6), strict=True)]


def _aligned(rows: Sequence[Sequence[str]], paint: Paint, indent: str) -> list[str]:
    if not rows:
        return []
    widths = [max(paint.width(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [indent + "  ".join(cell + " " * (w - paint.width(cell)) for cell, w in zip(row, widths, strict=True) if w).rstrip() for row in rows]
