"""What decides the last bits of a result is told as the libraries' own metadata tell it."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from verifier.run import environment


def test_versions_are_those_of_the_metadata() -> None:
    assert {name: environment.environment()[name] for name in environment.LIBRARIES} == {name: version(name) for name in environment.LIBRARIES}


def test_the_first_folder_that_has_a_distribution_counts_and_what_is_not_there_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, name in (("a", "Some_Thing-1.2.dist-info"), ("b", "some_thing-3.0.dist-info"), ("b", "other.part-4.dist-info")):
        (tmp_path / folder / name).mkdir(parents=True)
    monkeypatch.setattr(environment.sys, "path", [str(tmp_path / "missing.zip"), str(tmp_path / "a"), str(tmp_path / "b")])
    found = environment._installed.__wrapped__()
    assert found == {"some_thing": "1.2", "other_part": "4"}
    environment._installed.cache_clear()
    environment._version.cache_clear()
    try:
        assert [environment._version(name) for name in ("some-thing", "other.part", "no-such-thing")] == ["1.2", "4", "unknown"]
    finally:
        environment._installed.cache_clear()
        environment._version.cache_clear()
