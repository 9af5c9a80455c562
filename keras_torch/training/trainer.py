"""Trainer: the training methods of a model. Signatures, defaults and delegation; the work is in the other modules."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from keras_torch import config, distributed, legacy, optimizers
from keras_torch.callbacks import CallbackList, Logs
from keras_torch.data import unpack_x_y_sample_weight
from keras_torch.engine.call import InOwnStep, call_in_own_mode, training_mode
from keras_torch.training import compiling, jit, loop, sharding, sources, steps, wide_batches
from keras_torch.training.compiled import CompiledMetrics, results_of
from keras_torch.training.compiled_loss import CompiledLoss
from keras_torch.training.feeds import computed_batches, evaluated, has_arrays
from keras_torch.training.generators import GeneratorMethods
from keras_torch.training.loop import Steps
from keras_torch.training.predictions import predictions


class Trainer(GeneratorMethods):
    """Mixin with `compile`, `fit`, `evaluate`, `predict` and their kin; mixed into Model before Layer."""

    _compiled: steps.Compiled | None = None
    stop_training: bool = False
    stop_evaluating: bool = False
    stop_predicting: bool = False
    history: Any = None
    _run_eagerly: bool = False
    train_function: Any = None
    test_function: Any = None
    predict_function: Any = None

    @legacy.translated("Model.compile")
    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
        target_tensors: Any = None,
    ) -> None:
        """Choose optimizer, losses and metrics, and fix the set of weights that training changes.

        `loss`, `loss_weights`, `metrics` and `weighted_metrics` may be given for each output, as lists or as dicts by
        output name. Torch optimizers and losses are taken, too. `jit_compile=True` runs the model, and with one output
        its loss as well, through `torch.compile` (unless `run_eagerly`), or eagerly with a warning where that fails; on
        a GPU "cudagraph" replays the kernels of a step (`torch.cuda.graph`), which "auto" does in `fit` if it is safe
        and pays. `auto_scale_loss` wraps the optimizer of a "mixed_float16" model in a LossScaleOptimizer. Where
        `target_tensors` stand for outputs, `y` is computed from them for each batch (Keras 1 and 2). ValueError names
        an unknown optimizer or the like.
        """
        arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
            "auto_scale_loss": auto_scale_loss,
            "target_tensors": target_tensors,
        }
        compiled = compiling.make(self, arguments)
        object.__setattr__(self, "_compiled", compiled)
        self.stop_training = False
        self.train_function = self.test_function = self.predict_function = None

    @legacy.translated("Model.fit")
    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool | str = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
        max_queue_size: int | None = None,
        workers: int | None = None,
        use_multiprocessing: bool | None = None,
    ) -> Any:
        """Train for `epochs - initial_epoch` epochs and return the History.

        `x` is an array, a list or dict of arrays, or a stream of batches: a generator, a Sequence / PyDataset, a torch
        DataLoader or Dataset. `validation_split` takes the last samples, before shuffling. `shuffle` may be "batch".
        ValueError or TypeError says what does not fit the model.
        """
        compiling.require(self, "fit")
        epochs, initial_epoch = compiling.check_epochs(epochs, initial_epoch)
        size = sources.check_batch_size(batch_size)
        workers_and_queue = (workers, use_multiprocessing, max_queue_size)
        computed = computed_batches(self, x, y, sample_weight, "steps_per_epoch", steps_per_epoch)
        if computed is not None:
            compiling.refuse_split(validation_split, x)
            if validation_data is None and validation_steps is not None and not has_arrays(x, y):
                validation_data = (None, None)
            source = sources.stream(self, computed, class_weight=class_weight)
        elif sources.is_array_like(x):
            arrays = sources.ArrayArguments(self, x, y, sample_weight, class_weight)
            if validation_split and validation_data is None:
                arrays, validation_data = arrays.split(validation_split)
            source = arrays.source(size, shuffle)
        else:
            compiling.refuse_split(validation_split, x)
            sources.warn_batch_size(batch_size, x)
            source = sources.stream(self, x, y, sample_weight, class_weight, batch_size, shuffle, *workers_and_queue)
        batches = Steps(source, sources.check_steps("steps_per_epoch", steps_per_epoch))
        if validation_data is not None and sources.is_array_like(validation_data):
            validation_data = sources.held_out(self, validation_data, validation_steps)
        validation = self._validation(
            validation_data, validation_batch_size or batch_size, validation_steps, workers_and_queue
        )
        callbacks = self._callback_list(
            callbacks, verbose, source, batches, epochs=epochs, do_validation=validation is not None, history=True
        )
        due = compiling.validation_due(validation_freq)

        def validate(epoch: int) -> dict[str, Any] | None:
            if validation is None or not due(epoch + 1):
                return None
            return loop.test(self, validation, callbacks)

        if isinstance(validation_data, sources.ArrayArguments):
            callbacks.set_validation_data(validation_data.as_list())
        self._prepare(training=True)
        self.stop_training = False
        with batches, validation or contextlib.nullcontext():
            loop.train(self, batches, callbacks, epochs, initial_epoch, validate, validation)
        return self.history

    @legacy.translated("Model.evaluate")
    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        max_queue_size: int | None = None,
        workers: int | None = None,
        use_multiprocessing: bool | None = None,
    ) -> Any:
        """Return the loss and metrics on data: a number, a list in the order of `metrics_names`, or a dict."""
        compiling.require(self, "evaluate")
        size = sources.check_batch_size(batch_size)
        computed = computed_batches(self, x, y, sample_weight, "steps", steps)
        if computed is not None:
            source = sources.stream(self, computed)
        elif sources.is_array_like(x):
            source = sources.ArrayArguments(self, x, y, sample_weight).source(size, False)
        else:
            sources.warn_batch_size(batch_size, x)
            queue = (workers, use_multiprocessing, max_queue_size)
            source = sources.stream(self, x, y, sample_weight, None, batch_size, False, *queue)
        batches = Steps(source, sources.check_steps("steps", steps), fresh=True)
        self._prepare(training=False)
        self.stop_evaluating = False
        with batches:
            logs = loop.test(self, batches, self._callback_list(callbacks, verbose, source, batches))
        return self._as_result(logs, return_dict)

    @legacy.translated("Model.predict")
    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        max_queue_size: int | None = None,
        workers: int | None = None,
        use_multiprocessing: bool | None = None,
    ) -> Any:
        """Return the model's outputs for all samples as numpy arrays, in the structure of the outputs."""
        size = sources.check_batch_size(batch_size)
        computed = computed_batches(self, x, None, None, "steps", steps)
        if computed is not None:
            source = sources.stream(self, computed, for_predict=True)
        elif sources.is_array_like(x):
            arguments = sources.ArrayArguments(self, x)
            if batch_size is None and steps is None and not (callbacks or verbose):
                size = wide_batches.batch_size(self, size)
            source = arguments.source(size, False)
        else:
            sources.warn_batch_size(batch_size, x)
            queue = (workers, use_multiprocessing, max_queue_size)
            source = sources.stream(self, x, None, None, None, batch_size, False, *queue, for_predict=True)
        batches = Steps(source, sources.check_steps("steps", steps), fresh=True)
        self.stop_predicting = False
        self.make_predict_function()
        found = predictions(sharding.share_of(self), getattr(source, "size", None) if steps is None else None)
        with batches:
            return loop.predict(self, batches, self._callback_list(callbacks, verbose, source, batches), found)

    @legacy.translated("Model.train_on_batch")
    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: Any = None,
        reset_metrics: bool = True,
        return_dict: bool = False,
    ) -> Any:
        """Make one update from one batch and return loss and metrics like `evaluate`."""
        compiling.require(self, "train_on_batch")
        x, y, sample_weight = evaluated(x, y, sample_weight)
        data = sources.convert_batch(self, x, y, sample_weight, class_weight)
        self._prepare(training=True, loop=False)
        return self._on_batch(self._function("train"), data, True, reset_metrics, return_dict)

    @legacy.translated("Model.test_on_batch")
    def test_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        reset_metrics: bool = True,
        return_dict: bool = False,
    ) -> Any:
        """Measure the model on one batch and return loss and metrics like `evaluate`."""
        compiling.require(self, "test_on_batch")
        data = sources.convert_batch(self, *evaluated(x, y, sample_weight))
        self._prepare(training=False, loop=False)
        with torch.no_grad():
            return self._on_batch(self._function("test"), data, False, reset_metrics, return_dict)

    def predict_on_batch(self, x: Any) -> Any:
        """Return the model's outputs for one batch as numpy arrays."""
        data = sources.convert_batch(self, *evaluated(x, None, None))
        self.make_predict_function()
        shards = sharding.of(self)
        with shards.joined(), loop.mode_of(self, False), torch.no_grad():
            return shards.predictions_on_batch(shards.step(self._function("predict"))(data))

    def _on_batch(self, step: Any, data: Any, training: bool, reset_metrics: bool, return_dict: bool) -> Any:
        if reset_metrics:
            self.reset_metrics()
        shards = sharding.of(self)
        with shards.joined(), loop.mode_of(self, training):
            outcome = shards.step(step)(data)
            logs = shards.results_on_batch(outcome, training, reset_metrics)
        return self._as_result(Logs(logs), return_dict)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Learn from one batch and return the logs. Override it for a training of your own.

        `data` is `x`, `(x, y)` or `(x, y, sample_weight)`, as tensors.
        """
        with training_mode(self, True):
            logs = steps.train_step(self, data)
        return self.get_metrics_result() if logs is None else logs

    def test_step(self, data: Any) -> dict[str, Any]:
        """Measure one batch and return the logs. Override it for an evaluation of your own."""
        logs = steps.test_step(self, data)
        return self.get_metrics_result() if logs is None else logs

    def predict_step(self, data: Any) -> Any:
        """Return the outputs for one batch. Override it for a prediction of your own."""
        return call_in_own_mode(jit.forward_of(self), unpack_x_y_sample_weight(data)[0])

    def _optimizer_of(self, given: Any) -> Any:
        """Return the optimizer for what `compile` was given."""
        return optimizers.get(given)

    def make_train_function(self, force: bool = False) -> Any:
        """Set and return `train_function`, the step of one batch, which fit takes."""
        if self.train_function is None or force:
            fast = not self._overrides("train_step")
            step = self._train_batch if fast else InOwnStep(self.train_step)
            self.train_function = steps.StepFunction(self, "train", step)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        """Set and return `test_function`, the step of one batch, which evaluate takes."""
        if self.test_function is None or force:
            fast = not self._overrides("test_step")
            step = self._test_batch if fast else InOwnStep(self.test_step)
            self.test_function = steps.StepFunction(self, "test", step)
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Any:
        """Set and return `predict_function`, the step of one batch, which predict takes."""
        if self.predict_function is None or force:
            self.predict_function = steps.StepFunction(self, "predict", self.predict_step)
        return self.predict_function

    def _function(self, kind: str) -> Any:
        """Return the function that makes a step ("train", "test" or "predict") of a batch.

        One of the user's own takes the batch in a list, or as an iterator.
        """
        function = getattr(self, f"{kind}_function")
        if isinstance(function, steps.StepFunction):
            return function.step
        return lambda data: function(steps.OneBatch([data]))

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> torch.Tensor:
        """Return the total loss of a batch: the compiled losses plus what layers and regularizers add."""
        compiled = compiling.require(self, "compute_loss")
        if y is None:
            losses = self.losses  # type: ignore[attr-defined]
            if not losses:
                raise ValueError(steps.no_loss(self, compiled, y))
            return sum(losses[1:], losses[0])
        added = self.losses  # type: ignore[attr-defined]
        loss = compiled.loss(y, y_pred, sample_weight, regularization_losses=added)
        if loss is None:
            raise ValueError(steps.no_loss(self, compiled, y))
        return loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Count a batch in the compiled metrics and return all results."""
        compiled = compiling.require(self, "compute_metrics")
        with torch.no_grad():
            compiled.metrics.update_state(y, y_pred, sample_weight)
        return self.get_metrics_result()

    def get_metrics_result(self) -> dict[str, Any]:
        """Return name → value of all metrics; values are tensors on the device."""
        return results_of(self.metrics)

    def reset_metrics(self) -> None:
        """Start new running means in all metrics."""
        for metric in self.metrics:
            metric.reset_state()

    @property
    def metrics(self) -> list[Any]:
        """Running means of the losses, the compiled metrics, and Metric objects set as attributes."""
        compiled = self._compiled
        if compiled is None:
            return steps.tracked_metrics(self)
        inner = steps.layer_metrics(self, compiled)
        own = compiled.metrics
        # Before the first batch they are one object, so that a train_step which updates each metric reaches them all.
        return [*compiled.loss.metrics, *(own.metrics if own.built or own.empty else [own]), *inner]

    @property
    def metrics_names(self) -> list[str]:
        """The names in the order in which `evaluate` lists the values."""
        compiled = self._compiled
        if compiled is None:
            return []
        inner = [metric.name for metric in steps.layer_metrics(self, compiled)]
        return [*compiled.metrics.evaluated_names([tracker.name for tracker in compiled.loss.metrics]), *inner]

    @property
    def compiled(self) -> bool:
        """Whether `compile` has been called."""
        return self._compiled is not None

    @property
    def _is_compiled(self) -> bool:
        """The same, as Keras 2 and tf.keras called it."""
        return self.compiled

    @property
    def optimizer(self) -> Any:
        """The optimizer, or None before `compile`."""
        return None if self._compiled is None else self._compiled.optimizer

    @optimizer.setter
    def optimizer(self, value: Any) -> None:
        compiling.set_optimizer(self, value)

    @property
    def loss(self) -> Any:
        """The loss as given to `compile`; before, None in Keras 3, and no attribute in what came before it."""
        if self._compiled is None and not config.is_modern():
            raise AttributeError(f"Model {self.name!r} has no `loss` before `compile`.")  # type: ignore[attr-defined]
        return None if self._compiled is None else self._compiled.arguments["loss"]

    @loss.setter
    def loss(self, value: Any) -> None:
        compiling.recompile(self, "loss", value)

    @property
    def loss_weights(self) -> Any:
        """The weights of the losses as given to `compile`."""
        return None if self._compiled is None else self._compiled.arguments["loss_weights"]

    @property
    def compiled_loss(self) -> CompiledLoss:
        """Call it as `compiled_loss(y, y_pred, sample_weight, regularization_losses=...)` in a train_step."""
        return compiling.require(self, "compiled_loss").loss

    @property
    def compiled_metrics(self) -> CompiledMetrics:
        """Call its `update_state(y, y_pred, sample_weight)` in a train_step."""
        return compiling.require(self, "compiled_metrics").metrics

    @property
    def _loss_tracker(self) -> Any:
        return self.compiled_loss.total

    @property
    def run_eagerly(self) -> bool:
        """As given to `compile`; without `jit_compile=True` every model runs eagerly."""
        return bool(self._run_eagerly if self._compiled is None else self._compiled.arguments["run_eagerly"])

    @run_eagerly.setter
    def run_eagerly(self, value: bool) -> None:
        if self._compiled is None:
            self._run_eagerly = bool(value)
        else:
            compiling.change(self, "run_eagerly", bool(value))

    @property
    def jit_compile(self) -> bool | str:
        """Whether training runs the model through `torch.compile`; "cudagraph" if by CUDA graphs."""
        return self._compiled is not None and self._compiled.arguments["jit_compile"]

    @jit_compile.setter
    def jit_compile(self, value: bool | str) -> None:
        if value is not False or self._compiled is not None:
            compiling.change(self, "jit_compile", value)

    @property
    def steps_per_execution(self) -> int:
        """How many batches go by between two batch events."""
        return 1 if self._compiled is None else int(self._compiled.arguments["steps_per_execution"] or 1)

    @steps_per_execution.setter
    def steps_per_execution(self, value: Any) -> None:
        compiling.change(self, "steps_per_execution", compiling.check_steps_per_execution(value))

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return the arguments of `compile` as plain data, or None before `compile`."""
        return compiling.serialize(self)

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile with the result of `get_compile_config`."""
        compiling.compile_from_config(self, config)

    def _train_batch(self, data: Any) -> Any:
        return steps.train_step(self, data)

    def _test_batch(self, data: Any) -> Any:
        return steps.test_step(self, data)

    def _overrides(self, name: str) -> bool:
        """Whether the class (or the instance) has its own version of a Trainer method."""
        return name in self.__dict__ or getattr(type(self), name) is not getattr(Trainer, name)

    def _adopt_outputs(self) -> None:
        """Complete what `compile` could not know before the model had outputs."""
        if self._compiled is not None:
            compiling.adopt_outputs(self, self._compiled)

    def _prepare(self, training: bool, loop: bool = True) -> None:
        """Look up, before a loop or a single step, which parts of the steps are the user's own."""
        compiling.prepare(self, loop)
        if training:
            if loop:
                compiling.warn_of_changed_flags(self)
            self.make_train_function()
            if loop and not self._overrides("train_step") and not distributed.sharding():
                compiling.claim_early(self)
        self.make_test_function()

    def _logs(self, outcome: Any) -> Any:
        """Return the logs of a step: what it returned, else a function that asks the metrics."""
        if not isinstance(outcome, Mapping):
            return self.get_metrics_result
        flat: dict[str, Any] = {}
        for name, value in outcome.items():
            flat.update(value if isinstance(value, Mapping) else {name: value})
        return flat

    def _as_result(self, logs: Mapping[str, Any], return_dict: bool) -> Any:
        values = dict(logs.items())
        if return_dict:
            return dict(sorted(values.items())) if config.dialect() == "3" else values
        if len(values) == 1:
            only = next(iter(values.values()))
            # A number of numpy has a shape, which scripts of the time look at; in lists it would print differently.
            return np.float64(only) if config.is_classic() and isinstance(only, float) else only
        first = [name for name in self.metrics_names if name in values] if config.dialect() == "3" else []
        return [values[name] for name in dict.fromkeys([*first, *values])]

    def _validation(self, data: Any, batch_size: int | None, step_count: Any, queue: tuple[Any, ...]) -> Steps | None:
        """Return the validation batches, or None if there is no validation."""
        if data is None:
            return None
        size = sources.check_batch_size(batch_size)
        step_count = sources.check_steps("validation_steps", step_count)
        if isinstance(data, sources.ArrayArguments):
            return Steps(data.source(size, False), step_count, fresh=True)
        source = sources.stream(self, data, None, None, None, batch_size, False, *queue)
        return Steps(source, step_count, fresh=True)

    def _callback_list(
        self,
        callbacks: Any,
        verbose: int | str,
        source: Any,
        batches: Steps,
        epochs: int = 1,
        do_validation: bool = False,
        history: bool = False,
    ) -> CallbackList:
        names = self.metrics_names
        params = {
            "verbose": verbose,
            "epochs": epochs,
            "steps": batches.count,
            "batch_size": source.batch_size,
            "samples": getattr(source, "size", None),
            "do_validation": do_validation,
            "metrics": names + [f"val_{name}" for name in names] if do_validation else names,
        }
        if config.is_classic():
            params["nb_epoch"] = epochs
        given = isinstance(callbacks, CallbackList)
        every = callbacks if given else CallbackList(callbacks)
        # A list of the user's may be that of a run which this call is a part of: its settings stay.
        if history or every.model is None:
            every.complete(history, not given and verbose not in (0, False), self, params)
        return every
