"""What was recorded on symbolic tensors → the function of `keras.ops` that computes it, where there is one."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.nn import functional as F

from keras_torch import backend, ops
from keras_torch import config as settings
from keras_torch.ops import arguments
from keras_torch.symbolic import KerasTensor, Node, SymbolicSize


class Call(NamedTuple):
    """A call of a function of `keras.ops`: its name and its arguments, by name."""

    function: str
    arguments: dict[str, Any]


class NotWritable(ValueError):
    """There is no such call in what is to be written."""


# Name in `keras.ops` -> torch's functions of one tensor that compute the same.
_UNARY = {
    "absolute": (torch.abs, torch.Tensor.abs, operator.abs),
    "arccos": (torch.acos, torch.Tensor.acos),
    "arcsin": (torch.asin, torch.Tensor.asin),
    "arctan": (torch.atan, torch.Tensor.atan),
    "ceil": (torch.ceil, torch.Tensor.ceil),
    "copy": (torch.clone, torch.Tensor.clone),
    "cos": (torch.cos, torch.Tensor.cos),
    "cosh": (torch.cosh, torch.Tensor.cosh),
    "erf": (torch.erf, torch.Tensor.erf),
    "exp": (torch.exp, torch.Tensor.exp),
    "expm1": (torch.expm1, torch.Tensor.expm1),
    "floor": (torch.floor, torch.Tensor.floor),
    "isnan": (torch.isnan, torch.Tensor.isnan),
    "log": (torch.log, torch.Tensor.log),
    "log1p": (torch.log1p, torch.Tensor.log1p),
    "log_sigmoid": (F.logsigmoid,),
    "logical_not": (torch.logical_not, torch.Tensor.logical_not),
    "negative": (torch.neg, torch.Tensor.neg, operator.neg),
    "reciprocal": (torch.reciprocal, torch.Tensor.reciprocal),
    "relu": (torch.relu, torch.Tensor.relu, F.relu),
    "relu6": (F.relu6,),
    "round": (torch.round, torch.Tensor.round),
    "rsqrt": (torch.rsqrt, torch.Tensor.rsqrt),
    "selu": (F.selu, torch.selu),
    "sigmoid": (torch.sigmoid, torch.Tensor.sigmoid, F.sigmoid),
    "sign": (torch.sign, torch.Tensor.sign),
    "silu": (F.silu,),
    "sin": (torch.sin, torch.Tensor.sin),
    "sinh": (torch.sinh, torch.Tensor.sinh),
    "softplus": (F.softplus,),
    "softsign": (F.softsign,),
    "sqrt": (torch.sqrt, torch.Tensor.sqrt),
    "square": (torch.square, torch.Tensor.square),
    "stop_gradient": (torch.Tensor.detach, torch.detach),
    "tan": (torch.tan, torch.Tensor.tan),
    "tanh": (torch.tanh, torch.Tensor.tanh, F.tanh),
}
_BINARY = {
    "add": (operator.add, torch.add, torch.Tensor.add),
    "arctan2": (torch.atan2, torch.Tensor.atan2),
    "divide": (operator.truediv, torch.div, torch.true_divide, torch.Tensor.div),
    "equal": (torch.eq, torch.Tensor.eq),
    "floor_divide": (operator.floordiv, torch.floor_divide),
    "greater": (operator.gt, torch.gt, torch.Tensor.gt),
    "greater_equal": (operator.ge, torch.ge, torch.Tensor.ge),
    "less": (operator.lt, torch.lt, torch.Tensor.lt),
    "less_equal": (operator.le, torch.le, torch.Tensor.le),
    "logical_and": (torch.logical_and, torch.Tensor.logical_and),
    "logical_or": (torch.logical_or, torch.Tensor.logical_or),
    "matmul": (operator.matmul, torch.matmul, torch.Tensor.matmul, torch.bmm, torch.mm),
    "maximum": (torch.maximum, torch.Tensor.maximum),
    "minimum": (torch.minimum, torch.Tensor.minimum),
    "mod": (operator.mod, torch.remainder, torch.Tensor.remainder),
    "multiply": (operator.mul, torch.mul, torch.Tensor.mul),
    "not_equal": (operator.ne, torch.ne, torch.Tensor.ne),
    "power": (operator.pow, torch.pow, torch.Tensor.pow),
    "subtract": (operator.sub, torch.sub, torch.Tensor.sub),
}
_REDUCTIONS = {
    "all": (torch.all, torch.Tensor.all),
    "any": (torch.any, torch.Tensor.any),
    "logsumexp": (torch.logsumexp, torch.Tensor.logsumexp),
    "max": (torch.amax, torch.Tensor.amax),
    "mean": (torch.mean, torch.Tensor.mean),
    "min": (torch.amin, torch.Tensor.amin),
    "sum": (torch.sum, torch.Tensor.sum),
}


def _unary(name: str) -> Callable[..., Call]:
    return lambda x, inplace=False: Call(name, {"x": x})


def _binary(name: str) -> Callable[..., Call]:
    return lambda x1, x2: Call(name, {"x1": x1, "x2": x2})


def _reduction(name: str) -> Callable[..., Call]:
    def call(x: Any, dim: Any = None, keepdim: bool = False, axis: Any = None) -> Call:
        return Call(name, {"x": x, "axis": axis if dim is None else dim, "keepdims": keepdim})

    return call


def _spread(name: str) -> Callable[..., Call]:
    def call(x: Any, dim: Any = None, unbiased: Any = None, correction: Any = None, keepdim: bool = False) -> Call:
        if correction != 0 and unbiased is not False:
            raise NotWritable(f"`{name}` divides by the number of values")
        return Call(name, {"x": x, "axis": dim, "keepdims": keepdim})

    return call


def _permuted(x: Any, *dims: Any) -> Call:
    order = dims[0] if len(dims) == 1 and isinstance(dims[0], (list, tuple)) else dims
    return Call("transpose", {"x": x, "axes": [axis % x.ndim for axis in order]})


def _reshaped(x: Any, *shape: Any) -> Call:
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], (list, tuple)) else shape
    return Call("reshape", {"x": x, "newshape": list(sizes)})


def _flattened(x: Any, start_dim: int = 0, end_dim: int = -1) -> Call:
    if end_dim % x.ndim != x.ndim - 1 or (start_dim and None in x.shape[1:]):
        raise NotWritable("`flatten` is written for the last axes")
    return Call("reshape", {"x": x, "newshape": [-1, *_product(x.shape[1:])] if start_dim == 1 else [-1]})


def _product(shape: Any) -> list[int]:
    total = 1
    for size in shape:
        total *= size
    return [total]


def _cast(x: Any, dtype: Any = None, *rest: Any, **options: Any) -> Call:
    if not isinstance(dtype, torch.dtype) or rest or options:
        raise NotWritable("`to` is written with a dtype")
    return Call("cast", {"x": x, "dtype": settings.dtype_name(dtype)})


def _clamp(x: Any, min: Any = None, max: Any = None) -> Call:  # noqa: A002
    if isinstance(min, (int, float)) and isinstance(max, (int, float)):
        return Call("clip", {"x": x, "x_min": min, "x_max": max})
    if max is None:
        return Call("maximum", {"x1": x, "x2": min})
    return Call("minimum", {"x1": x, "x2": max}) if min is None else Call("clip", {"x": x, "x_min": min, "x_max": max})


def _gelu(x: Any, approximate: str = "none") -> Call:
    return Call("gelu", {"x": x, "approximate": approximate == "tanh"})


def _split(x: Any, split_size_or_sections: Any, dim: int = 0) -> Call:
    size = split_size_or_sections
    total = x.shape[dim]
    if total is None:
        raise NotWritable("`split` is written for axes of known size")
    parts = size if isinstance(size, (list, tuple)) else [min(size, total - start) for start in range(0, total, size)]
    places = [sum(parts[: place + 1]) for place in range(len(parts) - 1)]
    return Call("split", {"x": x, "indices_or_sections": places, "axis": dim})


def _zeros_like(x: Any, dtype: Any = None) -> Call:
    return Call("zeros_like", {"x": x, "dtype": None if dtype is None else settings.dtype_name(dtype)})


def _ones_like(x: Any, dtype: Any = None) -> Call:
    return Call("ones_like", {"x": x, "dtype": None if dtype is None else settings.dtype_name(dtype)})


def _bias_add(x: Any, bias: Any, data_format: Any = None) -> Call:
    if settings.standardize_data_format(data_format) == "channels_first" and x.ndim > 2:
        raise NotWritable("`bias_add` is written for channels in the last axis")
    return Call("add", {"x1": x, "x2": bias})


def _pool(
    x: Any,
    pool_size: Any,
    strides: Any = (1, 1),
    padding: str = "valid",
    data_format: Any = None,
    pool_mode: str = "max",
) -> Call:
    given = {"inputs": x, "pool_size": pool_size, "strides": strides, "padding": padding, "data_format": data_format}
    return Call("max_pool" if pool_mode == "max" else "average_pool", given)


def _convolution(x: Any, kernel: Any, strides: Any = 1, padding: str = "valid", *rest: Any, **options: Any) -> Call:
    given = dict(zip(("data_format", "dilation_rate"), rest, strict=False)) | options
    return Call("conv", {"inputs": x, "kernel": kernel, "strides": strides, "padding": padding, **given})


def _norm(x: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Call:
    return Call("norm", {"x": x, "ord": None if p in (2, "fro") else p, "axis": dim, "keepdims": keepdim})


def _table() -> dict[Any, Callable[..., Call]]:
    found: dict[Any, Callable[..., Call]] = {}
    for rows, make in ((_UNARY, _unary), (_BINARY, _binary), (_REDUCTIONS, _reduction)):
        for name, targets in rows.items():
            found.update(dict.fromkeys(targets, make(name)))
    found.update(
        {
            F.elu: lambda x, alpha=1.0: Call("elu", {"x": x, "alpha": alpha}),
            F.gelu: _gelu,
            F.leaky_relu: lambda x, slope=0.01: Call("leaky_relu", {"x": x, "negative_slope": slope}),
            F.log_softmax: lambda x, dim=-1: Call("log_softmax", {"x": x, "axis": dim}),
            F.softmax: lambda x, dim=-1: Call("softmax", {"x": x, "axis": dim}),
            operator.and_: lambda x, y: Call("logical_and", {"x1": x, "x2": y}),
            operator.or_: lambda x, y: Call("logical_or", {"x1": x, "x2": y}),
            operator.xor: lambda x, y: Call("logical_xor", {"x1": x, "x2": y}),
            operator.invert: lambda x: Call("logical_not", {"x": x}),
            operator.getitem: lambda x, key: Call("get_item", {"x": x, "key": key}),
            torch.cat: lambda tensors, dim=0: Call("concatenate", {"xs": list(tensors), "axis": dim}),
            torch.stack: lambda tensors, dim=0: Call("stack", {"x": list(tensors), "axis": dim}),
            torch.argmax: lambda x, dim=None: Call("argmax", {"x": x, "axis": dim}),
            torch.argmin: lambda x, dim=None: Call("argmin", {"x": x, "axis": dim}),
            torch.clamp: _clamp,
            torch.cumprod: lambda x, dim: Call("cumprod", {"x": x, "axis": dim}),
            torch.cumsum: lambda x, dim: Call("cumsum", {"x": x, "axis": dim}),
            torch.einsum: lambda equation, *items: Call("einsum", {"subscripts": equation, "operands": items}),
            torch.flatten: _flattened,
            torch.flip: lambda x, dims: Call("flip", {"x": x, "axis": list(dims)}),
            torch.linalg.vector_norm: lambda x, ord=2, dim=None, keepdim=False: _norm(x, ord, dim, keepdim),
            torch.log_softmax: lambda x, dim=-1: Call("log_softmax", {"x": x, "axis": dim}),
            torch.movedim: lambda x, a, b: Call("moveaxis", {"x": x, "source": a, "destination": b}),
            torch.ones_like: _ones_like,
            torch.permute: _permuted,
            torch.prod: lambda x, dim=None, keepdim=False: Call("prod", {"x": x, "axis": dim, "keepdims": keepdim}),
            torch.repeat_interleave: lambda x, n, dim=None: Call("repeat", {"x": x, "repeats": n, "axis": dim}),
            torch.reshape: _reshaped,
            torch.softmax: lambda x, dim=-1: Call("softmax", {"x": x, "axis": dim}),
            torch.split: _split,
            torch.squeeze: lambda x, dim=None: Call("squeeze", {"x": x, "axis": dim}),
            torch.std: _spread("std"),
            torch.tile: lambda x, dims: Call("tile", {"x": x, "repeats": list(dims)}),
            torch.transpose: lambda x, a, b: Call("swapaxes", {"x": x, "axis1": a, "axis2": b}),
            torch.tril: lambda x, k=0: Call("tril", {"x": x, "k": k}),
            torch.triu: lambda x, k=0: Call("triu", {"x": x, "k": k}),
            torch.unsqueeze: lambda x, dim: Call("expand_dims", {"x": x, "axis": dim}),
            torch.var: _spread("var"),
            torch.where: lambda c, x, y: Call("where", {"condition": c, "x1": x, "x2": y}),
            torch.zeros_like: _zeros_like,
            torch.Tensor.to: _cast,
            torch.Tensor.float: lambda x: _cast(x, torch.float32),
        }
    )
    for name in ("clamp", "cumprod", "cumsum", "flatten", "permute", "prod", "reshape", "softmax", "squeeze", "std"):
        found[getattr(torch.Tensor, name)] = found[getattr(torch, name)]
    for name in ("transpose", "unsqueeze", "var", "log_softmax", "flip", "argmax", "argmin", "split"):
        found[getattr(torch.Tensor, name)] = found[getattr(torch, name)]
    found[torch.Tensor.view] = _reshaped
    kernels: dict[Any, Callable[..., Call]] = {
        backend.bias_add: _bias_add,
        backend.conv1d: _convolution,
        backend.conv2d: _convolution,
        backend.conv3d: _convolution,
        backend.dot: lambda x, y: Call("dot", {"x1": x, "x2": y}),
        backend.one_hot: lambda indices, n: Call(
            "one_hot", {"x": indices, "num_classes": n, "dtype": settings.floatx()}
        ),
        backend.pool2d: _pool,
        backend.pool3d: _pool,
        backend.repeat_elements: lambda x, rep, axis: Call("repeat", {"x": x, "repeats": rep, "axis": axis}),
        backend.reshape: _reshaped,
        backend.slice: lambda x, start, size: Call("slice", {"inputs": x, "start_indices": start, "shape": size}),
        backend.tile: lambda x, n: Call("tile", {"x": x, "repeats": n}),
    }
    found.update({inspect.unwrap(function): adapter for function, adapter in kernels.items()})
    return found


_ADAPTERS = _table()


def call_of(node: Node) -> Call:
    """Return the call of `keras.ops` that a node stands for. NotWritable if there is none."""
    target = node.operation.target
    try:
        if target in arguments.names:
            bound = inspect.signature(target).bind(*node.args, **node.kwargs)
            bound.apply_defaults()
            return _with_numbers(Call(arguments.names[target], dict(bound.arguments)))
        if target in _ADAPTERS:
            return _with_numbers(_complete(_ADAPTERS[target](*node.args, **node.kwargs)))
    except TypeError as error:
        raise NotWritable(f"{target!r}: {error}") from error
    raise NotWritable(f"{target!r} has no counterpart")


def _complete(call: Call) -> Call:
    """Return a call with all arguments of the function, in its order."""
    if call.function == "einsum":
        return call
    bound = inspect.signature(getattr(ops, call.function)).bind(**call.arguments)
    bound.apply_defaults()
    return Call(call.function, dict(bound.arguments))


def _with_numbers(call: Call) -> Call:
    """Put -1 in place of the only size of a new shape that is not known: it is what is left."""
    shape = call.arguments.get("newshape")
    if isinstance(shape, (list, tuple)):
        unknown = [place for place, size in enumerate(shape) if size is None or isinstance(size, KerasTensor)]
        if len(unknown) == 1 and -1 not in [size for size in shape if isinstance(size, int)]:
            shape = [-1 if place in unknown else size for place, size in enumerate(shape)]
            call = Call(call.function, {**call.arguments, "newshape": shape})
    for value in call.arguments.values():
        if _holds_size(value):
            raise NotWritable(f"`{call.function}` takes a size that is known only when the model runs")
    return call


def _holds_size(value: Any) -> bool:
    if isinstance(value, slice):
        return _holds_size([value.start, value.stop, value.step])
    return any(map(_holds_size, value)) if isinstance(value, (list, tuple)) else isinstance(value, SymbolicSize)
