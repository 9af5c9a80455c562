"""Text on its way to a lookup: numpy arrays of Python strings, since torch has no tensors of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

STRING = "string"


class StringArray(np.ndarray):
    """A numpy array of `str` (dtype object) with the few methods of tensors that batches and models ask for.

    It stays on the host whatever device is asked for.
    """

    device = torch.device("cpu")  # type: ignore[assignment]
    requires_grad = False

    def dim(self) -> int:
        """Number of axes."""
        return self.ndim

    def numel(self) -> int:
        """Number of strings."""
        return self.size

    def element_size(self) -> int:
        """Bytes of one reference."""
        return self.itemsize

    def is_floating_point(self) -> bool:
        """Strings are not numbers."""
        return False

    def is_complex(self) -> bool:
        """Strings are not numbers."""
        return False

    def is_pinned(self) -> bool:
        """Strings never go to a device, so there is nothing to pin."""
        return True

    def to(self, *args: Any, **kwargs: Any) -> StringArray:
        """Return the array itself."""
        return self

    def detach(self) -> StringArray:
        """Return the array itself."""
        return self

    def unsqueeze(self, axis: int) -> Any:
        """Return a view with a new axis of size 1."""
        return np.expand_dims(self, axis)

    def narrow(self, axis: int, start: int, length: int) -> Any:
        """Return `length` entries from `start` on along an axis."""
        return self.take(np.arange(start, start + length), axis)

    def index_select(self, axis: int, index: torch.Tensor) -> Any:
        """Return the entries at the positions `index` along an axis."""
        return self.take(index.cpu().numpy(), axis)

    def split(self, size: int) -> list[Any]:
        """Return consecutive parts of `size` along the first axis."""
        return [self[start : start + size] for start in range(0, len(self), size)]


def is_text(value: Any) -> bool:
    """Whether `value` is a string or an array of strings."""
    if isinstance(value, np.ndarray):
        kind = value.dtype.kind
        return kind in "UST" or (kind == "O" and (value.size == 0 or isinstance(value.flat[0], (str, bytes))))
    return isinstance(value, (str, bytes))


def to_strings(value: Any, label: str) -> StringArray:
    """Return strings (a string, an array, a rectangular list) as a StringArray; bytes are read as UTF-8.

    Bytes that are none become surrogates, from which `encoded` makes them again.
    `label` names what is converted in messages. TypeError for what is no text, ValueError for ragged lists.
    """
    if isinstance(value, StringArray):
        return value
    try:
        array = np.asarray(value if isinstance(value, np.ndarray) else _with_objects(value))
    except ValueError as error:
        raise ValueError(
            f"{label} must be rectangular, but its items have different lengths. Received: {value!r:.100}. "
            "Pad them with an empty string."
        ) from error
    if array.dtype.kind in "UST":
        array = array.astype(object)
    kinds = set(map(type, array.ravel().tolist()))
    if any(issubclass(kind, bytes) for kind in kinds):
        decoded = [
            item.decode(errors="surrogateescape") if isinstance(item, bytes) else item
            for item in array.ravel().tolist()
        ]
        array = np.array(decoded, object).reshape(array.shape)
        kinds = {kind for kind in kinds if not issubclass(kind, bytes)}
    wrong = next((kind for kind in kinds if not issubclass(kind, str)), None)
    if array.dtype.kind != "O" or wrong is not None:
        kind_name = wrong.__name__ if wrong is not None else array.dtype
        raise TypeError(f"{label} must be text. Received: an array with items of type {kind_name}")
    return array.view(StringArray)


def encoded(text: str) -> bytes:
    """Return the bytes of a text, those that were no UTF-8 included."""
    return text.encode(errors="surrogateescape")


def _with_objects(value: Any) -> Any:
    """Keep strings of a list as the objects they are: numpy would copy each to the length of the longest."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, (str, bytes)) for item in value):
        array = np.empty(len(value), object)
        array[:] = value
        return array
    return [] if isinstance(value, (list, tuple)) and not value else value
