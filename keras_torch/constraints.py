"""Projections applied to weights after each update. `axis` counts dimensions of Keras's layout."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from keras_torch import config, registry
from keras_torch.backend.tensors import as_tensor
from keras_torch.legacy import adapt, saving

Axis = int | Sequence[int]


class Constraint:
    """Base class: `__call__(w)` returns the tensor that replaces the weight `w`."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("keras_torch"):
            adapt(cls)

    def __call__(self, w: Tensor) -> Tensor:
        """Return `w` itself in the base class; arrays and lists of numbers are taken as well."""
        return as_tensor(w)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Constraint:
        """Build the constraint from `get_config()`."""
        return cls(**config)


def _norms(w: Tensor, axis: Axis) -> Tensor:
    if not all(-w.ndim <= item < w.ndim for item in ((axis,) if isinstance(axis, int) else axis)):
        raise ValueError(
            f"`axis` of a constraint must name axes of the weight, of shape {tuple(w.shape)}. Received: {axis}"
        )
    dims = axis if isinstance(axis, int) else tuple(axis)
    return torch.sqrt(torch.sum(torch.square(w), dims, keepdim=True))


def _limit(value: Any, name: str, owner: str) -> Any:
    if not isinstance(value, numbers.Real) or float(value) < 0:
        raise ValueError(f"`{name}` of {owner} must be a number ≥ 0. Received: {value!r}")
    return value


def _checked_axis(axis: Any, owner: str) -> Any:
    items = axis if isinstance(axis, (list, tuple)) else (axis,)
    if not items or not all(isinstance(item, numbers.Integral) for item in items):
        raise ValueError(f"`axis` of {owner} must be an integer or several of them. Received: {axis!r}")
    return axis


def _clamped(norms: Tensor, low: float, high: float) -> Tensor:
    """Limit norms; 1e100, which floats of 32 bits cannot hold, is no limit."""
    return torch.clamp(norms, low, min(high, torch.finfo(norms.dtype).max))


class MaxNorm(Constraint):
    """Scale vectors along `axis` that are longer than `max_value` down to it."""

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value = _limit(max_value, "max_value", "MaxNorm")
        self.axis = _checked_axis(axis, "MaxNorm")

    def __call__(self, w: Tensor) -> Tensor:
        w = as_tensor(w)
        norms = _norms(w, self.axis)
        return w * (_clamped(norms, 0, self.max_value) / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Replace negative values by 0."""

    def __call__(self, w: Tensor) -> Tensor:
        w = as_tensor(w)
        return torch.relu(w)


class UnitNorm(Constraint):
    """Scale vectors along `axis` to length 1."""

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = _checked_axis(axis, "UnitNorm")

    def __call__(self, w: Tensor) -> Tensor:
        w = as_tensor(w)
        return w / (config.epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Move the lengths of vectors along `axis` into [`min_value`, `max_value`], a share `rate` of the way."""

    def __init__(self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Axis = 0) -> None:
        self.min_value = _limit(min_value, "min_value", "MinMaxNorm")
        self.max_value = _limit(max_value, "max_value", "MinMaxNorm")
        self.rate = _limit(rate, "rate", "MinMaxNorm")
        self.axis = _checked_axis(axis, "MinMaxNorm")

    def __call__(self, w: Tensor) -> Tensor:
        w = as_tensor(w)
        norms = _norms(w, self.axis)
        wanted = self.rate * _clamped(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (config.epsilon() + norms))

    def get_config(self) -> dict[str, Any]:
        return {"min_value": self.min_value, "max_value": self.max_value, "rate": self.rate, "axis": self.axis}


class RadialConstraint(Constraint):
    """Give each square ring of a convolution kernel `(height, width, in, out)` one value (Keras 2).

    The value of a ring is taken from the kernel's diagonal, at the place where Keras 2.15 takes it.
    """

    def __call__(self, w: Tensor) -> Tensor:
        w = as_tensor(w)
        if w.ndim != 4 or w.shape[0] != w.shape[1]:
            raise ValueError(
                "RadialConstraint works on square convolution kernels of shape (size, size, in, out). "
                f"Received: {tuple(w.shape)}"
            )
        size = w.shape[0]
        offset = (torch.arange(size, device=w.device) - (size - 1) / 2).abs()
        ring = torch.maximum(offset[:, None], offset[None, :]).floor().long()
        outer = (ring > 0).long() if size % 2 == 0 else 0
        place = (size // 2 - 1 + ring + outer) % size
        return w[place, place]


max_norm = maxnorm = MaxNorm
non_neg = nonneg = NonNeg
unit_norm = unitnorm = UnitNorm
min_max_norm = MinMaxNorm
radial_constraint = RadialConstraint

registry.constraints.add([MaxNorm, NonNeg, UnitNorm, MinMaxNorm, RadialConstraint])


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the constraint for a name, a config or a function; None stays None."""
    return registry.constraints.get(identifier, custom_objects)


def serialize(constraint: Any, use_legacy_format: bool = False) -> Any:
    """Return a constraint's config; tf.keras's older form if asked for."""
    if use_legacy_format:
        return saving.serialize_keras_object(constraint)
    return registry.constraints.serialize(constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool = False) -> Any:
    """Return the constraint for a config; both forms are read, whatever `use_legacy_format` says."""
    return get(config, custom_objects)
