"""How often the garbage collector looks while a case is checked."""

from __future__ import annotations

import gc

import pytest

from verifier.run.collector import RARE, rare_collections

DEFAULT = (700, 10, 10)


@pytest.fixture(autouse=True)
def own_threshold() -> object:
    """The threshold of this process is put back."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_the_threshold_is_put_back_even_where_the_block_raises() -> None:
    gc.set_threshold(*DEFAULT)

    @rare_collections()
    def work() -> tuple[int, ...]:
        raise ValueError(str(gc.get_threshold()))

    with pytest.raises(ValueError, match=str(RARE[0])):
        work()
    assert gc.get_threshold() == DEFAULT


@pytest.mark.parametrize("own", [(0, 10, 10), (10**7, 5, 5)])
def test_a_program_that_collects_more_rarely_keeps_its_own(own: tuple[int, int, int]) -> None:
    gc.set_threshold(*own)
    with rare_collections():
        assert gc.get_threshold() == own
