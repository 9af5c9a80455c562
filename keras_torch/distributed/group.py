"""The process group, made when it is first needed."""

from __future__ import annotations

import atexit
import datetime
import os

import torch
import torch.distributed as dist

from keras_torch.distributed.environment import local_rank

# How long a process waits for the others, in seconds: longer than any validation or file on rank 0 takes.
TIMEOUT = float(os.environ.get("KERAS_TORCH_TIMEOUT", 1800))


def start() -> None:
    """Join the other processes by `torch.distributed.init_process_group`: gloo on CPUs, NCCL on GPUs."""
    if dist.is_initialized():
        return
    limit = datetime.timedelta(seconds=TIMEOUT)
    if torch.cuda.is_available() and not os.environ.get("KERAS_TORCH_DEVICE", "").startswith("cpu"):
        device = torch.device("cuda", local_rank())
        torch.cuda.set_device(device)
        dist.init_process_group("cpu:gloo,cuda:nccl", timeout=limit)
    else:
        dist.init_process_group("gloo", timeout=limit)
    atexit.register(_stop)


def _stop() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
