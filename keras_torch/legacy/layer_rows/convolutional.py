"""Rows of convolutions, poolings, paddings and resizings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_torch.legacy.layer_rows.common import (
    CHANNELS_LAST,
    CONVOLUTION,
    DATA_FORMAT,
    OUTPUT_SHAPE,
    REGULARIZED,
    data_format_row,
    sequence_shape,
)
from keras_torch.legacy.rows import Row


def _conv_row(kernel: tuple[str, ...], after_kernel: tuple[str, ...] = (), **more: Any) -> Row:
    """Row of a convolution of rank 2 or 3, whose kernel size Keras 1 took as separate numbers."""
    order = ("nb_filter", *kernel, *after_kernel, "init", "activation", "weights", "border_mode", "subsample")
    return Row(
        renamed=CONVOLUTION,
        orders={"1": (*order, "dim_ordering", *REGULARIZED), "2": ("filters", *kernel)},
        values={"data_format": DATA_FORMAT},
        joined={"kernel_size": kernel},
        conflicts=("padding", "strides", "data_format"),
        **more,
    )


def _both_kernels(bound: dict[str, Any]) -> None:
    """Keras 1 had one `init` for the two kernels of a separable convolution."""
    if "kernel_initializer" in bound:
        value = bound.pop("kernel_initializer")
        bound.setdefault("depthwise_initializer", value)
        bound.setdefault("pointwise_initializer", value)


def _both_kernels_of_sequence(bound: dict[str, Any]) -> None:
    _both_kernels(bound)
    sequence_shape(bound)


def _conv1d_row(prepare: Callable[[dict[str, Any]], None] = sequence_shape) -> Row:
    order = ("nb_filter", "filter_length", "init", "activation", "weights", "border_mode", "subsample_length")
    return Row(
        renamed=CONVOLUTION | {"filter_length": "kernel_size", "subsample_length": "strides"},
        orders={"1": (*order, *REGULARIZED, "input_dim", "input_length")},
        values={"data_format": DATA_FORMAT},
        defaults=CHANNELS_LAST,
        prepare=prepare,
    )


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


LAYERS: dict[str, Row] = {
    "Conv1D": _conv1d_row(),
    "Conv2D": _conv_row(("nb_row", "nb_col")),
    "Conv3D": _conv_row(("kernel_dim1", "kernel_dim2", "kernel_dim3")),
    "Conv2DTranspose": _conv_row(("nb_row", "nb_col"), ("output_shape",), refused=OUTPUT_SHAPE),
    "Conv3DTranspose": _conv_row(
        ("kernel_dim1", "kernel_dim2", "kernel_dim3"), ("output_shape",), refused=OUTPUT_SHAPE
    ),
    "SeparableConv1D": _conv1d_row(_both_kernels_of_sequence),
    "SeparableConv2D": _conv_row(("nb_row", "nb_col"), prepare=_both_kernels),
    "LocallyConnected1D": _conv1d_row(),
    "LocallyConnected2D": _conv_row(("nb_row", "nb_col")),
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
