"""Areas under ROC and precision-recall curves, and points on these curves."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.losses.reduction import as_pair, as_tensor
from keras_torch.metrics.confusion import COUNTS, ThresholdMetric
from keras_torch.metrics.reduction import divide_no_nan

_CURVES = ("ROC", "PR", "PRGAIN")
# More would fill the memory, if a file asked for them.
_MOST_THRESHOLDS = 10**6
_METHODS = ("interpolation", "minoring", "majoring")


def _choice(name: str, value: Any, options: tuple[str, ...]) -> str:
    text = str(getattr(value, "value", value))
    for option in options:
        if text.lower() == option.lower():
            return option
    raise ValueError(f"AUC: `{name}` must be one of {options}. Received: {value!r}")


def even_thresholds(count: int) -> list[float]:
    """Return the `count` - 2 thresholds that divide [0, 1] evenly, without the ends."""
    if count > _MOST_THRESHOLDS:
        raise ValueError(f"`num_thresholds` must be at most {_MOST_THRESHOLDS}. Received: {count!r}")
    return [(index + 1) / (count - 1) for index in range(count - 2)]


class AUC(ThresholdMetric):
    """Area under the ROC, precision-recall or precision-recall-gain curve, as a Riemann sum over thresholds.

    `multi_label` averages the areas of the columns of two-dimensional predictions, weighted by `label_weights`.
    PR curves with interpolation follow Davis and Goadrich (2006), PRGAIN Flach and Kull (2015).
    """

    counts = COUNTS

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ):
        super().__init__(name=name, dtype=dtype)
        self.curve = _choice("curve", curve, _CURVES)
        self.summation_method = _choice("summation_method", summation_method, _METHODS)
        self.multi_label, self.num_labels = multi_label, num_labels
        self.label_weights, self.from_logits = label_weights, from_logits
        if num_labels and not multi_label:
            raise ValueError(f"AUC: `num_labels` needs `multi_label=True`. Received: num_labels={num_labels!r}")
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(f"AUC: `num_thresholds` must be 2 or more. Received: {num_thresholds!r}")
        self._given = None if thresholds is None else sorted(float(value) for value in thresholds)
        inner = even_thresholds(num_thresholds) if self._given is None else self._given
        self._use_thresholds([-config.epsilon(), *inner, 1.0 + config.epsilon()])
        self.num_thresholds = len(self.thresholds)
        if not multi_label:
            self._make_state((self.num_thresholds,))
        elif num_labels:
            self._make_state((self.num_thresholds, num_labels))

    @torch.no_grad()
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch of targets and predictions of the same shape."""
        y_true, y_pred = as_pair(y_true, y_pred)
        if self.from_logits:
            mask = getattr(y_pred, "_keras_mask", None)
            y_pred = torch.sigmoid(y_pred)
            if mask is not None:
                y_pred._keras_mask = mask
        if self.multi_label and y_pred.dim() != 2:
            raise ValueError(
                f"AUC {self.name!r} with `multi_label=True` needs predictions with two axes. "
                f"Received: y_pred.shape={tuple(y_pred.shape)}"
            )
        if not self._variables:
            self._make_state((self.num_thresholds, y_pred.shape[1]))
        super().update_state(y_true, y_pred, sample_weight)

    def _count(self, y_true: torch.Tensor, y_pred: torch.Tensor, weight: torch.Tensor | None) -> None:
        if self.label_weights is not None and not self.multi_label:
            labels = as_tensor(self.label_weights, y_pred).to(self._state_dtype)
            weight = labels.expand_as(y_pred) if weight is None else weight * labels
        super()._count(y_true, y_pred, weight)

    def _label_shape(self, y_pred: torch.Tensor) -> tuple[int, ...]:
        return (y_pred.shape[1],) if self.multi_label else ()

    def result(self) -> torch.Tensor:
        """Return the area."""
        if not self._variables:
            return torch.zeros((), dtype=self._state_dtype)
        tp, fp, tn, fn = (self.state(count) for count in COUNTS)
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._averaged(_interpolated_pr(tp, fp, fn))
        recall = divide_no_nan(tp, tp + fn)
        if self.curve == "ROC":
            x, y = divide_no_nan(fp, fp + tn), recall
        elif self.curve == "PR":
            x, y = recall, divide_no_nan(tp, tp + fp)
        else:
            x, y = _gains(tp, fp, tn, fn)
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2.0
        else:
            pick = torch.minimum if self.summation_method == "minoring" else torch.maximum
            heights = pick(y[:-1], y[1:])
        return self._averaged((x[:-1] - x[1:]) * heights)

    def _averaged(self, terms: torch.Tensor) -> torch.Tensor:
        if not self.multi_label:
            return terms.sum()
        areas = terms.sum(dim=0)
        if self.label_weights is None:
            return areas.mean()
        labels = as_tensor(self.label_weights, areas).to(areas.dtype)
        return divide_no_nan((areas * labels).sum(), labels.sum())

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        result = {
            **super().get_config(),
            "num_thresholds": self.num_thresholds,
            "curve": self.curve,
            "summation_method": self.summation_method,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
        }
        return result if self._given is None else {**result, "thresholds": self._given}


def _interpolated_pr(tp: torch.Tensor, fp: torch.Tensor, fn: torch.Tensor) -> torch.Tensor:
    """Return the areas between neighbouring thresholds, true positives being linear in predicted positives."""
    predicted = tp + fp
    step = tp[:-1] - tp[1:]
    slope = divide_no_nan(step, (predicted[:-1] - predicted[1:]).clamp(min=0))
    intercept = tp[1:] - slope * predicted[1:]
    both = (predicted[:-1] > 0) & (predicted[1:] > 0)
    ratio = torch.where(both, divide_no_nan(predicted[:-1], predicted[1:]), torch.ones_like(step))
    return divide_no_nan(slope * (step + intercept * torch.log(ratio)), (tp[1:] + fn[1:]).clamp(min=0))


def _gains(tp: torch.Tensor, fp: torch.Tensor, tn: torch.Tensor, fn: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return recall and precision as shares of what they gain over always answering yes."""
    odds = divide_no_nan(tp + fn, tn + fp)
    recall = torch.where(tp == 0, 0.0, 1.0 - odds * divide_no_nan(fn, tp))
    precision = torch.where(tp == 0, 1.0, 1.0 - odds * divide_no_nan(fp, tp))
    return recall.clamp(min=0.0), precision


class _CurvePoint(ThresholdMetric):
    """The best of one rate among the thresholds at which another one reaches a given value; 0 if none does."""

    counts = COUNTS
    argument = ""
    constrained: tuple[str, str] = ("", "")
    maximized: tuple[str, str] = ("", "")

    def __init__(self, value: float, num_thresholds: int, class_id: int | None, name: str | None, dtype: Any):
        super().__init__(name=name, dtype=dtype)
        if not 0 <= value <= 1:
            raise ValueError(f"{type(self).__name__}: `{self.argument}` must lie in [0, 1]. Received: {value!r}")
        if num_thresholds <= 0:
            raise ValueError(f"{type(self).__name__}: `num_thresholds` must be positive. Received: {num_thresholds}")
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        setattr(self, self.argument, value)
        self._use_thresholds([0.5] if num_thresholds == 1 else [0.0, *even_thresholds(num_thresholds), 1.0])
        self._make_state((num_thresholds,))

    def _rate(self, counts: tuple[str, str]) -> torch.Tensor:
        first, second = (self.state(count) for count in counts)
        return divide_no_nan(first, first + second)

    def result(self) -> torch.Tensor:
        """Return the best rate."""
        feasible = self._rate(self.constrained) >= self.value
        return torch.where(feasible, self._rate(self.maximized), 0.0).amax()

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        arguments = {"num_thresholds": self.num_thresholds, self.argument: self.value, "class_id": self.class_id}
        return {**super().get_config(), **arguments}


_RECALL = ("true_positives", "false_negatives")
_PRECISION = ("true_positives", "false_positives")
_SPECIFICITY = ("true_negatives", "false_positives")


class SensitivityAtSpecificity(_CurvePoint):
    """Best sensitivity (recall) where the specificity is at least `specificity`."""

    argument, constrained, maximized = "specificity", _SPECIFICITY, _RECALL

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_CurvePoint):
    """Best specificity where the sensitivity (recall) is at least `sensitivity`."""

    argument, constrained, maximized = "sensitivity", _RECALL, _SPECIFICITY

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_CurvePoint):
    """Best precision where the recall is at least `recall`."""

    argument, constrained, maximized = "recall", _RECALL, _PRECISION

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_CurvePoint):
    """Best recall where the precision is at least `precision`."""

    argument, constrained, maximized = "precision", _PRECISION, _RECALL

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(precision, num_thresholds, class_id, name, dtype)
