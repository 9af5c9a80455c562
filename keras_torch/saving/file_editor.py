"""KerasFileEditor: look into the weights of a `.keras` or `.weights.h5` file, change names and arrays, save them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from keras_torch.errors import FileFormatError
from keras_torch.saving import archive, beside, files, hdf5
from keras_torch.saving.keras_zip import CONFIG, METADATA, WEIGHTS
from keras_torch.saving.legacy_config import parse_json
from keras_torch.saving.state_tree import DEPENDENCIES, GENERATIONS, walk
from keras_torch.saving.weights_store import is_store, write_object

_SUFFIX = ".weights.h5"


class KerasFileEditor:
    """The weights of a file of Keras 2.12 or later, as nested dicts `weights_dict` of objects and their arrays.

    `config` and `metadata` are what a `.keras` file holds beside them, else None. An object is called by its path
    (`"layers/dense_2"`), or by its name alone where that occurs once; its arrays are called "0", "1" and so on. All
    arrays are read into memory, and nothing of the file is built or run. ValueError for other and for damaged files.
    """

    def __init__(self, filepath: Any) -> None:
        self.filepath = os.fsdecode(filepath)
        self.config: Any = None
        self.metadata: Any = None
        # Path of an object → what the file says of it: the name that its layer had.
        self.object_metadata: dict[str, dict[str, Any]] = {}
        # What Keras 2.12 to 2.14 call an object that is in the file under a later name as well -> that name.
        self._earlier_names: dict[str, str] = {}
        with self._open() as root:
            if not is_store(root):
                raise FileFormatError(
                    f"{self.filepath} is no `.keras` or `{_SUFFIX}` file of Keras 2.12 or later. Load its weights into "
                    "the model, and save them with `model.save_weights`."
                )
            self.weights_dict = self._read(root, "", {}, {})
        print(f"Keras {'model' if self.config else 'weights'} file {self.filepath!r}")
        if isinstance(self.metadata, Mapping):
            print(f"  of Keras {self.metadata.get('keras_version')}, saved on {self.metadata.get('date_saved')}")

    @contextlib.contextmanager
    def _open(self) -> Iterator[hdf5.Group]:
        if files.kind(self.filepath) == "hdf5":
            with hdf5.reading(self.filepath) as root:
                yield root
            return
        with archive.reading(self.filepath) as opened:
            if WEIGHTS not in opened:
                raise FileFormatError(f"{self.filepath} has no {WEIGHTS!r}. It has: {opened.names()[:20]}")
            self.config, self.metadata = (
                parse_json(opened.text(name), f"{name} of {self.filepath}") if name in opened else None
                for name in (CONFIG, METADATA)
            )
            with hdf5.reading(opened.open(WEIGHTS)) as root:
                yield root
            opened.verify()

    def _read(
        self, group: hdf5.Group, path: str, known: dict[int, np.ndarray], places: dict[int, str]
    ) -> dict[str, Any]:
        """Return the arrays of an object under their own names, and those of the objects in it.

        An array that has several names in the file, by which `known` has it, is one here, too. So is an object, of
        those in `places`, that has the names of Keras 2.12 to 2.14 beside a later one.
        """

        def read(dataset: hdf5.Dataset) -> np.ndarray:
            if dataset.address() not in known:
                known[dataset.address()] = dataset.read()
            return known[dataset.address()]

        found: dict[str, Any] = {}
        places.setdefault(group.address(), path)
        for name in sorted(group.names(), key=lambda name: name == DEPENDENCIES):
            member = group.member(name)
            inner_path = f"{path}/{name}" if path else name
            if isinstance(member, hdf5.Dataset):
                found[name] = read(member)
            elif name == "vars":
                title = member.text("name")
                if title is not None:
                    self.object_metadata[path] = {"name": title}
                found.update({key: read(member.dataset(key)) for key in member.names()})
            elif DEPENDENCIES in inner_path.split("/") and member.address() in places:
                self._earlier_names[inner_path] = places[member.address()]
            else:
                inner = self._read(member, inner_path, known, places)
                found.update({name: inner} if inner else {})
        return found

    def summary(self) -> None:
        """Print all objects, with the shapes and types of their arrays."""
        print("Weights structure")
        for line in _lines(self.weights_dict, "", self.object_metadata):
            print(line)

    weights_summary = summary

    def compare(self, reference_model: Any) -> dict[str, Any]:
        """Print what does not fit a model; return `status` ("success" or "error"), `error_count`, `match_count`."""
        print("Running comparison")
        stored = _flat(self.weights_dict)
        specs = [_spec(reference_model, generation) for generation in GENERATIONS]
        wanted = next((spec for spec in specs if spec.keys() <= stored.keys()), specs[0])
        problems, matches = _differences(stored, wanted, {path for spec in specs for path in spec})
        for problem in problems:
            print(f"...{problem}")
        if problems:
            print(f"Found {len(problems)} error(s): the saved file does not fit the reference model")
        else:
            print(f"Comparison successful: {matches} matching weight(s)")
        return {
            "status": "error" if problems else "success",
            "error_count": len(problems),
            "match_count": matches,
        }

    def rename_object(self, object_name: str, new_name: str) -> None:
        """Give an object another name; ValueError if there is one of that name beside it."""
        if "/" in new_name:
            raise ValueError(
                f"`new_name` must be the name alone, not a path: the object stays where it is. Received: {new_name!r}"
            )
        parent, key, path = self._find(object_name)
        if new_name in parent:
            raise ValueError(f"There is an object {new_name!r} beside {path!r} already. Delete or rename it first.")
        _check_name(new_name)
        items = [(new_name if name == key else name, item) for name, item in parent.items()]
        parent.clear()
        parent.update(items)
        target = f"{path.rpartition('/')[0]}/{new_name}".lstrip("/")
        for known in [item for item in self.object_metadata if f"{item}/".startswith(f"{path}/")]:
            self.object_metadata[target + known[len(path) :]] = self.object_metadata.pop(known)

    def delete_object(self, object_name: str) -> None:
        """Remove an object with all objects in it."""
        parent, key, path = self._find(object_name)
        del parent[key]
        for known in [item for item in self.object_metadata if f"{item}/".startswith(f"{path}/")]:
            del self.object_metadata[known]

    def add_object(self, object_path: str, weights: Mapping[str, Any]) -> None:
        """Add an object with arrays (`{"0": kernel, "1": bias}`) at a path whose other parts exist."""
        arrays = _arrays(weights)
        parent_path, _, name = object_path.rpartition("/")
        _check_name(name)
        self._at(parent_path)[name] = arrays

    def delete_weight(self, object_name: str, weight_name: str) -> None:
        """Remove one array of an object."""
        parent, key, path = self._find(object_name)
        if weight_name not in parent[key]:
            raise ValueError(f"Object {path!r} has no weight {weight_name!r}. It has: {list(parent[key])}")
        del parent[key][weight_name]

    def add_weights(self, object_name: str, weights: Mapping[str, Any]) -> None:
        """Add arrays to an object, or replace those of the same names."""
        arrays = _arrays(weights)
        parent, key, _ = self._find(object_name)
        parent[key].update(arrays)

    def save(self, filepath: Any) -> None:
        """Write the weights as they are now to a `.weights.h5` file, which is replaced in one step if it exists."""
        path = os.fsdecode(filepath)
        if not path.endswith(_SUFFIX):
            raise ValueError(f"`filepath` must end with `{_SUFFIX}`. Received: {filepath!r}")
        with hdf5.writing(path) as root:
            for place, arrays in _objects(self.weights_dict, ""):
                group = root.create_group(f"{place}/vars" if place else "vars")
                for key, value in self.object_metadata.get(place, {}).items():
                    group.attrs[key] = value
                for name, array in arrays.items():
                    group.create_dataset(name, data=array)
            for name, place in self._earlier_names.items():
                if place in root and name not in root:
                    root[name] = root[place]

    def resave_weights(self, filepath: Any) -> None:
        """The same as `save`."""
        self.save(filepath)

    def _at(self, path: str) -> dict[str, Any]:
        found = self.weights_dict
        for part in path.split("/") if path else ():
            if not isinstance(found.get(part), dict):
                raise ValueError(f"The file has no object at the path {path!r}.")
            found = found[part]
        return found

    def _find(self, name: str) -> tuple[dict[str, Any], str, str]:
        """Return the dict that holds an object, the key there, and the object's path."""
        if "/" in name:
            parent_path, _, key = name.rpartition("/")
            self._at(name)
            return self._at(parent_path), key, name
        paths = [path for path in _paths(self.weights_dict, "") if path.rpartition("/")[2] == name]
        if len(paths) != 1:
            reason = f"occurs more than once: {paths}. Give the path" if paths else "is not in the file. Try `summary`"
            raise ValueError(f"The name {name!r} {reason}. Received: {name!r}")
        parent_path, _, key = paths[0].rpartition("/")
        return self._at(parent_path), key, paths[0]


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name or "/" in name or name in (".", "..", "vars"):
        raise ValueError(f"A name must be a text without slashes, and not 'vars'. Received: {name!r}")


def _arrays(weights: Any) -> dict[str, np.ndarray]:
    if not isinstance(weights, Mapping):
        raise ValueError(
            "`weights` must be a dict of names, usually '0', '1' and so on, and arrays. "
            f"Received: {weights!r} of type {type(weights).__name__}"
        )
    for name in weights:
        _check_name(name)
    return {name: np.asarray(value) for name, value in weights.items()}


def _paths(item: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, value in item.items():
        if isinstance(value, dict):
            inner = f"{path}/{name}" if path else name
            yield inner
            yield from _paths(value, inner)


def _objects(item: Mapping[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the path and the arrays of every object that has some."""
    arrays = {name: value for name, value in item.items() if not isinstance(value, dict)}
    if arrays:
        yield path, arrays
    for name, value in item.items():
        if isinstance(value, dict):
            yield from _objects(value, f"{path}/{name}" if path else name)


def _flat(weights: Mapping[str, Any]) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the shapes of the arrays of each object, by path."""
    return {path: {name: np.shape(array) for name, array in arrays.items()} for path, arrays in _objects(weights, "")}


class _Shapes(dict[str, tuple[int, ...]]):
    """Takes the place of a file's group, and keeps the shapes alone."""

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, tuple(value.shape) if hasattr(value, "shape") else np.shape(value))


def _spec(model: Any, generation: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """Return the same of a model, in one generation's way of naming."""
    found = {}
    for path, item in walk(model, GENERATIONS[generation]):
        shapes = _Shapes()
        write_object(shapes, item, "3" if generation == "3" else "tf")
        if shapes:
            found[path] = dict(shapes)
    return found


def _differences(stored: Any, wanted: Any, optional: Any) -> tuple[list[str], int]:
    """Return what does not fit, in words, and how many arrays do."""
    problems: list[str] = []
    matches = 0
    for path in wanted.keys() - stored.keys():
        problems.append(f"Object {path!r} of the reference model, with {wanted[path]}, is missing from the saved file")
    for path, shapes in stored.items():
        if path not in wanted:
            if path not in optional and not path.startswith(f"{beside.GROUP}/"):
                problems.append(
                    f"Object {path!r} of the saved file, with {shapes}, is missing from the reference model"
                )
            continue
        for name in sorted(shapes.keys() | wanted[path].keys()):
            ours, theirs = shapes.get(name), wanted[path].get(name)
            if ours == theirs:
                matches += 1
                continue
            told = f"shape {ours} in the saved file" if ours is not None else "missing from the saved file"
            needed = f"shape {theirs} in the reference model" if theirs is not None else "not in the reference model"
            problems.append(f"Weight {path}/{name}: {told}, {needed}")
    return problems, matches


def _lines(item: Mapping[str, Any], path: str, metadata: Mapping[str, Any], indent: int = 1) -> Iterator[str]:
    for name, value in item.items():
        if isinstance(value, dict):
            inner = f"{path}/{name}" if path else name
            known = metadata.get(inner, {}).get("name")
            yield "  " * indent + name + (f" ({known!r})" if known not in (None, name) else "")
            yield from _lines(value, inner, metadata, indent + 1)
        else:
            yield "  " * indent + f"{name}: shape {tuple(np.shape(value))}, {np.asarray(value).dtype}"


__all__ = ["KerasFileEditor"]
