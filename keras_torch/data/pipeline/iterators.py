"""Iterators over datasets as graphs of TensorFlow 1 knew them: tensors that are another batch at each run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from keras_torch import config
from keras_torch.backend.variables import Update
from keras_torch.data.structure import map_structure
from keras_torch.symbolic import FunctionOp, KerasTensor, Node


class GraphIterator:
    """What `make_one_shot_iterator` of a dataset returns.

    In dialects 1 and 2 `get_next()` gives symbolic tensors: each run of a model, a `K.function` or a session takes one
    element. Elsewhere it gives the element itself. Running `initializer` starts over.
    """

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset
        self._elements: Iterator[Any] | None = None

    @property
    def initializer(self) -> Any:
        """What a session runs to start at the first element again."""
        return _Restart((self, None))

    @property
    def element_spec(self) -> Any:
        """Shapes and types of an element."""
        return self._dataset.element_spec

    def restart(self) -> None:
        """Start at the first element again."""
        self._elements = None

    def draw(self) -> Any:
        """Return the next element. StopIteration at the end."""
        if self._elements is None:
            self._elements = iter(self._dataset)
        return next(self._elements)

    def get_next(self, name: str | None = None) -> Any:
        """Return the next element, symbolic in dialects 1 and 2."""
        if not config.is_classic():
            return self.draw()
        outputs = map_structure(lambda spec: KerasTensor(spec.shape, spec.dtype, name=name), self.element_spec)
        Node(FunctionOp(_Draw(self)), (), {}, outputs)
        return outputs


class _Draw(nn.Module):
    """Takes an element of an iterator, as a step of a running graph."""

    def __init__(self, iterator: GraphIterator) -> None:
        super().__init__()
        self._iterator = iterator

    def forward(self) -> Any:
        """Return the element. IndexError at the end, which a generator could not tell from its own otherwise."""
        try:
            return self._iterator.draw()
        except StopIteration:
            raise IndexError(
                "The dataset behind `get_next()` has come to its end. Call its `repeat()` before, or run the "
                "iterator's `initializer`."
            ) from None


class _Restart(Update):
    def run(self) -> Any:
        """Start over."""
        self[0].restart()
        return 0
