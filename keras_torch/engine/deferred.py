"""What waits until a layer has made its weights."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


def when_made(layer: Any, action: Callable[[], Any]) -> None:
    """Call `action` now if a layer is built, or else in its first call, as soon as that has made all weights."""
    if layer.built and layer.weights:
        action()
        return
    handles: list[Any] = []
    hook = functools.partial(_make_and_act, handles, action)
    handles.append(layer.register_forward_pre_hook(hook, with_kwargs=True))


def _make_and_act(handles: list[Any], action: Callable[[], Any], layer: Any, args: Any, kwargs: Any) -> None:
    """Let layers inside make their weights in a first call, whose results are dropped."""
    handles.pop().remove()
    with torch.no_grad(), torch.random.fork_rng():
        layer.forward(*args, **kwargs)
    action()
