"""The import hook: `keras`, `keras_core`, `tf_keras`, `tensorflow` and what is below them resolve to our modules.

The module objects are shared: `keras.layers` is `keras_torch.layers`. Only `sys.modules` knows them by both names.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from keras_torch.dropin import module_paths, tensorflow

ROOTS = ("keras", "keras_core", "tf_keras", "tensorflow", *module_paths.PARTS)


class JoinedModule(ModuleType):
    """A module whose names are those of several others, the first that has one winning."""

    __path__: list[str]

    def __init__(self, name: str, modules: Sequence[ModuleType]) -> None:
        super().__init__(name)
        self.__path__ = []
        self.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
        self._modules = tuple(modules)

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return sorted({item for module in self._modules for item in _public_names(module)})
        if not name.startswith("__"):
            for module in self._modules:
                if hasattr(module, name):
                    return getattr(module, name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


def _public_names(module: ModuleType) -> list[str]:
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    return list(names)


def _exists(name: str) -> bool:
    """Whether a module of ours can be imported, without importing it."""
    if name in sys.modules:
        return True
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def target_of(name: str) -> str | None:
    """Return our module for an old dotted name, or None if there is none."""
    rest = module_paths.split(name)
    if rest is None:
        return None
    for path in (module_paths.MOVED.get(rest), rest):
        if path is not None:
            target = f"keras_torch.{path}" if path else "keras_torch"
            if _exists(target):
                return target
    return None


def _is_part(name: str) -> bool:
    return name.partition(".")[0] == "tensorflow" and tensorflow.is_package(name)


def _not_found(name: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f"No module named {name!r}: keras_torch, which stands in for it, has no such part", name=name
    )


def load(name: str) -> ModuleType:
    """Return the module that answers for `name`; ModuleNotFoundError if nothing does."""
    rest = module_paths.split(name)
    if name in module_paths.PARTS:
        parts = [f"keras_torch.{rest}", "keras_torch.dropin.parts"]
        return JoinedModule(name, [importlib.import_module(part) for part in parts])
    if rest in module_paths.JOINED:
        parts = [f"keras_torch.{part}" for part in module_paths.JOINED[rest]]
        return JoinedModule(name, [importlib.import_module(part) for part in parts if _exists(part)])
    target = target_of(name)
    if target is not None:
        return importlib.import_module(target)
    if _is_part(name):
        return tensorflow.load(name)
    raise _not_found(name)


class _Loader(importlib.abc.Loader):
    """Puts the shared module into `sys.modules` in place of the empty one that the import system made."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__spec__.name if module.__spec__ else module.__name__
        sys.modules[name] = load(name)


def is_keras(name: str) -> bool:
    """Whether a module below the real `tensorflow` is Keras. `tensorflow.python.keras` is used by TensorFlow itself."""
    return module_paths.split(name) is not None and not name.startswith("tensorflow.python.")


class _RealLoader(importlib.abc.Loader):
    """Loads the real TensorFlow as its own loader does, and then gives it our Keras."""

    def __init__(self, loader: Any, give_keras: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._give_keras = give_keras

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._give_keras(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def in_real_tensorflow(tensorflow: ModuleType) -> list[tuple[ModuleType, str, Any]]:
    """Return what is ours within the real TensorFlow: (module, attribute, value)."""
    root = importlib.import_module("keras_torch")
    compat = getattr(tensorflow, "compat", None)
    versions = [getattr(compat, name) for name in ("v1", "v2") if hasattr(compat, name)]
    found = [(module, "keras", root) for module in (tensorflow, *versions)]
    # Those of Keras, at the root since TensorFlow 2.
    packages = ("initializers", "losses", "metrics", "optimizers")
    return found + [(tensorflow, name, importlib.import_module(f"keras_torch.{name}")) for name in packages]


class Finder:
    """Meta path finder for the names in `ROOTS`; what we do not have is left to the finders behind it.

    With `give_keras`, which puts our Keras into it, all of `tensorflow` but that is left to them.
    """

    def __init__(self, give_keras: Callable[[ModuleType], None] | None = None) -> None:
        self._under_way: set[str] = set()
        self._give_keras = give_keras

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Return a spec whose loader yields our module; ModuleNotFoundError if nobody has such a module."""
        root = name.partition(".")[0]
        if root not in ROOTS or name in self._under_way:
            return None
        if self._give_keras is not None and root == "tensorflow" and not is_keras(name):
            return self._real_root(path, target, self._give_keras) if name == root else None
        # Another hook may answer a search for a module of ours by importing this very name.
        self._under_way.add(name)
        try:
            if module_paths.split(name) in module_paths.JOINED or _is_part(name):
                return importlib.machinery.ModuleSpec(name, _Loader(), is_package=True)
            if target_of(name) is not None:
                return importlib.machinery.ModuleSpec(name, _Loader(), is_package=True)
            return self._found_by_others(name, path, target)
        finally:
            self._under_way.discard(name)

    def _real_root(
        self, path: Any, target: Any, give_keras: Callable[[ModuleType], None]
    ) -> importlib.machinery.ModuleSpec:
        try:
            spec = self._found_by_others("tensorflow", path, target)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "The real TensorFlow was asked for (`--real-tensorflow`, or KERAS_TORCH_TENSORFLOW=real) and is not "
                "installed: pip install tensorflow. Without that, `tensorflow` is a stand-in on torch.",
                name="tensorflow",
            ) from error
        spec.loader = _RealLoader(spec.loader, give_keras)
        return spec

    def _found_by_others(self, name: str, path: Any, target: Any) -> importlib.machinery.ModuleSpec:
        behind = sys.meta_path[sys.meta_path.index(self) + 1 :]  # type: ignore[arg-type]
        for finder in behind:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                return spec
        raise _not_found(name)
