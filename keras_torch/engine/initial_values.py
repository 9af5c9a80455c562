"""The first values of a weight: from its initializer, or none yet where a file is about to give them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterator
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.errors import ConfigError

# Weights below this size are made without a look at how much memory there is.
_LARGE = 2**28
# Where numpy begins to use large pages, and the alignment that torch gives its tensors.
_LARGE_PAGES, _ALIGNMENT = 2**22, 64
_MEMORY_FILES = ("/proc/meminfo", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current")


class Unfilled:
    """Weights that were made with room for their values, but without values."""

    def __init__(self) -> None:
        self._weights: list[tuple[Any, Callable[[], torch.Tensor], list[tuple[torch.Tensor, int]]]] = []

    def add(self, weight: Any, initialize: Callable[[], torch.Tensor]) -> None:
        """Note a weight and what gives its first values."""
        self._weights.append((weight, initialize, [(item, item._version) for item in weight.storages]))

    def fill(self, known: Collection[Any] = ()) -> None:
        """Initialize the weights, except those in `known`, which get values elsewhere, and those that have some."""
        ids = {id(weight) for weight in known}
        for weight, initialize, before in self._weights:
            same = zip(weight.storages, before, strict=True)
            if id(weight) not in ids and all(item is old and item._version == version for item, (old, version) in same):
                weight.assign(initialize())
        self._weights.clear()


_unfilled: ContextVar[Unfilled | None] = ContextVar("unfilled", default=None)


@contextlib.contextmanager
def unfilled() -> Iterator[Unfilled]:
    """Leave out the initializers of the weights that layers of Keras make inside; `fill` of the result makes up for it.

    Without this, filling in random numbers takes several times as long as reading the weights of a file.
    """
    made = Unfilled()
    token = _unfilled.set(made)
    try:
        yield made
    finally:
        _unfilled.reset(token)


def collector(layer: Any) -> Unfilled | None:
    """Return what takes note of a new weight of a layer, if its values can wait; a user's class may look at them."""
    waits = type(layer).__module__.startswith("keras_torch.") and config.default_device().type != "meta"
    return _unfilled.get() if waits else None


def room_for(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Return a tensor without values on the default device.

    On the processor numpy makes the large ones: it asks the system for large pages, which take far less time to get.
    """
    size = math.prod(shape) * dtype.itemsize
    if config.default_device().type != "cpu" or size < _LARGE_PAGES:
        return torch.empty(shape, dtype=dtype, device=config.default_device())
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return torch.from_numpy(memory[start : start + size]).view(dtype).view(shape)


def check_room(layer: str, weight: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Raise ConfigError if a weight cannot fit into the memory that is free, rather than have the process killed."""
    size = math.prod(shape) * dtype.itemsize
    device = config.default_device()
    if size < _LARGE or device.type == "meta":
        return
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if free is not None and size > free:
        raise ConfigError(
            f"The weight {weight!r} of layer {layer!r} would take {size / 2**30:.1f} GiB (shape {shape}), but "
            f"{free / 2**30:.1f} GiB of memory are free. Check the sizes that the layer is given."
        )


def free_memory() -> int | None:
    """Return how many bytes of memory can still be had, where the system tells; in a container, what that allows."""
    found = []
    with contextlib.suppress(OSError, ValueError, StopIteration):
        with open(_MEMORY_FILES[0]) as file:
            line = next(line for line in file if line.startswith("MemAvailable:"))
        found.append(int(line.split()[1]) * 1024)
    with contextlib.suppress(OSError, ValueError):
        limit, used = (int(_read(name)) for name in _MEMORY_FILES[1:])
        found.append(max(limit - used, 0))
    return min(found, default=None)


def _read(name: str) -> str:
    with open(name) as file:
        return file.read()


def first_values(initializer: Any, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    """Return what an initializer gives, as a tensor on the default device; on `meta` there is nothing to compute."""
    if config.default_device().type == "meta":
        return torch.empty(shape, dtype=dtype, device="meta")
    value = initializer(shape, dtype=config.dtype_name(dtype))
    if not isinstance(value, torch.Tensor):
        value = torch.as_tensor(np.asarray(value))
    return value.detach().to(config.default_device(), dtype)
