"""The graph behind a functional or Sequential model: its layers in Keras's order, and running it as an fx program."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree

from keras_torch import config
from keras_torch.backend.function import NoGraphError
from keras_torch.backend.string_array import STRING, to_strings
from keras_torch.data.structure import leaves_like
from keras_torch.engine import InputLayer
from keras_torch.engine.call import call_symbolic, state
from keras_torch.engine.masking import get_mask, set_mask
from keras_torch.symbolic import FunctionOp, KerasTensor, Node, count_unnamed, give_name, lower, producer, sort_nodes
from keras_torch.symbolic.structure import leaves, map_tree


class Network:
    """Everything between the symbolic tensors `inputs` and `outputs` (tensors, lists, tuples or dicts of them)."""

    def __init__(self, inputs: Any, outputs: Any, name: str) -> None:
        self.name = name
        inputs = _sorted_by_key(inputs)
        if config.is_modern():
            # What tf.keras returned had the order of the user's dict.
            outputs = _sorted_by_key(outputs)
        # A list of one output counts as that output, in every Keras.
        self.inputs = inputs
        self.outputs = outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs
        self.flat_inputs = _symbolic_leaves(inputs, "inputs", name)
        self.flat_outputs = _symbolic_leaves(outputs, "outputs", name)
        # Computed with every run although nobody gets them: the outputs of AddLoss and AddMetric layers.
        self.effects: list[KerasTensor] = []
        self.input_layers = [_input_layer(tensor) for tensor in self.flat_inputs]
        self.input_names = [layer.name for layer in self.input_layers]
        self.single_input = isinstance(inputs, KerasTensor)
        self._nests_inputs = not self.single_input and any(
            not isinstance(item, KerasTensor) for item in (inputs.values() if isinstance(inputs, Mapping) else inputs)
        )
        self.computed_inputs = _computed(self.flat_inputs)
        self.nodes: list[Node] = []
        self.operations: list[Any] = []
        self.aside: list[Any] = []
        self._map()
        self.has_masks = any(tensor._keras_mask is not None for tensor in self.flat_outputs)
        self._dtypes = [
            None if tensor.dtype == STRING else config.torch_dtype(tensor.dtype) for tensor in self.flat_inputs
        ]
        self._accepted: list[Any] = [None] * len(self.flat_inputs)
        self.input_shapes: list[tuple[int | None, ...]] = [tuple(tensor.shape) for tensor in self.flat_inputs]
        self._programs: dict[str, Callable[..., Any]] = {}
        # Whether a layer was found to ask for gradients with respect to tensors of the program.
        self._differentiates = False
        # What a sample costs, for whoever wants to know and finds it out.
        self.work: float | None = None
        self._lower()

    def __getstate__(self) -> dict[str, Any]:
        # Programs are made again on first use; fx would retrace them when unpickling.
        return {**self.__dict__, "_programs": {}, "operation_layers": None}

    def __setstate__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)
        for node in self.nodes:
            made = node.operation.__dict__.setdefault("_inbound_nodes", [])
            if not any(node is known for known in made):
                node.attach(made)

    @property
    def layers(self) -> list[Any]:
        """The layers, in the order in which Keras lists and saves them."""
        found = [item for item in self.operations if not isinstance(item, FunctionOp)]
        return [item for item in found if not any(item is hidden for hidden in self.aside)] if self.aside else found

    def _map(self) -> None:
        """Find nodes and operations: by decreasing depth, then in the order of a depth-first walk from the outputs."""
        ends = [*leaves(_sorted_by_key(self.outputs)), *self.effects]
        walk, met = sort_nodes(self.flat_inputs, ends, lambda tensor: not _is_internal(tensor))
        indices: dict[int, int] = {}
        for node in met:
            indices.setdefault(id(node.operation), len(indices))
        node_depths: dict[int, int] = {}
        depths: dict[int, int] = {}
        operations: dict[int, Any] = {}
        given = {id(tensor) for tensor in self.flat_inputs}
        for node in reversed(walk):
            operation = node.operation
            depth = max(node_depths.get(id(node), 0), depths.get(id(operation), 0))
            depths[id(operation)] = node_depths[id(node)] = depth
            operations[id(operation)] = operation
            for tensor in node.taken:
                if id(tensor) in given:
                    layer = self.input_layers[[id(t) for t in self.flat_inputs].index(id(tensor))]
                    operations[id(layer)] = layer
                    depths[id(layer)] = max(depth + 1, depths.get(id(layer), 0))
                elif not _is_internal(tensor):
                    parent = producer(tensor)
                    node_depths[id(parent)] = max(depth + 1, node_depths.get(id(parent), 0))
        for layer in self.input_layers:
            operations.setdefault(id(layer), layer)
            depths.setdefault(id(layer), 0)
        order = {key: indices.get(key, -1) for key in operations}
        self.operations = sorted(operations.values(), key=lambda op: (-depths[id(op)], order[id(op)]))
        self.operation_layers: dict[int, Any] | None = None
        if count_unnamed():
            # Imported here, as few models need the tables.
            from keras_torch.models.operations.tensorflow_layers import name_operations

            name_operations({op.name for op in self.operations if not isinstance(op, FunctionOp)})
        self.operations_by_depth = [(depths[id(op)], op) for op in self.operations]
        self.nodes = walk

    def add_effect(self, tensor: KerasTensor) -> None:
        """Compute one more tensor with every run, for what its layer does.

        In Keras 1 and 2 a model's layers, and so its files, stay those behind its outputs.
        """
        before = self.operations
        self.effects.append(tensor)
        self._map()
        if config.is_classic():
            self.aside += [item for item in self.operations if not any(item is known for known in before)]
        self._lower()

    def _lower(self) -> None:
        """Make the program now (it takes 40 µs a layer), so that torch.compile meets finished code."""
        self._programs.clear()
        self.work = None
        self.program("both" if self.has_masks else "outputs")

    def program(self, kind: str = "outputs") -> Callable[..., Any]:
        """Return the compiled straight-line code; `kind` is what it returns: outputs, masks or both."""
        if kind not in self._programs:
            masks = pytree.tree_map(get_mask, self.outputs)
            wanted = {"outputs": self.outputs, "masks": masks, "both": (self.outputs, masks)}[kind]
            self._programs[kind] = lower(self.flat_inputs, wanted, () if kind == "masks" else self.effects)
        return self._programs[kind]

    def apply(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Move or convert the constants of the graph, as `Module._apply` does with weights."""
        for program in self._programs.values():
            buffers: dict[str, Any] = program._buffers  # type: ignore[attr-defined]
            buffers.update({name: function(value) for name, value in buffers.items()})

    def run(self, inputs: Any) -> Any:
        """Run on real tensors and return the outputs, with masks attached where layers outside may need them."""
        tensors = self.prepare(inputs)
        nested = state.in_program
        kind = "both" if self.has_masks and not nested else "outputs"
        run = self._programs.get(kind) or self.program(kind)
        state.in_program = True
        try:
            result = self._watched(run, tensors) if self._differentiates else run.forward(*tensors)  # type: ignore
        except NoGraphError:
            if self._differentiates:
                raise
            self._differentiates = True
            result = self._watched(run, tensors)
        finally:
            state.in_program = nested
        if kind == "both":
            result, masks = result
            set_mask(result, masks)
        return result

    def _watched(self, run: Any, tensors: Sequence[torch.Tensor]) -> Any:
        """Run a program in which layers ask for gradients with respect to its inputs and what comes of them."""
        wanted = torch.is_grad_enabled()
        with torch.enable_grad():
            tensors = [
                item.detach().requires_grad_() if item.is_floating_point() and not item.requires_grad else item
                for item in tensors
            ]
            result = run.forward(*tensors)
        return result if wanted else pytree.tree_map_only(torch.Tensor, torch.Tensor.detach, result)

    def run_masked(self, inputs: Any, mask: Any, want_mask: bool) -> Any:
        """Run on real tensors with masks for the inputs; return the outputs, or their masks."""
        masks = (
            [mask]
            if self.single_input or isinstance(mask, torch.Tensor)
            else pytree.tree_leaves(mask, is_leaf=lambda item: item is None)
        )
        pattern = "".join("1" if item is not None else "0" for item in masks)
        key = f"{'masks' if want_mask else 'outputs'} {pattern}"
        if key not in self._programs:
            self._programs[key] = self._lower_masked([item is not None for item in masks], want_mask)
        nested, state.in_program = state.in_program, True
        try:
            return self._programs[key](*self.prepare(inputs), *(item for item in masks if item is not None))
        finally:
            state.in_program = nested

    def _lower_masked(self, masked: list[bool], want_mask: bool) -> Callable[..., Any]:
        """Replay the graph on inputs that have masks, lower the replay and forget it."""
        counts = [(op, len(op._inbound_nodes)) for op in self.operations]
        fresh, mask_inputs = {}, []
        for tensor, has_mask in zip(self.flat_inputs, masked, strict=True):
            copy = fresh[id(tensor)] = KerasTensor(tensor.shape, tensor.dtype, name=tensor.name)
            if has_mask:
                copy._keras_mask = KerasTensor(tensor.shape[:2], "bool", name=f"{tensor.name}_mask")
                mask_inputs.append(copy._keras_mask)
        inputs = list(fresh.values())
        outputs = replay(self, fresh)
        result = pytree.tree_map(get_mask, outputs) if want_mask else outputs
        effects = [] if want_mask else [fresh[id(tensor)] for tensor in self.effects]
        program = lower(inputs + mask_inputs, result, effects)
        for operation, count in counts:
            del operation._inbound_nodes[count:]
        return program

    def prepare(self, inputs: Any) -> list[torch.Tensor]:
        """Return the flat inputs, matched by name or position, of the declared rank and dtype. ValueError if not."""
        flat = [inputs] if self.single_input and isinstance(inputs, torch.Tensor) else self.flatten(inputs)
        for index, tensor in enumerate(flat):
            if tensor is None:
                self._check_optional(index)
                continue
            if tensor.shape[1:] != self._accepted[index]:
                tensor = flat[index] = self._fit(tensor, index)
            dtype = self._dtypes[index]
            if dtype is None:
                flat[index] = to_strings(tensor, f"Input {index} ({self.input_names[index]!r}) of model {self.name!r}")
            elif tensor.dtype is not dtype and (tensor.is_floating_point() or dtype.is_floating_point):
                flat[index] = tensor.to(dtype)
        return flat

    def _check_optional(self, index: int) -> None:
        if not self.input_layers[index].optional:
            raise ValueError(
                f"Input {index} ({self.input_names[index]!r}) of model {self.name!r} is not optional. Received: None. "
                "Pass an array, or make the input with `Input(..., optional=True)`."
            )

    def _fit(self, tensor: torch.Tensor, index: int) -> torch.Tensor:
        """Add or drop a last axis of size 1 where that makes the declared rank; check all known sizes.

        In Keras 1 and 2 `fit` and its kin alone check them, and a model may be called on tensors that its layers take.
        """
        wanted = self.input_shapes[index]
        rank = tensor.dim()
        if rank == len(wanted) - 1 and wanted[-1] == 1:
            tensor = tensor.unsqueeze(-1)
        elif rank == len(wanted) + 1 and tensor.shape[-1] == 1:
            tensor = tensor.squeeze(-1)
        elif rank == len(wanted) and all(
            size is None or size == found for size, found in zip(wanted[1:], tensor.shape[1:], strict=True)
        ):
            self._accepted[index] = tensor.shape[1:]
        fits = tensor.dim() == len(wanted) and all(
            size is None or size == found for size, found in zip(wanted[1:], tensor.shape[1:], strict=True)
        )
        if not fits and not config.is_classic():
            raise ValueError(
                f"Input {index} ({self.input_names[index]!r}) of model {self.name!r} must have the shape "
                f"{tuple(wanted)}. Received: {tuple(tensor.shape)}. Reshape the data, or build the model with this "
                "input shape."
            )
        return tensor

    def forget_sizes(self) -> None:
        """Take inputs of any size: what the layers cannot deal with, they refuse themselves."""
        self.input_shapes = [(None,) * len(shape) for shape in self.input_shapes]

    def flatten(self, inputs: Any) -> list[Any]:
        """Return one item per input from a tensor, list, tuple or dict (by input name or by the model's own keys)."""
        count = len(self.flat_inputs)
        nested = leaves_like(inputs, self.inputs) if self._nests_inputs else None
        if nested is not None:
            return nested
        if isinstance(inputs, Mapping):
            keys = list(self.inputs) if isinstance(self.inputs, Mapping) else self.input_names
            for names in (keys, self.input_names):
                if all(name in inputs for name in names):
                    if len(inputs) > count and not config.is_classic():
                        self._warn_of_surplus(inputs, names)
                    return [inputs[name] for name in names]
            missing = [name for name in keys if name not in inputs]
            raise ValueError(
                f"Model {self.name!r} takes inputs named {keys}; missing: {missing}. Received: {list(inputs)}"
            )
        flat = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if len(flat) != count or any(isinstance(item, (list, tuple)) for item in flat):
            flat = pytree.tree_leaves(inputs)
        if len(flat) != count:
            raise ValueError(
                f"Model {self.name!r} takes {count} inputs, {self.input_names}. "
                f"Received: {len(flat)}, of shapes {[tuple(getattr(t, 'shape', ())) for t in flat]}"
            )
        return flat

    def _warn_of_surplus(self, inputs: Mapping[Any, Any], names: list[Any]) -> None:
        warnings.warn(
            f"Model {self.name!r} takes inputs named {names}, so the others are ignored. Received: {list(inputs)}",
            UserWarning,
            stacklevel=2,
        )

    def output_spec(self, inputs: Any) -> Any:
        """Return fresh symbolic outputs if the inputs have the declared shapes, else None."""
        flat = self.flatten(inputs)
        for tensor, wanted in zip(flat, self.flat_inputs, strict=True):
            if tuple(tensor.shape) != tuple(wanted.shape) and (tensor.shape[0] or tensor.shape[1:] != wanted.shape[1:]):
                return None
        return pytree.tree_map(lambda t: KerasTensor(t.shape, t.dtype), self.outputs)


def replay(
    network: Network,
    tensors: dict[int, KerasTensor],
    replace: Callable[[Any], Any] = lambda op: op,
    call: Callable[..., Any] | None = None,
) -> Any:
    """Call the operations again, in order, on other symbolic inputs; return the new outputs.

    `tensors` maps the id of each old input to its replacement; `replace` may give another layer for an operation, and
    `call(layer, *args, **kwargs)` may do more than to call it.
    """

    def renew(item: Any) -> Any:
        return tensors[id(item)] if isinstance(item, KerasTensor) else item

    for node in network.nodes:
        if isinstance(node.operation, InputLayer) or all(id(tensor) in tensors for tensor in node.output_tensors):
            continue
        kwargs = without_internal_masks(node.operation, node.kwargs)
        args, kwargs = map_tree(renew, (node.args, kwargs))
        operation = replace(node.operation)
        if isinstance(operation, FunctionOp):
            outputs = operation(*args, **kwargs)
            if config.dialect() == "tf":
                give_name(outputs, operation.name)
        elif call is not None:
            outputs = call(operation, *args, **kwargs)
        else:
            if not operation.built and operation is not node.operation:
                outputs = operation(*args, **kwargs)
            else:
                outputs = call_symbolic(operation, args, kwargs)
        for old, new in zip(node.output_tensors, _leaves(outputs), strict=True):
            tensors[id(old)] = new
    return pytree.tree_map(renew, network.outputs)


def _leaves(tree: Any) -> list[KerasTensor]:
    return [item for item in leaves(tree) if isinstance(item, KerasTensor)]


def _sorted_by_key(tree: Any) -> Any:
    """Return the structure with the entries of dicts in the order in which Keras counts them."""
    if isinstance(tree, Mapping):
        return {key: _sorted_by_key(tree[key]) for key in sorted(tree, key=str)}
    if isinstance(tree, (list, tuple)):
        parts = [_sorted_by_key(part) for part in tree]
        return parts if isinstance(tree, list) else type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    return tree


def _symbolic_leaves(tree: Any, what: str, name: str) -> list[KerasTensor]:
    found = leaves(tree)
    for item in found:
        if not isinstance(item, KerasTensor):
            raise ValueError(
                f"The `{what}` of model {name!r} must be symbolic tensors: `keras.Input(...)` or outputs of layers "
                f"called on them. Received: {item!r}"
            )
    if what == "inputs" and len({id(item) for item in found}) != len(found):
        raise ValueError(f"The `inputs` of model {name!r} must all be different. Received: {tree!r}")
    return found


def _input_layer(tensor: KerasTensor) -> InputLayer:
    """Return the InputLayer of a tensor; an inner tensor gets one that stands for it in this model."""
    if tensor._keras_history is not None and isinstance(tensor._keras_history[0], InputLayer):
        return tensor._keras_history[0]
    layer = InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype)
    layer._stands_for = id(tensor)
    return layer


def _computed(inputs: list[KerasTensor]) -> list[int]:
    """Return the places of the inputs that need no data, because they are made of tensors or of the other inputs."""
    if all(tensor._computed_by is None for tensor in inputs):
        return []
    given = [tensor for tensor in inputs if tensor._computed_by is None]
    found = []
    for index, tensor in enumerate(inputs):
        if tensor._computed_by is not None:
            with contextlib.suppress(ValueError):
                sort_nodes(given, [tensor])
                found.append(index)
    return found


def without_internal_masks(operation: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call without the masks that the engine, not the user, gave."""
    signature = getattr(operation, "_call_signature", None)
    names = {"mask", *(f"{name}_mask" for _, name in (signature.masked if signature else ()))}
    return {key: item for key, item in kwargs.items() if not (key in names and _is_internal(item))}


def _is_internal(item: Any) -> bool:
    """Whether a mask (or a structure of masks) was worked out by the engine rather than given by the user."""
    tensors = _leaves(item)
    operations = [tensor._keras_history[0] for tensor in tensors if tensor._keras_history]
    return bool(tensors) and all(isinstance(op, FunctionOp) and op.internal for op in operations)
