"""Sequences of numbers: padding, windows of time series, pairs of words for skip-gram models."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence as Items
from typing import Any

import numpy as np

from keras_torch.data import Sequence
from keras_torch.utils.sequence_utils import pad_sequences

__all__ = [
    "TimeseriesGenerator",
    "make_sampling_table",
    "pad_sequences",
    "skipgrams",
    "timeseries_generator_from_json",
]

_EULER_GAMMA = 0.577  # as many digits as Keras has, on which its tables depend
_LARGEST_SEED = 10_000_000


class TimeseriesGenerator(Sequence):
    """Batches of windows of `length` steps of `data`, each with the target of the step that follows it.

    A window takes every `sampling_rate`-th step; windows begin `stride` steps apart. Only the steps from `start_index`
    to `end_index` (included; None is the last) are used. `shuffle` draws windows from numpy's generator, with
    repetition; `reverse` turns the steps of each window round. A batch is a pair of arrays: the windows, of shape
    `(batch_size, ceil(length / sampling_rate), ...)`, and the targets. ValueError if not even one window fits.
    """

    def __init__(
        self,
        data: Any,
        targets: Any,
        length: int,
        sampling_rate: int = 1,
        stride: int = 1,
        start_index: int = 0,
        end_index: int | None = None,
        shuffle: bool = False,
        reverse: bool = False,
        batch_size: int = 128,
    ) -> None:
        super().__init__()
        if len(data) != len(targets):
            raise ValueError(
                "TimeseriesGenerator needs a target for each step of `data`. "
                f"Received: {len(data)} steps and {len(targets)} targets"
            )
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise ValueError(
                f"TimeseriesGenerator cannot make a window of `length={length}` from `start_index={start_index}` on: "
                f"the step after it would be number {self.start_index}, and the last step is `end_index="
                f"{self.end_index}`."
            )

    def __len__(self) -> int:
        span = self.batch_size * self.stride
        return (self.end_index - self.start_index + span) // span

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            rows = np.arange(first, min(first + self.batch_size * self.stride, self.end_index + 1), self.stride)
        if isinstance(self.data, np.ndarray):
            samples = self.data[rows[:, None] + np.arange(-self.length, 0, self.sampling_rate)]
        else:
            samples = np.array([self.data[row - self.length : row : self.sampling_rate] for row in rows])
        if isinstance(self.targets, np.ndarray):
            targets = self.targets[rows]
        else:
            targets = np.array([self.targets[row] for row in rows])
        return (samples[:, ::-1] if self.reverse else samples), targets

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; data and targets as JSON. `start_index` is that of the first target."""
        return {
            "data": _as_json("data", self.data),
            "targets": _as_json("targets", self.targets),
            "length": self.length,
            "sampling_rate": self.sampling_rate,
            "stride": self.stride,
            "start_index": self.start_index,
            "end_index": self.end_index,
            "shuffle": self.shuffle,
            "reverse": self.reverse,
            "batch_size": self.batch_size,
        }

    def to_json(self, **kwargs: Any) -> str:
        """Return class name and config as JSON; `kwargs` go to `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def timeseries_generator_from_json(json_string: str) -> TimeseriesGenerator:
    """Return the generator that `TimeseriesGenerator.to_json` described. ValueError for anything else.

    As in Keras, the `start_index` there counts as that of the first step, so that `length` steps are left out.
    """
    try:
        arguments = dict(json.loads(json_string)["config"])
        series = [json.loads(arguments.pop(name)) for name in ("data", "targets")]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"`json_string` is not what `TimeseriesGenerator.to_json` writes ({type(error).__name__}: {error}). "
            f"Received: {json_string!r:.200}"
        ) from error
    return TimeseriesGenerator(*series, **arguments)


def _as_json(name: str, values: Any) -> str:
    try:
        return json.dumps(values.tolist() if hasattr(values, "tolist") else values)
    except TypeError as error:
        raise TypeError(f"`{name}` cannot be written as JSON: {error}. Received: {values!r:.200}") from error


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """Return for each rank below `size` the probability that word2vec keeps a word of that rank.

    Frequencies are taken to follow Zipf's law; `sampling_factor` is word2vec's threshold. Word 0 counts as word 1.
    """
    rank = np.arange(size)
    rank[:1] = 1
    inverse_frequency = rank * (np.log(rank) + _EULER_GAMMA) + 0.5 - 1.0 / (12.0 * rank)
    factor = sampling_factor * inverse_frequency
    return np.minimum(1.0, factor / np.sqrt(factor))


def skipgrams(
    sequence: Items[int],
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list[list[int]], list[Any]]:
    """Return pairs of words, and 1 for each pair whose words are near each other in `sequence`, else 0.

    Words up to `window_size` apart are near; word 0 is none. For each such pair come `negative_samples` pairs with a
    random word from 1 to `vocabulary_size - 1`. Words are skipped by their probability in `sampling_table`.
    `categorical` makes the labels `[0, 1]` and `[1, 0]`. Everything random comes from Python's `random`, in the order
    of Keras; `seed` decides the shuffling alone (and seeds that generator, as in Keras).
    """
    near, far = ([0, 1], [1, 0]) if categorical else (1, 0)
    couples = []
    for position, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        start, stop = max(0, position - window_size), min(len(sequence), position + window_size + 1)
        couples += [[word, sequence[other]] for other in range(start, stop) if other != position and sequence[other]]
    labels: list[Any] = [near] * len(couples)
    if negative_samples > 0:
        count = int(len(couples) * negative_samples)
        words = [couple[0] for couple in couples]
        random.shuffle(words)
        couples += [[words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)]
        labels += [far] * count
    if shuffle:
        seed = random.randint(0, _LARGEST_SEED) if seed is None else seed
        random.seed(seed)
        random.shuffle(couples)
        random.seed(seed)
        random.shuffle(labels)
    return couples, [list(label) for label in labels] if categorical else labels


def _remove_long_seq(maxlen: int, seq: Any, label: Any) -> tuple[list[Any], list[Any]]:
    """Return the sequences shorter than `maxlen`, with their labels. Keras 2's data sets and others call this."""
    kept = [(item, mark) for item, mark in zip(seq, label, strict=False) if len(item) < maxlen]
    return [item for item, _ in kept], [mark for _, mark in kept]
