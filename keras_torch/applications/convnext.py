"""ConvNeXt (Liu et al. 2022)."""

from __future__ import annotations

from typing import Any

from keras_torch import layers
from keras_torch.applications.building import Request, application, channels_last
from keras_torch.applications.imagenet_utils import decode_predictions, preprocessing, validate_activation
from keras_torch.applications.weight_files import GOOGLE, WeightFiles, pairs
from keras_torch.layers.residual import LayerScale, StochasticDepth
from keras_torch.models import Model, Sequential
from keras_torch.symbolic import KerasTensor

__all__ = [
    *(f"ConvNeXt{size}" for size in ("Base", "Large", "Small", "Tiny", "XLarge")),
    "LayerScale",
    "StochasticDepth",
    "decode_predictions",
    "preprocess_input",
]

preprocess_input = preprocessing(None)

_HASHES = {
    "convnext_tiny": (
        "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    "convnext_small": (
        "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    "convnext_base": (
        "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    "convnext_large": (
        "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    "convnext_xlarge": (
        "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
}
_FILES = WeightFiles(GOOGLE + "convnext/", pairs(_HASHES, (".h5", "_notop.h5")))
_MEANS = [0.485 * 255, 0.456 * 255, 0.406 * 255]
_VARIANCES = [(0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2]


def _norm(name: str | None = None) -> Any:
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def _block(x: Any, filters: int, name: str) -> KerasTensor:
    shortcut = x
    x = layers.Conv2D(filters, 7, padding="same", groups=filters, name=name + "_depthwise_conv")(x)
    x = _norm(name + "_layernorm")(x)
    x = layers.Dense(4 * filters, name=name + "_pointwise_conv_1")(x)
    x = layers.Activation("gelu", name=name + "_gelu")(x)
    x = layers.Dense(filters, name=name + "_pointwise_conv_2")(x)
    x = LayerScale(1e-6, filters, name=name + "_layer_scale")(x)
    x = layers.Activation("linear", name=name + "_identity")(x)
    return shortcut + x


@channels_last
def _convnext(request: Request, default_name: str, depths: tuple[int, ...], widths: tuple[int, ...]) -> Model:
    name = request.name or default_name
    x = image = request.start(default_size=224)
    if request["include_preprocessing"] and request.input_shape[request.channel_axis - 1] == 3:
        normalization = layers.Normalization(
            mean=_MEANS, variance=_VARIANCES, axis=request.channel_axis, name=name + "_prestem_normalization"
        )
        x = normalization(x)
    stem = [layers.Conv2D(widths[0], 4, strides=4, name=name + "_stem_conv"), _norm(name + "_stem_layernorm")]
    downsampling = [Sequential(stem, name=name + "_stem")]
    for number, filters in enumerate(widths[1:]):
        conv = layers.Conv2D(filters, 2, strides=2, name=f"{name}_downsampling_conv_{number}")
        norm = _norm(f"{name}_downsampling_layernorm_{number}")
        downsampling.append(Sequential([norm, conv], name=f"{name}_downsampling_block_{number}"))
    for stage, (depth, filters) in enumerate(zip(depths, widths, strict=True)):
        x = downsampling[stage](x)
        for number in range(depth):
            x = _block(x, filters, f"{name}_stage_{stage}_block_{number}")
    if request.include_top:
        validate_activation(request.classifier_activation, request.weights)
        x = layers.GlobalAveragePooling2D(name=name + "_head_gap")(x)
        x = _norm(name + "_head_layernorm")(x)
        x = request.classifier(x, name=name + "_head_dense")
    else:
        x = _norm()(request.pooled(x, (None, None)))
    file = default_name + (".h5" if request.include_top else "_notop.h5")
    return request.model(image, x, name, _FILES, file)


def _application(size: str, depths: tuple[int, ...], width: int) -> Any:
    return application(
        f"ConvNeXt{size}",
        _convnext,
        *(f"convnext_{size.lower()}", depths, (width, 2 * width, 4 * width, 8 * width)),
        order=(
            *("include_top", "include_preprocessing", "weights", "input_tensor", "input_shape", "pooling", "classes"),
            "classifier_activation",
        ),
        paper="https://arxiv.org/abs/2201.03545",
        more="The image has values of 0...255, or with `include_preprocessing=False` those of ImageNet normalized.",
    )


ConvNeXtTiny = _application("Tiny", (3, 3, 9, 3), 96)
ConvNeXtSmall = _application("Small", (3, 3, 27, 3), 96)
ConvNeXtBase = _application("Base", (3, 3, 27, 3), 128)
ConvNeXtLarge = _application("Large", (3, 3, 27, 3), 192)
ConvNeXtXLarge = _application("XLarge", (3, 3, 27, 3), 256)
