"""Who this process is, by what torchrun puts into the environment."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist

# Looked up once, for this is asked before each batch.
_launched = all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))
# What processes keep parts of: "weights" (with gradients and optimizer state), "optimizer" (the same, but weights are
# whole within a step), None: nothing.
SHARDING = ("weights", "optimizer", None)
SHARD_VARIABLE = "KERAS_TORCH_SHARD"


class _Sharding:
    kind: str | None = None


def _from_group() -> bool:
    return dist.is_available() and dist.is_initialized()


def world_size() -> int:
    """Return the number of processes: that of the process group, before it exists that of torchrun, else 1."""
    if _from_group():
        return dist.get_world_size()
    return int(os.environ["WORLD_SIZE"]) if _launched else 1


def rank() -> int:
    """Return the number of this process among all, from 0."""
    if _from_group():
        return dist.get_rank()
    return int(os.environ["RANK"]) if _launched else 0


def local_rank() -> int:
    """Return the number of this process among those of its machine, which is that of its GPU."""
    return int(os.environ.get("LOCAL_RANK", 0)) if is_active() else 0


def gpu() -> torch.device:
    """Return the GPU of this process: of several on a machine each has its own, else torch's current one."""
    return torch.device("cuda", local_rank() if is_active() else torch.cuda.current_device())


def is_active() -> bool:
    """Whether several processes train together."""
    return world_size() > 1


def sharding() -> str | None:
    """Return what each of several processes keeps a part of, None if each has all."""
    return _Sharding.kind if is_active() else None


def set_sharding(kind: str | None) -> None:
    """Choose what processes that train together keep only a part of, for models that are not trained yet.

    "weights": weights, gradients and optimizer state, for models too big for one process; a layer is gathered each time
    that it computes. "optimizer": the same, but weights stay whole from the forward to the backward pass.
    `keras-torch run --shard` and `--zero`, or the variable KERAS_TORCH_SHARD, choose for a script as it is.
    """
    if kind not in SHARDING:
        raise ValueError(f"Processes shard 'weights', the 'optimizer', or nothing (None). Received: {kind!r}")
    _Sharding.kind = kind


set_sharding(os.environ.get(SHARD_VARIABLE) or None)


def is_main() -> bool:
    """Whether this process is the one that prints and writes files."""
    return rank() == 0
