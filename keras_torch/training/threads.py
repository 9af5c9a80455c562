"""How many threads a loop over batches is worth: torch's pool takes longer to wake up than small models take to run."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch

from keras_torch.data import ArrayData

# Up to here (multiplications of a forward pass of one batch, and weights) one thread is faster than two, and than more.
SMALL_WORK = 1 << 20
SMALL_WEIGHTS = 1 << 16


@contextlib.contextmanager
def as_needed(model: Any, source: Any) -> Iterator[None]:
    """Within it torch computes with one thread (`torch.set_num_threads`) if the model is small.

    Only where batches are cut from arrays: other sources may compute in the same thread whatever they like.
    """
    count = torch.get_num_threads()
    if count == 1 or not isinstance(source, ArrayData) or not _is_small(model, source):
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)


def _is_small(model: Any, source: ArrayData) -> bool:
    network = getattr(model, "_network", None)
    if network is None or source.device.type != "cpu":
        return False
    if sum(weight.numel() for weight in model.parameters()) > SMALL_WEIGHTS:
        return False
    return source.batch_size * sum(map(_work, network.nodes)) <= SMALL_WORK


def _work(node: Any) -> int:
    """Return the multiplications for one sample: each weight's at each place, of a time or a space, and each number."""
    shapes = [tuple(tensor.shape) for tensor in (*node.taken, *node.output_tensors)]
    places = max((math.prod(size or 1 for size in shape[1:-1]) for shape in shapes), default=1)
    numbers = sum(math.prod(size or 1 for size in shape[1:]) for shape in shapes)
    weights = sum(weight.numel() for weight in getattr(node.operation, "parameters", tuple)())
    return places * weights + numbers
