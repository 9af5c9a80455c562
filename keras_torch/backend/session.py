"""Values of variables, and the calls on sessions that remain as settings or as nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.symbolic import naming

_ORDERINGS = {"th": "channels_first", "tf": "channels_last"}


def get_value(x: Any) -> Any:
    """Return the value of a variable or tensor as a numpy array, independent of it."""
    if isinstance(x, torch.Tensor):
        return x.detach().cpu().numpy().copy()
    if hasattr(x, "numpy"):
        return np.array(x.numpy())
    return x


def batch_get_value(tensors: Iterable[Any]) -> list[Any]:
    """Return `get_value` of each."""
    return [get_value(tensor) for tensor in tensors]


def set_value(x: Any, value: Any) -> None:
    """Assign a number or array to a variable; ValueError if the shape differs."""
    if hasattr(x, "assign"):
        x.assign(value)
    elif isinstance(x, torch.Tensor):
        new = torch.as_tensor(value)
        if tuple(new.shape) != tuple(x.shape):
            raise ValueError(
                f"`set_value` expects a value of the variable's shape {tuple(x.shape)}. Received: {tuple(new.shape)}"
            )
        with torch.no_grad():
            x.copy_(new)
    else:
        raise TypeError(f"`set_value` expects a variable. Received: {x!r} of type {type(x).__name__}")


def batch_set_value(pairs: Iterable[Sequence[Any]]) -> None:
    """Call `set_value` with each pair of variable and value."""
    for variable, value in pairs:
        set_value(variable, value)


def clear_session() -> None:
    """Start counting layer names again. Models no longer referred to are freed by Python, as everything else is."""
    naming.reset_names()


def image_dim_ordering() -> str:
    """Return `"tf"` for channels last, `"th"` for channels first (Keras 1's spelling of `image_data_format`)."""
    return "th" if config.image_data_format() == "channels_first" else "tf"


def set_image_dim_ordering(dim_ordering: str) -> None:
    """Set the default layout of images: `"tf"` is channels last, `"th"` channels first."""
    if dim_ordering not in _ORDERINGS:
        raise ValueError(f"`dim_ordering` must be 'tf' or 'th'. Received: {dim_ordering!r}")
    config.set_image_data_format(_ORDERINGS[dim_ordering])


def set_session(session: Any) -> None:
    """Accept a TensorFlow session: its settings concern TensorFlow's runtime, which is not there."""
