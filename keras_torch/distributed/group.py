"""The process group, made when it is first needed."""

from __future__ import annotations

import atexit
import datetime
import os
from typing import Any

import torch
import torch.distributed as dist

from keras_torch.distributed.environment import gpu

# How long a process waits for the others, in seconds: longer than any validation or file on rank 0 takes.
TIMEOUT = float(os.environ.get("KERAS_TORCH_TIMEOUT", 1800))


def start(address: str | None = None, count: int | None = None, number: int | None = None) -> None:
    """Join the other processes by `torch.distributed.init_process_group`: gloo on CPUs, NCCL on GPUs.

    Without torchrun's environment the `address` of process 0, their `count` and this one's `number` tell who they are.
    """
    if dist.is_initialized():
        return
    limit = datetime.timedelta(seconds=TIMEOUT)
    meeting = _meeting_again(limit)
    if address is not None:
        meeting = {"init_method": f"tcp://{address}", "world_size": count, "rank": number}
    if torch.cuda.is_available() and not os.environ.get("KERAS_TORCH_DEVICE", "").startswith("cpu"):
        torch.cuda.set_device(gpu())
        dist.init_process_group("cpu:gloo,cuda:nccl", timeout=limit, **meeting)
    else:
        dist.init_process_group("gloo", timeout=limit, **meeting)
    atexit.register(_stop)


class _Data:
    group: Any = None


def data_group() -> Any:
    """Return the processes among which batches are divided; None stands for all.

    There are others if weights are divided as well: those that have parts of the same weights compute the same rows.
    """
    return _Data.group


def set_data_group(group: Any) -> None:
    """Set what `data_group` returns."""
    _Data.group = group


def _meeting_again(limit: datetime.timedelta) -> dict[str, Any]:
    """Return how to meet in torchrun's store, which after a restart still holds the addresses of dead processes."""
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    if attempt == "0" or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return {}
    count = int(os.environ["WORLD_SIZE"])
    place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = dist.TCPStore(*place, world_size=count, is_master=False, timeout=limit)
    found = dist.PrefixStore(f"attempt_{attempt}", store)
    return {"store": found, "rank": int(os.environ["RANK"]), "world_size": count}


def _stop() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
