"""`text_dataset_from_directory`: the text files below a directory as batches of strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_torch.backend.string_array import StringArray, to_strings
from keras_torch.data import LazyDataset
from keras_torch.utils.directories import DirectoryFiles


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> LazyDataset | list[LazyDataset]:
    """Return the `.txt` files below a directory as an iterable of batches `(texts, labels)`, read when they are needed.

    Texts are arrays of strings, which `TextVectorization` takes; they are read as UTF-8 (what is none becomes the sign
    U+FFFD) and end after `max_length` characters. The other arguments are those of `image_dataset_from_directory`: with
    `subset="both"` the result is a list of two. `format` names the libraries that Keras can choose between; the result
    is the same for both.
    """
    if format not in ("tf", "grain"):
        raise ValueError(f'`format` must be "tf" or "grain". Received: {format!r}')
    if max_length is not None and (not isinstance(max_length, int) or max_length < 1):
        raise ValueError(f"`max_length` must be a positive whole number or None. Received: {max_length!r}")
    files = DirectoryFiles(
        *("text", directory, (".txt",), labels, label_mode, class_names),
        *(shuffle, seed, validation_split, subset, follow_links, verbose),
    )

    def read(paths: list[str]) -> StringArray:
        return to_strings([_read(path, max_length) for path in paths], "`directory`")

    return files.datasets(read, batch_size)


def _read(path: str, max_length: int | None) -> str:
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        return file.read() if max_length is None else file.read(max_length)
