"""Keras 1's and 2's enqueuers: endless streams of batches that threads or processes prepare ahead of their use."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from keras_torch import legacy
from keras_torch.data.sequence import SequenceData
from keras_torch.data.workers import by_one_thread, copies_in_processes


class SequenceEnqueuer:
    """Base class of the enqueuers: `start()`, iterate over `get()`, `stop()`.

    Subclasses implement `_batches()`, which gives the stream, from `self.sequence`, `self.workers` (a number, from
    `start`), `self.max_queue_size` and `self.use_multiprocessing` (processes instead of threads).
    """

    def __init__(self, sequence: Any, use_multiprocessing: bool = False) -> None:
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self.workers = 0
        self.max_queue_size = 10
        self._stream: Generator[Any, None, None] | None = None

    def is_running(self) -> bool:
        """Whether it was started and neither stopped nor came to its end."""
        return self._stream is not None

    @legacy.translated("SequenceEnqueuer.start")
    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        """Make ready `workers` threads or processes, which prepare at most `max_queue_size` batches ahead."""
        if workers < 1:
            raise ValueError(f"`workers` must be 1 or more. Received: {workers!r}")
        self.stop()
        self.workers = int(workers)
        self.max_queue_size = max(1, int(max_queue_size))
        self._stream = self._batches()

    def stop(self, timeout: float | None = None) -> None:
        """End the stream and its workers. Threads finish the batch that they are at; `timeout` is not needed."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def get(self) -> Iterator[Any]:
        """Yield the batches, leaving out those that are None, until `stop` is called."""
        while self._stream is not None:
            try:
                batch = next(self._stream)
            except StopIteration:
                self._stream = None
                return
            except BaseException:
                self.stop()
                raise
            if batch is not None:
                yield batch

    def _batches(self) -> Generator[Any, None, None]:
        raise NotImplementedError(f"{type(self).__name__} must implement `_batches()`, the stream of batches.")


class OrderedEnqueuer(SequenceEnqueuer):
    """The batches of a `Sequence` in order (or shuffled by `random` in each epoch), epoch after epoch without end."""

    def __init__(self, sequence: Any, use_multiprocessing: bool = False, shuffle: bool = False) -> None:
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle

    def _batches(self) -> Generator[Any, None, None]:
        source = SequenceData(
            self.sequence,
            lambda batch: batch,
            self.shuffle,
            self.workers,
            self.use_multiprocessing,
            self.max_queue_size,
            for_model=False,
        )
        while True:
            yield from source.epoch()
            source.on_epoch_end()


class GeneratorEnqueuer(SequenceEnqueuer):
    """The batches of a Python generator.

    One thread runs it, in order: a generator cannot run in several. With `use_multiprocessing` each worker process
    runs a copy, so that every batch comes `workers` times, as in Keras; worker number i seeds numpy with
    `random_seed + i`.
    """

    @legacy.translated("GeneratorEnqueuer")
    def __init__(self, generator: Any, use_multiprocessing: bool = False, random_seed: int | None = None) -> None:
        super().__init__(generator, use_multiprocessing)
        self.random_seed = random_seed

    def _batches(self) -> Generator[Any, None, None]:
        if self.use_multiprocessing:
            return copies_in_processes(self.sequence, self.workers, self.max_queue_size, self.random_seed)
        return by_one_thread(self.sequence, self.max_queue_size)
