"""Layers that change the size or the range of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case

TF, KERAS_3 = ("2.15",), ("3.15",)
IMAGES = [(2, 7, 5, 3)]
BYTES = np.random.RandomState(3).randint(0, 256, (2, 6, 5, 3)).astype("uint8")
WIDE = [(2, 4, 9, 2)]


def _resizing(size: tuple[int, int], images: list[Any] = IMAGES, keras: Any = None, **arguments: Any) -> Case:
    options = {} if keras is None else {"keras": keras}
    return Case("Resizing", {"height": size[0], "width": size[1], **arguments}, images, open_axes=True, **options)


_RESIZED = {
    **{
        f"resize-{name}-{direction}": _resizing(size, interpolation=name)
        for name in ("bilinear", "nearest")
        for direction, size in (("up", (9, 11)), ("down", (4, 3)))
    },
    "resize-same": _resizing((7, 5)),
    "resize-crop": _resizing((4, 4), WIDE, crop_to_aspect_ratio=True),
    "resize-crop-up": _resizing((11, 6), WIDE, crop_to_aspect_ratio=True),
}
# Keras 3 only, and its bilinear kernel with antialias on torch is TensorFlow's.
_NEW = {
    "resize-antialias": _resizing((4, 3), keras=KERAS_3, antialias=True),
    "resize-cubic-antialias": _resizing((4, 3), keras=KERAS_3, antialias=True, interpolation="bicubic"),
    "resize-pad": _resizing((6, 6), WIDE, KERAS_3, pad_to_aspect_ratio=True, fill_value=0.5),
    "resize-pad-tall": _resizing((9, 4), keras=KERAS_3, pad_to_aspect_ratio=True),
}
_CROPPED = {
    "center": Case("CenterCrop", {"height": 4, "width": 3}, IMAGES, open_axes=True),
    "center-odd": Case("CenterCrop", {"height": 4, "width": 2}, IMAGES),
    "center-all": Case("CenterCrop", {"height": 7, "width": 5}, IMAGES),
    "center-up": Case("CenterCrop", {"height": 8, "width": 3}, IMAGES),
}

CASES: dict[str, Case] = {
    **_RESIZED,
    **{
        f"{name}-first": Case(case.layer, case.arguments | {"data_format": "channels_first"}, images, keras=KERAS_3)
        for table in (_RESIZED, _NEW, _CROPPED)
        for name, case in table.items()
        for images in [[(2, 2, 4, 9) if case.inputs is WIDE else (2, 3, 7, 5)]]
    },
    **_NEW,
    **_CROPPED,
    # Keras 3 on torch has not got these, or for cubic ones torch's own kernel.
    **{
        f"resize-{name}-{direction}": _resizing(size, keras=TF, interpolation=name)
        for name in ("bicubic", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
        for direction, size in (("up", (9, 11)), ("down", (4, 3)))
    },
    # Bytes, as TensorFlow has no gradient for these.
    "resize-area-up": _resizing((9, 11), [BYTES], TF, interpolation="area"),
    "resize-area-down": _resizing((4, 3), [BYTES], TF, interpolation="area"),
    "resize-one": _resizing((4, 3), [(7, 5, 3)]),
    # tf.keras makes bytes floats, Keras 3 rounds.
    "resize-bytes": _resizing((4, 7), [BYTES]),
    "resize-bytes-nearest": _resizing((4, 7), [BYTES], interpolation="nearest"),
    "center-bytes": Case("CenterCrop", {"height": 4, "width": 3}, [BYTES]),
    # Keras 3 leaves the images as they are in inference, against its own `compute_output_shape`.
    "crop-inference": Case("RandomCrop", {"height": 4, "width": 4}, WIDE, call={"training": False}, keras=TF),
    "crop-smaller": Case("RandomCrop", {"height": 5, "width": 4}, WIDE, call={"training": True}, keras=TF),
    "crop-all": Case("RandomCrop", {"height": 4, "width": 9}, WIDE, call={"training": True}),
    "crop-place": Case(
        "RandomCrop",
        {"height": 4, "width": 3},
        IMAGES,
        call={"transformation": (2, 1)},
        method="transform_images",
        keras=KERAS_3,
    ),
    "height": Case("RandomHeight", {"factor": (0.5, 0.5)}, IMAGES, call={"training": True}, keras=TF),
    "height-cubic": Case(
        "RandomHeight", {"factor": (-0.4, -0.4), "interpolation": "bicubic"}, IMAGES, call={"training": True}, keras=TF
    ),
    "height-inference": Case("RandomHeight", {"factor": 0.3}, [BYTES], call={"training": False}, keras=TF),
    "width": Case("RandomWidth", {"factor": (0.5, 0.5)}, IMAGES, call={"training": True}, keras=TF),
    "width-one": Case("RandomWidth", {"factor": (-0.4, -0.4)}, [(7, 5, 3)], call={"training": True}, keras=TF),
    "rescale": Case("Rescaling", {"scale": 1 / 127.5, "offset": -1.0}, [(3, 4)], open_axes=True),
    "rescale-bytes": Case("Rescaling", {"scale": 1 / 255}, [BYTES]),
    "rescale-lists": Case("Rescaling", {"scale": [0.5, 1.0, 2.0], "offset": [0.1, 0.2, 0.3]}, IMAGES),
}
