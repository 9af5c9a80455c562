"""Files in a directory, one class for each of its subdirectories, as a dataset of batches with labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.callbacks.output import print_message
from keras_torch.data import LazyDataset

LABEL_MODES = ("int", "categorical", "binary", None)


class DirectoryFiles:
    """The files below a directory that have one of `formats` as their ending, with their labels.

    Checks the arguments that `image_`, `text_` and `audio_dataset_from_directory` share, and lists the files: those of
    each class by path, then shuffled by numpy's RandomState(seed), as Keras has it. `kind` names the files in messages.
    """

    def __init__(
        self,
        kind: str,
        directory: Any,
        formats: tuple[str, ...],
        labels: Any = "inferred",
        label_mode: str | None = "int",
        class_names: Sequence[str] | None = None,
        shuffle: bool = True,
        seed: int | None = None,
        validation_split: float | None = None,
        subset: str | None = None,
        follow_links: bool = False,
        verbose: bool = True,
    ) -> None:
        _check_labels(labels, label_mode, class_names)
        _check_split(validation_split, subset, shuffle, seed)
        self.kind, self.directory, self.formats = kind, os.fspath(directory), formats
        self.label_mode = None if labels is None else label_mode
        self.shuffle, self.subset, self.verbose = shuffle, subset, verbose
        self.validation_split = validation_split
        # Keras draws a seed from numpy's generator, so that one seed at the top of a script makes all repeatable.
        self.seed = int(np.random.randint(1_000_000)) if seed is None else seed
        self._list(labels if self.label_mode else None, class_names, follow_links)
        if self.label_mode == "binary" and len(self.class_names or ()) != 2:
            raise ValueError(
                f'`label_mode="binary"` needs exactly 2 classes. Received: {self.class_names} in {self.directory!r}'
            )
        if shuffle:
            np.random.RandomState(self.seed).shuffle(self.paths)
            if self.labels is not None:
                np.random.RandomState(self.seed).shuffle(self.labels)

    def _list(self, labels: Any, class_names: Sequence[str] | None, follow_links: bool) -> None:
        if not os.path.isdir(self.directory):
            raise FileNotFoundError(
                f"`directory` must be an existing directory of {self.kind} files. Received: {self.directory!r}"
            )
        inferred = isinstance(labels, str)
        found = _subdirectories(self.directory) if inferred else [""]
        if inferred and class_names is not None:
            if not set(class_names) <= set(found):
                raise ValueError(
                    f"`class_names` must be names of the subdirectories {found} of {self.directory!r}. "
                    f"Received: {list(class_names)}"
                )
            found = list(class_names)
        listed = [files_below(os.path.join(self.directory, name), self.formats, follow_links) for name in found]
        self.paths = [path for paths in listed for path in paths]
        self.labels: np.ndarray | None = None
        self.class_names: list[str] | None = None
        if inferred:
            self.class_names = found
            self.labels = np.repeat(np.arange(len(found), dtype="int32"), [len(paths) for paths in listed])
        elif labels is not None:
            self._adopt(labels)
        if self.verbose:
            classes = "" if self.class_names is None else f" belonging to {len(self.class_names)} classes"
            print_message(f"Found {len(self.paths)} files{classes}.")

    def _adopt(self, labels: Sequence[int]) -> None:
        if len(labels) != len(self.paths):
            raise ValueError(
                f"`labels` must have one entry for each of the {len(self.paths)} {self.kind} files in "
                f"{self.directory!r}, in the order of their sorted paths. Received: {len(labels)} labels"
            )
        self.class_names = [str(label) for label in sorted(set(labels))]
        self.labels = np.array(labels, dtype="int32" if all(isinstance(label, int) for label in labels) else None)

    def datasets(
        self, read: Callable[[list[str]], Any], batch_size: int | None, reshuffle: bool = True
    ) -> LazyDataset | list[LazyDataset]:
        """Return the dataset of batches `(read(paths), labels)`, or with `subset="both"` that for training and for
        validation. Without `reshuffle` all passes have one order. ValueError if a dataset has no files.
        """
        if self.subset == "both":
            return [
                self._part(read, "training", self.shuffle, batch_size, reshuffle),
                self._part(read, "validation", False, batch_size, reshuffle),
            ]
        return self._part(read, self.subset, self.shuffle, batch_size, reshuffle)

    def _part(
        self,
        read: Callable[[list[str]], Any],
        subset: str | None,
        shuffle: bool,
        batch_size: int | None,
        reshuffle: bool,
    ) -> LazyDataset:
        part = self._slice(subset)
        paths = self.paths[part]
        labels = None if self.labels is None else self._encoded(self.labels[part])
        if not paths:
            name = f"{subset} " if subset else ""
            raise ValueError(
                f"No {name}{self.kind} files found in directory {self.directory!r}. Allowed formats: {self.formats}"
            )

        def load(indices: list[int]) -> Any:
            batch = read([paths[index] for index in indices])
            return batch if labels is None else (batch, labels[indices])

        dataset = LazyDataset(len(paths), load, batch_size, shuffle, self.seed, reshuffle=reshuffle)
        dataset.class_names, dataset.file_paths = self.class_names, paths
        return dataset

    def _slice(self, subset: str | None) -> slice:
        if subset is None:
            return slice(None)
        kept = len(self.paths) - int((self.validation_split or 0.0) * len(self.paths))
        if self.verbose:
            count = kept if subset == "training" else len(self.paths) - kept
            print_message(f"Using {count} files for {subset}.")
        return slice(None, kept) if subset == "training" else slice(kept, None)

    def _encoded(self, labels: np.ndarray) -> torch.Tensor:
        if self.label_mode == "int":
            return torch.from_numpy(labels)
        dtype = config.torch_dtype("float32")
        if self.label_mode == "binary":
            return torch.from_numpy(labels).to(dtype)[:, None]
        # A label that is no class is a row of zeros, as in TensorFlow's one_hot.
        return (torch.from_numpy(labels)[:, None] == torch.arange(len(self.class_names or ()))).to(dtype)


def files_below(directory: str, formats: tuple[str, ...], follow_links: bool) -> list[str]:
    """Return the paths of the files below `directory` with one of the endings `formats`, folder by folder, sorted."""
    walk = sorted(os.walk(directory, followlinks=follow_links), key=lambda step: step[0])
    return [
        os.path.join(root, name) for root, _, names in walk for name in sorted(names) if name.lower().endswith(formats)
    ]


def _subdirectories(directory: str) -> list[str]:
    return sorted(
        name for name in os.listdir(directory) if name[0] != "." and os.path.isdir(os.path.join(directory, name))
    )


def _check_labels(labels: Any, label_mode: Any, class_names: Any) -> None:
    if labels is not None and labels != "inferred" and not isinstance(labels, (list, tuple)):
        raise ValueError(
            '`labels` must be "inferred" (subdirectories are the classes), None (no labels), or a list of one integer '
            f"for each file. Received: {labels!r}"
        )
    if class_names and labels != "inferred":
        raise ValueError(
            f'`class_names` can only be given with `labels="inferred"`. Received: labels={labels!r}, '
            f"class_names={class_names!r}"
        )
    if label_mode not in LABEL_MODES:
        raise ValueError(f"`label_mode` must be one of {LABEL_MODES}. Received: {label_mode!r}")


def _check_split(validation_split: float | None, subset: str | None, shuffle: bool, seed: int | None) -> None:
    if validation_split and not 0 < validation_split < 1:
        raise ValueError(f"`validation_split` must lie between 0 and 1. Received: {validation_split!r}")
    if bool(validation_split) != bool(subset):
        raise ValueError(
            "`validation_split` and `subset` go together. "
            f"Received: validation_split={validation_split!r}, subset={subset!r}"
        )
    if subset not in ("training", "validation", "both", None):
        raise ValueError(f'`subset` must be "training", "validation" or "both". Received: {subset!r}')
    if validation_split and shuffle and seed is None:
        raise ValueError(
            "`validation_split` of shuffled files needs a `seed`, the same for both subsets, so that they have no file "
            "in common. Received: shuffle=True, seed=None"
        )
