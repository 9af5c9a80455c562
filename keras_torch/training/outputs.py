"""How values given per output (losses, weights, metrics, targets) meet the outputs of a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras_torch import config
from keras_torch.data.structure import flatten, is_nested
from keras_torch.errors import suggest


def output_names_of(y_pred: Any) -> list[str]:
    """Return names for the outputs of a model that has none: dict keys, or `output_1`, `output_2`, ..."""
    if isinstance(y_pred, Mapping) and not any(map(is_nested, y_pred.values())):
        return [str(key) for key in y_pred]
    return [f"output_{index + 1}" for index in range(len(flatten(y_pred)))]


def has_names(y_pred: Any) -> bool:
    """Whether `output_names_of` gives names that Keras puts into logs: in Keras 3 a list of outputs has none."""
    return isinstance(y_pred, Mapping) or not config.is_modern()


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


def as_column(y_true: Any, y_pred: Any) -> Any:
    """Return the targets of one output; a vector beside predictions in a single column gets that axis."""
    if len(y_true.shape) == 1 and y_pred.dim() == 2 and y_pred.shape[1] == 1:
        return y_true[:, None]
    return y_true


def in_output_order(value: Any, y_pred: Any, names: list[str] | None) -> list[Any]:
    """Return targets, weights or predictions as a flat list in the order of the outputs; missing ones are None."""
    keys = names if names and not isinstance(y_pred, Mapping) else output_names_of(y_pred)
    if isinstance(value, Mapping):
        return [value.get(key) for key in keys]
    if value is None:
        return [None] * len(keys)
    leaves = flatten(value)
    return leaves * len(keys) if len(leaves) == 1 else leaves
