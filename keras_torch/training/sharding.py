"""One training by several processes: what `fit`, `evaluate`, `predict` and `*_on_batch` do otherwise then.

Each process computes its share of every global batch. The numbers are those of one process: gradients are sums weighted
by true numbers of samples (`distributed.gradients`), and the states of metrics are summed whenever logs are read.
"""

from __future__ import annotations

import contextlib
import functools
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
import torch.distributed as dist

from keras_torch import distributed
from keras_torch.backend.random import get_rng_state, set_rng_state
from keras_torch.callbacks import CallbackList
from keras_torch.data.conversion import to_numpy
from keras_torch.data.structure import map_structure
from keras_torch.distributed import Share
from keras_torch.distributed.collectives import device
from keras_torch.distributed.parts import is_split
from keras_torch.metrics import summing
from keras_torch.training import fully_sharded, random_streams, tensor_parallel
from keras_torch.training.batch_values import batch_logs, with_totals
from keras_torch.training.feeds import feeds_of
from keras_torch.training.predictions import SharedPredictions
from keras_torch.training.steps import is_built, sample_count

# Those of the random generators that layers draw from.
_OWN_GENERATORS = ("cuda", "seeds")
# Models whose weights are known to be the same in all processes.
_equal: weakref.WeakSet[Any] = weakref.WeakSet()


@functools.cache
def _share(group: Any) -> Share:
    if group is None:
        return Share(distributed.rank(), distributed.world_size())
    return Share(dist.get_rank(group), dist.get_world_size(group))


def share_of(model: Any) -> Share | None:
    """Return this process's share of the batches of a model, None if it computes whole batches.

    So it is in one process, and for models that are made for one batch size or bring data themselves: each process then
    does everything.
    """
    if not distributed.is_active() or model.stateful or _has_fixed_batch(model) or feeds_of(model) is not None:
        return None
    return _share(distributed.data_group())


def _has_fixed_batch(model: Any) -> bool:
    return any(tensor.shape and tensor.shape[0] is not None for tensor in model.inputs or ())


def of(model: Any) -> Alone:
    """Return how the steps of a loop run, and where its results come from."""
    share = share_of(model)
    if share is None and (distributed.sharding() or tensor_parallel.layouts() is not None):
        raise ValueError(
            f"Model {model.name!r} is computed whole in every process, because it has a fixed batch size or stateful "
            "layers, or brings its data itself, so that its weights cannot be sharded. Leave out the batch size "
            "(`batch_shape`, `stateful=True`), or train without `--shard`, `--zero` and `ModelParallel`."
        )
    return Alone(model) if share is None else Shards(model, share)


class Alone:
    """One process: everything is as it is."""

    def __init__(self, model: Any) -> None:
        self.model = model

    @contextlib.contextmanager
    def joined(self, training: bool = False) -> Iterator[None]:
        """What happens within it is done by all processes together."""
        yield

    def step(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the function that makes a step of a batch."""
        return function

    def logs_of(self, callbacks: CallbackList, mode: str) -> Callable[[Any], Any]:
        """Return the function from what a step returned to the logs of a batch."""
        return self.model._logs

    def batch_size(self, data: Any) -> int:
        """Return the number of samples in a batch."""
        return sample_count(data)

    def single_logs(self, before: dict[int, tuple[Any, Any]]) -> Any:
        """Return the logs of the batch since `before`, in Keras 1 and 2."""
        return batch_logs(self.model, before)

    def results(self, outcome: Any) -> Mapping[str, Any]:
        """Return the logs after the last step."""
        logs = self.model._logs(outcome)
        return logs() if callable(logs) else logs

    def results_on_batch(self, outcome: Any, training: bool, reset_metrics: bool) -> Any:
        """Return the logs of a step that belongs to no loop."""
        return self.model._logs(outcome)

    def predictions_on_batch(self, outputs: Any) -> Any:
        """Return the outputs of a batch as numpy arrays."""
        return map_structure(to_numpy, outputs)

    def stops(self, callbacks: CallbackList, mode: str, flag: str) -> bool:
        """Whether the batch that is done was to be the last."""
        return bool(getattr(self.model, flag))

    def finish_steps(self) -> None:
        """Called when the steps of an epoch are done."""

    @contextlib.contextmanager
    def whole_metrics(self) -> Iterator[None]:
        """Within it metrics have the state of all processes."""
        yield

    def own_states(self, modules: list[Any]) -> list[Any] | None:
        """Return, in the main process, what processes have each for themselves; None where there is nothing."""
        return None

    def own_modules(self, states: list[Any] | None, modules: list[Any]) -> list[Any]:
        """Return the states of modules that are this process's."""
        return modules

    def load_own_state(self, states: list[Any] | None) -> None:
        """Go back to what `own_states` returned; metrics and weights have been loaded as the main process had them."""

    def agree(self) -> None:
        """Called when callbacks have seen the end of an epoch, and may have set `stop_training`."""


class Shards(Alone):
    """One of several processes. All of them call all methods in the same order."""

    def __init__(self, model: Any, share: Share) -> None:
        super().__init__(model)
        self.share = share
        self._exact: dict[str, bool] = {}

    @contextlib.contextmanager
    def joined(self, training: bool = False) -> Iterator[None]:
        """Begin with the weights and random generators of process 0."""
        distributed.start()
        if training or self.model not in _equal:
            self._equalize()
        with random_streams.shared(self.share):
            yield

    def _equalize(self) -> None:
        set_rng_state(distributed.shared_object(get_rng_state()))
        found = [item for item in (*self.model.parameters(), *self.model.buffers()) if not is_split(item)]
        distributed.broadcast(found)
        if is_built(self.model):
            _equal.add(self.model)
            if distributed.sharding():
                fully_sharded.shard(self.model)
            if tensor_parallel.layouts() is not None:
                tensor_parallel.split(self.model)

    def step(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return the step on this process's part: its own random numbers, and none counted of borrowed rows."""
        share = self.share

        def run(data: Any) -> Any:
            if self.model not in _equal:
                return self._building_step(function, data)
            before, Share.current = Share.current, share
            streams = random_streams.enter()
            try:
                return function(data) if share.local else self._uncounted(function, data)
            except RuntimeError as error:
                fully_sharded.explain(error, self.model)
                raise
            finally:
                if distributed.sharding() == "optimizer":
                    fully_sharded.reshard(self.model)
                random_streams.leave(streams)
                Share.current = before

        return run

    def _building_step(self, function: Callable[[Any], Any], data: Any) -> Any:
        """Make a step that may build layers, for which all processes need the same random numbers."""
        with self.share.step():
            outcome = function(data) if self.share.local else self._uncounted(function, data)
        self._equalize()
        _equal.add(self.model)
        return outcome

    def _uncounted(self, function: Callable[[Any], Any], data: Any) -> Any:
        metrics = self.model.metrics
        before = summing.read(metrics)
        outcome = function(data)
        summing.write(metrics, before)
        summing.write([metric for metric in self.model.metrics if metric not in metrics], [])
        return outcome

    def logs_of(self, callbacks: CallbackList, mode: str) -> Callable[[Any], Any]:
        """Exact logs where a callback reads them; for the progress bar, which not all draw, those of its process."""
        self._exact[mode] = callbacks.listens_to_values(f"on_{mode}_batch_end")
        return self._exchanged if self._exact[mode] else self.model._logs

    def _exchanged(self, outcome: Any) -> Mapping[str, Any]:
        return self._reduced(outcome, restore=True)[0]

    def batch_size(self, data: Any) -> int:
        """Return the number of samples in the whole batch."""
        return self.share.total

    def single_logs(self, before: dict[int, tuple[Any, Any]]) -> Any:
        """Return the logs of the batch since `before`, over all processes."""
        metrics = [metric for metric in self.model.metrics if hasattr(metric, "sums")]
        changes = []
        for metric in metrics:
            former = before.get(id(metric), (0.0, 0.0))
            changes += [float(now) - float(then) for now, then in zip(metric.sums(), former, strict=True)]
        logs, sums = self._reduced(None, True, changes)
        values = {m.name: (id(m), sums[2 * i], sums[2 * i + 1]) for i, m in enumerate(metrics)}
        found = {
            name: values[name][1] / (values[name][2] or 1.0) if name in values and values[name][0] in before else value
            for name, value in logs.items()
        }
        return with_totals(lambda: found, lambda: logs)

    def results_on_batch(self, outcome: Any, training: bool, reset_metrics: bool) -> Any:
        """Return the logs of a step that belongs to no loop; if that was all, the metrics keep the whole state."""
        if training:
            self.finish_steps()
        return self._reduced(outcome, restore=not reset_metrics)[0]

    def predictions_on_batch(self, outputs: Any) -> Any:
        """Return the outputs of all processes as numpy arrays."""
        found = SharedPredictions(self.share)
        found.add(outputs)
        return found.result()

    def results(self, outcome: Any) -> Mapping[str, Any]:
        """Return the logs after the last step; the metrics keep the state of all processes."""
        summing.merge_written_in_python(self.model.metrics)
        return self._reduced(outcome, restore=False)[0]

    def _reduced(
        self, outcome: Any, restore: bool, more: list[float] | None = None
    ) -> tuple[dict[str, Any], list[float]]:
        """Return logs of all processes, and the sums of `more` numbers, by one `all_reduce`."""
        entries = _flattened(outcome)
        metrics = list(self.model.metrics)
        for value in entries.values():
            owner = getattr(value, "_keras_result_of", (None, None))[0]
            if owner is not None and not any(owner is metric for metric in metrics):
                metrics.append(owner)
        plain = {name: number for name, value in entries.items() if (number := _number(value)) is not None}
        numbers = [number * self.share.weight for number in plain.values()]
        local, sums = _sum_states(metrics, [*numbers, *(more or ())])
        try:
            if not isinstance(outcome, Mapping):
                logs = dict(self.model.get_metrics_result())
            else:
                known = dict(zip(plain, sums, strict=False))
                logs = {name: known.get(name, _result_again(value)) for name, value in entries.items()}
        finally:
            if restore:
                summing.write(metrics, local)
        return logs, sums[len(numbers) :]

    def stops(self, callbacks: CallbackList, mode: str, flag: str) -> bool:
        """Whether any process wants to stop; those that only see equal logs decide equally."""
        own = bool(getattr(self.model, flag))
        if not self._exact.get(mode):
            return own
        found = _any(own)
        setattr(self.model, flag, found)
        return found

    def finish_steps(self) -> None:
        """Make buffers, such as the averages of batch normalization, the mean of those of all processes."""
        buffers = [item for item in self.model.buffers() if item.is_floating_point() and item.numel()]
        if not buffers:
            return
        flat = torch.cat([item.detach().reshape(-1).to(device(), torch.float64) for item in buffers])
        dist.all_reduce(flat, group=distributed.data_group())
        means = flat.div_(self.share.world).split([item.numel() for item in buffers])
        for item, mean in zip(buffers, means, strict=True):
            item.data.copy_(mean.view(item.shape))

    @contextlib.contextmanager
    def whole_metrics(self) -> Iterator[None]:
        """Within it metrics have the state of all processes."""
        metrics = self.model.metrics
        local, _ = _sum_states(metrics, [])
        try:
            yield
        finally:
            summing.write(metrics, local)

    def own_states(self, modules: list[Any]) -> list[Any] | None:
        """Return each process's random numbers, and its buffers, which differ until the end of the epoch."""
        buffers = [item.detach() for item in self.model.buffers()]
        generators = {name: value for name, value in get_rng_state().items() if name in _OWN_GENERATORS}
        return distributed.gather_to_main(
            {"random": random_streams.own_state(), "generators": generators, "buffers": buffers, "modules": modules}
        )

    def own_modules(self, states: list[Any] | None, modules: list[Any]) -> list[Any]:
        """Return the states of modules of this process: the random generators in them."""
        return states[distributed.rank()]["modules"] if self._fits(states) else modules  # type: ignore[index]

    def _fits(self, states: list[Any] | None) -> bool:
        return states is not None and len(states) == distributed.world_size()

    def load_own_state(self, states: list[Any] | None) -> None:
        """Go back to what `own_states` returned, unless there were more or fewer processes."""
        if self.share.rank:
            summing.write(self.model.metrics, [])
        if not self._fits(states):
            return
        own = states[distributed.rank()]  # type: ignore[index]
        random_streams.set_own_state(own["random"])
        set_rng_state({**get_rng_state(), **own["generators"]})
        with torch.no_grad():
            for item, value in zip(self.model.buffers(), own["buffers"], strict=True):
                item.detach().copy_(value)

    def agree(self) -> None:
        """Stop if any process wants to."""
        self.model.stop_training = _any(self.model.stop_training)


def _sum_states(metrics: list[Any], numbers: list[float]) -> tuple[list[torch.Tensor], list[float]]:
    """Give metrics the state of all processes, by one `all_reduce`; return their former one and the sums of numbers."""
    local = summing.read(metrics)
    parts = [part.reshape(-1).to(device()) for part in local]
    vector = torch.cat([*parts, torch.tensor(numbers, dtype=torch.float64, device=device())])
    *totals, sums = distributed.sum_over_processes(vector).split([*map(len, parts), len(numbers)])
    summing.write(metrics, [total.view(own.shape) for total, own in zip(totals, local, strict=True)])
    return local, sums.tolist()


def _any(flag: Any) -> bool:
    found = torch.tensor(int(bool(flag)), device=device())
    dist.all_reduce(found, dist.ReduceOp.MAX)
    return bool(found.item())


def _flattened(outcome: Any) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in outcome.items() if isinstance(outcome, Mapping) else ():
        flat.update(value if isinstance(value, Mapping) else {name: value})
    return flat


def _number(value: Any) -> float | None:
    """Return what a train_step of the user's own logged as a number of its batch; None for results of metrics."""
    if hasattr(value, "_keras_result_of") or isinstance(value, (str, bytes)) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _result_again(value: Any) -> Any:
    """Return the result that a value was, now that the state of its metric is that of all processes."""
    if not hasattr(value, "_keras_result_of"):
        return value
    metric, key = value._keras_result_of
    result = metric.result()
    return result if key is None else result[key]
