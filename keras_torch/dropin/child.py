"""The main module of processes that multiprocessing starts anew under `keras-torch run`.

Such a process runs the script again, under another name, to find its functions and classes. It has to know the import
hook before; so the script's process names this module as the one that it was started from.
"""

from __future__ import annotations

import importlib.machinery
import io
import json
import os

VARIABLE = "KERAS_TORCH_RUNNING"


def spec_of(script: str | os.PathLike[str]) -> importlib.machinery.ModuleSpec:
    """Return the spec by which new processes find this module, and then the script."""
    return importlib.machinery.ModuleSpec("keras_torch.dropin.child", None, origin=os.path.abspath(script))


def describe(script: str | os.PathLike[str], dialect: str | None, era: bool) -> None:
    """Leave word for new processes: the environment is all that they inherit."""
    os.environ[VARIABLE] = json.dumps([os.path.abspath(script), dialect, era])


def _prepare() -> str:
    from keras_torch import dropin

    script, dialect, era = json.loads(os.environ[VARIABLE])
    dropin.install(dialect, era=era)
    return script


if __name__ == "__mp_main__":
    __file__ = _prepare()
    with io.open_code(__file__) as _file:
        _code = compile(_file.read(), __file__, "exec")
    exec(_code, globals())
