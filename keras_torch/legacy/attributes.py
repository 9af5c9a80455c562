"""Names of Keras 1 for attributes of layers, such as `layer.W` and `layer.nb_filter`, and `Sequential.model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_torch import config
from keras_torch.legacy.rows import OMIT, Row

_WEIGHTS = {
    "W": ("kernel", "embeddings", "depthwise_kernel"),
    "U": ("recurrent_kernel",),
    "b": ("bias",),
    "running_mean": ("moving_mean",),
    "running_std": ("moving_variance",),
    "alphas": ("alpha",),
}


def read_old_name(layer: Any, name: str, rows: Mapping[str, Row]) -> Any:
    """Return a weight or setting of a layer by its name in Keras 1. AttributeError if it has none of that name."""
    if name == "model" and any(kind.__name__ == "Sequential" for kind in type(layer).__mro__):
        # Up to Keras 2.1 it held a Model, which it is itself since.
        return layer
    if config.dialect() != "1":
        raise AttributeError(f"{type(layer).__name__!r} object has no attribute {name!r}")
    kinds = [kind for kind in type(layer).__mro__ if kind.__module__.startswith("keras_torch.")]
    for today in _WEIGHTS.get(name, ()):
        if any(today in vars(kind) for kind in kinds) or today in layer.__dict__:
            return getattr(layer, today)
    for row in (rows[kind.__name__] for kind in kinds if kind.__name__ in rows):
        if name in row.renamed:
            today = row.renamed[name]
            value = getattr(layer, today)
            old = [key for key, new in row.values.get(today, {}).items() if new is not OMIT and new == value]
            return old[0] if old else value
        for today, parts in row.joined.items():
            if name in parts:
                return getattr(layer, today)[parts.index(name)]
    raise AttributeError(f"{type(layer).__name__!r} object has no attribute {name!r}")
