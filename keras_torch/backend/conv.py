"""Convolutions and pooling: Keras's layouts and paddings around torch's functions.

Inputs are (batch, *space, channels), or channels second; kernels are (*space, in, out).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend.tensors import floating, recorded, tensor
from keras_torch.legacy import translated

_CONV: dict[int, Any] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_CONV_TRANSPOSE: dict[int, Any] = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_POOL: dict[str, dict[int, Any]] = {
    "max": {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d},
    "avg": {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d},
}


def same_padding(size: int, kernel: int, stride: int, dilation: int = 1) -> tuple[int, int]:
    """Return TensorFlow's (before, after) for `padding="same"`: an odd amount puts the extra element after."""
    total = max((-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _numbers(value: Any, rank: int, argument: str) -> tuple[int, ...]:
    numbers = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(numbers) != rank:
        raise ValueError(f"`{argument}` must be an integer or {rank} integers. Received: {value!r}")
    return numbers


def _to_channels_first(x: Any, data_format: str | None) -> tuple[Any, bool]:
    last = config.standardize_data_format(data_format) == "channels_last"
    return (torch.movedim(x, -1, 1) if last else x), last


def padding_pairs(sizes: Sequence[int], windows: Sequence[tuple[int, int, int]], padding: str) -> list[tuple[int, int]]:
    """Return (before, after) for each spatial axis; `windows` holds (kernel, stride, dilation)."""
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "causal" and len(sizes) == 1:
        kernel, _, dilation = windows[0]
        return [(dilation * (kernel - 1), 0)]
    if padding == "full" and config.is_classic():  # Theano's
        return [(dilation * (kernel - 1),) * 2 for kernel, _, dilation in windows]
    if padding == "same":
        return [same_padding(size, *window) for size, window in zip(sizes, windows, strict=True)]
    raise ValueError(f"`padding` must be 'valid' or 'same' (or 'causal' for sequences). Received: {padding!r}")


def _flat(pairs: Sequence[tuple[int, int]]) -> list[int]:
    """Return the argument of `F.pad`, which counts axes from the last."""
    return [amount for pair in reversed(pairs) for amount in pair]


def convolve(
    x: Any, weight: Any, strides: Any, padding: str, data_format: str | None, dilation_rate: Any, groups: int = 1
) -> Any:
    """Convolve with a weight in torch's layout (out, in / groups, *space)."""
    rank = weight.dim() - 2
    strides, dilation = _numbers(strides, rank, "strides"), _numbers(dilation_rate, rank, "dilation_rate")
    x, last = _to_channels_first(x, data_format)
    windows = list(zip(weight.shape[2:], strides, dilation, strict=True))
    pads = _flat(padding_pairs(x.shape[2:], windows, padding.lower()))
    x = F.pad(x, pads) if any(pads) else x
    result = _CONV[rank](x, weight, stride=strides, dilation=dilation, groups=groups)
    return torch.movedim(result, 1, -1) if last else result


def conv_weight(kernel: Any) -> Any:
    return torch.movedim(tensor(kernel), (-1, -2), (0, 1))


@translated("backend.conv1d")
@recorded
def conv1d(
    x: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolve sequences (batch, time, channels) with a kernel (window, in, out)."""
    return convolve(floating(x), conv_weight(kernel), strides, padding, data_format, dilation_rate)


@translated("backend.conv2d")
@recorded
def conv2d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """Convolve images with a kernel (rows, columns, in, out)."""
    return convolve(floating(x), conv_weight(kernel), strides, padding, data_format, dilation_rate)


@translated("backend.conv3d")
@recorded
def conv3d(
    x: Any,
    kernel: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1, 1),
) -> Any:
    """Convolve volumes with a kernel (depth, rows, columns, in, out)."""
    return convolve(floating(x), conv_weight(kernel), strides, padding, data_format, dilation_rate)


@translated("backend.atrous_conv2d")
def atrous_conv2d(x: Any, kernel: Any, rate: int = 1, padding: str = "valid", data_format: str | None = None) -> Any:
    """`conv2d` with the dilation `rate` (Keras 1)."""
    return conv2d(x, kernel, padding=padding, data_format=data_format, dilation_rate=(rate, rate))


@recorded
def depthwise_conv2d(
    x: Any,
    depthwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """Convolve each channel with its own kernels; the kernel has shape (rows, columns, in, multiplier)."""
    return depthwise(floating(x), tensor(depthwise_kernel), strides, padding, data_format, dilation_rate)


def depthwise(x: Any, kernel: Any, strides: Any, padding: str, data_format: str | None, dilation_rate: Any) -> Any:
    channels = kernel.shape[-2]
    weight = torch.movedim(kernel, (-2, -1), (0, 1)).flatten(0, 1).unsqueeze(1)
    return convolve(x, weight, strides, padding, data_format, dilation_rate, groups=channels)


def _separable(x: Any, first: Any, pointwise: Any, strides: Any, padding: str, *options: Any) -> Any:
    data_format, dilation_rate = options
    x = depthwise(floating(x), tensor(first), strides, padding, data_format, dilation_rate)
    return convolve(x, conv_weight(pointwise), 1, "valid", data_format, 1)


@recorded
def separable_conv1d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolve each channel of sequences, then mix the channels with a kernel (1, in * multiplier, out)."""
    return _separable(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


@translated("backend.separable_conv2d")
@recorded
def separable_conv2d(
    x: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """Convolve each channel of images, then mix the channels with a kernel (1, 1, in * multiplier, out)."""
    return _separable(x, depthwise_kernel, pointwise_kernel, strides, padding, data_format, dilation_rate)


def transposed(
    x: Any,
    kernel: Any,
    output_shape: Sequence[Any],
    strides: Any,
    padding: str,
    data_format: str | None,
    dilation_rate: Any,
) -> Any:
    """Reverse a convolution: cut or fill the full result to `output_shape`, which says where padding went."""
    weight = conv_weight(kernel)
    rank = weight.dim() - 2
    strides, dilation = _numbers(strides, rank, "strides"), _numbers(dilation_rate, rank, "dilation_rate")
    x, last = _to_channels_first(x, data_format)
    sizes = output_shape[1:-1] if last else output_shape[2:]
    result = _CONV_TRANSPOSE[rank](x, weight, stride=strides, dilation=dilation)
    if padding.lower() not in ("valid", "same"):
        raise ValueError(f"`padding` must be 'valid' or 'same'. Received: padding={padding!r}")
    pairs = []
    for size, full in zip(sizes, result.shape[2:], strict=True):
        before = max(full - size, 0) // 2 if padding.lower() == "same" else 0
        pairs.append((-before, size - (full - before)))
    result = F.pad(result, _flat(pairs)) if any(_flat(pairs)) else result
    return torch.movedim(result, 1, -1) if last else result


@translated("backend.conv2d_transpose")
@recorded
def conv2d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Sequence[Any],
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = (1, 1),
) -> Any:
    """Return the transposed convolution with a kernel (rows, columns, out, in); `output_shape` is complete."""
    return transposed(floating(x), kernel, tuple(output_shape), strides, padding, data_format, dilation_rate)


deconv2d = conv2d_transpose


@recorded
def conv3d_transpose(
    x: Any,
    kernel: Any,
    output_shape: Sequence[Any],
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Return the transposed convolution with a kernel (depth, rows, columns, out, in)."""
    return transposed(floating(x), kernel, tuple(output_shape), strides, padding, data_format, 1)


def pool(x: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None, mode: str, rank: int) -> Any:
    if mode not in _POOL:
        raise ValueError(f"`pool_mode` must be 'max' or 'avg'. Received: {mode!r}")
    run, sizes = _POOL[mode][rank], _numbers(pool_size, rank, "pool_size")
    strides = _numbers(strides, rank, "strides")
    x, last = _to_channels_first(floating(x), data_format)
    pads = _flat(
        padding_pairs(x.shape[2:], [(*window, 1) for window in zip(sizes, strides, strict=True)], padding.lower())
    )
    if mode == "max":
        result = run(F.pad(x, pads, value=float("-inf")) if any(pads) else x, sizes, strides)
    else:
        result = run(F.pad(x, pads) if any(pads) else x, sizes, strides)
        if any(pads):
            # The mean is over the elements inside.
            result = result / run(F.pad(torch.ones_like(x[:1, :1]), pads), sizes, strides)
    return torch.movedim(result, 1, -1) if last else result


@translated("backend.pool2d")
@recorded
def pool2d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:
    """Return the maximum (`"max"`) or mean (`"avg"`) of windows of images."""
    return pool(x, pool_size, strides, padding, data_format, pool_mode, 2)


@translated("backend.pool3d")
@recorded
def pool3d(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    pool_mode: str = "max",
) -> Any:
    """Return the maximum (`"max"`) or mean (`"avg"`) of windows of volumes."""
    return pool(x, pool_size, strides, padding, data_format, pool_mode, 3)


def connect_locally(
    inputs: Any, kernel: Any, kernel_size: Sequence[int], strides: Sequence[int], data_format: str | None
) -> Any:
    """Multiply each window by its own matrix; a kernel is (positions, window * in, out)."""
    x, last = _to_channels_first(inputs, data_format)
    rank = len(kernel_size)
    for axis, (size, stride) in enumerate(zip(kernel_size, strides, strict=True)):
        x = x.unfold(2 + axis, size, stride)
    space = x.shape[2 : 2 + rank]
    # (batch, channels, *positions, *window): the features of a window are in the order of the memory it is cut from.
    x = torch.movedim(x, 1, -1) if last else torch.movedim(x, 1, 1 + rank)
    result = torch.einsum("bpf,pfo->bpo", x.reshape(x.shape[0], kernel.shape[0], kernel.shape[1]), kernel)
    result = result.reshape(x.shape[0], *space, kernel.shape[-1])
    return result if last else torch.movedim(result, -1, 1)


@recorded
def local_conv1d(
    inputs: Any, kernel: Any, kernel_size: Sequence[int], strides: Sequence[int], data_format: str | None = None
) -> Any:
    """Convolve sequences with a kernel of its own for each position: (positions, window * in, out)."""
    return connect_locally(floating(inputs), tensor(kernel), kernel_size, strides, data_format)


@recorded
def local_conv2d(
    inputs: Any,
    kernel: Any,
    kernel_size: Sequence[int],
    strides: Sequence[int],
    output_shape: Sequence[int],
    data_format: str | None = None,
) -> Any:
    """Convolve images with a kernel of its own for each of the rows * columns positions in `output_shape`."""
    if len(output_shape) != 2 or output_shape[0] * output_shape[1] != kernel.shape[0]:
        raise ValueError(
            f"`output_shape` must be the rows and columns of the {kernel.shape[0]} positions in the kernel. "
            f"Received: {output_shape!r}"
        )
    return connect_locally(floating(inputs), tensor(kernel), kernel_size, strides, data_format)
