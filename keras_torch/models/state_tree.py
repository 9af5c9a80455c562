"""The values of a model's variables as nested dicts, as Keras 3 has them for training loops of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from keras_torch.data.numpy_bridge import to_numpy

_FORMATS = ("backend_tensor", "numpy_array")


def _groups(model: Any) -> dict[str, list[tuple[str, Any]]]:
    """Return (path, variable) pairs by group; what has no owner in its path gets that of its optimizer or metric."""
    optimizer = getattr(model, "optimizer", None)
    owned: dict[str, list[tuple[str, Any]]] = {
        "trainable_variables": [("", v) for v in model.trainable_variables],
        "non_trainable_variables": [("", v) for v in model.non_trainable_variables],
        "optimizer_variables": [(optimizer.name, v) for v in optimizer.variables] if optimizer is not None else [],
        "metrics_variables": [(metric.name, v) for metric in model.metrics for v in metric.variables],
    }
    return {
        group: [(v.path if "/" in v.path or not owner else f"{owner}/{v.path}", v) for owner, v in pairs]
        for group, pairs in owned.items()
    }


def state_tree_of(model: Any, value_format: str) -> dict[str, Any]:
    """Return group → nested dict by the parts of paths → value."""
    if value_format not in _FORMATS:
        raise ValueError(f"`value_format` must be one of {_FORMATS}. Received: {value_format!r}")
    result: dict[str, Any] = {}
    for group, pairs in _groups(model).items():
        tree = result[group] = {}
        for path, variable in pairs:
            *parents, name = path.split("/")
            place = tree
            for parent in parents:
                place = place.setdefault(parent, {})
            if name in place:
                raise ValueError(f"Two variables of model {model.name!r} have the path {path!r}. Rename a layer.")
            value = variable.value.detach()
            place[name] = np.asarray(to_numpy(value)) if value_format == "numpy_array" else value
    return result


def assign_state_tree(model: Any, tree: Mapping[str, Any]) -> None:
    """Assign the values of such a tree, or of a part of one. ValueError, before any is, names what the model lacks."""
    if tree.get("optimizer_variables") and not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    known = {group: dict(pairs) for group, pairs in _groups(model).items()}
    found: list[tuple[Any, Any]] = []
    for group, values in tree.items():
        if group not in known:
            raise ValueError(f"The state of a model has the parts {list(known)}. Received: {group!r}")
        for path, value in _leaves(values):
            if path not in known[group]:
                raise ValueError(f"Model {model.name!r} has no {path!r} among its {group}: {list(known[group])}")
            found.append((known[group][path], value))
    with torch.no_grad():
        for variable, value in found:
            variable.assign(value)


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, item in tree.items():
        if isinstance(item, Mapping):
            yield from _leaves(item, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", item
