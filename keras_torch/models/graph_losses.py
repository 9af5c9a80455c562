"""Losses that layers add in a graph, as symbolic tensors: what `model.losses` held in Keras 1 and 2."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator
from typing import Any

import torch

from keras_torch.layers import AddLoss, TimeDistributed
from keras_torch.models.network import Network
from keras_torch.symbolic import KerasTensor, internal_nodes

_nested: contextvars.ContextVar[bool] = contextvars.ContextVar("nested_losses", default=False)


@contextlib.contextmanager
def without() -> Iterator[None]:
    """Let the models inside a model leave out the losses in their graphs, which the outer one lists for each call."""
    token = _nested.set(True)
    try:
        yield
    finally:
        _nested.reset(token)


def nested() -> bool:
    """Whether a model around the one that is asked lists the losses in graphs."""
    return _nested.get()


def graph_losses(network: Network) -> list[KerasTensor]:
    """Return a symbolic loss for each call of a layer with an activity regularizer and for each `add_loss`.

    Those of a nested model are computed from its own inputs.
    """
    found: list[KerasTensor] = []
    for node in network.nodes:
        layer = node.operation
        if isinstance(layer, AddLoss):
            found += node.taken
        elif isinstance(getattr(layer, "_network", None), Network):
            found += graph_losses(layer._network)
        elif _regularizer(layer) is not None:
            with internal_nodes():
                found += [_regularizer(layer)(tensor) for tensor in node.output_tensors]
    return found


def _regularizer(layer: Any) -> Any:
    inner = layer.layer if isinstance(layer, TimeDistributed) else layer
    return getattr(inner, "activity_regularizer", None)


def has_run(model: Any) -> bool:
    """Whether a run left the values of losses behind."""
    return any(
        isinstance(loss, torch.Tensor) for module in model.modules() for loss in getattr(module, "_call_losses", ())
    )
