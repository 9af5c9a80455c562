"""Random features that approximate a kernel machine (tf.keras's `layers.experimental`)."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import torch

from keras_torch import initializers
from keras_torch.engine import InputSpec, Layer
from keras_torch.initializers.base import random_tensor
from keras_torch.layers.spatial import whole_numbers

_KERNELS = ("gaussian", "laplacian")


def _cauchy(shape: Sequence[int], dtype: Any = None) -> torch.Tensor:
    return random_tensor(shape, dtype, None, lambda tensor, generator: tensor.cauchy_(generator=generator))


class RandomFourierFeatures(Layer):
    """`cos(inputs @ (unscaled_kernel / kernel_scale) + bias)` with a random kernel and bias that are not trained.

    Linear models of its outputs approximate machines with a Gaussian or Laplacian kernel (Rahimi and Recht, 2007);
    `kernel_initializer` may also be an initializer. `scale` defaults to `sqrt(features / 2)` for the Gaussian and 1
    otherwise; with `trainable=True` it is trained. Input (batch, features), output (batch, output_dim).
    """

    _accepts_integers = False

    def __init__(
        self,
        output_dim: int,
        kernel_initializer: Any = "gaussian",
        scale: float | None = None,
        trainable: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, name=name, **kwargs)
        self.output_dim = whole_numbers(output_dim, 1, "output_dim", self.name)[0]
        if isinstance(kernel_initializer, str):
            if kernel_initializer.lower() not in _KERNELS:
                raise ValueError(
                    f"Layer {self.name!r}: `kernel_initializer` must be one of {_KERNELS} or an initializer. "
                    f"Received: {kernel_initializer!r}"
                )
            self.kernel_initializer: Any = kernel_initializer.lower()
        else:
            self.kernel_initializer = initializers.get(kernel_initializer)
        if scale is not None and (not isinstance(scale, numbers.Real) or not float(scale) > 0):
            raise ValueError(f"Layer {self.name!r}: `scale` must be a positive number or None. Received: {scale!r}")
        self.scale: float | None = scale
        self.input_spec = InputSpec(ndim=2)

    def build(self, input_shape: Any) -> None:
        features = input_shape[-1]
        if features is None:
            raise ValueError(
                f"Layer {self.name!r}: RandomFourierFeatures needs a known number of features. "
                f"Received: input shape {tuple(input_shape)}. Give it in `Input(shape=...)`."
            )
        self.input_spec = InputSpec(ndim=2, axes={-1: features})
        known = {"gaussian": initializers.RandomNormal(stddev=1.0), "laplacian": _cauchy}
        kernel = known[self.kernel_initializer] if isinstance(self.kernel_initializer, str) else self.kernel_initializer
        if self.scale is None:
            self.scale = math.sqrt(features / 2) if self.kernel_initializer == "gaussian" else 1.0
        self.unscaled_kernel = self.add_weight(
            shape=(features, self.output_dim), name="unscaled_kernel", initializer=kernel, trainable=False
        )
        phases = initializers.RandomUniform(0.0, 2 * math.pi)
        self.bias = self.add_weight(shape=(self.output_dim,), name="bias", initializer=phases, trainable=False)
        self.kernel_scale = self.add_weight(
            shape=(1,), name="kernel_scale", initializer=initializers.Constant(self.scale), constraint="non_neg"
        )
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return torch.cos(torch.addmm(self.bias, inputs, self.unscaled_kernel / self.kernel_scale))

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        return input_shape[0], self.output_dim

    def get_config(self) -> dict[str, Any]:
        kernel = self.kernel_initializer
        return {
            **super().get_config(),
            "output_dim": self.output_dim,
            "kernel_initializer": kernel if isinstance(kernel, str) else initializers.serialize(kernel),
            "scale": self.scale,
        }
