"""Logs of single batches, as Keras 1 and 2 had them: values of the batch, not of the epoch so far."""

from __future__ import annotations

from typing import Any

from keras_torch.callbacks import Logs
from keras_torch.metrics import Mean, MeanMetricWrapper
from keras_torch.training.compiled_loss import LossTracker

# Only of these does a batch's value follow from the sums before and after it.
_MEANS = (Mean.result, MeanMetricWrapper.result, LossTracker.result)


def sums_of(model: Any) -> dict[int, tuple[Any, Any]]:
    """Return (weighted sum, weight) so far of each mean among the model's metrics, by its id."""
    return {id(metric): metric.sums() for metric in model.metrics if type(metric).result in _MEANS}


def batch_logs(model: Any, before: dict[int, tuple[Any, Any]]) -> Logs:
    """Return the logs of the batch since `before`. Metrics that are no means show the epoch so far."""

    def values() -> dict[str, Any]:
        logs = dict(model.get_metrics_result())
        for metric in model.metrics:
            # A metric that is new had nothing before this batch.
            if metric.name in logs and id(metric) in before:
                total, count = metric.sums()
                former_total, former_count = before[id(metric)]
                weight = count - former_count
                logs[metric.name] = (total - former_total) / (weight if hasattr(weight, "dim") or weight else 1)
        return logs

    return with_totals(values, model.get_metrics_result)


def with_totals(batch: Any, so_far: Any) -> Logs:
    """Return the logs of a batch, beside those of the epoch so far, which the progress bar shows."""
    logs = Logs(batch)
    logs.so_far = Logs(so_far)
    return logs
