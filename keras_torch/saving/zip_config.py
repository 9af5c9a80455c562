"""`config.json` of a `.keras` file, in a spelling that Keras 2.15 and 3.x both read where there is one.

The objects are those of `serialize_keras_object`; their keys are those of `file_config`, which serves `.h5` files, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_torch import config as settings
from keras_torch import registry
from keras_torch.models.operations import is_operation
from keras_torch.optimizers import LossScaleOptimizer
from keras_torch.saving.file_config import (
    for_keras_3,
    leave_out_names_of_operations,
    own_keys,
    repeat_calls_of_nested_models,
)
from keras_torch.saving.training_config import settle

# Kept in `assets/` unless they were given to the constructor.
_VOCABULARY = ("vocabulary", "idf_weights")
# The name that all of Keras 3 know, as 3.0 to 3.6 wrote it.
_FIRST_NAMES_OF_KERAS_3 = {"Orthogonal": "OrthogonalInitializer"}
_ONLY_KERAS_3 = ("loss_scale_factor", "gradient_accumulation_steps")


def describe(model: Any, with_compile: bool) -> dict[str, Any]:
    """Return a model as one object: `module`, `class_name`, `config`, `registered_name`, and how to build and compile.

    What tf.keras and Keras 3 read in two ways is for tf.keras in dialect "tf", else for Keras 3.
    """
    of_keras_2 = settings.dialect() == "tf"
    with settings.dialect_scope("tf" if of_keras_2 else "3"), registry.for_hdf5(), registry.sharing_scope():
        item = registry.marked_if_shared(registry.serialize_keras_object(model))
    if not with_compile:
        item.pop("compile_config", None)
    item = _object(item)
    if isinstance(item.get("compile_config"), dict):
        _settle_optimizer(item["compile_config"].get("optimizer"), model.optimizer)
    return item if of_keras_2 else for_keras_3(item)


def _object(item: Mapping[str, Any]) -> dict[str, Any]:
    if is_operation(item):
        return dict(item)
    written = {key: _value(value) for key, value in item.items() if key != "config"}
    inner = item["config"]
    if isinstance(inner, Mapping):
        is_model = "layers" in inner and item["class_name"] != "Pipeline"
        inner = _model(inner) if is_model else _config(item["class_name"], inner)
    written["config"] = inner
    if item["class_name"] == "Functional":
        # The name under which both generations find the class.
        written.update(module="keras", class_name="Model", registered_name=None)
    elif item.get("module") == "keras.initializers" and settings.dialect() == "3":
        written["class_name"] = _FIRST_NAMES_OF_KERAS_3.get(item["class_name"], item["class_name"])
    if isinstance(written.get("compile_config"), dict):
        _trim_compile_config(written["compile_config"])
    return written


def _model(config: Mapping[str, Any]) -> dict[str, Any]:
    written = {key: _value(value) for key, value in config.items() if key != "dtype"}
    if "input_layers" in written:
        repeat_calls_of_nested_models(written)
        leave_out_names_of_operations(written)
    return written


def _config(class_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    if config.get("has_input_vocabulary") is False:
        config = {key: None if key in _VOCABULARY else value for key, value in config.items()}
    return {key: _value(value) for key, value in own_keys(class_name, config).items()}


def _value(value: Any) -> Any:
    if isinstance(value, Mapping):
        if isinstance(value.get("class_name"), str) and "config" in value:
            return _object(value)
        return {key: _value(item) for key, item in value.items()}
    return [_value(item) for item in value] if isinstance(value, (list, tuple)) else value


def _settle_optimizer(described: Any, optimizer: Any) -> None:
    if isinstance(optimizer, LossScaleOptimizer) and isinstance(described, dict):
        optimizer = optimizer.inner_optimizer
        described = described["config"].get("inner_optimizer", described)
    if isinstance(described, dict) and getattr(optimizer, "_layout", None) != "v2":
        settle(described["config"], optimizer)


def _trim_compile_config(config: dict[str, Any]) -> None:
    """Leave out what only one generation knows while it says nothing."""
    optimizer = config.get("optimizer")
    if isinstance(optimizer, dict) and isinstance(optimizer.get("config"), dict):
        for key in _ONLY_KERAS_3:
            if optimizer["config"].get(key) is None:
                optimizer["config"].pop(key, None)
    if config.get("jit_compile") == "auto":
        config["jit_compile"] = None
