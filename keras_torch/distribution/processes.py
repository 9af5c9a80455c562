"""The devices that there are: one for each process."""

from __future__ import annotations

import os

import torch

from keras_torch import config, distributed


def list_devices(device_type: str | None = None) -> list[str]:
    """Return names such as "gpu:0": one device for each of several processes, else the GPUs of this machine, or a CPU.

    `device_type` is "cpu" or "gpu"; by default the kind that weights are put on.
    """
    kind = "gpu" if config.default_device().type == "cuda" else "cpu"
    wanted = kind if device_type is None else str(device_type).lower()
    if wanted not in ("cpu", "gpu"):
        raise ValueError(f"`device_type` must be 'cpu', 'gpu' or None. Received: {device_type!r}")
    if distributed.is_active():
        count = distributed.world_size() if wanted == kind else 0
    else:
        count = torch.cuda.device_count() if wanted == "gpu" else 1
    return [f"{wanted}:{index}" for index in range(count)]


def get_device_count(device_type: str | None = None) -> int:
    """Return the number of devices in `list_devices(device_type)`."""
    return len(list_devices(device_type))


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Join the other processes (`torch.distributed.init_process_group`), as torchrun's environment says.

    The arguments, or `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `..._NUM_PROCESSES` and `..._PROCESS_ID`, need no torchrun:
    the first address is that of process 0, as "host:port". Alone, there is nobody to join.
    """
    given = (job_addresses, num_processes, process_id)
    names = ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
    found = [
        os.environ.get(f"KERAS_DISTRIBUTION_{name}") if value is None else value
        for value, name in zip(given, names, strict=True)
    ]
    if all(value is None for value in found):
        if distributed.is_active():
            distributed.start()
        return
    if any(value is None for value in found):
        raise ValueError(
            "`initialize` takes `job_addresses`, `num_processes` and `process_id` together, or none of them under "
            f"`keras-torch run`. Received: {dict(zip(names, found, strict=True))}"
        )
    address = str(found[0]).split(",")[0]
    if ":" not in address:
        raise ValueError(f"`job_addresses` must begin with 'host:port' of process 0. Received: {found[0]!r}")
    distributed.start(address, int(found[1]), int(found[2]))  # type: ignore[arg-type]
