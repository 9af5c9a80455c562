"""`np.load` of arrays of lists, as in the files of the data sets, without running what a pickle may hold."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable
from typing import IO, Any

from numpy.lib.npyio import NpzFile

from keras_torch.datasets.restricted_pickle import load_npy, load_pickle
from keras_torch.dropin.era.callers import called_by_a_script


def load(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return numpy's `load`, which reads lists, numbers and texts in pickles where `allow_pickle` is left out."""

    @functools.wraps(function)
    def wrapper(file: Any, *args: Any, **kwargs: Any) -> Any:
        if len(args) > 1 or "allow_pickle" in kwargs or not called_by_a_script():
            return function(file, *args, **kwargs)
        start = file.tell() if hasattr(file, "seek") else None
        try:
            found = function(file, *args, **kwargs)
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
            return _from_pickle(file, start)
        if isinstance(found, NpzFile):
            found.__class__ = _Archive
        return found

    return wrapper


def _from_pickle(file: Any, start: int | None) -> Any:
    with contextlib.ExitStack() as stack:
        stream: IO[bytes] = stack.enter_context(open(file, "rb")) if start is None else file
        stream.seek(start or 0)
        is_array = stream.read(6) == b"\x93NUMPY"
        stream.seek(start or 0)
        return (load_npy if is_array else load_pickle)(stream, repr(getattr(stream, "name", "the file")))


class _Archive(NpzFile):
    """An `.npz` file that reads arrays of lists as well."""

    def __getitem__(self, key: str) -> Any:
        try:
            return super().__getitem__(key)
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise
        archive: Any = self.zip
        name = key if key in archive.namelist() else f"{key}.npy"
        return load_npy(io.BytesIO(archive.read(name)), repr(name))
