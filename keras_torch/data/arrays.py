"""Arrays as batches: an index permutation and slices of whole tensors, block by block, never sample by sample."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.data.rows import Rows
from keras_torch.data.transfer import to_device
from keras_torch.distributed import Share

# The share of free GPU memory that training data may take before it stays on the host.
DEVICE_SHARE = 0.25
# How much is gathered at once: small enough for a CPU's caches, large enough to amortize a copy to a GPU.
CPU_BLOCK_BYTES = 2 << 20
DEVICE_BLOCK_BYTES = 64 << 20
MAX_BLOCK_BATCHES = 256
# Up to here small integers, such as images, become floats once; larger data would take much more memory than the
# user's and is converted block by block.
CONVERT_ONCE_BYTES = 64 << 20


class ArrayData:
    """Tensors with one common first dimension, cut into batches.

    `tensors` lie on the host, or are Rows, which are read block by block; `dtypes` are what the model wants (None: as
    they are); `pack` turns the tuple of one batch's tensors into the batch. `shuffle` is True, False or "batch"
    (shuffle whole batches or the samples of each, as the Keras at hand does). With a `share` only this process's rows
    of each batch are read.
    """

    repeatable = True

    def __init__(
        self,
        tensors: list[torch.Tensor | Rows],
        batch_size: int = 32,
        shuffle: bool | str = False,
        dtypes: list[torch.dtype | None] | None = None,
        device: torch.device | None = None,
        pack: Callable[[tuple[torch.Tensor, ...]], Any] | None = None,
        share: Share | None = None,
    ) -> None:
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.size = int(tensors[0].shape[0])
        self.num_batches = math.ceil(self.size / batch_size)
        self.device = device or config.default_device()
        self._pack = pack
        self._share = share
        self._order: np.ndarray | None = None
        self._rng: torch.Tensor | None = None
        self._place(tensors, dtypes or [None] * len(tensors))

    def _place(self, tensors: list[torch.Tensor | Rows], dtypes: list[torch.dtype | None]) -> None:
        """Convert and move what fits; what does not is left for `_block`."""
        sizes = [t.numel() * (d.itemsize if d else t.element_size()) for t, d in zip(tensors, dtypes, strict=True)]
        total = sum(sizes)
        in_memory = self.device.type == "cpu" or not any(isinstance(t, Rows) for t in tensors)
        resident = in_memory and (all(t.device == self.device for t in tensors) or _fits(total, self.device))
        if resident:
            tensors = [t.to(self.device) for t in tensors]
        if total <= CONVERT_ONCE_BYTES:
            tensors = [t if d is None else t.to(d) for t, d in zip(tensors, dtypes, strict=True)]
        self._tensors = tensors
        self._dtypes = [d if d is not None and t.dtype != d else None for t, d in zip(tensors, dtypes, strict=True)]
        self._on_device = resident
        self._passthrough = resident and not any(self._dtypes)
        budget = CPU_BLOCK_BYTES if self.device.type == "cpu" else DEVICE_BLOCK_BYTES
        per_batch = max(1, total * self.batch_size // max(1, self.size))
        self._block = self.batch_size * max(1, min(MAX_BLOCK_BATCHES, budget // per_batch))

    def epoch(self, start: int = 0) -> Iterator[Any]:
        """Yield the batches of one pass; with `start`, those from there on of the pass in `load_state_dict`."""
        return self._batches(self._same_order() if start else self._next_order(), start)

    def _batches(self, order: torch.Tensor | None, start: int) -> Iterator[Any]:
        # Blocks begin where they always do: the results of kernels may depend on where data lies in memory.
        if self._share is not None:
            yield from self._shares(self._share, order, start)
            return
        skipped = start * self.batch_size % self._block // self.batch_size
        for first in range(start * self.batch_size // self._block * self._block, self.size, self._block):
            chunk = self._gather(order, first, min(first + self._block, self.size))
            parts = zip(*(tensor.split(self.batch_size)[skipped:] for tensor in chunk), strict=True)
            skipped = 0
            if self._pack is None:
                yield from parts
            else:
                yield from map(self._pack, parts)

    def _shares(self, share: Share, order: torch.Tensor | None, start: int) -> Iterator[Any]:
        """Yield this process's part of the batches, gathered block by block as whole batches are."""
        size = self.batch_size
        order = self._placed(torch.arange(self.size, device="cpu")) if order is None else order
        skipped = start * size % self._block // size
        for first in range(start * size // self._block * self._block, self.size, self._block):
            batches = order[first : first + self._block].split(size)
            rows = [batch[share.rows(len(batch))] for batch in batches]
            chunk = self._gather(torch.cat(rows), 0, sum(map(len, rows)))
            parts = zip(*(tensor.split(list(map(len, rows))) for tensor in chunk), strict=True)
            for batch, part in itertools.islice(zip(batches, parts, strict=True), skipped, None):
                share.take(len(batch))
                yield part if self._pack is None else self._pack(part)
            skipped = 0

    def on_epoch_end(self) -> None:
        """Arrays need nothing between epochs."""

    def watch(self) -> None:
        """Arrays keep what `state_dict` needs in any case."""

    def state_dict(self) -> dict[str, Any]:
        """Return what the order of the current pass was made from."""
        order = None if self._order is None else torch.from_numpy(self._order.copy())
        return {"order": order, "rng": self._rng}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let `epoch(start)` go on with the pass of which this is the state."""
        self._order = None if state["order"] is None else state["order"].numpy()
        self._rng = state["rng"]

    def _gather(self, order: torch.Tensor | None, start: int, stop: int) -> list[torch.Tensor]:
        if order is None:
            chunk = [tensor.narrow(0, start, stop - start) for tensor in self._tensors]
        else:
            index = order[start:stop]
            chunk = [tensor.index_select(0, index) for tensor in self._tensors]
        if self._passthrough:
            return chunk
        # Moved in the stored dtype, and converted there.
        chunk = chunk if self._on_device else to_device(chunk, self.device)
        return [tensor if d is None else tensor.to(d) for tensor, d in zip(chunk, self._dtypes, strict=True)]

    def _next_order(self) -> torch.Tensor | None:
        if not self.shuffle:
            return None
        if config.is_classic():
            return self._placed(self._classic_order())
        self._rng = torch.get_rng_state()
        return self._placed(self._torch_order())

    def _same_order(self) -> torch.Tensor | None:
        """Return the order of the pass again."""
        if not self.shuffle:
            return None
        if self._order is not None:
            return self._placed(torch.from_numpy(self._order.copy()))
        with torch.random.fork_rng(devices=()):
            torch.set_rng_state(self._rng)  # type: ignore[arg-type]
            return self._placed(self._torch_order())

    def _placed(self, order: torch.Tensor) -> torch.Tensor:
        return order.to(self.device if self._on_device else "cpu")

    def _torch_order(self) -> torch.Tensor:
        """Keras 3's "batch" shuffles the samples of each batch; that of tf.keras the batches, too."""
        if self.shuffle != "batch":
            return torch.randperm(self.size, device="cpu")
        whole = self.size // self.batch_size
        rows = torch.rand(whole, self.batch_size, device="cpu").argsort(1)
        starts = torch.randperm(whole, device="cpu") if config.dialect() == "tf" else torch.arange(whole, device="cpu")
        rest = torch.randperm(self.size - whole * self.batch_size, device="cpu") + whole * self.batch_size
        return torch.cat([(starts[:, None] * self.batch_size + rows).flatten(), rest])

    def _classic_order(self) -> torch.Tensor:
        """Keras 1 and 2 shuffle one index array, or its batches, again and again with numpy's global generator."""
        if self._order is None:
            self._order = np.arange(self.size)
        if self.shuffle == "batch":
            whole = self.size // self.batch_size * self.batch_size
            rows = self._order[:whole].reshape(-1, self.batch_size)
            np.random.shuffle(rows)
            self._order = np.append(rows.reshape(-1), self._order[whole:])
        else:
            np.random.shuffle(self._order)
        return torch.from_numpy(self._order.copy())


def _fits(size: int, device: torch.device) -> bool:
    """Whether data of `size` bytes may live on `device` for the whole training."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return size <= free * DEVICE_SHARE
    return device.type == "cpu"
