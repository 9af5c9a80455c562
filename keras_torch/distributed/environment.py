"""Who this process is, by what torchrun puts into the environment."""

from __future__ import annotations

import os

import torch
import torch.distributed as dist

# Looked up once, for this is asked before each batch.
_launched = all(name in os.environ for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"))


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


def is_main() -> bool:
    """Whether this process is the one that prints and writes files."""
    return rank() == 0
