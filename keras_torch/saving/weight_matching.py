"""Which array of a file belongs to which weight of a layer, also where file and model nest their layers differently."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from keras_torch.layers.merge import Merge
from keras_torch.saving.array_conversions import Source, convert, reshaped

# Keras 1 had no slash between the name of a layer and that of a weight.
_NAME_OF_KERAS_1 = re.compile(
    r"(.+?)_(?:[WUb](?:_[a-z]+)?|gamma|beta|running_mean|running_std|alphas?|betas?|pointwise_kernel|depthwise_kernel)"
)


@dataclass(frozen=True)
class Origin:
    """Who wrote a file: the dialect of the Keras version ("1", "2", "tf", "3"), its number, and its backend."""

    generation: str
    version: str
    backend: str | None


@dataclass(frozen=True)
class Assignment:
    """One array of the file and the weight that it is for."""

    weight: Any
    source: Source


class ShapeError(ValueError):
    """An array of a file does not fit the weight that it is for."""


def report(problems: Sequence[str], skip_mismatch: bool) -> None:
    """Raise the ShapeError of the first problem, and tell how many more there are; or skip all, with warnings."""
    if problems and not skip_mismatch:
        more = f" ({len(problems) - 1} more objects do not fit.)" if len(problems) > 1 else ""
        raise ShapeError(f"{problems[0]}{more}")
    for problem in problems:
        warnings.warn(f"Skipping the weights of an object due to mismatch with the file: {problem}", stacklevel=7)


@dataclass(frozen=True)
class LayerMatch:
    """A layer, what it was called in the file, and its assignments."""

    layer: Any
    stored: str
    assignments: list[Assignment]
    by_name: bool


@dataclass(frozen=True)
class Unit:
    """The arrays of one innermost layer or cell: the names on the way to it, and each array with its number."""

    path: tuple[str, ...]
    sources: list[tuple[int, Source]]


def weight_paths(layer: Any) -> list[tuple[str, Any]]:
    """Return (path, weight) in the order of files: trainable ones first. A path is unique in its layer's group."""
    paths: dict[int, str] = {}
    prefix = () if is_model(layer) else (layer.name,)
    for path, weight in _walk(layer, prefix):
        paths.setdefault(id(weight), path)
    taken: set[str] = set()
    named = []
    trainable = layer.trainable_weights
    seen = {id(weight) for weight in trainable}
    for weight in trainable + [weight for weight in layer.non_trainable_weights if id(weight) not in seen]:
        path = paths.get(id(weight), weight.classic_path)
        while path in taken:
            path += "_1"
        taken.add(path)
        named.append((path, weight))
    return named


def is_model(layer: Any) -> bool:
    return hasattr(layer, "layers") and hasattr(layer, "save_weights")


def _walk(layer: Any, prefix: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for weight in layer._all_own_weights():
        yield "/".join((*prefix, weight.classic_path)), weight
    for child in layer._children():
        yield from _walk(child, (*prefix, child.name))


def units_of(stored: Iterable[tuple[str, Sequence[Source]]], origin: Origin) -> list[Unit]:
    """Return the arrays of saved layers by the innermost layer that they belong to, in order of appearance."""
    found: dict[tuple[str, ...], list[tuple[int, Source]]] = {}
    for index, (name, source) in enumerate((name, source) for name, sources in stored for source in sources):
        *parents, last = source.name.removesuffix(":0").split("/")
        flat = _NAME_OF_KERAS_1.fullmatch(last) if origin.generation == "1" and not parents else None
        if flat:
            parents = [flat[1]]
        found.setdefault((name, *parents), []).append((index, source))
    return [Unit(path, items) for path, items in found.items()]


def layers_of(model: Any) -> list[Any]:
    """Return the layers that a file of weights lists: for a Keras 1 Merge of branches, those of the branches."""
    found: dict[int, Any] = {}
    for layer in model.layers:
        branches = layer.branches if isinstance(layer, Merge) else ()
        parts = [part for branch in branches for part in _parts_of(branch)] if branches else [layer]
        found.update((id(part), part) for part in parts)
    return list(found.values())


def _parts_of(branch: Any) -> list[Any]:
    return layers_of(branch) if is_model(branch) else [branch]


def leaf_layers(model: Any) -> list[Any]:
    """Return the layers with weights, those of nested models in their place, each once.

    Inside a nested model they stand as in files: first come those with weights that are trained.
    """
    found: dict[int, Any] = {}
    for layer in layers_of(model):
        nested = is_model(layer) and not layer._all_own_weights()
        for leaf in _in_file_order(layer) if nested else [layer]:
            if leaf.weights:
                found.setdefault(id(leaf), leaf)
    return list(found.values())


def _in_file_order(model: Any) -> list[Any]:
    trained = {id(weight) for weight in model.trainable_weights}
    leaves = leaf_layers(model)
    return sorted(leaves, key=lambda leaf: not any(id(weight) in trained for weight in leaf.weights))


@dataclass(frozen=True)
class Matcher:
    """The way in which the arrays of one file are matched."""

    file: str
    origin: Origin
    reshape: bool = False
    skip_mismatch: bool = False

    def layer(self, sources: Sequence[Source], layer: Any, name: str) -> list[Assignment]:
        """Match a saved layer's arrays to the weights of one. ShapeError if they do not fit."""
        if is_model(layer) and not layer._all_own_weights():
            found = self._quietly().across(units_of([(name, sources)], self.origin), _in_file_order(layer))
            if found:
                return [item for each in found for item in each.assignments]
        return self._arrays(list(sources), layer, name)

    def across(self, units: Sequence[Unit], layers: Sequence[Any], partly: bool = False) -> list[LayerMatch]:
        """Match the innermost layers of file and model, by name or else in order; an empty list if that fails.

        `partly`: by name only, and layers that are not in the file, or do not fit, are left out.
        """
        counts = [len({path.rpartition("/")[0] for path, _ in weight_paths(layer)}) for layer in layers]
        if partly:
            return self._match(_by_name(units, layers, counts, partly), True, partly)
        if sum(counts) != len(units):
            return []
        return self._match(_by_name(units, layers, counts), True) or self._match(
            _in_order(units, layers, counts), False
        )

    def _match(self, pairs: Any, by_name: bool, partly: bool = False) -> list[LayerMatch]:
        found = []
        for layer, units in pairs:
            ordered = sorted((item for unit in units for item in unit.sources), key=lambda item: item[0])
            stored = "/".join(dict.fromkeys(units[0].path))
            try:
                assignments = self._quietly()._arrays([source for _, source in ordered], layer, stored)
            except ShapeError:
                if not partly:
                    return []
                continue
            found.append(LayerMatch(layer, stored, assignments, by_name))
        return found

    def _quietly(self) -> Matcher:
        return Matcher(self.file, self.origin, self.reshape)

    def _arrays(self, sources: list[Source], layer: Any, name: str) -> list[Assignment]:
        targets = weight_paths(layer)
        shapes = [tuple(weight.shape) for _, weight in targets]
        sources = convert(layer, sources, shapes, self.origin)
        if len(sources) != len(targets):
            error = ShapeError(
                f"{self.file}: layer {layer.name!r} of the model expects {len(targets)} weights "
                f"{_describe_targets(targets)}, but the saved layer {name!r} holds {len(sources)} arrays "
                f"{_describe_sources(sources)}."
            )
            return self._refuse(error, layer)
        order = _order_by_name([source.name for source in sources], [path for path, _ in targets])
        if order is not None:
            renamed = [sources[index] for index in order]
            if [source.shape for source in renamed] == shapes:
                sources = renamed
        if self.reshape:
            sources = reshape_sources(sources, shapes)
        found = []
        for source, (path, weight) in zip(sources, targets, strict=True):
            if source.shape == tuple(weight.shape):
                found.append(Assignment(weight, source))
                continue
            error = ShapeError(
                f"{self.file}: the weight {path!r} of layer {layer.name!r} has shape {tuple(weight.shape)}, but "
                f"the saved array {source.name!r} of layer {name!r} has shape {source.shape}"
            )
            found += self._refuse(error, layer)
        return found

    def _refuse(self, error: ShapeError, layer: Any) -> list[Assignment]:
        if not self.skip_mismatch:
            raise error
        warnings.warn(
            f"Skipping loading of the weights of layer {layer.name!r} due to mismatch with the file: {error}",
            stacklevel=8,
        )
        return []


def _by_name(
    units: Sequence[Unit], layers: Sequence[Any], counts: Sequence[int], partly: bool = False
) -> list[tuple[Any, list[Unit]]]:
    """Return each layer with the units on whose path its name stands; an empty list if that leaves doubts."""
    found: list[tuple[Any, list[Unit]]] = []
    for layer, count in zip(layers, counts, strict=True):
        mine = [unit for unit in units if layer.name in unit.path]
        if len(mine) == count:
            found.append((layer, mine))
        elif not partly:
            return []
    used = [id(unit) for _, mine in found for unit in mine]
    return found if len(set(used)) == len(used) else []


def _in_order(
    units: Sequence[Unit], layers: Sequence[Any], counts: Sequence[int]
) -> Iterator[tuple[Any, Sequence[Unit]]]:
    start = 0
    for layer, count in zip(layers, counts, strict=True):
        yield layer, units[start : start + count]
        start += count


def _order_by_name(stored: Sequence[str], wanted: Sequence[str]) -> list[int] | None:
    """Return for each wanted path the index of the stored name that ends alike; None unless that is one-to-one.

    Trainable weights come first in files, so freezing a layer after saving changes the order but not the names.
    """
    clean = [name.removesuffix(":0") for name in stored]
    order = []
    for path in wanted:
        found = [i for i, name in enumerate(clean) if _ends_alike(name, path)]
        if len(found) != 1:
            return None
        order.append(found[0])
    return order if len(set(order)) == len(order) else None


def _ends_alike(one: str, other: str) -> bool:
    return one == other or one.endswith("/" + other) or other.endswith("/" + one)


def _describe_sources(sources: Sequence[Source]) -> list[tuple[str, tuple[int, ...]]]:
    return [(source.name, source.shape) for source in sources]


def _describe_targets(targets: Sequence[tuple[str, Any]]) -> list[tuple[str, tuple[int, ...]]]:
    return [(path, tuple(weight.shape)) for path, weight in targets]


def reshape_sources(sources: list[Source], shapes: Sequence[tuple[int, ...]]) -> list[Source]:
    """Give each source the shape of its weight where the number of values is the same."""
    found = list(sources)
    for index, (source, shape) in enumerate(zip(sources, shapes, strict=False)):
        if source.shape != shape and math.prod(source.shape) == math.prod(shape):
            found[index] = reshaped(source, shape)
    return found
