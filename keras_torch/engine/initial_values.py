"""The first values of a weight: from its initializer, or none yet where a file is about to give them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.errors import ConfigError
from keras_torch.initializers.base import IndependentValues

# Weights below this size are made without a look at how much memory there is.
_LARGE = 2**28
# Where numpy begins to use large pages, and the alignment that torch gives its tensors.
_LARGE_PAGES, _ALIGNMENT = 2**22, 64
_MEMORY_FILES = ("/proc/meminfo", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current")


class Unfilled:
    """Weights that were made with room for their values, but without values."""

    def __init__(self, limit: float) -> None:
        self._weights: list[tuple[Any, Callable[[], torch.Tensor], list[tuple[torch.Tensor, int]]]] = []
        self._left = limit

    @property
    def exceeded(self) -> bool:
        """Whether the weights asked for more than the limit."""
        return self._left < 0

    def take(self, size: int) -> None:
        """Note the size of a weight before it is made, in bytes. ConfigError if that is more than is left."""
        self._left -= size
        self.check()

    def check(self) -> None:
        """Raise ConfigError if the weights asked for more than the limit, even if somebody caught that before."""
        if self.exceeded:
            raise ConfigError("The weights of the model are larger than the file that holds them.")

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
def unfilled(limit: float = math.inf) -> Iterator[Unfilled]:
    """Leave out the initializers of the weights that layers of Keras make inside; `fill` of the result makes up for it.

    Without this, filling in random numbers takes several times as long as reading the weights of a file. All weights
    together may take `limit` bytes.
    """
    made = Unfilled(limit)
    token = _unfilled.set(made)
    try:
        yield made
        made.check()
    finally:
        _unfilled.reset(token)


def collector(layer: Any) -> Unfilled | None:
    """Return what takes note of a new weight of a layer, if its values can wait; a user's class may look at them."""
    made = _unfilled.get()
    return made if made is not None and _is_ours(layer) and config.default_device().type != "meta" else None


def without_values(kind: type[torch.nn.Module], *args: Any, **kwargs: Any) -> Any:
    """Make a torch module on the meta device, and leave out the values that its constructor would draw for nothing."""
    module: Any = kind.__new__(kind)
    module.__dict__["reset_parameters"] = _nothing
    kind.__init__(module, *args, device="meta", **kwargs)
    del module.__dict__["reset_parameters"]
    return module


def _nothing() -> None:
    pass


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
    made = _unfilled.get()
    if made is not None:
        made.take(size)
    device = config.default_device() if size >= _LARGE else None
    if device is None or device.type == "meta":
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


def first_values(
    initializer: Any, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device | None = None
) -> torch.Tensor:
    """Return what an initializer gives, as a tensor on the default device; on `meta` there is nothing to compute."""
    device = device or config.default_device()
    if device.type == "meta":
        return torch.empty(shape, dtype=dtype, device="meta")
    value = initializer(shape, dtype=config.dtype_name(dtype))
    if not isinstance(value, torch.Tensor):
        value = torch.as_tensor(np.asarray(value))
    return value.detach().to(device, dtype)


def first_storages(
    initializer: Any, shape: tuple[int, ...], dtype: torch.dtype, layout: Any, stored: Sequence[torch.Tensor]
) -> Sequence[torch.Tensor]:
    """Return what an initializer gives, in the layout of the tensors `stored`, whose place it will take.

    Values that do not depend on their place are drawn in that layout: turning them takes longer than drawing them.
    """
    device = config.default_device()
    if len(stored) == 1 and isinstance(initializer, IndependentValues) and _is_ours(initializer):
        value = None if device.type == "meta" else initializer.as_stored(shape, stored[0].shape, dtype)
        if value is not None:
            return (value.to(device, dtype),)
    return layout.unview(first_values(initializer, shape, dtype, device))


def _is_ours(item: Any) -> bool:
    return type(item).__module__.startswith("keras_torch.")
