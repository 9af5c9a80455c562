"""`serialize_keras_object` and its reverse under their usual names: in the form of the dialect's Keras."""

from __future__ import annotations

from typing import Any

from keras_torch import config as settings
from keras_torch import registry
from keras_torch.legacy import saving as legacy_forms
from keras_torch.legacy import translated


@translated("serialize_keras_object")
def serialize_keras_object(obj: Any) -> Any:
    """Return a value of a config, or an object with `get_config`, as plain data.

    An object becomes `{"module", "class_name", "config", "registered_name"}` (with `build_config` and
    `compile_config` where it has them), in dialects 1 and 2 `{"class_name", "config"}`. Numbers, text, None, lists,
    tuples and dicts stay what they are; arrays, tensors, bytes, slices, `...`, symbolic tensors and lambdas become
    dicts with a class name like `"__numpy__"`. TypeError for anything else, in dialects 1 and 2 ValueError.
    """
    return (legacy_forms if settings.is_classic() else registry).serialize_keras_object(obj)


def deserialize_keras_object(config: Any, *args: Any, **kwargs: Any) -> Any:
    """Make the value or object that `serialize_keras_object`, here or in any Keras, made `config` of.

    Takes `custom_objects`, `safe_mode` and `module_objects`; in dialects 1 and 2, and if there is a
    `printable_module_name`, `module_objects`, `custom_objects` and `printable_module_name`. Nothing is imported:
    classes are Keras's own, given or registered. Bytecode of lambdas is refused unless `safe_mode=False`. TypeError,
    in dialects 1 and 2 ValueError, for what is unknown or no config.
    """
    old = settings.is_classic() or ("printable_module_name" in kwargs and "safe_mode" not in kwargs)
    return (legacy_forms if old else registry).deserialize_keras_object(config, *args, **kwargs)
