"""Which applications are recorded and with what; weights and images made from numbers alone, for both sides.

Names no Keras, so that both sides import it.
"""

from __future__ import annotations

import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import numpy as np

FAMILIES = {
    "vgg16": ["VGG16"],
    "vgg19": ["VGG19"],
    "resnet": ["ResNet50", "ResNet101", "ResNet152"],
    "resnet_v2": ["ResNet50V2", "ResNet101V2", "ResNet152V2"],
    "xception": ["Xception"],
    "inception_v3": ["InceptionV3"],
    "inception_resnet_v2": ["InceptionResNetV2"],
    "mobilenet": ["MobileNet"],
    "mobilenet_v2": ["MobileNetV2"],
    "mobilenet_v3": ["MobileNetV3Small", "MobileNetV3Large"],
    "densenet": ["DenseNet121", "DenseNet169", "DenseNet201"],
    "nasnet": ["NASNetMobile", "NASNetLarge"],
    "efficientnet": [f"EfficientNetB{number}" for number in range(8)],
    "efficientnet_v2": [f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")],
    "convnext": [f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")],
    "regnet": [
        f"RegNet{kind}{size}"
        for kind in "XY"
        for size in ("002", "004", "006", "008", "016", "032", "040", "064", "080", "120", "160", "320")
    ],
    "resnet_rs": [f"ResNetRS{depth}" for depth in (50, 101, 152, 200, 270, 350, 420)],
}
# Arguments that change the architecture, each listed beside the default.
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("MobileNet", {"alpha": 0.25, "depth_multiplier": 2, "input_shape": [128, 128, 3], "dropout": 0.2}),
    ("MobileNetV2", {"alpha": 0.35}),
    ("MobileNetV2", {"alpha": 1.4}),
    ("MobileNetV3Small", {"minimalistic": True, "alpha": 0.75}),
    ("MobileNetV3Large", {"minimalistic": True, "dropout_rate": 0.0}),
    ("MobileNetV3Small", {"include_preprocessing": False, "alpha": 1.3}),
    ("EfficientNetV2B0", {"include_preprocessing": False}),
    ("ConvNeXtTiny", {"include_preprocessing": False}),
    ("ResNetRS50", {"include_preprocessing": False}),
]
# The last layers of the first model of these families, by arguments.
TAILS: list[dict[str, Any]] = [{"include_top": False, "pooling": "avg"}, {"include_top": False, "pooling": "max"}]
TAILED = ("VGG16", "ResNet50", "Xception", "MobileNet", "MobileNetV2", "MobileNetV3Small", "DenseNet121")
TAILED += ("EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny", "RegNetX002", "ResNetRS50", "InceptionV3")
TAIL_LENGTH = 4

# Module, name and arguments of the applications of Keras 2.2.4.
CLASSIC: list[tuple[str, str, dict[str, Any]]] = [
    ("vgg16", "VGG16", {}),
    ("vgg19", "VGG19", {}),
    ("resnet50", "ResNet50", {}),
    ("resnet50", "ResNet50", {"include_top": False, "pooling": "avg"}),
    ("xception", "Xception", {}),
    ("inception_v3", "InceptionV3", {}),
    ("inception_resnet_v2", "InceptionResNetV2", {}),
    ("mobilenet", "MobileNet", {}),
    ("mobilenet", "MobileNet", {"include_top": False, "pooling": "max"}),
    ("mobilenet_v2", "MobileNetV2", {}),
    ("mobilenet_v2", "MobileNetV2", {"alpha": 0.35, "include_top": False}),
    ("densenet", "DenseNet121", {}),
    ("nasnet", "NASNetMobile", {}),
]

# Name, size of the images, range of their values, scale of the variances (such that what is seen of the image neither
# fades nor explodes), other arguments. The first eight are the quick ones.
PREDICTIONS: list[tuple[str, int, tuple[int, int], float, dict[str, Any]]] = [
    ("MobileNet", 32, (-1, 1), 0.5, {"alpha": 0.25}),
    ("MobileNetV2", 32, (-1, 1), 1, {"alpha": 0.35}),
    ("MobileNetV3Small", 32, (0, 255), 0.5, {}),
    ("DenseNet121", 32, (-1, 1), 1, {}),
    ("NASNetMobile", 32, (-1, 1), 1, {}),
    ("EfficientNetB0", 32, (0, 255), 0.5, {}),
    ("EfficientNetV2B0", 32, (0, 255), 1, {}),
    ("RegNetY002", 32, (0, 255), 1, {}),
    ("ResNet50", 32, (-1, 1), 1, {}),
    ("ResNet50V2", 32, (-1, 1), 1, {}),
    ("Xception", 71, (-1, 1), 1, {}),
    ("InceptionV3", 75, (-1, 1), 1, {}),
    ("InceptionResNetV2", 75, (-1, 1), 1, {}),
    ("MobileNetV3Large", 32, (0, 255), 1, {"minimalistic": True}),
    ("ConvNeXtTiny", 32, (0, 255), 1, {}),
    ("RegNetX002", 32, (0, 255), 1, {}),
    ("ResNetRS50", 32, (0, 255), 1, {}),
]
PREDICTED_CLASSES = 10

# Settings of layers that are recorded where they differ from what most have.
SETTINGS = {
    "activation": "linear",
    "axis": None,
    "center": True,
    "cropping": None,
    "depth_multiplier": 1,
    "drop_path_rate": None,
    "epsilon": None,
    "groups": 1,
    "init_values": None,
    "keepdims": False,
    "kernel_initializer": None,
    "depthwise_initializer": None,
    "kernel_size": None,
    "max_value": None,
    "mean": None,
    "momentum": None,
    "noise_shape": None,
    "offset": None,
    "padding": None,
    "pool_size": None,
    "projection_dim": None,
    "rate": None,
    "scale": None,
    "strides": None,
    "target_shape": None,
    "use_bias": True,
    "variance": None,
}


def image(size: int, values: tuple[int, int]) -> np.ndarray:
    """Two images of values in a range: noise, and a coloured slope."""
    low, high = values
    noise = np.random.RandomState(size).uniform(0, 1, (size, size, 3))
    across, down = np.meshgrid(np.linspace(0, 1, size), np.linspace(1, 0.3, size))
    slope = np.stack([across, down, np.full((size, size), 0.1)], -1)
    return (low + (high - low) * np.stack([noise, slope])).astype("float32")


def weight_value(index: int, name: str, shape: tuple[int, ...], variance: float) -> np.ndarray:
    """The values of the weight of a number and a name."""
    drawn = np.random.RandomState(index).uniform(-1, 1, shape)
    if "variance" in name:
        drawn = (1 + 0.5 * drawn) * variance
    elif "gamma" in name:
        drawn = 0.8 + 0.2 * drawn
    elif "kernel" in name:
        fan_in = np.prod(shape[:2] if "depthwise" in name else shape[:-1])
        drawn = drawn * np.sqrt(6 / fan_in)
    else:
        drawn = 0.1 * drawn
    return drawn.astype("float32")


def read(path: Path) -> Any:
    """What a `.json.gz` or `.json.xz` file holds."""
    packed = path.read_bytes()
    return json.loads(lzma.decompress(packed) if path.suffix == ".xz" else gzip.decompress(packed))


def write(path: Path, value: Any) -> None:
    """Write a file that depends on nothing but the value; `.json.xz` finds what networks far apart have in common."""
    text = json.dumps(value, separators=(",", ":")).encode()
    most = 9 | lzma.PRESET_EXTREME
    packed = lzma.compress(text, preset=most) if path.suffix == ".xz" else gzip.compress(text, 9, mtime=0)
    path.write_bytes(packed)
