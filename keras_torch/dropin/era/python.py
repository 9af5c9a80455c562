"""Names of Python 2.7 to 3.6 that nothing of today does alike."""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import pickle
import re
import sys
from collections import namedtuple
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from keras_torch.dropin.era.callers import called_by_a_script

ArgSpec = namedtuple("ArgSpec", "args varargs keywords defaults")


def getargspec(func: Callable[..., Any]) -> ArgSpec:
    """Return the arguments of a function; ValueError for keyword-only ones, which the tuple has no place for."""
    found = inspect.getfullargspec(func)
    if found.kwonlyargs:
        raise ValueError(f"{func!r} has keyword-only arguments: use `inspect.getfullargspec`.")
    return ArgSpec(*found[:4])


def accept(*args: Any, **kwargs: Any) -> None:
    """Do nothing, where today nothing is to be done."""


def setdefaultencoding(name: str) -> None:
    """Accept UTF-8, which strings have today."""
    if name.lower().replace("-", "").replace("_", "") != "utf8":
        raise LookupError(f"The default encoding of Python 3 is utf-8 and cannot be changed. Received: {name!r}")


def StringIO(buffer: str | bytes = "") -> io.StringIO | io.BytesIO:
    """Return a file in memory, of bytes if it is made of bytes."""
    return io.BytesIO(buffer) if isinstance(buffer, bytes) else io.StringIO(buffer)


class Unpickler(pickle.Unpickler):
    """A reader of pickles, for which text of Python 2 is text: arrays of numpy and keys of dicts come out right."""

    def __init__(self, file: Any, **kwargs: Any) -> None:
        super().__init__(file, **{"encoding": "latin1", **kwargs})


def load(file: Any, **kwargs: Any) -> Any:
    """Read a pickle, by default one of Python 2. Like every pickle it can run any code: read only your own."""
    return Unpickler(file, **kwargs).load()


def loads(data: bytes, **kwargs: Any) -> Any:
    """Read a pickle from bytes, as `load` does."""
    return load(io.BytesIO(data), **kwargs)


def maketrans(frm: str, to: str) -> dict[int, int]:
    """Return a table for `str.translate`."""
    return str.maketrans(frm, to)


def join(words: Iterable[str], sep: str = " ") -> str:
    """`sep.join(words)`."""
    return sep.join(words)


def split(s: str, sep: str | None = None, maxsplit: int = -1) -> list[str]:
    """`s.split(...)`."""
    return s.split(sep, maxsplit)


def replace(s: str, old: str, new: str, maxreplace: int = -1) -> str:
    """`s.replace(...)`."""
    return s.replace(old, new, maxreplace)


def strip(s: str, chars: str | None = None) -> str:
    """`s.strip(...)`."""
    return s.strip(chars)


def lower(s: str) -> str:
    """`s.lower()`."""
    return s.lower()


def upper(s: str) -> str:
    """`s.upper()`."""
    return s.upper()


def atoi(s: str, base: int = 10) -> int:
    """`int(s, base)`."""
    return int(s, base)


def change_re(module: ModuleType, set_: Callable[[Any, str, Any], None]) -> None:
    """Let `re.split` pass over matches of nothing, as it did before Python 3.7."""
    set_(module, "split", _at_text(module.split))


def _at_text(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(pattern: Any, string: Any, maxsplit: int = 0, flags: int = 0) -> list[Any]:
        if not called_by_a_script() or not _matches_text_or_nothing(pattern, int(flags)):
            return function(pattern, string, maxsplit=maxsplit, flags=flags)
        parts, end = [], 0
        for count, match in enumerate(filter(re.Match.group, re.finditer(pattern, string, flags))):
            if count == maxsplit > 0:
                break
            parts += [string[end : match.start()], *match.groups()]
            end = match.end()
        return [*parts, string[end:]]

    return wrapper


@functools.lru_cache
def _matches_text_or_nothing(pattern: Any, flags: int) -> bool:
    """Whether a pattern may match nothing and may match something, too; without the latter Python 3.6 refused it."""
    parser = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
    compiled = re.compile(pattern, flags)
    least, most = parser.parse(compiled.pattern, compiled.flags).getwidth()
    return least == 0 < most
