"""Metrics: functions of one value per sample, and classes that accumulate them over batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_torch import config, registry
from keras_torch.legacy import saving
from keras_torch.losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from keras_torch.losses import get as get_loss
from keras_torch.metrics.accuracies import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    resolve_accuracy,
    sparse_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    top_k_categorical_accuracy,
)
from keras_torch.metrics.auc import (
    AUC,
    PrecisionAtRecall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
)
from keras_torch.metrics.base import Metric, PyMetric
from keras_torch.metrics.classic import StatefulLayer, fbeta_score, fmeasure, matthews_correlation, precision, recall
from keras_torch.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    Recall,
    TrueNegatives,
    TruePositives,
)
from keras_torch.metrics.correlation import (
    ConcordanceCorrelation,
    PearsonCorrelation,
    R2Score,
    concordance_correlation,
    pearson_correlation,
)
from keras_torch.metrics.f_scores import F1Score, FBetaScore
from keras_torch.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from keras_torch.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from keras_torch.metrics.reduction import Mean, MeanMetricWrapper, MeanTensor, Sum
from keras_torch.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanRelativeError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    RootMeanSquaredError,
    cosine_proximity,
    cosine_similarity,
)

acc = ACC = accuracy
mse = MSE = mean_squared_error
mae = MAE = mean_absolute_error
mape = MAPE = mean_absolute_percentage_error
msle = MSLE = mean_squared_logarithmic_error
bce = BCE = binary_crossentropy
kld = KLD = kullback_leibler_divergence = kl_divergence
logcosh = log_cosh
cosine = cosine_proximity
f1score = fscore = fmeasure

CLASSES = (
    Metric,
    Mean,
    Sum,
    MeanTensor,
    MeanMetricWrapper,
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    TopKCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    MeanSquaredError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredLogarithmicError,
    MeanRelativeError,
    RootMeanSquaredError,
    CosineSimilarity,
    LogCoshError,
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
    KLDivergence,
    Poisson,
    Hinge,
    SquaredHinge,
    CategoricalHinge,
    TruePositives,
    TrueNegatives,
    FalsePositives,
    FalseNegatives,
    Precision,
    Recall,
    AUC,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    PrecisionAtRecall,
    RecallAtPrecision,
    F1Score,
    FBetaScore,
    IoU,
    BinaryIoU,
    MeanIoU,
    OneHotIoU,
    OneHotMeanIoU,
    PearsonCorrelation,
    ConcordanceCorrelation,
    R2Score,
)
FUNCTIONS = (
    accuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
    top_k_categorical_accuracy,
    sparse_top_k_categorical_accuracy,
    cosine_similarity,
    cosine_proximity,
    mean_squared_error,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_logarithmic_error,
    huber,
    log_cosh,
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
    matthews_correlation,
    fbeta_score,
    fmeasure,
    pearson_correlation,
    concordance_correlation,
)
ALIASES = {
    "acc": accuracy,
    "ACC": accuracy,
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
    "cosine": cosine_proximity,
    "f1score": fmeasure,
    "fscore": fmeasure,
}
# Keras 1 has functions of these names, later Keras classes
CLASSIC = {"precision": precision, "recall": recall}

# Keras 3 means metrics by these names, where older Keras has functions
MODERN = {
    **{registry.snake_case(item.__name__): item for item in CLASSES if item is not Metric},
    "bce": BinaryCrossentropy,
    "BCE": BinaryCrossentropy,
    "mse": MeanSquaredError,
    "MSE": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "MAE": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "MAPE": MeanAbsolutePercentageError,
    "msle": MeanSquaredLogarithmicError,
    "MSLE": MeanSquaredLogarithmicError,
}

registry.metrics.add(FUNCTIONS)
registry.metrics.add(CLASSES)
registry.metrics.add(ALIASES)


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the metric meant by a name, a config dict, a class, a function or a `Metric`; None stays None.

    A name like `"mse"` or `"mean_squared_error"` gives a `Metric` in Keras 3, before that a function.
    """
    if isinstance(identifier, str):
        found = find(identifier, custom_objects)
        return found() if isinstance(found, type) else found
    return registry.metrics.get(identifier, custom_objects)


def find(name: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the class or function that is called `name`. ValueError if there is none."""
    dialect = config.dialect()
    table = CLASSIC if dialect == "1" else MODERN if dialect in (None, "3") else {}
    if name in table and name not in registry.known_custom_objects(custom_objects):
        return table[name]
    return registry.metrics.find(name, custom_objects)


def as_metric(
    identifier: Any, y_true_shape: Any = (), y_pred_shape: Any = (), loss: Any = None, name: str | None = None
) -> Metric | None:
    """Return the `Metric` meant by what users pass to `compile`; functions come wrapped in a mean.

    `"accuracy"`, `"acc"`, `"crossentropy"` and `"ce"` need the shapes of targets and predictions, see
    `resolve_accuracy`. The name is the one in logs: the string given, or that of the function or object.
    """
    if identifier is None or isinstance(identifier, Metric):
        return identifier
    if isinstance(identifier, str):
        name = name or identifier
        if identifier.lower() in ("accuracy", "acc", "crossentropy", "ce"):
            return MeanMetricWrapper(resolve_accuracy(y_true_shape, y_pred_shape, identifier, loss), name)
    found = get(identifier)
    if isinstance(found, Metric):
        if name is not None:
            found.name = name
        return found
    if not callable(found):
        raise ValueError(f"A metric must be a name, a function or a `Metric`. Received: {identifier!r}")
    name = name or getattr(found, "__name__", None) or getattr(found, "name", None) or type(found).__name__
    if getattr(found, "stateful", False) and hasattr(found, "reset_states"):
        return StatefulLayer(found, name)
    return MeanMetricWrapper(get_loss(found), name)


def serialize(metric: Any, use_legacy_format: bool = False) -> Any:
    """Return the config dict of a `Metric` or a function; tf.keras's older form if asked for."""
    if use_legacy_format:
        return saving.serialize_keras_object(metric)
    return registry.metrics.serialize(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool = False) -> Any:
    """Return the metric for a name or a config dict; both forms are read, whatever `use_legacy_format` says."""
    return get(config, custom_objects)


def clone_metric(metric: Any) -> Any:
    """Return a metric with the same configuration and fresh state; anything else unchanged."""
    return type(metric).from_config(metric.get_config()) if isinstance(metric, Metric) else metric


def clone_metrics(metrics: list[Any]) -> list[Any]:
    """Return `clone_metric` of each."""
    return [clone_metric(metric) for metric in metrics]


__all__ = [
    *(item.__name__ for item in CLASSES),
    *(item.__name__ for item in FUNCTIONS),
    *ALIASES,
    *CLASSIC,
    "PyMetric",
    "as_metric",
    "clone_metric",
    "clone_metrics",
    "deserialize",
    "find",
    "get",
    "resolve_accuracy",
    "serialize",
]
