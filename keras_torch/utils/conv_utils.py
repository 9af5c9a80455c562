"""Sizes and kernels of convolutions: the helpers of Keras 2's path."""

from __future__ import annotations

import operator
from collections.abc import Collection
from typing import Any

import numpy as np

from keras_torch import config
from keras_torch.legacy import translated

PADDINGS = ("valid", "same", "causal", "full")


def normalize_tuple(value: Any, n: int, name: str) -> tuple[int, ...]:
    """Return a whole number repeated `n` times, or the `n` whole numbers of a list, as a tuple."""
    items = value if isinstance(value, Collection) and not isinstance(value, (str, bytes)) else (value,) * n
    try:
        numbers = tuple(operator.index(item) for item in items)
    except TypeError:
        numbers = ()
    if len(numbers) != n:
        raise ValueError(f"`{name}` must be an integer or a tuple of {n} integers. Received: {value!r}")
    return numbers


normalize_data_format = config.standardize_data_format


def normalize_padding(value: str) -> str:
    """Return the name of a padding in lower case: `"valid"`, `"same"` or (in one dimension) `"causal"`."""
    padding = value.lower()
    if padding not in ("valid", "same", "causal"):
        raise ValueError(f'`padding` must be "valid", "same" or (for Conv1D) "causal". Received: {value!r}')
    return padding


@translated("convert_kernel")
def convert_kernel(kernel: Any) -> np.ndarray:
    """Flip a kernel (*space, in, out) along its axes of space: Theano's convolution to TensorFlow's, and back."""
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ValueError(f"`kernel` must have 3, 4 or 5 axes, (*space, in, out). Received: shape {kernel.shape}")
    return np.flip(kernel, tuple(range(kernel.ndim - 2))).copy()


@translated("conv_output_length")
def conv_output_length(
    input_length: int | None, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> int | None:
    """Return the length that a convolution or pooling makes of `input_length`; None stays None."""
    _check_padding(padding, PADDINGS)
    if input_length is None:
        return None
    reach = (filter_size - 1) * dilation
    length = input_length + {"valid": -reach, "full": reach}.get(padding, 0)
    return -(-length // stride)


@translated("conv_input_length")
def conv_input_length(output_length: int | None, filter_size: int, padding: str, stride: int) -> int | None:
    """Return the smallest length from which a convolution makes `output_length`; None stays None."""
    _check_padding(padding, ("valid", "same", "full"))
    if output_length is None:
        return None
    return (output_length - 1) * stride + filter_size - 2 * _padded(padding, filter_size)


def deconv_length(
    dim_size: int | None,
    stride_size: int,
    kernel_size: int,
    padding: str,
    output_padding: int | None,
    dilation: int = 1,
) -> int | None:
    """Return the length that a transposed convolution makes of `dim_size`; None stays None.

    Without `output_padding` it is the longest one from which the convolution makes `dim_size`.
    """
    _check_padding(padding, ("valid", "same", "full"))
    if dim_size is None:
        return None
    window = 1 + (kernel_size - 1) * dilation
    if output_padding is not None:
        return (dim_size - 1) * stride_size + window - 2 * _padded(padding, window) + output_padding
    extra = {"valid": max(window - stride_size, 0), "same": 0, "full": 2 - stride_size - window}
    return dim_size * stride_size + extra[padding]


def _padded(padding: str, window: int) -> int:
    return {"valid": 0, "same": window // 2, "full": window - 1}[padding]


def _check_padding(padding: str, known: Collection[str]) -> None:
    if padding not in known:
        # The type that Keras 2 raises, and its callers may catch.
        raise AssertionError(f"`padding` must be one of {', '.join(map(repr, known))}. Received: {padding!r}")
