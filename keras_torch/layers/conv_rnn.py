"""ConvRNN: `RNN` for cells that convolve, whose states are images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from keras_torch import config
from keras_torch.engine import InputSpec
from keras_torch.engine.input_spec import check_inputs
from keras_torch.layers.recurrent_loop import flatten
from keras_torch.layers.rnn import RNN
from keras_torch.layers.spatial import check_positive, join_shape, split_shape, window_count
from keras_torch.symbolic import KerasTensor

Shape = tuple[int | None, ...]


class ConvRNN(RNN):
    """Run a convolutional cell over (batch, time, *space, channels), or channels before space. Subclasses set the rank.

    Beside what every cell has, the cell has the attributes `kernel_size`, `strides`, `padding`, `dilation_rate` (with a
    number for each axis of the space), `data_format` and `filters`; its `state_size` counts the channels of the states.
    """

    rank: int

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        if isinstance(cell, (list, tuple)):
            raise TypeError(
                f"{type(self).__name__}: `cell` must be one cell; convolutional cells cannot be stacked. Put several "
                f"layers behind each other, with `return_sequences=True`. Received: {cell!r}"
            )
        super().__init__(cell, **kwargs)
        self._input_shape: Shape | None = None
        self.input_spec = InputSpec(ndim=self.rank + 3)

    @property
    def _is_channels_last(self) -> bool:
        return getattr(self.cell, "data_format", "channels_last") == "channels_last"

    def build(self, input_shape: Any) -> None:
        """Build the cell for the images of one step."""
        check_inputs(InputSpec(ndim=self.rank + 3), [tuple(input_shape)], self.name)
        self._input_shape = tuple(input_shape)
        super().build(input_shape)

    def _state_space(self, input_shape: Sequence[int | None]) -> list[int | None]:
        """Return the sizes of a state's space for an input shape with time."""
        cell = self.cell
        space = split_shape((input_shape[0], *input_shape[2:]), self._is_channels_last)[1]
        windows = zip(space, cell.kernel_size, cell.strides, cell.dilation_rate, strict=True)
        sizes = [window_count(size, kernel, step, cell.padding, rate) for size, kernel, step, rate in windows]
        check_positive(sizes, self.name, input_shape)
        return sizes

    def _state_shapes(self, input_shape: Any = None) -> list[Shape]:
        shape = input_shape or self._input_shape or (None,) * (self.rank + 3)
        space = self._state_space(shape)
        counts = flatten(self.cell.state_size)
        return [join_shape(None, space, int(count), self._is_channels_last)[1:] for count in counts]

    def get_initial_state(self, inputs: Any = None, batch_size: int | None = None, dtype: Any = None) -> list[Any]:
        """Return the states that a sequence starts with: the cell's, or zeros."""
        if hasattr(self.cell, "get_initial_state") or isinstance(inputs, KerasTensor):
            return super().get_initial_state(inputs, batch_size, dtype)
        if inputs is None:
            inputs = torch.empty(batch_size or 0, dtype=config.torch_dtype(dtype or self.compute_dtype))
            return [inputs.new_zeros((len(inputs), *shape)) for shape in self._state_shapes()]
        return [inputs.new_zeros((inputs.shape[0], *shape)) for shape in self._state_shapes(tuple(inputs.shape))]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (batch, *space, filters) or (batch, time, *space, filters), and the shapes of the states if asked."""
        if input_shape and isinstance(input_shape[0], (list, tuple)):
            input_shape = input_shape[0]
        batch, time = input_shape[:2]
        image = join_shape(None, self._state_space(input_shape), self.cell.filters, self._is_channels_last)[1:]
        output = (batch, time, *image) if self.return_sequences else (batch, *image)
        if not self.return_state:
            return output
        return [output, *((batch, *shape) for shape in self._state_shapes(input_shape))]


class ConvRNN2D(ConvRNN):
    """Keras 2's layer that runs a convolutional cell over images (batch, time, rows, columns, channels)."""

    rank = 2

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **kwargs: Any,
    ) -> None:
        if unroll:
            raise TypeError(f"ConvRNN2D: `unroll` must be False for convolutional cells. Received: {unroll!r}")
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            **kwargs,
        )
