"""BatchNormalization on `nn.BatchNorm{1,2,3}d` and `nn.SyncBatchNorm`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from keras_torch import config, initializers
from keras_torch.distributed import is_active, summed
from keras_torch.engine import InputSpec
from keras_torch.engine.initial_values import without_values
from keras_torch.engine.tensor_layout import IDENTITY, Reshaped
from keras_torch.layers.normalization_base import ScaledNormalization, broadcasts
from keras_torch.layers.spatial import TO_CHANNELS_FIRST, TO_CHANNELS_LAST

MODULES: dict[int, type[nn.Module]] = {2: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
_CLIPPINGS = ("rmax", "rmin", "dmax")


class BatchNormalization(ScaledNormalization):
    """Normalize each feature of `axis` over the batch and all other axes (https://arxiv.org/abs/1502.03167).

    Training uses the batch's mean and variance, of the steps that `mask` keeps, and moves the averages by
    `1 - momentum`; inference uses the averages. A frozen layer (`trainable=False`) infers, except in dialects 1 and 2,
    where it uses batch statistics while training and leaves the averages alone. The average takes the variance that the
    dialect's Keras took: divided by N in Keras 1 and 3, by N - 1 in tf.keras for images and volumes, by about N - 1 in
    Keras 2. `synchronized` takes the statistics over all processes. `renorm` corrects the batch's statistics towards
    averages with `renorm_momentum` (https://arxiv.org/abs/1702.03275). `mode` is Keras 1's: 1 normalizes each sample
    over the last axis, 2 always uses the batch's statistics.
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
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        *,
        mode: int = 0,
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
        axis = self._axis_argument(axis)
        self.axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
        if isinstance(momentum, str) or not hasattr(momentum, "__float__"):
            raise ValueError(f"Layer {self.name!r}: `momentum` must be a number. Received: {momentum!r}")
        self.momentum = momentum
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = bool(renorm)
        self.renorm_clipping = self._checked_clipping(renorm_clipping) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = bool(synchronized)
        if mode not in (0, 1, 2):
            raise ValueError(f"Layer {self.name!r}: `mode` must be 0, 1 or 2. Received: mode={mode!r}")
        self.mode = mode

    def _checked_clipping(self, clipping: Mapping[str, float] | None) -> dict[str, float]:
        found = dict(clipping or {})
        rmin, rmax, dmax = (found.get(key) for key in ("rmin", "rmax", "dmax"))
        ordered = rmin is None or rmax is None or rmin <= rmax
        if set(found) - set(_CLIPPINGS) or not ordered or (dmax is not None and dmax < 0):
            raise ValueError(
                f"Layer {self.name!r}: `renorm_clipping` must be a dict of `rmin` and `rmax`, the bounds of the "
                f"factor, and `dmax` ≥ 0, that of the offset. Received: {clipping!r}"
            )
        return found

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        axes = self._axes_in(self.axis, input_shape)
        sizes = [input_shape[axis] for axis in axes]
        features = math.prod(sizes)
        self._plan_layout(axes, rank)
        module = nn.SyncBatchNorm if self._spreads() and _on_gpu() else MODULES[self._module_rank]
        self.norm = without_values(module, features, eps=self.epsilon, momentum=1.0 - self.momentum)
        self.norm.num_batches_tracked = None
        several = [input_shape[axis] if axis in axes else 1 for axis in range(rank)]
        options: dict[str, Any] = {"layout": IDENTITY if len(axes) == 1 else Reshaped((features,), tuple(several))}
        if config.dialect() == "tf" and self._compute_torch_dtype in (torch.float16, torch.bfloat16):
            options["dtype"] = "float32"
        self._add_scale_and_offset(self.norm, **options)
        for name, path, initializer in (
            ("moving_mean", "norm.running_mean", self.moving_mean_initializer),
            ("moving_variance", "norm.running_var", self.moving_variance_initializer),
        ):
            self.add_view(name, path, initializer=initializer, trainable=False, **options)
        if self.renorm:
            self._add_renorm_averages(**options)
        self.input_spec = InputSpec(ndim=rank, axes=dict(zip(axes, sizes, strict=True)))
        self.built = True

    def _add_renorm_averages(self, **options: Any) -> None:
        """Make the deviation for inference, and the mean and deviation that batches are corrected towards."""

        def deviation(shape: Any, dtype: Any = None) -> torch.Tensor:
            return torch.sqrt(torch.as_tensor(self.moving_variance_initializer(shape, dtype=dtype)))

        for name, initializer in (
            ("moving_stddev", deviation),
            ("renorm_mean", self.moving_mean_initializer),
            ("renorm_stddev", deviation),
        ):
            self.norm.register_buffer(name, torch.empty(self.norm.num_features, device="meta"))
            self.add_view(name, f"norm.{name}", initializer=initializer, trainable=False, **options)

    def _plan_layout(self, axes: list[int], rank: int) -> None:
        """Choose how inputs get their features on axis 1, where torch expects them, without a copy where possible.

        Images and volumes in channels_last memory are permuted views; anything else with features last is read as one
        long batch (measured on sequences: four times faster than a transposed `nn.BatchNorm1d`).
        """
        axis = axes[0]
        last = axes == [rank - 1]
        self._flat = len(axes) > 1 or (last and rank not in (2, 4, 5))
        if self._flat:
            self._move_last(axes, rank)
        elif last and rank in (4, 5):
            self._order, self._back = TO_CHANNELS_FIRST[rank - 2], TO_CHANNELS_LAST[rank - 2]
        else:
            others = [a for a in range(rank) if a not in (0, axis)] if axis else list(range(2, rank))
            order = (0 if axis else 1, axis, *others)
            self._order = None if axis == 1 or last else order
            self._back = tuple(order.index(a) for a in range(rank))
        # nn.BatchNorm1d takes sequences (batch, features, time), too.
        self._module_rank = rank if not self._flat and rank in (4, 5) else 2
        self._bundle = not self._flat and rank > 5
        self._fused_in_tf = rank in (4, 5) and axes in ([1], [rank - 1]) and not (self.renorm or self.synchronized)

    def call(
        self, inputs: torch.Tensor, training: bool | None = None, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        if training is None:
            training = self.training
        if self.mode == 1:
            return self._normalize_samples(inputs)
        training = training or self.mode == 2
        if training and not self._trainable and not config.is_classic():
            training = False
        kept = self._kept(inputs, mask) if mask is not None and training else None
        if self._order is not None:
            return self._arrange(inputs.permute(self._order), training, kept).permute(self._back)
        return self._arrange(inputs, training, kept)

    def _kept(self, inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor | None:
        """Return the mask in the shape of the inputs; None where the dialect's Keras did not look at it."""
        if config.is_classic():
            return None
        if config.dialect() == "tf" and self._fused_in_tf:
            warnings.warn(
                f"Layer {self.name!r}: `mask` has no influence on the statistics of images and volumes, as in "
                "Keras 2.15.",
                stacklevel=2,
            )
            return None
        if mask.dim() != inputs.dim() - 1 or not broadcasts(mask.shape, inputs.shape[:-1]):
            raise ValueError(
                f"Layer {self.name!r}: `mask` must have the shape of the inputs without the last axis, or sizes of 1. "
                f"Received: mask of shape {tuple(mask.shape)}, inputs of shape {tuple(inputs.shape)}"
            )
        kept = mask.to(torch.bool).unsqueeze(-1).expand(inputs.shape)
        return kept if self._order is None else kept.permute(self._order)

    def _arrange(self, inputs: torch.Tensor, training: bool, kept: torch.Tensor | None) -> torch.Tensor:
        """Bring the features to axis 1 of as many axes as the torch module takes, and back."""
        shape = inputs.shape
        if self._flat:
            flat = (-1, self.norm.num_features)
            kept = None if kept is None else kept.reshape(flat)
            return self._normalize(inputs.reshape(flat), training, kept).reshape(shape)
        if self._bundle:
            kept = None if kept is None else kept.flatten(2)
            return self._normalize(inputs.flatten(2), training, kept).reshape(shape)
        return self._normalize(inputs, training, kept)

    def _normalize(self, inputs: torch.Tensor, training: bool, kept: torch.Tensor | None) -> torch.Tensor:
        """Normalize over all axes but 1."""
        norm = self.norm
        if norm.training != training:
            norm.train(training)
        run = norm if self.scale or not self.center else self._run_with_ones
        if not training:
            return run(inputs)
        count = inputs.numel() // norm.num_features
        spread = self._spreads()
        fits = not spread or (isinstance(norm, nn.SyncBatchNorm) and self.scale)
        by_hand = kept is not None or self.renorm or not fits
        if count < 2 or by_hand or not self._trainable or self.mode:
            return self._normalize_by_batch(inputs, kept)
        # torch averages the variance divided by N - 1; Keras's is `factor` times that.
        factor = self._variance_factor(count * torch.distributed.get_world_size() if spread else count)
        if factor == 1.0:
            return run(inputs)
        # `.data`, because autograd keeps the running variance of every forward and would see it changed.
        variance = norm.running_var.data
        variance.mul_(1.0 / factor)
        output = run(inputs)
        variance.mul_(factor)
        return output

    def _run_with_ones(self, inputs: torch.Tensor) -> torch.Tensor:
        """Do what `self.norm` does, which has no scale."""
        norm = self.norm
        averages = norm.running_mean, norm.running_var
        scale = _scale_beside(norm.bias, None)
        return torch.batch_norm(inputs, scale, norm.bias, *averages, norm.training, norm.momentum, norm.eps, True)

    def _variance_factor(self, count: int) -> float:
        """Return what the variance divided by N - 1 must be multiplied with to be the one that Keras averages."""
        dialect = config.dialect()
        if dialect == "tf" and self._fused_in_tf:
            return 1.0
        biased = (count - 1.0) / count
        if dialect == "2":
            start = 1.0 if self._fused_in_tf and self._module_rank == 4 else biased
            return start * count / (count - (1.0 + self.epsilon))
        return biased

    def _normalize_by_batch(self, inputs: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
        """Use batch statistics without torch's average, where that differs or must not be."""
        norm = self.norm
        if not inputs.numel():
            return inputs
        values = inputs if inputs.dtype == torch.float64 else inputs.float()
        # As without autograd where torch finds the statistics again by itself.
        with torch.set_grad_enabled(torch.is_grad_enabled() and (kept is not None or self._spreads())):
            mean, variance = self._moments(values, kept)
        scale, offset = norm.weight, norm.bias
        if self._trainable and not self.mode:
            with torch.no_grad():
                if self.renorm:
                    factor, shift = self._renormalize(mean.detach(), variance.detach())
                else:
                    _average(norm.running_mean, mean, self.momentum)
                    _average(norm.running_var, variance, self.momentum)
            if self.renorm:
                offset = shift * (1.0 if scale is None else scale) + (0.0 if offset is None else offset)
                scale = factor if scale is None else factor * scale
        if kept is None and not self._spreads():
            scale = _scale_beside(offset, scale)
            return torch.batch_norm(inputs, scale, offset, None, None, True, 0.0, norm.eps, True)
        shape = (1, -1, *(1,) * (inputs.dim() - 2))
        output = (values - mean.view(shape)) * torch.rsqrt(variance + norm.eps).view(shape)
        output = output if scale is None else output * scale.view(shape)
        return (output if offset is None else output + offset.view(shape)).to(inputs.dtype)

    def _moments(self, values: torch.Tensor, kept: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and variance over all axes but 1, of what is kept, in all processes if synchronized."""
        axes = [axis for axis in range(values.dim()) if axis != 1]
        spread = self._spreads()
        if kept is None and not spread:
            variance, mean = torch.var_mean(values, axes, correction=0)
            return mean, variance
        shape = (1, -1, *(1,) * (values.dim() - 2))
        # Keras's guard against a mask that keeps nothing.
        least = 0.0 if kept is None else 1e-7
        kept = torch.ones_like(values, dtype=torch.bool) if kept is None else kept
        count = kept.to(values.dtype).sum(axes)
        total = torch.where(kept, values, 0.0).sum(axes)
        if spread:
            count, total = summed(count), summed(total)
        count = count + least
        mean = total / count
        squares = torch.where(kept, values - mean.view(shape), 0.0).square().sum(axes)
        return mean, (summed(squares) if spread else squares) / count

    def _renormalize(self, mean: torch.Tensor, variance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the factor and the shift that correct a batch, and move all averages."""
        norm, clipping = self.norm, self.renorm_clipping or {}
        deviation = torch.sqrt(variance + self.epsilon)
        usual = norm.renorm_stddev.clamp_min(math.sqrt(self.epsilon))
        factor, shift = deviation / usual, (mean - norm.renorm_mean) / usual
        if "rmin" in clipping or "rmax" in clipping:
            factor = factor.clamp(clipping.get("rmin"), clipping.get("rmax"))
        if clipping.get("dmax") is not None:
            shift = shift.clamp(-clipping["dmax"], clipping["dmax"])
        _average(norm.renorm_mean, mean, self.renorm_momentum)
        _average(norm.renorm_stddev, deviation, self.renorm_momentum)
        _average(norm.running_mean, mean, self.momentum)
        _average(norm.moving_stddev, deviation, self.momentum)
        norm.running_var.data.copy_(torch.relu(norm.moving_stddev.square() - self.epsilon))
        return factor, shift

    def _normalize_samples(self, inputs: torch.Tensor) -> torch.Tensor:
        """Keras 1's mode 1, which adds epsilon to the variance and once more to its root."""
        variance, mean = torch.var_mean(inputs, -1, correction=0, keepdim=True)
        output = (inputs - mean) / (torch.sqrt(variance + self.epsilon) + self.epsilon)
        output = output if self.gamma is None else output * self.gamma.value
        return output if self.beta is None else output + self.beta.value

    def _spreads(self) -> bool:
        """Whether the statistics are those of several processes."""
        return self.synchronized and is_active() and torch.distributed.is_initialized()

    @property
    def running_mean(self) -> Any:
        """Keras 1's name of `moving_mean`."""
        return self.moving_mean

    @property
    def running_std(self) -> Any:
        """Keras 1's name of `moving_variance`."""
        return self.moving_variance

    def get_config(self) -> dict[str, Any]:
        settings = {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "moving_mean_initializer": initializers.serialize(self.moving_mean_initializer),
            "moving_variance_initializer": initializers.serialize(self.moving_variance_initializer),
            "synchronized": self.synchronized,
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
        }
        return {**settings, "mode": self.mode} if self.mode else settings


class SyncBatchNormalization(BatchNormalization):
    """BatchNormalization whose statistics are those of all processes; of TensorFlow's Keras up to 2.15."""

    def __init__(self, axis: int | Sequence[int] = -1, synchronized: bool = True, **kwargs: Any) -> None:
        super().__init__(axis, synchronized=synchronized, **kwargs)


def _on_gpu() -> bool:
    return config.default_device().type == "cuda"


def _scale_beside(offset: torch.Tensor | None, scale: torch.Tensor | None) -> torch.Tensor | None:
    """Return the scale; ones where there is none beside an offset, whose gradient torch's kernels for GPUs forget then.

    Seen in torch 2.11 for channels last; with both, cuDNN can compute.
    """
    return torch.ones_like(offset) if scale is None and offset is not None and offset.is_cuda else scale


def _average(variable: torch.Tensor, value: torch.Tensor, momentum: float) -> None:
    """Move a kept average in place; through `.data`, as autograd may have kept the variable."""
    variable.data.lerp_(value.to(variable.dtype), 1.0 - momentum)
