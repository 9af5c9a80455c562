"""What replicas of `tf.distribute` share when several processes run a loop of the user's own."""

from __future__ import annotations

import contextlib
import functools
import itertools
from collections.abc import Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch.utils import _pytree as pytree

from keras_torch import distributed
from keras_torch.data.structure import map_structure
from keras_torch.distributed import Share
from keras_torch.distributed.collectives import device
from keras_torch.metrics import Metric, summing
from keras_torch.training import random_streams


class Replica(Share):
    """This process's part of a step in `strategy.run`: gradients are sums over replicas, as in TensorFlow.

    How many samples each has nobody knows here; dividing by those of all is up to the script's loss.
    """

    @property
    def weight(self) -> float:
        """What a number of this replica counts among those of all."""
        return 1 / self.world

    @property
    def divisor(self) -> float:
        """Sums are sums."""
        return 1.0

    def exchange(self, params: list[torch.Tensor], weighted: bool = True, owned: Any = None) -> None:
        """Make the `.grad` of parameters the sum over all replicas."""
        super().exchange(params, False, owned)


@functools.cache
def replica() -> Replica:
    """Return this process's."""
    return Replica(distributed.rank(), distributed.world_size())


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Within it optimizers exchange gradients, and random numbers are this process's own."""
    distributed.start()
    share = replica()
    with random_streams.shared(share):
        streams = random_streams.enter()
        try:
            with share.step():
                yield
        finally:
            random_streams.leave(streams)


def total(value: Any) -> torch.Tensor:
    """Return the sum of a tensor over all processes (`all_reduce`); gradients flow back where there are any."""
    tensor = torch.as_tensor(value)
    if tensor.requires_grad and torch.is_grad_enabled():
        return distributed.summed(tensor)
    found = tensor.detach().to(device(), copy=True)
    dist.all_reduce(found)
    return found.to(tensor.device)


@contextlib.contextmanager
def whole_metrics() -> Iterator[None]:
    """Let metrics made within it count the batches of all replicas: `result` sums their states over the processes.

    They do so once they were updated in `strategy.run`; what is updated outside is the same in all processes.
    """
    before, Metric.made = Metric.made, _watch
    try:
        yield
    finally:
        Metric.made = before


def _watch(metric: Metric) -> None:
    vars(metric).update(
        update_state=functools.partial(_updated, metric),
        reset_state=functools.partial(_reset, metric),
        result=functools.partial(_whole_result, metric),
    )


def _updated(metric: Any, *args: Any, **kwargs: Any) -> Any:
    vars(metric)["_is_part"] = isinstance(Share.current, Replica)
    return type(metric).update_state(metric, *args, **kwargs)


def _reset(metric: Any) -> None:
    vars(metric)["_is_part"] = False
    type(metric).reset_state(metric)


def _whole_result(metric: Any) -> Any:
    if not vars(metric).get("_is_part") or Share.current is not None:
        return type(metric).result(metric)
    local = summing.read([metric])
    sums = distributed.sum_over_processes(torch.cat([part.reshape(-1).to(device()) for part in local]))
    parts = sums.split([part.numel() for part in local])
    summing.write([metric], [part.view(own.shape) for part, own in zip(parts, local, strict=True)])
    try:
        return type(metric).result(metric)
    finally:
        summing.write([metric], local)


class OwnRows:
    """A dataset of global batches, of which iteration gives this process's consecutive rows: none where too few."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        rank, world = distributed.rank(), distributed.world_size()

        def rows(tensor: Any) -> Any:
            each, more = divmod(len(tensor), world)
            start = rank * each + min(rank, more)
            return tensor[start : start + each + (rank < more)]

        for batch in self._dataset:
            yield map_structure(rows, batch)

    def __len__(self) -> int:
        return len(self._dataset)

    @property
    def whole_batches(self) -> Any:
        """The batches of all processes, which `fit` divides by itself."""
        return self._dataset

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._dataset, name)


class OwnTurns(OwnRows):
    """A dataset of batches of one replica each, of which iteration gives this process's turns, in the end none."""

    def __iter__(self) -> Iterator[Any]:
        rank = distributed.rank()
        for group in self.groups():
            yield group[rank] if rank < len(group) else map_structure(lambda tensor: tensor[:0], group[0])

    def groups(self) -> Iterator[list[Any]]:
        """Yield the batches that all processes take at once."""
        batches = iter(self._dataset)
        while group := list(itertools.islice(batches, distributed.world_size())):
            yield group

    def __len__(self) -> int:
        return -(-len(self._dataset) // distributed.world_size())

    @property
    def whole_batches(self) -> _Joined:
        """The batches of all processes, which `fit` divides by itself."""
        return _Joined(self)


class _Joined:
    """The batches that processes take at once, as one."""

    def __init__(self, turns: OwnTurns) -> None:
        self._turns = turns

    def __iter__(self) -> Iterator[Any]:
        for group in self._turns.groups():
            yield pytree.tree_map(lambda *parts: torch.cat(parts), *group)

    def __len__(self) -> int:
        return len(self._turns)
