"""How torch stores a weight and how Keras shapes it: the one table that layers, optimizers and files share.

A row's `view` maps storage tensors to Keras's layout (differentiable; a strided view wherever one exists) and `unview`
is its inverse.
"""

from __future__ import annotations

import math

import torch


class Layout:
    """The identity: torch and Keras agree."""

    def view(self, *storages: torch.Tensor) -> torch.Tensor:
        """Map storage tensors to the tensor in Keras's layout."""
        return storages[0]

    def unview(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map a tensor in Keras's layout to the storage tensors."""
        return (value,)


class Permutation(Layout):
    """Keras's axes are a permutation of torch's: `keras = torch.permute(axes)`, a view."""

    def __init__(self, *axes: int) -> None:
        self.axes = axes
        self.inverse = tuple(sorted(range(len(axes)), key=axes.__getitem__))

    def view(self, *storages: torch.Tensor) -> torch.Tensor:
        return storages[0].permute(self.axes)

    def unview(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (value.permute(self.inverse),)


class Reshaped(Layout):
    """Keras's axes are torch's, split: a view of another shape."""

    def __init__(self, stored: tuple[int, ...], shape: tuple[int, ...]) -> None:
        self.stored = stored
        self.shape = shape

    def view(self, *storages: torch.Tensor) -> torch.Tensor:
        return storages[0].reshape(self.shape)

    def unview(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (value.reshape(self.stored),)


class SplitLinear(Layout):
    """torch's (out, in) with both split into several axes, in any order: `weight.view(*out, *in).permute(order)`."""

    def __init__(self, outputs: tuple[int, ...], inputs: tuple[int, ...], order: tuple[int, ...]) -> None:
        self.split = (*outputs, *inputs)
        self.joined = (math.prod(outputs), math.prod(inputs))
        self.order = order
        self.inverse = tuple(sorted(range(len(order)), key=order.__getitem__))

    def view(self, *storages: torch.Tensor) -> torch.Tensor:
        return storages[0].reshape(self.split).permute(self.order)

    def unview(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (value.permute(self.inverse).reshape(self.joined),)


IDENTITY = Layout()
TRANSPOSED = Permutation(1, 0)

# torch (out, in, *spatial); Keras (*spatial, in, out)
CONV = {rank: Permutation(*range(2, rank + 2), 1, 0) for rank in (1, 2, 3)}


class DepthwiseKernel(Layout):
    """torch has the filters of all channels in one axis, Keras (*spatial, channels, filters of a channel): a view."""

    def __init__(self, channels: int) -> None:
        self.channels = channels

    def view(self, *storages: torch.Tensor) -> torch.Tensor:
        weight = storages[0].unflatten(0, (self.channels, -1)).squeeze(2)
        return weight.permute(*range(2, weight.dim()), 0, 1)

    def unview(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (value.permute(-2, -1, *range(value.dim() - 2)).flatten(0, 1).unsqueeze(1),)


def _update_first(weight: torch.Tensor) -> torch.Tensor:
    """Exchange the first two of three stacked gates: r, z, n and z, r, n."""
    reset, update, candidate = weight.chunk(3)
    return torch.cat((update, reset, candidate))


class GRUKernel(Layout):
    """torch stacks the gates r, z, n in rows, Keras z, r, h in columns: a converted copy."""

    def view(self, *storages: torch.Tensor) -> torch.Tensor:
        return _update_first(storages[0]).t()

    def unview(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (_update_first(value.t()),)


class GRUBias(Layout):
    """torch's input and recurrent biases are the two rows of Keras's bias, (2, 3 * units)."""

    def view(self, *storages: torch.Tensor) -> torch.Tensor:
        return torch.stack([_update_first(storage) for storage in storages])

    def unview(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(_update_first(row) for row in value)


GRU_KERNEL = GRUKernel()
GRU_BIAS = GRUBias()


class CuDNNKernel(Layout):
    """Keras 2's CuDNN layers put the numbers of each gate's (units, in) matrix, in that order, into (in, units)."""

    def __init__(self, gates: int) -> None:
        self.gates = gates

    def view(self, *storages: torch.Tensor) -> torch.Tensor:
        weight = _update_first(storages[0]) if self.gates == 3 else storages[0]
        rows, features = weight.shape
        return weight.reshape(self.gates, features, rows // self.gates).transpose(0, 1).reshape(features, rows)

    def unview(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features, rows = value.shape
        weight = value.reshape(features, self.gates, -1).transpose(0, 1).reshape(rows, features)
        return (_update_first(weight) if self.gates == 3 else weight,)


class CuDNNBias(Layout):
    """torch's input and recurrent biases are the two halves of the bias of Keras 2's CuDNN layers."""

    def __init__(self, gates: int) -> None:
        self.gates = gates

    def view(self, *storages: torch.Tensor) -> torch.Tensor:
        return torch.cat([_update_first(storage) if self.gates == 3 else storage for storage in storages])

    def unview(self, value: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(_update_first(half) if self.gates == 3 else half for half in value.chunk(2))


CUDNN_KERNEL = {gates: CuDNNKernel(gates) for gates in (3, 4)}
CUDNN_BIAS = {gates: CuDNNBias(gates) for gates in (3, 4)}
