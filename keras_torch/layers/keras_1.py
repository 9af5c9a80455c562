"""Layers that only Keras 1 had, and `time_distributed_dense`. Formulas and weight order: Keras 1.2.2."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from keras_torch import activations, backend, constraints, initializers, regularizers
from keras_torch.engine import InputSpec, Layer
from keras_torch.engine.tensor_layout import TRANSPOSED, Reshaped, SplitLinear
from keras_torch.layers.advanced_activations import SharedAxes
from keras_torch.layers.core import Dense
from keras_torch.layers.spatial import whole_numbers


class TimeDistributedDense(Dense):
    """A Dense for sequences (batch, time, features) only; its `input_dim` means sequences of any length."""

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units=units,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=3)


class _DenseLike(Layer):
    """Base of what resembles Dense: the arguments of a kernel and a bias, for inputs (batch, features)."""

    _accepts_integers = False

    def __init__(
        self,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.input_spec = InputSpec(ndim=2)

    def _features(self, input_shape: Any) -> int:
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"Layer {self.name!r}: {type(self).__name__} needs a known number of features. "
                f"Received: input shape {tuple(input_shape)}. Give it in `Input(shape=...)`."
            )
        self.input_spec = InputSpec(ndim=2, axes={-1: features})
        return features

    def _kernel_options(self) -> dict[str, Any]:
        return {"regularizer": self.kernel_regularizer, "constraint": self.kernel_constraint}

    def _bias_options(self) -> dict[str, Any]:
        return {"regularizer": self.bias_regularizer, "constraint": self.bias_constraint}

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": regularizers.serialize(self.bias_regularizer),
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
            "kernel_constraint": constraints.serialize(self.kernel_constraint),
            "bias_constraint": constraints.serialize(self.bias_constraint),
        }


class Highway(_DenseLike):
    """`t * activation(x @ kernel + bias) + (1 - t) * x` with `t = sigmoid(x @ carry_kernel + carry_bias)`.

    Two `nn.Linear`. Input and output (batch, features). The gate's bias starts at 1 (https://arxiv.org/abs/1505.00387).
    """

    def __init__(
        self,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            use_bias,
            kernel_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
        self.activation = activations.get(activation)

    def build(self, input_shape: Any) -> None:
        features = self._features(input_shape)
        self.transform = nn.Linear(features, features, bias=self.use_bias, device="meta")
        self.carry = nn.Linear(features, features, bias=self.use_bias, device="meta")
        initial = self.kernel_initializer
        self.add_view("kernel", "transform.weight", TRANSPOSED, initializer=initial, **self._kernel_options())
        self.add_view("carry_kernel", "carry.weight", TRANSPOSED, initializer=initial)
        if self.use_bias:
            self.add_view("bias", "transform.bias", **self._bias_options())
            self.add_view("carry_bias", "carry.bias", initializer="ones")
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        gate = torch.sigmoid(self.carry(inputs))
        return torch.lerp(inputs, self.activation(self.transform(inputs)), gate)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class MaxoutDense(_DenseLike):
    """The largest of `nb_feature` linear maps, element by element: one `nn.Linear` (https://arxiv.org/abs/1302.4389).

    Input (batch, features), output (batch, units), kernel (nb_feature, features, units).
    """

    def __init__(
        self,
        units: int,
        nb_feature: int = 4,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            use_bias,
            kernel_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
        self.units = whole_numbers(units, 1, "units", self.name)[0]
        self.nb_feature = whole_numbers(nb_feature, 1, "nb_feature", self.name)[0]

    def build(self, input_shape: Any) -> None:
        features = self._features(input_shape)
        self.linear = nn.Linear(features, self.nb_feature * self.units, bias=self.use_bias, device="meta")
        self.add_view(
            "kernel",
            "linear.weight",
            SplitLinear((self.nb_feature, self.units), (features,), (0, 2, 1)),
            initializer=self._initial_kernel,
            **self._kernel_options(),
        )
        if self.use_bias:
            layout = Reshaped((self.nb_feature * self.units,), (self.nb_feature, self.units))
            self.add_view("bias", "linear.bias", layout, **self._bias_options())
        self.built = True

    def _initial_kernel(self, shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
        """For Keras 1 this kernel was no convolution, so both its fans were the root of its size."""
        if isinstance(self.kernel_initializer, initializers.VarianceScaling):
            root = math.sqrt(math.prod(shape))
            return self.kernel_initializer.sample(shape, dtype, (root, root))
        return self.kernel_initializer(shape, dtype=dtype)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.linear(inputs).unflatten(1, (self.nb_feature, self.units)).amax(1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return input_shape[0], self.units

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "nb_feature": self.nb_feature}


class ParametricSoftplus(SharedAxes):
    """`alpha * softplus(beta * x)` with trained `alpha` and `beta` for each element, or shared along `shared_axes`."""

    def __init__(self, alpha_init: float = 0.2, beta_init: float = 5.0, shared_axes: Any = None, **kwargs: Any) -> None:
        super().__init__(shared_axes, **kwargs)
        self.alpha_init = self._number(alpha_init, "alpha_init")
        self.beta_init = self._number(beta_init, "beta_init")

    def build(self, input_shape: Any) -> None:
        shape = self._shared_shape(input_shape)
        self.alpha = self.add_weight(shape=shape, name="alpha", initializer=initializers.Constant(self.alpha_init))
        self.beta = self.add_weight(shape=shape, name="beta", initializer=initializers.Constant(self.beta_init))
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.softplus(self.beta * inputs) * self.alpha

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha_init": self.alpha_init, "beta_init": self.beta_init}


class SReLU(SharedAxes):
    """S-shaped rectified linear unit of three lines, joined at two trained points (https://arxiv.org/abs/1512.07030).

    `x` between `t_left` and `t_left + |t_right|`; outside it the lines have the slopes `a_left` and `a_right`.
    """

    _WEIGHTS = ("t_left", "a_left", "t_right", "a_right")

    def __init__(
        self,
        t_left_init: Any = "zeros",
        a_left_init: Any = "glorot_uniform",
        t_right_init: Any = "glorot_uniform",
        a_right_init: Any = "ones",
        shared_axes: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(shared_axes, **kwargs)
        given = (t_left_init, a_left_init, t_right_init, a_right_init)
        self._initial = {name: initializers.get(item) for name, item in zip(self._WEIGHTS, given, strict=True)}

    def build(self, input_shape: Any) -> None:
        shape = self._shared_shape(input_shape)
        self.t_left, self.a_left, self.t_right, self.a_right = (
            self.add_weight(shape=shape, name=name, initializer=item) for name, item in self._initial.items()
        )
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        left, width = self.t_left, torch.abs(self.t_right)
        middle = torch.minimum(torch.relu(inputs - left), width)
        below, above = torch.relu(left - inputs), torch.relu(inputs - left - width)
        return left + middle - self.a_left * below + self.a_right * above

    def get_config(self) -> dict[str, Any]:
        initial = {f"{name}_init": initializers.serialize(item) for name, item in self._initial.items()}
        return {**super().get_config(), **initial}


def time_distributed_dense(
    x: Any,
    w: Any,
    b: Any = None,
    dropout: float | None = None,
    input_dim: int | None = None,
    output_dim: int | None = None,
    timesteps: int | None = None,
    training: Any = None,
) -> Any:
    """Return `x @ w + b` for each step of `x` (batch, time, features), as Keras 1's `keras.layers.recurrent` had it.

    Keras 2.0 called it `_time_distributed_dense`, and added `training`. `dropout` drops, in the training phase, the
    same features at all steps of a sample. The sizes are known from the tensors; given ones are checked.
    """
    for name, given, found in (
        ("input_dim", input_dim, x.shape[2]),
        ("output_dim", output_dim, w.shape[1]),
        ("timesteps", timesteps, x.shape[1]),
    ):
        if given and found is not None and given != found:
            raise ValueError(
                f"`{name}` of `time_distributed_dense` must be {found}, as `x` and `w` have. Received: {given}"
            )
    if dropout is not None and 0.0 < dropout < 1.0:
        x = backend.in_train_phase(backend.dropout(x, dropout, noise_shape=(None, 1, None)), x, training)
    output = torch.matmul(x, w)
    return output if b is None else output + b
