"""BatchNormalization on `nn.BatchNorm{1,2,3}d` and LayerNormalization on `nn.LayerNorm`."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from keras_torch import config, constraints, initializers, regularizers
from keras_torch.engine import InputSpec, Layer
from keras_torch.layers.spatial import TO_CHANNELS_FIRST, TO_CHANNELS_LAST

MODULES: dict[int, type[nn.Module]] = {2: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}


class Normalization(Layer):
    """What the two layers share: an offset `beta` and a scale `gamma` with their initializers and so on."""

    norm: Any

    _accepts_integers = False

    def __init__(
        self,
        epsilon: float,
        center: bool,
        scale: bool,
        beta_initializer: Any,
        gamma_initializer: Any,
        beta_regularizer: Any,
        gamma_regularizer: Any,
        beta_constraint: Any,
        gamma_constraint: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def _add_scale_and_offset(self, module: nn.Module) -> None:
        """Name the weight and bias of `self.norm` gamma and beta, and remove what is switched off."""
        self.gamma = self.beta = None
        if self.scale:
            self.add_view(
                "gamma",
                "norm.weight",
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
            )
        else:
            module.register_parameter("weight", None)
        if self.center:
            self.add_view(
                "beta",
                "norm.bias",
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
            )
        else:
            module.register_parameter("bias", None)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def _axis_in(self, axis: int, input_shape: Sequence[int | None]) -> int:
        rank = len(input_shape)
        if not -rank <= axis < rank or input_shape[axis] is None:
            raise ValueError(
                f"Layer {self.name!r}: `axis` must name an axis of known size. "
                f"Received: axis={axis}, input shape {tuple(input_shape)}"
            )
        return axis % rank

    def _weight_config(self) -> dict[str, Any]:
        return {
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }


class BatchNormalization(Normalization):
    """Normalize each feature of `axis` over the batch and all other axes (https://arxiv.org/abs/1502.03167).

    Training uses the batch's mean and variance and moves the averages by `1 - momentum`; inference uses the averages.
    A frozen layer (`trainable=False`) infers, except in dialects 1 and 2, where it uses batch statistics while training
    and leaves the averages alone. The average takes the variance that the dialect's Keras took: divided by N in
    Keras 3, by N - 1 in tf.keras for images and volumes, by about N - 1 in Keras 1 and 2.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        synchronized: bool = False,
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
        axes = [axis] if isinstance(axis, numbers.Integral) else list(axis)  # type: ignore[arg-type]
        if len(axes) != 1:
            raise ValueError(f"Layer {self.name!r}: `axis` must be one integer. Received: {axis!r}")
        self.axis = int(axes[0])
        self.momentum = momentum
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.synchronized = synchronized

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        axis = self._axis_in(self.axis, input_shape)
        features = input_shape[axis]
        self._plan_layout(axis, rank)
        spread = self.synchronized and torch.distributed.is_available() and torch.distributed.is_initialized()
        module = nn.SyncBatchNorm if spread else MODULES[self._module_rank]
        self.norm = module(features, eps=self.epsilon, momentum=1.0 - self.momentum, device="meta")
        self.norm.num_batches_tracked = None
        self._add_scale_and_offset(self.norm)
        for name, path, initializer in (
            ("moving_mean", "norm.running_mean", self.moving_mean_initializer),
            ("moving_variance", "norm.running_var", self.moving_variance_initializer),
        ):
            self.add_view(name, path, initializer=initializer, trainable=False)
        self.input_spec = InputSpec(ndim=rank, axes={axis: features})
        self.built = True

    def _plan_layout(self, axis: int, rank: int) -> None:
        """Choose how inputs get their features on axis 1, where torch expects them, without a copy where possible.

        Images and volumes in channels_last memory are permuted views; anything else with features last is read as one
        long batch (measured on sequences: four times faster than a transposed `nn.BatchNorm1d`).
        """
        last = axis == rank - 1
        self._flat = last and rank not in (2, 4, 5)
        self._order: tuple[int, ...] | None = None
        if last and rank in (4, 5):
            self._order, self._back = TO_CHANNELS_FIRST[rank - 2], TO_CHANNELS_LAST[rank - 2]
        elif not self._flat and axis != 1:
            others = [a for a in range(rank) if a not in (0, axis)] if axis else list(range(2, rank))
            first = 0 if axis else 1
            self._order = (first, axis, *others)
            self._back = tuple(self._order.index(a) for a in range(rank))
        # nn.BatchNorm1d takes sequences (batch, features, time), too.
        self._module_rank = rank if not self._flat and rank in (4, 5) else 2
        self._bundle = not self._flat and rank > 5
        self._unbiased_in_tf = rank in (4, 5) and axis in (1, rank - 1)

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        if training is None:
            training = self.training
        if training and not self._trainable and not config.is_classic():
            training = False
        if self._flat:
            return self._normalize(inputs.reshape(-1, inputs.shape[-1]), training).reshape(inputs.shape)
        if self._order is not None:
            return self._normalize(inputs.permute(self._order), training).permute(self._back)
        return self._normalize(inputs, training)

    def _normalize(self, inputs: torch.Tensor, training: bool) -> torch.Tensor:
        """Normalize over all axes but 1."""
        if self._bundle:
            return self._normalize_bundled(inputs, training)
        norm = self.norm
        if norm.training != training:
            norm.train(training)
        if not training:
            return norm(inputs)
        count = inputs.numel() // norm.num_features
        if count == 1 or not self._trainable:
            return self._normalize_by_batch(inputs, update=self._trainable)
        # torch averages the variance divided by N - 1; Keras's is `factor` times that.
        factor = self._variance_factor(count)
        if factor == 1.0:
            return norm(inputs)
        # `.data`, because autograd keeps the running variance of every forward and would see it changed.
        variance = norm.running_var.data
        variance.mul_(1.0 / factor)
        output = norm(inputs)
        variance.mul_(factor)
        return output

    def _normalize_bundled(self, inputs: torch.Tensor, training: bool) -> torch.Tensor:
        self._bundle = False
        try:
            return self._normalize(inputs.flatten(2), training).reshape(inputs.shape)
        finally:
            self._bundle = True

    def _variance_factor(self, count: int) -> float:
        """Return what the variance divided by N - 1 must be multiplied with to be the one that Keras averages."""
        dialect = config.dialect()
        if dialect == "tf" and self._unbiased_in_tf:
            return 1.0
        biased = (count - 1.0) / count
        if config.is_classic():
            start = 1.0 if self._unbiased_in_tf and self._module_rank == 4 else biased
            return start * count / (count - (1.0 + self.epsilon))
        return biased

    def _normalize_by_batch(self, inputs: torch.Tensor, update: bool) -> torch.Tensor:
        """Use batch statistics without torch's average: for a single element per feature, or a frozen layer."""
        norm = self.norm
        axes = [axis for axis in range(inputs.dim()) if axis != 1]
        shape = [1, -1, *[1] * (inputs.dim() - 2)]
        variance, mean = torch.var_mean(inputs, axes, correction=0)
        if update:
            with torch.no_grad():
                norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), 1.0 - self.momentum)
                norm.running_var.lerp_(variance.to(norm.running_var.dtype), 1.0 - self.momentum)
        output = (inputs - mean.view(shape)) * torch.rsqrt(variance + self.epsilon).view(shape)
        if norm.weight is not None:
            output = output * norm.weight.view(shape)
        return output if norm.bias is None else output + norm.bias.view(shape)

    def get_config(self) -> dict[str, Any]:
        settings = {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            **self._weight_config(),
        }
        return {**settings, "synchronized": True} if self.synchronized else settings


class LayerNormalization(Normalization):
    """Normalize each sample over `axis` (one or several), by `nn.LayerNorm` (https://arxiv.org/abs/1607.06450)."""

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
        if isinstance(axis, numbers.Integral):
            self.axis: int | list[int] = int(axis)
        elif isinstance(axis, Sequence) and not isinstance(axis, str) and axis:
            self.axis = [int(item) for item in axis]
        else:
            raise TypeError(f"Layer {self.name!r}: `axis` must be an integer or integers. Received: {axis!r}")

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        axes = [self._axis_in(axis, input_shape) for axis in axes]
        if len(set(axes)) != len(axes):
            raise ValueError(f"Layer {self.name!r}: `axis` names an axis twice. Received: {self.axis}")
        order = [axis for axis in range(rank) if axis not in axes] + axes
        self._order = None if order == list(range(rank)) else tuple(order)
        self._back = tuple(order.index(axis) for axis in range(rank))
        self.norm = nn.LayerNorm([input_shape[axis] for axis in axes], eps=self.epsilon, device="meta")
        self._add_scale_and_offset(self.norm)
        self.input_spec = InputSpec(ndim=rank, axes={axis: input_shape[axis] for axis in axes})
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._order is None:
            return self.norm(inputs)
        return self.norm(inputs.permute(self._order)).permute(self._back)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            **self._weight_config(),
        }
