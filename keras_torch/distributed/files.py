"""One set of files: the main process writes, and the others go on when it has."""

from __future__ import annotations

import collections
import contextlib
import datetime
import os
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import torch.distributed as dist

from keras_torch.distributed.collectives import shared_object
from keras_torch.distributed.environment import is_active, is_main
from keras_torch.distributed.group import start

# How long a process waits for a file that the main one might not write at all: a script may save in one process only.
_PATIENCE = datetime.timedelta(seconds=120)
_turns: collections.Counter[str] = collections.Counter()


@contextlib.contextmanager
def main_writes(path: Any, kind: str = "model") -> Iterator[bool]:
    """Yield whether this process is to write `path`; where it is not, the end of the block waits for the main one.

    No collective: processes meet at the store of the process group, so that the main one may write alone. Before there
    is a group every process writes, the same thing in one step.
    """
    if not is_active() or not dist.is_initialized() or not isinstance(path, (str, bytes, os.PathLike)):
        yield True
        return
    store = dist.distributed_c10d._get_default_store()
    name = f"{kind}:{os.path.realpath(os.fsdecode(path))}"
    _turns[name] += 1
    key = f"keras_torch/{name}#{_turns[name]}"
    if not is_main():
        yield False
        with contextlib.suppress(dist.DistStoreError, RuntimeError):
            store.wait([key], _PATIENCE)
        return
    try:
        yield True
    finally:
        store.set(key, "written")


def from_main(function: Callable[[], Any]) -> Any:
    """Return what `function` returns in the main process, or raise there what it raises; others do not call it."""
    if not is_active():
        return function()
    start()
    found: tuple[Any, Any] = (None, None)
    if is_main():
        try:
            found = function(), None
        except Exception as error:
            found = None, _picklable(error)
            shared_object(found)
            raise
    value, failure = shared_object(found)
    if failure is not None:
        raise failure
    return value


def gather_to_main(value: Any) -> list[Any] | None:
    """Return the objects of all processes in the main one, None in the others."""
    found: list[Any] | None = [None] * dist.get_world_size() if is_main() else None
    dist.gather_object(value, found)
    return found


def _picklable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
