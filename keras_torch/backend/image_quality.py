"""Structural similarity and edges of images (N, C, H, W)."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def similarity(
    a: torch.Tensor, b: torch.Tensor, limit: float, size: int, sigma: float, k1: float, k2: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return luminance and contrast-structure (N, C, H', W') of windows (Wang et al., 2004).

    `limit` is the largest value of a pixel; windows have `size` pixels and a Gaussian's weights.
    """
    steps = torch.arange(size, dtype=a.dtype, device=a.device) - (size - 1) / 2
    line = torch.softmax(-0.5 * (steps / sigma) ** 2, 0)
    kernel = (line[:, None] * line)[None, None].expand(a.shape[1], 1, size, size)

    def local(x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, kernel, groups=x.shape[1])

    c1, c2 = (k1 * limit) ** 2, (k2 * limit) ** 2
    mean_a, mean_b = local(a), local(b)
    product, squares = mean_a * mean_b * 2, mean_a.square() + mean_b.square()
    luminance = (product + c1) / (squares + c1)
    structure = (local(a * b) * 2 - product + c2) / (local(a.square() + b.square()) - squares + c2)
    return luminance, structure


def sobel(images: torch.Tensor, padding: str) -> torch.Tensor:
    """Return the derivatives down and across (N, C, 2, H, W); `padding` is a mode of `F.pad`."""
    down = torch.tensor([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]], dtype=images.dtype, device=images.device)
    kernel = torch.stack([down, down.T])[:, None].repeat(images.shape[1], 1, 1, 1)
    found = F.conv2d(F.pad(images, (1, 1, 1, 1), mode=padding), kernel, groups=images.shape[1])
    return found.unflatten(1, (images.shape[1], 2))
