"""Collecting the outputs of `predict`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch.backend.string_array import StringArray
from keras_torch.data.conversion import to_numpy
from keras_torch.data.structure import flatten, rebuilder
from keras_torch.distributed import Share, all_arrays, gather_rows

# Outputs up to this size stay on the device until the end, so that no batch waits for a copy.
KEEP_BYTES = 1 << 30


def predictions(share: Share | None, samples: int | None) -> Predictions:
    """Return what collects the outputs of `samples` (None if unknown), alone or with other processes."""
    return Predictions(samples) if share is None else SharedPredictions(share)


class Predictions:
    """Outputs of successive batches, joined along the first axis; `samples` is their total number if known."""

    def __init__(self, samples: int | None) -> None:
        self._samples = samples
        self._rebuild: Any = None
        self._buffers: list[_Buffer] = []

    def add(self, outputs: Any) -> None:
        """Append one batch's outputs."""
        leaves = flatten(outputs)
        if not self._buffers:
            self._rebuild = rebuilder(outputs)
            self._buffers = [_Buffer(leaf, self._samples) for leaf in leaves]
        for buffer, leaf in zip(self._buffers, leaves, strict=True):
            buffer.add(leaf)

    def result(self) -> Any:
        """Return numpy arrays in the structure of the model's outputs."""
        if not self._buffers:
            raise ValueError("`predict` got no batches. Received: data without any batch")
        arrays = [buffer.result() for buffer in self._buffers]
        return self._rebuild(arrays) if self._rebuild else arrays[0]


class SharedPredictions(Predictions):
    """Outputs of which each process has a part; `result` gives all of them to all processes, in their order."""

    def __init__(self, share: Share) -> None:
        super().__init__(None)
        self._share = share
        self._lengths: list[int] = []

    def add(self, outputs: Any) -> None:
        """Append this process's part of a batch's outputs; what was computed of borrowed rows is left out."""
        leaves = [leaf if leaf.dim() else leaf.reshape(1) for leaf in flatten(outputs)]
        own = [leaf if self._share.local else leaf[:0] for leaf in leaves]
        rebuild = rebuilder(outputs)
        super().add(rebuild(own) if rebuild else own[0])
        self._lengths.append(len(own[0]))

    def result(self) -> Any:
        """Return numpy arrays in the structure of the model's outputs."""
        if not self._buffers:
            return super().result()
        lengths = [part.tolist() for part in gather_rows(torch.tensor(self._lengths))]
        arrays = [self._joined(buffer.result(), lengths) for buffer in self._buffers]
        return self._rebuild(arrays) if self._rebuild else arrays[0]

    def _joined(self, own: np.ndarray, lengths: list[list[int]]) -> np.ndarray:
        """Return the rows of all processes, batch by batch."""
        parts = all_arrays(own)
        cut = [np.split(part, np.cumsum(sizes)[:-1]) for part, sizes in zip(parts, lengths, strict=True)]
        return np.concatenate([part for batch in zip(*cut, strict=True) for part in batch])


class _Buffer:
    """One output: filled in place when the number of samples is known, else a list of batches."""

    def __init__(self, first: torch.Tensor, samples: int | None) -> None:
        self._whole: torch.Tensor | None = None
        self._filled = 0
        self._parts: list[torch.Tensor] = []
        if isinstance(first, torch.Tensor) and samples and first.dim() and first.shape[0] < samples:
            size = samples * first[0].numel() * first.element_size()
            device = first.device if size <= KEEP_BYTES else torch.device("cpu")
            self._whole = torch.empty((samples, *first.shape[1:]), dtype=first.dtype, device=device)

    def add(self, part: torch.Tensor) -> None:
        whole, end = self._whole, self._filled + (part.shape[0] if part.dim() else 1)
        if whole is not None and (part.shape[1:] != whole.shape[1:] or end > whole.shape[0]):
            # The model changes shapes from batch to batch after all.
            self._parts, self._whole = [whole[: self._filled]], None
            whole = None
        if whole is None:
            self._parts.append(part)
        else:
            whole[self._filled : end].copy_(part)
        self._filled = end

    def result(self) -> Any:
        if self._whole is not None:
            return to_numpy(self._whole[: self._filled])
        parts = [part if part.dim() else part.reshape(1) for part in self._parts]
        if len({part.shape[1:] for part in parts}) > 1:
            raise ValueError(
                "The outputs of different batches cannot be joined into one array. Received the shapes: "
                f"{sorted({tuple(part.shape) for part in parts})}. Pad the inputs to one length, or use "
                "`predict_on_batch`."
            )
        if not isinstance(parts[0], torch.Tensor):
            return to_numpy(np.concatenate(parts).view(StringArray))
        return to_numpy(parts[0] if len(parts) == 1 else torch.cat(parts))
