"""A functional model's graph as plain data, and back.

Written in the form of Keras 3 (`inbound_nodes` as `args` and `kwargs` with `__keras_tensor__` objects), in older
dialects and for HDF5 files in that of Keras 2 (lists of `[layer, node, tensor, kwargs]`); read in either.
"""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.overrides
from torch.utils import _pytree as pytree

from keras_torch import backend, ops, registry
from keras_torch import config as settings
from keras_torch.backend.control import FixedPhase
from keras_torch.engine import closures
from keras_torch.models.network import Network, without_internal_masks
from keras_torch.models.operations import OperationCall, is_operation, make_operation, read_argument
from keras_torch.models.operations.reading import BACKEND_FUNCTIONS
from keras_torch.models.operations.sizes import as_tensor, is_sizes
from keras_torch.ops import arguments
from keras_torch.symbolic import FunctionOp, KerasTensor, Node, symbolic_size
from keras_torch.symbolic.sizes import size_of

FUNCTION_CLASS = "TorchFunction"
# What stands for the layer where the first argument of a call in tf.keras is no tensor of the graph.
_CONSTANT = "_CONSTANT_VALUE"
_FUNCTION_SOURCES = {
    "torch": torch,
    "torch.nn.functional": torch.nn.functional,
    "torch.special": torch.special,
    "torch.linalg": torch.linalg,
    "Tensor": torch.Tensor,
    "operator": operator,
}
_OWN_SOURCES: dict[str, Any] = {"ops": ops, "backend": backend}
_SIZE = "size"
# By base class, the nearest first.
_DEFAULT_TRAINING: dict[str, bool | None] = {
    "ImageLayer": True,
    "MaxNumBoundingBoxes": True,
    "Pipeline": True,
    "HeadedAttention": None,
    "Noise": False,
    "RNN": False,
    "SpectralNormalization": False,
    "StackedRNNCells": False,
}
OPERATION_NAMES = frozenset(arguments.names.values())
_WRITES_OR_EXECUTES = ("load", "save", "compile", "from_file", "attrgetter", "methodcaller", "itemgetter", "call")


def to_plain(item: Any) -> Any:
    """Turn what JSON does not know into what it does: numpy and torch scalars, arrays, dtypes, tuples."""
    if isinstance(item, np.generic):
        return item.item()
    if isinstance(item, (np.ndarray, torch.Tensor)):
        return item.tolist()
    if isinstance(item, torch.dtype):
        return settings.dtype_name(item)
    if hasattr(item, "get_config"):
        return {"class_name": registry.get_registered_name(type(item)), "config": item.get_config()}
    if callable(item) and hasattr(item, "__name__"):
        return item.__name__
    raise TypeError(
        "A config holds numbers, text, lists, dicts, arrays and objects with `get_config`. "
        f"Received: {item!r} of type {type(item).__name__}"
    )


def architecture(model: Any) -> dict[str, Any]:
    """Return `{"class_name", "config", ...}` of a whole model."""
    name = type(model).__name__
    class_name = "Functional" if name == "Model" else registry.get_registered_name(type(model))
    return {
        "class_name": class_name,
        "config": model.get_config(),
        "keras_version": "2.15.0",
        "backend": "tensorflow",
    }


def function_path(target: Any) -> str:
    """Return where a recorded function is found, e.g. `"torch.cat"`. ValueError if nowhere public."""
    name = getattr(target, "__name__", "")
    if target is size_of:
        return _SIZE
    for source, module in _OWN_SOURCES.items():
        if inspect.unwrap(getattr(module, name.strip("_"), len)) is target:
            return f"{source}.{name.strip('_')}"
    for source, origin in _FUNCTION_SOURCES.items():
        for candidate in (name, name.strip("_")):
            if candidate and getattr(origin, candidate, None) is target:
                return f"{source}.{candidate}"
    raise ValueError(
        f"The function {target!r}, applied to a symbolic tensor, cannot be written into a config. Put it into a layer "
        "of your own, or a Lambda layer with a named function."
    )


def find_function(path: str) -> Any:
    """Return the function at a path that `function_path` wrote; only operations on tensors are found."""
    source, _, name = path.rpartition(".")
    if path == _SIZE:
        return symbolic_size
    if source in _OWN_SOURCES and name in (BACKEND_FUNCTIONS if source == "backend" else OPERATION_NAMES):
        return getattr(_OWN_SOURCES[source], name)
    if source not in _FUNCTION_SOURCES or name.startswith("_") or name in _WRITES_OR_EXECUTES:
        raise ValueError(f"{path!r} is not a torch operation that a model may refer to.")
    found = getattr(_FUNCTION_SOURCES[source], name, None)
    # torch's own list of what takes tensors leaves out its functions that read files or change settings.
    known = source == "operator" or found in torch.overrides.get_testing_overrides()
    if not callable(found) or isinstance(found, type) or not known:
        raise ValueError(f"{path!r} is not a torch operation that a model may refer to.")
    return found


class _Positions:
    """Where each symbolic tensor of a network comes from: `(layer name, node number in the network, output number)`.

    Keras 2 counted the calls of nested models from 1; the writer of HDF5 files wants them from 0.
    """

    def __init__(self, network: Network) -> None:
        self.nodes: dict[str, list[Node]] = {}
        inside = {id(node) for node in network.nodes}
        counts_from_1 = registry.counts_from_1()
        self.origin: dict[int, tuple[str, int, int]] = {}
        self.names = _unique_names(network)
        for operation in network.operations:
            name = self.names[id(operation)]
            kept = [node for node in operation._inbound_nodes if id(node) in inside]
            self.nodes[name] = kept
            first = int(counts_from_1 and getattr(operation, "_network", None) is not None)
            for index, node in enumerate(kept, first):
                for position, tensor in enumerate(node.output_tensors):
                    self.origin[id(tensor)] = (name, index, position)
        for layer, tensor in zip(network.input_layers, network.flat_inputs, strict=True):
            self.origin[id(tensor)] = (layer.name, 0, 0)

    def of(self, tensor: KerasTensor) -> list[Any]:
        """Return `[layer, node, tensor]`."""
        return list(self.origin[id(tensor)])


def _unique_names(network: Network) -> dict[int, str]:
    """Return a name for each operation: layers have theirs, functions of a name in use get a number."""
    names = {id(item): item.name for item in network.operations if not isinstance(item, FunctionOp)}
    used = set(names.values())
    for item in network.operations:
        if isinstance(item, FunctionOp):
            name, number = item.name, 0
            while name in used:
                name, number = f"{item.name}_{number + 1}", number + 1
            names[id(item)] = name
            used.add(name)
    return names


def _functions(network: Network, positions: _Positions) -> dict[int, dict[str, Any]]:
    """Return the entries of the functions that the outputs depend on, by the id of their operation.

    As written, a function may need less than as recorded: a shape with one unknown size needs nothing to know it.
    Where Keras 2 is to read them they are layers, if there are layers for all: those Keras 3 reads as well.
    """
    if not any(isinstance(item, FunctionOp) for item in network.operations):
        return {}
    # Imported here, as few models need the tables.
    from keras_torch.models.operations.recorded import NotWritable
    from keras_torch.models.operations.writing import as_keras_3
    from keras_torch.models.operations.writing_layers import as_layer
    from keras_torch.models.operations.writing_tensorflow import as_tensorflow

    if registry.wants_lists() and not registry.wants_modern():
        try:
            return _as_entries(network, positions, (functools.partial(as_layer, classic=settings.is_classic()),))
        except NotWritable:
            pass
    return _as_entries(network, positions, (as_keras_3,) if registry.wants_modern() else (as_tensorflow, as_keras_3))


def operation_layers(network: Network) -> dict[int, Any]:
    """Return what tf.keras has as layers for the functions of a graph, by the ids of these; not for their steps."""
    functions = [item for item in network.operations if isinstance(item, FunctionOp) and not item.is_step]
    if not functions:
        return {}
    from keras_torch.models.operations.tensorflow_layers import layer_of
    from keras_torch.models.operations.writing import as_keras_3
    from keras_torch.models.operations.writing_tensorflow import as_tensorflow

    try:
        written = _as_entries(network, _Positions(network), (as_tensorflow, as_keras_3))
    except ValueError:
        # A function that cannot be written is one nevertheless.
        written = {id(item): {} for item in functions if not item.internal}
    return {id(item): layer_of(item) for item in functions if id(item) in written}


def _as_entries(network: Network, positions: _Positions, writers: tuple[Any, ...]) -> dict[int, dict[str, Any]]:
    """Return the entries by the first of `writers` that can; a single one for layers raises NotWritable."""
    needed = {id(tensor) for tensor in [*network.flat_outputs, *network.effects]}
    entries: dict[int, dict[str, Any]] = {}
    for node in reversed(network.nodes):
        if not isinstance(node.operation, FunctionOp):
            needed.update(id(tensor) for tensor in node.taken)
        elif any(id(tensor) in needed for tensor in node.output_tensors):
            entries[id(node.operation)] = _function_entry(node, positions, needed, writers)
    return entries


def _function_entry(node: Node, positions: _Positions, needed: set[int], writers: tuple[Any, ...]) -> dict[str, Any]:
    """Return a function as Keras writes it: 3, or tf.keras where that is asked for and has the function; else as ours.

    The ids of the tensors it takes are added to `needed`.
    """
    from keras_torch.models.operations.recorded import NotWritable, call_of

    used: set[int] = set()

    def refer(tensor: KerasTensor) -> list[Any]:
        used.add(id(tensor))
        return positions.of(tensor)

    name = positions.names[id(node.operation)]
    for write in writers:
        used.clear()
        try:
            entry = write(call_of(node), name, refer)
        except NotWritable:
            if isinstance(write, functools.partial):
                raise
            continue
        needed |= used
        return entry
    needed.update(id(tensor) for tensor in node.taken)
    inner = {"name": name, "function": function_path(node.operation.target)}
    nodes = [_function_node(node, positions)]
    return {"class_name": FUNCTION_CLASS, "config": inner, "name": name, "inbound_nodes": nodes}


def serialize(network: Network, name: str, trainable: bool) -> dict[str, Any]:
    """Return a network as plain data."""
    positions = _Positions(network)
    functions = _functions(network, positions)
    layers: list[dict[str, Any]] = []
    for item in network.operations:
        if isinstance(item, FunctionOp):
            layers += [functions[id(item)]] if id(item) in functions else []
            continue
        nodes = [_layer_node(node, positions) for node in positions.nodes[item.name] if node.taken]
        # The dict itself, which is marked if the layer turns up again inside another.
        described = serialize_layer(item)
        described.update(name=item.name, inbound_nodes=nodes)
        layers.append(described)
    return {
        "name": name,
        "trainable": trainable,
        "layers": layers,
        "input_layers": _structure(network.inputs, positions),
        "output_layers": _structure(network.outputs, positions),
    }


def serialize_layer(layer: Any) -> dict[str, Any]:
    """Return the config dict of a layer or a nested model, with the shapes that it was built for."""
    return registry.describe(layer, "build_config")


def _structure(tensors: Any, positions: _Positions) -> Any:
    if isinstance(tensors, KerasTensor):
        # Keras 3 takes a list for a model whose output is one, Keras 2.2.4 reads nothing else.
        return [positions.of(tensors)] if registry.wants_single_lists() else positions.of(tensors)
    return _places(tensors, positions)


def _places(tensors: Any, positions: _Positions) -> Any:
    """Return where each tensor of a structure comes from, in that structure; a named tuple becomes a plain one."""
    if isinstance(tensors, KerasTensor):
        return positions.of(tensors)
    if isinstance(tensors, Mapping):
        return {key: _places(item, positions) for key, item in tensors.items()}
    parts = [_places(item, positions) for item in tensors]
    return tuple(parts) if isinstance(tensors, tuple) else parts


def _layer_node(node: Node, positions: _Positions) -> list[Any] | dict[str, Any]:
    """Return one call of a layer."""
    kwargs = {key: item for key, item in node.kwargs.items() if item is not None}
    kwargs = without_internal_masks(node.operation, kwargs)
    kwargs.pop(closures.ARGUMENT, None)
    if isinstance(kwargs.get("training"), FixedPhase):
        del kwargs["training"]
    if registry.wants_lists():
        return _as_list(node, kwargs, positions)
    return {"args": _argument(tuple(node.args), positions), "kwargs": _argument(kwargs, positions)}


def _argument(item: Any, positions: _Positions) -> Any:
    """Return an argument of a call as plain data, in the form of Keras 3."""
    if isinstance(item, KerasTensor):
        inner = {"shape": tuple(item.shape), "dtype": item.dtype, "keras_history": positions.of(item)}
        return {"class_name": "__keras_tensor__", "config": inner}
    if isinstance(item, (list, tuple)):
        parts = [_argument(part, positions) for part in item]
        return tuple(parts) if isinstance(item, tuple) else parts
    if isinstance(item, Mapping):
        return {key: _argument(part, positions) for key, part in item.items()}
    return registry.serialize_keras_object(item)


def _as_list(node: Node, kwargs: dict[str, Any], positions: _Positions) -> list[Any] | dict[str, Any]:
    """Return a call in the form of Keras 2.15; tensors beside the first argument stand among the kwargs."""
    names = node.operation._call_signature.names
    extra = dict(zip(names[1:], node.args[1:], strict=False))
    kwargs = {key: item for key, item in {**extra, **kwargs}.items() if item is not None}
    first = node.args[0] if node.args else []
    if settings.is_classic() and isinstance(first, KerasTensor):
        first = [first, *_initial_states(kwargs)]
    written = {key: _reference(item, positions) for key, item in kwargs.items()}
    if isinstance(first, Mapping):
        return {key: [*positions.of(item), written] for key, item in first.items()}
    return [[*positions.of(item), written] for item in pytree.tree_leaves(first) if isinstance(item, KerasTensor)]


def _initial_states(kwargs: dict[str, Any]) -> list[KerasTensor]:
    """Take the initial states out of a call's keyword arguments: Keras 2.2.4 reads tensors of the first one alone."""
    states = pytree.tree_leaves(kwargs.get("initial_state"))
    if not states or not all(isinstance(state, KerasTensor) for state in states):
        return []
    del kwargs["initial_state"]
    return states


def _reference(item: Any, positions: _Positions) -> Any:
    if isinstance(item, KerasTensor):
        return positions.of(item)
    if isinstance(item, (list, tuple)):
        return [_reference(part, positions) for part in item]
    return item


def _function_node(node: Node, positions: _Positions) -> dict[str, Any]:
    """Return one call of a torch function in the form of Keras 3."""

    def write(item: Any) -> Any:
        if isinstance(item, KerasTensor):
            inner = {"shape": list(item.shape), "dtype": item.dtype, "keras_history": positions.of(item)}
            return {"class_name": "__keras_tensor__", "config": inner}
        if isinstance(item, torch.Tensor):
            value = {"value": item.tolist(), "dtype": settings.dtype_name(item.dtype)}
            return {"class_name": "__tensor__", "config": value}
        if isinstance(item, torch.dtype):
            return {"class_name": "__dtype__", "config": settings.dtype_name(item)}
        if isinstance(item, slice):
            return {"class_name": "__slice__", "config": [write(item.start), write(item.stop), write(item.step)]}
        if item is Ellipsis:
            return {"class_name": "__ellipsis__", "config": {}}
        if isinstance(item, tuple):
            return {"class_name": "__tuple__", "config": [write(part) for part in item]}
        if isinstance(item, list):
            return [write(part) for part in item]
        return {key: write(part) for key, part in item.items()} if isinstance(item, dict) else item

    return {"args": [write(item) for item in node.args], "kwargs": write(node.kwargs)}


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> tuple[Any, Any, dict[str, Any]]:
    """Rebuild a graph; return its inputs, its outputs and the layers by name."""
    config = _counted_from_zero(config)
    layers = {item["name"]: _make_layer(item, custom_objects) for item in config["layers"]}
    waiting = [(item["name"], node) for item in config["layers"] for node in item.get("inbound_nodes", ()) if node]
    made: dict[tuple[str, int, int], KerasTensor] = {}
    counts: dict[str, int] = dict.fromkeys(layers, 0)
    for item in config["layers"]:
        layer = layers[item["name"]]
        if not item.get("inbound_nodes") and getattr(layer, "_inbound_nodes", None):
            made[item["name"], 0, 0] = layer._inbound_nodes[0].output_tensors[0]
            counts[item["name"]] = 1
    while waiting:
        blocked: set[str] = set()
        left = []
        for name, node in waiting:
            if name in blocked or not _ready(node, made):
                blocked.add(name)
                left.append((name, node))
                continue
            if isinstance(layers[name], OperationCall) and not _histories(node):
                # With numbers alone it would be computed here and now, however large they are.
                raise ValueError(f"The operation {name!r} of model {config.get('name')!r} takes no symbolic tensor.")
            outputs = _call(layers[name], node, made)
            for position, value in enumerate(_outputs(outputs)):
                made[name, counts[name], position] = value
            counts[name] += 1
        if len(left) == len(waiting):
            raise ValueError(
                f"The graph of model {config.get('name')!r} refers to layers or calls that it does not contain: "
                f"{sorted({name for name, _ in left})}"
            )
        waiting = left
    return _ends(config["input_layers"], made), _ends(config["output_layers"], made), layers


def _counted_from_zero(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a config in which references to the calls of nested models count from 0.

    Until Keras 3 they counted from 1, and in its `output_layers` they still do. All calls are referred to, so that the
    number of the last one tells.
    """
    last = {item["name"]: len(item.get("inbound_nodes", ())) for item in config["layers"]}
    nested = {item["name"] for item in config["layers"] if "layers" in _config_of(item)}
    calls = [item.get("inbound_nodes", []) for item in config["layers"]]
    modern = any(isinstance(node, Mapping) and "args" in node for nodes in calls for node in nodes)
    found = _histories(config["output_layers"] if modern else [calls, config["output_layers"]])
    shifted = {name for name, index, _ in found if name in nested and index == last[name]}
    if not shifted:
        return config

    def shift(item: Any) -> Any:
        if _is_history(item):
            return [item[0], item[1] - (item[0] in shifted), item[2], *map(shift, item[3:])]
        if isinstance(item, Mapping):
            return {key: shift(part) for key, part in item.items()}
        if not isinstance(item, (list, tuple)):
            return item
        parts = [shift(part) for part in item]
        return tuple(parts) if isinstance(item, tuple) else parts

    config = {**config, "output_layers": shift(config["output_layers"])}
    if modern:
        return config
    layers = [{**item, "inbound_nodes": shift(item.get("inbound_nodes", []))} for item in config["layers"]]
    return {**config, "layers": layers}


def _config_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = item.get("config")
    return inner if isinstance(inner, Mapping) else {}


def _outputs(outputs: Any) -> list[Any]:
    """Return what other calls may refer to: tensors, or the sizes that a function of TensorFlow gave."""
    if isinstance(outputs, tuple) and is_sizes(outputs):
        return [outputs]
    return [item for item in pytree.tree_leaves(outputs) if isinstance(item, KerasTensor)] or [outputs]


def _make_layer(item: Mapping[str, Any], custom_objects: Mapping[str, Any] | None) -> Any:
    if item["class_name"] == FUNCTION_CLASS:
        path = item["config"]["function"]
        found = find_function(path)
        # What records itself is called as it is.
        own = path == _SIZE or path.rpartition(".")[0] in ("operator", *_OWN_SOURCES)
        function = found if own else FunctionOp(found)
        return OperationCall(item["name"], function, f"The function {path!r} in {item['name']!r}")
    if is_operation(item):
        return make_operation(item)
    layer = deserialize_layer(item, custom_objects)
    if "name" not in _config_of(item) and isinstance(layer, torch.nn.Module):
        # The constructor of the user's class takes no name.
        layer.name = item["name"]  # type: ignore[assignment]
    return layer


def deserialize_layer(item: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Make a layer or nested model from `{"class_name", "config"}`."""
    layer = registry.layers.from_dict(item, custom_objects)
    built_for = item.get("build_config")
    build = getattr(type(layer), "build_from_config", None)
    if built_for and build is not None and not build.__module__.startswith("keras_torch.") and not layer.built:
        # A call could not give what the class's own method puts there.
        registry.build_from_config(layer, built_for)
        layer.built = True
    return layer


def _is_history(item: Any) -> bool:
    return (
        isinstance(item, (list, tuple))
        and len(item) in (3, 4)
        and isinstance(item[0], str)
        and item[0] != _CONSTANT
        and all(isinstance(number, int) for number in item[1:3])
    )


def _is_constant(item: Any) -> bool:
    return isinstance(item, (list, tuple)) and len(item) in (3, 4) and item[0] == _CONSTANT


def _histories(node: Any) -> list[tuple[str, int, int]]:
    """Return every reference to a tensor in a serialized call."""
    if _is_history(node):
        inner = _histories(node[3]) if len(node) == 4 else []
        return [(node[0], node[1], node[2]), *inner]
    if isinstance(node, Mapping):
        if node.get("class_name") == "__keras_tensor__":
            return [tuple(node["config"]["keras_history"])]  # type: ignore[list-item]
        return [found for part in node.values() for found in _histories(part)]
    if isinstance(node, (list, tuple)):
        return [found for part in node for found in _histories(part)]
    return []


def _ready(node: Any, made: Mapping[Any, Any]) -> bool:
    return all(history in made for history in _histories(node))


def _call(layer: Any, node: Any, made: Mapping[Any, Any]) -> Any:
    if isinstance(node, Mapping) and "args" in node:
        args, kwargs = _read(node["args"], made), _read(node.get("kwargs", {}), made)
        if "training" in kwargs and kwargs["training"] == _default_training(layer):
            # Keras 3 writes the default of the argument, which `fit` and `predict` overrule.
            del kwargs["training"]
        return layer(*args, **{key: item for key, item in kwargs.items() if not (key == "mask" and item is None)})
    if isinstance(node, Mapping):
        kwargs = next((item[3] for item in node.values() if len(item) > 3), {})
        return layer({key: made[tuple(item[:3])] for key, item in node.items()}, **_read(kwargs, made))
    options: dict[str, Any] = {}
    inputs = _inputs(node, made, options)
    # A layer takes a list of one for its item; a function of TensorFlow does not.
    if isinstance(inputs, list) and len(inputs) == 1 and not isinstance(layer, OperationCall):
        inputs = inputs[0]
    return layer(inputs, **_read(options, made))


def _default_training(layer: Any) -> bool | None:
    """Return the default of `training` in the `call` of Keras 3's class, which for layers of ours need not be ours."""
    for cls in type(layer).__mro__:
        if cls.__name__ in _DEFAULT_TRAINING and cls.__module__.startswith("keras_torch."):
            return _DEFAULT_TRAINING[cls.__name__]
    parameter = inspect.signature(layer.call).parameters.get("training") if hasattr(layer, "call") else None
    return None if parameter is None or parameter.default is inspect.Parameter.empty else parameter.default


def _inputs(node: Any, made: Mapping[Any, Any], options: dict[str, Any]) -> Any:
    """Return the first argument of a call in the form of Keras 2; put the others, which stand at each item, aside."""
    if not _is_history(node) and not _is_constant(node):
        return [_inputs(item, made, options) for item in node]
    if len(node) > 3 and node[3]:
        options.update(node[3])
    return node[2] if _is_constant(node) else made[node[0], node[1], node[2]]


def _read(item: Any, made: Mapping[Any, Any]) -> Any:
    """Turn a serialized argument into the value, with symbolic tensors in place of references."""

    def resolve(part: Any) -> tuple[Any] | None:
        if _is_history(part) and (part[0], part[1], part[2]) in made:
            return (made[part[0], part[1], part[2]],)
        if isinstance(part, Mapping) and part.get("class_name") == "__keras_tensor__":
            return (made[tuple(part["config"]["keras_history"])],)
        return None

    return read_argument(item, resolve)


def _tensors(item: Any, made: Mapping[Any, KerasTensor]) -> Any:
    if _is_history(item):
        return as_tensor(made[item[0], item[1], item[2]])
    if isinstance(item, Mapping):
        return {key: _tensors(part, made) for key, part in item.items()}
    parts = [_tensors(part, made) for part in item]
    return tuple(parts) if isinstance(item, tuple) else parts


def _ends(item: Any, made: Mapping[Any, KerasTensor]) -> Any:
    """Return the inputs or outputs of a model; Keras 2 wrote a single one as a list of one."""
    is_list_of_one = isinstance(item, list) and len(item) == 1 and _is_history(item[0])
    return _tensors(item[0] if is_list_of_one else item, made)
