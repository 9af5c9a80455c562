"""Sums, copies and joins over all processes, each in as few messages as there are dtypes and devices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from keras_torch.distributed.group import data_group

_MESSAGE_BYTES = 1 << 28


def device() -> torch.device:
    """Return where small messages travel from: the CPU, whose numbers are needed; the GPU in a group of NCCL alone."""
    if dist.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def sum_over_processes(values: Sequence[float] | torch.Tensor) -> torch.Tensor:
    """Return the float64 sum of vectors of numbers over the processes that divide batches, by one `all_reduce`."""
    vector = torch.as_tensor(values, dtype=torch.float64).to(device())
    vector = vector.clone() if vector is values else vector
    dist.all_reduce(vector, group=data_group())
    return vector


def broadcast(tensors: Iterable[torch.Tensor], source: int = 0) -> None:
    """Copy the tensors of process `source` into those of the others, in few messages for each dtype and device."""
    groups: dict[Any, list[torch.Tensor]] = {}
    for tensor in tensors:
        if tensor.numel() and not tensor.is_meta:
            groups.setdefault((tensor.dtype, tensor.device), []).append(tensor.detach())
    with torch.no_grad():
        for message in (message for group in groups.values() for message in _messages(group)):
            flat = torch.cat([tensor.reshape(-1) for tensor in message])
            dist.broadcast(flat, source)
            parts = flat.split([tensor.numel() for tensor in message])
            for tensor, part in zip(message, parts, strict=True):
                tensor.copy_(part.view(tensor.shape))


def _messages(tensors: list[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Divide tensors into messages that take a moderate amount of memory each."""
    part: list[torch.Tensor] = []
    size = 0
    for tensor in tensors:
        size += tensor.nbytes
        if part and size > _MESSAGE_BYTES:
            yield part
            part, size = [], tensor.nbytes
        part.append(tensor)
    yield part


def shared_object(value: Any, source: int = 0) -> Any:
    """Return the object of process `source`, pickled on its way (`broadcast_object_list`)."""
    found = [value]
    dist.broadcast_object_list(found, source, device=device())
    return found[0]


def gather_rows(rows: torch.Tensor) -> list[torch.Tensor]:
    """Return the tensors of the processes that divide batches; they may differ in the length of the first axis."""
    group = data_group()
    count = dist.get_world_size(group)
    sizes = torch.zeros(count, dtype=torch.int64, device=rows.device)
    sizes[dist.get_rank(group)] = len(rows)
    dist.all_reduce(sizes, group=group)
    lengths = sizes.tolist()
    padded = rows.new_zeros((max(lengths), *rows.shape[1:]))
    padded[: len(rows)] = rows
    as_bytes = padded.contiguous().view(torch.uint8) if rows.dtype == torch.bool else padded.contiguous()
    found = [torch.empty_like(as_bytes) for _ in range(count)]
    dist.all_gather(found, as_bytes, group=group)
    return [part.view(rows.dtype)[:length] for part, length in zip(found, lengths, strict=True)]


def all_arrays(array: Any) -> list[Any]:
    """Return the numpy arrays of the processes that divide batches; those of text travel pickled."""
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        found: list[Any] = [None] * dist.get_world_size(data_group())
        dist.all_gather_object(found, array, group=data_group())
        return found
    rows = torch.from_numpy(np.ascontiguousarray(array)).to(device())
    return [part.cpu().numpy() for part in gather_rows(rows)]
