"""Going on with a training that another process began: everything that the rest of a `fit` depends on."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from keras_torch.backend.random import get_rng_state, set_rng_state
from keras_torch.callbacks import CallbackList
from keras_torch.checkpoint import Attributes, attributes, has_state, pack, set_attributes, unpack
from keras_torch.distributed import parts
from keras_torch.training.position import Steps, example_of
from keras_torch.training.sharding import Alone
from keras_torch.training.steps import claim, ensure_built, is_built

# Attributes of modules that are no state of a training: torch's own, and those that every loop sets.
_NO_STATE = {*vars(torch.nn.Module()), "built", "stop_training", "stop_evaluating", "stop_predicting"}
_OF_CALLBACKS = ("model", "params", "validation_data")


class Run:
    """One run of `fit`: where it is, and its state as plain data.

    `epoch` is the epoch that runs or comes next, `done` the number of its batches that another process made. Callbacks
    with a method `follow(run)` get it before training begins, and None when it is over. A state is made of the weights,
    the optimizer, the metrics, the position in the data, all random generators, and the callbacks: what their
    `state_dict()` returns, or those of their attributes that are data and have changed.
    """

    def __init__(
        self,
        model: Any,
        steps: Steps,
        callbacks: CallbackList,
        initial_epoch: int,
        validation: Steps | None = None,
        shards: Alone | None = None,
    ) -> None:
        self.model = model
        self._shards = Alone(model) if shards is None else shards
        self.steps = steps
        self.callbacks = callbacks
        self.validation = validation
        self.epoch = initial_epoch
        self.done = 0
        self.logs: Any = {}
        self.over = False
        self.skipped = False
        self._saved: dict[str, Any] | None = None
        self._listeners: list[tuple[Any, Attributes | None]] = []
        self._modules: dict[torch.nn.Module, Attributes] = {}

    @contextlib.contextmanager
    def followed(self) -> Iterator[None]:
        """Show the run to the callbacks that keep backups of it."""
        followers = [callback for callback in self.callbacks if hasattr(callback, "follow")]
        for follower in followers:
            follower.follow(self)
        try:
            yield
        finally:
            for follower in followers:
                follower.follow(None)

    def watch(self) -> None:
        """Note how everything is before training, so that `state_dict` can tell what changed."""
        self.steps.watch()
        if self.validation is not None:
            self.validation.watch()
        others = [callback for callback in self.callbacks if not hasattr(callback, "follow")]
        self._modules = {module: Attributes(module, _NO_STATE) for module in self.model.modules()}
        self._listeners = [(item, None if has_state(item) else Attributes(item, _OF_CALLBACKS)) for item in others]

    def skip(self, history: Mapping[str, Any]) -> None:
        """Train nothing: this `fit` was complete before the process was killed."""
        self.skipped = self.over = True
        if self.model.history is not None:
            self.model.history.history.update(history)

    def finish_epoch(self, logs: Any) -> None:
        """Count an epoch, whose last event is still to come."""
        self.epoch += 1
        self.done = 0
        self.logs = logs

    def state_dict(self, midway: bool = False, logs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the state between two epochs or, with `midway`, after a batch whose `logs` are given.

        Several processes that train together all call it, and that of the main one is the whole.
        """
        model = self.model
        if midway and not (model._overrides("train_step") or model._compiled.compute_metrics):
            logs = {}
        modules = [_module_state(module, self._modules.get(module)) for module in model.modules()]
        with parts.for_main():
            weights = [(name, _plain(tensor)) for name, tensor in _tensors(model)]
            optimizer = None if model.optimizer is None else model.optimizer.state_dict()
        return {
            "epoch": self.epoch,
            "stop": bool(model.stop_training),
            "logs": pack(dict(logs or {}) if midway else dict(self.logs)),
            "weights": weights,
            "modules": modules,
            "optimizer": optimizer,
            "metrics": self._metrics(midway),
            "steps": self.steps.state_dict(midway),
            "validation": None if self.validation is None else self.validation.state_dict(False),
            "callbacks": [(type(item).__name__, _state_of(item, changes)) for item, changes in self._listeners],
            "rng": pack(get_rng_state()),
            "processes": pack(self._shards.own_states(modules)),
        }

    def _metrics(self, midway: bool) -> dict[str, Any]:
        compiled = self.model._compiled
        with self._shards.whole_metrics() if midway else contextlib.nullcontext():
            values = [metric.state_dict() for metric in self.model.metrics]
        return {
            "losses": list(compiled.loss.names) if compiled.loss.built else None,
            "plan": pack(compiled.metrics.plan),
            "values": values,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Keep a state until `resume`. ValueError if the model is not the one that it belongs to."""
        model = self.model
        example = example_of(state["steps"])
        if not model._overrides("train_step"):
            claim(model, model._compiled, example)
        elif not is_built(model) and len(list(_tensors(model))) != len(state["weights"]):
            ensure_built(model, example)
        _check_weights(model, state["weights"])
        self._saved = state

    def resume(self) -> None:
        """Go to the state, if there is one. In the middle of an epoch, callbacks see it begin first."""
        state, self._saved = self._saved, None
        if state is None:
            return
        self.epoch, self.done = state["epoch"], state["steps"]["first"]
        if self.done:
            self.model.reset_metrics()
            self.callbacks.on_epoch_begin(self.epoch)
        self._load(state)

    def _load(self, state: dict[str, Any]) -> None:
        model = self.model
        self.logs = unpack(state["logs"])
        with torch.no_grad():
            for (_, tensor), (_, saved) in zip(_tensors(model), state["weights"], strict=True):
                parts.write(tensor, saved)
            processes = unpack(state["processes"]) if "processes" in state else None
            for module, values in zip(
                model.modules(), self._shards.own_modules(processes, state["modules"]), strict=True
            ):
                set_attributes(module, values)
            if state["optimizer"] is not None:
                model.optimizer.load_state_dict(state["optimizer"])
            self._load_metrics(state["metrics"])
        _load_callbacks(self._listeners, state["callbacks"])
        self.steps.load_state_dict(state["steps"])
        if self.validation is not None and state["validation"] is not None:
            self.validation.load_state_dict(state["validation"])
        model.stop_training = state["stop"]
        self.over = state["stop"] and not self.done
        set_rng_state(unpack(state["rng"]))
        self._shards.load_own_state(processes)

    def _load_metrics(self, state: dict[str, Any]) -> None:
        compiled, plan = self.model._compiled, unpack(state["plan"])
        if state["losses"] is not None and not compiled.loss.built:
            compiled.loss.build(state["losses"])
        if plan is not None and not compiled.metrics.built:
            compiled.metrics.build_as(plan)
        metrics = self.model.metrics
        if len(metrics) == len(state["values"]):
            for metric, values in zip(metrics, state["values"], strict=True):
                metric.load_state_dict(values)
        elif self.done:
            raise ValueError(
                "The backup was made in the middle of an epoch, with other metrics, so that the epoch cannot be "
                f"continued. It had {len(state['values'])} metrics; received: {len(metrics)}. Compile the model as it "
                "was, or remove the backup."
            )


def _tensors(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return parts.whole(tensor).detach().as_subclass(torch.Tensor)


def _check_weights(model: Any, saved: list[tuple[str, torch.Tensor]]) -> None:
    """Raise ValueError unless the model has the weights that were saved, in the same order."""
    found = list(_tensors(model))
    shapes = [[tuple(tensor.shape) for _, tensor in tensors] for tensors in (found, saved)]
    if shapes[0] == shapes[1]:
        return
    differing = (i for i, (mine, theirs) in enumerate(zip(*shapes, strict=False)) if mine != theirs)
    index = next(differing, min(map(len, shapes)))
    mine, theirs = (
        f"{name!r} of shape {tuple(tensor.shape)}" if tensor is not None else "nothing"
        for name, tensor in (tensors[index] if index < len(tensors) else ("", None) for tensors in (found, saved))
    )
    raise ValueError(
        f"The backup belongs to another model. Its tensor number {index} is {theirs}; that of the model {model.name!r} "
        f"is {mine}. Received: {len(found)} tensors, where the backup has {len(saved)}. Make the model as it was, or "
        "remove the backup to begin anew. A subclassed model with a `train_step` of its own must be built before `fit`."
    )


def _module_state(module: torch.nn.Module, changes: Attributes | None) -> dict[str, Any]:
    """Return what a module keeps beside its weights: random generators, the states of a stateful layer, counters.

    Of the layers here, data without tensors is left out: it is configuration, or a note about the process.
    """
    found = attributes(module, _NO_STATE) if changes is None else changes.state_dict()["values"]
    own = type(module).__module__.partition(".")[0] in ("keras_torch", "torch")
    return {
        name: value
        for name, value in found.items()
        if _holds_tensors(value) or not (own or name.startswith("_") or isinstance(value, str))
    }


def _holds_tensors(packed: Any) -> bool:
    if isinstance(packed, (tuple, list)):
        return any(map(_holds_tensors, packed))
    return isinstance(packed, torch.Tensor)


def _state_of(listener: Any, changes: Attributes | None) -> Any:
    return pack(listener.state_dict()) if changes is None else changes.state_dict()


def _load_callbacks(listeners: list[tuple[Any, Attributes | None]], saved: list[tuple[str, Any]]) -> None:
    """Give each callback its state; those of one class stand in the same order as before."""
    left = list(saved)
    for listener, changes in listeners:
        index = next((i for i, (name, _) in enumerate(left) if name == type(listener).__name__), None)
        if index is None:
            continue
        _, state = left.pop(index)
        if changes is None:
            listener.load_state_dict(unpack(state))
        else:
            changes.load_state_dict(state)
    missing = [name for name, state in left if not isinstance(state, dict) or state["values"]]
    if missing:
        warnings.warn(
            f"The backup holds the state of callbacks that `fit` did not receive: {missing}. "
            "Training goes on without them.",
            stacklevel=2,
        )
