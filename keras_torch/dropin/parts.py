"""What `keras_preprocessing` and `keras_applications`, which Keras took parts of itself from, had besides."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

_NAMES = ("backend", "layers", "models", "utils")


def get_keras_submodule(name: str) -> ModuleType:
    """Return `keras.backend`, `.layers`, `.models`, `.utils` or `.engine`. ImportError for another name."""
    if name not in (*_NAMES, "engine"):
        raise ImportError(f"`get_keras_submodule` knows {(*_NAMES, 'engine')}. Received: {name!r}")
    return importlib.import_module(f"keras_torch.{name}")


def __getattr__(name: str) -> Any:
    # `keras_applications._KERAS_LAYERS` and so on, which packages of networks read.
    own = name.removeprefix("_KERAS_").lower()
    if name.startswith("_KERAS_") and own in _NAMES:
        return get_keras_submodule(own)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def set_keras_submodules(**modules: Any) -> None:
    """Accept the modules of this package. ValueError for others: it works with no other Keras."""
    for name, module in modules.items():
        if module is not None and module is not get_keras_submodule(name):
            raise ValueError(f"`set_keras_submodules`: `{name}` can be `keras.{name}` only. Received: {module!r}")


def get_submodules_from_kwargs(kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Return backend, layers, models and utils out of keyword arguments, ours where one is missing."""
    unknown = [name for name in kwargs if name not in _NAMES]
    if unknown:
        raise TypeError(f"Unknown keyword argument `{unknown[0]}`. The modules are {_NAMES}.")
    return tuple(kwargs.get(name) or get_keras_submodule(name) for name in _NAMES)


def correct_pad(backend: Any, inputs: Any, kernel_size: Any) -> Any:
    """Return `keras.applications.imagenet_utils.correct_pad` of the inputs, whatever the backend."""
    from keras_torch.applications.imagenet_utils import correct_pad as padding

    return padding(inputs, kernel_size)
