"""What a case says about its gradients beside their formulas: the verdicts that it expects, published figures, residuals."""

from __future__ import annotations

import re

from verifier.case.case import EXPECTED, Expectation, Implementation, Published, Residual
from verifier.case.components import ArrayTexts, base, components, read_values
from verifier.case.inputs import Inputs
from verifier.case.reader import KeyValue, Reader, is_assignable, plain
from verifier.case.yaml_tree import Scalar, is_null, quoted, source

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_residuals(reader: Reader, fields: dict[str, KeyValue]) -> tuple[Residual, ...]:
    """Expressions over several gradients, with the values that they must have."""
    residuals = []
    for key, value in entries(reader, fields, "residuals", example="{by_hand.dx - staged.dx: null}"):
        expected = None if is_null(value) else read_values(reader, value, "the residual '{}'", quoted(key.text)[1:-1])
        if not key.text.strip():
            reader.tell(key, "a residual needs an expression as its key, such as by_hand.dx - staged.dx")
        is_list = expected is not None and bool(expected.shape)
        residuals.append(Residual(source(key, label="residuals"), None if expected is None or is_list else expected.texts[0], key.page.place(key.start), listed=expected if is_list else None))
    return tuple(residuals)


def read_published(reader: Reader, fields: dict[str, KeyValue], named: dict[str, Implementation]) -> tuple[Published, ...]:
    """Figures that somebody printed, to be compared with the computed ones."""
    figures = []
    for key, value in entries(reader, fields, "published", example="{by_hand.dx: 2.0595}"):
        pair = reference(reader, key, "published", named)
        values: ArrayTexts | None = read_values(reader, value, "published.{}", quoted(key.text)[1:-1])
        if pair is not None and values is not None:
            names = components(pair[1], values.shape)
            figures += [Published(pair[0], name, text, key.page.place(key.start)) for name, text in zip(names, values.texts, strict=True)]
    return tuple(figures)


def read_expect(reader: Reader, fields: dict[str, KeyValue], named: dict[str, Implementation], inputs: Inputs | None) -> tuple[Expectation, ...]:
    """The verdicts that are expected of a gradient."""
    expectations = []
    known: dict[str, list[str]] = {}
    for key, value in entries(reader, fields, "expect", example="{by_hand.dx: wrong}"):
        pair = reference(reader, key, "expect", named)
        if pair is not None and inputs is not None and named[pair[0]].call is None:  # those of a module's parameters only the callable knows
            gradients = known.setdefault(pair[0], gradient_names(named[pair[0]], inputs))
            if pair[1] not in gradients:
                reader.tell_unknown(key, f"{quoted(pair[1])} in expect is not a gradient of '{pair[0]}'", pair[1], gradients)
        for item in reader.items(value, f"expect.{quoted(key.text)[1:-1]}", example="a verdict such as wrong") or ():
            verdict = reader.text(item, "a verdict")
            if verdict is not None and verdict not in EXPECTED:
                reader.tell_unknown(item, f"unknown verdict {quoted(verdict)} in expect", verdict, EXPECTED)
            elif verdict is not None and pair is not None:
                expectations.append(Expectation(*pair, verdict, key.page.place(key.start)))
    return tuple(expectations)


def gradient_names(implementation: Implementation, inputs: Inputs) -> list[str]:
    """The names that hold the gradients an implementation claims."""
    if implementation.gradients is None:
        found = [f"d{name}" for name in inputs.names if name not in inputs.parameters]
        return [*dict.fromkeys(map(base, found)), *(name for name in found if name.endswith("]"))]
    shapes = dict(inputs.shapes)
    names = [(claim.name, shapes.get(claim.input, ())) for claim in implementation.gradients]
    return [name for name, _ in names] + [part for name, shape in names if shape for part in components(name, shape)]


def entries(reader: Reader, fields: dict[str, KeyValue], key: str, *, example: str) -> tuple[KeyValue, ...]:
    """The entries of a key of the case; none where it is left out."""
    return (reader.mapping(fields[key][1], key, example=example) or ()) if key in fields else ()


def reference(reader: Reader, key: Scalar, what: str, named: dict[str, Implementation]) -> tuple[str, str] | None:
    """`by_hand.dx` as ("by_hand", "dx")."""
    implementation, dot, name = key.text.partition(".")
    if not dot or not _WORD.fullmatch(implementation) or not is_assignable(name):
        reader.tell(key, f"{quoted(key.text)} in {what} must be written implementation.name, as in by_hand.dx")
    elif implementation not in named:
        reader.tell_unknown(key, f"unknown implementation {quoted(implementation)} in {what}", implementation, tuple(named))
    else:
        return implementation, plain(name)
    return None
