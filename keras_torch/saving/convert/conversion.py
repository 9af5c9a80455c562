"""One file to another, of any of the formats of Keras and torch."""

from __future__ import annotations

import copy
import io
import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from keras_torch.checkpoint import replacing
from keras_torch.saving import api, files, text_config, torch_files
from keras_torch.saving.convert import plain
from keras_torch.saving.convert.exported import save_program
from keras_torch.saving.convert.torch_weights import Names, load_from_torch, weights_from_torch, weights_to_torch
from keras_torch.saving.inspection import FORMATS, Inspection, inspect

# The ends of names, longest first where one ends in another.
_ENDINGS = {
    ".weights.h5": "weights.h5",
    ".weights.json": "weights.h5",
    ".h5": "h5",
    ".hdf5": "h5",
    ".keras": "keras",
    ".json": "json",
    ".yaml": "yaml",
    ".yml": "yaml",
    ".pt": "torch",
    ".pth": "torch",
    ".safetensors": "safetensors",
    ".pt2": "torch-export",
    ".onnx": "onnx",
    ".py": "source",
}
_WHOLE = ("h5", "keras")
# What is read as a whole model, besides.
_READ = (*_WHOLE, "saved-model")
_TORCH = ("torch", "safetensors")
_TEXT = ("json", "yaml")


def convert(
    source: Any,
    target: Any,
    *,
    architecture: Any = None,
    weights_only: bool = False,
    include_optimizer: bool = True,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    overwrite: bool = True,
    module: nn.Module | None = None,
    names: Names = None,
) -> None:
    """Convert a model or weights file into the format that the name of `target` tells.

    `source` may be anything that `inspect` knows; targets are `.keras`, `.h5` (of weights alone if there are no more,
    or with `weights_only`), `.weights.h5`, `.json`, `.yaml`, and in plain torch `.pt` and `.safetensors` (state dict),
    `.py` (source, with the state dict beside it), `.pt2` (exported program) and `.onnx`. Weights need the
    `architecture`, a model or the path of one, but for those of torch that go to `.h5`. `module` is the torch module of
    a state dict, `names` maps its parts to layers: see `weights_from_torch`. An `architecture` that is a model takes
    over the weights. Further arguments as in `load_model` and `save_model`.
    """
    wanted = _format_of(target)
    if not files.may_write(os.fsdecode(target), overwrite):
        return
    found = inspect(source)
    if found.format in _TORCH and architecture is None:
        _from_torch(source, target, wanted, module, names)
        return
    keeps_optimizer = include_optimizer and wanted in _WHOLE and not weights_only and found.compile is not None
    model = _model(source, found, architecture, keeps_optimizer, custom_objects, safe_mode)
    if found.format in _TEXT:
        if wanted not in _TEXT:
            raise ValueError(
                f"{found.file} describes a model without its weights, and {files.display_name(target)!r} is to hold "
                "weights. Convert the file of weights, and give this one as `architecture`."
            )
    elif found.format not in _READ:
        _fill(model, source, found, module, names)
    _write(model, target, wanted, weights_only, include_optimizer, module, names)


def _format_of(target: Any) -> str:
    name = os.fsdecode(target)
    for ending, kind in _ENDINGS.items():
        if name.lower().endswith(ending):
            return kind
    raise ValueError(f"The name of the target must tell its format by its end: {sorted(_ENDINGS)}. Received: {name!r}")


def _from_torch(source: Any, target: Any, wanted: str, module: nn.Module | None, names: Names) -> None:
    if wanted in _TORCH:
        torch_files.write_state_dict(target, torch_files.read_state_dict(source))
    elif wanted == "h5":
        weights_from_torch(source, target, module, names)
    else:
        raise _needs_architecture(files.display_name(source))


def _needs_architecture(name: str) -> ValueError:
    return ValueError(
        f"{name} holds weights alone, and the target has another layout, for which the model must be known. Give "
        "`architecture`, a file with the model (`.keras`, `.h5`, `.json`, `.yaml`) or a model."
    )


def _model(
    source: Any,
    found: Inspection,
    architecture: Any,
    compile: bool,
    custom_objects: Mapping[str, Any] | None,
    safe_mode: bool,
) -> Any:
    """Return the model of the source, or that of `architecture` where the source has none."""
    if found.format in _READ:
        return api.load_model(source, custom_objects, compile, safe_mode)
    if found.format in _TEXT:
        with open(os.fsdecode(source), encoding="utf-8") as file:
            read = text_config.model_from_json if found.format == "json" else text_config.model_from_yaml
            return read(file.read(), custom_objects, safe_mode)
    if architecture is None:
        raise _needs_architecture(found.file)
    if not files.is_path(architecture):
        return architecture
    described = inspect(architecture)
    if described.format not in _READ + _TEXT:
        raise ValueError(
            f"`architecture` must be a file with a model in it. Received: {described.file}, "
            f"{FORMATS.get(described.format, described.format)}"
        )
    return _model(architecture, described, None, False, custom_objects, safe_mode)


def _fill(model: Any, source: Any, found: Inspection, module: nn.Module | None, names: Names) -> None:
    if found.format not in _TORCH:
        api.load_weights(model, source)
        return
    tensors = torch_files.read_state_dict(source)
    if module is None and names is None and plain.load_state_dict(model, tensors):
        return
    load_from_torch(model, tensors, module, names)


def _write(
    model: Any,
    target: Any,
    wanted: str,
    weights_only: bool,
    include_optimizer: bool,
    module: nn.Module | None,
    names: Names,
) -> None:
    if wanted == "weights.h5" or (wanted == "h5" and weights_only):
        api.save_weights(model, target)
    elif wanted in _WHOLE:
        api.save_model(model, target, include_optimizer=include_optimizer)
    elif wanted in _TEXT:
        text = model.to_json(indent=2) if wanted == "json" else model.to_yaml()
        with replacing(os.fsdecode(target)) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
    elif wanted in _TORCH:
        torch_files.write_state_dict(target, _torch_tensors(model, module, names))
    elif wanted == "source":
        plain.write_source(model, os.fsdecode(target))
    else:
        save_program(model, target, "onnx" if wanted == "onnx" else "torch")


def _torch_tensors(model: Any, module: nn.Module | None, names: Names) -> dict[str, torch.Tensor]:
    if module is None:
        return plain.state_dict(model)
    buffer = io.BytesIO()
    api.save_weights(model, buffer)
    buffer.seek(0)
    return weights_to_torch(buffer, copy.deepcopy(module), names)
