"""What layers give out for some data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from keras_torch.engine.call import flat_tensors


def layer_outputs(
    model: Any, layers: Iterable[Any], inputs: Sequence[Any], batch_size: int
) -> dict[str, list[torch.Tensor]]:
    """Predict for the model's `inputs` by batches and return each layer's outputs, by its name.

    A layer that the model calls several times is seen the last time. Layers that do not run are left out.
    """
    seen: dict[str, Any] = {}
    kept: dict[str, list[list[torch.Tensor]]] = {}
    hooks = [
        layer.register_forward_hook(lambda module, args, output, name=layer.name: seen.update({name: output}))
        for layer in layers
    ]
    try:
        for start in range(0, len(inputs[0]), batch_size):
            parts = [item[start : start + batch_size] for item in inputs]
            model.predict_on_batch(parts if len(parts) > 1 else parts[0])
            for name, output in seen.items():
                tensors = flat_tensors(output)
                kept.setdefault(name, [[] for _ in tensors])
                for batches, tensor in zip(kept[name], tensors, strict=True):
                    batches.append(tensor.detach().cpu())
    finally:
        for hook in hooks:
            hook.remove()
    return {name: [torch.cat(batches) for batches in outputs] for name, outputs in kept.items()}
