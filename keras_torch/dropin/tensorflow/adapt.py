"""What every function under `tensorflow` takes besides its arguments: a label, and the names that version 1 had."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from keras_torch import config
from keras_torch.backend.devices import again, moved
from keras_torch.symbolic import as_one, count_unnamed

# Argument of TensorFlow 1 → of TensorFlow 2.
_OLD = {
    "a_is_sparse": "",
    "b_is_sparse": "",
    "back_prop": "",
    "box_ind": "box_indices",
    "concat_dim": "axis",
    "dim": "axis",
    "dimension": "axis",
    "filter": "filters",
    "keep_dims": "keepdims",
    "name": "",
    "parallel_iterations": "",
    "reduction_indices": "axis",
    "seq_axis": "axis",
    "split_dim": "axis",
    "squeeze_dims": "axis",
    "swap_memory": "",
    "validate_indices": "",
    "value": "input",
}


def _known(function: Callable[..., Any]) -> frozenset[str]:
    found = getattr(function, "arguments", None)
    return frozenset(inspect.signature(function).parameters) if found is None else found


def adapted(function: Callable[..., Any], names: tuple[str, ...] = ()) -> Callable[..., Any]:
    """Return the function with `name=` and hints to TensorFlow's runtime accepted, and old argument names translated.

    A function whose arguments have these names gets them as they are. Tensors go to the device of the `tf.device` block
    around the call; those from different devices to one of them. What it records is one layer of tf.keras, called by
    one of its `names`.
    """
    known = _known(function)
    kinds = {parameter.kind for parameter in inspect.signature(function).parameters.values()}
    open_ended = inspect.Parameter.VAR_POSITIONAL in kinds and not hasattr(function, "arguments")
    most = None if open_ended else len(known)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs:
            translated = {}
            for key, value in kwargs.items():
                today = _OLD.get(key, key) if key not in known else key
                # Both names, of which the old one says nothing, as wrappers for several versions pass on.
                if today and not (today != key and value is None and today in kwargs):
                    translated[today] = value
            kwargs = translated
        if most is not None and len(args) == most + 1 and isinstance(args[-1], str):
            # The label, which is the last argument of all functions there.
            args = args[:-1]
        if config.current_device() is not None:
            args, kwargs = moved((args, kwargs), config.default_device())
        before = count_unnamed()
        try:
            found = function(*args, **kwargs)
        except RuntimeError as error:
            return again(function, args, kwargs, error)
        if count_unnamed() > before:
            as_one(found, before, names)
        return found

    return call


def spread(table: dict[str, Any]) -> dict[str, Any]:
    """Turn `{"abs math.abs": function}` into one entry a path, functions adapted."""
    found = {}
    for paths, item in table.items():
        names = paths.split()
        item = adapted(item, tuple(names)) if inspect.isfunction(item) else item
        found.update(dict.fromkeys(names, item))
    return found
