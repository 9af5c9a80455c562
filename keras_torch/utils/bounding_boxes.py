"""`keras.utils.bounding_boxes`: formats, overlaps, and differences to anchors, of boxes (..., 4)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from keras_torch import config
from keras_torch.backend.devices import together as _together
from keras_torch.layers.preprocessing import boxes as _boxes
from keras_torch.ops.arguments import convert as _convert
from keras_torch.ops.arguments import floating as _floating

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]


def _size(image_shape: Any) -> tuple[Any, Any]:
    return (None, None) if image_shape is None else (image_shape[0], image_shape[1])


@_together
def convert_format(
    boxes: Any, source: str, target: str, height: Any = None, width: Any = None, dtype: Any = "float32"
) -> Any:
    """Return boxes, or the "boxes" of a dict, in another format; relative ones need the image's height and width."""
    if isinstance(boxes, dict):
        return {**boxes, "boxes": convert_format(boxes["boxes"], source, target, height, width, dtype)}
    names = [str(_boxes.check_format(item, "`convert_format`")) for item in (source, target)]
    relative = [name.startswith("rel_") for name in names]
    if relative[0] != relative[1] and (height is None or width is None):
        raise ValueError(
            f"`height` and `width` must be given to convert {source!r} to {target!r}. Received: height={height!r}, "
            f"width={width!r}"
        )
    return _boxes.convert(_convert(boxes).to(config.torch_dtype(dtype)), names[0], names[1], height, width)


@_together
def clip_to_image_size(
    bounding_boxes: dict[str, Any], height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> dict[str, Any]:
    """Cut the "boxes" of a dict off at the image's border; those of which nothing is left get the label -1."""
    known = convert_format(bounding_boxes, bounding_box_format, "xyxy", height, width)
    if known.get("labels") is not None:
        known["labels"] = _convert(known["labels"])
    return convert_format(_boxes.clipped(known, height, width), "xyxy", bounding_box_format, height, width)


def _check_plain(bounding_box_format: str, function: str) -> None:
    if bounding_box_format != "xyxy":
        raise NotImplementedError(
            f"`{function}` takes boxes as 'xyxy': use `convert_format` first. Received: {bounding_box_format!r}"
        )


@_together
def crop(boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy") -> Any:
    """Return boxes in the part of an image that begins at (top, left), cut off at its border."""
    _check_plain(bounding_box_format, "crop")
    boxes = _convert(boxes)
    moved = boxes - torch.tensor([left, top, left, top], dtype=boxes.dtype, device=boxes.device)
    return torch.minimum(moved.clamp(min=0), _boxes.sizes(height, width, boxes))


def pad(
    boxes: Any, top: Any, left: Any, height: Any = None, width: Any = None, bounding_box_format: str = "xyxy"
) -> Any:
    """Return boxes in an image that is larger by so much above and on the left."""
    _check_plain(bounding_box_format, "pad")
    boxes = _convert(boxes)
    return boxes + torch.tensor([left, top, left, top], dtype=boxes.dtype, device=boxes.device)


def affine_transform(*args: Any, **kwargs: Any) -> Any:
    """Raise: boxes are turned together with their images."""
    raise NotImplementedError(
        "`bounding_boxes.affine_transform` is not supported. Give dicts of images and bounding boxes to "
        "RandomRotation, RandomZoom, RandomShear or RandomTranslation with a `bounding_box_format`."
    )


def _corners(boxes: Any, bounding_box_format: str, image_shape: Any) -> torch.Tensor:
    height, width = _size(image_shape)
    return convert_format(_convert(boxes)[..., :4], bounding_box_format, "xyxy", height, width)


def _area(boxes: torch.Tensor) -> torch.Tensor:
    return (boxes[..., 2:] - boxes[..., :2]).prod(-1)


@_together
def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Sequence[int] | None = None,
) -> Any:
    """Return intersection over union of each of (..., N, 4) with each of (..., M, 4): (..., N, M).

    With `use_masking` pairs with a box of negative numbers alone have `mask_val`.
    """
    first, second = (_corners(item, bounding_box_format, image_shape) for item in (boxes1, boxes2))
    if not {first.dim(), second.dim()} <= {2, 3}:
        raise ValueError(
            "`compute_iou` takes boxes (N, 4) or (batch, N, 4). "
            f"Received: shapes {tuple(first.shape)} and {tuple(second.shape)}"
        )
    one, other = first[..., :, None, :], second[..., None, :, :]
    low, high = torch.maximum(one[..., :2], other[..., :2]), torch.minimum(one[..., 2:], other[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    found = shared / (_area(one) + _area(other) - shared + config.epsilon())
    if not use_masking:
        return found
    empty = (one.amax(-1) < 0) | (other.amax(-1) < 0)
    return torch.where(empty, mask_val, found)


@_together
def compute_ciou(boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Sequence[int] | None = None) -> Any:
    """Return the complete intersection over union (Zheng et al., 2021) of pairs of boxes (..., 4)."""
    first, second = (_corners(item, bounding_box_format, image_shape) for item in (boxes1, boxes2))
    epsilon = config.epsilon()
    low, high = torch.maximum(first[..., :2], second[..., :2]), torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    sides = [item[..., 2:] - item[..., :2] for item in (first, second)]
    (width1, height1), (width2, height2) = (side.unbind(-1) for side in sides)
    height1, height2 = height1 + epsilon, height2 + epsilon
    iou = shared / (width1 * height1 + width2 * height2 - shared + 2 * epsilon)
    hull = torch.maximum(first[..., 2:], second[..., 2:]) - torch.minimum(first[..., :2], second[..., :2])
    apart = (first[..., :2] + first[..., 2:] - second[..., :2] - second[..., 2:]) / 2
    shape = 4 / math.pi**2 * (torch.atan(width2 / height2) - torch.atan(width1 / height1)).square()
    weight = shape / (shape - iou + 1 + epsilon)
    return iou - apart.square().sum(-1) / (hull.square().sum(-1) + epsilon) - shape * weight


def _variance(variance: Any, like: torch.Tensor) -> torch.Tensor:
    found = torch.ones(4) if variance is None else torch.as_tensor(variance, dtype=torch.float32)
    if found.shape[-1] != 4:
        raise ValueError(f"`variance` must hold 4 numbers. Received: {variance!r}")
    return found.to(like.device)


def _check_encoding(name: str) -> None:
    if name not in ("center_xywh", "center_yxhw"):
        raise ValueError(f"Boxes are encoded as 'center_xywh' or 'center_yxhw'. Received: {name!r}")


@_together
def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Sequence[int] | None = None,
) -> Any:
    """Return how boxes differ from anchors: their centres in units of the anchors' sides, and logarithms of sides."""
    _check_encoding(encoding_format)
    anchors = convert_format(anchors, anchor_format, encoding_format, *_size(image_shape))
    boxes = convert_format(boxes, box_format, encoding_format, *_size(image_shape))
    sides = anchors[..., 2:].clamp(min=config.epsilon())
    moved = (boxes[..., :2] - anchors[..., :2]) / sides
    found = torch.cat((moved, torch.log(boxes[..., 2:].clamp(min=config.epsilon()) / sides)), -1)
    return found / _variance(variance, found)


@_together
def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Sequence[int] | None = None,
) -> Any:
    """Return the boxes that `encode_box_to_deltas` described; dicts have anchors and differences by level."""
    _check_encoding(encoded_format)
    if isinstance(anchors, dict):
        rest = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {level: decode_deltas_to_boxes(item, boxes_delta[level], *rest) for level, item in anchors.items()}
    anchors = convert_format(anchors, anchor_format, encoded_format, *_size(image_shape))
    deltas = _floating(boxes_delta)
    deltas = deltas * _variance(variance, deltas)
    sides = anchors[..., 2:]
    found = torch.cat((deltas[..., :2] * sides + anchors[..., :2], torch.exp(deltas[..., 2:]) * sides), -1)
    return convert_format(found, encoded_format, box_format, *_size(image_shape))
