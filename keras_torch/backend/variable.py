"""Variables: a torch Parameter with Keras's methods, and a Keras-layout handle on the parameters of a torch module."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils import _pytree as pytree

from keras_torch import config, registry
from keras_torch.backend import stateless
from keras_torch.backend.array_types import from_bfloat16
from keras_torch.backend.scopes import NamePart, around

Constraint = Callable[[torch.Tensor], torch.Tensor]


class VariableMethods:
    """What Keras users call on a variable; the class it is mixed into has `value`, `shape` and `_write`."""

    _path: str
    _scope: str
    aggregation = "none"
    synchronization = "auto"
    # Whether layers of a mixed dtype policy leave it in its own type.
    _keeps_dtype = False
    constraint: Constraint | None
    regularizer: Callable[[torch.Tensor], torch.Tensor] | None

    @property
    def local_path(self) -> str:
        """The name inside the layer that made the variable, e.g. `"kernel"`."""
        return self.__dict__.get("_path", "variable")

    @property
    def path(self) -> str:
        """The name with the layers around it, e.g. `"dense/kernel"` or `"lstm/lstm_cell/kernel"`."""
        scope = self.__dict__.get("_scope")
        return f"{scope}/{self.local_path}" if scope else self.local_path

    @property
    def classic_path(self) -> str:
        """The name inside the layer before Keras 3, and in HDF5 files, where it was another."""
        return self.__dict__.get("_classic_path") or self.local_path

    @property
    def name(self) -> str:
        """`"kernel"` as in Keras 3; in dialects 1, 2 and tf `"dense/kernel:0"`, as TensorFlow named it."""
        if config.dialect() in ("1", "2", "tf"):
            scope = self.__dict__.get("_scope")
            return f"{scope}/{self.classic_path}:0" if scope else f"{self.classic_path}:0"
        return self.path.rpartition("/")[2]

    def _shown(self) -> str:
        value: Any = self.value  # type: ignore[attr-defined]
        # Neither a tensor without memory has values, nor one of which other processes hold parts.
        numbers = "" if value.is_meta or hasattr(value, "device_mesh") else f", value={self.numpy()}"
        return (
            f"<Variable path={self.path}, shape={tuple(value.shape)}, dtype={config.dtype_name(value.dtype)}{numbers}>"
        )

    def numpy(self, *, force: bool = True) -> np.ndarray:
        """Return a copy of the value as a numpy array in Keras's layout; bfloat16 becomes float32."""
        value = self.value.detach().cpu()  # type: ignore[attr-defined]
        return (value.float() if value.dtype is torch.bfloat16 else value).numpy().copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.numpy(), dtype=dtype)

    def __float__(self) -> float:
        return float(self.value.detach())  # type: ignore[attr-defined]

    def __round__(self, ndigits: int | None = None) -> torch.Tensor:
        return torch.round(self.value, decimals=ndigits or 0)  # type: ignore[attr-defined]

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """Call a function of numpy on arrays: it would ask for methods of torch, which have other arguments."""
        return func(*pytree.tree_map(_as_array, args), **pytree.tree_map(_as_array, kwargs))

    @property
    def autocast(self) -> bool:
        """Whether layers of a mixed dtype policy compute with it in their type."""
        return not self._keeps_dtype

    @property
    def overwrite_with_gradient(self) -> bool:
        """Whether optimizers put the gradient in the variable's place, as Keras does with scales in float8: False."""
        return False

    @overwrite_with_gradient.setter
    def overwrite_with_gradient(self, flag: bool) -> None:
        if flag:
            raise NotImplementedError(
                f"Optimizers do not overwrite the variable {self.path!r} with its gradient: assign it yourself. "
                "Received: overwrite_with_gradient=True"
            )

    def eval(self, session: object = None) -> np.ndarray:
        """Return the value as a numpy array (Keras 1 and 2 spelling; a session is not needed)."""
        return self.numpy()

    def get_value(self, borrow: bool = False) -> np.ndarray:
        """Return a copy of the value as a numpy array (Theano spelling)."""
        return self.numpy()

    def set_value(self, value: Any, borrow: bool = False) -> None:
        """Assign a value (Theano spelling)."""
        self.assign(value)

    def read_value(self) -> torch.Tensor:
        """Return the value of now as a tensor, which later changes of the variable leave alone; differentiable."""
        return torch.clone(self.value)  # type: ignore[attr-defined]

    def assign(self, value: Any) -> Any:
        """Copy `value`, an array in Keras's layout, into the variable. ValueError if the shape differs."""
        tensor = _as_tensor(value)
        shape = tuple(self.shape)  # type: ignore[attr-defined]
        if tuple(tensor.shape) != shape:
            raise ValueError(
                f"The shape of the value does not match the variable {self.path!r}: expected {shape}. "
                f"Received: {tuple(tensor.shape)}"
            )
        if tensor.dtype.is_complex and not self.dtype.is_complex:  # type: ignore[attr-defined]
            raise ValueError(
                f"The variable {self.path!r} is of {self.dtype} and takes no complex numbers. Pass their real part, or "  # type: ignore[attr-defined]
                "make the variable complex."
            )
        if stateless.active:
            stateless.active[-1].note(self)
        with torch.no_grad():
            self._write(tensor)  # type: ignore[attr-defined]
        return self

    def assign_add(self, value: Any) -> Any:
        """Add `value` in place."""
        return self.assign(self.value.detach() + _as_tensor(value, self.value))  # type: ignore[attr-defined]

    def assign_sub(self, value: Any) -> Any:
        """Subtract `value` in place."""
        return self.assign(self.value.detach() - _as_tensor(value, self.value))  # type: ignore[attr-defined]


def _as_array(item: Any) -> Any:
    if isinstance(item, VariableMethods):
        return item.numpy()
    return item.detach().cpu().numpy() if isinstance(item, torch.Tensor) else item


def _as_tensor(value: Any, like: torch.Tensor | None = None) -> torch.Tensor:
    if isinstance(value, WeightView):
        value = value.value
    if not isinstance(value, torch.Tensor):
        array = np.asarray(value, order="C")
        value = from_bfloat16(array) if array.dtype.name == "bfloat16" else torch.as_tensor(array)
    value = value.detach()
    return value if like is None else value.to(like.device)


class Variable(VariableMethods, nn.Parameter):
    """A `torch.nn.Parameter` stored in Keras's layout, with Keras's name, `assign` and `numpy`.

    In torch functions it is an ordinary Parameter (results are plain tensors, autograd and torch.compile see nothing
    unusual). Integer and boolean variables never require a gradient.
    """

    def __new__(
        cls,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        layout: Any = None,
    ) -> Variable:
        """Make a variable from values, or from an initializer (an object, a name, or a function of shape and dtype).

        `dtype` defaults to that of a tensor, or to floatx for other float data. With `autocast=False` layers of a mixed
        dtype policy leave it in its type. `aggregation` and `synchronization` are kept for those who ask: processes
        average the gradients of all variables. `layout` must be None.
        """
        _check_options(aggregation, synchronization, layout)
        value = _initial(initializer, shape, dtype)
        if not isinstance(value, torch.Tensor):
            array = np.asarray(value)
            if dtype is None and (array.dtype.kind == "f" or isinstance(value, (int, float, list, tuple))):
                dtype = config.floatx() if array.dtype.kind in "fiu" else None
            value = torch.as_tensor(array)
        if dtype is not None:
            value = value.to(config.torch_dtype(dtype))
        differentiable = value.is_floating_point() or value.is_complex()
        variable = torch.Tensor._make_subclass(cls, value.detach(), bool(trainable and differentiable))
        variable._path = name or "variable"
        variable.constraint = None
        variable.regularizer = None
        return variable

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        layout: Any = None,
    ) -> None:
        self._trainable = bool(trainable)
        if around and type(around[-1]) is NamePart and config.is_modern():
            self._scope = "/".join(part.name for part in dict.fromkeys(around))
        self._keeps_dtype = not autocast
        self.aggregation, self.synchronization = aggregation, synchronization

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the variable."""
        return self.__dict__.get("_trainable", True)

    @trainable.setter
    def trainable(self, flag: bool) -> None:
        self._trainable = bool(flag)
        if self.is_floating_point():
            self.requires_grad_(self._trainable)

    @property
    def value(self) -> torch.Tensor:
        """The value, differentiable."""
        return self

    @property
    def storages(self) -> tuple[torch.Tensor, ...]:
        """The torch tensors an optimizer updates."""
        split = self.__dict__.get("_keras_split")
        return (self,) if split is None else split.storages

    def to_storage(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Turn an array in Keras's layout into the layout of `storages`."""
        return (value,)

    def from_storage(self, *tensors: torch.Tensor) -> torch.Tensor:
        """Turn tensors in the layout of `storages` into Keras's layout."""
        return tensors[0]

    def initialized_value(self) -> torch.Tensor:
        """Return the value (TensorFlow 1 spelling)."""
        return self.value

    def _write(self, tensor: torch.Tensor) -> None:
        self.detach().copy_(tensor)

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        if id(self) in memo:
            return memo[id(self)]
        copied = Variable(self.detach().clone(memory_format=torch.preserve_format), trainable=self.trainable)
        copied.__dict__.update(self.__dict__)
        copied.requires_grad_(self.requires_grad)
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _rebuild_variable, (self.detach().as_subclass(torch.Tensor), self.requires_grad, dict(self.__dict__))

    def __format__(self, spec: str) -> str:
        return self.item().__format__(spec) if spec and self.dim() == 0 else super().__format__(spec)

    def __repr__(self) -> str:  # type: ignore[override]
        return self._shown()


class StandIn(VariableMethods, torch.Tensor):
    """A tensor in the place of a variable for one call: it has the variable's methods, and assigning changes it."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def of(cls, variable: Variable, value: torch.Tensor) -> StandIn:
        """Return the value, with autograd's history, under the name of the variable."""
        made = value.view_as(value).as_subclass(cls)
        made.__dict__.update(variable.__dict__)
        return made

    @property
    def value(self) -> torch.Tensor:
        """The value, differentiable."""
        return self.as_subclass(torch.Tensor)

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the variable."""
        return self.__dict__.get("_trainable", True)

    def _write(self, tensor: torch.Tensor) -> None:
        self.detach().copy_(tensor)


_AGGREGATIONS = ("none", "sum", "mean", "only_first_replica", None)
_SYNCHRONIZATIONS = ("none", "auto", "on_read", "on_write", None)


def _check_options(aggregation: Any, synchronization: Any, layout: Any) -> None:
    for name, value, allowed in (
        ("aggregation", aggregation, _AGGREGATIONS),
        ("synchronization", synchronization, _SYNCHRONIZATIONS),
    ):
        if value not in allowed:
            raise ValueError(f"`{name}` of a Variable must be one of {allowed}. Received: {name}={value!r}")
    if layout is not None:
        raise ValueError(
            "`layout` of a Variable must be None: variables are whole on every device. Shard models with "
            f"`torch.distributed`. Received: layout={layout!r}"
        )


def _initial(initializer: Any, shape: Sequence[int] | None, dtype: Any) -> Any:
    """Return the values that an initializer gives; values of another shape are refused."""
    is_initializer = isinstance(initializer, str) or (callable(initializer) and not hasattr(initializer, "dtype"))
    if is_initializer and shape is None:
        raise ValueError(f"A Variable with an initializer needs a `shape`. Received: initializer={initializer!r}")
    if is_initializer:
        make = registry.initializers.get(initializer)
        return make(tuple(shape or ()), dtype=config.dtype_name(dtype or config.floatx()))
    # A tensor's values may be out of numpy's reach.
    found = tuple(initializer.shape if isinstance(initializer, torch.Tensor) else np.shape(initializer))
    if shape is not None and found != tuple(shape):
        raise ValueError(f"`shape` of a Variable is not that of its values, {found}. Received: shape={tuple(shape)}")
    return initializer


def _rebuild_variable(data: torch.Tensor, requires_grad: bool, attributes: dict[str, Any]) -> Variable:
    variable = Variable(data)
    variable.__dict__.update(attributes)
    variable.requires_grad_(requires_grad)
    return variable


class WeightView(VariableMethods):
    """A weight of a Keras layer that is stored, in torch's layout, in parameters of an inner torch module.

    `value` is a differentiable view in Keras's layout (a converted copy where no view exists); assigning writes to
    the parameters in place. Torch functions take the handle as if it were that view.
    """

    def __init__(
        self,
        layer: nn.Module,
        paths: tuple[str, ...],
        layout: Any,
        name: str,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
    ) -> None:
        self._layer = layer
        self._owners = tuple(path.rpartition(".")[::2] for path in paths)
        self.layout = layout
        self._path = name
        self._trainable = trainable
        self.regularizer = regularizer
        self.constraint = constraint

    @property
    def storages(self) -> tuple[torch.Tensor, ...]:
        """The parameters or buffers of the torch module, in torch's layout."""
        known = self._layer._modules
        if len(self._owners) == 1:
            owner, attribute = self._owners[0]
            return (getattr(known.get(owner) or self._layer.get_submodule(owner), attribute),)
        return tuple(
            getattr(known.get(owner) or self._layer.get_submodule(owner), attribute)
            for owner, attribute in self._owners
        )

    @property
    def value(self) -> torch.Tensor:
        """The weight in Keras's layout, differentiable. Its `grad` is that of the storage, if there is one."""
        storages = self.storages
        value = self.layout.view(*storages)
        if storages[0].is_leaf and storages[0].grad is not None and value is not storages[0]:
            value.grad = self.grad
        return value

    def to_storage(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Turn an array in Keras's layout into the layout of `storages`."""
        return self.layout.unview(value)

    def from_storage(self, *tensors: torch.Tensor) -> torch.Tensor:
        """Turn tensors in the layout of `storages` into Keras's layout."""
        return self.layout.view(*tensors)

    def _write(self, tensor: torch.Tensor) -> None:
        for storage, part in zip(self.storages, self.layout.unview(tensor), strict=True):
            storage.detach().copy_(part)

    @property
    def trainable(self) -> bool:
        """Whether an optimizer may change the weight."""
        return self._trainable

    @trainable.setter
    def trainable(self, flag: bool) -> None:
        self._trainable = bool(flag)
        for storage in self.storages:
            if isinstance(storage, nn.Parameter) and storage.is_floating_point():
                storage.requires_grad_(self._trainable)

    @property
    def shape(self) -> torch.Size:
        """Shape in Keras's layout."""
        return self.value.shape

    @property
    def dtype(self) -> torch.dtype:
        """The torch dtype."""
        return self.storages[0].dtype

    @property
    def device(self) -> torch.device:
        """The device of the storage."""
        return self.storages[0].device

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.value.dim()

    @property
    def grad(self) -> torch.Tensor | None:
        """The gradient in Keras's layout, or None."""
        grads = [storage.grad for storage in self.storages]
        present = [grad for grad in grads if grad is not None]
        return self.layout.view(*present) if len(present) == len(grads) else None

    @property
    def requires_grad(self) -> bool:
        """Whether autograd tracks the storage."""
        return self.storages[0].requires_grad

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*_unwrap(args), **{key: _unwrap(item) for key, item in (kwargs or {}).items()})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not hasattr(torch.Tensor, name):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.value, name)

    def __getitem__(self, index: Any) -> torch.Tensor:
        return self.value[index]

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return self._shown()


def _unwrap(item: Any) -> Any:
    if isinstance(item, WeightView):
        return item.value
    if isinstance(item, (list, tuple)) and not hasattr(item, "_fields"):
        return type(item)(_unwrap(part) for part in item)
    return item


def _forward_operator(name: str) -> Callable[..., Any]:
    def apply(self: WeightView, *others: Any) -> Any:
        # Looked up at the call: under the name `tensorflow` tensors have operators that take lists, too.
        return getattr(torch.Tensor, name)(self.value, *(_unwrap(other) for other in others))

    apply.__name__ = name
    return apply


def _result(name: str) -> Callable[[Any, Any], Any]:
    def apply(self: Any, other: Any) -> Any:
        return getattr(torch.Tensor, f"__{name}__")(self.value, other)

    return apply


def _product(self: Any, other: Any) -> Any:
    """Multiply matrices. torch refuses different dtypes; Keras 3 promotes them, if the first one is a variable."""
    value, other = self.value, _unwrap(other)
    try:
        return torch.Tensor.__matmul__(value, other)
    except RuntimeError:
        if not (config.is_modern() and isinstance(other, torch.Tensor) and value.dtype != other.dtype):
            raise
    dtype = torch.promote_types(value.dtype, other.dtype)
    return torch.Tensor.__matmul__(value.to(dtype), other.to(dtype))


setattr(VariableMethods, "__matmul__", _product)  # noqa: B010

# As in TensorFlow, `loss += penalty` makes another tensor, even where `loss` began as a variable.
for _operator in ("add", "sub", "mul", "truediv", "floordiv", "pow"):
    setattr(VariableMethods, f"__i{_operator}__", _result(_operator))

_OPERATORS = """
    add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow rmatmul neg abs lt le gt ge
""".split()
for _operator in _OPERATORS:
    setattr(WeightView, f"__{_operator}__", _forward_operator(f"__{_operator}__"))
