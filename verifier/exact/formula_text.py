"""Expressions of SymPy as text in the language of the case files; nothing for what that language has no words for."""

from __future__ import annotations

from typing import Any

from sympy.printing.str import StrPrinter

from verifier.exact.sympy_gates import GATES_OF_FUNCTIONS, Expression, emit
from verifier.language.primitives import NoGate


class _Printer(StrPrinter):  # type: ignore[misc]
    """SymPy's own order and brackets, with the functions, constants and conditions of the language."""

    def _print_Function(self, e: Any) -> str:  # noqa: N802 - SymPy's way to name them
        return f"{GATES_OF_FUNCTIONS.get(e.func, e.func.__name__)}({self.stringify(e.args, ', ')})"

    _print_Abs = _print_Max = _print_Min = _print_LatticeOp = _print_Function  # noqa: N815

    def _print_polygamma(self, e: Any) -> str:
        order, at = e.args
        return f"digamma({self._print(at)})" if order == 0 else f"polygamma({self.stringify((order, at), ', ')})"

    def _print_hyper(self, e: Any) -> str:
        return f"hyp{len(e.ap)}f{len(e.bq)}({self.stringify((*e.ap, *e.bq, e.argument), ', ')})"

    def _print_Exp1(self, _: Any) -> str:  # noqa: N802
        return "e"

    def _print_EulerGamma(self, _: Any) -> str:  # noqa: N802
        return "euler_gamma"

    def _print_Relational(self, e: Any) -> str:  # noqa: N802
        return f"{self._print(e.lhs)} {e.rel_op} {self._print(e.rhs)}"

    def _print_And(self, e: Any) -> str:  # noqa: N802
        return " and ".join(f"({self._print(a)})" for a in e.args)

    def _print_Or(self, e: Any) -> str:  # noqa: N802
        return " or ".join(f"({self._print(a)})" for a in e.args)

    def _print_Not(self, e: Any) -> str:  # noqa: N802
        return f"not ({self._print(e.args[0])})"

    def _print_Piecewise(self, e: Any) -> str:  # noqa: N802
        found = str(self._print(e.args[-1].expr))
        for branch in reversed(e.args[:-1]):
            found = f"where({self._print(branch.cond)}, {self._print(branch.expr)}, {found})"
        return found

    def _print_Heaviside(self, e: Any) -> str:  # noqa: N802
        at = self._print(e.args[0])
        return f"where({at} > 0, 1, where({at} == 0, {self._print(e.args[1])}, 0))"


def formula_text(expression: Expression) -> str:
    """The expression as text; empty where a part of it (such as a derivative that SymPy leaves as it is) has no word in the language.

    >>> import sympy
    >>> x = sympy.Symbol("x", real=True)
    >>> formula_text(sympy.diff(sympy.Abs(x) * x**2, x)), formula_text(sympy.diff(sympy.Function("f")(x), x))
    ('x**2*sign(x) + 2*x*abs(x)', '')
    """
    known = dict.fromkeys(expression.free_symbols, 0)
    try:
        emit(expression, known, lambda *_: 0, lambda _: 0, lambda _: 0)
    except (NoGate, KeyError, RecursionError):
        return ""
    return str(_Printer().doprint(expression))


__all__ = ["formula_text"]
