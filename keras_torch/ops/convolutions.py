"""Convolutions, pooling and windows of `keras.ops.nn`, on what `keras_torch.backend.conv` has."""

from __future__ import annotations

from typing import Any

from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend.conv import conv_weight, convolve, depthwise, pool, transposed
from keras_torch.ops.arguments import convert, floating, floats, operation


def _per_axis(value: Any, rank: int) -> Any:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank


def _channels(x: Any, data_format: str | None) -> int:
    return x.shape[-1 if config.standardize_data_format(data_format) == "channels_last" else 1]


@operation
def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolve with a kernel (*space, in / groups, out); the channels say how many groups there are."""
    x, kernel = floats(inputs, kernel)
    groups = _channels(x, data_format) // kernel.shape[-2]
    return convolve(x, conv_weight(kernel), strides, padding, data_format, dilation_rate, groups)


@operation
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolve each channel with its own kernels (*space, in, multiplier)."""
    x, kernel = floats(inputs, kernel)
    return depthwise(x, kernel, strides, padding, data_format, dilation_rate)


@operation
def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """Convolve each channel, then mix the channels with a kernel (1, ..., in * multiplier, out)."""
    x, first, second = floats(inputs, depthwise_kernel, pointwise_kernel)
    x = depthwise(x, first, strides, padding, data_format, dilation_rate)
    return convolve(x, conv_weight(second), 1, "valid", data_format, 1)


def _transposed_size(size: int, kernel: int, stride: int, padding: str, extra: int | None, dilation: int) -> int:
    reach = (kernel - 1) * dilation + 1
    if extra is None:
        return size * stride + (max(reach - stride, 0) if padding == "valid" else 0)
    cut = 0 if padding == "valid" else 2 * (reach // 2)
    return (size - 1) * stride + reach - cut + extra


@operation
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> Any:
    """The transposed convolution with a kernel (*space, out, in)."""
    x, kernel = floats(inputs, kernel)
    rank = kernel.dim() - 2
    options = [_per_axis(item, rank) for item in (strides, output_padding, dilation_rate)]
    last = config.standardize_data_format(data_format) == "channels_last"
    if _channels(x, data_format) != kernel.shape[-1]:
        raise ValueError(
            f"`conv_transpose` takes inputs with the {kernel.shape[-1]} channels of its kernel {tuple(kernel.shape)}. "
            f"Received: inputs of shape {tuple(x.shape)}, data_format={data_format!r}"
        )
    space = x.shape[1:-1] if last else x.shape[2:]
    sizes = [
        _transposed_size(size, width, stride, padding.lower(), extra, dilation)
        for size, width, stride, extra, dilation in zip(space, kernel.shape[:rank], *options, strict=True)
    ]
    shape = (x.shape[0], *sizes, kernel.shape[-2]) if last else (x.shape[0], kernel.shape[-2], *sizes)
    return transposed(x, kernel, shape, options[0], padding, data_format, options[2])


@operation
def max_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The maximum of windows."""
    x = convert(inputs)
    return pool(x, pool_size, pool_size if strides is None else strides, padding, data_format, "max", x.dim() - 2)


@operation
def average_pool(
    inputs: Any, pool_size: Any, strides: Any = None, padding: str = "valid", data_format: str | None = None
) -> Any:
    """The mean of windows, over the values inside."""
    x = convert(inputs)
    return pool(x, pool_size, pool_size if strides is None else strides, padding, data_format, "avg", x.dim() - 2)


_ADAPTIVE: dict[str, dict[int, Any]] = {
    "max": {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d},
    "avg": {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d},
}


def _adaptive(inputs: Any, output_size: Any, data_format: str | None, mode: str) -> Any:
    x = floating(inputs)
    rank = x.dim() - 2
    last = config.standardize_data_format(data_format) == "channels_last"
    result = _ADAPTIVE[mode][rank](x.movedim(-1, 1) if last else x, _per_axis(output_size, rank))
    return result.movedim(1, -1) if last else result


@operation
def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The mean of as many windows as the output has places."""
    return _adaptive(inputs, output_size, data_format, "avg")


@operation
def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """The maximum of as many windows as the output has places."""
    return _adaptive(inputs, output_size, data_format, "max")


@operation
def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """The windows of images (N, C, H, W) as columns (N, C * window, places)."""
    return F.unfold(floating(x), kernel_size, dilation, padding, stride)


@operation
def fold(x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Add windows, columns of (N, C * window, places), up to images (N, C, H, W)."""
    return F.fold(floating(x), output_size, kernel_size, dilation, padding, stride)


__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "average_pool",
    "conv",
    "conv_transpose",
    "depthwise_conv",
    "fold",
    "max_pool",
    "separable_conv",
    "unfold",
]
