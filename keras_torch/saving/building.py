"""Making the model that a file describes, in whatever container the description came."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch

from keras_torch import config, registry
from keras_torch.engine import Layer
from keras_torch.engine.initial_values import Unfilled, unfilled
from keras_torch.errors import ConfigError
from keras_torch.saving import hdf5
from keras_torch.saving.file_config import find_class

# The version of Keras that files say they are of.
VERSION = "2.15.0"
# Keras's readers pass over this attribute. It says whose formulas the model was made and compiled with, where the
# generations differ although the names agree (hard_sigmoid, RMSprop's epsilon).
DIALECT = "keras_torch_dialect"
_NESTED = (dict, list, tuple)


def build(described: Mapping[str, Any], custom_objects: Mapping[str, Any], safe_mode: bool = True) -> Any:
    """Make the model of a config in today's form. Bytecode runs only if `safe_mode` is False."""
    with registry.allow_bytecode(not safe_mode), registry.sharing_scope():
        return registry.layers.from_dict(described, custom_objects)


def build_within(
    described: Mapping[str, Any],
    custom_objects: Mapping[str, Any],
    make: Callable[[], Any],
    check: Callable[[Any], Any],
    size: int,
) -> tuple[Any, Unfilled]:
    """Make a model, and note the weights that have no values yet; `size` is that of the file that will fill them.

    Where it asks for more, or users' classes take part, a copy without memory is made first, and `check` is called on
    it: a small file cannot ask for weights that it does not hold.
    """
    if _is_builtin(described, registry.known_custom_objects(custom_objects)):
        waiting = None
        try:
            with unfilled(size + hdf5.SMALL_BYTES) as waiting:
                return make(), waiting
        except Exception:
            if waiting is None or not waiting.exceeded:
                raise
    model = draft(described, make)
    if model is not None:
        check(model)
        asked = sum(math.prod(weight.shape) * weight.dtype.itemsize for weight in model.weights)
        if asked > hdf5.MAX_RATIO * size + hdf5.SMALL_BYTES:
            # Many weights may have one array.
            raise ConfigError(
                f"The weights of the model take {asked:.3g} bytes, but the file with them has {size:.3g}."
            )
    with unfilled() as waiting:
        model = make()
    return model, waiting


def draft(described: Mapping[str, Any], make: Callable[[], Any]) -> Any:
    """Make a model without memory for its weights; None if it has classes of the user that cannot be without."""
    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()
    except Exception:
        if _is_builtin(described):
            raise
        return None


def _is_builtin(described: Any, others: Collection[str] = ()) -> bool:
    """Whether all classes in a config are ours, and not called like any of `others`."""
    if isinstance(described, dict):
        name = described.get("class_name")
        known = not isinstance(name, str) or name in ("Functional", "function") or find_class(name) is not None
        known = known and not (others and {name, described.get("registered_name")} & set(others))
        return known and all(_is_builtin(item, others) for item in described.values() if isinstance(item, _NESTED))
    return not isinstance(described, (list, tuple)) or all(_is_builtin(value, others) for value in described)


def dialect_of(model: Any, optimizer: Any) -> str:
    """Return the dialect to build and compile in again. Warn where Keras 2 computes something else than the model."""
    from keras_torch import activations

    dialect = getattr(optimizer, "_dialect", None) or config.dialect() or "3"
    used = [value for layer in model.modules() if isinstance(layer, Layer) for value in vars(layer).values()]
    if any(value is activations._hard_sigmoid_modern for value in used):
        warnings.warn(
            f"The model {model.name!r} uses `hard_sigmoid` as Keras 3 defines it. Keras 2 reads the file, but its own "
            "`hard_sigmoid`, `clip(0.2 * x + 0.5, 0, 1)`, gives other predictions.",
            stacklevel=5,
        )
        return "3"
    classic = any(value is activations._hard_sigmoid_classic for value in used)
    return "tf" if classic and dialect == "3" else dialect
