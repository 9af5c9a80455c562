"""TensorFlow 1's `tf.metrics`: functions that go on from batch to batch, as metrics of models use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_torch import metrics
from keras_torch.metrics.streams import Streams


def _updated(name: str, make: Callable[[], Any], given: tuple[Any, ...], collections: tuple[Any, ...]) -> Any:
    """Take a batch in; return the value after it twice: where TensorFlow's update stood as well."""
    streams = Streams.current
    if streams is None:
        raise NotImplementedError(
            f"`tf.metrics.{name}` goes on from batch to batch within a function that is given to `compile` as a "
            "metric. Elsewhere use the classes of `keras.metrics`."
        )
    if any(item is not None for item in collections):
        raise ValueError(f"`tf.metrics.{name}`: there are no collections of a graph. Received: {collections!r}")
    metric = streams.next(make)
    metric.update_state(*given)
    value = metric.result()
    return value, value


def _of_pair(key: str, make: Callable[[], Any]) -> Callable[..., Any]:
    def streaming(
        labels: Any,
        predictions: Any,
        weights: Any = None,
        metrics_collections: Any = None,
        updates_collections: Any = None,
        name: str | None = None,
    ) -> Any:
        """Compare predictions with labels; `weights` are those of samples."""
        return _updated(key, make, (labels, predictions, weights), (metrics_collections, updates_collections))

    streaming.__name__ = key
    return streaming


def mean(
    values: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Any:
    """The mean of values; `weights` are those of samples."""
    return _updated("mean", metrics.Mean, (values, weights), (metrics_collections, updates_collections))


def auc(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    curve: str = "ROC",
    name: str | None = None,
    summation_method: str = "trapezoidal",
    thresholds: Any = None,
) -> Any:
    """The area under the curve, by `keras.metrics.AUC`; "careful_interpolation" is its "interpolation"."""
    methods = {"trapezoidal": "interpolation", "careful_interpolation": "interpolation"}
    options: dict[str, Any] = {
        "num_thresholds": num_thresholds,
        "curve": curve,
        "summation_method": methods.get(summation_method, summation_method),
        "thresholds": thresholds,
    }
    given, collections = (labels, predictions, weights), (metrics_collections, updates_collections)
    return _updated("auc", lambda: metrics.AUC(**options), given, collections)


def mean_iou(
    labels: Any,
    predictions: Any,
    num_classes: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Any:
    """The mean over classes of intersection by union, by `keras.metrics.MeanIoU`."""
    given, collections = (labels, predictions, weights), (metrics_collections, updates_collections)
    return _updated("mean_iou", lambda: metrics.MeanIoU(num_classes), given, collections)


def _of_positives(kind: Callable[..., Any]) -> Callable[[], Any]:
    # What is not 0 is positive: predictions become booleans.
    return lambda: kind(thresholds=0.0)


_PAIRS: dict[str, Callable[[], Any]] = {
    "accuracy": metrics.Accuracy,
    "false_negatives": _of_positives(metrics.FalseNegatives),
    "false_positives": _of_positives(metrics.FalsePositives),
    "mean_absolute_error": metrics.MeanAbsoluteError,
    "mean_squared_error": metrics.MeanSquaredError,
    "precision": _of_positives(metrics.Precision),
    "recall": _of_positives(metrics.Recall),
    "root_mean_squared_error": metrics.RootMeanSquaredError,
    "true_negatives": _of_positives(metrics.TrueNegatives),
    "true_positives": _of_positives(metrics.TruePositives),
}
VERSION_1: dict[str, Any] = {
    "metrics.auc": auc,
    "metrics.mean": mean,
    "metrics.mean_iou": mean_iou,
    **{f"metrics.{name}": _of_pair(name, make) for name, make in _PAIRS.items()},
}
