"""`tf.SparseTensor`: places and values, which torch's sparse tensors hold as well, except for text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch.backend.string_array import StringArray, to_strings
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.dtypes import STRING
from keras_torch.dropin.tensorflow.sizes import ints


class SparseTensor:
    """Values at some places of an array of zeros (or of empty text): one row of `indices` a value, sorted by place.

    Functions of torch that are given one get `coordinates()`, torch's sparse tensor.
    """

    is_sparse = True

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        self.shape = torch.Size(ints(dense_shape))
        places = convert_to_tensor(indices).long().reshape(-1, len(self.shape))
        found = convert_to_tensor(values)
        if len(places) and bool((places < 0).any() or (places >= places.new_tensor(self.shape)).any()):
            raise ValueError(f"`indices` must lie within the shape {tuple(self.shape)}. Received: {places.tolist()}")
        order = np.lexsort(places.T.numpy(force=True)[::-1])
        self.indices: Any = places[order]
        self.values: Any = (
            found[order] if isinstance(found, StringArray) else found[torch.from_numpy(order).to(found.device)]
        )

    @property
    def dense_shape(self) -> torch.Tensor:
        """The shape as a tensor."""
        return torch.tensor(tuple(self.shape))

    @property
    def dtype(self) -> Any:
        """The type of the values."""
        return STRING if isinstance(self.values, StringArray) else self.values.dtype

    def get_shape(self) -> torch.Size:
        """The shape."""
        return self.shape

    def dim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def to_dense(self) -> Any:
        """Return the dense tensor."""
        return to_dense(self)

    def coordinates(self) -> torch.Tensor:
        """Return torch's sparse tensor. TypeError for text."""
        if isinstance(self.values, StringArray):
            raise TypeError("torch has no sparse tensors of text. Received: a SparseTensor of tf.string")
        places = self.indices.T
        return torch.sparse_coo_tensor(places, self.values, self.shape, check_invariants=True).coalesce()

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*pytree.tree_map(_coordinates, args), **pytree.tree_map(_coordinates, kwargs or {}))

    @staticmethod
    def stacked(items: Sequence[SparseTensor]) -> SparseTensor:
        """Join several along a new first axis, as large as the largest."""
        numbers = [torch.full((len(item.indices), 1), place) for place, item in enumerate(items)]
        places = torch.cat([torch.cat([n, item.indices], 1) for n, item in zip(numbers, items, strict=True)])
        values = [item.values for item in items]
        joined = np.concatenate(values).view(StringArray) if isinstance(values[0], StringArray) else torch.cat(values)
        sizes = [max(item.shape[axis] for item in items) for axis in range(len(items[0].shape))]
        return SparseTensor(places, joined, (len(items), *sizes))

    def __repr__(self) -> str:
        return f"SparseTensor(indices={self.indices}, values={self.values}, dense_shape={tuple(self.shape)})"


def _coordinates(item: Any) -> Any:
    return item.coordinates() if isinstance(item, SparseTensor) else item


def _wrapped(tensor: torch.Tensor) -> SparseTensor:
    found = tensor.coalesce()
    return SparseTensor(found.indices().T, found.values(), found.shape)


def to_dense(sp_input: Any, default_value: Any = None, validate_indices: bool = True) -> Any:
    """The dense tensor, with `default_value` where there is none."""
    if not sp_input.is_sparse:
        return sp_input
    sp_input = sp_input if isinstance(sp_input, SparseTensor) else _wrapped(sp_input)
    places = tuple(sp_input.indices.T)
    if sp_input.dtype == STRING:
        text = np.full(tuple(sp_input.shape), default_value or "", object)
        text[tuple(place.numpy() for place in places)] = sp_input.values
        return to_strings(text, "Text")
    found = sp_input.values.new_full(tuple(sp_input.shape), default_value or 0)
    return found.index_put(places, sp_input.values)


def from_dense(tensor: Any) -> SparseTensor:
    """The sparse tensor of what is not 0."""
    tensor = convert_to_tensor(tensor)
    if isinstance(tensor, StringArray):
        places = np.argwhere(np.asarray(tensor) != "")
        return SparseTensor(torch.from_numpy(places), tensor[tuple(places.T)], tensor.shape)
    return _wrapped(tensor.to_sparse())


def add(a: Any, b: Any, threshold: Any = 0) -> Any:
    """The sum; sparse if both are."""
    if a.is_sparse and b.is_sparse:
        return _wrapped(_coordinates(a) + _coordinates(b))
    return to_dense(a) + to_dense(b)


def reduce_sum(sp_input: Any, axis: Any = None, keepdims: bool = False, output_is_sparse: bool = False) -> Any:
    """The sum over axes, dense unless asked for otherwise."""
    dense = to_dense(sp_input)
    axes = tuple(range(dense.dim())) if axis is None else axis
    found = torch.sum(dense, axes, keepdims, dtype=dense.dtype)
    return from_dense(found) if output_is_sparse else found


def sparse_dense_matmul(sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False) -> Any:
    """Multiply a sparse matrix by a dense one."""
    first, second = _coordinates(sp_a), convert_to_tensor(b)
    return torch.sparse.mm(first.t() if adjoint_a else first, second.t() if adjoint_b else second)


class CSRSparseMatrix:
    """A sparse matrix, or several along a first axis, as TensorFlow multiplies them: it holds a SparseTensor."""

    def __init__(self, value: Any) -> None:
        self._value = value if isinstance(value, SparseTensor) else from_dense(value)
        self.shape, self.dtype = self._value.shape, self._value.dtype

    def to_sparse_tensor(self) -> SparseTensor:
        """Return the SparseTensor."""
        return self._value

    def to_dense(self) -> torch.Tensor:
        """Return the dense matrix."""
        return to_dense(self._value)


def multiply_matrices(a: Any, b: Any) -> Any:
    """Multiply two matrices, or batches of them, of which one is a CSRSparseMatrix; sparse if both are."""
    first, second = (item.to_sparse_tensor() if isinstance(item, CSRSparseMatrix) else item for item in (a, b))
    if not isinstance(first, SparseTensor):
        turned = multiply_matrices(CSRSparseMatrix(_turned(second)), convert_to_tensor(first).mT)
        return turned.mT
    if isinstance(second, SparseTensor):
        # torch has no product of batches of sparse matrices.
        pairs = zip(_matrices(first), _matrices(second), strict=True)
        products = [_wrapped(torch.sparse.mm(one, other)) for one, other in pairs]
        return CSRSparseMatrix(SparseTensor.stacked(products) if len(first.shape) == 3 else products[0])
    multiply = torch.bmm if len(first.shape) == 3 else torch.sparse.mm
    return multiply(first.coordinates(), convert_to_tensor(second))


def _turned(matrix: SparseTensor) -> SparseTensor:
    places = list(range(len(matrix.shape)))
    places[-2:] = places[:-3:-1]
    return SparseTensor(matrix.indices[:, places], matrix.values, [matrix.shape[place] for place in places])


def _matrices(matrices: SparseTensor) -> Sequence[torch.Tensor]:
    found = matrices.coordinates()
    return [found] if found.dim() == 2 else [found[place] for place in range(len(found))]


def reorder(sp_input: Any) -> Any:
    """Return the tensor, whose values are sorted by place already."""
    return sp_input


def reorder_parts(input_indices: Any, input_values: Any, input_shape: Any) -> tuple[Any, Any]:
    """Return places and values, sorted by place."""
    found = SparseTensor(input_indices, input_values, input_shape)
    return found.indices, found.values


def reshape(sp_input: Any, shape: Any) -> Any:
    """Return the same values in another shape."""
    old = np.ravel_multi_index(tuple(sp_input.indices.T.numpy()), tuple(sp_input.shape))
    sizes = list(ints(shape))
    if -1 in sizes:
        known = -int(np.prod(sizes))
        sizes[sizes.index(-1)] = int(np.prod(tuple(sp_input.shape))) // known
    places = np.stack(np.unravel_index(old, sizes), axis=1)
    return SparseTensor(torch.from_numpy(places), sp_input.values, sizes)


NAMES = {
    "python.ops.gen_sparse_ops.sparse_reorder": reorder_parts,
    "python.ops.linalg.sparse.sparse.CSRSparseMatrix": CSRSparseMatrix,
    "python.ops.linalg.sparse.sparse.matmul": multiply_matrices,
    "SparseTensor sparse.SparseTensor": SparseTensor,
    "sparse.add": add,
    "sparse.from_dense": from_dense,
    "sparse.reduce_sum": reduce_sum,
    "sparse.reorder": reorder,
    "sparse.reshape": reshape,
    "sparse.sparse_dense_matmul": sparse_dense_matmul,
    "sparse.to_dense": to_dense,
}
VERSION_1 = {
    "sparse_add": add,
    "sparse_reorder": reorder,
    "sparse_tensor_dense_matmul": sparse_dense_matmul,
    "sparse_tensor_to_dense": to_dense,
}
