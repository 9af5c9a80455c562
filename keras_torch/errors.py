"""Exceptions that carry Keras's types, and helpers that make their messages useful."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NotBuiltError(ValueError):
    """A layer or model has no weights yet because it never saw an input shape."""


class FileFormatError(ValueError):
    """A file is damaged, of an unknown format, or asks for something that is refused."""


def suggest(name: object, options: Iterable[str]) -> str:
    """Return ' Did you mean "x"?' for the nearest of `options`, or an empty string."""
    names = [option for option in options if isinstance(option, str)]
    lower: dict[str, str] = {}
    for option in names:
        lower.setdefault(option.lower(), option)
    close = difflib.get_close_matches(str(name).lower(), list(lower), n=1, cutoff=0.6)
    return f' Did you mean "{lower[close[0]]}"?' if close else ""
