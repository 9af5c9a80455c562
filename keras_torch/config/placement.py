"""Devices by their names, and the `with` blocks that choose one for what is made and called in them."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import torch

from keras_torch.distributed.environment import gpu, is_active

_KINDS = ("cpu", "gpu", "cuda", "mps", "xpu", "tpu", "meta")


class NoDeviceError(ValueError):
    """A device that has a proper name and is not there."""


class _Blocks(threading.local):
    """The devices of the `with` blocks that this thread is in; None for one that goes back to the default."""

    def __init__(self) -> None:
        self.devices: list[torch.device | None] = []


_blocks = _Blocks()


class Placement:
    """Whether anything has a place of its own; as long as nothing has, nobody looks for one."""

    used = False


def current_device() -> torch.device | None:
    """Return the device of the innermost block, None outside of all."""
    return _blocks.devices[-1] if _blocks.devices else None


def default_device() -> torch.device:
    """Return where weights and data live: by the `device` block, `KERAS_TORCH_DEVICE`, or a GPU if there is one.

    A `torch.device` context counts, too. Of several processes that train together each has a GPU of its own.
    """
    if _Host.building:
        return torch.device("cpu")
    current = torch.get_default_device()
    if _blocks.devices and _blocks.devices[-1] is not None:
        return current
    chosen = os.environ.get("KERAS_TORCH_DEVICE")
    if chosen and current.type != "meta":
        return torch.device(chosen)
    if current.type == "cpu" and torch.cuda.is_available():
        return gpu()
    return current


class _Host:
    building = False


@contextlib.contextmanager
def on_host(wanted: bool = True) -> Iterator[None]:
    """Within it the CPU is the default device (no more, if not `wanted`): for weights of which GPUs take parts only."""
    before, _Host.building = _Host.building, wanted
    try:
        yield
    finally:
        _Host.building = before


def on_default_device() -> contextlib.AbstractContextManager[Any]:
    """Return a context in which torch makes tensors on the default device; one that does nothing where it does anyway.

    Inside of the other every call of torch takes a few microseconds longer.
    """
    device = default_device()
    return contextlib.nullcontext() if device == torch.get_default_device() else device  # type: ignore[return-value]


def place_here() -> torch.device | None:
    """Return the device that what is made now shall have for good, None where it has no need of one.

    That is so outside of all blocks, and in those of the default device, until something lives elsewhere.
    """
    if not _blocks.devices and not Placement.used:
        return None
    device = default_device()
    if device.type == "meta":
        return None
    if not Placement.used:
        with DeviceScope(None):
            outside = default_device()
        Placement.used = device != outside
    return device if Placement.used else None


class DeviceScope(contextlib.ContextDecorator):
    """A context, or a decorator, in which new tensors and weights lie on a device, and layers compute there."""

    def __init__(self, device: torch.device | None) -> None:
        self.device = device
        self._contexts: list[Any] = []

    def __enter__(self) -> DeviceScope:
        context = torch.device("cpu") if self.device is None else self.device
        context.__enter__()
        self._contexts.append(context)
        _blocks.devices.append(self.device)
        return self

    def __exit__(self, *exc: Any) -> None:
        _blocks.devices.pop()
        self._contexts.pop().__exit__(*exc)

    def __eq__(self, other: object) -> bool:
        return self.device == (other.device if isinstance(other, DeviceScope) else other)

    def __hash__(self) -> int:
        return hash(self.device)

    def __repr__(self) -> str:
        return f"<DeviceScope {self.device}>"


def gpu_count() -> int:
    """Return how many GPUs a script may choose from: with several processes each has one, its own."""
    if os.environ.get("KERAS_TORCH_DEVICE", "").startswith("cpu") or not torch.cuda.is_available():
        return 0
    return 1 if is_active() else torch.cuda.device_count()


def device_named(name: str) -> torch.device:
    """Return the device of a name: "cpu:0", "gpu:1", "cuda:1", "/device:GPU:1" and the like.

    ValueError for another name, and if it is not there: then it says how many there are.
    """
    parts = name.lower().rpartition("/")[2].split(":")
    parts = parts[1:] if parts[0] == "device" else parts
    kind, number = parts[0], parts[1] if len(parts) == 2 else "0"
    if kind not in _KINDS or len(parts) > 2 or not number.isdigit():
        raise ValueError(
            f"A device is named by its kind, one of {_KINDS}, and its number, as in 'cpu:0' or 'gpu:1'. "
            f"Received: {name!r}"
        )
    if kind in ("cpu", "meta"):
        return torch.device(kind)
    if kind not in ("gpu", "cuda"):
        if not hasattr(torch, kind) or not getattr(torch, kind).is_available():
            raise NoDeviceError(f"There is no device {name!r}: torch finds none of this kind on this machine.")
        return torch.device(kind, int(number))
    if int(number) >= gpu_count():
        raise NoDeviceError(f"There is no device {name!r}: {_what_there_is()}")
    return _gpu(int(number))


def _gpu(number: int) -> torch.device:
    return gpu() if is_active() else torch.device("cuda", number)


def _what_there_is() -> str:
    count = gpu_count()
    if count == 0:
        forbidden = torch.cuda.is_available()
        reason = "KERAS_TORCH_DEVICE is 'cpu'" if forbidden else "this machine has no GPU that torch can use"
        return f"{reason}. Use 'cpu'."
    if is_active():
        return "each of several processes has one GPU, which it calls 'gpu:0'."
    return f"this machine has {count} GPU{'s' if count > 1 else ''}, {[f'gpu:{index}' for index in range(count)]}."
