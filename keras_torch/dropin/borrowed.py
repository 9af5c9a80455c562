"""What the files of Keras imported for themselves, and scripts then took from there: `K`, `np`, `tf`, modules.

`from keras.layers.core import K`, `keras.callbacks.np`, `K.tf.shape(x)`: names that Keras 1 and 2 had in many files.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np


class _Later(ModuleType):
    """A module that is imported when something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(self.__name__), name)


_PARTS = ("activations", "constraints", "initializers", "regularizers")
# Files of TensorFlow that its backend took functions from.
_OPS = ("control_flow_ops", "functional_ops", "math_ops", "tensor_array_ops")
_USES_BACKEND = ("callbacks", "layers", "losses", "metrics", "models", "optimizers", *_PARTS)


def names() -> list[tuple[ModuleType, str, Any]]:
    """Return (module, name, value) of all that our modules do not have by themselves."""
    modules = {name: importlib.import_module(f"keras_torch.{name}") for name in (*_USES_BACKEND, "backend")}
    found: list[tuple[ModuleType, str, Any]] = []
    for name in _USES_BACKEND:
        found += [(modules[name], "K", modules["backend"]), (modules[name], "np", np)]
    found += [(modules["layers"], name, modules[name]) for name in _PARTS]
    found += [(modules["backend"], "tf", _Later("tensorflow")), (modules["backend"], "np", np)]
    found += [(modules["backend"], name, _Later(f"tensorflow.python.ops.{name}")) for name in _OPS]
    return [item for item in found if item[1] not in vars(item[0])]
