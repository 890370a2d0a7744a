"""The report as plain data, with all figures as text. It is drawn from these, and drawing decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from verifier.case.components import PointText
from verifier.language.source import Complaint, Place
from verifier.language.verdict import Verdict
from verifier.report.details import Details


@dataclass(frozen=True, slots=True)
class Share:
    """One entry of a blame: how much of the error the roundings of a statement contributed."""

    line: int | None  # in the case file; None where a transform wrote the statement
    statement: str
    share: str  # of computed - real: may be negative, or more than 1
    contribution: str
    own_ulps: str | None = None  # the rounding of the statement's own value, in ulps of that value
    ulps: str | None = None  # the contribution in ulps of the exact gradient
    step: str | None = None  # the part of the statement that contributes most
    condition: str | None = None  # of the sum, where contributions are added at a fork


@dataclass(frozen=True, slots=True)
class Result:
    """One gradient of one implementation at one point, in one format. Figures are decimal text; None is undefined."""

    implementation: str
    gradient: str
    format: str
    point: PointText
    computed: str
    exact: str | None
    rounded: str | None
    residual: str | None
    formula_error_ulps: str | None
    ulps: str | None
    condition: str | None
    program_condition: str | None
    verdict: Verdict
    reason: str = ""
    bounds: tuple[str, str] | None = None  # of the subgradient, at a kink
    error: float = 0.0  # ulps as a float: for sorting and quantiles; inf where undefined
    blame: tuple[Share, ...] = ()
    backward_error_ulps: str | None = None  # the computed gradient is the exact one of an input so many ulps away
    backward_error_input: str | None = None  # that input
    subnormals: str | None = None  # where exact is 0 there are no ulps: the absolute error in units of the smallest subnormal


@dataclass(frozen=True, slots=True)
class SweepRegion:
    """The values of the only input between `low` and `high`, of which `count` have the verdict: all of them, unless `mixed`."""

    verdict: Verdict
    low: str
    high: str
    count: int
    mixed: bool
    words: str  # such as "x >= 17.34"


@dataclass(frozen=True, slots=True)
class Sweep:
    """The sums over the sampled points of one gradient, or over all inputs of its format. Quantiles are rounded up to two or three digits."""

    implementation: str
    gradient: str
    format: str
    points: int
    verdicts: dict[str, int]
    worst: Result | None
    median: str | None
    p99: str | None
    maximum: str | None
    total: int = 0  # points that were asked for: more than `points` where the run was interrupted
    is_exhaustive: bool = False
    statement: str = ""  # what the sweep of all inputs shows, in a sentence
    regions: tuple[SweepRegion, ...] = ()  # where an exhaustive sweep of one input does not pass


@dataclass(frozen=True, slots=True)
class Difference:
    """A statement in the ledgers of two implementations: its effect on each, and first - second, in ulps of the gradient."""

    statement: str
    first: str | None
    second: str | None
    difference: str


@dataclass(frozen=True, slots=True)
class HuntedRegion:
    """An interval of one input in which a gradient has one verdict while the other inputs are as in `point`; its simplest point; the cause."""

    implementation: str
    gradient: str
    format: str
    verdict: Verdict
    input: str
    low: str
    high: str
    point: PointText
    along: str = ""  # inputs that move together with it, such as "y = -x"
    cause: str = ""  # such as "`exp(x)` overflows"; empty where no step stands out
    everywhere: bool = False  # the input does not matter: the verdict is the same wherever in the domain it is


@dataclass(frozen=True, slots=True)
class ResidualResult:
    """A difference between implementations at one point, in the format's arithmetic."""

    expression: str
    point: PointText
    computed: str
    exact: str | None
    expected: str | None
    met: bool | None
    blame: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """A figure printed in the source, with the computed value that it should agree with."""

    name: str
    point: PointText
    computed: str
    published: str
    met: bool


BoxText = tuple[tuple[str, str, str], ...]  # per input its name, its lowest and its highest number


@dataclass(frozen=True, slots=True)
class BoundShare:
    """How much of a bound comes from the roundings of a statement, in the box that makes the bound."""

    line: int | None
    statement: str
    share: str  # of the bound, from 0 to 1
    contribution: str  # in the unit of the bound
    step: str = ""  # the operation that contributes most


@dataclass(frozen=True, slots=True)
class AssumedText:
    """A library function is assumed to be within so many ulps of the exact value."""

    function: str
    ulps: str
    source: str


@dataclass(frozen=True, slots=True)
class BoundResult:
    """What is certified of the error of a gradient for all numbers of a box. Figures are decimal text; None is not known.

    `bound` holds in all of the box but its open part, which is the share `open` of its volume.
    """

    implementation: str
    gradient: str
    format: str
    box: BoxText
    unit: str  # ulp, absolute
    claim: str | None  # None: the best bound is asked for
    bound: str | None
    outcome: str  # proved, refuted, open
    at_a_point: str | None = None  # the same bound taken at one point: no search can prove less
    open: str = "0"
    open_boxes: tuple[BoxText, ...] = ()  # the largest of them
    open_count: int = 0
    open_absolute: str | None = None  # of a claim in ulps: the bound of the absolute error in them
    reason: str = ""  # why boxes are left open
    worst: BoxText | None = None  # the box that makes the bound
    seen: str | None = None  # the largest error that was found at a point
    seen_at: PointText = ()  # with outcome `refuted` the witness
    computed: str | None = None  # at the witness
    exact: str | None = None  # there
    stated: tuple[str, ...] = ()  # the facts of the arithmetic that the bound rests on
    assumptions: tuple[AssumedText, ...] = ()
    lines: tuple[BoundShare, ...] = ()  # largest first
    is_for_program_only: bool = False  # the formula is not proved: the error is that against the program's own real value
    boxes: int = 0  # that were looked at
    seconds: str = "0"
    listed: tuple[tuple[str, tuple[str, ...]], ...] = ()  # inputs with their only values, which lie between the ends of the box
    given: str = ""  # the condition: only the points at which it holds are meant


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: code, name, severity, message and place. Findings that are `expected` do not count."""

    code: str
    name: str
    severity: str
    message: str
    place: Place
    implementation: str = ""
    gradient: str = ""
    statement: str = ""
    point: PointText = ()
    expected: bool = False
    details: tuple[str, ...] = ()
    source_line: str = ""  # the line of the case file that `place` is in
    width: int = 0  # columns of the wrong subexpression
    gradients: tuple[str, ...] = ()  # all gradients that a wrong line makes wrong
    is_known: bool = False  # it counts as expected because a baseline has it


@dataclass(frozen=True, slots=True)
class ErrorFigures:
    """How far a gradient is off at a number of points. What is no number, or further off than 2**64 ulps, counts as 2**64 ulps."""

    points: int
    worst_ulps: str
    median_ulps: str
    mean_bits: str  # the mean of the bits that are lost


@dataclass(frozen=True, slots=True)
class ReplacementRegion:
    """The inputs for which one formula of a replacement is used, as a condition (empty: all inputs), with the errors there."""

    condition: str
    formula: str
    before: ErrorFigures
    after: ErrorFigures


@dataclass(frozen=True, slots=True)
class Replacement:
    """A statement that loses digits of a gradient, and another one that is proved to compute the same with fewer lost."""

    implementation: str
    gradient: str
    format: str
    file: str
    line: int
    column: int
    original: str
    replacement: str
    proof: str  # proved, approximates
    proof_text: str
    before: ErrorFigures
    after: ErrorFigures
    regions: tuple[ReplacementRegion, ...]
    cost: str  # how many times the time of the statement
    verdict_before: str  # the worst at the points of the search and of the hunt
    verdict_after: str
    candidates: int
    patch: str = ""  # a unified diff of the file; empty where the file cannot be changed in this way
    why_no_patch: str = ""
    span: tuple[int, int] = (0, 0)  # the characters of the file that the replacement takes the place of
    digest: str = ""  # of the contents of that file when it was read; empty where there is no patch
    pass_text: str = ""  # the implementation with the replacement, to stand in a case file, where its backward pass is not written
    added: str = ""  # what the patch puts at `span`, where it is not the replacement as it is: several lines with their blanks, a whole implementation

    @property
    def written(self) -> str:
        """What the file has at `span` once the patch is applied."""
        return self.added or self.replacement


class _ShownAnywhere:
    """A report that prints as text, and shows itself in a terminal of IPython and in a notebook.

    IPython takes a class's own ``__repr__`` before the ``_repr_pretty_`` of a parent: a dataclass names it again.
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from verifier.report.draw import in_notebook

        return in_notebook(self)  # type: ignore[arg-type]

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """What IPython shows in a terminal."""
        printer.text(str(self))

    def __str__(self) -> str:
        """The report as text, without colours."""
        from verifier.report.draw import in_terminal

        return in_terminal(self)  # type: ignore[arg-type]


@dataclass(frozen=True)
class CaseReport(_ShownAnywhere):
    """Everything found about one case."""

    _repr_pretty_ = _ShownAnywhere._repr_pretty_

    name: str
    file: str
    line: int
    status: str  # passed, failed, error, skipped (its callables need a framework that is not installed)
    proofs: dict[str, dict[str, str]] = field(default_factory=dict)
    proof_notes: dict[str, dict[str, str]] = field(default_factory=dict)
    results: tuple[Result, ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    residuals: tuple[ResidualResult, ...] = ()
    published: tuple[PublishedResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    regions: tuple[HuntedRegion, ...] = ()
    bounds: tuple[BoundResult, ...] = ()
    basis: str = "exact"  # exact: from texts; traced: from the recorded lines of a callable; sampled: from its numbers only
    computed_by: str = ""  # who computed the gradients of a callable, such as NumPy 2.1.0
    suggestions: tuple[Replacement, ...] | None = None  # better arrangements; None where nobody asked for them
    details: Details | None = None  # what the page shows beside all this; only where a format wants it
    is_cached: bool = False  # it is the result of an earlier run of the same case, with the same options and versions

    @property
    def is_case(self) -> bool:
        """Whether there is a case, if only one that cannot be read: no line is to blame for a path in which none was found."""
        return self.status != "error" or not self.findings or any(f.code != "V001" or f.source_line for f in self.findings)

    @property
    def is_interrupted(self) -> bool:
        """Whether a sweep ended before all its points were judged."""
        return any(s.points < s.total for s in self.sweeps)


def joined_suggestions(reports: Iterable[CaseReport]) -> tuple[Replacement, ...] | None:
    """The better arrangements of several reports, each place of a file once; None where nobody asked for them."""
    asked = [r.suggestions for r in reports if r.suggestions is not None]
    found: dict[tuple[object, ...], Replacement] = {}
    for s in (s for suggested in asked for s in suggested):
        found.setdefault((s.implementation, s.gradient, s.file, s.line, s.column), s)
    return tuple(found.values()) if asked else None


@dataclass(frozen=True)
class Report(_ShownAnywhere):
    """The whole run."""

    _repr_pretty_ = _ShownAnywhere._repr_pretty_

    cases: tuple[CaseReport, ...]
    complaints: tuple[Complaint, ...] = ()
    unchecked: int = 0  # cases that an interrupt left out

    @property
    def passed(self) -> int:
        """Cases with status passed."""
        return sum(c.status == "passed" for c in self.cases)

    @property
    def failed(self) -> int:
        """Cases with status failed."""
        return sum(c.status == "failed" for c in self.cases)

    @property
    def errors(self) -> int:
        """Cases and documents that could not be checked."""
        return sum(c.status == "error" for c in self.cases)

    @property
    def skipped(self) -> int:
        """Cases of which nothing could be run here."""
        return sum(c.status == "skipped" for c in self.cases)

    @property
    def warnings(self) -> int:
        """Unexpected findings of severity warning."""
        return sum(f.severity == "warning" and not f.expected for c in self.cases for f in c.findings)

    @property
    def exit_status(self) -> int:
        """0 nothing wrong, 1 a case fails, 2 something could not be read or nothing was checked."""
        if self.errors or self.complaints or not self.checked:
            return 2
        return 1 if self.failed else 0

    @property
    def is_interrupted(self) -> bool:
        """Whether the run ended before everything was checked."""
        return self.unchecked > 0 or any(c.is_interrupted for c in self.cases)

    @property
    def checked(self) -> bool:
        """Whether any gradient was judged or any expectation, figure or residual held: a run of undefined points checks nothing."""
        return any(
            c.status == "failed"
            or c.published
            or c.bounds
            or any(n and v != Verdict.UNDEFINED.value for s in c.sweeps for v, n in s.verdicts.items())
            or any(r.verdict is not Verdict.UNDEFINED for r in c.results)
            or any(f.expected for f in c.findings)
            for c in self.cases
        )
