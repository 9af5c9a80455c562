"""SpectralNormalization, a wrapper."""

from __future__ import annotations

import numbers
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config, initializers
from keras_torch.engine import InputSpec
from keras_torch.engine.call import call_inside
from keras_torch.layers.wrappers import Wrapper


class SpectralNormalization(Wrapper):
    """Divide the kernel (or the embeddings) of a layer by its largest singular value whenever it is called in training.

    The value is estimated by `power_iterations` steps from the kept vector `vector_u`, and the quotient replaces the
    kernel, as in Keras (https://arxiv.org/abs/1802.05957): no gradient flows through the division. Of two calls before
    one backward, the first one's input gradient sees the kernel of the second.
    """

    def __init__(self, layer: Any, power_iterations: int = 1, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        if not isinstance(power_iterations, numbers.Integral) or power_iterations < 1:
            raise ValueError(
                f"SpectralNormalization {self.name!r}: `power_iterations` must be a positive integer. "
                f"Received: power_iterations={power_iterations!r}"
            )
        self.power_iterations: int = int(power_iterations)

    @property
    def kernel(self) -> Any:
        """The weight of the wrapped layer that is normalized. ValueError if it has neither kernel nor embeddings."""
        for name in ("kernel", "embeddings"):
            weight = getattr(self.layer, name, None)
            if weight is not None:
                return weight
        raise ValueError(
            f"SpectralNormalization {self.name!r}: `layer` must have a `kernel` or `embeddings`. "
            f"Received: {type(self.layer).__name__} {self.layer.name!r}"
        )

    @property
    def weights(self) -> list[Any]:
        """All weights: trainable ones first up to Keras 2; in Keras 3 this layer's own, of which the kernel is one."""
        found = super().weights
        if config.dialect() in ("1", "2", "tf") or not self.built:
            return found
        own = [self.kernel, self.vector_u]
        return own + [weight for weight in found if not any(weight is item for item in own)]

    def _own_in_order(self) -> list[Any]:
        # Keras counts the kernel among this layer's weights, and stores it twice.
        return [self.kernel, self.vector_u]

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside, and the vector."""
        super().build(input_shape)
        kernel = self.kernel
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        self.vector_u = self.add_weight(
            shape=(1, kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            name="vector_u",
            dtype=kernel.dtype,
            autocast=False,
        )

    def call(self, inputs: torch.Tensor, mask: Any = None, training: bool | None = None) -> torch.Tensor:
        """Normalize the kernel if in training, and run the layer."""
        if self.training if training is None else training:
            self._normalize()
        options = {} if mask is None or not self.layer._call_signature.takes_mask else {"mask": mask}
        return call_inside(self.layer, inputs, **options)

    @torch.no_grad()
    def _normalize(self) -> None:
        kernel, vector_u = self.kernel, self.vector_u
        value = kernel.value.detach()
        matrix = value.reshape(-1, value.shape[-1])
        found = vector_u.detach()
        for _ in range(self.power_iterations):
            other = F.normalize(found @ matrix.t(), dim=-1)
            found = F.normalize(other @ matrix, dim=-1)
        sigma = (other @ matrix @ found.t()).squeeze()
        is_zero = (value == 0).all()
        # Through `.data`, because autograd may still need the kernel of an earlier call and would see it changed.
        vector_u.data.copy_(torch.where(is_zero, vector_u, found))
        parts = kernel.to_storage(value / torch.where(is_zero, torch.ones_like(sigma), sigma))
        for storage, part in zip(kernel.storages, parts, strict=True):
            storage.data.copy_(part)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask that the wrapped layer gives."""
        return self.layer.compute_mask(inputs, mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power_iterations": self.power_iterations}
