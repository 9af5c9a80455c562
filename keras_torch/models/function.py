"""`keras.Function`: what leads from some symbolic tensors to others, without a model around it."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils import _pytree as pytree

from keras_torch.engine.operation import Operation
from keras_torch.models.model import Model
from keras_torch.symbolic import KerasTensor


class Function(Operation):
    """The computation from symbolic `inputs` to symbolic `outputs`, each a tensor or a structure of them.

    It is called on tensors or arrays in the structure of `inputs`. Functional models are Functions too.
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self._model = Model(inputs, outputs, name=f"{self.name}_model")
        self._inputs_struct, self._outputs_struct = inputs, outputs

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs."""
        return list(self._model.inputs or ())

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic results."""
        return list(self._model.outputs or ())

    input = property(lambda self: self._inputs_struct)  # type: ignore[assignment]
    output = property(lambda self: self._outputs_struct)  # type: ignore[assignment]

    @property
    def operations(self) -> list[Any]:
        """The layers and functions in between, in the order they run."""
        return self._model.operations

    def call(self, inputs: Any) -> Any:
        """Compute the results."""
        return self._model(pytree.tree_map(_as_tensor, inputs))

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return symbolic tensors of the shapes and dtypes of the results."""
        return self._model.symbolic_call(inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the results."""
        return self._model.compute_output_shape(input_shape)


def _as_tensor(item: Any) -> Any:
    return item if isinstance(item, (torch.Tensor, KerasTensor)) else torch.as_tensor(item)


Function.register(Model)
