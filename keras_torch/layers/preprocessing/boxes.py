"""Bounding boxes (..., 4) in Keras 3's formats, and dicts {"boxes", "labels"} of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from keras_torch import config

FORMATS = (
    *("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw"),
    *("rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh"),
)


def _swapped(boxes: torch.Tensor) -> torch.Tensor:
    return boxes[..., [1, 0, 3, 2]]


def _from_corner(boxes: torch.Tensor) -> torch.Tensor:
    start, size = boxes.split(2, -1)
    return torch.cat((start, start + size), -1)


def _to_corner(boxes: torch.Tensor) -> torch.Tensor:
    start, end = boxes.split(2, -1)
    return torch.cat((start, end - start), -1)


def _from_centre(boxes: torch.Tensor) -> torch.Tensor:
    centre, size = boxes.split(2, -1)
    return torch.cat((centre - size / 2, centre + size / 2), -1)


def _to_centre(boxes: torch.Tensor) -> torch.Tensor:
    start, end = boxes.split(2, -1)
    return torch.cat((start + (end - start) / 2, end - start), -1)


def _same(boxes: torch.Tensor) -> torch.Tensor:
    return boxes


# Format without "rel_" → to xyxy, from xyxy.
_CONVERTERS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[torch.Tensor], torch.Tensor]]] = {
    "xyxy": (_same, _same),
    "yxyx": (_swapped, _swapped),
    "xywh": (_from_corner, _to_corner),
    "center_xywh": (_from_centre, _to_centre),
    "center_yxhw": (lambda boxes: _from_centre(_swapped(boxes)), lambda boxes: _swapped(_to_centre(boxes))),
}


def check_format(name: Any, owner: str) -> str | None:
    """Return a bounding box format in lower case. ValueError for an unknown one."""
    if name is None:
        return None
    found = str(name).lower()
    if found not in FORMATS:
        raise ValueError(f"{owner}: `bounding_box_format` must be one of {FORMATS}. Received: {name!r}")
    return found


def sizes(height: Any, width: Any, like: torch.Tensor) -> torch.Tensor:
    """Return (width, height, width, height), from numbers or from tensors (N, 1) with one size for each image."""
    if isinstance(height, torch.Tensor):
        return torch.stack((width, height, width, height), -1).to(like)
    scale = torch.arange(4, device=like.device) % 2
    return torch.where(scale == 0, float(width), float(height)).to(like.dtype)


def convert(boxes: torch.Tensor, source: str, target: str, height: Any, width: Any) -> torch.Tensor:
    """Convert boxes between two formats; relative ones are fractions of the image's height and width."""
    if source == target:
        return boxes
    boxes = _CONVERTERS[source.removeprefix("rel_")][0](boxes)
    if source.startswith("rel_") and not target.startswith("rel_"):
        boxes = boxes * sizes(height, width, boxes)
    elif target.startswith("rel_") and not source.startswith("rel_"):
        boxes = boxes / sizes(height, width, boxes)
    return _CONVERTERS[target.removeprefix("rel_")][1](boxes)


def clipped(bounding_boxes: dict[str, Any], height: Any, width: Any) -> dict[str, Any]:
    """Cut xyxy boxes off at the border of the image; those of which nothing is left get the label -1."""
    boxes = bounding_boxes["boxes"]
    limits = sizes(height, width, boxes)
    boxes = torch.minimum(boxes.clamp(min=0.0), limits)
    result = {**bounding_boxes, "boxes": boxes}
    labels = bounding_boxes.get("labels")
    if labels is not None:
        result["labels"] = torch.where((boxes[..., 2:] - boxes[..., :2]).prod(-1) > 0, labels.to(boxes.device), -1)
    return result


def dense(bounding_boxes: Any, owner: str) -> dict[str, Any]:
    """Return {"boxes", "labels"} as tensors; shorter lists are filled up with boxes of 0 and labels of -1"""
    if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= bounding_boxes.keys():
        raise ValueError(
            f"{owner}: `bounding_boxes` must be a dict with the keys 'boxes' and 'labels'. Received: {bounding_boxes!r}"
        )
    boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
    if isinstance(boxes, (list, tuple)) and len(boxes) and not np.isscalar(boxes[0][0]):
        boxes, labels = _equal_lengths([*boxes], 0.0, True), _equal_lengths([*labels], -1, False)
    boxes, labels = _tensor(boxes, config.torch_dtype("float32")), _tensor(labels, None)
    if boxes.shape[-1] != 4 or boxes.dim() not in (2, 3) or labels.dim() not in (boxes.dim() - 1, boxes.dim()):
        raise ValueError(
            f"{owner}: `bounding_boxes` must have 'boxes' of shape (batch, boxes, 4) and 'labels' of shape (batch, "
            f"boxes), without the batch for a single image. Received: shapes {tuple(boxes.shape)} and "
            f"{tuple(labels.shape)}"
        )
    return {**bounding_boxes, "boxes": boxes, "labels": labels}


def _equal_lengths(rows: list[Any], value: float, are_boxes: bool) -> np.ndarray:
    arrays = [np.asarray(row).reshape((-1, 4) if are_boxes else (-1,)) for row in rows]
    longest = max(len(array) for array in arrays)
    result = np.full((len(arrays), longest, *arrays[0].shape[1:]), value, arrays[0].dtype)
    for row, array in zip(result, arrays, strict=True):
        row[: len(array)] = array
    return result


def _tensor(item: Any, dtype: torch.dtype | None) -> torch.Tensor:
    if not isinstance(item, torch.Tensor):
        item = torch.as_tensor(np.asarray(item), device=config.default_device())
    return item if dtype is None else item.to(dtype)
