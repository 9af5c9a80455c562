"""Keras's backend functions on torch."""

from __future__ import annotations

from keras_torch.backend.session import (
    batch_get_value,
    batch_set_value,
    clear_session,
    get_value,
    image_dim_ordering,
    set_image_dim_ordering,
    set_session,
    set_value,
)
from keras_torch.backend.variable import Variable, WeightView
from keras_torch.config import (
    dtype_name as standardize_dtype,
)
from keras_torch.config import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)
from keras_torch.symbolic import get_uid, is_keras_tensor
from keras_torch.symbolic import reset_names as reset_uids

__all__ = [
    "Variable",
    "WeightView",
    "batch_get_value",
    "batch_set_value",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "get_value",
    "image_data_format",
    "image_dim_ordering",
    "is_keras_tensor",
    "reset_uids",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_image_dim_ordering",
    "set_session",
    "set_value",
    "standardize_dtype",
]
