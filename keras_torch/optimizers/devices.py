"""Which kernels a torch optimizer can use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


def fused(params: Sequence[torch.Tensor], devices: tuple[str, ...] = ("cpu", "cuda")) -> dict[str, Any]:
    """Return `fused=True` if the one-kernel implementation takes all of `params`, else `foreach=True`."""
    supported = all(param.device.type in devices and param.is_floating_point() for param in params)
    return {"fused": True} if supported else {"foreach": True}


def step_count(param: torch.Tensor, settings: dict[str, Any]) -> torch.Tensor:
    """Return torch's step counter at 0, which lives beside the parameter for fused kernels and on the CPU otherwise."""
    return torch.zeros((), dtype=torch.float32, device=param.device if settings.get("fused") else "cpu")
