"""Images as scipy 1.2 read, scaled and wrote them, on Pillow; and what Pillow 10 removed."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

try:
    from PIL import Image
except ImportError as error:
    raise ImportError("The images of scipy.misc need Pillow: `pip install pillow`.") from error

_FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "cubic": 3}
_COLORS = ("RGB", "RGBA", "YCbCr", "CMYK")


def bytescale(data: Any, cmin: Any = None, cmax: Any = None, high: int = 255, low: int = 0) -> np.ndarray:
    """Return `data` as bytes, `cmin` (the least value) as `low` and `cmax` (the greatest) as `high`; bytes stay."""
    data = np.asarray(data)
    if data.dtype == np.uint8:
        return data
    if not 0 <= low <= high <= 255:
        raise ValueError(f"Bytes need 0 <= low <= high <= 255. Received: low={low}, high={high}")
    cmin = data.min() if cmin is None else cmin
    cmax = data.max() if cmax is None else cmax
    span = cmax - cmin
    if span < 0:
        raise ValueError(f"`cmax` must not be below `cmin`. Received: cmin={cmin}, cmax={cmax}")
    scaled = (data - cmin) * (float(high - low) / (span or 1)) + low
    return (scaled.clip(low, high) + 0.5).astype(np.uint8)


def fromimage(im: Any, flatten: bool = False, mode: str | None = None) -> np.ndarray:
    """Return the pixels of a Pillow image as an array (height, width[, channels]); `flatten` makes them gray floats."""
    if mode is not None:
        im = im if im.mode == mode else im.convert(mode)
    elif im.mode == "P":
        im = im.convert("RGBA" if "transparency" in im.info else "RGB")
    if flatten:
        im = im.convert("F")
    elif im.mode == "1":
        im = im.convert("L")
    return np.array(im)


def imread(name: Any, flatten: bool = False, mode: str | None = None) -> np.ndarray:
    """Read an image file, or a file object, as an array."""
    with Image.open(name) as im:
        return fromimage(im, flatten=flatten, mode=mode)


def toimage(
    arr: Any,
    high: int = 255,
    low: int = 0,
    cmin: Any = None,
    cmax: Any = None,
    pal: Any = None,
    mode: str | None = None,
    channel_axis: int | None = None,
) -> Any:
    """Return a Pillow image of an array, its values stretched to bytes unless they are bytes.

    Two axes give a gray image; three need an axis of 3 or 4 colors, found where it is, or named by `channel_axis`.
    """
    data = np.asarray(arr)
    if np.iscomplexobj(data):
        raise ValueError("An image cannot be made of complex numbers.")
    if data.ndim == 2:
        return _gray(data, (high, low, cmin, cmax), pal, mode)
    if data.ndim != 3 or not ({3, 4} & set(data.shape)):
        raise ValueError(f"`arr` must have 2 axes, or 3 of which one has size 3 or 4. Received: shape {data.shape}")
    if channel_axis is None:
        channel_axis = data.shape.index(3 if 3 in data.shape else 4)
    elif data.shape[channel_axis] not in (3, 4):
        raise ValueError(f"Axis {channel_axis} must have size 3 or 4. Received: shape {data.shape}")
    pixels = np.ascontiguousarray(np.moveaxis(bytescale(data, cmin, cmax, high, low), channel_axis, 2))
    mode = mode or ("RGB" if pixels.shape[2] == 3 else "RGBA")
    if mode not in _COLORS or len(Image.new(mode, (1, 1)).getbands()) != pixels.shape[2]:
        raise ValueError(f"`mode` must be one of {_COLORS} with {pixels.shape[2]} channels. Received: {mode!r}")
    return Image.frombytes(mode, (pixels.shape[1], pixels.shape[0]), pixels.tobytes())


def _gray(data: np.ndarray, scale: tuple[Any, Any, Any, Any], pal: Any, mode: str | None) -> Any:
    high, low, cmin, cmax = scale
    size = (data.shape[1], data.shape[0])
    if mode == "F":
        return Image.frombytes("F", size, data.astype(np.float32).tobytes())
    if mode == "1":
        return Image.fromarray(((data > high) * np.uint8(255)).astype(np.uint8)).convert("1")
    if mode == "I":
        least = data.min() if cmin is None else cmin
        greatest = data.max() if cmax is None else cmax
        scaled = (data * 1.0 - least) * (high - low) / ((greatest - least) or 1) + low
        return Image.frombytes("I", size, scaled.astype(np.uint32).tobytes())
    if mode not in (None, "L", "P"):
        raise ValueError(f"`mode` of a gray image must be 'L', 'P', '1', 'F' or 'I'. Received: {mode!r}")
    image = Image.frombytes("L", size, bytescale(data, cmin, cmax, high, low).tobytes())
    if pal is not None:
        image.putpalette(np.asarray(pal, np.uint8).tobytes())
    elif mode == "P":
        image.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    return image


def imsave(name: Any, arr: Any, format: str | None = None) -> None:
    """Write an array as an image file, in the format that its name tells."""
    image = toimage(arr, channel_axis=2) if np.ndim(arr) == 3 else toimage(arr)
    image.save(name, format)


def imshow(arr: Any) -> None:
    """Show an array in the viewer of the system."""
    toimage(arr).show()


def _filter(interp: str) -> Any:
    if interp not in _FILTERS:
        raise ValueError(f"`interp` must be one of {sorted(_FILTERS)}. Received: {interp!r}")
    return Image.Resampling(_FILTERS[interp])


def imresize(arr: Any, size: Any, interp: str = "bilinear", mode: str | None = None) -> np.ndarray:
    """Return a resized image as bytes. `size`: an int is a percentage, a float a factor, a tuple (height, width)."""
    image = toimage(arr, mode=mode)
    if isinstance(size, (int, np.integer)):
        target = (np.array(image.size) * (size / 100.0)).astype(int)
    elif isinstance(size, (float, np.floating)):
        target = (np.array(image.size) * size).astype(int)
    else:
        target = np.array([size[1], size[0]], dtype=int)
    return fromimage(image.resize((int(target[0]), int(target[1])), resample=_filter(interp)))


def imrotate(arr: Any, angle: float, interp: str = "bilinear") -> np.ndarray:
    """Return an image turned counterclockwise by `angle` degrees around its center, in its old size."""
    return fromimage(toimage(arr).rotate(angle, resample=_filter(interp)))


def change_draw(module: ModuleType, set_: Callable[[Any, str, Any], None]) -> None:
    """Give `ImageDraw` the method `textsize`."""

    def textsize(self: Any, text: str, font: Any = None, *args: Any, **kwargs: Any) -> tuple[int, int]:
        left, top, right, bottom = self.textbbox((0, 0), text, font, *args, **kwargs)
        return int(right), int(bottom)

    if not hasattr(module.ImageDraw, "textsize"):
        set_(module.ImageDraw, "textsize", textsize)


def change_fonts(module: ModuleType, set_: Callable[[Any, str, Any], None]) -> None:
    """Give fonts the method `getsize`."""

    def getsize(self: Any, text: str, *args: Any, **kwargs: Any) -> tuple[int, int]:
        left, top, right, bottom = self.getbbox(text, *args, **kwargs)
        return int(right), int(bottom)

    for cls in (module.FreeTypeFont, module.ImageFont):
        if not hasattr(cls, "getsize"):
            set_(cls, "getsize", getsize)
