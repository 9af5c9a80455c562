"""Checks of what users pass to fit, evaluate and predict, and the texts that say what is wrong and how to mend it."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.string_array import STRING, StringArray
from keras_torch.data.conversion import to_numpy_or_tensor, to_tensor
from keras_torch.data.rows import Rows
from keras_torch.data.structure import flatten, leaves_like, rebuilder
from keras_torch.errors import suggest
from keras_torch.training.feeds import Feeds, feeds_of, has_arrays
from keras_torch.training.outputs import is_deep
from keras_torch.training.targets import Slot, target_of


@dataclass
class Arrays:
    """One argument (`x`, `y` or `sample_weight`): its tensors and the function that restores the user's structure."""

    tensors: list[torch.Tensor | Rows] = field(default_factory=list)
    dtypes: list[torch.dtype | None] = field(default_factory=list)
    rebuild: Any = None
    # What the model adds to them, which are then one list.
    feeds: Feeds | None = None

    @property
    def given(self) -> bool:
        """Whether there is any array."""
        return bool(self.tensors)

    def rows(self, which: slice) -> Arrays:
        """Return the argument for some of the samples."""
        return dataclasses.replace(self, tensors=[tensor[which] for tensor in self.tensors])


def slots(model: Any, kind: str, keys: Any = ()) -> list[Slot] | None:
    """Return the inputs or outputs (`kind`) of a model, or None where only a call would tell.

    Where the model was made with a dict of tensors its keys are the names; `keys` (those the user gave) may choose
    the layers' names instead.
    """
    tensors = getattr(model, kind, None)
    if tensors is None:
        return None
    leaves = flatten(tensors)
    names = list(getattr(model, kind[:-1] + "_names", ()) or (f"{kind[:-1]}_{i + 1}" for i in range(len(leaves))))
    structure = getattr(model, kind[:-1], None)
    if isinstance(structure, Mapping) and len(structure) == len(leaves) and not set(names) <= set(keys):
        names = list(structure)
    shapes = model._network.input_shapes if kind == "inputs" else [tuple(leaf.shape) for leaf in leaves]
    may_lack = [layer.optional for layer in model._network.input_layers] if kind == "inputs" else [False] * len(leaves)
    return [
        Slot(str(name), shape, None, True)
        if leaf.dtype == STRING
        else Slot(str(name), shape, config.torch_dtype(leaf.dtype), optional=optional)
        for name, shape, leaf, optional in zip(names, shapes, leaves, may_lack, strict=True)
    ]


def output_names(model: Any) -> list[str] | None:
    """Return the names of a model's outputs, or None where only a call would tell."""
    known = slots(model, "outputs")
    return None if known is None else [slot.name for slot in known]


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """Return the argument `name` as an int. ValueError unless it is a whole number and at least `least`."""
    number = isinstance(value, numbers.Real) or (isinstance(value, torch.Tensor) and value.dim() == 0)
    if not number or isinstance(value, bool) or not float(value).is_integer() or value < least:
        raise ValueError(f"`{name}` must be a whole number, {least} or more. Received: {value!r}")
    return int(value)


def standardize_x(model: Any, x: Any) -> Arrays:
    """Return the inputs as tensors that fit the model. ValueError or TypeError names the input that does not."""
    known = slots(model, "inputs", x if isinstance(x, Mapping) else ())
    label = f"model {model.name!r}" if getattr(model, "name", None) else "the model"
    if known is None:
        return as_given(x, "`x`", are_inputs=True)
    feeds = feeds_of(model)
    if feeds is not None and not _is_whole(x, known):
        known = [known[index] for index in feeds.inputs]
    if not known:
        _refuse_data(x, "`x`", "input", label)
        return Arrays(rebuild=list, feeds=feeds)
    leaves, rebuild = _nested(x, model, "input") or _match(x, known, "`x`", "input", label)
    arrays = Arrays(rebuild=rebuild if feeds is None else list, feeds=feeds)
    for slot, leaf in zip(known, leaves, strict=True):
        if leaf is None and slot.optional:
            continue
        array = to_numpy_or_tensor(leaf, f"Input {slot.name!r} of {label}", slot.text)
        if slot.text and not isinstance(array, StringArray):
            raise TypeError(
                f"Input {slot.name!r} of {label} must be text. Received: {_describe(array)}, dtype {array.dtype}"
            )
        arrays.tensors.append(_fit_shape(to_tensor(array, array_dtype(array, slot.dtype)), slot, label))
        arrays.dtypes.append(slot.dtype)
    return arrays


def _is_whole(x: Any, known: list[Slot]) -> bool:
    """Whether data for a model that computes some of its inputs has them all the same."""
    if isinstance(x, Mapping):
        return all(slot.name in x for slot in known)
    return len(x) == len(known) if isinstance(x, (list, tuple)) else x is not None and len(known) == 1


def _refuse_data(value: Any, argument: str, kind: str, label: str) -> None:
    """ValueError if data is given where the model computes all of it."""
    if has_arrays(value):
        raise ValueError(
            f"{label} computes each {kind} itself, from the tensors it was made or compiled with, so {argument} must "
            f"be None. Received: {_describe(value)}"
        )


def array_dtype(array: Any, wanted: torch.dtype | None) -> torch.dtype | None:
    """Convert floats and wide integers to the model's dtype now; small integers (images) stay small in memory."""
    if wanted is None:
        return None
    dtype = array.dtype if isinstance(array, (torch.Tensor, Rows)) else None
    size = array.element_size() if dtype is not None else array.dtype.itemsize
    return wanted if size >= wanted.itemsize else dtype or config.torch_dtype(array.dtype)


def standardize_y(model: Any, y: Any, losses: list[Any] | None) -> Arrays:
    """Return the targets as tensors, in the user's structure, checked against outputs and losses if these are known."""
    feeds = feeds_of(model)
    if y is None:
        return Arrays(feeds=feeds)
    known = slots(model, "outputs")
    label = f"model {model.name!r}" if getattr(model, "name", None) else "the model"
    if feeds is not None and feeds.targets and known is not None and losses is not None:
        places = [index for index, target in enumerate(feeds.targets) if target is None]
        known, losses = [known[index] for index in places], [losses[index] for index in places]
        if not known or not any(losses):
            _refuse_data(y, "`y`", "target", label)
            return Arrays(feeds=feeds)
    own_step = hasattr(model, "_overrides") and model._overrides("train_step")
    if known is None or losses is None or len(losses) != len(known) or (own_step and not any(losses)):
        return as_given(y, "`y`")
    nested = _nested(y, model, "output")
    # Losses and metrics take the targets of nested outputs in a row.
    leaves, rebuild = (nested[0], list) if nested else _match(y, known, "`y`", "output", label, losses)
    arrays = Arrays(rebuild=rebuild if feeds is None else _filled([leaf is not None for leaf in leaves]), feeds=feeds)
    used = [i for i, leaf in enumerate(leaves) if leaf is not None]
    for index in used:
        slot = known[index]
        array = to_numpy_or_tensor(leaves[index], f"The target of output {slot.name!r} of {label}")
        tensor = target_of(array, slot, losses[index], label)
        arrays.tensors.append(tensor)
        arrays.dtypes.append(None)
    return arrays


def standardize_sample_weight(model: Any, sample_weight: Any, y: Arrays) -> Arrays:
    """Return the weights as float tensors, one array for all outputs or one for each."""
    if sample_weight is None:
        return Arrays()
    known = slots(model, "outputs")
    nested = _nested(sample_weight, model, "output")
    if nested:
        sample_weight = nested[0]
    if known and isinstance(sample_weight, (list, tuple)) and any(map(_is_array, sample_weight)):
        count = len(y.tensors) if len(sample_weight) == len(y.tensors) else len(known)
        if len(sample_weight) != count:
            raise ValueError(
                f"`sample_weight` must be one array, or a list or dict with one for each of the {count} outputs "
                f"{[slot.name for slot in known]}. Received: {_describe(sample_weight)}"
            )
    if isinstance(sample_weight, Mapping):
        names = [slot.name for slot in known] if known else list(sample_weight)
        wrong = [key for key in sample_weight if key not in names]
        if wrong:
            raise ValueError(
                f"`sample_weight` has keys that are no output names: {wrong}.{suggest(wrong[0], names)} "
                f"The outputs are: {names}"
            )
    arrays = as_given(sample_weight, "`sample_weight`")
    floatx = config.torch_dtype(config.floatx())
    arrays.tensors = [tensor.to(floatx) for tensor in arrays.tensors]
    _check_weights(arrays, y, known)
    return arrays


def _check_weights(weights: Arrays, y: Arrays, known: list[Slot] | None) -> None:
    """ValueError unless there is a number for each sample or time step of each target; a last axis of 1 is dropped."""
    given, targets = weights.tensors, y.tensors
    if len(given) == 1 < len(targets) and weights.rebuild is None and np.prod(given[0].shape[1:]) > 1:
        raise ValueError(
            "One array of `sample_weight` for all outputs must have one number per sample. Received: an array of shape "
            f"{tuple(given[0].shape)} for {len(targets)} outputs. Pass a list or dict with one for each."
        )
    for index, tensor in enumerate(given):
        if tensor.dim() > 2 and tensor.shape[-1] == 1:
            given[index] = tensor = tensor.squeeze(-1)
        if not targets or tensor.dim() < 2:
            continue
        target = targets[index if len(given) == len(targets) else 0]
        steps = tuple(target.shape[1:]) or (1,)
        known_rank = len(known[0].shape or ()) if known and len(known) == 1 else 0
        surplus = tensor.dim() == target.dim() == known_rank > 2 or tensor.dim() > max(target.dim(), 2)
        if surplus or any(size not in (1, step) for size, step in zip(tensor.shape[1:], steps, strict=False)):
            raise ValueError(
                "`sample_weight` must have one number per sample, or per sample and time step. "
                f"Received: an array of shape {tuple(tensor.shape)} for targets of shape {tuple(target.shape)}"
            )


# As Keras has it, a pandas Series is one column where nothing tells the shape that is wanted.
_COLUMNS = ("`x`", "`y`")


def as_given(value: Any, label: str, are_inputs: bool = False) -> Arrays:
    """Convert a structure of arrays leaf by leaf; a list of numbers is one array. Inputs may be text."""
    if value is None:
        return Arrays()
    if isinstance(value, (list, tuple)) and not any(_is_array(item) for item in flatten(value)):
        value = to_numpy_or_tensor(value, label, are_inputs)
    leaves = [leaf for leaf in flatten(value) if leaf is not None]
    arrays = Arrays(rebuild=rebuilder(value))
    floatx = config.torch_dtype(config.floatx())
    for leaf in leaves:
        tensor = to_tensor(to_numpy_or_tensor(leaf, label, are_inputs))
        if tensor.dim() == 1 and hasattr(leaf, "to_numpy") and label in _COLUMNS:
            tensor = tensor.unsqueeze(-1)
        arrays.tensors.append(tensor)
        arrays.dtypes.append(floatx if are_inputs and tensor.dtype == torch.uint8 else None)
    return arrays


def _is_array(item: Any) -> bool:
    return isinstance(item, (np.ndarray, torch.Tensor)) or (
        not isinstance(item, (np.generic, str))
        and any(hasattr(item, name) for name in ("shape", "to_numpy", "__array__"))
    )


def _nested(value: Any, model: Any, kind: str) -> tuple[list[Any], Any] | None:
    """Return what `_match` does for a model whose inputs or outputs are nested, if `value` is nested like them."""
    structure: Any = getattr(model, kind, None)
    if not is_deep(structure):
        return None
    leaves = leaves_like(value, structure)
    return None if leaves is None or any(leaf is None for leaf in leaves) else (leaves, rebuilder(structure))


def _match(
    value: Any, known: list[Slot], argument: str, kind: str, label: str, optional: list[Any] | None = None
) -> tuple[list[Any], Any]:
    """Return one array for each slot, and the function that restores the user's structure.

    `optional` are the outputs' losses: where there is none, the target may be missing.
    """
    names = [slot.name for slot in known]
    count = len(known)
    if isinstance(value, Mapping):
        needed = [n for i, n in enumerate(names) if optional is None or optional[i] is not None]
        missing = [name for name in needed if name not in value]
        unknown = [key for key in value if key not in names]
        if missing or (unknown and optional is not None):
            wrong = unknown[0] if unknown else missing[0]
            raise ValueError(
                f"{argument} must be a dict with the {kind} names {names} of {label} as keys. "
                f"Received the keys: {list(value)}.{suggest(wrong, names)}"
            )
        present = [name for name in names if name in value]
        if len(known) == 1 and kind == "output":
            return [value[names[0]]], None
        refill = _filled([value[name] is not None for name in present])
        return [value.get(name) for name in names], lambda parts: dict(zip(present, refill(parts), strict=True))
    if count == 1:
        return [_only(value, argument, names, kind, label)], None
    if not isinstance(value, (list, tuple)) or len(value) != count:
        if optional is not None:
            wanted = [i for i, loss in enumerate(optional) if loss is not None]
            given = value if isinstance(value, (list, tuple)) else [value]
            if len(wanted) == len(given):
                leaves: list[Any] = [None] * count
                for i, item in zip(wanted, given, strict=True):
                    leaves[i] = item
                return leaves, lambda parts: {names[i]: part for i, part in zip(wanted, parts, strict=True)}
        raise ValueError(
            f"{argument} must be a list of {count} arrays, one for each {kind} of {label}: {names}. "
            f"Received: {_describe(value)}"
        )
    return list(value), _filled([item is not None for item in value])


def _filled(kept: list[bool]) -> Callable[[list[Any]], list[Any]]:
    """Return the function that puts None where nothing was kept."""

    def rebuild(parts: list[Any]) -> list[Any]:
        remaining = iter(parts)
        return [next(remaining) if keep else None for keep in kept]

    return rebuild


def _only(value: Any, argument: str, names: list[str], kind: str, label: str) -> Any:
    """Return the one array of a model with one input or output, also out of a list of one."""
    if isinstance(value, (list, tuple)) and any(_is_array(item) for item in value):
        if len(value) == 1:
            return value[0]
        raise ValueError(
            f"{label.capitalize() if label == 'the model' else label} has one {kind}, {names[0]!r}, so {argument} must "
            f"be one array. Received: {_describe(value)}. If these are samples, join them with "
            f"`np.array({argument.strip('`')})`."
        )
    return value


def _describe(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        shapes = [tuple(item.shape) if hasattr(item, "shape") else type(item).__name__ for item in value]
        shown = f"{shapes[:4]}"[:-1] + (", ...]" if len(shapes) > 4 else "]")
        return f"a {type(value).__name__} of {len(value)} with the shapes {shown}"
    if hasattr(value, "shape"):
        return f"one array of shape {tuple(value.shape)}"
    return f"{type(value).__name__}"


def _fit_shape(tensor: torch.Tensor, slot: Slot, label: str) -> torch.Tensor:
    """Check an input against its slot. As in Keras, a last axis of size 1 may be missing or surplus."""
    expected = slot.shape
    if expected is None:
        return tensor
    if tensor.dim() == len(expected) - 1 and expected[-1] in (1, None) and tensor.dim() >= 1:
        tensor = tensor.unsqueeze(-1)
    elif tensor.dim() == len(expected) + 1 and tensor.shape[-1] == 1:
        tensor = tensor.squeeze(-1)
    shape = tuple(tensor.shape)
    if len(shape) == len(expected) and all(e is None or e == s for s, e in zip(shape, expected, strict=True)):
        return tensor
    if len(shape) == len(expected) and all(e is None or e == s for s, e in zip(shape[1:], expected[1:], strict=True)):
        # Only the batch size differs (stateful models): the last, smaller batch fails with the layer's own message.
        return tensor
    raise ValueError(
        f"Input {slot.name!r} of {label} must have the shape {expected} (None: any size). "
        f"Received: an array of shape {shape}.{_shape_hint(shape, expected)}"
    )


def _shape_hint(shape: tuple[int, ...], expected: tuple[int | None, ...]) -> str:
    inner, wanted = shape[1:], expected[1:]
    if shape == tuple(wanted):
        return " This is one sample; add the batch axis with `x[None]`."
    if len(inner) == len(wanted) and len(inner) > 1:
        if (*inner[1:], inner[0]) == tuple(wanted):
            return " The channels are first in the array and last in the model: use `np.moveaxis(x, 1, -1)`."
        if (inner[-1], *inner[:-1]) == tuple(wanted):
            return " The channels are last in the array and first in the model: use `np.moveaxis(x, -1, 1)`."
    if None not in wanted and len(inner) != len(wanted):
        size = 1
        for n in wanted:
            size *= n or 1
        if size == int(np.prod(inner)):
            return f" It has as many numbers per sample: use `x.reshape(-1, {', '.join(map(str, wanted))})`."
    return ""


def check_lengths(x: Arrays, y: Arrays, sample_weight: Arrays, may_be_uneven: bool = False) -> int:
    """Return the number of samples. ValueError if the arrays disagree, or if there are none.

    Several inputs that may be uneven, such as the nodes and edges of a batch of graphs, set no number for the targets.
    """
    sizes = {}
    for name, arrays in (("x", x), ("y", y), ("sample_weight", sample_weight)):
        for index, tensor in enumerate(arrays.tensors):
            if tensor.dim() == 0:
                raise ValueError(f"`{name}` must be an array with a batch axis. Received: a single number")
            sizes[name if len(arrays.tensors) == 1 else f"{name}[{index}]"] = int(tensor.shape[0])
    if may_be_uneven and len(x.tensors) > 1 and 0 not in sizes.values():
        sizes = {name: size for name, size in sizes.items() if not name.startswith("x")} or {"x": x.tensors[0].shape[0]}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"All arrays must have the same number of samples. Received the numbers: {sizes}")
    count = next(iter(sizes.values()), 0)
    if count == 0:
        raise ValueError(
            "Expected at least one sample. Received: "
            + (f"empty arrays, shapes {[tuple(t.shape) for t in x.tensors]}" if sizes else "x=None")
        )
    return count
