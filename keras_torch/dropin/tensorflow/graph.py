"""Variables of TensorFlow 1's graphs: symbolic tensors that read a variable whenever something is computed from them.

They are what `tf.Variable` and `tf.get_variable` make while a script describes a graph: in dialects 1 and 2, and after
`tf.compat.v1.disable_eager_execution()`. Layers, and all that we call, get real variables.
"""

from __future__ import annotations

import sys
from typing import Any

import torch
from torch import nn

from keras_torch import backend, config
from keras_torch.backend.session import Operation
from keras_torch.backend.variables import Update
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.engine.weights import Made
from keras_torch.symbolic import FunctionOp, KerasTensor, Node
from keras_torch.symbolic.recomputed import Graphs

_LAUNCHERS = ("keras_torch.cli", "keras_torch.dropin")
_made: list[GraphVariable] = []
_of_layers: dict[int, SymbolicVariable] = {}
_global_steps: list[Any] = []


class _Read(nn.Module):
    """Gives the value of a variable, as a step of a running graph."""

    variable: Any

    def __init__(self, variable: Any) -> None:
        super().__init__()
        self.__dict__["variable"] = variable

    def forward(self) -> Any:
        """Return the variable's tensor."""
        return self.variable.value


class SymbolicVariable(KerasTensor):
    """A variable as a symbolic tensor; `variable` holds the values. `assign` and kin give what a session runs.

    One of a layer has its first value, and no initializer changes it.
    """

    def __init__(self, variable: Any) -> None:
        super().__init__(tuple(variable.shape), config.dtype_name(variable.dtype), name=variable.name)
        self.variable = variable
        self.trainable = bool(variable.trainable)
        Node(FunctionOp(_Read(variable)), (), {}, self)

    def assign(self, value: Any, use_locking: bool = False, name: Any = None, read_value: bool = True) -> Any:
        """Return an update to a value, symbolic or not."""
        known = value if isinstance(value, KerasTensor) else convert_to_tensor(value, self.dtype)
        return Update((self.variable, known))

    def assign_add(self, delta: Any, use_locking: bool = False, name: Any = None, read_value: bool = True) -> Any:
        """Return an update by a sum."""
        return self.assign(self + delta)

    def assign_sub(self, delta: Any, use_locking: bool = False, name: Any = None, read_value: bool = True) -> Any:
        """Return an update by a difference."""
        return self.assign(self - delta)

    def load(self, value: Any, session: Any = None) -> None:
        """Set the value now."""
        self.variable.assign(value)

    def read_value(self) -> SymbolicVariable:
        """The variable."""
        return self

    value = initialized_value = read_value

    def eval(self, session: Any = None) -> Any:
        """The value as an array."""
        return backend.get_value(self.variable)

    @property
    def initializer(self) -> Any:
        """Nothing to run."""
        return Operation([])

    @property
    def op(self) -> SymbolicVariable:
        """The variable, which has a `name`."""
        return self


class GraphVariable(SymbolicVariable):
    """A variable that the script made."""

    def __init__(self, variable: Any) -> None:
        super().__init__(variable)
        self._initial = variable.value.detach().clone()
        _made.append(self)

    @property
    def initializer(self) -> Any:
        """The update to the first value."""
        return self.assign(self._initial)


def note_weights() -> None:
    """Have the weights of layers noted from now on, if scripts describe graphs."""
    if Made.noted is None and Graphs.are_described():
        Made.noted = []


def of_layers() -> list[SymbolicVariable]:
    """The weights of the layers that exist, in the order in which they were made."""
    found = []
    for weight in [reference() for reference in Made.noted or ()]:
        if weight is not None:
            if id(weight) not in _of_layers:
                _of_layers[id(weight)] = SymbolicVariable(weight)
            found.append(_of_layers[id(weight)])
    return found


def set_eager(eager: bool | None) -> None:
    """Say whether scripts compute at once, whatever the dialect."""
    Graphs.eager = eager
    note_weights()


def describes_graph() -> bool:
    """Whether a script, and none of our functions, is asking while it describes a graph."""
    if not Graphs.are_described():
        return False
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("keras_torch.") and not name.startswith(_LAUNCHERS):
            return False
        frame = frame.f_back
    return True


def variables(trainable: bool = False) -> list[SymbolicVariable]:
    """The variables of the graph, or those that are to be trained: the script's, and the weights of layers."""
    return [item for item in (*_made, *of_layers()) if item.trainable or not trainable]


def forget() -> None:
    """Leave the variables out of what is initialized, saved and listed from now on."""
    _made.clear()
    _of_layers.clear()
    Made.noted = None
    note_weights()
    _global_steps.clear()


def initialize(var_list: Any = None, name: str | None = None) -> Operation:
    """Return what gives variables their first values; those of layers have them."""
    chosen = _made if var_list is None else [item for item in var_list if isinstance(item, GraphVariable)]
    return Operation([item.initializer for item in chosen])


def global_step(graph: Any = None) -> Any:
    """Return the variable that counts steps, which `minimize(loss, global_step=)` adds 1 to."""
    if not _global_steps:
        counter = backend.Variable(torch.tensor(0), trainable=False, name="global_step")
        _global_steps.append(GraphVariable(counter) if Graphs.are_described() else counter)
    return _global_steps[0]
