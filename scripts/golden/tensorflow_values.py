"""Write tests/golden/tensorflow_215.json: functions of TensorFlow beside `tf.keras`, and their results.

Run with TensorFlow 2.15. Seed 11. A case is the path below `tf`, arguments and results; arrays are {"data", "dtype"}.
`training` has gradients of a small network of convolutions and the losses of loops with GradientTape.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

rng = np.random.default_rng(11)
CASES = []


def case(names, *args, **kwargs):
    for name in names.split():
        CASES.append((name, args, kwargs))


def floats(*shape):
    return rng.normal(size=shape).round(2).astype("float32")


def positive(*shape):
    return rng.uniform(0.1, 0.9, shape).round(2).astype("float32")


def whole(*shape, high=5):
    return rng.integers(0, high, shape).astype("int32")


def pixels(*shape):
    return rng.integers(0, 256, shape).astype("uint8")


x, y, square = floats(3, 4), floats(3, 4), floats(3, 3)
flags = np.array([[True, False, True], [False, False, True]])
ones_names = "abs math.abs cos math.cos exp math.exp floor math.ceil identity compat.v1.identity round sigmoid sin"
case(ones_names + " math.sin square math.square tanh nn.tanh sign negative math.negative math.erf nn.softsign", x)
case("nn.relu compat.v1.nn.relu nn.sigmoid nn.gelu nn.elu nn.selu nn.softplus nn.silu nn.swish nn.relu6", x)
case("nn.leaky_relu", x)
case("nn.leaky_relu", x, alpha=0.1)
case("nn.gelu", x, approximate=True)
case("sqrt math.sqrt math.log math.rsqrt math.reciprocal math.log1p math.lgamma math.digamma", positive(3, 4))
two = "add maximum math.maximum minimum multiply subtract equal math.equal not_equal math.not_equal less math.less"
case(two + " greater greater_equal math.greater_equal math.squared_difference", x, y)
case(
    "equal not_equal less greater greater_equal maximum minimum math.floormod math.floordiv",
    whole(3, 4),
    whole(3, 4) + 1,
)
case("divide truediv math.divide", x, y)
case("divide", whole(3, 4), whole(3, 4) + 1)
case("math.divide_no_nan", x, np.array([0.0, 1, 2, 0], "float32"))
case("pow math.pow", positive(3, 4), 2.0)
case("math.logical_not", flags)
case("math.logical_and math.logical_or", flags, flags[::-1].copy())
case("math.xlogy", positive(3), positive(3))
for name in "reduce_mean reduce_sum reduce_max reduce_min reduce_prod reduce_logsumexp".split():
    case(f"{name} math.{name}", x)
    case(f"{name} math.{name}", x, axis=1)
    case(name, x, axis=[0, 1], keepdims=True)
    case(f"compat.v1.{name}", x, axis=0, keep_dims=True)
    case(f"compat.v1.{name}", x, reduction_indices=1)
for name in "reduce_mean reduce_sum reduce_max reduce_prod".split():
    case(name, whole(3, 4), axis=1)
case("reduce_sum", pixels(3, 4).astype("uint8"))
case("math.reduce_std math.reduce_variance", x)
case("math.reduce_std math.reduce_variance", x, axis=1, keepdims=True)
case("reduce_any reduce_all math.reduce_any", flags, axis=1)
case("math.count_nonzero", whole(3, 4, high=2), axis=1)
case("math.count_nonzero", whole(3, 4, high=2), keepdims=True)
case("argmax math.argmax argmin", x, axis=1)
case("argmax math.argmax argmin", x)
case("argmax", x, axis=-1, output_type="int32")
case("argsort sort", x)
case("argsort sort", x, axis=0, direction="DESCENDING")
case("cumsum math.cumsum math.cumprod", x, axis=1)
case("cumsum", x, axis=1, exclusive=True, reverse=True)
case("add_n math.add_n", [x, y, x])
case("clip_by_value", x, -0.5, 0.5)
case("clip_by_norm", x, 1.5)
case("clip_by_norm", x, 1.5, axes=[1])
case("clip_by_global_norm", [x, square], 1.5)
case("linalg.global_norm", [x, square])
case("norm linalg.norm", x)
case("norm", x, axis=1)
case("norm", x, ord=1, axis=1, keepdims=True)
case("norm", x, ord=np.inf)
case("math.l2_normalize nn.l2_normalize linalg.l2_normalize", x, axis=1)
case("zeros_like ones_like", x)
case("zeros_like ones_like", x, dtype="int32")
case("shape size rank", x)
case("shape", x, out_type="int64")
case("cast compat.v1.cast", x, "int32")
case("cast", x, dtype="bool")
case("cast", flags, "float32")
case("compat.v1.to_float", whole(3))
case("compat.v1.to_int32", x)
case("saturate_cast", np.array([-3.0, 300.0, 7.5], "float32"), "uint8")
case("reshape", x, [2, -1])
case("reshape", x, shape=[4, 3])
case("reshape", x, np.array([-1], "int32"))
case("expand_dims", x, 1)
case("expand_dims", x, axis=-1)
case("squeeze", floats(1, 3, 1))
case("squeeze", floats(1, 3, 1), axis=[0])
case("transpose", x)
case("transpose", floats(2, 3, 4), perm=[0, 2, 1])
case("concat", [x, y], 0)
case("concat", [x, y], axis=-1)
case("stack", [x, y])
case("stack", [x, y], axis=1)
case("unstack", x, axis=1)
case("split", x, 2, axis=1)
case("split", x, [1, 3], axis=-1)
case("split", x, num_or_size_splits=[1, -1], axis=1)
case("tile", x, [2, 1])
case("repeat", x, 2, axis=1)
case("repeat", x, repeats=[1, 0, 2], axis=0)
case("repeat", x, 2)
case("pad", x, [[1, 0], [2, 1]])
case("pad", x, [[1, 0], [2, 1]], constant_values=3.0)
case("pad", x, [[1, 1], [2, 1]], mode="REFLECT")
case("pad", x, [[1, 1], [2, 1]], "SYMMETRIC")
case("broadcast_to", floats(1, 4), [3, 4])
case("reverse", x, axis=[1])
case("roll", x, 1, 0)
case("range", 5)
case("range", 1, 9, 3)
case("range", start=0.0, limit=1.0, delta=0.25)
case("range", 3, dtype="float32")
case("linspace", 0.0, 1.0, 5)
case("linspace", start=1.0, stop=2.0, num=3)
case("zeros ones", [2, 3])
case("zeros ones", shape=[2], dtype="int64")
case("zeros ones", 3)
case("fill", [2, 3], 7)
case("fill", dims=[2], value=0.5)
case("eye", 3)
case("eye", 2, 3, dtype="float64")
case("eye", 2, batch_shape=[2])
case("constant convert_to_tensor", [[1, 2], [3, 4]])
case("constant convert_to_tensor", [1.5, 2.5])
case("constant convert_to_tensor", 3)
case("constant convert_to_tensor", np.array([1.0, 2.0]))
case("constant convert_to_tensor", [1, 2], dtype="float32")
case("constant", 2.0, shape=[2, 2])
case("constant", [1, 2, 3, 4], shape=[2, 2])
case("convert_to_tensor", [True, False])
case("one_hot", [0, 2, 1], 3)
case("one_hot", [0, 2, -1], depth=3, axis=0)
case("one_hot", [0, 2], 3, on_value=5, off_value=1, dtype="int32")
case("meshgrid", [1, 2, 3], [4, 5])
case("meshgrid", [1, 2, 3], [4, 5], indexing="ij")
case("where", flags)
case("where", flags, whole(2, 3), whole(2, 3))
case("where", flags, 1.0, 0.0)
case("gather", x, [2, 0])
case("gather", x, [[0, 3], [1, 1]], axis=1)
case("gather", floats(2, 4, 3), [[0, 3], [1, 1]], axis=1, batch_dims=1)
case("gather", floats(2, 4, 3), [[0, 2], [1, 1]], axis=2, batch_dims=1)
case("gather", floats(2, 3, 4), whole(2, 3, 2, high=4), batch_dims=2)
case("gather_nd", x, [[0, 1], [2, 3]])
case("gather_nd", x, [[1], [2]])
case("gather_nd", floats(2, 3, 4), [[[1, 0], [2, 3]], [[0, 0], [1, 1]]], batch_dims=1)
case("slice", x, [1, 0], [2, -1])
case("strided_slice", x, [0, 1], [3, 4], [2, 1])
case("boolean_mask", x, [True, False, True])
case("boolean_mask", x, [True, False, True, True], axis=1)
case("scatter_nd", [[1], [3], [1]], [9.0, 10.0, 1.0], [5])
for name in "update add sub min max".split():
    case(f"tensor_scatter_nd_{name}", x, [[0, 1], [2, 3]], [5.0, -6.0])
case("dynamic_partition", x, [0, 1, 0], 2)
case("dynamic_stitch", [[0, 2], [1]], [floats(2, 3), floats(1, 3)])
case("unique", [5, 3, 5, 1, 3])
case("unique_with_counts", [5, 3, 5, 1, 3])
case("sequence_mask", [1, 3, 2])
case("sequence_mask", [1, 3], 4, dtype="float32")
case("reverse_sequence", x, [2, 3, 4], seq_axis=1, batch_axis=0)
case("searchsorted", [[1.0, 3.0, 5.0]], [[2.0, 5.0]])
case("searchsorted", [[1.0, 3.0, 5.0]], [[2.0, 5.0]], side="right")
case("matmul linalg.matmul", x, floats(4, 2))
case("matmul linalg.matmul", x, y, transpose_b=True)
case("matmul", x, y, transpose_a=True)
case("matmul", floats(2, 3, 4), floats(2, 4, 2))
case("tensordot", floats(2, 3, 4), floats(4, 3), 1)
case("tensordot", floats(2, 3, 4), floats(4, 3, 2), axes=[[1, 2], [1, 0]])
case("einsum", "bij,bjk->bik", floats(2, 3, 4), floats(2, 4, 2))
case("linalg.set_diag", square, [1.0, 2.0, 3.0])
case("linalg.diag", [1.0, 2.0])
case("linalg.diag_part linalg.trace", square)
case("linalg.band_part", square, 0, -1)
case("linalg.band_part", square, 1, 0)
definite = square @ square.T + np.eye(3, dtype="float32")
case("linalg.inv linalg.det linalg.cholesky linalg.logdet linalg.slogdet linalg.eigvalsh linalg.pinv", definite)
case("linalg.solve", definite, floats(3, 2))
case("linalg.triangular_solve", np.tril(definite), floats(3, 2))
case("linalg.lstsq", floats(4, 2), floats(4, 1))
case("linalg.svd", square, compute_uv=False)
case("math.confusion_matrix", [0, 1, 2, 1], [0, 2, 2, 1])
case("math.confusion_matrix", [0, 1, 1], [0, 1, 0], num_classes=3)
case("math.bincount", [0, 1, 1, 3])
case("math.bincount", [0, 1, 1, 3], minlength=6)
case("math.bincount", [0, 1, 1, 3], weights=np.array([1.0, 2, 3, 4], "float32"))
case("math.segment_sum math.segment_mean math.segment_max", x, [0, 0, 1])
case("math.unsorted_segment_sum math.unsorted_segment_mean", x, [1, 0, 1], num_segments=3)
case("math.top_k nn.top_k", x, k=2)
case("math.in_top_k", [1, 3, 0], x, 2)
case("math.zero_fraction", whole(3, 4, high=2))
case("math.polyval", [1.0, 2.0, 3.0], x)
case("nn.softmax compat.v1.nn.softmax nn.log_softmax", x)
case("nn.softmax", x, axis=0)
case("compat.v1.nn.softmax", x, dim=0)
case("nn.moments", x, axes=[0])
case("nn.moments", floats(2, 3, 3, 2), [1, 2], keepdims=True)
case("nn.bias_add", floats(2, 3, 3, 4), [1.0, 2, 3, 4])
case("nn.bias_add", floats(2, 4, 3, 3), [1.0, 2, 3, 4], data_format="NCHW")
case("nn.embedding_lookup", x, [2, 0, 2])
case("nn.compute_average_loss", [1.0, 2.0, 3.0], global_batch_size=6)
case("nn.compute_average_loss", [1.0, 2.0, 3.0])
case("nn.scale_regularization_loss", [1.0, 2.0])
case("nn.sigmoid_cross_entropy_with_logits", labels=np.round(positive(3, 4)), logits=x)
case("nn.softmax_cross_entropy_with_logits", labels=np.eye(4, dtype="float32")[:3], logits=x)
case("nn.sparse_softmax_cross_entropy_with_logits", labels=[1, 0, 3], logits=x)
case("nn.weighted_cross_entropy_with_logits", np.round(positive(3, 4)), x, 2.0)
case("nn.l2_loss", x)
case("nn.dropout", x, rate=0.0)
case("compat.v1.nn.dropout", x, keep_prob=1.0)
case("nn.batch_normalization", x, floats(4), positive(4), floats(4), floats(4), 0.001)
case("nn.local_response_normalization", floats(1, 2, 2, 6), depth_radius=2)
images, kernel = floats(2, 6, 6, 2), floats(3, 3, 2, 3)
case("nn.conv2d", images, kernel, strides=[1, 2, 2, 1], padding="SAME")
case("nn.conv2d", images, kernel, 1, "VALID")
case("compat.v1.nn.conv2d", images, filter=kernel, strides=[1, 1, 1, 1], padding="SAME")
case("nn.depthwise_conv2d", images, floats(3, 3, 2, 2), [1, 1, 1, 1], "SAME")
case("nn.separable_conv2d", images, floats(3, 3, 2, 1), floats(1, 1, 2, 3), [1, 1, 1, 1], "VALID")
case("nn.conv2d_transpose", floats(1, 3, 3, 2), floats(3, 3, 4, 2), [1, 6, 6, 4], [1, 2, 2, 1])
case("nn.conv1d", floats(2, 6, 2), floats(3, 2, 3), 1, "SAME")
case("nn.conv1d_transpose", floats(1, 3, 2), floats(3, 4, 2), [1, 6, 4], 2)
case("nn.max_pool nn.avg_pool", images, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
case("nn.max_pool2d nn.avg_pool2d", images, 2, 2, "VALID")
case("nn.max_pool1d", floats(2, 6, 2), 2, 2, "VALID")
case("nn.pool", images, [2, 2], "AVG", [2, 2], "SAME")
case("nn.depth_to_space", floats(1, 2, 2, 8), 2)
case("nn.space_to_depth", images, 2)
picture, byte_picture = positive(1, 6, 8, 3), pixels(5, 6, 3)
for method in "bilinear nearest bicubic area".split():
    case("image.resize", picture, [3, 5], method=method)
case("image.resize", picture, size=(12, 9))
case("image.resize", byte_picture, (3, 3))
case("image.resize", byte_picture, (3, 3), "nearest")
case("image.resize", picture, (3, 4), antialias=True)
case("image.resize", picture, (3, 3), preserve_aspect_ratio=True)
case("image.resize_with_pad", picture, 5, 5)
case("image.resize_with_crop_or_pad", picture, 4, 10)
case("image.crop_to_bounding_box", picture, 1, 2, 3, 4)
case("image.pad_to_bounding_box", picture, 1, 2, 9, 11)
case("image.central_crop", byte_picture, 0.5)
case("image.flip_left_right image.flip_up_down image.rot90 image.transpose image.rgb_to_grayscale", picture)
case("image.rgb_to_grayscale image.per_image_standardization", byte_picture)
case("image.grayscale_to_rgb", positive(2, 3, 1))
case("image.rgb_to_hsv", picture)
case("image.convert_image_dtype", byte_picture, "float32")
case("image.convert_image_dtype", positive(2, 2, 3), dtype="uint8")
case("image.convert_image_dtype", byte_picture, "uint16", saturate=True)
case("image.adjust_brightness", picture, 0.2)
case("image.adjust_brightness", byte_picture, delta=0.2)
case("image.adjust_contrast", picture, 1.5)
case("image.adjust_contrast", byte_picture, 0.5)
case("image.adjust_gamma", picture, 2.0)
case("image.adjust_hue", picture, 0.1)
case("image.adjust_saturation", picture, 0.5)
case("image.extract_patches", picture, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID")
case(
    "image.extract_patches",
    images=picture,
    sizes=[1, 3, 3, 1],
    strides=[1, 2, 2, 1],
    rates=[1, 1, 1, 1],
    padding="SAME",
)
case("image.psnr", picture, positive(1, 6, 8, 3), max_val=1.0)
case("image.psnr", byte_picture, pixels(5, 6, 3), max_val=255)
case("image.ssim", positive(1, 12, 12, 1), positive(1, 12, 12, 1), max_val=1.0)
case("image.total_variation", picture)
case("image.sobel_edges", positive(1, 4, 4, 1))
case("image.image_gradients", picture)
boxes = np.array([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3]], "float32")
case("image.non_max_suppression", boxes, np.array([0.9, 0.75, 0.6], "float32"), max_output_size=3, iou_threshold=0.5)
case("image.crop_and_resize", picture, np.array([[0, 0, 0.5, 1], [0.2, 0.1, 0.9, 0.7]], "float32"), [0, 0], [3, 4])
case("signal.stft", floats(40), frame_length=16, frame_step=8)
case("signal.stft", floats(2, 40), frame_length=12, frame_step=8, fft_length=16, pad_end=True)
case("signal.frame", floats(10), 4, 3)
case("signal.frame", floats(10), 4, 3, pad_end=True)
case("signal.overlap_and_add", floats(3, 4), 2)
case("signal.hann_window signal.hamming_window", 8)
case("signal.rfft", floats(8))
case("signal.linear_to_mel_weight_matrix", 4, 9, 8000, 125.0, 3800.0)
case("signal.dct", floats(2, 6))
case("signal.dct", floats(6), norm="ortho")
case("signal.mfccs_from_log_mel_spectrograms", floats(2, 6))
case("strings.lower strings.upper", ["Some TEXT", "Ää"])
case("strings.regex_replace", ["<br />Some, text!", "more"], "[^a-z ]", "")
case("strings.regex_replace", "a[b].c", "[[:punct:]]", "_")
case("strings.length", ["abc", "ä"])
case("strings.length", ["abc", "ä"], unit="UTF8_CHAR")
case("strings.join", [["a", "b"], ["c", "d"]], separator="-")
case("strings.reduce_join", [["a", "b"], ["c", "d"]])
case("strings.reduce_join", [["a", "b"], ["c", "d"]], axis=-1)
case("strings.split", "some words here")
case("strings.split", "a,b", sep=",")
case("strings.unicode_split", "héy", input_encoding="UTF-8")
case("strings.substr", "abcdef", 1, 3)
case("strings.strip", [" a ", "b "])
case("strings.to_number", ["1.5", "2"])
case("strings.to_number", "7", out_type="int32")
case("strings.as_string", [1, 2])
case("strings.as_string", [1.5, 2.0])
case("compat.v1.losses.mean_squared_error", labels=x, predictions=y)
case("compat.v1.losses.sparse_softmax_cross_entropy", labels=[1, 0, 3], logits=x)
case("compat.v1.losses.sparse_softmax_cross_entropy", [1, 0, 3], x, np.array([1.0, 0.0, 1.0], "float32"))
case("compat.v1.losses.sigmoid_cross_entropy", np.round(positive(3, 4)), x)
case("compat.v1.losses.absolute_difference", x, y)
table, inner = (np.arange(12).reshape(4, 3) / 10 - 0.5).astype("float32"), np.ones((2, 3), "float32") / 3
drawn = [np.array([2, 0], "int64"), np.array([[0.3], [0.2]], "float32"), np.array([0.25, 0.5], "float32")]
known = {"sampled_values": drawn, "num_sampled": 2, "num_classes": 4}
for name in ("nn.nce_loss", "nn.sampled_softmax_loss"):
    case(name, table, table[:, 0], np.array([[1], [2]], "int64"), inner, **known)

case("signal.hann_window signal.hamming_window", 5)
case("signal.hann_window signal.hamming_window", 5, periodic=False)
case("signal.stft", np.sin(np.arange(20, dtype="float32")), frame_length=7, frame_step=3)
bits = np.array([1, 6, -5, 12], "int32")
case("bitwise.bitwise_and bitwise.bitwise_or bitwise.bitwise_xor", bits, np.array([3, 2, 7, 1], "int32"))
case("bitwise.left_shift bitwise.right_shift", bits, np.array([1, 2, 1, 3], "int32"))
case("bitwise.invert", bits)
few = np.array([[0.5, 1.0, -2.0], [3.0, 0.25, 0.0]], "float32")
case("math.bessel_i0e math.bessel_i1 math.bessel_i1e math.special.bessel_i0 math.reciprocal_no_nan", few)
case("math.xlog1py realdiv", few, np.array([1.0, 2.0, 0.5], "float32"))
case("math.zeta", np.array([2.0, 3.5], "float32"), np.array([1.0, 2.0], "float32"))
case("math.polygamma", np.array([1.0, 1.0], "float32"), np.array([0.5, 2.0], "float32"))
case("math.lbeta", np.array([[0.5, 1.0], [2.0, 3.0]], "float32"))
case("truncatediv truncatemod", np.array([-7, 7, 5], "int32"), np.array([2, -2, 3], "int32"))
case("math.invert_permutation", np.array([2, 0, 1], "int32"))
case("scalar_mul math.scalar_mul", 2.0, few)
case("histogram_fixed_width", np.array([-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], "float32"), [0.0, 5.0], nbins=5)
case("unravel_index", np.array([22, 41, 37], "int32"), [7, 6])
case("bitcast", few, "int32")
case("linalg.tensor_diag", few)
case("linalg.tensor_diag_part", np.arange(16, dtype="float32").reshape(2, 2, 2, 2))
case("linalg.normalize", few)
case("linalg.normalize", few, ord=1, axis=1)
case("linalg.sqrtm", np.array([[4.0, 1.0], [1.0, 3.0]], "float32"))
case("linalg.adjoint", few)
case("strings.to_hash_bucket_fast", np.array(["a", "b", "hello"], object), 1000)
case("strings.to_hash_bucket_strong", np.array(["a", "b"], object), 1000, key=[1, 2])
case("strings.format", "{} and {}", (np.array([1, 2], "int32"), 3))
case("strings.ngrams", np.array([["a", "b", "c"], ["d", "e", "f"]], object), [1, 2])
case("strings.unicode_decode", "héllo", "UTF-8")
case("strings.unicode_encode", np.array([[104, 233], [111, 33]], "int32"), "UTF-8")

box = np.array([[0.0, 0.0, 0.5, 0.5], [0.05, 0.0, 0.5, 0.5], [0.4, 0.4, 1.2, 0.9], [0.0, 0.6, 0.3, 0.9]], "float32")
rank = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.95], [0.3, 0.6]], "float32")
case("image.non_max_suppression_with_scores", box, rank[:, 0].copy(), 3, iou_threshold=0.4)
case("image.combined_non_max_suppression", box[None, :, None].copy(), rank[None].copy(), 2, 5, 0.4, 0.15)
case("image.combined_non_max_suppression", box[None, :, None].copy(), rank[None].copy(), 3, 2, clip_boxes=False)
colours = np.linspace(0, 1, 12, dtype="float32").reshape(2, 2, 3)
case("image.rgb_to_yuv image.rgb_to_yiq image.yuv_to_rgb image.yiq_to_rgb", colours)
case("nn.weighted_moments", few, [0], np.array([[1.0], [3.0]], "float32"))
case("nn.weighted_moments", few, [1], np.array([[1.0, 2.0, 1.0]], "float32"), keepdims=True)
tiles = np.arange(24, dtype="float32").reshape(1, 3, 4, 2)
case("space_to_batch nn.space_to_batch", tiles, [2, 2], [[1, 0], [0, 0]])
case("batch_to_space", np.arange(32, dtype="float32").reshape(4, 2, 2, 2), [2, 2], [[1, 0], [0, 1]])
case("shape_n", [few, tiles])


def plain(item):
    if isinstance(item, np.ndarray) and item.dtype.kind == "c":
        return {"data": [item.real.tolist(), item.imag.tolist()], "dtype": str(item.dtype)}
    if isinstance(item, np.ndarray):
        data = (
            np.vectorize(lambda part: float(f"{part:.7g}"), otypes=[float])(item) if item.dtype == np.float32 else item
        )
        return {"data": data.tolist(), "dtype": str(item.dtype)}
    if isinstance(item, (list, tuple)):
        return [plain(part) for part in item]
    return item


def result(item):
    if isinstance(item, (tuple, list)):
        return [result(part) for part in item]
    value = item.numpy() if hasattr(item, "numpy") else np.asarray(item)
    if getattr(item, "dtype", None) == tf.string:
        decode = np.vectorize(lambda part: part.decode(), otypes=[object])
        return {"data": decode(np.asarray(value, object)).tolist(), "dtype": "string"}
    return plain(np.asarray(value))


def tensor(item):
    return tf.constant(item) if isinstance(item, np.ndarray) else item


def function(path):
    found = tf
    for part in path.split("."):
        found = getattr(found, part)
    return found


class WithTape(tf.keras.Model):
    """A train_step as the documentation of TensorFlow 2 writes it."""

    def __init__(self):
        super().__init__()
        self.hidden = tf.keras.layers.Dense(5, activation="tanh")
        self.out = tf.keras.layers.Dense(1)

    def call(self, x):
        return self.out(self.hidden(x))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compiled_loss(y, y_pred, regularization_losses=self.losses)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self.compiled_metrics.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


def training():
    inputs = tf.keras.Input((6, 6, 1))
    h = tf.keras.layers.Conv2D(3, 3, activation="relu")(inputs)
    h = tf.keras.layers.BatchNormalization()(h)
    h = tf.keras.layers.MaxPooling2D()(h)
    network = tf.keras.Model(inputs, tf.keras.layers.Dense(4)(tf.keras.layers.Flatten()(h)))
    weights = [rng.normal(size=w.shape).round(2).astype("float32") for w in network.get_weights()]
    weights[5] = np.abs(weights[5]) + 0.5
    network.set_weights(weights)
    batch, labels = floats(8, 6, 6, 1), whole(8, high=4)
    compute = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        loss = compute(labels, network(batch, training=True))
    gradients = tape.gradient(loss, network.trainable_variables)
    found = {
        "weights": plain(weights), "batch": plain(batch), "labels": plain(labels), "loss": float(loss),
        "gradients": result(gradients), "losses": {},
    }  # fmt: skip
    for name in ("SGD", "Adam", "RMSprop"):
        network.set_weights(weights)
        optimizer = getattr(tf.keras.optimizers, name)(0.01)
        losses = []
        for _ in range(6):
            with tf.GradientTape() as tape:
                loss = compute(labels, network(batch, training=True))
            gradients = tape.gradient(loss, network.trainable_variables)
            optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
            losses.append(float(loss))
        found["losses"][name] = losses
    model = WithTape()
    model.build((None, 3))
    start = [floats(*w.shape) for w in model.get_weights()]
    model.set_weights(start)
    model.compile(tf.keras.optimizers.Adam(0.05), "mse", metrics=["mae"])
    data, target = floats(16, 3), floats(16, 1)
    history = model.fit(data, target, batch_size=4, epochs=3, shuffle=False, verbose=0).history
    found["train_step"] = {"weights": plain(start), "x": plain(data), "y": plain(target), "history": history}
    point = tf.constant(floats(3))
    with tf.GradientTape() as outer:
        outer.watch(point)
        with tf.GradientTape() as inner:
            inner.watch(point)
            value = tf.reduce_sum(point**3 * point[::-1])
        slope = inner.gradient(value, point)
    found["hessian"] = {"point": result(point), "slope": result(slope), "matrix": result(outer.jacobian(slope, point))}
    rows = tf.constant(floats(2, 3))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        value = tf.sin(rows) * tf.reduce_sum(rows, 1, keepdims=True)
    found["batch_jacobian"] = {"rows": result(rows), "result": result(tape.batch_jacobian(value, rows))}
    return found


if __name__ == "__main__":
    cases = []
    for name, args, kwargs in CASES:
        try:
            # Some functions of images ask arrays for methods of tensors.
            given = tf.nest.map_structure(tensor, (args, kwargs)) if name.startswith("image.") else (args, kwargs)
            found = result(function(name)(*given[0], **given[1]))
        except Exception as error:
            raise RuntimeError(f"{name} {args} {kwargs}") from error
        row = [name, plain(args), {key: plain(value) for key, value in kwargs.items()}, found]
        cases.append(json.dumps(row, separators=(",", ":")))
    folder = Path(__file__).parents[2] / "tests" / "golden"
    text = ",\n".join(cases)
    rest = json.dumps(training(), separators=(",", ":"))
    (folder / "tensorflow_215.json").write_text(f'{{"cases": [\n{text}\n],\n"training": {rest}}}\n')
