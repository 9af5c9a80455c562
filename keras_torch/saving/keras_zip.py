"""`.keras` files of Keras 2.12 to 3: config.json, metadata.json, model.weights.h5 and assets/, zipped or not."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from keras_torch import config, registry
from keras_torch.errors import FileFormatError
from keras_torch.models.functional_config import to_plain
from keras_torch.saving import archive, archive_writer, beside, hdf5, weights_store, zip_config
from keras_torch.saving.building import DIALECT, VERSION, build, build_within, dialect_of
from keras_torch.saving.legacy_config import ConfigReader, parse_json
from keras_torch.saving.legacy_weights import generation_of
from keras_torch.saving.state_tree import GENERATIONS, walk
from keras_torch.saving.training_config import read_compile_config
from keras_torch.training.trainer import Trainer

CONFIG, METADATA, WEIGHTS, ASSETS = "config.json", "metadata.json", "model.weights.h5", "assets"
_MAX_METADATA = 2**20


def write_model(target: Any, model: Any, include_optimizer: bool = True, zipped: bool = True) -> None:
    """Write architecture, weights, vocabularies, and, if the model is compiled, compile arguments and optimizer state.

    With `zipped=False`, `target` is a folder.
    """
    if not getattr(model, "built", True):
        warnings.warn(
            f"The model {model.name!r} is saved before it is built: the file will hold no weights. Call it on data "
            "first.",
            stacklevel=4,
        )
    dialect = dialect_of(model, model.optimizer if include_optimizer else None)
    text = json.dumps(zip_config.describe(model, include_optimizer), default=to_plain)
    now = datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S")
    metadata = {"keras_version": VERSION, "date_saved": now, DIALECT: dialect}
    with tempfile.TemporaryDirectory() as folder:
        _write_assets(folder, model)
        with archive_writer.writing(target, zipped) as writer:
            writer.write(METADATA, json.dumps(metadata))
            writer.write(CONFIG, text)
            with writer.open(WEIGHTS) as file, hdf5.filling(file) as group:
                weights_store.write_file(group, model, include_optimizer, beside_config=True)
            for path in sorted(item for item in Path(folder).rglob("*") if item.is_file()):
                writer.write(f"{ASSETS}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def _write_assets(folder: str, model: Any) -> None:
    for path, item in walk(model, GENERATIONS[weights_store.generation()]):
        if hasattr(item, "save_assets"):
            place = Path(folder, *path.split("/"))
            place.mkdir(parents=True, exist_ok=True)
            item.save_assets(str(place))


def read_model(
    source: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
) -> Any:
    """Build the model of a `.keras` file, and fill in weights, vocabularies, compile arguments and optimizer state."""
    with archive.reading(source) as opened:
        dialect, reader = _reader(opened, custom_objects)
        item = parse_json(opened.text(CONFIG), f"{CONFIG} of {opened.file}")
        described = reader.model(item, f"{CONFIG} of {opened.file}")
        with _stored(opened) as stored, config.dialect_scope(dialect):
            model, waiting = build_within(
                described,
                reader.custom_objects,
                lambda: _build(described, item, reader, safe_mode),
                lambda model: weights_store.plan(stored, model),
                stored.root.file_size(),
            )
            beside.prepare(stored.root, model)
            plan = weights_store.plan(stored, model)
            plan.assignments += beside.learnt(stored.root, model)
            waiting.fill([assignment.weight for assignment in plan.assignments])
            plan.run()
            # The checksum is computed in the meantime: nobody has seen the model yet.
            opened.verify()
            if compile and item.get("compile_config"):
                # An optimizer may keep copies of the weights from the beginning, so these come first.
                _compile(model, item["compile_config"], reader, opened.file)
                weights_store.plan(stored, model).restore_optimizers()
            _read_assets(opened, model, plan.generation)
    return model


def read_weights(source: Any, model: Any, skip_mismatch: bool = False, skip: Iterable[Any] = ()) -> None:
    """Load the weights in a `.keras` file into a model."""
    with archive.reading(source) as opened, _stored(opened) as stored:
        weights_store.check_built(model, opened.file)
        plan = weights_store.plan(stored, model, skip_mismatch, skip)
        opened.verify()
        plan.run()


def _reader(opened: Any, custom_objects: Mapping[str, Any] | None) -> tuple[str, ConfigReader]:
    """Return the dialect to build the model in and a reader for configs of the version that the metadata tells."""
    metadata: Any = {}
    if METADATA in opened:
        metadata = parse_json(opened.text(METADATA, _MAX_METADATA), f"{METADATA} of {opened.file}")
    if not isinstance(metadata, Mapping):
        raise FileFormatError(f"{opened.file}: {METADATA} must hold an object. Received: {metadata!r}")
    version = str(metadata.get("keras_version") or "3")
    generation = generation_of(version)
    dialect = metadata.get(DIALECT) or generation
    if dialect not in config.DIALECTS:
        raise FileFormatError(f"{opened.file}: {DIALECT!r} in {METADATA} must be one of {config.DIALECTS}.")
    return dialect, ConfigReader(generation, version, custom_objects)


@contextlib.contextmanager
def _stored(opened: Any) -> Iterator[weights_store.Stored]:
    if WEIGHTS not in opened:
        kind = " Weights in the `.npz` format cannot be read." if "model.weights.npz" in opened else ""
        raise FileFormatError(f"{opened.file} has no {WEIGHTS!r}.{kind} It has: {opened.names()[:20]}")
    with hdf5.reading(opened.open(WEIGHTS)) as group:
        yield weights_store.Stored(group)


def _build(described: Mapping[str, Any], item: Mapping[str, Any], reader: ConfigReader, safe_mode: bool) -> Any:
    """Make the model, and, if its shapes are only known from `build_config`, its weights."""
    model = build(described, reader.custom_objects, safe_mode)
    shapes = item.get("build_config")
    if shapes and not getattr(model, "built", True):
        registry.build_from_config(model, shapes)
    return model


def _compile(model: Any, compile_config: Any, reader: ConfigReader, file: str) -> None:
    """Compile the model as the file says; what is not understood leaves it uncompiled, with a warning."""
    try:
        if type(model).compile_from_config is not Trainer.compile_from_config:
            model.compile_from_config(compile_config)
        elif type(model).compile is not Trainer.compile:
            raise FileFormatError(
                "the class has a `compile` of its own; define `get_compile_config` and `compile_from_config` as well"
            )
        else:
            with registry.custom_object_scope(reader.custom_objects):
                model.compile(**read_compile_config(compile_config, reader, model.output_names or [""]))
        if model.built and model.optimizer is not None:
            model.optimizer.build(model.trainable_weights)
    except Exception as error:
        warnings.warn(
            f"{file}: the compile arguments were not understood, and the model comes uncompiled. Call `compile` to "
            f"train it. ({type(error).__name__}: {error})",
            stacklevel=5,
        )


def _read_assets(opened: Any, model: Any, generation: str) -> None:
    """Hand each layer that reads assets the folder with its files."""
    places = {name.rpartition("/")[0] for name in opened.names() if name.startswith(f"{ASSETS}/")}
    if not places:
        return
    # Where two generations walk alike past all arrays, the assets tell which it is.
    found = [_readers_of_assets(model, name) for name in (generation, *GENERATIONS)]
    readers = max(found, key=lambda each: sum(f"{ASSETS}/{path}" in places for path, _ in each))
    with tempfile.TemporaryDirectory() as folder:
        opened.extract(ASSETS, folder)
        for path, item in readers:
            place = os.path.join(folder, *path.split("/")) if path else folder
            try:
                item.load_assets(place if os.path.isdir(place) else None)
            except (ValueError, OverflowError) as error:
                raise FileFormatError(
                    f"{opened.file}: the assets of the layer {item.name!r} cannot be read: {error}"
                ) from error


def _readers_of_assets(model: Any, generation: str) -> list[tuple[str, Any]]:
    return [(path, item) for path, item in walk(model, GENERATIONS[generation]) if hasattr(item, "load_assets")]
