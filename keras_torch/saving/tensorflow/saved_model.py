"""Models that tf.keras saved as a SavedModel, a folder: built from what Keras noted beside the program of TensorFlow.

The program itself (`saved_model.pb`) is not run. Keras 2.5 to 2.15 put the configs into `keras_metadata.pb`, tf.keras
of TensorFlow 2.0 to 2.4 into the objects of `saved_model.pb`; the weights are a checkpoint, `variables/variables`.
The state of the optimizer is restored, where tf.keras starts a new one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from keras_torch import config, layers, registry
from keras_torch.errors import ConfigError, FileFormatError
from keras_torch.saving.building import build, build_within
from keras_torch.saving.file_config import find_class
from keras_torch.saving.files import DamagedFileError
from keras_torch.saving.legacy_config import MAX_TEXT, ConfigReader, parse_json
from keras_torch.saving.legacy_weights import generation_of
from keras_torch.saving.tensorflow import protobuf
from keras_torch.saving.tensorflow.bundle import INDEX, Bundle
from keras_torch.saving.tensorflow.objects import Graph, Match
from keras_torch.saving.tensorflow.program import PROGRAM, Program, content_of, messages, text
from keras_torch.saving.training_config import compile_as_stored

METADATA = "keras_metadata.pb"
_VARIABLES = os.path.join("variables", "variables")
_MODELS = ("_tf_keras_sequential", "_tf_keras_network", "_tf_keras_model")
# How Keras marks objects without a config in what it notes, and what these become in a config of today.
_WITHOUT_CONFIG = "layer was saved without config"


def is_saved_model(folder: str) -> bool:
    """Whether a folder is a SavedModel, of whatever library."""
    return any(os.path.isfile(os.path.join(folder, name)) for name in (PROGRAM, METADATA))


def variables_of(folder: str) -> Bundle:
    """Return the checkpoint in a SavedModel."""
    prefix = os.path.join(folder, _VARIABLES)
    if not os.path.isfile(prefix + INDEX):
        raise DamagedFileError(f"{folder} is a SavedModel without variables: {prefix + INDEX!r} is missing.")
    return Bundle(prefix, folder)


def read_model(
    folder: str, custom_objects: Mapping[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """Build the model, and fill in weights, vocabularies, compile arguments and the optimizer's state.

    ConfigError names the class of a subclassed model that `custom_objects` must hold.
    """
    noted = describe(folder)
    version = str(noted.get("keras_version") or "2.4.0")
    generation = generation_of(version)
    reader = ConfigReader(generation, version, custom_objects)
    described = reader.model(model_config(noted), f"{folder}: the model config")
    graph = Graph(variables_of(folder))
    with config.dialect_scope("tf"):
        try:
            model, waiting = build_within(
                described,
                reader.custom_objects,
                lambda: _build(described, noted, reader, safe_mode),
                lambda model: Match.of(graph, model).plan(),
                graph.bundle.file_size(),
            )
        except ConfigError as error:
            names = sorted(set(_without_config(described)))
            if not names:
                raise
            raise ConfigError(
                f"{error} {folder} was saved without the config of {names}, because there was no `get_config`: pass "
                "classes whose constructors need no arguments in `custom_objects`, or build the model in code and call "
                f"`model.load_weights({folder!r})`."
            ) from error
        match = Match.of(graph, model)
        assignments = match.plan()
        waiting.fill([item.weight for item in assignments])
        _fill_tables(match, folder)
        match.run(assignments)
        if (
            compile
            and noted.get("training_config")
            and compile_as_stored(model, noted["training_config"], reader, folder)
        ):
            model.optimizer.build(model.trainable_weights)
            Match.of(graph, model).restore_optimizers()
    return model


def _fill_tables(match: Match, folder: str) -> None:
    """Give layers their vocabularies."""
    tables = [(layer, number, match.graph.child(number, "lookup_table")) for layer, number in match.learners]
    if not any(table is not None for _, _, table in tables):
        return
    try:
        program = Program(folder)
        for layer, number, table in tables:
            found = None if table is None else program.table(table)
            if found is not None:
                _fill_table(layer, *found, match.learnt(number))
    except (ValueError, UnicodeDecodeError, TypeError, AttributeError, OverflowError) as error:
        raise DamagedFileError(f"{folder}: the vocabularies of layers cannot be read: {error}") from error


def _fill_table(layer: Any, keys: Any, values: Any, weights: Any) -> None:
    """Set the tokens in the order of their indices. The table of a layer that inverts has them as its values."""
    tokens, indices = (values, keys) if layer.invert else (keys, values)
    if tokens.shape != indices.shape or tokens.ndim != 1:
        raise ValueError(f"a table has keys of shape {keys.shape} and values of shape {values.shape}")
    ordered = [tokens[place] for place in sorted(range(len(tokens)), key=lambda place: int(indices[place]))]
    found = [token.decode() if isinstance(token, bytes) else int(token) for token in ordered]
    layer.set_vocabulary([*layer._special_tokens, *found], weights if layer.output_mode == "tf_idf" else None)


def describe(folder: str) -> dict[str, Any]:
    """Return what Keras noted of the model: class, config, Keras's version, compile arguments, input shapes."""
    try:
        if os.path.lexists(os.path.join(folder, METADATA)):
            found = _root(_of_metadata(content_of(folder, METADATA)))
        else:
            found = _root(_of_program(content_of(folder, PROGRAM)))
    except FileFormatError:
        raise
    except (ValueError, AttributeError) as error:
        raise DamagedFileError(f"{folder}: the description of the model cannot be read: {error}") from error
    if found is None:
        raise FileFormatError(
            f"{folder} is a SavedModel without a model of tf.keras in it: a program, as `model.export` or "
            "`tf.saved_model.save` write, which needs TensorFlow to run. Save the model itself, as `.keras` or `.h5`; "
            "its arrays can be read with `tf.train.load_checkpoint`."
        )
    noted = _plain(parse_json(found, f"The description of the model in {folder}"))
    if not isinstance(noted, dict):
        raise DamagedFileError(f"{folder}: the description of the model must be an object. Received: {found[:100]!r}")
    return noted


def model_config(noted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the class and config of the model."""
    found = noted.get("model_config")
    if not isinstance(found, Mapping) or not found.get("config"):
        # Of a model with a layer without config, or that has none itself, this has only the class.
        found = {"class_name": noted.get("class_name"), "config": noted.get("config")}
    return {**found, "config": found.get("config") or {}}


def _without_config(described: Any) -> Iterator[str]:
    """Yield the classes of the user that have nothing in their config."""
    if isinstance(described, list):
        described = dict(enumerate(described))
    if not isinstance(described, dict):
        return
    name = described.get("class_name")
    if isinstance(name, str) and not described.get("config") and find_class(name) is None:
        yield name
    for item in described.values():
        yield from _without_config(item)


def _of_metadata(content: bytes) -> Iterator[tuple[int, str, str]]:
    """Yield number, kind and description of the objects of a `SavedMetadata` (keras/protobuf/saved_metadata.proto)."""
    for message in messages(content, 1):
        number = next((inner for place, kind, inner in protobuf.fields(message) if (place, kind) == (2, 0)), 0)
        yield number, text(message, 4), text(message, 5)


def _of_program(content: bytes) -> Iterator[tuple[int, str, str]]:
    """Yield the same of a `SavedModel` (tensorflow/core/protobuf/saved_model.proto and saved_object_graph.proto)."""
    for program in messages(content, 2):
        for objects in messages(program, 7):
            for number, message in enumerate(messages(objects, 1)):
                for user in messages(message, 4):
                    yield number, text(user, 1), text(user, 3)


def _root(objects: Iterator[tuple[int, str, str]]) -> str | None:
    for number, kind, described in objects:
        if number == 0:
            if len(described) > MAX_TEXT:
                raise ValueError("it is larger than any that is known")
            return described if kind in _MODELS else None
    return None


def _plain(value: Any) -> Any:
    """Return JSON with the tuples, shapes and specs in it as lists: a spec is its shape and type."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value == {_WITHOUT_CONFIG: True}:
        return {}
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return _plain(value["items"])
    if value.get("class_name") == "TypeSpec" and isinstance(value.get("serialized"), list):
        shape, dtype = (_plain(value["serialized"]) + [None, None])[:2]
        return {"shape": shape, "dtype": dtype}
    # Initializers and the like are numbered as well; only layers are shared.
    drop = "shared_object_id" in value and not (isinstance(value.get("config"), dict) and "name" in value["config"])
    return {key: _plain(item) for key, item in value.items() if not (drop and key == "shared_object_id")}


def _build(described: Mapping[str, Any], noted: Mapping[str, Any], reader: ConfigReader, safe_mode: bool) -> Any:
    """Make the model; one without a graph makes its weights in a call on inputs like those it was saved with."""
    model = build(described, reader.custom_objects, safe_mode)
    if getattr(model, "built", True) and model.weights:
        return model
    specs = noted.get("save_spec")
    if specs is not None:
        model(_inputs(specs))
    elif noted.get("build_input_shape") is not None:
        registry.build_from_config(model, {"input_shape": noted["build_input_shape"]})
    return model


def _inputs(specs: Any) -> Any:
    if isinstance(specs, list):
        return [_inputs(item) for item in specs]
    if isinstance(specs, dict) and set(specs) == {"shape", "dtype"}:
        return layers.Input(batch_shape=specs["shape"], dtype=specs["dtype"])
    if isinstance(specs, dict):
        return {key: _inputs(item) for key, item in specs.items()}
    raise FileFormatError(f"The inputs that the model was saved with are not understood: {json.dumps(specs)[:200]}")
