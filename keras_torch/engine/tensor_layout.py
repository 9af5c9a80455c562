"""How torch stores a weight and how Keras shapes it: the one table that layers, optimizers and files share.

A row's `view` maps storage tensors to Keras's layout (differentiable; a strided view wherever one exists) and `unview`
is its inverse.
"""

from __future__ import annotations

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


def permutation(*axes: int) -> Permutation:
    """Return the layout whose Keras tensor is `torch_tensor.permute(axes)`."""
    return Permutation(*axes)


IDENTITY = Layout()
TRANSPOSED = Permutation(1, 0)

# torch (out, in, *spatial); Keras (*spatial, in, out)
CONV = {rank: Permutation(*range(2, rank + 2), 1, 0) for rank in (1, 2, 3)}
# torch (in, out, *spatial); Keras (*spatial, out, in)
CONV_TRANSPOSE = CONV
