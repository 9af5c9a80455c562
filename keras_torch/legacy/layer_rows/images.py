"""Rows of the layers that prepare images. Facts: the signatures of Keras 2.15 and 3.15."""

from __future__ import annotations

import numbers
from typing import Any

from keras_torch import config
from keras_torch.legacy.rows import Row

# tf.keras knew no other format of images here, whatever `image_data_format` says.
_DATA_FORMAT = {"tf": {"data_format": "channels_last"}}
_LAST = Row(defaults=_DATA_FORMAT)


def _both_ways(bound: dict[str, Any]) -> None:
    """One number lowered and raised the contrast in tf.keras; today it only raises it."""
    factor = bound.get("factor")
    if config.dialect() == "tf" and isinstance(factor, numbers.Real):
        bound["factor"] = (factor, factor)


LAYERS: dict[str, Row] = {
    "Resizing": _LAST,
    "CenterCrop": _LAST,
    "RandomCrop": _LAST,
    "RandomFlip": _LAST,
    "RandomRotation": _LAST,
    "RandomTranslation": _LAST,
    "RandomZoom": _LAST,
    "RandomContrast": Row(orders={"tf": ("factor", "seed")}, defaults=_DATA_FORMAT, prepare=_both_ways),
}
