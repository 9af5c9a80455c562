"""Names of Keras's backends that were not meant for scripts, which used them nevertheless."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.backend.tensors import tensor
from keras_torch.backend.variables import cast

_EPSILON = 1e-7
_FLOATX = "float32"


def _to_tensor(x: Any, dtype: Any) -> Any:
    """Return a number, an array or a tensor as a tensor of a dtype."""
    return cast(tensor(x), dtype)


def _get_available_gpus() -> list[str]:
    """Return the names of the GPUs, as TensorFlow has them."""
    return [f"/device:GPU:{number}" for number in range(torch.cuda.device_count())]


def get_keras_mask(x: Any) -> Any:
    """Return the mask that came with a tensor, or None."""
    return getattr(x, "_keras_mask", None)


def set_keras_mask(x: Any, mask: Any) -> None:
    """Let a mask go with a tensor to the next layer."""
    x._keras_mask = mask
