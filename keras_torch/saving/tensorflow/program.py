"""The tables of words of a SavedModel, which tf.keras leaves to its program alone.

A table is filled by a function of its own from two constants. They are looked up in the messages of `saved_model.pb`;
nothing of the program is run.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_torch.saving.files import open_regular
from keras_torch.saving.tensorflow import protobuf, tensors

PROGRAM = "saved_model.pb"
_MAX_SIZE = 2**31
# Numbers of the fields of a node of a graph.
_NAME, _OPERATION, _ATTRIBUTE = 1, 2, 5


def messages(content: Any, number: int) -> Iterator[Any]:
    """Yield the messages in a field."""
    for found, kind, inner in protobuf.fields(content):
        if found == number and kind == protobuf.BYTES:
            yield inner


def text(content: Any, number: int) -> str:
    """Return the text in a field; "" if there is none."""
    return next((bytes(inner).decode() for inner in messages(content, number)), "")


def content_of(folder: str, name: str) -> bytes:
    """Return the content of a file that may be no larger than a message of protobuf. ValueError if it is."""
    with open_regular(os.path.join(folder, name), folder) as file:
        if os.fstat(file.fileno()).st_size > _MAX_SIZE:
            raise ValueError(f"{name} is larger than any message of protobuf")
        return file.read()


class Program:
    """The objects, constants and functions of a SavedModel."""

    def __init__(self, folder: str) -> None:
        content = content_of(folder, PROGRAM)
        self._graphs = [graph for program in messages(content, 2) for graph in messages(program, 2)]
        self._described = [objects for program in messages(content, 2) for objects in messages(program, 7)]
        self.objects = [item for objects in self._described for item in messages(objects, 1)]

    @functools.cached_property
    def _bound(self) -> dict[str, list[int]]:
        """The objects that each function takes beside its inputs."""
        found = {}
        for objects in self._described:
            for entry in messages(objects, 2):
                numbers = [protobuf.packed_varints(part) for item in messages(entry, 2) for part in messages(item, 2)]
                found[text(entry, 1)] = [int(number) for part in numbers for number in part]
        return found

    @functools.cached_property
    def _constants(self) -> dict[str, Any]:
        return {
            text(node, _NAME): node
            for graph in self._graphs
            for node in messages(graph, 1)
            if text(node, _OPERATION) == "Const"
        }

    def _child(self, number: int, name: str) -> int | None:
        for child in messages(self.objects[number], 1):
            if text(child, 2) == name:
                return next((inner for n, kind, inner in protobuf.fields(child) if (n, kind) == (1, 0)), 0)
        return None

    def _functions_of(self, number: int, name: str) -> list[str]:
        """Return the names of the functions that an attribute of an object stands for."""
        child = self._child(number, name)
        if child is None or child >= len(self.objects):
            return []
        item = self.objects[child]
        plain = [bytes(inner).decode() for function in messages(item, 6) for inner in messages(function, 1)]
        return plain + [text(function, 1) for function in messages(item, 8)]

    def table(self, number: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the keys and values that fill a table; None where it is filled in another way."""
        if number >= len(self.objects):
            return None
        for name in self._functions_of(number, "_initialize"):
            found = []
            for bound in self._bound.get(name, []):
                constants = list(messages(self.objects[bound], 9)) if bound < len(self.objects) else []
                found += [self._constants[text(item, 1)] for item in constants if text(item, 1) in self._constants]
            if len(found) == 2:
                keys, values = map(_tensor, found)
                return keys, values
        return None


def _attribute(node: Any, name: str) -> Any:
    for entry in messages(node, _ATTRIBUTE):
        if text(entry, 1) == name:
            return next(messages(entry, 2), b"")
    return None


def _tensor(node: Any) -> np.ndarray:
    """Return the numbers or strings of a constant."""
    value = _attribute(node, "value")
    return tensors.read(next(messages(value, 8), b"") if value is not None else b"")
