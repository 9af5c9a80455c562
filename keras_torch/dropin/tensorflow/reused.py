"""TensorFlow's functions that files of tf.keras hold too, and that are written there, under their paths."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from keras_torch.dropin.tensorflow.adapt import adapted
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.models.operations.tensorflow_table import FUNCTIONS

_FAMILIES = {
    "": """
        abs accumulate_n acos acosh add add_n angle argmax argmin argsort asin asinh atan atan2 atanh broadcast_to ceil
        cholesky clip_by_norm clip_by_value conj cos cosh cross cumprod cumsum depth_to_space div div_no_nan einsum
        equal erf erfc exp expm1 floor floor_div floordiv floormod greater greater_equal imag is_finite is_inf
        is_nan less less_equal linspace log log1p log_sigmoid logical_and logical_not logical_or logical_xor
        matrix_transpose maximum meshgrid minimum mod multiply negative norm not_equal one_hot ones_like pow real
        reciprocal reduce_all reduce_any reduce_logsumexp reduce_max reduce_min repeat reverse rint roll round rsqrt
        saturate_cast searchsorted segment_max segment_min segment_prod segment_sum sequence_mask sigmoid sign sin sinh
        sort space_to_depth sqrt square squared_difference stop_gradient strided_slice subtract tan tanh tensordot
        trace unsorted_segment_max unsorted_segment_min unsorted_segment_prod unsorted_segment_sum zeros_like
    """,
    "math": """
        abs accumulate_n acos acosh add add_n angle argmax argmin asin asinh atan atan2 atanh bessel_i0 ceil conj cos
        cosh cumprod cumsum divide_no_nan equal erf erfc erfinv exp expm1 floor floordiv floormod greater greater_equal
        imag in_top_k is_finite is_inf is_nan l2_normalize less less_equal log log1p log_sigmoid log_softmax logical_and
        logical_not logical_or logical_xor maximum minimum mod multiply multiply_no_nan negative nextafter not_equal pow
        real reciprocal reduce_all reduce_any reduce_euclidean_norm reduce_logsumexp reduce_max reduce_min reduce_std
        reduce_variance rint round rsqrt segment_max segment_min segment_prod segment_sum sigmoid sign sin sinh softmax
        softplus softsign sqrt square squared_difference subtract tan tanh top_k unsorted_segment_max
        unsorted_segment_min unsorted_segment_prod unsorted_segment_sum xdivy xlogy
    """,
    "nn": """
        avg_pool avg_pool1d avg_pool2d avg_pool3d batch_normalization bias_add conv1d conv2d conv2d_transpose conv3d
        conv3d_transpose convolution crelu depth_to_space depthwise_conv2d elu embedding_lookup gelu in_top_k l2_loss
        l2_normalize leaky_relu log_softmax max_pool max_pool1d max_pool2d max_pool3d moments relu relu6 selu
        separable_conv2d sigmoid sigmoid_cross_entropy_with_logits silu softmax softmax_cross_entropy_with_logits
        softmax_cross_entropy_with_logits_v2 softplus softsign space_to_depth sparse_softmax_cross_entropy_with_logits
        swish tanh top_k
    """,
    "linalg": """
        band_part cholesky cross det diag diag_part einsum inv l2_normalize logdet matmul matrix_transpose matvec
        norm tensordot trace
    """,
    "image": """
        adjust_brightness adjust_contrast adjust_gamma central_crop crop_to_bounding_box extract_patches flip_left_right
        flip_up_down grayscale_to_rgb hsv_to_rgb pad_to_bounding_box per_image_standardization resize resize_images
        resize_with_crop_or_pad resize_with_pad rgb_to_grayscale rgb_to_hsv rot90 transpose
    """,
    "dtypes": "saturate_cast",
}


def _of_image(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of images that takes lists and arrays, too."""
    first = next(iter(inspect.signature(function).parameters))

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if args:
            args = (convert_to_tensor(args[0]), *args[1:])
        elif first in kwargs:
            kwargs = {**kwargs, first: convert_to_tensor(kwargs[first])}
        return function(*args, **kwargs)

    return call


def _table() -> dict[str, Any]:
    found = {}
    for family, names in _FAMILIES.items():
        for name in names.split():
            key = f"image.{name}" if family == "image" else name
            path = f"{family}.{name}" if family else name
            function = _of_image(FUNCTIONS[key]) if family == "image" else FUNCTIONS[key]
            found[path] = adapted(function, (path,))
    return found


NAMES = _table()
