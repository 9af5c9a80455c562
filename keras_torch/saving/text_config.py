"""Architectures as JSON and YAML: `to_json`, `to_yaml`, and models from what they, or any Keras's, returned."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

import yaml

from keras_torch import config, registry
from keras_torch.legacy import translated
from keras_torch.models.functional_config import architecture, to_plain
from keras_torch.saving import building
from keras_torch.saving.file_config import for_keras_2, warn_of_own_functions, write_object
from keras_torch.saving.legacy_config import ConfigReader, parse_json, parse_yaml
from keras_torch.saving.legacy_weights import generation_of

_VERSIONS = {"1": "2.2.4", "2": "2.2.4", "tf": "2.15.0"}


def describe(model: Any) -> dict[str, Any]:
    """Return a model without its weights as plain data.

    In the form of Keras 3 (with the arguments of `compile`), or, in older dialects, in that of tf.keras 2.15 and of
    Keras 2.2.4, beside the version and the backend.
    """
    dialect = config.dialect()
    if dialect not in _VERSIONS:
        with registry.sharing_scope():
            found = registry.marked_if_shared(registry.serialize_keras_object(model))
        warn_of_own_functions(found)
        return found
    with registry.for_hdf5():
        found = write_object(architecture(model))
    warn_of_own_functions(found)
    found = for_keras_2(found) if config.is_classic() else found
    return {**found, "keras_version": _VERSIONS[dialect], "backend": "tensorflow"}


def to_json(model: Any, **kwargs: Any) -> str:
    """Return a model without its weights as JSON; keyword arguments go to `json.dumps`."""
    return json.dumps(describe(model), default=to_plain, **kwargs)


def to_yaml(model: Any, **kwargs: Any) -> str:
    """Return a model without its weights as YAML; keyword arguments go to `yaml.safe_dump`."""
    return yaml.safe_dump(json.loads(to_json(model)), **kwargs)


@translated("model_from_config")
def model_from_config(
    model_config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """Build a model, without weights, from `{"class_name": ..., "config": ...}`."""
    if isinstance(model_config, list):
        raise TypeError(
            "`model_from_config` takes `{'class_name': ..., 'config': ...}`; a bare list of layers belongs to "
            f"`Sequential.from_config`. Received: {model_config!r}"
        )
    return _from_parsed(model_config, custom_objects, safe_mode)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True) -> Any:
    """Build a model, without weights, from what `to_json` of any Keras returned."""
    return _from_parsed(parse_json(json_string, "`json_string`"), custom_objects, safe_mode)


def model_from_yaml(yaml_string: str, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True) -> Any:
    """Build a model, without weights, from what `to_yaml` of Keras 1 or 2 returned."""
    return _from_parsed(parse_yaml(yaml_string, "`yaml_string`"), custom_objects, safe_mode)


def _from_parsed(item: Any, custom_objects: Mapping[str, Any] | None, safe_mode: bool) -> Any:
    version = item.get("keras_version") if isinstance(item, Mapping) else None
    generation: str | None
    if version:
        generation = generation_of(str(version))
    else:
        # Keras 3 tells no version, but where its classes are.
        generation = "3" if isinstance(item, Mapping) and "module" in item else config.dialect()
    reader = ConfigReader(generation, str(version or "unknown"), custom_objects)
    with config.dialect_scope(generation):
        model = building.build(reader.model(item), reader.custom_objects, safe_mode)
        with registry.allow_bytecode(not safe_mode):
            _finish(model, item, reader)
    return model


def _finish(model: Any, item: Mapping[str, Any], reader: ConfigReader) -> None:
    """Build and compile a model as Keras 3 noted; compile arguments that are not understood only give a warning."""
    built = {key: item[key] for key in ("build_config",) if key in item}
    registry.finish(model, built, reader.custom_objects)
    try:
        registry.finish(model, {"compile_config": item.get("compile_config")}, reader.custom_objects)
    except Exception as error:
        warnings.warn(
            "The compile arguments in the config were not understood, and the model comes uncompiled. Call `compile` "
            f"to train it. ({type(error).__name__}: {error})",
            stacklevel=4,
        )
