"""`rnn`: a step function applied along the time axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch.backend.tensors import recorded, tensor


def rnn(
    step_function: Callable[[Any, list[Any]], tuple[Any, list[Any]]],
    inputs: Any,
    initial_states: Sequence[Any],
    go_backwards: bool = False,
    mask: Any = None,
    constants: Sequence[Any] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Any, Any, list[Any]]:
    """Call `step_function(input, states)` for each timestep; return the last output, all outputs, the last states.

    The step function returns an output and the new states. `inputs` has shape (samples, time, ...); where `mask`
    (samples, time) is False, states and output stay (the output is 0 with `zero_output_for_mask`). The loop is
    Python's: `unroll` and `input_length`, which chose between loops of TensorFlow, change nothing.
    """

    # A function of its own for each call, as the nodes of a graph hold tensors and plain values, not functions.
    @recorded
    def loop(inputs: Any, states: list[Any], constants: list[Any], mask: Any) -> tuple[Any, ...]:
        axis = 0 if time_major else 1
        steps = list(torch.unbind(tensor(inputs), axis))
        flags = None if mask is None else list(torch.unbind(tensor(mask, "bool"), axis))
        if go_backwards:
            steps.reverse()
            flags = flags and flags[::-1]
        call = lambda x, held: step_function(x, [*held, *constants])  # noqa: E731
        outputs, states = _run(call, steps, states, flags, zero_output_for_mask)
        return outputs[-1], torch.stack(outputs if return_all_outputs else outputs[-1:], axis), *states

    fixed = [tensor(item) if isinstance(item, (np.ndarray, np.generic)) else item for item in constants or ()]
    last, outputs, *states = loop(inputs, list(initial_states), fixed, mask)
    return last, outputs, states


def _run(
    step_function: Any, steps: list[Any], states: list[Any], flags: list[Any] | None, fill: bool
) -> tuple[list[Any], list[Any]]:
    """Return the outputs of all steps and the last states; masked outputs are the ones before, or 0 if `fill`."""
    outputs: list[Any] = []
    for index, step in enumerate(steps):
        output, new_states = step_function(step, states)
        if flags is not None:
            before = torch.zeros_like(output) if fill or not outputs else outputs[-1]
            output = _masked(flags[index], output, before)
            new_states = [_masked(flags[index], new, old) for new, old in zip(new_states, states, strict=True)]
        states = list(new_states)
        outputs.append(output)
    return outputs, states


def _masked(flags: Any, new: Any, old: Any) -> Any:
    return torch.where(flags.reshape(flags.shape[0], *[1] * (new.dim() - 1)), new, old)
