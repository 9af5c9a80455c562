"""Saving and loading models: files are recognized by their content on reading, any name is accepted for writing."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from keras_torch.saving import files, legacy_h5

_HDF5_FORMATS = (None, "h5", "hdf5", "keras_h5")
# What only TensorFlow's SavedModel and `.keras` files know; without meaning for HDF5 while unset.
_OTHER_FORMATS = ("options", "signatures", "save_traces", "zipped")


def save_model(
    model: Any,
    filepath: Any,
    overwrite: bool = True,
    include_optimizer: bool = True,
    save_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Write architecture, weights, compile arguments and optimizer state to an HDF5 file in Keras 2's layout.

    `filepath` is a path (any name, but not `.keras`), a binary file object, or an open h5py file. An existing file is
    replaced in one step at the end; with `overwrite=False` the user is asked. `include_optimizer=False` leaves out
    both compile arguments and state. Keras 2.15 and 3 read the file.
    """
    _refuse_options("save_model", kwargs)
    if isinstance(include_optimizer, str) or include_optimizer is None:
        # Keras 2.13 to 2.15 have `save_format` in this place.
        include_optimizer, save_format = True, include_optimizer
    if getattr(model, "_network", None) is None:
        raise ValueError(
            f"The model {model.name!r} cannot be saved as a whole: it has no graph of layers, because it is subclassed "
            "or its input shape is not known. Call `build(input_shape)` first, or use `save_weights`."
        )
    target = _target(filepath, save_format, overwrite)
    if target is not None:
        legacy_h5.write_model(target, model, include_optimizer)


def save_weights(
    model: Any, filepath: Any, overwrite: bool = True, save_format: str | None = None, **kwargs: Any
) -> None:
    """Write the weights alone to an HDF5 file in Keras 2's layout. `filepath` as in `save_model`."""
    _refuse_options("save_weights", kwargs)
    if not getattr(model, "built", True) and not model.weights:
        raise ValueError(
            f"The model {model.name!r} has no weights yet, because its input shape is not known. Call it on data or "
            "call `build(input_shape)` before saving."
        )
    target = _target(filepath, save_format, overwrite)
    if target is not None:
        legacy_h5.write_weights(target, model)


def _refuse_options(function: str, options: Mapping[str, Any]) -> None:
    """Raise TypeError for arguments that are unknown, or that only other file formats could heed."""
    for key, value in options.items():
        if key not in _OTHER_FORMATS or (value is not None and key != "save_traces"):
            raise TypeError(
                f"`{function}` writes and reads HDF5 files and has no argument `{key}`. Received: {value!r}"
            )


def _target(filepath: Any, save_format: str | None, overwrite: bool) -> Any:
    """Return what to write to: a path as str, or the given object; None if the user declines to overwrite."""
    if save_format not in _HDF5_FORMATS:
        raise ValueError(
            f"`save_format` must be 'h5': models are written as HDF5 files. Received: save_format={save_format!r}"
        )
    if not files.is_path(filepath):
        if not hasattr(filepath, "write") and not hasattr(filepath, "create_group"):
            raise TypeError(
                "`filepath` must be a path, a binary file object or an open h5py file. "
                f"Received: {filepath!r} of type {type(filepath).__name__}"
            )
        return filepath
    path = os.fsdecode(filepath)
    if path.endswith(".keras"):
        raise ValueError(
            "Files in the `.keras` format cannot be written yet. Use a name such as "
            f"{path.removesuffix('.keras') + '.h5'!r} for an HDF5 file. Received: filepath={path!r}"
        )
    return path if files.may_write(path, overwrite) else None


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    **kwargs: Any,
) -> Any:
    """Read a model from an HDF5 file that Keras 1 to 3, tf.keras or this library wrote.

    `custom_objects` maps names in the file to classes and functions of yours. If the file holds compile arguments,
    the model comes compiled, optimizer state included, unless `compile=False`; if they are not understood, it comes
    uncompiled with a warning. Python bytecode in a file (of lambdas) is refused unless `safe_mode=False` here.
    """
    _refuse_options("load_model", kwargs)
    _require_hdf5(filepath)
    return legacy_h5.read_model(filepath, custom_objects, compile, safe_mode)


def load_weights(
    model: Any,
    filepath: Any,
    by_name: bool = False,
    skip_mismatch: bool = False,
    reshape: bool = False,
    **kwargs: Any,
) -> None:
    """Read weights into a model, layer by layer in order, or `by_name`.

    Every shape is checked before any weight changes: ValueError, naming file, layer, weight and shapes, leaves the
    model as it was. With `skip_mismatch` layers that do not fit are left alone, with a warning. `reshape` gives an
    array of the right number of values the shape of its weight, as Keras 2 offered it.
    """
    _refuse_options("load_weights", kwargs)
    _require_hdf5(filepath)
    legacy_h5.read_weights(filepath, model, by_name, skip_mismatch, reshape)


def _require_hdf5(filepath: Any) -> None:
    if not files.is_path(filepath) and not hasattr(filepath, "seek"):
        if hasattr(filepath, "create_group"):
            return
        raise TypeError(
            "`filepath` must be a path, a binary file object or an open h5py file. "
            f"Received: {filepath!r} of type {type(filepath).__name__}"
        )
    name, kind = files.display_name(filepath), files.kind(filepath)
    if kind == "hdf5":
        return
    reasons = {
        "zip": "is a zip archive (a `.keras` file?), which cannot be read yet; save it as `.h5` with Keras",
        "directory": "is a folder (a TensorFlow SavedModel?); save the model as `.h5` with Keras",
    }
    raise files.DamagedFileError(f"{name} {reasons.get(kind, 'is not an HDF5 file, or its beginning is damaged')}.")


__all__ = [
    "load_model",
    "load_weights",
    "save_model",
    "save_weights",
]
