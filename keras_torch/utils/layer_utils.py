"""Keras 2's path of layer helpers, among them those that carry weights over from Theano."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_torch import registry
from keras_torch.symbolic import get_source_inputs
from keras_torch.utils.conv_utils import convert_kernel
from keras_torch.utils.summary import count_params, print_summary

__all__ = [
    "convert_all_kernels_in_model",
    "convert_dense_weights_data_format",
    "count_params",
    "count_total_params",
    "get_source_inputs",
    "layer_from_config",
    "print_summary",
]

_FLIPPED = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")


def convert_all_kernels_in_model(model: Any) -> None:
    """Flip the kernels of a model's convolutions in place: weights of Theano to TensorFlow's, and back."""
    for layer in model.layers:
        if type(layer).__name__ in _FLIPPED:
            layer.kernel.assign(convert_kernel(layer.kernel.numpy()))


def convert_dense_weights_data_format(
    dense: Any, previous_feature_map_shape: tuple[int, int, int], target_data_format: str = "channels_first"
) -> None:
    """Reorder in place the rows of a Dense layer behind a Flatten whose input changes its data format.

    Args:
        dense: The Dense layer.
        previous_feature_map_shape: Shape of the Flatten's input in `target_data_format`, without the batch size.
        target_data_format: `"channels_first"` or `"channels_last"`: the format that the model will have.
    """
    if target_data_format not in ("channels_first", "channels_last"):
        raise ValueError(
            f'`target_data_format` must be "channels_first" or "channels_last". Received: {target_data_format!r}'
        )
    kernel, *rest = dense.get_weights()
    if target_data_format == "channels_first":
        channels, *space = previous_feature_map_shape
        rows = np.moveaxis(kernel.reshape(*space, channels, -1), 2, 0)
    else:
        *space, channels = previous_feature_map_shape
        rows = np.moveaxis(kernel.reshape(channels, *space, -1), 0, 2)
    dense.set_weights([rows.reshape(kernel.shape), *rest])


def count_total_params(layers: Any, layer_set: set[Any] | None = None) -> tuple[int, int]:
    """Return how many trained and untrained numbers are in the weights of layers (Keras 1).

    Layers in `layer_set` are passed over, and those that were counted are added to it.
    """
    counted = set() if layer_set is None else layer_set
    new = [layer for layer in dict.fromkeys(layers) if layer not in counted]
    counted.update(new)
    trained = {id(weight): weight for layer in new for weight in layer.trainable_weights}
    others = {id(weight): weight for layer in new for weight in layer.non_trainable_weights}
    return count_params(list(trained.values())), count_params(list(others.values()))


def layer_from_config(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Make a layer or model from `{"class_name": ..., "config": ...}` (Keras 1's name of `layers.deserialize`)."""
    return registry.layers.from_dict(config, custom_objects)
