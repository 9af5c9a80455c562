"""`input_signature` of `tf.function`: arguments become tensors of its types, or are refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch.backend.variable import WeightView
from keras_torch.data.pipeline.spec import TensorSpec
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor

# What is not a tensor yet.
_VALUES = (np.ndarray, np.generic, list, tuple, bool, int, float, str, bytes)


def binder(function: Callable[..., Any], specs: Sequence[Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Return what makes of the arguments of a call those that the function gets. TypeError for what does not fit."""
    signature = inspect.signature(function)
    name = getattr(function, "__qualname__", repr(function))
    # The object that a method belongs to is not described.
    in_class = "." in name and not name.rpartition(".")[0].endswith("<locals>")
    first = int(in_class and not inspect.ismethod(function))
    name = name.rpartition(".")[2]

    def bind(args: Any, kwargs: Any) -> tuple[Any, Any]:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"The call does not fit the `input_signature` of {name!r}: {error}.") from None
        given = list(bound.args)
        for place, spec in enumerate(specs, first):
            if place < len(given):
                given[place] = _fitted(given[place], spec, f"Argument {place - first} of {name!r}")
        return given, bound.kwargs

    return bind


def _fitted(item: Any, spec: Any, what: str) -> Any:
    if isinstance(spec, Mapping):
        if not isinstance(item, Mapping) or item.keys() != spec.keys():
            raise TypeError(f"{what} must be a dict with the keys {list(spec)}. Received: {item!r}")
        return {key: _fitted(item[key], part, f"{what}[{key!r}]") for key, part in spec.items()}
    if isinstance(spec, (list, tuple)):
        if not isinstance(item, (list, tuple)) or len(item) != len(spec):
            raise TypeError(f"{what} must be a list or tuple of {len(spec)} items. Received: {item!r}")
        parts = [_fitted(part, inner, f"{what}[{n}]") for n, (part, inner) in enumerate(zip(item, spec, strict=True))]
        return type(item)(*parts) if hasattr(item, "_fields") else type(item)(parts)
    return _tensor(item, spec, what) if isinstance(spec, TensorSpec) else item


def _tensor(item: Any, spec: TensorSpec, what: str) -> Any:
    given = item
    if isinstance(item, _VALUES) and not (isinstance(item, float) and _is_whole(spec.dtype)):
        item = convert_to_tensor(item, spec.dtype)
    if not _fits(item, spec):
        raise TypeError(f"{what} must fit {spec!r}, as its `input_signature` says. Received: {given!r}")
    return item


def _fits(item: Any, spec: TensorSpec) -> bool:
    if not hasattr(item, "shape"):
        return False
    known = isinstance(item, (torch.Tensor, WeightView)) and item.dtype != spec.dtype
    # The width of whole numbers is not TensorFlow's everywhere.
    if known and not (_is_whole(item.dtype) and _is_whole(spec.dtype)):
        return False
    if spec.shape is None:
        return True
    sizes = list(zip(spec.shape, item.shape, strict=False))
    return len(spec.shape) == len(item.shape) and all(None in pair or pair[0] == pair[1] for pair in sizes)


def _is_whole(dtype: Any) -> bool:
    numbers = isinstance(dtype, torch.dtype) and dtype is not torch.bool
    return numbers and not (dtype.is_floating_point or dtype.is_complex)
