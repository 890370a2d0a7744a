"""What the arithmetics of vectors share: the constants of a program are made once, for each arithmetic, strictness and format."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from tests.texts import expression
from verifier.arithmetic import balls, vectors
from verifier.arithmetic.double_double import run as double_doubles
from verifier.arithmetic.intervals import run as intervals
from verifier.exact.derivatives import primitive
from verifier.language.formats import FORMATS

ARITHMETICS = (intervals.VECTORS, double_doubles.VECTORS)


@pytest.mark.parametrize("arithmetic", ARITHMETICS, ids=lambda v: v.name)
def test_constants_are_made_once_for_a_program_and_are_those_that_are_made_anew(arithmetic, monkeypatch):
    program = primitive(expression("x*0.1 + sqrt(pi)/3", "x"))
    columns, made = [np.linspace(0.0, 1.0, 5)], []
    literal = balls.literal
    monkeypatch.setattr(balls, "literal", lambda text, fmt: made.append(text) or literal(text, fmt))
    first = vectors.run(arithmetic, program, columns, strict=True)
    assert sorted(made) == ["0.1", "3"]
    second = vectors.run(arithmetic, program, columns, strict=True)
    assert sorted(made) == ["0.1", "3"], "the second block takes what the first one has made"
    anew = vectors.run(arithmetic, replace(program), columns, strict=True)
    assert sorted(made) == ["0.1", "0.1", "3", "3"], "the twin: another program makes its own"
    for found in (second, anew):
        assert all(np.array_equal(a, b, equal_nan=True) for one, other in zip(first, found, strict=True) for a, b in zip(one[:2], other[:2], strict=True))


def test_constants_of_other_formats_of_strictness_and_of_the_other_arithmetic_are_others():
    program = expression("x*0.30000001192092896", "x")
    in_float32 = vectors.constants(intervals.VECTORS, program, strict=False, rounded_in=FORMATS["float32"])
    in_none = vectors.constants(intervals.VECTORS, program, strict=False, rounded_in=None)
    assert in_float32.keys() == in_none.keys()
    assert [type(v).__name__ for v in vectors.constants(double_doubles.VECTORS, program, strict=False, rounded_in=None).values()] == ["DoubleDouble"]
    assert len(program.constants) == 3
    (wide,), (point,) = in_float32.values(), in_none.values()
    assert wide.high - wide.low > point.high - point.low, "a literal of all digits of the format is a constant that was rounded to it"


def test_a_program_with_its_constants_goes_to_another_process():
    program = expression("x/3", "x")
    for arithmetic in ARITHMETICS:
        vectors.constants(arithmetic, program, strict=False, rounded_in=FORMATS["float32"])
    assert pickle.loads(pickle.dumps(program)) == program == replace(program)
