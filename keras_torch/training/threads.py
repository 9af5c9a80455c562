"""How many threads a loop over batches is worth: torch's pool takes longer to wake up than small models take to run."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch

from keras_torch.data import ArrayData

# Up to here (multiplications of a forward pass of one batch, and weights) one thread is faster than two: by 5 percent
# for dense layers, by 5 to 15 for recurrent ones. Of convolutions even the smallest are not.
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
    if network.work is None:
        weights = sum(weight.numel() for weight in model.parameters())
        network.work = math.inf if weights > SMALL_WEIGHTS else _work(network)
    return source.batch_size * network.work <= SMALL_WORK


def _work(network: Any) -> float:
    """Return the multiplications for one sample: each weight's at each time, and each number.

    Infinite where sizes are unknown, and for images.
    """
    total = 0
    for node in network.nodes:
        sizes = [tuple(tensor.shape)[1:] for tensor in (*node.taken, *node.output_tensors)]
        if any(None in size or len(size) > 2 for size in sizes):
            return math.inf
        places = max((math.prod(size[:-1]) for size in sizes), default=1)
        weights = sum(weight.numel() for weight in getattr(node.operation, "parameters", tuple)())
        total += places * weights + sum(map(math.prod, sizes))
    return total
