"""Rows of the layers without a family of their own."""

from __future__ import annotations

import numbers
from dataclasses import replace
from typing import Any

from keras_torch import config
from keras_torch.legacy.layer_rows.common import (
    DATA_FORMAT,
    INITIALIZED,
    KERAS_1_2,
    REGULARIZED,
    data_format_row,
    sequence_shape,
)
from keras_torch.legacy.rows import ANY, Refused, Row

_DENSE = Row(
    renamed=INITIALIZED | {"output_dim": "units"},
    orders={"1": ("output_dim", "init", "activation", "weights", *REGULARIZED, "input_dim", "input_length")},
)


def _clamped_rate(bound: dict[str, Any]) -> None:
    """Keras 2 took the nearest share there is for a rate; Keras 1 dropped nothing at a rate beyond 1."""
    rate = bound.get("rate")
    if isinstance(rate, numbers.Real) and not 0 <= float(rate) <= 1 and config.is_classic():
        bound["rate"] = min(1.0, max(0.0, float(rate)))


_RATE = Row(renamed={"p": "rate"}, prepare=_clamped_rate)


def _lengths(bound: dict[str, Any]) -> None:
    """With several lengths Keras 2.15 writes `(None, (length, ...))`."""
    shape = bound.get("batch_input_shape")
    if isinstance(shape, (list, tuple)) and len(shape) == 2 and isinstance(shape[1], (list, tuple)):
        bound["batch_input_shape"] = (shape[0], *shape[1])


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
            **dict.fromkeys(KERAS_1_2, ("shape", "batch_shape", "name", "dtype", "sparse", "tensor")),
            "tf": ("shape", "batch_size", "name", "dtype", "sparse", "tensor"),
        },
        refused={
            "ragged": Refused("ragged tensors do not exist here; pad the sequences.", (None, False)),
            "type_spec": Refused("give `shape` and `dtype`."),
        },
    ),
    "Dense": _DENSE,
    "TimeDistributedDense": replace(_DENSE, prepare=sequence_shape),
    "Dropout": replace(_RATE, orders={"1": ("p", "noise_shape", "seed")}),
    "SpatialDropout1D": _RATE,
    **dict.fromkeys(
        ("SpatialDropout2D", "SpatialDropout3D"),
        Row(
            renamed={"p": "rate", "dim_ordering": "data_format"},
            orders=dict.fromkeys(("1", "2", "tf"), ("rate", "data_format")),
            values={"data_format": DATA_FORMAT},
            prepare=_clamped_rate,
        ),
    ),
    "GaussianDropout": _RATE,
    "GaussianNoise": Row(renamed={"sigma": "stddev"}),
    # Keras 1 flattened in memory order, whatever the layout of images.
    "Flatten": replace(data_format_row(), defaults={"1": {"data_format": "channels_last"}}),
    "Reshape": Row(renamed={"dims": "target_shape"}),
    "Permute": Row(),
    "RepeatVector": Row(),
    "Lambda": Row(orders={"1": ("function", "output_shape", "arguments")}),
    "Embedding": Row(
        renamed={
            "init": "embeddings_initializer",
            "W_regularizer": "embeddings_regularizer",
            "W_constraint": "embeddings_constraint",
        },
        orders={
            "1": (
                *("input_dim", "output_dim", "init", "input_length", "W_regularizer", "activity_regularizer"),
                *("W_constraint", "mask_zero", "weights", "dropout"),
            ),
            **dict.fromkeys(
                ("2", "tf"),
                (
                    *("input_dim", "output_dim", "embeddings_initializer", "embeddings_regularizer"),
                    *("activity_regularizer", "embeddings_constraint", "mask_zero", "input_length"),
                ),
            ),
        },
        prepare=_lengths,
    ),
    "LeakyReLU": Row(renamed={"alpha": "negative_slope"}, shared=frozenset({"alpha"})),
    "Highway": Row(
        renamed=INITIALIZED,
        orders=dict.fromkeys(KERAS_1_2, ("init", "activation", "weights", *REGULARIZED, "input_dim")),
        refused={"transform_bias": Refused("the gate's bias starts at 1.", ANY)},
    ),
    "MaxoutDense": Row(
        renamed=INITIALIZED | {"output_dim": "units"},
        orders=dict.fromkeys(KERAS_1_2, ("output_dim", "nb_feature", "init", "weights", *REGULARIZED, "input_dim")),
    ),
    "ParametricSoftplus": Row(orders={"1": ("alpha_init", "beta_init", "weights", "shared_axes")}),
    "PReLU": Row(renamed={"init": "alpha_initializer"}, orders={"1": ("init", "weights", "shared_axes")}),
}
