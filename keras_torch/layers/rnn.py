"""RNN: the layer that runs a cell over the time axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from keras_torch import config as settings
from keras_torch import registry
from keras_torch.engine import InputSpec, Layer
from keras_torch.layers.recurrent_cells import BuiltInCell
from keras_torch.layers.recurrent_loop import flatten, map_tensors, pack_like
from keras_torch.layers.stacked_cells import (
    StackedRNNCells,
    as_shape,
    build_cell,
    check_cell,
    initial_state_of,
    output_size_of,
    run_cell,
    takes_constants,
)
from keras_torch.symbolic import KerasTensor, record_function


def _is_mask(value: Any) -> bool:
    return getattr(value, "dtype", None) in (torch.bool, "bool")


def split_inputs(args: tuple[Any, ...], kwargs: dict[str, Any], num_constants: int = 0) -> tuple[Any, ...]:
    """Take `[inputs, *initial_state, *constants]` apart: return the positional arguments, put the rest into kwargs."""
    if not args:
        for name in ("inputs", "sequences"):
            if name in kwargs:
                args = (kwargs.pop(name),)
    if not args or not isinstance(args[0], (list, tuple)) or not all(hasattr(item, "shape") for item in args[0]):
        return args
    given = list(args[0])
    split = len(given) - num_constants
    if given[1:split]:
        kwargs["initial_state"] = given[1:split]
    if num_constants and split > 0:
        kwargs["constants"] = given[split:]
    return (given[0], *args[1:])


class RNN(Layer):
    """Run `cell`, or several stacked cells, over the time axis of (batch, time, ...).

    A cell has `call(inputs, states) -> (output, states)` and `state_size`; optionally `output_size`, `build`,
    `get_initial_state`. Returns the last output (batch, units), with `return_sequences` all of them (batch, time,
    units), and with `return_state` a list that ends with the states. `initial_state` may be given to the call, or
    behind the inputs in one list; a tuple or a dict of tensors is the nested input of a cell of your own, whose outputs
    may be nested as well. Masked steps carry the states over and repeat the output before
    (`zero_output_for_mask`: output zeros).

    The built-in cells run whole sequences through torch's fused modules where these compute the same; `unroll=True`
    asks for the step loop instead.
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        time_major: bool = False,
        **kwargs: Any,
    ) -> None:
        self._num_constants = kwargs.pop("num_constants", None)
        self._constant_shapes: list[Any] = []
        self._batch_size: int | None = None
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        check_cell(cell, self.name)
        self.cell = cell
        self._accepts_integers = getattr(cell, "_accepts_integers", True)
        self.return_sequences = bool(return_sequences)
        self.return_state = bool(return_state)
        self.go_backwards = bool(go_backwards)
        self.stateful = bool(stateful)
        self.unroll = bool(unroll)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.time_major = bool(time_major)
        self.supports_masking = True
        self._last_states: list[Tensor] | None = None
        self._may_fuse = not self.unroll

    @property
    def state_size(self) -> Any:
        """The cell's `state_size`."""
        return self.cell.state_size

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer on `inputs`, or on `[inputs, *initial_state]`."""
        if not (args and isinstance(args[0], (tuple, dict)) and self._may_be_nested()):
            args = split_inputs(args, kwargs, self._num_constants or 0)
        if kwargs.get("constants") is not None:
            self._take_constants(kwargs)
        return super().__call__(*args, **kwargs)

    def _may_be_nested(self) -> bool:
        return not isinstance(self.cell, (BuiltInCell, StackedRNNCells))

    def _take_constants(self, kwargs: dict[str, Any]) -> None:
        """Make a list of the constants of a call, whose number the config and whose shapes the cell's build need."""
        given = kwargs["constants"]
        if not takes_constants(self.cell):
            raise ValueError(
                f"Layer {self.name!r}: the cell's `call` must have an argument `constants` to be given any. Received: "
                f"cell {self.cell!r}"
            )
        kwargs["constants"] = list(given) if isinstance(given, (list, tuple)) else [given]
        self._num_constants = len(kwargs["constants"])
        self._constant_shapes = [tuple(item.shape) for item in kwargs["constants"]]

    def build(self, input_shape: Any) -> None:
        """Build the cell for one step of the input shape (batch, time, ...), or of a structure of such shapes."""
        nested, input_shape = input_shape, _first_shape(input_shape)
        if len(input_shape) < 3:
            raise ValueError(
                f"Layer {self.name!r} expects inputs of at least 3 axes: (batch, time, features). "
                f"Received: input shape {tuple(input_shape)}"
            )
        batch, time = (1, 0) if self.time_major else (0, 1)
        if self.unroll and input_shape[time] is None:
            raise ValueError(
                f"Layer {self.name!r} cannot unroll (`unroll=True`) over an unknown number of time steps. Received: "
                f"input shape {tuple(input_shape)}. Give the number in `Input(shape=(steps, features))`."
            )
        if self.stateful and input_shape[batch] is None:
            raise ValueError(
                f"Layer {self.name!r} is stateful (`stateful=True`) and needs to know the batch size. Received: input "
                f"shape {tuple(input_shape)}. Give it in `Input(batch_shape=(batch, steps, features))`, or as "
                "`batch_input_shape` of the first layer."
            )
        step = pytree.tree_map(lambda shape: (shape[batch], *shape[2:]), nested, is_leaf=_is_shape)
        build_cell(self.cell, step, self._constant_shapes)
        self._batch_size = input_shape[batch]
        if nested is input_shape:
            axes = {axis: size for axis, size in enumerate(input_shape) if axis > 1 and size is not None}
            self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)
        super().build(nested)

    def call(
        self,
        inputs: Any,
        initial_state: Any = None,
        mask: Any = None,
        training: bool | None = None,
        constants: Any = None,
    ) -> Any:
        """Run the cell; `training` is the mode of the layer, set by whoever calls it.

        Subclasses may pass the arguments on in Keras 3's order, or in that before: mask, training, initial_state.
        """
        if (
            isinstance(mask, int)
            or (training is not None and not isinstance(training, int))
            or (initial_state is not None and _is_mask(initial_state))
        ):
            initial_state, mask = training, initial_state
        if isinstance(_first(inputs), KerasTensor):
            return record_function(self.call, (inputs, initial_state, mask, None, constants), {})
        if self.time_major:
            inputs = map_tensors(lambda item: item.transpose(0, 1), inputs)
        first = _first(inputs)
        if first.shape[1] == 0:
            raise ValueError(f"Layer {self.name!r} needs at least one time step. Received: inputs {_shape(first)}")
        mask = self._step_mask(mask, first)
        states = self._first_states(first, initial_state)
        if self.go_backwards:
            inputs = map_tensors(lambda item: item.flip(1), inputs)
            mask = None if mask is None else mask.flip(1)
        needs_states = self.return_state or self.stateful
        sequence, last, states = run_cell(
            self.cell, inputs, states, mask, self.return_sequences, needs_states, self._may_fuse, constants
        )
        if self.stateful and not first.is_meta:
            self._last_states = [state.detach() for state in states]
        output = self._output(sequence, last, mask)
        return [output, *_top_level(pack_like(self.state_size, states))] if self.return_state else output

    def _output(self, sequence: Any, last: Any, mask: Tensor | None) -> Any:
        found = sequence if self.return_sequences else last
        if self.zero_output_for_mask and mask is not None:
            kept = mask if self.return_sequences else mask[:, -1]
            found = map_tensors(lambda item: _zero_where_masked(item, kept), found)
        is_turned = self.return_sequences and self.time_major
        return map_tensors(lambda item: item.transpose(0, 1), found) if is_turned else found

    def _step_mask(self, mask: Any, inputs: Tensor) -> Tensor | None:
        """Return the mask as booleans (batch, time)."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        if mask is None:
            return None
        mask = torch.as_tensor(mask, device=inputs.device).to(torch.bool)
        mask = mask.transpose(0, 1) if self.time_major else mask
        if mask.dim() == 3 and mask.shape[2] == 1:
            mask = mask[..., 0]
        if mask.shape != inputs.shape[:2]:
            raise ValueError(
                f"Layer {self.name!r} expects a `mask` of shape (batch, time) = {_shape(inputs)[:2]}. "
                f"Received: {_shape(mask)}"
            )
        return mask

    def _first_states(self, inputs: Tensor, initial_state: Any) -> list[Tensor]:
        if self.stateful and self._batch_size not in (None, inputs.shape[0]):
            raise ValueError(
                f"Layer {self.name!r} is stateful and was built for batches of {self._batch_size} samples; stateful "
                f"layers need batches of one size. Received: {inputs.shape[0]} samples"
            )
        if self.stateful and self._last_states is not None:
            initial_state = self._kept_or_given(initial_state)
        if initial_state is None:
            initial_state = self.get_initial_state(inputs)
        states = [torch.as_tensor(item, device=inputs.device).to(inputs.dtype) for item in flatten(initial_state)]
        sizes = self._state_shapes(tuple(inputs.shape))
        if len(states) != len(sizes):
            raise ValueError(
                f"Layer {self.name!r} has {len(sizes)} states. Received: `initial_state` of {len(states)}, with the "
                f"shapes {[_shape(state) for state in states]}"
            )
        for index, (state, size) in enumerate(zip(states, sizes, strict=True)):
            if _shape(state) != (inputs.shape[0], *size):
                raise ValueError(
                    f"Layer {self.name!r}: state {index} must have the shape {(inputs.shape[0], *size)} for inputs of "
                    f"shape {_shape(inputs)}. Received: {_shape(state)}."
                    + (" A stateful layer needs batches of one size; see `reset_states()`." if self.stateful else "")
                )
        return states

    def _state_shapes(self, input_shape: Any = None) -> list[tuple[int | None, ...]]:
        """Return the shapes of the states without the batch, for inputs of any shape or of a given one."""
        return [as_shape(size) for size in flatten(self.state_size)]

    def _kept_or_given(self, given: Any) -> Any:
        """Choose the first states of a stateful layer: those given count, in tf.keras only while the kept are zero."""
        kept = self._last_states
        assert kept is not None
        if given is None or settings.dialect() != "tf":
            return kept if given is None else given
        are_kept = torch.stack([state.any() for state in kept]).any()
        given = [torch.as_tensor(item, device=state.device) for item, state in zip(flatten(given), kept, strict=False)]
        if [_shape(item) for item in given] != [_shape(item) for item in kept]:
            return given
        return [torch.where(are_kept, old, new) for old, new in zip(kept, given, strict=True)]

    def get_initial_state(self, inputs: Any = None, batch_size: int | None = None, dtype: Any = None) -> list[Any]:
        """Return the states that a sequence starts with, for `inputs` (batch, time, ...) or for a batch size."""
        if isinstance(inputs, int):
            inputs, batch_size = None, inputs
        if isinstance(inputs, KerasTensor):
            return record_function(self.get_initial_state, (inputs,), {})
        state = initial_state_of(self.cell, inputs, batch_size, dtype)
        return list(state) if isinstance(state, (list, tuple)) else [state]

    @property
    def states(self) -> list[Any]:
        """The states that a stateful layer keeps between batches: zeros before the first, None for an unknown size."""
        if self._last_states is not None:
            return self._last_states
        if not self.stateful or self._batch_size is None:
            return [None] * len(flatten(self.state_size))
        return flatten(self.get_initial_state(batch_size=self._batch_size))

    def reset_states(self, states: Any = None) -> None:
        """Forget the kept states, or set them to arrays. AttributeError unless the layer is stateful."""
        if not self.stateful:
            raise AttributeError(f"Layer {self.name!r} must be stateful (`stateful=True`) to reset its states.")
        if states is None:
            self._last_states = None
            return
        arrays = [item if isinstance(item, Tensor) else torch.as_tensor(np.asarray(item)) for item in flatten(states)]
        sizes = self._state_shapes()
        if len(arrays) != len(sizes):
            raise ValueError(
                f"Layer {self.name!r} has {len(sizes)} states. Received: {len(arrays)} arrays of shapes "
                f"{[_shape(item) for item in arrays]}"
            )
        for index, (array, size) in enumerate(zip(arrays, sizes, strict=True)):
            wanted = ("batch" if self._batch_size is None else self._batch_size, *size)
            if not _fits(_shape(array), (self._batch_size, *size)):
                raise ValueError(
                    f"Layer {self.name!r}: state {index} must have the shape {wanted}. Received: {_shape(array)}"
                )
        self._last_states = arrays

    reset_state = reset_states

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (batch, units) or (batch, time, units), in a list with the shapes of the states if these return."""
        input_shape = _first_shape(input_shape)
        batch, time = (input_shape[1], input_shape[0]) if self.time_major else (input_shape[0], input_shape[1])
        leading = ((time, batch) if self.time_major else (batch, time)) if self.return_sequences else (batch,)
        sizes = output_size_of(self.cell)
        shapes = [(*leading, *as_shape(size)) for size in flatten(sizes)]
        output = shapes[0] if len(shapes) == 1 else tuple(pack_like(sizes, shapes))
        if not self.return_state:
            return output
        shapes = [(batch, *as_shape(size)) for size in flatten(self.state_size)]
        return [output, *_top_level(pack_like(self.state_size, shapes))]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on if sequences are returned; states have none."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        if not self.return_state:
            return mask
        return [mask, *_top_level(pack_like(self.state_size, [None] * len(flatten(self.state_size))))]

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        return self.compute_dtype

    def _own_config(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
        }
        for name in ("zero_output_for_mask", "time_major"):
            if getattr(self, name):
                found[name] = True
        if self._num_constants:
            found["num_constants"] = self._num_constants
        return found

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._own_config(), "cell": registry.layers.serialize(self.cell)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        config = dict(config)
        if "cell" in config:
            config["cell"] = registry.layers.get(config["cell"], custom_objects)
        return super().from_config(config, custom_objects)


def _top_level(states: Any) -> list[Any]:
    return states if isinstance(states, list) else [states]


def _first(inputs: Any) -> Any:
    return inputs if isinstance(inputs, (Tensor, KerasTensor)) else pytree.tree_leaves(inputs)[0]


def _is_shape(item: Any) -> bool:
    return isinstance(item, (list, tuple)) and all(size is None or isinstance(size, int) for size in item)


def _first_shape(input_shape: Any) -> Any:
    return input_shape if _is_shape(input_shape) else pytree.tree_leaves(input_shape, is_leaf=_is_shape)[0]


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(m is None or n == m for n, m in zip(shape, wanted, strict=True))


def _zero_where_masked(output: Tensor, mask: Tensor) -> Tensor:
    return output.masked_fill(~mask.view(*mask.shape, *(1,) * (output.dim() - mask.dim())), 0)
