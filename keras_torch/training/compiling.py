"""What happens in `compile` and before a loop starts: resolving arguments, freezing the trained set, configs."""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

from keras_torch import config, losses, optimizers
from keras_torch import metrics as metrics_module
from keras_torch.engine import trainable as trainable_state
from keras_torch.errors import NotCompiledError
from keras_torch.training import cuda_graphs, jit, standardize
from keras_torch.training.compiled import CompiledMetrics, own_name
from keras_torch.training.compiled_loss import CompiledLoss
from keras_torch.training.feeds import targets_of
from keras_torch.training.outputs import in_a_row, is_deep
from keras_torch.training.steps import Compiled, claim, forward_by, is_built, set_trained
from keras_torch.training.symbolic_loss import SymbolicLoss, closes_over_tensors

# The value of `jit_compile` that asks for CUDA graphs.
CUDA_GRAPHS = "cudagraph"


def make(model: Any, arguments: dict[str, Any]) -> Compiled:
    """Resolve the arguments of `compile`; raises before anything about the model has changed."""
    optimizer = model._optimizer_of(arguments["optimizer"])
    if arguments["auto_scale_loss"] and model.dtype_policy.name == "mixed_float16" and optimizer is not None:
        optimizer = optimizers.LossScaleOptimizer.around(optimizer)
    loss, metrics = _per_output(model, arguments)
    _check_jit(arguments)
    steps = arguments["steps_per_execution"]
    arguments["steps_per_execution"] = check_steps_per_execution(steps)
    compiled = Compiled(optimizer, loss, metrics, arguments)
    compiled.counts_batches = config.dialect() == "tf" and arguments["loss"] is None
    if loss.built and any(closes_over_tensors(item) for item in loss.losses):
        compiled.symbolic = SymbolicLoss(model, loss)
    targets = arguments.get("target_tensors")
    if targets is not None:
        compiled.targets = targets_of(model, targets, loss.losses if loss.built else [])
    if is_built(model):
        compiled.trainable = list(model.trainable_variables)
    return compiled


def _check_jit(arguments: dict[str, Any]) -> None:
    """Settle whether the model is compiled by torch: "auto" means no, as in Keras 3 on torch.

    Unless the user has said no, steps that a GPU waits for are replayed as CUDA graphs.
    """
    asked = arguments["jit_compile"]
    undecided = asked in ("auto", None) or (asked is False and arguments.get("may_replay", False))
    arguments["may_replay"] = undecided and not arguments["run_eagerly"]
    if asked not in ("auto", True, False, None, CUDA_GRAPHS):
        raise ValueError(f"`jit_compile` must be True, False, 'auto' or {CUDA_GRAPHS!r}. Received: {asked!r}")
    if asked == CUDA_GRAPHS and config.default_device().type != "cuda":
        raise ValueError(
            f"`jit_compile={CUDA_GRAPHS!r}` replays kernels of a GPU, and there is none in use. Received: the device "
            f"{config.default_device()}. Compile with `jit_compile=True` there."
        )
    asked = CUDA_GRAPHS if asked == CUDA_GRAPHS else asked is True
    if asked and arguments["run_eagerly"]:
        warnings.warn(
            f"A model cannot both run eagerly and be compiled: `run_eagerly=True` turns `jit_compile={asked!r}` off.",
            stacklevel=5,
        )
    arguments["jit_compile"] = not arguments["run_eagerly"] and asked


def check_steps_per_execution(steps: Any) -> int:
    """Return the number of batches between two batch events; "auto" is 1, as nothing is won by more."""
    return 1 if steps in ("auto", None) else standardize.whole_number("steps_per_execution", steps)


def change(model: Any, name: str, value: Any) -> None:
    """Change one setting of a compiled model that leaves its losses and metrics as they are."""
    compiled = require(model, name)
    compiled.arguments[name] = value
    _check_jit(compiled.arguments)
    compiled.forward = compiled.whole = compiled.replays = None


def adopt_outputs(model: Any, compiled: Compiled) -> None:
    """Settle losses and metrics per output once a model that was built by its data has outputs."""
    if standardize.output_names(model) is not None and compiled.loss.output_names is None:
        compiled.loss, compiled.metrics = _per_output(model, compiled.arguments)


def _per_output(model: Any, arguments: dict[str, Any]) -> tuple[CompiledLoss, CompiledMetrics]:
    """Resolve losses and metrics for the outputs, as far as the model knows these already."""
    names = standardize.output_names(model)
    structure = getattr(model, "output", None) if names is not None else None
    if names is not None and is_deep(structure):
        return _per_nested_output(structure, names, arguments)
    keyed = isinstance(structure, Mapping)
    # tf.keras logged the outputs of a functional model under the names of their layers, whatever the keys.
    labels = model.output_names if keyed and config.dialect() == "tf" else None
    loss = CompiledLoss(arguments["loss"], arguments["loss_weights"], names, labels, keyed)
    given = arguments["metrics"], arguments["weighted_metrics"]
    return loss, CompiledMetrics(*given, names, loss, labels, keyed)


def _per_nested_output(
    structure: Any, names: list[str], arguments: dict[str, Any]
) -> tuple[CompiledLoss, CompiledMetrics]:
    """Resolve losses and metrics that are built like the outputs, a structure of structures, or as without it."""
    loss = CompiledLoss(arguments["loss"], arguments["loss_weights"])
    loss.settle(structure, names)
    plain, weighted = (in_a_row(arguments[name], structure, several=True) for name in ("metrics", "weighted_metrics"))
    return loss, CompiledMetrics(plain, weighted, names, loss)


def require(model: Any, method: str) -> Compiled:
    """Return what `compile` made. NotCompiledError before it was called."""
    compiled = model._compiled
    if compiled is None:
        raise NotCompiledError(
            f"Model {model.name!r} is not compiled, which `{method}` needs. Call `compile(optimizer, loss)` first."
        )
    return compiled


def prepare(model: Any, loop: bool = True) -> None:
    """Find out what the user's class overrides and, once per loop, which metrics are attributes of layers."""
    compiled = model._compiled
    compiled.prepared = True
    compiled.compute_loss = _tolerant(model.compute_loss) if model._overrides("compute_loss") else None
    compiled.compute_metrics = model.compute_metrics if model._overrides("compute_metrics") else None
    if loop:
        compiled.layer_metrics = None
    graphs = compiled.arguments["jit_compile"] == CUDA_GRAPHS
    if compiled.arguments.get("may_replay"):
        _replay_if_possible(model, compiled, loop)
    elif graphs and compiled.replays is None:
        compiled.replays = cuda_graphs.replays_of(model, compiled, forward_by, automatic=False)
    jit.forward_of(model)
    if compiled.forward is not None and compiled.whole is None:
        compiled.whole = jit.CompiledCall(forward_by, f"Model {model.name!r}", graphs, compiled.forward)
    if model._overrides("train_step"):
        _follow_flags(model)


def _replay_if_possible(model: Any, compiled: Compiled, loop: bool) -> None:
    """In loops let steps be replayed, if a GPU makes them, until something speaks against it."""
    if not loop:
        if compiled.replays is not None:
            compiled.replays.paused = True
        return
    weight = next(model.parameters(), None)
    on_gpu = weight is not None and weight.is_cuda
    found = cuda_graphs.replays_of(model, compiled, forward_by, automatic=True) if on_gpu else None
    if found is None or compiled.replays is None:
        compiled.replays = found
    else:
        compiled.replays.paused = False


def warn_of_changed_flags(model: Any) -> None:
    """Warn, as Keras 1 and 2 did, if weights were frozen or freed after `compile` had fixed which ones are trained."""
    compiled = model._compiled
    if not config.is_classic() or compiled is None or compiled.trainable is None:
        return
    count = len(model.trainable_variables)
    if count != len(compiled.trainable):
        warnings.warn(
            f"Discrepancy in model {model.name!r}: it was compiled to train {len(compiled.trainable)} weights, but "
            f"{count} are trainable now. Training keeps to the former; call `compile` again if the latter are meant.",
            UserWarning,
            stacklevel=4,
        )


def claim_early(model: Any) -> None:
    """Let callbacks find the optimizer complete when training begins; models without weights get theirs on the way."""
    if is_built(model):
        claim(model, model._compiled, None)


def _follow_flags(model: Any) -> None:
    """A train_step of the user's own takes the weights as they are flagged now, not as they were at compile time.

    Its optimizer learns whose they are, for `optimizer.apply(grads)` without variables.
    """
    if isinstance(model.optimizer, optimizers.Optimizer):
        model.optimizer._model = weakref.ref(model)
    if model.built:
        set_trained(model, model.trainable_variables)
        trainable_state.invalidate()


def _tolerant(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leave `training` out for a `compute_loss` that does not take it (before Keras 3.7)."""
    parameters = inspect.signature(function).parameters
    if "training" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return function
    return functools.partial(_call_with, function, tuple(parameters))


def _call_with(function: Callable[..., Any], names: tuple[str, ...], **arguments: Any) -> Any:
    return function(**{key: value for key, value in arguments.items() if key in names})


def set_optimizer(model: Any, value: Any) -> None:
    """Exchange the optimizer of a compiled model; on an uncompiled one, compile without a loss."""
    if model._compiled is None:
        arguments = dict(_DEFAULTS, optimizer=value)
        object.__setattr__(model, "_compiled", make(model, arguments))
        return
    model._compiled.optimizer = optimizers.get(value)
    model._compiled.arguments["optimizer"] = value
    trainable_state.invalidate()


def recompile(model: Any, name: str, value: Any) -> None:
    """Exchange one argument of `compile`."""
    arguments = dict(_DEFAULTS if model._compiled is None else model._compiled.arguments)
    if model._compiled is not None:
        arguments["optimizer"] = model._compiled.optimizer
    object.__setattr__(model, "_compiled", make(model, {**arguments, name: value}))


_DEFAULTS = {
    "optimizer": "rmsprop",
    "loss": None,
    "loss_weights": None,
    "metrics": None,
    "weighted_metrics": None,
    "run_eagerly": False,
    "steps_per_execution": 1,
    "jit_compile": "auto",
    "auto_scale_loss": True,
}


def serialize(model: Any) -> dict[str, Any] | None:
    """Return the arguments of `compile` as plain data."""
    compiled = model._compiled
    if compiled is None:
        return None
    arguments, optimizer = compiled.arguments, compiled.optimizer
    if isinstance(optimizer, optimizers.LossScaleOptimizer) and arguments["optimizer"] is not optimizer:
        # Compiling wraps it again.
        optimizer = optimizer.inner_optimizer
    return {
        "optimizer": optimizers.serialize(optimizer),
        "loss": _map(losses.serialize, arguments["loss"]),
        "loss_weights": arguments["loss_weights"],
        "metrics": _map(_serialize_metric, arguments["metrics"]),
        "weighted_metrics": _map(_serialize_metric, arguments["weighted_metrics"]),
        "run_eagerly": arguments["run_eagerly"],
        "steps_per_execution": arguments["steps_per_execution"],
        # Keras's own files know no more than yes and no.
        "jit_compile": bool(arguments["jit_compile"]),
    }


def _serialize_metric(metric: Any) -> Any:
    """Return a metric as it was given: without the name of its output, which compiling puts in front."""
    described = metrics_module.serialize(metric)
    if isinstance(metric, metrics_module.Metric) and described["config"].get("name") == metric.name:
        described["config"] = {**described["config"], "name": own_name(metric)}
    return described


def _map(function: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, Mapping) and "class_name" not in value:
        return {key: _map(function, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_map(function, item) for item in value]
    if isinstance(value, (str, Mapping)) or value is None:
        return value
    return function(losses.get(value) if isinstance(value, torch.nn.Module) else value)


def compile_from_config(model: Any, config: Mapping[str, Any]) -> None:
    """Compile with plain data, and make the optimizer's state if the weights exist, so that it can be loaded."""
    known = {key: value for key, value in config.items() if key in _DEFAULTS}
    model.compile(**known)
    if is_built(model):
        model.optimizer.build(model.trainable_variables)


def compile_like(model: Any, other: Any) -> None:
    """Compile a model with the arguments of another's `compile`; optimizer and metrics start afresh."""
    compiled = other._compiled
    if compiled is None or type(other).compile is not type(model).compile:
        return
    optimizer = compiled.optimizer
    if isinstance(optimizer, optimizers.LossScaleOptimizer) and compiled.arguments["optimizer"] is not optimizer:
        # Compiling wraps it again.
        optimizer = optimizer.inner_optimizer
    arguments = dict(compiled.arguments)
    for key in ("metrics", "weighted_metrics"):
        arguments[key] = _map(metrics_module.clone_metric, arguments[key])
    fresh = type(optimizer).from_config(optimizer.get_config())
    model.compile(**{**{key: arguments[key] for key in _DEFAULTS if key in arguments}, "optimizer": fresh})


def check_epochs(epochs: Any, initial_epoch: Any) -> tuple[int, int]:
    """Return both as ints, capped by `keras.config.set_max_epochs`. ValueError unless whole numbers, not negative."""
    number, limit = standardize.whole_number("epochs", epochs, 0), config.max_epochs()
    initial = standardize.whole_number("initial_epoch", initial_epoch, 0)
    return (number if limit is None else min(number, limit)), initial


def refuse_split(validation_split: float, x: Any) -> None:
    """`validation_split` needs arrays."""
    if validation_split:
        raise ValueError(
            "`validation_split` needs arrays, whose last samples it takes. "
            f"Received: x of type {type(x).__name__}. Pass `validation_data` instead."
        )


def validation_due(freq: Any) -> Callable[[int], bool]:
    """Return the function that says whether epoch number n (from 1) ends with a validation."""
    if isinstance(freq, int) and not isinstance(freq, bool) and freq >= 1:
        return lambda epoch: epoch % freq == 0
    if isinstance(freq, Collection) and not isinstance(freq, str):
        return lambda epoch: epoch in freq
    raise ValueError(f"`validation_freq` must be a positive integer or a list of epoch numbers. Received: {freq!r}")
