"""`image_dataset_from_directory`: the images below a directory as batches of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config, legacy
from keras_torch.backend.images import check_interpolation
from keras_torch.data import LazyDataset
from keras_torch.data.workers import in_threads, spare_threads
from keras_torch.ops.image import resize
from keras_torch.utils.directories import DirectoryFiles
from keras_torch.utils.images import MODES, img_to_array, load_img

FORMATS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


@legacy.translated("image_dataset_from_directory")
def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: Any = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> LazyDataset | list[LazyDataset]:
    """Return the images below a directory as an iterable of batches `(images, labels)`, read when they are needed.

    Images are resized to `image_size` (height, width) with the kernels of `tf.image.resize`, and float32 from 0 to 255.
    Each subdirectory is a class, unless `labels` lists a number for each file or is None; `label_mode` makes labels
    "int", "categorical", "binary" or leaves them out (None: batches of images alone). `subset="both"` gives the
    datasets for training and for validation. The datasets have `class_names` and `file_paths`; files are shuffled by
    `seed` as in Keras, and again in each pass, or with `format="grain"` (whose shuffling Keras takes from Grain) once
    for all. ValueError for what does not fit together or if there is no image.
    """
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` must be "tf" or "grain". Received: {format!r}')
    reader = _Reader(color_mode, image_size, interpolation, crop_to_aspect_ratio, pad_to_aspect_ratio, data_format)
    files = DirectoryFiles(
        *("image", directory, FORMATS, labels, label_mode, class_names),
        *(shuffle, seed, validation_split, subset, follow_links, verbose),
    )
    return files.datasets(reader, batch_size, reshuffle=format == "tf")


class _Reader:
    """Reads image files as one tensor."""

    def __init__(
        self, color_mode: str, image_size: Any, interpolation: str, crop: bool, pad: bool, data_format: str | None
    ) -> None:
        if color_mode not in MODES:
            raise ValueError(f'`color_mode` must be "rgb", "rgba" or "grayscale". Received: {color_mode!r}')
        size = (image_size, image_size) if isinstance(image_size, int) else image_size
        if not isinstance(size, (tuple, list)) or len(size) != 2:
            raise ValueError(f"`image_size` must be (height, width). Received: {image_size!r}")
        if crop and pad:
            raise ValueError("Only one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio` can be True. Received: both")
        self.color_mode, self.size = color_mode, tuple(size)
        self.interpolation = check_interpolation(interpolation, "`image_dataset_from_directory`")
        self.crop, self.pad = crop, pad
        self.data_format = config.standardize_data_format(data_format)

    def __call__(self, paths: list[str]) -> torch.Tensor:
        images = list(in_threads(self._read, paths, spare_threads()))
        if len({image.shape for image in images}) == 1:
            return self._resized(np.stack(images))
        return torch.cat([self._resized(image[None]) for image in images])

    def _read(self, path: str) -> np.ndarray:
        image = load_img(path, color_mode=self.color_mode)
        return img_to_array(image, data_format="channels_last", dtype="float32")

    def _resized(self, images: np.ndarray) -> torch.Tensor:
        resized = resize(
            torch.from_numpy(images),
            self.size,
            self.interpolation,
            crop_to_aspect_ratio=self.crop,
            pad_to_aspect_ratio=self.pad,
            data_format="channels_last",
        )
        return (resized if self.data_format == "channels_last" else resized.movedim(-1, -3)).contiguous()
