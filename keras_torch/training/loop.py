"""The loops: one over the batches of an epoch, and one over epochs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.callbacks import CallbackList, Logs
from keras_torch.engine import Layer
from keras_torch.layers import TorchModuleWrapper
from keras_torch.training import sharding, threads
from keras_torch.training.batch_values import sums_of
from keras_torch.training.position import Steps, warn_exhausted
from keras_torch.training.resume import Run


def run_epoch(
    model: Any,
    step: Callable[[Any], Any],
    batches: Iterator[Any],
    callbacks: CallbackList,
    mode: str,
    shards: sharding.Alone,
    logs_of: Callable[[Any], dict[str, Any]] | None = None,
    start: int = 0,
) -> Any:
    """Run `step` on every batch and fire the batch events of `mode` ("train", "test" or "predict").

    Returns what the last step returned. Logs are only made where a callback listens. `start` is the number of the
    first batch, when an epoch goes on that another process began.
    """
    logs_of = logs_of or shards.logs_of(callbacks, mode)
    begin, end = batch_hooks(callbacks, mode)
    stop = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}[mode]
    # Keras 1 looked at `stop_training` after epochs only.
    heeds = mode != "train" or config.dialect() != "1"
    sized = config.is_classic() and (begin is not None or end is not None)
    single = sized and mode == "train" and callbacks.listens_to_values("on_train_batch_end")
    group = max(1, int(getattr(model, "steps_per_execution", 1) or 1))
    outcome = None
    index = -1
    for index, data in enumerate(batches, start):
        if sized:
            callbacks.batch_size = shards.batch_size(data)
        if begin is not None and index % group == 0:
            begin(index, {})
        before = sums_of(model) if single else {}
        outcome = step(data)
        if (index + 1) % group == 0:
            if end is not None:
                end(index, shards.single_logs(before) if single and outcome is None else logs_of(outcome))
            if heeds and shards.stops(callbacks, mode, stop):
                return outcome
    if end is not None and (index + 1) % group:
        end(index, logs_of(outcome))
    return outcome


def batch_hooks(callbacks: CallbackList, mode: str) -> tuple[Callable[..., Any] | None, Callable[..., Any] | None]:
    """Return the batch begin and end events of `mode`, None where no callback listens."""
    names = (f"on_{mode}_batch_begin", f"on_{mode}_batch_end")
    found = [getattr(callbacks, name) if callbacks.listens(name) else None for name in names]
    return found[0], found[1]


@contextlib.contextmanager
def mode_of(model: Any, training: bool) -> Iterator[None]:
    """Put the model into training or inference mode, and back into inference mode whatever happens.

    In a train step of the user's own, layers infer until the step tells them to train, as in tf.keras and Keras 3;
    torch modules of the user's, which nobody tells, train.
    """
    if training and model._overrides("train_step"):
        _set_mode(model, False)
        _train_modules(model, users=True)
    else:
        _set_mode(model, training)
    try:
        yield
    finally:
        if training:
            _set_mode(model, False)


def _set_mode(model: Any, training: bool) -> None:
    """`model.train(training)` in a fifth of the time, which counts in loops of train_on_batch."""
    for module in model.modules():
        if type(module).train is not torch.nn.Module.train:
            # Somebody keeps a part, such as batch normalization, in one mode.
            model.train(training)
            return
        if module.training is not training:
            module.__dict__["training"] = training


def _train_modules(module: torch.nn.Module, users: bool) -> None:
    """Put into training mode what are no layers but torch modules, in layers and models of the user's own classes."""
    for child in module.children():
        if isinstance(child, Layer):
            _train_modules(child, users=isinstance(child, TorchModuleWrapper) or not child._is_builtin)
        elif users:
            if type(child).train is not torch.nn.Module.train:
                child.train()
            child.__dict__["training"] = True
            _train_modules(child, users)


def train(
    model: Any,
    steps: Steps,
    callbacks: CallbackList,
    epochs: int,
    initial_epoch: int,
    validate: Callable[[int], dict[str, Any] | None],
    validation: Steps | None = None,
) -> None:
    """Train for the epochs `initial_epoch` to `epochs - 1`; `validate(epoch)` returns logs when it is due.

    A callback that keeps backups may let training begin elsewhere, even within an epoch.
    """
    shards = sharding.of(model)
    run = Run(model, steps, callbacks, initial_epoch, validation, shards)
    with shards.joined(training=True), run.followed():
        callbacks.on_train_begin()
        if config.is_classic():
            model.stop_training = False
        run.resume()
        while run.epoch < epochs and not run.over:
            if steps.exhausted and not run.done:
                if steps.steps is None:
                    warn_exhausted()
                break
            _train_epoch(model, steps, callbacks, run, validate, shards)
            shards.agree()
            run.over = model.stop_training
        if model.optimizer is not None and not run.skipped:
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(run.logs)


def _train_epoch(
    model: Any,
    steps: Steps,
    callbacks: CallbackList,
    run: Run,
    validate: Callable[[int], dict[str, Any] | None],
    shards: sharding.Alone,
) -> None:
    """Train for one epoch, or for what is left of one."""
    if not run.done:
        model.reset_metrics()
        callbacks.on_epoch_begin(run.epoch)
    replays = model._compiled.replays if model._compiled is not None else None
    if replays is not None:
        replays.check(model)
    with mode_of(model, True), threads.as_needed(model, steps.source):
        # A training that was stopped by the last batch before a backup ends its epoch without another one.
        stopped = run.done and model.stop_training and config.dialect() != "1"
        batches = iter(()) if stopped else steps.epoch()
        step = shards.step(model._function("train"))
        outcome = run_epoch(model, step, batches, callbacks, "train", shards, start=run.done)
    shards.finish_steps()
    logs = _final_logs(shards, run.logs if outcome is None and run.done and run.logs else outcome)
    # In Keras 2 an epoch that a batch ended had no validation.
    cut = config.dialect() == "2" and model.stop_training
    extra = None if cut else validate(run.epoch)
    if extra is not None:
        logs = _with_validation(logs, extra)
    run.finish_epoch(logs)
    callbacks.on_epoch_end(run.epoch - 1, logs)


def _final_logs(shards: sharding.Alone, outcome: Any) -> Logs:
    """Return the results of an epoch, fixed before other metrics follow. Keras 3 sorts them by name."""
    results = shards.results(outcome)
    return Logs(dict(sorted(results.items())) if config.dialect() == "3" else results)


def _with_validation(logs: Logs, extra: dict[str, Any]) -> Logs:
    """Return the logs of an epoch and its validation, which Keras 1 and 2 put first; Keras 3 sorts all by name."""
    validation = {f"val_{name}": value for name, value in extra.items()}
    both = Logs()
    for part in (validation, logs) if config.is_classic() else (logs, validation):
        both.update(part)
    if config.dialect() == "3":
        return Logs({name: dict.__getitem__(both, name) for name in sorted(both)})
    return both


def test(model: Any, steps: Steps, callbacks: CallbackList) -> dict[str, Any]:
    """Measure the model on the data and return its logs."""
    model.reset_metrics()
    shards = sharding.of(model)
    callbacks.on_test_begin()
    with shards.joined(), mode_of(model, False), torch.no_grad(), threads.as_needed(model, steps.source):
        step = shards.step(model._function("test"))
        outcome = run_epoch(model, step, steps.epoch(), callbacks, "test", shards)
        logs = _final_logs(shards, outcome)
    callbacks.on_test_end(logs)
    return logs


def predict(model: Any, steps: Steps, callbacks: CallbackList, found: Any) -> Any:
    """Collect the outputs for all batches in `found` and return its result."""

    shards = sharding.of(model)
    recent: list[Any] = []
    listening = callbacks.listens("on_predict_batch_end")

    function = shards.step(model._function("predict"))

    def step(data: Any) -> None:
        outputs = function(data)
        found.add(outputs)
        if listening:
            recent.append(outputs)

    def logs_of(outcome: Any) -> dict[str, Any]:
        outputs = recent[0] if len(recent) == 1 else pytree.tree_map(lambda *parts: torch.cat(parts), *recent)
        recent.clear()
        return {"outputs": outputs}

    callbacks.on_predict_begin()
    with shards.joined(), mode_of(model, False), torch.no_grad(), threads.as_needed(model, steps.source):
        run_epoch(model, step, steps.epoch(), callbacks, "predict", shards, logs_of)
    callbacks.on_predict_end()
    return found.result()
