"""A layer's place in symbolic graphs: `input`, `output`, their shapes and masks, per call."""

from __future__ import annotations

from typing import Any

from torch.utils import _pytree as pytree

from keras_torch.symbolic import KerasTensor, Node, outbound_nodes, set_outbound_nodes


def _single(items: list[Any]) -> Any:
    return items[0] if len(items) == 1 else items


class NodesMixin:
    """The part of Layer that answers questions about its calls on symbolic tensors."""

    name: str
    _inbound_nodes: list[Node]

    def _node(self, index: int, what: str) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(
                f"The layer {self.name!r} has no {what}, because it was never called on a symbolic tensor. Call it on "
                "`keras.Input(...)`, or build a model with it."
            )
        if not -len(self._inbound_nodes) <= index < len(self._inbound_nodes):
            raise ValueError(
                f"The layer {self.name!r} was called {len(self._inbound_nodes)} times; `node_index` of its {what} "
                f"must be less. Received: {index}"
            )
        return self._inbound_nodes[index]

    def _only_node(self, what: str) -> Node:
        if len(self._inbound_nodes) > 1:
            raise AttributeError(
                f"The layer {self.name!r} was called {len(self._inbound_nodes)} times, so it has as many {what}s. "
                f"Choose one with `get_{what.replace(' ', '_')}_at(node_index)`."
            )
        return self._node(0, what)

    def _explain_missing(self, name: str) -> None:
        """Raise the AttributeError of a property once more, since of the first one nothing is left in `__getattr__`."""
        found = getattr(type(self), name, None)
        if isinstance(found, property) and found.fget is not None:
            found.fget(self)

    def get_input_at(self, node_index: int) -> Any:
        """Return the symbolic input(s) of the call number `node_index`."""
        node = self._node(node_index, "input")
        return _single(node.taken or node.output_tensors)

    def get_output_at(self, node_index: int) -> Any:
        """Return the symbolic output(s) of the call number `node_index`."""
        return _single(self._node(node_index, "output").output_tensors)

    def get_input_shape_at(self, node_index: int) -> Any:
        """Return the shape(s) of the input(s) of the call number `node_index`."""
        return pytree.tree_map(_shape, self.get_input_at(node_index))

    def get_output_shape_at(self, node_index: int) -> Any:
        """Return the shape(s) of the output(s) of the call number `node_index`."""
        return pytree.tree_map(_shape, self.get_output_at(node_index))

    def get_input_mask_at(self, node_index: int) -> Any:
        """Return the mask(s) of the input(s) of the call number `node_index`."""
        return _single([tensor._keras_mask for tensor in self._node(node_index, "input mask").taken])

    def get_output_mask_at(self, node_index: int) -> Any:
        """Return the mask(s) of the output(s) of the call number `node_index`."""
        return _single([tensor._keras_mask for tensor in self._node(node_index, "output mask").output_tensors])

    @property
    def input(self) -> Any:
        """The symbolic input(s), if the layer was called once."""
        self._only_node("input")
        return self.get_input_at(0)

    @property
    def output(self) -> Any:
        """The symbolic output(s), if the layer was called once."""
        self._only_node("output")
        return self.get_output_at(0)

    @property
    def input_mask(self) -> Any:
        """The mask(s) of the input(s), if the layer was called once."""
        self._only_node("input mask")
        return self.get_input_mask_at(0)

    @property
    def output_mask(self) -> Any:
        """The mask(s) of the output(s), if the layer was called once."""
        self._only_node("output mask")
        return self.get_output_mask_at(0)

    @property
    def input_shape(self) -> Any:
        """The shape(s) of the input(s), if all calls agree on it."""
        return self._agreed("input")

    @property
    def output_shape(self) -> Any:
        """The shape(s) of the output(s), if all calls agree on it."""
        return self._agreed("output")

    def _agreed(self, what: str) -> Any:
        self._node(0, f"{what} shape")
        get = getattr(self, f"get_{what}_shape_at")
        shapes = [get(index) for index in range(len(self._inbound_nodes))]
        if any(shape != shapes[0] for shape in shapes):
            raise AttributeError(
                f"The layer {self.name!r} was called on different shapes, so it has no single `{what}_shape`: "
                f"{shapes}. Choose one with `get_{what}_shape_at(node_index)`."
            )
        return shapes[0]

    @property
    def inbound_nodes(self) -> list[Node]:
        """The calls of this layer on symbolic tensors."""
        return self._inbound_nodes

    @property
    def outbound_nodes(self) -> list[Node]:
        """The calls of other layers and functions that take this layer's outputs."""
        return outbound_nodes(self)

    @outbound_nodes.setter
    def outbound_nodes(self, value: list[Node]) -> None:
        set_outbound_nodes(self, value)

    _outbound_nodes = outbound_nodes


def _shape(tensor: Any) -> Any:
    return tuple(tensor.shape) if isinstance(tensor, KerasTensor) else tensor
