"""Operations of TensorFlow's own graphs (`TensorFlowOpLayer` of tf.keras 2.0 to 2.3): a NodeDef and its constants."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from keras_torch import ops
from keras_torch.models.operations import sizes
from keras_torch.models.operations import tensorflow_arrays as arrays
from keras_torch.models.operations import tensorflow_images as images
from keras_torch.models.operations import tensorflow_math as math
from keras_torch.models.operations.tensorflow_table import FUNCTIONS

_TYPES = {
    "DT_HALF": "float16",
    "DT_BFLOAT16": "bfloat16",
    "DT_FLOAT": "float32",
    "DT_DOUBLE": "float64",
    "DT_INT8": "int8",
    "DT_INT16": "int16",
    "DT_INT32": "int32",
    "DT_INT64": "int64",
    "DT_UINT8": "uint8",
    "DT_UINT16": "uint16",
    "DT_UINT32": "uint32",
    "DT_UINT64": "uint64",
    "DT_BOOL": "bool",
    "DT_COMPLEX64": "complex64",
}


def _attribute(value: Any) -> Any:
    """Return the value of an AttrValue, as protobuf writes it in JSON: integers as text, bytes in base64."""
    if not isinstance(value, Mapping):
        return value
    if "i" in value:
        return int(value["i"])
    if "f" in value:
        return float(value["f"])
    if "b" in value:
        return bool(value["b"])
    if "s" in value:
        return base64.b64decode(value["s"]).decode("utf-8", "replace")
    if "type" in value:
        return _TYPES.get(value["type"], value["type"])
    if "list" in value:
        kind, items = next(iter(value["list"].items()), ("i", []))
        return [_attribute({kind: item}) for item in items]
    if "shape" in value:
        return [int(item.get("size", -1)) for item in value["shape"].get("dim", [])]
    return None


def _same(function: Callable[..., Any], **attributes: str) -> Callable[..., Any]:
    """Return a reader of nodes whose inputs are the function's first arguments; `argument="attribute"` for others."""

    def call(inputs: list[Any], given: Mapping[str, Any]) -> Any:
        named = {key: given[name] for key, name in attributes.items() if name in given}
        return function(*inputs, **named)

    return call


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda inputs, given: function(inputs[0], _listed(inputs[1]), keepdims=bool(given.get("keep_dims")))


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def _concat(inputs: list[Any], given: Mapping[str, Any]) -> Any:
    return arrays.concat(inputs[:-1], _listed(inputs[-1]))


def _pack(inputs: list[Any], given: Mapping[str, Any]) -> Any:
    return arrays.stack(inputs, given.get("axis", 0))


def _split(inputs: list[Any], given: Mapping[str, Any]) -> Any:
    return arrays.split(inputs[1], given["num_split"], _listed(inputs[0]))


def _split_sizes(inputs: list[Any], given: Mapping[str, Any]) -> Any:
    return arrays.split(inputs[0], _listed(inputs[1]), _listed(inputs[2]))


def _strided_slice(inputs: list[Any], given: Mapping[str, Any]) -> Any:
    masks = {key: given[key] for key in given if key.endswith("_mask")}
    return arrays.strided_slice(inputs[0], *map(_listed, inputs[1:4]), **masks)


def _gather(inputs: list[Any], given: Mapping[str, Any]) -> Any:
    axis = _listed(inputs[2]) if len(inputs) > 2 else 0
    return arrays.gather(inputs[0], inputs[1], axis, given.get("batch_dims", 0))


def _einsum(inputs: list[Any], given: Mapping[str, Any]) -> Any:
    return arrays.einsum(given["equation"], *inputs)


def _one_hot(inputs: list[Any], given: Mapping[str, Any]) -> Any:
    depth, on_value, off_value = map(_listed, inputs[1:4])
    return arrays.one_hot(inputs[0], depth, on_value, off_value, given.get("axis"), given.get("T"))


def _convolution(name: str) -> Callable[..., Any]:
    keys = {"strides": "strides", "padding": "padding", "data_format": "data_format", "dilations": "dilations"}
    return _same(images.FUNCTIONS[name], **keys)


def _pool(name: str) -> Callable[..., Any]:
    keys = {"ksize": "ksize", "strides": "strides", "padding": "padding", "data_format": "data_format"}
    return _same(images.FUNCTIONS[name], **keys)


def _resize(method: str) -> Callable[..., Any]:
    def call(inputs: list[Any], given: Mapping[str, Any]) -> Any:
        if not given.get("half_pixel_centers"):
            raise ValueError("it resizes as TensorFlow 1 did, without `half_pixel_centers`, which is not supported")
        return images.resize(inputs[0], _listed(inputs[1]), method, align_corners=bool(given.get("align_corners")))

    return call


def _functions() -> dict[str, Callable[..., Any]]:
    found = {name: _same(FUNCTIONS[function]) for name, function in _PLAIN.items()}
    found |= {name: _reduction(FUNCTIONS[function]) for name, function in _REDUCTIONS.items()}
    return {**found, **_OTHERS}


_REDUCTIONS = {
    "All": "reduce_all",
    "Any": "reduce_any",
    "Max": "reduce_max",
    "Mean": "reduce_mean",
    "Min": "reduce_min",
    "Prod": "reduce_prod",
    "Sum": "reduce_sum",
    "EuclideanNorm": "reduce_euclidean_norm",
}
_PLAIN = {
    "Abs": "abs", "Acos": "acos", "Acosh": "acosh", "Add": "add", "AddV2": "add", "Asin": "asin", "Asinh": "asinh",
    "Atan": "atan", "Atan2": "atan2", "Atanh": "atanh", "BiasAdd": "bias_add", "BroadcastTo": "broadcast_to",
    "Ceil": "ceil", "ClipByValue": "clip_by_value", "Cos": "cos", "Cosh": "cosh", "Div": "div",
    "DivNoNan": "div_no_nan", "Elu": "elu", "Equal": "equal", "Erf": "erf", "Erfc": "erfc", "Exp": "exp",
    "ExpandDims": "expand_dims", "Expm1": "expm1", "Fill": "fill", "Floor": "floor", "FloorDiv": "floordiv",
    "FloorMod": "floormod", "GatherNd": "gather_nd", "Greater": "greater", "GreaterEqual": "greater_equal",
    "Identity": "identity", "IsFinite": "is_finite", "IsInf": "is_inf", "IsNan": "is_nan", "Less": "less",
    "LessEqual": "less_equal", "LinSpace": "linspace", "Log": "log", "Log1p": "log1p", "LogSoftmax": "log_softmax",
    "LogicalAnd": "logical_and", "LogicalNot": "logical_not", "LogicalOr": "logical_or", "Maximum": "maximum",
    "Minimum": "minimum", "Mod": "mod", "Mul": "multiply", "MulNoNan": "multiply_no_nan", "Neg": "negative",
    "NotEqual": "not_equal", "OnesLike": "ones_like", "Pad": "pad", "Pow": "pow", "Range": "range", "Rank": "rank",
    "RealDiv": "truediv", "Reciprocal": "reciprocal", "Relu": "relu", "Relu6": "relu6", "Reshape": "reshape",
    "ReverseV2": "reverse", "Rint": "rint", "Roll": "roll", "Round": "round", "Rsqrt": "rsqrt", "Select": "where",
    "SelectV2": "where", "Selu": "selu", "Shape": "shape", "Sigmoid": "sigmoid", "Sign": "sign", "Sin": "sin",
    "Sinh": "sinh", "Size": "size", "Slice": "slice", "Softmax": "softmax", "Softplus": "softplus",
    "Softsign": "softsign", "Sqrt": "sqrt", "Square": "square", "SquaredDifference": "squared_difference",
    "StopGradient": "stop_gradient", "Sub": "subtract", "Tan": "tan", "Tanh": "tanh", "Tile": "tile",
    "Transpose": "transpose", "Xdivy": "xdivy", "Xlogy": "xlogy", "ZerosLike": "zeros_like",
}  # fmt: skip
_OTHERS: dict[str, Callable[..., Any]] = {
    "ArgMax": lambda inputs, given: math.argmax(inputs[0], _listed(inputs[1]), given.get("output_type", "int64")),
    "ArgMin": lambda inputs, given: math.argmin(inputs[0], _listed(inputs[1]), given.get("output_type", "int64")),
    "AvgPool": _pool("avg_pool2d"),
    "AvgPool3D": _pool("avg_pool3d"),
    "BatchMatMul": _same(arrays.matmul, adjoint_a="adj_x", adjoint_b="adj_y"),
    "BatchMatMulV2": _same(arrays.matmul, adjoint_a="adj_x", adjoint_b="adj_y"),
    "Cast": lambda inputs, given: ops.cast(sizes.as_tensor(inputs[0]), given["DstT"]),
    "ConcatV2": _concat,
    "Conv2D": _convolution("conv2d"),
    "Conv3D": _convolution("conv3d"),
    "Cumprod": lambda inputs, given: math.cumprod(
        inputs[0], _listed(inputs[1]), bool(given.get("exclusive")), bool(given.get("reverse"))
    ),
    "Cumsum": lambda inputs, given: math.cumsum(
        inputs[0], _listed(inputs[1]), bool(given.get("exclusive")), bool(given.get("reverse"))
    ),
    "DepthToSpace": _same(images.depth_to_space, block_size="block_size", data_format="data_format"),
    "DepthwiseConv2dNative": _convolution("depthwise_conv2d"),
    "Einsum": _einsum,
    "Gather": _gather,
    "GatherV2": _gather,
    "LeakyRelu": lambda inputs, given: ops.leaky_relu(inputs[0], given.get("alpha", 0.2)),
    "MatMul": _same(arrays.matmul, transpose_a="transpose_a", transpose_b="transpose_b"),
    "MaxPool": _pool("max_pool2d"),
    "MaxPool3D": _pool("max_pool3d"),
    "MirrorPad": _same(arrays.pad, mode="mode"),
    "OneHot": _one_hot,
    "Pack": _pack,
    "PadV2": lambda inputs, given: arrays.pad(inputs[0], _listed(inputs[1]), constant_values=_listed(inputs[2])),
    "ResizeBilinear": _resize("bilinear"),
    "ResizeNearestNeighbor": _resize("nearest"),
    "SpaceToDepth": _same(images.space_to_depth, block_size="block_size", data_format="data_format"),
    "Split": _split,
    "SplitV": _split_sizes,
    "Squeeze": lambda inputs, given: arrays.squeeze(inputs[0], given.get("squeeze_dims") or None),
    "StridedSlice": _strided_slice,
    "TopKV2": lambda inputs, given: ops.top_k(inputs[0], _listed(inputs[1])),
    "Unpack": lambda inputs, given: ops.unstack(inputs[0], given.get("num"), given.get("axis", 0)),
}


def read_node(config: Mapping[str, Any]) -> tuple[str, Callable[..., Any]]:
    """Return the name of the operation in a `TensorFlowOpLayer`, and what it computes from the layer's inputs."""
    node, constants = config.get("node_def"), config.get("constants") or {}
    name = config.get("name")
    if not isinstance(node, Mapping) or not isinstance(constants, Mapping):
        raise ValueError(
            f"Layer {name!r}: the `node_def` of a TensorFlow operation must be an object. "
            f"Received: {type(node).__name__}"
        )
    kind = str(node.get("op"))
    attributes = {key: _attribute(value) for key, value in (node.get("attr") or {}).items()}
    function = _functions().get(kind)
    if function is None:
        raise ValueError(
            f"Layer {name!r} is the TensorFlow operation {kind!r}, for which there is no function here. Rebuild the "
            "model in code with a Lambda layer in its place, and load the weights with `load_weights`. "
            f"Received: {kind!r}"
        )
    held = {int(index): value for index, value in constants.items()}

    def call(inputs: Any) -> Any:
        waiting = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        total = len(waiting) + len(held)
        return function([held[place] if place in held else waiting.pop(0) for place in range(total)], attributes)

    return kind, call
