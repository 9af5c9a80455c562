"""The symbolic tensors that `compile` made in Keras 1 and 2: `total_loss`, `targets`, `sample_weights` of a model.

Scripts take gradients of them: `K.function(model.inputs + model.sample_weights + model.targets, K.gradients(...))`.
"""

from __future__ import annotations

from typing import Any

from keras_torch.backend import placeholder
from keras_torch.losses import Loss
from keras_torch.models import graph_losses
from keras_torch.symbolic import KerasTensor, record_function
from keras_torch.training import sources


class _Tensors:
    """What one call of `compile` makes for a model with a graph."""

    def __init__(self, model: Any) -> None:
        compiled, network = model._compiled, model._network
        self.network, self.compiled = network, compiled
        used = [
            (name, loss, factor, output)
            for name, loss, factor, output in zip(
                model.output_names, compiled.loss.losses, compiled.loss.weights, network.flat_outputs, strict=True
            )
            if loss is not None
        ]
        self.losses = [loss for _, loss, _, _ in used]
        self.targets = [placeholder(_target_shape(loss, out), name=f"{name}_target") for name, loss, _, out in used]
        self.sample_weights = [placeholder((None,), name=f"{name}_sample_weights") for name, _, _, _ in used]
        self.trained = compiled.trainable or model.trainable_weights
        total: Any = 0.0
        for (_, loss, factor, output), target, weight in zip(used, self.targets, self.sample_weights, strict=True):
            value = loss(target, output, weight)
            total = value * (1.0 if factor is None else factor) + total
        for penalty in graph_losses.graph_losses(network):
            total = penalty + total
        self.regularized = [item for item in model.trainable_weights if getattr(item, "regularizer", None) is not None]
        self.total_loss: KerasTensor = (
            record_function(self._with_penalties, (total,), {}) if self.regularized else total
        )

    def _with_penalties(self, total: Any) -> Any:
        return sum((weight.regularizer(weight) for weight in self.regularized), start=total)


def _target_shape(loss: Loss, output: KerasTensor) -> tuple[int | None, ...]:
    shape = tuple(output.shape)
    return (*shape[:-1], 1) if loss.name.startswith("sparse_categorical") else shape


_READ = {
    "total_loss": lambda made: made.total_loss,
    "targets": lambda made: list(made.targets),
    "sample_weights": lambda made: list(made.sample_weights),
    "loss_functions": lambda made: list(made.losses),
    "_collected_trainable_weights": lambda made: list(made.trained),
    "_feed_targets": lambda made: list(made.targets),
    "_feed_sample_weights": lambda made: list(made.sample_weights),
    "_feed_inputs": lambda made: list(made.network.flat_inputs),
}


def knows(model: Any, name: str) -> bool:
    """Whether a name is that of a symbolic tensor, or list of them, which `compile` of Keras 1 and 2 made."""
    return name in _READ and model.__dict__.get("_compiled") is not None and model.__dict__["_network"] is not None


def read(model: Any, name: str) -> Any:
    """Return the tensor or the list of this name."""
    made = model.__dict__.get("_compiled_tensors")
    if made is None or made.compiled is not model._compiled or made.network is not model._network:
        made = model.__dict__["_compiled_tensors"] = _Tensors(model)
    return _READ[name](made)


def standardized(model: Any, x: Any, y: Any, sample_weight: Any, class_weight: Any) -> tuple[list[Any], ...]:
    """Return lists of arrays to feed: inputs, targets and sample weights, which are 1 where none are given."""
    data = sources.ArrayArguments(model, x, y, sample_weight, class_weight)
    if data.class_weight is not None:
        data.weight = data.weighted_by_class(data.class_weight)
    arrays, inputs = data.as_list(), len(data.x.tensors)
    targets = inputs + len(data.y.tensors)
    return arrays[:inputs], arrays[inputs:targets], arrays[targets:]
