"""Losses: functions of one value per sample, classes that weight and reduce them, and torch's own."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from keras_torch import registry
from keras_torch.legacy import saving
from keras_torch.losses.base import Loss, LossFunctionWrapper
from keras_torch.losses.classification import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    check_label_range,
    crossentropy,
    kl_divergence,
    poisson,
    sparse_categorical_crossentropy,
)
from keras_torch.losses.margin import CategoricalHinge, Hinge, SquaredHinge, categorical_hinge, hinge, squared_hinge
from keras_torch.losses.probabilistic import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
)
from keras_torch.losses.reduction import Reduction
from keras_torch.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_proximity,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from keras_torch.losses.segmentation import Dice, Tversky, dice, tversky
from keras_torch.losses.sequence import CTC, ctc
from keras_torch.losses.similarity import Circle, circle
from keras_torch.losses.torch_loss import TorchLoss, is_torch_loss

mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
huber_loss = huber
cosine = cosine_proximity

CLASSES = (
    Loss,
    LossFunctionWrapper,
    MeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    Huber,
    LogCosh,
    CosineSimilarity,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    SparseCategoricalCrossentropy,
    KLDivergence,
    Poisson,
    CategoricalGeneralizedCrossEntropy,
    Dice,
    Tversky,
    Circle,
    CTC,
    TorchLoss,
)
FUNCTIONS = (
    mean_squared_error,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_logarithmic_error,
    huber,
    log_cosh,
    cosine_similarity,
    cosine_proximity,
    hinge,
    squared_hinge,
    categorical_hinge,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    sparse_categorical_crossentropy,
    kl_divergence,
    poisson,
    categorical_generalized_cross_entropy,
    dice,
    tversky,
    circle,
    ctc,
)
ALIASES = {
    "mse": mean_squared_error,
    "MSE": mean_squared_error,
    "mae": mean_absolute_error,
    "MAE": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "MAPE": mean_absolute_percentage_error,
    "msle": mean_squared_logarithmic_error,
    "MSLE": mean_squared_logarithmic_error,
    "bce": binary_crossentropy,
    "BCE": binary_crossentropy,
    "kld": kl_divergence,
    "KLD": kl_divergence,
    "kullback_leibler_divergence": kl_divergence,
    "logcosh": log_cosh,
    "huber_loss": huber,
    "cosine": cosine_proximity,
}

registry.losses.add(FUNCTIONS)
registry.losses.add(CLASSES)
registry.losses.add(ALIASES)
# names that only `compile` knew
registry.losses.add({"crossentropy": crossentropy, "ce": crossentropy})


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the loss meant by a name, a config dict, a class, a function, a `Loss` or a torch loss; None stays None.

    Names of functions give functions, names of classes instances; torch's losses come wrapped in `TorchLoss`.
    """
    if inspect.isclass(identifier) and issubclass(identifier, nn.Module):
        identifier = identifier()
    if callable(identifier) and is_torch_loss(identifier):
        return TorchLoss(identifier)
    return registry.losses.get(identifier, custom_objects)


def as_loss(identifier: Any, name: str | None = None) -> Loss | None:
    """Return `get(identifier)` as a `Loss`: functions come wrapped. What `Model.compile` calls once per output."""
    found = get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    if not callable(found):
        raise ValueError(f"A loss must be a name, a function or a `Loss`. Received: {identifier!r}")
    if name is None and isinstance(identifier, str):
        name = identifier
    return LossFunctionWrapper(found, name=name or getattr(found, "__name__", type(found).__name__))


def is_categorical_crossentropy(loss: Any) -> bool:
    """Whether a name, function or `Loss` means categorical cross-entropy with one-hot targets (Keras 2.3 to 2.15)."""
    found = get(loss)
    return getattr(found, "fn", found) is categorical_crossentropy


def serialize(loss: Any, use_legacy_format: bool = False) -> Any:
    """Return the config dict of a `Loss` or a function; tf.keras's older form if asked for."""
    if use_legacy_format:
        return saving.serialize_keras_object(loss)
    return registry.losses.serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool = False) -> Any:
    """Return the loss for a name or a config dict; both forms are read, whatever `use_legacy_format` says."""
    return get(name, custom_objects)


__all__ = [
    *(item.__name__ for item in CLASSES),
    *(item.__name__ for item in FUNCTIONS),
    *ALIASES,
    "Reduction",
    "as_loss",
    "check_label_range",
    "deserialize",
    "get",
    "is_categorical_crossentropy",
    "serialize",
]
