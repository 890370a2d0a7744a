"""Hypothesis in two profiles: `ci` (the default) draws the same examples every time, `search` new ones: HYPOTHESIS_PROFILE=search. No test knows what an earlier one derived."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

os.environ["VERIFIER_NO_CACHE"] = "1"  # what a test sees is computed for it

settings.register_profile("ci", derandomize=True, deadline=None, database=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> None:
    """What is derived of programs of callables is derived anew in every test."""
    truth = sys.modules.get("verifier.exact.truth")
    if truth is not None:
        truth.forget()
