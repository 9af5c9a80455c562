"""The loops: one over the batches of an epoch, and one over epochs."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any

import torch
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.callbacks import CallbackList, Logs
from keras_torch.data import SequenceData
from keras_torch.training.batch_values import batch_logs, sums_of
from keras_torch.training.steps import sample_count


class Steps:
    """The batches of each epoch: all of a source, or `steps` at a time, going on where the last epoch stopped.

    With `fresh`, as in validation, each epoch starts at the first batch again, except in Keras 1 and 2. So does every
    epoch of a Sequence in tf.keras. Keras 1, 2 and tf.keras start over in the middle of an epoch of other sources.
    `exhausted` says that a source which cannot start again, such as a generator, has come to its end.
    `keras.config.set_max_steps_per_epoch` caps the number.
    """

    def __init__(self, source: Any, steps: int | None = None, fresh: bool = False) -> None:
        limit = config.max_steps_per_epoch()
        if limit is not None and limit < (steps or source.num_batches or limit + 1):
            steps = limit
        self.source = source
        self.steps = steps
        self.count: int | None = steps if steps is not None else source.num_batches
        self.exhausted = False
        dialect = config.dialect()
        fresh = fresh or (dialect == "tf" and isinstance(source, SequenceData))
        self._fresh = fresh and source.repeatable and not config.is_classic()
        self._cycles = not self._fresh and source.repeatable and dialect in ("1", "2", "tf")
        self._iterator: Iterator[Any] | None = None
        self._epoch: Generator[Any, None, None] | None = None
        self._used = 0

    def epoch(self) -> Iterator[Any]:
        """Yield the batches of one epoch, with a warning if the data ends too early."""
        self._epoch = self._whole() if self.steps is None else self._some(self.steps)
        return self._epoch

    def __enter__(self) -> Steps:
        return self

    def __exit__(self, *error: Any) -> None:
        """End what prepares batches: after an error its traceback would keep threads and processes alive."""
        for iterator in (self._epoch, self._iterator, self.source):
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
        self._epoch = self._iterator = None

    def _whole(self) -> Generator[Any, None, None]:
        seen = 0
        for data in self.source.epoch():
            seen += 1
            yield data
        if seen == 0:
            raise ValueError(
                "The data has no batches, so nothing could be done. "
                f"Received: {type(self.source).__name__} that gives {self.source.num_batches or 0} batches"
            )
        if self.count is None:
            self.count = seen
        self._finish_pass()

    def _some(self, steps: int) -> Generator[Any, None, None]:
        available = self.source.num_batches
        for _ in range(steps):
            data = self._next()
            if data is _END and self._cycles:
                data = self._next()
            if data is _END:
                warn_exhausted()
                return
            self._used += 1
            yield data
        if self._fresh or (available is not None and self._used >= available):
            self._finish_pass()

    def _next(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self.source.epoch())
        data = next(self._iterator, _END)
        if data is _END:
            self._finish_pass()
        return data

    def _finish_pass(self) -> None:
        self._iterator = None
        self._used = 0
        self.exhausted = not self.source.repeatable
        self.source.on_epoch_end()


_END = object()


def warn_exhausted() -> None:
    """Tell that a source ended before the epochs did."""
    warnings.warn(
        "The data ran out of batches before all steps were made, so the run ends here. Give at least "
        "`steps_per_epoch * epochs` batches, or leave the number of steps out.",
        stacklevel=3,
    )


def run_epoch(
    model: Any,
    step: Callable[[Any], Any],
    batches: Iterator[Any],
    callbacks: CallbackList,
    mode: str,
    logs_of: Callable[[Any], dict[str, Any]],
) -> Any:
    """Run `step` on every batch and fire the batch events of `mode` ("train", "test" or "predict").

    Returns what the last step returned. Logs are only made where a callback listens.
    """
    begin, end = batch_hooks(callbacks, mode)
    stop = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}[mode]
    # Keras 1 looked at `stop_training` after epochs only.
    heeds = mode != "train" or config.dialect() != "1"
    sized = config.is_classic() and (begin is not None or end is not None)
    single = sized and mode == "train" and callbacks.listens_to_values("on_train_batch_end")
    group = max(1, int(getattr(model, "steps_per_execution", 1) or 1))
    outcome = None
    index = -1
    for index, data in enumerate(batches):
        if sized:
            callbacks.batch_size = sample_count(data)
        if begin is not None and index % group == 0:
            begin(index, {})
        before = sums_of(model) if single else {}
        outcome = step(data)
        if (index + 1) % group == 0:
            if end is not None:
                end(index, batch_logs(model, before) if single and outcome is None else logs_of(outcome))
            if heeds and getattr(model, stop):
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
    """Put the model into training or inference mode, and back into inference mode whatever happens."""
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


def train(
    model: Any,
    steps: Steps,
    callbacks: CallbackList,
    epochs: int,
    initial_epoch: int,
    validate: Callable[[int], dict[str, Any] | None],
) -> None:
    """Train for the epochs `initial_epoch` to `epochs - 1`; `validate(epoch)` returns logs when it is due."""
    logs: Any = {}
    callbacks.on_train_begin()
    if config.is_classic():
        model.stop_training = False
    for epoch in range(initial_epoch, epochs):
        if steps.exhausted:
            if steps.steps is None:
                warn_exhausted()
            break
        model.reset_metrics()
        callbacks.on_epoch_begin(epoch)
        with mode_of(model, True):
            outcome = run_epoch(model, model.train_function, steps.epoch(), callbacks, "train", model._logs)
        logs = _final_logs(model, outcome)
        # In Keras 2 an epoch that a batch ended had no validation.
        cut = config.dialect() == "2" and model.stop_training
        extra = None if cut else validate(epoch)
        if extra is not None:
            logs = _with_validation(logs, extra)
        callbacks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    if model.optimizer is not None:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    callbacks.on_train_end(logs)


def _final_logs(model: Any, outcome: Any) -> Logs:
    """Return the results of an epoch, fixed before other metrics follow. Keras 3 sorts them by name."""
    results = model._logs(outcome)
    results = results() if callable(results) else results
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
    callbacks.on_test_begin()
    with mode_of(model, False), torch.no_grad():
        outcome = run_epoch(model, model.test_function, steps.epoch(), callbacks, "test", model._logs)
    logs = _final_logs(model, outcome)
    callbacks.on_test_end(logs)
    return logs


def predict(model: Any, steps: Steps, callbacks: CallbackList, found: Any) -> Any:
    """Collect the outputs for all batches in `found` and return its result."""

    recent: list[Any] = []
    listening = callbacks.listens("on_predict_batch_end")

    def step(data: Any) -> None:
        outputs = model.predict_function(data)
        found.add(outputs)
        if listening:
            recent.append(outputs)

    def logs_of(outcome: Any) -> dict[str, Any]:
        outputs = recent[0] if len(recent) == 1 else pytree.tree_map(lambda *parts: torch.cat(parts), *recent)
        recent.clear()
        return {"outputs": outputs}

    callbacks.on_predict_begin()
    with mode_of(model, False), torch.no_grad():
        run_epoch(model, step, steps.epoch(), callbacks, "predict", logs_of)
    callbacks.on_predict_end()
    return found.result()
