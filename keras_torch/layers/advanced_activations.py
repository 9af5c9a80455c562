"""Activations that are layers because they have arguments or weights."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import activations, config, constraints, initializers, regularizers
from keras_torch.engine import InputSpec, Layer


class ActivationLayer(Layer):
    """Base: the output has the input's shape and mask."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def _not_negative(self, value: Any, argument: str) -> float:
        if not isinstance(value, numbers.Real) or value < 0:
            raise ValueError(f"Layer {self.name!r}: `{argument}` must be a number ≥ 0. Received: {value!r}")
        return float(value)

    def _number(self, value: Any, argument: str) -> float:
        if not isinstance(value, numbers.Real):
            raise ValueError(f"Layer {self.name!r}: `{argument}` must be a number. Received: {value!r}")
        return float(value)


class LeakyReLU(ActivationLayer):
    """`x` where positive, else `negative_slope * x`; up to Keras 2.15 that argument was `alpha`."""

    _accepts_integers = False

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check = self._number if config.dialect() in ("1", "2", "tf") else self._not_negative
        self.negative_slope = check(negative_slope, "negative_slope")

    @property
    def alpha(self) -> float:
        """The name of `negative_slope` up to Keras 2."""
        return self.negative_slope

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.leaky_relu(inputs, self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        key = "alpha" if config.dialect() in ("1", "2", "tf") else "negative_slope"
        return {**super().get_config(), key: self.negative_slope}


class SharedAxes(ActivationLayer):
    """Base of the activations with weights of the input's shape, or of size 1 along `shared_axes`, counted from 1."""

    def __init__(self, shared_axes: int | Sequence[int] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if isinstance(shared_axes, numbers.Integral):
            shared_axes = [int(shared_axes)]
        given: Any = shared_axes or ()
        if isinstance(given, str) or not all(isinstance(axis, numbers.Integral) and int(axis) >= 1 for axis in given):
            raise ValueError(
                f"Layer {self.name!r}: `shared_axes` must be integers ≥ 1 (the batch axis is not shared). "
                f"Received: {shared_axes!r}"
            )
        self.shared_axes = None if shared_axes is None else [int(axis) for axis in given]

    def _shared_shape(self, input_shape: Any) -> tuple[int, ...]:
        """Return the shape of the weights, and expect inputs that fit from now on."""
        shape = list(input_shape[1:])
        shared = self.shared_axes or ()
        for axis in shared:
            if axis > len(shape):
                raise ValueError(
                    f"Layer {self.name!r}: `shared_axes` must be axes of the inputs. Received: {self.shared_axes} and "
                    f"input shape {tuple(input_shape)}"
                )
            shape[axis - 1] = 1
        if None in shape:
            raise ValueError(
                f"Layer {self.name!r}: {type(self).__name__} needs known sizes; name the axes of unknown size in "
                f"`shared_axes`. Received: input shape {tuple(input_shape)}, shared_axes={self.shared_axes}"
            )
        axes = {axis: size for axis, size in enumerate(input_shape) if axis and axis not in shared}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        return tuple(shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "shared_axes": self.shared_axes}


class PReLU(SharedAxes):
    """`x` where positive, else `alpha * x` with a trained `alpha` for each element, or shared along `shared_axes`."""

    def __init__(
        self,
        alpha_initializer: Any = "zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(shared_axes, **kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)

    def build(self, input_shape: Any) -> None:
        self.alpha = self.add_weight(
            shape=self._shared_shape(input_shape),
            name="alpha",
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.relu(inputs) - self.alpha * torch.relu(-inputs)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "alpha_initializer": initializers.serialize(self.alpha_initializer),
            "alpha_regularizer": regularizers.serialize(self.alpha_regularizer),
            "alpha_constraint": constraints.serialize(self.alpha_constraint),
        }


class ELU(ActivationLayer):
    """`x` where positive, else `alpha * (exp(x) - 1)`."""

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = self._number(alpha, "alpha")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.elu(inputs, self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class ThresholdedReLU(ActivationLayer):
    """`x` above `theta`, else 0. Keras 3 has dropped it in favour of `ReLU(threshold=)`."""

    def __init__(self, theta: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.theta = self._not_negative(theta, "theta")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.threshold(inputs, self.theta, 0.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "theta": self.theta}


class Softmax(ActivationLayer):
    """Softmax along `axis` (an int, or several for a joint one); elements where `mask` is False get no weight.

    All of a row masked gives zeros; before Keras 3, which added -1e9 to masked elements, the softmax of the row.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        entries: Any = axis if isinstance(axis, (list, tuple)) else [axis]
        if not entries or not all(isinstance(item, numbers.Integral) for item in entries):
            raise ValueError(f"Layer {self.name!r}: `axis` must be an integer or a list of them. Received: {axis!r}")
        self.axis: int | list[int] = [int(item) for item in entries]
        if entries is not axis:
            self.axis = self.axis[0]
        self._axes = [self.axis] if isinstance(self.axis, int) else self.axis
        self._adds_mask = config.dialect() in ("1", "2", "tf")

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if not all(-rank <= axis < rank for axis in self._axes):
            raise ValueError(
                f"Layer {self.name!r}: `axis` must name axes of the inputs. Received: {self.axis} and input shape "
                f"{tuple(input_shape)}"
            )
        self.built = True

    def call(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if mask is None:
            return self._softmax(inputs)
        self._check_mask(inputs, mask)
        if self._adds_mask:
            lowest = torch.finfo(inputs.dtype).min if inputs.dtype == torch.float16 else -1e9
            return self._softmax(inputs + (1.0 - mask.to(inputs.dtype)) * lowest)
        if mask.dtype != torch.bool:
            mask = mask > 0.5
        lowest = -3e4 if inputs.dtype == torch.float16 else -1e9
        return torch.where(mask, self._softmax(torch.where(mask, inputs, lowest)), 0.0)

    def _softmax(self, inputs: torch.Tensor) -> torch.Tensor:
        axes = self._axes
        return activations.softmax(inputs, axes[0] if len(axes) == 1 else axes)

    def _check_mask(self, inputs: torch.Tensor, mask: torch.Tensor) -> None:
        sizes = zip(reversed(mask.shape), reversed(inputs.shape), strict=False)
        if mask.ndim > inputs.ndim or any(m not in (1, n) for m, n in sizes):
            raise ValueError(
                f"Layer {self.name!r}: `mask` must broadcast to the inputs of shape {tuple(inputs.shape)}. "
                f"Received: a mask of shape {tuple(mask.shape)}"
            )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class ReLU(ActivationLayer):
    """`x` from `threshold` to `max_value`, above it `max_value`, and `negative_slope * (x - threshold)` below."""

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else self._not_negative(max_value, "max_value")
        self.negative_slope = self._not_negative(negative_slope, "negative_slope")
        self.threshold = self._not_negative(threshold, "threshold")
        self._plain = self.max_value is None and self.negative_slope == 0.0 and self.threshold == 0.0

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._plain:
            return torch.relu(inputs)
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }
