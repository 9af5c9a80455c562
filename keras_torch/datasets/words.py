"""The rules by which IMDB and Reuters become numbers: `start_char`, `index_from`, `maxlen`, `num_words`, `oov_char`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_torch import config


class Texts:
    """Texts as numbers of words, all in one array; `lengths` tells how many are in each."""

    def __init__(self, numbers: np.ndarray, lengths: np.ndarray) -> None:
        self.numbers, self.lengths = numbers, lengths

    @classmethod
    def encoded(cls, texts: Sequence[Any], start_char: int | None, index_from: int | None) -> Texts:
        """Add `index_from` to each number, and put `start_char` in front of each text."""
        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        numbers = np.fromiter(itertools.chain.from_iterable(texts), np.int64, int(lengths.sum())) + (index_from or 0)
        if start_char is not None:
            numbers = np.insert(numbers, np.cumsum(lengths) - lengths, start_char)
            lengths = lengths + 1
        return cls(numbers, lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def joined(self, other: Texts) -> Texts:
        """Return these texts and then those of `other`."""
        return Texts(np.concatenate([self.numbers, other.numbers]), np.concatenate([self.lengths, other.lengths]))

    def shorter(self, maxlen: int | None, labels: np.ndarray) -> tuple[Texts, np.ndarray]:
        """Return the texts with fewer than `maxlen` words, and their labels. ValueError if none is left."""
        if not maxlen:
            return self, labels
        kept = self.lengths < maxlen
        if not kept.any():
            raise ValueError(
                f"No text has fewer than `maxlen={maxlen}` words; the shortest has {min(self.lengths, default=0)}."
            )
        return Texts(self.numbers[np.repeat(kept, self.lengths)], self.lengths[kept]), labels[kept]

    def known(self, num_words: int | None, skip_top: int, oov_char: int | None) -> Texts:
        """Put `oov_char` for numbers below `skip_top` or from `num_words` on, or drop them if it is None.

        Without `num_words` the largest number is the limit, and so is lost itself, in all versions of Keras.
        """
        limit = num_words or self.numbers.max(initial=0)
        known = (self.numbers >= skip_top) & (self.numbers < limit)
        if oov_char is not None:
            return Texts(np.where(known, self.numbers, oov_char), self.lengths)
        if config.dialect() == "1":
            known = ~known  # what Keras 1 kept was the unknown words
        rows = np.repeat(np.arange(len(self)), self.lengths)[known]
        return Texts(self.numbers[known], np.bincount(rows, minlength=len(self)))

    def lists(self) -> np.ndarray:
        """Return an array of lists of ints."""
        found = np.empty(len(self), dtype=object)
        start = 0
        for position, stop in enumerate(np.cumsum(self.lengths).tolist()):
            found[position] = self.numbers[start:stop].tolist()
            start = stop
        return found


def as_array(values: Any) -> np.ndarray:
    """Return the lists of a pickle as an array."""
    if isinstance(values, np.ndarray):
        return values
    found = np.empty(len(values), dtype=object)
    for position, value in enumerate(values):
        found[position] = value
    return found if found.size and isinstance(found[0], (list, np.ndarray)) else np.array(values)
