"""What TensorFlow kept beside `tf.keras` and Keras has: initializers, optimizers and losses of TensorFlow 1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from keras_torch import initializers, layers, losses, metrics, ops, optimizers
from keras_torch.dropin.tensorflow import random
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.sizes import ints
from keras_torch.optimizers import schedules

# Packages of Keras under the names they have in TensorFlow 2; TensorFlow 1 had others there.
MODULES = {"initializers": initializers, "losses": losses, "metrics": metrics, "optimizers": optimizers}


def _optimizer(cls: Any, fixed: dict[str, Any] | None = None, **renamed: str) -> Callable[..., Any]:
    """Return a maker of Keras's optimizer from TensorFlow 1's arguments."""

    def make(learning_rate: Any = 0.001, *args: Any, **kwargs: Any) -> Any:
        for hint in ("use_locking", "name", "centered"):
            if hint == "name" or not kwargs.get(hint):
                kwargs.pop(hint, None)
        given = {renamed.get(key, key): value for key, value in kwargs.items()}
        return cls(learning_rate, *args, **{**(fixed or {}), **given})

    return make


def _weighted(values: Any, weights: Any) -> Any:
    """The mean over values whose weight is not 0, as TensorFlow 1 reduced losses."""
    weights = convert_to_tensor(weights).to(values.dtype)
    present = (weights != 0).to(values.dtype).expand_as(values) if weights.dim() else torch.ones_like(values)
    total = (values * weights).sum()
    return total / present.sum().clamp(min=1)


def mean_squared_error(labels: Any, predictions: Any, weights: Any = 1.0, **options: Any) -> Any:
    """The mean of the squared differences."""
    return _weighted(ops.square(ops.subtract(predictions, labels)), weights)


def absolute_difference(labels: Any, predictions: Any, weights: Any = 1.0, **options: Any) -> Any:
    """The mean of the absolute differences."""
    return _weighted(ops.abs(ops.subtract(predictions, labels)), weights)


def sparse_softmax_cross_entropy(labels: Any, logits: Any, weights: Any = 1.0, **options: Any) -> Any:
    """The mean cross-entropy of classes, from logits."""
    return _weighted(ops.sparse_categorical_crossentropy(convert_to_tensor(labels), logits, True), weights)


def softmax_cross_entropy(
    onehot_labels: Any, logits: Any, weights: Any = 1.0, label_smoothing: float = 0.0, **options: Any
) -> Any:
    """The mean cross-entropy of distributions over classes, from logits."""
    labels = ops.cast(onehot_labels, "float32")
    if label_smoothing:
        labels = labels * (1 - label_smoothing) + label_smoothing / labels.shape[-1]
    return _weighted(ops.categorical_crossentropy(labels, logits, True), weights)


def sigmoid_cross_entropy(multi_class_labels: Any, logits: Any, weights: Any = 1.0, **options: Any) -> Any:
    """The mean cross-entropy of independent probabilities, from logits."""
    return _weighted(ops.binary_crossentropy(ops.cast(multi_class_labels, "float32"), logits, True), weights)


def _randint(low: Any, high: Any = None, size: Any = None, dtype: Any = "int64") -> Any:
    low, high = (0, low) if high is None else (low, high)
    return random.uniform(() if size is None else ints(size), low, high, dtype)


def _xavier(uniform: bool = True, seed: Any = None, dtype: Any = None) -> Any:
    return initializers.GlorotUniform(seed) if uniform else initializers.GlorotNormal(seed)


def exponential_decay(
    learning_rate: float, global_step: Any, decay_steps: int, decay_rate: float, staircase: bool = False
) -> Any:
    """`keras.optimizers.schedules.ExponentialDecay`; the optimizer's own steps count, not `global_step`."""
    return schedules.ExponentialDecay(learning_rate, decay_steps, decay_rate, staircase)


def polynomial_decay(
    learning_rate: float,
    global_step: Any,
    decay_steps: int,
    end_learning_rate: float = 0.0001,
    power: float = 1.0,
    cycle: bool = False,
) -> Any:
    """`keras.optimizers.schedules.PolynomialDecay`; the optimizer's own steps count, not `global_step`."""
    return schedules.PolynomialDecay(learning_rate, decay_steps, end_learning_rate, power, cycle)


def piecewise_constant(x: Any, boundaries: Any, values: Any) -> Any:
    """`keras.optimizers.schedules.PiecewiseConstantDecay`; the optimizer's own steps count, not `x`."""
    return schedules.PiecewiseConstantDecay(boundaries, values)


class Dropout(layers.Dropout):
    """`keras.layers.Dropout` with version 1's default."""

    def __init__(
        self, rate: float = 0.5, noise_shape: Any = None, seed: Any = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, noise_shape, seed, name=name, **kwargs)


_LAYERS = (
    *("AveragePooling1D", "AveragePooling2D", "AveragePooling3D", "BatchNormalization", "Conv1D", "Conv2D"),
    *("Conv2DTranspose", "Conv3D", "Conv3DTranspose", "Dense", "Flatten", "MaxPooling1D", "MaxPooling2D"),
    *("MaxPooling3D", "SeparableConv1D", "SeparableConv2D"),
)
NAMES: dict[str, Any] = {
    **{f"experimental.numpy.{name}": getattr(ops.numpy, name) for name in ops.numpy.__all__},
    "constant_initializer": initializers.Constant,
    "experimental.numpy.random.rand": lambda *sizes: random.uniform(sizes),
    "experimental.numpy.random.randint": _randint,
    "experimental.numpy.random.randn": lambda *sizes: random.normal(sizes),
    "experimental.numpy.random.seed": random.set_seed,
    "ones_initializer": initializers.Ones,
    "random_normal_initializer": initializers.RandomNormal,
    "random_uniform_initializer": initializers.RandomUniform,
    "zeros_initializer": initializers.Zeros,
}
VERSION_1: dict[str, Any] = {
    "contrib.layers.xavier_initializer contrib.layers.xavier_initializer_conv2d": _xavier,
    "glorot_normal_initializer": initializers.GlorotNormal,
    "glorot_uniform_initializer": initializers.GlorotUniform,
    **{f"layers.{name}": getattr(layers, name) for name in _LAYERS},
    "layers.Dropout": Dropout,
    "losses.absolute_difference": absolute_difference,
    "losses.mean_squared_error": mean_squared_error,
    "losses.sigmoid_cross_entropy": sigmoid_cross_entropy,
    "losses.softmax_cross_entropy": softmax_cross_entropy,
    "losses.sparse_softmax_cross_entropy": sparse_softmax_cross_entropy,
    "orthogonal_initializer": initializers.Orthogonal,
    "train.exponential_decay": exponential_decay,
    "train.piecewise_constant train.piecewise_constant_decay": piecewise_constant,
    "train.polynomial_decay": polynomial_decay,
    "train.AdadeltaOptimizer": _optimizer(optimizers.Adadelta, {"epsilon": 1e-8}),
    "train.AdagradOptimizer": _optimizer(optimizers.Adagrad),
    "train.AdamOptimizer": _optimizer(optimizers.Adam, {"epsilon": 1e-8}, beta1="beta_1", beta2="beta_2"),
    "train.GradientDescentOptimizer": _optimizer(optimizers.SGD),
    "train.MomentumOptimizer": _optimizer(optimizers.SGD, use_nesterov="nesterov"),
    "train.RMSPropOptimizer": _optimizer(optimizers.RMSprop, {"epsilon": 1e-10}, decay="rho"),
    "truncated_normal_initializer": initializers.TruncatedNormal,
    "uniform_unit_scaling_initializer": initializers.VarianceScaling,
    "variance_scaling_initializer": initializers.VarianceScaling,
}
