"""Bounding boxes (Pillow) and the classes of pixels drawn into images (N, height, width, 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_torch import config, ops
from keras_torch.utils.bounding_boxes import convert_format

Colour = tuple[int, int, int]


def as_images(images: Any, data_format: str | None) -> np.ndarray:
    """Return a batch of images as an array with the channels last. ValueError for another rank."""
    found = ops.convert_to_numpy(images)
    if found.ndim != 4:
        raise ValueError(f"`images` must be a batch (N, height, width, channels). Received: shape {found.shape}")
    last = config.standardize_data_format(data_format) == "channels_last"
    return found if last else found.transpose(0, 2, 3, 1)


def draw_bounding_boxes(
    images: Any,
    bounding_boxes: dict[str, Any],
    bounding_box_format: str,
    class_mapping: Mapping[int, str] | None = None,
    color: Colour = (128, 128, 128),
    line_thickness: int = 2,
    text_thickness: int | None = 1,
    font_scale: float = 1.0,
    data_format: str | None = None,
) -> np.ndarray:
    """Return uint8 images with the "boxes" of a dict, those of "labels" -1 left out, and what their classes are called.

    Images of floats up to 1 are stretched to 255; "confidences" stand behind the names. Needs Pillow.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise ImportError("`draw_bounding_boxes` draws with Pillow: `pip install pillow`.") from error
    if not isinstance(bounding_boxes, dict):
        raise TypeError(f"`bounding_boxes` must be a dict. Received: {bounding_boxes!r}")
    if not {"boxes", "labels"} <= bounding_boxes.keys():
        raise ValueError(f"`bounding_boxes` must have the keys 'boxes' and 'labels'. Received: {list(bounding_boxes)}")
    pixels = _bytes(as_images(images, data_format))
    height, width = pixels.shape[1:3]
    known = convert_format(bounding_boxes, bounding_box_format, "xyxy", height, width)
    boxes, labels = (ops.convert_to_numpy(known[key]).astype("int32") for key in ("boxes", "labels"))
    sure = ops.convert_to_numpy(known["confidences"]) if "confidences" in known else None
    font = ImageFont.load_default(max(1, round(12 * font_scale)))
    drawn = []
    for number, image in enumerate(pixels):
        picture = Image.fromarray(image)
        pen = ImageDraw.Draw(picture)
        for place, (box, label) in enumerate(
            zip(boxes[number].tolist(), labels[number].reshape(-1).tolist(), strict=True)
        ):
            if label == -1:
                continue
            pen.rectangle(_ordered(box), outline=tuple(color), width=line_thickness)
            if class_mapping and label in class_mapping:
                text = class_mapping[label]
                text = text if sure is None else f"{text} | {float(sure[number].reshape(-1)[place]):.2f}"
                above = box[1] - font.size - 4  # type: ignore[union-attr]
                pen.text((box[0] + 3, above if above > 0 else box[1] + 3), text, tuple(color), font, stroke_width=0)
        drawn.append(np.asarray(picture))
    return np.stack(drawn)


def _ordered(box: list[int]) -> tuple[int, int, int, int]:
    return min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])


def _bytes(images: np.ndarray) -> np.ndarray:
    if images.dtype.kind == "f":
        images = np.clip(images, 0, 1) * 255 if images.size and images.max() <= 1.0 else np.clip(images, 0, 255)
    return images.astype("uint8")


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Colour] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Return images whose pixels have the colours of their classes, `alpha` of it over the picture with `blend`.

    Masks hold numbers of classes (N, height, width, 1); pixels of `ignore_index` and of classes from `num_classes` on
    stay as they are. Without `num_classes` there are as many as the largest number says.
    """
    pixels = as_images(images, data_format).astype("float32")
    masks = as_images(segmentation_masks, data_format)
    if masks.dtype.kind not in "iu":
        raise TypeError(f"`segmentation_masks` must hold whole numbers. Received: dtype {masks.dtype}")
    count = int(masks.max()) if num_classes is None else num_classes
    colours = [color_mapping[number] if color_mapping else _colour(number) for number in range(count)]
    classes, painted = masks[..., 0], pixels.copy()
    for number, colour in enumerate(colours):
        painted[classes == number] = colour
    if not blend:
        return painted
    mixed = pixels * (1 - alpha) + painted * alpha
    return np.where(masks != ignore_index, mixed, pixels).astype("uint8")


def _colour(number: int) -> Colour:
    red, green, blue = (number * step % 255 for step in (2**25 - 1, 2**15 - 1, 2**21 - 1))
    return red, green, blue
