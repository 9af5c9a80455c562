"""Checkpoints of `tf.train`, and `tf.summary` on torch's SummaryWriter."""

from __future__ import annotations

import functools
import os
import re
import time
from typing import Any

import torch

from keras_torch import backend, optimizers
from keras_torch.backend.variable import WeightView
from keras_torch.checkpoint import Status, latest_checkpoint, set_latest
from keras_torch.checkpoint.latest import STATE_FILE
from keras_torch.data.structure import flatten
from keras_torch.dropin.tensorflow import graph
from keras_torch.dropin.tensorflow.dtypes import as_dtype
from keras_torch.engine import Layer
from keras_torch.engine.deferred import when_made
from keras_torch.saving.legacy_weights import Assignment, assign
from keras_torch.saving.tensorflow import bundle_writer, object_writer
from keras_torch.saving.tensorflow.bundle import Bundle, is_bundle
from keras_torch.saving.tensorflow.objects import Graph, Match

SUFFIX = ".pt"


def _restore(item: Any, saved: Any, path: str) -> None:
    if isinstance(item, (backend.Variable, WeightView)):
        item.assign(saved)
    elif isinstance(item, (dict, list, tuple)):
        for key, part in item.items() if isinstance(item, dict) else enumerate(item):
            _restore(part, saved[str(key)], f"{path}/{key}")
    elif hasattr(item, "set_weights"):
        _set_weights(item, [value.numpy() for value in saved])
    else:
        item.load_state_dict(saved)


def _set_weights(item: Any, values: list[Any]) -> None:
    """Set weights now, or as soon as an optimizer or a layer has made them."""
    if isinstance(item, optimizers.Optimizer) and not item.built and values:
        item.build = functools.partial(_build_and_set, item, values)  # type: ignore[method-assign]
    elif isinstance(item, Layer) and values:
        when_made(item, lambda: item.set_weights(values))
    else:
        item.set_weights(values)


def _build_and_set(optimizer: Any, values: list[Any], variables: Any) -> None:
    del optimizer.build
    optimizer.build(variables)
    optimizer.set_weights(values)


def _remove(prefix: str) -> None:
    """Remove the files of a checkpoint."""
    folder, name = os.path.split(prefix)
    names = re.compile(re.escape(name) + r"(\.index|\.data-\d{5}-of-\d{5}|\.pt)")
    for item in os.listdir(folder or "."):
        if names.fullmatch(item):
            os.remove(os.path.join(folder, item))


class Checkpoint:
    """Saves the values of what it is given by name, in the files that TensorFlow has.

    `save("path")` writes `path-1.index` and `path-1.data-*`, then `path-2...`, and a file `checkpoint` that names the
    latest.
    """

    def __init__(self, root: Any = None, **kwargs: Any) -> None:
        self._root, self._named = root, kwargs
        self.__dict__.update(kwargs)
        self.save_counter = backend.Variable(torch.tensor(0), trainable=False, name="save_counter")

    def write(self, file_prefix: Any, options: Any = None) -> str:
        """Write the files and return their path without the ending."""
        prefix = os.fspath(file_prefix)
        more = dict(sorted(self._named.items()))
        if int(self.save_counter):
            more["save_counter"] = self.save_counter
        object_writer.write(prefix, {} if self._root is None else self._root, more)
        return prefix

    def save(self, file_prefix: Any, options: Any = None) -> str:
        """Write the next numbered files; return their path without the ending."""
        self.save_counter.assign_add(1)
        prefix = self.write(f"{os.fspath(file_prefix)}-{int(self.save_counter)}")
        set_latest(os.path.dirname(prefix), prefix)
        return prefix

    def restore(self, save_path: Any, options: Any = None) -> Status:
        """Read the values, unless the path is None. FileNotFoundError if there are none.

        Those of this library's earlier versions are read as well, which were `path.pt`.
        """
        if save_path is None:
            return Status()
        path = os.fspath(save_path)
        if is_bundle(path) or not os.path.exists(path + SUFFIX):
            return self._restore_bundle(path)
        saved = torch.load(path + SUFFIX, weights_only=True)
        items = {**({} if self._root is None else {"root": self._root}), **self._named}
        missing = sorted(set(items) - set(saved))
        if missing:
            raise ValueError(f"The checkpoint {path!r} holds no {missing}. It holds: {sorted(saved)}")
        for name, item in items.items():
            _restore(item, saved[name], name)
        self.save_counter.assign(saved["save_counter"])
        return Status()

    read = restore

    def _restore_bundle(self, path: str) -> Status:
        """Read the files of TensorFlow; layers without weights, and optimizers, get values as soon as they can."""
        objects, root = Graph(Bundle(path)), self._root
        named = {**self._named, "save_counter": self.save_counter}
        layers = [item for item in flatten([root, self._named]) if isinstance(item, Layer)]
        waiting = [layer for layer in layers if not (layer.built and layer.weights)]
        missing: list[str] = []

        def act() -> None:
            if any(not item.weights for item in waiting):
                return
            for start in (named, root):
                match = Match.of(objects, start)
                match.run(match.plan(skip_missing=True))
                # `write` leaves the counter out, which only `save` needs.
                missing.extend(path for path in match.missing if path != "save_counter")

        for item in waiting:
            when_made(item, act)
        if not waiting:
            act()
        return Status(missing)


class Saver:
    """`tf.train.Saver`: saves the variables of a graph, all or those given; layers have `model.save_weights`."""

    def __init__(self, var_list: Any = None, max_to_keep: int | None = 5, name: str | None = None) -> None:
        if var_list is None:
            var_list = graph.variables()
        items = var_list.items() if isinstance(var_list, dict) else ((item.name, item) for item in var_list)
        self._variables: dict[str, Any] = {key: getattr(item, "variable", item) for key, item in items}
        if not self._variables:
            raise ValueError(
                "`tf.train.Saver` found no variables that the script made. Use `model.save_weights` and "
                "`model.load_weights` for those of layers, or `tf.train.Checkpoint`."
            )
        self._max = max_to_keep
        self.last_checkpoints: list[str] = []

    def save(self, sess: Any, save_path: Any, global_step: Any = None, **options: Any) -> str:
        """Write the files, numbered by `global_step`, and return their path without the ending."""
        step = global_step
        if step is not None and not isinstance(step, int):
            step = int(sess.run(step))
        path = os.fspath(save_path) if step is None else f"{os.fspath(save_path)}-{step}"
        bundle_writer.write(path, {name.removesuffix(":0"): item for name, item in self._variables.items()})
        self.last_checkpoints = [item for item in self.last_checkpoints if item != path] + [path]
        while self._max and len(self.last_checkpoints) > self._max:
            _remove(self.last_checkpoints.pop(0))
        set_latest(os.path.dirname(path), path, self.last_checkpoints)
        return path

    def restore(self, sess: Any, save_path: Any) -> None:
        """Read the values by name. FileNotFoundError if there are none."""
        path = os.fspath(save_path)
        if os.path.exists(path + SUFFIX) and not is_bundle(path):
            Checkpoint(variables=self._variables).restore(path)
            return
        bundle = Bundle(path)
        sources = {name: bundle.source(name.removesuffix(":0")) for name in self._variables}
        for name, source in sources.items():
            if source.shape != tuple(self._variables[name].shape):
                raise ValueError(
                    f"{path}: the variable {name!r} has the shape {tuple(self._variables[name].shape)}, but the array "
                    f"in the checkpoint has {source.shape}. Make the variable of that shape."
                )
        assign([Assignment(self._variables[name], source) for name, source in sources.items()])


class CheckpointManager:
    """Keeps the last `max_to_keep` checkpoints of a folder."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: Any,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: Any = None,
        checkpoint_name: str = "ckpt",
        step_counter: Any = None,
        checkpoint_interval: int | None = None,
        init_fn: Any = None,
    ) -> None:
        if keep_checkpoint_every_n_hours is not None or init_fn is not None:
            raise NotImplementedError(
                "`CheckpointManager` has neither `keep_checkpoint_every_n_hours` nor `init_fn` here: copy files aside, "
                "or call the function yourself."
            )
        self.checkpoint = checkpoint
        self.directory = os.fspath(directory)
        self._prefix = os.path.join(self.directory, checkpoint_name)
        self._max = max_to_keep
        self._counter, self._interval = step_counter, checkpoint_interval
        self._last: int | None = None
        self._times: dict[str, float] = {}
        self.checkpoints = self._found()

    def _found(self) -> list[str]:
        path = os.path.join(self.directory, STATE_FILE)
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as file:
            text = file.read()
        names = re.findall(r'^all_model_checkpoint_paths: "(.*)"', text, re.MULTILINE)
        times = re.findall(r"^all_model_checkpoint_timestamps: ([\d.e+]+)$", text, re.MULTILINE)
        paths = [os.path.join(self.directory, name) for name in names]
        self._times = dict(zip(paths, map(float, times), strict=False))
        return [path for path in paths if os.path.exists(path + SUFFIX) or is_bundle(path)]

    @property
    def latest_checkpoint(self) -> str | None:
        """The path, without the ending, of the last one."""
        return self.checkpoints[-1] if self.checkpoints else None

    def save(self, checkpoint_number: Any = None, check_interval: bool = True, options: Any = None) -> str | None:
        """Write the next one and remove the oldest; None if `checkpoint_interval` steps have not passed."""
        count = None if self._counter is None else int(self._counter)
        waits = check_interval and self._interval and count is not None and self._last is not None
        if waits and count < self._last + self._interval:  # type: ignore[operator]
            return None
        self._last = count
        self.checkpoint.save_counter.assign_add(1)
        number = int(self.checkpoint.save_counter if checkpoint_number is None else checkpoint_number)
        path = self.checkpoint.write(f"{self._prefix}-{number}")
        self.checkpoints = [item for item in self.checkpoints if item != path] + [path]
        self._times[path] = time.time()
        while self._max is not None and len(self.checkpoints) > self._max:
            oldest = self.checkpoints.pop(0)
            # What no manager wrote is left alone, as in TensorFlow.
            if oldest in self._times or os.path.exists(oldest + SUFFIX):
                _remove(oldest)
        set_latest(self.directory, path, self.checkpoints, [self._times.get(item, 0.0) for item in self.checkpoints])
        return path

    def restore_or_initialize(self) -> str | None:
        """Restore the last one, if there is one, and return its path."""
        if self.latest_checkpoint:
            self.checkpoint.restore(self.latest_checkpoint)
        return self.latest_checkpoint


class CheckpointReader:
    """The arrays of a checkpoint that TensorFlow wrote, by name."""

    def __init__(self, filepattern: Any) -> None:
        self._bundle = Bundle(filepattern)

    def get_tensor(self, tensor_str: str) -> Any:
        """Return an array, or a single number or string. KeyError if there is none."""
        return self._bundle.read(tensor_str)[()]

    def has_tensor(self, tensor_str: str) -> bool:
        """Whether there is an array of this name."""
        return tensor_str in self._bundle

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Return the shapes by name."""
        return {name: list(entry.shape) for name, entry in self._bundle.entries.items()}

    def get_variable_to_dtype_map(self) -> dict[str, Any]:
        """Return the types by name."""
        return {name: as_dtype(self._bundle.dtype_name(name)) for name in self._bundle.entries}


def load_checkpoint(ckpt_dir_or_file: Any) -> CheckpointReader:
    """Open a checkpoint of TensorFlow, or the latest of a folder. ValueError if the folder has none."""
    path = os.fspath(ckpt_dir_or_file)
    if os.path.isdir(path):
        found = latest_checkpoint(path)
        if found is None:
            raise ValueError(f"Couldn't find 'checkpoint' file or checkpoints in given directory {path!r}")
        path = found
    if not is_bundle(path) and os.path.exists(path + SUFFIX):
        raise ValueError(f"{path + SUFFIX!r} is of torch: read it with `tf.train.Checkpoint(...).restore({path!r})`.")
    return CheckpointReader(path)


def load_variable(ckpt_dir_or_file: Any, name: str) -> Any:
    """Return an array of a checkpoint by its name."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """Return names and shapes of the arrays of a checkpoint, sorted."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


NAMES = {
    "train.load_checkpoint": load_checkpoint,
    "train.load_variable": load_variable,
    "train.list_variables": list_variables,
    "train.Checkpoint": Checkpoint,
    "train.CheckpointManager": CheckpointManager,
    "train.latest_checkpoint": latest_checkpoint,
}
VERSION_1 = {
    "train.Saver": Saver,
    "train.NewCheckpointReader": CheckpointReader,
    "train.load_checkpoint": load_checkpoint,
    "train.load_variable": load_variable,
    "train.list_variables": list_variables,
}
