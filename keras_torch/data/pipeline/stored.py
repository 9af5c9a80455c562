"""Elements in files: `Dataset.save` and `load`, and what `cache` keeps in one; by torch.save, read without pickles."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from keras_torch.backend.string_array import StringArray, to_strings
from keras_torch.checkpoint.atomic import replacing
from keras_torch.data.pipeline.blocks import Block, Listed, Stacked, rebuilt
from keras_torch.data.pipeline.sources import Step
from keras_torch.data.structure import flatten, map_structure

_BLOCKS_IN_A_FILE = 64


def write_blocks(path: str, blocks: Iterable[Block]) -> None:
    """Write blocks to a file. ValueError for what is neither numbers nor text."""
    plain = [
        (_plain(block.value), block.size) if isinstance(block, Stacked) else (list(map(_plain, block.items)), 0)
        for block in blocks
    ]
    with replacing(path) as temporary:
        torch.save(plain, temporary)


def read_blocks(path: str) -> list[Block]:
    """Return the blocks of a file."""
    return [
        Stacked(_value(item), size) if size else Listed(list(map(_value, item)))
        for item, size in torch.load(path, mmap=True)
    ]


def _plain(value: Any) -> tuple[Any, list[Any]]:
    """Return the structure of an element and its leaves, text as its shape and a list."""
    leaves: list[Any] = []
    for leaf in flatten(value):
        if isinstance(leaf, StringArray):
            leaves.append((list(leaf.shape), [str(item) for item in leaf.ravel().tolist()]))
        elif leaf is None or isinstance(leaf, torch.Tensor):
            leaves.append(None if leaf is None else leaf.clone())  # a view would bring all it is a view of
        else:
            raise ValueError(
                f"Only numbers and text can be kept in a file. Received: a component of type {type(leaf).__name__}"
            )
    return map_structure(lambda _: 0, value), leaves


def _value(plain: tuple[Any, list[Any]]) -> Any:
    structure, leaves = plain
    return rebuilt(structure, (_text(*leaf) if isinstance(leaf, tuple) else leaf for leaf in leaves))


def _text(shape: list[int], items: list[str]) -> Any:
    return to_strings(items, "Text").reshape(shape) if items else StringArray(shape, object)


def save(step: Step, folder: str) -> None:
    """Write the elements of one pass into a folder, some blocks a file, so that they need not be in memory at once."""
    os.makedirs(folder, exist_ok=True)
    for old in _files(folder):
        os.remove(old)
    waiting: list[Block] = []
    number = 0
    for block in step.blocks():
        waiting.append(block)
        if len(waiting) == _BLOCKS_IN_A_FILE:
            write_blocks(_file(folder, number), waiting)
            waiting, number = [], number + 1
    if waiting or not number:
        write_blocks(_file(folder, number), waiting)


def _file(folder: str, number: int) -> str:
    return os.path.join(folder, f"elements_{number:08}.pt")


def _files(folder: str) -> list[str]:
    return sorted(glob.glob(os.path.join(glob.escape(folder), "elements_*.pt")))


class Stored(Step):
    """The elements in a folder that `save` wrote."""

    def __init__(self, folder: str) -> None:
        self._paths = _files(folder)
        if not self._paths:
            raise FileNotFoundError(f"`Dataset.load`: the folder {folder!r} holds no dataset that `save` wrote.")

    def waits(self) -> bool:
        """Always: for the disk."""
        return True

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks of one file after the other."""
        for path in self._paths:
            yield from read_blocks(path)
