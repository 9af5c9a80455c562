"""Losses of real-valued targets. Each function reduces the last axis."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from keras_torch import config
from keras_torch.losses.base import FUSED_MEANS, LossFunctionWrapper
from keras_torch.losses.reduction import aligned, check_axis, check_not_negative


def mean_squared_error(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the mean of `(y_true - y_pred)**2` over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return torch.square(y_pred - y_true).mean(dim=-1)


def mean_absolute_error(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the mean of `|y_true - y_pred|` over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return torch.abs(y_pred - y_true).mean(dim=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return 100 times the mean of `|y_true - y_pred| / max(|y_true|, epsilon)` over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return 100.0 * torch.abs((y_true - y_pred) / torch.abs(y_true).clamp(min=config.epsilon())).mean(dim=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the mean squared difference of `log(1 + max(y, epsilon))` over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    first = torch.log(y_pred.clamp(min=config.epsilon()) + 1.0)
    second = torch.log(y_true.clamp(min=config.epsilon()) + 1.0)
    return torch.square(first - second).mean(dim=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> torch.Tensor:
    """Return the Huber loss: quadratic up to an error of `delta`, linear beyond (Huber 1964)."""
    y_true, y_pred = aligned(y_true, y_pred)
    error = torch.abs(y_pred - y_true)
    return torch.where(error <= delta, 0.5 * torch.square(error), delta * error - 0.5 * delta**2).mean(dim=-1)


def log_cosh(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the mean of `log(cosh(y_pred - y_true))` over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    error = y_pred - y_true
    return (error + F.softplus(-2.0 * error) - math.log(2.0)).mean(dim=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> torch.Tensor:
    """Return minus the cosine of the angle between targets and predictions: -1 is best, 0 for a zero vector."""
    y_true, y_pred = aligned(y_true, y_pred)
    check_axis(axis, len(y_pred.shape), "cosine_similarity")
    return -(F.normalize(y_true, dim=axis, eps=1e-6) * F.normalize(y_pred, dim=axis, eps=1e-6)).sum(dim=axis)


def cosine_proximity(y_true: Any, y_pred: Any, axis: int = -1) -> torch.Tensor:
    """Return `cosine_similarity`; Keras 1 takes the mean of the products where later ones take the sum."""
    result = cosine_similarity(y_true, y_pred, axis=axis)
    return result / y_pred.shape[axis] if config.dialect() == "1" else result


def _mean_squared_error(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    if y_true.shape == y_pred.shape and y_true.dtype is y_pred.dtype:
        return F.mse_loss(y_pred, y_true)
    return mean_squared_error(y_true, y_pred).mean()


def _mean_absolute_error(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    if y_true.shape == y_pred.shape and y_true.dtype is y_pred.dtype:
        return F.l1_loss(y_pred, y_true)
    return mean_absolute_error(y_true, y_pred).mean()


def _huber(y_true: torch.Tensor, y_pred: torch.Tensor, delta: float = 1.0) -> torch.Tensor:
    if y_true.shape == y_pred.shape and y_true.dtype is y_pred.dtype and delta > 0:
        return F.huber_loss(y_pred, y_true, delta=delta)
    return huber(y_true, y_pred, delta).mean()


FUSED_MEANS.update({mean_squared_error: _mean_squared_error, mean_absolute_error: _mean_absolute_error, huber: _huber})


class MeanSquaredError(LossFunctionWrapper):
    """Mean of squared errors; `torch.nn.functional.mse_loss`."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_squared_error", dtype: Any = None
    ):
        super().__init__(mean_squared_error, reduction=reduction, name=name, dtype=dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """Mean of absolute errors; `torch.nn.functional.l1_loss`."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "mean_absolute_error", dtype: Any = None
    ):
        super().__init__(mean_absolute_error, reduction=reduction, name=name, dtype=dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """Mean of absolute errors in percent of the target."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_percentage_error",
        dtype: Any = None,
    ):
        super().__init__(mean_absolute_percentage_error, reduction=reduction, name=name, dtype=dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """Mean of squared differences of `log(1 + y)`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ):
        super().__init__(mean_squared_logarithmic_error, reduction=reduction, name=name, dtype=dtype)


class Huber(LossFunctionWrapper):
    """Huber loss with the threshold `delta`; `torch.nn.functional.huber_loss`."""

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "huber_loss",
        dtype: Any = None,
    ):
        check_not_negative("Huber", delta=delta)
        super().__init__(huber, reduction=reduction, name=name, dtype=dtype, delta=delta)
        self.delta = delta
        # Keras 3 leaves both this and the axis of `CosineSimilarity` out of configs, and so loses them
        self._config_defaults = {"delta": 1.0}


class LogCosh(LossFunctionWrapper):
    """Logarithm of the hyperbolic cosine of the error."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "log_cosh", dtype: Any = None):
        super().__init__(log_cosh, reduction=reduction, name=name, dtype=dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Minus the cosine similarity along `axis`."""

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "cosine_similarity",
        dtype: Any = None,
    ):
        super().__init__(cosine_similarity, reduction=reduction, name=name, dtype=dtype, axis=axis)
        self.axis = axis
        self._config_defaults = {"axis": -1}
