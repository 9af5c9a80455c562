"""Keras 1 and 2's path of array helpers, with the measures on arrays that only Keras 1 had."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_torch.utils.conv_utils import conv_input_length, conv_output_length, convert_kernel
from keras_torch.utils.numerical import normalize, to_categorical

__all__ = [
    "accuracy",
    "binary_logloss",
    "categorical_probas_to_classes",
    "conv_input_length",
    "conv_output_length",
    "convert_kernel",
    "multiclass_logloss",
    "normalize",
    "probas_to_classes",
    "to_categorical",
]


def accuracy(p: Any, y: Any) -> float:
    """Return the share of predicted classes that equal the true ones."""
    return float(np.mean(np.asarray(p) == np.asarray(y)))


def binary_logloss(p: Any, y: Any) -> float:
    """Return the mean negative log-likelihood of labels 0 and 1 under the probabilities `p` of 1."""
    p, y = np.clip(np.asarray(p, dtype="float64"), 1e-15, 1 - 1e-15), np.asarray(y)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def multiclass_logloss(p: Any, y: Any) -> float:
    """Return the mean negative log-likelihood of classes counted from 1 under the rows of probabilities `p`."""
    p, y = np.asarray(p), np.asarray(y)
    return float(-np.mean(np.log(p[np.arange(len(y)), y - 1])))


def probas_to_classes(y_pred: Any) -> np.ndarray:
    """Return the most probable class of each row; for one column, 1 where it exceeds 0.5, else 0."""
    y_pred = np.asarray(y_pred)
    if y_pred.ndim > 1 and y_pred.shape[1] > 1:
        return categorical_probas_to_classes(y_pred)
    return (y_pred.reshape(len(y_pred), -1)[:, 0] > 0.5).astype(int)


def categorical_probas_to_classes(p: Any) -> np.ndarray:
    """Return the most probable class of each row."""
    return np.argmax(p, axis=1)
