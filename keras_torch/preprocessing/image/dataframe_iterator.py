"""DataFrameIterator: images whose paths and targets stand in a pandas table."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_torch import config, legacy
from keras_torch.callbacks.output import print_message
from keras_torch.legacy.image_rows import image_rules
from keras_torch.preprocessing.image.files import BatchFromFilesMixin
from keras_torch.preprocessing.image.iterator import Iterator

_WITHOUT_CLASSES = ("input", "multi_output", "raw", None)


class DataFrameIterator(BatchFromFilesMixin, Iterator):
    """Batches of the images that column `x_col` of a pandas table names, below `directory` if there is one.

    `class_mode` says what column `y_col` holds: names of classes ("binary", "sparse", or "categorical", there also
    lists of names), values of any kind ("raw"), or in a list of columns one output each ("multi_output"); "input" makes
    the images their own targets, None gives none. `weight_col` holds sample weights. Rows whose file is not there are
    left out, unless `validate_filenames=False`. `has_ext=False` finds files whose names lack the ending.
    """

    allowed_class_modes = {"binary", "categorical", "input", "multi_output", "raw", "sparse", None}

    @legacy.translated("DataFrameIterator")
    def __init__(
        self,
        dataframe: Any,
        directory: Any = None,
        image_data_generator: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
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
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: str | None = None,
        validate_filenames: bool = True,
        **old: Any,
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
        self.directory = os.fspath(directory or "")
        self.class_mode = "raw" if class_mode == "other" else class_mode
        self.dtype = dtype or config.floatx()
        frame = self._adapted(dataframe.copy(), x_col, **old)
        self._check(frame, x_col, y_col, weight_col, classes)
        if validate_filenames:
            frame = self._existing(frame, x_col)
        found = "validated" if validate_filenames else "non-validated"
        message = f"{found} image filenames"
        if self.class_mode not in _WITHOUT_CLASSES:
            frame, names = _with_classes(frame, y_col, classes)
            self.class_indices = {name: index for index, name in enumerate(names)}
            message += f" belonging to {len(names)} classes"
        frame = frame.iloc[self._part(len(frame))]
        self._take_targets(frame, y_col)
        self._sample_weight = frame[weight_col].to_numpy() if weight_col else None
        self.filenames = frame[x_col].tolist()
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        self.samples = len(self.filenames)
        print_message(f"Found {self.samples} {message}.")
        Iterator.__init__(self, self.samples, batch_size, shuffle, seed)

    def _adapted(self, frame: Any, x_col: str, has_ext: bool = True, **old: Any) -> Any:
        """Apply the arguments of versions around Keras 2.2."""
        for name in old:
            if name not in ("sort", "drop_duplicates", "follow_links"):
                raise TypeError(f"DataFrameIterator got an unexpected argument `{name}`. Received: {old[name]!r}")
            warnings.warn(
                f"`{name}` has no effect: rows are taken in the order of the table, and each as often as it is there. "
                "Use `sort_values` and `drop_duplicates` of the table.",
                DeprecationWarning,
                stacklevel=5,
            )
        if not has_ext:
            listed = {os.path.splitext(name)[0]: name for name in sorted(os.listdir(self.directory or "."))}
            frame[x_col] = frame[x_col].map(lambda name: listed.get(str(name), str(name)))
        return frame

    def _check(self, frame: Any, x_col: str, y_col: Any, weight_col: str | None, classes: Any) -> None:
        mode = self.class_mode
        if mode not in self.allowed_class_modes:
            raise ValueError(f"`class_mode` must be one of {self.allowed_class_modes}. Received: {mode!r}")
        if mode == "multi_output" and not isinstance(y_col, list):
            raise TypeError(f'`class_mode="multi_output"` needs a list of columns in `y_col`. Received: {y_col!r}')
        _check_types(frame, x_col, (str,), "paths of files")
        if mode in ("binary", "sparse"):
            _check_types(frame, y_col, (str,), f'the targets of `class_mode="{mode}"`')
        if mode == "categorical":
            _check_types(frame, y_col, (str, list, tuple), 'the targets of `class_mode="categorical"`')
        if mode == "binary":
            names = set(classes) if classes else set(frame[y_col])
            if len(names) != 2:
                raise ValueError(f'`class_mode="binary"` needs exactly 2 classes. Received: {sorted(names)}')
        if classes and mode in _WITHOUT_CLASSES:
            warnings.warn(f'`classes` has no effect with `class_mode="{mode}"`.', stacklevel=5)
        if weight_col and not np.issubdtype(frame[weight_col].dtype.type, np.number):
            raise TypeError(
                f"`weight_col` must be a column of numbers. Received: {weight_col!r} of dtype {frame[weight_col].dtype}"
            )

    def _existing(self, frame: Any, x_col: str) -> Any:
        formats = image_rules(config.dialect()).formats
        paths = [os.path.join(self.directory, name) for name in frame[x_col]]
        there = np.array([path.lower().endswith(formats) and os.path.isfile(path) for path in paths], bool)
        if not there.all():
            missing = paths[int(np.argmin(there))]
            warnings.warn(
                f"{int((~there).sum())} of {len(paths)} rows are left out, since column {x_col!r} names no image file "
                f"there, e.g. {missing!r}.",
                stacklevel=5,
            )
        return frame[there]

    def _take_targets(self, frame: Any, y_col: Any) -> None:
        if self.class_mode == "multi_output":
            self._targets = [np.array(frame[column].tolist()) for column in y_col]
        elif self.class_mode == "raw":
            self._targets = frame[y_col].to_numpy()
        elif self.class_mode not in _WITHOUT_CLASSES:
            number = self.class_indices
            self.classes = [
                [number[name] for name in label] if isinstance(label, (list, tuple)) else number[label]
                for label in frame[y_col]
            ]

    @property
    def filepaths(self) -> list[str]:  # type: ignore[override]
        """The paths of the images, by number."""
        return self._filepaths

    @property
    def labels(self) -> Any:  # type: ignore[override]
        """The targets of the images, by number; for several outputs a list of arrays."""
        return self._targets if self.class_mode in ("multi_output", "raw") else self.classes

    @property
    def sample_weight(self) -> Any:  # type: ignore[override]
        """The weights of the images, by number, or None."""
        return self._sample_weight


def _check_types(frame: Any, column: Any, types: tuple[type, ...], what: str) -> None:
    wrong = next((value for value in frame[column] if not isinstance(value, types)), None)
    if wrong is not None:
        names = " or ".join(kind.__name__ for kind in types)
        raise TypeError(f"Column {column!r} holds {what}, which must be of type {names}. Received: {wrong!r}")


def _with_classes(frame: Any, y_col: str, classes: Sequence[str] | None) -> tuple[Any, list[str]]:
    """Return the rows that have a class, and the names of the classes: the given ones, or all, sorted."""
    labels = frame[y_col].map(lambda label: list(label) if isinstance(label, (list, tuple)) else [label])
    if not classes:
        return frame, sorted({name for label in labels for name in label})
    names = list(dict.fromkeys(classes))
    kept = labels.map(lambda label: [name for name in label if name in names])
    several = frame[y_col].map(lambda label: isinstance(label, (list, tuple)))
    frame[y_col] = [label if many else (label or [None])[0] for label, many in zip(kept, several, strict=True)]
    return frame[[bool(label) for label in kept]], names
