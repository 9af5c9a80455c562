"""Running a cell over time: the step loop, masks, and the nested states that Keras allows. Torch only, no layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Step = Callable[[Tensor, list[Tensor]], tuple[Tensor, list[Tensor]]]
# every output (batch, time, ...) or None where not asked for, the last output, the last states
Result = tuple[Tensor | None, Tensor, list[Tensor]]


def flatten(nested: Any) -> list[Any]:
    """Return the leaves of nested lists and tuples; a shape (`torch.Size`) is a leaf."""
    if isinstance(nested, (list, tuple)) and not is_shape(nested):
        return [leaf for item in nested for leaf in flatten(item)]
    return [nested]


def pack_like(structure: Any, leaves: Sequence[Any]) -> Any:
    """Arrange `leaves` as `structure` is nested, with lists."""
    remaining = iter(leaves)

    def pack(item: Any) -> Any:
        if isinstance(item, (list, tuple)) and not is_shape(item):
            return [pack(part) for part in item]
        return next(remaining)

    return pack(structure)


def is_shape(item: Any) -> bool:
    """Whether an entry of a cell's `state_size` is the shape of one state, not a list of sizes."""
    return isinstance(item, torch.Size) or hasattr(item, "as_list")


def run_steps(step: Step, inputs: Tensor, states: list[Tensor], mask: Tensor | None, every_output: bool) -> Result:
    """Call `step` for each time step of `inputs` (batch, time, ...).

    Where the boolean `mask` (batch, time) is False the states are carried over and the output is the one before
    (zeros before the first).
    """
    outputs: list[Tensor] = []
    last: Tensor | None = None
    keeps = (None,) * inputs.shape[1] if mask is None else mask.unbind(1)
    for x, keep in zip(inputs.unbind(1), keeps, strict=True):
        output, new_states = step(x, states)
        if keep is None:
            states, last = new_states, output
        else:
            states = [_choose(keep, new, old) for new, old in zip(new_states, states, strict=True)]
            last = _choose(keep, output, torch.zeros_like(output) if last is None else last)
        if every_output:
            outputs.append(last)
    assert last is not None  # callers refuse sequences without a step
    return (torch.stack(outputs, 1) if every_output else None), last, states


def _choose(keep: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(keep.view(-1, *(1,) * (new.dim() - 1)), new, old)


def run_packed(
    run: Callable[[Tensor], Tensor], inputs: Tensor, mask: Tensor, every_output: bool
) -> tuple[Tensor | None, Tensor]:
    """Run an unmasked sequence function under any mask: exactly Keras's outputs, without a step loop.

    The kept steps of each row are moved to the front in order, `run` maps (batch, time, features) to (batch, time,
    units), and every step looks up the output of the latest kept step. What happens behind the kept steps cannot
    reach them, because a recurrence only looks back. Nothing is read back from the device.
    """
    batch, time = mask.shape
    first_row = torch.arange(0, batch * time, time, device=mask.device).unsqueeze(1)
    order = torch.sort(mask.to(torch.uint8), dim=1, descending=True, stable=True).indices + first_row
    outputs = run(inputs.flatten(0, 1).index_select(0, order.flatten()).view(inputs.shape)).flatten(0, 1)
    latest = mask.sum(1, keepdim=True) - 1 if not every_output else mask.cumsum(1) - 1
    rows = (latest.clamp(min=0) + first_row).flatten()
    found = outputs.index_select(0, rows).masked_fill((latest < 0).view(-1, 1), 0)
    if not every_output:
        return None, found
    sequence = found.view(batch, time, found.shape[1])
    return sequence, sequence[:, -1]
