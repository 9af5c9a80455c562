"""Arrays out of pickles without running anything: a pickle may name a few parts of numpy, and gets stand-ins for them.

The data sets of 2009 to 2017 are pickles: batches of pictures, lists of words, the object arrays in `.npz` files. Not
even numpy's own classes are safe to be rebuilt from a stranger's pickle, since their `__setstate__` believes what it is
told about memory. So a stand-in takes the description of an array, and the array is made of it here, after checks.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
import struct
from collections.abc import Callable
from typing import IO, Any

import numpy as np

from keras_torch.errors import FileFormatError

_TYPES = re.compile(r"[biufc]\d{1,2}|\?|[SU]\d{1,6}|O8?")
_MAX_AXES = 32
_DAMAGED = (
    *(pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError),
    *(struct.error, OverflowError, MemoryError, RecursionError),
)


def load_pickle(file: IO[bytes], name: str, encoding: str = "latin1") -> Any:
    """Return the lists, tuples, dicts, numbers, texts and arrays in a pickle. FileFormatError if it asks for more.

    `name` is how errors call the file; `encoding` is what becomes of Python 2's texts: a code, or "bytes".
    """
    try:
        data = file.read()
        _check_numbers(data)
        return _Unpickler(io.BytesIO(data), encoding=encoding).value()
    except _DAMAGED as error:
        raise FileFormatError(f"{name} is no pickle that can be read: {error or type(error).__name__}") from error


def _operations() -> tuple[re.Pattern[bytes], dict[int, int]]:
    """Return what matches a run of operations of fixed length that give no number, and how long the others' data is."""
    fixed: dict[int, bytes] = {}
    others: dict[int, int] = {}
    for operation in pickletools.opcodes:
        size = operation.arg.n if operation.arg is not None else 0
        if size < 0 or operation.name in ("STOP", "LONG_BINPUT"):
            others[ord(operation.code)] = 4 if operation.name == "LONG_BINPUT" else size
        else:
            fixed[size] = fixed.get(size, b"") + re.escape(operation.code.encode("latin1"))
    parts = b"|".join(b"[%b]" % codes + (b".{%d}" % size if size else b"") for size, codes in fixed.items())
    return re.compile(b"(?:%b){1,1000}" % parts, re.DOTALL), others


_RUN, _OTHERS = _operations()
_COUNTS = {
    pickletools.TAKEN_FROM_ARGUMENT1: "<B",
    pickletools.TAKEN_FROM_ARGUMENT4: "<i",
    pickletools.TAKEN_FROM_ARGUMENT4U: "<I",
    pickletools.TAKEN_FROM_ARGUMENT8U: "<Q",
}
_TWO_LINES = frozenset(b"ci")


def _check_numbers(data: bytes) -> None:
    """UnpicklingError if a value gets a number beyond any count: the unpickler makes room for as many at once."""
    at = 0
    while at < len(data):
        run = _RUN.match(data, at)
        if run is not None:
            at = run.end()
            continue
        code, size, at = data[at], _OTHERS.get(data[at], 0), at + 1
        if code == ord(pickle.STOP) or code not in _OTHERS:
            return
        number = b""
        if size == pickletools.UP_TO_NEWLINE:
            for _ in range(2 if code in _TWO_LINES else 1):
                end = data.find(b"\n", at) + 1 or len(data)
                number, at = data[at:end], end
        elif size in _COUNTS:
            kind = struct.Struct(_COUNTS[size])
            at += kind.size + max(0, kind.unpack_from(data, at)[0])
        else:
            number, at = b"%d" % int.from_bytes(data[at : at + size], "little"), at + size
        if code in (ord(pickle.PUT), ord(pickle.LONG_BINPUT)) and int(number) > len(data):
            raise pickle.UnpicklingError(f"it numbers a value {int(number)}, which is more than there can be")


def load_npy(file: IO[bytes], name: str) -> np.ndarray:
    """Return the array of an `.npy` file; one of objects comes from `load_pickle`."""
    start = file.tell()
    try:
        version = np.lib.format.read_magic(file)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
        if not dtype.hasobject:
            file.seek(start)
            return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError, OverflowError) as error:
        raise FileFormatError(f"{name} is no array that can be read: {error}") from error
    array = load_pickle(file, name)
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype:
        raise FileFormatError(f"{name} is damaged: it declares {dtype} of shape {shape} and holds something else")
    return array


class _Unpickler(pickle.Unpickler):
    """Finds stand-ins only, and afterwards puts arrays in the place of their descriptions."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._descriptions: list[_Description] = []
        parts = {"_reconstruct": self._describe, "scalar": _scalar}
        self._known: dict[tuple[str, str], _StandIn] = {
            ("numpy", "ndarray"): _StandIn(None),
            ("numpy", "dtype"): _StandIn(_Type),
            ("_codecs", "encode"): _StandIn(_encode),
            **dict.fromkeys((("__builtin__", "bytes"), ("builtins", "bytes")), _StandIn(lambda: b"")),
        }
        for package in ("numpy.core", "numpy._core"):
            self._known[f"{package}.numeric", "_frombuffer"] = _StandIn(self._from_buffer)
            self._known |= {(f"{package}.multiarray", name): _StandIn(part) for name, part in parts.items()}

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in of a part of numpy; anything else is refused."""
        found = self._known.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which is refused: data sets are numbers, texts, lists and arrays"
            )
        return found

    def value(self) -> Any:
        """Return the whole content."""
        found = self.load()
        self._waiting = len(self._descriptions)
        return self._with_arrays(found)

    def _describe(self, *_: Any) -> _Description:
        self._descriptions.append(_Description())
        return self._descriptions[-1]

    def _from_buffer(self, buffer: Any, dtype: Any, shape: Any, order: Any) -> _Description:
        description = self._describe()
        description.__setstate__((1, shape, dtype, _text(order) == "F", bytes(buffer)))
        return description

    def _with_arrays(self, value: Any) -> Any:
        """Replace descriptions by arrays; a value in which none is left is returned itself."""
        if isinstance(value, _Description):
            if value.array is None:
                self._waiting -= 1
                value.array = value.made(self._with_arrays)
            return value.array
        if not self._waiting:
            return value
        if isinstance(value, dict):
            return {key: self._with_arrays(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(map(self._with_arrays, value))
        return value


class _StandIn:
    """Stands for a function or class of numpy in a pickle. Nothing can be set on it."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any] | None) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        if self._function is None:
            raise pickle.UnpicklingError("it makes an array in a way that is refused")
        return self._function(*args)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets attributes of a function, which is refused")


class _Type:
    """Stands for a dtype: numbers, texts and objects; no records."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: Any, *_: Any) -> None:
        self._code, self._order = _text(code), ""
        if not _TYPES.fullmatch(self._code):
            raise pickle.UnpicklingError(f"it has an array of the type {self._code[:50]!r}, which is refused")

    def __setstate__(self, state: Any) -> None:
        order = _text(state[1])
        if order not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
            raise pickle.UnpicklingError("it has an array of records, which is refused")
        self._order = order if order in "<>" else ""

    def dtype(self) -> np.dtype:
        """Return numpy's own."""
        return np.dtype(self._order + self._code)


class _Description:
    """Stands for an array, until it is made."""

    __slots__ = ("_state", "array")

    def __init__(self) -> None:
        self._state: tuple[Any, ...] = ()
        self.array: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        self._state = tuple(state)[-4:]

    def made(self, finish: Callable[[Any], Any]) -> np.ndarray:
        """Return the array; `finish` is called on each object in it."""
        shape, kind, is_fortran, data = self._state
        if not isinstance(kind, _Type) or not isinstance(shape, tuple) or len(shape) > _MAX_AXES:
            raise pickle.UnpicklingError("it has an array whose shape and type are not told")
        if not all(type(size) is int and size >= 0 for size in shape):
            raise pickle.UnpicklingError(f"it has an array of the shape {shape}")
        dtype, count, order = kind.dtype(), math.prod(shape), "F" if is_fortran else "C"
        if dtype.hasobject:
            if not isinstance(data, list) or len(data) != count:
                raise pickle.UnpicklingError(f"it has an array of shape {shape} without as many objects")
            objects = np.empty(count, dtype=object)
            for position, item in enumerate(data):
                objects[position] = finish(item)
            return objects.reshape(shape, order=order)  # type: ignore[call-overload]
        raw = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(raw, bytes) or len(raw) != count * dtype.itemsize:
            raise pickle.UnpicklingError(f"it has an array of {dtype} of shape {shape} without as many bytes")
        return np.frombuffer(raw, dtype).reshape(shape, order=order).copy()  # type: ignore[call-overload]


def _scalar(kind: Any, data: Any) -> Any:
    description = _Description()
    description.__setstate__(((), kind, False, data))
    array = description.made(lambda item: item)
    if array.dtype.hasobject:
        raise pickle.UnpicklingError("it has a number that is an object")
    return array[()]


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Do what Python 3 writes into old protocols for bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it has bytes in the code {encoding!r}")
    return text.encode("latin1")


def _text(value: Any) -> str:
    """Return a text that Python 2 wrote, whatever the encoding made of it."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)
