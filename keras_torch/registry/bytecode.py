"""Python functions as text, and the one switch that lets the bytecode in a file run."""

from __future__ import annotations

import base64
import contextvars
import marshal
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.registry.custom import known_custom_objects

# Functions by their bytecode, as this program dumped them last.
_dumped: dict[str, list[Callable[..., Any]]] = {}
_KEPT = 256
# None outside of load calls.
_allowed: contextvars.ContextVar[bool | None] = contextvars.ContextVar("bytecode_allowed", default=None)


@contextmanager
def allow_bytecode(allowed: bool = True) -> Iterator[None]:
    """Let Python bytecode that stands in a file run, or refuse it; for the `safe_mode` of one load call only."""
    token = _allowed.set(allowed)
    try:
        yield
    finally:
        _allowed.reset(token)


def bytecode_is_allowed() -> bool:
    """Whether the running load call may run code that stands in a file."""
    return bool(_allowed.get())


def safe_mode_of_call() -> bool | None:
    """Return the `safe_mode` of the load call that is running; None if none is."""
    allowed = _allowed.get()
    return None if allowed is None else not allowed


class FunctionText(str):
    """A function's name or bytecode in a config, which remembers the function.

    A config handed on inside the program thus gives the function itself back; JSON and pickles keep the text alone.
    """

    function: Callable[..., Any]

    def __new__(cls, text: str, function: Callable[..., Any]) -> FunctionText:
        """Attach the function to the text."""
        made = super().__new__(cls, text)
        made.function = function
        return made

    def __deepcopy__(self, memo: Any) -> FunctionText:
        return self

    def __reduce__(self) -> Any:
        return str, (str(self),)


def dump_function(function: Callable[..., Any]) -> tuple[str, Any, Any]:
    """Return a function's bytecode in base64, its defaults and the values it closes over: Keras 2's form."""
    code = FunctionText(base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii"), function)
    _remember(code, function)
    closure = tuple(cell.cell_contents for cell in function.__closure__) if function.__closure__ else None
    return code, function.__defaults__, closure


def _remember(code: str, function: Callable[..., Any]) -> None:
    same = _dumped.setdefault("".join(code.split()), [])
    if not any(function is item for item in same):
        same.append(function)
        del same[:-_KEPT]
    while len(_dumped) > _KEPT:
        del _dumped[next(iter(_dumped))]


def dumped_here(dumped: Any) -> Callable[..., Any] | None:
    """Return the function that this program dumped in this form, if it is the only one that can be meant.

    Keras 1 and 2 loaded any bytecode. In their dialects a script gets its own lambdas back from its own files; the
    bytecode itself is not looked into.
    """
    if not config.is_classic() or not isinstance(dumped, (list, tuple)) or not isinstance(dumped[0], str):
        return None
    found = _dumped.get("".join(dumped[0].split()), [])
    plain = all(function.__closure__ is None and function.__defaults__ is None for function in found)
    return found[-1] if len(found) == 1 or (found and plain) else None


def load_function(dumped: Any, layer: str, names: dict[str, Any] | None = None) -> Callable[..., Any]:
    """Rebuild a function from `dump_function`'s form, if the running load call allows that; `names` are its globals."""
    if not bytecode_is_allowed():
        raise ValueError(
            f"Layer {layer!r} holds Python bytecode, which could do anything and is not run. Pass the function by the "
            f"layer's name: `custom_objects={{{layer!r}: function}}`; or, if you trust the file's author and it was "
            "written by the same Python version, `safe_mode=False`."
        )
    code, defaults, closure = dumped
    cells = tuple(_cell(value) for value in closure) if closure is not None else None
    try:
        raw = marshal.loads(base64.b64decode(code.encode("ascii")))
    except (ValueError, EOFError, TypeError):
        # Before 2.1.2 Keras wrote the bytes as characters.
        raw = marshal.loads(code.encode("raw_unicode_escape"))
    defaults = tuple(tuple(item) if isinstance(item, list) else item for item in defaults) if defaults else None
    return types.FunctionType(raw, {**names_for_lambdas()} if names is None else names, raw.co_name, defaults, cells)


def _cell(value: Any) -> types.CellType:
    return value if isinstance(value, types.CellType) else types.CellType(value)


def names_for_lambdas() -> dict[str, Any]:
    """The global names that a loaded lambda may use besides the custom objects."""
    return {"np": np, "torch": torch, **known_custom_objects()}


def is_lambda(function: Any) -> bool:
    """Whether a function has no name to be found by."""
    return isinstance(function, types.FunctionType) and function.__name__ == "<lambda>"
