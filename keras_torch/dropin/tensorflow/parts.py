"""The modules that answer for `tensorflow` and what is below it: names are looked up in the tables when asked for."""

from __future__ import annotations

import contextlib
import functools
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from keras_torch import config

VERSIONS = {"1": "1.0.1", "2": "1.12.0", "tf": "2.15.0", "3": "2.18.0", None: "2.15.0"}
_OTHER_VERSIONS = {"__git_version__": "unknown", "version.GIT_VERSION": "unknown", "version.COMPILER_VERSION": "none"}
_VERSION_1 = "compat.v1"
_SHARED = ("compat.v1", "compat.v2")


class Part(ModuleType):
    """A piece of `tensorflow`; a name that it lacks is an AttributeError that says so."""

    __path__: list[str]

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []
        self.__spec__ = ModuleSpec(name, None, is_package=True)  # importlib.util.find_spec demands one

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [item for item in self.__dir__() if not item.startswith("_")]
        if name.startswith("__") and name not in ("__version__", "__git_version__"):
            raise AttributeError(name)
        path = f"{self.__name__}.{name}".removeprefix("tensorflow.")
        short, version_1 = _below(path)
        if short in ("__version__", "version.VERSION"):
            return VERSIONS[config.dialect()]
        if short in _OTHER_VERSIONS:
            return _OTHER_VERSIONS[short]
        value = _found(path, short, version_1)
        # Found without this method the next time; nobody but the user sets attributes otherwise.
        self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        prefix, _ = _below(self.__name__.removeprefix("tensorflow").removeprefix("."))
        names, old = _tables()
        prefix = f"{prefix}." if prefix else ""
        return sorted({path[len(prefix) :].partition(".")[0] for path in (*names, *old) if path.startswith(prefix)})


def _below(path: str) -> tuple[str, bool]:
    """Return a path without `compat.v1` or `compat.v2`, and whether the former was there."""
    for package in _SHARED:
        if path == package or path.startswith(package + "."):
            return path[len(package) + 1 :], package == _VERSION_1
    return path, False


@functools.cache
def _tables() -> tuple[dict[str, Any], dict[str, Any]]:
    from keras_torch.dropin.tensorflow import table

    return table.NAMES, table.VERSION_1


@functools.cache
def _packages() -> frozenset[str]:
    from keras_torch.dropin.tensorflow import inside, refusals

    paths = [*_tables()[0], *_tables()[1], *refusals.FUNCTIONS, *(f"{file}.*" for file in inside.FILES)]
    # What is written with a capital is a class, which is no package.
    found = {path.rpartition(".")[0] for path in paths if not path.rpartition(".")[0].rpartition(".")[2][:1].isupper()}
    return frozenset({".".join(item.split(".")[: end + 1]) for item in found for end in range(item.count(".") + 1)})


def _found(path: str, short: str, version_1: bool) -> Any:
    if short == "keras":
        # Before the tables, which take time to load: most scripts want no more.
        import keras_torch

        return keras_torch
    names, old = _tables()
    first, second = (old, names) if version_1 or config.dialect() in ("1", "2") else (names, old)
    for known in (first, second):
        if short in known:
            return known[short]
    from keras_torch.dropin.tensorflow import inside, table

    if short in table.MODULES and first is names:
        return table.MODULES[short]
    with contextlib.suppress(KeyError):
        return inside.find(short, (names, old))
    if is_package(f"tensorflow.{path}"):
        return load(f"tensorflow.{path}")
    from keras_torch.dropin.tensorflow import refusals

    raise AttributeError(refusals.text(path, short))


# Packages that scripts import from, and that hold nothing but what the hook finds for them.
_HOLDERS = frozenset(
    {
        "compat",
        "compat.v1",
        "compat.v2",
        "contrib",
        "contrib.keras.api",
        "python",
        "python.framework",
        "python.ops",
        "version",
    }
)


def is_package(name: str) -> bool:
    """Whether `name`, such as `tensorflow.math`, is a module here."""
    if name == "tensorflow":
        return True
    path = name.removeprefix("tensorflow.")
    return path != name and (path in _HOLDERS or _below(path)[0] in _packages())


_loaded: dict[str, Part] = {}


def load(name: str) -> Part:
    """Return the module of that name, always the same object."""
    if name not in _loaded:
        _loaded[name] = Part(name)
    return _loaded[name]


def forget() -> None:
    """Look names up again: which version of TensorFlow comes first depends on the dialect."""
    for part in _loaded.values():
        kept = {key: value for key, value in part.__dict__.items() if key.startswith("__")}
        part.__dict__.clear()
        part.__dict__.update(kept)
