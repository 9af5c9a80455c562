"""`tf.distribute`: one replica in each process that `keras-torch run --gpus N` started."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import torch

from keras_torch import distributed
from keras_torch.data.structure import map_structure
from keras_torch.distributed import Share
from keras_torch.dropin.tensorflow import replicas
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor


class ReduceOp:
    """How values of replicas are joined."""

    SUM = "SUM"
    MEAN = "MEAN"


class Strategy:
    """One replica in each process, on its default device.

    `fit` divides batches among the processes with or without it. In a loop of the user's own `run` makes optimizers
    sum gradients over the replicas, and `experimental_distribute_dataset` gives each its rows of every batch; a loop
    without these does everything in every process, with the results of one.
    """

    def __init__(self, devices: Any = None, cross_device_ops: Any = None, **options: Any) -> None:
        self.extended = self

    def _in_multi_worker_mode(self) -> bool:
        """False: the first process writes for all of them."""
        return False

    @property
    def should_checkpoint(self) -> bool:
        """Whether this is the process that writes files."""
        return distributed.rank() == 0

    @property
    def num_replicas_in_sync(self) -> int:
        """The number of processes."""
        return distributed.world_size()

    @contextlib.contextmanager
    def scope(self) -> Iterator[Strategy]:
        """What is made inside belongs to all replicas: metrics count the batches of all."""
        before, _InUse.strategy = _InUse.strategy, self
        try:
            with replicas.whole_metrics() if distributed.is_active() else contextlib.nullcontext():
                yield self
        finally:
            _InUse.strategy = before

    def run(self, fn: Callable[..., Any], args: Any = (), kwargs: Any = None, options: Any = None) -> Any:
        """Call a function in each replica. Gradients that optimizers apply in it are summed over all of them."""
        with replicas.running() if distributed.is_active() else contextlib.nullcontext():
            return fn(*args, **(kwargs or {}))

    experimental_run_v2 = run

    def reduce(self, reduce_op: Any, value: Any, axis: Any = None) -> Any:
        """Return the sum or mean of a value over the replicas, with an `axis` over that as well."""
        value = convert_to_tensor(value)
        mean = _is_mean(reduce_op)
        count = torch.ones((), dtype=torch.float64) * (1 if axis is None else value.shape[axis])
        if axis is not None:
            value = torch.sum(value, axis)
        if distributed.is_active():
            distributed.start()
            value, count = replicas.total(value.detach()), replicas.total(count)
        return value / count.to(value.device, value.dtype) if mean else value

    def gather(self, value: Any, axis: int) -> Any:
        """Return the tensors of all replicas, joined along an axis."""
        value = convert_to_tensor(value)
        if not distributed.is_active():
            return value
        distributed.start()
        return torch.cat(
            [part.movedim(0, axis) for part in distributed.gather_rows(value.detach().movedim(axis, 0))], axis
        )

    def experimental_distribute_dataset(self, dataset: Any, options: Any = None) -> Any:
        """Return the dataset; with several processes iteration gives each its rows of every batch."""
        return replicas.OwnRows(dataset) if distributed.is_active() else dataset

    def distribute_datasets_from_function(self, dataset_fn: Callable[..., Any], options: Any = None) -> Any:
        """Return the dataset that a function makes; its batches, of one replica each, go round the processes."""
        dataset = dataset_fn(InputContext())
        return replicas.OwnTurns(dataset) if distributed.is_active() else dataset

    experimental_distribute_datasets_from_function = distribute_datasets_from_function

    def experimental_local_results(self, value: Any) -> tuple[Any]:
        """The value of this process's replica."""
        return (value,)


class InputContext:
    """What a function that makes a dataset learns: there is one pipeline, whose batches go round the replicas."""

    num_input_pipelines = 1
    input_pipeline_id = 0

    @property
    def num_replicas_in_sync(self) -> int:
        """The number of processes."""
        return distributed.world_size()

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        """Return the size of a replica's batches. ValueError if it is not whole."""
        if global_batch_size % self.num_replicas_in_sync:
            raise ValueError(
                f"The global batch size must be a multiple of the {self.num_replicas_in_sync} replicas. "
                f"Received: global_batch_size={global_batch_size}"
            )
        return global_batch_size // self.num_replicas_in_sync


def _is_mean(reduce_op: Any) -> bool:
    return str(getattr(reduce_op, "name", reduce_op)).upper().endswith("MEAN")


class MirroredStrategy(Strategy):
    """The same: keras_torch uses several GPUs with one process each (`keras-torch run --gpus N script.py`)."""


class OneDeviceStrategy(Strategy):
    """One replica."""


class _InUse:
    strategy: Strategy | None = None


_DEFAULT = Strategy()


def get_strategy() -> Strategy:
    """Return the strategy in use."""
    return _InUse.strategy or _DEFAULT


def has_strategy() -> bool:
    """Whether this is in the `scope` of a strategy."""
    return _InUse.strategy is not None


def in_cross_replica_context() -> bool:
    """Whether this is outside of `strategy.run`."""
    return not isinstance(Share.current, replicas.Replica)


class ReplicaContext:
    """What a replica knows of the others."""

    @property
    def num_replicas_in_sync(self) -> int:
        """The number of processes."""
        return distributed.world_size()

    @property
    def replica_id_in_sync_group(self) -> int:
        """The number of this process."""
        return distributed.rank()

    @property
    def strategy(self) -> Strategy:
        """The strategy in use."""
        return get_strategy()

    def all_reduce(self, reduce_op: Any, value: Any, options: Any = None) -> Any:
        """Return the sums or means of a structure of tensors over all replicas."""
        if not distributed.is_active():
            return value
        distributed.start()
        count = distributed.world_size() if _is_mean(reduce_op) else 1
        return map_structure(lambda item: replicas.total(item) / count if count > 1 else replicas.total(item), value)


class ClusterResolver:
    """What a strategy over several workers says of this one: its number among the processes."""

    task_type = "worker"

    @property
    def task_id(self) -> int:
        """The number of this process."""
        return distributed.rank()


class MultiWorkerMirroredStrategy(Strategy):
    """The same: `keras-torch run --gpus N --nodes M script.py` on each machine, in place of `TF_CONFIG`."""

    @property
    def cluster_resolver(self) -> ClusterResolver:
        """Which of the workers this is."""
        return ClusterResolver()


class TPUClusterResolver:
    """ValueError, which scripts catch: there are no TPUs."""

    def __init__(self, tpu: Any = None, zone: Any = None, project: Any = None, **options: Any) -> None:
        raise ValueError("There are no TPUs here: leave the cluster out, or catch this error, which TensorFlow's is.")

    @classmethod
    def connect(cls, *args: Any, **kwargs: Any) -> Any:
        """ValueError, as the class gives."""
        return cls()


class Options(SimpleNamespace):
    """Settings of how TensorFlow's workers speak to each other: here torch.distributed does."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(**settings)


NAMES = {
    "distribute.HierarchicalCopyAllReduce distribute.NcclAllReduce distribute.ReductionToOneDevice": Options,
    "distribute.InputOptions distribute.RunOptions distribute.experimental.CommunicationOptions": Options,
    "distribute.MirroredStrategy": MirroredStrategy,
    "distribute.MultiWorkerMirroredStrategy": MultiWorkerMirroredStrategy,
    "distribute.cluster_resolver.ClusterResolver": ClusterResolver,
    "distribute.cluster_resolver.TPUClusterResolver": TPUClusterResolver,
    "distribute.experimental.CentralStorageStrategy": MirroredStrategy,
    "distribute.experimental.MultiWorkerMirroredStrategy": MultiWorkerMirroredStrategy,
    "distribute.OneDeviceStrategy": OneDeviceStrategy,
    "distribute.ReduceOp": ReduceOp,
    "distribute.Strategy": Strategy,
    "distribute.get_replica_context": ReplicaContext,
    "distribute.get_strategy": get_strategy,
    "distribute.has_strategy": has_strategy,
    "distribute.in_cross_replica_context": in_cross_replica_context,
    "distribute.InputContext": InputContext,
    "distribute.ReplicaContext": ReplicaContext,
}
