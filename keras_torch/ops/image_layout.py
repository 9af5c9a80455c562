"""Where the channels of images are, for the functions of `keras.ops.image`."""

from __future__ import annotations

from typing import Any

from keras_torch import config


def first(images: Any, data_format: str | None) -> tuple[Any, bool]:
    """Return images with the channels before rows and columns, and whether they were last."""
    last = config.standardize_data_format(data_format) == "channels_last"
    if images.dim() not in (3, 4):
        raise ValueError(f"`images` must have 3 axes, or 4 with a batch. Received: shape {tuple(images.shape)}")
    return (images.movedim(-1, -3) if last else images), last


def back(images: Any, last: bool) -> Any:
    """Undo `first`."""
    return images.movedim(-3, -1) if last else images


def check(value: str, allowed: Any, argument: str) -> None:
    """Raise a ValueError for a value that is not allowed."""
    if value not in allowed:
        raise ValueError(f"`{argument}` must be one of {tuple(allowed)}. Received: {argument}={value!r}")
