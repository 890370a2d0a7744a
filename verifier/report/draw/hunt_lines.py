"""What a hunt found, as lines of text: at most about a screen a case, unless all is wanted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from verifier.case.components import PointText, base, bracketed
from verifier.report.draw.finding import at, wrapped
from verifier.report.draw.finding import lines as finding_lines
from verifier.report.draw.paint import Paint
from verifier.report.outcome import Finding, HuntedRegion

MOST_NAMES = 6  # that are listed in a line
MOST_VALUES = 4  # inputs whose values stand in the line of a region
MOST_ROWS = 6  # of the table of gradients
MOST_REGIONS = 3  # that are shown: one of each verdict first
IN_FULL = 2  # findings
IN_BRIEF = 3  # further findings, in a sentence each
INDENT = " " * 12
ALL = "(--verbose)"
FIRST = "first "  # begins the detail of a finding that says where a gradient is lost

T = TypeVar("T")


def rows(lines: Sequence[str], passes: Sequence[bool]) -> list[str]:
    """The lines of a table of gradients: those that do not pass first where there are too many."""
    if len(lines) <= MOST_ROWS:
        return list(lines)
    first = sorted(sorted(range(len(lines)), key=lambda k: (passes[k], k))[:MOST_ROWS])
    rest = [k for k in range(len(lines)) if k not in first]
    passing = sum(passes[k] for k in rest)
    return [*(lines[k] for k in first), f"  and {len(rest)} more {'gradient' if len(rest) == 1 else 'gradients'}, {passing or 'none'} of which {'passes' if passing == 1 else 'pass'} everywhere {ALL}"]


# ---------------------------------------------------------------- regions


def regions(found: Sequence[HuntedRegion], *, verbose: bool, columns: int = 0) -> list[str]:
    """The lines about hunted regions in which a gradient does not pass; those of one verdict and cause are joined, unless `verbose`."""
    groups: dict[tuple[str, ...], list[HuntedRegion]] = {}
    for k, r in enumerate(r for r in found if not r.verdict.passes):
        groups.setdefault((str(k),) if verbose else (r.format, r.verdict.value, r.cause or f"{r.input} {r.low} {r.high} {r.point}"), []).append(r)
    shown = list(groups.values()) if verbose else _spread(list(groups.values()), lambda group: group[0].verdict.value, MOST_REGIONS)
    lines = [line for group in shown for line in _region(group, columns, verbose=verbose)]
    return lines + ([f"{INDENT}and {len(groups) - len(shown)} more {ALL}"] if len(groups) > len(shown) else [])


def _region(group: Sequence[HuntedRegion], columns: int, *, verbose: bool) -> list[str]:
    """The lines about hunted regions of one verdict and cause: the first of them that depends on its input, why, and which other gradients have some."""
    r = next((r for r in group if not r.everywhere), group[0])
    where = f"for every {r.input} that was tried" if r.everywhere else f"for {r.input} = {r.low}" if r.low == r.high else f"for {r.input} from {r.low} to {r.high}"
    moved = r.along.split(", ")
    along = f" with {r.along}" if r.along and len(moved) <= MOST_NAMES else f" with all inputs {'equal in size' if '-' in r.along else 'equal'}" if r.along else ""
    who = f"{r.implementation}.{r.gradient}"
    others = [name for name in dict.fromkeys(f"{o.implementation}.{o.gradient}" for o in group) if name != who]
    alike = ", ".join(filter(None, [r.cause, f"in regions of {'its' if len(others) == 1 else 'their'} own also {listed(others)}" if others else ""]))
    return [*wrapped(f"{who} {r.verdict.value} {where}{along}{at(r.point) if verbose else shortly(r.point)}", "  region    ", columns), *(wrapped(alike, INDENT, columns) if alike else [])]


def shortly(point: PointText) -> str:
    """A point behind a region: of many inputs the first values."""
    if len(point) <= 2 * MOST_VALUES:
        return at(point)
    return "   at " + " ".join(f"{name}={bracketed(value)}" for name, value in point[:MOST_VALUES]) + f" and {len(point) - MOST_VALUES} more inputs"


# ---------------------------------------------------------------- findings


def findings(found: Sequence[Finding], paint: Paint) -> list[str]:
    """The findings of a case that was hunted. What has one line and code is one finding, whatever gradients it is of; the first are shown in full, then some in a sentence, the others are counted."""
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for f in found:
        groups.setdefault(_sameness(f), []).append(f)
    errors, warnings = ([g for g in groups.values() if (g[0].severity == "error") is is_error] for is_error in (True, False))
    shown = _spread(errors, _code, IN_FULL + IN_BRIEF)
    shown += _spread(warnings, _code, IN_FULL + IN_BRIEF - len(shown))
    lines = [line for group in shown[:IN_FULL] for line in [*finding_lines(group[0], paint), *_likewise(group, paint)]]
    lines += [line for group in shown[IN_FULL:] for line in _in_brief(group, paint)]
    left = len(groups) - len(shown)
    return lines + ([f"  and {left} more {'finding' if left == 1 else 'findings'} {ALL}"] if left else [])


def _sameness(f: Finding) -> tuple[str, ...]:
    """What findings have in common that are shown as one: the code, the statement, what happens there first; of errors the place, too."""
    if not f.statement:
        return f.code, f.implementation
    event = next((d for d in f.details if d.startswith(FIRST)), "").partition(", and ")[0]
    return f.code, f.statement, event, str(f.place) if f.severity == "error" else ""


def _code(group: Sequence[Finding]) -> str:
    return group[0].code


def _likewise(group: Sequence[Finding], paint: Paint) -> list[str]:
    names = _names(group)
    return wrapped(f"{listed(names[1:])} (each in full with --verbose)", "     =  likewise  ", paint.columns) if len(names) > 1 else []


def _in_brief(group: Sequence[Finding], paint: Paint) -> list[str]:
    """A finding in a sentence, with its place, and the other gradients that have it."""
    first, *_ = group
    title, *rest = finding_lines(first, paint)
    message = [title, *rest[: next(k for k, line in enumerate(rest) if line.startswith("    --> "))]]
    names = _names(group)
    return [*message, *wrapped(f"{first.place}{f', likewise {listed(names[1:])}' if len(names) > 1 else ''}", "    --> ", paint.columns)]


def _names(group: Sequence[Finding]) -> list[str]:
    """The gradients of some findings, arrays by their names: that of the first finding first."""
    return list(dict.fromkeys(f"{f.implementation}.{base(f.gradient) if len(f.gradients) > 1 else f.gradient}" for f in group))


def listed(names: Sequence[str]) -> str:
    """Names, of many the first and how many more."""
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:MOST_NAMES]) + (f" and {len(distinct) - MOST_NAMES} more" if len(distinct) > MOST_NAMES else "")


def _spread(groups: Sequence[T], kind: Callable[[T], str], most: int) -> list[T]:
    """Some of many groups, in their order: one of each kind first, then the others."""
    seen: dict[str, int] = {}
    rank = []
    for k, group in enumerate(groups):
        seen[kind(group)] = seen.get(kind(group), 0) + 1
        rank.append((seen[kind(group)], k))
    return [groups[k] for k in sorted(k for _, k in sorted(rank)[:most])]
