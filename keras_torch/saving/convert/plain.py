"""Keras models as plain torch modules: source, module, state dict, exported program."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from keras_torch.checkpoint import replacing
from keras_torch.saving import torch_files
from keras_torch.saving.convert import plain_modules
from keras_torch.saving.convert.exported import export_program
from keras_torch.saving.convert.plain_source import PlainSource, write_plain
from keras_torch.saving.convert.recording import NotTraceable


def to_torch(model: Any) -> nn.Module:
    """Return a built Keras model as a module of plain torch, without anything of keras_torch in it.

    The module takes and returns what the model does (images in the model's data format), one positional argument for
    each input. It has torch's own modules under the names of the Keras layers (`dense.weight`), shares no memory with
    the model, and can be trained: dropout and batch normalization follow `train()` and `eval()`. Its running variance
    is torch's, divided by N - 1. A model that cannot be written as a sequence of torch calls becomes the module of an
    exported program (`torch.export`), for inference only, with a warning.
    """
    try:
        return write_plain(model).module()
    except NotTraceable as error:
        warnings.warn(
            f"The model {model.name!r} cannot be written as plain torch code: {error}. It becomes an exported program, "
            "for inference only.",
            stacklevel=2,
        )
        return export_program(model).module()


def write_source(model: Any, path: str) -> str:
    """Write a model's plain torch source to `path` and its state dict beside it; return the latter's path.

    ValueError, saying why, if the model cannot be written as source.
    """
    source = _source(model)
    weights = f"{os.path.splitext(path)[0]}.pt"
    text = source.text.rstrip("\n") + _usage(source.class_name, os.path.basename(weights))
    torch_files.write_state_dict(weights, source.module().state_dict())
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    return weights


def _usage(class_name: str, weights: str) -> str:
    return f'''


def load(path={weights!r}):
    """Return the module with its weights, in inference mode."""
    module = {class_name}()
    module.load_state_dict(torch.load(path, weights_only=True))
    return module.eval()
'''


def _source(model: Any) -> PlainSource:
    try:
        return write_plain(model)
    except NotTraceable as error:
        raise ValueError(
            f"The model {model.name!r} cannot be written as plain torch code: {error}. Use `model.export(...)`, which "
            "writes an exported program (`.pt2`)."
        ) from error


def state_dict(model: Any) -> dict[str, torch.Tensor]:
    """Return a model's tensors in torch's layout, by the names that they have in `to_torch`."""
    named = plain_modules.tensors(model)
    own = {path: tensor.detach() for path, tensor in (*model.named_parameters(), *model.named_buffers())}
    return {_join(*named[path]): tensor for path, tensor in own.items()}


def load_state_dict(model: Any, tensors: Mapping[str, torch.Tensor]) -> bool:
    """Load what `state_dict` or a module of `to_torch` gave; return False, with nothing changed, if names differ.

    ValueError if a shape differs.
    """
    own = state_dict(model)
    given = {name: tensor for name, tensor in tensors.items() if not _is_extra(name)}
    if set(own) != set(given):
        return False
    for name, tensor in own.items():
        if tensor.shape != given[name].shape:
            raise ValueError(
                f"The tensor {name!r} must have the shape {tuple(tensor.shape)}. Received: {tuple(given[name].shape)}"
            )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(given[name])
    return True


def _is_extra(name: str) -> bool:
    """Whether only plain modules have a tensor: what torch counts, and constants of the computation."""
    return name.endswith("num_batches_tracked") or name.startswith("constant_")


def _join(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name
