"""Cross-entropies, and what else compares probabilities.

Probabilities are clipped to [epsilon, 1 - epsilon] as Keras does, which ends the gradient outside. Where predictions
come straight from a softmax or sigmoid, the dialect decides whether to go back to the logits, see `logits_of`.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
import torch.nn.functional as F

from keras_torch import config
from keras_torch.backend.logits import logits_of, noted_logits
from keras_torch.losses.base import FUSED_MEANS
from keras_torch.losses.reduction import aligned, as_pair, carry_notes, check_axis, check_not_negative, same_rank

# torch ignores the class -100 unless told otherwise; no label has this value.
_NO_CLASS = -(2**63)


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


def _check_smoothing(label_smoothing: Any, loss: str) -> None:
    if isinstance(label_smoothing, (int, float)) and not 0 <= label_smoothing <= 1:
        raise ValueError(f"`{loss}`: `label_smoothing` must be in [0, 1]. Received: label_smoothing={label_smoothing}")


def _class_targets(y_true: Any, y_pred: Any, label_smoothing: float, axis: int, loss: str) -> tuple[Any, Any]:
    y_true, y_pred = as_pair(y_true, y_pred)
    check_axis(axis, len(y_pred.shape), loss)
    if y_true.shape != y_pred.shape:
        _refuse_shapes(y_true, y_pred, loss)
    if y_true.dtype != y_pred.dtype:
        y_true = y_true.to(y_pred.dtype)
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"`{loss}` compares classes, but the predictions have only one. Received: "
            f"y_pred.shape={tuple(y_pred.shape)}. For two classes in one column there is `binary_crossentropy`.",
            SyntaxWarning,
            stacklevel=3,
        )
    if label_smoothing:
        _check_smoothing(label_smoothing, loss)
        # Keras 3, and the focal form before, count the classes along the last axis, whatever `axis` is
        last = _is_modern() or loss == "categorical_focal_crossentropy"
        y_true = y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1 if last else axis]
    return y_true, y_pred


def _clipped(probabilities: torch.Tensor) -> torch.Tensor:
    epsilon = config.epsilon()
    return probabilities.clamp(epsilon, 1.0 - epsilon)


def _is_modern() -> bool:
    return config.is_modern()


def _clipped_logs(y_pred: torch.Tensor, axis: int, normalize: bool = True) -> torch.Tensor:
    """Return the logarithms of clipped probabilities, which are made to sum to 1 before if `normalize`."""
    noted = noted_logits(y_pred, "softmax")
    if noted is not None and axis in (-1, len(y_pred.shape) - 1):
        epsilon = config.epsilon()
        return F.log_softmax(noted, dim=axis).clamp(math.log(epsilon), math.log1p(-epsilon))
    return torch.log(_clipped(y_pred / y_pred.sum(dim=axis, keepdim=True) if normalize else y_pred))


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> torch.Tensor:
    """Return `-sum(y_true * log(y_pred))` along `axis`; targets are one-hot or probabilities.

    `label_smoothing` in [0, 1] mixes that much of the uniform distribution into the targets.
    """
    y_true, y_pred = _class_targets(y_true, y_pred, label_smoothing, axis, "categorical_crossentropy")
    logits = logits_of(y_pred, from_logits, "softmax")
    logs = _clipped_logs(y_pred, axis) if logits is None else F.log_softmax(logits, dim=axis)
    return -(y_true * logs).sum(dim=axis)


def _categorical_mean(
    y_true: torch.Tensor,
    y_pred: torch.Tensor,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> torch.Tensor:
    logits = logits_of(y_pred, from_logits, "softmax")
    if logits is None or axis != -1 or y_pred.dim() != 2 or y_true.shape != y_pred.shape:
        return categorical_crossentropy(y_true, y_pred, from_logits, label_smoothing, axis).mean()
    if y_true.dtype is not logits.dtype:
        y_true = y_true.to(logits.dtype)
    _check_smoothing(label_smoothing, "categorical_crossentropy")
    return F.cross_entropy(logits, y_true, label_smoothing=label_smoothing)


def _labels(y_true: Any, y_pred: Any, axis: int, loss: str = "sparse_categorical_crossentropy") -> Any:
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
            f"`{loss}` needs integer labels of shape {tuple(expected)} for predictions of "
            f"shape {tuple(y_pred.shape)}. Received: y_true.shape={tuple(y_true.shape)}.{hint}"
        )
    return y_true if y_true.dtype is torch.int64 else y_true.to(torch.int64)


def _at_labels(y_pred: torch.Tensor, labels: torch.Tensor, from_logits: bool, axis: int, reduction: str) -> Any:
    """Return minus the log probability at each label, or the mean of that."""
    logits = logits_of(y_pred, from_logits, "softmax")
    function: Any = F.cross_entropy
    if logits is None:
        # before Keras 3 the clipped probabilities are made to sum to 1, by softmax, and not those that came in
        logits = _clipped_logs(y_pred, axis, normalize=_is_modern())
        function = F.nll_loss if _is_modern() else F.cross_entropy
    if len(logits.shape) > 2:
        if reduction == "mean":
            logits = logits.movedim(axis, -1)
            logits, labels = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
        else:
            logits = logits.movedim(axis, 1)
    elif axis == 0 and len(logits.shape) == 2:
        logits = logits.t()
    try:
        return function(logits, labels, ignore_index=_NO_CLASS, reduction=reduction)
    except IndexError:
        check_label_range(labels, logits.shape[min(1, logits.dim() - 1)])
        raise


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> torch.Tensor:
    """Return minus the log probability of the class given by integer labels of shape `(n, ...)` or `(n, ..., 1)`.

    Samples of `ignore_class` get 0 and are masked. On the CPU a label outside [0, classes) raises ValueError;
    on a GPU torch reports it later, as a device-side assertion.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    check_axis(axis, len(y_pred.shape), "sparse_categorical_crossentropy")
    labels = _labels(y_true, y_pred, axis)
    if ignore_class is not None and not isinstance(ignore_class, (int, torch.Tensor)):
        raise ValueError(f"`ignore_class` must be the number of a class. Received: ignore_class={ignore_class!r}")
    if ignore_class is None:
        return _at_labels(y_pred, labels, from_logits, axis, "none")
    valid = torch.ne(labels, ignore_class)
    values = _at_labels(y_pred, torch.where(valid, labels, 0), from_logits, axis, "none")
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
    if y_pred.dim() != 2 or axis != -1 or y_true.shape != y_pred.shape[:1]:
        check_axis(axis, y_pred.dim(), "sparse_categorical_crossentropy")
        y_true = _labels(y_true, y_pred, axis)
    elif y_true.dtype is not torch.int64:
        y_true = y_true.to(torch.int64)
    return _at_labels(y_pred, y_true, from_logits, axis, "mean")


def _binary_targets(y_true: Any, y_pred: Any, label_smoothing: float, loss: str) -> tuple[Any, Any]:
    y_true, y_pred = as_pair(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        given = y_pred
        y_true, y_pred = same_rank(y_true, y_pred)
        if y_true.shape != y_pred.shape:
            _refuse_shapes(y_true, y_pred, loss)
        if y_pred is not given:
            carry_notes(given, y_pred)
    if y_true.dtype != y_pred.dtype:
        y_true = y_true.to(y_pred.dtype)
    if label_smoothing:
        _check_smoothing(label_smoothing, loss)
        y_true = y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing
    return y_true, y_pred


def _binary_values(y_true: torch.Tensor, y_pred: torch.Tensor, from_logits: bool) -> torch.Tensor:
    logits = logits_of(y_pred, from_logits, "sigmoid")
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
    check_axis(axis, len(y_pred.shape), "binary_crossentropy")
    return _binary_values(y_true, y_pred, from_logits).mean(dim=axis)


def _binary_mean(
    y_true: torch.Tensor,
    y_pred: torch.Tensor,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> torch.Tensor:
    logits = logits_of(y_pred, from_logits, "sigmoid")
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
    check_not_negative("binary_focal_crossentropy", alpha=alpha, gamma=gamma)
    y_true, y_pred = _binary_targets(y_true, y_pred, label_smoothing, "binary_focal_crossentropy")
    check_axis(axis, len(y_pred.shape), "binary_focal_crossentropy")
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
    alpha: Any = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> torch.Tensor:
    """Return categorical cross-entropy with each class's term times `alpha * (1 - p)**gamma` (Lin et al. 2017).

    `alpha` is a number, or a list of one for each class of the last axis.
    """
    check_not_negative("categorical_focal_crossentropy", alpha=alpha, gamma=gamma)
    y_true, y_pred = _class_targets(y_true, y_pred, label_smoothing, axis, "categorical_focal_crossentropy")
    logits = logits_of(y_pred, from_logits, "softmax")
    if logits is not None:
        y_pred = torch.softmax(logits, dim=axis)
    clipped = _clipped(y_pred / y_pred.sum(dim=axis, keepdim=True))
    if isinstance(alpha, (list, tuple)):
        if len(alpha) not in (1, y_pred.shape[-1]):
            raise ValueError(
                f"`categorical_focal_crossentropy`: `alpha` must have one weight for each of the {y_pred.shape[-1]} "
                f"classes. Received: alpha={alpha!r}"
            )
        alpha = torch.tensor(alpha, dtype=y_pred.dtype, device=y_pred.device)
    return -(y_true * torch.log(clipped) * alpha * torch.pow(1.0 - clipped, gamma)).sum(dim=axis)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> torch.Tensor:
    """Return `(1 - p**q) / q`, where p is the probability of the class that the integer labels give.

    Nearer to cross-entropy the smaller `q` in (0, 1) is, nearer to the mean absolute error, which wrong labels hurt
    less, the larger (Zhang and Sabuncu 2018, https://arxiv.org/abs/1805.07836).
    """
    check_noise(q, "categorical_generalized_cross_entropy")
    y_true, y_pred = as_pair(y_true, y_pred)
    labels = _labels(y_true, y_pred, -1, "categorical_generalized_cross_entropy")
    try:
        right = y_pred.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    except RuntimeError:
        check_label_range(labels, y_pred.shape[-1])
        raise
    return (1.0 - torch.pow(right, q)) / q


def check_noise(q: Any, loss: str) -> None:
    """Raise ValueError unless `q` is a number between 0 and 1."""
    if not 0 < q < 1:
        raise ValueError(f"`{loss}`: `q` must be between 0 and 1, neither included. Received: q={q!r}")


def kind_of_classes(y_true_shape: Any, y_pred_shape: Any) -> int:
    """Return 0 for predictions in one column (binary), 1 for integer labels, 2 for one-hot targets."""
    if len(y_pred_shape) and y_pred_shape[-1] == 1:
        return 0
    return 1 if len(y_true_shape) < len(y_pred_shape) or tuple(y_true_shape[-1:]) == (1,) else 2


def crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> torch.Tensor:
    """Return the cross-entropy that fits the shapes: what Keras 3 means by the loss `"crossentropy"` or `"ce"`."""
    y_true, y_pred = as_pair(y_true, y_pred)
    function = _ENTROPIES[kind_of_classes(y_true.shape, y_pred.shape)]
    return function(y_true, y_pred, from_logits=from_logits)


def _entropy_mean(y_true: torch.Tensor, y_pred: torch.Tensor, from_logits: bool = False) -> torch.Tensor:
    function = _ENTROPIES[kind_of_classes(y_true.shape, y_pred.shape)]
    return FUSED_MEANS[function](y_true, y_pred, from_logits=from_logits)


_ENTROPIES: tuple[Any, ...] = (binary_crossentropy, sparse_categorical_crossentropy, categorical_crossentropy)


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
        crossentropy: _entropy_mean,
    }
)
