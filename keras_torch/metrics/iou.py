"""Intersection over union of classes, from a confusion matrix."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch

from keras_torch import config
from keras_torch.losses.reduction import as_tensor
from keras_torch.metrics.base import Metric
from keras_torch.metrics.running import Running, wide_dtype


def _class_ids(values: Any, axis: int, sparse: bool) -> torch.Tensor:
    return (values if sparse else values.argmax(dim=axis)).reshape(-1).to(torch.int64)


class _ConfusionMatrix(Metric):
    """Base of the IoU metrics: counts of each pair of true and predicted class, those of `ignore_class` left out.

    Class ids outside [0, num_classes) do not count. In Keras 3 the counts are integers unless `dtype` says otherwise,
    so that fractions of weights are cut off; before, they are floats.
    """

    total_cm = Running()

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(name=name, dtype=dtype or ("int32" if config.is_modern() else None))
        if not isinstance(num_classes, int) or num_classes < 1:
            raise ValueError(
                f"{type(self).__name__}: `num_classes` must be a positive int. Received: num_classes={num_classes!r}"
            )
        self.num_classes, self.ignore_class, self.axis = num_classes, ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable((num_classes, num_classes), name="total_confusion_matrix")

    @torch.no_grad()
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in class ids, or scores of the classes along `axis` where `sparse_y_true` or `sparse_y_pred` is off."""
        y_pred = as_tensor(y_pred)
        y_true = as_tensor(y_true, y_pred)
        truth = _class_ids(y_true, self.axis, self.sparse_y_true)
        guess = _class_ids(y_pred, self.axis, self.sparse_y_pred)
        if truth.shape != guess.shape:
            raise ValueError(
                f"The metric {self.name!r} needs as many targets as predictions. Received: "
                f"y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)} with "
                f"sparse_y_true={self.sparse_y_true}, sparse_y_pred={self.sparse_y_pred}"
            )
        valid = (truth >= 0) & (truth < self.num_classes) & (guess >= 0) & (guess < self.num_classes)
        if self.ignore_class is not None:
            valid &= truth != self.ignore_class
        # Pairs that do not count go into a bin of their own.
        size = self.num_classes**2
        index = torch.where(valid, truth * self.num_classes + guess, size)
        amount = self._weights(sample_weight, truth)
        bins = torch.zeros(size + 1, dtype=amount.dtype, device=amount.device).scatter_add_(0, index, amount)
        self.running["total_cm"].add(bins[:-1].reshape(self.num_classes, self.num_classes))

    def _weights(self, sample_weight: Any, like: torch.Tensor) -> torch.Tensor:
        dtype = wide_dtype(like.device)
        if sample_weight is None:
            return torch.ones(like.shape, dtype=dtype, device=like.device)
        weight = as_tensor(sample_weight, like)
        if weight.is_floating_point() and not self._state_dtype.is_floating_point:
            warnings.warn(
                f"The weights of the metric {self.name!r} are float, but it counts in {self.dtype}: the casting cuts "
                f"off their fractions. Pass `dtype='float32'` to {type(self).__name__} to keep them.",
                stacklevel=4,
            )
            weight = weight.trunc()
        return weight.to(like.device, dtype).reshape(-1).expand(like.shape)


class IoU(_ConfusionMatrix):
    """Mean over the classes `target_class_ids` of `tp / (tp + fp + fn)`, classes that never occur left out."""

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)
        self.target_class_ids = list(target_class_ids)
        if not self.target_class_ids or not all(0 <= index < num_classes for index in self.target_class_ids):
            raise ValueError(
                f"{type(self).__name__}: `target_class_ids` must be class ids, each in [0, {num_classes}). A class id "
                f"is out of range. Received: target_class_ids={target_class_ids!r}"
            )

    def result(self) -> torch.Tensor:
        """Return the mean intersection over union."""
        matrix = self.running["total_cm"].tensor()
        matrix = matrix.to(wide_dtype(matrix.device))
        hits = matrix.diagonal()
        union = matrix.sum(0) + matrix.sum(1) - hits
        hits, union = hits[self.target_class_ids], union[self.target_class_ids]
        shares = torch.where(union > 0, hits / union, 0.0)
        mean = shares.sum() / (union > 0).sum().clamp(min=1)
        return mean.to(self._state_dtype if self._state_dtype.is_floating_point else torch.float32)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        return {**super().get_config(), **{name: getattr(self, name) for name in self._arguments}}

    _arguments: tuple[str, ...] = (
        "num_classes",
        "target_class_ids",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )


class BinaryIoU(IoU):
    """`IoU` of two classes; predictions of `threshold` or more are class 1."""

    _arguments: tuple[str, ...] = ("target_class_ids", "threshold")

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in targets 0 and 1 and scores."""
        super().update_state(y_true, as_tensor(y_pred) >= self.threshold, sample_weight)


class MeanIoU(IoU):
    """`IoU` of all classes."""

    _arguments: tuple[str, ...] = ("num_classes", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ):
        classes = range(num_classes) if isinstance(num_classes, int) else ()
        super().__init__(num_classes, classes, name, dtype, ignore_class, sparse_y_true, sparse_y_pred, axis)


class OneHotIoU(IoU):
    """`IoU` with one-hot targets, and scores of the classes (or class ids, with `sparse_y_pred`) as predictions."""

    _arguments: tuple[str, ...] = ("num_classes", "target_class_ids", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis)


class OneHotMeanIoU(MeanIoU):
    """`OneHotIoU` of all classes."""

    _arguments: tuple[str, ...] = ("num_classes", "ignore_class", "sparse_y_pred", "axis")

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ):
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
