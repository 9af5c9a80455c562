"""Checks of the arguments of callbacks."""

from __future__ import annotations

import numbers
import os
from typing import Any


def check_path(owner: str, name: str, value: Any) -> str:
    """Return a path as text. TypeError if it is none."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"`{name}` of {owner} must be a path, as text or a pathlib.Path. Received: {value!r}")
    return os.fspath(value)


def check_numbers(owner: str, least: float | None = None, **values: Any) -> None:
    """Raise TypeError for what is no number, and ValueError for what is less than `least`."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise TypeError(f"`{name}` of {owner} must be a number. Received: {value!r}")
        if least is not None and value < least:
            raise ValueError(f"`{name}` of {owner} must be at least {least}. Received: {value!r}")
