"""Name → object: how strings and config dicts become layers, losses, optimizers and so on, and how these become dicts.

Each family fills its table from its own import list. Nothing is ever imported by a name that stands in a file.
"""

from keras_torch.registry.bytecode import (
    FunctionText,
    allow_bytecode,
    bytecode_is_allowed,
    dump_function,
    load_function,
)
from keras_torch.registry.custom import (
    CustomObjectScope,
    custom_object_scope,
    custom_objects,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    known_custom_objects,
    register_keras_serializable,
    registered_name,
)
from keras_torch.registry.forms import READERS, WRITERS, deserialize_keras_object, serialize_keras_object, sharing_scope
from keras_torch.registry.tables import (
    FAMILIES,
    Registry,
    activations,
    callbacks,
    constraints,
    dtype_policies,
    function_name,
    initializers,
    layers,
    losses,
    metrics,
    optimizers,
    regularizers,
    schedules,
    snake_case,
)

__all__ = [
    "FAMILIES",
    "READERS",
    "WRITERS",
    "CustomObjectScope",
    "FunctionText",
    "Registry",
    "activations",
    "allow_bytecode",
    "bytecode_is_allowed",
    "callbacks",
    "constraints",
    "custom_object_scope",
    "custom_objects",
    "deserialize_keras_object",
    "dtype_policies",
    "dump_function",
    "function_name",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "initializers",
    "known_custom_objects",
    "layers",
    "load_function",
    "losses",
    "metrics",
    "optimizers",
    "register_keras_serializable",
    "registered_name",
    "regularizers",
    "schedules",
    "serialize_keras_object",
    "sharing_scope",
    "snake_case",
]
