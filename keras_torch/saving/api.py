"""Saving and loading models: files are recognized by their content on reading, any name is accepted for writing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from keras_torch import config
from keras_torch.checkpoint import Status, is_checkpoint_name, set_latest
from keras_torch.distributed import is_main, main_writes, parts
from keras_torch.engine.deferred import when_made
from keras_torch.saving import files, hdf5, keras_zip, legacy_h5, sharded_weights, weights_store
from keras_torch.saving.tensorflow import object_writer, saved_model
from keras_torch.saving.tensorflow.bundle import INDEX, Bundle, is_bundle
from keras_torch.saving.tensorflow.objects import Graph, Match

_HDF5_FORMATS = ("h5", "hdf5", "keras_h5")
_TENSORFLOW_FORMATS = ("tf", "tensorflow")
_HDF5_ENDINGS = (".h5", ".hdf5")
# What only TensorFlow's SavedModel knows; without meaning here while unset.
_OTHER_FORMATS = ("options", "signatures", "save_traces")
_DEFAULT_SHARD = 5.0


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    include_optimizer: bool = True,
    save_format: str | None = None,
    zipped: bool | None = None,
    **kwargs: Any,
) -> None:
    """Write architecture, weights, compile arguments and optimizer state to one file that Keras 2.15 and 3 read.

    A name that ends in `.keras` gets Keras 3's archive, any other HDF5; `save_format` "keras" or "h5" decides over the
    name, and `zipped=False` makes a folder of the archive. `filepath` may also be a binary file object or an open h5py
    file. A former file is replaced in one step at the end; with `overwrite=False` the user is asked.
    `include_optimizer=False` leaves out compile arguments and state.
    """
    _refuse_options("save_model", kwargs)
    if isinstance(include_optimizer, str) or include_optimizer is None:
        # Keras 2.13 to 2.15 have `save_format` in this place.
        include_optimizer, save_format = True, include_optimizer
    if zipped is False and files.is_path(filepath) and os.fsdecode(filepath).endswith(".keras"):
        raise ValueError(
            "`zipped=False` makes a folder, whose name should not end in `.keras`, the ending of an archive. "
            f"Received: filepath={filepath!r}"
        )
    has_graph = getattr(model, "_network", None) is not None
    kind = "folder" if zipped is False else _model_format(filepath, save_format, has_graph)
    if kind == "h5" and not has_graph:
        raise ValueError(
            f"The model {model.name!r} cannot be saved as a whole in HDF5: it has no graph of layers, because it is "
            "subclassed or its input shape is not known. Call `build(input_shape)` first, use a name that ends in "
            "`.keras`, or use `save_weights`."
        )
    with _wholes(model, filepath), main_writes(filepath) as here:
        target = _target(filepath, overwrite) if here else None
        if target is None:
            return
        if kind == "h5":
            legacy_h5.write_model(target, model, include_optimizer)
        else:
            keras_zip.write_model(target, model, include_optimizer, zipped=kind == "zip")


def _model_format(filepath: Any, save_format: str | None, has_graph: bool) -> str:
    """Return "h5" or "zip"."""
    given = None if save_format is None else str(save_format).lower()
    if given in _TENSORFLOW_FORMATS:
        warnings.warn(
            "TensorFlow's own formats for whole models cannot be written without TensorFlow: "
            f"save_format={save_format!r} gives a file that `load_model` reads all the same. Use `model.export` for "
            "deployment, `save_weights` for a checkpoint of TensorFlow.",
            stacklevel=4,
        )
        return "h5" if has_graph else "zip"
    if given is not None and given not in (*_HDF5_FORMATS, "keras"):
        raise ValueError(f"`save_format` must be 'keras' or 'h5'. Received: save_format={save_format!r}")
    if given is not None:
        return "zip" if given == "keras" else "h5"
    name = os.fsdecode(filepath) if files.is_path(filepath) else ""
    if name.endswith(".keras"):
        return "zip"
    # A name without one of these endings stood for a SavedModel, which needed no graph.
    return "h5" if has_graph or name.endswith(_HDF5_ENDINGS) or not name else "zip"


def save_weights(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    save_format: str | None = None,
    max_shard_size: float | None = None,
    objects_to_skip: Iterable[Any] = (),
    **kwargs: Any,
) -> None:
    """Write the weights alone. `filepath` as in `save_model`.

    A name that ends in `.weights.h5` gets the layout of Keras 2.12 and later, with the optimizer's state, but in the
    dialects of earlier ones; any other gets Keras 2's. In dialect tf a name with none of Keras's endings, as does
    `save_format="tf"` everywhere, gets a checkpoint of TensorFlow, `<name>.index` and `<name>.data-*`, with the
    optimizer's state. With `max_shard_size` (in GB), or a name that ends in `.weights.json`, several files are written.
    `objects_to_skip` are left out, in the later layout only.
    """
    _refuse_options("save_weights", kwargs)
    if not getattr(model, "built", True) and not model.weights:
        raise ValueError(
            f"The model {model.name!r} has no weights yet, because its input shape is not known. Call it on data or "
            "call `build(input_shape)` before saving."
        )
    given = None if save_format is None else str(save_format).lower()
    if given not in (None, *_TENSORFLOW_FORMATS, *_HDF5_FORMATS):
        raise ValueError(f"`save_format` must be 'tf' or 'h5'. Received: save_format={save_format!r}")
    name = os.fsdecode(filepath) if files.is_path(filepath) else ""
    skip, in_shards = list(objects_to_skip or ()), max_shard_size is not None or name.endswith(".weights.json")
    is_checkpoint = given in _TENSORFLOW_FORMATS or (
        given is None and not in_shards and is_checkpoint_name(name, config.dialect())
    )
    is_store = not is_checkpoint and name.endswith(".weights.h5") and not config.is_classic()
    if skip and not (in_shards or is_store):
        raise ValueError(
            "`objects_to_skip` needs a file name that ends in `.weights.h5`. "
            f"Received: filepath={filepath!r}, objects_to_skip={skip!r}"
        )
    if in_shards and not name:
        raise ValueError(f"`max_shard_size` needs a file name. Received: filepath={filepath!r}")
    if is_checkpoint and (in_shards or not name or name.endswith(_HDF5_ENDINGS)):
        raise ValueError(
            "A checkpoint of TensorFlow needs a path, with no ending of HDF5, and is not written in shards. "
            f"Received: filepath={filepath!r}, save_format={save_format!r}, max_shard_size={max_shard_size!r}"
        )
    with _wholes(model, filepath), main_writes(filepath) as here:
        target = _target(name + INDEX if is_checkpoint else filepath, overwrite) if here else None
        if target is None:
            return
        if is_checkpoint:
            object_writer.write(name, model)
            set_latest(os.path.dirname(name), name)
        else:
            _write_weights(model, target, name, max_shard_size, skip, in_shards, is_store)


def _wholes(model: Any, filepath: Any) -> Any:
    """Gather, in all processes, what the one that writes will read of weights and state that are in parts."""
    tensors = [(parts.part(item), item) for item in model.parameters() if parts.is_split(item)]
    optimizer = getattr(model, "optimizer", None)
    held = optimizer.split_state() if optimizer is not None and tensors else []
    return parts.gathered([*tensors, *held], keep=is_main() or not files.is_path(filepath))


def _write_weights(
    model: Any, target: Any, name: str, max_shard_size: float | None, skip: list[Any], in_shards: bool, is_store: bool
) -> None:
    if in_shards:
        with sharded_weights.writing(name, _DEFAULT_SHARD if max_shard_size is None else max_shard_size) as writer:
            weights_store.write(writer, model, skip=skip)
    elif is_store:
        with hdf5.writing(target) as group:
            weights_store.write_file(group, model, skip=skip)
    else:
        legacy_h5.write_weights(target, model)


def _refuse_options(function: str, options: Mapping[str, Any]) -> None:
    """Raise TypeError for arguments that are unknown, or that only TensorFlow's formats could heed."""
    for key, value in options.items():
        if key not in _OTHER_FORMATS or (value is not None and key != "save_traces"):
            raise TypeError(f"`{function}` has no argument `{key}` here. Received: {value!r}")


def _target(filepath: Any, overwrite: bool) -> Any:
    """Return what to write to: a path as str, or the given object; None if the user declines to overwrite."""
    if not files.is_path(filepath):
        if not hasattr(filepath, "write") and not hasattr(filepath, "create_group"):
            raise TypeError(
                "`filepath` must be a path, a binary file object or an open h5py file. "
                f"Received: {filepath!r} of type {type(filepath).__name__}"
            )
        return filepath
    path = os.fsdecode(filepath)
    return path if files.may_write(path, overwrite) else None


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    **kwargs: Any,
) -> Any:
    """Read a model from a `.keras` or HDF5 file that Keras 1 to 3, tf.keras or this library wrote; the name is free.

    Also from the folder of a SavedModel of tf.keras, of which the program is not run.

    `custom_objects` maps names in the file to classes and functions of yours. If the file holds compile arguments,
    the model comes compiled, optimizer state included, unless `compile=False`; if they are not understood, it comes
    uncompiled with a warning. Python bytecode in a file (of lambdas) is refused unless `safe_mode=False` here.
    """
    _refuse_options("load_model", kwargs)
    kind = _kind(filepath)
    if kind == "archive":
        return keras_zip.read_model(filepath, custom_objects, compile, safe_mode)
    if kind == "saved model":
        return saved_model.read_model(os.fsdecode(filepath), custom_objects, compile, safe_mode)
    if kind == "bundle":
        raise files.DamagedFileError(
            f"{files.display_name(filepath)} is a checkpoint of TensorFlow, which holds weights alone: build the model "
            "in code and call `model.load_weights(...)`."
        )
    if kind == "json":
        raise files.DamagedFileError(
            f"{files.display_name(filepath)} is JSON text: an architecture, for `model_from_json`, or the list of the "
            "files of a model's weights, for `model.load_weights`."
        )
    return legacy_h5.read_model(filepath, custom_objects, compile, safe_mode)


def load_weights(
    model: Any,
    filepath: Any,
    by_name: bool | None = False,
    skip_mismatch: bool = False,
    reshape: bool = False,
    objects_to_skip: Iterable[Any] = (),
    **kwargs: Any,
) -> Status | None:
    """Read weights into a model: from a file of weights or of a whole model, of any generation of Keras.

    Every shape is checked before any weight changes: ValueError, naming file, layer, weight and shapes, leaves the
    model as it was. With `skip_mismatch` layers that do not fit are left alone, with a warning. In the layout of Keras
    1 and 2, layers match in order or `by_name`, and `reshape` gives an array of the right number of values the shape of
    its weight. In that of later versions they match by their place in the model, and `objects_to_skip` are left alone.
    In dialect tf a name that is none of Keras's files may be loaded before the model has weights, and gives a status.
    """
    _refuse_options("load_weights", kwargs)
    skip, kind = list(objects_to_skip or ()), "bundle" if _has_bundle(filepath) else _kind(filepath)
    options = (kind, by_name, skip_mismatch, reshape, skip)
    if files.is_path(filepath) and is_checkpoint_name(os.fsdecode(filepath), config.dialect()):
        when_made(model, lambda: _read_weights(model, filepath, *options))
        return Status()
    _read_weights(model, filepath, *options)
    return None


def _read_weights(
    model: Any, filepath: Any, kind: str, by_name: bool | None, skip_mismatch: bool, reshape: bool, skip: list[Any]
) -> None:
    if kind == "archive":
        _refuse_classic_options(filepath, by_name, reshape)
        keras_zip.read_weights(filepath, model, skip_mismatch, skip)
        return
    if kind in ("saved model", "bundle"):
        _refuse_classic_options(filepath, by_name, reshape)
        _read_bundle(model, os.fsdecode(filepath), kind, skip_mismatch, skip)
        return
    if kind == "json":
        _refuse_classic_options(filepath, by_name, reshape)
        weights_store.check_built(model, files.display_name(filepath))
        with sharded_weights.reading(filepath) as stored:
            weights_store.plan(stored, model, skip_mismatch, skip).run()
        return
    with hdf5.reading(filepath) as group:
        if weights_store.is_store(group):
            _refuse_classic_options(filepath, by_name, reshape)
            weights_store.check_built(model, files.display_name(filepath))
            weights_store.plan(weights_store.Stored(group), model, skip_mismatch, skip).run()
            return
        if skip:
            raise ValueError(
                "`objects_to_skip` is for files in the layout of `.weights.h5`. "
                f"Received: {files.display_name(filepath)}"
            )
        legacy_h5.read_weights(group, model, bool(by_name), skip_mismatch, reshape)


def _read_bundle(model: Any, path: str, kind: str, skip_mismatch: bool, skip: list[Any]) -> None:
    if skip:
        raise ValueError(
            f"`objects_to_skip` is for files in the layout of `.weights.h5`. Received: {path}, of TensorFlow"
        )
    weights_store.check_built(model, path)
    graph = Graph(saved_model.variables_of(path) if kind == "saved model" else Bundle(path))
    if getattr(model, "optimizer", None) is not None:
        # TensorFlow restores an optimizer as soon as it has variables.
        model.optimizer.build(model.trainable_weights)
    match = Match.of(graph, model)
    match.run(match.plan(skip_mismatch))


def _refuse_classic_options(filepath: Any, by_name: bool | None, reshape: bool) -> None:
    if by_name or reshape:
        raise ValueError(
            "`by_name` and `reshape` are for HDF5 files in the layout of Keras 1 and 2: "
            f"{files.display_name(filepath)} has no layer names. "
            "Save the weights under a name that ends in `.h5` but not in `.weights.h5`. "
            f"Received: by_name={by_name}, reshape={reshape}"
        )


def _kind(filepath: Any) -> str:
    """Return "hdf5", "archive" (zipped or a folder), "json", or of TensorFlow "saved model" or "bundle" (a checkpoint).

    An OSError says what anything else is.
    """
    if not files.is_path(filepath) and not hasattr(filepath, "seek"):
        if hasattr(filepath, "create_group") or isinstance(filepath, hdf5.Group):
            return "hdf5"
        raise TypeError(
            "`filepath` must be a path, a binary file object or an open h5py file. "
            f"Received: {filepath!r} of type {type(filepath).__name__}"
        )
    _refuse_addresses(filepath)
    if not (files.is_path(filepath) and os.path.exists(filepath)) and _has_bundle(filepath):
        return "bundle"
    name, kind = files.display_name(filepath), files.kind(filepath)
    if kind == "zip" or (kind == "directory" and os.path.lexists(os.path.join(name, keras_zip.CONFIG))):
        return "archive"
    if kind in ("hdf5", "json"):
        return kind
    if kind == "directory" and saved_model.is_saved_model(name):
        return "saved model"
    if kind == "directory":
        raise files.DamagedFileError(
            f"{name} is a folder, with neither the {keras_zip.CONFIG!r} of a model nor the {saved_model.PROGRAM!r} of "
            "a SavedModel in it."
        )
    raise files.DamagedFileError(f"{name} is not an HDF5 file, nor a `.keras` archive, or its beginning is damaged.")


def _has_bundle(filepath: Any) -> bool:
    """Whether a checkpoint of TensorFlow is called so; a file or folder of just this name may hold a model."""
    return files.is_path(filepath) and is_bundle(os.fsdecode(filepath))


def _refuse_addresses(filepath: Any) -> None:
    if not files.is_path(filepath):
        return
    path = os.fsdecode(filepath)
    if "://" in path:
        raise ValueError(
            f"Files are read from the disk of this machine; download {path!r} first, a model of the Hugging Face Hub "
            "with `huggingface_hub.snapshot_download(repo_id, local_dir=...)`, and give the path."
        )


__all__ = ["load_model", "load_weights", "save_model", "save_weights"]
