"""Normalizations of each sample: over axes, over groups of channels, by the root mean square, to unit length.

BatchNormalization, which has a module of its own, is here too, as in `keras.layers.normalization` of Keras 1 and 2.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from keras_torch import config
from keras_torch.engine import InputSpec
from keras_torch.engine.initial_values import without_values
from keras_torch.layers.batch_normalization import BatchNormalization, SyncBatchNormalization
from keras_torch.layers.normalization_base import NormalizationBase, ScaledNormalization, broadcasts

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "SyncBatchNormalization",
    "UnitNormalization",
]


class LayerNormalization(ScaledNormalization):
    """Normalize each sample over `axis` (one or several), by `nn.LayerNorm` (https://arxiv.org/abs/1607.06450).

    `rms_scaling` divides by the standard deviation without subtracting the mean, and has no offset; Keras 3 deprecates
    it in favour of RMSNormalization.
    """

    _widens = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        *,
        rms_scaling: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.axis = self._axis_argument(axis)
        self.rms_scaling = bool(rms_scaling)

    def build(self, input_shape: Any) -> None:
        self.norm = without_values(nn.LayerNorm, self._plan_any_rank(input_shape), eps=self.epsilon)
        if self.rms_scaling:
            center, scale = self.center, self.scale
            self.center, self.scale = False, True
            self._add_scale_and_offset(self.norm)
            self.center, self.scale = center, scale
        else:
            self._add_scale_and_offset(self.norm)
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self._over_last(self._scale_only if self.rms_scaling else self.norm, inputs)

    def _scale_only(self, inputs: torch.Tensor) -> torch.Tensor:
        axes = tuple(range(-len(self.norm.normalized_shape), 0))
        values = inputs if inputs.dtype == torch.float64 else inputs.float()
        variance = torch.var(values, axes, correction=0, keepdim=True)
        return (values * torch.rsqrt(variance + self.epsilon) * self.norm.weight).to(inputs.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "rms_scaling": self.rms_scaling}


class GroupNormalization(ScaledNormalization):
    """Normalize each sample over groups of the channels on `axis` and all other axes, by `nn.GroupNorm`.

    `groups=-1` makes a group of each channel (https://arxiv.org/abs/1803.08494). ValueError if the number of channels
    is no multiple of `groups`. As in Keras 2.15, and only in its dialect, `mask`, of a shape that broadcasts to the
    inputs', weights the mean and the variance.
    """

    _widens = True

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        if not isinstance(groups, numbers.Integral) or (groups < 1 and groups != -1):
            raise ValueError(
                f"Layer {self.name!r}: `groups` must be a positive integer, or -1 for as many groups as channels. "
                f"Received: groups={groups!r}"
            )
        self.groups: int = int(groups)
        found = self._axis_argument(axis)
        if not isinstance(found, int):
            raise TypeError(f"Layer {self.name!r}: `axis` must be one integer. Received: axis={axis!r}")
        self.axis: int = found

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        axis = self._axes_in(self.axis, input_shape)[0]
        channels = input_shape[axis]
        groups = channels if self.groups == -1 else self.groups
        if axis == 0 or channels % groups:
            raise ValueError(
                f"Layer {self.name!r}: `axis` must be an axis of channels whose number is a multiple of `groups`. "
                f"Received: axis={self.axis}, groups={groups}, input shape {tuple(input_shape)}"
            )
        order = (0, axis, *(other for other in range(1, rank) if other != axis))
        self._order = None if axis == 1 else order
        self._back = tuple(order.index(other) for other in range(rank))
        self.norm = without_values(nn.GroupNorm, groups, channels, eps=self.epsilon)
        self._add_scale_and_offset(self.norm)
        self.input_spec = InputSpec(ndim=rank, axes={axis: channels})
        self.built = True

    def call(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is not None and config.dialect() == "tf":
            return self._normalize_weighted(inputs, mask)
        if self._order is None:
            return self._normalize(inputs)
        moved = inputs.permute(self._order)
        if torch.is_grad_enabled() and not inputs.requires_grad:
            # torch 2.13 crashes in the backward of channels_last memory that needs no gradient.
            moved = moved.contiguous()
        return self._normalize(moved).permute(self._back)

    def _normalize(self, inputs: torch.Tensor) -> torch.Tensor:
        norm = self.norm
        if norm.weight is None and norm.bias is not None:
            # torch cannot differentiate a group norm with an offset but no scale.
            output = torch.group_norm(inputs, norm.num_groups, None, None, norm.eps)
            return output + norm.bias.view(1, -1, *(1,) * (inputs.dim() - 2))
        if norm.num_groups == norm.num_channels:
            # The module refuses groups of a single value, whose result is `beta`.
            return torch.group_norm(inputs, norm.num_groups, norm.weight, norm.bias, norm.eps)
        return norm(inputs)

    def _normalize_weighted(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if not broadcasts(mask.shape, inputs.shape):
            raise ValueError(
                f"Layer {self.name!r}: `mask` must have a shape that broadcasts to that of the inputs, such as "
                f"(batch, steps, 1). Received: mask of shape {tuple(mask.shape)}, inputs of shape {tuple(inputs.shape)}"
            )
        norm = self.norm
        values = inputs if inputs.dtype == torch.float64 else inputs.float()
        weights = mask.to(values.dtype).expand(inputs.shape)
        if self._order is not None:
            values, weights = values.permute(self._order), weights.permute(self._order)
        shape = values.shape
        values, weights = (item.reshape(shape[0], norm.num_groups, -1) for item in (values, weights))
        total = weights.sum(-1, keepdim=True)
        # Without weight, mean and variance are 0.
        total = torch.where(total == 0, 1.0, total)
        mean = (values * weights).sum(-1, keepdim=True) / total
        variance = ((values - mean).square() * weights).sum(-1, keepdim=True) / total
        output = ((values - mean) * torch.rsqrt(variance + norm.eps)).reshape(shape)
        broadcast = (1, -1, *(1,) * (len(shape) - 2))
        output = output if norm.weight is None else output * norm.weight.view(broadcast)
        output = (output if norm.bias is None else output + norm.bias.view(broadcast)).to(inputs.dtype)
        return output if self._order is None else output.permute(self._back)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups, "axis": self.axis}


class RMSNormalization(NormalizationBase):
    """Divide each sample by its root mean square over `axis` and multiply by a trained `scale`: an `nn.RMSNorm`.

    https://arxiv.org/abs/1910.07467; new in Keras 3.9, where it does not pass masks on.
    """

    norm: Any

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = False
        self.axis = self._axis_argument(axis)
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        self.norm = without_values(nn.RMSNorm, self._plan_any_rank(input_shape), eps=self.epsilon)
        self.add_view("scale", "norm.weight", initializer="ones")
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self._over_last(self.norm, inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


class UnitNormalization(NormalizationBase):
    """Divide each sample by its Euclidean norm over `axis` (one or several), by `F.normalize`; zeros stay zeros."""

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = self._axis_argument(axis)

    def build(self, input_shape: Any) -> None:
        self._axes_in(self.axis, input_shape, known=False)
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        # The least norm; TensorFlow bounds the sum of squares instead, by 1e-12.
        epsilon = 1e-6 if config.dialect() in ("1", "2", "tf") else 1e-12
        return F.normalize(inputs, dim=self.axis, eps=epsilon)  # type: ignore[arg-type]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
