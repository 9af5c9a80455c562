"""Keras 2's path of data helpers: files, batches by index, enqueuers, and what their worker processes shared."""

from __future__ import annotations

import multiprocessing
from collections.abc import MutableMapping
from typing import Any

import numpy as np

from keras_torch.data import PyDataset, Sequence
from keras_torch.data.enqueuers import GeneratorEnqueuer, OrderedEnqueuer, SequenceEnqueuer
from keras_torch.utils.file_utils import get_file, validate_file
from keras_torch.utils.file_utils import hash_file as _hash_file
from keras_torch.utils.sequence_utils import pad_sequences

__all__ = [
    "GeneratorEnqueuer",
    "OrderedEnqueuer",
    "PyDataset",
    "Sequence",
    "SequenceEnqueuer",
    "_hash_file",
    "get_file",
    "get_index",
    "init_pool",
    "init_pool_generator",
    "next_sample",
    "pad_sequences",
    "validate_file",
]

# What the processes of a pool of the user's own share, by number: `Pool(initializer=init_pool, initargs=(shared,))`.
_shared: MutableMapping[int, Any] = {}


def init_pool(seqs: MutableMapping[int, Any]) -> None:
    """Initialize a process of a pool: keep the Sequences that `get_index` will read."""
    global _shared
    _shared = seqs


def get_index(uid: int, i: int) -> Any:
    """Return batch number `i` of the Sequence `uid` among those given to `init_pool`."""
    return _shared[uid][i]


def init_pool_generator(gens: MutableMapping[int, Any], random_seed: int | None = None, id_queue: Any = None) -> None:
    """Initialize a process of a pool: keep the generators that `next_sample` will run, and seed numpy's generator.

    `id_queue` gets the process's number.
    """
    init_pool(gens)
    number = multiprocessing.current_process().ident
    if random_seed is not None:
        np.random.seed(random_seed + (number or 0))
    if id_queue is not None:
        id_queue.put(number, block=True, timeout=0.1)


def next_sample(uid: int) -> Any:
    """Return the next item of the generator `uid` among those given to `init_pool_generator`."""
    return next(_shared[uid])
