"""Objects that occur several times in what is written or read: they keep being one object, by a `shared_object_id`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

KEY = "shared_object_id"
# What was written, and its number, by the object's `id`; and what was read, by the number in the dict.
_shared: ContextVar[tuple[dict[int, tuple[int, Any]], dict[int, Any]] | None] = ContextVar(
    "shared_objects", default=None
)


@contextmanager
def sharing_scope() -> Iterator[None]:
    """Let an object that is written or read several times inside stay one object; see `marked_if_shared`."""
    token = _shared.set(({}, {}))
    try:
        yield
    finally:
        _shared.reset(token)


def note_written(item: Any, described: dict[str, Any]) -> None:
    """Give the dict of an object its number; whether there is another dict of it only shows at the end."""
    shared = _shared.get()
    if shared is not None:
        # The object is kept, so that no other one gets its `id`.
        described[KEY], _ = shared[0].setdefault(id(item), (len(shared[0]), item))


def marked_if_shared(described: Any) -> Any:
    """Return what was written in a scope with numbers on the dicts of objects that occur several times alone."""
    counts: Counter[int] = Counter()

    def count(item: Any) -> None:
        if isinstance(item, Mapping):
            counts.update([item[KEY]] if isinstance(item.get(KEY), int) else [])
        for part in item.values() if isinstance(item, Mapping) else item if isinstance(item, (list, tuple)) else ():
            count(part)

    def strip(item: Any) -> Any:
        if isinstance(item, Mapping):
            return {key: strip(part) for key, part in item.items() if key != KEY or counts.get(part, 0) > 1}
        return type(item)(map(strip, item)) if type(item) in (list, tuple) else item

    count(described)
    return strip(described)


def find_made(config: Mapping[str, Any]) -> Any:
    """Return the object that was made of another dict of the same object, or None."""
    shared, number = _shared.get(), config.get(KEY)
    return shared[1].get(number) if shared is not None and isinstance(number, int) else None


def note_made(config: Mapping[str, Any], made: Any) -> None:
    """Remember what was made of a dict, for others of the same object."""
    shared, number = _shared.get(), config.get(KEY)
    if shared is not None and isinstance(number, int):
        shared[1][number] = made
