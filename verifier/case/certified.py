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
FORMS = f"{BEST}, {EXAMPLE} or {{absolute: 1e-12}}"
ASSUME_EXAMPLE = "{exp: 1 ulp}"
HALF = Fraction(1, 2)  # ulp
SECONDS = 10.0  # of the processor, for all gradients of an implementation in one format
LEAST_SECONDS, MOST_SECONDS = Fraction(1, 10**6), 10**9
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


# ---------------------------------------------------------------- the rules, for every reader: what is wrong with what is written, in words; '' where nothing is


def wrong_word(what: str, text: str, forms: str) -> str:
    """A word that is no number asks for the best bound."""
    return "" if text.strip() == BEST else f"{what} is {quoted(text)}; write {forms}"


def wrong_units(what: str, stated: Sequence[str]) -> str:
    """A gradient has one claim, in one of the units."""
    return f"{what} has {' and '.join(map(quoted, stated))}; a gradient has one claim, so leave one of them, or write two cases" if len(stated) > 1 else ""


def wrong_limit(what: str, number: str) -> str:
    """An error is not negative."""
    return f"{what} is {number}; an error is never negative" if exact(number) < 0 or number.startswith("-") else ""


def wrong_budget(what: str, number: str) -> str:
    """Seconds are more than none, and no more than anybody waits."""
    return "" if LEAST_SECONDS <= exact(number) <= MOST_SECONDS else f"{what} is {number}; it must be a positive number of seconds, at most {MOST_SECONDS:,}"


def wrong_assumption(what: str, ulps: str) -> str:
    """No function is closer than rounding allows."""
    return f"{what} is {ulps} ulp; a result that is rounded may be off by 0.5 ulp" if exact(ulps) < HALF else ""


def wrong_function(name: str) -> str:
    """Assumptions are of functions of a library."""
    if name in LIBRARY_FUNCTIONS:
        return ""
    reason = "is rounded to the nearest number, so nothing is to be assumed of it" if name in ROUNDED_ONCE else "is no function of a library"
    return f"{quoted(name)} in assume {reason}"


def unclaimed(what: str, forms: str) -> str:
    """Something must be claimed."""
    return f"{what} must say what is claimed: {forms}"


# ---------------------------------------------------------------- the reader of case files


def read_own_certify(reader: Reader, node: YamlNode, what: str) -> Certify:
    """`best`, `{ulps: 6}` or `{absolute: 1e-12}`: the claim for all gradients."""
    if isinstance(node, Scalar):
        return Certify(_best(reader, node, what))
    fields = reader.fields(node, what, known=(*UNITS, "budget"), example=EXAMPLE)
    if fields is None:
        return NO_CLAIM
    claim = _claim(reader, fields, what)
    if claim is None and not any(key in fields for key in UNITS) and not reader.is_mistyped(node, fields, *UNITS):
        reader.tell(node, unclaimed(what, FORMS))
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
        if problem := wrong_function(key.text):
            reader.tell_unknown(key, problem, key.text, LIBRARY_FUNCTIONS)
        text = _ulps(reader, value, f"assume.{key.text}")
        if text is not None:
            assumed.append((key.text, text))
    return tuple(assumed)


def box_problems(inputs: Sequence[str], domain: Mapping[str, tuple[str, str]]) -> list[str]:
    """Why a domain is no box of numbers of which an error could be certified."""
    found = []
    missing = next((name for name in inputs if name not in domain), None)
    infinite = next((name for name, ends in domain.items() if any(special(end) is not None for end in ends)), None)
    if missing is not None:
        found.append(f"'certify' is for all numbers of a domain, and the domain has no interval for the input '{missing}'; add one such as domain: {{{missing}: [-10, 10]}}")
    elif infinite is not None:
        found.append(f"'certify' needs a domain with two ends, and that of '{infinite}' has none; write numbers")
    return found


def _single(reader: Reader, node: YamlNode, what: str) -> Claimed | None:
    """The claim of one gradient; a number is one of ulps."""
    if isinstance(node, Scalar) and node.text.strip() != BEST:
        text = _limit(reader, node, what)
        return None if text is None else Claimed("ulp", text)
    return read_own_certify(reader, node, what).general


def _best(reader: Reader, node: Scalar, what: str) -> Claimed | None:
    if problem := wrong_word(what, node.text, FORMS):
        reader.tell(node, problem)
        return None
    return Claimed()


def _claim(reader: Reader, fields: Mapping[str, KeyValue], what: str) -> Claimed | None:
    """The claim that a mapping states, in one of the units."""
    stated = [key for key in UNITS if key in fields]
    if problem := wrong_units(what, stated):
        reader.tell(fields[stated[1]][0], problem)
    if not stated:
        return None
    node = fields[stated[0]][1]
    if isinstance(node, Scalar) and node.text.strip() == BEST:
        return Claimed(UNITS[stated[0]])
    text = _limit(reader, node, f"{what}.{stated[0]}")
    return None if text is None else Claimed(UNITS[stated[0]], text)


def _limit(reader: Reader, node: YamlNode, what: str) -> str | None:
    """The text of a number that is not negative."""
    return _number(reader, node, what, wrong_limit)


def _budget(reader: Reader, fields: Mapping[str, KeyValue], what: str) -> float | None:
    """Seconds that are more than none."""
    if "budget" not in fields:
        return None
    text = _number(reader, fields["budget"][1], f"{what}.budget", wrong_budget)
    return None if text is None else float(exact(text))


def _ulps(reader: Reader, node: YamlNode, what: str) -> str | None:
    """The number in `1 ulp`; the word may be left out."""
    match = _ULPS.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    return _number(reader, replace(node, text=match[1]) if match is not None and isinstance(node, Scalar) else node, what, wrong_assumption)


def _number(reader: Reader, node: YamlNode, what: str, problem: Callable[[str, str], str]) -> str | None:
    """The text of a number that obeys a rule."""
    text = reader.number(node, what)
    if text is not None and (complaint := problem(what, text)):
        reader.tell(node, complaint)
        return None
    return text
