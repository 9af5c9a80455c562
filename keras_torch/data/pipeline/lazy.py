"""Samples that are read when their batch is needed: what the `..._dataset_from_...` functions return."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import BatchSampler, RandomSampler, SequentialSampler

from keras_torch.data.pipeline.blocks import Block, Listed, to_element
from keras_torch.data.pipeline.dataset import Dataset
from keras_torch.data.pipeline.sources import Step
from keras_torch.data.structure import map_structure
from keras_torch.data.workers import by_threads


class LazyDataset(Dataset):
    """Batches that are made anew in every pass from the numbers of their samples by `load(indices)`.

    With `batch_size=None` it gives single samples. `shuffle` mixes all samples in each pass, by `seed` if there is one;
    without `reshuffle` all passes have the order of the first.
    `workers` threads call `load` for up to `ahead` batches early; with 0 it is called when a batch is asked for.
    """

    def __init__(
        self,
        size: int,
        load: Callable[[list[int]], Any],
        batch_size: int | None = 32,
        shuffle: bool = False,
        seed: int | None = None,
        workers: int = 1,
        ahead: int = 2,
        reshuffle: bool = True,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"`batch_size` must be 1 or more, or None for single samples. Received: {batch_size!r}")
        self.size = size
        self.batch_size = batch_size
        self.class_names: list[str] | None = None
        self.file_paths: list[str] | None = None
        generator = None
        if shuffle:
            generator = torch.Generator()
            generator.seed() if seed is None else generator.manual_seed(seed)
        super().__init__(_Loaded(size, load, batch_size, generator, workers, ahead, reshuffle))


class _Loaded(Step):
    def __init__(
        self,
        samples: int,
        load: Callable[[list[int]], Any],
        batch_size: int | None,
        generator: torch.Generator | None,
        workers: int,
        ahead: int,
        reshuffle: bool,
    ) -> None:
        self.samples = samples
        self.size = math.ceil(samples / (batch_size or 1))
        self.generator = generator
        self.has_loose_batches = batch_size is not None
        self._load = load
        self._reshuffle = reshuffle
        self._batch_size = batch_size
        self._workers = workers
        self._ahead = ahead

    def waits(self) -> bool:
        """Whether no thread of its own reads ahead."""
        return not self._workers

    def blocks(self) -> Iterator[Block]:
        """Yield one batch, or sample, at a time."""
        samples = range(self.samples)
        if self.generator is not None and not self._reshuffle:
            self.generator.manual_seed(self.generator.initial_seed())
        sampler = (
            SequentialSampler(samples) if self.generator is None else RandomSampler(samples, generator=self.generator)
        )
        batches = BatchSampler(sampler, self._batch_size or 1, drop_last=False)
        loaded = (
            by_threads(self._load, batches, self._workers, self._ahead) if self._workers else map(self._load, batches)
        )
        for batch in loaded:
            element = batch if self._batch_size else map_structure(lambda leaf: leaf[0], batch)
            yield Listed([to_element(element)])
