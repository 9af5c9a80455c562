"""Iterator and NumpyArrayIterator: endless streams of batches that are Sequences as well."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterator as IteratorType
from typing import Any

import numpy as np
import torch
from torch.utils.data import get_worker_info

from keras_torch import config, legacy
from keras_torch.data import Sequence
from keras_torch.legacy.image_rows import image_rules
from keras_torch.utils.images import array_to_img


class Iterator(Sequence):
    """Base of the iterators over images: batches by index, for `fit`, and an endless stream, for `next`.

    Subclasses implement `_get_batches_of_transformed_samples(index_array)`, which returns the batch of the samples with
    these numbers. `shuffle` draws a new order from numpy's global generator for each pass. With a `seed` that generator
    is seeded with `seed + total_batches_seen` before each batch.
    """

    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

    def __init__(self, n: int, batch_size: int, shuffle: bool, seed: int | None) -> None:
        super().__init__()
        self.n = n
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self._rules = image_rules(config.dialect())
        self.index_array: np.ndarray | None = None
        self.total_batches_seen = 0
        self._epoch_start = 0
        self._coming_order: np.ndarray | None = None
        self._start()

    def _start(self) -> None:
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()
        self.batch_index = 0

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("lock", "index_generator")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._start()
        vars(self).update(state)

    def state_dict(self) -> dict[str, Any]:
        """Return where the iterator is, for a training that goes on later."""
        order = None if self.index_array is None else torch.from_numpy(self.index_array.copy())
        return {"order": order, "batch_index": self.batch_index, "total_batches_seen": self.total_batches_seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to what `state_dict` returned."""
        order = state["order"]
        self.index_array = None if order is None else order.numpy().copy()
        self.batch_index, self.total_batches_seen = state["batch_index"], state["total_batches_seen"]

    def __len__(self) -> int:
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx: int) -> Any:
        if not -len(self) <= idx < len(self):
            raise ValueError(f"The index of a batch must be below {len(self)}, the number of batches. Received: {idx}")
        idx %= len(self)
        in_process = get_worker_info() is not None
        number = self._epoch_start + idx if in_process else self.total_batches_seen
        self._seed(number)
        self.total_batches_seen += 1
        if self.index_array is None:
            if not in_process or number == 0 or self._coming_order is None:
                self._set_index_array()
            if in_process and self._coming_order is not None:
                self.index_array = self._coming_order
        assert self.index_array is not None
        return self._get_batches_of_transformed_samples(self.index_array[self.batch_size * idx :][: self.batch_size])

    def _seed(self, number: int) -> None:
        if self.seed is not None:
            np.random.seed(self.seed + number)

    def _set_index_array(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def on_epoch_begin(self) -> None:
        """Look ahead at the first order, which worker processes cannot draw each for itself."""
        self._epoch_start = self.total_batches_seen
        if self.index_array is None:
            state = np.random.get_state()
            self._seed(self.total_batches_seen)
            self._set_index_array()
            self._coming_order, self.index_array = self.index_array, None
            np.random.set_state(state)

    def on_epoch_end(self) -> None:
        """Draw the order of the next pass."""
        if self.total_batches_seen == self._epoch_start:
            # The batches were made, and counted, in worker processes.
            self.total_batches_seen += len(self)
        self._set_index_array()

    def reset(self) -> None:
        """Let `next` begin a new pass."""
        self.batch_index = 0

    def _flow_index(self) -> IteratorType[Any]:
        """Yield the numbers of the samples of one batch after the other, pass after pass."""
        while True:
            self._seed(self.total_batches_seen)
            if self.batch_index == 0:
                self._set_index_array()
            assert self.index_array is not None
            start = (self.batch_index * self.batch_size) % max(self.n, 1)
            stop = start + self.batch_size
            # In Keras 1 a pass that ends with a whole batch goes over into the next, in the same order.
            more = stop <= self.n if self._rules.order_kept else stop < self.n
            self.batch_index = self.batch_index + 1 if more else 0
            self.total_batches_seen += 1
            chosen = self.index_array[start:stop]
            yield (chosen, start, len(chosen)) if self._rules.index_triples else chosen

    def __iter__(self) -> IteratorType[Any]:
        return self

    def __next__(self, *args: Any, **kwargs: Any) -> Any:
        return self.next(*args, **kwargs)

    def next(self) -> Any:
        """Return the next batch."""
        with self.lock:
            chosen = next(self.index_generator)
        return self._get_batches_of_transformed_samples(chosen[0] if self._rules.index_triples else chosen)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__} must implement `_get_batches_of_transformed_samples(index_array)`, one batch."
        )


class SavedBatches:
    """Writes the images of batches to `save_to_dir`, if there is one, as `save_prefix`_number_random.`save_format`."""

    def __init__(self, save_to_dir: Any, save_prefix: str, save_format: str, names: int, data_format: str) -> None:
        self.directory, self.prefix, self.format = save_to_dir, save_prefix, save_format
        self.names = names
        self.data_format = data_format

    def __call__(self, images: np.ndarray, numbers: np.ndarray) -> None:
        if not self.directory:
            return
        for image, number in zip(images, numbers, strict=True):
            name = f"{self.prefix}_{number}_{np.random.randint(self.names)}.{self.format}"
            array_to_img(image, self.data_format, scale=True).save(os.path.join(self.directory, name))


def check_channels(images: np.ndarray, data_format: str) -> None:
    """Warn if the axis of the channels does not look like one."""
    axis = 3 if data_format == "channels_last" else 1
    if images.shape[axis] not in (1, 3, 4):
        warnings.warn(
            f'With `data_format="{data_format}"` axis {axis} of the images holds their channels, 1, 3 or 4 as a rule. '
            f"Received: shape {images.shape}",
            stacklevel=4,
        )


def _array(value: Any) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


class NumpyArrayIterator(Iterator):
    """Batches of images in an array, transformed by an ImageDataGenerator, with their targets and sample weights.

    `x` may also be `(images, others)`: arrays (a list of them, or one) that go along unchanged. `subset` takes the
    first `validation_split` of the samples ("validation") or the rest ("training"); classes must occur in both unless
    `ignore_class_split`.
    """

    @legacy.translated("NumpyArrayIterator")
    def __init__(
        self,
        x: Any,
        y: Any,
        image_data_generator: Any,
        batch_size: int = 32,
        shuffle: bool = False,
        sample_weight: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        ignore_class_split: bool = False,
        dtype: str | None = None,
    ) -> None:
        self.dtype = dtype or config.floatx()
        self.data_format = config.standardize_data_format(data_format)
        others: Any = []
        if isinstance(x, (tuple, list)):
            x, others = x
            others = list(map(_array, others if isinstance(others, list) else [others]))
        y, sample_weight = (None if value is None else _array(value) for value in (y, sample_weight))
        x = _array(x)
        for which, array in (
            ("`x` (images tensor) and `y` (labels) ", y),
            ("`x` (images tensor) and `sample_weight` ", sample_weight),
            *(("All of the arrays in `x` ", other) for other in others),
        ):
            if array is not None and len(array) != len(x):
                raise ValueError(
                    f"{which}must have the same length. Received: shapes {np.shape(x)} and {np.shape(array)}"
                )
        if subset is not None:
            part = _part(subset, int(len(x) * image_data_generator._validation_split), y, ignore_class_split)
            x, others = x[part], [other[part] for other in others]
            y, sample_weight = (None if array is None else array[part] for array in (y, sample_weight))
        self.x = np.asarray(x, dtype=self.dtype)
        if self.x.ndim != 4:
            raise ValueError(f"The images must have 4 axes. Received: an array of shape {self.x.shape}")
        check_channels(self.x, self.data_format)
        self.x_misc, self.y, self.sample_weight = others, y, sample_weight
        self.image_data_generator = image_data_generator
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self._save = SavedBatches(save_to_dir, save_prefix, save_format, 10_000, self.data_format)
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        images = self.image_data_generator.transform_batch(self.x[index_array])
        self._save(images, index_array)
        inputs = [images, *(other[index_array] for other in self.x_misc)] if self.x_misc else images
        if self.y is None:
            return inputs
        if self.sample_weight is None:
            return inputs, self.y[index_array]
        return inputs, self.y[index_array], self.sample_weight[index_array]


def _part(subset: str, split: int, y: np.ndarray | None, ignore_class_split: bool) -> slice:
    if subset not in ("training", "validation"):
        raise ValueError(f'`subset` must be "training" or "validation". Received: {subset!r}')
    if y is not None and not ignore_class_split and not np.array_equal(np.unique(y[:split]), np.unique(y[split:])):
        raise ValueError(
            "`validation_split` takes the first samples for validation, and their classes are not those of the rest. "
            f"Shuffle the arrays first, or pass `ignore_class_split=True`. Received: {split} of {len(y)} samples"
        )
    return slice(None, split) if subset == "validation" else slice(split, None)
