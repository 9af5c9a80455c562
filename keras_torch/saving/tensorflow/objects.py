"""What in a TensorFlow checkpoint belongs to which object of a program.

tf.keras and `tf.train.Checkpoint` store a graph of objects beside the arrays (`TrackableObjectGraph`,
tensorflow/core/protobuf/trackable_object_graph.proto): its edges are the names of attributes, the keys of dicts, the
places in lists, and `layer_with_weights-N` for layers of functional models. Our objects are walked along these names.
"""

from __future__ import annotations

import functools
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from keras_torch.backend import Variable, WeightView
from keras_torch.engine import Layer
from keras_torch.optimizers import LossScaleOptimizer, Optimizer, state
from keras_torch.saving.legacy_weights import Assignment, Learnt, assign
from keras_torch.saving.state_tree import DEPENDENCIES, attributes_of_tensorflow, had_weights
from keras_torch.saving.tensorflow import protobuf
from keras_torch.saving.tensorflow.bundle import Bundle
from keras_torch.saving.weight_matching import report

GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
VALUE = "VARIABLE_VALUE"
# What `torch.save` makes of the state of an object that TensorFlow does not have.
STATE = "TORCH_STATE"
_MAX_NODES, _MAX_BYTES = 500_000, 2**28


def is_variable(item: Any) -> bool:
    """Whether an object is a variable of ours."""
    return isinstance(item, (Variable, WeightView))


def is_module(item: Any) -> bool:
    """Whether an object is a module, no layer, whose weights are all variables, as a `tf.Module` is."""
    if isinstance(item, Layer) or not isinstance(item, nn.Module):
        return False
    return all(isinstance(weight, Variable) for weight in item.parameters())


def module_attributes(module: Any) -> list[tuple[str, Any]]:
    """Return what a module holds, by the names of its attributes."""
    names = (*module._parameters.items(), *module._modules.items(), *vars(module).items())
    return [(name, value) for name, value in names if name not in ("_parameters", "_modules", "_buffers")]


@dataclass
class Node:
    """One object of the program that was saved."""

    children: dict[str, int] = field(default_factory=dict)
    # Name of what is stored of the object -> its key among the arrays, and the variable's own name.
    values: dict[str, tuple[str, str]] = field(default_factory=dict)
    # (number of the variable, name of the slot) -> number of the slot's variable.
    slots: dict[tuple[int, str], int] = field(default_factory=dict)


class Graph:
    """The objects of a checkpoint. Number 0 is the one that was saved."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.nodes: list[Node] = []
        if GRAPH not in bundle:
            raise ValueError(
                f"The checkpoint {bundle.prefix!r} holds arrays by name and no objects, as Sessions of TensorFlow 1 "
                "wrote them. Read them with `tf.train.load_checkpoint(path).get_tensor(name)` and give them to "
                f"`set_weights`. It holds: {sorted(bundle.entries)[:10]}"
            )
        if bundle.entries[GRAPH].size > _MAX_BYTES:
            raise bundle.damaged("its objects take more bytes than any that are known")
        try:
            for number, kind, content in protobuf.fields(bundle.read(GRAPH).item()):
                if number == 1 and kind == protobuf.BYTES:
                    self.nodes.append(_node(content))
                if len(self.nodes) > _MAX_NODES:
                    raise ValueError("there are more than any that are known")
        except (ValueError, UnicodeDecodeError) as error:
            raise bundle.damaged(f"its objects cannot be read: {error}") from error
        count = len(self.nodes)
        numbers = (n for node in self.nodes for n in (*node.children.values(), *node.slots.values()))
        if not count or any(n >= count for n in numbers):
            raise bundle.damaged("its objects point to some that are not there")

    def key(self, number: int, name: str = VALUE) -> str | None:
        """Return the key of what is stored of an object."""
        key, _ = self.nodes[number].values.get(name, ("", ""))
        return key if key in self.bundle else None

    def child(self, number: int, *names: str) -> int | None:
        """Return the object that another holds under the first of these names that there is."""
        children = self.nodes[number].children
        return next((children[name] for name in names if name in children), None)

    def items(self, number: int) -> list[int]:
        """Return what a list holds."""
        children = self.nodes[number].children
        found: list[int] = []
        while str(len(found)) in children:
            found.append(children[str(len(found))])
        return found


def _node(message: Any) -> Node:
    node = Node()
    for number, kind, content in protobuf.fields(message):
        if kind != protobuf.BYTES or number not in (1, 2, 3):
            continue
        numbers = {n: part for n, wire, part in protobuf.fields(content) if wire == protobuf.VARINT}
        texts = {n: bytes(part).decode() for n, wire, part in protobuf.fields(content) if wire == protobuf.BYTES}
        if number == 1:
            node.children[texts.get(2, "")] = numbers.get(1, 0)
        elif number == 2:
            node.values[texts.get(1, "")] = (texts.get(3, ""), texts.get(2, ""))
        else:
            node.slots[numbers.get(1, 0), texts.get(2, "")] = numbers.get(3, 0)
    return node


@dataclass
class Match:
    """The objects of a program that are in a checkpoint, each with its number there, and the weights that are not."""

    graph: Graph
    weights: list[tuple[Any, int, str]] = field(default_factory=list)
    learners: list[tuple[Any, int]] = field(default_factory=list)
    optimizers: list[tuple[Optimizer, int]] = field(default_factory=list)
    others: list[tuple[Any, str]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, graph: Graph, root: Any) -> Match:
        """Walk an object, or a dict of them, along the graph from its beginning."""
        found = cls(graph)
        found._walk(root, 0, "", set())
        return found

    def _walk(self, item: Any, number: int, path: str, met: set[int]) -> None:
        if id(item) in met:
            return
        met.add(id(item))
        if is_variable(item):
            self.weights.append((item, number, path))
        elif isinstance(item, Optimizer):
            self.optimizers.append((item, number))
        elif isinstance(item, Layer):
            self._walk_layer(item, number, path, met)
        elif isinstance(item, (list, tuple, dict)):
            pairs = item.items() if isinstance(item, dict) else enumerate(item)
            self._descend([(str(name), value) for name, value in pairs], number, path, met)
        elif is_module(item):
            self._descend(module_attributes(item), number, path, met)
        elif (key := self.graph.key(number, STATE)) is not None:
            self.others.append((item, key))

    def _walk_layer(self, layer: Layer, number: int, path: str, met: set[int]) -> None:
        if hasattr(layer, "load_learnt"):
            self.learners.append((layer, number))
        attributes = attributes_of_tensorflow(layer)
        named = dict(attributes)
        own = [weight for weight in layer._own_in_order() if id(weight) not in met]
        for weight in own:
            names = [name for name, value in vars(layer).items() if value is weight]
            names += [name for name, value in layer._parameters.items() if value is weight and name not in named]
            names += [weight.classic_path, weight.local_path]
            child = self.graph.child(number, *names, *(f"_{name}" for name in names))
            child = self._by_own_name(number, weight) if child is None else child
            if child is not None and self.graph.key(child) is not None:
                self._walk(weight, child, _join(path, weight.local_path), met)
        for name, value in attributes:
            if name == DEPENDENCIES:
                self._descend(self._of_graph(value, number), number, path, met)
        self._descend([pair for pair in attributes if pair[0] != DEPENDENCIES], number, path, met)
        self.missing += [_join(path, weight.local_path) for weight in own if id(weight) not in met]

    def _of_graph(self, layers: Any, number: int) -> list[tuple[str, Any]]:
        """Return the layers of a graph by their names there. Operations in it are layers of Keras 2.15, too."""
        if len(layers) == sum(name.startswith("layer-") for name in self.graph.nodes[number].children):
            return [(f"layer-{place}", layer) for place, layer in enumerate(layers)]
        return [(f"layer_with_weights-{place}", layer) for place, layer in enumerate(filter(had_weights, layers))]

    def _by_own_name(self, number: int, weight: Any) -> int | None:
        """Return the only variable of an object that has a weight's own name, whatever its attribute is called."""
        end = weight.local_path.rpartition("/")[2]
        nodes = [n for n in self.graph.nodes[number].children.values() if self.graph.key(n) is not None]
        found = {n for n in nodes if self.graph.nodes[n].values[VALUE][1].rpartition("/")[2] == end}
        return found.pop() if len(found) == 1 else None

    def _descend(self, pairs: list[tuple[str, Any]], number: int, path: str, met: set[int]) -> None:
        for name, value in pairs:
            child = self.graph.child(number, name, f"_{name}")
            inner = _join(path, name)
            if child is not None:
                self._walk(value, child, inner, met)
            elif name != "layers":
                # Those are a list of what the model has as attributes, too.
                self._miss(value, inner, met)

    def _miss(self, item: Any, path: str, met: set[int]) -> None:
        """Note the weights of an object that the checkpoint does not have."""
        if id(item) in met:
            return
        if is_variable(item):
            self.missing.append(path)
        elif isinstance(item, Layer):
            self.missing += [f"{path}/{weight.local_path}" for weight in item.weights if id(weight) not in met]
        elif isinstance(item, (list, tuple, dict)):
            for name, part in item.items() if isinstance(item, dict) else enumerate(item):
                self._miss(part, f"{path}/{name}", met)

    def plan(self, skip_mismatch: bool = False, skip_missing: bool = False) -> list[Assignment]:
        """Return which array goes where. ValueError, naming weight and shapes, if one is missing or does not fit."""
        bundle, found, problems = self.graph.bundle, [], []
        for weight, number, path in self.weights:
            key = self.graph.key(number)
            if key is None or bundle.shape(key) != tuple(weight.shape):
                stored = "nothing" if key is None else f"an array of shape {bundle.shape(key)}"
                problems.append(f"the weight {path!r} has the shape {tuple(weight.shape)}, the checkpoint has {stored}")
            else:
                found.append(Assignment(weight, bundle.source(key)))
        if not skip_missing:
            problems += [f"the weight {path!r} of the model is not in the checkpoint" for path in self.missing]
        report([f"{bundle.prefix}: {problem}." for problem in problems], skip_mismatch)
        return found

    def run(self, assignments: list[Assignment]) -> None:
        """Read and assign the weights, what layers have learnt, and the states of optimizers."""
        learnt = [(layer, self._key_of_learnt(number)) for layer, number in self.learners]
        sources = [(layer, self.graph.bundle.source(key)) for layer, key in learnt if key is not None]
        assign([*assignments, *(Assignment(Learnt(layer), source) for layer, source in sources)])
        self.restore_optimizers()
        for item, key in self.others:
            stored = io.BytesIO(self.graph.bundle.read(key).item())
            item.load_state_dict(torch.load(stored, weights_only=True))

    def learnt(self, number: int) -> Any:
        """Return the array that a layer of preprocessing has learnt; None where there is none."""
        key = self._key_of_learnt(number)
        return None if key is None else self.graph.bundle.read(key)

    def _key_of_learnt(self, number: int) -> str | None:
        child = self.graph.child(number, "summary", "idf_weights")
        return None if child is None else self.graph.key(child)

    def restore_optimizers(self) -> None:
        """Give the optimizers their states; one that does not fit begins anew, with a warning."""
        for optimizer, number in self.optimizers:
            self._restore(optimizer, number)

    def _restore(self, optimizer: Any, number: int) -> None:
        if not optimizer.built:
            # As TensorFlow does: what is not there yet gets its values when it is made.
            optimizer.build = functools.partial(self._build, optimizer, number)
            return
        try:
            self._restore_variables(optimizer, number)
        except ValueError as error:
            warnings.warn(
                f"{self.graph.bundle.prefix}: the state of the optimizer {optimizer.name!r} was not restored: {error}",
                stacklevel=7,
            )

    def _build(self, optimizer: Any, number: int, variables: Any) -> None:
        del optimizer.build
        optimizer.build(variables)
        self._restore(optimizer, number)

    def _restore_variables(self, optimizer: Any, number: int) -> None:
        bundle = self.graph.bundle
        found = list(self._single_numbers(optimizer, number))
        variables = self.graph.child(number, "_variables")
        if variables is not None:
            items = self.graph.items(variables)
            named = self._by_own_names(optimizer, items)
            # One that has taken no step has nothing but the count of them.
            if named is None and len(items) > 1:
                keys = [key for key in map(self.graph.key, items) if key is not None]
                state.import_(optimizer, [bundle.read(key) for key in keys], layout="tf")
            found += named or []
        elif self.graph.nodes[number].slots:
            found += self._by_slots(optimizer, number)
        for handle, key in found:
            if tuple(handle.shape) != bundle.shape(key):
                raise ValueError(f"{key!r} has the shape {bundle.shape(key)}, not {tuple(handle.shape)}.")
            if bundle.dtype(key).kind not in "fiub":
                raise ValueError(f"{key!r} holds {bundle.dtype_name(key)}, not real numbers.")
        arrays = [bundle.read(key) for _, key in found]
        for (handle, _), array in zip(found, arrays, strict=True):
            handle.assign(array.astype("int64") if handle is optimizer._iterations else array)
        optimizer._state_restored()

    def _single_numbers(self, optimizer: Any, number: int) -> Iterator[tuple[Any, str]]:
        """Yield the count of steps, the learning rate and other single numbers, each with its key."""
        wanted: list[tuple[Any, tuple[str, ...]]] = [(optimizer._iterations, ("_iterations", "iter"))]
        if optimizer._rate_is_variable():
            wanted.append((optimizer._learning_rate, ("_learning_rate", "learning_rate")))
        # The last is what Nadam of 2.11 and later calls its product of momenta.
        wanted += [(item, (item.path.rpartition("/")[2], "_u_product")) for item in optimizer._scalar_states("v2")]
        found = [(handle, self.graph.child(number, *names)) for handle, names in wanted]
        scale = self.graph.child(number, "loss_scale")
        if scale is not None and isinstance(optimizer, LossScaleOptimizer):
            found.append((optimizer.step_counter, self.graph.child(scale, "good_steps")))
            found.append((optimizer.dynamic_scale, self.graph.child(scale, "current_loss_scale")))
        for handle, child in found:
            key = None if child is None else self.graph.key(child)
            if key is not None:
                yield handle, key

    def _by_own_names(self, optimizer: Any, items: list[int]) -> list[tuple[Any, str]] | None:
        """Return what optimizers of 2.11 and later keep, called `Adam/m/dense/kernel`; None where that is unclear."""
        stored = [(self._own_name(item).partition("/")[2], self.graph.key(item)) for item in items]
        keys = dict(stored)
        found = []
        for handle in (handle for handle in state.handles(optimizer, "tf") if hasattr(handle, "_slot")):
            key = keys.get(f"{handle._slot.name('tf')}/{self._own_name(self._number_of(handle._variable))}")
            if key is None:
                return None
            found.append((handle, key))
        return found if len(set(keys)) == len(stored) and len({key for _, key in found}) == len(found) else None

    def _by_slots(self, optimizer: Any, number: int) -> list[tuple[Any, str]]:
        """Return what optimizers of before 2.11, and of `legacy`, keep for each variable by the name of the slot."""
        slots, found = self.graph.nodes[number].slots, []
        for handle in (handle for handle in state.handles(optimizer, "v2") if hasattr(handle, "_slot")):
            at = slots.get((self._number_of(handle._variable), handle._slot.name("v2")))
            key = None if at is None else self.graph.key(at)
            if key is None:
                name = state.path_of(handle._variable, 0)
                raise ValueError(f"the checkpoint has no slot {handle._slot.name('v2')!r} of {name!r}.")
            found.append((handle, key))
        return found

    def _number_of(self, variable: Any) -> int:
        return next((number for weight, number, _ in self.weights if weight is variable), -1)

    def _own_name(self, number: int) -> str:
        return self.graph.nodes[number].values.get(VALUE, ("", ""))[1] if number >= 0 else ""


def _join(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name
