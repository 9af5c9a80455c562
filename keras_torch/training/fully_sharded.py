"""Models too big for one process: weights, gradients and optimizer state in parts, by torch's FSDP2 (`fully_shard`).

Each layer of a model, or torch module in it, is gathered for as long as it computes. Gradients are sums weighted by
true numbers of samples, as everywhere. What cannot be cut stays whole in every process: weights of a model itself,
scalars and integers, counters of layers of the user's own, weights that several layers share or keep in lists.
"""

from __future__ import annotations

import collections
import functools
from collections.abc import Iterable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from keras_torch import config, distributed
from keras_torch.backend import Variable
from keras_torch.backend.split_view import SplitView, current, split_view
from keras_torch.backend.variable import WeightView
from keras_torch.distributed import Share
from keras_torch.engine import Layer, autocast
from keras_torch.engine.tensor_layout import IDENTITY
from keras_torch.optimizers import Optimizer
from keras_torch.symbolic.structure import map_tree


def shard(model: Any) -> None:
    """Cut the weights of a built model, and the state of its optimizers; what was cut before stays so."""
    units = [unit for unit in units_of(model) if not _is_sharded(unit)]
    whole = _whole_parameters(model, units)
    units = [unit for unit in units if any(id(item) not in whole for item in unit.parameters())]
    if not units:
        follow(model, {})
        return
    slots = [(module, name, item) for module, name, item in _slots(units) if id(item) not in whole]
    for _, _, item in slots:
        if item.__dict__.get("_keras_moved"):
            raise ValueError(
                f"A weight of the model {model.name!r} belongs to another model as well, whose weights were sharded "
                "before, so that the two would not share it any more. Give both the layer that has it, instead of the "
                "weight alone, or train without sharding."
            )
        item.__dict__["_keras_moved"] = True
        if not item.is_contiguous():
            item.data = item.data.contiguous()
    before = {id(item): item for item in model.parameters() if id(item) in whole}
    for unit in units:
        _shard_unit(unit, set(before.values()))
    moved = {item: module._parameters[name] for module, name, item in slots}
    for tensor in moved.values():
        tensor.__dict__["_keras_reduced"] = True
    for module in layers_in([model]):
        replace_variables(module, moved)
    device = config.default_device()
    for item in (*before.values(), *model.buffers()):
        if item.device.type != device.type:
            item.data = item.data.to(device)
    follow(model, moved)


def reshard(model: Any) -> None:
    """Let go of gathered weights that no backward pass has let go of."""
    for unit in model.modules():
        state = _state(unit)
        if state is not None:
            for group in _groups(state):
                group.reshard()


def is_sharded(model: Any) -> bool:
    """Whether any part of a model is in parts."""
    return any(map(_is_sharded, model.modules()))


def units_of(model: nn.Module) -> Iterator[nn.Module]:
    """The layers of a model and of models inside, and torch modules; each is gathered as one."""
    for child in model.children():
        container = type(child).forward is nn.Module.forward or hasattr(child, "train_on_batch")
        if container:
            yield from units_of(child)
        elif any(True for _ in child.parameters()):
            yield child


def layers_in(units: Iterable[nn.Module]) -> Iterator[Any]:
    for unit in units:
        yield from (module for module in unit.modules() if isinstance(module, Layer))


def _slots(units: Iterable[nn.Module]) -> Iterator[tuple[nn.Module, str, nn.Parameter]]:
    """Each place where a parameter stands."""
    for unit in units:
        for module in unit.modules():
            yield from ((module, name, item) for name, item in module._parameters.items() if item is not None)


def _whole_parameters(model: nn.Module, units: list[nn.Module]) -> set[int]:
    """The ids of the parameters that stay whole."""
    inside: collections.Counter[int] = collections.Counter()
    whole: set[int] = set()
    for unit in units:
        found = list(unit.parameters())
        inside.update({id(item) for item in found})
        kinds = collections.Counter(item.dtype for item in found if item.requires_grad)
        usual = kinds.most_common(1)[0][0] if kinds else None
        for item in found:
            odd = usual is not None and item.requires_grad and item.dtype != usual
            if odd or not item.dim() or not item.numel() or not item.is_floating_point():
                whole.add(id(item))
        for module in unit.modules():
            whole |= held_otherwise(module)
    whole |= {key for key, count in inside.items() if count > 1}
    own = {id(item) for item in model.parameters()} - set(inside)
    networks: list[Any] = [getattr(module, "_network", None) for module in model.modules()]
    for network in networks:
        for node in () if network is None else network.nodes:
            constants = torch.utils._pytree.tree_leaves((node.args, node.kwargs))
            whole |= {id(item) for item in constants if isinstance(item, nn.Parameter)}
    return whole | own


def held_otherwise(module: nn.Module) -> set[int]:
    """Parameters that a module uses by another way than its attribute of their name, or assigns to."""
    found: set[int] = set()
    own = {id(item) for item in module._parameters.values() if item is not None}
    for name, value in module.__dict__.items():
        if name in ("_parameters", "_own_weights", "_flat_weights"):
            continue
        items = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else (value,)
        found |= {id(item) for item in items if isinstance(item, torch.Tensor) and id(item) in own}
    for item in module._parameters.values():
        if isinstance(item, Variable):
            assigned = not item.trainable and not getattr(module, "_is_builtin", True)
            if assigned or (item._keeps_dtype and autocast.is_mixed(module)):
                found.add(id(item))
    return found


class _Reduction:
    """FSDP2's reduce-scatter of gradients, as a sum in which this process's count by its share of the batch."""

    def allocate(self, size: Any, *, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
        """Return a buffer."""
        return torch.empty(*size, dtype=dtype, device=device)

    def __call__(
        self, output_tensor: torch.Tensor, input_tensor: torch.Tensor, group: Any, op: Any, async_op: bool = False
    ) -> Any:
        """Scale and send."""
        share = Share.current
        weight = 1.0 / dist.get_world_size(group) if share is None else share.weight
        if weight > 0:
            input_tensor.mul_(weight)
        else:
            input_tensor.zero_()
        # The name since torch 2.13.
        send = getattr(dist, "reduce_scatter_single", None) or dist.reduce_scatter_tensor
        return send(output_tensor, input_tensor, dist.ReduceOp.SUM, group, async_op)


@functools.cache
def _mesh(kind: str, world: int) -> Any:
    from torch.distributed.device_mesh import init_device_mesh

    return init_device_mesh(kind, (world,))


def _shard_unit(unit: nn.Module, whole: set[nn.Parameter]) -> None:
    """Let FSDP2 cut and gather the parameters of a module."""
    from torch.distributed.fsdp import FSDPModule, fully_shard

    if not hasattr(FSDPModule, "set_custom_reduce_scatter"):
        raise RuntimeError(
            "Sharding weights among processes (`keras-torch run --shard` and `--zero`) needs a newer torch, "
            f"2.9 or later. Received: torch {torch.__version__}"
        )
    kind = type(unit)
    unit.register_forward_hook(_show)
    fully_shard(
        unit,
        mesh=_mesh(config.default_device().type, distributed.world_size()),
        reshard_after_forward=distributed.sharding() == "weights",
        ignored_params=whole,
    )
    unit.set_custom_reduce_scatter(_Reduction())  # type: ignore[operator]
    unit.set_gradient_divide_factor(1.0)  # type: ignore[operator]
    unit.set_force_sum_reduction_for_comms(True)  # type: ignore[operator]
    # The class that FSDP2 makes has another name, which files would show; its hooks do without it.
    unit.__class__ = kind
    unit.register_forward_hook(_hide)
    if isinstance(unit, Layer) and not unit._is_builtin:
        unit.register_forward_pre_hook(_note_masks, prepend=True)
        unit.register_forward_pre_hook(_restore_masks)


class _Shown(list[Any]):
    """What FSDP2 gets to see as the outputs of a layer: those, and what else a gradient may come in by."""


def _show(unit: nn.Module, args: Any, outputs: Any) -> Any:
    """Show FSDP2 the logits behind an activation, from which losses are computed, and losses that layers added.

    Views are copied, for an operation in place would part them from FSDP2's hooks.
    """
    if not torch.is_grad_enabled():
        return None
    outputs = map_tree(_copied_view, outputs)
    leaves = torch.utils._pytree.tree_leaves(outputs)
    logits = [item._keras_logits for item in leaves if hasattr(item, "_keras_logits")]
    adding: list[Any] = [module for module in unit.modules() if getattr(module, "_adds_losses", False)]
    return _Shown([outputs, logits, [loss for module in adding for loss in module._call_losses]])


def _hide(unit: nn.Module, args: Any, outputs: Any) -> Any:
    return outputs[0] if isinstance(outputs, _Shown) else None


def _copied_view(item: Any) -> Any:
    if not isinstance(item, torch.Tensor) or item._base is None:
        return item
    copy = item.clone()
    copy.__dict__.update(item.__dict__)
    return copy


def _note_masks(unit: Any, args: Any) -> None:
    masks = [getattr(item, "_keras_mask", None) for item in torch.utils._pytree.tree_leaves(args)]
    unit.__dict__["_masks_of_inputs"] = masks if any(mask is not None for mask in masks) else None


def _restore_masks(unit: Any, args: Any) -> None:
    """Give inputs their masks again, which the function lost that FSDP2 passes them through."""
    masks = unit.__dict__.pop("_masks_of_inputs", None)
    for item, mask in zip(torch.utils._pytree.tree_leaves(args), masks or (), strict=False):
        if mask is not None:
            item._keras_mask = mask


def explain(error: RuntimeError, model: Any) -> None:
    """Raise an error that says what an operation on a part of a weight, or on a weight let go of, means."""
    text = str(error)
    if "torch.Tensor and DTensor" in text or "storage of size 0" in text:
        raise RuntimeError(
            f"A weight of model {model.name!r}, or what a layer computed with it besides its outputs, is used outside "
            "of the call of its layer, where each process has only a part of the weight. Use it in the `call` of a "
            "layer that has all of it, or train without `--shard`, `--zero` and `ModelParallel`."
        ) from error


def _state(module: nn.Module) -> Any:
    from torch.distributed.fsdp import fully_shard

    return fully_shard.state(module)  # type: ignore[attr-defined]


def _groups(state: Any) -> list[Any]:
    found = getattr(state, "_fsdp_param_groups", None)
    return [state._fsdp_param_group] if found is None else found


def _is_sharded(module: nn.Module) -> bool:
    return any(hasattr(item, "full_tensor") for item in module.parameters()) and _state(module) is not None


def replace_variables(layer: Any, moved: dict[Any, Any]) -> None:
    """Let views stand for the weights of a layer whose storages were cut."""
    names = {id(item): name for name, item in layer._parameters.items()}
    found = []
    for weight in layer._own_weights:
        if isinstance(weight, Variable) and weight in moved and id(moved[weight]) in names:
            key = names[id(moved[weight])]
            weight = split_view(layer, key, weight, IDENTITY)
            if not layer._is_builtin:
                _keep_methods(layer, key, weight)
        elif type(weight) is WeightView and any(hasattr(item, "full_tensor") for item in weight.storages):
            weight.__class__ = SplitView
        found.append(weight)
    layer._own_weights[:] = found
    for view in layer._foreign_views.values():
        view.__class__ = SplitView


def _keep_methods(layer: Any, key: str, view: SplitView) -> None:
    """Let a layer of the user's own find a variable, with Keras's methods, in its `call`."""

    def adopt(layer: Any, args: Any) -> None:
        gathered = layer._parameters[key]
        if type(gathered) is nn.Parameter:
            gathered.__class__ = Variable
            kept = {name: value for name, value in view.__dict__.items() if name not in ("_layer", "_owners", "layout")}
            gathered.__dict__.update(kept)
            handle.remove()

    handle = layer.register_forward_pre_hook(adopt)


def follow(model: Any, moved: dict[Any, Any]) -> None:
    """Let optimizers of the model, and of models in it, go on with the parts."""
    for module in model.modules():
        compiled = module.__dict__.get("_compiled")
        if compiled is not None and compiled.trainable is not None:
            compiled.trainable = [current(variable) for variable in compiled.trainable]
        held = [value for value in module.__dict__.values() if isinstance(value, (Optimizer, torch.optim.Optimizer))]
        for optimizer in held if compiled is None else [*held, compiled.optimizer]:
            if isinstance(optimizer, Optimizer):
                optimizer.rebind(moved)
            elif optimizer is not None and moved:
                for group in optimizer.param_groups:
                    group["params"] = [moved.get(item, item) for item in group["params"]]
