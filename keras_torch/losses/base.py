"""Loss: turns targets and predictions into one scalar tensor, by one fused torch call where nothing else is asked."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch

from keras_torch import config, legacy, registry
from keras_torch.backend.augmented import call_rebinding
from keras_torch.losses.reduction import (
    REDUCTIONS,
    as_pair,
    as_tensor,
    carry_notes,
    reduce_loss,
    same_rank,
    standardize_reduction,
    user_targets,
)
from keras_torch.registry import pickled

# Loss function → function of the same arguments that returns the mean over all samples at once.
FUSED_MEANS: dict[Callable[..., Any], Callable[..., torch.Tensor]] = {}


class Loss(pickled.HoldsFunctions):
    """Base class of losses. A subclass defines `call(y_true, y_pred)`, which returns one value per sample.

    `loss(y_true, y_pred, sample_weight=None)` weights and reduces these values to a 0-dim tensor, or leaves them
    with `reduction=None` or `"none"`. A mask that a masking layer left on the predictions excludes entries.
    `dtype` is the type of the result; by default floatx, before Keras 3 that of the predictions, at least float32.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("keras_torch."):
            legacy.adapt(cls)

    def __init__(self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None):
        if isinstance(name, str) and name in REDUCTIONS and reduction not in ("none", "sum", None):
            # tf.keras has the order (reduction, name)
            name, reduction = (None if reduction == "sum_over_batch_size" else reduction), name
        self.reduction = standardize_reduction(reduction)
        self.name = name or registry.snake_case(type(self).__name__)
        self._dtype = None if dtype is None else config.torch_dtype(getattr(dtype, "compute_dtype", dtype))

    @property
    def dtype(self) -> str:
        """Name of the type that the loss is computed in."""
        return config.dtype_name(self._dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return one loss per sample."""
        raise NotImplementedError(f"The loss {type(self).__name__} must define `call(self, y_true, y_pred)`.")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        if isinstance(y_pred, (dict, list, tuple)) and _holds_tensors(y_pred):
            return reduce_loss(self.call(y_true, y_pred), sample_weight, None, self.reduction)
        y_true, y_pred = as_pair(y_true, y_pred)
        mask = getattr(y_pred, "_keras_mask", None)
        dtype = self._computed_in()
        if dtype is not None and y_pred.dtype != dtype:
            given, y_pred = y_pred, y_pred.to(dtype)
            carry_notes(given, y_pred)
        values = self.call(self._targets(y_true, y_pred), y_pred)
        if not isinstance(values, torch.Tensor):
            values = self._as_values(values, y_pred)
        own_mask = getattr(values, "_keras_mask", None)
        if own_mask is not None:
            mask = own_mask if mask is None else mask & own_mask
        value = reduce_loss(values, sample_weight, mask, self.reduction)
        return value if dtype is None or value.dtype == dtype else value.to(dtype)

    def _as_values(self, values: Any, y_pred: Any) -> Any:
        if values is None:
            raise ValueError(f"The loss {self.name!r} must return its value, one per sample. Received: None")
        return as_tensor(values, y_pred)

    def _computed_in(self) -> torch.dtype | None:
        """The type asked for; else floatx in Keras 3, and before that the type of the predictions."""
        return config.torch_dtype(None) if self._dtype is None and config.is_modern() else self._dtype

    def _targets(self, y_true: Any, y_pred: Any) -> Any:
        return user_targets(y_true, y_pred, config.dialect() in ("1", "2", "3"))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        return {"reduction": self.reduction, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Make a loss from what `get_config` returned."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r} reduction={self.reduction!r}>"


def _holds_tensors(structure: Any) -> bool:
    items = structure.values() if isinstance(structure, dict) else structure
    return any(isinstance(item, torch.Tensor) for item in items)


class LossFunctionWrapper(Loss):
    """A loss made of a function `fn(y_true, y_pred, **kwargs)` that returns one value per sample (or a scalar).

    The built-in functions have a fused form, used when there are neither weights nor masks to apply.
    """

    # Arguments of `fn` that the config has only with other values than these.
    _config_defaults: dict[str, Any] = {}

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ):
        if not callable(fn):
            raise ValueError(
                f"`{type(self).__name__}`: `fn` must be a function of y_true and y_pred. Received: {fn!r}. "
                "`keras.losses.get` finds losses by name."
            )
        name = getattr(fn, "__name__", None) if name is None else name
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs
        builtin = getattr(fn, "__module__", "").startswith("keras_torch.losses")
        self._builtin = builtin
        self._function = functools.partial(fn, **kwargs) if kwargs else fn
        fused = FUSED_MEANS.get(fn) if builtin and kwargs.get("ignore_class") is None and dtype is None else None
        if fused is not None and self.reduction in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
            self._fused: Callable[..., torch.Tensor] | None = functools.partial(fused, **kwargs) if kwargs else fused
        else:
            self._fused = None

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> torch.Tensor:
        if (
            sample_weight is None
            and self._fused is not None
            and type(y_pred) is torch.Tensor
            and type(y_true) is torch.Tensor
            and y_true.device == y_pred.device
            and y_pred.dtype is torch.float32
            and y_pred.numel()
            and getattr(y_pred, "_keras_mask", None) is None
        ):
            return self._fused(y_true, y_pred)
        return super().__call__(y_true, y_pred, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the function's values."""
        if self._builtin:
            return self._function(y_true, y_pred)
        if not isinstance(y_pred, (dict, list, tuple)):
            y_true, y_pred = same_rank(y_true, y_pred)
        return call_rebinding(self._function, y_true, y_pred)

    def _targets(self, y_true: Any, y_pred: Any) -> Any:
        return y_true if self._builtin else super()._targets(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal loss."""
        defaults = self._config_defaults
        given = {key: value for key, value in self._fn_kwargs.items() if defaults.get(key, ...) != value}
        result = {**super().get_config(), **given}
        if type(self) is LossFunctionWrapper:
            result["fn"] = registry.losses.serialize(self.fn)
        return result

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        """Make a loss from what `get_config` returned, or Keras's own."""
        config = dict(config)
        function = config.pop("fn", None)
        if cls is LossFunctionWrapper:
            return cls(registry.losses.get(function), **config)
        return cls(**config)
