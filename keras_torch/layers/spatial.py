"""What layers over space or time share: argument checks, NHWC ⇄ NCHW views, TensorFlow's padding, output sizes."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from keras_torch.backend.conv import same_padding as same_padding

PADDINGS = ("valid", "same", "causal")

# Axis orders of the free views between (N, *space, C) and (N, C, *space), by number of spatial axes.
TO_CHANNELS_FIRST = {1: (0, 2, 1), 2: (0, 3, 1, 2), 3: (0, 4, 1, 2, 3)}
TO_CHANNELS_LAST = {1: (0, 2, 1), 2: (0, 2, 3, 1), 3: (0, 2, 3, 4, 1)}


def whole_numbers(value: Any, count: int, argument: str, layer: str, minimum: int = 1) -> tuple[int, ...]:
    """Return `value`, a number or a sequence of `count` numbers, as a tuple of ints. ValueError otherwise."""
    if type(value) is int and value >= minimum:
        return (value,) * count
    items = tuple(value) if hasattr(value, "__len__") else (value,) * count
    fits = len(items) == count and all(
        isinstance(item, numbers.Integral) and not isinstance(item, bool) and int(item) >= minimum for item in items
    )
    if not fits:
        wanted = f"an integer ≥ {minimum}" if count == 1 else f"an integer or {count} integers, each ≥ {minimum}"
        raise ValueError(f"Layer {layer!r}: `{argument}` must be {wanted}. Received: {value!r}")
    return tuple(int(item) for item in items)


def number_pairs(value: Any, rank: int, argument: str, layer: str) -> tuple[tuple[int, int], ...]:
    """Return `value` as one (before, after) pair for each spatial axis.

    Takes an int, one int for each axis, or one pair for each axis; for one axis also a single pair.
    """
    if isinstance(value, numbers.Integral):
        value = ((value, value),) * rank
    items = tuple(value) if isinstance(value, Sequence) else ()
    if rank == 1 and items and all(isinstance(item, numbers.Integral) for item in items):
        items = (items,) if len(items) == 2 else ()
    if len(items) != rank:
        raise ValueError(
            f"Layer {layer!r}: `{argument}` must be an integer, {rank} integers or {rank} pairs of integers. "
            f"Received: {value!r}"
        )
    pairs = (whole_numbers(item, 2, argument, layer, minimum=0) for item in items)
    return tuple((before, after) for before, after in pairs)


def padding_name(value: Any, allowed: Sequence[str], layer: str) -> str:
    """Return a padding mode in lower case. ValueError if it is not one of `allowed`."""
    name = value.lower() if isinstance(value, str) else value
    if name not in allowed:
        raise ValueError(f"Layer {layer!r}: `padding` must be one of {tuple(allowed)}. Received: {value!r}")
    return name


def window_count(size: int | None, kernel: int, stride: int, padding: str, dilation: int = 1) -> int | None:
    """Return how many positions a window takes along an axis; None for an unknown size."""
    if size is None:
        return None
    if padding in ("same", "causal"):
        return -(-size // stride)
    reach = (kernel - 1) * dilation
    return (size + (reach if padding == "full" else -reach) - 1) // stride + 1


def split_shape(
    shape: Sequence[int | None], channels_last: bool
) -> tuple[int | None, tuple[int | None, ...], int | None]:
    """Take a shape apart into batch size, spatial sizes and channels."""
    if channels_last:
        return shape[0], tuple(shape[1:-1]), shape[-1]
    return shape[0], tuple(shape[2:]), shape[1]


def join_shape(
    batch: int | None, space: Sequence[int | None], channels: int | None, channels_last: bool
) -> tuple[int | None, ...]:
    """Put a shape together from batch size, spatial sizes and channels."""
    return (batch, *space, channels) if channels_last else (batch, channels, *space)


def check_positive(sizes: Sequence[int | None], layer: str, input_shape: Sequence[int | None]) -> None:
    """Raise ValueError if a window does not fit into the input."""
    if any(size is not None and size <= 0 for size in sizes):
        raise ValueError(
            f"Layer {layer!r}: the input is smaller than the window, so the output would have the spatial sizes "
            f"{tuple(sizes)}. Received: input shape {tuple(input_shape)}. Use a smaller window, padding='same' or "
            "larger inputs."
        )
