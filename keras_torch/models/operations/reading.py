"""Entries of a graph that are no layers → functions of ours. What a name means stands in tables; nothing is imported.

Keras 3 writes an Operation: class name, constructor arguments, a call of `args` and `kwargs`. tf.keras 2.4 to 2.15
write `TFOpLambda` and `SlicingOpLambda`: the name of a TensorFlow function and a call in the form of Keras 2. Before
that (2.0 to 2.3) `TensorFlowOpLayer` holds one operation of TensorFlow's own graph.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch import backend, registry
from keras_torch import config as settings
from keras_torch.errors import suggest
from keras_torch.models.operations.classes import CLASSES, function_of
from keras_torch.symbolic import KerasTensor, as_one, count_unnamed, give_name

TENSORFLOW_CLASSES = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})
_RAGGED_CLASSES = frozenset({"ClassMethod", "InstanceMethod", "InstanceProperty"})
# Values in a constant that is computed while a graph is rebuilt.
MAX_CONSTANT = 2**24
_FAMILIES = ("", "math", "nn", "linalg", "__operators__", "compat.v1", "compat.v1.math", "compat.v1.nn")
# Functions of K that tf.keras writes as such, because they look at their tensors before they compute.
BACKEND_FUNCTIONS = (
    "abs all any arange argmax argmin batch_dot batch_flatten bias_add binary_crossentropy cast "
    "categorical_crossentropy clip concatenate cos cumprod cumsum dot elu equal exp expand_dims eye flatten gather "
    "greater greater_equal hard_sigmoid in_top_k l2_normalize less less_equal log max maximum mean min minimum "
    "not_equal one_hot ones_like permute_dimensions pow prod relu repeat repeat_elements reshape resize_images "
    "resize_volumes reverse round sigmoid sign sin softmax softplus softsign sparse_categorical_crossentropy "
    "spatial_2d_padding spatial_3d_padding sqrt square squeeze stack std stop_gradient sum switch tanh "
    "temporal_padding tile transpose var zeros_like"
).split()


class OperationCall:
    """An operation of a file in the place where a layer stands: calling it records nodes, the last under its name."""

    def __init__(self, name: str, function: Callable[..., Any], described: str) -> None:
        self.name = name
        self.function = function
        self.described = described

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if not any(isinstance(item, KerasTensor) for item in pytree.tree_leaves((args, kwargs))):
                return self._constant(args, kwargs)
            before = count_unnamed()
            outputs = self.function(*args, **kwargs)
        except (TypeError, ValueError, RuntimeError, IndexError, AttributeError, KeyError, OverflowError) as error:
            raise ValueError(f"{self.described} cannot be rebuilt: {error}") from error
        as_one(outputs, before)
        give_name(outputs, self.name)
        return outputs

    def _constant(self, args: Any, kwargs: Any) -> Any:
        """Compute what depends on known sizes alone. Without memory first: a file could ask for any amount of it."""
        with torch.device("meta"):
            outputs = self.function(*args, **kwargs)
        tensors = [item for item in pytree.tree_leaves(outputs) if isinstance(item, torch.Tensor)]
        if sum(item.numel() for item in tensors) > MAX_CONSTANT:
            raise ValueError(f"it makes a constant of more than {MAX_CONSTANT} values")
        return self.function(*args, **kwargs) if tensors else outputs


def is_operation(item: Mapping[str, Any]) -> bool:
    """Whether an entry of a graph is an operation rather than a layer.

    Keras 3 names the module of an operation; not in `.h5` files, where a layer is known by its `trainable` or `dtype`,
    since several classes have a layer's name.
    """
    class_name, module, config = item.get("class_name"), item.get("module"), item.get("config")
    if class_name in TENSORFLOW_CLASSES or class_name in _RAGGED_CLASSES:
        return True
    if isinstance(module, str):
        return module.startswith(("keras.src.ops.", "keras.ops", "keras_core.ops"))
    nodes = item.get("inbound_nodes")
    if not isinstance(nodes, list) or not nodes or not all(isinstance(n, Mapping) and "args" in n for n in nodes):
        return False
    if class_name not in CLASSES or not isinstance(config, Mapping):
        return False
    return "trainable" not in config and (class_name not in registry.layers.objects or "dtype" not in config)


def make_operation(item: Mapping[str, Any]) -> OperationCall:
    """Return what an entry of a graph computes. ValueError, naming the operation, if nothing here does."""
    class_name, config = item["class_name"], item.get("config")
    name = str(item.get("name"))
    if not isinstance(config, Mapping):
        raise ValueError(f"The config of operation {name!r} must be an object. Received: {config!r}")
    if class_name in _RAGGED_CLASSES:
        raise ValueError(
            f"Layer {name!r} ({class_name}) works on ragged or sparse tensors of TensorFlow, which torch layers do not "
            f"take. Received: {dict(config)!r}"
        )
    if class_name == "TensorFlowOpLayer":
        # The tables of TensorFlow's functions take time to import, and few files need them.
        from keras_torch.models.operations.tensorflow_nodes import read_node

        described, function = read_node(config)
        return OperationCall(name, function, f"Layer {name!r}, the TensorFlow operation {described!r},")
    if class_name in TENSORFLOW_CLASSES:
        symbol = config.get("function")
        return OperationCall(name, _tensorflow(symbol, name), f"Layer {name!r}, the call of `tf.{symbol}`,")
    return OperationCall(name, _keras_3(class_name, config, name), f"The operation {name!r} ({class_name})")


def _tensorflow(symbol: Any, name: str) -> Callable[..., Any]:
    from keras_torch.models.operations.tensorflow_table import FUNCTIONS as TENSORFLOW

    family, _, short = str(symbol).rpartition(".")
    plain = str(symbol).removeprefix("compat.v1.")
    function: Any = None
    if family in _FAMILIES:
        function = TENSORFLOW.get(short)
    elif plain in TENSORFLOW:
        function = TENSORFLOW[plain]
    elif family == "keras.backend" and short in BACKEND_FUNCTIONS:
        function = getattr(backend, short)
    elif family == "keras.activations":
        function = registry.activations.objects.get(short)
    if function is None:
        raise ValueError(
            f"Layer {name!r} calls `tf.{symbol}`, for which there is no function here.{suggest(short, TENSORFLOW)} "
            "Rebuild the model in code with a Lambda layer in its place, and load the weights with `load_weights`. "
            f"Received: {symbol!r}"
        )
    return _without_names(function)


def _without_names(function: Callable[..., Any]) -> Callable[..., Any]:
    """Drop the arguments that only label, and those that are not set and that the function does not know."""
    known = getattr(function, "arguments", None)
    if known is None:
        parameters = inspect.signature(function).parameters
        known = None if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) else frozenset(parameters)

    def call(*args: Any, **kwargs: Any) -> Any:
        kwargs = {key: value for key, value in kwargs.items() if key != "name"}
        if known is not None:
            kwargs = {key: value for key, value in kwargs.items() if value is not None or key in known}
        return function(*args, **kwargs)

    return call


def _keras_3(class_name: str, config: Mapping[str, Any], name: str) -> Callable[..., Any]:
    row = CLASSES.get(class_name)
    function = None if row is None else function_of(row)
    if row is None or function is None:
        raise ValueError(
            f"The operation {name!r} is a {class_name} of Keras 3, for which there is no function here."
            f"{suggest(class_name, CLASSES)} Put a layer of your own in its place and load the weights with "
            f"`load_weights`. Received: {class_name!r}"
        )
    given = {key: read_argument(value) for key, value in config.items() if key not in ("name", "trainable")}
    unknown = sorted(key for key, value in given.items() if key not in row.constructor and value is not None)
    if unknown:
        raise ValueError(
            f"The operation {name!r} ({class_name}) has arguments that are not understood. "
            f"Known are: {sorted(row.constructor)}. Received: { {key: given[key] for key in unknown} }"
        )
    given = {key: value for key, value in given.items() if key in row.constructor}
    names = [key for key in inspect.signature(function).parameters if key not in row.constructor]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(function).parameters.values())

    def call(*args: Any, **kwargs: Any) -> Any:
        if variadic:
            first = [given["subscripts"]] if "subscripts" in given else []
            return function(*first, *args, **{k: v for k, v in given.items() if k != "subscripts"}, **kwargs)
        if class_name == "GetItem" and isinstance(args[-1], list):
            # Text knows no tuples, and Keras 3 takes no lists for keys of symbolic tensors.
            args = (*args[:-1], tuple(args[-1]))
        if len(args) > len(names):
            raise TypeError(f"it takes {len(names)} arguments. Received: {len(args)}")
        return function(**given, **dict(zip(names, args, strict=False)), **kwargs)

    return call


def read_argument(item: Any, resolve: Callable[[Any], tuple[Any] | None] = lambda item: None) -> Any:
    """Turn what JSON does not know, as Keras describes it, into the value.

    `resolve` may give `(value,)` for an item, such as a reference to a tensor.
    """
    found = resolve(item)
    if found is not None:
        return found[0]
    if isinstance(item, (list, tuple)):
        return [read_argument(part, resolve) for part in item]
    if not isinstance(item, Mapping):
        return item
    kind, inner = item.get("class_name"), item.get("config")
    if kind in ("__numpy__", "__tensor__") and isinstance(inner, Mapping):
        return torch.as_tensor(np.asarray(inner["value"]), dtype=settings.torch_dtype(inner["dtype"]))
    if kind == "__dtype__":
        return settings.torch_dtype(inner)
    if kind == "__ellipsis__":
        return Ellipsis
    if kind in ("__slice__", "__tuple__"):
        inner = inner if isinstance(inner, list) else list((inner or {}).values())
        inner = inner[0] if kind == "__tuple__" and isinstance(item["config"], Mapping) else inner
        parts = [read_argument(part, resolve) for part in inner]
        return slice(*parts) if kind == "__slice__" else tuple(parts)
    if kind == "DTypePolicy" and isinstance(inner, Mapping):
        return inner.get("name")
    if kind is None and set(item) == {"start", "stop", "step"}:
        return slice(*(read_argument(item[key], resolve) for key in ("start", "stop", "step")))
    if isinstance(kind, str) and "config" in item:
        return registry.deserialize_keras_object(item)
    return {key: read_argument(part, resolve) for key, part in item.items()}
