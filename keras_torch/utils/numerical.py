"""Small conversions of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.errors import ClassNumberError
from keras_torch.legacy import translated


@translated("to_categorical")
def to_categorical(y: Any, num_classes: int | None = None, dtype: Any = "float32") -> Any:
    """Turn class numbers into one-hot vectors: shape `(...)` or `(..., 1)` becomes `(..., num_classes)`.

    Args:
        y: Integers from 0 to `num_classes - 1`: an array or list, or a torch tensor (the result is one then).
        num_classes: Number of classes; by default the largest label + 1.
        dtype: Of the result.

    Raises:
        ValueError: For labels outside the classes, or that are not whole numbers.
    """
    if isinstance(y, torch.Tensor):
        result = to_categorical(y.detach().cpu().numpy(), num_classes, dtype)
        return torch.from_numpy(result).to(y.device)
    values = np.asarray(y)
    labels = values.astype("int64")
    if not np.array_equal(labels, values):
        raise ValueError(f"`y` of to_categorical must hold whole numbers. Received: values of dtype {values.dtype}")
    shape = labels.shape[:-1] if labels.ndim > 1 and labels.shape[-1] == 1 else labels.shape
    labels = labels.reshape(-1)
    if not num_classes:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    outside = labels[(labels < 0) | (labels >= num_classes)]
    if outside.size:
        raise ClassNumberError(
            f"`y` of to_categorical must hold class numbers from 0 to {num_classes - 1} (`num_classes={num_classes}`). "
            f"Received: {int(outside[0])}"
        )
    result = np.zeros((labels.size, num_classes), dtype=dtype)
    result[np.arange(labels.size), labels] = 1
    return result.reshape((*shape, num_classes))


def to_ordinal(y: Any, num_classes: int | None = None, dtype: Any = "float32") -> Any:
    """Turn ranks into vectors with as many leading ones: shape `(...)` or `(..., 1)` becomes `(..., num_classes - 1)`.

    For ordinal regression: rank 2 of 4 is `[1, 1, 0]`. Arguments and errors are those of `to_categorical`.
    """
    if isinstance(y, torch.Tensor):
        return torch.from_numpy(to_ordinal(y.detach().cpu().numpy(), num_classes, dtype)).to(y.device)
    one_hot = to_categorical(y, num_classes, "int64")
    # Summed up from the last class on, there are ones for all classes up to the own; the first class is none.
    return np.flip(np.flip(one_hot, -1).cumsum(-1), -1)[..., 1:].astype(dtype)


@translated("normalize")
def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Divide `x` by its norm of the given `order` along `axis`; vectors of zeros stay as they are."""
    if isinstance(x, torch.Tensor):
        x = x if x.is_floating_point() else x.to(config.torch_dtype(None))
        norms = torch.linalg.vector_norm(x, order, dim=axis, keepdim=True)
        return x / torch.where(norms == 0, torch.ones_like(norms), norms)
    values = np.asarray(x)
    norms = np.atleast_1d(np.linalg.norm(values, order, axis, keepdims=True))
    return values / np.where(norms == 0, 1, norms)
