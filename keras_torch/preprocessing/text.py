"""Texts as sequences of numbers, in plain Python: `layers.TextVectorization` does the same inside a model."""

from __future__ import annotations

import collections
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from keras_torch import config
from keras_torch.legacy import translated

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

Analyzer = Callable[[Any], Sequence[Any]]

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_MODES = ("binary", "count", "freq", "tfidf")
# What `Tokenizer.get_config` writes as JSON of its own.
_TABLES = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")


@translated("text_to_word_sequence")
def text_to_word_sequence(
    input_text: str, filters: Iterable[str] = _FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """Return the words of a text: what lies between `split` and the characters of `filters`, in lower case if asked."""
    if not isinstance(input_text, str):
        raise TypeError(f"A text must be a string. Received: {input_text!r:.200} of type {type(input_text).__name__}")
    text = input_text.lower() if lower else input_text
    text = text.translate({ord(character): split for character in filters})
    return [word for word in text.split(split) if word]


@translated("one_hot")
def one_hot(
    input_text: str,
    n: int,
    filters: Iterable[str] = _FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Analyzer | None = None,
) -> list[int]:
    """Return a number from 1 to `n - 1` for each word, by Python's `hash`, which differs from run to run.

    `PYTHONHASHSEED=0` in the environment makes it the same in each run; so does `hashing_trick` with "md5".
    """
    function = (lambda word: abs(hash(word))) if config.dialect() == "1" else hash
    return hashing_trick(input_text, n, function, filters, lower, split, analyzer)


def hashing_trick(
    text: str,
    n: int,
    hash_function: str | Callable[[Any], int] | None = None,
    filters: Iterable[str] = _FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Analyzer | None = None,
) -> list[int]:
    """Return a number from 1 to `n - 1` for each word of a text, by a hash; two words may have the same one.

    `hash_function` is "md5", a function from a word to an int, or None for Python's `hash`, which differs from run to
    run. `analyzer` splits the text in place of `text_to_word_sequence`. ValueError if `n` is below 2.
    """
    if n < 2:
        raise ValueError(f"`n` must be 2 or more, since 0 stands for no word. Received: {n!r}")
    if hash_function is None:
        hash_function = hash
    elif hash_function == "md5":
        hash_function = _md5
    if not callable(hash_function):
        raise ValueError(f"`hash_function` must be 'md5', a function or None. Received: {hash_function!r}")
    words = text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    return [hash_function(word) % (n - 1) + 1 for word in words]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Numbers for the words of texts, the most frequent being 1; 0 is no word.

    Args:
        num_words: Only numbers below it are given out; None for all.
        filters, lower, split: As in `text_to_word_sequence`.
        char_level: Each character is a word.
        oov_token: Has the number 1 and stands for all words that have none; without it they are left out.
        analyzer: A function that splits a text in place of `text_to_word_sequence`.
        document_count: How many texts were seen before.

    Texts may also be lists of words. `word_counts`, `word_docs` (texts that have a word), `word_index`, `index_word`
    and `index_docs` hold what was seen. Words of one frequency keep the order in which they were met. Keras 1 counted
    the texts anew at each fit and kept the case of characters; so does its dialect.
    """

    # Tokenizers in pickles of older versions lack these.
    analyzer: Analyzer | None = None
    oov_token: str | None = None

    @translated("Tokenizer")
    def __init__(
        self,
        num_words: int | None = None,
        filters: Iterable[str] = _FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: Analyzer | None = None,
        document_count: int = 0,
    ) -> None:
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.document_count = document_count
        self.word_counts: dict[Any, int] = collections.OrderedDict()
        self.word_docs: dict[Any, int] = collections.defaultdict(int)
        self.index_docs: dict[int, int] = collections.defaultdict(int)
        self.word_index: dict[Any, int] = {}
        self.index_word: dict[int, Any] = {}

    @property
    def nb_words(self) -> int | None:
        """`num_words` under its name in Keras 1."""
        return self.num_words

    @nb_words.setter
    def nb_words(self, value: int | None) -> None:
        self.num_words = value

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "nb_words" in state:
            state = {**state, "num_words": state["nb_words"]}
            del state["nb_words"]
        self.__dict__.update(state)
        if "index_word" not in state:
            self.index_word = {index: word for word, index in self.__dict__.get("word_index", {}).items()}

    def _words(self, text: Any) -> Sequence[Any]:
        if isinstance(text, (list, tuple)):
            return [word.lower() for word in text] if self.lower else text
        if self.char_level:
            return text.lower() if self.lower and config.dialect() != "1" else text
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def _start(self) -> None:
        """Forget how many texts there were, as Keras 1 did."""
        if config.dialect() == "1":
            self.document_count = 0
            self.index_docs = collections.defaultdict(int)

    def fit_on_texts(self, texts: Iterable[Any]) -> None:
        """Count the words of texts (a list or a generator), and number all words anew by what was seen until now."""
        self._start()
        for text in texts:
            self.document_count += 1
            words = self._words(text)
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] = self.word_docs.get(word, 0) + 1
        ranked = sorted(self.word_counts, key=lambda word: self.word_counts[word], reverse=True)
        if self.oov_token is not None:
            ranked.insert(0, self.oov_token)
        self.word_index = {word: index for index, word in enumerate(ranked, 1)}
        self.index_word = {index: word for word, index in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: Sequence[Sequence[int]]) -> None:
        """Count in how many sequences of numbers each number is, for the mode "tfidf"."""
        self._start()
        self.document_count += len(sequences)
        for sequence in sequences:
            for index in set(sequence):
                self.index_docs[index] = self.index_docs.get(index, 0) + 1

    def texts_to_sequences(self, texts: Iterable[Any]) -> list[list[int]]:
        """Return a list of numbers for each text."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Any]) -> Iterator[list[int]]:
        """Yield a list of numbers for each text."""
        unknown = self.word_index.get(self.oov_token)
        for text in texts:
            indices = (self._within(self.word_index.get(word), unknown) for word in self._words(text))
            yield [index for index in indices if index is not None]

    def _within(self, index: int | None, unknown: int | None) -> int | None:
        """Return a number that is given out, else that of all other words, if there is one."""
        return unknown if index is None or (self.num_words and index >= self.num_words) else index

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """Return for each sequence of numbers its words, with spaces between."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """Yield for each sequence of numbers its words, with spaces between."""
        unknown = self.word_index.get(self.oov_token)
        for sequence in sequences:
            indices = (self._within(index if index in self.index_word else None, unknown) for index in sequence)
            yield " ".join(self.index_word[index] for index in indices if index is not None)

    def texts_to_matrix(self, texts: Iterable[Any], mode: str = "binary") -> np.ndarray:
        """Return a row for each text, as `sequences_to_matrix` does."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> np.ndarray:
        """Return an array of shape `(len(sequences), num_words)`; the column is a word's number.

        Values by `mode`: "binary" is 1 for words that are there, "count" how often, "freq" the count divided by the
        length of the sequence, "tfidf" is `(1 + log(count)) * log(1 + texts / (1 + texts with the word))`. ValueError
        for another mode, and if what it needs was never counted.
        """
        if mode not in _MODES:
            raise ValueError(f"`mode` must be one of {', '.join(map(repr, _MODES))}. Received: {mode!r}")
        if not self.num_words and not self.word_index:
            raise ValueError("The width of the matrix is not known: pass `num_words`, or call `fit_on_texts` first.")
        if mode == "tfidf" and not self.document_count:
            raise ValueError("The mode 'tfidf' needs the frequencies of words: call `fit_on_texts` first.")
        width = self.num_words or len(self.word_index) + 1
        lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        columns = np.array([index for sequence in sequences for index in sequence], dtype=np.int64)
        known = columns < width
        matrix = np.zeros((len(lengths), width))
        np.add.at(matrix, (rows[known], columns[known]), 1)
        if mode == "binary":
            return np.minimum(matrix, 1, out=matrix)
        if mode == "freq":
            matrix /= np.maximum(lengths, 1)[:, None]
        elif mode == "tfidf":
            present = np.nonzero(matrix)
            documents = np.array([self.index_docs.get(index, 0) for index in range(width)])
            weights = np.log(1 + self.document_count / (1 + documents))
            matrix[present] = (1 + np.log(matrix[present])) * weights[present[1]]
        return matrix

    def get_config(self) -> dict[str, Any]:
        """Return the arguments but for `analyzer`, and what was counted, as JSON."""
        return {
            "num_words": self.num_words,
            "filters": self.filters,
            "lower": self.lower,
            "split": self.split,
            "char_level": self.char_level,
            "oov_token": self.oov_token,
            "document_count": self.document_count,
            **{name: json.dumps(getattr(self, name)) for name in _TABLES},
        }

    def to_json(self, **kwargs: Any) -> str:
        """Return what `tokenizer_from_json` reads; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """Return the Tokenizer that `Tokenizer.to_json` described, ours or Keras 2's. ValueError for anything else."""
    try:
        arguments = dict(json.loads(json_string)["config"])
        tables = {name: dict(json.loads(arguments.pop(name))) for name in _TABLES}
        for name in ("index_docs", "index_word"):
            tables[name] = {int(index): value for index, value in tables[name].items()}
        tokenizer = Tokenizer(**arguments)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"`json_string` is not what `Tokenizer.to_json` writes ({type(error).__name__}: {error}). "
            f"Received: {json_string!r:.200}"
        ) from error
    for name, table in tables.items():
        setattr(tokenizer, name, table)
    return tokenizer
