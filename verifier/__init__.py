"""Tell whether a gradient computed in floating point is right, how far off it is, and which line is to blame.

    from verifier import load, verify

    for case in load("cases/").cases:
        report = verify(case)
        assert report.status == "passed", report.findings
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from verifier.case.case import Case
    from verifier.case.load import Loaded, load, load_text
    from verifier.language.source import CaseError, Complaint, Place
    from verifier.language.verdict import Verdict
    from verifier.many import verify_all
    from verifier.report.assertion import GradientWarning
    from verifier.report.outcome import CaseReport, Finding, Report, Result
    from verifier.testing import assert_gradient
    from verifier.verify import verify

_HOMES = {  # imported on first use, so that `import verifier` loads neither SymPy nor NumPy
    "Case": "case.case", "CaseError": "language.source", "Complaint": "language.source", "Place": "language.source",
    "Loaded": "case.load", "load": "case.load", "load_text": "case.load",
    "CaseReport": "report.outcome", "Finding": "report.outcome", "Report": "report.outcome", "Result": "report.outcome",
    "GradientWarning": "report.assertion", "Verdict": "language.verdict", "assert_gradient": "testing", "verify": "verify", "verify_all": "many", "fuzz": "search.fuzz",
    "load_ipython_extension": "notebook",
}  # fmt: skip

__all__ = ["Case", "CaseError", "CaseReport", "Complaint", "Finding", "GradientWarning", "Loaded", "Place", "Report", "Result", "Verdict", "__version__", "assert_gradient", "load", "load_text", "verify", "verify_all"]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'verifier' has no attribute '{name}'")
    home = import_module(f"verifier.{_HOMES[name]}")
    value = home if name == "fuzz" else getattr(home, name)  # `verifier.fuzz` is a module: Hypothesis, for those who ask for it
    globals()[name] = value
    return value


class _Package(ModuleType):
    """The package: importing the submodules `load` and `verify` must not hide the functions of those names."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
