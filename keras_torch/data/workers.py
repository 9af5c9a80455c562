"""Threads and processes that prepare batches ahead of the model. What they give arrives in order, and they end with
their iterator: closed, exhausted or failed."""

from __future__ import annotations

import math
import multiprocessing
import os
import queue
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info

from keras_torch.data.numpy_bridge import from_numpy
from keras_torch.data.structure import map_structure


def by_threads(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int, ahead: int
) -> Generator[Any, None, None]:
    """Yield `function(item)` for each item in order, up to `ahead` of them called early by `workers` threads."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="batch")
    pending: deque[Any] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # Not waiting for them: a thread may be in the middle of a long read that an interrupt should not sit out.
        pool.shutdown(wait=False, cancel_futures=True)


def spare_threads() -> int:
    """Return how many threads may share the making of one batch: one for each CPU, up to eight; in a worker one."""
    if get_worker_info() is not None:
        return 1
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cpus, 8)


def in_threads(function: Callable[[Any], Any], items: Collection[Any], threads: int) -> Iterator[Any]:
    """Yield `function(item)` for each item in order; several threads call it if `threads` and the items allow it."""
    threads = min(threads, len(items))
    return by_threads(function, items, threads, threads) if threads > 1 else map(function, items)


def by_processes(
    function: Callable[[Any], Any], items: Iterable[Any], workers: int, ahead: int, as_tensors: bool = True
) -> Generator[Any, None, None]:
    """Yield `function(item)` for each item in order, called early by the worker processes of a torch DataLoader.

    `as_tensors` turns numpy arrays into tensors, which cross the process boundary in shared memory. Each worker's
    generators (random, numpy, torch) are seeded by DataLoader from torch's generator, so that runs repeat. An exception
    in a worker is raised here with the worker's traceback in its text.
    """
    return _run(_Calls(function), workers, ahead, _share if as_tensors else _unchanged, sampler=items)


def copies_in_processes(
    iterator: Iterator[Any], workers: int, ahead: int, seed: int | None = None, as_tensors: bool = False
) -> Generator[Any, None, None]:
    """Yield the items of an iterator that each worker process runs a copy of, so each item comes `workers` times.

    Worker number i seeds numpy's generator with `seed + i`. Needs an operating system that can fork.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise ValueError(
            "A generator cannot be sent to another process on this system, which cannot fork. "
            f"Received: use_multiprocessing=True with {iterator!r}. Use a `keras.utils.Sequence`, or threads."
        )
    return _run(
        _Copies(iterator),
        workers,
        ahead,
        _share if as_tensors else _unchanged,
        seed=seed,
        multiprocessing_context="fork",
    )


def _run(
    dataset: Dataset,
    workers: int,
    ahead: int,
    collate: Callable[[Any], Any],
    seed: int | None = None,
    **options: Any,
) -> Generator[Any, None, None]:
    with warnings.catch_warnings():
        # DataLoader advises against more workers than cores; the number was the user's choice.
        warnings.filterwarnings("ignore", message="This DataLoader will create", category=UserWarning)
        loader = DataLoader(
            dataset,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=max(1, math.ceil(ahead / workers)),
            collate_fn=collate,
            worker_init_fn=partial(_begin, seed),
            **options,
        )
        batches = iter(loader)
    try:
        yield from batches
    finally:
        end_processes(batches)


def _begin(seed: int | None, worker: int) -> None:
    """Prepare a worker process: its seed, and silence where the thread that hands over tensors finds nobody there."""
    if seed is not None:
        np.random.seed(seed + worker)
    report = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        # An interrupt may end the process that trains between its question for a tensor and the answer.
        if not issubclass(kind, ConnectionError | EOFError):
            report(kind, error, trace)

    sys.excepthook = hook


def end_processes(batches: Iterator[Any]) -> None:
    """End the workers of a DataLoader's iterator now: the traceback of an error may keep it, and them, alive."""
    if hasattr(batches, "_shutdown_workers"):
        batches._shutdown_workers()


class _Calls(Dataset):
    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def __getitem__(self, item: Any) -> Any:
        return self.function(item)


class _Copies(IterableDataset):
    def __init__(self, iterator: Iterator[Any]) -> None:
        self.iterator = iterator

    def __iter__(self) -> Iterator[Any]:
        return self.iterator


def _unchanged(batch: Any) -> Any:
    return batch


def _share(batch: Any) -> Any:
    return map_structure(lambda leaf: from_numpy(leaf) if _is_numeric(leaf) else leaf, batch)


def _is_numeric(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biuf"


def by_one_thread(source: Iterator[Any], ahead: int) -> Generator[Any, None, None]:
    """Yield from an iterator, which a background thread runs up to `ahead` items early. Its exceptions arrive here."""
    items: queue.Queue[tuple[str, Any]] = queue.Queue(max(1, ahead))
    stop = threading.Event()

    def put(item: tuple[str, Any]) -> bool:
        while not stop.is_set():
            try:
                items.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in source:
                if not put(("item", item)):
                    return
            put(("end", None))
        except BaseException as error:
            put(("error", error))

    thread = threading.Thread(target=work, name="generator", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = items.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stop.set()
