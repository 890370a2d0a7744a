"""The record of a run: steps with names and places, and what the program comes to."""

from __future__ import annotations

import json

import numpy as np
import pytest

from verifier.arithmetic import floats
from verifier.circuit import arrays
from verifier.language.formats import FORMATS
from verifier.language.user_files import is_of_a_library
from verifier.trace.places import file_of, position, raised_at
from verifier.trace.record import Spot
from verifier.trace.recorder import TOTAL, Recorder

HERE = __file__
FORMAT = FORMATS["float64"]


def spot_of(text):
    """The place of a piece of this file that stands in it once, before this function is used."""
    lines = file_of(HERE).source.text.splitlines()
    row = next(i for i, line in enumerate(lines) if text in line)
    column = lines[row].index(text)
    return Spot(HERE, row + 1, column + 1, row + 1, column + len(text) + 1)


def square(x):
    out = x * x
    return out  # noqa: RET504 - the name is what is tested


def square_backward(g, x):
    return 2 * x * g


def recorded():
    r = Recorder({"x": (2,)}, {"out": (2,)})
    r.at(spot_of("x * x"))
    out = r.done(arrays.elementwise(r.builder, "mul", r.inputs["x"], r.inputs["x"]), [9.0, 16.0], "np.multiply")
    r.end_forward({"out": out})
    r.at(spot_of("2 * x * g"))
    twice = arrays.elementwise(r.builder, "mul", np.array(r.number(2.0)), r.inputs["x"])
    dx = arrays.elementwise(r.builder, "mul", twice, r.upstreams["out"])
    return r.trace({"x": dx}, (3.0, 4.0, 0.5, -1.0), computed={"x": np.array([3.0, -8.0])}, outputs={"out": np.array([9.0, 16.0])})


def test_the_output_is_the_sum_of_all_outputs_each_times_what_flows_in():
    p = recorded().program
    assert p.inputs == ("x[0]", "x[1]", "dout[0]", "dout[1]")
    assert p.parameters == {"dout[0]", "dout[1]"}
    run = floats.run(p, [[v] for v in (3.0, 4.0, 0.5, -1.0)], fmt=FORMAT)
    assert run[p.names[TOTAL]][0] == 0.5 * 9 - 16
    assert [run[p.names[n]][0] for n in ("dx[0]", "dx[1]")] == [3.0, -8.0]


def test_steps_have_the_name_that_the_statement_assigns_and_its_place():
    p = recorded().program
    named = next(s for s in p.steps if s.name == "out[0]")
    line = p.lines[named.line]
    assert line.text == "out = x * x"
    assert line.source.text[named.start : named.end] == "x * x"
    assert not line.backward
    gradient = p.steps[p.names["dx[1]"]]
    assert (p.lines[gradient.line].text, p.lines[gradient.line].backward) == ("return 2 * x * g", True)


def test_an_execution_of_a_statement_is_one_line_and_a_loop_makes_another():
    r = Recorder({"x": ()}, {"out": ()})
    where = spot_of("x * x")
    lines = []
    for instruction in (10, 20, 10):  # the third is the same statement once more
        r.at(where, run=1, instruction=instruction)
        lines.append(r.builder.place[0])
    assert (lines[0] == lines[1], lines[1] == lines[2]) == (True, False)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 2.0**-1074, 1.7976931348623157e308, -0.7, 3.0])
def test_data_are_themselves_exactly_and_count_as_no_rounded_constant(value):
    r = Recorder({"x": ()}, {"out": ()})
    (step,) = r.constants([value]).tolist()
    program = r.builder.program(step)
    assert floats.run(program, [[1.0], [1.0]], fmt=FORMAT)[step][0] == value
    assert program.longest_literal < FORMAT.digits


def test_a_number_of_the_source_is_the_decimal_that_is_written_there():
    r = Recorder({"x": ()}, {"out": ()})
    assert [r.builder.steps[r.number(v)].text for v in (0.1, 2.0, 0.044715)] == ["0.1", "2", "0.044715"]


def test_functions_that_differ_in_their_columns_only_have_their_own_places() -> None:
    """What is remembered of one is not said of the other: the same name, line and instructions, with wider gaps in the text."""
    found = []
    for text in ("def f(x):\n    return x+1\n", "def f(x):\n    return x  +  1\n"):
        space: dict[str, object] = {}
        exec(compile(text, "f.py", "exec"), space)
        code = space["f"].__code__
        found.append(next(p for k in range(0, len(code.co_code), 2) if (p := position(code, k))[2:] == (11, len(text.splitlines()[1]))))
    assert found == [(2, 2, 11, 14), (2, 2, 11, 18)]


def test_an_error_is_at_the_last_line_of_the_users_and_not_in_a_library():
    def of_the_user(text):
        return json.loads(text)

    with pytest.raises(ValueError, match="Expecting") as raised:
        of_the_user("{")
    place = raised_at(raised.value)
    assert place is not None
    assert (place.file, place.line) == (__file__, of_the_user.__code__.co_firstlineno + 1)
    assert [is_of_a_library(f) for f in (json.__file__, np.linalg.__file__, floats.__file__, pytest.__file__, __file__)] == [True, True, True, False, False]
