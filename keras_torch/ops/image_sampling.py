"""Parts of `keras.ops.image`: values at places between pixels, elastic warps, similarity, edges."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import torch

from keras_torch import random
from keras_torch.backend import image_quality, image_transforms
from keras_torch.backend.images import placed_weights
from keras_torch.ops.arguments import convert, floating, floats, operation
from keras_torch.ops.image_layout import back, check, first
from keras_torch.ops.shapes import inside

# Names of fill modes as SciPy has them -> as numpy's `pad` has them.
_OUTSIDE = {"constant": "edge", "nearest": "edge", "wrap": "wrap", "mirror": "reflect", "reflect": "symmetric"}
_KERNELS = {
    "linear": "bilinear bilinear trilinear triangle",
    "cubic": "bicubic bicubic tricubic",
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}


@operation
def map_coordinates(inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: Any = 0) -> Any:
    """The values at places (axes, ...) of a tensor: of the nearest element (`order` 0) or interpolated linearly (1).

    `fill_mode` says what lies outside, "mirror" at the centre of the last element and "reflect" at its edge.
    """
    x = convert(inputs)
    check(fill_mode, _OUTSIDE, "fill_mode")
    if order not in (0, 1):
        raise NotImplementedError(f"`map_coordinates` has `order` 0 and 1. Received: order={order!r}")
    places = list(coordinates) if isinstance(coordinates, (list, tuple)) else convert(coordinates).unbind(0)
    if len(places) != x.dim():
        raise ValueError(
            f"`coordinates` must have one row for each of the {x.dim()} axes of `inputs`. Received: {len(places)} rows"
        )
    working = floating(x)
    corners = [_corners(floating(place).to(x.device), order) for place in places]
    total: Any = 0.0
    for corner in itertools.product(*corners):
        index = [inside(at, size, _OUTSIDE[fill_mode]) for (at, _), size in zip(corner, x.shape, strict=True)]
        value = working[tuple(index)]
        if fill_mode == "constant":
            known = [(at >= 0) & (at < size) for (at, _), size in zip(corner, x.shape, strict=True)]
            value = torch.where(torch.stack(torch.broadcast_tensors(*known)).all(0), value, fill_value)
        for _, weight in corner:
            value = value * weight
        total = total + value
    return total.to(x.dtype) if x.dtype.is_floating_point else total.round().to(x.dtype)


def _corners(place: torch.Tensor, order: int) -> list[tuple[torch.Tensor, Any]]:
    """Return the indices along one axis that a place lies between, with their weights."""
    if order == 0:
        return [(place.round().long(), 1.0)]
    below = place.floor()
    share = place - below
    return [(below.long(), 1.0 - share), (below.long() + 1, share)]


@operation
def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Any:
    """Enlarge axes by `scale`, then move them by `translation`, with a kernel; what comes from outside is 0.

    `method` is "linear", "cubic", "lanczos3" or "lanczos5"; `antialias` widens the kernel where the image shrinks.
    """
    x = convert(images)
    scale, translation = floats(scale, translation)
    kernels = {name: names.split()[0] for kernel, names in _KERNELS.items() for name in [kernel, *names.split()]}
    check(method, kernels, "method")
    found = floating(x)
    for number, axis in enumerate(spatial_dims):
        weights = placed_weights(
            x.shape[axis], output_shape[axis], scale[number], translation[number], kernels[method], antialias
        )
        found = torch.tensordot(found, weights.to(found.device, found.dtype), dims=([axis], [1])).movedim(-1, axis)
    return found if x.dtype.is_floating_point else found.round().clamp(x.min(), x.max()).to(x.dtype)


@operation
def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Any:
    """Shift every pixel by noise of width `sigma`, smoothed by a Gaussian of that width, times `alpha`."""
    check(interpolation, image_transforms.SAMPLINGS, "interpolation")
    check(fill_mode, (*image_transforms.FILL_MODES, "mirror"), "fill_mode")
    x, last = first(convert(images), data_format)
    batch = x if x.dim() == 4 else x[None]
    height, width = batch.shape[-2:]
    noise = random.normal((len(batch), 2, height, width), 0.0, sigma, seed=seed).to(batch.device)
    kernel = image_transforms.gaussian_kernel(int(6 * sigma) | 1, torch.as_tensor(float(sigma), device=batch.device))
    across, down = (alpha * image_transforms.blur(noise, (kernel, kernel))).unbind(1)
    columns = across + torch.arange(width, device=batch.device)
    rows = down + torch.arange(height, device=batch.device)[:, None]
    found = image_transforms.sample(batch, columns, rows, interpolation, fill_mode, fill_value)
    return back(found if x.dim() == 4 else found[0], last)


@operation
def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """The derivatives down and across, as a last axis, by Sobel's kernels; outside there are zeros."""
    x, last = first(floating(images), data_format)
    found = image_quality.sobel(x if x.dim() == 4 else x[None], "constant").movedim(2, -1)
    found = found.movedim(1, 3) if last else found
    return found if x.dim() == 4 else found[0]


@operation
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """The structural similarity of pairs of images (Wang et al., 2004): 1 where they are equal."""
    a, b = (first(item, data_format)[0] for item in floats(image1, image2))
    single = a.dim() == 3
    pair = (a[None], b[None]) if single else (a, b)
    luminance, structure = image_quality.similarity(*pair, max_val, filter_size, filter_sigma, k1, k2)
    found = (luminance * structure).mean((-3, -2, -1))
    return found[0] if single else found
