"""Starting several processes that train together: torchrun (`torch.distributed.run`), and one report of what failed."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

import torch

from keras_torch.distributed.environment import SHARD_VARIABLE

# Tells a process that it was started here, and the seed that all of them share.
VARIABLE = "KERAS_TORCH_LAUNCHED"
# Seconds that the other processes have to end by themselves when one has failed.
_PATIENCE = 8


def check_gpus(count: int) -> str | None:
    """Return what is wrong with a wish for so many GPUs on this machine, None if they are there."""
    there = torch.cuda.device_count()
    if 1 <= count <= there or count == 1:
        return None
    if count < 1:
        return f"--gpus {count}: expected the number of GPUs on this machine to train on, 1 or more."
    if there == 0:
        return (
            f"--gpus {count}: this machine has no GPU that torch can use. Pass --processes {count} to train in {count} "
            "processes on the CPU, or leave both out to train in one."
        )
    return f"--gpus {count}: this machine has {there} GPU{'s' if there > 1 else ''}. Pass --gpus {there}."


def torchrun_arguments(options: Any, count: int) -> list[str]:
    """Return the arguments of torchrun for the options of `keras-torch run`."""
    found = [f"--nproc-per-node={count}", f"--nnodes={options.nodes}", f"--max-restarts={options.max_restarts}"]
    found += [f"--shutdown-timeout={_PATIENCE}"]
    if options.rdzv_endpoint:
        found += ["--rdzv-backend=c10d", f"--rdzv-endpoint={options.rdzv_endpoint}", f"--rdzv-id={options.rdzv_id}"]
    if options.node_rank is not None:
        found += [f"--node-rank={options.node_rank}"]
    return found


def launch(options: Any, count: int, command: Sequence[str]) -> int:
    """Run `python -m keras_torch COMMAND` in `count` processes on this machine; return the exit status.

    The first error of any of them is printed, once.
    """
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    arguments = torchrun_arguments(options, count)
    alone = str(options.nodes) == "1"
    # Processes on several machines share the name of their meeting, not a number that one machine drew.
    os.environ[VARIABLE] = str(int.from_bytes(os.urandom(4), "little")) if alone else ""
    if options.shard or options.zero:
        os.environ[SHARD_VARIABLE] = "weights" if options.shard else "optimizer"
    if not options.gpus:
        os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    logging.getLogger("torch.distributed.run").setLevel(logging.ERROR)
    try:
        torchrun.run(torchrun.parse_args([*arguments, "-m", "keras_torch", *command]))
    except ChildFailedError as error:
        return _report(error)
    except SignalException as error:
        return 128 + int(error.sigval)
    return 0


def _report(error: Any) -> int:
    """Print what the first process to fail has left, and return its exit status."""
    rank = min(error.failures, key=lambda rank: _moment(error.failures[rank]))
    failure = error.failures[rank]
    found = failure.error_file_data.get("message")
    if isinstance(found, dict):
        sys.stderr.write(found["extraInfo"]["py_callstack"])
        # Where several failed at once, the launcher may have ended the first of them itself.
        return max(failure.exitcode, 1)
    elif failure.exitcode < 0:
        sys.stderr.write(f"keras-torch run: process {rank} was killed by {failure.signal_name()}.\n")
    return failure.exitcode if failure.exitcode > 0 else 128 - failure.exitcode


def _moment(failure: Any) -> float:
    found = failure.error_file_data.get("message")
    exact = found["extraInfo"].get("exact") if isinstance(found, dict) else None
    return float(failure.timestamp + 1 if exact is None else exact)
