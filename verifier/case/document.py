"""Reads one YAML document into a Case, and reports everything that is wrong with it at once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from verifier.case.accept import NO_LIMIT, read_accept, read_limit
from verifier.case.callables import read_call
from verifier.case.case import DOMAIN, POINTS, Case, Claim, Implementation, Programs
from verifier.case.certified import NO_CLAIM, Certify, box_problems, read_assume, read_certify, read_own_certify
from verifier.case.components import components, described
from verifier.case.expectations import entries, gradient_names, read_expect, read_published, read_residuals, reference
from verifier.case.inputs import Inputs, literals, read_inputs, with_parameters
from verifier.case.outputs import read_outputs, upstream_name
from verifier.case.programs import programs_of
from verifier.case.reader import KeyValue, Reader, element, is_assignable, name_fault, plain
from verifier.case.schema import MAX_SAMPLE
from verifier.case.yaml_tree import Document, Mapping, Scalar, YamlNode, is_null, quoted
from verifier.circuit.program import Program
from verifier.circuit.statements import free_names
from verifier.language.formats import ARROW, FORMATS, REFUSED, SPELLINGS, format_named, format_problem, too_many
from verifier.language.numeral import BEYOND, exact
from verifier.language.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from verifier.language.source import Complaint

_KEYS = (
    "name", "about", "source", "function", "points", "domain", "shapes", "sample", "formats", "upstream", "parameters", "given", "scope",
    "hunt", "exhaustive", "forward", "outputs", "implementations", "accept", "certify", "assume", "residuals", "published", "expect",
)  # fmt: skip
_ON = frozenset(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"))
_OFF = frozenset(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"))
_IMPLEMENTATION_KEYS = ("forward", "backward", "gradients", "adjoints", "formats", "accept", "certify", "call", "framework")
_SCOPES = (DOMAIN, POINTS)
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COUNT = re.compile(r"[0-9]{1,12}")


def read_case(document: Document, *, default_name: str, allow_call: bool = False, needs_points: bool = True) -> tuple[Case | None, list[Complaint]]:
    """The case that a document describes; or all that is wrong with the document, and where there is nothing with its texts. Callables need `allow_call`; without `needs_points` a case that lists none is hunted."""
    reader = Reader(document.complaints)
    case, complaints = _case(reader, document.root, default_name, allow_call=allow_call, needs_points=needs_points)
    found = reader.complaints.all()
    return (None, [*found, *complaints]) if found or complaints else (case, [])


def is_named(document: Document) -> bool:
    """The document has a `name` of its own."""
    root = document.root
    return isinstance(root, Mapping) and any(key.text == "name" for key, _ in root.entries)


def _case(reader: Reader, root: YamlNode, default_name: str, *, allow_call: bool, needs_points: bool) -> tuple[Case | None, list[Complaint]]:
    """The case, and what is wrong with its texts; None where the document itself is wrong, for which the reader has the complaints."""
    fields = reader.fields(root, "the case", known=_KEYS, example="'function: x * y'")
    if fields is None or not isinstance(root, Mapping):
        return None, []
    sample = _sample(reader, fields)
    exhaustive = _switch(reader, fields, "exhaustive")
    certifies = _certifies(fields)
    lists_none = "points" not in fields and sample == 0 and not exhaustive and not certifies
    hunt = _switch(reader, fields, "hunt") or (lists_none and not needs_points)
    outputs = read_outputs(reader, fields)
    inputs = read_inputs(reader, fields, sample=sample, root=root, read=_names_read(reader, fields) if hunt or exhaustive or certifies else None)
    formats = _formats(reader, fields)
    if exhaustive and inputs is not None:
        _check_exhaustive(reader, fields, formats, inputs)
    before = reader.complaints.count
    forward = reader.formula(fields["forward"][1], label="forward") if "forward" in fields else None
    read = _implementations(reader, fields, root, inputs, allow_call=allow_call)
    implementations, formats = _in_formats(tuple(i if i.call else replace(i, forward=i.forward or forward) for i in read), formats, has_formats="formats" in fields)
    texts = tuple(i for i in implementations if i.call is None)
    sound = reader.complaints.count == before  # else a misspelt 'forward' would be told twice
    named = {i.name: i for i in implementations}
    function = reader.formula(fields["function"][1], label="function") if "function" in fields else None
    if "function" not in fields and "forward" not in fields and sound and texts and not any(i.forward for i in texts) and not reader.is_mistyped(root, fields, "function", "forward"):
        reader.tell(root, "the case has no 'function', and no implementation has a 'forward' that could stand for it; add one of them")
    name = _free_text(reader, fields, "name")
    published = read_published(reader, fields, named)
    expect = read_expect(reader, fields, named, inputs)
    residuals = read_residuals(reader, fields)
    upstream = _upstream(reader, fields["upstream"][1]) if "upstream" in fields and not outputs.names and not outputs.upstream else "1"
    gradients = {name: gradient_names(i, inputs) if inputs is not None else [] for name, i in named.items()} if "accept" in fields or "certify" in fields else {}
    accept = read_accept(reader, fields["accept"][1], gradients, lambda key: reference(reader, key, "accept", named)) if "accept" in fields else NO_LIMIT
    certify = _placed(fields, read_certify(reader, fields["certify"][1], gradients, lambda key: reference(reader, key, "certify", named))) if "certify" in fields else NO_CLAIM
    assume = read_assume(reader, fields["assume"][1]) if "assume" in fields else ()
    if certifies and inputs is not None:
        _check_certify(reader, fields, root, inputs)
    about, origin = _free_text(reader, fields, "about"), _free_text(reader, fields, "source")
    given = reader.formula(fields["given"][1], label="given") if "given" in fields else None
    scope = _scope(reader, fields)
    if len(texts) < len(implementations):
        _check_calls(reader, fields, implementations)
    if inputs is None or reader.complaints.count:
        return None, []
    programs: Programs | None
    complaints: list[Complaint]
    if function is None and forward is None and not texts:  # the truth is the callable's own forward pass, which is not known before it runs
        programs, complaints = Programs(Program((), inputs.names, {}, -1, parameters=frozenset(inputs.parameters)), ()), []
    else:
        stated = texts or ((Implementation("forward", root.page.place(root.start), forward=forward),) if function is None else ())
        programs, inputs, complaints = programs_of(inputs, function=function, implementations=stated, residuals=residuals, published=published, outputs=outputs, upstream=upstream or "1", given=given)
    if programs is None:
        ordered = sorted(complaints, key=lambda c: (c.place.line, c.place.column))
        return None, [replace(c, line_text=root.page.line_text(c.place.line) or c.line_text) for c in ordered]
    programs = programs if texts else replace(programs, drafts=())
    inputs = with_parameters(inputs, programs.truth.parameters)
    case = Case(
        name=name or default_name,
        file=root.page.file,
        place=root.page.place(root.start),
        inputs=inputs.names,
        points=inputs.points,
        implementations=implementations,
        programs=programs,
        function=function,
        about=about,
        source=origin,
        shapes=inputs.shapes,
        domain=inputs.domain,
        choices=inputs.choices,
        parameters=inputs.parameters,
        fixed=tuple(name for name in literals(inputs) if name not in map(upstream_name, programs.outputs)),
        outputs=programs.outputs,
        given=given,
        scope=scope,
        sample=sample,
        exhaustive=exhaustive,
        hunt=hunt,
        formats=formats,
        upstream="1" if programs.outputs else upstream or "1",
        has_upstream="upstream" in fields,
        accept=accept,
        certify=certify,
        assume=assume,
        residuals=tuple(r for r, _ in programs.residuals),
        published=published,
        expect=expect,
    )
    return case, []


def _is_off(node: YamlNode) -> bool:
    return is_null(node) or (isinstance(node, Scalar) and node.text in _OFF)


def _switch(reader: Reader, fields: dict[str, KeyValue], key: str) -> bool:
    """A key that is true or false; false where it is left out."""
    if key not in fields or _is_off(fields[key][1]):
        return False
    text = reader.text(fields[key][1], key)
    if text is not None and text not in _ON:
        reader.tell(fields[key][1], f"{key} is {quoted(text)}; it must be true or false")
    return text in _ON


def _upstream(reader: Reader, node: YamlNode) -> str | None:
    """The gradient that flows in: a number within the range of some format."""
    text = reader.number(node, "upstream")
    if text is not None and abs(exact(text)) >= BEYOND:
        reader.tell(node, f"upstream is {quoted(text)}, beyond the largest number of every format")
        return None
    return text


def _scope(reader: Reader, fields: dict[str, KeyValue]) -> str:
    """Where the gradients are claimed."""
    if "scope" not in fields:
        return DOMAIN
    text = reader.text(fields["scope"][1], "scope")
    if text is not None and text not in _SCOPES:
        reader.tell_unknown(fields["scope"][1], f"scope is {quoted(text)}; it must be 'domain' or 'points'", text, _SCOPES)
    return text or DOMAIN


def _in_formats(found: tuple[Implementation, ...], formats: tuple[str, ...], *, has_formats: bool) -> tuple[tuple[Implementation, ...], tuple[str, ...]]:
    """Every implementation with its own formats where any has some, and all formats that are looked at."""
    if not any(i.formats for i in found):
        return found, formats
    used = formats if has_formats or not all(i.formats for i in found) else ()
    every = tuple(dict.fromkeys([*used, *(name for i in found for name in i.formats)]))
    each = tuple(i if i.formats else replace(i, formats=formats) for i in found)
    return each, tuple(name for name in every if any(name in i.formats for i in each))


def _names_read(reader: Reader, fields: dict[str, KeyValue]) -> tuple[str, ...]:
    """The names that the function, or else the forward passes, read without setting them."""
    if "function" in fields and isinstance(fields["function"][1], Scalar):
        formula = reader.formula(fields["function"][1], label="function")
        return free_names(formula, is_block=False) if formula is not None else ()
    found: dict[str, None] = {}
    if "forward" in fields and isinstance(fields["forward"][1], Scalar) and (shared := reader.formula(fields["forward"][1], label="forward")) is not None:
        found.update(dict.fromkeys(free_names(shared, is_block=True)))
    implementations = fields["implementations"][1] if "implementations" in fields else None
    for _, value in implementations.entries if isinstance(implementations, Mapping) else ():
        for key, block in value.entries if isinstance(value, Mapping) else ():
            if key.text == "forward" and isinstance(block, Scalar) and (formula := reader.formula(block, label="forward")) is not None:
                found.update(dict.fromkeys(free_names(formula, is_block=True)))
    return tuple(found)


def _free_text(reader: Reader, fields: dict[str, KeyValue], key: str) -> str:
    if key not in fields or is_null(fields[key][1]):
        return ""
    text = reader.text(fields[key][1], key) or ""
    return " ".join(text.split()) if key == "name" else text.strip()


def _sample(reader: Reader, fields: dict[str, KeyValue]) -> int:
    if "sample" not in fields:
        return 0
    node = fields["sample"][1]
    text = reader.text(node, "sample")
    if text is None:
        return 0
    if not _COUNT.fullmatch(text.strip()) or int(text) > MAX_SAMPLE:
        reader.tell(node, f"sample is {quoted(text)}; it must be a number of points, from 0 to {MAX_SAMPLE:,} and written in digits only")
        return 0
    return int(text)


def _check_exhaustive(reader: Reader, fields: dict[str, KeyValue], formats: Sequence[str], known: Inputs) -> None:
    key, choices = fields["exhaustive"][0], dict(known.choices)
    inputs = len(known.names) - sum(len(values) == 1 for values in choices.values())
    if (name := next((n for n, values in choices.items() if len(values) > 1), None)) is not None:
        reader.tell(key, f"'exhaustive' looks at all numbers of an interval, and '{name}' has listed values; use 'sample' or points, or one case for each value")
    if "given" in fields:
        reader.tell(key, "'exhaustive' looks at all numbers of an interval, and 'given' leaves some out; use 'sample' or points")
    for name in formats:
        if name in FORMATS or format_problem(name) is None:
            problem = too_many(format_named(name), inputs)
            if problem is not None:
                reader.tell(key, problem)
                return
    if "sample" in fields:
        reader.tell(fields["sample"][0], "'exhaustive' looks at all inputs already; remove 'sample'")


def _certifies(fields: dict[str, KeyValue]) -> bool:
    """Whether the case, or one of its implementations, claims something of the whole domain."""
    implementations = fields["implementations"][1] if "implementations" in fields else None
    own = (value for _, value in implementations.entries if isinstance(value, Mapping)) if isinstance(implementations, Mapping) else ()
    return "certify" in fields or any(key.text == "certify" for value in own for key, _ in value.entries)


def _placed(fields: dict[str, KeyValue], claims: Certify) -> Certify:
    """The claims, with the place of their key."""
    key = fields["certify"][0]
    return replace(claims, place=key.page.place(key.start))


def _check_certify(reader: Reader, fields: dict[str, KeyValue], root: YamlNode, known: Inputs) -> None:
    """Complain where there is no box of numbers of which an error could be certified."""
    node = fields["certify"][0] if "certify" in fields else root
    for problem in box_problems(known.names, dict(known.domain)):
        reader.tell(node, problem)


def _formats(reader: Reader, fields: dict[str, KeyValue], label: str = "formats") -> tuple[str, ...]:
    if "formats" not in fields:
        return ("float64",)
    names: list[str] = []
    for item in reader.items(fields["formats"][1], label, example="[float64]") or ():
        name = reader.text(item, "a format")
        if name is None:
            continue
        name = name.replace(" ", "")
        unknown = next((part for part in name.split(ARROW, 1) if not (part in FORMATS or part in SPELLINGS or part in REFUSED)), None)
        if unknown is not None:
            reader.tell_unknown(item, f"unknown format {quoted(unknown)}", unknown, tuple(FORMATS))
        elif (problem := format_problem(name)) is not None:
            reader.tell(item, problem)
        elif name in names:
            reader.tell(item, f"the format '{name}' is listed twice; leave one of them")
        names.append(name)
    return tuple(names)


def _implementations(reader: Reader, fields: dict[str, KeyValue], root: YamlNode, inputs: Inputs | None, *, allow_call: bool) -> tuple[Implementation, ...]:
    if "implementations" not in fields:
        return (Implementation("staged", root.page.place(root.start)),)
    node = fields["implementations"][1]
    entries = reader.mapping(node, "implementations", example="{staged: {}}")
    if entries == ():
        reader.tell(node, "implementations is empty; write {staged: {}} or leave the key out")
    found = []
    for key, value in entries or ():
        if not _WORD.fullmatch(key.text):
            reader.tell(key, f"{quoted(key.text)} is not the name of an implementation: {name_fault(key.text, is_ascii=True)}")
        found.append(_implementation(reader, key, value, inputs, allow_call=allow_call))
    return tuple(found)


def _implementation(reader: Reader, key: Scalar, node: YamlNode, inputs: Inputs | None, *, allow_call: bool) -> Implementation:
    label = f"implementations.{quoted(key.text)[1:-1]}"
    fields: dict[str, KeyValue] = {}
    if not is_null(node):
        fields = reader.fields(node, label, known=_IMPLEMENTATION_KEYS, example="{} or {backward: ...}") or {}

    def formula(name: str) -> Source | None:
        return reader.formula(fields[name][1], label=f"{label}.{name}") if name in fields else None

    return Implementation(
        name=key.text,
        place=key.page.place(key.start),
        forward=formula("forward"),
        backward=formula("backward"),
        gradients=_claims(reader, fields["gradients"][1], f"{label}.gradients", inputs) if "gradients" in fields else None,
        adjoints=_adjoints(reader, fields["adjoints"][1], f"{label}.adjoints") if "adjoints" in fields else (),
        formats=_formats(reader, fields, f"{label}.formats") if "formats" in fields else (),
        accept=read_limit(reader, fields["accept"][1], f"{label}.accept") if "accept" in fields else NO_LIMIT,
        certify=_placed(fields, read_own_certify(reader, fields["certify"][1], f"{label}.certify")) if "certify" in fields else NO_CLAIM,
        call=read_call(reader, fields, label, is_allowed=allow_call),
    )


def _check_calls(reader: Reader, fields: dict[str, KeyValue], implementations: Sequence[Implementation]) -> None:
    """Complain about keys that apply only to implementations written in the case file, where a callable stands."""
    names = "|".join(re.escape(i.name) for i in implementations if i.call is not None)
    for what in ("residuals", "published"):
        for key, _ in entries(reader, fields, what, example="{by_hand.dx: 2.0595}"):
            if re.search(rf"(?<![\w.])(?:{names})\.", key.text):
                reader.tell(key, f"{quoted(key.text)} in {what} names a callable; it must name an implementation that is written in the case file")
    for what, instead in (("exhaustive", "use 'sample'"), ("given", "list points, or state a domain"), ("outputs", "remove it: the outputs of a callable have the names that it gives them")):
        if what in fields and not (what == "exhaustive" and _is_off(fields[what][1])):
            reader.tell(fields[what][0], f"'{what}' cannot stand in a case with a callable; {instead}")


def _claims(reader: Reader, node: YamlNode, label: str, inputs: Inputs | None) -> tuple[Claim, ...]:
    entries = reader.mapping(node, label, example="{x: dx}")
    if entries == ():
        reader.tell(node, f"{label} is empty, so nothing would be checked; name the gradients as in {{x: dx}} or leave the key out")
    claims = []
    shapes = dict(inputs.shapes) if inputs is not None else {}
    names = set(inputs.names) if inputs is not None else set()
    for key, value in entries or ():
        variable = plain(key.text)
        if inputs is not None and variable not in names and variable not in shapes:
            reader.tell_unknown(key, f"unknown input {quoted(key.text)} in {label}", key.text, [*shapes, *inputs.names])
        elif inputs is not None and components(variable, shapes.get(variable, ()))[0] in inputs.parameters:
            reader.tell(key, f"'{key.text}' in {label} is a parameter: no gradient is asked for; leave it out here, or under 'parameters'")
        name = reader.text(value, f"{label}: the gradient")
        if name is None:
            continue
        if not is_assignable(name):
            reader.tell(value, f"{quoted(name)} in {label} is not a name that a backward pass can set; write a name such as dx or dW[0]")
        elif variable in shapes and element(name):
            reader.tell(value, f"'{variable}' is {described(shapes[variable])}, and its gradient {quoted(name)} in {label} one component; write the name of an array, or name components on both sides, as in '{variable}[0]': dw0")
        claims.append(Claim(variable, plain(name), key.page.place(key.start)))
    return tuple(claims)


def _adjoints(reader: Reader, node: YamlNode, label: str) -> tuple[tuple[str, Source], ...]:
    adjoints = []
    for key, value in reader.mapping(node, label, example="{dw0x0: w0*x0}") or ():
        if not is_assignable(key.text):
            reader.tell(key, f"{quoted(key.text)} in {label} is not a name that a backward pass can set; write a name such as dx or dW[0]")
        elif (formula := reader.formula(value, label=f"{label}.{key.text}")) is not None:
            adjoints.append((key.text, formula))
    return tuple(adjoints)
