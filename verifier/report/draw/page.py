"""The page: one HTML file that shows a whole run, needs nothing from the network, and opens each case when it is asked for.

The table of cases is HTML as it stands. What a case shows when it is opened is data, one line of JSON a case, all lines compressed together in a script
element that no browser runs: `page.js` unpacks them and makes elements of them. Every text goes into the page as text, never as markup; formulas and
drawings, which are markup, are ours, and read as XML. A Content-Security-Policy lets nothing run but that one script, and nothing be fetched.
The page is ASCII, whatever encoding it is written in, and has no character that steers a terminal.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape
from importlib.resources import files
from typing import Any

from verifier import __version__
from verifier.case.components import PointText, bracketed
from verifier.language.verdict import Verdict
from verifier.report.bound_words import MOST_LINES, OF_PROGRAM, OPEN, REFUTED, domain_text, downward, in_percent, in_unit, left_text, upward
from verifier.report.catalogue import CATALOGUE
from verifier.report.draw.better_content import better
from verifier.report.draw.bound_rows import given, grouped, named
from verifier.report.draw.circuit_svg import STYLE
from verifier.report.draw.deliver import visible
from verifier.report.outcome import BoundResult, CaseReport, Finding, HuntedRegion, Report, Result, Sweep
from verifier.run.environment import environment

STATUSES = ("error", "failed", "skipped", "passed")  # the worst first
WORDS = {"error": "error", "failed": "fail", "skipped": "skip", "passed": "pass"}
MOST_RESULTS = 40  # of a case, the worst first: the JSON report has all of them
MOST_LEDGERS = 10
MOST_SHARES = 14  # of a ledger
MOST_ROWS = 200  # of any other table
MOST_INPUTS = 12  # of a point
MOST_PLACE = 80  # characters of a point beside a bound; a longer one is in the JSON report
LARGEST = 1_250_000  # bytes of what cases show, compressed, until drawings are left out: a page that is sent around has less than 2 MB
GZIP = 31  # zlib's window bits for the format of gzip


def render(report: Report) -> str:
    """The whole page."""
    return page(report)


def page(report: Report, *, served: str = "", message: str = "") -> str:
    """The page of a report, with a message on top. `served` is the version of one that a server renews: it asks that server for newer ones."""
    cases = sorted(report.cases, key=_rank)
    script, style = (files("verifier.report.draw").joinpath(name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
    style = STYLE + style  # the circuit's first: the page has colours of its own for both themes
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data:; base-uri 'none'; form-action 'none'" + ("; connect-src 'self'" if served else "")
    packed = base64.b64encode(packed_within(LARGEST, map(content, cases))).decode("ascii")
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">',
        *([f'<meta name="served" content="{_text(served)}">'] if served else []),
        f'<title>{_text(_title(report))}</title><link rel="icon" href="data:,">',
        f"<style>{style}</style></head><body>",
        '<a class="skip" href="#cases">Skip to the cases</a>',
        _header(report),
        "<main>",
        *([f'<p class="note">{_text(message)}</p>'] if message else []),
        *_complaints(report),
        _filters(cases),
        _table(cases),
        "</main>",
        _footer(),
        f'<script type="application/octet-stream" id="details">{packed}</script>',
        f"<script>{script}</script></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"


def _text(text: str) -> str:
    """Text as HTML: ASCII, with nothing in it that is markup or steers a terminal."""
    return escape(visible(text)).encode("ascii", "xmlcharrefreplace").decode("ascii")


# ---------------------------------------------------------------- the overview


def _rank(c: CaseReport) -> tuple[int, int, int, float]:
    """The worst cases first."""
    verdict = worst_verdict(c)
    warnings = sum(f.severity == "warning" and not f.expected for f in c.findings)
    return STATUSES.index(c.status), -warnings, -(verdict.rank if verdict is not None else -1), -max((r.error for r in c.results), default=0.0)


def worst_verdict(c: CaseReport) -> Verdict | None:
    """The worst verdict of a case at any point; None where nothing was judged."""
    found = {r.verdict for r in c.results} | {Verdict(v) for s in c.sweeps for v, n in s.verdicts.items() if n}
    return max(found, key=lambda v: v.rank, default=None)


def _title(report: Report) -> str:
    return f"verifier: {_summary(report)}"


def _summary(report: Report) -> str:
    counts = [(report.failed, "failed"), (report.errors, "not checked"), (report.skipped, "skipped"), (report.passed, "passed")]
    return f"{len(report.cases):,} case{'' if len(report.cases) == 1 else 's'}" + "".join(f", {n:,} {word}" for n, word in counts if n)


def _header(report: Report) -> str:
    boxes = "".join(
        f'<li class="{kind}"><b>{n:,}</b> {word}</li>'
        for kind, n, word in (("fail", report.failed, "failed"), ("error", report.errors, "not checked"), ("skip", report.skipped, "skipped"), ("warn", report.warnings, f"warning{'' if report.warnings == 1 else 's'}"), ("pass", report.passed, "passed"))
        if n or kind == "pass"
    )
    unchecked = f'<p class="note">{report.unchecked:,} cases were not checked before the interruption.</p>' if report.unchecked else ""
    return (
        '<header><div class="top"><h1>Gradients, verified</h1><div class="tools">'
        '<button type="button" id="theme" aria-pressed="false">Dark</button><button type="button" id="print">Open all and print</button></div></div>'
        f'<ul class="counts" aria-label="Cases by status">{boxes}</ul>{unchecked}</header>'
    )


def _complaints(report: Report) -> list[str]:
    """What could not be read, above everything else."""
    if not report.complaints:
        return []
    rows = "".join(f"<li><code>{_text(str(c.place))}</code> {_text(c.message)}{f'<pre>{_text(c.line_text)}</pre>' if c.line_text.strip() else ''}</li>" for c in report.complaints[:MOST_ROWS])
    return [f'<section class="complaints" aria-labelledby="unread"><h2 id="unread">What could not be read</h2><ul>{rows}</ul></section>']


def _filters(cases: list[CaseReport]) -> str:
    statuses = [s for s in STATUSES if any(c.status == s for c in cases)]
    verdicts = sorted({v for c in cases if (v := worst_verdict(c)) is not None}, key=lambda v: -v.rank)
    codes = sorted({f.code for c in cases for f in c.findings})
    return (
        '<search><form id="filters"><h2 class="quiet">Filters</h2>'
        f"{_select('status', 'Status', [(WORDS[s], WORDS[s]) for s in statuses])}"
        f"{_select('verdict', 'Worst verdict', [(v.value.replace('_', '-'),) * 2 for v in verdicts])}"
        f"{_select('code', 'Finding', [(c, f'{c} {CATALOGUE[c].name}' if c in CATALOGUE else c) for c in codes])}"
        '<label>Text <input type="search" id="text" placeholder="name or file" autocomplete="off"></label>'
        '<button type="reset">All cases</button></form></search>'
        f'<p id="count" role="status">{"1 case" if len(cases) == 1 else f"{len(cases)} cases, the worst first"}</p>'
    )


def _select(name: str, label: str, options: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f'<option value="{_text(value)}">{_text(word)}</option>' for value, word in options)
    return f'<label>{label} <select id="{name}"><option value="">any</option>{rows}</select></label>'


def _table(cases: list[CaseReport]) -> str:
    rows = "".join(_row(i, c) for i, c in enumerate(cases))
    head = "".join(f'<th scope="col"{css}>{word}</th>' for word, css in (("Status", ""), ("Case", ""), ("Worst verdict", ""), ("Error in ulps", ' class="wide num"'), ("Findings", ' class="wide"')))
    return f'<h2 class="quiet" id="heading">Cases</h2><table id="cases" aria-labelledby="heading" tabindex="-1"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _row(i: int, c: CaseReport) -> str:
    verdict = worst_verdict(c)
    kind = "" if verdict is None else kind_of(verdict)
    word = "" if verdict is None else verdict.value
    worst = max((r for r in c.results if r.verdict is verdict), key=lambda r: r.error, default=None)
    counted: dict[tuple[str, bool], int] = {}
    for f in c.findings:
        counted[f.code, f.expected] = counted.get((f.code, f.expected), 0) + 1
    badges = " ".join(
        badge(f"{code}{f' x{n}' if n > 1 else ''}{' expected' if expected else ''}", "known" if expected else "fail" if CATALOGUE[code].severity == "error" else "warn")
        for (code, expected), n in sorted(counted.items(), key=lambda row: (row[0][1], row[0][0]))
        if code in CATALOGUE
    )
    if c.suggestions:
        badges += " " + badge(f"{len(c.suggestions)} better line{'' if len(c.suggestions) == 1 else 's'}", "pass")
    place = f"{c.file}:{c.line}{' cached' if c.is_cached else ''}"
    figure = _short(worst.ulps) if worst is not None and worst.ulps is not None else ""
    return (  # a page has many rows: `page.js` completes them
        f'<tr class="case" id="c{i}"><td><span class="badge {WORDS[c.status]}">{WORDS[c.status]}</span></td>'
        f'<td class="name"><button>{_text(c.name)}</button><span class="place">{_text(place)}</span></td>'
        f"<td>{badge(word.replace('_', '-'), kind) if word else ''}</td>"
        f'<td class="wide num">{_text(figure)}</td><td class="wide">{badges}</td></tr>\n'
    )


def badge(text: str, kind: str) -> str:
    """A word on a ground of its colour."""
    return f'<span class="badge {kind}">{_text(text)}</span>'


def _short(text: str) -> str:
    """A figure with four digits."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text


def _footer() -> str:
    rows = "".join(f"<div><dt>{_text(k)}</dt><dd>{_text(v)}</dd></div>" for k, v in {"verifier": __version__, **environment()}.items())
    return f'<footer><h2>Environment</h2><dl>{rows}</dl><noscript><p class="note">Without JavaScript the table shows all cases, and none can be opened.</p></noscript></footer>'


# ---------------------------------------------------------------- what a case shows when it is opened


def content(c: CaseReport) -> dict[str, Any]:
    """What a case shows when it is opened, as JSON; keys without content are left out."""
    results = sorted(c.results, key=lambda r: (-r.verdict.rank, -r.error))
    details = c.details
    several = len({r.point for r in c.results}) > 1
    found: dict[str, Any] = {
        "name": c.name,
        "file": c.file,
        "line": c.line,
        "basis": c.basis if c.basis != "exact" else "",
        "by": c.computed_by,
        "notes": list(c.notes),
        "findings": [_finding(f, c) for f in c.findings],
        "proofs": [[f"{i}.{g}", kind, c.proof_notes.get(i, {}).get(g, "")] for i, by_name in c.proofs.items() for g, kind in by_name.items()][:MOST_ROWS],
        "results": [_result(r, with_point=several) for r in results[:MOST_RESULTS]],
        "more": max(0, len(results) - MOST_RESULTS),
        "ledgers": _ledgers(c.results),
        "sweeps": [_sweep(s) for s in c.sweeps[:MOST_ROWS]],
        "residuals": [{"what": r.expression, "computed": r.computed, "expected": r.expected or "", "met": r.met, "at": at(r.point)} for r in c.residuals[:MOST_ROWS]],
        "published": [{"name": p.name, "computed": p.computed, "published": p.published, "met": p.met, "at": at(p.point)} for p in c.published[:MOST_ROWS]],
        "bounds": [_bound(group) for group in grouped(c.bounds)[:MOST_ROWS]],
        "assumed": list(given(c.bounds)),
        "regions": [_region(r) for r in c.regions[:MOST_ROWS]],
        "commands": _commands(c),
        **better(c),
    }
    if details is not None:
        found |= {
            "about": details.about,
            "source": details.source,
            "formulas": [asdict(f) for f in details.formulas],
            "implementations": [
                {
                    "name": i.name, "format": i.format, "at": at(i.point), "circuit": i.circuit, "notes": list(i.notes),
                    "lines": [[n.text, n.value, n.exact, n.ulps, n.adjoint, int(n.is_backward), n.line] for n in i.lines],
                    "gates": [[g.key, g.kind, g.symbol, g.name, g.text, list(g.args), g.value, g.gradient, list(g.partials), list(g.flows)] for g in i.gates],
                }
                for i in details.implementations
            ],
            "plots": list(details.plots),
            "left": list(details.notes),
        }  # fmt: skip
    elif c.status in ("passed", "failed"):
        found["left"] = ["left out: formulas, lines, circuits and plots: they were not made with this report, or there was no memory for them"]
    return {key: value for key, value in found.items() if value not in ("", [], 0, None)}


def packed_within(most: int, contents: Iterable[dict[str, Any]]) -> bytes:
    """What all cases show, one line of JSON a case, compressed.

    Where that is more than `most` bytes, cases after the first quarter of them have the circuits of their first implementation and of those with findings only;
    when there are `most` bytes all the same, the other cases go without their drawings. Both say so.
    """
    cases = tuple(contents)
    found = _packed(cases, most, fewer=most)
    return found if len(found) < most else _packed(cases, most, fewer=most // 4)


def _packed(cases: Iterable[dict[str, Any]], most: int, *, fewer: int) -> bytes:
    """The lines, compressed: cases after `fewer` bytes with fewer circuits, those after `most` bytes without drawings."""
    packer, found, separator = zlib.compressobj(9, zlib.DEFLATED, GZIP), bytearray(), ""
    for c in cases:
        shown = c if len(found) < fewer else with_fewer_circuits(c) if len(found) < most else without_drawings(c)
        found += packer.compress((separator + json.dumps(shown, separators=(",", ":"))).encode("ascii"))
        separator = "\n"
    return bytes(found + packer.flush())


def with_fewer_circuits(c: dict[str, Any]) -> dict[str, Any]:
    """A case with the circuits of its first implementation and of those with findings only."""
    found = {f["implementation"] for f in c.get("findings", ())}
    implementations = c.get("implementations", ())
    without = [i["name"] for i in implementations[1:] if i["name"] not in found and (i["circuit"] or i["gates"])]
    if not without:
        return c
    left = [*c.get("left", ()), f"left out: the circuit of {', '.join(without)}: the page would be too large; one of fewer cases has it"]
    return c | {"implementations": [i | {"circuit": "", "gates": []} if i["name"] in without else i for i in implementations], "left": left}


def without_drawings(c: dict[str, Any]) -> dict[str, Any]:
    """A case without its circuits and plots."""
    implementations = [i | {"circuit": "", "gates": []} for i in c.get("implementations", ())]
    rest = {k: v for k, v in c.items() if k != "plots"}
    left = [*c.get("left", ()), "left out: circuits and plots: the page would be too large; one of fewer cases has them"]
    return rest | ({"implementations": implementations, "left": left} if implementations or "plots" in c else {})


def unpacked(text: str) -> list[dict[str, Any]]:
    """What `packed_within` packed, as the page's script reads it."""
    return [json.loads(line) for line in text.split("\n")]


def at(point: PointText) -> str:
    """A point in a line."""
    shown = ", ".join(f"{name} = {bracketed(value)}" for name, value in point[:MOST_INPUTS])
    return shown + (f" and {len(point) - MOST_INPUTS} more inputs" if len(point) > MOST_INPUTS else "")


def _finding(f: Finding, c: CaseReport) -> dict[str, Any]:
    repair = next((r for r in (c.details.repairs if c.details is not None else ()) if (r.implementation, r.place) == (f.implementation, str(f.place))), None) if f.code == "V101" else None
    return {
        "code": f.code, "name": f.name, "severity": f.severity, "message": f.message, "place": str(f.place), "line": f.place.line, "column": f.place.column, "expected": f.expected,
        "implementation": f.implementation, "statement": f.statement, "source": f.source_line, "width": f.width, "at": at(f.point), "details": list(f.details), "command": _show(c, f.implementation),
        **({"repair": [repair.old, repair.new]} if repair is not None else {}),
    }  # fmt: skip


def _result(r: Result, *, with_point: bool) -> dict[str, Any]:
    return {
        "who": f"{r.implementation}.{r.gradient}", "format": r.format, "verdict": r.verdict.value, "kind": kind_of(r.verdict), "computed": r.computed,
        "exact": r.exact or ("" if r.bounds is None else f"[{r.bounds[0]}, {r.bounds[1]}]"), "ulps": r.ulps or "", "condition": r.condition or "", "reason": r.reason, "at": at(r.point) if with_point else "",
    }  # fmt: skip


def kind_of(verdict: Verdict) -> str:
    """What a verdict does to its case, as the page colours it."""
    return "fail" if verdict.fails else "warn" if verdict.warns else "pass"


def _ledgers(results: Iterable[Result]) -> list[dict[str, Any]]:
    """The ledger of the worst result of every gradient, the worst ones first; those that differ in their signs only are one."""
    worst: dict[tuple[str, str, str], Result] = {}
    for r in results:
        key = (r.implementation, r.gradient, r.format)
        if r.blame and (key not in worst or r.error > worst[key].error):
            worst[key] = r
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for r in sorted(worst.values(), key=lambda r: -r.error):
        shape = (r.implementation, r.format, r.point, *((s.statement, _short(s.share)) for s in r.blame))
        if shape in found:
            found[shape].setdefault("alike", []).append(r.gradient)
        elif len(found) < MOST_LEDGERS:
            found[shape] = _ledger(r)
    return list(found.values())


def _ledger(r: Result) -> dict[str, Any]:
    largest = {id(s) for s in sorted(r.blame, key=lambda s: -abs(float(s.share)))[:MOST_SHARES]}
    rows = [[s.statement, s.line or 0, _short(s.own_ulps or ""), _short(s.ulps or ""), _short(s.share), _short(s.condition or "")] for s in r.blame if id(s) in largest]
    return {"who": f"{r.implementation}.{r.gradient}", "format": r.format, "ulps": r.ulps or "", "at": at(r.point), "rows": rows, "more": len(r.blame) - len(rows)}


def _sweep(s: Sweep) -> dict[str, Any]:
    return {
        "who": f"{s.implementation}.{s.gradient}", "format": s.format, "points": f"{s.points:,}", "verdicts": [[v, f"{n:,}", kind_of(Verdict(v))] for v, n in s.verdicts.items() if n],
        "median": s.median or "", "p99": s.p99 or "", "max": s.maximum or "", "statement": s.statement, "worst": at(s.worst.point) if s.worst is not None else "",
    }  # fmt: skip


def _region(r: HuntedRegion) -> dict[str, Any]:
    where = "everywhere" if r.everywhere else f"{r.input} from {r.low} to {r.high}{f', {r.along}' if r.along else ''}"
    return {"who": f"{r.implementation}.{r.gradient}", "format": r.format, "verdict": r.verdict.value, "kind": kind_of(r.verdict), "where": where, "cause": r.cause, "at": at(r.point)}


def _bound(group: Sequence[BoundResult]) -> dict[str, Any]:
    """A row about a gradient; of an array about its worst component."""
    b = group[0]
    where = domain_text(b)
    place = at(b.seen_at)
    remarks = "; ".join(
        filter(
            None,
            (
                f"open {left_text(b)}" if b.outcome == OPEN else "",
                b.reason,
                f"the largest error seen: {in_unit(downward(b.seen), b.unit)}{f' at {place}' if len(place) <= MOST_PLACE else ''}" if b.seen is not None else "",
                OF_PROGRAM if b.is_for_program_only else "",
                f"at a point the bound is {in_unit(downward(b.at_a_point), b.unit)}" if b.at_a_point is not None else "",
            ),
        )
    )
    bound = "" if b.bound is None or b.outcome == REFUTED else in_unit(upward(b.bound), b.unit)
    lines = [f"{in_percent(line.share)} {f'line {line.line}: ' if line.line is not None else ''}{line.statement}" for line in b.lines[:MOST_LINES]]
    kind = {"proved": "pass", "refuted": "fail"}.get(b.outcome, "warn")
    return {"who": named(group), "format": b.format, "where": where, "outcome": b.outcome, "kind": kind, "bound": bound, "claim": "" if b.claim is None else in_unit(b.claim, b.unit), "lines": lines, "remarks": remarks}


def _commands(c: CaseReport) -> list[str]:
    """How to see the same in a terminal."""
    return [f"python -m verifier check {shlex.quote(c.file)} --verbose", _show(c, "")] if c.is_case else []


def _show(c: CaseReport, implementation: str) -> str:
    return f"python -m verifier show {shlex.quote(c.file)} --case {shlex.quote(c.name)}" + (f" --implementation {shlex.quote(implementation)}" if implementation else "")
