"""HashedCrossing: combinations of features as the number of a bucket."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch.backend.string_array import StringArray
from keras_torch.layers.preprocessing.encoding import encoded_shape
from keras_torch.layers.preprocessing.fingerprints import fingerprints
from keras_torch.layers.preprocessing.hashing import HashingLayer
from keras_torch.layers.preprocessing.string_lookup import as_text

# TensorFlow's default key, and the factor of FarmHash's way to join two fingerprints, as signed numbers.
_KEY = 0xDECAFCAFFE
_FACTOR = 0xC6A4A7935BD1E995 - 2**64


class HashedCrossing(HashingLayer):
    """Replace the combination of two or more features by a bucket below `num_bins`, as TensorFlow hashes crossings.

    Inputs: a list of strings or integers of the shapes (), (batch,) or (batch, 1), all alike. Output mode "int" gives
    int64 of that shape, "one_hot" floats (batch, num_bins).
    """

    def __init__(self, num_bins: int, output_mode: str = "int", sparse: bool = False, **kwargs: Any) -> None:
        super().__init__(num_bins, output_mode, ("int", "one_hot"), sparse, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Cross a list of features: lists, arrays, tensors or symbolic tensors."""
        if args:
            if not isinstance(args[0], (list, tuple)) or len(args[0]) < 2:
                raise ValueError(
                    f"Layer {self.name!r} takes a list of two or more features. Received: {type(args[0]).__name__}"
                )
            args = ([self._read(feature) for feature in args[0]], *args[1:])
        return super().__call__(*args, **kwargs)

    def _read(self, feature: Any) -> Any:
        feature = as_text(self, (feature,))[0]
        return np.asarray(feature) if isinstance(feature, (list, tuple, int)) else feature

    def call(self, inputs: Any) -> torch.Tensor:
        shapes = [tuple(feature.shape) for feature in inputs]
        self._check_shapes(shapes)
        result: Any = torch.full((), _KEY, dtype=torch.int64, device=self._place.device)
        for feature in inputs:
            if isinstance(feature, StringArray):
                hashes = fingerprints(feature.ravel().tolist()).astype(np.int64).reshape(feature.shape)
                feature = torch.from_numpy(hashes).to(self._place.device)
            elif feature.is_floating_point():
                raise ValueError(
                    f"Layer {self.name!r} takes strings or integers. Received: a feature of dtype {feature.dtype}"
                )
            result = _join(result, feature.long())
        # The remainder of the number without sign: it is twice its upper 63 bits plus the last bit.
        upper = (result >> 1) & (2**63 - 1)
        return self._encode(((upper % self.num_bins) * 2 + (result & 1)) % self.num_bins)

    def _check_shapes(self, shapes: Any) -> None:
        first = tuple(shapes[0])
        if len(first) > 2 or (len(first) == 2 and first[1] != 1) or any(tuple(shape) != first for shape in shapes):
            raise ValueError(
                f"Layer {self.name!r} takes features of one shape: (), (batch,) or (batch, 1). "
                f"Received: {[tuple(shape) for shape in shapes]}"
            )

    def compute_output_shape(self, input_shape: Any) -> Any:
        self._check_shapes(input_shape)
        return encoded_shape(input_shape[0], self.output_mode, self.num_bins)


def _mix(value: torch.Tensor) -> torch.Tensor:
    return value ^ ((value >> 47) & (2**17 - 1))


def _join(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    result = (first ^ _FACTOR) ^ (_mix(second * _FACTOR) * _FACTOR)
    return _mix(_mix(result * _FACTOR) * _FACTOR)
