"""Sums and means of values over all batches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch

from keras_torch import config, registry
from keras_torch.backend.augmented import call_rebinding
from keras_torch.backend.variable import Variable
from keras_torch.distributed import Share
from keras_torch.losses.base import FUSED_MEANS
from keras_torch.losses.reduction import (
    as_pair,
    as_tensor,
    fit_weight,
    merge_mask,
    reduce_loss,
    same_rank,
    user_targets,
)
from keras_torch.metrics.base import Metric
from keras_torch.metrics.running import Running
from keras_torch.metrics.streams import Streams

# Metric function → function of the same arguments that returns (sum of the values, number of values), or None.
FAST_SUMS: dict[Callable[..., Any], Callable[..., tuple[torch.Tensor, int] | None]] = {}


def divide_no_nan(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    """Return the quotient, 0 where the denominator is 0."""
    return torch.where(denominator == 0, torch.zeros_like(numerator), numerator / denominator)


def _weighted(values: torch.Tensor, weight: torch.Tensor, mean: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return weighted values and the weights broadcast to them.

    Weights of fewer axes apply to the mean (or sum) of the values over the other axes, which is the same for a mean.
    """
    if weight.dim() and values.dim() > weight.dim() + 1:
        axes = tuple(range(weight.dim(), values.dim()))
        values = values.mean(dim=axes) if mean else values.sum(dim=axes)
    weight = fit_weight(weight, values)
    values, weight = torch.broadcast_tensors(values, weight)
    return values * weight, weight


class Sum(Metric):
    """Sum of all values, weighted by `sample_weight`."""

    total = Running()

    def __init__(self, name: str = "sum", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(name="total")

    @torch.no_grad()
    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add the values."""
        values = as_tensor(values).to(self._state_dtype)
        if sample_weight is not None:
            values, _ = _weighted(values, as_tensor(sample_weight, values).to(self._state_dtype), mean=False)
        self.running["total"].add(values.sum())

    def result(self) -> torch.Tensor:
        """Return the sum."""
        return self.running["total"].tensor()


class Mean(Metric):
    """Mean of all values, weighted by `sample_weight`.

    A sample counts once, by the mean of its values; in tf.keras each of its values counts. That differs where batches
    differ in the shape of a sample. Without weights the number of values is counted in Python.
    """

    total = Running()
    count = Running()

    def __init__(self, name: str | None = "mean", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")
        self._by_sample = config.dialect() != "tf"

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in values; a number as `sample_weight` counts each value that many times."""
        values = as_tensor(values).detach()
        if sample_weight is None or isinstance(sample_weight, (int, float)):
            factor = 1 if sample_weight is None else sample_weight
            if sample_weight is None and Share.current is not None and not values.dim():
                factor = Share.of_batch()
            if values.dtype in (torch.float16, torch.bfloat16):
                values = values.to(self._state_dtype)
            samples = values.shape[0] if values.dim() else 1
            self._accumulate(values.sum() if values.dim() else values, values.numel(), samples, factor, factor)
        else:
            weight = as_tensor(sample_weight, values).detach().to(self._state_dtype)
            values, weight = _weighted(values.to(self._state_dtype), weight, mean=True)
            share = self._share(values.numel(), values.shape[0] if values.dim() else 1)
            self.running["total"].add(values.sum(), share)
            self.running["count"].add(weight.sum(), share)

    def _share(self, count: int, samples: int) -> float:
        """What one value of a sample counts; sizes of symbolic values may be unknown."""
        return samples / count if self._by_sample and count and samples else 1

    def _accumulate(self, total: torch.Tensor, count: int, samples: int, factor: float = 1, weight: float = 1) -> None:
        """Add `factor * total`, the sum of `count` values of so many samples, which count `weight` times."""
        self.running["total"].add(total, factor * self._share(count, samples))
        self.running["count"].add_number(weight * (samples if self._by_sample else count))

    def result(self) -> torch.Tensor:
        """Return the mean; 0 before the first value."""
        total, count = self.running["total"].value(), self.running["count"].value()
        if not isinstance(total, torch.Tensor):
            return torch.zeros((), dtype=self._state_dtype, device=self._variables[0].device)
        if not isinstance(count, torch.Tensor):
            return (total / (count or 1)).to(self._state_dtype)
        return divide_no_nan(total, count).to(self._state_dtype)

    def sums(self) -> tuple[Any, Any]:
        """Return the weighted sum and the weight so far, as they are now."""
        total, count = (self.running[name].value() for name in ("total", "count"))
        return tuple(item.clone() if isinstance(item, torch.Tensor) else item for item in (total, count))  # type: ignore[return-value]


class MeanMetricWrapper(Mean):
    """Mean over all samples of a function `fn(y_true, y_pred, **kwargs)`.

    A mask on the predictions, or on the function's values, leaves entries out. A function that returns a dict gives
    a dict of means.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        self._function = functools.partial(fn, **kwargs) if kwargs else fn
        self._builtin = getattr(fn, "__module__", "").startswith("keras_torch.")
        self._fast = _fast_sum(fn, kwargs)
        self._each: dict[str, Mean] = {}
        self._streams = Streams()

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Take in a batch of targets and predictions."""
        if (
            sample_weight is None
            and self._fast is not None
            and type(y_pred) is torch.Tensor
            and type(y_true) is torch.Tensor
            and y_true.device == y_pred.device
            and getattr(y_pred, "_keras_mask", None) is None
        ):
            sums = self._fast(y_true, y_pred)
            if sums is not None:
                self._accumulate(sums[0], sums[1], len(y_pred), *sums[2:])
                return
        with torch.no_grad():
            self._update(y_true, y_pred, sample_weight)

    def _update(self, y_true: Any, y_pred: Any, sample_weight: Any) -> None:
        mask = None
        if not isinstance(y_pred, (dict, list, tuple)) or self._builtin:
            y_true, y_pred = as_pair(y_true, y_pred)
            mask = getattr(y_pred, "_keras_mask", None)
            if not self._builtin:
                y_true = user_targets(y_true, y_pred, config.dialect() in ("1", "2", "tf"))
                y_true, y_pred = same_rank(y_true, y_pred)
        function = self._function
        if self._builtin:
            values = function(y_true, y_pred)
        else:
            with self._streams:
                values = call_rebinding(function, y_true, y_pred)
        if not isinstance(values, Mapping):
            self._count_values(self, as_tensor(values), y_pred, mask, sample_weight)
            return
        for name, value in values.items():
            if name not in self._each:
                self._each[name] = Mean(name, self.dtype)
            self._count_values(self._each[name], as_tensor(value), y_pred, mask, sample_weight)

    def _count_values(self, mean: Mean, values: Any, y_pred: Any, mask: Any, sample_weight: Any) -> None:
        own_mask = getattr(values, "_keras_mask", None)
        if own_mask is not None and (sample_weight is not None or mask is not None or config.dialect() == "tf"):
            # Without weights, Keras 3 counts what the function itself masks as samples of value 0.
            mask = own_mask if mask is None else mask & own_mask
        if mask is not None:
            weight = None if sample_weight is None else as_tensor(sample_weight, values).to(self._state_dtype)
            sample_weight = merge_mask(weight, mask, self._state_dtype, mean=False)
        if config.is_classic() and getattr(y_pred, "shape", None):
            # Keras 1 and 2 average the metrics of batches by batch size, weighted ones reduced like losses.
            if type(self) is MeanMetricWrapper and sample_weight is not None:
                values, sample_weight = reduce_loss(values, sample_weight), None
            if values.dim() == 0 and sample_weight is None:
                sample_weight = y_pred.shape[0]
        Mean.update_state(mean, values, sample_weight)

    @property
    def result_names(self) -> list[str]:
        """What the logs call the result: the name, or the keys of a function's dict behind the output's name."""
        if not self._each:
            return [self.name]
        prefix = self.name.removesuffix(getattr(self._fn, "__name__", self.name))
        return [prefix + name for name in self._each]

    def result(self) -> Any:
        """Return the mean, or those of the entries of the function's dict; 0 before the first value."""
        if not self._each:
            return super().result()
        return {name: mean.result() for name, mean in zip(self.result_names, self._each.values(), strict=True)}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        result = {**super().get_config(), **self._fn_kwargs}
        if type(self) is MeanMetricWrapper:
            result["fn"] = registry.metrics.serialize(self._fn)
        return result

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Make a metric from what `get_config` returned, or Keras's own."""
        config = dict(config)
        function = config.pop("fn", None)
        if cls is MeanMetricWrapper:
            return cls(registry.metrics.get(function), **config)
        return cls(**config)


def _fast_sum(fn: Callable[..., Any], kwargs: dict[str, Any]) -> Callable[..., Any] | None:
    """Return the short cut for a built-in function, if its arguments allow one."""
    if not getattr(fn, "__module__", "").startswith("keras_torch."):
        return None
    if fn in FAST_SUMS:
        return functools.partial(FAST_SUMS[fn], **kwargs) if kwargs else FAST_SUMS[fn]
    if fn in FUSED_MEANS and kwargs.get("axis", -1) == -1 and kwargs.get("ignore_class") is None:
        return functools.partial(_scaled_mean, functools.partial(FUSED_MEANS[fn], **kwargs))
    return None


def _scaled_mean(
    mean: Callable[..., torch.Tensor], y_true: torch.Tensor, y_pred: torch.Tensor
) -> tuple[torch.Tensor, int, int] | None:
    if y_pred.dim() < 2 or y_pred.dtype is not torch.float32:
        return None
    count = y_pred.numel() // y_pred.shape[-1]
    with torch.no_grad():
        return mean(y_true, y_pred), count, count


class MeanTensor(Metric):
    """Elementwise mean of arrays of one shape."""

    def __init__(self, name: str = "mean_tensor", dtype: Any = None, shape: Any = None):
        super().__init__(name=name, dtype=dtype)
        self._shape: tuple[int, ...] | None = None
        self.total: Variable | None = None
        self.count: Variable | None = None
        if shape is not None:
            self._build(shape)

    def _build(self, shape: Any) -> None:
        self._shape = tuple(shape)
        self.total = self.add_variable(self._shape, name="total")
        self.count = self.add_variable(self._shape, name="count")

    @torch.no_grad()
    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Take in an array. ValueError if its shape differs from that of the first one."""
        values = as_tensor(values).to(self._state_dtype)
        if self._shape is None:
            self._build(values.shape)
        if tuple(values.shape) != self._shape:
            raise ValueError(
                f"MeanTensor {self.name!r} needs values of the shape of the first ones, {self._shape}. "
                f"Received: {tuple(values.shape)}"
            )
        weight = torch.ones_like(values)
        if sample_weight is not None:
            values, weight = _weighted(values, as_tensor(sample_weight, values).to(self._state_dtype), mean=True)
        if self.total.device != values.device:  # type: ignore[union-attr]
            self.to(values.device)
        self.total.add_(values)  # type: ignore[union-attr]
        self.count.add_(weight)  # type: ignore[union-attr]

    def result(self) -> torch.Tensor:
        """Return the mean array."""
        if self.total is None or self.count is None:
            raise ValueError(f"MeanTensor {self.name!r} has no value yet. Call `update_state(values)` first.")
        return divide_no_nan(self.total, self.count)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal metric without state."""
        return {**super().get_config(), "shape": self._shape}
