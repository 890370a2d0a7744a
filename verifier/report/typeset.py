"""The function of a case and its gradient as MathML, typeset by SymPy. Only what is known to be MathML leaves this module."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from xml.etree import ElementTree as ET

from verifier.case.case import Case
from verifier.circuit.program import Program
from verifier.exact import derivatives
from verifier.report.details import Formula

MOST_STEPS = 80  # of the function, in primitives: longer formulas are shown as text only
MOST_GRADIENTS = 8
MOST_CHARACTERS = 6_000  # of MathML: what is longer fills more than a screen
TAGS = frozenset("math mrow mi mn mo mtext mfrac msqrt mroot msup msub msubsup mfenced mtable mtr mtd mover munder mstyle mspace".split())
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\[\d+(,\d+)*\])?")
_ENTITY = re.compile(r"&(?!lt;|gt;|amp;|quot;)\w+;")


def formulas(case: Case) -> tuple[Formula, ...]:
    """The function, and its derivative by every input (at most MOST_GRADIENTS). Without MathML where the function is long, has several outputs, or is an array's."""
    import sympy

    from verifier.exact import sympy_gates
    from verifier.exact.formula_text import formula_text

    text = case.function.text.strip() if case.function is not None else ""
    program = derivatives.primitive(case.programs.truth)
    names = [n for n in program.inputs if n not in program.parameters]
    if case.outputs or len(program) > MOST_STEPS or not all(map(_NAME.fullmatch, program.inputs)):
        return (Formula("", text),) if text else ()
    symbols = {name: sympy.Symbol(symbol_name(name), real=True) for name in program.inputs}
    function = sympy_gates.run(program, list(symbols.values()))[program.output]
    found = [Formula("", text or formula_text(function), mathml(function))]
    for name in _read(program, names)[:MOST_GRADIENTS]:
        derivative = sympy.diff(function, symbols[name])
        found.append(Formula(name, formula_text(derivative), mathml(derivative)))
    return tuple(f for f in found if f.text)


def _read(program: Program, names: Sequence[str]) -> list[str]:
    """The inputs that the function depends on."""
    return [name for i, name in enumerate(program.inputs) if name in names and i in program.needed]


def symbol_name(name: str) -> str:
    """The name under which SymPy typesets an input: an element's index is a subscript.

    >>> symbol_name("W[0,1]"), symbol_name("minus_dot")
    ('W_01', 'minus_dot')
    """
    base, _, index = name.rstrip("]").partition("[")
    return f"{base}_{index.replace(',', '')}" if index else base


def mathml(expression: object) -> str:
    """An expression as MathML; empty where it is too long, or where anything in it is no MathML."""
    from sympy.printing.mathml import mathml as printed

    text = unescape_entities(printed(expression, printer="presentation"))
    return text if len(text) <= MOST_CHARACTERS and is_mathml(text) else ""


def unescape_entities(text: str) -> str:
    """The text with the names of characters (`&InvisibleTimes;`) replaced by the characters; those of XML stay."""
    return _ENTITY.sub(lambda m: unescape(m.group()), text)


def is_mathml(text: str) -> bool:
    """Whether a text is well-formed and has no element but those in TAGS, and no attribute that could do anything.

    >>> is_mathml("<mrow><mi>x</mi></mrow>"), is_mathml("<mi><script>1</script></mi>")
    (True, False)
    """
    try:
        tree = ET.fromstring(text)  # noqa: S314 - SymPy's own output, without a document type
    except ET.ParseError:
        return False
    return all(node.tag in TAGS and not any(re.match("on|href|style|class|id", key) for key in node.attrib) for node in tree.iter())
