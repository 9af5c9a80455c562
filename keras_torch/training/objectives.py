"""Keras 2's way from a loss function to the number that is minimized."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from keras_torch.losses.reduction import reduce_loss


def weighted_masked_objective(fn: Callable[..., Any] | None) -> Callable[..., torch.Tensor] | None:
    """Return a function `(y_true, y_pred, weights, mask=None)` that weights and averages the values of `fn`.

    None stays None. Weights and masks count as in the losses of the dialect that is spoken.
    """
    if fn is None:
        return None

    def objective(y_true: Any, y_pred: Any, weights: Any, mask: Any = None) -> torch.Tensor:
        return reduce_loss(fn(y_true, y_pred), weights, mask)

    return objective
