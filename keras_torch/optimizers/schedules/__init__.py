"""Learning rate schedules; this list is the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_torch import registry
from keras_torch.optimizers.schedules.learning_rate_schedule import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
    PolynomialDecay,
)
from keras_torch.optimizers.schedules.torch_schedule import TorchSchedule

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "TorchSchedule",
    "deserialize",
    "serialize",
]

registry.schedules.add(
    [
        *(CosineDecay, CosineDecayRestarts, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay),
        *(PolynomialDecay, TorchSchedule),
    ]
)


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """Return `{"class_name", "config"}` of a schedule."""
    return registry.schedules.serialize(learning_rate_schedule)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> LearningRateSchedule:
    """Make a schedule from its serialized form."""
    return registry.schedules.get(config, custom_objects)
