"""The JSON Schema of case files, for editors: the keys, their kinds of values, and what may stand together. What a formula or a name means only the loader knows."""

from __future__ import annotations

from typing import Any

from verifier.case.callables import FRAMEWORKS
from verifier.case.case import DOMAIN, EXPECTED, POINTS
from verifier.case.certified import BEST, LIBRARY_FUNCTIONS
from verifier.language.formats import ARROW, FORMATS

Schema = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"  # the newest one that the YAML language server of editors reads
MAX_SAMPLE = 10_000_000  # points: hours of work in balls

_DECIMAL = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_HEXADECIMAL = r"[+-]?0[xX]\.?[0-9a-fA-F][0-9a-fA-F.]*([pP][+-]?[0-9]+)?"
_SPECIAL = r"[+-]?\.?([nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)"
_REFERENCE = r"^[A-Za-z_][A-Za-z0-9_]*\.."  # by_hand.dx
_WORD = "^[A-Za-z_][A-Za-z0-9_]*$"
_TARGET = r"^\s*[^:]+\.py:[^:]+\s*$"
_TEXT: Schema = {"type": ["string", "number", "boolean", "null"]}  # a file's text that other readers of YAML take for a number or a truth value
_FORMULA: Schema = {"type": ["string", "number", "boolean"], "pattern": r"\S"}
_NAME: Schema = {"type": ["string", "boolean"], "pattern": r"\S"}


def _described(text: str, schema: Schema) -> Schema:
    return {"description": text, **schema}


def _number(*patterns: str) -> Schema:
    return {"type": ["number", "string"], "pattern": rf"^\s*({'|'.join(patterns)})\s*$"}


def _one_or_list(item: Schema) -> Schema:
    """A value, or a list of such; a single one counts as a list of one."""
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _object(properties: Schema, **further: Any) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False, **further}


def _mapping(values: Schema, **further: Any) -> Schema:
    return {"type": "object", "additionalProperties": values, **further}


def _without(*names: str) -> Schema:
    """None of these keys is there."""
    return {"not": {"anyOf": [{"required": [name]} for name in names]}}


def case_schema() -> Schema:
    """The schema of one document of a case file."""
    properties = _properties()
    return {
        "$schema": DIALECT,
        "title": "A case of verifier",
        "description": "A function, points, and implementations whose gradients are checked. One YAML mapping per document; docs/case-format.md explains every key.",
        "definitions": _definitions(),
        **_object(properties),
        "allOf": [
            _described("what the gradients are held against: a function, or a forward pass", {"anyOf": [
                {"required": ["function"]},
                {"required": ["forward"]},
                {"required": ["implementations"], "properties": {"implementations": {"type": "object", "minProperties": 1}}},
            ]}),
            _described("points come from a list, a sample, a hunt or a sweep, or the whole domain is certified", {"anyOf": [{"required": [key]} for key in ("points", "sample", "hunt", "exhaustive", "certify")] + [_certifies()]}),
            {"if": {"required": ["sample"], "properties": {"sample": {"type": "integer", "minimum": 1}}}, "then": {"required": ["domain"]}},
            {"if": {"not": {"required": ["outputs"]}}, "then": {"properties": {"upstream": {"$ref": "#/definitions/numbers"}}}},
        ],
        "dependencies": {"outputs": _without("function")},
    }  # fmt: skip


def _definitions() -> Schema:
    """Kinds of values that occur under several keys."""
    names = "|".join(FORMATS)
    return {
        "number": _described("a number: decimal or hexadecimal, as it stands, exactly", _number(_DECIMAL, _HEXADECIMAL)),
        "value": _described("a number; in a point also inf, -inf and nan", _number(_DECIMAL, _HEXADECIMAL, _SPECIAL)),
        **_nested("number", "numbers"),
        **_nested("value", "values"),
        "point": _mapping({"$ref": "#/definitions/values"}, minProperties=1),
        "format": {"anyOf": [{"enum": [*FORMATS]}, {"type": "string", "pattern": rf"^\s*({names})( *{ARROW} *({names}))?\s*$"}]},
        "switch": {"type": ["boolean", "null", "string"], "pattern": "^(true|True|TRUE|yes|Yes|YES|on|On|ON|false|False|FALSE|no|No|NO|off|Off|OFF)$"},
        "limit": _number(rf"[+]?{_DECIMAL.removeprefix('[+-]?')}", _HEXADECIMAL.removeprefix("[+-]?")) | {"minimum": 0},
        "ulps": _number(rf"[+]?{_DECIMAL.removeprefix('[+-]?')}\s*(ulps?)?", rf"{_HEXADECIMAL.removeprefix('[+-]?')}\s*(ulps?)?") | {"minimum": 0.5},
        "claim": {"anyOf": [{"const": BEST}, _claim()]},
        "verdict": {"enum": [*EXPECTED]},
        "target": {"type": "string", "pattern": _TARGET},
        "implementation": _implementation(),
    }


def _claim(**further: Any) -> Schema:
    """A claim in one of the units."""
    limit: Schema = {"anyOf": [{"const": BEST}, {"$ref": "#/definitions/limit"}]}
    either: Schema = {"not": {"required": ["ulps", "absolute"]}} if further else {"oneOf": [{"required": ["ulps"]}, {"required": ["absolute"]}]}
    return _object({"ulps": limit, "absolute": limit, "budget": {"$ref": "#/definitions/limit"}}, **either, **further)


def _certifies() -> Schema:
    """Some implementation has a `certify` of its own."""
    return {"required": ["implementations"], "properties": {"implementations": {"type": "object", "not": {"additionalProperties": {"not": {"type": "object", "required": ["certify"]}}}}}}


def _nested(one: str, many: str) -> Schema:
    """A number or an array of such: rows beside rows, numbers beside numbers."""
    rows = {"type": "array", "minItems": 1, "anyOf": [{"items": {"$ref": f"#/definitions/{one}"}}, {"items": {"$ref": f"#/definitions/array_of_{many}"}}]}
    return {f"array_of_{many}": rows, many: {"anyOf": [{"$ref": f"#/definitions/{one}"}, {"$ref": f"#/definitions/array_of_{many}"}]}}


def _properties() -> Schema:
    """The keys of a case."""
    size = {"type": ["integer", "string"], "minimum": 1, "pattern": r"^\s*0*[1-9][0-9]*\s*$"}
    interval = {"type": "array", "items": {"$ref": "#/definitions/value"}, "minItems": 2, "maxItems": 2}
    choices = {"type": "object", "additionalProperties": {"type": "null"}, "minProperties": 1, "propertyNames": {"pattern": _number(_DECIMAL, _HEXADECIMAL)["pattern"]}}
    return {
        "name": _described("what the case is called in reports", _TEXT),
        "about": _described("free text: what is hard here", _TEXT),
        "source": _described("where the function comes from", _TEXT),
        "function": _described("the truth, one expression; may contain diff(expr, x)", _FORMULA),
        "points": _described("the inputs, point by point: {x: 3, y: -4}; an array is a nested list", _one_or_list({"$ref": "#/definitions/point"})),
        "domain": _described("for each input an interval [-10, 10], or its values in braces {0, 1}", _mapping({"anyOf": [interval, choices]}, minProperties=1)),
        "shapes": _described("the shapes of arrays that no point lists: {x: [3, 4], w: 4}", _mapping({"anyOf": [size, {"type": "array", "items": size}]})),
        "sample": _described("how many further points to draw from `domain`", {"type": ["integer", "string"], "minimum": 0, "maximum": MAX_SAMPLE, "pattern": r"^\s*[0-9]{1,12}\s*$"}),
        "formats": _described("the formats of numbers to check in", _one_or_list({"$ref": "#/definitions/format"})),
        "upstream": _described("the gradient that flows into the output; for several outputs {s: 1, p: -0.5}", {"anyOf": [{"$ref": "#/definitions/numbers"}, _mapping({"$ref": "#/definitions/numbers"})]}),
        "parameters": _described("names that are no inputs: {eps: 1e-5}, or [n] where the points give the values", {"anyOf": [
            _mapping({"anyOf": [{"$ref": "#/definitions/numbers"}, {"type": "null"}]}), _one_or_list(_NAME),
        ]}),
        "given": _described("a constraint: the inputs are meant only where it holds", _FORMULA),
        "scope": _described("where the gradients are claimed", {"enum": [DOMAIN, POINTS]}),
        "hunt": _described("look for the points at which a gradient goes wrong", {"$ref": "#/definitions/switch"}),
        "exhaustive": _described("look at all inputs of the format", {"$ref": "#/definitions/switch"}),
        "forward": _described("the forward pass of every implementation that has none of its own", _FORMULA),
        "outputs": _described("the names of several outputs of the forward pass", _one_or_list(_NAME)),
        "implementations": _described("ways to compute the gradient, by name", _mapping({"$ref": "#/definitions/implementation"}, minProperties=1, propertyNames={"pattern": _WORD})),
        "accept": _described("an error above so many ulps fails: {ulps: 4, mine.dW: 20}", _mapping(
            {"$ref": "#/definitions/limit"}, minProperties=1, propertyNames={"anyOf": [{"const": "ulps"}, {"pattern": _REFERENCE}]},
        )),
        "certify": _described("what is claimed of the error in the whole domain: best, {ulps: 6}, {absolute: 1e-12, mine.dW: {ulps: 20}}", {"anyOf": [
            {"const": BEST}, _claim(patternProperties={_REFERENCE: {"anyOf": [{"$ref": "#/definitions/limit"}, {"$ref": "#/definitions/claim"}]}}, minProperties=1),
        ]}),
        "assume": _described("within how many ulps library functions are assumed to be, for certify: {exp: 1 ulp}", {
            "type": "object", "additionalProperties": {"$ref": "#/definitions/ulps"}, "propertyNames": {"enum": [*LIBRARY_FUNCTIONS]},
        }),
        "residuals": _described("differences between implementations, with the values expected: {fused.dz - staged.dz: null}", _mapping({"anyOf": [{"$ref": "#/definitions/numbers"}, {"type": "null"}]}, propertyNames={"pattern": r"\S"})),
        "published": _described("figures that the source printed: {by_hand.dx: 2.0595}", _mapping({"$ref": "#/definitions/numbers"}, propertyNames={"pattern": _REFERENCE})),
        "expect": _described("verdicts that must occur at some point: {by_hand.dy: wrong}", _mapping(_one_or_list({"$ref": "#/definitions/verdict"}), propertyNames={"pattern": _REFERENCE})),
    }  # fmt: skip


def _implementation() -> Schema:
    """One entry of `implementations`."""
    targets = _object({"forward": {"$ref": "#/definitions/target"}, "backward": {"$ref": "#/definitions/target"}}, required=["forward"])
    properties = {
        "forward": _described("statements; default: out = <function>", _FORMULA),
        "backward": _described("statements; default: generated from the forward pass", _FORMULA),
        "gradients": _described("which names hold which gradients: {x: dx}", _mapping(_NAME, minProperties=1)),
        "adjoints": _described("which forward name or expression a backward name belongs to: {dw0x0: w0*x0}", _mapping(_FORMULA)),
        "formats": _described("its own formats", _one_or_list({"$ref": "#/definitions/format"})),
        "accept": _described("its own limit: {ulps: 4}", _object({"ulps": {"$ref": "#/definitions/limit"}}, required=["ulps"])),
        "certify": _described("its own claim: best, {ulps: 6} or {absolute: 1e-12}", {"$ref": "#/definitions/claim"}),
        "call": _described("a callable in place of texts: layers.py:softmax_loss", {"anyOf": [{"$ref": "#/definitions/target"}, targets]}),
        "framework": _described("who computes the callable", {"enum": [*FRAMEWORKS]}),
    }
    return {"anyOf": [{"type": "null"}, _object(properties, dependencies={"framework": ["call"], "call": _without("forward", "backward", "gradients", "adjoints")})]}
