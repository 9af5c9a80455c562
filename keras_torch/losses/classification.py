"""Cross-entropies. Where an activation has noted its logits on the predictions, they are computed from these.

Otherwise probabilities are clipped to [epsilon, 1 - epsilon] as Keras does, which ends the gradient outside.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F

from keras_torch import config
from keras_torch.losses.base import FUSED_MEANS
from keras_torch.losses.reduction import aligned, as_pair, same_rank

# torch ignores the class -100 unless told otherwise; no label has this value.
_NO_CLASS = -(2**63)


def logits_of(y_pred: Any, from_logits: bool) -> Any:
    """Return the logits of the predictions, or None if they are probabilities of unknown origin."""
    logits = getattr(y_pred, "_keras_logits", None)
    if logits is None:
        return y_pred if from_logits else None
    if from_logits:
        warnings.warn(
            "The loss has `from_logits=True`, but the predictions come from a softmax or sigmoid activation. The loss "
            "is computed from what went into the activation. Remove the activation or `from_logits=True`.",
            stacklevel=4,
        )
    return logits


def check_label_range(labels: Any, num_classes: int, name: str = "y_true") -> None:
    """Raise ValueError if a label is outside [0, num_classes). Reads the labels back from their device."""
    labels = torch.as_tensor(labels)
    if not labels.numel():
        return
    low, high = labels.aminmax()
    if low < 0 or high >= num_classes:
        raise ValueError(
            f"Labels in `{name}` must be in [0, {num_classes}), as the predictions have {num_classes} classes. "
            f"Received: labels from {low.item()} to {high.item()}. Number the classes from 0, or give the last layer "
            f"{int(high) + 1 if high >= num_classes else num_classes} units."
        )


def _refuse_shapes(y_true: Any, y_pred: Any, loss: str) -> None:
    fix = "Use `to_categorical` on integer labels, or the loss `sparse_categorical_crossentropy`."
    if loss.startswith("binary"):
        fix = "Give the last layer as many units as a target has values."
    raise ValueError(
        f"`{loss}` needs targets of the shape of the predictions, {tuple(y_pred.shape)}. "
        f"Received: y_true.shape={tuple(y_true.shape)}. {fix}"
    )


def _class_targets(y_true: Any, y_pred: Any, label_smoothing: float, axis: int, loss: str) -> tuple[Any, Any]:
    if isinstance(axis, bool):
        raise ValueError(f"`axis` must be an int. Received: axis={axis} of type bool")
    y_true, y_pred = as_pair(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        _refuse_shapes(y_true, y_pred, loss)
    if y_true.dtype != y_pred.dtype:
        y_true = y_true.to(y_pred.dtype)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[axis]
    return y_true, y_pred


def _clipped(probabilities: torch.Tensor) -> torch.Tensor:
    epsilon = config.epsilon()
    return probabilities.clamp(epsilon, 1.0 - epsilon)


def _is_modern() -> bool:
    return config.dialect() in (None, "3")


def _log_probabilities(y_pred: torch.Tensor, axis: int) -> torch.Tensor:
    """Return clipped log probabilities. Keras 3 divides by their sum first; before, softmax does that afterwards."""
    return torch.log(_clipped(y_pred / y_pred.sum(dim=axis, keepdim=True) if _is_modern() else y_pred))


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> torch.Tensor:
    """Return `-sum(y_true * log(y_pred))` along `axis`; targets are one-hot or probabilities.

    `label_smoothing` in [0, 1] mixes that much of the uniform distribution into the targets.
    """
    y_true, y_pred = _class_targets(y_true, y_pred, label_smoothing, axis, "categorical_crossentropy")
    logits = logits_of(y_pred, from_logits)
    if logits is not None:
        log_probabilities = F.log_softmax(logits, dim=axis)
    else:
        log_probabilities = torch.log(_clipped(y_pred / y_pred.sum(dim=axis, keepdim=True)))
    return -(y_true * log_probabilities).sum(dim=axis)


def _categorical_mean(
    y_true: torch.Tensor,
    y_pred: torch.Tensor,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> torch.Tensor:
    logits = logits_of(y_pred, from_logits)
    if logits is None or axis != -1 or y_pred.dim() != 2 or y_true.shape != y_pred.shape:
        return categorical_crossentropy(y_true, y_pred, from_logits, label_smoothing, axis).mean()
    if y_true.dtype is not logits.dtype:
        y_true = y_true.to(logits.dtype)
    return F.cross_entropy(logits, y_true, label_smoothing=label_smoothing)


def _labels(y_true: Any, y_pred: Any, axis: int) -> Any:
    """Return int64 labels without the class axis."""
    rank = len(y_pred.shape)
    if len(y_true.shape) == rank and rank and y_true.shape[axis] == 1:
        y_true = y_true.squeeze(axis)
    expected = list(y_pred.shape)
    if expected:
        del expected[axis]
    if list(y_true.shape) != expected:
        hint = " One-hot targets need the loss `categorical_crossentropy`." if y_true.shape == y_pred.shape else ""
        raise ValueError(
            f"`sparse_categorical_crossentropy` needs integer labels of shape {tuple(expected)} for predictions of "
            f"shape {tuple(y_pred.shape)}. Received: y_true.shape={tuple(y_true.shape)}.{hint}"
        )
    return y_true if y_true.dtype is torch.int64 else y_true.to(torch.int64)


def _cross_entropy(logits: torch.Tensor, labels: torch.Tensor, axis: int, reduction: str) -> torch.Tensor:
    if len(logits.shape) > 2:
        if reduction == "mean":
            logits = logits.movedim(axis, -1)
            logits, labels = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
        else:
            logits = logits.movedim(axis, 1)
    try:
        return F.cross_entropy(logits, labels, ignore_index=_NO_CLASS, reduction=reduction)
    except IndexError:
        check_label_range(labels, logits.shape[-1] if reduction == "mean" else logits.shape[min(1, logits.dim() - 1)])
        raise


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> torch.Tensor:
    """Return minus the log probability of the class given by integer labels of shape `(n, ...)` or `(n, ..., 1)`.

    Samples of `ignore_class` get 0 and are masked. On the CPU a label outside [0, classes) raises ValueError;
    on a GPU torch reports it later, as a device-side assertion.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    logits = logits_of(y_pred, from_logits)
    if logits is None:
        logits = _log_probabilities(y_pred, axis)
    labels = _labels(y_true, y_pred, axis)
    if ignore_class is None:
        return _cross_entropy(logits, labels, axis, "none")
    valid = torch.ne(labels, ignore_class)
    values = _cross_entropy(logits, torch.where(valid, labels, 0), axis, "none")
    values = torch.where(valid, values, 0.0)
    values._keras_mask = valid  # type: ignore[attr-defined]
    return values


def _sparse_mean(
    y_true: torch.Tensor,
    y_pred: torch.Tensor,
    from_logits: bool = False,
    ignore_class: None = None,
    axis: int = -1,
) -> torch.Tensor:
    logits = logits_of(y_pred, from_logits)
    if logits is None:
        logits = _log_probabilities(y_pred, axis)
    if y_pred.dim() != 2 or axis != -1 or y_true.shape != y_pred.shape[:1]:
        y_true = _labels(y_true, y_pred, axis)
    elif y_true.dtype is not torch.int64:
        y_true = y_true.to(torch.int64)
    return _cross_entropy(logits, y_true, axis, "mean")


def _binary_targets(y_true: Any, y_pred: Any, label_smoothing: float, loss: str) -> tuple[Any, Any]:
    y_true, y_pred = as_pair(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        logits = getattr(y_pred, "_keras_logits", None)
        y_true, y_pred = same_rank(y_true, y_pred)
        if y_true.shape != y_pred.shape:
            _refuse_shapes(y_true, y_pred, loss)
        if logits is not None and getattr(y_pred, "_keras_logits", None) is None:
            y_pred._keras_logits = logits.reshape(y_pred.shape)
    if y_true.dtype != y_pred.dtype:
        y_true = y_true.to(y_pred.dtype)
    if label_smoothing:
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return y_true, y_pred


def _binary_values(y_true: torch.Tensor, y_pred: torch.Tensor, from_logits: bool) -> torch.Tensor:
    logits = logits_of(y_pred, from_logits)
    if logits is not None:
        return F.binary_cross_entropy_with_logits(logits, y_true, reduction="none")
    if config.dialect() == "tf":
        # tf.keras adds epsilon once more inside the logarithms
        epsilon = config.epsilon()
        clipped = _clipped(y_pred)
        return -(y_true * torch.log(clipped + epsilon) + (1.0 - y_true) * torch.log(1.0 - clipped + epsilon))
    # F.binary_cross_entropy raises an error for NaN, which a diverged model may well predict
    return F.binary_cross_entropy_with_logits(torch.logit(y_pred, config.epsilon()), y_true, reduction="none")


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> torch.Tensor:
    """Return the mean over `axis` of the cross-entropy between targets in [0, 1] and independent probabilities."""
    y_true, y_pred = _binary_targets(y_true, y_pred, label_smoothing, "binary_crossentropy")
    return _binary_values(y_true, y_pred, from_logits).mean(dim=axis)


def _binary_mean(
    y_true: torch.Tensor,
    y_pred: torch.Tensor,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> torch.Tensor:
    logits = logits_of(y_pred, from_logits)
    if logits is None or label_smoothing or y_true.shape != y_pred.shape:
        return binary_crossentropy(y_true, y_pred, from_logits, label_smoothing, axis).mean()
    if y_true.dtype is not logits.dtype:
        y_true = y_true.to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, y_true)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> torch.Tensor:
    """Return binary cross-entropy times `(1 - p)**gamma`, where p is the probability of the truth (Lin et al. 2017).

    `apply_class_balancing` weights the class 1 by `alpha` and the class 0 by `1 - alpha`.
    """
    y_true, y_pred = _binary_targets(y_true, y_pred, label_smoothing, "binary_focal_crossentropy")
    probabilities = torch.sigmoid(y_pred) if from_logits else y_pred
    if from_logits and _is_modern():
        y_pred, from_logits = probabilities, False
    right = y_true * probabilities + (1.0 - y_true) * (1.0 - probabilities)
    values = torch.pow(1.0 - right, gamma) * _binary_values(y_true, y_pred, from_logits)
    if apply_class_balancing:
        values = (y_true * alpha + (1.0 - y_true) * (1.0 - alpha)) * values
    return values.mean(dim=axis)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> torch.Tensor:
    """Return categorical cross-entropy with each class's term times `alpha * (1 - p)**gamma` (Lin et al. 2017)."""
    y_true, y_pred = _class_targets(y_true, y_pred, label_smoothing, axis, "categorical_focal_crossentropy")
    logits = logits_of(y_pred, from_logits)
    if logits is not None:
        y_pred = torch.softmax(logits, dim=axis)
    clipped = _clipped(y_pred / y_pred.sum(dim=axis, keepdim=True))
    return -(y_true * torch.log(clipped) * alpha * torch.pow(1.0 - clipped, gamma)).sum(dim=axis)


def kl_divergence(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return `sum(y_true * log(y_true / y_pred))` over the last axis, both clipped to [epsilon, 1]."""
    y_true, y_pred = aligned(y_true, y_pred)
    y_true, y_pred = y_true.clamp(config.epsilon(), 1.0), y_pred.clamp(config.epsilon(), 1.0)
    return (y_true * torch.log(y_true / y_pred)).sum(dim=-1)


def poisson(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the mean of `y_pred - y_true * log(y_pred + epsilon)` over the last axis."""
    y_true, y_pred = aligned(y_true, y_pred)
    return (y_pred - y_true * torch.log(y_pred + config.epsilon())).mean(dim=-1)


FUSED_MEANS.update(
    {
        categorical_crossentropy: _categorical_mean,
        sparse_categorical_crossentropy: _sparse_mean,
        binary_crossentropy: _binary_mean,
    }
)
