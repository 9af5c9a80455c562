"""Hashing of tensors of integers as one torch operation, which torch.compile leaves whole."""

from __future__ import annotations

import torch

from keras_torch.layers.preprocessing.fingerprints import buckets


@torch.library.custom_op("keras_torch::hash_integers", mutates_args=())
def hash_integers(values: torch.Tensor, count: int, salt: list[int]) -> torch.Tensor:
    """Return the bucket, below `count`, of the decimal digits of each integer: by FarmHash, or SipHash with a salt."""
    found = buckets(values.cpu().numpy(), count, salt or None)
    return torch.from_numpy(found).to(values.device)


@hash_integers.register_fake
def _shape(values: torch.Tensor, count: int, salt: list[int]) -> torch.Tensor:
    return torch.empty_like(values, dtype=torch.int64)
