"""`predict` with larger batches than the default, for small models: most of their time goes into making the calls.

Only where nobody can tell, but by the time and the rounding of sums: no batch size is asked for, nobody listens to
batches, and each layer computes a sample's outputs from that sample alone.
"""

from __future__ import annotations

import math
from typing import Any

from torch import nn

from keras_torch import config
from keras_torch.engine import Layer

# The largest tensor between two layers: with its neighbours it fits into a processor's cache.
_BYTES = 2**20
_BY_SAMPLE = frozenset(
    "InputLayer Dense Activation ReLU LeakyReLU ELU Dropout Flatten Reshape BatchNormalization Embedding Add".split()
)
_OVERRIDES = ("predict_step", "make_predict_function")


def batch_size(model: Any, default: int) -> int:
    """Return a multiple of the default batch size at which the model's tensors are still small, or the default."""
    network = model._network
    if network is None or model.jit_compile or config.max_steps_per_epoch() is not None:
        return default
    if any(model._overrides(name) for name in _OVERRIDES) or not all(_goes_by_sample(item) for item in model.modules()):
        return default
    tensors = [tensor for node in network.nodes for tensor in node.output_tensors] + network.flat_inputs
    if not all(_is_by_sample(tensor.shape) for tensor in tensors):
        return default
    largest = max(math.prod(tensor.shape[1:]) * config.torch_dtype(tensor.dtype).itemsize for tensor in tensors)
    return default * max(1, _BYTES // max(1, largest * default))


def _is_by_sample(shape: Any) -> bool:
    """Whether only the number of samples is open."""
    return len(shape) > 1 and shape[0] is None and None not in shape[1:]


def _goes_by_sample(module: nn.Module) -> bool:
    """Whether a module computes a sample's outputs from that sample alone, and nobody listens to its calls."""
    if module._forward_hooks or module._forward_pre_hooks:
        return False
    if not isinstance(module, Layer):
        return type(module).__module__.startswith(("torch.", "keras_torch."))
    if not module._is_builtin or module.stateful or getattr(module, "mode", 0):
        return False
    activation = getattr(module, "activation", None)
    known = getattr(activation, "__module__", "") or ""
    network = getattr(module, "_network", None)
    if network is not None:
        return all(isinstance(operation, Layer) for operation in network.operations)
    return type(module).__name__ in _BY_SAMPLE and (activation is None or known.startswith(("keras_torch.", "torch.")))
