"""The calls whose results are compared with real Keras: pure data for layers.py and tests/layers/test_golden.py.

Each module here is a family with one table, `CASES`, of names and `Case`s. A new module is found by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BOTH = ("2.15", "3.15")


@dataclass(frozen=True)
class Nested:
    """A layer among the arguments of another."""

    layer: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One call of one layer.

    inputs: a shape stands for random normal floats, an array for itself. call: further arguments of the call, arrays
    among them becoming tensors. spread: inputs are separate arguments, not a list. keras: the versions that record it.
    open_axes: also compare the symbolic output shape when all axes but the channels are unknown. weights: the range of
    the uniform weights; positive, so that they also serve as variances. tolerance: of outputs, absolute and relative.
    masks: what travels with the inputs as their masks; those of the outputs are compared in any case. without: kinds of
    arrays that are not compared: output, mask, input, weight (gradients of these two) or state. method: a method of the
    layer to call in its place.
    """

    layer: str
    arguments: dict[str, Any]
    inputs: list[Any]
    call: dict[str, Any] = field(default_factory=dict)
    spread: bool = False
    keras: tuple[str, ...] = BOTH
    open_axes: bool = False
    weights: tuple[float, float] = (0.2, 1.2)
    tolerance: float = 1e-5
    masks: list[np.ndarray | None] = field(default_factory=list)
    without: tuple[str, ...] = ()
    method: str = ""

    def make(self, namespace: Any) -> Any:
        """Construct the layer from the classes in `namespace`."""
        return _resolve(Nested(self.layer, self.arguments), namespace)

    def arrays(self) -> list[np.ndarray]:
        """The input arrays."""
        random = np.random.RandomState(7)
        return [
            item if isinstance(item, np.ndarray) else random.standard_normal(item).astype("float32")
            for item in self.inputs
        ]

    def weights_like(self, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
        """Values for weights of these shapes."""
        random = np.random.RandomState(11)
        return [random.uniform(*self.weights, shape).astype("float32") for shape in shapes]

    def open_shapes(self) -> list[tuple[int | None, ...]] | None:
        """The input shapes with unknown sizes for all axes but the channels."""
        if not self.open_axes:
            return None
        axis = 1 if self.arguments.get("data_format") == "channels_first" else -1
        shapes: list[tuple[int | None, ...]] = []
        for array in self.arrays():
            shape: list[int | None] = [None] * array.ndim
            shape[axis] = array.shape[axis]
            shapes.append(tuple(shape))
        return shapes

    def invoke(self, layer: Any, tensors: list[Any], options: dict[str, Any]) -> Any:
        """Call the layer, or its method, on tensors."""
        if self.method:
            return getattr(layer, self.method)(*tensors, **options)
        if self.spread:
            return layer(*tensors, **options)
        return layer(tensors[0] if len(tensors) == 1 else tensors, **options)

    def mark(self, tensors: list[Any], convert: Callable[[np.ndarray], Any]) -> list[Any]:
        """Attach the masks to the input tensors, where both generations look for them."""
        for tensor, mask in zip(tensors, self.masks, strict=False):
            if mask is not None:
                tensor._keras_mask = convert(mask)
        return tensors

    def options(self, convert: Callable[[np.ndarray], Any]) -> dict[str, Any]:
        """The arguments beside the inputs, their arrays converted."""
        return {key: _convert(value, convert) for key, value in self.call.items()}


def _resolve(value: Any, namespace: Any) -> Any:
    if isinstance(value, Nested):
        found = namespace
        for part in value.layer.split("."):
            # Keras 2.15 has some layers in `layers.experimental`, which stand in `layers` itself here.
            found = getattr(found, part, found)
        return found(**{k: _resolve(v, namespace) for k, v in value.arguments.items()})
    if isinstance(value, list):
        return [_resolve(item, namespace) for item in value]
    return value


def masks_of(outputs: list[Any]) -> dict[str, np.ndarray]:
    """The masks that travel with output tensors."""
    masks = {f"mask{i}": getattr(output, "_keras_mask", None) for i, output in enumerate(outputs)}
    return {key: np.asarray(mask) for key, mask in masks.items() if mask is not None}


def _convert(value: Any, convert: Callable[[np.ndarray], Any]) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_convert(item, convert) for item in value)
    if isinstance(value, dict):
        return {key: _convert(item, convert) for key, item in value.items()}
    return convert(value) if isinstance(value, np.ndarray) else value


def upstream(shape: tuple[int, ...]) -> np.ndarray:
    """The gradient that arrives at an output."""
    return np.random.RandomState(13).standard_normal(shape).astype("float32")


def families() -> dict[str, dict[str, Case]]:
    """Every module's table by the module's name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}").CASES for name in names}
