"""Matrix products with Keras's rules for more than two axes."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch import config
from keras_torch.backend.tensors import recorded, tensor


@recorded
def dot(x: Any, y: Any) -> Any:
    """Sum the products over the last axis of `x` and the last but one of `y`.

    Shapes (..., n) and (*more, n, m) give (..., *more, m), as Theano and `numpy.dot` do.
    """
    x, y = tensor(x), tensor(y)
    if y.dim() <= 2:
        return torch.matmul(x, y)
    return torch.tensordot(x, y, dims=([x.dim() - 1], [y.dim() - 2]))


def _batch_axes(x: Any, y: Any, axes: Any) -> tuple[int, int]:
    ranks = (x.dim(), y.dim())
    if axes is None:
        axes = (ranks[0] - 1, ranks[1] - (1 if ranks[1] == 2 else 2))
    axes = (axes, axes) if isinstance(axes, int) else tuple(axes)
    if len(axes) != 2 or not all(isinstance(axis, int) for axis in axes):
        raise ValueError(f"`axes` must be None, an int or two ints. Received: {axes!r}")
    first, second = (axis % rank if -rank <= axis < rank else 0 for axis, rank in zip(axes, ranks, strict=True))
    if config.is_classic() and ranks == (2, 2) and x.shape[first] == y.shape[second]:
        return first, second
    if 0 in (first, second) or x.shape[first] != y.shape[second]:
        raise ValueError(
            "`batch_dot` sums over one axis of each input, of the same size in both and not the first, the batch. "
            f"Received: shapes {tuple(x.shape)} and {tuple(y.shape)}, axes={axes}"
        )
    return first, second


@recorded
def batch_dot(x: Any, y: Any, axes: Any = None) -> Any:
    """For each sample sum the products over axis `axes[0]` of `x` and `axes[1]` of `y`.

    The shape is the batch, the other axes of `x`, those of `y`; (batch, 1) if there are none. `axes=None` is the last
    of `x` and the last but one of `y`. As there, in dialects 1 and 2 tensors of more than three axes are batches of
    batches of matrices (one may be of vectors), and the axes of two matrices may include the first: the other axis is
    the batch.
    """
    x, y = tensor(x), tensor(y)
    first, second = _batch_axes(x, y, axes)
    rank = max(x.dim(), y.dim())
    if 0 in (first, second):
        return torch.sum(x.movedim(first, -1) * y.movedim(second, -1), -1, keepdim=True)
    if config.is_classic() and rank > 3 and min(x.dim(), y.dim()) >= rank - 1 and min(first, second) >= rank - 2:
        left = x if x.dim() == rank else x.unsqueeze(-1)
        right = y if y.dim() == rank else y.unsqueeze(-1)
        left = left if first == rank - 1 else left.transpose(-1, -2)
        result = torch.matmul(left, right.transpose(-1, -2) if second == rank - 1 else right)
        if x.dim() < rank:
            return result.squeeze(-2)
        return result.squeeze(-1) if y.dim() < rank else result
    left, right = x.movedim(first, -1), y.movedim(second, 1)
    rest = (*left.shape[1:-1], *right.shape[2:])
    left = left.unsqueeze(1) if left.dim() == 2 else left.flatten(1, -2)
    right = right.unsqueeze(2) if right.dim() == 2 else right.flatten(2)
    result = torch.matmul(left, right)
    return result.reshape(x.shape[0], *(rest or (1,)))
