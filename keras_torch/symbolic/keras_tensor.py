"""KerasTensor: a placeholder with a shape and a dtype that records every torch function applied to it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from keras_torch import config, registry
from keras_torch.symbolic.naming import unique_name

_READS_VALUES = ("numpy", "item", "tolist", "data", "grad", "grad_fn", "backward", "cuda", "cpu", "is_cuda")


class Shape(tuple):
    """A tuple of sizes in which None stands for an unknown one, with TensorFlow's accessors."""

    __slots__ = ()

    def as_list(self) -> list[int | None]:
        """Return the sizes as a list."""
        return list(self)

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self)

    ndims = rank

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return Shape(item) if isinstance(index, slice) else item

    def __add__(self, other: Any) -> Any:
        return Shape((*self, *other)) if isinstance(other, (list, tuple)) else NotImplemented

    def __radd__(self, other: Any) -> Any:
        return Shape((*other, *self)) if isinstance(other, (list, tuple)) else NotImplemented

    def __eq__(self, other: object) -> bool:
        # Before Keras 3 shapes were TensorFlow's, which are equal to lists, too.
        return tuple.__eq__(self, tuple(other) if isinstance(other, list) and not config.is_modern() else other)  # type: ignore[arg-type]

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__


def as_shapes(sizes: Any) -> Any:
    """Return tuples of sizes, in lists and dicts too, as `Shape`s."""
    if isinstance(sizes, (list, dict)):
        items = sizes.items() if isinstance(sizes, dict) else enumerate(sizes)
        found = {key: as_shapes(item) for key, item in items}
        return found if isinstance(sizes, dict) else list(found.values())
    if not isinstance(sizes, tuple) or isinstance(sizes, Shape):
        return sizes
    if all(size is None or isinstance(size, int) for size in sizes):
        return Shape(sizes)
    return tuple(as_shapes(item) for item in sizes)


class _NoLengthError(AttributeError, TypeError):
    """What `hasattr` and `len` take for an answer alike."""


class _Length:
    """`__len__` of a symbolic tensor. Scripts for Keras 1 and 2 tell lists of tensors from tensors by it."""

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        if config.dialect() in ("1", "2") and (not instance.shape or instance.shape[0] is None):
            raise _NoLengthError(_no_length(instance))
        return lambda: _length(instance)


def _length(tensor: Any) -> int:
    if not tensor.shape or tensor.shape[0] is None:
        raise TypeError(_no_length(tensor))
    return tensor.shape[0]


def _no_length(tensor: Any) -> str:
    return f"{tensor!r} is symbolic and the size of its first axis is unknown, so it has no len()."


class KerasTensor:
    """A symbolic tensor: shape (None for unknown sizes), dtype name, and where it came from.

    Operators, tensor methods and any torch function applied to it are recorded as nodes; a Model built from such
    tensors runs them as straight-line torch code.
    """

    # All are dense: others are refused.
    sparse = False
    __array_priority__ = 1000
    __array_ufunc__ = None
    sparse = ragged = False

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
    ) -> None:
        if sparse:
            raise ValueError("Sparse symbolic tensors are not supported; use a dense `Input` (`sparse=False`).")
        if ragged:
            raise ValueError("Ragged symbolic tensors are not supported; pad the data and leave `ragged` out.")
        self.shape = Shape(None if size is None else int(size) for size in shape)
        self.dtype = config.dtype_name(dtype)
        self.name = name or unique_name("keras_tensor")
        self._keras_mask: KerasTensor | None = None
        self._keras_history: tuple[Any, int, int] | None = None
        # The node that computes a tensor which became an input of models afterwards.
        self._computed_by: Any = None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def _keras_shape(self) -> tuple[int | None, ...]:
        return tuple(self.shape)

    @_keras_shape.setter
    def _keras_shape(self, shape: Any) -> None:
        self.set_shape(shape)

    @property
    def _uses_learning_phase(self) -> bool:
        """Whether a layer that it comes from may compute something else while training."""
        waiting, seen = [self], set()
        while waiting:
            history = waiting.pop()._keras_history
            if history is None or (id(history[0]), history[1]) in seen:
                continue
            operation, index, _ = history
            seen.add((id(operation), index))
            node = operation._inbound_nodes[index]
            if node.kwargs.get("training") is None and getattr(operation, "uses_learning_phase", False):
                return True
            waiting += node.taken
        return False

    def get_shape(self) -> Shape:
        """Return the shape (TensorFlow 1 spelling)."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Fill in sizes that are unknown so far; None leaves one as it is. ValueError for another known size."""
        known, given = tuple(self.shape), tuple(shape)
        pairs = list(zip(known, given, strict=False))
        if len(given) != len(known) or any(None not in pair and pair[0] != pair[1] for pair in pairs):
            raise ValueError(f"{self!r} has the shape {known}; `set_shape` can only fill in None. Received: {given}")
        self.shape = Shape(new if old is None else old for old, new in pairs)

    def dim(self) -> int:
        """Number of axes (torch spelling)."""
        return len(self.shape)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return record(OUT_OF_PLACE.get(func, func), args, kwargs or {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(torch.Tensor, name):
            raise AttributeError(f"'KerasTensor' object has no attribute {name!r}")
        if name in _READS_VALUES:
            raise AttributeError(
                f"{self!r} is symbolic: it has no values, so `.{name}` is not available. Build a Model from the "
                "inputs to this tensor and call it on data."
            )
        if name == "device":
            raise AttributeError(
                f"{self!r} is symbolic and on no device, so tensors cannot be made beside it. Let a layer see real "
                "tensors: `Lambda(function)(x)`, or `TorchModuleWrapper(module)(x)` for a torch module like nn.LSTM."
            )
        attribute = getattr(torch.Tensor, name)
        if not callable(attribute):
            return record(getattr, (self, name), {})

        def method(*args: Any, **kwargs: Any) -> Any:
            return record(attribute, (self, *args), kwargs)

        return method

    def __getitem__(self, index: Any) -> Any:
        return record(operator.getitem, (self, index), {})

    __len__ = _Length()

    def __iter__(self) -> Iterator[Any]:
        if not self.shape or self.shape[0] is None:
            raise TypeError(f"Cannot iterate over {self!r}: the size of its first axis is unknown.")
        return (self[i] for i in range(self.shape[0]))

    def __ne__(self, other: object) -> Any:
        # As in Keras, `==` asks whether it is the same symbolic tensor, so that tensors can stand in lists.
        if isinstance(other, (KerasTensor, torch.Tensor, np.ndarray, np.generic, int, float)):
            return record(operator.ne, (self, other), {})
        return self is not other

    __hash__ = object.__hash__

    def __round__(self, ndigits: int = 0) -> Any:
        return record(torch.round, (self,), {"decimals": ndigits})

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} is symbolic: it has no value to branch on. Use `torch.where` or `K.switch`, or put the Python "
            "`if` into the `call` of a layer."
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(
            f"{self!r} is symbolic and cannot become a numpy array. Build a Model from its inputs and call `predict`."
        )

    def __repr__(self) -> str:
        return f"<KerasTensor shape={tuple(self.shape)}, dtype={self.dtype}, name={self.name}>"


def _binary(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: KerasTensor, other: Any) -> Any:
        return record(function, (self, other), {})

    def reflected(self: KerasTensor, other: Any) -> Any:
        return record(function, (other, self), {})

    return forward, reflected


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"):
    _function = getattr(operator, _name + "_" if _name in ("and", "or") else _name)
    _forward, _reflected = _binary(_function)
    setattr(KerasTensor, f"__{_name}__", _forward)
    setattr(KerasTensor, f"__r{_name}__", _reflected)
for _name in ("lt", "le", "gt", "ge"):
    setattr(KerasTensor, f"__{_name}__", _binary(getattr(operator, _name))[0])


# `total += symbolic` makes a symbolic total, and must not change what stood there before.
OUT_OF_PLACE: dict[Any, Callable[..., Any]] = {
    torch.Tensor.add_: torch.add,
    torch.Tensor.sub_: torch.sub,
    torch.Tensor.mul_: torch.mul,
    torch.Tensor.div_: torch.div,
    torch.Tensor.floor_divide_: torch.floor_divide,
    torch.Tensor.pow_: torch.pow,
}


def _unary(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self: record(function, (self,), {})


for _name in ("neg", "abs", "invert"):
    setattr(KerasTensor, f"__{_name}__", _unary(getattr(operator, _name)))


def record(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record a call of a torch function on symbolic tensors; return symbolic results."""
    from keras_torch.symbolic.node import record_function

    return record_function(function, args, kwargs)


def is_keras_tensor(item: Any) -> bool:
    """Whether `item` is a symbolic tensor."""
    return isinstance(item, KerasTensor)


def _describe(tensor: KerasTensor) -> dict[str, Any]:
    history = tensor._keras_history
    origin = None if history is None else [history[0].name, *history[1:]]
    inner = {"shape": tuple(tensor.shape), "dtype": tensor.dtype, "keras_history": origin}
    return {"class_name": "__keras_tensor__", "config": inner}


registry.WRITERS[KerasTensor] = _describe
registry.READERS["__keras_tensor__"] = lambda inner: KerasTensor(tuple(inner["shape"]), inner["dtype"])
