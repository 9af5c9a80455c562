"""Metrics of real-valued predictions."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.losses import regression as losses
from keras_torch.losses.reduction import aligned, as_tensor, merge_mask
from keras_torch.metrics.reduction import Mean, MeanMetricWrapper, divide_no_nan


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> torch.Tensor:
    """Return the cosine of the angle between targets and predictions: 1 is best. (The loss has the other sign.)"""
    return -losses.cosine_similarity(y_true, y_pred, axis=axis)


def cosine_proximity(y_true: Any, y_pred: Any, axis: int = -1) -> torch.Tensor:
    """Return `cosine_similarity`; in Keras 1 and 2 the loss of that name, whose sign is negative."""
    value = losses.cosine_proximity(y_true, y_pred, axis=axis)
    return value if config.is_classic() else -value


class MeanSquaredError(MeanMetricWrapper):
    """Mean of squared errors."""

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None):
        super().__init__(losses.mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """Mean of absolute errors."""

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Mean of absolute errors in percent of the target."""

    def __init__(self, name: str = "mean_absolute_percentage_error", dtype: Any = None):
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Mean of squared differences of `log(1 + y)`."""

    def __init__(self, name: str = "mean_squared_logarithmic_error", dtype: Any = None):
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """Mean logarithm of the hyperbolic cosine of the error."""

    def __init__(self, name: str = "logcosh", dtype: Any = None):
        super().__init__(losses.log_cosh, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """Mean cosine similarity along `axis`."""

    def __init__(self, name: str = "cosine_similarity", dtype: Any = None, axis: int = -1):
        super().__init__(cosine_similarity, name, dtype, axis=axis)
        self.axis = axis


class RootMeanSquaredError(Mean):
    """Square root of the mean of squared errors over all batches and elements."""

    def __init__(self, name: str = "root_mean_squared_error", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)

    @torch.no_grad()
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch of targets and predictions."""
        mask = getattr(y_pred, "_keras_mask", None)
        y_true, y_pred = aligned(y_true, y_pred)
        if mask is not None:
            weight = None if sample_weight is None else as_tensor(sample_weight, y_pred).to(self._state_dtype)
            sample_weight = merge_mask(weight, mask, self._state_dtype, mean=False)
        super().update_state(torch.square(y_pred - y_true), sample_weight)

    def result(self) -> torch.Tensor:
        """Return the root of the mean."""
        return torch.sqrt(super().result())


class MeanRelativeError(Mean):
    """Mean of `|y_true - y_pred| / normalizer`, 0 where the normalizer is 0."""

    def __init__(self, normalizer: Any, name: str | None = None, dtype: Any = None):
        super().__init__(name=name or "mean_relative_error", dtype=dtype)
        self.normalizer = normalizer

    @torch.no_grad()
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch of targets and predictions."""
        y_true, y_pred = aligned(y_true, y_pred)
        normalizer = as_tensor(self.normalizer, y_pred).to(y_pred.dtype).expand_as(y_pred)
        super().update_state(divide_no_nan(torch.abs(y_true - y_pred), normalizer), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        normalizer = self.normalizer
        return {**super().get_config(), "normalizer": getattr(normalizer, "tolist", lambda: normalizer)()}
