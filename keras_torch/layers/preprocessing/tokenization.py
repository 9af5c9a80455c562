"""Text to tokens with TensorFlow's rules: cleaning, splitting, n-grams. Strings in, lists of strings out."""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from keras_torch.backend.string_array import StringArray, to_strings

# TensorFlow lowers ASCII letters only, and splits at ASCII whitespace only.
_LOWER = {ord(upper): upper.lower() for upper in string.ascii_uppercase}
_STRIP: dict[int, str | None] = dict.fromkeys(map(ord, string.punctuation))
_TABLES: dict[str, dict[int, Any]] = {
    "lower": _LOWER,
    "strip_punctuation": _STRIP,
    "lower_and_strip_punctuation": {**_LOWER, **_STRIP},
}
STANDARDIZATIONS = tuple(_TABLES)
_words = re.compile(r"\S+", re.ASCII).findall
# What Python's own, faster split would take for whitespace, too, beside characters that are not ASCII.
_SEPARATORS = "\x1c\x1d\x1e\x1f"


def _split_words(texts: list[str]) -> list[list[str]]:
    joined = "".join(texts)
    if joined.isascii() and not any(mark in joined for mark in _SEPARATORS):
        return [text.split() for text in texts]
    return list(map(_words, texts))


def _split_characters(texts: list[str]) -> list[list[str]]:
    return list(map(list, texts))


SPLITS: dict[str, Callable[[list[str]], list[list[str]]]] = {
    "whitespace": _split_words,
    "character": _split_characters,
}


def standardize(strings: StringArray, how: Any) -> StringArray:
    """Return cleaned strings. `how` is one of STANDARDIZATIONS, None, or a function of a numpy array of strings."""
    if how is None:
        return strings
    if callable(how):
        return to_strings(np.asarray(how(np.asarray(strings, str))), "What `standardize` returns")
    table = _TABLES[how]
    cleaned = np.empty(strings.size, object)
    cleaned[:] = [text.translate(table) for text in strings.ravel().tolist()]
    return cleaned.reshape(strings.shape).view(StringArray)


def split(strings: StringArray, how: Any) -> list[list[str]]:
    """Return the tokens of each of a row of strings. `how` is a key of SPLITS, or a function of a numpy array."""
    if callable(how):
        return [list(map(str, row)) for row in how(np.asarray(strings, str))]
    return SPLITS[how](strings.tolist())


def ngrams(tokens: Sequence[str], widths: Iterable[int]) -> list[str]:
    """Return the n-grams of a row of tokens, joined by spaces, for one width after the other."""
    found: list[str] = []
    # No row has wider ones than itself.
    for width in widths[: len(tokens)] if isinstance(widths, range) else widths:
        if width == 1:
            found += tokens
        else:
            found += [" ".join(tokens[start : start + width]) for start in range(len(tokens) - width + 1)]
    return found
