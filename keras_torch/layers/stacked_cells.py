"""Cells of any kind: what Keras asks of one, running one over a sequence, and StackedRNNCells."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from keras_torch import config as settings
from keras_torch import registry
from keras_torch.engine import Layer, autocast
from keras_torch.layers.recurrent_cells import BuiltInCell
from keras_torch.layers.recurrent_loop import Result, flatten, is_shape, pack_like, run_steps


def check_cell(cell: Any, layer_name: str) -> None:
    """ValueError unless `cell` has a `call` method and a `state_size`."""
    if not hasattr(cell, "call") and not callable(cell):
        raise ValueError(f"Layer {layer_name!r}: `cell` must have a method `call(inputs, states)`. Received: {cell!r}")
    if not hasattr(cell, "state_size"):
        raise ValueError(
            f"Layer {layer_name!r}: a cell must have a `state_size` attribute, an integer or a list of integers, one "
            f"per state. Received: {cell!r}"
        )


def as_shape(size: Any) -> tuple[int, ...]:
    """Return a state or output size, a number or a shape, as a shape without the batch."""
    return tuple(size.as_list() if hasattr(size, "as_list") else size) if is_shape(size) else (int(size),)


def output_size_of(cell: Any) -> Any:
    """Return a cell's `output_size`; by default the size of its first state."""
    size = getattr(cell, "output_size", None)
    return flatten(cell.state_size)[0] if size is None else size


def initial_state_of(cell: Any, inputs: Tensor | None, batch_size: int | None, dtype: Any) -> Any:
    """Return a cell's first states: from its `get_initial_state`, or zeros."""
    method = getattr(cell, "get_initial_state", None)
    if method is None:
        if inputs is None:
            inputs = torch.empty(batch_size or 0, 0, dtype=dtype)
        zeros = [inputs.new_zeros((inputs.shape[0], *as_shape(size))) for size in flatten(cell.state_size)]
        return pack_like(cell.state_size, zeros)
    if inputs is not None:
        batch_size, dtype = inputs.shape[0], inputs.dtype
    if getattr(type(cell), "get_initial_state", None) is BuiltInCell.get_initial_state:
        # Inspecting the method would take longer than a step of a small cell.
        return method(inputs, batch_size, dtype)
    known = inspect.signature(method).parameters
    options = {"inputs": inputs, "batch_size": batch_size, "dtype": dtype}
    return method(**{key: value for key, value in options.items() if key in known})


def takes_constants(cell: Any) -> bool:
    """Whether a cell's `call` has an argument `constants`."""
    return "constants" in inspect.signature(cell.call if hasattr(cell, "call") else cell).parameters


def build_cell(cell: Any, input_shape: tuple[int | None, ...], constant_shapes: Sequence[Any] = ()) -> None:
    """Build a cell, if it is a layer that is not built yet, for the shape (batch, features) of one step.

    In Keras 2 a cell that takes constants gets a list: that shape and then the shapes of the constants.
    """
    if isinstance(cell, Layer) and not cell.built:
        with_constants = constant_shapes and settings.is_classic() and takes_constants(cell)
        cell._build_once([input_shape, *constant_shapes] if with_constants else input_shape)


def call_cell(cell: Any, inputs: Any, states: Any, constants: Any = None) -> tuple[Any, Any]:
    """Take one step with any cell; a layer's `call` is run without the checks that its first call had."""
    options = {} if constants is None else {"constants": constants}
    if not isinstance(cell, Layer):
        return cell(inputs, states, **options) if callable(cell) else cell.call(inputs, states, **options)
    if not cell.built or cell.activity_regularizer is not None:
        return cell(inputs, states, **options)
    if cell._wants_training:
        options["training"] = cell.training
    return cell._call_impl(inputs, states, **options)


def run_cell(
    cell: Any,
    inputs: Any,
    states: list[Tensor],
    mask: Tensor | None,
    every_output: bool,
    last_states: bool,
    fuse: bool,
    constants: Any = None,
) -> Result:
    """Run any cell over `inputs` (batch, time, ...) from flat `states`. See `BuiltInCell.run_sequence`."""
    if autocast.is_mixed(cell):
        # Once for all steps.
        with autocast.cast_weights(cell):
            return _run_cell(cell, inputs, states, mask, every_output, last_states, fuse, constants)
    return _run_cell(cell, inputs, states, mask, every_output, last_states, fuse, constants)


def _run_cell(
    cell: Any,
    inputs: Any,
    states: list[Tensor],
    mask: Tensor | None,
    every_output: bool,
    last_states: bool,
    fuse: bool,
    constants: Any,
) -> Result:
    if _runs_sequences(cell):
        return cell.run_sequence(inputs, states, mask, every_output, last_states, fuse)
    if type(cell) is StackedRNNCells and constants is None and not cell.reverse_state_order:
        return _run_stack(cell, inputs, states, mask, every_output, last_states, fuse)
    _reset_dropout(cell)

    def step(x: Any, flat_states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        nested = pack_like(cell.state_size, flat_states)
        output, new_states = call_cell(cell, x, nested if isinstance(nested, list) else [nested], constants)
        return output, flatten(new_states)

    return run_steps(step, inputs, states, mask, every_output)


def _run_stack(
    stack: StackedRNNCells,
    inputs: Tensor,
    states: list[Tensor],
    mask: Tensor | None,
    every_output: bool,
    last_states: bool,
    fuse: bool,
) -> Result:
    """Run each cell over the whole sequence, one after the other: the same result as all cells step by step."""
    remaining, new_states = list(states), []
    for cell in stack.cells[:-1]:
        count = len(flatten(cell.state_size))
        own, remaining = remaining[:count], remaining[count:]
        sequence, _, final = run_cell(cell, inputs, own, mask, True, last_states, fuse)
        inputs = sequence  # type: ignore[assignment]
        new_states.extend(final)
    sequence, last, final = run_cell(stack.cells[-1], inputs, remaining, mask, every_output, last_states, fuse)
    return sequence, last, new_states + final


def _runs_sequences(cell: Any) -> bool:
    """Whether a cell can run a whole sequence: a built-in one whose `call` nobody has overridden."""
    return isinstance(cell, BuiltInCell) and type(cell).call is BuiltInCell.call


def _reset_dropout(cell: Any) -> None:
    for item in cell.cells if isinstance(cell, StackedRNNCells) else [cell]:
        for name in ("reset_dropout_mask", "reset_recurrent_dropout_mask"):
            if hasattr(item, name):
                getattr(item, name)()
        # Cells written for Keras 2 make a mask where they find None, for a graph that draws it anew for each batch.
        for name in ("_dropout_mask", "_recurrent_dropout_mask"):
            if item.__dict__.get(name) is not None:
                setattr(item, name, None)


class StackedRNNCells(Layer):
    """Several cells as one: each takes the output of the one before. `RNN([cell, cell])` makes one.

    `reverse_state_order` lists the states of the last cell first, as Keras 2.1 did.
    """

    def __init__(self, cells: Sequence[Any], reverse_state_order: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reverse_state_order = bool(reverse_state_order)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ValueError(
                f"Layer {self.name!r}: `cells` must be a list of at least one cell. Received: {cells!r} of type "
                f"{type(cells).__name__}"
            )
        for cell in cells:
            check_cell(cell, self.name)
        self.cells = list(cells)
        self._accepts_integers = getattr(cells[0], "_accepts_integers", True)

    def _in_state_order(self, items: Sequence[Any]) -> list[Any]:
        return list(reversed(items)) if self.reverse_state_order else list(items)

    def _sizes(self) -> list[Any]:
        return [cell.state_size for cell in self._in_state_order(self.cells)]

    @property
    def state_size(self) -> Any:
        """The state sizes, nested by cell; one flat tuple in Keras 2 and before."""
        return tuple(flatten(self._sizes())) if settings.is_classic() else self._sizes()

    @property
    def output_size(self) -> Any:
        """Width of the last cell's output."""
        return output_size_of(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        """Build each cell for the output of the one before; shapes of constants may follow the input's."""
        constants: list[Any] = []
        if isinstance(input_shape[0], (list, tuple)):
            input_shape, *constants = input_shape
        for cell in self.cells:
            build_cell(cell, input_shape, constants)
            input_shape = (input_shape[0], *as_shape(output_size_of(cell)))
        super().build(input_shape)

    def call(self, inputs: Any, states: Any, constants: Any = None, training: bool | None = None) -> tuple[Any, Any]:
        """Take one step with every cell; return the last output and the states, nested by cell."""
        new_states = []
        packed = self._in_state_order(pack_like(self._sizes(), flatten(states)))
        for cell, nested in zip(self.cells, packed, strict=True):
            takes = constants is not None and takes_constants(cell)
            state = nested if isinstance(nested, list) else [nested]
            inputs, new_state = call_cell(cell, inputs, state, constants if takes else None)
            new_states.append(pack_like(cell.state_size, flatten(new_state)))
        return inputs, self._in_state_order(new_states)

    def get_initial_state(self, inputs: Any = None, batch_size: int | None = None, dtype: Any = None) -> list[Any]:
        """Return the first states of the cells."""
        return [initial_state_of(cell, inputs, batch_size, dtype) for cell in self._in_state_order(self.cells)]

    def get_config(self) -> dict[str, Any]:
        order = {"reverse_state_order": True} if self.reverse_state_order else {}
        return {**super().get_config(), "cells": [registry.layers.serialize(cell) for cell in self.cells], **order}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> StackedRNNCells:
        config = dict(config)
        cells = [registry.layers.get(item, custom_objects) for item in config.pop("cells")]
        return cls(cells, **config)
