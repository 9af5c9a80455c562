"""Iterators over datasets, also as graphs of TensorFlow 1 knew them: tensors that are another batch at each run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from keras_torch import config
from keras_torch.backend.devices import moved
from keras_torch.backend.variables import Update
from keras_torch.data.structure import map_structure
from keras_torch.errors import OutOfRangeError
from keras_torch.symbolic import FunctionOp, KerasTensor, Node


class Optional:
    """An element of a dataset, or none."""

    def __init__(self, *value: Any) -> None:
        self._value = value

    def has_value(self, name: str | None = None) -> torch.Tensor:
        """Whether there is one, as a tensor."""
        return torch.tensor(bool(self._value))

    def get_value(self, name: str | None = None) -> Any:
        """Return it. ValueError if there is none."""
        if not self._value:
            raise ValueError("The Optional has no value: the dataset has come to its end. Ask `has_value()` before.")
        return self._value[0]


class ElementIterator:
    """What `iter(dataset)` and, with numpy arrays, `dataset.as_numpy_iterator()` return.

    Its place in the pass is saved by `tf.train.Checkpoint`; restored, it makes the elements before that place again.
    """

    def __init__(self, dataset: Any, elements: Iterable[Any]) -> None:
        self._dataset, self._elements = dataset, iter(elements)
        self._count = 0

    def __iter__(self) -> ElementIterator:
        return self

    def __next__(self) -> Any:
        element = next(self._elements)
        self._count += 1
        device = config.default_device()
        return element if device.type == "cpu" else moved(element, device)

    next = __next__

    @property
    def element_spec(self) -> Any:
        """Shapes and types of an element."""
        return self._dataset.element_spec

    def get_next(self, name: str | None = None) -> Any:
        """Return the next element. OutOfRangeError at the end."""
        return _next(self)

    def get_next_as_optional(self) -> Optional:
        """Return the next element, if there is one, as an `Optional`."""
        for element in self:
            return Optional(element)
        return Optional()

    def state_dict(self) -> dict[str, int]:
        """Return the place in the pass."""
        return {"count": self._count}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Start over and go to a place in the pass."""
        self._elements, self._count = self._dataset.step.elements(), 0
        for _ in range(state["count"]):
            next(self)


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

    def __iter__(self) -> GraphIterator:
        return self

    def __next__(self) -> Any:
        if self._elements is None:
            self._elements = iter(self._dataset)
        return next(self._elements)

    def get_next(self, name: str | None = None) -> Any:
        """Return the next element, symbolic in dialects 1 and 2. OutOfRangeError at the end."""
        if not config.is_classic():
            return _next(self)
        outputs = map_structure(lambda spec: KerasTensor(spec.shape, spec.dtype, name=name), self.element_spec)
        Node(FunctionOp(_Draw(self)), (), {}, outputs)
        return outputs


class _Draw(nn.Module):
    """Takes an element of an iterator, as a step of a running graph."""

    def __init__(self, iterator: GraphIterator) -> None:
        super().__init__()
        self._iterator = iterator

    def forward(self) -> Any:
        """Return the element."""
        return _next(self._iterator)


def _next(iterator: Iterator[Any]) -> Any:
    try:
        return next(iterator)
    except StopIteration:
        raise OutOfRangeError(
            "The dataset behind `get_next()` has come to its end. Call its `repeat()` before, or start over: with a "
            "new iterator, or by running the `initializer` of one of TensorFlow 1."
        ) from None


class _Restart(Update):
    def run(self) -> Any:
        """Start over."""
        self[0].restart()
        return 0
