"""Metrics of Keras 1, functions that describe one batch and not the whole of the data, and layers as metrics."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.losses.reduction import aligned, as_tensor
from keras_torch.metrics.base import Metric


def _rounded(values: torch.Tensor) -> torch.Tensor:
    return torch.round(values.clamp(0, 1))


def precision(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the share of the predicted positives of the batch that are positive."""
    y_true, y_pred = aligned(y_true, y_pred)
    return _rounded(y_true * y_pred).sum() / (_rounded(y_pred).sum() + config.epsilon())


def recall(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the share of the positives of the batch that are predicted."""
    y_true, y_pred = aligned(y_true, y_pred)
    return _rounded(y_true * y_pred).sum() / (_rounded(y_true).sum() + config.epsilon())


def fbeta_score(y_true: Any, y_pred: Any, beta: float = 1) -> torch.Tensor:
    """Return the harmonic mean of precision and recall, recall weighted by `beta`; 0 without positives."""
    if beta < 0:
        raise ValueError(f"`fbeta_score`: `beta` must not be negative. Received: {beta}")
    y_true, y_pred = aligned(y_true, y_pred)
    p, r = precision(y_true, y_pred), recall(y_true, y_pred)
    score = (1 + beta**2) * p * r / (beta**2 * p + r + config.epsilon())
    return torch.where(_rounded(y_true).sum() == 0, torch.zeros_like(score), score)


def fmeasure(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the harmonic mean of precision and recall of the batch."""
    return fbeta_score(y_true, y_pred, beta=1)


def matthews_correlation(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the correlation of rounded targets and predictions of the batch (Matthews 1975)."""
    y_true, y_pred = aligned(y_true, y_pred)
    truth, guess = _rounded(y_true), _rounded(y_pred)
    tp, tn = (truth * guess).sum(), ((1 - truth) * (1 - guess)).sum()
    fp, fn = ((1 - truth) * guess).sum(), (truth * (1 - guess)).sum()
    spread = torch.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / (spread + config.epsilon())


class StatefulLayer(Metric):
    """A layer with `stateful = True` and `reset_states()`, which Keras 2.2 took as a metric over all batches.

    It is called with targets and predictions; what it returns for the last batch is the result.
    """

    def __init__(self, layer: Any, name: str):
        super().__init__(name=name)
        self._layer = layer
        self._last: torch.Tensor | None = None

    @torch.no_grad()
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Call the layer; it knows no weights."""
        self._last = as_tensor(self._layer(y_true, y_pred))

    def result(self) -> torch.Tensor:
        """Return the value of the last call; 0 before the first."""
        return torch.zeros(()) if self._last is None else self._last

    def reset_state(self) -> None:
        """Reset the layer's states."""
        self._last = None
        self._layer.reset_states()
