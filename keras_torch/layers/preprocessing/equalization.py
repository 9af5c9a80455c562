"""Layers that spread the values of images: AutoContrast, Equalization, ContrastLimitedAdaptiveHistogramEqualization."""

from __future__ import annotations

import math
from typing import Any

import torch

from keras_torch.layers.preprocessing.image_layer import ImageLayer
from keras_torch.layers.preprocessing.random_colors import rescaled


class AutoContrast(ImageLayer):
    """Stretch each channel of each image to the whole `value_range`, in training and inference alike."""

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = self._checked_range(value_range)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        planes = rescaled(self._planes(images), self.value_range, (0, 255))
        low, high = planes.amin((-2, -1), keepdim=True), planes.amax((-2, -1), keepdim=True)
        scale = 255.0 / torch.where(high > low, high - low, 1.0)
        stretched = (planes * scale - low * scale).clamp(0.0, 255.0)
        stretched = rescaled(stretched, (0, 255), self.value_range)
        return self._unplanes(torch.where(high > low, stretched, self._planes(images)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "value_range": self.value_range}


def _histograms(indices: torch.Tensor, bins: int) -> torch.Tensor:
    """Count the numbers below `bins` in the last axis: (..., bins)."""
    counts = torch.zeros((*indices.shape[:-1], bins), device=indices.device)
    return counts.scatter_add_(-1, indices, torch.ones((), device=indices.device).expand(indices.shape))


class Equalization(ImageLayer):
    """Spread the values of each channel so that all are about as frequent; while training only, as in Keras 3.

    Keras 3 counts over the whole batch, so an image's values depend on the images beside it.
    """

    _keeps_mode = True

    def __init__(
        self, value_range: Any = (0, 255), bins: int = 256, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = self._checked_range(value_range)
        self.bins = self._checked_size("bins", bins)
        self.training = True

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        if not training:
            return images
        planes = rescaled(self._planes(images), self.value_range, (0, 255)).transpose(0, -3)
        flat = planes.flatten(1)
        counts = _histograms((flat * (self.bins - 1) / 255).long().clamp(0, self.bins - 1), self.bins)
        total = counts.cumsum(-1)
        least = torch.where(total > 0, total, torch.inf).amin(-1, keepdim=True)
        spread = total[:, -1:] - least
        table = ((total - least) * 255 / torch.where(spread == 0, 1.0, spread)).round().clamp(0, 255)
        index = (flat / 255.0 * (self.bins - 1)).clamp(0, self.bins - 1).long()
        equal = torch.where((counts > 0).sum(-1, keepdim=True) <= 1, flat, table.gather(-1, index).to(flat.dtype))
        equal = equal.unflatten(1, planes.shape[1:]).transpose(0, -3)
        return self._unplanes(rescaled(equal, (0, 255), self.value_range))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bins": self.bins, "value_range": self.value_range}


class ContrastLimitedAdaptiveHistogramEqualization(ImageLayer):
    """Spread the values of each channel in each tile of a grid, and blend between the tiles (CLAHE).

    No value counts for more than `clip_limit` times the mean; what is cut off is shared out evenly. In training and
    inference alike. https://doi.org/10.1016/B978-0-12-336156-1.50061-6
    """

    _keeps_integers = True

    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = self._checked_range(value_range)
        self.clip_limit = self._checked_number("clip_limit", clip_limit, -math.inf)
        if not isinstance(tile_grid_size, (list, tuple)) or len(tile_grid_size) != 2:
            raise ValueError(
                f"Layer {self.name!r}: `tile_grid_size` must be two positive integers. Received: {tile_grid_size!r}"
            )
        rows, columns = (self._checked_size("tile_grid_size", item) for item in tile_grid_size)
        self.tile_grid_size: tuple[int, int] = (rows, columns)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._images(images)
        planes = rescaled(self._planes(images).float(), self.value_range, (0, 255))
        height, width = planes.shape[-2:]
        # Reflected so that the tiles are of one size.
        tiles = [-(-size // count) for size, count in zip((height, width), self.tile_grid_size, strict=True)]
        for axis, size, tile, count in zip((-2, -1), (height, width), tiles, self.tile_grid_size, strict=True):
            place = torch.arange(tile * count, device=planes.device) % (2 * size)
            planes = planes.index_select(axis, torch.minimum(place, 2 * size - 1 - place))
        values = planes.clamp(0, 255).long()
        equal = self._blended(values, self._tables(values, tiles), tiles)[..., :height, :width]
        equal = rescaled(equal, (0, 255), self.value_range)
        return self._unplanes(equal.to(images.dtype))

    def _tables(self, values: torch.Tensor, tiles: list[int]) -> torch.Tensor:
        """What each value becomes in each tile: (N, C, rows, columns, 256)."""
        rows, columns = self.tile_grid_size
        area = tiles[0] * tiles[1]
        parts = values.unflatten(-1, (columns, tiles[1])).unflatten(-3, (rows, tiles[0])).transpose(-3, -2)
        counts = _histograms(parts.flatten(-2), 256)
        if self.clip_limit > 0:
            kept = counts.clamp(max=self.clip_limit * area / 256.0)
            counts = kept + (counts - kept).sum(-1, keepdim=True) / 256.0
        total = counts.cumsum(-1)
        least = total.amin(-1, keepdim=True)
        spread = area - least
        return ((total - least) * 255.0 / torch.where(spread == 0, 1.0, spread)).clamp(0, 255)

    def _blended(self, values: torch.Tensor, tables: torch.Tensor, tiles: list[int]) -> torch.Tensor:
        """Look every pixel up in the tables of the four nearest tiles, and interpolate."""
        near = []
        for size, tile, count in zip(values.shape[-2:], tiles, self.tile_grid_size, strict=True):
            place = (torch.arange(size, device=values.device) - tile / 2.0) / tile
            first = place.floor()
            both = [(first + step).clamp(0, count - 1).long() for step in (0, 1)]
            near.append((both, place - first))
        (rows, down), (columns, across) = near
        flat = tables.flatten(2)

        def look_up(row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
            index = (row[:, None] * self.tile_grid_size[1] + column) * 256 + values
            return flat.gather(-1, index.flatten(2)).view(values.shape)

        upper = torch.lerp(look_up(rows[0], columns[0]), look_up(rows[0], columns[1]), across)
        lower = torch.lerp(look_up(rows[1], columns[0]), look_up(rows[1], columns[1]), across)
        return torch.lerp(upper, lower, down[:, None])

    def get_config(self) -> dict[str, Any]:
        settings = {
            "value_range": self.value_range,
            "clip_limit": self.clip_limit,
            "tile_grid_size": self.tile_grid_size,
        }
        return {**super().get_config(), **settings}
