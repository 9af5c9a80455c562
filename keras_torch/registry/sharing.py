"""Objects that occur several times in what is written or read: they keep being one object, by a `shared_object_id`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_KEY = "shared_object_id"
# What was written, objects and their dicts by the object's `id`, and what was read, by the number in the dict.
_shared: ContextVar[tuple[dict[int, Any], dict[int, Any]] | None] = ContextVar("shared_objects", default=None)


@contextmanager
def sharing_scope() -> Iterator[None]:
    """Let an object that is written or read several times inside stay one object."""
    token = _shared.set(({}, {}))
    try:
        yield
    finally:
        _shared.reset(token)


def note_written(item: Any, described: dict[str, Any]) -> None:
    """Mark the dict of an object, and the one made of it before, if this is not the first."""
    shared = _shared.get()
    if shared is None:
        return
    # The object is kept, so that no other one gets its number.
    _, first = shared[0].setdefault(id(item), (item, described))
    if first is not described:
        first[_KEY] = described[_KEY] = id(item)


def find_made(config: Mapping[str, Any]) -> Any:
    """Return the object that was made of another dict of the same object, or None."""
    shared, number = _shared.get(), config.get(_KEY)
    return shared[1].get(number) if shared is not None and isinstance(number, int) else None


def note_made(config: Mapping[str, Any], made: Any) -> None:
    """Remember what was made of a dict, for others of the same object."""
    shared, number = _shared.get(), config.get(_KEY)
    if shared is not None and isinstance(number, int):
        shared[1][number] = made
