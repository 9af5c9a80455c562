"""Margin losses. Targets are -1 or 1; 0 and 1 are taken for these, except in Keras 1 and 2."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.losses.base import LossFunctionWrapper
from keras_torch.losses.reduction import aligned


def _signed(y_true: torch.Tensor) -> torch.Tensor:
    """Turn targets that are all 0 or 1 into -1 and 1, without reading them back from the device."""
    if config.is_classic():
        return y_true
    binary = torch.logical_or(torch.eq(y_true, 0), torch.eq(y_true, 1)).all()
    return torch.where(binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the mean of `max(1 - y_true * y_pred, 0)` over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return torch.relu(1.0 - _signed(y_true) * y_pred).mean(dim=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the mean of `max(1 - y_true * y_pred, 0)**2` over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return torch.square(torch.relu(1.0 - _signed(y_true) * y_pred)).mean(dim=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return `max(neg - pos + 1, 0)`: the margin between the right class's score and the best wrong one's.

    Targets are one-hot, of the shape of the predictions.
    """
    y_true, y_pred = aligned(y_true, y_pred)
    right = (y_true * y_pred).sum(dim=-1)
    wrong = ((1.0 - y_true) * y_pred).amax(dim=-1)
    return torch.relu(wrong - right + 1.0)


class Hinge(LossFunctionWrapper):
    """Mean of `max(1 - y_true * y_pred, 0)`."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "hinge", dtype: Any = None):
        super().__init__(hinge, reduction=reduction, name=name, dtype=dtype)


class SquaredHinge(LossFunctionWrapper):
    """Mean of `max(1 - y_true * y_pred, 0)**2`."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "squared_hinge", dtype: Any = None):
        super().__init__(squared_hinge, reduction=reduction, name=name, dtype=dtype)


class CategoricalHinge(LossFunctionWrapper):
    """Margin between the right class and the best wrong one."""

    def __init__(
        self, reduction: str | None = "sum_over_batch_size", name: str = "categorical_hinge", dtype: Any = None
    ):
        super().__init__(categorical_hinge, reduction=reduction, name=name, dtype=dtype)
