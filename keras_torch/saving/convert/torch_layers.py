"""Torch modules as Keras layers: for each kind of module the layer that has the same weights in Keras's layout.

The layers know where their inner torch modules keep each weight (`engine/tensor_layout.py`); here stands only which
layer belongs to which module, and which of its tensors go where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from keras_torch import config, layers
from keras_torch.engine import Layer
from keras_torch.registry import snake_case

# A tensor of the layer by its path ← the sum of tensors of the torch module by their names; `name@1/3` is the second
# third of one.
Routes = dict[str, tuple[str, ...]]


@dataclass
class Twin:
    """A Keras layer with room for the weights of a torch module.

    `routes` says which tensors of the module make up which of the layer: Keras's LSTM has one bias, the sum of torch's
    two. `attributes` are numbers that only torch keeps.
    """

    path: str
    module: nn.Module
    layer: Layer
    routes: Routes
    attributes: tuple[str, ...] = field(default=())

    def fill(self) -> None:
        """Copy the module's tensors into the layer."""
        with torch.no_grad():
            for target, names in self.routes.items():
                parts = [_tensor(self.module, name) for name in names]
                value = parts[0] if len(parts) == 1 else torch.stack(parts).sum(0)
                storage = _tensor(self.layer, target)
                storage.copy_(value.reshape(storage.shape))

    def empty(self) -> dict[str, torch.Tensor]:
        """Return the layer's tensors by their names in the module; of several that are summed all but one are zero."""
        found: dict[str, torch.Tensor] = {}
        thirds: dict[str, list[torch.Tensor]] = {}
        for target, names in self.routes.items():
            wanted = _tensor(self.module, names[0])
            value = _tensor(self.layer, target).detach().reshape(wanted.shape).to("cpu", wanted.dtype).clone()
            base, _, part = names[0].partition("@")
            if part:
                thirds.setdefault(base, []).append(value)
            else:
                found[base] = value
            found.update({name: torch.zeros_like(value) for name in names[1:]})
        return {**found, **{base: torch.cat(parts) for base, parts in thirds.items()}}


def _tensor(module: nn.Module, path: str) -> torch.Tensor:
    path, _, part = path.partition("@")
    owner, _, name = path.rpartition(".")
    tensor = getattr(module.get_submodule(owner), name)
    if not part:
        return tensor
    number, _, count = part.partition("/")
    return tensor.chunk(int(count))[int(number)]


class Kept(Layer):
    """The tensors of a module that is no standard layer, in torch's layout."""

    def __init__(self, tensors: dict[str, torch.Tensor], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.keys: dict[str, str] = {}
        for name, tensor in tensors.items():
            weight = self.add_weight(
                shape=tuple(tensor.shape),
                name=name,
                dtype=config.dtype_name(tensor.dtype),
                initializer="zeros",
                trainable=isinstance(tensor, nn.Parameter),
            )
            self.keys[name] = next(key for key, value in self._parameters.items() if value is weight)
        self.built = True


def twins(module: nn.Module, rename: Callable[[str], str] = lambda path: path) -> list[Twin]:
    """Return a Keras layer for each torch module inside `module` that has weights, in the order of registration.

    `rename` turns the path of a module (`layer1.0.conv1`) into the layer's name. ValueError for modules whose weights
    Keras has no place for.
    """
    found = [twin for path, part in _parts(module, "") for twin in _twins_of(part, path, rename)]
    names = [twin.layer.name for twin in found]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(
                f"Two modules get the name {name!r}: {[t.path for t in found if t.layer.name == name]}. The names of "
                "Keras layers must differ: check `names`."
            )
    return found


def _parts(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    """The modules with weights, without what is inside of standard layers."""
    if parametrize.is_parametrized(module):
        raise ValueError(
            f"The module {path!r} ({type(module).__name__}) is parametrized: its weights are computed. Call "
            "`torch.nn.utils.parametrize.remove_parametrizations` first."
        )
    if find(module) is not None or module._parameters or module._buffers:
        yield path, module
    if find(module) is None:
        for name, child in module.named_children():
            yield from _parts(child, f"{path}.{name}" if path else name)


def _twins_of(module: nn.Module, path: str, rename: Callable[[str], str]) -> list[Twin]:
    name = rename(path or snake_case(type(module).__name__))
    tensors = {**module._parameters, **{k: v for k, v in module._buffers.items() if _persists(module, k)}}
    for key, tensor in tensors.items():
        if tensor is not None and is_lazy(tensor):
            raise ValueError(f"The module {path!r} has no weights yet: call it once on real tensors. Received: {key!r}")
    make = find(module)
    with torch.device("cpu"):
        if make is not None:
            return [Twin(path, module, *item) for item in make(module, name)]
        own = {key: tensor for key, tensor in tensors.items() if tensor is not None}
        layer = Kept(own, name=name)
        return [Twin(path, module, layer, {layer.keys[key]: (key,) for key in own})] if own else []


def _persists(module: nn.Module, name: str) -> bool:
    return name not in module._non_persistent_buffers_set


Made = Iterator[tuple[Any, ...]]
Maker = Callable[[Any, str], Made]


def _built(layer: Any, shape: Sequence[Any], dtype: torch.dtype) -> Any:
    layer._set_dtype(config.dtype_name(dtype))
    layer._build_once(tuple(shape))
    return layer


def _same(module: nn.Module, inner: str) -> Routes:
    """The routes of a layer whose inner torch module, at `inner`, is of the module's own kind."""
    names = [*module._parameters, *module._buffers]
    return {f"{inner}.{n}": (n,) for n in names if getattr(module, n) is not None and n != "num_batches_tracked"}


def _linear(module: nn.Linear, name: str) -> Made:
    layer = layers.Dense(module.out_features, use_bias=module.bias is not None, name=name)
    yield _built(layer, (None, module.in_features), module.weight.dtype), _same(module, "linear")


def _shape_of_images(channels: int, rank: int) -> tuple[int | None, ...]:
    return (None, channels, *(None,) * rank)


def _convolution(module: Any, name: str) -> Made:
    rank = len(module.kernel_size)
    options: dict[str, Any] = {"use_bias": module.bias is not None, "data_format": "channels_first", "name": name}
    kernel = tuple(module.kernel_size)
    if module.groups == module.in_channels > 1 and rank < 3:
        cls: Any = {1: layers.DepthwiseConv1D, 2: layers.DepthwiseConv2D}[rank]
        layer = cls(kernel, depth_multiplier=module.out_channels // module.groups, **options)
    else:
        cls = {1: layers.Conv1D, 2: layers.Conv2D, 3: layers.Conv3D}[rank]
        layer = cls(module.out_channels, kernel, groups=module.groups, **options)
    shape = _shape_of_images(module.in_channels, rank)
    yield _built(layer, shape, module.weight.dtype), _same(module, _inner_name(layer))


def _transposed(module: Any, name: str) -> Made:
    rank = len(module.kernel_size)
    if module.groups != 1:
        raise ValueError(f"The module {name!r}: Keras's transposed convolutions have no groups. Received: {module}")
    cls: Any = {1: layers.Conv1DTranspose, 2: layers.Conv2DTranspose, 3: layers.Conv3DTranspose}[rank]
    layer = cls(
        module.out_channels,
        tuple(module.kernel_size),
        use_bias=module.bias is not None,
        data_format="channels_first",
        name=name,
    )
    shape = _shape_of_images(module.in_channels, rank)
    yield _built(layer, shape, module.weight.dtype), _same(module, _inner_name(layer))


def _inner_name(layer: Layer) -> str:
    """The name under which a layer holds its one torch module."""
    (name,) = [name for name, child in layer.named_children() if not isinstance(child, Layer)]
    return name


def _batch_norm(module: Any, name: str) -> Made:
    affine = module.weight is not None
    layer = layers.BatchNormalization(axis=1, epsilon=module.eps, center=affine, scale=affine, name=name)
    _built(layer, (None, module.num_features), module.weight.dtype if affine else torch.float32)
    yield layer, _same(module, "norm"), ("num_batches_tracked",)


def _layer_norm(module: nn.LayerNorm, name: str) -> Made:
    if module.weight is None:
        return
    axes = list(range(-len(module.normalized_shape), 0))
    layer = layers.LayerNormalization(axis=axes, epsilon=module.eps, center=module.bias is not None, name=name)
    yield _built(layer, (None, *module.normalized_shape), module.weight.dtype), _same(module, "norm")


def _rms_norm(module: Any, name: str) -> Made:
    if module.weight is None:
        return
    axes = list(range(-len(module.normalized_shape), 0))
    layer = layers.RMSNormalization(axis=axes, name=name)
    yield _built(layer, (None, *module.normalized_shape), module.weight.dtype), _same(module, "norm")


def _group_norm(module: Any, name: str) -> Made:
    if getattr(module, "running_mean", None) is not None:
        raise ValueError(f"The module {name!r}: Keras has no instance normalization with averages. Received: {module}")
    if module.weight is None:
        return
    groups = module.num_groups if isinstance(module, nn.GroupNorm) else -1
    layer = layers.GroupNormalization(groups, axis=1, epsilon=module.eps, name=name)
    channels = module.weight.shape[0]
    routes = {f"norm.{key}": (key,) for key in ("weight", "bias")}
    yield _built(layer, (None, channels, 1), module.weight.dtype), routes


def _embedding(module: Any, name: str) -> Made:
    layer = layers.Embedding(module.num_embeddings, module.embedding_dim, name=name)
    yield _built(layer, (None,), module.weight.dtype), _same(module, "embedding")


def _prelu(module: nn.PReLU, name: str) -> Made:
    layer = layers.PReLU(name=name)
    yield _built(layer, (None, module.num_parameters), module.weight.dtype), {"alpha": ("weight",)}


_RECURRENT: dict[str, Any] = {"LSTM": layers.LSTM, "GRU": layers.GRU, "RNN_TANH": layers.SimpleRNN}


def _recurrent(module: nn.RNNBase, name: str) -> Made:
    """A layer for each of torch's stacked layers: `name`, or `name_l0`, `name_l1` ..., bidirectional ones wrapped."""
    if module.proj_size:
        raise ValueError(f"The module {name!r}: Keras's LSTM has no projection. Received: {module}")
    directions = 2 if module.bidirectional else 1
    for number in range(module.num_layers):
        features = module.input_size if number == 0 else module.hidden_size * directions
        of_layer = name if module.num_layers == 1 else f"{name}_l{number}"
        layer: Any = _one_recurrent(module, of_layer)
        ends = [(f"_l{number}", "cell.rnn")]
        if module.bidirectional:
            layer = layers.Bidirectional(layer, name=of_layer)
            ends = [(f"_l{number}", "forward_layer.cell.rnn"), (f"_l{number}_reverse", "backward_layer.cell.rnn")]
        _built(layer, (None, None, features), next(module.parameters()).dtype)
        routes = [_recurrent_routes(module, f"_l{number}", *end) for end in ends]
        yield layer, {key: names for part in routes for key, names in part.items()}


def _one_recurrent(module: Any, name: str) -> Any:
    kind = module.mode if isinstance(module, nn.RNNBase) else type(module).__name__.removesuffix("Cell")
    cls: Any = _RECURRENT.get(kind, layers.SimpleRNN)
    dtype = config.dtype_name(next(module.parameters()).dtype)
    return cls(module.hidden_size, use_bias=bool(module.bias), return_sequences=True, dtype=dtype, name=name)


def _recurrent_routes(module: Any, stem: str, suffix: str, inner: str) -> Routes:
    kind = module.mode if isinstance(module, nn.RNNBase) else type(module).__name__
    routes: Routes = {f"{inner}.weight_{part}_l0": (f"weight_{part}{suffix}",) for part in ("ih", "hh")}
    if not module.bias:
        return routes
    biases = [f"bias_{part}{suffix}" for part in ("ih", "hh")]
    if kind.startswith("GRU"):
        return {**routes, f"{inner}.bias_ih_l0": (biases[0],), f"{inner}.bias_hh_l0": (biases[1],)}
    return {**routes, f"{inner}.bias_ih_l0": tuple(biases)}


def _recurrent_cell(module: Any, name: str) -> Made:
    layer = _built(_one_recurrent(module, name), (None, None, module.input_size), module.weight_ih.dtype)
    yield layer, _recurrent_routes(module, "", "", "cell.rnn")


def _attention(module: nn.MultiheadAttention, name: str) -> Made:
    if module.bias_k is not None:
        raise ValueError(f"The module {name!r}: Keras's attention has no `add_bias_kv`. Received: {module}")
    dtype = module.out_proj.weight.dtype
    layer = layers.MultiHeadAttention(
        module.num_heads, module.head_dim, use_bias=module.in_proj_bias is not None, name=name
    )
    layer._set_dtype(config.dtype_name(dtype))
    shapes = [(None, None, size) for size in (module.embed_dim, module.vdim, module.kdim)]
    layer._build_once(*shapes)
    routes: Routes = {"output_dense.linear.weight": ("out_proj.weight",)}
    for number, part in enumerate(("query", "key", "value")):
        own = f"{part[0]}_proj_weight" if module.in_proj_weight is None else f"in_proj_weight@{number}/3"
        routes[f"{part}_dense.linear.weight"] = (own,)
        if module.in_proj_bias is not None:
            routes[f"{part}_dense.linear.bias"] = (f"in_proj_bias@{number}/3",)
    if module.in_proj_bias is not None:
        routes["output_dense.linear.bias"] = ("out_proj.bias",)
    yield layer, routes


_MAKERS: dict[type[nn.Module], Maker] = {
    nn.Linear: _linear,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.Conv3d: _convolution,
    nn.ConvTranspose1d: _transposed,
    nn.ConvTranspose2d: _transposed,
    nn.ConvTranspose3d: _transposed,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    nn.BatchNorm3d: _batch_norm,
    nn.SyncBatchNorm: _batch_norm,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: _rms_norm,
    nn.GroupNorm: _group_norm,
    nn.InstanceNorm1d: _group_norm,
    nn.InstanceNorm2d: _group_norm,
    nn.InstanceNorm3d: _group_norm,
    nn.Embedding: _embedding,
    nn.EmbeddingBag: _embedding,
    nn.PReLU: _prelu,
    nn.LSTM: _recurrent,
    nn.GRU: _recurrent,
    nn.RNN: _recurrent,
    nn.LSTMCell: _recurrent_cell,
    nn.GRUCell: _recurrent_cell,
    nn.RNNCell: _recurrent_cell,
    nn.MultiheadAttention: _attention,
}


def find(module: nn.Module) -> Maker | None:
    """Return what makes the Keras layers for a torch module; None for modules of other kinds."""
    for cls in type(module).__mro__:
        if cls in _MAKERS:
            return _MAKERS[cls]
    return None
