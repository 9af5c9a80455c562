"""Torch modules from a bare state dict, by the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

Tensors = dict[str, torch.Tensor]

_GATES = {4: "LSTM", 3: "GRU", 1: "RNN"}
_CONVOLUTIONS: dict[int, Any] = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}


def module_of(tensors: Mapping[str, torch.Tensor]) -> nn.Module:
    """Return a tree of modules whose state dict has these names and tensors.

    Linear layers, convolutions, batch and layer normalizations, embeddings and recurrent layers are told by names and
    shapes. ValueError where these leave a choice.
    """
    groups: dict[str, Tensors] = {}
    for name, tensor in tensors.items():
        owner, _, key = name.rpartition(".")
        groups.setdefault(owner, {})[key] = tensor
    root = nn.Module()
    for path, group in groups.items():
        with torch.device("meta"):
            module = _guess(path, group)
        if module is None:
            module = nn.Module()
            for key, tensor in group.items():
                _add(module, key, tensor)
        else:
            module.load_state_dict(group, assign=True, strict=False)
        if not path:
            if len(groups) > 1:
                raise _unclear(path, group, "a tensor beside modules")
            return module
        _place(root, path, module)
    return root


def _add(module: nn.Module, key: str, tensor: torch.Tensor) -> None:
    if tensor.is_floating_point():
        module.register_parameter(key, nn.Parameter(tensor))
    else:
        module.register_buffer(key, tensor)


def _place(root: nn.Module, path: str, module: nn.Module) -> None:
    *owners, name = path.split(".")
    for owner in owners:
        if owner not in root._modules:
            root.add_module(owner, nn.Module())
        root = root._modules[owner]  # type: ignore[assignment]
    if name in root._modules:
        for key, child in root._modules[name]._modules.items():  # type: ignore[union-attr]
            module.add_module(key, child)
    root.add_module(name, module)


def _unclear(path: str, group: Tensors, choices: str) -> ValueError:
    shapes = {key: tuple(tensor.shape) for key, tensor in group.items()}
    return ValueError(
        f"The state dict does not tell what {path!r} is: {choices}. Received: {shapes}. Pass the torch module as "
        "`module`."
    )


def _guess(path: str, group: Tensors) -> nn.Module | None:
    """Return a module for the tensors of one owner, None if these are no standard layer's. ValueError if unclear."""
    if "running_mean" in group:
        module = nn.BatchNorm1d(len(group["running_mean"]), affine="weight" in group)
        if "num_batches_tracked" not in group:
            module.num_batches_tracked = None
        return module
    if any(key.startswith("weight_ih") for key in group):
        return _guess_recurrent(path, group)
    if any(key.startswith(("in_proj_", "q_proj_weight")) for key in group):
        raise _unclear(path, group, "attention, of an unknown number of heads")
    weight, bias = group.get("weight"), group.get("bias")
    if weight is None or set(group) - {"weight", "bias"}:
        return None
    if weight.dim() == 1:
        if bias is None and len(weight) > 1:
            raise _unclear(path, group, "a PReLU, RMSNorm or LayerNorm without bias")
        return nn.PReLU() if bias is None else nn.LayerNorm(tuple(weight.shape))
    if weight.dim() == 2:
        return _guess_matrix(path, group, weight, bias)
    return _guess_convolution(path, group, weight, bias) if weight.dim() in _CONVOLUTIONS else None


def _guess_matrix(path: str, group: Tensors, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    if bias is not None:
        return nn.Linear(weight.shape[1], weight.shape[0])
    if "emb" in path.lower().rpartition(".")[2]:
        return nn.Embedding(*weight.shape)
    raise _unclear(path, group, "a Linear without bias, or an Embedding")


def _guess_convolution(path: str, group: Tensors, weight: torch.Tensor, bias: torch.Tensor | None) -> nn.Module:
    filters, channels, *kernel = weight.shape
    if channels == 1 and filters > 1:
        raise _unclear(path, group, "a convolution of one channel, a depthwise, or a transposed one")
    name = path.lower().rpartition(".")[2]
    if (bias is not None and len(bias) != filters) or "trans" in name or "deconv" in name:
        raise _unclear(path, group, "a convolution, or a transposed one")
    return _CONVOLUTIONS[weight.dim()](channels, filters, tuple(kernel), bias=bias is not None)


def _guess_recurrent(path: str, group: Tensors) -> nn.Module:
    is_cell = "weight_ih" in group
    first, recurrent = (
        group.get("weight_ih" if is_cell else "weight_ih_l0"),
        group.get("weight_hh" if is_cell else "weight_hh_l0"),
    )
    if first is None or recurrent is None or first.dim() != 2 or recurrent.dim() != 2:
        raise _unclear(path, group, "a recurrent layer without its weights")
    units = recurrent.shape[1]
    kind = _GATES.get(first.shape[0] // max(units, 1))
    if kind is None or first.shape[0] % units:
        raise _unclear(path, group, "a recurrent layer of an unknown kind")
    biased = any(key.startswith("bias") for key in group)
    if is_cell:
        return getattr(nn, f"{kind}Cell")(first.shape[1], units, bias=biased)
    return getattr(nn, kind)(
        first.shape[1],
        units,
        num_layers=sum(key.startswith("weight_ih") and not key.endswith("_reverse") for key in group),
        bias=biased,
        bidirectional="weight_ih_l0_reverse" in group,
    )
