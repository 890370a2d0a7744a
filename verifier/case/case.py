"""What a case file says, as data: one `Case` per YAML document."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from verifier.case.accept import NO_LIMIT, Accept
from verifier.case.certified import NO_CLAIM, Certify
from verifier.case.components import MOST_SHOWN, ArrayTexts
from verifier.circuit.program import Program
from verifier.language import html
from verifier.language.source import Place, Source, suggestion
from verifier.language.verdict import Verdict

VERDICTS = tuple(v.value for v in Verdict)  # that a case may expect
DOMAIN, POINTS = "domain", "points"  # where gradients are claimed: wherever the inputs are meant, or at the listed points only
SPARE = 2.0  # how many times its own seconds a search for better arrangements may take before it is given up
SPARE_SECONDS = 5.0  # more, for what it does after the search: proofs, a hunt
OVER_LIMIT = "over_limit"  # may be expected, too: the formula is right, and the error is above what the case accepts
BOUND_REFUTED, BOUND_OPEN = "bound_refuted", "bound_open"  # and these: what `certify` claims of the whole domain is false, or could not be shown
BOUND_WORDS = (BOUND_REFUTED, BOUND_OPEN)
EXPECTED = (*VERDICTS, OVER_LIMIT, *BOUND_WORDS)


@dataclass(frozen=True, slots=True)
class Point:
    """One input point: the decimal text of every scalar input, under names such as `x` and `W[0]`."""

    values: tuple[tuple[str, str], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Claim:
    """`gradients: {x: dx}`: the backward name that holds the gradient with respect to an input."""

    input: str
    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Call:
    """`call: layers.py:softmax_loss`: a callable of a Python file, which stands beside the case file, and its backward pass where that is another one."""

    file: str
    name: str  # with dots, as in Sigmoid.apply
    framework: str
    place: Place
    backward: tuple[str, str] | None = None  # file and name

    @property
    def text(self) -> str:
        """The callable as the case file names it."""
        return f"{self.file}:{self.name}"


@dataclass(frozen=True)
class Implementation:
    """One way to compute the gradient. Without `backward` it is generated from `forward`, gate by gate."""

    name: str
    place: Place
    forward: Source | None = None
    backward: Source | None = None
    gradients: tuple[Claim, ...] | None = None
    adjoints: tuple[tuple[str, Source], ...] = ()
    formats: tuple[str, ...] = ()  # its own ones; those of the case where there are none
    accept: Accept = NO_LIMIT
    certify: Certify = NO_CLAIM
    call: Call | None = None  # a callable instead of texts


@dataclass(frozen=True, slots=True)
class Residual:
    """A difference between implementations, and the value it is expected to have (None: report only).

    One of arrays becomes one for each component; until then `listed` has their expected values.
    """

    expression: Source
    expected: str | None
    place: Place
    component: str = ""  # `[1,2]` of a difference of arrays
    listed: ArrayTexts | None = None

    @property
    def text(self) -> str:
        """The expression, with its component."""
        text = self.expression.text.strip()
        return text if not self.component else f"{text if text.replace('.', '').isidentifier() else f'({text})'}{self.component}"


@dataclass(frozen=True, slots=True)
class Published:
    """A figure printed in the source: `implementation.name` and its decimal text."""

    implementation: str
    name: str
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Expectation:
    """A verdict that must occur for `implementation.gradient` at some point."""

    implementation: str
    gradient: str
    verdict: str
    place: Place


@dataclass(frozen=True, slots=True)
class Misshapen:
    """A gradient of another shape than what it is the gradient of."""

    input: str
    gradient: str
    wanted: tuple[int, ...]  # the shape of the input
    shape: tuple[int, ...]
    place: Place
    statement: str = ""


@dataclass(frozen=True, slots=True)
class ImproveRequest:
    """A wish for better arrangements: the seconds that a search may take for each implementation, and of which gradients; empty: of all."""

    seconds: float
    implementation: str = ""
    gradient: str = ""

    @property
    def limit(self) -> float:
        """The seconds after which the search for one implementation in one format is given up."""
        return SPARE * self.seconds + SPARE_SECONDS


@dataclass(frozen=True)
class Draft:
    """An implementation as written: its forward pass, and forward + backward where a backward pass was written."""

    implementation: Implementation
    forward: Program
    whole: Program | None
    claims: tuple[tuple[str, str], ...]  # (input, name of its gradient), by component
    misshapen: tuple[Misshapen, ...] = ()  # gradients that are claimed and have another shape: they are not among the claims
    aliases: tuple[tuple[str, str], ...] = ()  # names in the backward pass of inputs that flow in, and those inputs


@dataclass(frozen=True)
class Programs:
    """The programs of a case: the truth, and each implementation as written."""

    truth: Program
    drafts: tuple[Draft, ...]  # of texts: a callable has none
    residuals: tuple[tuple[Residual, Program], ...] = ()  # over inputs named `implementation.name`; one for each component
    given: Program | None = None  # the constraint: its output is a truth value
    outputs: tuple[str, ...] = ()  # where there are several, or it is an array


@dataclass(frozen=True)
class Case:
    """One document of a case file."""

    name: str
    file: str
    place: Place
    inputs: tuple[str, ...]
    points: tuple[Point, ...]
    implementations: tuple[Implementation, ...]
    programs: Programs = field(compare=False, repr=False)
    function: Source | None = None
    about: str = ""
    source: str = ""
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = ()  # of the inputs that are arrays; `inputs` has their components
    domain: tuple[tuple[str, tuple[str, str]], ...] = ()  # per scalar input: lowest and highest value, decimal text
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()  # per scalar input whose values are listed: those values; `domain` has the first and the last
    parameters: tuple[str, ...] = ()  # inputs that no gradient is asked for; every point has their values
    fixed: tuple[str, ...] = ()  # those of them whose values stand in the case file: the programs have them as literals, not rounded with the point
    outputs: tuple[str, ...] = ()  # of the forward pass, where there are several, or it is an array; what flows into them are parameters
    given: Source | None = None  # the inputs are only meant where this holds
    scope: str = DOMAIN  # where the gradients are claimed
    sample: int = 0
    exhaustive: bool = False
    hunt: bool = False
    budget: int = 20_000  # points that a hunt may judge, per implementation
    improve: ImproveRequest | None = None  # no key of the case file: the command line asks for it
    formats: tuple[str, ...] = ("float64",)
    upstream: str = "1"
    has_upstream: bool = False  # it was given, so it matters to whoever wrote the case
    accept: Accept = NO_LIMIT
    certify: Certify = NO_CLAIM  # of the error in the whole domain
    assume: tuple[tuple[str, str], ...] = ()  # per library function, within how many ulps it is: for `certify`
    residuals: tuple[Residual, ...] = ()
    published: tuple[Published, ...] = ()
    expect: tuple[Expectation, ...] = ()

    def _repr_html_(self) -> str:
        """What a notebook shows: what the case states, and nothing about whether it holds."""
        rows = [["function", self.function.text.strip()]] if self.function is not None else []
        rows += [[f"point {k}", " ".join(f"{name}={text}" for name, text in point.values[:MOST_SHOWN]) + (" ..." if len(point.values) > MOST_SHOWN else "")] for k, point in enumerate(self.points[:MOST_SHOWN], 1)]
        rows += [["", f"and {len(self.points) - MOST_SHOWN} more points"]] if len(self.points) > MOST_SHOWN else []
        rows += [["domain", " ".join(f"{name} in [{low}, {high}]" for name, (low, high) in self.domain[:MOST_SHOWN])]] if self.domain else []
        rows += [["sample", str(self.sample)]] if self.sample else []
        rows.append(["formats", ", ".join(self.formats)])
        for i in self.implementations:
            if i.call is not None:
                rows.append([i.name, i.call.text])
            else:
                rows += [[f"{i.name}.{part}", text.text.strip("\n")] for part, text in (("forward", i.forward), ("backward", i.backward)) if text is not None] or [[i.name, "forward pass of the function, backward pass by backprop"]]
        return html.box(html.line(html.coloured(self.name, bold=True)), html.table([[html.coloured(a), html.coloured(b)] for a, b in rows]))


def is_certified(case: Case) -> bool:
    """Whether the case claims something of the error in its whole domain."""
    return case.certify.claims_something or any(i.certify.claims_something for i in case.implementations)


def without_claims(case: Case) -> Case:
    """The case with its points only: nothing that is claimed of the whole domain."""
    if not is_certified(case):
        return case
    return replace(case, certify=NO_CLAIM, implementations=tuple(replace(i, certify=NO_CLAIM) for i in case.implementations), expect=tuple(e for e in case.expect if e.verdict not in BOUND_WORDS))


def calls_of(case: Case) -> tuple[Implementation, ...]:
    """The implementations that are callables."""
    return tuple(i for i in case.implementations if i.call is not None)


def without_calls(case: Case) -> Case:
    """The case with its texts only: no callable, and nothing that is said of one."""
    names = {i.name for i in calls_of(case)}
    return replace(case, implementations=tuple(i for i in case.implementations if i.call is None), expect=tuple(e for e in case.expect if e.implementation not in names)) if names else case


def no_implementation(case: Case, name: str) -> str:
    """That a case has no implementation of a name, in words; empty where it has one."""
    known = [i.name for i in case.implementations]
    return "" if name in known else f"{case.name} has no implementation '{name}'{suggestion(name, known)}"


def only(case: Case, *names: str) -> Case:
    """The case with one of its implementations, or some of them, without the claims, residuals and figures of the others. Raises ValueError where it has none of that name."""
    if problem := next(filter(None, (no_implementation(case, name) for name in names)), ""):
        raise ValueError(problem)
    programs = replace(case.programs, drafts=tuple(d for d in case.programs.drafts if d.implementation.name in names), residuals=())
    return replace(case, implementations=tuple(i for i in case.implementations if i.name in names), programs=programs, accept=case.accept.only(*names), certify=case.certify.only(*names), residuals=(), published=(), expect=())
