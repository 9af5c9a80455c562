"""What the normalizations share: their axes, and a trained scale and offset."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

from keras_torch import constraints, initializers, regularizers
from keras_torch.engine import InputSpec, Layer


def broadcasts(shape: Sequence[int], to: Sequence[int]) -> bool:
    """Whether a tensor of that shape can be expanded to another."""
    pairs = zip(reversed(shape), reversed(to), strict=False)
    return len(shape) <= len(to) and all(size in (1, wanted) for size, wanted in pairs)


class NormalizationBase(Layer):
    """Base of normalizations: floats in and out, of the same shape and with the same mask."""

    _accepts_integers = False
    axis: int | list[int]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        self._axes_in(getattr(self, "axis", -1), input_shape, known=False)
        return input_shape

    def _axis_argument(self, axis: Any) -> int | list[int]:
        """Return one axis or a list of several. TypeError for anything else."""
        if isinstance(axis, numbers.Integral) and not isinstance(axis, bool):
            return int(axis)
        is_list = isinstance(axis, Sequence) and not isinstance(axis, str) and len(axis) > 0
        if not is_list or not all(isinstance(item, numbers.Integral) for item in axis):
            raise TypeError(f"Layer {self.name!r}: `axis` must be an integer or integers. Received: axis={axis!r}")
        return [int(item) for item in axis]

    def _axes_in(self, axis: int | Sequence[int], input_shape: Sequence[int | None], known: bool = True) -> list[int]:
        """Return the axes counted from 0, in order. ValueError if one is not there, or of unknown size."""
        rank = len(input_shape)
        axes = [axis] if isinstance(axis, int) else list(axis)
        for item in axes:
            if not -rank <= item < rank or (known and input_shape[item] is None):
                raise ValueError(
                    f"Layer {self.name!r}: `axis` must name {'axes of known size' if known else 'axes'} of the inputs. "
                    f"Received: axis={axis}, which is out of bounds or unknown in the input shape {tuple(input_shape)}"
                )
        found = sorted(item % rank for item in axes)
        if len(set(found)) != len(found):
            raise ValueError(f"Layer {self.name!r}: `axis` names an axis twice. Received: axis={axis}")
        return found

    def _move_last(self, axes: Sequence[int], rank: int) -> None:
        """Plan `_order`, the permutation that puts `axes` last (None if they are), and its inverse `_back`."""
        order = [axis for axis in range(rank) if axis not in axes] + list(axes)
        self._order = None if order == list(range(rank)) else tuple(order)
        self._back = tuple(order.index(axis) for axis in range(rank))

    def _plan_any_rank(self, input_shape: Sequence[int | None]) -> list[int | None]:
        """Return the sizes of `axis`, as found in inputs of any rank that have them, and let the inputs be those."""
        rank = len(input_shape)
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        found = self._axes_in(self.axis, input_shape)
        self._moved = tuple(sorted(axes, key=lambda axis: axis % rank))
        self._last = tuple(range(-len(found), 0))
        self._unmoved_rank = rank if found == list(range(rank - len(found), rank)) else None
        sizes = [input_shape[axis] for axis in found]
        least = max(axis + 1 if axis >= 0 else -axis for axis in axes)
        self.input_spec = InputSpec(min_ndim=least, axes=dict(zip(self._moved, sizes, strict=True)))
        return sizes

    def _over_last(self, normalize: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        """Apply what normalizes the last axes to the planned ones."""
        if self._moved == self._last or inputs.dim() == self._unmoved_rank:
            return normalize(inputs)
        return normalize(inputs.movedim(self._moved, self._last)).movedim(self._last, self._moved)


class ScaledNormalization(NormalizationBase):
    """Base of those with an offset `beta` and a scale `gamma`: the bias and the weight of a torch module, `norm`."""

    norm: Any

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
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)

    def _add_scale_and_offset(self, module: nn.Module, **options: Any) -> None:
        """Name the weight and bias of `self.norm` gamma and beta, and remove what is switched off."""
        self.gamma = self.beta = None
        if self.scale:
            self.add_view(
                "gamma",
                "norm.weight",
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                **options,
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
                **options,
            )
        else:
            module.register_parameter("bias", None)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": initializers.serialize(self.beta_initializer),
            "gamma_initializer": initializers.serialize(self.gamma_initializer),
            "beta_regularizer": regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": constraints.serialize(self.beta_constraint),
            "gamma_constraint": constraints.serialize(self.gamma_constraint),
        }
