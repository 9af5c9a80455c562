"""Indices as one-hot, multi-hot or count vectors."""

from __future__ import annotations

from typing import Any

import torch

ENCODINGS = ("one_hot", "multi_hot", "count")


def encode(
    indices: torch.Tensor,
    mode: str,
    depth: int,
    dtype: torch.dtype,
    weights: torch.Tensor | None = None,
    valid: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return vectors of `depth` numbers for integer indices in `0..depth - 1`.

    "one_hot" gives one for each index, in place of a last axis of size 1 or on a new one; "multi_hot" and "count"
    one for each sample: axis 1 of the indices is summed over, as in Keras 3 (Keras 2 knew no further axes), or axis 0
    of a single sample. `weights` are added up in place of ones; what is not `valid` leaves no trace.
    """
    if mode == "one_hot":
        if indices.dim() < 2 or indices.shape[-1] != 1:
            indices = indices.unsqueeze(-1)
            valid = None if valid is None else valid.unsqueeze(-1)
    elif indices.dim() == 0:
        indices = indices.unsqueeze(-1)
        valid = None if valid is None else valid.unsqueeze(-1)
    if weights is None:
        weights = torch.ones_like(indices, dtype=dtype)
    if mode != "one_hot" and indices.dim() > 2:
        weights = weights.expand(indices.shape).movedim(1, -1)
        indices = indices.movedim(1, -1)
        valid = None if valid is None else valid.movedim(1, -1)
    if valid is not None:
        indices, weights = indices.where(valid, 0), weights * valid
    result = torch.zeros((*indices.shape[:-1], depth), dtype=weights.dtype, device=indices.device)
    result = result.scatter_add(-1, indices, weights.expand(indices.shape))
    return result.clamp(max=1) if mode == "multi_hot" else result


def encoded_shape(shape: Any, mode: str, depth: int | None) -> tuple[int | None, ...]:
    """Return the shape of what `encode` gives; `mode` "int" leaves indices as they are."""
    shape = tuple(shape)
    if mode == "int":
        return shape
    if mode == "one_hot" and (len(shape) < 2 or shape[-1] != 1):
        return (*shape, depth) if shape else (depth,)
    if mode != "one_hot" and len(shape) > 2:
        return (shape[0], *shape[2:], depth)
    return (*shape[:-1], depth)


def check_range(indices: torch.Tensor, depth: int, layer: str, argument: str) -> None:
    """ValueError for indices outside `0..depth - 1`.

    Only where values are at hand: on a GPU, torch's own scatter stops the program, without a wait here.
    """
    if indices.device.type != "cpu" or torch.compiler.is_compiling() or not indices.numel():
        return
    low, high = torch.aminmax(indices)
    if low < 0 or high >= depth:
        raise ValueError(
            f"Layer {layer!r} takes whole numbers from 0 to {depth - 1}, because `{argument}` is {depth}. "
            f"Received: numbers from {int(low)} to {int(high)}"
        )
