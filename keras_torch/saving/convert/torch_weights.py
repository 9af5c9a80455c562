"""Weights of torch modules in Keras's HDF5 files, and back."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from keras_torch.errors import suggest
from keras_torch.saving import building, hdf5, legacy_h5, legacy_weights, torch_files
from keras_torch.saving.convert.module_guess import module_of
from keras_torch.saving.convert.torch_layers import Twin, twins

Names = Mapping[str, str] | Callable[[str], str] | None


def weights_from_torch(source: Any, filepath: Any, module: nn.Module | None = None, names: Names = None) -> None:
    """Write the weights of a torch module as Keras's `.h5` weights, in Keras's layout.

    `source` is a module, its state dict, or the path of one (`.pt`, `.safetensors`); for a state dict, `module` tells
    the kinds of its parts, else they are inferred. A part `layer1.0.conv1` becomes the layer of that name, or of the
    name that `names`, a dict or a function, gives. Kernels are transposed, gates ordered as Keras has them, the two
    biases of `nn.LSTM` and `nn.RNN` summed. Tensors of other modules are kept as they are. ValueError if a module's
    weights have no place in Keras.
    """
    found = _filled(source, module, names)
    with hdf5.writing(filepath) as group:
        holder = SimpleNamespace(layers=[twin.layer for twin in found], _all_own_weights=list)
        legacy_weights.write_weights(group, holder, building.VERSION)
        for twin in found:
            for name in twin.attributes:
                value = getattr(twin.module, name, None)
                if value is not None:
                    group[twin.layer.name].attrs[f"torch_{name}"] = int(value)


def weights_to_torch(filepath: Any, module: nn.Module, names: Names = None) -> dict[str, torch.Tensor]:
    """Load Keras's `.h5` weights into a torch module and return its new state dict.

    The layers are found by the names of the module's parts, or by those that `names` gives; if the file has none of
    these names, in order. ValueError, with the module unchanged, if anything does not fit.
    """
    found = twins(module, _renamer(names, module))
    with hdf5.reading(filepath) as root:
        group = legacy_h5.weights_of(root)
        stored = group.strings("layer_names")
        if stored is None:
            raise group.refuse("holds no Keras weights (there is no attribute 'layer_names')")
        origin = legacy_weights.origin_of(group)
        pairs = _pairs(group, stored, found)
        plan = [
            item
            for name, twin in pairs
            for item in legacy_weights.match_layer(group.group(name), twin.layer, name, origin)
        ]
        counters = {
            f"{twin.path}.{key}".lstrip("."): group.group(name).attribute(f"torch_{key}")
            for name, twin in pairs
            for key in twin.attributes
        }
        legacy_weights.assign(plan)
    state = module.state_dict()
    changed = {f"{twin.path}.{key}".lstrip("."): value for twin in found for key, value in twin.empty().items()}
    changed.update({key: torch.tensor(int(value)) for key, value in counters.items() if value is not None})
    module.load_state_dict({**state, **changed})
    return module.state_dict()


def load_from_torch(model: Any, source: Any, module: nn.Module | None = None, names: Names = None) -> None:
    """Load the weights of a torch module or state dict into a Keras model: by name if `names` is given, else in order.

    The arguments are those of `weights_from_torch`. ValueError, with the model unchanged, if they do not fit.
    """
    buffer = io.BytesIO()
    weights_from_torch(source, buffer, module, names)
    buffer.seek(0)
    legacy_h5.read_weights(buffer, model, by_name=names is not None)


def _pairs(group: hdf5.Group, stored: list[str], found: list[Twin]) -> list[tuple[str, Twin]]:
    """Return which group of the file belongs to which part of the module."""
    wanted = [twin.layer.name for twin in found]
    held = [name for name in stored if group.group(name).strings("weight_names")]
    if not set(wanted) & set(held):
        if len(wanted) != len(held):
            raise ValueError(
                f"{group.file} has weights of {len(held)} layers, the torch module of {len(wanted)} parts, and no name "
                f"is in both. Give `names`. Received: layers {held[:10]}, parts {wanted[:10]}"
            )
        return list(zip(held, found, strict=True))
    for name in wanted:
        if name not in held:
            raise ValueError(f"{group.file} has no layer {name!r}.{suggest(name, held)} It has: {held[:20]}")
    return [(twin.layer.name, twin) for twin in found]


def _filled(source: Any, module: nn.Module | None, names: Names) -> list[Twin]:
    if isinstance(source, nn.Module):
        module, source = source, None
    else:
        source = source if isinstance(source, Mapping) else torch_files.read_state_dict(source)
        module = module_of(source) if module is None else _loaded(module, source)
    found = twins(module, _renamer(names, module))
    for twin in found:
        twin.fill()
    return found


def _loaded(module: nn.Module, tensors: Mapping[str, torch.Tensor]) -> nn.Module:
    """Return a copy of a module with the tensors of a state dict, without copying what is replaced."""
    memo = {id(item): nn.Parameter(item.detach(), item.requires_grad) for item in module.parameters()}
    module = copy.deepcopy(module, memo)
    try:
        module.load_state_dict(dict(tensors), assign=True)
    except RuntimeError as error:
        raise ValueError(f"The state dict does not belong to the module: {error}") from error
    return module


def _renamer(names: Names, module: nn.Module) -> Callable[[str], str]:
    if names is None:
        return lambda path: path
    if callable(names):
        return names
    known = {path for path, _ in module.named_modules()}
    for path in names:
        if path not in known:
            raise ValueError(f"`names` has the path {path!r}, which the module lacks.{suggest(path, known)}")
    table = dict(names)
    return lambda path: table.get(path, path)


__all__ = ["Names", "load_from_torch", "weights_from_torch", "weights_to_torch"]
