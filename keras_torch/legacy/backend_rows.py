"""Rows of the backend's functions: arguments of Keras 1."""

from __future__ import annotations

from dataclasses import replace

from keras_torch.legacy.rows import ANY, Refused, Row

_DATA_FORMAT = {"default": None, "th": "channels_first", "tf": "channels_last"}
_FORMATTED = Row(renamed={"dim_ordering": "data_format"}, values={"data_format": _DATA_FORMAT})
_HINT = Refused("shapes are read from the tensors.", ANY)
_HINTS = {"image_shape": _HINT, "filter_shape": _HINT, "volume_shape": _HINT}
# What keras_applications is told of the Keras around it.
_OF_KERAS = dict.fromkeys(("backend", "layers", "models", "utils"), Refused("arrays need no network.", ANY))
_BORDER = {"border_mode": "padding", "dim_ordering": "data_format"}
_LOSS = Row(orders={"1": ("output", "target", "from_logits")})


def _conv(*order: str, **renamed: str) -> Row:
    return Row(
        renamed={**_BORDER, **renamed}, orders={"1": order}, values={"data_format": _DATA_FORMAT}, refused=_HINTS
    )


_CONV_2D = ("x", "kernel", "strides", "border_mode", "dim_ordering", "image_shape", "filter_shape", "filter_dilation")
_RESIZE = Row(renamed={"X": "x", "dim_ordering": "data_format"}, values={"data_format": _DATA_FORMAT})
_POOL = _conv("x", "pool_size", "strides", "border_mode", "dim_ordering", "pool_mode")

BACKEND: dict[str, Row] = {
    "applications.obtain_input_shape": Row(
        renamed={"dim_ordering": "data_format", "include_top": "require_flatten"}, values={"data_format": _DATA_FORMAT}
    ),
    "applications.decode_predictions": Row(refused=_OF_KERAS),
    "applications.preprocess_input": replace(_FORMATTED, refused=_OF_KERAS),
    "backend.batch_normalization": Row(orders={"1": ("x", "mean", "var", "beta", "gamma", "epsilon")}),
    "backend.bias_add": _FORMATTED,
    "backend.binary_crossentropy": _LOSS,
    "backend.categorical_crossentropy": _LOSS,
    "backend.conv1d": _conv("x", "kernel", "stride", "border_mode", "image_shape", "filter_shape", stride="strides"),
    "backend.conv2d": _conv(*_CONV_2D, filter_dilation="dilation_rate"),
    "backend.conv2d_transpose": _conv("x", "kernel", "output_shape", *_CONV_2D[2:-1]),
    "backend.atrous_conv2d": _conv("x", "kernel", "rate", *_CONV_2D[3:-1]),
    "backend.conv3d": _conv("x", "kernel", "strides", "border_mode", "dim_ordering", "volume_shape", "filter_shape"),
    "backend.expand_dims": Row(renamed={"dim": "axis"}),
    "backend.batch_get_value": Row(renamed={"xs": "tensors", "ops": "tensors"}, shared=frozenset({"ops"})),
    "backend.moving_average_update": Row(renamed={"variable": "x"}),
    "backend.normalize_data_format": Row(renamed={"value": "data_format"}),
    "backend.set_epsilon": Row(renamed={"e": "value"}),
    "backend.set_floatx": Row(renamed={"floatx": "value"}),
    "backend.one_hot": Row(renamed={"nb_classes": "num_classes"}),
    "backend.pool2d": _POOL,
    "backend.pool3d": _POOL,
    "backend.random_normal": Row(renamed={"std": "stddev"}),
    "backend.random_uniform": Row(renamed={"low": "minval", "high": "maxval"}),
    "backend.resize_images": _RESIZE,
    "backend.resize_volumes": _RESIZE,
    "backend.separable_conv2d": _conv(
        "x", "depthwise_kernel", "pointwise_kernel", "strides", "border_mode", "dim_ordering"
    ),
    "backend.sparse_categorical_crossentropy": _LOSS,
    "backend.spatial_2d_padding": _FORMATTED,
    "backend.spatial_3d_padding": _FORMATTED,
    "backend.asymmetric_spatial_2d_padding": _FORMATTED,
}
