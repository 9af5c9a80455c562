"""Calls of a module with other tensors in the places of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.func import functional_call


def own_tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Return parameters and buffers by their places: a module that has several names once, tied tensors at each place.

    torch's `functional_call` puts the tensors of a module that it finds under two names back in the wrong order, and
    leaves the others in it. One name of each place is enough.
    """
    found: dict[str, torch.Tensor] = {}
    for path, part in module.named_modules():
        for name, tensor in (*part._parameters.items(), *part._buffers.items()):
            if tensor is not None:
                found[f"{path}.{name}" if path else name] = tensor
    return found


def replaced(module: nn.Module, replacement: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return what takes the places of a module's tensors, tied ones staying tied."""
    made: dict[int, torch.Tensor] = {}
    found = {}
    for name, tensor in own_tensors(module).items():
        if id(tensor) not in made:
            made[id(tensor)] = replacement(tensor)
        found[name] = made[id(tensor)]
    return found


def call_with(module: nn.Module, tensors: Mapping[str, torch.Tensor], args: Any, kwargs: Any) -> Any:
    """Call a module with tensors at these places, which `own_tensors` lists; its own ones are back afterwards."""
    return functional_call(module, dict(tensors), args, kwargs, tie_weights=False)
