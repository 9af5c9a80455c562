"""Names that Keras 1 and 2 had in `keras.engine` and nowhere else."""

from __future__ import annotations

from typing import Any

from keras_torch.models import Model, Sequential

Container = Network = Model


def collect_trainable_weights(layer: Any) -> list[Any]:
    """Return the weights that training changes, of a model each once (Keras 1)."""
    return list(layer.trainable_weights)


__all__ = ["Container", "Model", "Network", "Sequential", "collect_trainable_weights"]
