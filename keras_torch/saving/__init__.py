"""Saving and loading of models, weights and architectures."""

from __future__ import annotations

from keras_torch.registry import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from keras_torch.saving.api import (
    load_model,
    load_weights,
    save_model,
    save_weights,
)
from keras_torch.saving.convert import (
    convert,
    export_model,
    load_from_torch,
    to_torch,
    weights_from_torch,
    weights_to_torch,
)
from keras_torch.saving.file_editor import KerasFileEditor
from keras_torch.saving.inspection import Inspection, inspect
from keras_torch.saving.legacy_weights import preprocess_weights_for_loading
from keras_torch.saving.parts_checkpoint import load_checkpoint, save_checkpoint
from keras_torch.saving.text_config import model_from_config, model_from_json, model_from_yaml
from keras_torch.utils.object_forms import deserialize_keras_object, serialize_keras_object

__all__ = [
    "CustomObjectScope",
    "KerasFileEditor",
    "Inspection",
    "convert",
    "custom_object_scope",
    "deserialize_keras_object",
    "export_model",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "inspect",
    "load_checkpoint",
    "load_from_torch",
    "load_model",
    "load_weights",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "preprocess_weights_for_loading",
    "register_keras_serializable",
    "save_checkpoint",
    "save_model",
    "save_weights",
    "serialize_keras_object",
    "to_torch",
    "weights_from_torch",
    "weights_to_torch",
]
