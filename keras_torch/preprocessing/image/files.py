"""Batches of images that are read from files: what DirectoryIterator and DataFrameIterator have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_torch import config
from keras_torch.data.workers import in_threads, spare_threads
from keras_torch.preprocessing.image.iterator import Iterator, SavedBatches
from keras_torch.utils.images import MODES, img_to_array, load_img


class BatchFromFilesMixin:
    """Batches from `filepaths`, with targets from `labels` by `class_mode`, and `sample_weight`.

    A subclass calls `set_processing_attrs` and defines these three attributes.
    """

    class_mode: str | None
    class_indices: dict[str, int]
    classes: Any
    dtype: str
    filepaths: list[str]
    labels: Any
    sample_weight: Any

    def set_processing_attrs(
        self,
        image_data_generator: Any,
        target_size: Sequence[int],
        color_mode: str,
        data_format: str | None,
        save_to_dir: Any,
        save_prefix: str,
        save_format: str,
        subset: str | None,
        interpolation: str,
        keep_aspect_ratio: bool,
    ) -> None:
        """Set how files become arrays."""
        if color_mode not in MODES:
            raise ValueError(f'`color_mode` must be "rgb", "rgba" or "grayscale". Received: {color_mode!r}')
        if subset not in (None, "training", "validation"):
            raise ValueError(f'`subset` must be "training" or "validation". Received: {subset!r}')
        self.image_data_generator = image_data_generator
        self.target_size = (int(target_size[0]), int(target_size[1]))
        self.color_mode, self.interpolation = color_mode, interpolation
        self.keep_aspect_ratio = keep_aspect_ratio
        self.data_format = config.standardize_data_format(data_format)
        channels = MODES[color_mode][1]
        last = self.data_format == "channels_last"
        self.image_shape = (*self.target_size, channels) if last else (channels, *self.target_size)
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self._save = SavedBatches(save_to_dir, save_prefix, save_format, 10_000_000, self.data_format)
        self.subset = subset
        self.split: tuple[float, float] | None = None
        if subset is not None:
            share = image_data_generator._validation_split
            self.split = (0, share) if subset == "validation" else (share, 1)

    def _part(self, count: int) -> slice:
        """Return which of `count` files belong to the subset."""
        if self.split is None:
            return slice(None)
        return slice(int(self.split[0] * count), int(self.split[1] * count))

    def _read(self, path: str) -> np.ndarray:
        image = load_img(
            path,
            color_mode=self.color_mode,
            target_size=self.target_size,
            interpolation=self.interpolation,
            keep_aspect_ratio=self.keep_aspect_ratio,
        )
        return img_to_array(image, data_format=self.data_format)

    def _read_batch(self, index_array: np.ndarray) -> np.ndarray:
        # Pillow leaves Python's lock while it decodes and resizes.
        paths = self.filepaths
        images = np.empty((len(index_array), *self.image_shape), config.floatx())
        read = in_threads(self._read, [paths[index] for index in index_array], spare_threads())
        for place, image in zip(images, read, strict=True):
            place[...] = image
        return images

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        images = self._read_batch(index_array)
        if self.image_data_generator:
            images = self.image_data_generator.transform_batch(images)
        images = images.astype(self.dtype, copy=False)
        self._save(images, index_array)
        if self.class_mode is None:
            return images
        targets = self._targets_of(images, index_array)
        if self.sample_weight is None:
            return images, targets
        return images, targets, self.sample_weight[index_array]

    def _targets_of(self, images: np.ndarray, index_array: np.ndarray) -> Any:
        if self.class_mode == "input":
            return images.copy()
        if self.class_mode == "multi_output":
            return [column[index_array] for column in self.labels]
        if self.class_mode == "raw":
            return self.labels[index_array]
        classes = [self.classes[index] for index in index_array]
        if self.class_mode == "categorical":
            targets = np.zeros((len(images), len(self.class_indices)), self.dtype)
            for row, labels in zip(targets, classes, strict=True):
                row[labels] = 1.0
            return targets
        whole = self.class_mode == "sparse" and isinstance(self, Iterator) and self._rules.integer_labels
        return np.array(classes, "int32" if whole else self.dtype)
