"""Tensors that behave as TensorFlow's do, while the hook is in place: methods of `torch.Tensor`, shapes and dtypes.

Results stay plain tensors. `torch.Size` and `torch.dtype` cannot be subclassed nor given attributes from Python, so
theirs are entered into the dictionary of the type; that costs nothing where they are not used. (Measured against it: a
property in place of `torch.Tensor.shape`, which returns a subclass of tuple, costs 0.6 us whenever anything, torch's
own code included, looks at a shape.)
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.backend.session import get_session
from keras_torch.backend.string_array import StringArray, encoded
from keras_torch.backend.variable import Variable, VariableMethods, WeightView
from keras_torch.data.pipeline.calls import note_change
from keras_torch.distributed import parts
from keras_torch.dropin.tensorflow import dtypes, modules, operators
from keras_torch.dropin.tensorflow.distribute import get_strategy
from keras_torch.engine.base_layer import Layer
from keras_torch.layers.convolution_base import BaseConvolution
from keras_torch.models import Model
from keras_torch.optimizers.old_protocols import OldProtocols
from keras_torch.symbolic import KerasTensor, Shape

_ABSENT = object()


class Reference:
    """A tensor by identity, for keys of dicts and sets: `deref()` returns it."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor

    def deref(self) -> Any:
        """Return the tensor."""
        return self._tensor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and other._tensor is self._tensor

    def __hash__(self) -> int:
        return id(self._tensor)


def _array(tensor: torch.Tensor) -> np.ndarray:
    """Return the values on the host, whether a gradient is tracked or not."""
    value = tensor.detach().cpu()
    value = value.float() if value.dtype is torch.bfloat16 else value
    return _torch_numpy(value.resolve_conj().resolve_neg())


_torch_numpy = torch._C.TensorBase.numpy


def numpy(self: torch.Tensor, *, force: bool = True) -> Any:
    """The values as a numpy array, a numpy number for a scalar; a gradient that is tracked is no hindrance."""
    return _array(self)[()]


def array(self: torch.Tensor, dtype: Any = None, copy: Any = None) -> np.ndarray:
    """What numpy's functions take."""
    found = _array(self)
    return found if dtype is None else found.astype(dtype, copy=False)


def array_function(self: torch.Tensor, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """Call a function of numpy on arrays: it would ask tensors for methods of theirs, which have other arguments."""
    return func(*pytree.tree_map(_as_array, args), **pytree.tree_map(_as_array, kwargs))


def _as_array(item: Any) -> Any:
    return _array(item) if isinstance(item, torch.Tensor) else item


def to_tensor(self: Any, default_value: Any = None, name: str | None = None, shape: Any = None) -> Any:
    """The tensor: where TensorFlow may have a ragged one, whose rows all are as long as the longest then."""
    return self


def to_float(self: torch.Tensor) -> float:
    """`float(tensor)`, without torch's warning that a gradient is tracked."""
    return float(self.detach().item())


def assign(self: torch.Tensor, value: Any, **options: Any) -> torch.Tensor:
    """Write into the variable that the tensor is a slice of."""
    with torch.no_grad():
        _written(self).copy_(torch.as_tensor(value))
    return self


def assign_add(self: torch.Tensor, delta: Any, **options: Any) -> torch.Tensor:
    """Add to the part of a variable that the tensor is."""
    with torch.no_grad():
        _written(self).add_(torch.as_tensor(delta, dtype=self.dtype))
    return self


def assign_sub(self: torch.Tensor, delta: Any, **options: Any) -> torch.Tensor:
    """Subtract from the part of a variable that the tensor is."""
    with torch.no_grad():
        _written(self).sub_(torch.as_tensor(delta, dtype=self.dtype))
    return self


def _written(tensor: torch.Tensor) -> torch.Tensor:
    if not tensor._is_view():
        raise AttributeError(
            "Only variables and slices of them, such as `v[0]`, can be assigned to, not other tensors."
        )
    return tensor.detach()


def get_shape(self: Any) -> Any:
    """The shape."""
    return self.shape


def ref(self: Any) -> Reference:
    """The tensor by identity."""
    return Reference(self)


def evaluate(self: torch.Tensor, feed_dict: Any = None, session: Any = None) -> Any:
    """The values (TensorFlow 1's spelling)."""
    return numpy(self)


def evaluate_symbolic(self: KerasTensor, feed_dict: Any = None, session: Any = None) -> Any:
    """What a session, by default that of `K.get_session()`, computes."""
    return (session or get_session()).run(self, feed_dict)


def set_shape(self: torch.Tensor, shape: Any) -> None:
    """Check the shape. ValueError if it is another."""
    known = tuple(shape)
    if len(known) != self.dim() or any(n not in (None, have) for n, have in zip(known, self.shape, strict=True)):
        raise ValueError(f"`set_shape` got another shape than the tensor's {tuple(self.shape)}. Received: {known}")


def _text(self: StringArray) -> Any:
    """Text as numpy has it in TensorFlow: bytes, a single one for a scalar."""
    found = np.array([encoded(item) for item in self.ravel().tolist()], object).reshape(self.shape)
    return found[()]


def _text_item(self: StringArray, index: Any) -> Any:
    found = np.ndarray.__getitem__(self, index)
    return np.array(found, object).view(StringArray) if isinstance(found, str) else found


def _text_items(self: StringArray) -> Any:
    return (self[place] for place in range(len(self)))


def _scatter(change: str) -> Callable[..., Any]:
    def call(self: Any, indices: Any, updates: Any = None, **options: Any) -> Any:
        if updates is None:
            indices, updates = indices.indices, indices.values
        index = torch.as_tensor(indices).long()
        value = self.value.detach().clone()
        updates = torch.as_tensor(updates, dtype=value.dtype)
        if change == "update":
            value[index] = updates
        else:
            value.index_add_(0, index, updates if change == "add" else -updates)
        return self.assign(value)

    return call


def _shown(self: Any) -> str:
    """The variable as TensorFlow prints it, with its values."""
    values = ""
    # To gather parts would wait for the other processes, which may print nothing.
    if not any(storage.device.type == "meta" or parts.is_split(storage) for storage in self.storages):
        found = numpy(self.value)
        values = repr(found) if found.shape else str(found)
        values = f", numpy={values}" if "\n" not in values else f", numpy=\n{values}"
    return f"<tf.Variable {self.name!r} shape={tuple(self.shape)} dtype={config.dtype_name(self.dtype)}{values}>"


def _scatter_nd(change: str) -> Callable[..., Any]:
    def call(self: Any, indices: Any, updates: Any, name: Any = None) -> Any:
        value = self.value.detach().clone()
        places = tuple(torch.as_tensor(indices).long().movedim(-1, 0))
        updates = torch.as_tensor(updates, dtype=value.dtype)
        return self.assign(value.index_put_(places, -updates if change == "sub" else updates, change != "update"))

    return call


def _assigning(name: str) -> Callable[..., Any]:
    original = getattr(VariableMethods, name)

    def call(self: Any, value: Any, use_locking: bool = False, name: Any = None, read_value: bool = True) -> Any:
        note_change()
        return original(self, value)

    return call


def _as_list(self: torch.Size) -> list[int]:
    return list(self)


def _causal_padding(self: BaseConvolution, inputs: Any) -> list[list[int]]:
    """What `tf.pad` puts around the inputs of a causal convolution."""
    steps = [self.dilation_rate[0] * (self.kernel_size[0] - 1), 0]
    batch = [[0, 0]] * (len(inputs.shape) - 2)
    return [*batch, steps, [0, 0]] if self.data_format == "channels_last" else [*batch, [0, 0], steps]


def _letters(self: BaseConvolution) -> str:
    """The order of axes in TensorFlow's spelling, such as NHWC."""
    space = "DHW"[-self.rank :]
    return f"N{space}C" if self.data_format == "channels_last" else f"NC{space}"


# What scripts for Keras 3 expect of tensors whatever the backend.
_VALUES: dict[str, Any] = {
    "numpy": numpy,
    "__array__": array,
    "__array_function__": array_function,
    "__float__": to_float,
}
_TENSOR: dict[str, Any] = {
    **_VALUES,
    # Layers written for Theano tell their outputs what shape they have.
    "_keras_shape": property(lambda self: tuple(self.shape), set_shape),
    "assign": assign,
    "assign_add": assign_add,
    "assign_sub": assign_sub,
    "eval": evaluate,
    "get_shape": get_shape,
    "ref": ref,
    "experimental_ref": ref,
    "set_shape": set_shape,
    "to_tensor": to_tensor,
    **operators.METHODS,
}
_VARIABLE: dict[str, Any] = {
    **{name: _assigning(name) for name in ("assign", "assign_add", "assign_sub")},
    **{f"scatter_{name}": _scatter(name) for name in ("update", "add", "sub")},
    **{f"scatter_nd_{name}": _scatter_nd(name) for name in ("update", "add", "sub")},
    "ref": ref,
    "get_shape": get_shape,
    "experimental_ref": ref,
    # `variable.value` is the variable itself, which TensorFlow's scripts call: `variable.value()`.
    "__call__": lambda self: self.read_value(),
    "is_initialized": lambda self: True,
    "initializer": None,
    "handle": property(lambda self: self),
}
_SIZE: dict[str, Any] = {
    **modules.SHAPE_METHODS,
    "as_list": _as_list,
    "ndims": property(len),
    "rank": property(len),
}
_DTYPE: dict[str, Any] = {
    "as_numpy_dtype": property(dtypes.as_numpy_dtype),
    "base_dtype": property(lambda self: self),
    "is_bool": property(lambda self: self is torch.bool),
    "is_floating": property(lambda self: self.is_floating_point),
    "is_integer": property(dtypes.is_integer),
    "is_unsigned": property(lambda self: dtypes.is_integer(self) and not self.is_signed),
    "limits": property(lambda self: (dtypes.limit(self, "min"), dtypes.limit(self, "max"))),
    "max": property(lambda self: dtypes.limit(self, "max")),
    "min": property(lambda self: dtypes.limit(self, "min")),
    "name": property(config.dtype_name),
    "real_dtype": property(lambda self: self.to_real()),
    "size": property(lambda self: self.itemsize),
}
# What `tf.strings.split` gives where all rows are of one length, which scripts take for ragged.
_ROWS: dict[str, Any] = {
    "flat_values": property(lambda self: self.reshape(-1, *self.shape[2:])),
    "nrows": lambda self: torch.tensor(len(self)),
    "row_lengths": lambda self, axis=1: torch.full((len(self),), self.shape[1]),
    "to_list": lambda self: _text(self).tolist(),
}
_STRINGS: dict[str, Any] = {
    **_ROWS,
    "numpy": _text,
    "get_shape": get_shape,
    "ref": ref,
    "to_tensor": to_tensor,
    "__getitem__": _text_item,
    "__iter__": _text_items,
}
_MODEL: dict[str, Any] = {
    # What a SavedModel would take, which there is none of.
    "_set_save_spec": lambda self, inputs, *args, **kwargs: None,
    "distribute_strategy": property(lambda self: get_strategy()),
}
_TRACKING: dict[str, Any] = {
    # What is kept as an attribute is tracked.
    "_track_trackable": lambda self, trackable, name, overwrite=False: trackable,
}
_LAYER: dict[str, Any] = {
    **_TRACKING,
    # tf.keras's name, under which layers of one's own keep theirs.
    "_activity_regularizer": property(
        lambda self: self.activity_regularizer, lambda self, value: setattr(self, "activity_regularizer", value)
    ),
}
_CONVOLUTION: dict[str, Any] = {
    # What layers of one's own take from tf.keras's base class of convolutions.
    "_channels_first": property(lambda self: self.data_format == "channels_first"),
    "_compute_causal_padding": _causal_padding,
    "_get_channel_axis": lambda self: self._channel_axis,
    "_get_input_channel": lambda self, input_shape: self._known_channels(input_shape),
    "_get_padding_op": lambda self: "VALID" if self.padding == "causal" else self.padding.upper(),
    "_is_causal": property(lambda self: self.padding == "causal"),
    "_tf_data_format": property(_letters),
}
_PATCHES: list[tuple[type, dict[str, Any]]] = [
    (torch.Tensor, _TENSOR),
    (VariableMethods, _VARIABLE),
    (Variable, {"__repr__": _shown}),
    (WeightView, {"__repr__": _shown}),
    (KerasTensor, {"eval": evaluate_symbolic}),
    (Shape, modules.SHAPE_METHODS),
    (StringArray, _STRINGS),
    (Layer, _LAYER),
    (BaseConvolution, _CONVOLUTION),
    (Model, _MODEL),
    (OldProtocols, _TRACKING),
]
_STATIC: list[tuple[type, dict[str, Any]]] = [(torch.Size, _SIZE), (torch.dtype, _DTYPE)]
_before: list[tuple[type, str, Any]] = []


def _dictionary(owner: type) -> dict[str, Any]:
    """Return the dictionary behind the read-only view that CPython gives of a type that is written in C."""
    return gc.get_referents(owner.__dict__)[0]


def install(values_only: bool = False) -> None:
    """Give tensors, variables, shapes and dtypes TensorFlow's methods, or tensors and shapes those of values alone."""
    if _before and (values_only or len(_before) > len(_VALUES)):
        return
    uninstall()
    for owner, methods in [(torch.Tensor, _VALUES)] if values_only else _PATCHES:
        for name, method in methods.items():
            _before.append((owner, name, owner.__dict__.get(name, _ABSENT)))
            setattr(owner, name, method)
    for owner, methods in _STATIC[:1] if values_only else _STATIC:
        _dictionary(owner).update({name: item for name, item in methods.items() if name not in owner.__dict__})
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(owner))


def uninstall() -> None:
    """Take the methods away again."""
    if not _before:
        return
    for owner, name, item in reversed(_before):
        if item is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, item)
    _before.clear()
    for owner, methods in _STATIC:
        for name, item in methods.items():
            if owner.__dict__.get(name) is item:
                del _dictionary(owner)[name]
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(owner))
