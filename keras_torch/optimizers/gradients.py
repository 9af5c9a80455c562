"""Clipping of gradients, with Keras's formulas, in torch's foreach functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

Tensors = list[torch.Tensor]
# The function from tensors to their norms; of tensors in parts on several processes, those of the wholes.
Norms = Callable[[Tensors], Any]


def clip_by_value(grads: Tensors, limit: float) -> Tensors:
    """Return the gradients clamped to [-limit, limit]."""
    return list(torch._foreach_clamp_max(torch._foreach_clamp_min(grads, -limit), limit))


def clip_by_global_norm(grads: Tensors, limit: float, norms_of: Norms = torch._foreach_norm) -> Tensors:
    """Return all gradients scaled by one factor to a common norm of at most `limit`; NaN if it is not finite."""
    norms = norms_of(grads)
    norm = torch.linalg.vector_norm(torch.stack([part.to(norms[0].device) for part in norms]))
    scale = limit / norm.clamp(min=limit) + (norm - norm)
    return list(torch._foreach_mul(grads, scale))


def clip_norm(g: torch.Tensor, c: float, n: Any) -> torch.Tensor:
    """Return a gradient `g` of norm `n` scaled to the norm `c` if it is longer; `c` of 0 or less leaves it alone.

    Keras 1's and 2's function, with their argument names.
    """
    if c <= 0:
        return g
    norm = torch.as_tensor(n)
    return torch.where(norm >= c, g * (c / norm), g)


def joint_norms(tensors: Tensors, owners: Sequence[int], norms_of: Norms = torch._foreach_norm) -> Tensors:
    """Return for each tensor the common norm of those with the same owner (the storages of one variable)."""
    norms = list(norms_of(tensors))
    if len(set(owners)) == len(owners):
        return norms
    squares: dict[int, torch.Tensor] = {}
    for owner, norm in zip(owners, norms, strict=True):
        squares[owner] = squares[owner] + norm.square() if owner in squares else norm.square()
    return [squares[owner].sqrt() for owner in owners]


def clip_each_by_norm(
    grads: Tensors, owners: Sequence[int], limit: float, norms_of: Norms = torch._foreach_norm
) -> Tensors:
    """Return each variable's gradient scaled so that its norm is at most `limit`; `owners` gives its variable."""
    scales = torch._foreach_reciprocal(torch._foreach_clamp_min(joint_norms(grads, owners, norms_of), limit))
    torch._foreach_mul_(scales, limit)
    return list(torch._foreach_mul(grads, scales))
