"""Losses of overlapping regions. By default they look at a whole batch at once and give one number for it."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.losses.base import LossFunctionWrapper
from keras_torch.losses.reduction import as_pair, check_axis, check_broadcast, check_not_negative

Axis = int | tuple[int, ...] | None


def _regions(y_true: Any, y_pred: Any, axis: Axis, loss: str) -> tuple[torch.Tensor, torch.Tensor]:
    y_true, y_pred = as_pair(y_true, y_pred)
    check_axis(axis, len(y_pred.shape), loss)
    if len(y_true.shape) == len(y_pred.shape) - 1 and y_pred.shape[-1] == 1:
        y_true = y_true.unsqueeze(-1)
    check_broadcast(y_true, y_pred)
    return y_true if y_true.dtype == y_pred.dtype else y_true.to(y_pred.dtype), y_pred


def dice(y_true: Any, y_pred: Any, axis: Axis = None) -> torch.Tensor:
    """Return `1 - 2 sum(y_true * y_pred) / (sum(y_true) + sum(y_pred))`, summed over `axis`, by default over all."""
    y_true, y_pred = _regions(y_true, y_pred, axis, "dice")
    common = (y_true * y_pred).sum(dim=axis)
    return 1.0 - 2.0 * common / (y_true.sum(dim=axis) + y_pred.sum(dim=axis) + config.epsilon())


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Axis = None) -> torch.Tensor:
    """Return `1 - c / (c + alpha * missed + beta * surplus)`, where c is the overlap; 0.5 and 0.5 give `dice`.

    As in Keras 3, `alpha` weights what the predictions miss of the targets and `beta` what they have beside them,
    the other way round than in Salehi et al. 2017 (https://arxiv.org/abs/1706.05721).
    """
    check_not_negative("tversky", alpha=alpha, beta=beta)
    y_true, y_pred = _regions(y_true, y_pred, axis, "tversky")
    common = (y_true * y_pred).sum(dim=axis)
    missed = ((1.0 - y_pred) * y_true).sum(dim=axis)
    surplus = (y_pred * (1.0 - y_true)).sum(dim=axis)
    return 1.0 - common / (common + alpha * missed + beta * surplus + config.epsilon())


class Dice(LossFunctionWrapper):
    """One minus the Dice coefficient of targets and predictions, over `axis` or the whole batch."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "dice",
        axis: Axis = None,
        dtype: Any = None,
    ):
        axis = tuple(axis) if isinstance(axis, list) else axis
        super().__init__(dice, reduction=reduction, name=name, dtype=dtype, axis=axis)
        self.axis = axis


class Tversky(LossFunctionWrapper):
    """One minus the Tversky index, whose weights trade misses (`alpha`) against false alarms (`beta`)."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "tversky",
        axis: Axis = None,
        dtype: Any = None,
    ):
        check_not_negative("Tversky", alpha=alpha, beta=beta)
        axis = tuple(axis) if isinstance(axis, list) else axis
        super().__init__(tversky, reduction=reduction, name=name, dtype=dtype, alpha=alpha, beta=beta, axis=axis)
        self.alpha, self.beta, self.axis = alpha, beta, axis
