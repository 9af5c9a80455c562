"""The steps of a pipeline that sort elements by a number: into windows of one key, and into classes of even shares."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from keras_torch.data.pipeline.blocks import Block, Listed
from keras_torch.data.pipeline.calls import ElementFunction
from keras_torch.data.pipeline.sources import UNKNOWN, Step, generator_of
from keras_torch.data.pipeline.steps import Over


class GroupByWindow(Over):
    """Elements of one key, `size(key)` at a time, each group handed to `reduce(key, elements)`, which gives a step."""

    def __init__(
        self,
        source: Step,
        key: Callable[..., Any],
        reduce: Callable[[int, list[Any]], Step],
        size: Callable[[int], int],
    ) -> None:
        super().__init__(source)
        self.size = UNKNOWN
        self.has_loose_batches = True
        self._key = ElementFunction(key)
        self._reduce = reduce
        self._size = size

    def blocks(self) -> Iterator[Block]:
        """Yield what becomes of each full window, at the end of those that are not full, by key."""
        windows: dict[int, list[Any]] = {}
        for element in self.source.elements():
            key = int(self._key(element))
            window = windows.setdefault(key, [])
            window.append(element)
            if len(window) >= self._size(key):
                yield from self._reduce(key, windows.pop(key)).blocks()
        for key in sorted(windows):
            yield from self._reduce(key, windows[key]).blocks()


def bucket_of(length: int, boundaries: Sequence[int]) -> int:
    """Return the number of the bucket of a length: buckets reach up to, but without, their boundaries."""
    return bisect.bisect_right(list(boundaries), length)


class Resample(Over):
    """Pairs of class and element, of which some are dropped so that classes come as often as `target` says."""

    def __init__(
        self, source: Step, classify: Callable[..., Any], target: Sequence[float], initial: Any, seed: int | None
    ) -> None:
        super().__init__(source)
        self.size = UNKNOWN
        self.generator = generator_of(seed)
        self._classify = ElementFunction(classify)
        self._target = torch.as_tensor(target, dtype=torch.float64)
        self._initial = None if initial is None else torch.as_tensor(initial, dtype=torch.float64)

    def blocks(self) -> Iterator[Block]:
        """Yield the pairs that are kept; without `initial`, shares are estimated from the elements so far."""
        counts = torch.ones_like(self._target)
        for element in self.source.elements():
            found = self._classify(element)
            counts[int(found)] += 1
            initial = counts / counts.sum() if self._initial is None else self._initial
            ratios = self._target / initial
            share = float(ratios[int(found)] / ratios.max())
            if float(torch.rand((), generator=self.generator)) < share:
                yield Listed([(found, element)])
