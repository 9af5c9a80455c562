"""Recorded operations as lines of Python."""

from __future__ import annotations

import keyword
import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch.saving.convert.recording import NotTraceable, name_of
from keras_torch.saving.convert.sizes import Size

_BINARY = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**"}
_BINARY |= {"matmul": "@", "and": "&", "or": "|", "xor": "^", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_BINARY |= {"eq": "==", "ne": "!="}
_UNARY = {"neg": "-", "invert": "~"}
_NAMESPACES = {"F": F, "torch": torch}
_NAMESPACES |= {f"torch.{name}": getattr(torch, name) for name in ("special", "linalg", "fft")}
# Arguments that belong to the run, not to the computation.
_DROPPED = ("generator", "out")


def _functions() -> dict[int, str]:
    found: dict[int, str] = {}
    for prefix, namespace in _NAMESPACES.items():
        for name in dir(namespace):
            item = getattr(namespace, name, None)
            if callable(item) and not name.startswith("_"):
                found.setdefault(id(item), f"{prefix}.{name}")
    found[id(torch._standard_gamma)] = "torch._standard_gamma"
    return found


class Printer:
    """Writes values and calls. `tensor` and `size` give the expressions of references and of open sizes."""

    def __init__(self, tensor: Callable[[Any], str], size: Callable[[Any], str], device: str) -> None:
        self.tensor = tensor
        self.size = size
        self.device = device
        self.functions = _functions()

    def value(self, item: Any) -> str:
        """Return Python for an argument."""
        if isinstance(item, Size):
            return item.text(self.size)
        if item is None or item is Ellipsis or isinstance(item, (bool, int, str)):
            return "..." if item is Ellipsis else repr(item)
        if isinstance(item, float):
            return repr(item) if math.isfinite(item) else f'float("{item}")'
        if isinstance(item, tuple):
            return f"({', '.join(map(self.value, item))}{',' if len(item) == 1 else ''})"
        if isinstance(item, list):
            return f"[{', '.join(map(self.value, item))}]"
        if isinstance(item, dict):
            return "{" + ", ".join(f"{key!r}: {self.value(part)}" for key, part in item.items()) + "}"
        if isinstance(item, slice):
            return f"slice({self.value(item.start)}, {self.value(item.stop)}, {self.value(item.step)})"
        if isinstance(item, torch.device):
            return self.device
        if isinstance(item, (torch.dtype, torch.memory_format, torch.layout)):
            return str(item)
        if type(item).__module__.startswith("keras_torch.saving.convert"):
            return self.tensor(item)
        raise NotTraceable(f"it passes a {type(item).__name__} to a torch function")

    def keyword(self, key: str, item: Any) -> str:
        """Return Python for an argument by name; the name may come from a file."""
        if not key.isidentifier() or keyword.iskeyword(key):
            raise NotTraceable(f"it passes an argument called {key!r}")
        return f"{key}={self.value(item)}"

    def call(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Return Python for a call."""
        name = name_of(target)
        special = self._special(target, name, args)
        if special is not None and not kwargs:
            return special
        given = [self.value(item) for item in args]
        given += [self.keyword(key, item) for key, item in kwargs.items() if not self._drops(key, item)]
        wrapped = getattr(target, "__module__", "") == "torch._tensor" and hasattr(torch.Tensor, name)
        if args and (wrapped or getattr(torch.Tensor, name, None) is target):
            return f"{_grouped(given[0])}.{name}({', '.join(given[1:])})"
        if id(target) not in self.functions:
            raise NotTraceable(f"it calls `{name or target}`, which is no function of torch")
        return f"{self.functions[id(target)]}({', '.join(given)})"

    def _drops(self, key: str, item: Any) -> bool:
        if key in _DROPPED and isinstance(item, torch.Tensor):
            raise NotTraceable(f"it uses the argument `{key}`")
        return key in _DROPPED

    def _special(self, target: Any, name: str, args: tuple[Any, ...]) -> str | None:
        if getattr(target, "__name__", "") == "__get__":
            return f"{_grouped(self.value(args[0]))}.{name}"
        if name == "__getitem__":
            return f"{_grouped(self.value(args[0]))}[{self._index(args[1])}]"
        if name == "__setitem__":
            return f"{_grouped(self.value(args[0]))}[{self._index(args[1])}] = {self.value(args[2])}"
        bare = name.strip("_")
        dunder = name.startswith("__")
        if dunder and bare in _UNARY:
            return f"{_UNARY[bare]}{_grouped(self.value(args[0]))}"
        if len(args) == 2 and (dunder or getattr(torch.Tensor, name, None) is target):
            reverse = dunder and bare.startswith("r") and bare[1:] in _BINARY and bare not in _BINARY
            operator = _BINARY.get(bare[1:] if reverse else bare)
            if operator and (dunder or name == bare):
                left, right = (_grouped(self.value(item)) for item in (args[::-1] if reverse else args))
                return f"{left} {operator} {right}"
        return None

    def _index(self, item: Any) -> str:
        parts = item if isinstance(item, tuple) else (item,)
        return ", ".join(self._slice(part) for part in parts) + (
            "," if len(parts) == 1 and isinstance(item, tuple) else ""
        )

    def _slice(self, item: Any) -> str:
        if not isinstance(item, slice):
            return self.value(item)
        start, stop, step = ("" if part is None else self.value(part) for part in (item.start, item.stop, item.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")


def _grouped(text: str) -> str:
    return f"({text})" if " " in text or text.startswith("-") else text
