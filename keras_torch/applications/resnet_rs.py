"""ResNet-RS: ResNets with a better recipe (Bello et al. 2021)."""

from __future__ import annotations

from typing import Any

from keras_torch import backend, layers
from keras_torch.applications.building import Request, application
from keras_torch.applications.efficientnet import init
from keras_torch.applications.imagenet_utils import decode_predictions, preprocessing
from keras_torch.applications.weight_files import GOOGLE, WeightFiles
from keras_torch.models import Model
from keras_torch.symbolic import KerasTensor

_DEPTHS = (50, 101, 152, 200, 270, 350, 420)
__all__ = [*(f"ResNetRS{depth}" for depth in _DEPTHS), "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing(None)

_HASHES: dict[str, str | None] = {
    "resnet-rs-50-i160.h5": "69d9d925319f00a8bdd4af23c04e4102",
    "resnet-rs-50-i160_notop.h5": "90daa68cd26c95aa6c5d25451e095529",
    "resnet-rs-101-i160.h5": "544b3434d00efc199d66e9058c7f3379",
    "resnet-rs-101-i160_notop.h5": "82d5b90c5ce9d710da639d6216d0f979",
    "resnet-rs-101-i192.h5": "eb285be29ab42cf4835ff20a5e3b5d23",
    "resnet-rs-101-i192_notop.h5": "f9a0f6b85faa9c3db2b6e233c4eebb5b",
    "resnet-rs-152-i192.h5": "8d72a301ed8a6f11a47c4ced4396e338",
    "resnet-rs-152-i192_notop.h5": "5fbf7ac2155cb4d5a6180ee9e3aa8704",
    "resnet-rs-152-i224.h5": "31a46a92ab21b84193d0d71dd8c3d03b",
    "resnet-rs-152-i224_notop.h5": "dc8b2cba2005552eafa3167f00dc2133",
    "resnet-rs-152-i256.h5": "ba6271b99bdeb4e7a9b15c05964ef4ad",
    "resnet-rs-152-i256_notop.h5": "fa79794252dbe47c89130f65349d654a",
    "resnet-rs-200-i256.h5": "a76930b741884e09ce90fa7450747d5f",
    "resnet-rs-200-i256_notop.h5": "bbdb3994718dfc0d1cd45d7eff3f3d9c",
    "resnet-rs-270-i256.h5": "20d575825ba26176b03cb51012a367a8",
    "resnet-rs-270-i256_notop.h5": "2c42ecb22e35f3e23d2f70babce0a2aa",
    "resnet-rs-350-i256.h5": "f4a039dc3c421321b7fc240494574a68",
    "resnet-rs-350-i256_notop.h5": "6e44b55025bbdff8f51692a023143d66",
    "resnet-rs-350-i320.h5": "7ccb858cc738305e8ceb3c0140bee393",
    "resnet-rs-350-i320_notop.h5": "ab0c1f9079d2f85a9facbd2c88aa6079",
    "resnet-rs-420-i320.h5": "ae0eb9bed39e64fc8d7e0db4018dc7e8",
    "resnet-rs-420-i320_notop.h5": "fe6217c32be8305b1889657172b98884",
}
_FILES = WeightFiles(GOOGLE + "resnet_rs/", _HASHES)
# Depth -> blocks of the four stages, dropout before the classifier, last rate of dropped blocks.
_VARIANTS: dict[int, tuple[tuple[int, ...], float, float]] = {
    50: ((3, 4, 6, 3), 0.25, 0.0),
    101: ((3, 4, 23, 3), 0.25, 0.0),
    152: ((3, 8, 36, 3), 0.25, 0.0),
    200: ((3, 24, 36, 3), 0.25, 0.1),
    270: ((4, 29, 53, 4), 0.25, 0.1),
    350: ((4, 36, 72, 4), 0.4, 0.1),
    420: ((4, 44, 87, 4), 0.4, 0.1),
}


def _conv(x: KerasTensor, filters: int, size: int, stride: int, name: str) -> KerasTensor:
    if stride > 1:
        x = layers.ZeroPadding2D(((size - 1) // 2, size // 2))(x)
    padding = "same" if stride == 1 else "valid"
    conv = layers.Conv2D(
        filters, size, strides=stride, padding=padding, use_bias=False, kernel_initializer=init(), name=name
    )
    return conv(x)


def _bn(x: KerasTensor, name: str, activation: str | None = None) -> KerasTensor:
    x = layers.BatchNormalization(axis=Request.axis(), momentum=0.0, epsilon=1e-5, name=name)(x)
    return x if activation is None else layers.Activation("relu", name=activation)(x)


def _squeezed(x: KerasTensor, filters: int, name: str) -> KerasTensor:
    channels = x.shape[Request.axis()]
    factors = layers.GlobalAveragePooling2D(name=name + "_se_squeeze")(x)
    shape = (channels, 1, 1) if Request.axis() == 1 else (1, 1, channels)
    factors = layers.Reshape(shape, name=name + "_se_reshape")(factors)
    for count, activation, part in ((filters, "relu", "_se_reduce"), (channels, "sigmoid", "_se_expand")):
        conv = layers.Conv2D(
            count, 1, padding="same", activation=activation, kernel_initializer=init(), name=name + part
        )
        factors = conv(factors)
    return layers.multiply([x, factors], name=name + "_se_excite")


def _block(x: KerasTensor, filters: int, stride: int, is_first: bool, rate: float, name: str) -> KerasTensor:
    shortcut = x
    if is_first:
        if stride == 2:
            pooling = layers.AveragePooling2D(2, strides=2, padding="same", name=name + "_projection_pooling")
            shortcut = pooling(x)
        shortcut = _conv(shortcut, 4 * filters, 1, 1, name + "_projection_conv")
        shortcut = _bn(shortcut, name + "_projection_batch_norm")
    x = _conv(x, filters, 1, 1, name + "_conv_1")
    x = _bn(x, name + "batch_norm_1", name + "_act_1")
    x = _conv(x, filters, 3, stride, name + "_conv_2")
    x = _bn(x, name + "_batch_norm_2", name + "_act_2")
    x = _bn(_conv(x, 4 * filters, 1, 1, name + "_conv_3"), name + "_batch_norm_3")
    x = _squeezed(x, filters, name + "_se")
    if rate:
        x = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=name + "_drop")(x)
    return layers.Activation("relu", name=name + "_output_act")(layers.Add()([x, shortcut]))


def _preprocessed(request: Request, x: KerasTensor) -> KerasTensor:
    x = layers.Rescaling(scale=1.0 / 255)(x)
    if request.input_shape[request.channel_axis - 1] != 3:
        return x
    mean, variance = [0.485, 0.456, 0.406], [0.229**2, 0.224**2, 0.225**2]
    return layers.Normalization(mean=mean, variance=variance, axis=request.channel_axis)(x)


def _resnet_rs(request: Request, depth: int) -> Model:
    depths, dropout, drop_connect = _VARIANTS[depth]
    request.variants = tuple(f"imagenet-i{size}" for size in _sizes(depth))
    if request.weights == "imagenet":
        request.weights = request.variants[-1]
    x = image = request.start(default_size=224)
    if request["include_preprocessing"]:
        x = _preprocessed(request, x)
    stem = f"stem_{backend.get_uid('stem_')}_stem_"
    for number, (filters, stride) in enumerate(((32, 2), (32, 1), (64, 1), (64, 2)), 1):
        x = _conv(x, filters, 3, stride, f"{stem}conv_{number}")
        x = _bn(x, f"{stem}batch_norm_{number}", f"{stem}act_{number}")
    for stage, repeats in enumerate(depths, 2):
        rate = drop_connect * stage / (len(depths) + 1)
        for number in range(repeats):
            stride = 2 if number == 0 and stage > 2 else 1
            name = f"BlockGroup{stage}__block_{number}_"
            x = _block(x, 2 ** (stage + 4), stride, number == 0, rate, name)
    if request.include_top:
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(dropout, name="top_dropout")(x)
        x = request.classifier(x)
    else:
        x = request.pooled(x)
    size = str(request.weights).rpartition("-")[2] if request.is_pretrained else ""
    file = f"resnet-rs-{depth}-{size}{'' if request.include_top else '_notop'}.h5"
    return request.model(image, x, f"resnet-rs-{depth}", _FILES, file)


def _sizes(depth: int) -> list[int]:
    """The sizes of the images for which there are files."""
    prefix = f"resnet-rs-{depth}-i"
    return sorted(int(name[len(prefix) : -3]) for name in _HASHES if name.startswith(prefix) and "notop" not in name)


def _application(depth: int) -> Any:
    return application(
        f"ResNetRS{depth}",
        _resnet_rs,
        depth,
        order=(
            *("include_top", "weights", "classes", "input_shape", "input_tensor", "pooling", "classifier_activation"),
            "include_preprocessing",
        ),
        paper="https://arxiv.org/abs/2103.07579",
        more="The image has values of 0...255, or with `include_preprocessing=False` those of ImageNet normalized.\n"
        f'    There are weights for images of {_sizes(depth)}, as in `weights="imagenet-i{_sizes(depth)[0]}"`.',
    )


ResNetRS50 = _application(50)
ResNetRS101 = _application(101)
ResNetRS152 = _application(152)
ResNetRS200 = _application(200)
ResNetRS270 = _application(270)
ResNetRS350 = _application(350)
ResNetRS420 = _application(420)
