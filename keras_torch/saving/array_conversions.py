"""What older generations stored in another shape: lazy arrays, and one table of conversions by layer class.

A Source knows its shape before anything is read; a conversion makes Sources of Sources.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_torch.saving import hdf5

Shape = tuple[int, ...]
# Arrays of fewer numbers are read in one piece and then copied.
LARGE = 2**16


@dataclass(frozen=True)
class Source:
    """An array of a file, or one computed from several: its name for messages, its shape, and how to get it.

    `read_into` fills a tensor without a copy between, where that is possible; `check`, if there is one, comes before it
    and raises an error if the array is damaged.
    """

    name: str
    shape: Shape
    read: Callable[[], np.ndarray]
    read_into: Callable[[Any], None] | None = None
    check: Callable[[], None] | None = None

    @classmethod
    def of(cls, dataset: hdf5.Dataset, name: str) -> Source:
        """Return the source that reads a dataset as it is."""
        # Complex numbers are looked at before they become real ones.
        large = math.prod(dataset.shape) >= LARGE and dataset.dtype.kind != "c"
        read_into = dataset.read_into if large and dataset.is_plain() else None
        return cls(name, dataset.shape, lambda: dataset.read(dataset.shape), read_into)


def joined(parts: Sequence[Source]) -> Source:
    """Concatenate along the last axis."""
    shape = (*parts[0].shape[:-1], sum(part.shape[-1] for part in parts)) if parts[0].shape else ()
    return Source(parts[0].name, shape, lambda: np.concatenate([part.read() for part in parts], axis=-1))


def transposed(part: Source, axes: Sequence[int]) -> Source:
    """Permute the axes."""
    return Source(part.name, tuple(part.shape[axis] for axis in axes), lambda: part.read().transpose(axes))


def flipped(part: Source, axes: Sequence[int]) -> Source:
    """Reverse some axes: Theano convolved where the others correlate."""
    return Source(part.name, part.shape, lambda: np.flip(part.read(), tuple(axes)))


def reshaped(part: Source, shape: Shape) -> Source:
    """Change the shape only."""
    return Source(part.name, shape, lambda: part.read().reshape(shape))


def convert(layer: Any, sources: list[Source], shapes: list[Shape], origin: Any) -> list[Source]:
    """Return the sources as the layer wants them; `shapes` are those of its weights."""
    name = type(layer).__name__
    if not sources:
        return sources
    if name == "Bidirectional":
        half, middle = len(sources) // 2, len(shapes) // 2
        forward = convert(layer.forward_layer, sources[:half], shapes[:middle], origin)
        return forward + convert(layer.backward_layer, sources[half:], shapes[middle:], origin)
    if name == "TimeDistributed":
        return convert(layer.layer, sources, shapes, origin)
    if hasattr(layer, "layers") and hasattr(layer, "save_weights"):
        return _convert_model(layer, sources, origin)
    if name in _CUDNN_GATES and len(sources) == 3:
        sources = _between_cudnn(sources, shapes[2], _CUDNN_GATES[name])
    if origin.generation == "1" and name in _KERAS_1:
        sources = _KERAS_1[name](sources, shapes)
    if origin.generation in ("1", "2") and origin.backend == "theano" and name.startswith("Conv"):
        spatial = tuple(range(len(sources[0].shape) - 2))
        count = 2 if name == "ConvLSTM2D" else 1
        sources = [*(flipped(source, spatial) for source in sources[:count]), *sources[count:]]
    return sources


# The gates of the layers that Keras 2 had twice: for any device, and for cuDNN with weights as cuDNN stores them.
_CUDNN_GATES = {"LSTM": 4, "CuDNNLSTM": 4, "GRU": 3, "CuDNNGRU": 3}


def _between_cudnn(sources: list[Source], wanted_bias: Shape, gates: int) -> list[Source]:
    """Convert the weights of a CuDNN layer for its plain twin, or the other way round: the bias tells which they are.

    For each gate cuDNN has the transposed matrices; Keras 2 kept the shape (in, units) for the numbers in that order.
    An LSTM has the sum of cuDNN's two biases, a GRU (`reset_after=True`) has both.
    """
    kernel, recurrent, bias = sources
    both, one = (2 * wanted_bias[-1],), wanted_bias[-1] // 2
    if gates == 4 and bias.shape == both:
        sums = Source(bias.name, wanted_bias, lambda: bias.read().reshape(2, -1).sum(0))
        return [_per_gate(kernel, gates, _from_cudnn), _per_gate(recurrent, gates, np.transpose), sums]
    if gates == 4 and bias.shape == (one,):
        halves = Source(bias.name, wanted_bias, lambda: np.tile(bias.read() / 2, 2))
        return [_per_gate(kernel, gates, _to_cudnn), _per_gate(recurrent, gates, np.transpose), halves]
    if gates == 3 and len(wanted_bias) == 2 and bias.shape == both:
        split = reshaped(bias, wanted_bias)
        return [_per_gate(kernel, gates, _from_cudnn), _per_gate(recurrent, gates, np.transpose), split]
    if gates == 3 and bias.shape == (2, one):
        flat = reshaped(bias, wanted_bias)
        return [_per_gate(kernel, gates, _to_cudnn), _per_gate(recurrent, gates, np.transpose), flat]
    return sources


def _per_gate(part: Source, gates: int, change: Callable[[np.ndarray], np.ndarray]) -> Source:
    """Change the columns of each gate, which keep their shape."""
    return Source(
        part.name,
        part.shape,
        lambda: np.concatenate([change(block) for block in np.split(part.read(), gates, axis=1)], axis=1),
    )


def _from_cudnn(kernel: np.ndarray) -> np.ndarray:
    return kernel.reshape(kernel.shape[::-1]).T


def _to_cudnn(kernel: np.ndarray) -> np.ndarray:
    return kernel.T.reshape(kernel.shape)


def _convert_model(model: Any, sources: list[Source], origin: Any) -> list[Source]:
    """Convert the arrays of a nested model: those of trainable weights first, then the others, layer by layer."""
    rest, found = list(sources), []
    for kind in ("trainable_weights", "non_trainable_weights"):
        for layer in model.layers:
            shapes = [tuple(weight.shape) for weight in getattr(layer, kind)]
            if shapes:
                count = _stored_count(layer, len(shapes), origin)
                found += convert(layer, rest[:count], shapes, origin)
                rest = rest[count:]
    return found + rest


def _stored_count(layer: Any, count: int, origin: Any) -> int:
    """How many arrays the file has for `count` weights: Keras 1 stored each gate apart."""
    gates = {"LSTM": 12, "GRU": 9, "ConvLSTM2D": 12}.get(type(layer).__name__)
    return gates if origin.generation == "1" and gates is not None else count


def _gates(order: Sequence[int]) -> Callable[[list[Source], list[Shape]], list[Source]]:
    """Join W, U and b, stored apart for each gate, in the order of gates that Keras has had since 2.0."""

    def join(sources: list[Source], shapes: list[Shape]) -> list[Source]:
        if len(sources) != 3 * len(order):
            return sources
        return [joined([sources[3 * gate + kind] for gate in order]) for kind in range(3)]

    return join


def _image_gates(sources: list[Source], shapes: list[Shape]) -> list[Source]:
    """Join the gates of a ConvLSTM2D, whose kernels were (out, in, rows, columns) with dim_ordering 'th'."""
    found = list(sources)
    for index, source in enumerate(sources):
        if index % 3 < 2 and len(source.shape) == 4:
            *others, filters = shapes[index % 3]
            if _stored_channels_first(source.shape, (*others, filters // 4)):
                found[index] = transposed(source, (2, 3, 1, 0))
    return _gates((0, 2, 1, 3))(found, shapes)


def _kernel_1d(sources: list[Source], shapes: list[Shape]) -> list[Source]:
    """Drop the second spatial axis, of length 1, from (length, 1, in, out) or (out, in, length, 1)."""
    kernel = sources[0]
    if len(kernel.shape) != 4:
        return sources
    if kernel.shape != (shapes[0][0], 1, *shapes[0][1:]):
        kernel = transposed(kernel, (2, 3, 1, 0))
    return [reshaped(kernel, (kernel.shape[0], *kernel.shape[2:])), *sources[1:]]


def _kernel(*axes: int) -> Callable[[list[Source], list[Shape]], list[Source]]:
    """Move the axes of a kernel that does not fit as it is: dim_ordering 'th' stored (out, in, rows, columns)."""

    def move(sources: list[Source], shapes: list[Shape]) -> list[Source]:
        kernel = sources[0]
        if len(kernel.shape) != len(axes) or not _stored_channels_first(kernel.shape, shapes[0]):
            return sources
        return [transposed(kernel, axes), *sources[1:]]

    return move


def _stored_channels_first(stored: Shape, wanted: Shape) -> bool:
    return stored != wanted and stored[2:] == wanted[:-2]


_KERAS_1: dict[str, Callable[[list[Source], list[Shape]], list[Source]]] = {
    "LSTM": _gates((0, 2, 1, 3)),
    "GRU": _gates((0, 1, 2)),
    "ConvLSTM2D": _image_gates,
    "Conv1D": _kernel_1d,
    "Conv2D": _kernel(2, 3, 1, 0),
    "Conv3D": _kernel(2, 3, 4, 1, 0),
    "Conv2DTranspose": _kernel(2, 3, 0, 1),
}
