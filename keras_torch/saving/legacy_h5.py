"""Keras 2's HDF5 layout, whole models and weights alone: what Keras 1 to 3 write to `.h5` and read from it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from typing import Any

from keras_torch import config, registry
from keras_torch.errors import FileFormatError
from keras_torch.saving import beside, hdf5, legacy_weights, optimizer_state
from keras_torch.saving.building import DIALECT, VERSION, build, build_within, dialect_of
from keras_torch.saving.file_config import (
    for_keras_2,
    for_keras_3,
    needs_keras_3,
    warn_of_own_functions,
    write_object,
)
from keras_torch.saving.legacy_config import ConfigReader, parse_json
from keras_torch.saving.legacy_weights import Origin, generation_of
from keras_torch.saving.training_config import classic_optimizer, compile_as_stored, write_training_config

_CLASSIC_VERSION = "2.2.4"


def write_model(target: Any, model: Any, include_optimizer: bool = True) -> None:
    """Write a model with its weights, and, if it is compiled, compile arguments and optimizer state."""
    from keras_torch.models.functional_config import to_plain

    described = _described(model)
    text = json.dumps(described, default=to_plain)
    compiled = model.get_compile_config() if include_optimizer and getattr(model, "optimizer", None) else None
    optimizer = model.optimizer if compiled else None
    if compiled:
        written = write_training_config(compiled, optimizer, model._compiled.metrics)
        training = json.dumps(written, default=to_plain)
    dialect = dialect_of(model, optimizer)
    classic = config.is_classic() and (optimizer is None or classic_optimizer(optimizer) is not None)
    version, layout = (_CLASSIC_VERSION, "2") if classic else (VERSION, "tf")
    with hdf5.writing(target) as group:
        hdf5.write_text(group, "keras_version", version)
        hdf5.write_text(group, "backend", "tensorflow")
        hdf5.write_text(group, DIALECT, dialect)
        hdf5.write_text(group, "model_config", text)
        if compiled:
            hdf5.write_text(group, "training_config", training)
        legacy_weights.write_weights(group.create_group("model_weights"), model, version)
        if optimizer is not None and getattr(optimizer, "built", False):
            optimizer_state.write(group.create_group("optimizer_weights"), model, optimizer, layout)
        elif optimizer is not None and config.dialect() == "tf" and optimizer._layout is None:
            optimizer_state.write_beginning(group.create_group("optimizer_weights"))
        beside.write(group, model, None if optimizer is None else layout)


def _described(model: Any) -> dict[str, Any]:
    """Return the model's config for Keras 2.2 in dialects 1 and 2, for 3 in dialect 3, else for 2.15 and, mostly, 3."""
    if config.is_classic():
        return for_keras_2(_written(model))
    described = _written(model)
    warn_of_own_functions(described, 6)
    if config.dialect() == "3" or needs_keras_3(described):
        with config.dialect_scope("3"):
            return for_keras_3(_written(model))
    with config.dialect_scope("tf"):
        return _written(model)


def _written(model: Any) -> dict[str, Any]:
    from keras_torch.models.functional_config import architecture

    with registry.for_hdf5(), registry.sharing_scope():
        return registry.marked_if_shared(write_object(architecture(model)))


def write_weights(target: Any, model: Any) -> None:
    """Write the weights alone."""
    with hdf5.writing(target) as group:
        legacy_weights.write_weights(group, model, VERSION, alone=True)


def read_model(
    source: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Build the model that a file describes and fill in its weights, compile arguments and optimizer state."""
    with hdf5.reading(source) as group:
        text = group.text("model_config")
        if text is None:
            raise FileFormatError(
                f"{group.file} holds no model, only weights: there is no attribute 'model_config'. Build the model in "
                "code and call `model.load_weights(...)`."
            )
        version = group.text("keras_version") or "1"
        generation = generation_of(version)
        dialect = group.text(DIALECT) or generation
        if dialect not in config.DIALECTS:
            raise FileFormatError(f"{group.file}: the attribute {DIALECT!r} must be one of {config.DIALECTS}.")
        reader = ConfigReader(generation, version, custom_objects)
        described = reader.model(
            parse_json(text, f"The model config of {group.file}"), f"{group.file}: the model config"
        )
        weights = group.group("model_weights")
        origin = Origin(generation, version, group.text("backend") or weights.text("backend"))
        with config.dialect_scope(dialect):
            model, waiting = build_within(
                described,
                reader.custom_objects,
                lambda: build(described, reader.custom_objects, safe_mode),
                lambda model: legacy_weights.plan(weights, model, origin=origin, strict=generation != "1"),
                weights.file_size(),
            )
            beside.prepare(group, model)
            assignments = legacy_weights.plan(weights, model, origin=origin, strict=generation != "1")
            waiting.fill([item.weight for item in assignments])
            legacy_weights.assign(assignments + beside.learnt(group, model))
            if compile:
                _compile(model, group, reader, origin)
    return model


def _compile(model: Any, group: hdf5.Group, reader: ConfigReader, origin: Origin) -> None:
    """Compile the model as the file says; what is not understood leaves it uncompiled, with a warning."""
    text = group.text("training_config")
    if text is None:
        warnings.warn(
            f"{group.file} has no training configuration: the model comes uncompiled. Call `compile` to train it.",
            stacklevel=5,
        )
        return
    if not compile_as_stored(model, text, reader, group.file):
        return
    if "optimizer_weights" in group:
        try:
            optimizer_state.restore(model, group, origin)
            beside.restore_numbers(group, model)
        except (ValueError, OSError) as error:
            warnings.warn(
                f"{group.file}: the optimizer's state was not restored; training goes on with a fresh one. ({error})",
                stacklevel=5,
            )


def read_weights(
    source: Any, model: Any, by_name: bool = False, skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Load the weights of a file, of weights alone or of a whole model, into a model."""
    with hdf5.reading(source) as group:
        found = legacy_weights.plan(weights_of(group), model, by_name, skip_mismatch, reshape=reshape)
        legacy_weights.assign(found + beside.learnt(group, model))


def weights_of(root: hdf5.Group) -> hdf5.Group:
    """Return the group that lists the layers: the root of a file of weights, `model_weights` of a whole model."""
    listed = root.attribute("layer_names") is not None or root.attribute("layer_names0") is not None
    return root if listed or "model_weights" not in root else root.group("model_weights")
