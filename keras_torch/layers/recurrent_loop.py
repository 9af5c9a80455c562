"""Running a cell over time: the step loop, masks, and the nested states that Keras allows. Torch only, no layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils import _pytree as pytree

# Inputs and outputs are tensors, or structures of them for cells of the user's own.
Step = Callable[[Any, list[Tensor]], tuple[Any, list[Tensor]]]
# every output (batch, time, ...) or None where not asked for, the last output, the last states
Result = tuple[Any, Any, list[Tensor]]


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


def run_steps(step: Step, inputs: Any, states: list[Tensor], mask: Tensor | None, every_output: bool) -> Result:
    """Call `step` for each time step of `inputs` (batch, time, ...), a tensor or a structure of tensors.

    Where the boolean `mask` (batch, time) is False the states are carried over and the output is the one before
    (zeros before the first).
    """
    outputs: list[Any] = []
    last: Any = None
    steps = _unbound(inputs)
    keeps = (None,) * len(steps) if mask is None else mask.unbind(1)
    for x, keep in zip(steps, keeps, strict=True):
        output, new_states = step(x, states)
        if keep is None:
            states, last = new_states, output
        else:
            states = [_choose(keep, new, old) for new, old in zip(new_states, states, strict=True)]
            last = map_tensors(torch.zeros_like, output) if last is None else last
            last = map_tensors(lambda new, old, keep=keep: _choose(keep, new, old), output, last)
        if every_output:
            outputs.append(last)
    return (map_tensors(lambda *items: torch.stack(items, 1), *outputs) if every_output else None), last, states


def map_tensors(function: Callable[..., Tensor], first: Any, *others: Any) -> Any:
    """Apply a function to tensors, or to those in the same places of structures."""
    return function(first, *others) if isinstance(first, Tensor) else pytree.tree_map(function, first, *others)


def _unbound(inputs: Any) -> Sequence[Any]:
    if isinstance(inputs, Tensor):
        return inputs.unbind(1)
    leaves, spec = pytree.tree_flatten(inputs)
    columns = zip(*(leaf.unbind(1) for leaf in leaves), strict=True)
    return [pytree.tree_unflatten(parts, spec) for parts in columns]


def _choose(keep: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return torch.where(keep.view(-1, *(1,) * (new.dim() - 1)), new, old)


def pack_kept(inputs: Tensor, mask: Tensor) -> Tensor:
    """Move the kept steps of each row of `inputs` (batch, time, features) to the front, in order.

    A sequence function without masks, run on the result, gives exactly Keras's outputs under any mask, once
    `look_up_kept` has put them in their places: what happens behind the kept steps cannot reach them, because a
    recurrence only looks back. Nothing is read back from the device.
    """
    order = torch.sort(mask.to(torch.uint8), dim=1, descending=True, stable=True).indices + _first_rows(mask)
    return inputs.flatten(0, 1).index_select(0, order.flatten()).view(inputs.shape)


def look_up_kept(outputs: Tensor, mask: Tensor, every_output: bool) -> tuple[Tensor | None, Tensor]:
    """Return the outputs (batch, time, units) of packed steps in the places of the mask, and the last of each row.

    Every step has the output of the latest kept step, or zeros before the first.
    """
    latest = mask.sum(1, keepdim=True) - 1 if not every_output else mask.cumsum(1) - 1
    rows = (latest.clamp(min=0) + _first_rows(mask)).flatten()
    found = outputs.flatten(0, 1).index_select(0, rows).masked_fill((latest < 0).view(-1, 1), 0)
    if not every_output:
        return None, found
    sequence = found.view(*mask.shape, found.shape[1])
    return sequence, sequence[:, -1]


def _first_rows(mask: Tensor) -> Tensor:
    """Return the index of each sample's first step when batch and time are one axis: (batch, 1)."""
    batch, time = mask.shape
    return torch.arange(0, batch * time, time, device=mask.device).unsqueeze(1)


def last_cell_state(sums: Tensor, first: Tensor, steps: Tensor) -> Tensor:
    """Return an LSTM's c after `steps` (batch, 1) steps from the sums of its gates i, f and candidate at all steps.

    c' = f c + i g is linear in c, so the last c is a sum over the steps, each i g times the product of all later f:
    no step loop. The products are exponentials of sums of logarithms, which no zero can break.
    """
    wide = sums if sums.dtype == torch.float64 else sums.float()
    i, f, candidate = wide.chunk(3, 2)
    outside = (torch.arange(sums.shape[1], device=sums.device) >= steps).unsqueeze(2)
    kept = F.logsigmoid(f).masked_fill(outside, 0)
    gain = (torch.sigmoid(i) * torch.tanh(candidate)).masked_fill(outside, 0)
    from_here = kept.flip(1).cumsum(1).flip(1)
    last = (gain * torch.exp(from_here - kept)).sum(1) + torch.exp(from_here[:, 0]) * first
    return last.to(first.dtype)
