"""Images between files, Pillow and arrays."""

from __future__ import annotations

import functools
import io
import os
import warnings
from typing import Any

import numpy as np
import torch

from keras_torch import config, legacy
from keras_torch.backend.images import INTERPOLATIONS
from keras_torch.legacy.image_rows import image_rules
from keras_torch.ops.image import resize

MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}


@functools.cache
def pillow(what: str) -> Any:
    """Return Pillow's module `Image`. ImportError if it is not installed, naming `what` needs it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"{what} needs the package Pillow: `pip install pillow`.") from error
    return Image


@legacy.translated("load_img")
def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: Any = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Return the image in a file (a path, or a file object) as a Pillow image.

    `color_mode` is "rgb", "rgba" or "grayscale" (images of 16 and 32 bits stay such). `target_size` (height, width)
    resizes by one of Pillow's filters: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos";
    `keep_aspect_ratio` first cuts out the largest central window of that shape.
    """
    image_module = pillow("`load_img`")
    if color_mode not in MODES:
        raise ValueError(f'`color_mode` must be "grayscale", "rgb" or "rgba". Received: {color_mode!r}')
    image = image_module.open(_source(path))
    mode = MODES[color_mode][0]
    wide = ("I;16", "I") if mode == "L" and image_rules(config.dialect()).wide_gray else ()
    if image.mode not in (mode, *wide):
        image = image.convert(mode)
    if target_size is None:
        return image
    height, width = target_size
    if image.size == (width, height):
        return image
    box = _central_box(image.size, (width, height)) if keep_aspect_ratio else None
    return image.resize((width, height), _filter(interpolation), box=box)


def _source(path: Any) -> Any:
    """Return what Pillow opens: the bytes of a file, which it would keep open, or a file object."""
    if hasattr(path, "read"):
        return path
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"`path` must be a path or a binary file object. Received: {path!r} of type {type(path)}")
    with open(path, "rb") as file:
        return io.BytesIO(file.read())


def _filter(interpolation: str) -> Any:
    filters = pillow("`load_img`").Resampling.__members__
    found = filters.get(str(interpolation).upper())
    if found is None or interpolation != interpolation.lower():
        names = ", ".join(name.lower() for name in filters)
        raise ValueError(f"`interpolation` must be one of {names}. Received: {interpolation!r}")
    return found


def _central_box(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) of the largest central window of the target's shape; sizes are (w, h)."""
    width = min(size[0], size[1] * target[0] // target[1])
    height = min(size[1], size[0] * target[1] // target[0])
    left, top = (size[0] - width) // 2, (size[1] - height) // 2
    return left, top, left + width, top + height


@legacy.translated("img_to_array")
def img_to_array(img: Any, data_format: str | None = None, dtype: str | None = None) -> np.ndarray:
    """Return a Pillow image (or an array of it) as an array of `dtype` with 3 axes, the channels where `data_format`
    has them.
    """
    channels_last = config.standardize_data_format(data_format) == "channels_last"
    array = np.asarray(img, dtype=dtype or config.floatx())
    if array.ndim == 2:
        return array[:, :, None] if channels_last else array[None]
    if array.ndim != 3:
        raise ValueError(f"`img` must have 2 or 3 axes. Received: shape {array.shape}")
    return array if channels_last else array.transpose(2, 0, 1)


@legacy.translated("array_to_img")
def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None) -> Any:
    """Return an array of one image, with 1, 3 or 4 channels, as a Pillow image.

    `scale` maps the smallest value to 0 and the largest to 255 (Keras 1 and 2: 0 or the smallest to 0). Without it
    values are cut to 8 bits, or for gray images above 255 to 32.
    """
    image_module = pillow("`array_to_img`")
    channels_last = config.standardize_data_format(data_format) == "channels_last"
    if isinstance(x, torch.Tensor):
        x = x.detach().cpu().numpy()
    x = np.asarray(x, dtype=dtype or config.floatx())
    if x.ndim != 3:
        raise ValueError(f"`x` must be one image with 3 axes. Received: an array of shape {x.shape}")
    if not channels_last:
        x = x.transpose(1, 2, 0)
    if x.shape[2] not in (1, 3, 4):
        raise ValueError(f"`x` must have 1, 3 or 4 channels. Received: shape {x.shape}, so {x.shape[2]} channels")
    rules = image_rules(config.dialect())
    if scale:
        x = _scaled(x, rules.shifts_to_zero)
    if x.shape[2] == 1:
        wide = rules.wide_gray and np.max(x) > 255
        return image_module.fromarray(x[:, :, 0].astype("int32" if wide else "uint8"))
    return image_module.fromarray(np.ascontiguousarray(x).astype("uint8"))


def _scaled(x: np.ndarray, shifts_to_zero: bool) -> np.ndarray:
    lowest = np.min(x)
    x = x - (lowest if shifts_to_zero else min(lowest, 0))
    highest = np.max(x)
    if highest != 0:
        x /= highest
    x *= 255
    return x


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array of one image to a path or file object.

    The format is `file_format`, or what the path ends in. `scale` as in `array_to_img`; other arguments go to Pillow.
    """
    image = array_to_img(x, data_format=data_format, scale=scale)
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = os.path.splitext(os.fspath(path))[1][1:] or None
    if file_format is not None and file_format.lower() in ("jpg", "jpeg"):
        file_format = "jpeg"
        if image.mode == "RGBA":
            warnings.warn("JPEG files have no transparency: the image is saved as RGB.", stacklevel=2)
            image = image.convert("RGB")
    image.save(path, format=file_format, **kwargs)


def smart_resize(x: Any, size: Any, interpolation: str = "bilinear", data_format: str = "channels_last") -> Any:
    """Resize an image, or a batch of them, to (height, width) without distortion: what does not fit is cut off.

    A numpy array gives an array, a tensor a tensor; both of floats, unless the interpolation is "nearest".
    """
    if len(size) != 2:
        raise ValueError(f"`size` must be (height, width). Received: {size!r}")
    if interpolation not in INTERPOLATIONS:
        raise ValueError(f"`interpolation` must be one of {INTERPOLATIONS}. Received: {interpolation!r}")
    images = x if isinstance(x, torch.Tensor) else torch.as_tensor(np.asarray(x))
    if images.dim() not in (3, 4):
        raise ValueError(
            f"`x` must be an image (height, width, channels) or a batch of them. Received: shape {tuple(images.shape)}"
        )
    if interpolation != "nearest" and not images.is_floating_point():
        images = images.to(config.torch_dtype("float32"))
    resized = resize(images, tuple(size), interpolation, crop_to_aspect_ratio=True, data_format=data_format)
    return resized.numpy() if isinstance(x, np.ndarray) else resized
