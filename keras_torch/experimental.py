"""`keras.experimental` of Keras 2, and of its other modules of that name: schedules, models, and what says why not."""

from __future__ import annotations

from typing import Any

from keras_torch.errors import NeedsAnotherBackend
from keras_torch.models.premade import LinearModel, WideDeepModel
from keras_torch.optimizers.schedules import CosineDecay, CosineDecayRestarts
from keras_torch.utils import SidecarEvaluator

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "DatasetCreator",
    "LayoutMap",
    "LinearModel",
    "SequenceFeatures",
    "SharpnessAwareMinimization",
    "SidecarEvaluator",
    "WideDeepModel",
    "disable_tf_random_generator",
    "enable_tf_random_generator",
    "is_tf_random_generator_enabled",
    "model_to_estimator",
]


class SequenceFeatures(NeedsAnotherBackend):
    """Keras 2.15's layer of sequences of feature columns."""

    needs = "TensorFlow's feature columns"
    instead = "Use preprocessing layers and Embedding on one Input for each feature."


class SharpnessAwareMinimization(NeedsAnotherBackend):
    """Keras 2.15's model that trains at the worst point nearby."""

    needs = "TensorFlow, whose training step it replaces"
    instead = (
        "Write a `train_step` that computes the gradient twice, or use a torch optimizer of that kind in `compile`."
    )


class DatasetCreator(NeedsAnotherBackend):
    """Keras 2.15's function for datasets of TensorFlow's parameter servers."""

    needs = "TensorFlow's parameter servers"
    instead = "Use `keras-torch run --gpus N`, and give `fit` the dataset."


class LayoutMap(NeedsAnotherBackend):
    """Keras 2.15's map of weights to meshes of devices."""

    needs = "TensorFlow's DTensor"
    instead = "Use `torch.distributed.tensor` on the torch modules inside the model."


class model_to_estimator(NeedsAnotherBackend):  # noqa: N801 - the name in Keras
    """Keras 2.15's conversion to a TensorFlow Estimator."""

    needs = "TensorFlow's Estimators"
    instead = "Use `fit`, `evaluate` and `predict` of the model."


def is_tf_random_generator_enabled() -> bool:
    """Whether random numbers come from a generator with a state: always, from torch's."""
    return True


def enable_tf_random_generator() -> None:
    """Do nothing: random numbers come from a generator with a state."""


def disable_tf_random_generator() -> Any:
    """Raise: there are no stateless random numbers."""
    raise NotImplementedError(
        "Random numbers come from torch's generators. Use `keras.utils.set_random_seed`, or give seeds to layers."
    )
