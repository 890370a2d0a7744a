"""The JSON Schema of the report: what `--format json` writes, for whoever reads it."""

from __future__ import annotations

from verifier.case.schema import DIALECT, Schema
from verifier.language.verdict import Verdict
from verifier.report.catalogue import CATALOGUE

VERSION = "1.1"  # of the report: the first number changes where a reader would break, the second where a key is added
STATUSES = ("passed", "failed", "error", "skipped")
BASES = ("exact", "traced", "sampled")
PROOFS = ("proved", "agrees", "approximates", "refuted", "undecided")

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}  # a figure, null where it is undefined
_COUNT: Schema = {"type": "integer", "minimum": 0}
_LINE: Schema = {"type": "integer", "minimum": 1}
_TRUTH_OR_NULL: Schema = {"type": ["boolean", "null"]}
_POINT: Schema = {"$ref": "#/definitions/point"}
_BOX: Schema = {"$ref": "#/definitions/box"}
_VERDICT: Schema = {"$ref": "#/definitions/verdict"}


def report_schema() -> Schema:
    """The schema of a report. A reader of version 1 must expect further keys."""
    return {
        "$schema": DIALECT,
        "title": "A report of verifier",
        "description": "Numbers that carry precision are texts: the shortest decimal text of a computed number, and certified digits of an exact one. null is undefined.",
        "definitions": _definitions(),
        **_object(
            {
                "schema": {"description": "the version of this schema", "type": "string", "pattern": r"^1\.[0-9]+$"},
                "verifier": {"description": "the version of the tool", **_TEXT},
                "environment": {"description": "the libraries that decide the last bits", "type": "object", "additionalProperties": _TEXT},
                "summary": _object(dict.fromkeys(("cases", "passed", "failed", "errors", "warnings"), _COUNT), {"skipped": _COUNT, "unchecked": _COUNT}),
                "cases": _list("case"),
            }
        ),
    }


def _object(required: Schema, optional: Schema | None = None) -> Schema:
    return {"type": "object", "properties": {**required, **(optional or {})}, "required": [*required]}


def _list(name: str) -> Schema:
    return {"type": "array", "items": {"$ref": f"#/definitions/{name}"}}


def _by_implementation(value: Schema) -> Schema:
    """Of every implementation, of every gradient."""
    return {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": value}}


def _errors() -> Schema:
    """How far off a gradient is at a number of points."""
    return _object({"points": _COUNT, **dict.fromkeys(("worst_ulps", "median_ulps", "mean_bits"), _TEXT)})


def _definitions() -> Schema:
    who = {"implementation": _TEXT, "gradient": _TEXT, "format": _TEXT}
    return {
        "verdict": {"enum": [v.value for v in Verdict]},
        "value": {"anyOf": [_TEXT, {"type": "array", "items": {"$ref": "#/definitions/value"}}]},
        "point": {
            "description": "the value of every input; {see: points, number: 3} is the entry 3 of the case's `points`",
            "anyOf": [{"type": "object", "additionalProperties": {"$ref": "#/definitions/value"}}, _object({"see": {"const": "points"}, "number": _COUNT})],
        },
        "case": _object(
            {
                "name": _TEXT,
                "file": _TEXT,
                "line": _LINE,
                "status": {"enum": [*STATUSES]},
                "basis": {"description": "exact: of texts; traced: the lines of a callable are known; sampled: they are not, and verdicts are inferred", "enum": [*BASES]},
                "proofs": _by_implementation({"enum": [*PROOFS]}),
                "proof_notes": _by_implementation(_TEXT),
                "results": _list("result"),
                "sweeps": _list("sweep"),
                "residuals": _list("residual"),
                "published": _list("published"),
                "findings": _list("finding"),
                "notes": {"type": "array", "items": _TEXT},
                "regions": _list("region"),
            },
            {"bounds": _list("bound"), "computed_by": _TEXT, "suggestions": {"description": "better arrangements, where they were asked for", **_list("suggestion")}, "cached": {"description": "the report is of an earlier run", "type": "boolean"}, "points": {"type": "array", "items": {"type": "object", "additionalProperties": {"$ref": "#/definitions/value"}}}},
        ),
        "result": _object(
            {
                **who, "point": _POINT, "computed": _TEXT, "exact": _TEXT_OR_NULL, "bounds": {"type": ["array", "null"], "items": _TEXT, "minItems": 2, "maxItems": 2},
                "rounded": _TEXT_OR_NULL, "residual": _TEXT_OR_NULL, "formula_error_ulps": _TEXT_OR_NULL, "ulps": _TEXT_OR_NULL, "subnormals": _TEXT_OR_NULL,
                "condition": _TEXT_OR_NULL, "program_condition": _TEXT_OR_NULL, "verdict": _VERDICT, "reason": _TEXT,
                "backward_error_ulps": _TEXT_OR_NULL, "backward_error_input": _TEXT_OR_NULL, "blame": _list("share"),
            }
        ),
        "share": _object(
            {"line": {"type": ["integer", "null"]}, "statement": _TEXT, "share": _TEXT, "contribution": _TEXT, "own_ulps": _TEXT_OR_NULL, "ulps": _TEXT_OR_NULL, "step": _TEXT_OR_NULL, "condition": _TEXT_OR_NULL}
        ),
        "sweep": _object(
            {
                **who, "points": _COUNT, "verdicts": {"type": "object", "propertyNames": _VERDICT, "additionalProperties": _COUNT},
                "worst": {"anyOf": [{"$ref": "#/definitions/result"}, {"type": "null"}]}, "ulps": _object(dict.fromkeys(("median", "p99", "max"), _TEXT_OR_NULL)),
                "exhaustive": {"type": "boolean"}, "total": _COUNT, "statement": _TEXT_OR_NULL,
                "regions": {"type": "array", "items": _object({"verdict": _VERDICT, "low": _TEXT, "high": _TEXT, "points": _COUNT, "mixed": {"type": "boolean"}, "words": _TEXT})},
            }
        ),
        "residual": _object(
            {
                "expression": _TEXT, "point": _POINT, "computed": _TEXT, "exact": _TEXT_OR_NULL, "expected": _TEXT_OR_NULL, "met": _TRUTH_OR_NULL,
                "blame": {"type": "array", "items": _object({"statement": _TEXT, "first": _TEXT_OR_NULL, "second": _TEXT_OR_NULL, "difference": _TEXT})},
            }
        ),
        "published": _object({"name": _TEXT, "point": _POINT, "computed": _TEXT, "published": _TEXT, "met": {"type": "boolean"}}),
        "suggestion": _object(
            {
                **who, "file": _TEXT, "line": _LINE, "column": _LINE, "original": {"description": "the statement of the file", **_TEXT}, "replacement": {"description": "what may stand in its place", **_TEXT},
                "proof": {"description": "approximates: a series is part of it, with a certified remainder", "enum": ["proved", "approximates"]}, "proof_text": {"description": "for which inputs, or within how many ulps and where", **_TEXT},
                "before": {"description": "the errors of the statement, at points of the domain that the search has not seen", **_errors()}, "after": {"description": "the errors of the replacement, at the same points", **_errors()},
                "regions": {"type": "array", "items": _object({"condition": _TEXT, "formula": _TEXT, "before": _errors(), "after": _errors()})},
                "cost": {"description": "the time of the replacement over that of the statement", **_TEXT}, "verdict_before": {"description": "the worst at the points of the search and of the hunt", **_TEXT},
                "verdict_after": {"description": "the same of the replacement", **_TEXT}, "candidates": {"description": "formulas that were measured", **_COUNT}, "patch": {"description": "a unified diff of the file; empty where there is none", **_TEXT}, "why_no_patch": _TEXT, "pass_text": {"description": "the implementation with the replacement, as it may stand under `implementations`; empty where its backward pass is written", **_TEXT},
            }
        ),
        "region": _object({**who, "verdict": _VERDICT, "input": _TEXT, "low": _TEXT, "high": _TEXT, "along": _TEXT, "cause": _TEXT, "point": _POINT}),
        "box": {"description": "of every input the lowest and the highest number", "type": "object", "additionalProperties": {"type": "array", "items": _TEXT, "minItems": 2, "maxItems": 2}},
        "bound": {
            "description": "what is certified of the error of a gradient for all numbers of a box; `bound` holds in all of it but the share `open` of its volume",
            **_object(
                {
                    **who, "box": _BOX, "unit": {"enum": ["ulp", "absolute"]}, "claim": {"description": "null: the best bound is asked for", **_TEXT_OR_NULL}, "bound": _TEXT_OR_NULL,
                    "at_a_point": {"description": "the same bound at one point: no search can prove less", **_TEXT_OR_NULL}, "outcome": {"enum": ["proved", "refuted", "open"]},
                    "open": _TEXT, "open_boxes": {"type": "array", "items": _BOX}, "open_count": _COUNT, "open_absolute": {"description": "of a claim in ulps: a bound of the absolute error in the open boxes", **_TEXT_OR_NULL}, "reason": _TEXT, "worst": {"anyOf": [_BOX, {"type": "null"}]},
                    "seen": {"description": "the largest error found at a point", **_TEXT_OR_NULL}, "seen_at": {"anyOf": [_POINT, {"type": "null"}]},
                    "witness": {"description": "where the claim is refuted", "anyOf": [_POINT, {"type": "null"}]}, "computed": _TEXT_OR_NULL, "exact": _TEXT_OR_NULL,
                    "assumptions": _object({"arithmetic": {"type": "array", "items": _TEXT}, "functions": {"type": "object", "additionalProperties": _object({"ulps": _TEXT, "source": _TEXT})}}),
                    "program_only": {"description": "the formula is not proved: the error is that against the program's own real value", "type": "boolean"},
                    "lines": {"type": "array", "items": _object({"line": {"type": ["integer", "null"]}, "statement": _TEXT, "share": _TEXT, "contribution": _TEXT, "step": _TEXT})},
                    "boxes": _COUNT, "seconds": _TEXT,
                },
                {
                    "listed": {"description": "inputs with their only values", "type": "object", "additionalProperties": {"type": "array", "items": _TEXT}},
                    "given": {"description": "the condition: only the points of the box at which it holds are meant", **_TEXT},
                },
            ),
        },
        "finding": _object(
            {
                "code": {"enum": [*CATALOGUE]}, "name": {"enum": [e.name for e in CATALOGUE.values()]}, "severity": {"enum": ["error", "warning"]}, "message": _TEXT,
                "file": _TEXT, "line": _LINE, "column": _LINE, "implementation": _TEXT, "gradient": _TEXT, "gradients": {"type": "array", "items": _TEXT}, "statement": _TEXT,
                "point": _POINT, "expected": {"type": "boolean"}, "details": {"type": "array", "items": _TEXT},
            }
        ),
    }  # fmt: skip
