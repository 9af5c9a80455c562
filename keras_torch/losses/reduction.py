"""From per-sample losses to one number: shapes, sample weights, masks and reductions."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend import devices
from keras_torch.distributed import Share, weighted
from keras_torch.errors import suggest
from keras_torch.symbolic import KerasTensor, record_function


class Reduction:
    """Names of the reductions, as tf.keras spells them."""

    AUTO = "auto"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """Return every name."""
        return (cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key: Any) -> None:
        """Raise ValueError unless `key` names a reduction."""
        standardize_reduction(key)


REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean", "mean_with_sample_weight", "auto")


def standardize_reduction(reduction: Any) -> str | None:
    """Return the reduction, with `"auto"` spelt out; anything unknown raises ValueError."""
    if reduction is None or (isinstance(reduction, str) and reduction in REDUCTIONS):
        return "sum_over_batch_size" if reduction == "auto" else reduction
    raise ValueError(
        f"`reduction` must be None or one of {REDUCTIONS}.{suggest(reduction, REDUCTIONS)} Received: {reduction!r}"
    )


def as_tensor(value: Any, like: torch.Tensor | None = None, keeps_double: bool = False) -> Any:
    """Return tensors and symbolic tensors, beside `like`; other arrays as tensors, floats in floatx.

    With `keeps_double` an array of float64 stays one; Python's numbers are in floatx then, too.
    """
    if isinstance(value, torch.Tensor):
        return value if like is None or value.device == like.device else devices.moved(value, like.device)
    if hasattr(type(value), "__torch_function__"):
        return value
    try:
        tensor = torch.as_tensor(np.asarray(value))
    except TypeError as error:
        raise ValueError(
            f"Targets, predictions and weights must be numbers. Received: {value!r} of type {type(value).__name__}"
        ) from error
    device = config.default_device() if like is None else like.device
    if tensor.is_floating_point() and not (keeps_double and getattr(value, "dtype", None) == np.float64):
        return tensor.to(device, config.torch_dtype(None))
    return tensor.to(device)


def _widened(y_pred: torch.Tensor) -> torch.Tensor:
    """Return predictions in float32 at least, with what activations and masking layers have noted on them."""
    half = y_pred.dtype in (torch.float16, torch.bfloat16)
    dtype = torch.float32 if half else config.torch_dtype(None)
    wide = y_pred.to(dtype)
    carry_notes(y_pred, wide)
    return wide


def carry_notes(source: Any, target: Any) -> None:
    """Give a reshaped or cast copy of predictions what activations and masking layers have noted on them."""
    logits = getattr(source, "_keras_logits", None)
    if logits is not None:
        target._keras_logits = logits.to(target.dtype).reshape(target.shape)
        if hasattr(source, "_keras_activation"):
            target._keras_activation = source._keras_activation
    mask = getattr(source, "_keras_mask", None)
    if mask is not None:
        target._keras_mask = mask


def as_pair(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return both as tensors on one device, the predictions in float32 or float64, which tf.keras keeps of arrays."""
    y_pred = as_tensor(y_pred, keeps_double=config.dialect() == "tf")
    if (
        isinstance(y_pred, torch.Tensor)
        and y_pred.dtype is not torch.float32
        and y_pred.dtype is not torch.float64
        and not y_pred.is_complex()
    ):
        y_pred = _widened(y_pred)
    return as_tensor(y_true, y_pred, keeps_double=y_pred.dtype is torch.float64), y_pred


def same_rank(first: Any, second: Any) -> tuple[Any, Any]:
    """Make ranks equal where one array has a last axis of size 1 that the other lacks.

    A one-dimensional array gains the axis; otherwise the other one loses it.
    """
    difference = len(first.shape) - len(second.shape)
    if difference == 1 and first.shape[-1] == 1:
        if len(second.shape) == 1:
            return first, second.unsqueeze(-1)
        return first.squeeze(-1), second
    if difference == -1 and second.shape[-1] == 1:
        if len(first.shape) == 1:
            return first.unsqueeze(-1), second
        return first, second.squeeze(-1)
    return first, second


def aligned(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return tensors of one rank and dtype; shapes may still differ where they broadcast."""
    y_true, y_pred = as_pair(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        y_true, y_pred = same_rank(y_true, y_pred)
        check_broadcast(y_true, y_pred)
    if y_true.dtype != y_pred.dtype:
        y_true = y_true.to(y_pred.dtype)
    return y_true, y_pred


def check_broadcast(y_true: Any, y_pred: Any) -> None:
    """Raise ValueError unless the shapes broadcast."""
    for a, b in zip(reversed(tuple(y_true.shape)), reversed(tuple(y_pred.shape)), strict=False):
        if a != b and a not in (1, None) and b not in (1, None):
            raise ValueError(
                f"The shapes of `y_true` and `y_pred` do not fit: expected targets of shape {tuple(y_pred.shape)}. "
                f"Received: y_true.shape={tuple(y_true.shape)}. Check the targets and the model's last layer."
            )


def check_axis(axis: Any, rank: int, loss: str) -> None:
    """Raise ValueError unless `axis` is an axis of predictions of this rank, a tuple of such, or None."""
    for item in axis if isinstance(axis, tuple) else () if axis is None else (axis,):
        if isinstance(item, bool) or not isinstance(item, int) or not -rank <= item < rank:
            raise ValueError(
                f"`{loss}`: `axis` must be one of the axes of the predictions, which have {rank}. "
                f"Received: axis={axis!r} of type {type(axis).__name__}"
            )


def check_not_negative(loss: str, **numbers: Any) -> None:
    """Raise ValueError if one of these arguments is a negative number; tensors pass unseen."""
    for name, value in numbers.items():
        if isinstance(value, (int, float)) and value < 0:
            raise ValueError(f"`{loss}`: `{name}` must not be negative. Received: {name}={value!r}")


def user_targets(y_true: Any, y_pred: Any, cast: bool) -> Any:
    """Give losses and metrics written by users the targets that Keras gives them.

    Float targets have the type of the predictions; integers too if `cast`. Label vectors of shape (n,) become (n, 1)
    next to two-dimensional predictions, in Keras 3 only if these have one column.
    """
    if y_true.dtype != y_pred.dtype and (
        cast or y_true.dtype.is_floating_point or y_true.dtype in (torch.bool, torch.uint8)
    ):
        y_true = y_true.to(y_pred.dtype)
    if (
        len(y_true.shape) == 1
        and len(y_pred.shape) == 2
        and (y_pred.shape[-1] == 1 or config.dialect() in ("1", "2", "tf"))
    ):
        y_true = y_true.unsqueeze(-1)
    return y_true


def fit_weight(weight: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Give weights the rank of `values`: trailing axes of size 1 are added, or one is dropped."""
    missing = values.dim() - weight.dim()
    if missing > 0 and weight.dim() > 0:
        return weight.reshape(*weight.shape, *(1,) * missing)
    if missing == -1 and weight.shape[-1] == 1:
        return weight.squeeze(-1)
    return weight


def merge_mask(
    sample_weight: torch.Tensor | None, mask: torch.Tensor | None, dtype: torch.dtype, mean: bool
) -> torch.Tensor | None:
    """Fold a mask into the sample weights.

    For a mean the weights grow by total/valid, so that dividing by all entries averages over the valid ones.
    """
    if mask is None:
        return sample_weight
    weight = as_tensor(mask, sample_weight).to(dtype)
    if mean:
        valid = weight.sum()
        weight = weight * (weight.numel() / valid.clamp(min=1e-30))
    if sample_weight is None:
        return weight
    return weight * fit_weight(sample_weight.to(dtype), weight)


def reduce_loss(
    values: torch.Tensor,
    sample_weight: Any = None,
    mask: torch.Tensor | None = None,
    reduction: str | None = "sum_over_batch_size",
) -> torch.Tensor:
    """Weight per-sample losses and reduce them.

    `"sum_over_batch_size"` and `"mean"` divide by the number of losses (of unmasked ones where there is a mask),
    `"mean_with_sample_weight"` by the sum of the weights. Keras 1 and 2 divide by the number of non-zero weights.
    """
    if not values.is_floating_point():
        values = values.to(config.torch_dtype(None))
    if sample_weight is not None:
        if isinstance(sample_weight, KerasTensor) or isinstance(values, KerasTensor):
            return record_function(reduce_loss, (values, sample_weight, mask, reduction), {})
        sample_weight = as_tensor(sample_weight, values)
        if config.is_classic() and reduction == "sum_over_batch_size":
            return _reduce_classic(values, sample_weight, mask)
        if sample_weight.shape[1:] == (1,) and values.dim() == 1 and config.is_modern():
            values = values.unsqueeze(-1)
    mean = reduction in ("sum_over_batch_size", "mean")
    weight = merge_mask(sample_weight, mask, values.dtype, mean)
    if weight is not None:
        weight = fit_weight(weight.to(values.dtype), values)
        values = _weighted(values, weight)
    if reduction is None or reduction == "none" or not values.dim():
        return values
    if reduction == "mean_with_sample_weight" and weight is not None:
        total = weight.sum()
        return weighted(torch.where(total == 0, torch.zeros_like(total), values.sum() / total), total)
    if reduction == "sum":
        return values.sum() if Share.current is None else values.sum() / Share.current.divisor
    value = values.mean() if values.numel() else values.sum()
    return value if mask is None or Share.current is None else weighted(value, as_tensor(mask, values).sum())


def _weighted(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    try:
        return values * weight
    except RuntimeError as error:
        raise ValueError(
            f"`sample_weight` and masks must have one entry for each loss, of which there are {tuple(values.shape)}. "
            f"Received: shape {tuple(weight.shape)}. Pass one weight per sample, or per step of a sequence."
        ) from error


def _reduce_classic(values: torch.Tensor, sample_weight: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    if mask is not None:
        mask = mask.to(values.dtype)
        values = values * fit_weight(mask, values) / mask.mean()
    if values.dim() > sample_weight.dim():
        values = values.mean(dim=tuple(range(sample_weight.dim(), values.dim())))
    weight = fit_weight(sample_weight.to(values.dtype), values)
    value = (values * weight / (weight != 0).to(values.dtype).mean()).mean()
    if Share.current is None:
        return value
    count = (weight != 0).sum()
    if mask is None:
        return weighted(value, count)
    # Of the means of both, which stand in the denominator, the product counts.
    sums = torch.stack([count, mask.sum(), torch.ones_like(mask).sum()]).to(torch.float64)
    return weighted(value, sums, lambda sums: sums[0] * sums[1] / sums[2])
