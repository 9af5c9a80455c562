"""`keras.distribution.ModelParallel`: weights in parts along axes of a mesh, as DTensors.

Dense, EinsumDense and Embedding compute with their parts (torch's tensor parallelism): all processes with parts of the
same weights get the same inputs and end up with the same outputs. Other layers gather what they need when called.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

from keras_torch.backend.logits import note_logits
from keras_torch.distributed import parts
from keras_torch.distribution import distribution
from keras_torch.engine import Layer, autocast
from keras_torch.layers import Dense, Embedding
from keras_torch.layers.einsum_dense import EinsumDense
from keras_torch.training import fully_sharded


def layouts() -> Any:
    """Return the layouts of the distribution in use that split weights, None if there are none."""
    current = distribution()
    return None if current is None else current.split_layouts


def split(model: Any) -> None:
    """Cut the weights of a built model as the layouts say; what was cut before stays so."""
    found = layouts()
    chosen: dict[Any, Any] = {}
    computing: list[Any] = []
    for layer in fully_sharded.layers_in([model]):
        named = [(weight, found[weight.path]) for weight in layer._all_own_weights()]
        named = [(weight, layout) for weight, layout in named if layout is not None and layout.splits]
        named = [pair for pair in named if not parts.is_split(pair[0].storages[0])]
        for weight, layout in named:
            mesh = layout.device_mesh.backend_mesh
            chosen.update(
                zip(weight.storages, ((mesh, each) for each in _placements(layer, weight, layout)), strict=True)
            )
        if named and _computes_in_parts(layer):
            computing.append(layer)
            mesh = named[0][1].device_mesh.backend_mesh
            for parameter in layer.parameters():
                chosen.setdefault(parameter, (mesh, _replicated(mesh)))
    if not chosen:
        return
    moved = {parameter: _cut(parameter, *place) for parameter, place in chosen.items()}
    _refuse_held(model, moved)
    for module in model.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None and parameter in moved:
                module._parameters[name] = moved[parameter]
    for layer in fully_sharded.layers_in([model]):
        fully_sharded.replace_variables(layer, moved)
    for layer in computing:
        layer.__dict__["_call_impl"] = functools.partial(_in_parts, layer, layer._call_impl)
        for module in layer.children():
            module.register_forward_hook(_summed)
    _gather_others(model)
    fully_sharded.follow(model, moved)


def _computes_in_parts(layer: Any) -> bool:
    return isinstance(layer, (Dense, Embedding)) or (isinstance(layer, EinsumDense) and layer._is_linear)


def _replicated(mesh: Any) -> list[Any]:
    from torch.distributed.tensor import Replicate

    return [Replicate()] * mesh.ndim


def _placements(layer: Any, weight: Any, layout: Any) -> list[list[Any]]:
    """Return the placement of each of a weight's storages along each axis of the mesh.

    The storages of layers that gather them are cut along another axis where that of the layout is none of theirs.
    ValueError if those of a layer that computes with its parts cannot be cut as the layout says.
    """
    from torch.distributed.tensor import Shard

    if len(layout.axes) != len(weight.shape):
        raise ValueError(
            f"The layout of {weight.path!r} must name an axis of the mesh, or None, for each of the "
            f"{len(weight.shape)} axes of its shape {tuple(weight.shape)}. Received: {layout.axes}"
        )
    mesh = layout.device_mesh
    found = [_replicated(mesh.backend_mesh) for _ in weight.storages]
    stand_ins = [torch.empty(tuple(item.shape), device="meta") for item in weight.storages]
    view = weight.from_storage(*stand_ins)
    for axis, name in enumerate(layout.axes):
        if name is None:
            continue
        place, size = list(mesh.axis_names).index(name), int(mesh.shape[list(mesh.axis_names).index(name)])
        dimension = _dimension(view, stand_ins, axis)
        if _computes_in_parts(layer) and (dimension is None or view.shape[axis] % size):
            raise ValueError(
                f"ModelParallel cannot split axis {axis} of {view.shape[axis]} of the weight {weight.path!r} of layer "
                f"{layer.name!r} ({type(layer).__name__}) into {size} parts. Split another axis, or map the weight to "
                f"`(None, ...)`. Received: {layout.axes}"
            )
        for each in found:
            each[place] = Shard(dimension or 0)
    return found


def _dimension(view: torch.Tensor, storages: list[torch.Tensor], axis: int) -> int | None:
    """Return the dimension of the storage that an axis of a weight is, or begins; None if there is none."""
    storage = storages[0]
    if len(storages) != 1 or (view is not storage and view._base is not storage):
        return None
    extent = view.stride(axis) * view.shape[axis]
    found = (index for index in range(storage.dim()) if storage.stride(index) * storage.shape[index] == extent)
    return next((index for index in found if storage.stride(index) <= view.stride(axis)), None)


def _cut(parameter: Any, mesh: Any, placements: list[Any]) -> nn.Parameter:
    from torch.distributed.tensor import DTensor, distribute_tensor

    whole = parameter.detach().as_subclass(torch.Tensor).contiguous()
    local = distribute_tensor(whole, mesh, placements, src_data_rank=None).to_local().clone()
    tensor = DTensor.from_local(local, mesh, placements, run_check=False, shape=whole.shape, stride=whole.stride())
    return nn.Parameter(tensor, requires_grad=parameter.requires_grad)


def _refuse_held(model: Any, moved: dict[Any, Any]) -> None:
    """ValueError if a weight that was cut is used by another way than its attribute."""
    cut = {id(parameter) for parameter in moved}
    for module in model.modules():
        if fully_sharded.held_otherwise(module) & cut:
            raise ValueError(
                f"ModelParallel cannot split weights that layer {getattr(module, 'name', module)!r} keeps in a list or "
                "under several names. Give each an attribute of its own, or map them to `(None, ...)`."
            )


def _summed(module: nn.Module, args: Any, outputs: Any) -> Any:
    """Add up what processes have as parts of a sum, before an activation changes it."""
    from torch.distributed.tensor import Replicate

    if not parts.is_split(outputs) or not any(item.is_partial() for item in outputs.placements):
        return None
    return outputs.redistribute(placements=[Replicate() if p.is_partial() else p for p in outputs.placements])


def _in_parts(layer: Any, call: Any, *args: Any, **kwargs: Any) -> Any:
    """Compute a layer on DTensors, in place of `nn.Module._call_impl`; inputs and outputs are whole."""
    from torch.distributed.tensor import DTensor

    weight = next(item for item in layer.parameters() if parts.is_split(item))
    mesh = weight.device_mesh
    everywhere = _replicated(mesh)

    def placed(item: Any) -> Any:
        return DTensor.from_local(item, mesh, everywhere, run_check=False) if type(item) is torch.Tensor else item

    try:
        outputs = call(*pytree.tree_map(placed, args), **pytree.tree_map(placed, kwargs))
    except (RuntimeError, NotImplementedError) as error:
        raise RuntimeError(
            f"Layer {layer.name!r} ({type(layer).__name__}) cannot compute with the parts of its weights that "
            f"ModelParallel gives it: {error}. Map its weights to `(None, ...)`."
        ) from error
    found = parts.whole(outputs)
    logits = getattr(outputs, "_keras_logits", None)
    if logits is not None:
        # From which a loss is computed, where it is known what they went into.
        note_logits(found, parts.whole(logits), outputs._keras_activation)
    return found


def _gather_others(model: Any) -> None:
    """Let the layers of a model gather the parts of weights in them that do not compute in parts."""
    for unit in fully_sharded.units_of(model):
        if unit.__dict__.get("_gathers") or not any(True for _ in _slots(unit)):
            continue
        unit.__dict__["_gathers"] = True
        kept: list[Any] = []
        unit.register_forward_pre_hook(functools.partial(_gather, kept))
        unit.register_forward_hook(functools.partial(_let_go, kept), always_call=True)


def _slots(unit: nn.Module) -> Any:
    """Each place in a layer where a DTensor stands that is to be gathered."""
    inside = {id(module) for item in unit.modules() if _runs_in_parts(item) for module in item.modules()}
    for module in unit.modules():
        if id(module) not in inside:
            for name, item in module._parameters.items():
                if item is not None and parts.is_split(item):
                    yield module, name, item


def _runs_in_parts(module: nn.Module) -> bool:
    return getattr(module.__dict__.get("_call_impl"), "func", None) is _in_parts


def _gather(kept: list[Any], unit: nn.Module, args: Any) -> None:
    wholes: dict[int, torch.Tensor] = {}
    slots = list(_slots(unit))
    kept.append(slots)
    for module, name, item in slots:
        if id(item) not in wholes:
            wholes[id(item)] = _with_methods(module, name, item.full_tensor())
        module._parameters[name] = wholes[id(item)]  # type: ignore[assignment]


def _with_methods(module: Any, name: str, whole: torch.Tensor) -> torch.Tensor:
    """Let a layer of the user's own find Keras's methods on a variable."""
    if not isinstance(module, Layer) or module._is_builtin:
        return whole
    weight = next((w for w in module._own_weights if getattr(w, "_owners", None) == (("", name),)), None)
    if weight is None:
        return whole
    found = whole.as_subclass(autocast.CastVariable)
    found._variable = weight  # type: ignore[assignment]
    return found


def _let_go(kept: list[Any], unit: nn.Module, args: Any, outputs: Any) -> None:
    for module, name, item in kept.pop():
        module._parameters[name] = item
