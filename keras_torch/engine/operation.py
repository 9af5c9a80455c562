"""`keras.Operation`: a function of one's own with a name, as a node in models."""

from __future__ import annotations

import abc
import inspect
from typing import Any

from torch.utils import _pytree as pytree

from keras_torch.engine.base_layer import Layer
from keras_torch.registry import snake_case
from keras_torch.symbolic import FunctionOp, KerasTensor, Node, infer, unique_name


class Operation(abc.ABC):
    """A function with a name: subclasses define `call` in torch or `keras.ops`, and keep no state.

    On symbolic tensors a call becomes a node of the graph, with the shapes of `compute_output_spec`: by default
    what `call` gives on stand-ins. Layers are Operations too.
    """

    _given: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Operation:
        operation = super().__new__(cls)
        operation._given = (args, kwargs)
        return operation

    def __init__(self, name: str | None = None) -> None:
        if "/" in (name or ""):
            raise ValueError(f"The `name` of an operation must not contain '/'. Received: name={name!r}")
        self.name = name or unique_name(snake_case(type(self).__name__))
        # What torch.fx calls the function by.
        self.__name__ = self.name
        self._nodes: list[Node] = []

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result from tensors. Subclasses define it."""
        raise NotImplementedError(f"Operation {self.name!r} of class {type(self).__name__} defines no `call`.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(item, KerasTensor) for item in pytree.tree_leaves((args, kwargs))):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Record a call and return symbolic results."""
        outputs = self.compute_output_spec(*args, **kwargs)
        self._nodes.append(Node(FunctionOp(self), args, kwargs, outputs))
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Return symbolic tensors of the shapes and dtypes of the results."""
        return infer(self.call, args, kwargs, f"Operation {self.name!r}")

    @property
    def input(self) -> Any:
        """The symbolic input of the first call; a list of several."""
        return _alone(self._first().input_tensors)

    @property
    def output(self) -> Any:
        """The symbolic result of the first call; a list of several."""
        return _alone(self._first().output_tensors)

    def _first(self) -> Node:
        if not self._nodes:
            raise AttributeError(f"Operation {self.name!r} was not called on symbolic tensors yet.")
        return self._nodes[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that the operation was made with, defaults too, and its name if it takes one.

        For a class with a `get_config` of its own, which calls this one, the name alone. NotImplementedError if
        arguments have no names to give them by again.
        """
        if type(self).get_config is not Operation.get_config:
            return {"name": self.name}
        parameters = inspect.signature(type(self).__init__).parameters
        bound = inspect.signature(type(self).__init__).bind(self, *self._given[0], **self._given[1])
        bound.apply_defaults()
        config: dict[str, Any] = {}
        for key, value in list(bound.arguments.items())[1:]:
            kind = parameters[key].kind
            if kind is inspect.Parameter.VAR_KEYWORD:
                config |= value
            elif kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY):
                config[key] = value
            elif value:
                raise NotImplementedError(
                    f"Operation {self.name!r} of class {type(self).__name__} was made with arguments that have no "
                    f"names: `{key}`. Received: {value!r}. Give the class a `get_config` and a `from_config`."
                )
        kinds = [parameter.kind for parameter in parameters.values()]
        takes_name = "name" in parameters or inspect.Parameter.VAR_KEYWORD in kinds
        return {**config, "name": self.name} if takes_name else config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Operation:
        """Make an operation from `get_config`."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def _alone(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


Operation.register(Layer)
