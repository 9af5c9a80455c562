"""Arithmetic of a tensor and a numpy array, in either order, while the hook is in place for scripts of Keras 3.

In JAX and TensorFlow the array becomes a tensor. torch leaves `tensor * array` to numpy, which has no gradient, and
refuses `array * tensor`. Both come to numpy, which asks `__array_ufunc__` of the tensor: what torch does with two
tensors takes no longer. (Where tensors have TensorFlow's methods, `tensorflow.operators` takes arrays and lists.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.variable import WeightView

_OPERATORS: dict[np.ufunc, Any] = {
    np.add: torch.add,
    np.bitwise_and: torch.bitwise_and,
    np.bitwise_or: torch.bitwise_or,
    np.bitwise_xor: torch.bitwise_xor,
    np.equal: torch.eq,
    np.floor_divide: torch.floor_divide,
    np.greater: torch.gt,
    np.greater_equal: torch.ge,
    np.less: torch.lt,
    np.less_equal: torch.le,
    np.matmul: torch.matmul,
    np.multiply: torch.mul,
    np.not_equal: torch.ne,
    np.power: torch.pow,
    np.remainder: torch.remainder,
    np.subtract: torch.sub,
    np.true_divide: torch.true_divide,
}
_CLASSES: tuple[Any, ...] = (torch.Tensor, WeightView)


def _array_ufunc(self: Any, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    operator = _OPERATORS.get(ufunc)
    if operator is not None and method == "__call__" and not kwargs:
        operands = [_operand(item, self) for item in inputs]
        if all(item is not None for item in operands):
            return operator(*operands)
    return _on_arrays(self, ufunc, method, inputs, kwargs)


def _operand(item: Any, tensor: Any) -> Any:
    """Return an operand as torch takes it, an array with the tensor's kind of numbers; None if torch has no such."""
    if isinstance(item, WeightView):
        return item.value
    if isinstance(item, np.generic):
        return item.item()
    if not isinstance(item, np.ndarray):
        return item
    if item.dtype.kind not in "biufc":
        return None
    found = torch.as_tensor(item, device=tensor.device)
    if found.is_floating_point():
        return found.to(tensor.dtype if tensor.dtype.is_floating_point else config.torch_dtype(None))
    return found.to(tensor.dtype) if found.dtype is torch.int64 and tensor.dtype is torch.int32 else found


def _on_arrays(tensor: Any, ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Let numpy compute with the values, as it did without `__array_ufunc__`."""
    arrays = [np.asarray(item) if isinstance(item, _CLASSES) else item for item in inputs]
    found = getattr(ufunc, method)(*arrays, **kwargs)
    if "out" in kwargs or not isinstance(found, np.ndarray) or not isinstance(tensor, torch.Tensor):
        return found
    return tensor.__array_wrap__(found)


def install() -> None:
    """Let tensors and weights meet arrays."""
    for cls in _CLASSES:
        cls.__array_ufunc__ = _array_ufunc


def uninstall() -> None:
    """Leave arrays to numpy again."""
    for cls in _CLASSES:
        if "__array_ufunc__" in cls.__dict__:
            del cls.__array_ufunc__
