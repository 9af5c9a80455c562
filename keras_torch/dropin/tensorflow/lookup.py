"""`tf.lookup`: tables from text or whole numbers to text or numbers, which are dicts of Python."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from keras_torch.backend.string_array import StringArray, to_strings
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import STRING, as_dtype
from keras_torch.dropin.tensorflow.files import as_path


def _items(value: Any) -> list[Any]:
    found = convert_to_tensor(value)
    return (found.ravel() if isinstance(found, StringArray) else found.flatten()).tolist()


def _type_of(value: Any) -> Any:
    found = convert_to_tensor(value)
    return STRING if isinstance(found, StringArray) else found.dtype


class KeyValueTensorInitializer:
    """What a table holds: keys and their values."""

    def __init__(
        self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None, name: Any = None
    ) -> None:
        self.key_dtype = _type_of(keys) if key_dtype is None else as_dtype(key_dtype)
        self.value_dtype = _type_of(values) if value_dtype is None else as_dtype(value_dtype)
        names, found = _items(keys), _items(values)
        if len(names) != len(found):
            raise ValueError(f"`keys` and `values` must be as many. Received: {len(names)} and {len(found)}")
        self.table = dict(zip(names, found, strict=True))


class TextFileIndex:
    """What stands for a line of a file in a table: the whole line, or its number."""

    WHOLE_LINE, LINE_NUMBER = -2, -1


class TextFileInitializer:
    """What a table holds: of each line of a file, or of its columns, a key and a value."""

    def __init__(
        self,
        filename: Any,
        key_dtype: Any,
        key_index: int,
        value_dtype: Any,
        value_index: int,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: Any = None,
    ) -> None:
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        with open(as_path(filename), encoding="utf-8") as file:
            lines = [line.rstrip("\r\n") for line in file][:vocab_size]
        self.table = {
            _field(line, number, key_index, delimiter, self.key_dtype): _field(
                line, number, value_index, delimiter, self.value_dtype
            )
            for number, line in enumerate(lines)
        }


def _field(line: str, number: int, index: int, delimiter: str, dtype: Any) -> Any:
    if index == TextFileIndex.LINE_NUMBER:
        return number
    text = line if index == TextFileIndex.WHOLE_LINE else line.split(delimiter)[index]
    return text if dtype == STRING else float(text) if dtype.is_floating_point else int(text)


def _looked_up(keys: Any, find: Any, dtype: Any) -> Any:
    keys = convert_to_tensor(keys)
    found = [find(key) for key in _items(keys)]
    if dtype == STRING:
        return to_strings(np.array([*found, None], object)[:-1].reshape(tuple(keys.shape)), "Values of a table")
    return torch.tensor(found, dtype=dtype).reshape(tuple(keys.shape))


class StaticHashTable:
    """A table that never changes; `default_value` stands for keys that it has not."""

    def __init__(
        self, initializer: Any, default_value: Any, name: Any = None, experimental_is_anonymous: Any = None
    ) -> None:
        self.key_dtype, self.value_dtype = initializer.key_dtype, initializer.value_dtype
        self._table = initializer.table
        self._default = _items(default_value)[0]

    def lookup(self, keys: Any, name: Any = None) -> Any:
        """Return the values of keys."""
        return _looked_up(keys, lambda key: self._table.get(key, self._default), self.value_dtype)

    def __getitem__(self, keys: Any) -> Any:
        return self.lookup(keys)

    def size(self, name: Any = None) -> torch.Tensor:
        """Return the number of keys."""
        return torch.tensor(len(self._table))

    def export(self, name: Any = None) -> tuple[Any, Any]:
        """Return all keys, and their values."""
        return convert_to_tensor(list(self._table), self.key_dtype), convert_to_tensor(
            list(self._table.values()), self.value_dtype
        )


class StaticVocabularyTable:
    """Numbers of known keys; unknown ones get, by their checksum, one of `num_oov_buckets` numbers behind those."""

    def __init__(self, initializer: Any, num_oov_buckets: int, lookup_key_dtype: Any = None, name: Any = None) -> None:
        self._table = {} if initializer is None else initializer.table
        self._buckets = int(num_oov_buckets)
        if self._buckets < 1:
            raise ValueError(f"`num_oov_buckets` must be 1 or more. Received: {num_oov_buckets}")

    def _number(self, key: Any) -> int:
        if key in self._table:
            return self._table[key]
        # Not TensorFlow's hash: which bucket a key is in has no meaning.
        return len(self._table) + zlib.crc32(str(key).encode(errors="surrogateescape")) % self._buckets

    def lookup(self, keys: Any, name: Any = None) -> Any:
        """Return the numbers of keys."""
        return _looked_up(keys, self._number, torch.int64)

    def __getitem__(self, keys: Any) -> Any:
        return self.lookup(keys)

    def size(self, name: Any = None) -> torch.Tensor:
        """Return how many numbers there are."""
        return torch.tensor(len(self._table) + self._buckets)


class MutableHashTable(StaticHashTable):
    """A table that keys are added to and taken from."""

    def __init__(self, key_dtype: Any, value_dtype: Any, default_value: Any, name: Any = None, **options: Any) -> None:
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        self._table = {}
        self._default = _items(default_value)[0]

    def insert(self, keys: Any, values: Any, name: Any = None) -> None:
        """Set values of keys."""
        self._table.update(zip(_items(keys), _items(values), strict=True))

    def remove(self, keys: Any, name: Any = None) -> None:
        """Take keys out."""
        removed: Iterable[Any] = _items(keys)
        for key in removed:
            self._table.pop(key, None)


NAMES = {
    "lookup.KeyValueTensorInitializer": KeyValueTensorInitializer,
    "lookup.StaticHashTable": StaticHashTable,
    "lookup.StaticVocabularyTable": StaticVocabularyTable,
    "lookup.TextFileIndex": TextFileIndex,
    "lookup.TextFileInitializer": TextFileInitializer,
    "lookup.experimental.MutableHashTable": MutableHashTable,
}
