"""Exceptions that carry Keras's types, and helpers that make their messages useful."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator
from typing import Any


class NotBuiltError(ValueError):
    """A layer or model has no weights yet because it never saw an input shape."""


class FileFormatError(ValueError):
    """A file is damaged, of an unknown format, or asks for something that is refused."""


class MissingFileError(FileNotFoundError, ValueError):
    """There is no file to read: Keras 3 raises ValueError for models, and OSError for weights, as all others do."""


class ConfigError(FileFormatError, TypeError):
    """A config does not describe what it should (Keras 3 raises TypeError here, Keras 2 mostly ValueError)."""


class OpError(Exception):
    """What TensorFlow raises when an operation fails; torch, and most functions here, raise ValueError and kin."""

    @property
    def message(self) -> str:
        """The text."""
        return str(self)


class OutOfRangeError(OpError, IndexError):
    """An iterator over a dataset has come to its end: what its `get_next` raises, as in TensorFlow."""


# What comes from deep inside when a value of a config is not of the kind that the code expects.
_DEEP_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError)


@contextlib.contextmanager
def reading_config(what: str) -> Iterator[None]:
    """Turn errors from deep inside into a ConfigError that names `what` the config is of.

    ValueError, NotImplementedError, OSError and exceptions of users' own classes pass: they say what is wrong.
    """
    try:
        yield
    except NotImplementedError:
        raise
    except _DEEP_ERRORS as error:
        if isinstance(error, ValueError):
            raise
        raise ConfigError(
            f"The config of {what} cannot be understood: {type(error).__name__}: {str(error)[:1000]}. Check the values "
            "in it against the arguments of the class."
        ) from error


class DataTypeError(TypeError, ValueError):
    """Data is no numbers: numpy and torch call that a TypeError, Keras a ValueError."""


class NotCompiledError(RuntimeError, ValueError):
    """A model is trained before `compile`: a RuntimeError until Keras 3, a ValueError since."""


class ClassNumberError(IndexError, ValueError):
    """A class number is outside of its range: where Keras indexes an array with it, an IndexError."""


class UnknownObjectError(TypeError, ValueError):
    """A name or a config asks for an unknown class or function: a ValueError until Keras 3, a TypeError since."""


class NeedsAnotherBackend:
    """Mixin of classes that are windows to TensorFlow or JAX, and so cannot exist here: their constructors say so.

    `needs` is what the class runs, `instead` what does the same here.
    """

    needs: str
    instead: str

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError(
            f"`{type(self).__name__}` needs {self.needs}, which does not run on PyTorch. {self.instead} "
            f"Received: {[*args, *kwargs]}"
        )


def suggest(name: object, options: Iterable[str]) -> str:
    """Return ' Did you mean "x"?' for the nearest of `options`, or an empty string."""
    names = [option for option in options if isinstance(option, str)]
    lower: dict[str, str] = {}
    for option in names:
        lower.setdefault(option.lower(), option)
    close = difflib.get_close_matches(str(name).lower(), list(lower), n=1, cutoff=0.6)
    return f' Did you mean "{lower[close[0]]}"?' if close else ""
