"""Colour spaces of images (..., 3, H, W)."""

from __future__ import annotations

import torch


def rgb_to_grayscale(images: torch.Tensor) -> torch.Tensor:
    """Return the luma (ITU-R BT.601) with one channel; images of one channel come back as they are."""
    if images.shape[-3] == 1:
        return images
    red, green, blue = images.unbind(-3)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(images.dtype).unsqueeze(-3)


def rgb_to_hsv(images: torch.Tensor) -> torch.Tensor:
    """Return hue, saturation (both 0 to 1) and value."""
    images = torch.where(images.abs() < torch.finfo(images.dtype).eps, 0.0, images)
    red, green, blue = images.unbind(-3)
    value, low = images.amax(-3), images.amin(-3)
    spread = value - low
    saturation = torch.where(value > 0, spread / torch.where(value > 0, value, 1.0), 0.0)
    sixth = 1.0 / (6.0 * torch.where(spread > 0, spread, 1.0))
    hue = torch.where(value == green, sixth * (blue - red) + 2.0 / 6.0, sixth * (red - green) + 4.0 / 6.0)
    hue = torch.where(value == red, sixth * (green - blue), hue)
    hue = torch.where(spread > 0, hue, 0.0) + (hue < 0.0).to(hue.dtype)
    return torch.stack((hue, saturation, value), -3)


def hsv_to_rgb(images: torch.Tensor) -> torch.Tensor:
    """Return red, green and blue."""
    hue, saturation, value = images.unbind(-3)
    turn = torch.remainder(hue, 1.0) * 6.0
    red = ((turn - 3.0).abs() - 1.0).clamp(0.0, 1.0)
    green = (2.0 - (turn - 2.0).abs()).clamp(0.0, 1.0)
    blue = (2.0 - (turn - 4.0).abs()).clamp(0.0, 1.0)
    return torch.stack([value * (1.0 - saturation + saturation * part) for part in (red, green, blue)], -3)
