"""Dense and the small layers around it; this module also carries everything that `keras.layers.core` had in Keras 2."""

from __future__ import annotations

import numbers
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from keras_torch import activations, constraints, initializers, regularizers
from keras_torch import config as settings
from keras_torch.backend.tensors import as_tensor
from keras_torch.engine import InputSpec, Layer
from keras_torch.engine.initial_values import without_values
from keras_torch.engine.tensor_layout import IDENTITY, TRANSPOSED
from keras_torch.layers.lambda_layer import Lambda
from keras_torch.layers.lora import LoRA
from keras_torch.layers.noise import Dropout, SpatialDropout1D, SpatialDropout2D, SpatialDropout3D
from keras_torch.layers.reshaping import Flatten, Permute, RepeatVector, Reshape
from keras_torch.layers.spatial import whole_numbers

__all__ = [
    "Activation",
    "ActivityRegularization",
    "Dense",
    "Dropout",
    "Flatten",
    "Identity",
    "Lambda",
    "Masking",
    "Permute",
    "RepeatVector",
    "Reshape",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


def activate(output: torch.Tensor, activation: Any, module: nn.Module) -> torch.Tensor:
    """Apply `activation` to the fresh output of a linear or convolution module.

    ReLU overwrites it, which autograd allows because such a module's backward does not read its output (measured: up to
    40 % of a small convolution's training step); not when somebody listens to the module. None does nothing: scripts
    take the activation of a finished layer away like that.
    """
    if activation is None:
        return output
    if activation is activations.relu and not module._forward_hooks:
        return F.relu_(output)
    return activation(output)


class Dense(LoRA, Layer):
    """`activation(inputs @ kernel + bias)` over the last axis: an `nn.Linear`.

    Input (batch, ..., features), output (batch, ..., units).
    """

    _accepts_integers = False

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self._take_lora(lora_rank, lora_alpha)
        self.units = whole_numbers(units, 1, "units", self.name)[0]
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Any) -> None:
        features = input_shape[-1]
        if not settings.torch_dtype(self.variable_dtype).is_floating_point:
            raise TypeError(
                f"Layer {self.name!r}: Dense needs a floating-point `dtype`. Received: {self.variable_dtype!r}"
            )
        if features is None:
            raise ValueError(
                f"Layer {self.name!r}: Dense needs a known size of the last axis, the number of features. "
                f"Received: input shape {tuple(input_shape)}. Give it in `Input(shape=...)`."
            )
        self.linear = without_values(nn.Linear, features, self.units, bias=self.use_bias)
        self.add_view(
            "kernel",
            "linear.weight",
            TRANSPOSED,
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.add_view(
                "bias",
                "linear.bias",
                IDENTITY,
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(min_ndim=2, axes={-1: features})
        self.built = True
        self._build_lora()

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        linear = self.linear
        return activate(linear(inputs), self.activation, linear)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
            **self._lora_config(),
        }


class Activation(Layer):
    """Apply an activation: a name or a function of a tensor. Input and output have the same shape."""

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.activation(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class Identity(Layer):
    """Return the inputs."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class Masking(Layer):
    """Mask the timesteps whose features all equal `mask_value`; they come out as zeros.

    Input and output (batch, time, ...), mask (batch, time).
    """

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        if not isinstance(mask_value, numbers.Real):
            raise ValueError(f"Layer {self.name!r}: `mask_value` must be a number. Received: {mask_value!r}")
        self.mask_value: float = mask_value

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return torch.any(torch.ne(as_tensor(inputs), self.mask_value), -1)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.where(torch.any(torch.ne(inputs, self.mask_value), -1, keepdim=True), inputs, 0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "mask_value": self.mask_value}


class ActivityRegularization(Layer):
    """Return the inputs and add `l1 * sum(|x|) + l2 * sum(x²)` to the losses."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        config = {key: value for key, value in super().get_config().items() if key != "activity_regularizer"}
        return {**config, "l1": self.l1, "l2": self.l2}
