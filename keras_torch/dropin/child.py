"""The main module of processes that multiprocessing starts anew under `keras-torch run`.

Such a process runs the script again, under another name, to find its functions and classes. It has to know the import
hook before; so the script's process names this module as the one that it was started from.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import json
import os
from types import CodeType
from typing import Any

VARIABLE = "KERAS_TORCH_RUNNING"
_NAME = "keras_torch.dropin.child"


class _ModuleSpec(importlib.machinery.ModuleSpec):
    """Names this module to new processes, and the package of the user's module to relative imports in it."""

    package = ""

    @property
    def parent(self) -> str:  # type: ignore[override]
        """The package that relative imports start from."""
        return self.package


def spec_of(script: str | os.PathLike[str]) -> importlib.machinery.ModuleSpec:
    """Return the spec by which new processes find this module, and then the script."""
    return importlib.machinery.ModuleSpec(_NAME, None, origin=os.path.abspath(script))


def spec_of_module(spec: importlib.machinery.ModuleSpec) -> importlib.machinery.ModuleSpec:
    """Return the spec by which new processes find this module, and then the one that runs as `-m`."""
    found = _ModuleSpec(_NAME, spec.loader, origin=spec.origin)
    found.package = spec.parent or ""
    return found


def module_code(name: str) -> tuple[importlib.machinery.ModuleSpec, CodeType]:
    """Return spec and code of what `-m name` runs: the module, or `__main__` of a package. ImportError without."""
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = importlib.util.find_spec(f"{name}.__main__")
        if spec is None:
            raise ImportError(f"{name!r} is a package without a module `__main__`, so it cannot be run.")
    get_code = getattr(getattr(spec, "loader", None), "get_code", None)
    code = get_code(spec.name) if spec is not None and get_code is not None else None
    if spec is None or code is None:
        raise ModuleNotFoundError(f"There is no Python module {name!r} to run.", name=name)
    return spec, code


def main_names(spec: importlib.machinery.ModuleSpec) -> dict[str, Any]:
    """Return the attributes by which a running module knows where it came from."""
    return {"__file__": spec.origin, "__loader__": spec.loader, "__package__": spec.parent, "__cached__": None}


def describe(script: str | os.PathLike[str] | None, module: str | None, dialect: str | None, era: bool) -> None:
    """Leave word for new processes: the environment is all that they inherit."""
    path = None if script is None else os.path.abspath(script)
    os.environ[VARIABLE] = json.dumps([path, module, dialect, era])


def _prepare() -> CodeType | None:
    """Set up the hook and the names of the main module; return its code, which Python does not run for packages."""
    from keras_torch import dropin

    script, module, dialect, era = json.loads(os.environ[VARIABLE])
    dropin.install(dialect, era=era)
    if script is None:
        spec, code = module_code(module)
        globals().update(main_names(spec), __spec__=spec_of_module(spec))
        return None if spec.name.endswith(".__main__") else code
    globals()["__file__"] = script
    with io.open_code(script) as file:
        return compile(file.read(), script, "exec")


if __name__ == "__mp_main__":
    _code = _prepare()
    if _code is not None:
        exec(_code, globals())
