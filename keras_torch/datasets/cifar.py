"""The form of the CIFAR data sets: folders of pickles, each with some thousand pictures of 32 x 32 pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import numpy as np

from keras_torch import config
from keras_torch.callbacks.output import print_message
from keras_torch.datasets.cached import read_pickle
from keras_torch.errors import FileFormatError
from keras_torch.utils.file_utils import cache_folder


def load_batch(fpath: str | os.PathLike[str], label_key: str = "labels") -> tuple[np.ndarray, list[int]]:
    """Return the pictures of one file, uint8 of shape (count, 3, 32, 32), and its labels."""
    path = os.fspath(fpath)
    content = read_pickle(path, encoding="bytes")
    if not isinstance(content, dict):
        raise FileFormatError(f"{path} holds no batch of pictures, but a {type(content).__name__}")
    parts = {key.decode() if isinstance(key, bytes) else key: value for key, value in content.items()}
    pictures, labels = parts.get("data"), parts.get(label_key)
    if not isinstance(pictures, np.ndarray) or labels is None or pictures.size != len(labels) * 3 * 32 * 32:
        raise FileFormatError(f"{path} lacks pictures or as many {label_key!r}. It has: {sorted(parts)}")
    return pictures.reshape(-1, 3, 32, 32), list(labels)


def folder(get_file: Callable[..., str], name: str, origin: str, file_hash: str, files: Iterable[str]) -> str:
    """Return the folder with all of `files`, where Keras 2 or Keras 3 unpacked it; it is fetched if there is none."""
    cache = os.path.join(cache_folder(), "datasets")
    for path in (os.path.join(cache, name), os.path.join(cache, f"{name}-target", name)):
        if all(os.path.exists(os.path.join(path, file)) for file in files):
            return path
    older = config.dialect() in ("1", "2", "tf")
    archive = os.path.join(cache, f"{name}.tar.gz" if older else f"{name}-target_archive")

    def unpacked(**known: str) -> str:
        if older:
            return get_file(name, origin=origin, untar=True, **known)
        return os.path.join(get_file(f"{name}-target", origin=origin, extract=True, **known), name)

    try:
        return unpacked(file_hash=file_hash)
    except OSError as error:
        if not os.path.exists(archive):
            raise
        print_message(f"{archive} is used as it is, though its content is not the known one: {error}")
        return unpacked()


def arranged(x: np.ndarray) -> np.ndarray:
    """Return pictures in the current image data format."""
    return x.transpose(0, 2, 3, 1) if config.image_data_format() == "channels_last" else x
