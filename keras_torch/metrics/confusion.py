"""Counts of true and false positives and negatives at thresholds, and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch.backend.variable import Variable
from keras_torch.losses.reduction import as_pair, as_tensor, fit_weight, merge_mask, same_rank
from keras_torch.metrics.base import Metric
from keras_torch.metrics.reduction import divide_no_nan
from keras_torch.metrics.running import Running, wide_dtype

COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


def evenly_spaced(thresholds: np.ndarray) -> bool:
    """Whether three or more thresholds divide [0, 1] evenly. Keras then counts targets between 0 and 1 by parts."""
    count = len(thresholds)
    return count > 2 and bool(np.allclose(thresholds, np.arange(count) / (count - 1), atol=2e-7))


class ThresholdMetric(Metric):
    """Base of the metrics that compare predictions in [0, 1] with thresholds.

    A subclass names the counts it needs in `counts`; they become state variables, one entry per threshold. Targets
    other than 0 are positive.
    """

    counts: tuple[str, ...] = ()
    top_k: int | None = None
    class_id: int | None = None
    true_positives = Running()
    false_positives = Running()
    true_negatives = Running()
    false_negatives = Running()

    def _use_thresholds(self, values: list[float]) -> None:
        self.thresholds = values
        array = np.asarray(values, dtype="float64")
        self._fractional = evenly_spaced(array)
        self._sorted = bool((np.diff(array) >= 0).all())
        self._edges = torch.as_tensor(np.sort(array), dtype=self._state_dtype)
        self._order = torch.as_tensor(np.argsort(np.argsort(array, kind="stable"), kind="stable"))

    def _make_state(self, shape: tuple[int, ...]) -> None:
        for count in self.counts:
            setattr(self, count, self.add_variable(shape, name=count))

    def state(self, count: str) -> torch.Tensor:
        """Return the present value of one of the counts."""
        return self.running[count].tensor()

    @torch.no_grad()
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch of targets and predictions of the same shape."""
        mask = getattr(y_pred, "_keras_mask", None)
        y_true, y_pred = as_pair(y_true, y_pred)
        y_pred, weight = y_pred.to(self._state_dtype), None
        if y_true.shape != y_pred.shape:
            y_true, y_pred = same_rank(y_true, y_pred)
        if y_true.shape != y_pred.shape:
            raise ValueError(
                f"The metric {self.name!r} needs targets of the shape of the predictions, {tuple(y_pred.shape)}. "
                f"Received: y_true.shape={tuple(y_true.shape)}"
            )
        if sample_weight is not None or mask is not None:
            weight = None if sample_weight is None else as_tensor(sample_weight, y_pred).to(self._state_dtype)
            weight = merge_mask(weight, mask, self._state_dtype, mean=False)
            weight = fit_weight(weight, y_pred)  # type: ignore[arg-type]
        if self.top_k is not None:
            y_pred = _keep_top_k(y_pred, self.top_k)
        if self.class_id is not None:
            self._check_classes(y_pred)
            y_true, y_pred = y_true[..., self.class_id, None], y_pred[..., self.class_id, None]
        if self._edges.device != y_pred.device:
            self._edges, self._order = self._edges.to(y_pred.device), self._order.to(y_pred.device)
        self._count(y_true, y_pred, weight)

    def _check_classes(self, y_pred: torch.Tensor) -> None:
        classes = y_pred.shape[-1] if y_pred.dim() > 1 else 0
        if not -classes <= self.class_id < classes:  # type: ignore[operator]
            raise ValueError(
                f"The metric {self.name!r} with `class_id={self.class_id}` needs predictions of shape (num_samples, "
                f"num_classes) with this class. Received: y_pred.shape={tuple(y_pred.shape)}"
            )

    def _count(self, y_true: torch.Tensor, y_pred: torch.Tensor, weight: torch.Tensor | None) -> None:
        positive = y_true.to(self._state_dtype) if self._fractional else (y_true != 0).to(self._state_dtype)
        negative = 1.0 - positive
        if weight is not None:
            positive, negative = positive * weight, negative * weight
        self._add(positive, y_pred, "true_positives", "false_negatives")
        self._add(negative, y_pred, "false_positives", "true_negatives")

    def _add(self, amount: torch.Tensor, y_pred: torch.Tensor, above: str, below: str) -> None:
        """Add `amount` to the counts of predictions above each threshold, and of those not above it."""
        if above not in self.counts and below not in self.counts:
            return
        if len(self.thresholds) == 1:
            higher = (amount * (y_pred > self._edges)).sum().reshape(1)
            lower = amount.sum() - higher if below in self.counts else higher
        else:
            higher, lower = self._histogram(amount, y_pred)
        if above in self.counts:
            self.running[above].add(higher)
        if below in self.counts:
            self.running[below].add(lower)

    def _histogram(self, amount: torch.Tensor, y_pred: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        index = torch.bucketize(y_pred.contiguous(), self._edges).reshape(-1, *self._label_shape(y_pred))
        amount = amount.expand_as(y_pred).reshape(index.shape)
        if amount.numel() > 2**24:
            amount = amount.to(wide_dtype(amount.device))
        bins = torch.zeros(len(self.thresholds) + 1, *index.shape[1:], dtype=amount.dtype, device=amount.device)
        bins.scatter_add_(0, index, amount)
        lower = bins.cumsum(0)[:-1]
        higher = bins.flip(0).cumsum(0).flip(0)[1:]
        return (higher, lower) if self._sorted else (higher[self._order], lower[self._order])

    def _label_shape(self, y_pred: torch.Tensor) -> tuple[int, ...]:
        """Shape of what is counted apart from each other."""
        return ()


class ConfusionMetric(ThresholdMetric):
    """Base of the metrics with `thresholds` (0.5 by default), `top_k` and `class_id`."""

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        if thresholds is None:
            values = [0.5 if top_k is None else -1e10]
        else:
            values = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
            if any(value is None or not 0 <= value <= 1 for value in values):
                raise ValueError(f"{self.name!r}: `thresholds` must lie in [0, 1]. Received: {thresholds!r}")
        self._use_thresholds(values)
        self._make_state((len(values),))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        return {**super().get_config(), "thresholds": self.init_thresholds}


def _keep_top_k(scores: torch.Tensor, k: int) -> torch.Tensor:
    """Return the k highest scores of the last axis in place, of equal ones the first, all others as -1e10."""
    kept = torch.full_like(scores, -1e10)
    indices = torch.sort(scores, dim=-1, descending=True, stable=True).indices[..., :k]
    return kept.scatter_(-1, indices, scores.gather(-1, indices))


class _Count(ConfusionMetric):
    """One of the four counts, summed over batches; a vector if there are several thresholds."""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None):
        super().__init__(thresholds, name=name, dtype=dtype)

    def _make_state(self, shape: tuple[int, ...]) -> None:
        setattr(self, self.counts[0], self.add_variable(shape, name="accumulator"))

    @property
    def accumulator(self) -> Variable:
        """The state variable."""
        return getattr(self, self.counts[0])

    def result(self) -> torch.Tensor:
        """Return the (weighted) count."""
        value = self.state(self.counts[0])
        return value[0] if len(self.thresholds) == 1 else value


class TruePositives(_Count):
    """Number of positive targets predicted above the threshold."""

    counts = ("true_positives",)


class FalsePositives(_Count):
    """Number of negative targets predicted above the threshold."""

    counts = ("false_positives",)


class TrueNegatives(_Count):
    """Number of negative targets not predicted above the threshold."""

    counts = ("true_negatives",)


class FalseNegatives(_Count):
    """Number of positive targets not predicted above the threshold."""

    counts = ("false_negatives",)


class _Share(ConfusionMetric):
    def result(self) -> torch.Tensor:
        """Return the share; a vector if there are several thresholds."""
        first, second = self.state(self.counts[0]), self.state(self.counts[1])
        value = divide_no_nan(first, first + second)
        return value[0] if len(self.thresholds) == 1 else value

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        return {**super().get_config(), "top_k": self.top_k, "class_id": self.class_id}


class Precision(_Share):
    """Share of the predicted positives that are positive.

    `top_k` counts the k highest scores of the last axis as positive; `class_id` looks at one class only.
    """

    counts = ("true_positives", "false_positives")


class Recall(_Share):
    """Share of the positives that are predicted; `top_k` and `class_id` as in `Precision`."""

    counts = ("true_positives", "false_negatives")
