"""Drawing random numbers into tensors: torch's samplers, and for many numbers on the processor numpy's random words.

Torch draws one float at a time, from the Mersenne Twister, and a truncated normal distribution by rejection. Words of
64 bits from numpy's PCG64, each cut into two numbers, take a quarter of the time, and a twentieth by the inverse of the
normal distribution (measured).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

# Below this size a generator of numpy's takes longer to make than torch to draw.
_LARGE = 2**13
# What stays in a processor's cache between the steps, and is too little for torch to start threads of its own.
_CHUNK = 3 * 2**13
# What one thread does at a time.
_BLOCK = 8 * _CHUNK
_BITS = 23


def uniform_(tensor: Tensor, low: float, high: float, generator: torch.Generator | None, exact: bool) -> None:
    """Fill a tensor with numbers from [low, high); `exact` asks for those that torch gives for the generator's seed."""
    if exact or not _is_large(tensor):
        tensor.uniform_(low, high, generator=generator)
        return
    middle, half = (low + high) / 2, (high - low) / 2

    def finish(part: Tensor) -> None:
        part.mul_(half / 2**_BITS)
        if middle:
            part.add_(middle)

    _fill(tensor, generator, finish)


def truncated_normal_(
    tensor: Tensor, mean: float, stddev: float, generator: torch.Generator | None, exact: bool
) -> None:
    """Fill a tensor from a normal distribution, cut off at two standard deviations; `exact` as for `uniform_`."""
    if stddev == 0:
        tensor.fill_(mean)
        return
    if exact or not _is_large(tensor):
        torch.nn.init.trunc_normal_(tensor, mean, stddev, mean - 2 * stddev, mean + 2 * stddev, generator=generator)
        return
    kept = math.erf(2 / math.sqrt(2))

    def finish(part: Tensor) -> None:
        part.mul_(kept / 2**_BITS).erfinv_().mul_(stddev * math.sqrt(2)).clamp_(-2 * stddev, 2 * stddev)
        if mean:
            part.add_(mean)

    _fill(tensor, generator, finish)


def _is_large(tensor: Tensor) -> bool:
    return tensor.numel() >= _LARGE and tensor.device.type == "cpu" and tensor.dtype is torch.float32


def _fill(tensor: Tensor, generator: torch.Generator | None, finish: Callable[[Tensor], None]) -> None:
    """Fill a tensor with whole numbers from [-2 ** 23, 2 ** 23), and finish it part by part.

    Each block has a generator of its own, so that the numbers do not depend on how many threads draw them.
    """
    seed = int(torch.randint(2**63 - 1, (), generator=generator, device="cpu"))
    blocks = tensor.view(-1).split(_BLOCK)

    def fill(number: int) -> None:
        words = np.random.default_rng([seed, number])
        for part in blocks[number].split(_CHUNK):
            numbers = words.integers(0, 2**64 - 1, -(-part.numel() // 2), np.uint64, endpoint=True).view(np.int32)
            numbers >>= 31 - _BITS
            part.copy_(torch.from_numpy(numbers[: part.numel()]))
            finish(part)

    # A thread takes about as long to start as half a block to fill.
    threads = min(torch.get_num_threads(), len(blocks) // 2)
    if threads <= 1:
        for number in range(len(blocks)):
            fill(number)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(fill, range(len(blocks))):
            pass
