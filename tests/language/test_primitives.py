"""A new primitive: what it needs is listed at once, wherever it is missed first, and with that it works."""

from __future__ import annotations

import pytest
from flint import arb

from verifier.arithmetic import balls, floats
from verifier.case.load import load_text
from verifier.circuit.expressions import partial
from verifier.circuit.program import Builder
from verifier.exact import derivatives, sympy_gates
from verifier.language.formats import FORMATS
from verifier.language.gates import GATES, Gate, kernel
from verifier.language.primitives import HELPFUL, NEEDED, IncompleteGate, incomplete, missing
from verifier.verify import verify

CASE = "function: {0}(x) + x\npoints: [{{x: 1.5}}]\nimplementations:\n  staged:\n    forward: out = {0}(x) + x\n"
KERNELS = ("column `float64`", "column `arrays`")


def applied_once(name: str) -> object:
    builder = Builder(("a",))
    return builder.program(builder.append(name, (0,)))


def cube(a: float) -> float:
    return a * a * a


def reported(name: str) -> object:
    return verify(load_text(CASE.format(name)).cases[0])


@pytest.mark.parametrize("name", GATES)
def test_no_gate_of_the_table_lacks_what_it_needs(name: str) -> None:
    assert missing(name).needed == ()


def test_what_is_found_missing_is_missing() -> None:
    for name, gate in GATES.items():
        for what, where in HELPFUL.items():
            assert gate.means is not None or (name in kernel(where)) is not any(entry.startswith(what) for entry in missing(name).helpful)
    assert any(missing(name).helpful for name in GATES)


@pytest.mark.parametrize(
    "use",
    [
        lambda name: balls.function_of(name, strict=False),
        lambda name: floats.run(applied_once(name), [[1.5]], fmt=FORMATS["float64"]),
        lambda name: floats.run(applied_once(name), [[1.5]], fmt=FORMATS["float32"]),
        lambda name: derivatives.local_gradient(name, (None,)),
        lambda name: partial(name, 0),
        reported,
    ],
)
def test_a_bare_primitive_fails_with_all_that_it_lacks_wherever_it_is_used_first(use: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GATES, "bare", Gate("bare", ("a",)))
    with pytest.raises(IncompleteGate) as error:
        use("bare")
    for place in (*NEEDED.values(), *HELPFUL.values(), *KERNELS, "column `partials`"):
        assert place in str(error.value)


def test_with_what_it_needs_a_primitive_is_certified(monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{__name__}.cube"
    monkeypatch.setitem(GATES, "cubed", Gate("cubed", ("a",), partials=("3 * a * a",), float64=path, arrays=path))
    assert [entry.partition(" (")[2].rstrip(")") for entry in missing("cubed").needed] == list(NEEDED.values())
    monkeypatch.setitem(balls.PRIMITIVES, "cubed", lambda a: a**3)
    assert [entry.partition(" (")[2].rstrip(")") for entry in missing("cubed").needed] == [NEEDED["the SymPy meaning"]]
    assert NEEDED["the function of balls"] not in str(incomplete("cubed"))
    monkeypatch.setitem(sympy_gates.PRIMITIVES, "cubed", lambda a: a**3)
    assert missing("cubed").needed == ()
    report = reported("cubed")
    assert report.status == "passed"
    exact = balls.run(derivatives.primitive(applied_once("cubed")), [[arb(1.5)]], bits=100, strict=True)[-1][0]
    assert exact == 3.375


def test_a_gate_with_a_meaning_needs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GATES, "tripled", Gate("tripled", ("a",), means="3 * a", partials=("3",)))
    assert missing("tripled").needed == missing("tripled").helpful == ()
    assert reported("tripled").status == "passed"
    monkeypatch.setitem(GATES, "tripled", Gate("tripled", ("a",), means="3 * a"))
    assert "column `partials`" in missing("tripled").needed[0]


def test_a_name_that_the_table_does_not_have_is_said() -> None:
    assert str(incomplete("sigmod")) == "the table has no gate 'sigmod'"
