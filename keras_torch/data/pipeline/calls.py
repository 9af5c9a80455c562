"""A user's function applied to elements: to many at once by `torch.func.vmap` where that gives the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from keras_torch.data.pipeline.blocks import Block, Listed, Stacked, is_tensors, rebuilt, to_element
from keras_torch.data.structure import flatten, map_structure

# vmap has no rule for a function, or met one that asks for a value, a size or memory that a batched tensor has not.
_NOT_BATCHABLE = (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError, IndexError, KeyError)


_changes = 0


def note_change() -> None:
    """Say that a variable was changed: a function that does so must be called for each element."""
    global _changes
    _changes += 1


class ElementFunction:
    """A function of one element. A tuple's items are its arguments, as in `tf.data`.

    TensorFlow traces such a function once, so it may not depend on being called for every element. Here the first
    block of elements is computed by `vmap` and its first two elements once more by themselves; when both agree, in
    values or, for functions that draw random numbers, in shapes and types, blocks are computed by `vmap` from then on.
    A function that changes a variable is called for each element.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.is_batched: bool | None = None

    def __call__(self, element: Any) -> Any:
        """The function of one element."""
        with torch.no_grad():
            return to_element(self._raw(element))

    def _raw(self, element: Any) -> Any:
        found = self.function(*element) if type(element) is tuple else self.function(element)
        # As in TensorFlow: a list is what functions with several results return, e.g. `tf.numpy_function`.
        return tuple(found) if type(found) is list else found

    def of_block(self, block: Block) -> Block | None:
        """The function of all elements of a block at once; None if they must be taken one by one."""
        if self.is_batched is False or not isinstance(block, Stacked) or not is_tensors(block.value):
            return None
        if self.is_batched:
            return self._batched(block)
        if block.size < 2:
            return None
        self.is_batched = False
        result = self._tried(block)
        self.is_batched = isinstance(result, Stacked)
        return result

    def _tried(self, block: Stacked) -> Block | None:
        state, changes = torch.get_rng_state(), _changes
        alone = [self(element) for element in block.part(0, 2).elements()]
        if changes != _changes:
            return Listed(alone + [self(element) for element in block.part(2, block.size).elements()])
        is_random = not torch.equal(state, torch.get_rng_state())
        torch.set_rng_state(state)
        if not all(is_tensors(item) for item in alone):
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # of vmap, about functions that it runs in a loop
                result = self._batched(block)
        except _NOT_BATCHABLE:
            torch.set_rng_state(state)
            return None
        for element, item in zip(result.part(0, 2).elements(), alone, strict=True):
            if not all(map(_same if not is_random else _alike, flatten(element), flatten(item))):
                torch.set_rng_state(state)
                return None
        return result

    def _batched(self, block: Stacked) -> Stacked:
        structure: Any = None

        def inner(*parts: torch.Tensor) -> tuple[torch.Tensor, ...]:
            nonlocal structure
            found = to_element(self._raw(rebuilt(block.value, parts)))
            structure = map_structure(lambda _: 0, found)
            return tuple(flatten(found))

        with torch.no_grad():
            results = torch.func.vmap(inner, randomness="different")(*flatten(block.value))
        return Stacked(rebuilt(structure, results), block.size)


def _alike(found: Any, wanted: torch.Tensor) -> bool:
    return isinstance(found, torch.Tensor) and found.shape == wanted.shape and found.dtype == wanted.dtype


def _same(found: Any, wanted: torch.Tensor) -> bool:
    if not _alike(found, wanted):
        return False
    if wanted.is_floating_point() or wanted.is_complex():
        return torch.allclose(found, wanted, rtol=1e-4, atol=1e-6, equal_nan=True)
    return torch.equal(found, wanted)


def apply(function: ElementFunction, block: Block) -> Block:
    """Apply a function to all elements of a block now."""
    found = function.of_block(block)
    return found if found is not None else Listed([function(element) for element in block.elements()])
