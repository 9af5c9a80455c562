"""How values given per output (losses, weights, metrics, targets) meet the outputs of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_torch import config
from keras_torch.data.structure import flatten, is_nested, leaves_like
from keras_torch.errors import suggest


def output_names_of(y_pred: Any) -> list[str]:
    """Return names for the outputs of a model that has none: dict keys, or `output_1`, `output_2`, ...

    In Keras 3 those of a structure of structures are paths.
    """
    deep = is_deep(y_pred)
    if isinstance(y_pred, Mapping) and not deep:
        return [str(key) for key in y_pred]
    names = [f"output_{index + 1}" for index in range(len(flatten(y_pred)))]
    return paths_of(y_pred, names) if deep and config.is_modern() else names


def has_names(y_pred: Any) -> bool:
    """Whether `output_names_of` gives names that Keras puts into logs: in Keras 3 a list of outputs has none."""
    return not config.is_modern() or (isinstance(y_pred, Mapping) and not is_deep(y_pred))


def listed(names: list[str], keyed: bool) -> list[int]:
    """Return the order in which the logs list outputs: Keras sorts those of a dict (`keyed`) by their keys."""
    return sorted(range(len(names)), key=lambda index: names[index]) if keyed else list(range(len(names)))


def per_output(value: Any, names: list[str], label: str, required: bool = False) -> list[Any]:
    """Return `value`, given as a dict by output name or as a list, as one entry for each output.

    `required` says that a dict must have every name. ValueError names the unknown, missing or surplus ones.
    """
    if isinstance(value, Mapping):
        unknown = [key for key in value if key not in names]
        if unknown:
            raise ValueError(
                f"{label} has keys that are no output names: {unknown}.{suggest(unknown[0], names)} "
                f"The outputs of the model are: {names}. Received keys: {list(value)}"
            )
        missing = [name for name in names if name not in value]
        if missing and required:
            raise ValueError(f"{label} lacks the outputs {missing}. Received keys: {list(value)}")
        return [value.get(name) for name in names]
    if isinstance(value, (list, tuple)):
        if len(value) != len(names):
            raise ValueError(
                f"{label} must have one entry for each of the {len(names)} outputs {names}. "
                f"Received: {len(value)} entries"
            )
        return list(value)
    return [value] * len(names)


def is_deep(structure: Any) -> bool:
    """Whether the outputs of a model are a structure of structures."""
    items = structure.values() if isinstance(structure, Mapping) else structure
    return is_nested(structure) and any(map(is_nested, items))


def along(value: Any, structure: Any) -> list[Any] | None:
    """Return one entry for each leaf of `structure` from a value built like it; None if it is built otherwise.

    A dict may lack keys. What stands in the place of a part of the structure goes for each leaf of that part.
    """
    if not is_nested(structure):
        return [value]
    if isinstance(structure, Mapping) and isinstance(value, Mapping) and "class_name" not in value:
        if any(key not in structure for key in value):
            return None
        pairs = [(value.get(key), item) for key, item in structure.items()]
    elif isinstance(structure, (list, tuple)) and isinstance(value, (list, tuple)):
        if len(value) != len(structure):
            return None
        pairs = list(zip(value, structure, strict=True))
    elif is_nested(value) and not (isinstance(value, Mapping) and "class_name" in value):
        return None
    else:
        return [value] * len(flatten(structure))
    parts = [along(*pair) for pair in pairs]
    return None if None in parts else [entry for part in parts for entry in part or ()]


def in_a_row(given: Any, structure: Any, several: bool = False) -> Any:
    """Return losses, weights or metrics for deep outputs as a list in the order of these, of lists if `several`.

    What is built otherwise is left as it is.
    """
    found = along(given, structure) if is_nested(given) else None
    if found is None or not several:
        return given if found is None else found
    return [item if isinstance(item, (list, tuple)) else [item] * (item is not None) for item in found]


def paths_of(structure: Any, names: list[str]) -> list[str]:
    """Return what Keras 3 calls the losses of nested outputs: keys and places, and the names of outputs in lists."""
    remaining = iter(names)

    def walk(part: Any, path: tuple[Any, ...]) -> list[str]:
        if not is_nested(part):
            name = next(remaining)
            last = name if isinstance(path[-1], int) else path[-1]
            return ["/".join(map(str, (*path[:-1], last)))]
        items = part.items() if isinstance(part, Mapping) else enumerate(part)
        return [name for key, item in items for name in walk(item, (*path, key))]

    return walk(structure, ())


def as_column(y_true: Any, y_pred: Any, beside_all: bool) -> Any:
    """Return the targets of one output; a vector beside predictions in a single column gets that axis.

    With `beside_all` it does beside several columns, too: in tf.keras a target of one number stands for all of them.
    """
    if len(y_true.shape) == 1 and y_pred.dim() == 2 and (beside_all or y_pred.shape[1] == 1):
        return y_true[:, None]
    return y_true


def in_output_order(value: Any, y_pred: Any, names: list[str] | None) -> list[Any]:
    """Return targets, weights or predictions as a flat list in the order of the outputs; missing ones are None."""
    keys = names if names and not isinstance(y_pred, Mapping) else output_names_of(y_pred)
    if isinstance(value, Mapping):
        leaves = leaves_like(value, y_pred) if is_deep(y_pred) else None
        return [value.get(key) for key in keys] if leaves is None else leaves
    if value is None:
        return [None] * len(keys)
    leaves = flatten(value)
    return leaves * len(keys) if len(leaves) == 1 else leaves
