"""`install()`: from then on `import keras` and `from tensorflow import keras` mean keras_torch."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType
from typing import Any

from keras_torch import config
from keras_torch.callbacks import event_files
from keras_torch.dropin import borrowed, finder, module_paths, numpy_operands, tensorflow
from keras_torch.dropin import era as old_names

KERAS_VERSIONS = {"1": "1.2.2", "2": "2.2.4", "tf": "2.15.0", "3": "3.15.1", None: "3.15.1"}

_active: Installation | None = None
_MISSING = object()


# "real" leaves an installed TensorFlow alone; processes that a script starts inherit it.
TENSORFLOW_VARIABLE = "KERAS_TORCH_TENSORFLOW"


class Installation:
    """The import hook in place. `uninstall()`, or leaving the `with` block, puts everything back as it was."""

    def __init__(self, real_tensorflow: bool = False) -> None:
        self.real_tensorflow = real_tensorflow
        self._set_aside: dict[str, ModuleType] = {}
        self._attributes: list[tuple[ModuleType, str, Any]] = []
        self._dialect = config.dialect()
        self._hook = finder.Finder(self._give_keras if real_tensorflow else None)
        self._era: old_names.Era | None = None

    def _stands_in_for(self, name: str) -> bool:
        root = name.partition(".")[0]
        is_real = self.real_tensorflow and root == "tensorflow" and not finder.is_keras(name)
        return root in finder.ROOTS and not is_real

    def _set(self, module: ModuleType, name: str, value: Any) -> None:
        self._attributes.append((module, name, module.__dict__.get(name, _MISSING)))
        setattr(module, name, value)

    def _give_keras(self, real: ModuleType) -> None:
        for owner, name, value in finder.in_real_tensorflow(real):
            self._set(owner, name, value)

    def start(self) -> None:
        """Put the hook first in `sys.meta_path` and make the old submodules attributes of their packages."""
        for name in [name for name in sys.modules if self._stands_in_for(name)]:
            self._set_aside[name] = sys.modules.pop(name)
        sys.meta_path.insert(0, self._hook)
        if not self.real_tensorflow:
            event_files.do_without_tensorflow()
        tensorflow.forget()
        is_old = config.dialect() in ("1", "2", "tf")
        tensorflow.change_tensors(values_only=not is_old)
        if is_old:
            for module, name, value in borrowed.names():
                self._set(module, name, value)
        else:
            numpy_operands.install()
        root = importlib.import_module("keras_torch")
        self._set(root, "__version__", KERAS_VERSIONS[config.dialect()])
        for rest in (*module_paths.MOVED, *module_paths.JOINED):
            self._register(rest)
        if self.real_tensorflow and "tensorflow" in sys.modules:
            self._give_keras(sys.modules["tensorflow"])

    def add_era(self) -> None:
        """Let libraries beside Keras answer to the names that they had then, too."""
        self._era = old_names.install()

    def _register(self, rest: str) -> None:
        """Enter one old path in `sys.modules` and, unless the name is a function or class there, in its package.

        Entered beforehand, it is not bound to its package by a later import, which would cover names such as the
        function `keras.layers.merge`. A submodule of ours is covered: `keras.layers.core` had more names. A module of
        another path is not covered by a file inside Keras: `keras.layers.activations` was `keras.activations`.
        """
        if rest not in module_paths.JOINED and finder.target_of(f"keras.{rest}") is None:
            return
        module = finder.load(f"keras.{rest}")
        for prefix in module_paths.PREFIXES:
            if self._stands_in_for(f"{prefix}.{rest}"):
                sys.modules[f"{prefix}.{rest}"] = module
        parent_path, _, child = rest.rpartition(".")
        parent = sys.modules.get(f"keras_torch.{parent_path}" if parent_path else "keras_torch")
        there = getattr(parent, child, None)
        if parent is not None and (there is None or (isinstance(there, ModuleType) and rest not in module_paths.FILES)):
            self._set(parent, child, module)

    def uninstall(self) -> None:
        """Remove the hook, restore the modules that it covered and the dialect of before."""
        global _active
        if _active is not self:
            return
        _active = None
        if self._era is not None:
            self._era.uninstall()
        sys.meta_path.remove(self._hook)  # type: ignore[arg-type]
        tensorflow.restore_tensors()
        numpy_operands.uninstall()
        for name in [name for name in sys.modules if self._stands_in_for(name)]:
            del sys.modules[name]
        sys.modules.update(self._set_aside)
        for module, name, value in reversed(self._attributes):
            if value is _MISSING:
                module.__dict__.pop(name, None)
            else:
                setattr(module, name, value)
        config.set_dialect(self._dialect)

    def __enter__(self) -> Installation:
        return self

    def __exit__(self, *exc: object) -> None:
        self.uninstall()


def install(dialect: str | None = None, era: bool = False, real_tensorflow: bool | None = None) -> Installation:
    """Make `keras`, `keras.*`, `tf_keras`, `tensorflow.keras.*` and `tensorflow`'s settings resolve to keras_torch.

    `dialect` is "1", "2", "tf", "3" or None (today's Keras, lenient); it decides defaults, the order of positional
    arguments and what `keras.__version__` answers. With `era`, names that numpy, scipy, scikit-learn, pandas, h5py and
    Python itself had at the time of Keras 1 and 2 answer again where they are missing. With `real_tensorflow` (by
    default if KERAS_TORCH_TENSORFLOW is "real") an installed TensorFlow stays what it is, except for its Keras. Real
    packages called as ours are covered, and those already imported are set aside, until `uninstall()`. A second call
    changes the dialect, may add the era, and returns the same object.
    """
    global _active
    if real_tensorflow is None:
        real_tensorflow = os.environ.get(TENSORFLOW_VARIABLE, "").lower() == "real"
    if _active is None:
        _active = Installation(real_tensorflow)
        config.set_dialect(dialect)
        _active.start()
    else:
        if real_tensorflow != _active.real_tensorflow:
            raise ValueError(
                "The import hook is in place with another `tensorflow` already: call `uninstall()` on what `install` "
                f"returned first. Received: real_tensorflow={real_tensorflow}"
            )
        config.set_dialect(dialect)
        importlib.import_module("keras_torch").__version__ = KERAS_VERSIONS[dialect]  # type: ignore[attr-defined]
        tensorflow.forget()
    if era:
        _active.add_era()
    return _active
