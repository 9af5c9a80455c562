"""Bases for recurrent layers and cells of users: Recurrent (Keras 1 to 2.0) and AbstractRNNCell (tf.keras)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keras_torch import backend, config
from keras_torch.backend.augmented import Rebinding
from keras_torch.backend.control import phased
from keras_torch.engine import InputSpec, Layer
from keras_torch.layers.rnn import split_inputs
from keras_torch.layers.spatial import (
    PADDINGS,
    check_positive,
    join_shape,
    padding_name,
    split_shape,
    whole_numbers,
    window_count,
)
from keras_torch.layers.stacked_cells import initial_state_of
from keras_torch.symbolic import KerasTensor


class AbstractRNNCell(Layer):
    """Base of cells for `RNN`: a subclass has `state_size`, `output_size` and `call(inputs, states)`.

    `call` takes (batch, features) and the list of states and returns the output and the new states. The states start
    with zeros.
    """

    def call(self, inputs: Any, states: Any) -> Any:
        """Take one step: return the output and the new states. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define `call(self, inputs, states)`.")

    @property
    def state_size(self) -> Any:
        """Width of the state, or widths of the states, as an integer or a nested list."""
        raise NotImplementedError(f"{type(self).__name__} must define the property `state_size`.")

    @property
    def output_size(self) -> Any:
        """Width of the output."""
        raise NotImplementedError(f"{type(self).__name__} must define the property `output_size`.")

    def get_initial_state(self, inputs: Any = None, batch_size: int | None = None, dtype: Any = None) -> Any:
        """Return zeros of the shapes that `state_size` tells, nested as it is."""
        dtype = config.torch_dtype(dtype or self.compute_dtype)
        return initial_state_of(_Sizes(self.state_size), inputs, batch_size, dtype)


class _Sizes:
    """Only the `state_size` of a cell."""

    def __init__(self, state_size: Any) -> None:
        self.state_size = state_size


class Recurrent(Layer):
    """Base of the recurrent layers that scripts for Keras 1 and 2.0 wrote: `step(x, states)` and what belongs to it.

    A subclass sets `self.states` (a list with None for each state) in `build` and defines `step(x, states)`, which
    returns the output and the new states; its `states` end with what `get_constants(x)` returned. It may define
    `preprocess_input(x)`, and `get_initial_states(x)` or `get_initial_state(x)` in place of zeros (batch, `output_dim`
    or `units`). In all of them augmented assignments (`x /= y`) make new tensors, as they did then. `K.rnn` runs the
    steps over (batch, time, features). `implementation` and `consume_less` are for the subclass to look at.
    """

    def __init__(
        self,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        implementation: int = 0,
        consume_less: str = "cpu",
        input_dim: int | None = None,
        input_length: int | None = None,
        weights: Sequence[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if input_dim is not None and not kwargs.keys() & {"input_shape", "batch_input_shape"}:
            kwargs["input_shape"] = (input_length, input_dim)
        super().__init__(weights=weights, **kwargs)
        self.initial_weights = weights
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.implementation = implementation
        self.consume_less = consume_less
        self.input_dim = input_dim
        self.input_length = input_length
        self.supports_masking = True
        self.input_spec = [InputSpec(ndim=3)]
        self.state_spec = None

    @property
    def states(self) -> list[Any]:
        """The states that a stateful layer keeps between batches; None where there is none yet. They are no weights."""
        return self.__dict__.get("_kept_states", [None])

    @states.setter
    def states(self, value: Sequence[Any]) -> None:
        self.__dict__["_kept_states"] = list(value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the layer on `inputs`, or on `[inputs, *initial_state]`."""
        args = split_inputs(args, kwargs)
        inputs = args[0] if args else None
        if self.unroll and isinstance(inputs, KerasTensor) and inputs.shape[1] is None:
            raise ValueError(
                f"Layer {self.name!r} cannot unroll (`unroll=True`) over an unknown number of time steps. Received: "
                f"input shape {tuple(inputs.shape)}. Give the number in `Input(shape=(steps, features))`."
            )
        return super().__call__(*args, **kwargs)

    def step(self, x: Any, states: list[Any]) -> tuple[Any, list[Any]]:
        """Return the output (batch, units) of one time step and the new states. Subclasses define it."""
        raise NotImplementedError(f"{type(self).__name__} must define `step(self, x, states)`.")

    def get_constants(self, inputs: Any, training: Any = None) -> list[Any]:
        """Return what `step` finds behind the states, the same at every step."""
        return []

    def preprocess_input(self, inputs: Any, training: Any = None) -> Any:
        """Return what the steps are cut from, for work that can be done for all of them at once."""
        return inputs

    def get_initial_state(self, inputs: Any) -> list[Any]:
        """Return zeros (batch, units) for each state."""
        return [inputs.new_zeros((inputs.shape[0], self._width())) for _ in self.states]

    def get_initial_states(self, x: Any) -> list[Any]:
        """Keras 1's name for `get_initial_state`."""
        return self.get_initial_state(x)

    def _width(self) -> int:
        """How many features an output has: `units`, in Keras 1 `output_dim`."""
        for name in ("units", "output_dim"):
            if hasattr(self, name):
                return getattr(self, name)
        raise AttributeError(
            f"Layer {self.name!r}: {type(self).__name__} must set `self.units` (or `self.output_dim`)."
        )

    def _first_states(self, inputs: Tensor, initial_state: Any) -> list[Any]:
        if initial_state is None and self.stateful and self.states[0] is not None:
            # Copies: the backward pass needs the states that are replaced meanwhile.
            return [torch.as_tensor(state).detach().clone().to(inputs.device) for state in self.states]
        if initial_state is None:
            own = type(self).get_initial_states is not Recurrent.get_initial_states
            return list(self.get_initial_states(inputs) if own else self.get_initial_state(inputs))
        found = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        if len(found) != len(self.states):
            raise ValueError(
                f"Layer {self.name!r} has {len(self.states)} states. Received: `initial_state` of {len(found)}"
            )
        return found

    def call(self, inputs: Any, mask: Any = None, initial_state: Any = None) -> Any:
        """Run `step` over time."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        with contextlib.nullcontext() if torch.compiler.is_compiling() else Rebinding():
            last, outputs, states = backend.rnn(
                self.step,
                self.preprocess_input(inputs),
                self._first_states(inputs, initial_state),
                go_backwards=self.go_backwards,
                mask=mask,
                constants=self.get_constants(inputs),
                return_all_outputs=self.return_sequences,
            )
        if self.stateful and not last.is_meta:
            self._keep(states)
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output

    # Decorated by hand, as only layers of the user are by themselves: the methods of a subclass ask for the phase.
    forward = phased(call)

    def _keep(self, states: Sequence[Tensor]) -> None:
        kept = self.states
        for index, state in enumerate(states):
            if hasattr(kept[index], "assign"):
                kept[index].assign(state.detach())
            else:
                kept[index] = state.detach()

    def reset_states(self, states: Any = None) -> None:
        """Set the kept states to zeros or arrays. AttributeError unless stateful, ValueError without a batch size."""
        if not self.stateful:
            raise AttributeError(f"Layer {self.name!r} must be stateful (`stateful=True`) to reset its states.")
        specs = self.input_spec if isinstance(self.input_spec, (list, tuple)) else [self.input_spec]
        batch = specs[0].shape[0] if specs and specs[0].shape else None
        if not batch:
            raise ValueError(
                f"Layer {self.name!r} is stateful and has to know the batch size. Received: input_spec {specs[:1]}. "
                "Give `batch_input_shape=(batch, time, features)`, and set `self.input_spec` in `build`."
            )
        shape = (batch, self._width())
        values = [np.zeros(shape)] * len(self.states) if states is None else states
        values = [np.asarray(v) for v in (values if isinstance(values, (list, tuple)) else [values])]
        if [value.shape for value in values] != [shape] * len(self.states):
            raise ValueError(
                f"Layer {self.name!r} has {len(self.states)} states of shape {shape}. Received: arrays of shapes "
                f"{[value.shape for value in values]}"
            )
        for index, value in enumerate(values):
            if self.states[index] is None:
                self.states[index] = backend.zeros(shape)
            backend.set_value(self.states[index], value)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (batch, units) or (batch, time, units), in a list with the shapes of the states if these return."""
        if input_shape and isinstance(input_shape[0], (list, tuple)):
            input_shape = input_shape[0]
        state = (input_shape[0], self._width())
        output = (*input_shape[:2], self._width()) if self.return_sequences else state
        return [output, *([state] * len(self.states))] if self.return_state else output

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Pass the mask on if sequences are returned; states have none."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        mask = mask if self.return_sequences else None
        return [mask, *([None] * len(self.states))] if self.return_state else mask

    def get_config(self) -> dict[str, Any]:
        own: dict[str, Any] = {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "implementation": self.implementation,
            "consume_less": self.consume_less,
            "input_dim": self.input_dim,
            "input_length": self.input_length,
        }
        return {**super().get_config(), **own}


class ConvRecurrent2D(Recurrent):
    """`Recurrent` over images (batch, time, rows, columns, channels), as Keras 1 and 2.0 had it below ConvLSTM2D.

    A subclass defines what one of `Recurrent` does; its outputs and states are images with `filters` channels.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = (1, 1),
        return_sequences: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(return_sequences=return_sequences, go_backwards=go_backwards, stateful=stateful, **kwargs)
        self.filters = whole_numbers(filters, 1, "filters", self.name)[0]
        self.kernel_size = whole_numbers(kernel_size, 2, "kernel_size", self.name)
        self.strides = whole_numbers(strides, 2, "strides", self.name)
        self.padding = padding_name(padding, PADDINGS[:2], self.name)
        self.data_format = config.standardize_data_format(data_format)
        self.dilation_rate = whole_numbers(dilation_rate, 2, "dilation_rate", self.name)
        self.input_spec = [InputSpec(ndim=5)]

    def _image_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        last = self.data_format == "channels_last"
        space = split_shape((input_shape[0], *input_shape[2:]), last)[1]
        windows = zip(space, self.kernel_size, self.strides, self.dilation_rate, strict=True)
        sizes = [window_count(size, kernel, step, self.padding, rate) for size, kernel, step, rate in windows]
        check_positive(sizes, self.name, input_shape)
        return join_shape(input_shape[0], sizes, self.filters, last)

    def get_initial_state(self, inputs: Any) -> list[Any]:
        """Return zeros of the shape of an output for each state."""
        return [inputs.new_zeros(self._image_shape(tuple(inputs.shape))) for _ in self.states]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of an image or of a sequence of them, in a list with those of two states if these return."""
        if input_shape and isinstance(input_shape[0], (list, tuple)):
            input_shape = input_shape[0]
        image = self._image_shape(input_shape)
        output = (image[0], input_shape[1], *image[1:]) if self.return_sequences else image
        return [output, *([image] * len(self.states))] if self.return_state else output

    def get_config(self) -> dict[str, Any]:
        names = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
