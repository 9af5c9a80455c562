"""Layers that live on a device of their own: made or first called in `with keras.device(...)` or `tf.device(...)`.

Such a layer takes its inputs there and computes there. Other layers know nothing of this.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.backend import Variable
from keras_torch.backend.devices import again, moved, to
from keras_torch.config import DeviceScope, current_device
from keras_torch.distributed import sharding
from keras_torch.engine.stateless import call_with, own_tensors, replaced
from keras_torch.engine.weights import WeightsMixin
from keras_torch.symbolic import lowering


class _Forced(threading.local):
    """The device on which this thread computes everything, wherever layers live."""

    device: torch.device | None = None


_forced = _Forced()


class Fetching:
    """Whether layers fetch inputs from other devices; nobody looks where inputs are before."""

    active = False


def settle(layer: Any) -> None:
    """Let a layer live on the device of the block that it is made in."""
    home = config.place_here()
    if home is not None:
        layer.__dict__["_home"] = home
        layer.__dict__["_call_impl"] = functools.partial(_call_at_home, layer)


def unsettle(layer: Any) -> None:
    """Let a layer compute wherever its inputs are: models, whose layers live where they do."""
    if layer.__dict__.pop("_home", None) is not None:
        del layer.__dict__["_call_impl"]


def follow(layer: Any, move: Any) -> None:
    """Let a layer live where `move`, the function that moves its tensors, has put them."""
    if layer._home is not None:
        layer.__dict__["_home"] = move(torch.empty(0, device=layer._home)).device


class _Real(threading.local):
    inputs = False


_real = _Real()


@contextmanager
def for_real_inputs() -> Iterator[None]:
    """Within it layers are built for tensors that are there, beside which their weights have to be."""
    before, _real.inputs = _real.inputs, True
    try:
        with config.on_host(False):
            yield
    finally:
        _real.inputs = before


def home_scope(layer: Any) -> Any:
    """Return the context in which a layer's weights are made, which may be the first block that it is in."""
    if layer._home is None:
        settle(layer)
    if layer._home is None:
        if sharding() and not _real.inputs:
            return config.on_host()
        context = config.on_default_device()
        if isinstance(context, torch.device) and context.type not in ("cpu", "meta"):
            fetch_inputs()
        return context
    return DeviceScope(layer._home)


def _call_at_home(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """What such a layer has for `nn.Module._call_impl`."""
    device = _forced.device or layer._home
    if _on_meta((args, kwargs)):
        return nn.Module._call_impl(layer, *args, **kwargs)
    args, kwargs = moved((args, kwargs), device)
    with _within(device):
        return nn.Module._call_impl(layer, *args, **kwargs)


def _within(device: torch.device) -> Any:
    """Return the context in which what is made lies on a device; none where it does anyway, which takes less time.

    torch.compile does not know it.
    """
    if torch.compiler.is_compiling() or device == (current_device() or config.default_device()):
        return nullcontext()
    return DeviceScope(device)


def scope_of(device: torch.device | None) -> DeviceScope:
    """Return a block of a device. From the first one that is not the default on, layers fetch inputs from elsewhere."""
    if device is not None and device.type != "meta" and device != config.default_device():
        fetch_inputs()
    return DeviceScope(device)


def fetch_inputs() -> None:
    """Let layers take inputs from other devices, now that there may be weights elsewhere than inputs are."""
    Fetching.active = True
    WeightsMixin._call_impl = _call_with_fetched_inputs  # type: ignore[attr-defined]


def _call_with_fetched_inputs(layer: Any, *args: Any, **kwargs: Any) -> Any:
    """What layers then have for `nn.Module._call_impl`: inputs that do not fit come to the weights."""
    if torch.compiler.is_compiling():
        return nn.Module._call_impl(layer, *args, **kwargs)
    # Before the call, which may have changed a state when torch refuses tensors that lie apart.
    args, kwargs = fetched(layer, args, kwargs)
    try:
        return nn.Module._call_impl(layer, *args, **kwargs)
    except RuntimeError as error:
        own = [*layer.parameters(), *layer.buffers()]
        return again(functools.partial(nn.Module._call_impl, layer), args, kwargs, error, *own)


def _on_gpu(items: Any) -> bool:
    """Whether these are tensors of a GPU, alone or in lists; in a tenth of the time that a tree takes."""
    for item in items:
        if isinstance(item, torch.Tensor):
            if not item.is_cuda:
                return False
        elif type(item) not in (list, tuple) or not _on_gpu(item):
            return False
    return True


def fetched(layer: Any, args: Any, kwargs: Any, by_default: bool = False) -> Any:
    """Return the arguments of a call with tensors of the processor's memory beside the layer's first weight.

    Without weights they stay, or go to the default device.
    """
    if torch.compiler.is_compiling() or (not kwargs and _on_gpu(args)):
        return args, kwargs
    tensors = [item for item in pytree.tree_leaves((args, kwargs)) if isinstance(item, torch.Tensor)]
    if not any(item.device.type == "cpu" for item in tensors):
        return args, kwargs
    weight = next(layer.parameters(), None)
    weight = next(layer.buffers(), None) if weight is None else weight
    device = (config.default_device() if by_default else None) if weight is None else weight.device
    return (args, kwargs) if device is None or device.type in ("cpu", "meta") else moved((args, kwargs), device)


def _on_meta(tree: Any) -> bool:
    return any(isinstance(item, torch.Tensor) and item.is_meta for item in pytree.tree_leaves(tree))


def beside(tensor: torch.Tensor, *others: Any) -> tuple[Any, ...]:
    """Return other tensors on the device of the first, whose mask is brought there, too."""
    mask = getattr(tensor, "_keras_mask", None)
    if mask is not None and mask.device != tensor.device:
        tensor._keras_mask = mask.to(tensor.device)  # type: ignore[attr-defined]
    return tuple(moved(list(others), tensor.device))


def _copied(weight: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a differentiable copy, with the methods of a variable if `weight` is one."""
    copy = to(weight, device)
    if isinstance(weight, Variable):
        copy = copy.as_subclass(type(weight))
        copy.__dict__.update(weight.__dict__)
    return copy


@contextmanager
def _only_on(device: torch.device) -> Iterator[None]:
    before, _forced.device = _forced.device, device
    try:
        with DeviceScope(device):
            yield
    finally:
        _forced.device = before


def call_on(device: torch.device, layer: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a layer on a device, with copies of those weights that lie elsewhere; gradients flow back into them.

    What the call leaves in its buffers is copied back.
    """
    args, kwargs = moved((args, kwargs), device)
    kept = own_tensors(layer) if isinstance(layer, nn.Module) else {}
    with _only_on(device):
        if all(item.device == device for item in kept.values()):
            return layer(*args, **kwargs)
        copies = replaced(layer, lambda item: (_copied if isinstance(item, nn.Parameter) else to)(item, device))
        outputs = call_with(layer, copies, args, kwargs)
    for name, value in copies.items():
        if value is not kept[name] and not isinstance(kept[name], nn.Parameter):
            # Through `.data`, as autograd may have kept the buffer.
            kept[name].data.copy_(value.detach())
    return outputs


class Placed(nn.Module):
    """A step of a model's program that brings its inputs together: on `device`, by default that of its weights.

    What has neither computes where its first input is.
    """

    def __init__(self, operation: Any, device: torch.device | None) -> None:
        super().__init__()
        self.operation = operation
        self.device = device

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the layer or function."""
        operation = self.operation
        if _on_meta((args, kwargs)):
            return operation(*args, **kwargs)
        device = _forced.device or self.device
        if device is not None and isinstance(operation, nn.Module):
            return call_on(device, operation, *args, **kwargs)
        tensors = [item for item in pytree.tree_leaves((args, kwargs)) if isinstance(item, torch.Tensor)]
        weight = next(operation.parameters(), None) if isinstance(operation, nn.Module) else None
        device = device or next((item.device for item in (weight, *tensors) if item is not None), None)
        if device is None:
            return operation(*args, **kwargs)
        args, kwargs = moved((args, kwargs), device)
        if isinstance(operation, nn.Module):
            return operation(*args, **kwargs)
        with _within(device):
            return operation(*args, **kwargs)


def _placed(operation: Any, device: torch.device | None) -> Any:
    """Return what runs a node of a program in which anything has a place of its own."""
    home = getattr(operation, "_home", None)
    return operation if home is not None and device in (None, home) else Placed(operation, device)


def _has_place(operation: Any, device: torch.device | None) -> bool:
    if device is not None or getattr(operation, "_home", None) is not None:
        return True
    modules = operation.modules() if isinstance(operation, nn.Module) else ()
    return any(getattr(module, "_home", None) is not None for module in modules)


def _together(function: Any) -> Any:
    """Return the function such that tensors which lie apart are brought together.

    Unlike the result of `devices.together` it has a name of its own, by which torch.fx finds it.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            return again(function, args, kwargs, error)

    return call


lowering.Places.of, lowering.Places.wrap = _has_place, _placed
lowering.Places.together, lowering.Places.fetch = _together, fetch_inputs
