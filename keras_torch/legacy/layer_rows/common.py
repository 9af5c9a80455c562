"""Arguments that many layers share. Facts: the signatures of Keras 1.2.2, 2.2.4, 2.15 and 3.15."""

from __future__ import annotations

import warnings
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
# How Keras 2 went on behind the window of a convolution.
KERNEL_AND_BIAS = (
    *("activation", "use_bias", "kernel_initializer", "bias_initializer", "kernel_regularizer", "bias_regularizer"),
    *("activity_regularizer", "kernel_constraint", "bias_constraint"),
)
CHANNELS_LAST = {era: {"data_format": "channels_last"} for era in ("1", "2", "tf")}
HARD_SIGMOID = {"recurrent_activation": "hard_sigmoid"}
STRATEGY = {
    "consume_less": Refused("it chose between equal computations.", ANY),
    "implementation": Refused("it chose between equal computations.", ANY),
}
KERAS_1_2 = ("1", "2")


def data_format_row(**renamed: str) -> Row:
    return Row(renamed={"dim_ordering": "data_format", **renamed}, values={"data_format": DATA_FORMAT})


def sequence_shape(bound: dict[str, Any]) -> None:
    """`input_dim` of a layer on sequences: the shape has a time axis, of any length unless `input_length` tells it."""
    dim, length = bound.pop("input_dim", None), bound.pop("input_length", None)
    if dim is not None and not bound.keys() & {"input_shape", "batch_input_shape", "batch_shape"}:
        bound["input_shape"] = (length, dim)


def forget_bias(bound: dict[str, Any]) -> None:
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
