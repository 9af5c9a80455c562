"""Clipping of gradients, with Keras's formulas, in torch's foreach functions."""

from __future__ import annotations

from collections.abc import Sequence

import torch

Tensors = list[torch.Tensor]


def clip_by_value(grads: Tensors, limit: float) -> Tensors:
    """Return the gradients clamped to [-limit, limit]."""
    return list(torch._foreach_clamp_max(torch._foreach_clamp_min(grads, -limit), limit))


def clip_by_global_norm(grads: Tensors, limit: float) -> Tensors:
    """Return all gradients scaled by one factor to a common norm of at most `limit`; NaN if it is not finite."""
    norms = torch._foreach_norm(grads)
    norm = torch.linalg.vector_norm(torch.stack([part.to(norms[0].device) for part in norms]))
    scale = limit / norm.clamp(min=limit) + (norm - norm)
    return list(torch._foreach_mul(grads, scale))


def clip_each_by_norm(grads: Tensors, owners: Sequence[int], limit: float) -> Tensors:
    """Return each variable's gradient scaled so that its norm is at most `limit`.

    `owners` gives the variable of each gradient; gradients of one variable (two storages) are measured together.
    """
    norms = list(torch._foreach_norm(grads))
    if len(set(owners)) < len(owners):
        squares: dict[int, torch.Tensor] = {}
        for owner, norm in zip(owners, norms, strict=True):
            squares[owner] = squares[owner] + norm.square() if owner in squares else norm.square()
        norms = [squares[owner].sqrt() for owner in owners]
    scales = torch._foreach_reciprocal(torch._foreach_clamp_min(norms, limit))
    torch._foreach_mul_(scales, limit)
    return list(torch._foreach_mul(grads, scales))
