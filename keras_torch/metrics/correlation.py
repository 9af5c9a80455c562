"""How closely predictions follow targets: correlations and the coefficient of determination."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from keras_torch import config
from keras_torch.losses.reduction import aligned, as_tensor, merge_mask
from keras_torch.metrics.base import Metric
from keras_torch.metrics.reduction import MeanMetricWrapper
from keras_torch.metrics.running import Running, wide_dtype


def _deviations(y_true: Any, y_pred: Any, axis: int) -> tuple[Any, Any, Any, Any]:
    y_true, y_pred = aligned(y_true, y_pred)
    true_mean, pred_mean = y_true.mean(dim=axis, keepdim=True), y_pred.mean(dim=axis, keepdim=True)
    return y_true - true_mean, y_pred - pred_mean, true_mean, pred_mean


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> torch.Tensor:
    """Return the covariance along `axis` over the product of the standard deviations; NaN where one of these is 0."""
    y_true, y_pred, _, _ = _deviations(y_true, y_pred, axis)
    scaled = y_true / y_true.std(dim=axis, keepdim=True, correction=0)
    return (scaled * (y_pred / y_pred.std(dim=axis, keepdim=True, correction=0))).mean(dim=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> torch.Tensor:
    """Return the correlation along `axis` that also counts differences of means and scales (Lin 1989)."""
    y_true, y_pred, true_mean, pred_mean = _deviations(y_true, y_pred, axis)
    spread = y_true.square().mean(dim=axis, keepdim=True) + y_pred.square().mean(dim=axis, keepdim=True)
    spread = spread + torch.square(true_mean - pred_mean)
    return (2 * y_true * y_pred / (spread + config.epsilon())).mean(dim=axis)


class PearsonCorrelation(MeanMetricWrapper):
    """Mean over the samples of `pearson_correlation` along `axis`."""

    def __init__(self, name: str = "pearson_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean over the samples of `concordance_correlation` along `axis`."""

    def __init__(self, name: str = "concordance_correlation", dtype: Any = None, axis: int = -1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis


_AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


class R2Score(Metric):
    """Coefficient of determination, `1 - residual / total variation`, of each column, or an average of these.

    `class_aggregation`: None for a vector, "uniform_average", or "variance_weighted_average". `num_regressors` adjusts
    the score for the number of explaining variables (Theil 1961).
    """

    sum = Running()
    squared_sum = Running()
    total_mse = Running()
    count = Running()
    num_samples = Running()

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str = "r2_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in _AGGREGATIONS:
            raise ValueError(
                f"Invalid value for argument `class_aggregation` of R2Score. Expected one of {_AGGREGATIONS}. "
                f"Received: class_aggregation={class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors` of R2Score. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors!r}"
            )
        self.class_aggregation, self.num_regressors = class_aggregation, num_regressors
        self.num_samples = self.add_variable(name="num_samples")

    def _make_state(self, columns: int) -> None:
        self.squared_sum = self.add_variable((columns,), name="squared_sum")
        self.sum = self.add_variable((columns,), name="sum")
        self.total_mse = self.add_variable((columns,), name="residual")
        self.count = self.add_variable((columns,), name="count")

    @torch.no_grad()
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in targets and predictions of shape (samples, columns)."""
        mask = getattr(y_pred, "_keras_mask", None)
        y_true, y_pred = aligned(y_true, y_pred)
        if y_true.dim() != 2 or y_true.shape != y_pred.shape:
            raise ValueError(
                "R2Score expects 2D inputs with shape (batch_size, output_dim), the same for targets and predictions. "
                f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
            )
        if "count" not in self.running:
            self._make_state(y_pred.shape[1])
        # Sums of squares lose their leading digits to each other below, so they run in float64 from the start.
        wide = wide_dtype(y_pred.device)
        y_true, y_pred = y_true.to(wide), y_pred.to(wide)
        weight = None if sample_weight is None else as_tensor(sample_weight, y_pred).to(wide)
        weight = merge_mask(weight, mask, wide, mean=False)
        if weight is None:
            weight = torch.ones_like(y_true)
        weight = (weight.unsqueeze(1) if weight.dim() == 1 else weight).expand_as(y_true)
        weighted = y_true * weight
        self.running["sum"].add(weighted.sum(dim=0))
        self.running["squared_sum"].add((y_true * weighted).sum(dim=0))
        self.running["total_mse"].add((torch.square(y_true - y_pred) * weight).sum(dim=0))
        self.running["count"].add(weight.sum(dim=0))
        self.running["num_samples"].add_number(y_true.numel())

    def result(self) -> torch.Tensor:
        """Return the score, or those of the columns if `class_aggregation` is None."""
        if "count" not in self.running:
            return torch.zeros((), dtype=self._state_dtype)
        squares, sums, residual, count = (
            self.running[name].value() for name in ("squared_sum", "sum", "total_mse", "count")
        )
        total = squares - sums * (sums / count)
        scores = 1 - residual / total
        scores = torch.where(torch.isinf(scores), 0.0, scores)
        if self.class_aggregation == "uniform_average":
            scores = scores.mean()
        elif self.class_aggregation == "variance_weighted_average":
            scores = (total * scores).sum() / total.sum()
        return self._adjusted(scores).to(self._state_dtype)

    def _adjusted(self, scores: torch.Tensor) -> torch.Tensor:
        if not self.num_regressors:
            return scores
        samples = float(self.running["num_samples"].value())
        free = samples - self.num_regressors - 1
        if free > 0:
            return 1 - (1 - scores) * (samples - 1) / free
        why = "More independent predictors than datapoints in" if free < 0 else "Division by zero in"
        warnings.warn(f"{why} adjusted R2 score. The score is not adjusted.", stacklevel=3)
        return scores

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        arguments = {"class_aggregation": self.class_aggregation, "num_regressors": self.num_regressors}
        return {**super().get_config(), **arguments}
