"""`certify` and `assume`: what a case claims of the error of its gradients for every number of its domain, and what it assumes of library functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Literal

from verifier.case.accept import read_single
from verifier.case.components import base
from verifier.case.yaml_tree import Scalar, quoted
from verifier.language.formats import FORMATS
from verifier.language.gates import GATES
from verifier.language.numeral import exact, special

if TYPE_CHECKING:
    from verifier.case.reader import KeyValue, Reader
    from verifier.case.yaml_tree import YamlNode
    from verifier.language.source import Place

BEST = "best"
EXAMPLE = "{ulps: 6}"
ASSUME_EXAMPLE = "{exp: 1 ulp}"
HALF = Fraction(1, 2)  # ulp
SECONDS = 10.0  # of the processor, for all gradients of an implementation in one format
UNITS: Mapping[str, Literal["ulp", "absolute"]] = {"ulps": "ulp", "absolute": "absolute"}
ROUNDED_ONCE = ("add", "sub", "mul", "div", "fma", "sqrt", "remainder")  # by IEEE 754, in every format
LIBRARY_FUNCTIONS = tuple(name for name, gate in GATES.items() if gate.float64 and gate.kind == "smooth" and not gate.exact and name not in ROUNDED_ONCE and name not in FORMATS)
_ULPS = re.compile(r"(.*?)\s*ulps?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim of the error in the whole domain: at most `limit`, the decimal text of ulps or of the absolute error; None asks for the best bound."""

    unit: Literal["ulp", "absolute"] = "ulp"
    limit: str | None = None


@dataclass(frozen=True, slots=True)
class Certify:
    """The claims of a case, or of one implementation: for all gradients, and for single ones."""

    general: Claimed | None = None
    single: tuple[tuple[str, str, Claimed], ...] = ()  # implementation, gradient (an array or a component), claim
    seconds: float | None = None  # of the processor
    place: Place | None = field(default=None, compare=False)
    obstacle: str = ""  # why nothing can be shown of the whole domain: then every claim is open

    @property
    def claims_something(self) -> bool:
        """Whether there is any claim."""
        return self.general is not None or bool(self.single)

    def only(self, *names: str) -> Certify:
        """The claims without those of single gradients of other implementations."""
        return replace(self, single=tuple(row for row in self.single if row[0] in names))

    def of(self, implementation: str, own: Certify) -> Certify:
        """The claims for an implementation, whose own claim goes before that of the case."""
        return Certify(own.general or self.general, self.only(implementation).single, own.seconds or self.seconds, own.place or self.place, own.obstacle or self.obstacle)

    def claim_for(self, gradient: str) -> Claimed | None:
        """The claim of one gradient: its own, that of its array, or that of all."""
        own = {name: claim for _, name, claim in self.single}
        return own.get(gradient, own.get(base(gradient), self.general))


NO_CLAIM = Certify()


def read_own_certify(reader: Reader, node: YamlNode, what: str) -> Certify:
    """`best`, `{ulps: 6}` or `{absolute: 1e-12}`: the claim for all gradients."""
    if isinstance(node, Scalar):
        return Certify(_best(reader, node, what))
    fields = reader.fields(node, what, known=(*UNITS, "budget"), example=EXAMPLE)
    if fields is None:
        return NO_CLAIM
    claim = _claim(reader, fields, what)
    if claim is None and not any(key in fields for key in UNITS) and not reader.is_mistyped(node, fields, *UNITS):
        reader.tell(node, f"{what} must say what is claimed: {BEST}, {EXAMPLE} or {{absolute: 1e-12}}")
    return Certify(claim, seconds=_budget(reader, fields, what))


def read_certify(reader: Reader, node: YamlNode, gradients: Mapping[str, Collection[str]], reference: Callable[[Scalar], tuple[str, str] | None]) -> Certify:
    """The claim for all gradients, and those for single ones: `{ulps: 6, by_hand.dx: {absolute: 1e-12}}`. `gradients` are those of each implementation."""
    if isinstance(node, Scalar):
        return read_own_certify(reader, node, "certify")
    entries = reader.mapping(node, "certify", example=EXAMPLE) or ()
    if not any("." in key.text for key, _ in entries):
        return read_own_certify(reader, node, "certify")
    fields, single = read_single(reader, entries, "certify", (*UNITS, "budget"), gradients, reference, partial(_single, reader))
    return Certify(_claim(reader, fields, "certify"), single, _budget(reader, fields, "certify"))


def read_assume(reader: Reader, node: YamlNode) -> tuple[tuple[str, str], ...]:
    """`{exp: 1 ulp}`: within how many ulps of the exact value a library function is assumed to be."""
    assumed = []
    for key, value in reader.mapping(node, "assume", example=ASSUME_EXAMPLE) or ():
        if key.text not in LIBRARY_FUNCTIONS:
            reason = "is rounded to the nearest number, so nothing is to be assumed of it" if key.text in ROUNDED_ONCE else "is no function of a library"
            reader.tell_unknown(key, f"{quoted(key.text)} in assume {reason}", key.text, LIBRARY_FUNCTIONS)
        text = _ulps(reader, value, f"assume.{key.text}")
        if text is not None:
            assumed.append((key.text, text))
    return tuple(assumed)


def box_problems(inputs: Sequence[str], domain: Mapping[str, tuple[str, str]], choices: Mapping[str, Sequence[str]], *, is_constrained: bool) -> list[str]:
    """Why a domain is no box of numbers of which an error could be certified."""
    found = []
    missing = next((name for name in inputs if name not in domain), None)
    infinite = next((name for name, ends in domain.items() if any(special(end) is not None for end in ends)), None)
    if missing is not None:
        found.append(f"'certify' is for all numbers of a domain, and the domain has no interval for the input '{missing}'; add one such as domain: {{{missing}: [-10, 10]}}")
    elif infinite is not None:
        found.append(f"'certify' needs a domain with two ends, and that of '{infinite}' has none; write numbers")
    if (name := next((n for n, values in choices.items() if len(values) > 1), None)) is not None:
        found.append(f"'certify' is for all numbers of an interval, and '{name}' has listed values; write one case for each value")
    if is_constrained:
        found.append("'certify' is for all numbers of the domain, and 'given' leaves some out; write a domain inside of it")
    return found


def _single(reader: Reader, node: YamlNode, what: str) -> Claimed | None:
    """The claim of one gradient; a number is one of ulps."""
    if isinstance(node, Scalar) and node.text.strip() != BEST:
        text = _limit(reader, node, what)
        return None if text is None else Claimed("ulp", text)
    return read_own_certify(reader, node, what).general


def _best(reader: Reader, node: Scalar, what: str) -> Claimed | None:
    if node.text.strip() == BEST:
        return Claimed()
    reader.tell(node, f"{what} is {quoted(node.text)}; write {BEST}, {EXAMPLE} or {{absolute: 1e-12}}")
    return None


def _claim(reader: Reader, fields: Mapping[str, KeyValue], what: str) -> Claimed | None:
    """The claim that a mapping states, in one of the units."""
    stated = [key for key in UNITS if key in fields]
    if len(stated) > 1:
        reader.tell(fields[stated[1]][0], f"{what} has 'ulps' and 'absolute'; a gradient has one claim, so leave one of them, or write two cases")
    if not stated:
        return None
    node = fields[stated[0]][1]
    if isinstance(node, Scalar) and node.text.strip() == BEST:
        return Claimed(UNITS[stated[0]])
    text = _limit(reader, node, f"{what}.{stated[0]}")
    return None if text is None else Claimed(UNITS[stated[0]], text)


def _limit(reader: Reader, node: YamlNode, what: str) -> str | None:
    """The text of a number that is not negative."""
    text = reader.number(node, what)
    if text is not None and text.startswith("-"):
        reader.tell(node, f"{what} is {text}; an error is never negative")
        return None
    return text


def _budget(reader: Reader, fields: Mapping[str, KeyValue], what: str) -> float | None:
    """Seconds that are more than none."""
    if "budget" not in fields:
        return None
    text = reader.number(fields["budget"][1], f"{what}.budget")
    if text is not None and exact(text) <= 0:
        reader.tell(fields["budget"][1], f"{what}.budget is {text}; it must be a positive number of seconds")
        return None
    return None if text is None else float(exact(text))


def _ulps(reader: Reader, node: YamlNode, what: str) -> str | None:
    """The number in `1 ulp`; the word may be left out."""
    match = _ULPS.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    text = reader.number(replace(node, text=match[1]) if match is not None and isinstance(node, Scalar) else node, what)
    if text is not None and exact(text) < HALF:
        reader.tell(node, f"{what} is {text} ulp; a result that is rounded may be off by 0.5 ulp")
        return None
    return text
