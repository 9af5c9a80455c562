"""Embedding."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case

_WORDS = np.array([[1, 0, 3], [4, 4, 0]])
_SIZES: dict[str, Any] = {"input_dim": 5, "output_dim": 2}

CASES: dict[str, Case] = {
    "embedding": Case("Embedding", _SIZES, [_WORDS], open_axes=False),
    "embedding-int32": Case("Embedding", _SIZES, [_WORDS.astype("int32")]),
    "embedding-floats": Case("Embedding", _SIZES, [(_WORDS + 0.7).astype("float32")]),
    "embedding-flat": Case("Embedding", _SIZES, [_WORDS[0]]),
    "embedding-3d": Case("Embedding", _SIZES, [_WORDS[:, :, None]]),
    "embedding-mask": Case("Embedding", {**_SIZES, "mask_zero": True}, [_WORDS]),
    "embedding-mask-masked": Case("Embedding", {**_SIZES, "mask_zero": True}, [_WORDS], masks=[_WORDS > 1]),
    "embedding-masked": Case("Embedding", _SIZES, [_WORDS], masks=[_WORDS > 1]),
    "embedding-length": Case("Embedding", {**_SIZES, "input_length": 3}, [_WORDS], keras=("2.15",)),
    "embedding-lengths": Case("Embedding", {**_SIZES, "input_length": (3, 1)}, [_WORDS[..., None]], keras=("2.15",)),
    "embedding-options": Case(
        "Embedding",
        {
            **_SIZES,
            "embeddings_initializer": "ones",
            "embeddings_regularizer": "l2",
            "embeddings_constraint": {"class_name": "UnitNorm", "config": {"axis": 1}},
            "activity_regularizer": "l1",
        },
        [_WORDS],
    ),
}
