"""From the arguments of `fit`, `evaluate` and `predict` to a source of batches on the model's device."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

from keras_torch import config, distributed
from keras_torch.data import (
    ArrayData,
    GeneratorData,
    LoaderData,
    SequenceData,
    distributed_sampler,
    is_sequence,
    loader_for,
    pack_x_y_sample_weight,
    unpack_x_y_sample_weight,
)
from keras_torch.data.conversion import to_numpy
from keras_torch.data.rows import Rows
from keras_torch.data.structure import is_nested
from keras_torch.data.transfer import to_device
from keras_torch.errors import DataTypeError
from keras_torch.training import standardize
from keras_torch.training.class_weights import ClassWeights, class_weights_of
from keras_torch.training.feeds import computed_batches
from keras_torch.training.sharding import share_of
from keras_torch.training.standardize import Arrays
from keras_torch.training.steps import ensure_built, is_built

_FEW = 2


def device_of(model: Any) -> torch.device:
    """Return where the model's weights are, or will be when they are sharded; the default device if it has none."""
    if distributed.sharding():
        return config.default_device()
    return next((parameter.device for parameter in model.parameters()), None) or config.default_device()


def is_array_like(x: Any) -> bool:
    """Whether `x` is an array, a structure of arrays or a list of numbers, not a stream of batches."""
    if isinstance(x, (np.ndarray, torch.Tensor, list, tuple, Mapping, ArrayArguments)) or x is None:
        return True
    if is_sequence(x) or isinstance(x, Dataset) or hasattr(x, "__next__"):
        return False
    return hasattr(x, "shape") or hasattr(x, "to_numpy")


class ArrayArguments:
    """Checked `x`, `y` and `sample_weight` given as arrays, to be cut into batches."""

    def __init__(self, model: Any, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None) -> None:
        self.model = model
        self.given = (x, y)
        compiled = model._compiled
        self.x = standardize.standardize_x(model, x)
        # Stateful layers keep to the batch size that they are built with, so a whole batch must come first.
        if not is_built(model) and _has_default_step(model) and not model.stateful:
            self._build(x)
        loss = compiled.loss if compiled is not None and compiled.loss.built else None
        self.y = standardize.standardize_y(model, y, None if loss is None else loss.losses)
        self.weight = standardize.standardize_sample_weight(model, sample_weight, self.y)
        self.size = standardize.check_lengths(self.x, self.y, self.weight)
        self.class_weight = class_weights_of(class_weight)

    def _build(self, x: Any) -> None:
        """Make the weights with the first samples, then check the input again: now the model knows its shapes."""
        if not self.x.given or not all(tensor.dim() for tensor in self.x.tensors):
            return
        device = device_of(self.model)
        first = [tensor.narrow(0, 0, min(_FEW, tensor.shape[0])) for tensor in self.x.tensors]
        parts = [tensor.to(device, dtype) for tensor, dtype in zip(first, self.x.dtypes, strict=True)]
        ensure_built(self.model, self.x.rebuild(parts) if self.x.rebuild else parts[0])
        self.model._adopt_outputs()
        self.x = standardize.standardize_x(self.model, x)

    def split(self, fraction: float) -> tuple[ArrayArguments, ArrayArguments]:
        """Return the first part, to train on, and the last `fraction` of the samples, to validate with."""
        if not 0 < fraction < 1:
            raise ValueError(f"`validation_split` must lie between 0 and 1. Received: {fraction!r}")
        at = int(self.size * (1.0 - fraction))
        if at in (0, self.size):
            raise ValueError(
                f"`validation_split={fraction}` of {self.size} samples leaves {at} to train on and {self.size - at} to "
                "validate with; both must be positive."
            )
        return self._part(slice(None, at), self.class_weight), self._part(slice(at, None), None)

    def _part(self, which: slice, class_weight: Any) -> ArrayArguments:
        part = object.__new__(ArrayArguments)
        part.model, part.class_weight, part.given = self.model, class_weight, (None, None)
        for name in ("x", "y", "weight"):
            setattr(part, name, getattr(self, name).rows(which))
        part.size = int([*part.x.tensors, *part.y.tensors][0].shape[0])
        return part

    def as_list(self) -> list[np.ndarray]:
        """Return inputs, targets and weights as Keras 1's and 2's callbacks know them from `validation_data`.

        They are the arrays that the user gave, unless their shape had to change.
        """
        weights = self.weight.tensors or [torch.ones(self.size) for _ in self.y.tensors]
        own = [*_own(self.x, self.given[0]), *_own(self.y, self.given[1])]
        return [*own, *(_in_memory(tensor) for tensor in weights)]

    def source(self, batch_size: int, shuffle: bool | str) -> ArrayData:
        """Return the batches."""
        y, weight = self.y, self.weight
        if self.class_weight is not None:
            weight = self.weighted_by_class(self.class_weight)
        every = (self.x, y, weight)
        return ArrayData(
            [tensor for arrays in every for tensor in arrays.tensors],
            batch_size,
            shuffle,
            [dtype for arrays in every for dtype in arrays.dtypes or [None] * len(arrays.tensors)],
            device_of(self.model),
            _packer(self.x, y, weight, device_of(self.model)),
            share_of(self.model),
        )

    def weighted_by_class(self, by_class: ClassWeights) -> Arrays:
        targets = _whole(self.y)
        weights = by_class(targets, _whole(self.weight), standardize.output_names(self.model))
        return standardize.as_given(weights, "`class_weight`")


def _whole(arrays: Arrays) -> Any:
    """Return the tensors of an argument in the user's structure, None if it was not given."""
    if not arrays.given:
        return None
    return arrays.rebuild(arrays.tensors) if arrays.rebuild else arrays.tensors[0]


def _own(arrays: Arrays, given: Any) -> list[np.ndarray]:
    leaves = given if isinstance(given, (list, tuple)) else [given]
    if len(leaves) != len(arrays.tensors):
        leaves = [None] * len(arrays.tensors)
    pairs = zip(arrays.tensors, leaves, strict=True)
    return [
        leaf if isinstance(leaf, np.ndarray) and leaf.shape == tuple(tensor.shape) else _in_memory(tensor)
        for tensor, leaf in pairs
    ]


def _in_memory(tensor: Any) -> Any:
    """Return a tensor as a numpy array; Rows as they are, which become one when a callback looks at them."""
    return tensor if isinstance(tensor, Rows) else to_numpy(tensor)


def held_out(model: Any, data: Any, steps: Any = None) -> Any:
    """Return `validation_data` given as arrays: `(x, y)`, `(x, y, sample_weight)`, `(x,)` or `x` alone.

    What is computed for each batch becomes an iterator of batches, of which `steps` are asked for.
    """
    if isinstance(data, ArrayArguments):
        return data
    if not isinstance(data, (tuple, list)):
        return ArrayArguments(model, data)
    if len(data) not in (1, 2, 3):
        raise ValueError(
            "`validation_data` must be `(x,)`, `(x, y)` or `(x, y, sample_weight)`, or a stream of batches. "
            f"Received: a {type(data).__name__} of {len(data)} elements"
        )
    if len(data) == 1 and model._compiled.loss.user_loss is not None and not _has_own_test(model):
        raise ValueError(
            f"`validation_data` lacks the targets that the loss {model._compiled.loss.user_loss!r} needs. "
            f"Received: a {type(data).__name__} of one element"
        )
    x, y, weight = (*data, None, None)[:3]
    computed = computed_batches(model, x, y, weight, "validation_steps", steps)
    return ArrayArguments(model, *data) if computed is None else computed


def _has_own_test(model: Any) -> bool:
    return any(model._overrides(name) for name in ("test_step", "compute_loss"))


def _has_default_step(model: Any) -> bool:
    return not model._overrides("train_step")


def _packer(
    x: Arrays, y: Arrays, weight: Arrays, device: torch.device
) -> Callable[[tuple[torch.Tensor, ...]], Any] | None:
    """Return the function from a batch's tensors to what steps get; None where the tuple is that already."""
    parts = (x, y, weight)
    if all(len(arrays.tensors) == 1 and arrays.rebuild is None for arrays in parts if arrays.given) and y.given:
        return None
    ends = np.cumsum([len(arrays.tensors) for arrays in parts]).tolist()

    def pack(tensors: tuple[torch.Tensor, ...]) -> Any:
        values: list[Any] = []
        for arrays, start, end in zip(parts, (0, *ends), ends, strict=False):
            leaves = list(tensors[start:end])
            values.append(None if not leaves else arrays.rebuild(leaves) if arrays.rebuild else leaves[0])
        if x.feeds is not None:
            values[:2] = x.feeds.complete(values[0] or [], values[1], device)
        return pack_x_y_sample_weight(*values)

    return pack


def stream(
    model: Any,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    workers: int | None = None,
    use_multiprocessing: bool | None = None,
    max_queue_size: int | None = None,
    for_predict: bool = False,
) -> Any:
    """Return a source for a Sequence, a generator, a torch DataLoader or Dataset, or another iterable of batches."""
    kind = type(x).__name__
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"`{name}` must not be given when `x` is a {kind}: its batches hold inputs, targets and weights."
            )
    if isinstance(x, TensorDataset) and not (for_predict and model._overrides("predict_step")):
        parts = unpack_x_y_sample_weight(tuple(x.tensors))
        arrays = ArrayArguments(model, *(parts[:1] if for_predict else (*parts, class_weight)))
        return arrays.source(batch_size or 32, shuffle)
    # What strategies of TensorFlow have divided among processes is divided here.
    x = getattr(x, "whole_batches", x)
    is_torch = isinstance(x, (DataLoader, Dataset))
    convert = converter(model, class_weight, is_torch, for_predict, distributed_sampler(x))
    if is_sequence(x):
        return SequenceData(x, convert, shuffle, workers, use_multiprocessing, max_queue_size)
    if isinstance(x, Dataset) and not isinstance(x, DataLoader):
        return LoaderData(loader_for(x, batch_size or 32, shuffle, workers), convert)
    if hasattr(x, "__next__"):
        return GeneratorData(x, convert, workers, max_queue_size or 10)
    if hasattr(x, "__iter__"):
        return LoaderData(x, convert)
    called = f" Call the function: pass `{getattr(x, '__name__', 'x')}()`." if callable(x) else ""
    raise DataTypeError(
        "`x` must be an array, a list or dict of arrays, a generator, a keras.utils.Sequence / PyDataset, or a torch "
        f"DataLoader or Dataset. Received: {x!r} of type {kind}.{called}"
    )


def converter(
    model: Any,
    class_weight: Any = None,
    lists_are_tuples: bool = False,
    for_predict: bool = False,
    sampler: Any = None,
) -> Callable[[Any], Any]:
    """Return the function that checks one batch from outside and moves it to the device.

    With a DistributedSampler as `sampler` batches are this process's parts already.

    A list is a tuple `(x, y, sample_weight)`, unless it holds one array for each of several inputs of the model. For
    `predict`, targets are left out, or taken as they are where the model has a `predict_step` of its own.
    """
    class_weight = class_weights_of(class_weight)
    is_part = sampler is not None
    if for_predict and is_part and share_of(model) is not None:
        raise ValueError(
            f"`predict` gives outputs in the order of the data, which a {type(sampler).__name__} divides among "
            "processes. Give it a DataLoader without one: each of its batches is divided."
        )
    inputs_only = for_predict and not model._overrides("predict_step")

    def convert(data: Any) -> Any:
        if isinstance(data, list):
            data = (data,) if not lists_are_tuples and _holds_all_inputs(model, data) else tuple(data)
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        if inputs_only:
            y = sample_weight = None
        return convert_batch(model, x, y, sample_weight, class_weight, not for_predict, is_part)

    return convert


def _holds_all_inputs(model: Any, data: list[Any]) -> bool:
    inputs = model.inputs
    return inputs is not None and len(inputs) == len(data) > 1 and not any(map(is_nested, data))


def convert_batch(
    model: Any,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any = None,
    check_targets: bool = True,
    is_part: bool = False,
) -> Any:
    """Return one batch as tensors on the model's device, checked like the arguments of `fit`.

    With several processes it is cut, unless it `is_part` of the global batch already.
    """
    device = device_of(model)
    compiled = model._compiled
    loss = compiled.loss if check_targets and compiled is not None and compiled.loss.built else None
    inputs = standardize.standardize_x(model, x)
    targets = standardize.standardize_y(model, y, None if loss is None else loss.losses)
    weights = standardize.standardize_sample_weight(model, sample_weight, targets)
    if inputs.feeds is None or inputs.given or targets.given or weights.given:
        share = share_of(model)
        size = standardize.check_lengths(inputs, targets, weights, not config.is_classic() and share is None)
        if share is not None and is_part:
            share.take_all(size)
        elif share is not None:
            rows = share.take(size)
            inputs, targets, weights = (part.rows(rows) for part in (inputs, targets, weights))
    by_class = class_weights_of(class_weight)
    if by_class is not None:
        given = by_class(_whole(targets), _whole(weights), standardize.output_names(model))
        weights = standardize.as_given(given, "`class_weight`")
    x, y, weight = (_restore(arrays, device) for arrays in (inputs, targets, weights))
    if inputs.feeds is not None:
        x, y = inputs.feeds.complete(x or [], y, device)
    return pack_x_y_sample_weight(x, y, weight)


def _restore(arrays: Arrays, device: torch.device) -> Any:
    if not arrays.given:
        return None
    tensors = to_device([t.read() if isinstance(t, Rows) else t for t in arrays.tensors], device)
    if any(arrays.dtypes):
        tensors = [t if d is None else t.to(d) for t, d in zip(tensors, arrays.dtypes, strict=True)]
    return arrays.rebuild(tensors) if arrays.rebuild else tensors[0]


def check_batch_size(batch_size: Any) -> int:
    """Return the batch size, 32 by default. ValueError unless it is a positive whole number."""
    return 32 if batch_size is None else standardize.whole_number("batch_size", batch_size)


def check_steps(name: str, steps: Any) -> int | None:
    """Return a number of steps; None and -1 mean all batches. ValueError for 0 or less."""
    return None if steps is None or steps == -1 else standardize.whole_number(name, steps)


def warn_batch_size(batch_size: Any, x: Any) -> None:
    """Streams bring their own batches: `batch_size` beside one has no effect, and Keras refuses it."""
    if batch_size is not None and not isinstance(x, Dataset):
        warnings.warn(f"`batch_size={batch_size}` has no effect: {type(x).__name__} gives whole batches.", stacklevel=4)
