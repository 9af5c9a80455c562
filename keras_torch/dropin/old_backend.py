"""Helpers of the files of Keras 2's backends, which layers written for one of them called before its functions."""

from __future__ import annotations

from typing import Any

from keras_torch import backend, config


def _to_tensor(x: Any, dtype: Any) -> Any:
    """Return `x` as a tensor of a dtype."""
    return backend.cast(backend.constant(x), dtype) if not backend.is_tensor(x) else backend.cast(x, dtype)


def _preprocess_padding(padding: str) -> str:
    """Return `"SAME"` or `"VALID"`, as TensorFlow spells them."""
    if padding not in ("same", "valid"):
        raise ValueError(f"`padding` must be 'same' or 'valid'. Received: {padding!r}")
    return padding.upper()


def _preprocess(x: Any, data_format: str | None, force_transpose: bool, layouts: tuple[str, str]) -> tuple[Any, str]:
    first = config.standardize_data_format(data_format) == "channels_first"
    x = backend.cast(x, "float32") if backend.dtype(x) == "float64" else x
    if first and force_transpose:
        return backend.permute_dimensions(x, (0, *range(2, backend.ndim(x)), 1)), layouts[0]
    return x, layouts[first]


def _preprocess_conv1d_input(x: Any, data_format: str | None) -> tuple[Any, str]:
    """Return sequences as float32 at most, and TensorFlow's name of their layout."""
    return _preprocess(x, data_format, False, ("NWC", "NCW"))


def _preprocess_conv2d_input(x: Any, data_format: str | None, force_transpose: bool = False) -> tuple[Any, str]:
    """Return images as float32 at most, channels last if asked for, and TensorFlow's name of their layout."""
    return _preprocess(x, data_format, force_transpose, ("NHWC", "NCHW"))


def _preprocess_conv3d_input(x: Any, data_format: str | None) -> tuple[Any, str]:
    """Return volumes as float32 at most, and TensorFlow's name of their layout."""
    return _preprocess(x, data_format, False, ("NDHWC", "NCDHW"))
