"""DirectoryIterator, and the list of pictures in a directory."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_torch import config, legacy
from keras_torch.callbacks.output import print_message
from keras_torch.legacy.image_rows import image_rules
from keras_torch.preprocessing.image.files import BatchFromFilesMixin
from keras_torch.preprocessing.image.iterator import Iterator
from keras_torch.utils.directories import files_below


def list_pictures(directory: Any, ext: str | Sequence[str] | None = None) -> list[str]:
    """Return the paths below `directory` of files whose names are of letters and digits and end in `ext`: several
    endings, or one text in which "|" stands between them.
    """
    ext = image_rules(config.dialect()).picture_formats if ext is None else ext
    ext = ext if isinstance(ext, str) else "|".join(map(re.escape, ext))
    pattern = re.compile(rf"\w+\.(?:{ext})")
    return [
        os.path.join(root, name)
        for root, _, names in os.walk(directory)
        for name in names
        if pattern.match(name.lower())
    ]


def validate_filename(filename: Any, white_list_formats: Sequence[str]) -> bool:
    """Whether there is a file of this name, and it ends in one of the formats."""
    return os.path.isfile(filename) and os.fspath(filename).lower().endswith(tuple(white_list_formats))


class DirectoryIterator(BatchFromFilesMixin, Iterator):
    """Batches of the images below a directory, resized to `target_size` (height, width) and transformed.

    Each subdirectory is a class, in the order of `classes` or of their names; `class_indices` says which number a class
    has. `class_mode` gives the targets: "categorical" (rows with a 1), "binary" and "sparse" (numbers), "input" (the
    images themselves) or None. Keras 1.2 reads png, jpg, jpeg and bmp, later versions also ppm and tif(f).
    """

    allowed_class_modes = {"categorical", "binary", "sparse", "input", None}

    @legacy.translated("DirectoryIterator")
    def __init__(
        self,
        directory: Any,
        image_data_generator: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = None,
    ) -> None:
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
        )
        if class_mode not in self.allowed_class_modes:
            raise ValueError(f"`class_mode` must be one of {self.allowed_class_modes}. Received: {class_mode!r}")
        self.directory = os.fspath(directory)
        self.class_mode = class_mode
        self.dtype = dtype or config.floatx()
        names = list(classes or self._subdirectories())
        self.num_classes = len(names)
        self.class_indices = {name: index for index, name in enumerate(names)}
        found = [self._files(name, follow_links) for name in names]
        self._filepaths = [path for paths in found for path in paths]
        self.filenames = [os.path.relpath(path, self.directory) for path in self._filepaths]
        self.classes = np.repeat(np.arange(len(names), dtype="int32"), [len(paths) for paths in found])
        self.samples = len(self._filepaths)
        print_message(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        Iterator.__init__(self, self.samples, batch_size, shuffle, seed)

    def _subdirectories(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self.directory) if entry.is_dir())

    def _files(self, name: str, follow_links: bool) -> list[str]:
        if os.path.basename(name) != name or name in ("", ".", ".."):
            raise ValueError(f"`classes` must be names of subdirectories of {self.directory!r}. Received: {name!r}")
        formats = image_rules(config.dialect()).formats
        endings = tuple(f".{ending}" for ending in formats)
        paths = files_below(os.path.join(self.directory, name), endings, follow_links)
        if any(path.lower().endswith(".tiff") for path in paths):
            warnings.warn(f'Files ".tiff" with several bands are distorted. Received: {name!r}', stacklevel=5)
        return paths[self._part(len(paths))]

    @property
    def filepaths(self) -> list[str]:  # type: ignore[override]
        """The paths of the images, by number."""
        return self._filepaths

    @property
    def labels(self) -> np.ndarray:  # type: ignore[override]
        """The classes of the images, by number."""
        return self.classes

    @property
    def sample_weight(self) -> None:  # type: ignore[override]
        """Files in directories have no weights."""
        return None

    @property
    def nb_sample(self) -> int:
        """The name of `samples` in Keras 1."""
        return self.samples

    @property
    def nb_class(self) -> int:
        """The name of `num_classes` in Keras 1."""
        return self.num_classes
