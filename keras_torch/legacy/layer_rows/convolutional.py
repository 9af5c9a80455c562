"""Rows of convolutions, poolings, paddings and resizings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from keras_torch import config
from keras_torch.legacy.layer_rows.common import (
    CHANNELS_LAST,
    CONVOLUTION,
    DATA_FORMAT,
    KERAS_1_2,
    KERNEL_AND_BIAS,
    REGULARIZED,
    data_format_row,
    sequence_shape,
)
from keras_torch.legacy.rows import Refused, Row

_DILATED = ("data_format", "dilation_rate")


def _keras_2(*window: str) -> tuple[str, ...]:
    return ("filters", "kernel_size", "strides", "padding", *window, *KERNEL_AND_BIAS)


def _conv_row(
    kernel: tuple[str, ...], after_kernel: tuple[str, ...] = (), window: tuple[str, ...] = _DILATED, **more: Any
) -> Row:
    """Row of a convolution of rank 2 or 3, whose kernel size Keras 1 took as separate numbers."""
    order = ("nb_filter", *kernel, *after_kernel, "init", "activation", "weights", "border_mode", "subsample")
    return Row(
        renamed=CONVOLUTION,
        orders={"1": (*order, "dim_ordering", *REGULARIZED), "2": ("filters", *kernel, *after_kernel)},
        values={"data_format": DATA_FORMAT},
        joined={"kernel_size": kernel},
        unjoined={"2": _keras_2(*window)},
        conflicts=("padding", "strides", "data_format"),
        **more,
    )


# What configs of tf.keras say of the one kernel that a layer with two does not have.
_GLOROT = {"class_name": "GlorotUniform", "config": {"seed": None}}
_NO_KERNEL = {
    "kernel_initializer": Refused(
        "give `depthwise_initializer` and `pointwise_initializer`.",
        (None, "glorot_uniform", _GLOROT, {"module": "keras.initializers", **_GLOROT, "registered_name": None}),
    ),
    "kernel_regularizer": Refused("give `depthwise_regularizer` and `pointwise_regularizer`."),
    "kernel_constraint": Refused("give `depthwise_constraint` and `pointwise_constraint`."),
    "groups": Refused("there is one group for each channel.", (1,)),
}
_SEPARABLE = {old: new for old, new in CONVOLUTION.items() if not old.startswith("W_")}
_SEPARABLE_END = (
    *("depthwise_regularizer", "pointwise_regularizer", "b_regularizer", "activity_regularizer"),
    *("depthwise_constraint", "pointwise_constraint", "b_constraint", "bias"),
)


_SEPARABLE_2 = (
    *("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "depth_multiplier"),
    *("activation", "use_bias", "depthwise_initializer", "pointwise_initializer", "bias_initializer"),
    *("depthwise_regularizer", "pointwise_regularizer", "bias_regularizer", "activity_regularizer"),
    *("depthwise_constraint", "pointwise_constraint", "bias_constraint"),
)


def _both_kernels(bound: dict[str, Any]) -> None:
    """Keras 1 had one `init` for the two kernels of a separable convolution."""
    if "kernel_initializer" in bound:
        value = bound.pop("kernel_initializer")
        bound.setdefault("depthwise_initializer", value)
        bound.setdefault("pointwise_initializer", value)


def _separable_row() -> Row:
    order = ("nb_filter", "nb_row", "nb_col", "init", "activation", "weights", "border_mode", "subsample")
    return Row(
        renamed=_SEPARABLE,
        orders={
            "1": (*order, "depth_multiplier", "dim_ordering", *_SEPARABLE_END),
            "2": ("filters", "nb_row", "nb_col"),
        },
        values={"data_format": DATA_FORMAT},
        joined={"kernel_size": ("nb_row", "nb_col")},
        unjoined={"2": _SEPARABLE_2},
        conflicts=("padding", "strides", "data_format"),
        refused=_NO_KERNEL,
        prepare=_both_kernels,
    )


def _depthwise_row() -> Row:
    order = ("kernel_size", "strides", "padding", "depth_multiplier", "data_format", "activation", "use_bias")
    weights = ("initializer", "regularizer", "constraint")
    return Row(
        renamed={"dim_ordering": "data_format"},
        orders={
            "2": (
                *(*order, "depthwise_initializer", "bias_initializer", "depthwise_regularizer", "bias_regularizer"),
                *("activity_regularizer", "depthwise_constraint", "bias_constraint"),
            )
        },
        values={"data_format": DATA_FORMAT},
        refused={**{f"kernel_{key}": _NO_KERNEL[f"kernel_{key}"] for key in weights}, "groups": _NO_KERNEL["groups"]},
    )


_TRANSPOSED_3D = (
    *("filters", "kernel_size", "strides", "padding", "output_padding", "data_format", "dilation_rate", "activation"),
    *("use_bias", "kernel_initializer", "bias_initializer"),
)


def _conv1d_row() -> Row:
    order = ("nb_filter", "filter_length", "init", "activation", "weights", "border_mode", "subsample_length")
    return Row(
        renamed=CONVOLUTION | {"filter_length": "kernel_size", "subsample_length": "strides"},
        orders={"1": (*order, *REGULARIZED, "input_dim", "input_length"), "2": _keras_2(*_DILATED)},
        values={"data_format": DATA_FORMAT},
        defaults=CHANNELS_LAST,
        prepare=sequence_shape,
    )


def _undilated(row: Row) -> Row:
    return replace(row, renamed={old: new for old, new in row.renamed.items() if new != "dilation_rate"})


def _pooling_row(rank: int) -> Row:
    if rank == 1:
        return Row(
            renamed={"pool_length": "pool_size", "stride": "strides", "border_mode": "padding"},
            orders={"1": ("pool_length", "stride", "border_mode")},
            defaults=CHANNELS_LAST,
        )
    return Row(
        renamed={"border_mode": "padding", "dim_ordering": "data_format"},
        orders={"1": ("pool_size", "strides", "border_mode", "dim_ordering")},
        values={"data_format": DATA_FORMAT},
    )


def _padding_pairs(bound: dict[str, Any]) -> None:
    """Keras 1 also took one pad per side, as a dict or as four numbers."""
    padding = bound.get("padding")
    sides = ("top_pad", "bottom_pad", "left_pad", "right_pad")
    if isinstance(padding, dict) and padding.keys() <= set(sides):
        padding = tuple(padding.get(side, 0) for side in sides)
    if isinstance(padding, tuple | list) and len(padding) == 4:
        bound["padding"] = (tuple(padding[:2]), tuple(padding[2:]))


def _padding_ends(bound: dict[str, Any]) -> None:
    padding = bound.get("padding")
    if isinstance(padding, dict) and padding.keys() <= {"left_pad", "right_pad"}:
        bound["padding"] = (padding.get("left_pad", 0), padding.get("right_pad", 0))


def _inferred_shape(bound: dict[str, Any]) -> None:
    """Keras 2 took the output shape of Keras 1's calls and inferred it all the same."""
    if config.dialect() == "2":
        bound.pop("output_shape", None)


_CONV_3D_TRANSPOSE = _conv_row(
    ("kernel_dim1", "kernel_dim2", "kernel_dim3"),
    ("output_shape",),
    ("output_padding", "data_format"),
    prepare=_inferred_shape,
)
_LOCAL_1D = _undilated(_conv1d_row())

LAYERS: dict[str, Row] = {
    "Conv1D": _conv1d_row(),
    "Conv2D": _conv_row(("nb_row", "nb_col")),
    "Conv3D": _conv_row(("kernel_dim1", "kernel_dim2", "kernel_dim3")),
    "Conv2DTranspose": _conv_row(
        ("nb_row", "nb_col"), ("output_shape",), ("output_padding", *_DILATED), prepare=_inferred_shape
    ),
    "Conv3DTranspose": replace(_CONV_3D_TRANSPOSE, orders={**_CONV_3D_TRANSPOSE.orders, "tf": _TRANSPOSED_3D}),
    "SeparableConv1D": Row(
        orders={"2": _SEPARABLE_2},
        refused=_NO_KERNEL,
        defaults={"2": CHANNELS_LAST["2"]},
        values={"data_format": DATA_FORMAT},
    ),
    "SeparableConv2D": _separable_row(),
    "DepthwiseConv1D": _depthwise_row(),
    "DepthwiseConv2D": _depthwise_row(),
    "LocallyConnected1D": replace(
        _LOCAL_1D,
        orders={**_LOCAL_1D.orders, "2": _keras_2("data_format")},
        defaults={era: CHANNELS_LAST[era] for era in KERAS_1_2},
    ),
    "LocallyConnected2D": _undilated(_conv_row(("nb_row", "nb_col"), window=("data_format",))),
    **{f"{kind}Pooling{rank}D": _pooling_row(rank) for kind in ("Max", "Average") for rank in (1, 2, 3)},
    **dict.fromkeys(("GlobalMaxPooling1D", "GlobalAveragePooling1D"), Row(defaults=CHANNELS_LAST)),
    **{f"Global{kind}Pooling{rank}D": data_format_row() for kind in ("Max", "Average") for rank in (2, 3)},
    "UpSampling1D": Row(renamed={"length": "size"}),
    "UpSampling2D": data_format_row(),
    "UpSampling3D": data_format_row(),
    "ZeroPadding1D": Row(prepare=_padding_ends, defaults=CHANNELS_LAST),
    "ZeroPadding2D": Row(
        renamed={"dim_ordering": "data_format"}, values={"data_format": DATA_FORMAT}, prepare=_padding_pairs
    ),
    "ZeroPadding3D": data_format_row(),
    "Cropping1D": Row(),
    "Cropping2D": data_format_row(),
    "Cropping3D": data_format_row(),
}
