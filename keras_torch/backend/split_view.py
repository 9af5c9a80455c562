"""Weights of which each process keeps a part."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.backend.variable import WeightView
from keras_torch.distributed import parts


class SplitView(WeightView):
    """A weight whose storages are DTensors, except while its layer computes: then they are whole.

    All processes read it together, and get all of it; each writes its own part.
    """

    @property
    def value(self) -> torch.Tensor:
        """The weight in Keras's layout, differentiable."""
        storages = self.storages
        value = self.layout.view(*map(parts.whole, storages))
        if storages[0].is_leaf and storages[0].grad is not None and value is not storages[0]:
            value.grad = self.grad
        return value

    @property
    def grad(self) -> torch.Tensor | None:
        """The gradient in Keras's layout, or None."""
        found = [storage.grad for storage in self.storages]
        if any(grad is None for grad in found):
            return None
        return self.layout.view(*map(parts.whole, found))

    @property
    def shape(self) -> torch.Size:
        """Shape in Keras's layout."""
        return self.layout.view(*(torch.empty(item.shape, device="meta") for item in self.storages)).shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def _write(self, tensor: torch.Tensor) -> None:
        for storage, piece in zip(self.storages, self.layout.unview(tensor), strict=True):
            parts.write(storage, piece)


def split_view(layer: torch.nn.Module, key: str, variable: Any, layout: Any) -> SplitView:
    """Return what stands for a variable of a layer from now on; the layer's parameter `key` is its storage."""
    view = SplitView(layer, (key,), layout, key)
    view.__dict__.update(variable.__dict__)
    variable.__dict__["_keras_split"] = view
    return view


def current(variable: Any) -> Any:
    """Return what stands for a variable now."""
    return getattr(variable, "__dict__", {}).get("_keras_split", variable)
