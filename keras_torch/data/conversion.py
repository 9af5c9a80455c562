"""Arrays of any origin become torch tensors: numpy, pandas, scipy, Python lists, tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.array_types import from_bfloat16
from keras_torch.backend.string_array import StringArray, is_text, to_strings
from keras_torch.data.numpy_bridge import from_numpy, to_numpy
from keras_torch.data.rows import Rows, rows_of
from keras_torch.errors import DataTypeError

__all__ = ["from_numpy", "to_numpy", "to_numpy_or_tensor", "to_tensor"]


def to_numpy_or_tensor(value: Any, label: str, may_be_text: bool = False) -> Any:
    """Return `value` as a numpy array of numbers, or unchanged if it is a torch tensor.

    What must not be copied whole (a memory-mapped array, a dataset of a file, a sparse matrix) becomes Rows.
    `label` is how error messages call the argument, e.g. "`x`". Text becomes a StringArray where that is allowed, else
    it is a TypeError; ragged lists are a ValueError.
    """
    rows = rows_of(value)
    if rows is not None:
        return rows
    if isinstance(value, (torch.Tensor, Rows)):
        return value
    columns: list[str] = []
    if hasattr(value, "columns") and hasattr(value, "to_numpy"):
        value, columns = _from_frame(value)
    elif not isinstance(value, np.ndarray):
        value = _as_array(value, label)
    kind = value.dtype.kind
    if may_be_text and is_text(value):
        return to_strings(value, label)
    if value.dtype.name == "bfloat16":
        return from_bfloat16(value)
    if kind == "O":
        value = _from_objects(value, label, columns)
    elif kind in "USVmM":
        raise DataTypeError(
            f"{label} must hold numbers. Received: an array of dtype {value.dtype}, shape {value.shape}. "
            "Turn text or dates into numbers first, e.g. with `np.unique(values, return_inverse=True)`."
        )
    return value


def _from_frame(frame: Any) -> tuple[np.ndarray, list[str]]:
    """Return the values of a data frame, and the names of the columns that are not of a numeric type."""
    types: Any = getattr(frame.dtypes, "items", tuple)()
    wrong = [str(name) for name, dtype in types if getattr(dtype, "kind", "O") not in "biuf"]
    values = frame.to_numpy()
    if values.dtype.kind == "O" and not wrong:
        # Numbers of several types, or columns that may have missing values.
        values = frame.to_numpy(dtype=config.floatx(), na_value=np.nan)
    return values, wrong


def _as_array(value: Any, label: str) -> np.ndarray:
    if hasattr(value, "to_numpy"):
        return value.to_numpy()
    if hasattr(value, "toarray"):
        return value.toarray()
    if isinstance(value, (list, tuple)) and any(isinstance(item, torch.Tensor) for item in value):
        value = [item.detach().cpu().numpy() if isinstance(item, torch.Tensor) else item for item in value]
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{label} must be a rectangular array, but its items have different lengths. "
            f"Received: {_brief(value)}. Pad them first, e.g. with `keras.utils.pad_sequences`."
        ) from error


def _from_objects(value: np.ndarray, label: str, columns: list[str]) -> np.ndarray:
    """Return an object array as numbers when that is exact."""
    try:
        result = np.array(value.tolist())
    except ValueError:
        result = value
    if result.dtype.kind not in "biuf" or result.shape[: value.ndim] != value.shape:
        first = _brief(value.flat[0]) if value.size else "missing"
        named = f" Not of a numeric type are the columns {columns}." if columns else ""
        raise DataTypeError(
            f"{label} must be an array of numbers. Received: an array of dtype object, shape {value.shape}, whose "
            f"first item is {first}.{named} Convert it, e.g. with `np.asarray(x, dtype='float32')`; pad items of "
            "different lengths with `keras.utils.pad_sequences`."
        )
    return result


def _brief(value: Any) -> str:
    text = repr(value)
    return f"{type(value).__name__} {text if len(text) < 60 else text[:57] + '...'}"


def to_tensor(array: Any, dtype: torch.dtype | None = None) -> Any:
    """Return a numpy array or tensor as a torch tensor, sharing memory where the dtype allows it.

    Without `dtype`, floats become `floatx` and integers stay as they are. Text stays what it is.
    """
    if isinstance(array, StringArray):
        return array
    tensor = array if isinstance(array, (torch.Tensor, Rows)) else from_numpy(array)
    if dtype is None and tensor.is_floating_point():
        dtype = config.torch_dtype(config.floatx())
    if dtype is not None and tensor.dtype != dtype:
        tensor = tensor.to(dtype)
    return tensor.detach() if tensor.requires_grad else tensor
