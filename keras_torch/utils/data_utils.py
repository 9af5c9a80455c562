"""Keras 2's path of data helpers: batches by index, enqueuers, and what their worker processes shared."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import numpy as np

from keras_torch.data import PyDataset, Sequence
from keras_torch.data.enqueuers import GeneratorEnqueuer, OrderedEnqueuer, SequenceEnqueuer

__all__ = [
    "GeneratorEnqueuer",
    "OrderedEnqueuer",
    "PyDataset",
    "Sequence",
    "SequenceEnqueuer",
    "get_index",
    "init_pool",
    "init_pool_generator",
    "next_sample",
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


def validate_file(fpath: str | Path, file_hash: str, algorithm: str = "auto", chunk_size: int = 65535) -> bool:
    """Return whether a file has the given SHA-256 or MD5 digest (`algorithm`: "auto" goes by its length)."""
    if algorithm not in ("auto", "sha256", "md5"):
        raise ValueError(f"`algorithm` must be 'auto', 'sha256' or 'md5'. Received: {algorithm!r}")
    by_sha = algorithm == "sha256" or (algorithm == "auto" and len(file_hash) == 64)
    return _hash_file(fpath, "sha256" if by_sha else "md5", chunk_size) == str(file_hash)


def _hash_file(fpath: str | Path, algorithm: str = "sha256", chunk_size: int = 65535) -> str:
    digest = hashlib.new("sha256" if algorithm in ("sha256", "auto") else "md5", usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()
