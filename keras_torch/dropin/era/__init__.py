"""Names that libraries beside Keras had in 2015 to 2019, added again where they are missing.

`tables` says which; modules get their names the moment they are imported, and a name is looked up when it is first
used, so nothing is imported that the script does not import itself.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.abc
import importlib.machinery
import os
import pkgutil
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

from keras_torch.dropin.era import tables

_MISSING = object()
_active: Era | None = None


class Era:
    """The old names in place. `uninstall()`, or leaving the `with` block, takes them away again."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []
        self._modules: list[str] = []
        self._backend_chosen = False
        self._hook = _Finder(self)

    def start(self) -> None:
        """Add the names to modules that are imported already, and the hook for those that will be."""
        for name, target in tables.BUILTINS.items():
            if not hasattr(builtins, name):
                self.set(builtins, name, pkgutil.resolve_name(target))
        for name in tables.WATCHED:
            if name in sys.modules:
                self.apply(sys.modules[name])
        if "MPLBACKEND" not in os.environ and _without_display():
            os.environ["MPLBACKEND"] = "Agg"
            self._backend_chosen = True
        sys.meta_path.insert(0, self._hook)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute of a module or class, to be undone."""
        self._undo.append((owner, name, vars(owner).get(name, _MISSING)))
        setattr(owner, name, value)

    def apply(self, module: ModuleType) -> None:
        """Add to a module what the tables list for it."""
        name = module.__name__
        if name in tables.NAMES:
            self.set(module, "__getattr__", self._getter(module, vars(module).get("__getattr__")))
        if name in tables.CHANGES:
            pkgutil.resolve_name(tables.CHANGES[name])(module, self.set)

    def _getter(self, module: ModuleType, before: Callable[[str], Any] | None) -> Callable[[str], Any]:
        names = tables.NAMES[module.__name__]

        def __getattr__(name: str) -> Any:
            if name in names:
                value = pkgutil.resolve_name(names[name])
                self.set(module, name, value)
                return value
            if before is not None:
                return before(name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        return __getattr__

    def remember(self, name: str) -> None:
        """Note a module that only stands in, to be removed."""
        self._modules.append(name)

    def uninstall(self) -> None:
        """Take away every name that was added."""
        global _active
        if _active is not self:
            return
        _active = None
        sys.meta_path.remove(self._hook)
        if self._backend_chosen:
            os.environ.pop("MPLBACKEND", None)
        for owner, name, value in reversed(self._undo):
            if value is not _MISSING:
                setattr(owner, name, value)
            elif name in vars(owner):
                delattr(owner, name)
        for name in self._modules:
            sys.modules.pop(name, None)
            package, _, child = name.rpartition(".")
            vars(sys.modules.get(package, self)).pop(child, None)

    def __enter__(self) -> Era:
        return self

    def __exit__(self, *exc: object) -> None:
        self.uninstall()


def install() -> Era:
    """Add the old names until `uninstall()`; a second call returns the same object."""
    global _active
    if _active is None:
        _active = Era()
        _active.start()
    return _active


def _without_display() -> bool:
    return sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class _StandIn(ModuleType):
    """A module that exists no more: names of the table, then those of the module that took its place."""

    def __getattr__(self, name: str) -> Any:
        names = tables.NAMES.get(self.__name__, {})
        successor = tables.MODULES[self.__name__]
        if name == "__all__":
            return sorted({*names, *(dir(importlib.import_module(successor)) if successor else ())})
        if name in names:
            value = pkgutil.resolve_name(names[name])
        elif successor and not name.startswith("__"):
            value = getattr(importlib.import_module(successor), name, _MISSING)
        else:
            value = _MISSING
        if value is _MISSING:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        setattr(self, name, value)
        return value


class _StandInLoader(importlib.abc.Loader):
    def __init__(self, era: Era) -> None:
        self._era = era

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        successor = tables.MODULES[spec.name]
        if successor:
            importlib.import_module(successor)
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        self._era.remember(module.__name__)


class _AppliedLoader(importlib.abc.Loader):
    """Runs the module's own loader, then adds the names."""

    def __init__(self, loader: Any, era: Era) -> None:
        self._loader = loader
        self._era = era

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        with warnings.catch_warnings():
            # What `scipy.misc` says of its end.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._loader.exec_module(module)
        self._era.apply(module)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, era: Era) -> None:
        self._era = era

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """Find a module of the tables: the real one, to be given its old names, or the one that stands in for it."""
        if name not in tables.WATCHED and name not in tables.MODULES:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                if name in tables.WATCHED:
                    spec.loader = _AppliedLoader(spec.loader, self._era)
                return spec
        if name in tables.MODULES:
            is_package = any(other.startswith(name + ".") for other in tables.MODULES)
            return importlib.machinery.ModuleSpec(name, _StandInLoader(self._era), is_package=is_package)
        return None
