"""`tf.distribute`: one replica in each process. Several GPUs are `keras-torch run --gpus N`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch

from keras_torch import distributed
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor


class ReduceOp:
    """How values of replicas are joined."""

    SUM = "SUM"
    MEAN = "MEAN"


class Strategy:
    """One replica in each process, on the default device: what runs in it runs once."""

    def __init__(self, devices: Any = None, cross_device_ops: Any = None, **options: Any) -> None:
        self.extended = self

    @property
    def num_replicas_in_sync(self) -> int:
        """The number of processes among which `fit` divides each batch; what runs by itself runs whole in each."""
        return distributed.world_size()

    @contextlib.contextmanager
    def scope(self) -> Iterator[Strategy]:
        """What is made inside belongs to the one replica."""
        yield self

    def run(self, fn: Callable[..., Any], args: Any = (), kwargs: Any = None, options: Any = None) -> Any:
        """Call a function."""
        return fn(*args, **(kwargs or {}))

    experimental_run_v2 = run

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """The value; with an `axis` its sum or mean over that axis."""
        value = convert_to_tensor(value)
        if axis is None:
            return value
        mean = str(getattr(reduce_op, "name", reduce_op)).upper().endswith("MEAN")
        return torch.mean(value, axis) if mean else torch.sum(value, axis)

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """Return the dataset."""
        return dataset

    def experimental_local_results(self, value: Any) -> tuple[Any]:
        """The value of the one replica."""
        return (value,)


class MirroredStrategy(Strategy):
    """The same: keras_torch uses several GPUs with one process each (`keras-torch run --gpus N script.py`)."""


class OneDeviceStrategy(Strategy):
    """One replica."""


_DEFAULT = Strategy()


def get_strategy() -> Strategy:
    """Return the strategy in use."""
    return _DEFAULT


class ReplicaContext:
    """What a replica knows of the others: it is alone."""

    num_replicas_in_sync = 1
    replica_id_in_sync_group = 0

    def all_reduce(self, reduce_op: Any, value: Any) -> Any:
        """The value."""
        return value


NAMES = {
    "distribute.MirroredStrategy": MirroredStrategy,
    "distribute.OneDeviceStrategy": OneDeviceStrategy,
    "distribute.ReduceOp": ReduceOp,
    "distribute.Strategy": Strategy,
    "distribute.get_replica_context": ReplicaContext,
    "distribute.get_strategy": get_strategy,
    "distribute.has_strategy": lambda: False,
    "distribute.in_cross_replica_context": lambda: True,
}
