"""Convolutions, pooling, images and random numbers of TensorFlow in graphs of tf.keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_torch import backend, ops
from keras_torch.models.operations import sizes


def _layout(data_format: Any, rank: int) -> str:
    return "channels_first" if str(data_format or "N").upper().startswith("NC") and rank else "channels_last"


def _windows(values: Any, rank: int, data_format: str) -> Any:
    """Return the sizes along the spatial axes of what TensorFlow gives for all axes, for the spatial ones, or once."""
    if values is None:
        return 1
    if not isinstance(values, (list, tuple)):
        return values
    if len(values) == rank + 2:
        return tuple(values[2:] if data_format == "channels_first" else values[1:-1])
    return values[0] if len(values) == 1 else tuple(values)


def _padding(padding: Any, function: str) -> str:
    if not isinstance(padding, str) or padding.upper() not in ("SAME", "VALID"):
        raise ValueError(f"`{function}` is read with padding 'SAME' or 'VALID'. Received: padding={padding!r}")
    return padding.lower()


def _padded(x: Any, padding: Any, explicit: Any, function: str) -> tuple[Any, str]:
    """Return the input, with zeros around it where the padding says how many for each axis, and what is left to pad."""
    pairs = padding if isinstance(padding, (list, tuple)) else explicit if padding == "EXPLICIT" else None
    if pairs is None:
        return x, _padding(padding, function)
    return ops.pad(x, np.reshape(pairs, (-1, 2)).tolist()), "valid"


def _array(value: Any) -> Any:
    return np.asarray(value, "float32") if isinstance(value, list) else value


def _convolution(name: str, function: Callable[..., Any], rank: int) -> Callable[..., Any]:
    def call(
        input: Any,  # noqa: A002 - TensorFlow's names, here and below
        filters: Any = None,
        strides: Any = 1,
        padding: Any = "VALID",
        data_format: Any = None,
        dilations: Any = None,
        filter: Any = None,  # noqa: A002
        **options: Any,
    ) -> Any:
        given = _known(options, name, "use_cudnn_on_gpu", "stride", "rate", "dilation_rate", "explicit_paddings")
        strides = given.get("stride", strides)
        layout = _layout(data_format, rank)
        padded, rest = _padded(input, padding, given.get("explicit_paddings"), name)
        return function(
            padded,
            _array(filters if filter is None else filter),
            _windows(strides, rank, layout),
            rest,
            data_format=layout,
            dilation_rate=_windows(given.get("rate", given.get("dilation_rate", dilations)), rank, layout),
        )

    return call


def _known(options: dict[str, Any], name: str, *allowed: str) -> dict[str, Any]:
    unknown = set(options) - set(allowed)
    if unknown:
        raise TypeError(f"`{name}` got unexpected arguments. Received: {sorted(unknown)}")
    return {key: value for key, value in options.items() if value not in (None, [])}


def convolution(input: Any, *args: Any, **options: Any) -> Any:  # noqa: A002
    """`tf.nn.convolution`: of sequences, images or volumes, as the input's axes say."""
    return FUNCTIONS[f"conv{len(input.shape) - 2}d"](input, *args, **options)


def max_pool(input: Any, *args: Any, **options: Any) -> Any:  # noqa: A002
    return FUNCTIONS[f"max_pool{len(input.shape) - 2}d"](input, *args, **options)


def avg_pool(input: Any, *args: Any, **options: Any) -> Any:  # noqa: A002
    return FUNCTIONS[f"avg_pool{len(input.shape) - 2}d"](input, *args, **options)


def separable_conv2d(
    input: Any,  # noqa: A002
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any = 1,
    padding: Any = "VALID",
    data_format: Any = None,
    dilations: Any = None,
    rate: Any = None,
) -> Any:
    layout = _layout(data_format, 2)
    options = _windows(strides, 2, layout), _padding(padding, "separable_conv2d"), layout
    dilation = _windows(dilations or rate, 2, layout)
    return ops.separable_conv(input, _array(depthwise_filter), _array(pointwise_filter), *options, dilation)


def _transposed(rank: int) -> Callable[..., Any]:
    def call(
        input: Any,  # noqa: A002
        filters: Any = None,
        output_shape: Any = None,
        strides: Any = 1,
        padding: Any = "SAME",
        data_format: Any = None,
        dilations: Any = None,
        filter: Any = None,  # noqa: A002
    ) -> Any:
        layout = _layout(data_format, rank)
        function = backend.conv2d_transpose if rank == 2 else backend.conv3d_transpose
        options = _windows(strides, rank, layout), _padding(padding, "conv_transpose"), layout
        return function(input, _array(filters if filter is None else filter), output_shape, *options)

    return call


def _pool(name: str, function: Callable[..., Any], rank: int) -> Callable[..., Any]:
    def call(
        input: Any,  # noqa: A002
        ksize: Any,
        strides: Any = None,
        padding: Any = "VALID",
        data_format: Any = None,
    ) -> Any:
        layout = _layout(data_format, rank)
        windows = _windows(ksize, rank, layout)
        steps = windows if strides is None else _windows(strides, rank, layout)
        return function(input, windows, steps, _padding(padding, name), layout)

    return call


def depth_to_space(input: Any, block_size: int, data_format: Any = "NHWC") -> Any:  # noqa: A002
    return _channels_behind(ops.depth_to_space, input, block_size, data_format)


def space_to_depth(input: Any, block_size: int, data_format: Any = "NHWC") -> Any:  # noqa: A002
    return _channels_behind(ops.space_to_depth, input, block_size, data_format)


def _channels_behind(function: Callable[..., Any], x: Any, block_size: int, data_format: Any) -> Any:
    """TensorFlow orders the channels of blocks alike in both layouts; Keras 3 does not."""
    if _layout(data_format, 2) == "channels_last":
        return function(x, block_size)
    return ops.moveaxis(function(ops.moveaxis(x, 1, -1), block_size), -1, 1)


RESIZE_METHODS = {0: "bilinear", 1: "nearest", 2: "bicubic", 3: "area"}


def _method(method: Any) -> str:
    return RESIZE_METHODS.get(method, "") if isinstance(method, int) else str(method)


def resize(
    images: Any,
    size: Any,
    method: Any = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    align_corners: bool = False,
) -> Any:
    if preserve_aspect_ratio or align_corners:
        raise ValueError("`tf.image.resize` is read without `preserve_aspect_ratio` and `align_corners`.")
    name = _method(method)
    if not isinstance(images.dtype, str) or images.dtype.startswith(("int", "uint")) and name != "nearest":
        images = ops.cast(images, "float32")
    return ops.image.resize(images, list(size), name, antialias, data_format="channels_last")


def resize_with_pad(
    image: Any, target_height: int, target_width: int, method: Any = "bilinear", antialias: bool = False
) -> Any:
    name = _method(method)
    height, width = image.shape[-3:-1]
    ratio = max(width / target_width, height / target_height)
    rows, columns = min(target_height, int(height / ratio)), min(target_width, int(width / ratio))
    found = ops.image.resize(image, (rows, columns), name, antialias, data_format="channels_last")
    top, left = (target_height - rows) // 2, (target_width - columns) // 2
    return pad_to_bounding_box(found, top, left, target_height, target_width)


def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Any:
    height, width = image.shape[-3:-1]
    top, left = max(height - target_height, 0) // 2, max(width - target_width, 0) // 2
    rows, columns = min(height, target_height), min(width, target_width)
    image = crop_to_bounding_box(image, top, left, rows, columns)
    return pad_to_bounding_box(
        image, (target_height - rows) // 2, (target_width - columns) // 2, target_height, target_width
    )


def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Any:
    rows = slice(offset_height, offset_height + target_height)
    return ops.get_item(image, (Ellipsis, rows, slice(offset_width, offset_width + target_width), slice(None)))


def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Any:
    height, width = image.shape[-3:-1]
    rows = [offset_height, target_height - height - offset_height]
    columns = [offset_width, target_width - width - offset_width]
    return ops.pad(image, [*[[0, 0]] * (len(image.shape) - 3), rows, columns, [0, 0]])


def central_crop(image: Any, central_fraction: float) -> Any:
    height, width = image.shape[-3:-1]
    top, left = int((height - height * central_fraction) / 2), int((width - width * central_fraction) / 2)
    return crop_to_bounding_box(image, top, left, height - 2 * top, width - 2 * left)


def flip_left_right(image: Any) -> Any:
    return ops.flip(image, -2)


def flip_up_down(image: Any) -> Any:
    return ops.flip(image, -3)


def rot90(image: Any, k: int = 1) -> Any:
    return ops.rot90(image, k, (-3, -2))


def transpose(image: Any) -> Any:
    return ops.swapaxes(image, -3, -2)


def grayscale_to_rgb(images: Any) -> Any:
    return ops.repeat(images, 3, -1)


def rgb_to_grayscale(images: Any) -> Any:
    return ops.image.rgb_to_grayscale(images, "channels_last")


def rgb_to_hsv(images: Any) -> Any:
    return ops.image.rgb_to_hsv(images, "channels_last")


def hsv_to_rgb(images: Any) -> Any:
    return ops.image.hsv_to_rgb(images, "channels_last")


def adjust_brightness(image: Any, delta: Any) -> Any:
    return ops.add(image, delta)


def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    mean = ops.mean(images, (-3, -2), True)
    return ops.add(ops.multiply(ops.subtract(images, mean), contrast_factor), mean)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Any:
    return ops.multiply(ops.power(image, gamma), gain)


def per_image_standardization(image: Any) -> Any:
    axes = (-3, -2, -1)
    count = 1
    for size in image.shape[-3:]:
        count *= size
    image = ops.cast(image, "float32")
    deviation = ops.maximum(ops.std(image, axes, True), count**-0.5)
    return ops.divide(ops.subtract(image, ops.mean(image, axes, True)), deviation)


def extract_patches(images: Any, sizes: Any, strides: Any, rates: Any, padding: Any) -> Any:
    window, step, rate = (_windows(item, 2, "channels_last") for item in (sizes, strides, rates))
    return ops.image.extract_patches(
        images, window, step, rate, _padding(padding, "extract_patches"), data_format="channels_last"
    )


def random_normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32", seed: Any = None) -> Any:
    return backend.random_normal(_listed(shape), mean, stddev, dtype, seed)


def random_uniform(
    shape: Any, minval: float = 0.0, maxval: Any = None, dtype: Any = "float32", seed: Any = None
) -> Any:
    return backend.random_uniform(_listed(shape), minval, 1.0 if maxval is None else maxval, dtype, seed)


def truncated_normal(
    shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32", seed: Any = None
) -> Any:
    return backend.truncated_normal(_listed(shape), mean, stddev, dtype, seed)


def _listed(shape: Any) -> Any:
    return list(shape) if sizes.is_sizes(shape) and isinstance(shape, (list, tuple)) else shape


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "avg_pool": avg_pool,
    "avg_pool1d": _pool("avg_pool1d", ops.average_pool, 1),
    "avg_pool2d": _pool("avg_pool2d", ops.average_pool, 2),
    "avg_pool3d": _pool("avg_pool3d", ops.average_pool, 3),
    "convolution": convolution,
    "conv1d": _convolution("conv1d", ops.conv, 1),
    "conv2d": _convolution("conv2d", ops.conv, 2),
    "conv3d": _convolution("conv3d", ops.conv, 3),
    "conv2d_transpose": _transposed(2),
    "conv3d_transpose": _transposed(3),
    "depth_to_space": depth_to_space,
    "depthwise_conv2d": _convolution("depthwise_conv2d", ops.depthwise_conv, 2),
    "max_pool": max_pool,
    "max_pool1d": _pool("max_pool1d", ops.max_pool, 1),
    "max_pool2d": _pool("max_pool2d", ops.max_pool, 2),
    "max_pool3d": _pool("max_pool3d", ops.max_pool, 3),
    "separable_conv2d": separable_conv2d,
    "space_to_depth": space_to_depth,
    "image.adjust_brightness": adjust_brightness,
    "image.adjust_contrast": adjust_contrast,
    "image.adjust_gamma": adjust_gamma,
    "image.central_crop": central_crop,
    "image.crop_to_bounding_box": crop_to_bounding_box,
    "image.extract_patches": extract_patches,
    "image.flip_left_right": flip_left_right,
    "image.flip_up_down": flip_up_down,
    "image.grayscale_to_rgb": grayscale_to_rgb,
    "image.hsv_to_rgb": hsv_to_rgb,
    "image.pad_to_bounding_box": pad_to_bounding_box,
    "image.per_image_standardization": per_image_standardization,
    "image.resize": resize,
    "image.resize_images": resize,
    "image.resize_with_crop_or_pad": resize_with_crop_or_pad,
    "image.resize_with_pad": resize_with_pad,
    "image.rgb_to_grayscale": rgb_to_grayscale,
    "image.rgb_to_hsv": rgb_to_hsv,
    "image.rot90": rot90,
    "image.transpose": transpose,
    "random.normal": random_normal,
    "random.truncated_normal": truncated_normal,
    "random.uniform": random_uniform,
    "random_normal": random_normal,
    "random_uniform": random_uniform,
    "truncated_normal": truncated_normal,
}
