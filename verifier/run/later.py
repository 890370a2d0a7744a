"""Parts of a report that nobody has read yet: they are made when they are first read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

Read = TypeVar("Read")


class Later(Sequence[Read]):
    """A tuple that is made when it is first read, and keeps what it is made of until then. It equals that tuple, and is copied and sent to other processes as one."""

    def __init__(self, make: Callable[[], Iterable[Read]]) -> None:
        self._make: Callable[[], Iterable[Read]] | None = make
        self._items: tuple[Read, ...] = ()

    def _whole(self) -> tuple[Read, ...]:
        if self._make is not None:
            self._items, self._make = tuple(self._make()), None
        return self._items

    def __getitem__(self, at: Any) -> Any:
        """An item, or some of them as a tuple."""
        return self._whole()[at]

    def __len__(self) -> int:
        """How many there are."""
        return len(self._whole())

    def __iter__(self) -> Iterator[Read]:
        """The items."""
        return iter(self._whole())

    def __eq__(self, other: object) -> bool:
        """As the tuple does."""
        return self._whole() == (other._whole() if isinstance(other, Later) else other)

    def __hash__(self) -> int:
        """As the tuple does."""
        return hash(self._whole())

    def __repr__(self) -> str:
        """As the tuple does."""
        return repr(self._whole())

    def __reduce__(self) -> tuple[Any, ...]:
        """The tuple."""
        return tuple, (self._whole(),)


def later(make: Callable[[], Iterable[Read]]) -> tuple[Read, ...]:
    """What some work makes, as a tuple, when it is first read."""
    return Later(make)  # type: ignore[return-value]  # which is read as a tuple is


__all__ = ["Later", "later"]
