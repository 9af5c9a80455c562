"""Unique names for layers and recorded functions, counted per prefix as the dialect counts them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container

from keras_torch import config

_counts: dict[str, int] = defaultdict(int)
# Names of recorded functions that came with a file or a copy: others do without them.
_taken: set[str] = set()


def unique_name(prefix: str) -> str:
    """Return `prefix`, `prefix_1`, ... in tf.keras and Keras 3; `prefix_1`, `prefix_2`, ... in Keras 1 and 2."""
    _counts[prefix] += 1
    number = _counts[prefix] if config.is_classic() else _counts[prefix] - 1
    return f"{prefix}_{number}" if number else prefix


def unused_name(prefix: str, others: Container[str] = ()) -> str:
    """Return the next name of a prefix that `take_name` was not told of and that is not among `others`."""
    name = unique_name(prefix)
    while name in _taken or name in others:
        name = unique_name(prefix)
    return name


def take_name(name: str) -> None:
    """Keep a name from being given to another recorded function."""
    _taken.add(name)


def get_uid(prefix: str = "") -> int:
    """Return the next number of a prefix, starting with 1."""
    _counts[prefix] += 1
    return _counts[prefix]


def reset_names() -> None:
    """Start counting again."""
    _counts.clear()
    _taken.clear()
