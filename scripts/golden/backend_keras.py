"""Write tests/golden/backend_keras215.json: functions of `keras.backend` and their results.

Run with Keras 2.15.0 on TensorFlow. Seed 11. Each case has the function's name, its arguments and its results; arrays
are {"data", "dtype", "batch"}, where `batch` says that the array may stand for a batch of unknown size.
"""

import json
from pathlib import Path

import numpy as np
from keras import backend as K

rng = np.random.default_rng(11)


class Array:
    def __init__(self, data, batch):
        self.data, self.batch = np.asarray(data), batch


def batch(*shape, low=None, high=None):
    if low is None:
        return Array(rng.normal(size=shape).round(2).astype("float32"), True)
    return Array(rng.uniform(low, high, shape).round(2).astype("float32"), True)


def fixed(*shape):
    return Array(rng.normal(size=shape).round(2).astype("float32"), False)


def whole(*shape, high=4):
    return Array(rng.integers(0, high, shape).astype("int32"), True)


def rows(*shape):
    data = rng.uniform(0.1, 1.0, shape)
    return Array((data / data.sum(-1, keepdims=True)).round(3).astype("float32"), True)


x = batch(3, 4, 2)
matrix = batch(3, 4)
images = batch(2, 4, 5, 3)
planes = batch(2, 3, 4, 5)
volumes = batch(2, 2, 3, 4, 2)
positive = batch(3, 4, low=0.1, high=2.0)
flags = Array(np.array([[True, False, True], [False, False, True]]), True)
first, last = {"data_format": "channels_first"}, {"data_format": "channels_last"}

CASES = []


def case(name, *args, **kwargs):
    CASES.append((name, args, kwargs))


for name in "abs exp square round sign sin cos sqrt".split():
    case(name, matrix)
case("log", positive)
case("pow", matrix, 2)
for name in "equal not_equal greater greater_equal less less_equal".split():
    case(name, whole(3, 4), whole(3, 4))
    case(name, whole(3, 4), 2)
for name in ("maximum", "minimum"):
    case(name, matrix, batch(3, 4))
    case(name, matrix, 0.25)
case("clip", matrix, -0.5, 0.5)
case("clip", matrix, 0.5, -0.5)
case("clip", matrix, 0.0, None)
for name in "sum mean max min prod var std".split():
    case(name, x)
    case(name, x, axis=-1)
    case(name, x, axis=[1, 2], keepdims=True)
case("mean", flags, axis=-1)
for name in ("any", "all"):
    case(name, flags)
    case(name, flags, axis=1, keepdims=True)
for name in ("argmax", "argmin"):
    case(name, x)
    case(name, x, axis=1)
for name in ("cumsum", "cumprod"):
    case(name, x, axis=1)
case("cast", matrix, "int32")
case("zeros_like", matrix)
case("ones_like", whole(2, 3))
case("reshape", x, (-1, 8))
case("permute_dimensions", x, (0, 2, 1))
case("transpose", matrix)
case("expand_dims", x)
case("expand_dims", x, 1)
case("squeeze", batch(3, 1, 2), 1)
case("flatten", x)
case("batch_flatten", x)
case("concatenate", [matrix, batch(3, 2)])
case("concatenate", [x, batch(3, 1, 2)], axis=1)
case("stack", [matrix, batch(3, 4)])
case("stack", [matrix, batch(3, 4)], axis=-1)
case("repeat", matrix, 3)
case("repeat_elements", x, 2, 1)
case("tile", matrix, [1, 2])
case("reverse", x, 1)
case("reverse", x, [1, 2])
case("gather", fixed(5, 3), whole(2, 3))
case("one_hot", whole(2, 3), 4)
case("temporal_padding", x, (1, 2))
case("spatial_2d_padding", images, ((1, 0), (0, 2)), **last)
case("spatial_2d_padding", planes, ((1, 0), (0, 2)), **first)
case("spatial_3d_padding", volumes, ((1, 0), (0, 2), (1, 1)), **last)
case("resize_images", images, 2, 3, "channels_last")
case("resize_images", planes, 2, 3, "channels_first")
case("resize_images", images, 2, 3, "channels_last", "bilinear")
case("resize_volumes", volumes, 1, 2, 2, "channels_last")
case("dot", matrix, fixed(4, 2))
case("dot", x, fixed(2, 3))
case("dot", x, fixed(4, 2, 5))
case("dot", matrix, fixed(3, 4, 5))
case("batch_dot", matrix, batch(3, 4), axes=1)
case("batch_dot", x, batch(3, 2, 5))
case("batch_dot", x, batch(3, 5, 2), axes=2)
case("batch_dot", x, batch(3, 4, 5), axes=1)
case("batch_dot", matrix, batch(3, 5, 4), axes=(1, 2))
case("batch_dot", x, batch(3, 4), axes=(1, 1))
case("batch_dot", batch(2, 3, 4, 2), batch(2, 2, 3), axes=(3, 1))
case("batch_dot", batch(2, 3, 4, 2), batch(2, 5, 2, 3))
for name in "relu elu softmax softplus softsign sigmoid hard_sigmoid tanh".split():
    case(name, matrix)
case("relu", matrix, alpha=0.1)
case("relu", matrix, max_value=0.5)
case("relu", matrix, alpha=0.1, max_value=1.0, threshold=0.3)
case("relu", matrix, threshold=0.3)
case("elu", matrix, 0.5)
case("softmax", x, axis=1)
case("l2_normalize", x)
case("l2_normalize", x, axis=-1)
case("in_top_k", batch(4, 5), whole(4, high=5), 2)
case("in_top_k", Array(np.ones((2, 4), "float32"), True), whole(2), 2)
case("bias_add", images, fixed(3), **last)
case("bias_add", images, fixed(4, 5, 3), **last)
case("bias_add", planes, fixed(3), **first)
case("bias_add", planes, fixed(4, 5, 3), **first)
case("bias_add", matrix, fixed(4))
for targets in (rows(3, 4), Array(np.eye(4, dtype="float32")[[0, 3, 1]], True)):
    case("categorical_crossentropy", targets, rows(3, 4))
    case("categorical_crossentropy", targets, matrix, from_logits=True)
    case("categorical_focal_crossentropy", targets, rows(3, 4))
case("categorical_crossentropy", rows(3, 2, 4), rows(3, 2, 4), axis=1)
case("sparse_categorical_crossentropy", whole(3), rows(3, 4))
case("sparse_categorical_crossentropy", whole(3, 1), rows(3, 4))
case("sparse_categorical_crossentropy", whole(3, 2), rows(3, 2, 4))
case("sparse_categorical_crossentropy", whole(3), matrix, from_logits=True)
case("binary_crossentropy", batch(3, 4, low=0, high=1), batch(3, 4, low=0.01, high=0.99))
case("binary_crossentropy", batch(3, 4, low=0, high=1), matrix, from_logits=True)
case("binary_focal_crossentropy", batch(3, 4, low=0, high=1), batch(3, 4, low=0.01, high=0.99))
variance = Array(rng.uniform(0.5, 2.0, 4).round(2).astype("float32"), False)
case("batch_normalization", matrix, fixed(4), variance, fixed(4), fixed(4))
image_variance = Array(rng.uniform(0.5, 2.0, 3).round(2).astype("float32"), False)
case("batch_normalization", images, fixed(3), image_variance, fixed(3), fixed(3), axis=-1, epsilon=1e-2)
case("batch_normalization", images, fixed(3), image_variance, None, None, axis=-1)
case("normalize_batch_in_training", matrix, fixed(4), fixed(4), [0])
case("normalize_batch_in_training", images, fixed(3), fixed(3), [0, 1, 2])
case("normalize_batch_in_training", planes, fixed(3), fixed(3), [0, 2, 3])
for padding in ("valid", "same"):
    case("conv1d", x, fixed(2, 2, 3), padding=padding, **last)
    case("conv1d", x, fixed(3, 2, 3), strides=2, padding=padding, **last)
    case("conv2d", images, fixed(3, 2, 3, 4), strides=(2, 2), padding=padding, **last)
    case("conv2d", images, fixed(2, 2, 3, 4), dilation_rate=(2, 2), padding=padding, **last)
    case("conv2d", planes, fixed(2, 2, 3, 4), padding=padding, **first)
    case("conv3d", volumes, fixed(2, 2, 2, 2, 3), padding=padding, **last)
    case("depthwise_conv2d", images, fixed(2, 3, 3, 2), padding=padding, **last)
    case("separable_conv2d", images, fixed(2, 3, 3, 2), fixed(1, 1, 6, 4), padding=padding, **last)
    case("pool2d", images, (2, 3), strides=(2, 2), padding=padding, pool_mode="max", **last)
    case("pool2d", images, (2, 3), strides=(2, 2), padding=padding, pool_mode="avg", **last)
    case("pool2d", planes, (2, 2), padding=padding, pool_mode="avg", **first)
    case("pool3d", volumes, (2, 2, 2), padding=padding, pool_mode="max", **last)
case("conv1d", x, fixed(3, 2, 3), padding="causal", dilation_rate=2, **last)
case("conv2d_transpose", images, fixed(3, 3, 2, 3), (2, 8, 10, 2), strides=(2, 2), padding="same", **last)
case("conv2d_transpose", images, fixed(3, 3, 2, 3), (2, 9, 11, 2), strides=(2, 2), padding="valid", **last)
case("conv2d_transpose", images, fixed(3, 3, 2, 3), (2, 10, 12, 2), strides=(2, 2), padding="valid", **last)
case("conv2d_transpose", images, fixed(2, 2, 2, 3), (2, 7, 10, 2), strides=(2, 2), padding="same", **last)
case("local_conv1d", x, fixed(3, 4, 3), (2,), (1,), **last)
case("local_conv2d", batch(2, 4, 4, 2), fixed(9, 8, 3), (2, 2), (1, 1), (3, 3), **last)
case("local_conv2d", batch(2, 2, 4, 4), fixed(9, 8, 3), (2, 2), (1, 1), (3, 3), **first)
case("switch", flags, batch(2, 3), batch(2, 3))
lengths = [Array(np.array([[4], [6]], "int32"), True), Array(np.array([[2], [3]], "int32"), True)]
case("ctc_batch_cost", whole(2, 3), rows(2, 6, 5), *lengths)
speech = Array(rows(3, 7, 4).data, False)
steps = Array(np.array([7, 5, 3], "int32"), False)
case("ctc_decode", speech, steps)
case("ctc_decode", speech, steps, greedy=False, beam_width=50, top_paths=2)
for start, stop, step in ((5, None, 1), (2, 9, 3), (5, 0, -2), (-3, None, 1)):
    case("arange", start, stop, step)
case("eye", 3)
case("constant", 2, shape=[2, 2])
case("ones", (2, 3))


def plain(item):
    if isinstance(item, Array):
        return {"data": item.data.tolist(), "dtype": str(item.data.dtype), "batch": item.batch}
    if isinstance(item, (list, tuple)):
        return [plain(part) for part in item]
    return item


def live(item):
    if isinstance(item, Array):
        return K.constant(item.data, dtype=str(item.data.dtype))
    return [live(part) for part in item] if isinstance(item, list) else item


def result(item):
    if isinstance(item, (list, tuple)):
        return [result(part) for part in item]
    value = np.asarray(item)
    data = np.round(value.astype("float64"), 5) if value.dtype.kind == "f" else value
    return {"data": data.tolist(), "dtype": str(value.dtype)}


found = []
for name, args, kwargs in CASES:
    output = getattr(K, name)(*map(live, args), **kwargs)
    found.append(
        {
            "function": name,
            "args": plain(args),
            "kwargs": {key: plain(value) for key, value in kwargs.items()},
            "result": result(output),
        }
    )

path = Path(__file__).parents[2] / "tests/golden/backend_keras215.json"
lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in found)
path.write_text(f"[\n{lines}\n]\n")
