"""The layout of `.weights.h5` files, and of `model.weights.h5` in `.keras` archives: one group `vars` per object.

Every object of `state_tree.walk` has its arrays at `<path>/vars/0`, `1` and so on; a layer's are those that it made
itself, trainable ones first. Written by Keras 2.12 and later. As for the older layout, everything is matched and all
shapes are checked before an array is read, and every array is read before a weight changes.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np

from keras_torch import config
from keras_torch.engine import Layer
from keras_torch.errors import FileFormatError
from keras_torch.layers import AddMetric
from keras_torch.optimizers import Optimizer, state
from keras_torch.saving import beside, hdf5
from keras_torch.saving.array_conversions import Source
from keras_torch.saving.legacy_weights import Assignment, ShapeError, assign, write_array
from keras_torch.saving.state_tree import GENERATIONS, WRITTEN, walk
from keras_torch.saving.unchanged import unchanged
from keras_torch.saving.weight_matching import report


class Stored:
    """The groups `vars` of one file, by path. What was looked up once is known: a model is matched several times."""

    def __init__(self, root: hdf5.Group) -> None:
        self.file = root.file
        self.root = root
        self._groups: dict[str, hdf5.Group | None] = {"": root}
        self._variables: dict[str, Variables | None] = {}

    def variables(self, path: str) -> Variables | None:
        """Return the arrays of the object at a path; None if the file has no such object."""
        if path not in self._variables:
            group = self._group(f"{path}/vars" if path else "vars")
            self._variables[path] = None if group is None else _variables_of(group)
        return self._variables[path]

    def _group(self, path: str) -> hdf5.Group | None:
        if path not in self._groups:
            above, _, name = path.rpartition("/")
            parent = self._group(above)
            self._groups[path] = parent.group(name) if parent is not None and name in parent else None
        return self._groups[path]


def _variables_of(group: hdf5.Group) -> Variables:
    return Variables({name: (group, name) for name in group.names()}, group.attribute("name") is not None)


class Variables(Mapping[str, np.ndarray]):
    """The arrays of one object: read when asked for. `named`: the name of the object is noted, as Keras 3 does."""

    def __init__(self, places: Mapping[str, tuple[hdf5.Group, str]], named: bool = False) -> None:
        self.places = dict(places)
        self.named = named
        self._datasets: dict[str, hdf5.Dataset] = {}

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __getitem__(self, key: str) -> np.ndarray:
        return self.dataset(key).read()

    def dataset(self, key: str) -> hdf5.Dataset:
        """Return an array that is not read yet."""
        if key not in self._datasets:
            group, name = self.places[key]
            self._datasets[key] = group.dataset(name)
        return self._datasets[key]

    def sources(self) -> list[Source]:
        """Return the arrays in the order of their numbers."""
        names = sorted(self, key=lambda name: (0, int(name), "") if name.isdecimal() else (1, 0, name))
        datasets = [self.dataset(name) for name in names]
        return [Source.of(dataset, dataset.path) for dataset in datasets]


def is_store(root: hdf5.Group) -> bool:
    """Whether a file has this layout."""
    return root.attribute("layer_names") is None and root.attribute("layer_names0") is None and _has_vars(root, 4)


def _has_vars(group: hdf5.Group, depth: int, seen: set[tuple[int, int]] | None = None) -> bool:
    seen = set() if seen is None else seen
    if (group.address(), depth) in seen:
        return False
    seen.add((group.address(), depth))
    names = group.names()
    if "vars" in names:
        return True
    inner = (group.group(name) for name in names[:20] if _is_group(group, name))
    return depth > 0 and any(_has_vars(item, depth - 1, seen) for item in inner)


def _is_group(group: hdf5.Group, name: str) -> bool:
    try:
        group.group(name)
    except FileFormatError:
        return False
    return True


@dataclass
class Plan:
    """What a file will change: arrays for weights, calls of layers' own loaders, and optimizers' states."""

    file: str
    generation: str = "3"
    assignments: list[Assignment] = field(default_factory=list)
    calls: list[tuple[Any, Callable[[], None]]] = field(default_factory=list)
    optimizers: list[tuple[Optimizer, list[Source]]] = field(default_factory=list)
    numbers: Callable[[], None] | None = None

    def run(self) -> None:
        """Read and assign. If a loader fails, the layers that have one are what they were."""
        with unchanged([layer for layer, _ in self.calls]):
            for _, call in self.calls:
                call()
            assign(self.assignments)
        self.restore_optimizers()

    def restore_optimizers(self) -> None:
        """Give the optimizers their states; one that does not fit keeps its own, with a warning."""
        for optimizer, sources in self.optimizers:
            self._restore(optimizer, sources)
        if self.numbers is not None:
            self.numbers()

    def _restore(self, optimizer: Optimizer, sources: list[Source]) -> None:
        if not optimizer.built:
            # As in Keras, one that has no state yet gets none, so that its learning rate stays what it was set to.
            return
        room = sum(math.prod(variable.shape) for variable in optimizer._trainable_variables)
        if sum(math.prod(source.shape) for source in sources) > 4 * room + 1000:
            self._warn_of(optimizer, "its arrays are larger than the model's weights allow")
            return
        arrays = [source.read() for source in sources]
        try:
            try:
                state.import_(optimizer, arrays, layout="3" if self.generation == "3" else "tf")
            except ValueError:
                state.import_(optimizer, arrays)
        except ValueError as error:
            # One that had taken no step when it was saved may have had no state but its numbers.
            if any(array.shape for array in arrays) or np.any(arrays[0]) or int(optimizer.iterations):
                self._warn_of(optimizer, str(error))

    def _warn_of(self, optimizer: Optimizer, why: str) -> None:
        warnings.warn(
            f"{self.file}: the state of the optimizer {optimizer.name!r} was not restored: {why}",
            stacklevel=6,
        )


def check_built(model: Any, file: str) -> None:
    """ValueError for a model that has no weights to load anything into."""
    if not model.weights and not getattr(model, "built", True):
        raise ValueError(
            f"The model {model.name!r} has no weights yet, because its input shape is not known. Call it on data or "
            f"call `build(input_shape)` before loading weights from {file}."
        )


def plan(stored: Any, model: Any, skip_mismatch: bool = False, skip: Iterable[Any] = ()) -> Plan:
    """Decide which array goes where, without reading any. ValueError if one does not fit, unless it may be skipped.

    Objects in `skip`, and what is in them alone, keep what they have.
    """
    layout, objects = _best_match(stored, model, skip)
    found = Plan(stored.file, layout)
    if isinstance(stored, Stored):
        found.numbers = functools.partial(beside.restore_numbers, stored.root, model)
    problems: list[str] = []
    for path, item in objects:
        variables = stored.variables(path)
        if isinstance(item, Optimizer) and not hasattr(item, "inner_optimizer"):
            # Keras wraps the optimizer if a policy of mixed precision is set, which is not in the file.
            variables = stored.variables(f"{path}/inner_optimizer") or variables
        try:
            _plan_object(found, path, item, variables)
        except ShapeError as error:
            problems.append(str(error))
    report(problems, skip_mismatch)
    return found


def _best_match(stored: Any, model: Any, skip: Iterable[Any]) -> tuple[str, list[tuple[str, Any]]]:
    """Return the way of walking the model under which most of its objects are in the file."""
    counts: dict[str, int] = {}
    candidates: dict[str, list[tuple[str, Any]]] = {}
    for name, way in GENERATIONS.items():
        if name not in WRITTEN and 0 in counts.values():
            break
        candidates[name] = list(walk(model, way, skip))
        counts[name] = sum(_is_missing(stored.variables(path), item) for path, item in candidates[name])
    best = min(counts, key=lambda name: counts[name])
    if counts["3"] == counts["tf"] == counts[best] and _is_of_keras_2(stored):
        best = "tf"
    return best, candidates[best]


def _is_missing(variables: Variables | None, item: Any) -> bool:
    weights = _weights_of(item)
    return bool(weights) and len(variables or ()) != len(weights)


def _is_of_keras_2(stored: Any) -> bool:
    """Whether the first array behind the iteration is no single number: Keras 3 has the learning rate there."""
    root, optimizer = stored.variables(""), stored.variables("optimizer")
    if root is not None and root.named:
        return False
    return bool(optimizer) and ("1" not in optimizer or optimizer.dataset("1").shape != ())


def _weights_of(item: Any) -> list[Any]:
    return item._own_in_order() if isinstance(item, Layer) else []


def _plan_object(found: Plan, path: str, item: Any, variables: Variables | None) -> None:
    if isinstance(item, Optimizer):
        if variables:
            found.optimizers.append((item, variables.sources()))
        return
    if _has_own_loader(item):
        stored = variables or Variables({})
        found.calls.append((item, lambda: item.load_own_variables(stored)))
        return
    weights = _weights_of(item)
    sources = variables.sources() if variables else []
    where = f"{found.file}: the object {path!r}"
    if len(sources) != len(weights):
        names = [weight.local_path for weight in weights]
        hint = "" if weights or item.built else " It is not built; call the model on data first."
        raise ShapeError(
            f"{where} holds {len(sources)} arrays {[(source.name, source.shape) for source in sources]}, but the layer "
            f"{item.name!r} of the model has {len(weights)} weights of its own {names}.{hint}"
        )
    for source, weight in zip(sources, weights, strict=True):
        if source.shape != tuple(weight.shape):
            raise ShapeError(
                f"{where}: the weight {weight.local_path!r} of layer {item.name!r} has shape {tuple(weight.shape)}, "
                f"but the saved array {source.name!r} has shape {source.shape}"
            )
    found.assignments += [Assignment(weight, source) for source, weight in zip(sources, weights, strict=True)]


def _has_own_loader(item: Any) -> bool:
    return type(item).load_own_variables is not Layer.load_own_variables


def generation() -> str:
    """Return whose way of walking a model the files have that are written now."""
    return "tf" if config.dialect() == "tf" else "3"


def write_file(
    group: h5py.Group,
    model: Any,
    include_optimizer: bool = True,
    skip: Iterable[Any] = (),
    beside_config: bool = False,
) -> None:
    """Write all objects of a model, but for `skip`, to one file; `beside_config`: its config is stored as well."""
    write(_Writer(group), model, include_optimizer, skip, beside_config)
    _link_other_names(group, model)
    beside.write(group, model, generation() if include_optimizer else None, beside_config)


def write(
    writer: Any,
    model: Any,
    include_optimizer: bool = True,
    skip: Iterable[Any] = (),
    beside_config: bool = False,
) -> None:
    """Write all objects of a model as the dialect's Keras does: tf.keras 2.15 in dialect "tf", else Keras 3."""
    for path, item in walk(model, GENERATIONS[generation()], skip):
        if isinstance(item, Optimizer) and not include_optimizer:
            continue
        name = getattr(item, "name", None)
        named = isinstance(name, str) and generation() == "3"
        target = writer.make(path, name if named else None)
        # Where the config tells what a layer learnt, Keras 2.15 makes it without the weight.
        if not (beside_config and hasattr(item, "save_beside")):
            write_object(target, item, generation())
    if generation() == "tf":
        _write_added_metrics(writer, model)


def _write_added_metrics(writer: Any, model: Any) -> None:
    """Store the sums of `model.add_metric`, which Keras 2.15 looks for among the metrics of the model."""
    added = [layer._mean for layer in model.modules() if isinstance(layer, AddMetric)]
    for number, mean in enumerate(added):
        target = writer.make(f"metrics/mean_{number}" if number else "metrics/mean", None)
        for index, variable in enumerate(mean.variables):
            target[str(index)] = variable


def _link_other_names(group: h5py.Group, model: Any) -> None:
    """Let other generations find what they call something else, where the name is free.

    Keras 2.12 to 2.14 are for the dialect of tf.keras. One of them for which a name is not free gets none at all: it
    misses some objects then, which is an error there, and takes none for another.
    """
    written = generation()
    paths = {id(item): path for path, item in walk(model, GENERATIONS[written])}
    for name in GENERATIONS if written == "tf" else WRITTEN:
        called = [
            (path, paths.get(id(item)))
            for path, item in (walk(model, GENERATIONS[name]) if name != written else ())
            if not isinstance(item, Optimizer)
        ]
        free = [(path, known) for path, known in called if known in group and path not in group]
        taken = (group[path] != group[known] for path, known in called if known in group and path in group)
        if name in WRITTEN or not any(taken):
            for path, known in free:
                if path not in group:
                    group[path] = group[known]


def write_object(target: Any, item: Any, generation: str) -> None:
    """Put the arrays of one object into a mapping."""
    if isinstance(item, Optimizer):
        entries = state.export(item, generation) if getattr(item, "built", False) else []
        inner = getattr(item, "inner_optimizer", item)
        if getattr(inner, "decay", 0.0):
            # The config holds the schedule that a decay is, see `training_config.settle`; then there is no such weight.
            entries = [entry for entry in entries if entry.name != f"{inner.name}/learning_rate"]
        for number, entry in enumerate(entries):
            target[str(number)] = entry.array
    elif type(item).save_own_variables is not Layer.save_own_variables:
        item.save_own_variables(target)
    else:
        for number, weight in enumerate(_weights_of(item)):
            target[str(number)] = weight


class _Writer:
    """Writes to a group of the file for each object."""

    def __init__(self, root: h5py.Group) -> None:
        self.root = root

    def make(self, path: str, name: str | None) -> _Target:
        """Return a mapping to put the arrays of one object into. Keras 2.15 needs its group even if it has none."""
        place = self.root.require_group(f"{path}/vars" if path else "vars")
        if name is not None:
            place.attrs["name"] = name
        return _Target(place)


class _Target:
    """What a layer's `save_own_variables` fills: a group of the file."""

    def __init__(self, group: h5py.Group) -> None:
        self._group = group

    def __setitem__(self, key: str, value: Any) -> None:
        write_array(self._group, key, value)
