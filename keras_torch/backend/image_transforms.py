"""Images seen through affine and projective maps, with the fill modes of TensorFlow, and Gaussian blur.

All of it on batches (N, C, H, W) of any memory format; every sample has its own map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional as F

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
SAMPLINGS = ("nearest", "bilinear")


def _wrapped(x: torch.Tensor, size: int) -> torch.Tensor:
    """Repeat the image. As in TensorFlow there is nothing between the last pixel and the first of the next copy."""
    if size == 1:
        return torch.zeros_like(x)
    before = x + size * ((-x / (size - 1)).trunc() + 1.0)
    behind = x - size * (x / (size - 1)).trunc()
    return torch.where(x < 0, before, torch.where(x > size - 1, behind, x)).clamp(0, size - 1)


def _mirrored(x: torch.Tensor, size: int) -> torch.Tensor:
    """Mirror the image at the centres of its border pixels."""
    if size == 1:
        return torch.zeros_like(x)
    x = torch.remainder(x, 2 * (size - 1))
    return torch.minimum(x, 2 * (size - 1) - x)


def _reflected(x: torch.Tensor, size: int) -> torch.Tensor:
    """Mirror the image at the outer edge of its border pixels."""
    x = torch.remainder(x + 0.5, 2 * size)
    return (torch.minimum(x, 2 * size - x) - 0.5).clamp(0, size - 1)


def _nearest(images: torch.Tensor, x: torch.Tensor, y: torch.Tensor, fill_mode: str, fill_value: float) -> torch.Tensor:
    """Gather pixels. Halves are rounded away from zero, as TensorFlow does; torch would round them to even."""
    height, width = images.shape[-2:]
    places = []
    inside: Any = True
    for place, size in ((x, width), (y, height)):
        if fill_mode == "reflect":
            place = _reflected(place, size)
        elif fill_mode == "wrap":
            place = _wrapped(place, size)
        place = (place.abs() + 0.5).floor() * place.sign()
        if fill_mode == "constant":
            inside = (place >= 0) & (place < size) & inside
        places.append(place.clamp(0, size - 1).long())
    index = (places[1] * width + places[0]).flatten(1)
    found = images.flatten(2).gather(2, index[:, None].expand(-1, images.shape[1], -1))
    found = found.unflatten(2, x.shape[1:])
    if fill_mode == "constant":
        fill = fill_value if found.dtype.is_floating_point else int(fill_value)
        found = found.masked_fill(~inside[:, None], fill)
    return found


_PADDINGS = {"reflect": "reflection", "wrap": "border", "constant": "zeros", "nearest": "border"}


def sample(
    images: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> torch.Tensor:
    """Return the values of (N, C, H, W) at the pixel coordinates `x` and `y` (N, H', W'), 0 being the first centre.

    `F.grid_sample` for "bilinear", a gather for "nearest".
    """
    height, width = images.shape[-2:]
    if fill_mode == "mirror":
        x, y, fill_mode = _mirrored(x, width), _mirrored(y, height), "nearest"
    if interpolation == "nearest":
        return _nearest(images, x, y, fill_mode, fill_value)
    if fill_mode == "wrap":
        x, y = _wrapped(x, width), _wrapped(y, height)
    grid = torch.stack(((2.0 * x + 1.0) / width - 1.0, (2.0 * y + 1.0) / height - 1.0), -1)
    return _bilinear(images, grid, fill_mode, fill_value)


def _bilinear(images: torch.Tensor, grid: torch.Tensor, fill_mode: str, fill_value: float) -> torch.Tensor:
    """`F.grid_sample` in float32 at least, at a grid (N, H', W', 2) in its own units."""
    dtype = images.dtype
    working = images if dtype == torch.float64 else images.float()
    shifted = fill_mode == "constant" and fill_value != 0
    working = working - fill_value if shifted else working
    found = F.grid_sample(working, grid.to(working.dtype), padding_mode=_PADDINGS[fill_mode], align_corners=False)
    found = found + fill_value if shifted else found
    return found.to(dtype) if dtype.is_floating_point else found.round().to(dtype)


def projected(transforms: torch.Tensor, height: int, width: int, affine: bool = True) -> tuple[Any, Any]:
    """Return where each pixel of an output comes from: `x` and `y` (N, H, W) for maps (N, 8).

    A row (a0, a1, a2, b0, b1, b2, c0, c1) takes the output's (x, y) to ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)
    with k = c0 x + c1 y + 1; `affine` says that c0 and c1 are 0.
    """
    columns = torch.arange(width, device=transforms.device, dtype=transforms.dtype)
    rows = torch.arange(height, device=transforms.device, dtype=transforms.dtype)
    a0, a1, a2, b0, b1, b2, c0, c1 = transforms[:, :, None].unbind(1)
    x = (a0 * columns + a2)[:, None, :] + (a1 * rows)[:, :, None]
    y = (b0 * columns + b2)[:, None, :] + (b1 * rows)[:, :, None]
    if affine:
        return x, y
    scale = (c0 * columns + 1.0)[:, None, :] + (c1 * rows)[:, :, None]
    return x / scale, y / scale


def affine_transform(
    images: torch.Tensor,
    transforms: torch.Tensor,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
) -> torch.Tensor:
    """Apply one affine map of `projected` to each image of (N, C, H, W)."""
    height, width = images.shape[-2:]
    if interpolation == "nearest" or fill_mode in ("wrap", "mirror"):
        x, y = projected(transforms, height, width)
        return sample(images, x, y, interpolation, fill_mode, fill_value)
    # The grid in one addition: what each column gives to x and y, and what each row does, in grid_sample's units.
    matrix = transforms[:, :6].unflatten(1, (2, 3))
    size = torch.arange(2, device=matrix.device)[:, None]
    size = torch.where(size == 0, float(width), float(height)).to(matrix.dtype)
    across, down, start = (matrix * (2.0 / size)).unbind(-1)
    columns = torch.arange(width, device=matrix.device, dtype=matrix.dtype)
    rows = torch.arange(height, device=matrix.device, dtype=matrix.dtype)
    start = start + (1.0 / size - 1.0)[:, 0]
    grid = (across[..., None] * columns + start[..., None])[:, :, None] + (down[..., None] * rows)[..., None]
    return _bilinear(images, grid.permute(0, 2, 3, 1), fill_mode, fill_value)


def homography(start_points: torch.Tensor, end_points: torch.Tensor) -> torch.Tensor:
    """Return the map (N, 8) that takes four `end_points` (N, 4, 2) to the `start_points`: a linear system of eight."""
    start, end = start_points.float(), end_points.float()
    x, y = end.unbind(-1)
    ones, zeros = torch.ones_like(x), torch.zeros_like(x)
    u, v = start.unbind(-1)
    upper = torch.stack((x, y, ones, zeros, zeros, zeros, -u * x, -u * y), -1)
    lower = torch.stack((zeros, zeros, zeros, x, y, ones, -v * x, -v * y), -1)
    system = torch.cat((upper, lower), 1)
    # The variant of `solve` that does not wait for the device to report singular systems.
    return torch.linalg.solve_ex(system, torch.cat((u, v), 1)[..., None])[0][..., 0]


def gaussian_kernel(size: int, sigma: torch.Tensor) -> torch.Tensor:
    """Return the weights, summing to one, of a Gaussian at `size` places around its centre."""
    place = torch.arange(size, device=sigma.device, dtype=sigma.dtype) - (size - 1) / 2
    weights = torch.exp(-0.5 * (place / sigma) ** 2)
    return weights / weights.sum()


def blur(images: torch.Tensor, kernels: Sequence[torch.Tensor]) -> torch.Tensor:
    """Convolve (N, C, H, W) with a kernel along the width, then one along the height; outside there are zeros."""
    channels = images.shape[1]
    for kernel, shape in zip(kernels, ((1, 1, 1, -1), (1, 1, -1, 1)), strict=True):
        weight = kernel.to(images.dtype).view(shape).expand(channels, -1, -1, -1)
        images = F.conv2d(images, weight, padding="same", groups=channels)
    return images
