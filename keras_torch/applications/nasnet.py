"""NASNet-A, mobile and large: cells that a search found (Zoph et al. 2017)."""

from __future__ import annotations

from typing import NamedTuple

from keras_torch import layers
from keras_torch.applications.building import STANDARD, Request, application, channels_last
from keras_torch.applications.imagenet_utils import correct_pad, decode_predictions, preprocessing
from keras_torch.applications.weight_files import GOOGLE, WeightFiles
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")

# The files have other names here than on the web.
_FILES = {
    "nasnet_mobile": ("NASNet-mobile", "020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
    "nasnet_large": ("NASNet-large", "11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
}


class _Variant(NamedTuple):
    file: str
    size: int
    filters: int
    blocks: int
    stem_filters: int
    skips_reduction: bool


def _bn(x: KerasTensor, name: str) -> KerasTensor:
    return layers.BatchNormalization(axis=-1, momentum=0.9997, epsilon=1e-3, name=name)(x)


def _conv(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    conv = layers.Conv2D(filters, 1, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)
    return conv(x)


def _separable(x: KerasTensor, filters: int, size: int, name: str, stride: int = 1) -> KerasTensor:
    x = layers.Activation("relu")(x)
    padding = "same"
    if stride == 2:
        x = layers.ZeroPadding2D(correct_pad(x, size), name=f"separable_conv_1_pad_{name}")(x)
        padding = "valid"
    x = layers.SeparableConv2D(
        filters, size, strides=stride, padding=padding, use_bias=False, name=f"separable_conv_1_{name}"
    )(x)
    x = layers.Activation("relu")(_bn(x, f"separable_conv_1_bn_{name}"))
    x = layers.SeparableConv2D(filters, size, padding="same", use_bias=False, name=f"separable_conv_2_{name}")(x)
    return _bn(x, f"separable_conv_2_bn_{name}")


def _adjusted(previous: KerasTensor | None, x: KerasTensor, filters: int, name: str) -> KerasTensor:
    """The output of the cell before the last, with the size and the filters of this cell."""
    if previous is None:
        return x
    if previous.shape[-2] != x.shape[-2]:
        p = layers.Activation("relu", name=f"adjust_relu_1_{name}")(previous)
        halves = []
        for number in (1, 2):
            half = p
            if number == 2:
                half = layers.ZeroPadding2D(((0, 1), (0, 1)))(half)
                half = layers.Cropping2D(((1, 0), (1, 0)))(half)
            half = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{number}_{name}")(half)
            halves.append(_conv(half, filters // 2, f"adjust_conv_{number}_{name}"))
        return _bn(layers.concatenate(halves, axis=-1), f"adjust_bn_{name}")
    if previous.shape[-1] != filters:
        p = _conv(layers.Activation("relu")(previous), filters, f"adjust_conv_projection_{name}")
        return _bn(p, f"adjust_bn_{name}")
    return previous


def _normal(x: KerasTensor, previous: KerasTensor, filters: int, name: str) -> KerasTensor:
    p = _adjusted(previous, x, filters, name)
    h = _conv(layers.Activation("relu")(x), filters, f"normal_conv_1_{name}")
    h = _bn(h, f"normal_bn_1_{name}")

    def pooled(source: KerasTensor, side: str) -> KerasTensor:
        return layers.AveragePooling2D(3, strides=1, padding="same", name=f"normal_{side}_{name}")(source)

    def separable(source: KerasTensor, size: int, side: str) -> KerasTensor:
        return _separable(source, filters, size, f"normal_{side}_{name}")

    x1 = [separable(h, 5, "left1"), separable(p, 3, "right1")]
    sums = [p, layers.add(x1, name=f"normal_add_1_{name}")]
    x2 = [separable(p, 5, "left2"), separable(p, 3, "right2")]
    sums.append(layers.add(x2, name=f"normal_add_2_{name}"))
    sums.append(layers.add([pooled(h, "left3"), p], name=f"normal_add_3_{name}"))
    sums.append(layers.add([pooled(p, "left4"), pooled(p, "right4")], name=f"normal_add_4_{name}"))
    sums.append(layers.add([separable(h, 3, "left5"), h], name=f"normal_add_5_{name}"))
    return layers.concatenate(sums, axis=-1, name=f"normal_concat_{name}")


def _reduction(x: KerasTensor, previous: KerasTensor | None, filters: int, name: str) -> KerasTensor:
    p = _adjusted(previous, x, filters, name)
    h = _conv(layers.Activation("relu")(x), filters, f"reduction_conv_1_{name}")
    h = _bn(h, f"reduction_bn_1_{name}")
    h3 = layers.ZeroPadding2D(correct_pad(h, 3), name=f"reduction_pad_1_{name}")(h)

    def separable(source: KerasTensor, size: int, side: str) -> KerasTensor:
        return _separable(source, filters, size, f"reduction_{side}_{name}", stride=2)

    x1_parts = [separable(h, 5, "left1"), separable(p, 7, "right1")]
    x1 = layers.add(x1_parts, name=f"reduction_add_1_{name}")
    x2_pool = layers.MaxPooling2D(3, strides=2, name=f"reduction_left2_{name}")(h3)
    x2 = layers.add([x2_pool, separable(p, 7, "right2")], name=f"reduction_add_2_{name}")
    x3_pool = layers.AveragePooling2D(3, strides=2, name=f"reduction_left3_{name}")(h3)
    x3 = layers.add([x3_pool, separable(p, 5, "right3")], name=f"reduction_add3_{name}")
    x4_pool = layers.AveragePooling2D(3, strides=1, padding="same", name=f"reduction_left4_{name}")(x1)
    x4 = layers.add([x2, x4_pool])
    x5_left = _separable(x1, filters, 3, f"reduction_left4_{name}")
    x5_pool = layers.MaxPooling2D(3, strides=2, name=f"reduction_right5_{name}")(h3)
    x5 = layers.add([x5_left, x5_pool], name=f"reduction_add4_{name}")
    return layers.concatenate([x2, x3, x4, x5], axis=-1, name=f"reduction_concat_{name}")


@channels_last
def _nasnet(request: Request, variant: _Variant) -> Model:
    if request.is_pretrained and request.input_shape is not None and None in request.input_shape:
        raise ValueError(
            f"{request.title}: with weights='imagenet', `input_shape` must have no None. "
            f"Received: input_shape={request.input_shape}"
        )
    image = request.start(default_size=variant.size)
    x = layers.Conv2D(
        variant.stem_filters, 3, strides=2, use_bias=False, name="stem_conv1", kernel_initializer="he_normal"
    )(image)
    x = _bn(x, "stem_bn1")
    filters = variant.filters
    stem = x
    x, previous = _reduction(stem, None, filters // 4, "stem_1"), stem
    x, previous = _reduction(x, previous, filters // 2, "stem_2"), x
    for stage in range(3):
        if stage:
            filters *= 2
            before, reduced = x, _reduction(x, previous, filters, f"reduce_{stage * variant.blocks}")
            x = reduced
            previous = previous if variant.skips_reduction else before
        for number in range(variant.blocks):
            # The number of a reduction is taken once more by nothing, so that each stage starts one later.
            name = str(stage * variant.blocks + number + (stage > 0))
            x, previous = _normal(x, previous, filters, name), x
    x = request.top(layers.Activation("relu")(x), (None, None))
    return _finish(request, image, x, variant)


def _finish(request: Request, image: KerasTensor, x: KerasTensor, variant: _Variant) -> Model:
    on_the_web, with_top, without = _FILES[variant.file]
    file = variant.file + (".h5" if request.include_top else "_no_top.h5")
    url = f"{GOOGLE}nasnet/{on_the_web}{'' if request.include_top else '-no-top'}.h5"
    files = WeightFiles("", {file: with_top if request.include_top else without}, url)
    return request.model(image, x, "NASNet", files, file)


_ORDER = ("input_shape", *(key for key in STANDARD if key != "input_shape"))
_PAPER = "https://arxiv.org/abs/1707.07012"
NASNetMobile = application(
    "NASNetMobile", _nasnet, _Variant("nasnet_mobile", 224, 44, 4, 32, False), order=_ORDER, paper=_PAPER
)
NASNetLarge = application(
    "NASNetLarge", _nasnet, _Variant("nasnet_large", 331, 168, 6, 96, True), order=_ORDER, paper=_PAPER
)
