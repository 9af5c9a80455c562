"""Functions inside Keras 1's and 2's training that scripts call: checks of arrays, batches and weighted losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_torch import backend as K  # noqa: N812 - Keras's own abbreviation
from keras_torch.training import make_batches
from keras_torch.utils.generic_utils import slice_arrays


def standardize_single_array(x: Any) -> Any:
    """Return an array, or the values of a frame, with at least two axes; None as it is."""
    x = getattr(x, "values", x) if type(x).__name__ in ("DataFrame", "Series") else x
    return np.expand_dims(x, 1) if getattr(x, "ndim", 0) == 1 and not K.is_tensor(x) else x


def standardize_input_data(
    data: Any,
    names: Sequence[str],
    shapes: Sequence[Any] | None = None,
    check_batch_axis: bool = True,
    exception_prefix: str = "",
) -> list[Any]:
    """Return arrays in the order of `names` from an array, a list or a dict. ValueError if they do not fit `shapes`.

    None in a shape fits any size; with `check_batch_axis=False` the first axis does, too.
    """
    what = f"Error when checking {exception_prefix or 'the data'}"
    if data is None:
        return [None] * len(names)
    if isinstance(data, Mapping):
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(f"{what}: no data for {missing}. Received: {list(data)}")
        data = [data[name] for name in names]
    elif not isinstance(data, list):
        data = [data]
    elif len(names) == 1 and data and not hasattr(data[0], "shape"):
        data = [np.asarray(data[0] if len(data) == 1 and isinstance(data[0], list) else data)]
    arrays = [np.asarray(item) if isinstance(item, list) else standardize_single_array(item) for item in data]
    if len(arrays) != len(names):
        raise ValueError(f"{what}: expected {len(names)} arrays, for {list(names)}. Received: {len(arrays)}")
    for name, array, shape in zip(names, arrays, shapes or [None] * len(names), strict=True):
        if shape is not None and array is not None and not K.is_tensor(array):
            _check_shape(f"{what}: expected {name}", tuple(array.shape), tuple(shape), check_batch_axis)
    return arrays


def _check_shape(what: str, found: tuple[int, ...], shape: tuple[int | None, ...], check_batch_axis: bool) -> None:
    if len(found) != len(shape):
        raise ValueError(f"{what} to have {len(shape)} dimensions. Received: an array of shape {found}")
    start = 0 if check_batch_axis else 1
    if any(size and size != have for have, size in zip(found[start:], shape[start:], strict=True)):
        raise ValueError(f"{what} to have the shape {shape[start:]}. Received: an array of shape {found}")


def standardize_sample_or_class_weights(x_weight: Any, output_names: Sequence[str], weight_type: str) -> list[Any]:
    """Return what belongs to each output, None where nothing is given. ValueError or TypeError if it fits no output."""
    if x_weight is None or len(x_weight) == 0:
        return [None] * len(output_names)
    if len(output_names) == 1:
        only = x_weight[output_names[0]] if isinstance(x_weight, dict) and output_names[0] in x_weight else x_weight
        return only if isinstance(only, list) and len(only) == 1 else [only]
    if isinstance(x_weight, list) and len(x_weight) != len(output_names):
        raise ValueError(
            f"`{weight_type}` must have one entry for each of the outputs {list(output_names)}. "
            f"Received: {len(x_weight)} entries"
        )
    if isinstance(x_weight, list):
        return x_weight
    if not isinstance(x_weight, dict):
        raise TypeError(
            f"`{weight_type}` of a model with several outputs must be a list or a dict of the outputs "
            f"{list(output_names)}. Received: {x_weight!r}"
        )
    return [x_weight.get(name) for name in output_names]


def standardize_class_weights(class_weight: Any, output_names: Sequence[str]) -> list[Any]:
    """Return the class weights of each output."""
    return standardize_sample_or_class_weights(class_weight, output_names, "class_weight")


def standardize_sample_weights(sample_weight: Any, output_names: Sequence[str]) -> list[Any]:
    """Return the sample weights of each output."""
    return standardize_sample_or_class_weights(sample_weight, output_names, "sample_weight")


def check_array_length_consistency(inputs: Any, targets: Any, weights: Any = None) -> None:
    """ValueError if arrays of inputs, targets and weights have different numbers of samples."""
    given = {"inputs": inputs, "targets": targets, "weights": weights}
    counts = {key: {len(item) for item in items or () if item is not None} for key, items in given.items()}
    if len(set().union(*counts.values())) > 1:
        found = {key: sorted(count) for key, count in counts.items() if count}
        raise ValueError(f"All arrays must have the same number of samples. Received: {found}")


def batch_shuffle(index_array: Any, batch_size: int) -> np.ndarray:
    """Return numbers of samples in batches of which the order is drawn; those behind the last full batch stay there."""
    full = len(index_array) // batch_size * batch_size
    batches = np.array(index_array[:full]).reshape(-1, batch_size)
    np.random.shuffle(batches)
    return np.append(batches.ravel(), index_array[full:])


def weighted_masked_objective(fn: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """Return a function of targets, outputs, weights and a mask: the mean of `fn` over what is neither masked nor 0."""
    if fn is None:
        return None

    def weighted(y_true: Any, y_pred: Any, weights: Any = None, mask: Any = None) -> Any:
        score = fn(y_true, y_pred)
        if mask is not None:
            mask = K.cast(mask, K.floatx())
            score = score * mask / K.mean(mask)
        if weights is not None:
            further = list(range(K.ndim(weights), K.ndim(score)))
            score = (K.mean(score, axis=further) if further else score) * weights
            score = score / K.mean(K.cast(K.not_equal(weights, 0), K.floatx()))
        return K.mean(score)

    return weighted


# Under these names up to Keras 2.1, in `keras.engine.training`.
_batch_shuffle = batch_shuffle
_check_array_lengths = check_array_length_consistency
_make_batches = make_batches
_slice_arrays = slice_arrays
_standardize_class_weights = standardize_class_weights
_standardize_input_data = standardize_input_data
_standardize_sample_or_class_weights = standardize_sample_or_class_weights
_standardize_sample_weights = standardize_sample_weights
_weighted_masked_objective = _masked_objective = weighted_masked_objective

__all__ = [
    "batch_shuffle",
    "check_array_length_consistency",
    "make_batches",
    "slice_arrays",
    "standardize_class_weights",
    "standardize_input_data",
    "standardize_sample_or_class_weights",
    "standardize_sample_weights",
    "standardize_single_array",
    "weighted_masked_objective",
]
