"""Translation tables of the layers. Facts: the signatures of Keras 1.2.2, 2.2.4, 2.15 and 3.15."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from keras_torch import config
from keras_torch.legacy.rows import ANY, Refused, Row

DATA_FORMAT: dict[Any, Any] = {"th": "channels_first", "tf": "channels_last", "default": None}
INITIALIZED = {
    "init": "kernel_initializer",
    "W_regularizer": "kernel_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "bias": "use_bias",
}
CONVOLUTION = INITIALIZED | {
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "dim_ordering": "data_format",
    "atrous_rate": "dilation_rate",
}
RECURRENT = INITIALIZED | {
    "output_dim": "units",
    "inner_init": "recurrent_initializer",
    "U_regularizer": "recurrent_regularizer",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
}
GATED = RECURRENT | {"inner_activation": "recurrent_activation"}
FORGETTING = GATED | {"forget_bias_init": "unit_forget_bias"}
REGULARIZED = ("W_regularizer", "b_regularizer", "activity_regularizer", "W_constraint", "b_constraint", "bias")
CHANNELS_LAST = {era: {"data_format": "channels_last"} for era in ("1", "2", "tf")}
HARD_SIGMOID = {"recurrent_activation": "hard_sigmoid"}
STRATEGY = {
    "consume_less": Refused("it chose between equal computations.", ANY),
    "implementation": Refused("it chose between equal computations.", ANY),
}
OUTPUT_SHAPE = {"output_shape": Refused("it is computed.", ANY)}


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


def _sequence_shape(bound: dict[str, Any]) -> None:
    """`input_dim` of a layer on sequences: the shape has a time axis, of any length unless `input_length` tells it."""
    dim, length = bound.pop("input_dim", None), bound.pop("input_length", None)
    if dim is not None and not bound.keys() & {"input_shape", "batch_input_shape", "batch_shape"}:
        bound["input_shape"] = (length, dim)


def _forget_bias(bound: dict[str, Any]) -> None:
    """Keras 1's `forget_bias_init` was an initializer; what it can say today is one or zero."""
    value = bound.get("unit_forget_bias")
    if not isinstance(value, str):
        return
    if value not in ("one", "ones", "zero", "zeros"):
        raise ValueError(f"`forget_bias_init` must be 'one' or 'zero' since Keras 2. Received: {value!r}")
    bound["unit_forget_bias"] = value.startswith("one")
    if value.startswith("zero") and config.dialect() == "2":
        warnings.warn("Keras 2 ignored `forget_bias_init='zero'`, so the bias starts at one.", stacklevel=5)
        bound["unit_forget_bias"] = True


def _lstm(bound: dict[str, Any]) -> None:
    _forget_bias(bound)
    _sequence_shape(bound)


def _both_kernels_of_sequence(bound: dict[str, Any]) -> None:
    _both_kernels(bound)
    _sequence_shape(bound)


def _conv1d_row(prepare: Callable[[dict[str, Any]], None] = _sequence_shape) -> Row:
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


def _data_format_row(**renamed: str) -> Row:
    return Row(renamed={"dim_ordering": "data_format", **renamed}, values={"data_format": DATA_FORMAT})


def _recurrent_row(renamed: dict[str, str], *middle: str, **more: Any) -> Row:
    """Row of a recurrent layer; `middle` are the arguments between the initializers and the regularizers."""
    tail = ("W_regularizer", "U_regularizer", "b_regularizer", "dropout_W", "dropout_U")
    order = ("output_dim", "init", "inner_init", *middle, *tail)
    return Row(renamed=renamed, orders={"1": order}, refused=STRATEGY, **{"prepare": _sequence_shape, **more})


def _both_kernels(bound: dict[str, Any]) -> None:
    """Keras 1 had one `init` for the two kernels of a separable convolution."""
    if "kernel_initializer" in bound:
        value = bound.pop("kernel_initializer")
        bound.setdefault("depthwise_initializer", value)
        bound.setdefault("pointwise_initializer", value)


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


_DENSE = Row(
    renamed=INITIALIZED | {"output_dim": "units"},
    orders={"1": ("output_dim", "init", "activation", "weights", *REGULARIZED, "input_dim", "input_length")},
)
_RATE = Row(renamed={"p": "rate"})
_GRU_CLASSIC = {"recurrent_activation": "hard_sigmoid", "reset_after": False}
_KERAS_1_2 = ("1", "2")

LAYERS: dict[str, Row] = {
    "InputLayer": Row(
        renamed={"input_dtype": "dtype"},
        orders={
            "1": ("input_shape", "batch_input_shape", "input_dtype", "input_tensor", "sparse", "name"),
            "2": ("input_shape", "batch_size", "batch_input_shape", "dtype", "input_tensor", "sparse", "name"),
            "tf": ("input_shape", "batch_size", "dtype", "input_tensor", "sparse", "name"),
        },
    ),
    "Input": Row(
        renamed={"input_dtype": "dtype"},
        orders={
            **dict.fromkeys(_KERAS_1_2, ("shape", "batch_shape", "name", "dtype", "sparse", "tensor")),
            "tf": ("shape", "batch_size", "name", "dtype", "sparse", "tensor"),
        },
        refused={
            "ragged": Refused("ragged tensors do not exist here; pad the sequences.", (None, False)),
            "type_spec": Refused("give `shape` and `dtype`."),
        },
    ),
    "Dense": _DENSE,
    "Dropout": Row(renamed={"p": "rate"}, orders={"1": ("p", "noise_shape", "seed")}),
    "SpatialDropout1D": _RATE,
    **dict.fromkeys(
        ("SpatialDropout2D", "SpatialDropout3D"),
        Row(
            renamed={"p": "rate", "dim_ordering": "data_format"},
            orders=dict.fromkeys(("1", "2", "tf"), ("rate", "data_format")),
            values={"data_format": DATA_FORMAT},
        ),
    ),
    "GaussianDropout": _RATE,
    "GaussianNoise": Row(renamed={"sigma": "stddev"}),
    # Keras 1 flattened in memory order, whatever the layout of images.
    "Flatten": replace(_data_format_row(), defaults={"1": {"data_format": "channels_last"}}),
    "Reshape": Row(renamed={"dims": "target_shape"}),
    "Permute": Row(),
    "RepeatVector": Row(),
    "Lambda": Row(orders={"1": ("function", "output_shape", "arguments")}),
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
    **{f"Global{kind}Pooling{rank}D": _data_format_row() for kind in ("Max", "Average") for rank in (2, 3)},
    "UpSampling1D": Row(renamed={"length": "size"}),
    "UpSampling2D": _data_format_row(),
    "UpSampling3D": _data_format_row(),
    "ZeroPadding1D": Row(prepare=_padding_ends),
    "ZeroPadding2D": Row(
        renamed={"dim_ordering": "data_format"}, values={"data_format": DATA_FORMAT}, prepare=_padding_pairs
    ),
    "ZeroPadding3D": _data_format_row(),
    "Cropping1D": Row(),
    "Cropping2D": _data_format_row(),
    "Cropping3D": _data_format_row(),
    "BatchNormalization": Row(
        renamed={"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"},
        orders={
            "1": (
                *("epsilon", "mode", "axis", "momentum", "weights"),
                *("beta_init", "gamma_init", "gamma_regularizer", "beta_regularizer"),
            )
        },
        refused={
            "mode": Refused(
                "only `mode=0` (statistics per feature, moving averages at inference) exists since Keras 2. For "
                "`mode=1` use `LayerNormalization`; for `mode=2` call the layer with `training=True`.",
                (0, None),
            ),
            **{
                name: Refused("it belonged to TensorFlow's own implementation.", harmless)
                for name, harmless in (("fused", ANY), ("virtual_batch_size", (None,)), ("adjustment", (None,)))
            },
        },
    ),
    "Embedding": Row(
        renamed={
            "init": "embeddings_initializer",
            "W_regularizer": "embeddings_regularizer",
            "W_constraint": "embeddings_constraint",
        },
        orders={
            "1": (
                *("input_dim", "output_dim", "init", "input_length", "W_regularizer", "activity_regularizer"),
                *("W_constraint", "mask_zero", "weights"),
            ),
            **dict.fromkeys(
                ("2", "tf"),
                (
                    *("input_dim", "output_dim", "embeddings_initializer", "embeddings_regularizer"),
                    *("activity_regularizer", "embeddings_constraint", "mask_zero", "input_length"),
                ),
            ),
        },
        refused={"dropout": Refused("put a `SpatialDropout1D` layer behind the embedding.", (0, 0.0, None))},
    ),
    "SimpleRNN": _recurrent_row(RECURRENT, "activation"),
    "GRU": _recurrent_row(GATED, "activation", "inner_activation", defaults=dict.fromkeys(_KERAS_1_2, _GRU_CLASSIC)),
    "LSTM": _recurrent_row(
        FORGETTING,
        *("forget_bias_init", "activation", "inner_activation"),
        prepare=_lstm,
        defaults=dict.fromkeys(_KERAS_1_2, HARD_SIGMOID),
    ),
    "ConvLSTM2D": Row(
        renamed=FORGETTING | CONVOLUTION,
        orders={
            "1": (
                *("nb_filter", "nb_row", "nb_col", "init", "inner_init", "forget_bias_init", "activation"),
                *("inner_activation", "dim_ordering", "border_mode", "subsample"),
                *("W_regularizer", "U_regularizer", "b_regularizer", "dropout_W", "dropout_U"),
            ),
            "2": ("filters", "nb_row", "nb_col"),
        },
        values={"data_format": DATA_FORMAT},
        prepare=_forget_bias,
        defaults=dict.fromkeys((*_KERAS_1_2, "tf"), HARD_SIGMOID),
        joined={"kernel_size": ("nb_row", "nb_col")},
        conflicts=("padding", "strides", "data_format"),
        refused=STRATEGY,
    ),
    "SimpleRNNCell": Row(refused=STRATEGY),
    "GRUCell": Row(refused=STRATEGY, defaults=dict.fromkeys(_KERAS_1_2, _GRU_CLASSIC)),
    "LSTMCell": Row(refused=STRATEGY, defaults=dict.fromkeys(_KERAS_1_2, HARD_SIGMOID)),
    "LeakyReLU": Row(renamed={"alpha": "negative_slope"}, shared=frozenset({"alpha"})),
    "PReLU": Row(renamed={"init": "alpha_initializer"}, orders={"1": ("init", "weights", "shared_axes")}),
}
