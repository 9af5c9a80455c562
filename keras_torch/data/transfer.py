"""Batches on their way to a GPU: from pinned memory, on a stream of their own, beside what the GPU computes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch

# Smaller tensors go through the driver's own staging buffer without waiting, which pinning would only delay.
_STAGED_BYTES = 64 << 10


def to_device(tensors: Sequence[Any], device: torch.device) -> list[Any]:
    """Return tensors on `device`.

    The host does not wait for copies to a GPU: while the GPU still computes with one batch, the next one is copied.
    """
    if device.type != "cuda" or all(not isinstance(t, torch.Tensor) or t.device == device for t in tensors):
        return [tensor.to(device) for tensor in tensors]
    side, current = _side_stream(device), torch.cuda.current_stream(device)
    with torch.cuda.stream(side):
        moved = [_pinned(tensor).to(device, non_blocking=True) for tensor in tensors]
    current.wait_stream(side)
    for tensor in moved:
        if isinstance(tensor, torch.Tensor):
            # Its memory belongs to the side stream, which must not use it again before the current one is done.
            tensor.record_stream(current)
    return moved


@functools.cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)


def _pinned(tensor: Any) -> Any:
    if tensor.device.type != "cpu" or tensor.numel() * tensor.element_size() < _STAGED_BYTES or tensor.is_pinned():
        return tensor
    return tensor.pin_memory()
