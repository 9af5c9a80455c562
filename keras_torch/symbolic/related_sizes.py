"""Stand-ins of symbolic tensors whose unknown sizes belong together: their graph makes them from its inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from keras_torch.symbolic.inference import stand_in
from keras_torch.symbolic.keras_tensor import KerasTensor
from keras_torch.symbolic.lowering import lower
from keras_torch.symbolic.node import get_source_inputs, is_source, producer

# Size of a batch and other sizes of two runs. Networks halve images often; the small ones fit tables of few positions.
RUNS = (((1, 128), (2, 256)), ((3, 12), (5, 24)), ((1, 384), (2, 512)))


class Trials:
    """What layers know of runs for shapes alone: `forget` of a module drops the losses that such a run left."""

    forget: Callable[[nn.Module], None]


def may_be_related(tensors: list[KerasTensor]) -> bool:
    """Whether sizes beside that of the batch are unknown in tensors that were computed."""
    computed = any(tensor._keras_history and not is_source(producer(tensor)) for tensor in tensors)
    return computed and any(None in tensor.shape[1:] for tensor in tensors)


def computed_stand_ins(tensors: list[KerasTensor], batch: int, size: int, device: torch.device) -> dict[int, Any]:
    """Return by id what the graph makes of the tensors from inputs with `size` in place of each None."""
    found = [source for tensor in tensors for source in get_source_inputs(tensor)]
    sources = list({id(source): source for source in found}.values())
    program = lower(sources, tensors)
    inputs = [stand_in(source, size, device, batch) for source in sources]
    with _left_as_it_is(program):
        return dict(zip(map(id, tensors), program(*inputs), strict=True))


@contextlib.contextmanager
def _left_as_it_is(program: nn.Module) -> Iterator[None]:
    """Run in inference mode, and put back what calls change even so."""
    modes = [(module, module.training) for module in program.modules()]
    weights = [weight for weight in (*program.parameters(), *program.buffers()) if not weight.requires_grad]
    values = [weight.clone() for weight in weights]
    program.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
        for weight, value in zip(weights, values, strict=True):
            weight.copy_(value)
        Trials.forget(program)


def symbolic_leaves(tree: Any) -> list[KerasTensor]:
    """Return the symbolic tensors in a structure, each once."""
    found = [item for item in pytree.tree_leaves(tree) if isinstance(item, KerasTensor)]
    return list({id(tensor): tensor for tensor in found}.values())
