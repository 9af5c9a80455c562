"""Names that Keras 1 and 2 had in `keras.engine` and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

from keras_torch import registry
from keras_torch.models import Model, Sequential
from keras_torch.saving import hdf5, legacy_h5, legacy_weights
from keras_torch.utils import generic_utils

Container = Network = Model
_is_all_none = generic_utils.is_all_none
_object_list_uid = generic_utils.object_list_uid
_to_snake_case = registry.snake_case


def _to_list(x: Any) -> list[Any]:
    """Return a list as it is, anything else in a list."""
    return x if isinstance(x, list) else [x]


def _collect_previous_mask(input_tensors: Any) -> Any:
    """Return the mask that a tensor carries, None without one; for several tensors a list."""
    return generic_utils.unpack_singleton([getattr(item, "_keras_mask", None) for item in _to_list(input_tensors)])


def _collect_input_shape(input_tensors: Any) -> Any:
    """Return the shape of a tensor; for several tensors a list."""
    return generic_utils.unpack_singleton([tuple(item.shape) for item in _to_list(input_tensors)])


def call_context() -> SimpleNamespace:
    """Return what tf.keras knew of the call under way: here, that it has its values and belongs to no graph."""
    return SimpleNamespace(in_call=False, in_keras_graph=False, saving=False, training=None)


def collect_trainable_weights(layer: Any) -> list[Any]:
    """Return the weights that training changes, of a model each once (Keras 1)."""
    return list(layer.trainable_weights)


class _Layers:
    """Layers on their own where files know models."""

    name = "of these layers"

    def __init__(self, layers: Iterable[Any]) -> None:
        self.layers = list(layers)
        self.weights = [weight for layer in self.layers for weight in layer.weights]

    def _all_own_weights(self) -> list[Any]:
        return []


def load_weights_from_hdf5_group(f: Any, layers: Iterable[Any], reshape: bool = False) -> None:
    """Load the weights of an open h5py group into layers, in order; ValueError, before any changes, if some do not fit.

    The group is the root of a file of weights, or `model_weights` in one of a whole model.
    """
    _load(f, layers, reshape=reshape)


def load_weights_from_hdf5_group_by_name(
    f: Any, layers: Iterable[Any], skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Load the weights of an open h5py group into the layers of the same names, as above."""
    _load(f, layers, by_name=True, skip_mismatch=skip_mismatch, reshape=reshape)


def save_weights_to_hdf5_group(f: Any, layers: Iterable[Any]) -> None:
    """Write the weights of layers into an open h5py group, as `save_weights` does for a model."""
    with hdf5.writing(f) as group:
        legacy_weights.write_weights(group, _Layers(layers), legacy_h5.VERSION)


def _load(f: Any, layers: Iterable[Any], **options: Any) -> None:
    with hdf5.reading(f) as group:
        legacy_weights.read_weights(legacy_h5.weights_of(group), _Layers(layers), **options)


__all__ = [
    "Container",
    "Model",
    "Network",
    "Sequential",
    "call_context",
    "collect_trainable_weights",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "save_weights_to_hdf5_group",
]
