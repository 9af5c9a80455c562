"""Rows of normalizations."""

from __future__ import annotations

from keras_torch.legacy.rows import ANY, Refused, Row

_OWN = "it belonged to TensorFlow's own implementation."

LAYERS: dict[str, Row] = {
    "BatchNormalization": Row(
        renamed={"beta_init": "beta_initializer", "gamma_init": "gamma_initializer"},
        orders={
            "1": (
                *("epsilon", "mode", "axis", "momentum", "weights"),
                *("beta_init", "gamma_init", "gamma_regularizer", "beta_regularizer"),
            )
        },
        refused={
            "fused": Refused(_OWN, ANY),
            "virtual_batch_size": Refused(_OWN, (None,)),
            "adjustment": Refused(_OWN, (None,)),
        },
    ),
}
