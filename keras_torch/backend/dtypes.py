"""Questions about dtypes (Keras 3)."""

from __future__ import annotations

import functools
from typing import Any

import torch

from keras_torch import config


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype or its name is a float type."""
    return config.torch_dtype(dtype).is_floating_point


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype or its name is an integer type, signed or not."""
    found = config.torch_dtype(dtype)
    return not (found.is_floating_point or found.is_complex or found is torch.bool)


def result_type(*dtypes: Any) -> str:
    """Return the name of the dtype that an operation on tensors of these dtypes gives, by torch's promotion.

    Python's `int` and `float`, and None for either, only decide the kind: with a float it is `floatx` or wider.
    """
    if not dtypes:
        return config.floatx()
    kinds = [config.floatx() if item in (float, None) else item for item in dtypes]
    sized = [config.torch_dtype(item) for item, given in zip(kinds, dtypes, strict=True) if given not in (int, float)]
    if float in dtypes and not any(item.is_floating_point for item in sized):
        sized.append(config.torch_dtype(None))
    return config.dtype_name(functools.reduce(torch.promote_types, sized) if sized else torch.int32)
