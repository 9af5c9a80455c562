"""`tf.Module` on `torch.nn.Module`, descriptions of tensors, arrays of tensors, nested structures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from keras_torch import backend, tree
from keras_torch.backend.variable import WeightView
from keras_torch.data import pipeline
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import as_dtype
from keras_torch.dropin.tensorflow.refusals import refused_class
from keras_torch.symbolic import KerasTensor, Shape


class Module(nn.Module):
    """`tf.Module`: a `torch.nn.Module` that lists variables and submodules as TensorFlow does."""

    _name: str | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Module:
        """Make the module ready for attributes: TensorFlow's subclasses need not call `__init__`, or not first."""
        self = super().__new__(cls)
        nn.Module.__init__(self)
        return self

    def __init__(self, name: str | None = None) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """The name given, or that of the class."""
        return self._name or type(self).__name__.lower()

    @property
    def name_scope(self) -> Any:
        """A context that groups operations under the name: there is no graph that would show it."""
        return backend.name_scope(self.name)

    @classmethod
    def with_name_scope(cls, method: Callable[..., Any]) -> Callable[..., Any]:
        """Return the method."""
        return method

    @property
    def variables(self) -> tuple[Any, ...]:
        """The variables of the module and of those in it; attributes in alphabetical order, as in TensorFlow."""
        return tuple(_variables(self))

    @property
    def trainable_variables(self) -> tuple[Any, ...]:
        """The variables that are to be trained."""
        return tuple(item for item in _variables(self) if item.trainable)

    @property
    def non_trainable_variables(self) -> tuple[Any, ...]:
        """The variables that are not."""
        return tuple(item for item in _variables(self) if not item.trainable)

    @property
    def submodules(self) -> tuple[Any, ...]:
        """The modules inside."""
        return tuple(self.modules())[1:]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call `forward`; subclasses write `__call__` of their own."""
        return super().__call__(*args, **kwargs)


def _variables(module: Any) -> list[Any]:
    """Return variables as TensorFlow orders them: attributes by name, then those of the modules in them."""
    found: dict[int, Any] = {}
    waiting = [module]
    for owner in waiting:
        if not isinstance(owner, Module):
            found.update({id(weight): weight for weight in owner.weights if id(weight) not in found})
            continue
        members = {**owner.__dict__, **owner._parameters, **owner._modules}
        names = sorted(name for name in members if name in owner._modules or not name.startswith("_"))
        for item in pytree.tree_leaves([_unpacked(members[name]) for name in names]):
            if isinstance(item, (backend.Variable, WeightView)):
                found.setdefault(id(item), item)
            elif (isinstance(item, Module) or hasattr(item, "weights")) and not any(item is x for x in waiting):
                waiting.append(item)
    return list(found.values())


def _unpacked(item: Any) -> Any:
    return list(item) if isinstance(item, nn.ModuleList) else item


class _ShapeType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        """Shapes of tensors, and those that `build` gets, are TensorFlow's, too."""
        return isinstance(instance, (Shape, torch.Size))


class TensorShape(Shape, metaclass=_ShapeType):
    """A shape in which None stands for an unknown size."""

    __slots__ = ()

    def __new__(cls, dims: Any = ()) -> TensorShape:
        sizes = dims if hasattr(dims, "__iter__") else (dims,)
        return super().__new__(cls, (None if n in (None, -1) else int(n) for n in sizes))

    @property
    def dims(self) -> list[int | None]:
        """The sizes."""
        return list(self)

    def is_fully_defined(self) -> bool:
        """Whether every size is known."""
        return None not in self

    def num_elements(self) -> int | None:
        """The product of the sizes; None if one is unknown."""
        return None if None in self else torch.Size(self).numel()

    def concatenate(self, other: Any) -> TensorShape:
        """The sizes of both."""
        return TensorShape((*self, *(other if isinstance(other, (list, tuple)) else (other,))))

    def is_compatible_with(self, other: Any) -> bool:
        """Whether sizes that both know are the same."""
        if other is None:
            return True
        return len(self) == len(other) and all(
            None in pair or pair[0] == pair[1] for pair in zip(self, other, strict=True)
        )

    def assert_is_compatible_with(self, other: Any) -> None:
        """ValueError if the shapes differ in sizes that both know."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {tuple(self)} and {tuple(other)} are incompatible.")

    def merge_with(self, other: Any) -> TensorShape:
        """The sizes that one or the other knows."""
        self.assert_is_compatible_with(other)
        return self if other is None else TensorShape([b if a is None else a for a, b in zip(self, other, strict=True)])

    def assert_has_rank(self, rank: int) -> None:
        """ValueError for another number of axes."""
        if len(self) != rank:
            raise ValueError(f"Shape {tuple(self)} must have rank {rank}.")

    def with_rank(self, rank: int) -> TensorShape:
        """Return the shape. ValueError for another number of axes."""
        self.assert_has_rank(rank)
        return self

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """Return the shape. ValueError for fewer axes."""
        if len(self) < rank:
            raise ValueError(f"Shape {tuple(self)} must have rank {rank} or more.")
        return self

    def assert_is_fully_defined(self) -> None:
        """ValueError if a size is unknown."""
        if None in self:
            raise ValueError(f"Shape {tuple(self)} is not fully defined.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (tuple, list)) and tuple(self) == tuple(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = tuple.__hash__


# What shapes of tensors of either kind get while the hook is in place.
SHAPE_METHODS = {
    name: TensorShape.__dict__[name]
    for name in (
        *("assert_has_rank", "assert_is_compatible_with", "assert_is_fully_defined", "concatenate", "dims"),
        *("is_compatible_with", "is_fully_defined", "merge_with", "num_elements", "with_rank", "with_rank_at_least"),
    )
}


class _SpecType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        """What describes the elements of a dataset is TensorFlow's, too."""
        return isinstance(instance, pipeline.TensorSpec)


class TensorSpec(pipeline.TensorSpec, metaclass=_SpecType):
    """What a tensor is like: shape, type, name."""

    def __init__(self, shape: Any, dtype: Any = "float32", name: str | None = None) -> None:
        super().__init__(shape, dtype, name)
        self.shape = None if shape is None else TensorShape(shape)
        self.dtype = as_dtype(dtype)

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> TensorSpec:
        """Describe a tensor."""
        return cls(tuple(tensor.shape), tensor.dtype, name)

    @classmethod
    def from_spec(cls, spec: Any, name: str | None = None) -> TensorSpec:
        """Describe what another description does, under another name if one is given."""
        return cls(spec.shape, spec.dtype, name or spec.name)

    def is_compatible_with(self, other: Any) -> bool:
        """Whether a tensor, or what another describes, fits."""
        other = other if hasattr(other, "shape") else convert_to_tensor(other)
        shape = other.shape if self.shape is None else self.shape
        sizes = len(other.shape) == len(shape)
        fits = sizes and all(a is None or b is None or a == b for a, b in zip(shape, other.shape, strict=True))
        return fits and as_dtype(other.dtype) == self.dtype


class TensorArray:
    """A list of tensors that is written by place and stacked at the end; loops of Python can do with a list."""

    def __init__(
        self,
        dtype: Any = None,
        size: Any = 0,
        dynamic_size: Any = None,
        clear_after_read: Any = None,
        tensor_array_name: Any = None,
        element_shape: Any = None,
        infer_shape: bool = True,
        **options: Any,
    ) -> None:
        self.dtype = None if dtype is None else as_dtype(dtype)
        self._entries: list[Any] = [None] * int(size)
        self._grows = dynamic_size or size == 0

    def write(self, index: Any, value: Any) -> TensorArray:
        """Put a tensor at a place. IndexError behind the end unless `dynamic_size`."""
        place = int(index)
        if place >= len(self._entries):
            if not self._grows:
                raise IndexError(f"The TensorArray has {len(self._entries)} places. Received: index={place}")
            self._entries += [None] * (place + 1 - len(self._entries))
        self._entries[place] = convert_to_tensor(value, self.dtype)
        return self

    def read(self, index: Any) -> Any:
        """Return the tensor at a place."""
        return self._entries[int(index)]

    def size(self) -> int:
        """The number of places."""
        return len(self._entries)

    def unstack(self, value: Any) -> TensorArray:
        """Put the entries along the first axis at the places."""
        self._entries = list(convert_to_tensor(value, self.dtype))
        return self

    def stack(self) -> Any:
        """All tensors along a new first axis; places without one hold zeros."""
        known = next((item for item in self._entries if item is not None), None)
        if known is None:
            return torch.zeros(0)
        return torch.stack([torch.zeros_like(known) if item is None else item for item in self._entries])

    def gather(self, indices: Any) -> Any:
        """The tensors at some places along a new first axis."""
        return torch.stack([self._entries[int(index)] for index in indices])

    def concat(self) -> Any:
        """All tensors joined along their first axis."""
        return torch.cat(self._entries)

    def mark_used(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Forget the tensors."""
        self._entries = []


class IndexedSlices:
    """Rows of a tensor, as TensorFlow has gradients of tables: here they are dense; this holds what it is given."""

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values, self.indices, self.dense_shape = values, indices, dense_shape


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The leaves of nested lists and dicts, those of a dict in the order of their keys."""
    return tree.flatten(structure)


def map_structure(
    func: Callable[..., Any], *structure: Any, check_types: bool = True, expand_composites: bool = False
) -> Any:
    """Apply a function to the leaves of structures of the same form, without `check_types` of other types."""
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types)
    leaves = zip(*map(tree.flatten, structure), strict=True)
    return tree.pack_sequence_as(structure[0], [func(*item) for item in leaves])


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """Leaves in the form of a structure."""
    return tree.pack_sequence_as(structure, list(flat_sequence))


def is_nested(structure: Any) -> bool:
    """Whether it is a list, a tuple or a dict."""
    return isinstance(structure, (list, tuple, dict))


def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False) -> None:
    """ValueError if two structures differ; without `check_types` only for another nesting."""
    tree.assert_same_structure(*((nest1, nest2) if check_types else map(_as_lists, (nest1, nest2))))


def _as_lists(structure: Any) -> Any:
    if not tree.is_nested(structure):
        return structure
    values = (structure[key] for key in sorted(structure)) if isinstance(structure, dict) else structure
    return [_as_lists(value) for value in values]


class _TensorType(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, (torch.Tensor, KerasTensor)) and not isinstance(instance, backend.Variable)


class Tensor(metaclass=_TensorType):
    """`tf.Tensor` for `isinstance`: real and symbolic tensors that are no variables."""


def is_symbolic_tensor(tensor: Any) -> bool:
    """Whether a tensor has no value yet."""
    return isinstance(tensor, KerasTensor)


NAMES = {
    "IndexedSlices": IndexedSlices,
    "Module": Module,
    "Tensor": Tensor,
    "TensorArray": TensorArray,
    "TensorShape": TensorShape,
    "TensorSpec": TensorSpec,
    "compat.dimension_value": lambda dimension: dimension,
    "is_symbolic_tensor": is_symbolic_tensor,
    "nest.assert_same_structure": assert_same_structure,
    "nest.flatten": flatten,
    "nest.is_nested": is_nested,
    "nest.map_structure": map_structure,
    "nest.pack_sequence_as": pack_sequence_as,
}
# For `isinstance`: sizes are plain numbers here.
VERSION_1 = {"Dimension": refused_class("Dimension")}
