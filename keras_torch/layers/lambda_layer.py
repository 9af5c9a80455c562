"""Lambda: a function as a layer, and the two file forms of Python functions (a name, or bytecode)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree as pytree

from keras_torch import config as settings
from keras_torch import registry
from keras_torch.backend.control import phased
from keras_torch.engine import Layer
from keras_torch.engine.call import is_shape
from keras_torch.registry.bytecode import (
    FunctionText,
    allow_bytecode,
    bytecode_is_allowed,
    dump_function,
    dumped_here,
    is_lambda,
    load_function,
)


def describe_function(function: Any) -> tuple[Any, str, str | None]:
    """Return config value, type (`lambda`, `function` or `raw`) and module of a function or a plain value."""
    if is_lambda(function):
        return dump_function(function), "lambda", function.__module__
    if callable(function):
        name = FunctionText(getattr(function, "__name__", type(function).__name__), function)
        return name, "function", getattr(function, "__module__", None)
    return function, "raw", None


def find_function(value: Any, kind: str | None, layer: str, custom: Mapping[str, Any]) -> Any:
    """Return what a config means by `value`: a custom object by name, loaded bytecode, or a plain value."""
    if isinstance(value, Mapping) and value.get("class_name") == "__lambda__":
        inner = value["config"]
        value, kind = (inner["code"], inner.get("defaults"), inner.get("closure")), "lambda"
    elif isinstance(value, Mapping) and value.get("class_name") == "function":
        value, kind = value["config"], "function"
    if kind == "lambda":
        return getattr(value[0], "function", None) or dumped_here(value) or load_function(value, layer)
    if kind == "function" or (kind is None and isinstance(value, str)):
        table = registry.known_custom_objects(custom)
        if value in table:
            return table[value]
        if isinstance(value, FunctionText):
            return value.function
        if value in registry.activations.objects:
            return registry.activations.objects[value]
        raise ValueError(
            f"Layer {layer!r} uses the function {value!r}, which is not known. Pass it: "
            f"`custom_objects={{{value!r}: function}}`."
        )
    return tuple(value) if isinstance(value, list) and is_shape(value) else value


class Lambda(Layer):
    """Call `function(inputs, **arguments)`, written with torch, `keras.backend` or `keras.ops`.

    `output_shape` (without the batch size) or a function of the input shape spares the trial run that finds the shape.
    The function gets `mask` and `training` if it has such parameters. Weights it uses are not this layer's: for those
    write a Layer. A saved lambda is bytecode, which loading refuses unless told otherwise.
    """

    _runs_function = True

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(f"Layer {self.name!r}: `function` must be callable. Received: {function!r}")
        if arguments is not None and not isinstance(arguments, Mapping):
            raise TypeError(
                f"Layer {self.name!r}: `arguments` must be a dict of the function's other arguments. "
                f"Received: {arguments!r}"
            )
        if not (output_shape is None or callable(output_shape) or _are_shapes(output_shape)):
            raise ValueError(
                f"Layer {self.name!r}: `output_shape` must be a tuple of sizes without the batch size, several of "
                f"them, or a function of the input shape. Received: {output_shape!r}"
            )
        self.function = function
        self.arguments = dict(arguments or {})
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        # Without a given shape the engine's trial run finds the output's dtype, too.
        self._knows_output_shape = output_shape is not None
        parameters = parameters_of(function)
        self._takes_mask = "mask" in parameters and "mask" not in self.arguments
        self._takes_training = "training" in parameters and "training" not in self.arguments

    @phased
    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        options = self.arguments
        if any(isinstance(value, np.ndarray) for value in options.values()):
            device = next((t.device for t in pytree.tree_leaves(inputs) if isinstance(t, torch.Tensor)), None)
            options = {key: _constant(value, device) for key, value in options.items()}
        if self._takes_mask:
            options = {**options, "mask": mask}
        if self._takes_training:
            options = {**options, "training": self.training if training is None else training}
        return self.function(inputs, **options)

    def compute_output_shape(self, input_shape: Any) -> Any:
        shape = self._output_shape
        if shape is None:
            return super().compute_output_shape(input_shape)
        if callable(shape):
            found = shape(input_shape)
            return tuple(found) if is_shape(found) else found
        batch = pytree.tree_leaves(input_shape)[0]
        if is_shape(shape):
            return (batch, *shape)
        if isinstance(shape, Mapping):
            return {key: (batch, *item) for key, item in shape.items()}
        return [(batch, *item) for item in shape]

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        if registry.wants_modern():
            arguments = registry.serialize_keras_object(self.arguments)
            return {**super().get_config(), **self._modern_config(), "arguments": arguments}
        arguments = {key: _plain_argument(value) for key, value in self.arguments.items()}
        function, function_type, module = describe_function(self.function)
        shape, shape_type, shape_module = describe_function(self._output_shape)
        description = {
            "function": function,
            "function_type": function_type,
            "module": module,
            "output_shape": shape,
            "output_shape_type": shape_type,
            "output_shape_module": shape_module,
        }
        if self.mask is not None:
            mask, mask_type, mask_module = describe_function(self.mask)
            description |= {"mask": mask, "mask_type": mask_type, "mask_module": mask_module}
        return {**super().get_config(), **description, "arguments": arguments}

    def _modern_config(self) -> dict[str, Any]:
        """Return the functions in Keras 3's form."""
        found = {}
        for key, value in (("function", self.function), ("output_shape", self._output_shape), ("mask", self.mask)):
            if is_lambda(value):
                code, defaults, closure = dump_function(value)
                inner = {"code": code, "defaults": defaults, "closure": closure}
                found[key] = {"class_name": "__lambda__", "config": inner}
            elif value is not None:
                found[key] = describe_function(value)[0]
        return found

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None, safe_mode: bool | None = None
    ) -> Lambda:
        """Rebuild the layer; a function named like the layer in `custom_objects` replaces the stored one.

        Bytecode runs only with `safe_mode=False`, of this call or of the load call that this one is part of.
        """
        if safe_mode is not None:
            with allow_bytecode(not safe_mode):
                return cls.from_config(config, custom_objects)
        config = dict(config)
        name = config.get("name", "lambda")
        custom = dict(custom_objects or {})
        known = registry.known_custom_objects(custom)
        if name in known:
            config.update(function=known[name], function_type="given")
        for key, type_key, module_key in (
            ("function", "function_type", "module"),
            ("output_shape", "output_shape_type", "output_shape_module"),
            ("mask", "mask_type", "mask_module"),
        ):
            config.pop(module_key, None)
            kind = config.pop(type_key, None)
            if kind != "given" and config.get(key) is not None:
                config[key] = _stored(config[key], kind, key, name, custom, given=callable(config["function"]))
        arguments = config.get("arguments") or {}
        config["arguments"] = {key: _argument(value, custom) for key, value in arguments.items()}
        return cls(**config)


def _stored(value: Any, kind: str | None, key: str, layer: str, custom: Mapping[str, Any], given: bool) -> Any:
    """Return a stored function; a stored shape function that may not run is inferred anew if the function is given."""
    modern = isinstance(value, Mapping) and value.get("class_name") == "__lambda__"
    if key == "output_shape" and given and not bytecode_is_allowed() and (modern or kind == "lambda"):
        if modern:
            return getattr(value["config"]["code"], "function", None)
        return getattr(value[0], "function", None) or dumped_here(value)
    return value if callable(value) else find_function(value, kind, layer, custom)


def _are_shapes(item: Any) -> bool:
    if isinstance(item, Mapping):
        item = list(item.values())
    return is_shape(item) or (isinstance(item, (list, tuple)) and all(_are_shapes(part) for part in item))


def parameters_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the parameters of a function by name; none where they cannot be known."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def _constant(value: Any, device: torch.device | None) -> Any:
    """Make a tensor of an array of floats, since torch does not calculate with arrays; others may be sizes or axes."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and device is not None:
        return torch.as_tensor(value, dtype=settings.torch_dtype(settings.floatx()), device=device)
    return value


def _plain_argument(value: Any) -> Any:
    """Return a form that JSON can hold; arrays as Keras 2 wrote them, and tensors like arrays."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return {"type": "ndarray", "value": value.tolist()} if isinstance(value, np.ndarray) else value


def _argument(value: Any, custom: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping) and value.get("type") == "ndarray":
        return np.array(value["value"])
    return registry.deserialize_keras_object(value, custom)
