"""What Keras's layouts have no place for, in a group `keras_torch` beside the weights that Keras's readers pass over.

It holds arrays by the paths of `state_tree.walk` in the way of Keras 3: what layers give to `save_beside`, and the
single numbers of optimizers that the layout in the file leaves out (Nadam's product of momenta, in that of Keras 2).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import h5py

from keras_torch.errors import FileFormatError
from keras_torch.optimizers import Optimizer
from keras_torch.saving import hdf5
from keras_torch.saving.array_conversions import Source
from keras_torch.saving.legacy_weights import Assignment, Learnt, write_array
from keras_torch.saving.state_tree import GENERATIONS, walk

GROUP = "keras_torch"


def write(root: h5py.Group, model: Any, layout: str | None, of_layers: bool = True) -> None:
    """Store what there is; of optimizers, whose state in the file has that layout, unless it is None; of layers."""
    for path, item in walk(model, GENERATIONS["3"]):
        found: dict[str, Any] = {}
        if isinstance(item, Optimizer):
            found = _numbers(item, layout) if layout and item.built else {}
        elif of_layers and hasattr(item, "save_beside"):
            item.save_beside(found)
        for key, value in found.items():
            write_array(root.require_group(f"{GROUP}/{path}"), key, value)


def _numbers(optimizer: Optimizer, layout: str) -> dict[str, Any]:
    if optimizer._scalar_states(optimizer._layout or layout):
        return {}
    return {str(number): state.numpy() for number, state in enumerate(optimizer._scalar_states("3"))}


def prepare(root: hdf5.Group, model: Any) -> None:
    """Tell layers what stands for a part of their configs."""
    for item, stored in _stored(root, model):
        if hasattr(item, "prepare_learnt"):
            try:
                item.prepare_learnt({name: stored.dataset(name).read() for name in stored.names()})
            except ValueError as error:
                raise FileFormatError(f"{root.file}: {error}") from error


def learnt(root: hdf5.Group, model: Any) -> list[Assignment]:
    """Return what the layers have learnt; nothing is read yet."""
    found = [(item, stored) for item, stored in _stored(root, model) if hasattr(item, "save_beside")]
    return [Assignment(Learnt(item), Source.of(stored.dataset("0"), "0")) for item, stored in found if "0" in stored]


def restore_numbers(root: hdf5.Group, model: Any) -> None:
    """Give optimizers their numbers, once they have the rest of their state; a warning says why it cannot be."""
    for item, stored in _stored(root, model):
        states = item._scalar_states("3") if isinstance(item, Optimizer) and item.built else []
        try:
            arrays = [stored.dataset(str(number)).read(tuple(state.shape)) for number, state in enumerate(states)]
        except (ValueError, OSError) as error:
            warnings.warn(f"{root.file}: the state of the optimizer was restored but for {error}", stacklevel=6)
            continue
        for state, array in zip(states, arrays, strict=True):
            state.assign(array)


def _stored(root: hdf5.Group, model: Any) -> Iterator[tuple[Any, hdf5.Group]]:
    """Yield each object of the model of which there is something, and the group with its arrays."""
    if GROUP not in root:
        return
    beside = root.group(GROUP)
    for path, item in walk(model, GENERATIONS["3"]):
        group: hdf5.Group | None = beside
        for part in path.split("/") if path else ():
            group = group.group(part) if group is not None and part in group else None
        if group is not None:
            yield item, group
