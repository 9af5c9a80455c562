"""Layers that join several tensors, their functions, and Keras 1's `merge` and `Merge`."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from keras_torch import config, registry
from keras_torch.backend.tensors import as_tensor
from keras_torch.engine import Layer
from keras_torch.engine.call import is_shape
from keras_torch.layers.lambda_layer import describe_function, find_function, parameters_of

Shape = tuple[int | None, ...]


class Merging(Layer):
    """Base of the layers that combine a list of tensors element by element, with broadcasting.

    A tensor with fewer axes gets axes of size 1 after the batch axis.
    """

    _count: int | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self._classic_masks = config.dialect() in ("1", "2", "tf")

    def build(self, input_shape: Any) -> None:
        shapes = self._checked(input_shape)
        batches = {shape[0] for shape in shapes} - {None}
        if len(batches) > 1:
            raise ValueError(f"Layer {self.name!r}: cannot merge different batch sizes. Received: {shapes}")
        self.compute_output_shape(input_shape)
        self.built = True

    def _checked(self, input_shape: Any) -> list[Shape]:
        if is_shape(input_shape):
            raise ValueError(
                f"Layer {self.name!r}: {type(self).__name__} combines several tensors; call it on a list of them. "
                f"Received: one tensor of shape {input_shape}"
            )
        shapes = [tuple(shape) for shape in input_shape]
        least = 2 if config.is_classic() else 1
        if len(shapes) < least or (self._count is not None and len(shapes) != self._count):
            wanted = f"at least {least} input(s)" if self._count is None else f"exactly {self._count} inputs"
            raise ValueError(
                f"Layer {self.name!r}: {type(self).__name__} combines {wanted}. Received: {len(shapes)}, of shapes "
                f"{shapes}"
            )
        return shapes

    def _merge(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define `_merge(inputs)` or `call(inputs)`.")

    def call(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        rank = inputs[0].ndim
        for item in inputs:
            if item.ndim != rank:
                return self._merge(_equal_ranks(inputs))
        return self._merge(inputs)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._checked(input_shape)
        rank = max(len(shape) for shape in shapes)
        shapes = [(*shape[:1], *(1,) * (rank - len(shape)), *shape[1:]) for shape in shapes]
        return tuple(self._broadcast(sizes, shapes) for sizes in zip(*shapes, strict=True))

    def _broadcast(self, sizes: tuple[int | None, ...], shapes: list[Shape]) -> int | None:
        known = {size for size in sizes if size is not None and size != 1}
        if len(known) > 1:
            raise ValueError(
                f"Layer {self.name!r}: inputs have incompatible shapes; sizes must be equal or 1. Received: {shapes}"
            )
        return known.pop() if known else (None if None in sizes else 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Join the masks: a step counts where any input has it, if all are masked; before Keras 3 where all have it."""
        masks = [item for item in self._masks_of(inputs, mask) if item is not None]
        if not masks:
            return None
        if self._classic_masks:
            return functools.reduce(torch.logical_and, masks)
        return None if len(masks) < len(mask) else functools.reduce(torch.logical_or, masks)

    def _masks_of(self, inputs: Any, mask: Any) -> Sequence[Any]:
        """Return the list of masks, one per input; no items for no masks. ValueError if they do not fit the inputs."""
        if mask is None:
            return ()
        for argument, value in (("inputs", inputs), ("mask", mask)):
            if not isinstance(value, (list, tuple)):
                raise ValueError(
                    f"Layer {self.name!r}: `{argument}` of `compute_mask` must be a list. Received: {value!r}"
                )
        if len(mask) != len(inputs):
            raise ValueError(
                f"Layer {self.name!r}: `mask` must hold one mask, or None, for each of the {len(inputs)} inputs. "
                f"Received: {len(mask)} masks"
            )
        return [None if item is None else as_tensor(item) for item in mask]


def _equal_ranks(inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    rank = max(item.ndim for item in inputs)
    return [item[(slice(None), *(None,) * (rank - item.ndim))] for item in inputs]


class _Merge(Merging):
    """Keras 2's name of the base, for layers of one's own, which defined `_merge_function(inputs)`."""

    def _merge_function(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define `_merge_function(inputs)`.")

    def _merge(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return self._merge_function(inputs)


class MaskedMerging(Merging):
    """Base of the layers that, since Keras 3, leave masked steps out of the result."""

    def call(self, inputs: Sequence[torch.Tensor], mask: Any = None) -> torch.Tensor:
        if mask is None or self._classic_masks:
            return super().call(inputs)
        rank = max(item.ndim for item in inputs)
        # Like Keras, which loses the mask of a tensor to which it adds axes.
        masks = [
            None if part is None or item.ndim < rank else part.unsqueeze(-1)
            for item, part in zip(inputs, self._masks_of(inputs, mask), strict=True)
        ]
        return self._merge_masked(_equal_ranks(inputs), masks)

    def _merge_masked(self, inputs: Sequence[torch.Tensor], masks: Sequence[torch.Tensor | None]) -> torch.Tensor:
        """Leave the inputs out where their masks are False; all of them masked, the steps that the first one gives."""
        output, known = inputs[0], masks[0]
        for item, part in zip(inputs[1:], masks[1:], strict=True):
            if part is not None:
                item = torch.where(part, item, output)
            if known is not None:
                output = torch.where(known, output, item)
            known = None if part is None or known is None else torch.logical_or(known, part)
            output = self._merge((output, item))
        return output


class Add(Merging):
    """The sum of the inputs."""

    def _merge(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return functools.reduce(torch.add, inputs)


class Subtract(Merging):
    """The first input minus the second."""

    _count = 2

    def _merge(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return inputs[0] - inputs[1]


class Multiply(MaskedMerging):
    """The product of the inputs; since Keras 3, masked steps count as 1, and as 0 where all inputs are masked."""

    def _merge(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return functools.reduce(torch.mul, inputs)

    def _merge_masked(self, inputs: Sequence[torch.Tensor], masks: Sequence[torch.Tensor | None]) -> torch.Tensor:
        pairs = zip(inputs, masks, strict=True)
        product = self._merge([item if part is None else torch.where(part, item, 1.0) for item, part in pairs])
        given = [part for part in masks if part is not None]
        if len(given) < len(masks):
            return product
        return torch.where(functools.reduce(torch.logical_or, given), product, 0.0)


class Average(Merging):
    """The mean of the inputs."""

    def _merge(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return functools.reduce(torch.add, inputs) / len(inputs)


class Maximum(MaskedMerging):
    """The largest of the inputs, element by element; equal ones leave the gradient to the first, as in TensorFlow."""

    def _merge(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return functools.reduce(lambda first, second: torch.where(first >= second, first, second), inputs)


class Minimum(MaskedMerging):
    """The smallest of the inputs, element by element; equal ones leave the gradient to the first, as in TensorFlow."""

    def _merge(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return functools.reduce(lambda first, second: torch.where(first <= second, first, second), inputs)


class Concatenate(Merging):
    """The inputs one after the other along `axis` (`torch.cat`)."""

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(axis, numbers.Integral):
            raise ValueError(f"Layer {self.name!r}: `axis` must be an integer. Received: {axis!r}")
        self.axis: int = int(axis)

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat(tuple(inputs), self.axis)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        shapes = self._checked(input_shape)
        rank = len(shapes[0])
        fits = -rank <= self.axis < rank and all(len(shape) == rank for shape in shapes)
        axis = self.axis % rank if fits else 0
        columns = list(zip(*shapes, strict=False))
        if not fits or any(len(set(sizes) - {None}) > 1 for i, sizes in enumerate(columns) if i != axis):
            raise ValueError(
                f"Layer {self.name!r}: Concatenate joins tensors of one rank, whose sizes differ along "
                f"`axis={self.axis}` at most. Received: shapes {shapes}"
            )
        sizes = columns[axis]
        total = None if None in sizes else sum(sizes)  # type: ignore[arg-type]
        known = [next((size for size in column if size is not None), None) for column in columns]
        return (*known[:axis], total, *known[axis + 1 :])

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        masks = self._masks_of(inputs, mask)
        if all(item is None for item in masks):
            return None
        parts = []
        for tensor, part in zip(map(as_tensor, inputs), masks, strict=True):
            if part is None:
                part = torch.ones_like(tensor, dtype=torch.bool)
            elif part.ndim < tensor.ndim:
                part = torch.logical_or(part.unsqueeze(-1), torch.zeros_like(tensor, dtype=torch.bool))
            parts.append(part)
        joined = torch.cat(parts, self.axis)
        return torch.all(joined, -1) if self._classic_masks else torch.any(joined, -1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class Dot(Merging):
    """Products of the samples of two tensors, summed over one axis of each (`torch.matmul`).

    `normalize` makes it the cosine proximity. Output: the first input's axes without the summed one, then the second's
    without it and the batch axis; (batch, 1) if nothing else is left.
    """

    _count = 2

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given: Any = (axes, axes) if isinstance(axes, numbers.Integral) else axes
        pair = given if isinstance(given, (list, tuple)) else ()
        if len(pair) != 2 or not all(isinstance(axis, numbers.Integral) for axis in pair):
            raise ValueError(f"Layer {self.name!r}: `axes` must be an integer or two. Received: {axes!r}")
        self.axes = axes
        self.normalize = normalize

    def _axes_of(self, first_rank: int, second_rank: int) -> tuple[int, int]:
        first, second = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        if not (-first_rank <= first < first_rank and -second_rank <= second < second_rank):
            raise ValueError(
                f"Layer {self.name!r}: `axes` must name axes of the inputs, which have {first_rank} and {second_rank}. "
                f"Received: {self.axes}"
            )
        found = first % first_rank, second % second_rank
        if 0 in found:
            raise ValueError(f"Layer {self.name!r}: `axes` cannot name the batch axis. Received: {self.axes}")
        return found

    def call(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        first, second = inputs
        first_axis, second_axis = self._axes_of(first.ndim, second.ndim)
        if self.normalize:
            first, second = _unit(first, first_axis), _unit(second, second_axis)
        if first.ndim == second.ndim == 2:
            return torch.sum(first * second, 1, keepdim=True, dtype=first.dtype)
        left, right = first.movedim(first_axis, -1), second.movedim(second_axis, 1)
        product = torch.matmul(
            left.reshape(len(left), -1, left.shape[-1]), right.flatten(2) if right.ndim > 2 else right.unsqueeze(2)
        )
        return product.reshape(len(left), *left.shape[1:-1], *right.shape[2:])

    def compute_output_shape(self, input_shape: Any) -> Shape:
        first, second = (list(shape) for shape in self._checked(input_shape))
        axes = self._axes_of(len(first), len(second))
        sizes = first.pop(axes[0]), second.pop(axes[1])
        if None not in sizes and sizes[0] != sizes[1]:
            raise ValueError(
                f"Layer {self.name!r}: the sizes along `axes` {axes} must be equal. Received: shapes {input_shape}"
            )
        shape = (*first, *second[1:])
        return shape if len(shape) > 1 else (*shape, 1)

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def _unit(tensor: torch.Tensor, axis: int) -> torch.Tensor:
    """Scale to length 1 along an axis; lengths below 1e-6 count as that, as in Keras."""
    squared = torch.sum(tensor * tensor, axis, keepdim=True)
    return tensor * torch.rsqrt(torch.clamp(squared, min=1e-12))


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Function form of `Add`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Function form of `Subtract`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Function form of `Multiply`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Function form of `Average`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Function form of `Maximum`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Function form of `Minimum`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Function form of `Concatenate`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[Any], axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> Any:
    """Function form of `Dot`."""
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)


MODES: dict[str, type[Merging]] = {
    "sum": Add,
    "mul": Multiply,
    "ave": Average,
    "max": Maximum,
    "min": Minimum,
    "concat": Concatenate,
    "dot": Dot,
    "cos": Dot,
}


def _merging_layer(mode: str, concat_axis: int, dot_axes: Any, **kwargs: Any) -> Merging:
    """Return today's layer for a mode of Keras 1."""
    if mode not in MODES:
        raise ValueError(f"`mode` must be a function or one of {sorted(MODES)}. Received: {mode!r}")
    if mode in ("dot", "cos"):
        if isinstance(dot_axes, (list, tuple)):
            dot_axes = [axis[0] if isinstance(axis, (list, tuple)) else axis for axis in dot_axes]
        return Dot(axes=dot_axes, normalize=mode == "cos", **kwargs)
    layer = Concatenate(axis=concat_axis, **kwargs) if mode == "concat" else MODES[mode](**kwargs)
    # Whoever calls it by Keras 1's name means Keras 1's masks.
    layer._classic_masks = True
    return layer


class Merge(Layer):
    """Keras 1's merging layer: today's layer for `mode`, a string or a function of the list of tensors.

    `layers` are branches (models or layers) that run on the inputs first, as in
    `Sequential([Merge([left, right], mode="concat"), ...])`; without them the layer takes the tensors themselves.
    `tensor_indices` choose one output of each branch that has several. A function of `mask`, too, gets the masks.
    """

    def __init__(
        self,
        layers: Sequence[Any] | None = None,
        mode: Any = "sum",
        concat_axis: int = -1,
        dot_axes: Any = -1,
        output_shape: Any = None,
        output_mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        node_indices: Sequence[int] | None = None,
        tensor_indices: Sequence[int | None] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if any(node_indices or ()):
            raise ValueError(
                f"Layer {self.name!r}: `node_indices` other than 0 mean outputs of later calls of the layers; merge "
                f"those tensors with `merge([...])`. Received: {node_indices!r}"
            )
        self.supports_masking = True
        self.branches = list(layers or ())
        self.tensor_indices = list(tensor_indices or ())
        self._takes_mask = callable(mode) and "mask" in parameters_of(mode)
        self.mode = mode
        self.concat_axis = concat_axis
        self.dot_axes = dot_axes
        self.arguments = dict(arguments or {})
        self._output_shape = output_shape
        self._output_mask = output_mask
        self._knows_output_shape = not callable(mode) or output_shape is not None
        self._merging = None if callable(mode) else _merging_layer(mode, concat_axis, dot_axes)

    def sources(self) -> list[Any]:
        """The symbolic inputs of the branches (the branch where they are not known), each once: they may share some."""
        return list({id(source): source for source in self._all_sources()}.values())

    def _all_sources(self) -> list[Any]:
        return [source for branch in self.branches for source in _sources(branch)]

    def _through_branches(self, inputs: Any) -> list[Any]:
        """Run the branches on their share of the inputs."""
        inputs = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if not self.branches:
            return inputs
        taken, distinct = self._all_sources(), self.sources()
        if len(inputs) == len(distinct):
            given = dict(zip(map(id, distinct), inputs, strict=True))
            inputs = [given[id(source)] for source in taken]
        if len(inputs) != len(taken):
            counts = [len(_sources(branch)) for branch in self.branches]
            raise ValueError(
                f"Layer {self.name!r}: the branches take {counts} inputs, {sum(counts)} together. "
                f"Received: {len(inputs)}"
            )
        outputs, rest = [], iter(inputs)
        for branch in self.branches:
            part = [next(rest) for _ in _sources(branch)]
            outputs.append(branch(part[0] if len(part) == 1 else part))
        for position, index in enumerate(self.tensor_indices):
            if index is not None and isinstance(outputs[position], (list, tuple)):
                outputs[position] = outputs[position][index]
        return outputs

    def call(self, inputs: Any, mask: Any = None) -> Any:
        tensors = self._through_branches(inputs)
        if self._merging is None:
            masks = {"mask": mask} if self._takes_mask else {}
            return self.mode(tensors, **masks, **self.arguments)
        output = self._merging(tensors)
        return output.unsqueeze(1) if self.mode == "cos" else output

    def compute_output_shape(self, input_shape: Any) -> Any:
        if self.branches:
            input_shape = [tuple(branch.output_shape) for branch in self.branches]
        if self._merging is not None:
            shape = self._merging.compute_output_shape(input_shape)
            return (shape[0], 1, *shape[1:]) if self.mode == "cos" else shape
        if callable(self._output_shape):
            return tuple(self._output_shape(input_shape))
        if self._output_shape is not None:
            return (input_shape[0][0], *self._output_shape)
        return super().compute_output_shape(input_shape)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        if self._merging is not None:
            return None if self.branches else self._merging.compute_mask(inputs, mask)
        return self._output_mask(mask) if callable(self._output_mask) else self._output_mask

    def get_config(self) -> dict[str, Any]:
        branches = {"layers": [registry.layers.serialize(branch) for branch in self.branches]} if self.branches else {}
        if self.tensor_indices:
            branches["tensor_indices"] = self.tensor_indices
        mode, mode_type, _ = describe_function(self.mode)
        shape, shape_type, _ = describe_function(self._output_shape)
        mask, mask_type, _ = describe_function(self._output_mask)
        return {
            **super().get_config(),
            "mode": mode,
            "mode_type": "raw" if isinstance(self.mode, str) else mode_type,
            "concat_axis": self.concat_axis,
            "dot_axes": self.dot_axes,
            "output_shape": shape,
            "output_shape_type": shape_type,
            "output_mask": mask,
            "output_mask_type": mask_type,
            "arguments": self.arguments,
            **branches,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Merge:
        config = dict(config)
        if config.get("layers"):
            made: list[tuple[Any, Any]] = []
            for branch in config["layers"]:
                # Names differ, so equal descriptions are of one branch.
                known = next((layer for described, layer in made if described == branch), None)
                made.append((branch, known or registry.layers.from_dict(branch, custom_objects)))
            config["layers"] = [layer for _, layer in made]
        for key in ("mode", "output_shape", "output_mask"):
            kind = config.pop(f"{key}_type", "raw")
            if config.get(key) is not None and kind != "raw":
                config[key] = find_function(config[key], kind, config.get("name", "merge"), custom_objects or {})
        return cls(**config)


def _sources(branch: Any) -> list[Any]:
    return list(getattr(branch, "inputs", None) or [branch])


def merge(
    inputs: Sequence[Any],
    mode: Any = "sum",
    concat_axis: int = -1,
    dot_axes: Any = -1,
    output_shape: Any = None,
    output_mask: Any = None,
    arguments: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Any:
    """Merge tensors as Keras 1 did; string modes make today's layers (`"sum"` an `Add`, `"concat"` a `Concatenate`)."""
    if callable(mode) or mode == "cos":
        layer: Layer = Merge(None, mode, concat_axis, dot_axes, output_shape, output_mask, arguments, name=name)
    else:
        layer = _merging_layer(mode, concat_axis, dot_axes, name=name)
    return layer(list(inputs))
