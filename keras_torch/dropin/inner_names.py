"""Names of files inside Keras, offered nowhere else, that packages and loops of one's own import all the same."""

from __future__ import annotations

import os
import sys
from types import FrameType
from typing import Any

import numpy as np

from keras_torch import ops, optimizers
from keras_torch.data import structure
from keras_torch.training.class_weights import ClassWeights
from keras_torch.utils import pack_x_y_sample_weight, unpack_x_y_sample_weight

BaseOptimizer = OptimizerV2 = optimizers.Optimizer

_OF_GRAIN = tuple(os.path.join("grain", "_src", "python", part) for part in ("dataset", "data_loader"))


def expand_1d(data: Any) -> Any:
    """Return the tensors in a structure, those with one axis with a second axis of size 1."""
    return structure.map_structure(lambda item: item[:, None] if getattr(item, "ndim", None) == 1 else item, data)


def class_weight_to_sample_weights(y: Any, class_weight: Any) -> np.ndarray:
    """Return the weight of each sample by the class of its target, as numpy array."""
    return ops.convert_to_numpy(ClassWeights(class_weight)(ops.convert_to_tensor(y), None, None))


def in_tf_graph() -> bool:
    """Return False: there are no graphs, functions given to a `tf.data.Dataset` get tensors with values."""
    return False


def convert_tf_tensor(outputs: Any, dtype: Any = None) -> Any:
    """Return a tensor, of a dtype if one is given."""
    return ops.convert_to_tensor(outputs, dtype=dtype)


def in_grain_data_pipeline() -> bool:
    """Return whether one of the callers is a dataset or loader of Grain, whose elements are numpy arrays."""
    frame: FrameType | None = sys._getframe() if "grain" in sys.modules else None
    while frame is not None:
        if any(path in frame.f_code.co_filename for path in _OF_GRAIN):
            return True
        frame = frame.f_back
    return False


__all__ = [
    "BaseOptimizer",
    "OptimizerV2",
    "class_weight_to_sample_weights",
    "convert_tf_tensor",
    "expand_1d",
    "in_grain_data_pipeline",
    "in_tf_graph",
    "pack_x_y_sample_weight",
    "unpack_x_y_sample_weight",
]
