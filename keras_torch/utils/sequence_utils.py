"""Sequences of unequal length as one array."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

_SIDES = ("pre", "post")


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Return an array of shape `(len(sequences), maxlen, ...)`: each sequence cut or filled up with `value`.

    `maxlen` is the length of the longest sequence if None. `padding` and `truncating` say whether a sequence is filled
    and cut in front ("pre") or at its end ("post"). Items may be arrays, of one shape in all sequences. Texts need
    `dtype=object`, or a dtype of strings such as "<U8"; plain `str` becomes one that is wide enough. ValueError for a
    sequence that is none, for items of unequal shapes, and for unknown sides.
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in _SIDES:
            raise ValueError(f"`{name}` must be 'pre' or 'post'. Received: {side!r}")
    lengths = _lengths(sequences)
    if maxlen is None:
        if not len(lengths):
            raise ValueError("`sequences` must not be empty where `maxlen` is None. Received: no sequence")
        maxlen = int(lengths.max())
    dtype = _string_type(sequences, value) if dtype in (str, "str", "U") else np.dtype(dtype)
    if isinstance(value, str) and dtype.kind not in "OSU":
        raise ValueError(
            f"`value` is a text, which `dtype={dtype}` cannot hold: pass `dtype=object`. Received: value={value!r}"
        )
    start, stop = (-maxlen if maxlen else None, None) if truncating == "pre" else (None, maxlen)
    kept = [item[start:stop] if maxlen else item[:0] for item in sequences]
    lengths = np.minimum(lengths, maxlen)
    shape = next((np.shape(item)[1:] for item, length in zip(kept, lengths, strict=True) if length), ())
    filled = np.full((len(kept), maxlen, *shape), value, dtype=dtype)
    places = np.arange(maxlen)
    mask = places < lengths[:, None] if padding == "post" else places >= maxlen - lengths[:, None]
    if lengths.any():
        filled[mask] = _joined(kept, shape, dtype)
    return filled


def _lengths(sequences: Any) -> np.ndarray:
    if not isinstance(sequences, Collection):
        raise ValueError(f"`sequences` must be a list or an array of sequences. Received: {sequences!r:.200}")
    lengths = [_length(item, position) for position, item in enumerate(sequences)]
    return np.asarray(lengths, dtype=np.int64)


def _length(item: Any, position: int) -> int:
    try:
        if not isinstance(item, (str, bytes)):
            return len(item)
    except TypeError:
        pass
    raise ValueError(
        f"`sequences` must be a list of lists or arrays. Received: {item!r:.200} of type {type(item).__name__} at "
        f"position {position}. One sequence alone is passed as `[sequence]`."
    )


def _string_type(sequences: Any, value: Any) -> np.dtype:
    """Return the string type that holds every item: numpy's own choice would cut texts to one character."""
    parts = [np.asarray(item, dtype=str).dtype for item in sequences if len(item)]
    return max([np.asarray(value, dtype=str).dtype, *parts], key=lambda dtype: dtype.itemsize)


def _joined(kept: list[Any], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Return the items of all sequences, one after the other."""
    arrays = []
    for position, item in enumerate(kept):
        if not len(item):
            continue
        array = np.asarray(item, dtype=dtype)
        if array.shape[1:] != shape:
            raise ValueError(
                f"All items of `sequences` must have the same shape. Received: items of shape {array.shape[1:]} at "
                f"position {position}, after some of shape {shape}"
            )
        arrays.append(array)
    return np.concatenate(arrays)
