"""What an element of a dataset looks like: `tf.TensorSpec`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from keras_torch import config
from keras_torch.backend.string_array import STRING, StringArray, to_strings
from keras_torch.data.pipeline.blocks import to_leaf
from keras_torch.symbolic import Shape


class TensorSpec:
    """Shape (None where the size is open, or None as a whole) and type of a tensor."""

    def __init__(self, shape: Any, dtype: Any = torch.float32, name: str | None = None) -> None:
        self.shape: Any = None if shape is None else Shape(None if size is None else int(size) for size in shape)
        self.dtype: Any = STRING if is_string(dtype) else config.torch_dtype(dtype)
        self.name = name

    @staticmethod
    def structure(types: Any, shapes: Any) -> Any:
        """Return specs structured like `types`."""
        if isinstance(types, Mapping):
            return {key: TensorSpec.structure(item, (shapes or {}).get(key)) for key, item in types.items()}
        if isinstance(types, (tuple, list)):
            parts = shapes if shapes is not None else [None] * len(types)
            return tuple(TensorSpec.structure(item, part) for item, part in zip(types, parts, strict=True))
        return TensorSpec(shapes, types)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[Any, Any]:
        return None if self.shape is None else tuple(self.shape), self.dtype

    def __repr__(self) -> str:
        dtype = self.dtype if isinstance(self.dtype, str) else config.dtype_name(self.dtype)
        return f"TensorSpec(shape={self.shape}, dtype={dtype}, name={self.name!r})"


def is_string(dtype: Any) -> bool:
    """Whether a type is that of text."""
    return dtype == STRING or dtype is str or getattr(dtype, "name", None) == STRING


def spec_of(leaf: Any, has_loose_batch: bool) -> Any:
    """Return the spec of a component; the size of a batch that may be smaller at the end is open."""
    if hasattr(leaf, "element_spec"):
        return leaf.element_spec
    shape = tuple(leaf.shape)
    return TensorSpec((None, *shape[1:]) if has_loose_batch and shape else shape, _dtype(leaf))


def _dtype(leaf: Any) -> Any:
    return STRING if isinstance(leaf, StringArray) else leaf.dtype


def cast_like(value: Any, spec: Any) -> Any:
    """Return an element with the types of a spec; ValueError if it is structured or shaped otherwise."""
    if isinstance(spec, Mapping):
        if not isinstance(value, Mapping) or set(value) != set(spec):
            raise _wrong(value, spec)
        return {key: cast_like(value[key], item) for key, item in spec.items()}
    if isinstance(spec, (tuple, list)):
        if not isinstance(value, (tuple, list)) or len(value) != len(spec):
            raise _wrong(value, spec)
        return tuple(cast_like(item, part) for item, part in zip(value, spec, strict=True))
    if is_string(spec.dtype):
        leaf = to_strings(value, "an element of the generator")
    else:
        leaf = to_leaf(value)
        if isinstance(leaf, StringArray):
            raise _wrong(value, spec)
        dtype = config.torch_dtype(spec.dtype)
        leaf = leaf if leaf.dtype == dtype else leaf.to(dtype)
    shape = None if spec.shape is None else tuple(spec.shape)
    fits = shape is None or (
        len(shape) == len(leaf.shape)
        and all(want is None or want == found for want, found in zip(shape, leaf.shape, strict=True))
    )
    if not fits:
        raise _wrong(value, spec)
    return leaf


def _wrong(value: Any, spec: Any) -> ValueError:
    shape = f" of shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    return ValueError(
        f"The generator yielded an element that does not fit. Expected: {spec}. Received: {value!r:.100}{shape}"
    )
