"""Calls of `keras.ops` → entries of a graph as tf.keras 2.4 to 2.15 writes them: TFOpLambda and SlicingOpLambda."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from keras_torch import config as settings
from keras_torch.models.operations.recorded import Call, NotWritable
from keras_torch.models.operations.writing import Reference, tensors_in
from keras_torch.symbolic import KerasTensor

# Function of `keras.ops` -> TensorFlow's | its names for our arguments in order ("-": only the default is written).
_TENSORFLOW = """
    absolute math.abs | x
    add math.add | x y
    all math.reduce_all | input_tensor axis keepdims
    any math.reduce_any | input_tensor axis keepdims
    argsort argsort | values axis
    arccos math.acos | x
    band_part linalg.band_part | input num_lower num_upper
    arccosh math.acosh | x
    arcsin math.asin | x
    arcsinh math.asinh | x
    arctan math.atan | x
    arctan2 math.atan2 | y x
    arctanh math.atanh | x
    broadcast_to broadcast_to | input shape
    cast cast | x dtype
    ceil math.ceil | x
    clip clip_by_value | t clip_value_min clip_value_max
    concatenate concat | values axis
    convert_to_tensor convert_to_tensor | value dtype - -
    copy identity | input
    cos math.cos | x
    cosh math.cosh | x
    cumprod math.cumprod | x axis -
    cumsum math.cumsum | x axis -
    depth_to_space nn.depth_to_space | input block_size -
    det linalg.det | input
    divide math.truediv | x y
    divide_no_nan math.divide_no_nan | x y
    elu nn.elu | features -
    equal math.equal | x y
    erf math.erf | x
    exp math.exp | x
    expand_dims expand_dims | input axis
    expm1 math.expm1 | x
    flip reverse | tensor axis
    floor math.floor | x
    floor_divide math.floordiv | x y
    gelu nn.gelu | features approximate
    greater math.greater | x y
    greater_equal math.greater_equal | x y
    isfinite math.is_finite | x
    isinf math.is_inf | x
    isnan math.is_nan | x
    leaky_relu nn.leaky_relu | features alpha
    less math.less | x y
    less_equal math.less_equal | x y
    log math.log | x
    log1p math.log1p | x
    log_sigmoid math.log_sigmoid | x
    log_softmax nn.log_softmax | logits axis
    logical_and math.logical_and | x y
    logical_not math.logical_not | x
    logical_or math.logical_or | x y
    logical_xor math.logical_xor | x y
    logsumexp math.reduce_logsumexp | input_tensor axis keepdims
    matmul linalg.matmul | a b
    max math.reduce_max | input_tensor axis keepdims -
    maximum math.maximum | x y
    mean math.reduce_mean | input_tensor axis keepdims
    min math.reduce_min | input_tensor axis keepdims -
    minimum math.minimum | x y
    mod math.floormod | x y
    multiply math.multiply | x y
    negative math.negative | x
    norm compat.v1.norm | tensor axis keepdims
    not_equal math.not_equal | x y
    ones_like ones_like | input dtype
    power math.pow | x y
    prod math.reduce_prod | input_tensor axis keepdims -
    reciprocal math.reciprocal | x
    relu nn.relu | features
    relu6 nn.relu6 | features
    repeat repeat | input repeats axis
    reshape reshape | tensor shape
    roll roll | input shift axis
    round math.round | x -
    rsqrt math.rsqrt | x
    selu nn.selu | features
    sigmoid math.sigmoid | x
    sign math.sign | x
    silu nn.silu | features
    sin math.sin | x
    sinh math.sinh | x
    slice slice | input_ begin size
    softmax nn.softmax | logits axis
    softplus math.softplus | features
    softsign nn.softsign | features
    sort sort | values axis
    space_to_depth nn.space_to_depth | input block_size -
    sqrt math.sqrt | x
    square math.square | x
    squeeze compat.v1.squeeze | input axis
    stack stack | values axis
    std math.reduce_std | input_tensor axis keepdims
    stop_gradient stop_gradient | input
    subtract math.subtract | x y
    sum math.reduce_sum | input_tensor axis keepdims
    take compat.v1.gather | params indices axis
    tan math.tan | x
    tanh math.tanh | x
    tensordot tensordot | a b axes
    tile tile | input multiples
    top_k math.top_k | input k sorted
    transpose compat.v1.transpose | a perm
    true_divide math.truediv | x y
    unstack unstack | value num axis
    var math.reduce_variance | input_tensor axis keepdims
    where where | condition x y
    zeros_like zeros_like | input dtype
"""
_DEFAULTS: dict[str, Any] = {
    "depth_to_space": "channels_last",
    "elu": 1.0,
    "round": 0,
    "space_to_depth": "channels_last",
}
_FLOAT_ONLY = frozenset({"divide", "true_divide", "mean", "std", "var", "logsumexp", "softmax", "log_softmax"})


def _rows() -> dict[str, tuple[str, list[str]]]:
    found = {}
    for line in _TENSORFLOW.strip().split("\n"):
        names, _, given = line.partition("|")
        own, symbol = names.split()
        found[own] = (symbol, given.split())
    return found


_ROWS = _rows()


def as_tensorflow(call: Call, name: str, refer: Reference) -> dict[str, Any]:
    """Return the entry of a TFOpLambda or SlicingOpLambda of tf.keras."""
    call = spelled_otherwise(call)
    given = list(call.arguments.values())
    if call.function == "get_item":
        key = _slice_spec(call.arguments["key"], refer)
        return _entry("SlicingOpLambda", "__operators__.getitem", name, given[0], {"slice_spec": key}, refer)
    if call.function in _SPECIAL:
        return _SPECIAL[call.function](call, name, refer)
    if call.function not in _ROWS:
        raise NotWritable(f"`{call.function}` has no counterpart in TensorFlow")
    _check_types(call)
    symbol, names = _ROWS[call.function]
    kwargs: dict[str, Any] = {}
    for key, value in zip(names, given, strict=False):
        if key == "-" and value is not None and value != _DEFAULTS.get(call.function):
            raise NotWritable(f"`{call.function}` with an argument that TensorFlow's does not have")
        kwargs[key] = value
    kwargs.pop("-", None)
    if call.function in ("flip", "roll", "take", "cumsum", "cumprod") and kwargs["axis"] is None:
        raise NotWritable(f"`{call.function}` without `axis`")
    if call.function == "flip" and isinstance(kwargs["axis"], int):
        kwargs["axis"] = [kwargs["axis"]]
    if call.function in ("reshape", "broadcast_to") and None in list(kwargs["shape"]):
        raise NotWritable("a shape that is not known")
    first = kwargs.pop(names[0])
    if isinstance(first, int) and any(
        item.dtype.startswith(("float", "bfloat")) for item in tensors_in(kwargs.values())
    ):
        first = float(first)
    return _entry("TFOpLambda", symbol, name, first, kwargs, refer)


def spelled_otherwise(call: Call) -> Call:
    """Return the call that TensorFlow has for one that it lacks."""
    name, given = call
    if name in ("swapaxes", "moveaxis"):
        x = given["x"]
        order = list(range(x.ndim))
        if name == "swapaxes":
            first, second = given["axis1"] % x.ndim, given["axis2"] % x.ndim
            order[first], order[second] = order[second], order[first]
        elif isinstance(given["source"], int) and isinstance(given["destination"], int):
            order.insert(given["destination"] % x.ndim, order.pop(given["source"] % x.ndim))
        else:
            return call
        return Call("transpose", {"x": x, "axes": order})
    if name == "dot" and all(hasattr(item, "ndim") for item in given.values()) and given["x2"].ndim == 2:
        return Call("tensordot", {**given, "axes": [[given["x1"].ndim - 1], [0]]})
    if name in ("amax", "amin"):
        return Call(name[1:], given)
    if name == "ravel":
        return Call("reshape", {"x": given["x"], "newshape": [-1]})
    if name in ("tril", "triu") and given.get("k", 0) == 0:
        limits = [-1, 0] if name == "tril" else [0, -1]
        return Call("band_part", {"x": given["x"], "num_lower": limits[0], "num_upper": limits[1]})
    if name == "norm":
        if given.get("ord") is not None:
            raise NotWritable("`norm` of another order")
        return Call("norm", {"x": given["x"], "axis": given.get("axis"), "keepdims": given.get("keepdims", False)})
    return call


def _check_types(call: Call) -> None:
    """Raise NotWritable where Keras 3 converts types: TensorFlow does not."""
    found = {item.dtype for item in tensors_in(list(call.arguments.values())) if call.function not in ("where", "take")}
    if len(found) > 1 or (call.function.startswith("logical_") and found != {"bool"}):
        raise NotWritable(f"`{call.function}` of different types: {sorted(found)}")
    numbers = [item for item in call.arguments.values() if isinstance(item, float)]
    kinds = {item.startswith(("float", "bfloat")) for item in found}
    if False in kinds and (call.function in _FLOAT_ONLY or (numbers and call.function != "clip")):
        raise NotWritable(f"`{call.function}` of integers")


def _split(call: Call, name: str, refer: Reference) -> dict[str, Any]:
    x, where, axis = call.arguments["x"], call.arguments["indices_or_sections"], call.arguments["axis"]
    if not isinstance(where, int):
        if x.shape[axis] is None:
            raise NotWritable("`split` of an axis of unknown size")
        bounds = [0, *where, x.shape[axis]]
        where = [last - first for first, last in zip(bounds[:-1], bounds[1:], strict=True)]
    return _entry("TFOpLambda", "split", name, x, {"num_or_size_splits": where, "axis": axis}, refer)


def _pad(call: Call, name: str, refer: Reference) -> dict[str, Any]:
    given = call.arguments
    width = given["pad_width"]
    width = [[width, width]] * given["x"].ndim if isinstance(width, int) else width
    if given["mode"] not in ("constant", "reflect", "symmetric"):
        raise NotWritable(f"`pad` with mode {given['mode']!r}")
    kwargs = {"paddings": width, "mode": given["mode"].upper(), "constant_values": given["constant_values"] or 0}
    return _entry("TFOpLambda", "compat.v1.pad", name, given["x"], kwargs, refer)


def _one_hot(call: Call, name: str, refer: Reference) -> dict[str, Any]:
    given = call.arguments
    kwargs = {"depth": given["num_classes"], "axis": given.get("axis", -1), "dtype": given.get("dtype") or "float32"}
    return _entry("TFOpLambda", "one_hot", name, given["x"], kwargs, refer)


def _index_of(call: Call, name: str, refer: Reference) -> dict[str, Any]:
    given = call.arguments
    if given.get("axis") is None or given.get("keepdims"):
        raise NotWritable(f"`{call.function}` without `axis`, or with `keepdims`")
    kwargs = {"axis": given["axis"], "output_type": "int32"}
    return _entry("TFOpLambda", f"math.{call.function}", name, given["x"], kwargs, refer)


def _per_axis(value: Any, rank: int, around: bool = False) -> list[int]:
    sizes = list(value) if isinstance(value, (list, tuple)) else [value] * rank
    return [1, *sizes, 1] if around else sizes


def _layout(call: Call, rank: int) -> str:
    if settings.standardize_data_format(call.arguments.get("data_format")) == "channels_first":
        raise NotWritable(f"`{call.function}` with the channels first")
    return {1: "NWC", 2: "NHWC", 3: "NDHWC"}[rank]


def _convolution(call: Call, name: str, refer: Reference) -> dict[str, Any]:
    given = call.arguments
    rank = given["inputs"].ndim - 2
    kwargs = {
        "filters": given["kernel"],
        "strides": _per_axis(given["strides"], rank),
        "padding": given["padding"].upper(),
        "data_format": _layout(call, rank),
        "dilations": _per_axis(given.get("dilation_rate", 1), rank),
    }
    return _entry("TFOpLambda", "nn.convolution", name, given["inputs"], kwargs, refer)


def _pool(call: Call, name: str, refer: Reference) -> dict[str, Any]:
    given = call.arguments
    rank = given["inputs"].ndim - 2
    steps = given["pool_size"] if given.get("strides") is None else given["strides"]
    kwargs = {
        "ksize": _per_axis(given["pool_size"], rank),
        "strides": _per_axis(steps, rank),
        "padding": given["padding"].upper(),
        "data_format": _layout(call, rank),
    }
    symbol = "nn.max_pool" if call.function == "max_pool" else "nn.avg_pool"
    return _entry("TFOpLambda", symbol, name, given["inputs"], kwargs, refer)


def _resize(call: Call, name: str, refer: Reference) -> dict[str, Any]:
    given = call.arguments
    _layout(call, 2)
    if given["crop_to_aspect_ratio"] or given["pad_to_aspect_ratio"]:
        raise NotWritable("`resize` that keeps the aspect ratio")
    kwargs = {"size": given["size"], "method": given["interpolation"], "antialias": given["antialias"]}
    return _entry("TFOpLambda", "image.resize", name, given["images"], kwargs, refer)


_SPECIAL = {
    "argmax": _index_of,
    "argmin": _index_of,
    "average_pool": _pool,
    "conv": _convolution,
    "max_pool": _pool,
    "one_hot": _one_hot,
    "pad": _pad,
    "resize": _resize,
    "split": _split,
}


def _slice_spec(key: Any, refer: Reference) -> Any:
    if isinstance(key, slice):
        return {name: _constant(getattr(key, name), refer) for name in ("start", "stop", "step")}
    if key is Ellipsis:
        return {"class_name": "__ellipsis__"}
    if isinstance(key, (list, torch.Tensor, np.ndarray)):
        raise NotWritable("an index that is a list or an array")
    if isinstance(key, KerasTensor) and key.ndim:
        raise NotWritable("an index that is a tensor")
    return [_slice_spec(part, refer) for part in key] if isinstance(key, tuple) else _constant(key, refer)


def _constant(item: Any, refer: Reference) -> Any:
    if isinstance(item, KerasTensor):
        return refer(item)
    if isinstance(item, (torch.Tensor, np.ndarray)):
        return item.tolist()
    if isinstance(item, torch.dtype):
        return settings.dtype_name(item)
    return [_constant(part, refer) for part in item] if isinstance(item, (list, tuple)) else item


def _entry(
    class_name: str, symbol: str, name: str, first: Any, kwargs: dict[str, Any], refer: Reference
) -> dict[str, Any]:
    """Return an entry with one call; what is not the first argument stands beside each tensor of the first."""
    written = {key: value if key == "slice_spec" else _constant(value, refer) for key, value in kwargs.items()}
    written = {key: value for key, value in written.items() if value is not None or key == "slice_spec"}

    def place(item: Any) -> list[Any]:
        if isinstance(item, KerasTensor):
            return [*refer(item), written]
        return ["_CONSTANT_VALUE", -1, _constant(item, refer), written]

    node = [place(item) for item in first] if isinstance(first, (list, tuple)) else place(first)
    config = {"name": name, "trainable": True, "dtype": "float32", "function": symbol}
    return {"class_name": class_name, "config": config, "name": name, "inbound_nodes": [node]}
