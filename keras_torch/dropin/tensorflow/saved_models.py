"""`tf.saved_model` for models of Keras, which are saved and built as by `keras.models`; programs are not run here."""

from __future__ import annotations

import os
from typing import Any

from keras_torch import models, saving
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.saving import files
from keras_torch.saving.tensorflow import saved_model

_TAGS = (None, "serve", ["serve"], ("serve",), {"serve"})


def save(obj: Any, export_dir: Any, signatures: Any = None, options: Any = None) -> None:
    """Save a model of Keras to a file of this name, which `load` and `load_model` read; TypeError for anything else."""
    if not isinstance(obj, models.Model):
        raise TypeError(
            f"`tf.saved_model.save` saves models of Keras here. Received: {obj!r}. Use `tf.train.Checkpoint` for the "
            "variables of a module, or `torch.export` for a program."
        )
    if signatures is not None:
        raise NotImplementedError(
            "`tf.saved_model.save` has no `signatures` here, which are programs of TensorFlow: the model itself is "
            "saved, with `serving_default`. Use `model.export` for a program (torch.export, ONNX)."
        )
    saving.save_model(obj, export_dir, save_format="tf", options=options)


def load(export_dir: Any, tags: Any = None, options: Any = None) -> Any:
    """Return the model of Keras in a SavedModel, uncompiled, with `signatures["serving_default"]`.

    That function takes tensors by names of inputs, or one alone, and returns a dict by names of outputs. ValueError for
    `tags` other than "serve", which are of programs.
    """
    if tags not in _TAGS:
        raise ValueError(
            f"`tf.saved_model.load` reads what has the tag 'serve', as Keras writes it. Received: {tags!r}"
        )
    model = saving.load_model(os.fspath(export_dir), compile=False, options=options)
    model.__dict__["signatures"] = {"serving_default": _Serving(model)}
    return model


def contains_saved_model(export_dir: Any) -> bool:
    """Whether a path is that of a SavedModel, or of a file that `save` wrote in its place."""
    path = os.fspath(export_dir)
    return saved_model.is_saved_model(path) or (os.path.isfile(path) and files.kind(path) in ("hdf5", "zip"))


class _Serving:
    """What a model answers to a request: it predicts."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        names = list(self._model.input_names)
        if len(args) + len(kwargs) != len(names) or len(args) > 1 or set(kwargs) - set(names):
            raise TypeError(
                f"The signature takes the tensors {names} by name, or one alone. "
                f"Received: {len(args)} without a name, and {sorted(kwargs)}"
            )
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        inputs = [convert_to_tensor(given[name]) for name in names]
        outputs = self._model(inputs if len(inputs) > 1 else inputs[0], training=False)
        values = list(outputs.values()) if isinstance(outputs, dict) else outputs
        values = list(values) if isinstance(values, (list, tuple)) else [values]
        return dict(zip(self._model.output_names, values, strict=True))


NAMES = {
    "saved_model.contains_saved_model": contains_saved_model,
    "saved_model.load": load,
    "saved_model.save": save,
}
VERSION_1 = {"saved_model.load_v2": load}
