"""Writing variables, layers, models and optimizers as the graph of objects of a TensorFlow checkpoint.

The names are those that tf.keras 2.15 has for its attributes, so that it finds what it looks for; `objects` reads them.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.engine import Layer
from keras_torch.optimizers import LossScaleOptimizer, Optimizer, state
from keras_torch.saving.state_tree import DEPENDENCIES, attributes_of_tensorflow, had_weights, learnt_weights
from keras_torch.saving.tensorflow import bundle_writer, protobuf
from keras_torch.saving.tensorflow.objects import GRAPH, STATE, VALUE, Node, is_module, is_variable, module_attributes

# Slot in files of Keras 2.11 to 2.15 -> the list of the optimizer that has it, where Keras names it otherwise than
# after the slot; then those of single optimizers.
_LISTS = {
    "average": "_model_variables_moving_average", "m": "_momentums", "v": "_velocities", "vhat": "_velocity_hats",
    "velocity": "_velocities",
}  # fmt: skip
_LISTS_OF: dict[str, dict[str, str | None]] = {
    "SGD": {"m": "momentums"}, "Lion": {"m": "momentums"}, "Adamax": {"m": "_m", "u": "_u"},
    # Its lists hold variables more than once.
    "Adafactor": {"r": None, "c": None, "v": None},
}  # fmt: skip
# Arguments of `legacy` optimizers that tf.keras has no variables for.
_NO_VARIABLES = (
    "nesterov", "epsilon", "centered", "amsgrad", "initial_accumulator_value", "l2_shrinkage_regularization_strength",
)  # fmt: skip


def write(prefix: str, root: Any, more: Mapping[str, Any] | None = None) -> None:
    """Write an object, or a dict of them, with `more` as if they were attributes of it.

    TypeError for an object without values that a checkpoint could hold.
    """
    for item in [*(root.values() if isinstance(root, dict) else [root]), *(more or {}).values()]:
        if not isinstance(item, (list, tuple, dict)) and not _is_trackable(item):
            raise TypeError(
                "`tf.train.Checkpoint` saves variables, layers, models, optimizers and lists of them. "
                f"Received: {item!r} of type {type(item).__name__}"
            )
    with config.dialect_scope("tf"):
        objects = _Objects(root, more or {})
        bundle_writer.write(prefix, {**objects.arrays, GRAPH: objects.message()})


class _Value:
    """A number that is no variable here, under the name that it has as one of tf.keras."""

    def __init__(self, name: str, value: Any) -> None:
        self.name = name
        self.value = getattr(value, "value", value)


class _Objects:
    """The nodes of the graph, and the arrays by their keys."""

    def __init__(self, root: Any, more: Mapping[str, Any]) -> None:
        self.nodes: list[Node] = []
        self.arrays: dict[str, Any] = {}
        self._paths: list[str] = []
        self._items: list[Any] = []
        self._numbers: dict[int, int] = {}
        self._add(root, "")
        # Breadth first: a key is the shortest way to the object.
        for number, item in enumerate(self._items):
            children = list(_children(item))
            for name, child in [*children, *more.items()] if not number else children:
                self.nodes[number].children.setdefault(name, self._number(child, self._join(number, name)))
        for item in list(self._items):
            if isinstance(item, Optimizer):
                self._add_slots(item)

    def _join(self, number: int, name: str) -> str:
        path, name = self._paths[number], name.replace(".", "..").replace("/", ".S")
        return f"{path}/{name}" if path else name

    def _number(self, item: Any, path: str) -> int:
        return self._numbers[id(item)] if id(item) in self._numbers else self._add(item, path)

    def _add(self, item: Any, path: str) -> int:
        self._numbers[id(item)] = len(self._items)
        self._items.append(item)
        self._paths.append(path)
        node = Node()
        self.nodes.append(node)
        if is_variable(item) or isinstance(item, _Value):
            self._store(node, path, VALUE, item, _own_name(item))
        elif _has_torch_state(item):
            buffer = io.BytesIO()
            torch.save(item.state_dict(), buffer)
            self._store(node, path, STATE, buffer.getvalue(), "")
        return self._numbers[id(item)]

    def _store(self, node: Node, path: str, name: str, value: Any, own_name: str) -> None:
        key = f"{path}/.ATTRIBUTES/{name}"
        node.values[name] = (key, own_name)
        self.arrays[key] = value

    def _add_slots(self, optimizer: Any) -> None:
        """Add what optimizers of before 2.11, and of `legacy`, keep for each variable."""
        number, inner = self._numbers[id(optimizer)], getattr(optimizer, "inner_optimizer", optimizer)
        for handle in state.handles(inner, "v2") if inner.built and inner._layout == "v2" else ():
            owner = self._numbers.get(id(getattr(handle, "_variable", None)))
            if owner is None:
                continue
            name = handle._slot.name("v2")
            path = f"{self._paths[owner]}/.OPTIMIZER_SLOT/{self._paths[number]}/{name}"
            value = _Value(f"{type(inner).__name__}/{_own_name(handle._variable)}/{name}", handle)
            self.nodes[number].slots[owner, name] = self._add(value, path)

    def message(self) -> bytes:
        """Return the `TrackableObjectGraph`."""
        return b"".join(protobuf.field(1, _message(node)) for node in self.nodes)


def _message(node: Node) -> bytes:
    number, text = protobuf.number_field, lambda place, value: protobuf.field(place, value.encode())
    parts = [protobuf.field(1, number(1, child) + text(2, name)) for name, child in node.children.items()]
    parts += [
        protobuf.field(2, text(1, name) + text(2, own) + text(3, key)) for name, (key, own) in node.values.items()
    ]
    parts += [
        protobuf.field(3, number(1, owner) + text(2, name) + number(3, slot))
        for (owner, name), slot in node.slots.items()
    ]
    return b"".join(parts)


def _own_name(item: Any) -> str:
    name = getattr(item, "name", None)
    return name.removesuffix(":0") if isinstance(name, str) else "Variable"


def _has_torch_state(item: Any) -> bool:
    return hasattr(item, "state_dict") and not (isinstance(item, (Layer, Optimizer)) or is_module(item))


def _is_trackable(item: Any) -> bool:
    if isinstance(item, (list, tuple, dict)):
        return any(_is_trackable(part) for part in (item.values() if isinstance(item, dict) else item))
    return is_variable(item) or isinstance(item, (_Value, Layer, Optimizer)) or hasattr(item, "state_dict")


def _children(item: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(item, Optimizer):
        return _of_optimizer(item)
    if isinstance(item, Layer):
        return _of_layer(item)
    pairs: Iterable[tuple[Any, Any]] = ()
    if isinstance(item, dict):
        pairs = item.items()
    elif isinstance(item, (list, tuple)):
        pairs = enumerate(item)
    elif is_module(item):
        pairs = module_attributes(item)
    return [(str(name), value) for name, value in pairs if _is_trackable(value)]


def _of_layer(layer: Any) -> Iterator[tuple[str, Any]]:
    attributes = attributes_of_tensorflow(layer)
    for name, value in attributes:
        if name == DEPENDENCIES:
            with_weights = [item for item in value if had_weights(item)]
            numbers = {id(item): number for number, item in enumerate(with_weights)}
            for place, item in enumerate(value):
                if id(item) in numbers:
                    yield f"layer_with_weights-{numbers[id(item)]}", item
                yield f"layer-{place}", item
    own, attributes_held = layer._own_in_order(), dict(attributes)
    is_ours = type(layer).__module__.startswith("keras_torch.")
    for weight in own:
        held = [name for name, value in layer._parameters.items() if value is weight and name not in attributes_held]
        held += [name for name, value in vars(layer).items() if value is weight]
        yield from ((name, weight) for name in held if not is_ours)
    for weight in own:
        yield weight.classic_path, weight
    for name, value in learnt_weights(layer):
        yield name, _Value(f"{layer.name}/{name}", value)
    # A model without a graph has its layers as attributes, too.
    passed = (DEPENDENCIES, "layers") if hasattr(layer, "save_weights") else (DEPENDENCIES,)
    for name, value in attributes:
        if name not in passed and _is_trackable(value):
            yield name, value


def _of_optimizer(optimizer: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(optimizer, LossScaleOptimizer):
        steps = np.int64(int(optimizer.step_counter))
        scale = {"current_loss_scale": optimizer.dynamic_scale, "good_steps": steps}
        yield "loss_scale", {name: _Value(name, value) for name, value in scale.items()}
        yield from _of_optimizer(optimizer.inner_optimizer)
        return
    kind, settings = type(optimizer).__name__, optimizer.get_config()
    if optimizer._layout == "v2":
        yield "iter", _Value(f"{kind}/iter", optimizer._iterations)
        for name in ("decay", *(["learning_rate"] if optimizer._rate_is_variable() else []), *optimizer._hyper_names):
            if name not in _NO_VARIABLES:
                yield name, _Value(f"{kind}/{name}", np.float32(settings.get(name, 0.0)))
        yield from ((item.path.rpartition("/")[2], _Value(item.path, item)) for item in optimizer._scalar_states("v2"))
        return
    count = _Value("iteration", optimizer._iterations)
    values: list[tuple[Any, Any]] = []
    for handle in state.handles(optimizer, "tf")[1:] if optimizer.built else ():
        slot = getattr(handle, "_slot", None)
        name = handle.path if slot is None else f"{kind}/{slot.name('tf')}/{_own_name(handle._variable)}"
        values.append((slot, _Value(name, handle)))
    yield "_variables", [count, *(value for _, value in values)]
    yield "_iterations", count
    if optimizer._rate_is_variable():
        yield "_learning_rate", _Value("learning_rate", optimizer._learning_rate)
    elif optimizer.built:
        # The rate of the last step.
        rate = float(optimizer._learning_rate(max(int(optimizer._iterations) - 1, 0)))
        yield "_current_learning_rate", _Value("current_learning_rate", np.float32(rate))
    lists: dict[str, list[_Value]] = {}
    for slot, value in values:
        name = None if slot is None else _LISTS_OF.get(kind, {}).get(slot.tf, _LISTS.get(slot.tf, f"_{slot.tf}s"))
        if name is not None:
            lists.setdefault(name, []).append(value)
    yield from lists.items()
    if optimizer.built:
        yield from (("_u_product", _Value(item.path, item)) for item in optimizer._scalar_states("v2"))
