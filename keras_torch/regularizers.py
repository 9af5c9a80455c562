"""Weight and activity penalties. A regularizer maps a tensor to a scalar that is added to the loss."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from keras_torch import registry
from keras_torch.backend.tensors import as_tensor
from keras_torch.legacy import adapt, saving


class Regularizer:
    """Base class: `__call__(x)` returns the penalty of `x` as a scalar tensor."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("keras_torch"):
            adapt(cls)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the penalty of `x`, a tensor, an array or a list: none in the base class."""
        return as_tensor(x).new_zeros(())

    def get_config(self) -> dict[str, Any]:
        """Return the constructor arguments."""
        raise NotImplementedError(f"{type(self).__name__} must define `get_config()` to be saved.")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Regularizer:
        """Build the regularizer from `get_config()`."""
        return cls(**config)


def _factor(name: str, value: Any, owner: str) -> float:
    number = 0.0 if value is None else getattr(value, "item", lambda: value)()
    real = isinstance(number, numbers.Real) and not isinstance(number, bool)
    if not real or not math.isfinite(float(number)) or float(number) < 0:
        raise ValueError(f"`{name}` of {owner} must be a finite, non-negative number. Received: {value!r}")
    return float(number)


class L1(Regularizer):
    """Penalty `l1 * sum(abs(x))`."""

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = _factor("l1", 0.01 if l1 is None else l1, "L1")

    def __call__(self, x: Tensor) -> Tensor:
        x = as_tensor(x)
        return self.l1 * torch.sum(torch.abs(x))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """Penalty `l2 * sum(x**2)`."""

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = _factor("l2", 0.01 if l2 is None else l2, "L2")

    def __call__(self, x: Tensor) -> Tensor:
        x = as_tensor(x)
        return self.l2 * torch.sum(torch.square(x))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class L1L2(Regularizer):
    """Penalty `l1 * sum(abs(x)) + l2 * sum(x**2)`; a factor of 0 costs nothing."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = _factor("l1", l1, "L1L2")
        self.l2 = _factor("l2", l2, "L1L2")

    def __call__(self, x: Tensor) -> Tensor:
        x = as_tensor(x)
        penalty = x.new_zeros(())
        if self.l1:
            penalty = penalty + self.l1 * torch.sum(torch.abs(x))
        if self.l2:
            penalty = penalty + self.l2 * torch.sum(torch.square(x))
        return penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Penalty that draws the rows (or columns) of a matrix towards mutual orthogonality.

    It is `factor` times half the mean, over pairs, of the absolute cosines between different rows.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in ("rows", "columns"):
            raise ValueError(f"`mode` of OrthogonalRegularizer must be 'rows' or 'columns'. Received: {mode!r}")
        self.factor = _factor("factor", factor, "OrthogonalRegularizer")
        self.mode = mode

    def __call__(self, x: Tensor) -> Tensor:
        x = as_tensor(x)
        if x.ndim != 2:
            raise ValueError(f"OrthogonalRegularizer works on matrices. Received a tensor of shape {tuple(x.shape)}")
        # Keras normalizes with a floor of 1e-12 on the squared norm.
        vectors = x if self.mode == "rows" else x.t()
        unit = vectors * torch.rsqrt(torch.clamp(torch.sum(torch.square(vectors), 1, keepdim=True), min=1e-12))
        size = vectors.shape[0]
        cosines = torch.abs(unit @ unit.t() * (1 - torch.eye(size, dtype=x.dtype, device=x.device)))
        pairs = size * (size - 1.0) / 2.0
        return self.factor * 0.5 * torch.sum(cosines) / pairs

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}


class EigenvalueRegularizer(Regularizer):
    """Penalty `k * sqrt(largest eigenvalue of x^T x)`, found with nine power iterations (Keras 1)."""

    def __init__(self, k: float) -> None:
        self.k = _factor("k", k, "EigenvalueRegularizer")

    def __call__(self, x: Tensor) -> Tensor:
        x = as_tensor(x)
        if x.ndim != 2:
            raise ValueError(f"EigenvalueRegularizer works on matrices. Received a tensor of shape {tuple(x.shape)}")
        covariance = x.t() @ x
        vector = covariance @ covariance.new_ones(covariance.shape[0], 1)
        for _ in range(8):
            vector = covariance @ vector
        eigenvalue = torch.sum((covariance @ vector) * vector) / torch.sum(vector * vector)
        return torch.sqrt(eigenvalue) * self.k

    def get_config(self) -> dict[str, Any]:
        return {"k": self.k}


l1 = L1
l2 = L2
orthogonal_regularizer = OrthogonalRegularizer


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Return `L1L2(l1, l2)`, both 0.01 unless given."""
    return L1L2(l1=l1, l2=l2)


def l1l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Keras 1's spelling of `l1_l2`."""
    return L1L2(l1=l1, l2=l2)


# Keras 1 called the same penalties by their use.
activity_l1 = L1
activity_l2 = L2
activity_l1l2 = l1l2
WeightRegularizer = ActivityRegularizer = L1L2Regularizer = L1L2

registry.regularizers.add([L1, L2, L1L2, OrthogonalRegularizer, EigenvalueRegularizer])
registry.regularizers.add(
    {
        "activity_l1": L1,
        "activity_l2": L2,
        "L1L2Regularizer": L1L2,
        "WeightRegularizer": L1L2,
        "ActivityRegularizer": L1L2,
    }
)
_FACTORIES = {"l1_l2": l1_l2, "l1l2": l1l2, "activity_l1l2": l1l2}


def get(identifier: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the regularizer for a name, a config or an instance; None stays None."""
    if isinstance(identifier, str) and identifier in _FACTORIES and identifier not in registry.known_custom_objects():
        return _FACTORIES[identifier]()
    return registry.regularizers.get(identifier, custom_objects)


def serialize(regularizer: Any, use_legacy_format: bool = False) -> Any:
    """Return a regularizer's config; tf.keras's older form if asked for."""
    if use_legacy_format:
        return saving.serialize_keras_object(regularizer)
    return registry.regularizers.serialize(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None, use_legacy_format: bool = False) -> Any:
    """Return the regularizer for a config; both forms are read, whatever `use_legacy_format` says."""
    return get(config, custom_objects)
