"""Normalization: shift and scale by a mean and variance that are learnt from data, or given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.layers.preprocessing.base import PreprocessingLayer


class Normalization(PreprocessingLayer):
    """Compute `(x - mean) / max(sqrt(variance), epsilon)`, or the inverse of it. Shapes stay.

    Mean and variance belong to each position along `axis` (an integer, several, or None for one pair for all); they
    come from `adapt`, which adds up in float64, or from the arguments. Weights, if not given: mean, variance, count.
    ValueError for an axis that the inputs lack, or whose size is unknown.
    """

    _accepts_integers = False

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.invert = invert
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Layer {self.name!r}: `mean` and `variance` go together; give both or neither. "
                f"Received: mean={mean!r}, variance={variance!r}"
            )
        self.input_mean = _as_numbers(mean)
        self.input_variance = _as_numbers(variance)
        if np.shape(self.input_mean) != np.shape(self.input_variance):
            raise ValueError(
                f"Layer {self.name!r}: `mean` and `variance` must have the same shape. Received: "
                f"{np.shape(self.input_mean)} and {np.shape(self.input_variance)}"
            )
        if np.ndim(self.input_mean) > len(self.axis):
            raise ValueError(
                f"Layer {self.name!r}: `mean` must have at most as many axes as `axis` names, {len(self.axis)}. "
                f"Received: a mean of shape {np.shape(self.input_mean)} for axis={self.axis}"
            )

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                f"Layer {self.name!r}: `axis` must lie in -{rank}..{rank - 1} for inputs of {rank} axes. "
                f"Received: axis={self.axis}, inputs of shape {tuple(input_shape)}"
            )
        self._kept = tuple(sorted(axis % rank for axis in self.axis))
        self._reduced = tuple(axis for axis in range(rank) if axis not in self._kept)
        sizes = tuple(input_shape[axis] for axis in self._kept)
        if None in sizes:
            raise ValueError(
                f"Layer {self.name!r}: the sizes of the axes in `axis` must be known. "
                f"Received: axis={self.axis}, inputs of shape {tuple(input_shape)}"
            )
        self._sizes = sizes
        self._broadcast_shape = tuple(input_shape[axis] if axis in self._kept else 1 for axis in range(rank))
        if self.input_mean is None:
            self.add_weight(sizes, "zeros", name="mean", trainable=False)
            self.add_weight(sizes, "ones", name="variance", trainable=False)
            self.add_weight((), "zeros", name="count", dtype="int64", trainable=False)
        else:
            for name, value in (("_given_mean", self.input_mean), ("_given_variance", self.input_variance)):
                self.register_buffer(name, self._spread(value, sizes), persistent=False)
        self.built = True

    def _spread(self, value: Any, sizes: tuple[int, ...]) -> torch.Tensor:
        tensor = torch.as_tensor(value, dtype=self._compute_torch_dtype, device=config.default_device())
        try:
            return tensor.broadcast_to(sizes).reshape(self._broadcast_shape)
        except RuntimeError as error:
            raise ValueError(
                f"Layer {self.name!r}: `mean` and `variance` must fit the axes {self._kept} of the inputs, of sizes "
                f"{sizes}. Received: the shape {tuple(tensor.shape)}"
            ) from error

    @property
    def adapt_mean(self) -> Any:
        """The weight that holds the learnt mean; None before `build`, and where it was given."""
        return self._own_weights[0] if self._own_weights else None

    @property
    def adapt_variance(self) -> Any:
        """The weight that holds the learnt variance."""
        return self._own_weights[1] if self._own_weights else None

    @property
    def count(self) -> Any:
        """The weight that holds the number of values behind each mean."""
        return self._own_weights[2] if self._own_weights else None

    @property
    def mean(self) -> torch.Tensor | None:
        """The mean, with the inputs' number of axes; None before `build`."""
        return self._statistic("_given_mean", self.adapt_mean)

    @property
    def variance(self) -> torch.Tensor | None:
        """The variance, with the inputs' number of axes; None before `build`."""
        return self._statistic("_given_variance", self.adapt_variance)

    def _statistic(self, given: str, weight: Any) -> torch.Tensor | None:
        if weight is None:
            return self.__dict__.get("_buffers", {}).get(given)
        return weight.value.reshape(self._broadcast_shape).to(self._compute_torch_dtype)

    def reset_state(self) -> None:
        self._running: tuple[Any, Any, int] = (0.0, 0.0, 0)
        if self.input_mean is None and self.built:
            for weight, value in zip(self._own_weights, (0, 1, 0), strict=True):
                weight.assign(torch.full_like(weight.value, value))

    def update_state(self, data: Any) -> None:
        """Merge the mean and variance of a batch into those of the batches so far (Chan et al. 1979), in float64."""
        if self.input_mean is not None:
            raise ValueError(
                f"Layer {self.name!r} cannot be adapted, because `mean` and `variance` were given to it. "
                "Make a layer without them."
            )
        data = self._adapt_batch(data)
        sizes = tuple(data.shape[axis] for axis in self._kept if axis < data.dim())
        if data.dim() != len(self._broadcast_shape) or sizes != self._sizes:
            raise ValueError(
                f"Layer {self.name!r} was built for inputs with the sizes {self._sizes} on the axes {self._kept}. "
                f"Received: data of shape {tuple(data.shape)}"
            )
        count = data.numel() // max(1, int(np.prod(self._sizes)))
        if not count:
            return
        values = data.to(torch.float64)
        if self._reduced:
            variance, mean = torch.var_mean(values, self._reduced, correction=0)
        else:
            variance, mean = torch.zeros_like(values), values
        known_mean, known_variance, known = self._running
        share = count / (known + count)
        shift = mean - known_mean
        merged = known_variance * (1 - share) + variance * share + shift.square() * share * (1 - share)
        self._running = (known_mean + shift * share, merged, known + count)

    def finalize_state(self) -> None:
        if self.input_mean is None and self._running[2]:
            for weight, value in zip(self._own_weights, self._running, strict=True):
                weight.assign(value)
            self._running = (0.0, 0.0, 0)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        mean, variance = self.mean, self.variance
        scale = torch.sqrt(variance).clamp(min=config.epsilon())  # type: ignore[arg-type]
        return mean + inputs * scale if self.invert else (inputs - mean) / scale  # type: ignore[operator]

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self.compute_dtype

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "axis": self.axis,
            "invert": self.invert,
            "mean": self.input_mean,
            "variance": self.input_variance,
        }


def _as_numbers(value: Any) -> Any:
    """Return numbers, arrays or tensors as plain lists, which configs can hold; None stays None."""
    if value is None:
        return None
    array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    return array.tolist()
