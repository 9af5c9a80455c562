"""`class_weight`: weights of samples by the class of their target, as each generation of Keras had them."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Mapping
from typing import Any

import torch

from keras_torch import config
from keras_torch.data.rows import Rows
from keras_torch.data.structure import flatten

# These generations refused classes that have no weight; in Keras 3 they weigh 1.
_STRICT = ("1", "2", "tf")


def class_weights_of(class_weight: Any) -> ClassWeights | None:
    """Return the weights given as `class_weight`, None if there are none.

    Keras 1 and 2 silently ignored what is no dict, such as "auto"; their dialects warn. ValueError otherwise.
    """
    if class_weight is None or isinstance(class_weight, ClassWeights):
        return class_weight
    by_output = isinstance(class_weight, (list, tuple)) and all(
        item is None or isinstance(item, Mapping) for item in class_weight
    )
    if not isinstance(class_weight, Mapping) and not by_output:
        advice = (
            "`class_weight` must be a dict from class number to weight, for balanced classes e.g. "
            "`counts = np.bincount(labels); {i: len(labels) / (len(counts) * n) for i, n in enumerate(counts)}`. "
            f"Received: {class_weight!r}"
        )
        if not config.is_classic():
            raise ValueError(advice)
        warnings.warn(f"{advice}, which Keras 1 and 2 ignored, and so it is here.", UserWarning, stacklevel=4)
        return None
    return ClassWeights(class_weight)


class ClassWeights:
    """The tables of `class_weight`: one, or one for each output by its name or position."""

    def __init__(self, given: Any) -> None:
        self.given = given
        self._table: _Table | None = None
        self._by_output: dict[Any, _Table | None] = {}
        items = given if isinstance(given, Mapping) else dict(enumerate(given))
        if items and all(value is None or isinstance(value, Mapping) for value in items.values()):
            self._by_output = {key: None if value is None else _Table(value) for key, value in items.items()}
        else:
            self._table = _Table(items)

    def __call__(self, y: Any, sample_weight: Any, names: list[str] | None) -> Any:
        """Return the weights for targets `y`, together with `sample_weight`, in the form of the latter."""
        leaves = flatten(y)
        if not leaves or leaves[0] is None:
            raise ValueError("`class_weight` needs targets. Received: y=None")
        if self._table is not None:
            if len(leaves) > 1:
                raise ValueError(
                    f"`class_weight` for a model with several outputs must be a dict by output name {names}, each "
                    f"value a dict from class number to weight; or pass `sample_weight`. Received: {self.given!r}"
                )
            return _together(self._table.weigh(leaves[0]), _first(sample_weight))
        names = names or [f"output_{index + 1}" for index in range(len(leaves))]
        tables = self._tables(names)
        targets = y if isinstance(y, Mapping) else dict(zip(names, leaves, strict=True))
        return {
            name: _together(table.weigh(targets[name]) if table else None, _of_output(sample_weight, name, names))
            for name, table in tables.items()
            if name in targets
        }

    def _tables(self, names: list[str]) -> dict[str, _Table | None]:
        """Return the table for each output. ValueError for a name or number of outputs that the model has not."""
        if isinstance(self.given, Mapping):
            unknown = [key for key in self.given if key not in names]
            fits = not unknown
        else:
            unknown, fits = [], len(self.given) == len(names)
        if not fits:
            raise ValueError(
                f"`class_weight` must have the outputs {names} as keys, or one entry for each of them. "
                + (f"Received the keys: {unknown}" if unknown else f"Received: {len(self.given)} entries")
            )
        keys = names if isinstance(self.given, Mapping) else range(len(names))
        return {name: self._by_output.get(key) for name, key in zip(names, keys, strict=True)}


class _Table:
    """Class number → weight."""

    def __init__(self, weights: Mapping[Any, Any]) -> None:
        wrong = [key for key in weights if not isinstance(key, numbers.Real)]
        wrong += [value for value in weights.values() if not isinstance(value, numbers.Real | torch.Tensor)]
        if wrong:
            raise ValueError(f"`class_weight` must map class numbers to weights. Received: {wrong[0]!r} in {weights!r}")
        table = {int(key): float(value) for key, value in weights.items()}
        if config.dialect() == "tf" and sorted(table) != list(range(len(table))):
            raise ValueError(
                f"`class_weight` must have all classes from 0 to one less than their number. Received: {table}"
            )
        self.table = table
        self._least = min(table, default=0)
        size = max(table, default=0) - self._least + 1
        self._weights = torch.ones(size, dtype=config.torch_dtype(config.floatx()))
        self._known = torch.zeros(size, dtype=torch.bool)
        for key, value in table.items():
            self._weights[key - self._least] = value
            self._known[key - self._least] = True

    def weigh(self, y: torch.Tensor | Rows) -> torch.Tensor:
        """Return a weight for each target: a class number, or a row with the class at its maximum."""
        if isinstance(y, Rows):
            return torch.cat([self.weigh(block) for block in y.blocks()])
        if y.dim() > 2 and config.dialect() in _STRICT:
            raise ValueError(
                "`class_weight` needs targets of at most two axes; pass `sample_weight` instead. "
                f"Received: targets of shape {tuple(y.shape)}"
            )
        if y.dim() > 1:
            y = (y.byte() if y.dtype == torch.bool else y).argmax(-1) if y.shape[-1] > 1 else y.squeeze(-1)
        labels = (y.round() if y.is_floating_point() else y).long()
        index = labels - self._least
        near = index.clamp(0, len(self._weights) - 1)
        known = (near == index) & self._known.to(labels.device)[near]
        if config.dialect() in _STRICT and not known.all():
            missing = labels[~known].unique().tolist()
            raise ValueError(
                f"`class_weight` must have every class in the data; it lacks {missing}. Received: {self.table}"
            )
        return torch.where(known, self._weights.to(labels.device)[near], 1.0)


def _of_output(sample_weight: Any, name: str, names: list[str]) -> Any:
    if isinstance(sample_weight, Mapping):
        return sample_weight.get(name)
    if isinstance(sample_weight, (list, tuple)) and len(sample_weight) == len(names):
        return sample_weight[names.index(name)]
    return _first(sample_weight)


def _first(sample_weight: Any) -> Any:
    return next(iter(flatten(sample_weight)), None)


def _together(by_class: torch.Tensor | None, given: Any) -> Any:
    """Return the product of both kinds of weights; Keras 1 and 2 preferred those of samples, Keras 3 refuses both."""
    if given is None or by_class is None:
        return by_class if given is None else given
    if config.dialect() == "3":
        raise ValueError("`class_weight` and `sample_weight` cannot be given together; multiply them yourself.")
    if config.is_classic():
        warnings.warn("`class_weight` has no effect beside `sample_weight`.", UserWarning, stacklevel=6)
        return given
    given = given.read() if isinstance(given, Rows) else given
    by_class, given = by_class.to(given.device), given.to(by_class.dtype)
    axes = max(by_class.dim(), given.dim())
    return _with_axes(by_class, axes) * _with_axes(given, axes)


def _with_axes(tensor: torch.Tensor, axes: int) -> torch.Tensor:
    return tensor.reshape(*tensor.shape, *[1] * (axes - tensor.dim()))
