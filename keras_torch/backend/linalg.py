"""Matrix products with Keras's rules for more than two axes."""

from __future__ import annotations

from typing import Any

import torch

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
