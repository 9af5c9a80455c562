"""`multi_gpu_model`: every batch in equal parts on several GPUs, within one process, as Keras 2 did it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from keras_torch import config, distributed
from keras_torch.engine import placement
from keras_torch.engine.masking import get_mask, set_mask
from keras_torch.layers import Identity
from keras_torch.models.model import Model
from keras_torch.models.network import Network


def multi_gpu_model(
    model: Any, gpus: int | Sequence[int] | None = None, cpu_merge: bool = True, cpu_relocation: bool = False
) -> Model:
    """Return a model that splits each batch among GPUs, computes the parts there and joins the outputs.

    It shares its weights with `model`, the one before the last of its layers: train it, and save `model`. `gpus` is a
    number of 2 or more, a list of GPU numbers, or None for all; ValueError if they are not there. Results are those of
    one GPU; `BatchNormalization` takes statistics of each part, in turn. Weights stay where they are, and outputs
    come together there, whatever `cpu_merge` and `cpu_relocation` say: they choose a place, and no number changes.

    Under `keras-torch run --gpus N` nothing is split within a process: each has a GPU, where the weights of `model` go,
    and `fit` divides the batches among all there are, whatever their number.
    """
    devices = () if distributed.is_active() and _several(gpus) else _devices(gpus)
    if not devices:
        _relocate(model)
    outputs = model(model.inputs if len(model.inputs) > 1 else model.inputs[0])
    flat = pytree.tree_leaves(outputs)
    named = [Identity(name=name)(tensor) for name, tensor in zip(model.output_names, flat, strict=True)]
    parallel = Model(model.inputs, named)
    if devices:
        parallel._set_network(_SplitNetwork(model, devices, model.inputs, named, parallel.name))
    return parallel


def _several(gpus: int | Sequence[int] | None) -> bool:
    return gpus is None or (gpus if isinstance(gpus, int) else len(gpus)) > 1


def _relocate(model: Any) -> None:
    """Bring a model to this process's device, also one that was made in `with tf.device('/cpu:0')`."""
    model.to(config.default_device())
    for network in [item._network for item in model.modules() if getattr(item, "_network", None) is not None]:
        if any(node.device is not None for node in network.nodes):
            for node in network.nodes:
                node.device = None
            network._lower()


def _available() -> list[torch.device]:
    return [torch.device("cuda", index) for index in range(torch.cuda.device_count())]


def _devices(gpus: int | Sequence[int] | None) -> list[torch.device]:
    there = _available()
    wanted = list(range(gpus or len(there))) if gpus is None or isinstance(gpus, int) else list(gpus)
    if len(wanted) < 2:
        raise ValueError(
            f"`multi_gpu_model` needs 2 GPUs or more. Received: gpus={gpus!r}; this machine has {len(there)}. Train "
            "the model itself."
        )
    missing = [index for index in wanted if not 0 <= index < len(there)]
    if missing:
        raise ValueError(
            f"`multi_gpu_model` with gpus={gpus!r} needs the GPUs {wanted}, but this machine has {len(there)}: "
            f"{[str(device) for device in there]}. Reduce `gpus`, or train the model itself."
        )
    return [there[index] for index in wanted]


class _SplitNetwork(Network):
    """A graph of one model and nothing else, which runs in parts on several devices."""

    def __init__(self, model: Any, devices: Sequence[torch.device], inputs: Any, outputs: Any, name: str) -> None:
        super().__init__(inputs, outputs, name)
        self._model = model
        self._devices = tuple(devices)

    def run(self, inputs: Any) -> Any:
        """Run on real tensors: all but the last part have the same size. Batches too small for that stay whole."""
        tensors = self.prepare(inputs)
        count = len(self._devices)
        size = len(tensors[0]) // count
        if size == 0 or tensors[0].is_meta or self.effects:
            return super().run(tensors)
        home = tensors[0].device
        parts = []
        for index, device in enumerate(self._devices):
            rows = slice(index * size, None if index == count - 1 else (index + 1) * size)
            parts.append(self._run_part([tensor[rows] for tensor in tensors], device))
        joined = [_join(outputs, home) for outputs in zip(*parts, strict=True)]
        return joined[0] if len(self.flat_outputs) == 1 else joined

    def _run_part(self, tensors: list[torch.Tensor], device: torch.device) -> list[Any]:
        given: Any = tensors[0] if self.single_input or len(tensors) == 1 else tensors
        return pytree.tree_leaves(placement.call_on(device, self._model, given))


def _join(parts: Sequence[torch.Tensor], home: torch.device) -> torch.Tensor:
    joined = torch.cat([placement.to(part, home) for part in parts])
    masks = [get_mask(part) for part in parts]
    if all(mask is not None for mask in masks):
        set_mask(joined, torch.cat([placement.to(mask, home) for mask in masks]))
    return joined
