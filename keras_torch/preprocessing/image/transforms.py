"""One image as a numpy array: moved, turned, sheared, zoomed, flipped, brightened."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from keras_torch import config, legacy
from keras_torch.legacy.image_rows import ImageRules, image_rules
from keras_torch.utils.images import array_to_img, img_to_array, pillow


def _ndimage() -> ModuleType:
    try:
        from scipy import ndimage
    except ImportError as error:
        raise ImportError("Transforming images needs the package SciPy: `pip install scipy`.") from error
    return ndimage


def _rules() -> ImageRules:
    return image_rules(config.dialect())


def flip_axis(x: Any, axis: int) -> np.ndarray:
    """Return `x` in reverse order along `axis`, a view."""
    return np.flip(np.asarray(x), axis)


def transform_matrix_offset_center(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """Return a transformation (3, 3) about the origin as one about the middle of an image of size (x, y)."""
    middle = np.array([float(x) / 2, float(y) / 2]) + _rules().centre
    there, back = np.eye(3), np.eye(3)
    there[:2, 2], back[:2, 2] = middle, -middle
    return there @ matrix @ back


def apply_transform(
    x: np.ndarray, transform_matrix: np.ndarray, channel_axis: int = 0, fill_mode: str = "nearest", cval: float = 0.0
) -> np.ndarray:
    """Keras 1's function: transform each channel with a matrix (3, 3), taking the nearest pixel."""
    return _transformed(x, transform_matrix, channel_axis, fill_mode, cval, order=0)


def _transformed(
    x: np.ndarray, matrix: np.ndarray, channel_axis: int, fill_mode: str, cval: float, order: int
) -> np.ndarray:
    """Return what `scipy.ndimage.affine_transform` makes of each channel."""
    ndimage = _ndimage()
    channels = np.moveaxis(x, channel_axis, 0)
    result = np.empty(channels.shape, x.dtype)
    for channel, out in zip(channels, result, strict=True):
        ndimage.affine_transform(
            channel, matrix[:2, :2], matrix[:2, 2], output=out, order=order, mode=fill_mode, cval=cval
        )
    return np.moveaxis(result, 0, channel_axis)


def _matrix(
    theta: float, tx: float, ty: float, shear: float, zx: float, zy: float, rules: ImageRules
) -> np.ndarray | None:
    """Return rotation · shift · shear · zoom, or None if nothing is to be done."""
    parts: list[list[list[float]]] = []
    if theta != 0:
        angle = np.deg2rad(theta)
        parts.append([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    if tx != 0 or ty != 0:
        parts.append([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear != 0:
        angle = np.deg2rad(shear) if rules.shear_in_degrees else shear
        parts.append([[1, -np.sin(angle), 0], [0, np.cos(angle), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        parts.append([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    matrix: np.ndarray | None = None
    for rows in parts:
        part = np.array(rows)
        matrix = part if matrix is None else matrix @ part
    return matrix


@legacy.translated("apply_affine_transform")
def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Rotate by `theta` degrees, shift by `tx` rows and `ty` columns, shear by an angle and zoom, about the middle.

    `x` has 3 axes; each pixel of the result is looked up in it by `scipy.ndimage.affine_transform`, with splines of
    `order`. `fill_mode` ("constant" with `cval`, "nearest", "reflect", "wrap") says what lies outside.
    """
    if x.ndim != 3:
        raise ValueError(f"`x` must be one image with 3 axes. Received: shape {x.shape}")
    if {row_axis, col_axis, channel_axis} != {0, 1, 2} or channel_axis == 1:
        raise ValueError(
            "`row_axis`, `col_axis` and `channel_axis` must be 0, 1 and 2 in some order, with the channels first or "
            f"last. Received: row_axis={row_axis}, col_axis={col_axis}, channel_axis={channel_axis}"
        )
    rules = _rules()
    matrix = _matrix(theta, tx, ty, shear, zx, zy, rules)
    if matrix is None:
        return x
    matrix = transform_matrix_offset_center(matrix, x.shape[row_axis], x.shape[col_axis])
    if rules.columns_first and col_axis > row_axis:
        matrix[:2] = matrix[1::-1]
        matrix[:, :2] = matrix[:, 1::-1]
    chosen = rules.interpolation_order
    return _transformed(x, matrix, channel_axis, fill_mode, cval, order if chosen is None else chosen)


def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Rotate by an angle between `-rg` and `rg` degrees."""
    theta = np.random.uniform(-rg, rg)
    return apply_affine_transform(
        x, theta, 0, 0, 0, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shift by up to the share `wrg` of the width and `hrg` of the height."""
    tx = np.random.uniform(-hrg, hrg) * x.shape[row_axis]
    ty = np.random.uniform(-wrg, wrg) * x.shape[col_axis]
    return apply_affine_transform(
        x, 0, tx, ty, 0, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shear by an angle between `-intensity` and `intensity` degrees (in Keras 1: radians)."""
    shear = np.random.uniform(-intensity, intensity)
    return apply_affine_transform(
        x, 0, 0, 0, shear, 1, 1, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def random_zoom(
    x: np.ndarray,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Zoom rows and columns by two factors out of `zoom_range` (lowest, highest); below 1 the image grows."""
    low, high = pair(zoom_range, "zoom_range")
    zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
    return apply_affine_transform(
        x, 0, 0, 0, 0, zx, zy, row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    )


def apply_channel_shift(x: np.ndarray, intensity: Any, channel_axis: int = 0) -> np.ndarray:
    """Add `intensity`, a number or one for each channel, and cut to the range of values in `x`."""
    channels = np.moveaxis(x, channel_axis, 0)
    amounts = np.broadcast_to(intensity, len(channels))
    # Channel by channel, since a number leaves the dtype alone where an array would widen it.
    shifted = [channel + float(amount) for channel, amount in zip(channels, amounts, strict=True)]
    return np.moveaxis(np.clip(np.stack(shifted), np.min(x), np.max(x)), 0, channel_axis)


@legacy.translated("random_channel_shift")
def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """Add a number between `-intensity_range` and `intensity_range` (in Keras 1: one for each channel)."""
    count = None if _rules().joint_channels else x.shape[channel_axis]
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range, count), channel_axis)


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """Multiply the brightness by Pillow's `ImageEnhance`, in 8 bits; 1 changes nothing.

    `scale` stretches the values to 0 ... 255 first. Without it that happens only to images that leave this range, and
    is undone.
    """
    pillow("Changing the brightness of images")
    from PIL import ImageEnhance

    low, high = np.min(x), np.max(x)
    outside = bool(low < 0 or high > 255)
    image = ImageEnhance.Brightness(array_to_img(x, scale=outside or scale)).enhance(brightness)
    result = img_to_array(image)
    return result if scale or not outside else result / 255 * (high - low) + low


def random_brightness(x: np.ndarray, brightness_range: Sequence[float], scale: bool = True) -> np.ndarray:
    """Multiply the brightness by a factor out of `brightness_range` (lowest, highest)."""
    return apply_brightness_shift(x, np.random.uniform(*pair(brightness_range, "brightness_range")), scale)


def pair(value: Any, name: str) -> tuple[Any, Any]:
    """Return the two numbers of a range. ValueError for anything else."""
    if not isinstance(value, (tuple, list, np.ndarray)) or len(value) != 2:
        raise ValueError(f"`{name}` must be a tuple or list of two numbers. Received: {value!r}")
    return value[0], value[1]
