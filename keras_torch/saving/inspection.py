"""What a file holds, told without building or running anything of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from keras_torch.errors import FileFormatError
from keras_torch.saving import archive, beside, config_listing, files, hdf5, sharded_weights, torch_files
from keras_torch.saving.config_listing import LayerRow
from keras_torch.saving.files import DamagedFileError
from keras_torch.saving.keras_zip import ASSETS, CONFIG, METADATA, WEIGHTS
from keras_torch.saving.legacy_config import parse_json, parse_yaml
from keras_torch.saving.tensorflow import saved_model
from keras_torch.saving.tensorflow.bundle import Bundle, is_bundle
from keras_torch.saving.tensorflow.objects import GRAPH

# What is beside the weights, also in checkpoints of TensorFlow.
_TRAINING = ("optimizer", "metrics", "loss_tracker", "compile_metrics", beside.GROUP, "keras_api", "save_counter")
# How TensorFlow's names of arrays end, and what stands in those of the slots of optimizers.
_VALUE, _SLOT = "/.ATTRIBUTES/VARIABLE_VALUE", "/.OPTIMIZER_SLOT/"
_MAX_TEXT_FILE = 256 * 2**20
FORMATS = {
    "h5": "whole model in HDF5 (.h5)",
    "h5-weights": "weights in HDF5 by layer names (.h5)",
    "keras": "whole model in an archive of Keras (.keras)",
    "weights.json": "weights of Keras 3 in several files (.weights.json)",
    "weights.h5": "weights in HDF5 of Keras 3 (.weights.h5)",
    "hdf5": "HDF5 arrays, in no layout of Keras",
    "saved-model": "SavedModel of TensorFlow, a folder",
    "checkpoint": "checkpoint of TensorFlow",
    "json": "architecture in JSON",
    "yaml": "architecture in YAML",
    "torch": "state dict of torch (.pt)",
    "torch-export": "exported program of torch (.pt2)",
    "safetensors": "state dict in safetensors",
}


@dataclass(frozen=True)
class ArrayRow:
    """One array of a file: where it is, and how large."""

    path: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int


@dataclass
class Inspection:
    """The contents of a file. `print` shows tables, `to_dict` returns plain data.

    `needs` says what the reader must be given, or allow, to load the file.
    """

    file: str
    format: str
    keras_version: str | None = None
    backend: str | None = None
    model: str | None = None
    layers: list[LayerRow] = field(default_factory=list)
    compile: dict[str, Any] | None = None
    weights: list[ArrayRow] = field(default_factory=list)
    optimizer: list[ArrayRow] = field(default_factory=list)
    others: list[ArrayRow] = field(default_factory=list)
    assets: list[str] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return the contents as dicts, lists, texts and numbers."""
        return asdict(self)

    def __str__(self) -> str:
        return "\n".join(_lines(self))

    def describe(self, item: Any, where: str) -> None:
        """Take in a model's config."""
        self.model, self.layers = config_listing.list_layers(item, where)
        self.needs += config_listing.needs(item)
        if isinstance(item, Mapping):
            self.keras_version = self.keras_version or _text(item.get("keras_version"))
            self.backend = self.backend or _text(item.get("backend"))


def inspect(filepath: Any) -> Inspection:
    """Tell what a Keras or torch file holds: version, layers, arrays, optimizer, and what loading it needs.

    Reads HDF5 files of any layout, JSON, YAML, torch state dicts, safetensors, and checkpoints and SavedModels of
    TensorFlow; the content decides which. Nothing in the file is built or run, and of arrays only the sizes are read.
    FileFormatError if the file is damaged.
    """
    if files.is_path(filepath) and not os.path.exists(filepath) and is_bundle(os.fsdecode(filepath)):
        return _of_bundle(Inspection(os.fsdecode(filepath), "checkpoint"), Bundle(filepath))
    name, kind = files.display_name(filepath), files.kind(filepath)
    if kind == "directory" and saved_model.is_saved_model(name):
        return _inspect_saved_model(name)
    if kind == "hdf5":
        with hdf5.reading(filepath) as root:
            return _inspect_hdf5(root)
    if kind in ("zip", "directory"):
        with archive.reading(filepath) as opened:
            found = _inspect_archive(opened, kind)
        return found or _of_tensors(name, "torch", filepath)
    if torch_files.is_safetensors(filepath):
        return _of_tensors(name, "safetensors", filepath)
    if torch_files.is_pickle(filepath):
        return _of_tensors(name, "torch", filepath)
    return _inspect_text(filepath, name)


def _inspect_archive(opened: Any, kind: str) -> Inspection | None:
    """Tell what a `.keras` file or its folder holds; None for an archive of torch."""
    names = opened.names()
    if CONFIG in opened:
        return _inspect_keras(opened, names)
    if kind == "directory":
        raise DamagedFileError(
            f"{opened.file} is a folder, with neither the {CONFIG!r} of a model nor a SavedModel of TensorFlow in it."
        )
    if any(name.endswith("archive_format") for name in names):
        return Inspection(opened.file, "torch-export", assets=names)
    return None


def _inspect_keras(opened: Any, names: list[str]) -> Inspection:
    found = Inspection(opened.file, "keras")
    if METADATA in opened:
        metadata = parse_json(opened.text(METADATA), f"{METADATA} of {opened.file}")
        if isinstance(metadata, Mapping):
            found.keras_version = _text(metadata.get("keras_version"))
    item = parse_json(opened.text(CONFIG), f"{CONFIG} of {opened.file}")
    found.describe(item, f"{CONFIG} of {opened.file}")
    if isinstance(item, Mapping) and item.get("compile_config") is not None:
        found.compile = _compile(item["compile_config"])
    if WEIGHTS in opened:
        with hdf5.reading(opened.open(WEIGHTS)) as root:
            _sort_in(found, _all_arrays(root))
    found.assets = [name for name in names if name.startswith(f"{ASSETS}/")]
    return found


def _inspect_saved_model(folder: str) -> Inspection:
    found = Inspection(folder, "saved-model")
    try:
        noted = saved_model.describe(folder)
    except DamagedFileError:
        raise
    except FileFormatError:
        found.needs.append("TensorFlow: it is a program without a model of Keras, of which only the arrays can be read")
    else:
        found.keras_version, found.backend = _text(noted.get("keras_version")), _text(noted.get("backend"))
        found.describe(saved_model.model_config(noted), f"The model config of {folder}")
        if noted.get("training_config") is not None:
            found.compile = _compile(noted["training_config"])
    return _of_bundle(found, saved_model.variables_of(folder))


def _of_bundle(found: Inspection, bundle: Bundle) -> Inspection:
    """Add the arrays of a checkpoint of TensorFlow."""
    rows = [
        ArrayRow(key.removesuffix(_VALUE), entry.shape, bundle.dtype_name(key), entry.size)
        for key, entry in bundle.entries.items()
        if key != GRAPH
    ]
    slots = [row for row in rows if _SLOT in row.path]
    _sort_in(found, (row for row in rows if _SLOT not in row.path))
    found.optimizer += slots
    return found


def _of_tensors(name: str, kind: str, filepath: Any) -> Inspection:
    tensors = torch_files.read_state_dict(filepath, device="meta")
    rows = [
        ArrayRow(key, tuple(value.shape), str(value.dtype).removeprefix("torch."), value.numel() * value.itemsize)
        for key, value in tensors.items()
    ]
    return Inspection(name, kind, weights=rows)


def _inspect_hdf5(root: hdf5.Group) -> Inspection:
    found = Inspection(root.file, "hdf5", root.text("keras_version"), root.text("backend"))
    config = root.text("model_config")
    weights = root
    if config is not None:
        found.format = "h5"
        found.keras_version = found.keras_version or "1 (the file does not say which)"
        found.describe(parse_json(config, f"The model config of {root.file}"), f"The model config of {root.file}")
        compiled = root.text("training_config")
        if compiled is not None:
            found.compile = _compile(parse_json(compiled, f"The training config of {root.file}"))
    if "model_weights" in root:
        weights = root.group("model_weights")
    names = weights.strings("layer_names")
    if names is not None:
        found.format = found.format if config is not None else "h5-weights"
        found.keras_version = found.keras_version or weights.text("keras_version")
        found.backend = found.backend or weights.text("backend")
        found.weights = [row for name in names for row in _named_arrays(weights.group(name))]
        if "top_level_model_weights" in weights and "top_level_model_weights" not in names:
            found.weights += _named_arrays(weights.group("top_level_model_weights"))
        if "optimizer_weights" in root:
            found.optimizer = list(_all_arrays(root.group("optimizer_weights")))
        return found
    _sort_in(found, _all_arrays(root))
    if any("vars" in row.path.split("/") for row in found.weights):
        found.format = "weights.h5"
    return found


def _sort_in(found: Inspection, rows: Iterator[ArrayRow]) -> None:
    """Put the arrays of Keras 3's layout where they belong."""
    for row in rows:
        first = row.path.split("/")[0]
        of_training = found.optimizer if first == "optimizer" else found.others
        (of_training if first in _TRAINING else found.weights).append(row)


def _named_arrays(group: hdf5.Group) -> list[ArrayRow]:
    return [
        _row(group.dataset(path), f"{group.path.strip('/')}/{path}") for path in group.strings("weight_names") or []
    ]


def _all_arrays(group: hdf5.Group, known: set[int] | None = None) -> Iterator[ArrayRow]:
    """Yield each array once, under its plainest name: private ones, as other versions of Keras have them, come last."""
    known = set() if known is None else known
    for name in sorted(group.names(), key=_plainest_first):
        member = group.member(name)
        if member.address() in known:
            continue
        known.add(member.address())
        if isinstance(member, hdf5.Group):
            yield from _all_arrays(member, known)
        else:
            yield _row(member, member.path.strip("/"))


def _plainest_first(name: str) -> tuple[bool, bool, int, str]:
    return name.startswith("_"), not name.isdecimal(), int(name) if name.isdecimal() else 0, name


def _row(dataset: hdf5.Dataset, path: str) -> ArrayRow:
    size = dataset.dtype.itemsize
    for length in dataset.shape:
        size *= length
    return ArrayRow(path, dataset.shape, str(dataset.dtype), size)


def _compile(config: Any) -> dict[str, Any]:
    """Return what a training config says, an optimizer or loss that is an object as its name and settings."""
    if not isinstance(config, Mapping):
        return {}
    config = {**config}
    optimizer = config.pop("optimizer_config", None)
    if isinstance(optimizer, Mapping):
        config = {"optimizer": optimizer, **config}
    plain = {key: config_listing.brief(value) for key, value in config.items()}
    return {key: value for key, value in plain.items() if value not in (None, [], {}, "")}


def _inspect_text(filepath: Any, name: str) -> Inspection:
    text = _read_text(filepath, name)
    if text.lstrip()[:1] in ("{", "["):
        kind, config = "json", parse_json(text, name)
    else:
        kind, config = "yaml", parse_yaml(text, name)
    if isinstance(config, Mapping) and isinstance(config.get("weight_map"), Mapping):
        return _inspect_shards(filepath, name)
    if not isinstance(config, Mapping) or "class_name" not in config or "config" not in config:
        raise DamagedFileError(
            f"{name} is valid {kind.upper()}, but describes no Keras model: there is no `class_name` and `config`."
        )
    found = Inspection(name, kind)
    found.describe(config, name)
    return found


def _inspect_shards(filepath: Any, name: str) -> Inspection:
    if not files.is_path(filepath):
        raise DamagedFileError(f"{name} lists files of weights: give its path, so that they are found beside it.")
    found = Inspection(name, "weights.json")
    with sharded_weights.reading(filepath) as stored:
        for file in stored.files():
            _sort_in(found, _all_arrays(file))
    return found


def _read_text(filepath: Any, name: str) -> str:
    try:
        if files.is_path(filepath):
            path = Path(os.fsdecode(filepath))
            if path.stat().st_size > _MAX_TEXT_FILE:
                raise DamagedFileError(f"{name} is no known file of arrays, and too large for a model's description.")
            return path.read_text(encoding="utf-8")
        content = filepath.read(_MAX_TEXT_FILE)
        return content.decode("utf-8") if isinstance(content, bytes) else content
    except UnicodeDecodeError as error:
        raise DamagedFileError(
            f"{name} is neither HDF5, `.keras`, JSON, YAML, nor a state dict of torch, or its beginning is damaged."
        ) from error


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _lines(found: Inspection) -> Iterator[str]:
    yield f"{_clean(found.file)}: {FORMATS.get(found.format, found.format)}"
    if found.keras_version:
        yield f"Keras {_clean(found.keras_version)}" + (f", backend {_clean(found.backend)}" if found.backend else "")
    if found.model:
        yield f"\nModel {_clean(found.model)}"
        yield from _table(
            ("Layer", "Class", "Settings"),
            [("  " * row.depth + row.name, row.class_name, _settings(row.settings)) for row in found.layers],
        )
    if found.compile is not None:
        yield "\nCompiled with"
        yield from (f"  {_clean(key)}: {_clean(_brief_json(value))}" for key, value in found.compile.items())
    for title, rows in (("Weights", found.weights), ("Optimizer", found.optimizer), ("Other arrays", found.others)):
        if rows:
            yield f"\n{title}"
            yield from _table(
                ("Array", "Shape", "Type", "Bytes"),
                [(row.path, str(tuple(row.shape)), row.dtype, f"{row.bytes:,}") for row in rows],
            )
            yield f"{len(rows)} arrays, {sum(row.bytes for row in rows):,} bytes"
    if found.assets:
        yield "\nAssets"
        yield from (f"  {_clean(name)}" for name in found.assets)
    if found.needs:
        yield "\nLoading it needs"
        yield from (f"  {_clean(line)}" for line in found.needs)


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={_brief_json(value)}" for key, value in settings.items())


def _brief_json(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 120 else text[:117] + "..."


def _clean(text: str) -> str:
    """Show control characters as escapes: a file must not write to the terminal as it likes."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    cells = [head, *(tuple(_clean(cell) for cell in row) for row in rows)]
    widths = [min(60, max(len(row[column]) for row in cells)) for column in range(len(head))]
    for row in cells:
        yield ("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()
