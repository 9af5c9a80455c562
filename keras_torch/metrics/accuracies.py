"""Accuracies: the share of predictions that hit the target."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.losses.classification import (
    binary_crossentropy,
    categorical_crossentropy,
    kind_of_classes,
    sparse_categorical_crossentropy,
)
from keras_torch.losses.reduction import as_tensor, same_rank
from keras_torch.metrics.reduction import FAST_SUMS, MeanMetricWrapper


def _floats(matches: torch.Tensor) -> torch.Tensor:
    return matches.to(config.torch_dtype(None))


def _matching(y_true: Any, y_pred: Any, name: str) -> tuple[Any, Any]:
    y_true, y_pred = same_rank(as_tensor(y_true, y_pred), y_pred)
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"`{name}`: the shapes of targets and predictions do not fit. Expected targets of shape "
            f"{tuple(y_pred.shape)}. Received: y_true.shape={tuple(y_true.shape)}"
        )
    return y_true, y_pred


def accuracy(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return 1.0 where targets and predictions are equal, element by element, else 0.0."""
    y_true, y_pred = _matching(y_true, as_tensor(y_pred), "accuracy")
    return _floats(torch.eq(y_true, y_pred))


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> torch.Tensor:
    """Return how often `y_pred > threshold` equals the target: the mean over the last axis; in Keras 3 each element."""
    matches = _binary_matches(y_true, y_pred, threshold)
    return matches if config.is_modern() or not matches.dim() else matches.mean(dim=-1)


def _binary_matches(y_true: Any, y_pred: Any, threshold: float = 0.5) -> torch.Tensor:
    y_true, y_pred = _matching(y_true, as_tensor(y_pred), "binary_accuracy")
    return _floats(torch.eq(y_pred > threshold, y_true))


def categorical_accuracy(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return 1.0 where the class with the highest score is that of the one-hot target, else 0.0."""
    y_true, y_pred = _matching(y_true, as_tensor(y_pred), "categorical_accuracy")
    return _floats(torch.eq(y_true.argmax(dim=-1), y_pred.argmax(dim=-1)))


def _labels(y_true: Any, y_pred: Any, name: str) -> Any:
    y_true = as_tensor(y_true, y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    if y_true.shape != y_pred.shape[:-1]:
        raise ValueError(
            f"`{name}` needs integer labels of shape {tuple(y_pred.shape[:-1])} for predictions of shape "
            f"{tuple(y_pred.shape)}. Received: y_true.shape={tuple(y_true.shape)}"
        )
    return y_true


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return 1.0 where the class with the highest score is the label, else 0.0."""
    y_pred = as_tensor(y_pred)
    return _floats(torch.eq(y_pred.argmax(dim=-1), _labels(y_true, y_pred, "sparse_categorical_accuracy")))


def _in_top_k(labels: torch.Tensor, scores: torch.Tensor, k: int) -> torch.Tensor:
    """Whether fewer than k scores exceed the label's. False for unknown labels and where a score is not finite."""
    classes = scores.shape[-1]
    labels = labels.to(torch.int64)
    known = labels.clamp(0, classes - 1)
    # Zero times the scores: NaN, so below no `k`, where a score is infinite or NaN.
    higher = torch.add(scores > scores.gather(-1, known.unsqueeze(-1)), scores, alpha=0)
    return (higher.sum(dim=-1, dtype=torch.float32) < k) & (known == labels)


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> torch.Tensor:
    """Return 1.0 where the class of the one-hot target is among the k highest scores, else 0.0.

    In dialects 1 and 2 it is the mean of these.
    """
    return _mean_in_keras_2(_top_k(y_true, y_pred, k))


def _mean_in_keras_2(values: torch.Tensor) -> torch.Tensor:
    return values.mean() if config.is_classic() else values


def _top_k(y_true: Any, y_pred: Any, k: int = 5) -> torch.Tensor:
    y_true, y_pred = _matching(y_true, as_tensor(y_pred), "top_k_categorical_accuracy")
    return _floats(_in_top_k(y_true.argmax(dim=-1), y_pred, k))


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> torch.Tensor:
    """Return 1.0 where the label is among the k highest scores, else 0.0.

    With `from_sorted_ids` the predictions are class ids, the most likely first. In dialects 1 and 2 it is the mean.
    """
    return _mean_in_keras_2(_sparse_top_k(y_true, y_pred, k, from_sorted_ids))


def _sparse_top_k(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> torch.Tensor:
    y_pred = as_tensor(y_pred)
    labels = _labels(y_true, y_pred, "sparse_top_k_categorical_accuracy")
    if from_sorted_ids:
        return _floats((y_pred[..., :k] == labels.unsqueeze(-1)).any(dim=-1))
    return _floats(_in_top_k(labels, y_pred, k))


def _sparse_sum(y_true: torch.Tensor, y_pred: torch.Tensor) -> tuple[torch.Tensor, int] | None:
    if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    if y_true.shape != y_pred.shape[:-1]:
        return None
    return (y_pred.argmax(-1) == y_true).sum(), y_true.numel()


def _sparse_top_k_sum(
    y_true: torch.Tensor, y_pred: torch.Tensor, k: int = 5, from_sorted_ids: bool = False
) -> tuple[torch.Tensor, int] | None:
    if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    if from_sorted_ids or y_true.shape != y_pred.shape[:-1]:
        return None
    return _in_top_k(y_true, y_pred, k).sum(), y_true.numel()


def _categorical_sum(y_true: torch.Tensor, y_pred: torch.Tensor) -> tuple[torch.Tensor, int] | None:
    if y_true.shape != y_pred.shape:
        return None
    return (y_pred.argmax(-1) == y_true.argmax(-1)).sum(), y_pred.numel() // y_pred.shape[-1]


def _binary_sum(y_true: torch.Tensor, y_pred: torch.Tensor, threshold: float = 0.5) -> tuple[torch.Tensor, int] | None:
    if y_true.shape != y_pred.shape:
        if y_true.dim() != 1 or y_pred.shape != (y_true.shape[0], 1):
            return None
        y_true = y_true.unsqueeze(-1)
    return ((y_pred > threshold) == y_true).sum(), y_true.numel()


FAST_SUMS.update(
    {
        sparse_categorical_accuracy: _sparse_sum,
        categorical_accuracy: _categorical_sum,
        binary_accuracy: _binary_sum,
        _binary_matches: _binary_sum,
        _sparse_top_k: _sparse_top_k_sum,
    }
)


def resolve_accuracy(y_true_shape: Any, y_pred_shape: Any, kind: str = "accuracy", loss: Any = None) -> Any:
    """Return the function that Keras means by `"accuracy"`/`"acc"` or `"crossentropy"`/`"ce"` for these shapes.

    One output column: binary; labels of lower rank or with one column: sparse categorical; else categorical.
    Keras 1 and 2 look at the loss too: binary with `binary_crossentropy`, sparse with its sparse form.
    """
    function = getattr(loss, "fn", loss)
    names = {binary_crossentropy: 0, sparse_categorical_crossentropy: 1, categorical_crossentropy: 2}
    choice = kind_of_classes(y_true_shape, y_pred_shape)
    if choice and config.is_classic() and getattr(function, "__hash__", None) and function in names:
        choice = names[function]
    if kind.lower() in ("crossentropy", "ce"):
        return (binary_crossentropy, sparse_categorical_crossentropy, categorical_crossentropy)[choice]
    return (binary_accuracy, sparse_categorical_accuracy, categorical_accuracy)[choice]


class Accuracy(MeanMetricWrapper):
    """How often predictions equal targets, element by element."""

    def __init__(self, name: str = "accuracy", dtype: Any = None):
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(MeanMetricWrapper):
    """How often `y_pred > threshold` equals the target."""

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5):
        super().__init__(_binary_matches, name, dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the highest score is the class of the one-hot target."""

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None):
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the highest score is the label's."""

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the class of the one-hot target is among the `k` highest scores."""

    def __init__(self, k: int = 5, name: str = "top_k_categorical_accuracy", dtype: Any = None):
        super().__init__(_top_k, name, dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(MeanMetricWrapper):
    """How often the label is among the `k` highest scores."""

    def __init__(
        self,
        k: int = 5,
        name: str = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ):
        arguments: dict[str, Any] = {"k": k, **({"from_sorted_ids": True} if from_sorted_ids else {})}
        super().__init__(_sparse_top_k, name, dtype, **arguments)
        self.k, self.from_sorted_ids = k, from_sorted_ids
