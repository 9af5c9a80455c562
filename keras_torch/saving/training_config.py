"""Optimizer, losses and metrics in a file: the `training_config` that Keras 2.15 and 3 read, written and read back.

In dialects 1 and 2 that of Keras 2.2.4, where it has the optimizer.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from keras_torch import config as settings
from keras_torch import registry
from keras_torch.errors import FileFormatError
from keras_torch.legacy.training_rows import OPTIMIZERS
from keras_torch.metrics import MeanMetricWrapper
from keras_torch.optimizers import LossScaleOptimizer
from keras_torch.registry import snake_case
from keras_torch.saving.file_config import write_config, write_object
from keras_torch.saving.legacy_config import ConfigReader, parse_json
from keras_torch.training.compiled import CompiledMetrics, spread

# Resolved by the shapes of targets and predictions; every generation knows these four.
_BY_SHAPE = ("accuracy", "acc", "crossentropy", "ce")
_COMPILE_KEYS = ("loss", "metrics", "weighted_metrics", "loss_weights")
_ONLY_KERAS_3 = ("loss_scale_factor", "gradient_accumulation_steps")
_SCHEDULES = "keras.optimizers.schedules"
# Keras's readers pass over this key. Neither generation could read the wrapping optimizer in the form of the other, and
# both wrap the optimizer again when they compile a model of the policy "mixed_float16".
_LOSS_SCALE = "keras_torch_loss_scale"
_DECAY = "decay"
_REDUCTIONS = {"auto": "sum_over_batch_size"}
# What Keras 2 wrote around a function, and what names it there.
_WRAPPERS = frozenset({"MeanMetricWrapper", "LossFunctionWrapper", "SumOverBatchSizeMetricWrapper"})


def write_training_config(
    compiled: Mapping[str, Any], optimizer: Any, made: CompiledMetrics | None = None
) -> dict[str, Any]:
    """Return the training config of a file, from `Model.get_compile_config()`, the optimizer and the metrics made."""
    classic = classic_optimizer(optimizer)
    if classic is not None:
        return {
            **{key: _write_nested(compiled.get(key), _function_name) for key in ("metrics", "weighted_metrics")},
            "loss": _write_nested(compiled.get("loss"), _write_loss),
            "loss_weights": compiled.get("loss_weights"),
            "sample_weight_mode": None,
            "optimizer_config": classic,
        }
    described, more = compiled["optimizer"], {}
    if isinstance(optimizer, LossScaleOptimizer):
        more[_LOSS_SCALE] = _write_loss_scale(optimizer)
        optimizer = optimizer.inner_optimizer
        described = registry.optimizers.serialize(optimizer)
    if made is not None:
        compiled = {**compiled, **_made_metrics(compiled, made)}
    return {
        "loss": _write_nested(compiled.get("loss"), _write_loss),
        "metrics": _write_nested(compiled.get("metrics"), _write_metric),
        "weighted_metrics": _write_nested(compiled.get("weighted_metrics"), _write_metric),
        "loss_weights": compiled.get("loss_weights"),
        "optimizer_config": _write_optimizer(described, optimizer),
        **more,
    }


def _made_metrics(compiled: Mapping[str, Any], made: CompiledMetrics) -> dict[str, Any]:
    """Return the metrics that are written otherwise than they were given.

    tf.keras's are those of each output, resolved, and with the names that the logs have: it reads names as they stand,
    where Keras 3 puts the output's in front.
    """
    found: dict[str, Any] = {}
    for key, weighted in (("metrics", False), ("weighted_metrics", True)):
        entries = [entry for entry in made.entries if entry.weighted == weighted]
        if settings.dialect() == "tf" and made.built:
            written = [
                [_counted(entry.metric) for entry in entries if entry.output == index]
                for index in range(len(made.plan[0]) if made.plan else 0)
            ]
            found[key] = (written if len(written) > 1 else written[0]) if entries else None
        else:
            meant = {(entry.output, entry.given): made.meaning(entry) for entry in entries if made.meaning(entry)}
            found |= {key: _by_class(compiled[key], meant, made)} if meant else {}
    return found


def _counted(metric: Any) -> Any:
    """Return a metric's config; a wrapped function is the class that averages it, which Keras 3 reads as well."""
    plain = type(metric) is MeanMetricWrapper and metric._builtin and not metric._fn_kwargs
    class_name = _metric_class(getattr(metric._fn, "__name__", "")) if plain else None
    return _named(class_name, metric.name) if class_name else registry.metrics.serialize(metric)


def _named(class_name: str | None, name: str) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, "dtype": "float32"}}


def _by_class(given: Any, meant: Mapping[tuple[int, str], Any], made: CompiledMetrics) -> Any:
    """Write "accuracy" and its kin as the classes of metrics that they are, output by output.

    tf.keras resolves such names when it loads a file, as if targets had the shape of the outputs: labels would count
    as one-hot.
    """

    def explicit(index: int, item: Any) -> Any:
        function = meant.get((index, item)) if isinstance(item, str) else None
        return _named(_metric_class(function.__name__), item) if function else item

    names, keyed = (made.plan[0], made.plan[2]) if made.plan else (made.output_names or [], False)
    outputs = [
        [explicit(index, item) for item in items] for index, items in enumerate(spread(given, names, "`metrics`"))
    ]
    if keyed or (isinstance(given, Mapping) and "class_name" not in given):
        return dict(zip(names, outputs, strict=True))
    return outputs if len(outputs) > 1 else outputs[0]


def classic_optimizer(optimizer: Any) -> dict[str, Any] | None:
    """Return an optimizer in the form of Keras 2.2.4; None in later dialects and where that has no such."""
    class_name = type(optimizer).__name__
    known = type(optimizer) is registry.optimizers.objects.get(class_name)
    row = OPTIMIZERS.get(class_name)
    if not settings.is_classic() or not known or row is None or "2" not in row.orders:
        return None
    config = {key: value for key, value in optimizer.get_config().items() if key != "name"}
    found = {key: config.get(key, getattr(optimizer, key, None)) for key in (*row.orders["2"], "clipnorm", "clipvalue")}
    found = {key: value for key, value in found.items() if value is not None}
    try:
        same = type(optimizer).from_config(found).get_config() == config
    except (TypeError, ValueError):
        return None
    return {"class_name": class_name, "config": found} if same else None


def _write_loss_scale(optimizer: LossScaleOptimizer) -> dict[str, Any]:
    return {
        "name": optimizer.name,
        "dynamic": optimizer.dynamic,
        "initial_scale": optimizer.initial_scale,
        "dynamic_growth_steps": optimizer.dynamic_growth_steps,
        "dynamic_scale": float(optimizer.dynamic_scale),
        "step_counter": int(optimizer.step_counter),
    }


def _read_loss_scale(inner: Any, settings: Mapping[str, Any]) -> LossScaleOptimizer:
    settings = dict(settings)
    scale, counter = float(settings.pop("dynamic_scale")), int(settings.pop("step_counter"))
    optimizer = LossScaleOptimizer(inner, **settings)
    optimizer.dynamic_scale.assign(scale)
    optimizer.step_counter.assign(counter)
    return optimizer


def _write_nested(value: Any, write: Any) -> Any:
    """Apply `write` to the names and objects in lists and dicts of outputs."""
    if isinstance(value, Mapping) and "class_name" not in value:
        return {key: _write_nested(item, write) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_write_nested(item, write) for item in value]
    return None if value is None else write(value)


def _function_name(item: Any) -> Any:
    """Return the name of a serialized function, whichever way it was written; other things unchanged."""
    if isinstance(item, Mapping) and item.get("class_name") == "function":
        return registry.function_name(item["config"] if isinstance(item["config"], Mapping) else item)
    return item


def _write_loss(item: Any) -> Any:
    """Losses by their full names (Keras 3 cannot read `mse` from a file), without keys of one generation only."""
    item = _function_name(item)
    if isinstance(item, str):
        found = registry.losses.objects.get(item)
        return getattr(found, "__name__", item) if inspect.isfunction(found) else item
    if isinstance(item.get("config"), Mapping):
        item = {**item, "config": {key: value for key, value in item["config"].items() if key not in ("dtype", "fn")}}
    return write_object(item)


def _write_metric(item: Any) -> Any:
    """A built-in function becomes an instance of its class, so that its short name in logs survives."""
    item = _function_name(item)
    if isinstance(item, str) and item not in _BY_SHAPE:
        metric_class = _metric_class(item)
        return item if metric_class is None else _named(metric_class, item)
    return item if isinstance(item, str) else write_object(item)


def _metric_class(name: str) -> str | None:
    """Return the metric class that averages the function of that name, e.g. "MeanAbsoluteError" for "mae"."""
    function = getattr(registry.metrics.objects.get(name), "__name__", name)
    for class_name, item in registry.metrics.objects.items():
        if inspect.isclass(item) and snake_case(class_name) == function:
            return class_name
    return None


def _write_optimizer(item: Mapping[str, Any], optimizer: Any) -> dict[str, Any]:
    """Return an optimizer in the form of Keras 2.15; without these marks it would take it for one of before 2.11."""
    class_name, config = item["class_name"], dict(item["config"])
    if getattr(optimizer, "_layout", None) == "v2":
        rate = config["learning_rate"]
        config["learning_rate"] = {"module": _SCHEDULES, **rate} if isinstance(rate, Mapping) else rate
        return {"class_name": class_name, "config": config}
    for key in _ONLY_KERAS_3:
        if config.get(key) is None:
            config.pop(key, None)
    settle(config, optimizer)
    config = write_config(class_name, config)
    rate = config.get("learning_rate")
    if isinstance(rate, Mapping):
        config["learning_rate"] = {"module": _SCHEDULES, **rate, "registered_name": None}
    if ">" not in class_name and type(optimizer).__module__.startswith("keras_torch."):
        # Keras 3 takes the name for the class, and cannot do without one that it knows.
        config.update(name=class_name, jit_compile=False, is_legacy_optimizer=False)
        class_name = f"Custom>{class_name}"
    return {"class_name": class_name, "config": config}


def settle(config: dict[str, Any], optimizer: Any) -> None:
    """Give the config of an optimizer of before Keras 2.11 the form in which those since mean the same."""
    if getattr(optimizer, "_dialect", None) in ("1", "2") and config.get("clipnorm") is not None:
        # Before tf.keras, `clipnorm` limited the norm of all gradients together.
        config["global_clipnorm"] = config.pop("clipnorm")
    # Classes written for Keras 2 call the rate `lr`, and keep both as they are.
    own = type(optimizer).__module__.startswith("keras_torch.")
    decay = config.pop("decay", 0.0) if own or "learning_rate" in config else 0.0
    if decay and not isinstance(config.get("learning_rate"), Mapping):
        config["learning_rate"] = _decayed(config["learning_rate"], decay)


def _decayed(rate: float, decay: float) -> dict[str, Any]:
    """Return `rate / (1 + decay * step)` as the schedule that computes the same; 2.11 and later know no `decay`."""
    config = {
        "initial_learning_rate": rate,
        "decay_steps": 1,
        "decay_rate": decay,
        "staircase": False,
        "name": _DECAY,
    }
    return {"module": _SCHEDULES, "class_name": "InverseTimeDecay", "config": config, "registered_name": None}


def read_training_config(config: Any, reader: ConfigReader, output_names: list[str]) -> dict[str, Any]:
    """Return the arguments of `Model.compile` that a file's training config means."""
    if not isinstance(config, Mapping) or not isinstance(config.get("optimizer_config"), Mapping):
        raise FileFormatError("the training config has no `optimizer_config`")
    arguments = {key: config.get(key) for key in _COMPILE_KEYS}
    arguments["loss"] = _read_nested(arguments["loss"], lambda item: _read_loss(item, reader))
    for key in ("metrics", "weighted_metrics"):
        arguments[key] = _read_metrics(arguments[key], reader, output_names)
    arguments["optimizer"] = _read_optimizer(config["optimizer_config"], reader)
    if isinstance(config.get(_LOSS_SCALE), Mapping):
        arguments["optimizer"] = _read_loss_scale(arguments["optimizer"], config[_LOSS_SCALE])
    return arguments


def compile_as_stored(model: Any, config: Any, reader: ConfigReader, file: str) -> bool:
    """Compile a model as a training config, or its JSON text, says; where that is not understood, warn and leave it."""
    try:
        if isinstance(config, str):
            config = parse_json(config, f"The training config of {file}")
        model.compile(**read_training_config(config, reader, model.output_names or [""]))
    # Whatever a stranger's file may ask of an optimizer, loss or metric, custom ones too: it never stops the load.
    except Exception as error:
        warnings.warn(
            f"{file}: the training configuration was not understood, and the model comes uncompiled. Call `compile` to "
            f"train it. ({type(error).__name__}: {error})",
            stacklevel=6,
        )
        return False
    return True


def read_compile_config(config: Any, reader: ConfigReader, output_names: list[str]) -> dict[str, Any]:
    """Return the arguments of `Model.compile` in the `compile_config` of a `.keras` file.

    How the step is run stays ours: `jit_compile` there spoke of another machine and another compiler.
    """
    if not isinstance(config, Mapping) or not config.get("optimizer"):
        raise FileFormatError("there is no `optimizer`")
    described = config["optimizer"]
    if isinstance(described, str):
        described = {"class_name": described, "config": {}}
    arguments = read_training_config({**config, "optimizer_config": described}, reader, output_names)
    # Names stay names, as they were given: what they mean, and what it is called in logs, `compile` decides again.
    for key in _COMPILE_KEYS:
        arguments[key] = _with_names(config.get(key), arguments[key])
    for key in ("run_eagerly", "steps_per_execution"):
        if config.get(key) is not None:
            arguments[key] = config[key]
    return arguments


def _with_names(written: Any, read: Any) -> Any:
    if isinstance(written, str):
        return written
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        return [_with_names(*pair) for pair in zip(written, read, strict=True)]
    if isinstance(written, Mapping) and isinstance(read, dict) and written.keys() == read.keys():
        return {key: _with_names(value, read[key]) for key, value in written.items()}
    return read


def _read_nested(value: Any, read: Any) -> Any:
    if isinstance(value, Mapping) and "class_name" not in value:
        return {key: _read_nested(item, read) for key, item in value.items()}
    if isinstance(value, list):
        return [_read_nested(item, read) for item in value]
    return None if value is None else read(value)


def _read_loss(item: Any, reader: ConfigReader) -> Any:
    item = _function_name(item)
    if isinstance(item, str):
        return registry.losses.get(item, reader.custom_objects)
    config = dict(item.get("config") or {})
    function = config.pop("fn", None)
    if item["class_name"] in _WRAPPERS:
        return registry.losses.get(_function_name(function), reader.custom_objects)
    if config.get("reduction") in _REDUCTIONS:
        config["reduction"] = _REDUCTIONS[config["reduction"]]
    return registry.losses.from_dict(reader.object({**item, "config": config}), reader.custom_objects)


def _read_metrics(value: Any, reader: ConfigReader, output_names: list[str]) -> Any:
    if value is None:
        return None
    if isinstance(value, list) and len(output_names) == 1 and len(value) == 1 and isinstance(value[0], list):
        value = value[0]

    def read(item: Any, output: str | None) -> Any:
        return _read_nested(item, lambda metric: _read_metric(metric, reader, output))

    if isinstance(value, Mapping) and "class_name" not in value:
        return {key: read(item, key) for key, item in value.items()}
    if isinstance(value, list) and len(value) == len(output_names) > 1:
        return [read(item, name) for item, name in zip(value, output_names, strict=True)]
    return read(value, None)


def _read_metric(item: Any, reader: ConfigReader, output: str | None) -> Any:
    item = _function_name(item)
    if isinstance(item, str):
        return item if item in _BY_SHAPE else registry.metrics.get(item, reader.custom_objects)
    config = dict(item.get("config") or {})
    name = config.get("name")
    if output is not None and isinstance(name, str) and name.startswith(f"{output}_"):
        # Keras 2 wrote the name with the output's in front, which compiling will add again.
        name = config["name"] = name[len(output) + 1 :]
    if item["class_name"] not in _WRAPPERS:
        return registry.metrics.from_dict(reader.object({**item, "config": config}), reader.custom_objects)
    function = _function_name(config.pop("fn", None))
    if name in ("accuracy", "acc") and str(function).endswith("accuracy"):
        return name
    config.pop("dtype", None)
    metric_class = _metric_class(str(function))
    if metric_class is not None:
        return registry.metrics.from_dict(reader.object({"class_name": metric_class, "config": config}))
    return MeanMetricWrapper(registry.metrics.get(function, reader.custom_objects), **config)


def _read_optimizer(item: Mapping[str, Any], reader: ConfigReader) -> Any:
    from keras_torch import optimizers

    stored = item.get("config")
    # The optimizers of before 2.11 have a `decay`, those of later have none.
    old = reader.generation == "tf" and isinstance(stored, Mapping) and "decay" in stored and "use_ema" not in stored
    if old and item.get("class_name") in optimizers.legacy.__all__:
        return optimizers.get({**item, "module": "keras.optimizers.legacy"}, reader.custom_objects)
    described = reader.object(item)
    config = dict(described.get("config") or {})
    rate = config.get("learning_rate")
    schedule = (
        rate.get("config") if isinstance(rate, Mapping) and rate.get("class_name") == "InverseTimeDecay" else None
    )
    if isinstance(schedule, Mapping) and schedule.get("name") == _DECAY:
        config["learning_rate"] = schedule["initial_learning_rate"]
        config["decay"] = schedule["decay_rate"]
    return optimizers.get({**described, "config": config}, reader.custom_objects)
