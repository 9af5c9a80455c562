"""F-scores: harmonic means of precision and recall over all batches."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.losses.reduction import as_pair, as_tensor, merge_mask
from keras_torch.metrics.base import Metric
from keras_torch.metrics.reduction import divide_no_nan
from keras_torch.metrics.running import Running

_AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """`(1 + beta**2) * precision * recall / (beta**2 * precision + recall)` of each class, or an average of these.

    Targets and predictions have the shape (samples, classes). The highest score of a sample is its prediction; with
    a `threshold` every score above it is. `average`: None for a vector, "micro" over all counts, "macro" over the
    classes, "weighted" by the number of targets.
    """

    true_positives = Running()
    false_positives = Running()
    false_negatives = Running()
    intermediate_weights = Running()

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str = "fbeta_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if average not in _AVERAGES:
            raise ValueError(
                f"Invalid `average` argument value of {type(self).__name__}. Expected one of {_AVERAGES}. "
                f"Received: average={average!r}"
            )
        if not isinstance(beta, float) or beta <= 0:
            hint = "It should be a Python float" if not isinstance(beta, float) else "It should be > 0"
            raise ValueError(f"Invalid `beta` argument value of {type(self).__name__}. {hint}. Received: beta={beta!r}")
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            float_wanted = not isinstance(threshold, float)
            hint = "It should be a Python float" if float_wanted else "It should verify 0 < threshold <= 1"
            raise ValueError(
                f"Invalid `threshold` argument value of {type(self).__name__}. {hint}. "
                f"Received: threshold={threshold!r}"
            )
        self.average, self.beta, self.threshold = average, beta, threshold

    def _make_state(self, shape: tuple[int, ...]) -> None:
        for name in ("true_positives", "false_positives", "false_negatives", "intermediate_weights"):
            setattr(self, name, self.add_variable(shape, name=name))

    @torch.no_grad()
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in targets 0 and 1 and scores, both of shape (samples, classes)."""
        mask = getattr(y_pred, "_keras_mask", None)
        y_true, y_pred = as_pair(y_true, y_pred)
        if y_true.dim() != 2 or y_true.shape != y_pred.shape:
            raise ValueError(
                f"{type(self).__name__} expects 2D inputs with shape (batch_size, output_dim), the same for targets "
                f"and predictions. Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
            )
        if not self._variables:
            self._make_state(() if self.average == "micro" else (y_pred.shape[1],))
        if self.threshold is None:
            positive = (y_pred >= y_pred.amax(dim=-1, keepdim=True)) & (y_pred.abs() > 1e-9)
        else:
            positive = y_pred > self.threshold
        guess, truth = positive.to(self._state_dtype), y_true.to(self._state_dtype)
        weight = None if sample_weight is None else as_tensor(sample_weight, y_pred).to(self._state_dtype)
        weight = merge_mask(weight, mask, self._state_dtype, mean=False)
        if weight is not None and weight.dim() == 1:
            weight = weight.unsqueeze(1)
        self._add("true_positives", guess * truth, weight)
        self._add("false_positives", guess * (1 - truth), weight)
        self._add("false_negatives", (1 - guess) * truth, weight)
        self._add("intermediate_weights", truth, weight)

    def _add(self, count: str, values: torch.Tensor, weight: torch.Tensor | None) -> None:
        values = values if weight is None else values * weight
        self.running[count].add(values.sum() if self.average == "micro" else values.sum(dim=0))

    def result(self) -> torch.Tensor:
        """Return the score, or those of the classes if `average` is None."""
        if not self._variables:
            return torch.zeros((), dtype=self._state_dtype)
        hits, false, missed, weights = (total.tensor() for total in self.running.values())
        precision, recall = divide_no_nan(hits, hits + false), divide_no_nan(hits, hits + missed)
        square = self.beta**2
        scores = (1 + square) * divide_no_nan(precision * recall, square * precision + recall)
        if self.average == "weighted":
            return (scores * divide_no_nan(weights, weights.sum())).sum()
        return scores if self.average is None else scores.mean()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        return {**super().get_config(), "average": self.average, "beta": self.beta, "threshold": self.threshold}


class F1Score(FBetaScore):
    """`FBetaScore` with `beta=1`."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str = "f1_score",
        dtype: Any = None,
    ):
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        return {name: value for name, value in super().get_config().items() if name != "beta"}
