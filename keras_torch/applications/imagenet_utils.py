"""Images as the networks trained on ImageNet want them, and what their predictions mean."""

from __future__ import annotations

import json
import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from keras_torch import activations, backend, config, legacy, ops
from keras_torch.applications.weight_files import fetch
from keras_torch.symbolic import KerasTensor, called_as

CLASS_INDEX: dict[str, list[str]] | None = None
CLASS_INDEX_PATH = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
_CLASS_INDEX_HASH = "c2c37ea517e94d9795004a39431a14cb"

# Mode -> divisor, then mean and deviation of each channel of ImageNet. "caffe" has the channels in the order BGR.
_MODES: dict[str, tuple[float, Any, Any]] = {
    "caffe": (1.0, (103.939, 116.779, 123.68), None),
    "tf": (127.5, 1.0, None),
    "torch": (255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}


@legacy.translated("applications.preprocess_input")
def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Return images of RGB values 0...255 as a network expects them; one image or a batch.

    `mode` "caffe" reverses the channels and subtracts their means over ImageNet, "tf" scales to -1...1, "torch" scales
    to 0...1 and then normalizes with ImageNet's means and deviations. An array of floats is changed in place, as in
    Keras; integers become `floatx`. Tensors, symbolic ones among them, give new tensors.
    """
    if mode not in _MODES:
        raise ValueError(f"`mode` must be 'caffe', 'tf' or 'torch'. Received: mode={mode!r}")
    data_format = config.standardize_data_format(data_format)
    if not isinstance(x, (KerasTensor, torch.Tensor)):
        return _preprocess_array(np.asarray(x), data_format, mode)
    if "float" not in config.dtype_name(x.dtype):
        x = ops.cast(x, config.floatx())
    axis = _channel_axis(x, data_format)
    divisor, mean, deviation = _MODES[mode]
    if mode == "caffe":
        x = called_as("__operators__.getitem", ops.flip, x, axis)
    if divisor != 1:
        x = x / divisor
    if mode == "tf":
        return x - mean
    shape = (-1, 1, 1) if data_format == "channels_first" else (-1,)
    x = called_as("nn.bias_add", operator.sub, x, _constant(mean, shape, x))
    return x if deviation is None else x / _constant(deviation, shape, x)


def _constant(values: tuple[float, ...], shape: tuple[int, ...], x: Any) -> torch.Tensor:
    constant = backend.constant(values, dtype=x.dtype).reshape(shape)
    return constant if isinstance(x, KerasTensor) else constant.to(x.device)


def preprocessing(mode: str | None) -> Callable[..., Any]:
    """Return the `preprocess_input` of a network of this mode; of None where the network does it itself."""

    @legacy.translated("applications.preprocess_input")
    def preprocess_input(x: Any, data_format: str | None = None) -> Any:
        return x if mode is None else _preprocess_input(x, data_format, mode)

    how = f"as `imagenet_utils.preprocess_input` does in mode {mode!r}" if mode else "which this network does itself"
    preprocess_input.__doc__ = f"Return images of RGB values 0...255 as this network expects them, {how}."
    return preprocess_input


_preprocess_input = preprocess_input


def _channel_axis(x: Any, data_format: str) -> int:
    if x.ndim not in (3, 4):
        raise ValueError(f"`preprocess_input` expects an image or a batch of images. Received: shape {tuple(x.shape)}")
    return x.ndim - 3 if data_format == "channels_first" else x.ndim - 1


def _preprocess_array(x: np.ndarray, data_format: str, mode: str) -> np.ndarray:
    if not issubclass(x.dtype.type, np.floating):
        x = x.astype(config.floatx())
    divisor, mean, deviation = _MODES[mode]
    if divisor != 1:
        x /= divisor
    if mode == "tf":
        x -= mean
        return x
    if mode == "caffe":
        x = np.flip(x, _channel_axis(x, data_format))
    shape = (-1, 1, 1) if data_format == "channels_first" else (-1,)
    x -= np.reshape(mean, shape).astype(x.dtype)
    if deviation is not None:
        x /= np.reshape(deviation, shape).astype(x.dtype)
    return x


@legacy.translated("applications.decode_predictions")
def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Return, for each sample, the `top` likeliest classes as (WordNet id, name, probability).

    `preds` has the shape (samples, 1000). The names come from `models/imagenet_class_index.json` in Keras's folder,
    which is downloaded once.
    """
    global CLASS_INDEX
    if isinstance(preds, torch.Tensor):
        preds = preds.detach().cpu().numpy()
    preds = np.asarray(preds)
    if preds.ndim != 2 or preds.shape[1] != 1000:
        raise ValueError(
            "`decode_predictions` expects predictions of the 1000 classes of ImageNet, an array of the shape "
            f"(samples, 1000). Received: shape {preds.shape}"
        )
    if CLASS_INDEX is None:
        path = fetch("imagenet_class_index.json", CLASS_INDEX_PATH, _CLASS_INDEX_HASH)
        with open(path, encoding="utf-8") as file:
            CLASS_INDEX = json.load(file)
    names = CLASS_INDEX
    results = []
    for values in preds:
        order = np.argsort(values)[::-1][:top]
        results.append([(names[str(index)][0], names[str(index)][1], values[index]) for index in order])
    return results


@legacy.translated("applications.obtain_input_shape")
def obtain_input_shape(
    input_shape: Any,
    default_size: int,
    min_size: int,
    data_format: str | None,
    require_flatten: bool,
    weights: str | None = None,
) -> tuple[int | None, ...]:
    """Return the shape of an application's image, from what was asked for; ValueError if it cannot be.

    With weights of ImageNet and the classifier on top (`require_flatten`) only the default size is possible.
    """
    data_format = config.standardize_data_format(data_format)
    first = data_format == "channels_first"
    shape = tuple(input_shape) if input_shape else None
    channels = 3
    if weights != "imagenet" and shape is not None and len(shape) == 3:
        channels = shape[0 if first else -1]
        if channels not in (1, 3):
            message = f"An image has 1 or 3 channels, as a rule. Received: input_shape={shape} ({data_format})"
            warnings.warn(message, stacklevel=2)
    size = (default_size, default_size)
    default = (channels, *size) if first else (*size, channels)
    if weights == "imagenet" and require_flatten:
        if shape is not None and shape != default:
            raise ValueError(
                "With `include_top=True` and the weights of ImageNet, `input_shape` must be "
                f"{default}. Received: input_shape={shape}. Leave it out, or pass include_top=False."
            )
        return default
    if shape is not None:
        _check_shape(shape, min_size, first, weights)
    elif require_flatten:
        shape = default
    else:
        shape = (3, None, None) if first else (None, None, 3)
    if require_flatten and None in shape:
        raise ValueError(f"With `include_top=True`, `input_shape` must have no None. Received: input_shape={shape}")
    return shape


def _check_shape(shape: tuple[int | None, ...], min_size: int, first: bool, weights: str | None) -> None:
    if len(shape) != 3:
        raise ValueError(f"`input_shape` must be a tuple of three integers. Received: input_shape={shape}")
    channels, sizes = (shape[0], shape[1:]) if first else (shape[2], shape[:2])
    if channels != 3 and weights == "imagenet":
        raise ValueError(f"With the weights of ImageNet, the image must have 3 channels. Received: input_shape={shape}")
    if any(size is not None and size < min_size for size in sizes):
        raise ValueError(
            f"Input size must be at least {min_size}x{min_size} for this network. Received: input_shape={shape}"
        )


# The name that Keras 2.0 to 2.2 had, which networks of others import.
_obtain_input_shape = obtain_input_shape


def correct_pad(inputs: Any, kernel_size: int | tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the zero padding that, before a convolution of stride 2, does what TensorFlow's "same" does."""
    first = config.image_data_format() == "channels_first"
    sizes = inputs.shape[2:4] if first else inputs.shape[1:3]
    kernel = (kernel_size, kernel_size) if isinstance(kernel_size, int) else tuple(kernel_size)
    odd = [1 if sizes[0] is None else 1 - size % 2 for size in sizes] if sizes[0] is not None else [1, 1]
    return (kernel[0] // 2 - odd[0], kernel[0] // 2), (kernel[1] // 2 - odd[1], kernel[1] // 2)


def validate_activation(classifier_activation: Any, weights: Any) -> None:
    """Raise ValueError for an activation of the classifier with which pretrained weights make no sense."""
    if weights is None:
        return
    if activations.get(classifier_activation) not in (activations.get("softmax"), activations.get(None)):
        raise ValueError(
            "With pretrained weights, `classifier_activation` must be 'softmax' or None. "
            f"Received: classifier_activation={classifier_activation!r}"
        )
