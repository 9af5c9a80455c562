"""Rows of recurrent layers and cells."""

from __future__ import annotations

from typing import Any

from keras_torch.legacy.layer_rows.common import (
    CONVOLUTION,
    DATA_FORMAT,
    FORGETTING,
    GATED,
    HARD_SIGMOID,
    KERAS_1_2,
    RECURRENT,
    STRATEGY,
    forget_bias,
    sequence_shape,
)
from keras_torch.legacy.rows import Row


def _lstm(bound: dict[str, Any]) -> None:
    forget_bias(bound)
    sequence_shape(bound)


# The last arguments of the layers of Keras 2.
_ENDS = ("return_sequences", "return_state", "go_backwards", "stateful", "unroll")


def _weights(*middle: str) -> tuple[str, ...]:
    """The arguments about weights in the order of Keras 2."""
    forget = ("unit_forget_bias",) if "forget_bias_init" in middle else ()
    kinds = ("kernel", "recurrent", "bias")
    return (
        *(f"{kind}_initializer" for kind in kinds),
        *forget,
        *(f"{kind}_regularizer" for kind in kinds),
        "activity_regularizer",
        *(f"{kind}_constraint" for kind in kinds),
    )


def _recurrent_row(renamed: dict[str, str], *middle: str, **more: Any) -> Row:
    """Row of a recurrent layer; `middle` are the arguments between the initializers and the regularizers."""
    tail = ("W_regularizer", "U_regularizer", "b_regularizer", "dropout_W", "dropout_U")
    order = ("output_dim", "init", "inner_init", *middle, *tail)
    gated = len(middle) > 1
    order_2 = ("units", "activation", *(["recurrent_activation"] if gated else []), "use_bias", *_weights(*middle))
    order_2 += ("dropout", "recurrent_dropout", *(["implementation"] if gated else []), *_ENDS)
    order_2 += ("reset_after",) if gated and "forget_bias_init" not in middle else ()
    return Row(
        renamed=renamed, orders={"1": order, "2": order_2}, **{"refused": STRATEGY, "prepare": sequence_shape, **more}
    )


# What Keras 1 called the ways to compute: all but the last kept the gates apart, dropout masks included.
_CONSUME_LESS = {"consume_less": "implementation"}
_IMPLEMENTATION = {"implementation": {"cpu": 1, "mem": 1, "gpu": 2}}
_GATED: dict[str, Any] = {"refused": {}, "values": _IMPLEMENTATION}
_LSTM_CLASSIC = {"recurrent_activation": "hard_sigmoid", "implementation": 1}
_GRU_CLASSIC = {**_LSTM_CLASSIC, "reset_after": False}

LAYERS: dict[str, Row] = {
    "SimpleRNN": _recurrent_row(RECURRENT, "activation"),
    "GRU": _recurrent_row(
        GATED | _CONSUME_LESS,
        *("activation", "inner_activation"),
        defaults=dict.fromkeys(KERAS_1_2, _GRU_CLASSIC),
        **_GATED,
    ),
    "LSTM": _recurrent_row(
        FORGETTING | _CONSUME_LESS,
        *("forget_bias_init", "activation", "inner_activation"),
        prepare=_lstm,
        defaults=dict.fromkeys(KERAS_1_2, _LSTM_CLASSIC),
        **_GATED,
    ),
    "ConvLSTM2D": Row(
        renamed={old: new for old, new in (FORGETTING | CONVOLUTION).items() if new != "units"},
        orders={
            "1": (
                *("nb_filter", "nb_row", "nb_col", "init", "inner_init", "forget_bias_init", "activation"),
                *("inner_activation", "dim_ordering", "border_mode", "subsample"),
                *("W_regularizer", "U_regularizer", "b_regularizer", "dropout_W", "dropout_U"),
            ),
            "2": ("filters", "nb_row", "nb_col"),
        },
        values={"data_format": DATA_FORMAT},
        prepare=forget_bias,
        defaults=dict.fromkeys((*KERAS_1_2, "tf"), HARD_SIGMOID),
        joined={"kernel_size": ("nb_row", "nb_col")},
        unjoined={
            "2": (
                *("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "activation"),
                *("recurrent_activation", "use_bias", *_weights("forget_bias_init")),
                *("return_sequences", "go_backwards", "stateful", "dropout", "recurrent_dropout"),
            )
        },
        conflicts=("padding", "strides", "data_format"),
        refused=STRATEGY,
    ),
    **dict.fromkeys(
        ("ConvLSTM1D", "ConvLSTM2DCell", "ConvLSTM3D"),
        Row(defaults=dict.fromkeys((*KERAS_1_2, "tf"), HARD_SIGMOID), refused=STRATEGY),
    ),
    **dict.fromkeys(("CuDNNGRU", "CuDNNLSTM"), Row(prepare=sequence_shape)),
    "Recurrent": Row(
        orders={
            "1": (
                *("weights", "return_sequences", "go_backwards", "stateful", "unroll"),
                *("consume_less", "input_dim", "input_length"),
            )
        },
    ),
    "ConvRecurrent2D": Row(
        renamed={
            "nb_filter": "filters",
            "dim_ordering": "data_format",
            "border_mode": "padding",
            "subsample": "strides",
        },
        values={"data_format": DATA_FORMAT},
        joined={"kernel_size": ("nb_row", "nb_col")},
    ),
    "SimpleRNNCell": Row(refused=STRATEGY),
    "GRUCell": Row(defaults=dict.fromkeys(KERAS_1_2, _GRU_CLASSIC)),
    "LSTMCell": Row(defaults=dict.fromkeys(KERAS_1_2, _LSTM_CLASSIC)),
}
