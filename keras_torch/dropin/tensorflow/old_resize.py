"""How TensorFlow 1 resized images: pixels are points, whose grid begins in the corner of the image.

TensorFlow 2 takes them as areas, with `half_pixel_centers`. Each new row or column is a sum of few old ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from keras_torch import ops
from keras_torch.backend.tensors import recorded
from keras_torch.dropin.tensorflow import images as today
from keras_torch.dropin.tensorflow.arrays import convert_to_tensor
from keras_torch.dropin.tensorflow.sizes import ints

# Numbers and kernels of `method`.
_METHODS = {0: "bilinear", 1: "nearest", 2: "bicubic", 3: "area"}

Taps = tuple[list[torch.Tensor], list[torch.Tensor]]


def _places(size: int, wanted: int, align_corners: bool, half_pixel_centers: bool) -> torch.Tensor:
    """Where new pixels lie among old ones; in float32, as there, which decides which pixel is the nearest."""
    steps = torch.arange(wanted, dtype=torch.float32)
    if align_corners and wanted > 1:
        return steps * torch.tensor((size - 1) / (wanted - 1), dtype=torch.float32)
    scale = torch.tensor(size / wanted, dtype=torch.float32)
    return (steps + 0.5) * scale - 0.5 if half_pixel_centers else steps * scale


def _nearest(size: int, places: torch.Tensor, align_corners: bool, half_pixel_centers: bool) -> Taps:
    index = torch.floor(places + 0.5) if align_corners or half_pixel_centers else torch.floor(places)
    return [index.long().clamp(0, size - 1)], [torch.ones_like(places)]


def _bilinear(size: int, places: torch.Tensor, align_corners: bool, half_pixel_centers: bool) -> Taps:
    low = torch.floor(places)
    share = places - low
    index = [(low + step).long().clamp(0, size - 1) for step in (0, 1)]
    return index, [1 - share, share]


def _bicubic(size: int, places: torch.Tensor, align_corners: bool, half_pixel_centers: bool) -> Taps:
    a = -0.5 if half_pixel_centers else -0.75
    low = torch.floor(places)
    # The kernel is looked up in a table of 1024 places.
    share = torch.floor((places - low) * 1024 + 0.5) / 1024
    index, weights = [], []
    for step in (-1, 0, 1, 2):
        x = (share - step).abs()
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        weights.append(torch.where(x <= 1, near, far))
        place = (low + step).long()
        index.append(place.clamp(0, size - 1))
        if half_pixel_centers:
            weights[-1] = torch.where((place < 0) | (place >= size), 0.0, weights[-1])
    if half_pixel_centers:
        total = sum(weights)
        weights = [weight / total for weight in weights]
    return index, weights


_KERNELS: dict[str, Callable[..., Taps]] = {"bicubic": _bicubic, "bilinear": _bilinear, "nearest": _nearest}


@recorded
def _resized(images: Any, size: Any, method: str, align_corners: bool, half_pixel_centers: bool) -> Any:
    for axis, wanted in zip((-3, -2), size, strict=True):
        known = images.shape[axis]
        places = _places(known, int(wanted), align_corners, half_pixel_centers)
        index, weights = _KERNELS[method](known, places, align_corners, half_pixel_centers)
        parts = [images.index_select(axis, item.to(images.device)) for item in index]
        if len(parts) == 1:
            images = parts[0]
            continue
        shape = (-1, *(1,) * (-1 - axis))
        scaled = zip(parts, weights, strict=True)
        images = sum(part * weight.to(images.device, images.dtype).reshape(shape) for part, weight in scaled)
    return images


def _resize(images: Any, size: Any, method: str, align_corners: bool, half_pixel_centers: bool) -> Any:
    images, size = convert_to_tensor(images), ints(size)
    if method == "area":
        if align_corners:
            raise ValueError("Resizing by areas has no `align_corners` here. Received: align_corners=True")
        return today.resize(images, size, "area")
    if method != "nearest":
        images = ops.cast(images, "float32")
    return _resized(images, size, method, bool(align_corners), bool(half_pixel_centers))


def _resizing(method: str) -> Callable[..., Any]:
    def call(images: Any, size: Any, align_corners: bool = False, half_pixel_centers: bool = False) -> Any:
        if align_corners and half_pixel_centers:
            raise ValueError("`align_corners` and `half_pixel_centers` exclude each other. Received: both True")
        return _resize(images, size, method, align_corners, half_pixel_centers)

    return call


def resize_images(
    images: Any, size: Any, method: Any = "bilinear", align_corners: bool = False, preserve_aspect_ratio: bool = False
) -> Any:
    """Return images of another height and width, float32 unless `method` is nearest."""
    name = method.value if isinstance(method, today.ResizeMethod) else _METHODS.get(method, method)
    size = ints(size)
    if preserve_aspect_ratio:
        rows, columns = images.shape[-3:-1]
        scale = min(size[0] / rows, size[1] / columns)
        size = [round(rows * scale), round(columns * scale)]
    return _resize(images, size, name, align_corners, False)


VERSION_1 = {
    "image.resize_area": lambda images, size, align_corners=False: _resize(images, size, "area", align_corners, False),
    "image.resize_bicubic": _resizing("bicubic"),
    "image.resize_bilinear": _resizing("bilinear"),
    "image.resize_images": resize_images,
    "image.resize_nearest_neighbor": _resizing("nearest"),
}
