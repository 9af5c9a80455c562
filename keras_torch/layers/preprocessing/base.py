"""PreprocessingLayer: layers whose state comes from a look at the data, `adapt`, before training."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.devices import to
from keras_torch.engine import Layer
from keras_torch.layers.preprocessing.batches import batches


class PreprocessingLayer(Layer):
    """Base of layers with `adapt`. A subclass defines `update_state(data)`, `reset_state()` and `finalize_state()`.

    `adapt(data)` forgets what an earlier one learnt, calls `build` if that has not happened, `update_state` with every
    batch, and at the end `finalize_state`.
    """

    # Whether a list of arrays is a list of batches, as for numbers, or one batch, as for text.
    _lists_are_batches = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._is_adapted = False

    @property
    def is_adapted(self) -> bool:
        """Whether `adapt` has been called."""
        return self._is_adapted

    def compile(self, run_eagerly: bool | None = None, steps_per_execution: int | None = None) -> None:
        """Keras 2's choice between equal ways to run `adapt`; there is one here, so nothing happens."""

    def adapt(self, data: Any, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the state from an array, a tensor, a list, or a stream of batches, of which `steps` limits the number.

        Streams are torch Datasets (read in batches of `batch_size`, 32 by default) and DataLoaders, `PyDataset`s and
        generators; of `(inputs, targets)` they give, the inputs count. TypeError for anything else, ValueError if there
        is no data.
        """
        self.reset_state()
        empty = True
        for batch in batches(data, batch_size, steps, self.name, self._lists_are_batches):
            empty = False
            prepared = self._adapt_batch(batch)
            if not self.built:
                self._build_once(tuple(getattr(prepared, "shape", (len(prepared), None))))
            self.update_state(prepared)
        if empty:
            raise ValueError(f"Layer {self.name!r}: `adapt` needs at least one batch of data. Received: {data!r}")
        self.finalize_state()
        self._is_adapted = True

    def _adapt_batch(self, batch: Any) -> Any:
        """Return a batch in the form that `update_state` takes: numbers on the device."""
        if isinstance(batch, torch.Tensor):
            return to(batch.detach(), config.default_device())
        array = np.asarray(batch)
        if array.dtype.kind not in "fiub":
            raise TypeError(
                f"Layer {self.name!r} can only be adapted to numbers. Received: a batch of dtype {array.dtype}"
            )
        return torch.as_tensor(array, device=config.default_device())

    def update_state(self, data: Any) -> None:
        """Take one batch into account."""
        raise NotImplementedError(f"{type(self).__name__} must define `update_state(self, data)`.")

    def reset_state(self) -> None:
        """Forget what was learnt."""
        raise NotImplementedError(f"{type(self).__name__} must define `reset_state(self)`.")

    def finalize_state(self) -> None:
        """Turn what `update_state` gathered into what `call` uses."""


def refuse_sparse(layer: Layer, sparse: Any) -> None:
    """ValueError where a sparse output is asked for."""
    if sparse:
        raise ValueError(
            f"Layer {layer.name!r}: `sparse=True` is not supported; the outputs are dense tensors. Leave it out."
        )


def check_choice(layer: Layer, argument: str, value: Any, choices: tuple[str, ...], more: str = "") -> None:
    """ValueError unless `value` is one of `choices`; `more` says what else the argument takes."""
    if value not in choices:
        raise ValueError(f"Layer {layer.name!r}: `{argument}` must be one of {choices}{more}. Received: {value!r}")
