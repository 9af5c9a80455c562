"""Bounding boxes in images that change, by Keras 3's methods with given transformations."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case

KERAS_3 = ("3.15",)
SHAPE = (2, 8, 6, 3)
BOXES = np.array([[[1, 2, 4, 6], [0, 0, 2, 1]], [[2, 1, 5, 7], [3, 3, 4, 4]]], "float32")
# Inside the image in every format: Keras 3 clips flipped boxes at two of its edges only.
INNER = np.array([[[2, 3, 3, 5], [1, 1, 2, 2]], [[3, 2, 3, 4], [2, 2, 3, 3]]], "float32")
LABELS = np.array([[0, 3], [2, 1]], "int32")
MASKS = np.arange(24, dtype="int32").reshape(2, 4, 3, 1)
CORNERS = np.tile(np.array([[0, 0], [5, 0], [0, 7], [5, 7]], "float32"), (2, 1, 1))
MOVED = CORNERS + np.random.RandomState(4).uniform(-0.9, 0.9, CORNERS.shape).astype("float32")


def _column(*values: float) -> np.ndarray:
    return np.array(values, "float32").reshape(2, -1)


def _boxes(layer: str, transformation: Any, box_format: str = "xyxy", **arguments: Any) -> Case:
    boxes = INNER if layer == "RandomFlip" else BOXES
    call = {"bounding_boxes": {"boxes": boxes, "labels": LABELS}, "transformation": transformation}
    arguments = {"bounding_box_format": box_format, **arguments}
    return Case(layer, arguments, [], call=call, method="transform_bounding_boxes", keras=KERAS_3)


def _masks(layer: str, masks: np.ndarray, call: dict[str, Any], **arguments: Any) -> Case:
    return Case(layer, arguments, [masks], call=call, method="transform_segmentation_masks", keras=KERAS_3)


_FLIPS = {"flips": np.array([True, False]).reshape(2, 1, 1, 1), "input_shape": SHAPE}
_ZOOM = {"height_zoom": _column(0.6, 1.3), "width_zoom": _column(0.8, 1.0), "input_shape": SHAPE}
_SHIFT = {"translations": _column(1.5, -2.0, -1.0, 0.5), "input_shape": SHAPE}
_TURN = {"angle": np.array([20.0, -50.0], "float32"), "image_height": 8, "image_width": 6, "batch_size": 2}
_SHEAR = {"shear_factor": _column(0.2, -0.1, -0.3, 0.2), "input_shape": SHAPE}
_VIEW = {
    "apply_perspective": np.array([True, False]), "start_points": CORNERS, "end_points": MOVED, "input_shape": SHAPE
}  # fmt: skip

CASES: dict[str, Case] = {
    **{
        f"flip-{box_format}": _boxes("RandomFlip", _FLIPS, box_format, mode="horizontal")
        for box_format in ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw")
    },
    "flip-vertical": _boxes("RandomFlip", _FLIPS, mode="vertical"),
    "flip-both": _boxes("RandomFlip", _FLIPS),
    "zoom": _boxes("RandomZoom", _ZOOM, height_factor=0.5),
    "zoom-xywh": _boxes("RandomZoom", _ZOOM, "xywh", height_factor=0.5),
    "translation": _boxes("RandomTranslation", _SHIFT, height_factor=0.5, width_factor=0.5),
    "translation-center": _boxes("RandomTranslation", _SHIFT, "center_xywh", height_factor=0.5, width_factor=0.5),
    # Keras 3 reads and writes no other format of boxes here.
    "rotation": _boxes("RandomRotation", _TURN, factor=0.5),
    "perspective": _boxes("RandomPerspective", _VIEW),
    "shear": _boxes("RandomShear", _SHEAR, x_factor=0.5),
    "resize": _boxes("Resizing", (8, 6), height=4, width=9),
    "resize-pad": _boxes("Resizing", (8, 6), height=4, width=9, pad_to_aspect_ratio=True),
    "resize-crop": _boxes("Resizing", (8, 6), height=4, width=9, crop_to_aspect_ratio=True),
    "resize-crop-tall": _boxes("Resizing", (8, 6), height=10, width=3, crop_to_aspect_ratio=True),
    "center": _boxes("CenterCrop", {"input_shape": SHAPE}, height=5, width=4),
    "center-larger": _boxes("CenterCrop", {"input_shape": SHAPE}, height=9, width=4),
    "max": _boxes("MaxNumBoundingBoxes", None, max_number=3),
    "max-fewer": _boxes("MaxNumBoundingBoxes", None, max_number=1),
    "brightness": _boxes("RandomBrightness", None, factor=0.5),
    "masks-flip": _masks("RandomFlip", MASKS, {"transformation": _FLIPS}),
    "masks-zoom": _masks("RandomZoom", MASKS, {"transformation": _ZOOM}, height_factor=0.5, fill_mode="nearest"),
    "masks-resize": _masks("Resizing", MASKS.astype("uint8"), {}, height=3, width=5),
}
