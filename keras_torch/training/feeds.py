"""Inputs and targets that the model brings itself: variables, constants and readers of files instead of arrays.

Keras 1 and 2 knew them as `Input(tensor=...)`, as `compile(target_tensors=...)` and as tensors given to `fit`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from keras_torch import config
from keras_torch.backend.variable import Variable, WeightView
from keras_torch.data.structure import flatten, map_structure
from keras_torch.symbolic import KerasTensor, is_source, lower, producer, symbolic_constant


class Feeds:
    """Which inputs and targets of a model come with the data; the others are computed together for each batch."""

    def __init__(self, network: Any, targets: list[KerasTensor | None]) -> None:
        self.count = len(network.flat_inputs)
        self.computed_inputs = network.computed_inputs
        self.inputs = [index for index in range(self.count) if index not in self.computed_inputs]
        self.targets = targets
        given = [network.flat_inputs[index] for index in self.inputs]
        inputs = [network.flat_inputs[index] for index in self.computed_inputs]
        self._run = lower(given, (inputs, [target for target in targets if target is not None]))

    @property
    def needs_data(self) -> bool:
        """Whether there is any input that must come with the data."""
        return bool(self.inputs)

    def complete(self, x: list[torch.Tensor], y: list[Any], device: torch.device) -> tuple[Any, Any]:
        """Return all inputs and all targets of a batch from those that came with the data."""
        whole = len(x) == self.count
        with torch.no_grad():
            inputs, targets = self._run(*([x[index] for index in self.inputs] if whole else x))
        if not whole:
            at = dict(zip([*self.inputs, *self.computed_inputs], [*x, *inputs], strict=True))
            x = [at[index].to(device) for index in range(self.count)]
        if targets:
            computed = iter(targets)
            given = iter(y or [None] * len(self.targets))
            y = [next(given) if target is None else next(computed).to(device) for target in self.targets]
        return _only(x), y if y is None else _only(y)


def _only(values: Any) -> Any:
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def feeds_of(model: Any) -> Feeds | None:
    """Return what a model computes itself; None, as a rule, if it is nothing."""
    network = getattr(model, "_network", None)
    if network is None:
        return None
    compiled = model._compiled
    targets = [] if compiled is None else compiled.targets
    if not network.computed_inputs and not targets:
        return None
    key = f"feeds {[id(target) for target in targets]}"
    if key not in network._programs:
        network._programs[key] = Feeds(network, targets)
    return network._programs[key]


def targets_of(model: Any, given: Any, losses: list[Any]) -> list[KerasTensor | None]:
    """Return `target_tensors` of `compile`, one per output; None stands for targets that come with the data.

    TypeError or ValueError if they are not tensors, or not as many as there are outputs.
    """
    if given is None:
        return []
    names = model.output_names if model._network is not None else None
    if names is None:
        raise ValueError(
            f"`target_tensors` need a model whose outputs are known; {model.name!r} has none yet. Received: "
            f"target_tensors={given!r}. Give the first layer an `input_shape`, or pass the targets to `fit`."
        )
    if isinstance(given, Mapping):
        unknown = [key for key in given if key not in names]
        if unknown:
            raise ValueError(f"`target_tensors` has the key {unknown[0]!r}; the outputs are {names}.")
        given = [given.get(name) for name in names]
    elif isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise ValueError(
                "When passing a list as `target_tensors`, it should have one entry per model output. The model has "
                f"{len(names)} outputs, but you passed target_tensors={given!r}"
            )
    elif not _is_tensor(given):
        raise TypeError(f"`target_tensors` must be a tensor, or a list or dict of tensors. Received: {given!r}")
    elif len(names) > 1:
        raise ValueError(
            f"The model has {len(names)} outputs, but you passed a single tensor as `target_tensors`. Expected a list "
            "or a dict of tensors."
        )
    found = [_target(item) for item in (given if isinstance(given, (list, tuple)) else [given])]
    found = [None if loss is None else item for item, loss in zip(found, losses, strict=True)]
    return found if any(item is not None for item in found) else []


def _target(item: Any) -> KerasTensor | None:
    """Return a tensor to compute; None for a placeholder, whose values come with the data."""
    if item is None:
        return None
    if not _is_tensor(item):
        raise TypeError(f"`target_tensors` must hold tensors. Received: {item!r}")
    if not isinstance(item, KerasTensor):
        return symbolic_constant(item)
    return item if item._keras_history is not None and not is_source(producer(item)) else None


def _is_tensor(item: Any) -> bool:
    return isinstance(item, (KerasTensor, torch.Tensor, WeightView))


def is_symbolic(data: Any) -> bool:
    """Whether data given to a model holds symbolic tensors; in Keras 1 and 2 variables are such, too."""
    kinds: Any = (KerasTensor, Variable) if config.is_classic() else KerasTensor
    items = data.values() if isinstance(data, Mapping) else data if isinstance(data, (list, tuple)) else (data,)
    return any(isinstance(item, kinds) for item in items)


def has_arrays(*structures: Any) -> bool:
    """Whether there is any data in what a user gave."""
    return any(leaf is not None for structure in structures for leaf in flatten(structure))


def computed_batches(model: Any, x: Any, y: Any, weight: Any, argument: str, steps: Any) -> Iterator[Any] | None:
    """Return endless batches of what is computed for each of them; None if the data is ordinary.

    That is so where the data are symbolic tensors, or where a model that computes its inputs gets no arrays.
    `argument` is the name of `steps`, without which ValueError is raised.
    """
    symbolic = is_symbolic(x) or is_symbolic(y)
    if not symbolic:
        feeds = feeds_of(model)
        if feeds is None or feeds.needs_data or has_arrays(x, y, weight):
            return None
    if steps is None:
        raise ValueError(
            "Tensors that are computed for each batch do not tell how many batches there are: you should specify the "
            f"`{argument}` argument. Received: {argument}=None"
        )
    return _endless(_values((x, y, weight)) if symbolic else lambda: (None, None))


def _endless(batch: Any) -> Iterator[Any]:
    while True:
        yield batch()


def _values(data: tuple[Any, ...]) -> Any:
    """Return the function that computes the symbolic tensors in data. ValueError if they need an `Input`."""
    program = lower([], [leaf for leaf in flatten(data) if isinstance(leaf, KerasTensor)])

    def values() -> tuple[Any, ...]:
        with torch.no_grad():
            computed = iter(program())
        return map_structure(lambda leaf: next(computed) if isinstance(leaf, KerasTensor) else leaf, data)

    return values


def evaluated(*data: Any) -> tuple[Any, ...]:
    """Return the arguments of one batch with the values of symbolic tensors in their place."""
    return _values(data)() if any(map(is_symbolic, data)) else data
