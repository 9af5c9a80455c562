"""h5py 2 and PyYAML before 6: files opened without a mode, `Dataset.value`, and `yaml.load` without a loader."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

from keras_torch.dropin.era.callers import called_by_a_script

_Set = Callable[[Any, str, Any], None]


def change_h5py(module: ModuleType, set_: _Set) -> None:
    """Open files for reading and writing where the script names no mode, and give datasets their `value`."""
    original = module.File.__init__

    @functools.wraps(original)
    def __init__(self: Any, name: Any, *args: Any, **kwargs: Any) -> None:
        if args or "mode" in kwargs or not isinstance(name, (str, bytes, os.PathLike)) or not called_by_a_script():
            original(self, name, *args, **kwargs)
            return
        try:
            original(self, name, "a", **kwargs)
        except OSError:
            # Old h5py opened what cannot be written for reading.
            if not os.path.exists(name):
                raise
            original(self, name, "r", **kwargs)

    set_(module.File, "__init__", __init__)
    if not hasattr(module.Dataset, "value"):
        set_(module.Dataset, "value", property(lambda self: self[()], doc="The whole dataset."))


def change_yaml(module: ModuleType, set_: _Set) -> None:
    """Read without a loader as data only: tags that would make objects of Python are refused."""
    for name in ("load", "load_all"):
        function = getattr(module, name)
        parameter = inspect.signature(function).parameters.get("Loader")
        if parameter is not None and parameter.default is inspect.Parameter.empty:
            set_(module, name, _with_loader(function, module.SafeLoader))


def _with_loader(function: Callable[..., Any], safe: Any) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(stream: Any, Loader: Any = safe) -> Any:
        return function(stream, Loader)

    return wrapper
