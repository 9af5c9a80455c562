"""Random layers that move pixels by affine maps: flips, rotation, translation, zoom and shear."""

from __future__ import annotations

import math
from typing import Any

import torch

from keras_torch import config
from keras_torch.backend.image_transforms import affine_transform
from keras_torch.layers.preprocessing import boxes as box_tools
from keras_torch.layers.preprocessing.image_layer import RandomImageLayer, SpatialImageLayer

_MODES = {"horizontal": (False, True), "vertical": (True, False), "horizontal_and_vertical": (True, True)}


class RandomFlip(RandomImageLayer):
    """Flip half of the images "horizontal"ly, "vertical"ly or "horizontal_and_vertical"ly.

    With the last `mode` Keras 3 turns an image by half a turn or leaves it; tf.keras draws for each direction.
    """

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        if mode not in _MODES:
            raise ValueError(f"Layer {self.name!r}: `mode` must be one of {tuple(_MODES)}. Received: {mode!r}")
        self.mode = mode
        self._separate = mode == "horizontal_and_vertical" and config.dialect() == "tf"

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = self._images(data)
        shape = (self._batch(data), 1, 1, 1)
        source = self._source(seed, images.device)
        draws = {"flips": self._uniform(shape, 0.0, 1.0, source, images.device) <= 0.5}
        if self._separate:
            draws["vertical_flips"] = self._uniform(shape, 0.0, 1.0, source, images.device) <= 0.5
        return {**draws, "input_shape": tuple(images.shape)}

    def _flips(self, transformation: Any) -> list[tuple[torch.Tensor, list[int]]]:
        """What is flipped, and along which axes."""
        vertical, horizontal = _MODES[self.mode]
        axes = [axis for axis, chosen in zip(self._axes, (vertical, horizontal), strict=True) if chosen]
        if "vertical_flips" in transformation:
            return [(transformation["flips"], axes[1:]), (transformation["vertical_flips"], axes[:1])]
        return [(transformation["flips"], axes)]

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        return self._flipped(self._floating(images), transformation, training)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self._flipped(self._images(segmentation_masks), transformation, training)

    def _flipped(self, images: torch.Tensor, transformation: Any, training: bool) -> torch.Tensor:
        transformation = self._active(transformation, training, images)
        for flips, axes in self._flips(transformation) if transformation is not None else ():
            images = torch.where(flips, images.flip(axes), images)
        return images

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        transformation = self._active(transformation, training, bounding_boxes)
        if transformation is None:
            return bounding_boxes
        size = [transformation["input_shape"][axis] for axis in self._axes]
        found = self._boxes_to_xyxy(bounding_boxes, size)
        boxes = found["boxes"]
        limits = box_tools.sizes(size[0], size[1], boxes)
        for flips, axes in self._flips(transformation):
            turned = (limits - boxes)[..., [2, 3, 0, 1]]
            columns = torch.arange(4, device=boxes.device) % 2 == 0
            along_width, along_height = (axis in axes for axis in reversed(self._axes))
            changed = (columns & along_width) | (~columns & along_height)
            boxes = torch.where(flips.flatten(1)[..., None] & changed, turned, boxes)
        return self._boxes_from_xyxy({**found, "boxes": boxes}, size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed, "mode": self.mode}


def _rows(*columns: Any) -> torch.Tensor:
    """Affine maps (N, 8) of columns that are tensors (N,) or numbers."""
    like = next(item for item in columns if isinstance(item, torch.Tensor))
    zeros = torch.zeros_like(like)
    return torch.stack([item if isinstance(item, torch.Tensor) else zeros + item for item in (*columns, 0.0, 0.0)], 1)


class RandomRotation(SpatialImageLayer):
    """Rotate images about their centre by an angle drawn from `factor`, in full turns, counter-clockwise if positive.

    One number stands for both directions. See `backend.image_transforms.sample` for the pixels.
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            seed=seed,
            fill_value=fill_value,
            data_format=data_format,
            **kwargs,
        )
        # tf.keras took any number of turns.
        bounds = (-math.inf, math.inf) if config.dialect() == "tf" else (-1.0, 1.0)
        self.factor = self._factor("factor", factor, bounds)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = self._images(data)
        low, high = self.factor
        angle = self._uniform((self._batch(data),), low * 360.0, high * 360.0, seed, images.device)
        height, width = self._size(images)
        x, y = (width - 1) / 2, (height - 1) / 2
        cosine, sine = torch.cos(angle * (math.pi / 180.0)), torch.sin(angle * (math.pi / 180.0))
        matrix = _rows(cosine, -sine, x - x * cosine + y * sine, sine, cosine, y - x * sine - y * cosine)
        return {
            "angle": angle,
            "rotation_matrix": matrix,
            "image_height": height,
            "image_width": width,
            "batch_size": angle.shape[0],
        }

    def _moved(self, planes: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        matrix = transformation["rotation_matrix"]
        matrix = matrix if matrix.dim() == 2 else matrix[None]
        return affine_transform(planes, matrix, interpolation, self.fill_mode, self.fill_value)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        transformation = self._active(transformation, training, bounding_boxes)
        if transformation is None:
            return bounding_boxes
        size = transformation["image_height"], transformation["image_width"]
        found = self._boxes_to_xyxy(bounding_boxes, size)
        angle = transformation["angle"][:, None, None] * (math.pi / 180.0)
        x, y = (size[1] - 1) / 2, (size[0] - 1) / 2
        across, down = found["boxes"][..., [0, 2, 2, 0]] - x, found["boxes"][..., [1, 1, 3, 3]] - y
        turned_x = torch.cos(angle) * across + torch.sin(angle) * down + x
        turned_y = torch.cos(angle) * down - torch.sin(angle) * across + y
        corners = (turned_x.amin(-1), turned_y.amin(-1), turned_x.amax(-1), turned_y.amax(-1))
        return self._boxes_from_xyxy({**found, "boxes": torch.stack(corners, -1)}, size)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


class RandomTranslation(SpatialImageLayer):
    """Move images down and to the right by fractions of their size, drawn from `height_factor` and `width_factor`."""

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            seed=seed,
            fill_value=fill_value,
            data_format=data_format,
            **kwargs,
        )
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height_range = self._factor("height_factor", height_factor, strict=True)
        self._width_range = self._factor("width_factor", width_factor, strict=True)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = self._images(data)
        height, width = self._size(images)
        source, shape = self._source(seed, images.device), (self._batch(data), 1)
        down = self._uniform(shape, *self._height_range, source, images.device) * height
        across = self._uniform(shape, *self._width_range, source, images.device) * width
        return {"translations": torch.cat((across, down), 1), "input_shape": tuple(images.shape)}

    def _moved(self, planes: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        across, down = transformation["translations"].unbind(1)
        matrix = _rows(1.0, 0.0, -across, 0.0, 1.0, -down)
        return affine_transform(planes, matrix, interpolation, self.fill_mode, self.fill_value)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        transformation = self._active(transformation, training, bounding_boxes)
        if transformation is None:
            return bounding_boxes
        size = [transformation["input_shape"][axis] for axis in self._axes]
        found = self._boxes_to_xyxy(bounding_boxes, size)
        moved = found["boxes"] + transformation["translations"].repeat(1, 2)[:, None]
        return self._boxes_from_xyxy({**found, "boxes": moved}, size)

    def get_config(self) -> dict[str, Any]:
        settings = {"height_factor": self.height_factor, "width_factor": self.width_factor}
        return {**super().get_config(), **settings}


class RandomZoom(SpatialImageLayer):
    """Zoom about the centre: 0.2 shows 20 % more in each direction, -0.2 shows 20 % less.

    Without `width_factor` the width follows the height.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            seed=seed,
            fill_value=fill_value,
            data_format=data_format,
            **kwargs,
        )
        self.height_factor, self.width_factor = height_factor, width_factor
        self._height_range = self._factor("height_factor", height_factor, strict=True, open_below=True)
        self._width_range = None
        if width_factor is not None:
            self._width_range = self._factor("width_factor", width_factor, strict=True, open_below=True)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = self._images(data)
        source, shape = self._source(seed, images.device), (self._batch(data), 1)
        height = self._uniform(shape, *self._height_range, source, images.device) + 1.0
        width = height
        if self._width_range is not None:
            width = self._uniform(shape, *self._width_range, source, images.device) + 1.0
        return {"height_zoom": height, "width_zoom": width, "input_shape": tuple(images.shape)}

    def _moved(self, planes: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        height, width = planes.shape[-2:]
        down, across = transformation["height_zoom"].flatten(), transformation["width_zoom"].flatten()
        matrix = _rows(across, 0.0, (width - 1) / 2 * (1.0 - across), 0.0, down, (height - 1) / 2 * (1.0 - down))
        return affine_transform(planes, matrix, interpolation, self.fill_mode, self.fill_value)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        transformation = self._active(transformation, training, bounding_boxes)
        if transformation is None:
            return bounding_boxes
        size = [transformation["input_shape"][axis] for axis in self._axes]
        found = self._boxes_to_xyxy(bounding_boxes, size)
        across, down = (transformation[key].reshape(-1, 1) for key in ("width_zoom", "height_zoom"))
        zoom = torch.cat((across, down), 1).repeat(1, 2)[:, None]
        limits = box_tools.sizes(size[0], size[1], found["boxes"])
        start = (limits - 1.0) / 2 * (1.0 - zoom)
        shown = torch.minimum(torch.maximum(found["boxes"], start), start + limits * zoom)
        return self._boxes_from_xyxy({**found, "boxes": (shown - start) / zoom}, size)

    def get_config(self) -> dict[str, Any]:
        settings = {"height_factor": self.height_factor, "width_factor": self.width_factor}
        return {**super().get_config(), **settings}


class RandomShear(SpatialImageLayer):
    """Shear images along x and y by amounts drawn from `x_factor` and `y_factor` (0 to 1), in either direction."""

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            interpolation=interpolation,
            fill_mode=fill_mode,
            fill_value=fill_value,
            data_format=data_format,
            seed=seed,
            **kwargs,
        )
        self.x_factor = self._amount("x_factor", x_factor)
        self.y_factor = self._amount("y_factor", y_factor)

    def _amount(self, name: str, value: Any) -> tuple[float, float]:
        # One number is a range around 0, and Keras 3 writes it as one, though it does not take it.
        if isinstance(value, (list, tuple)):
            return self._factor(name, value, strict=True)
        high = self._factor(name, value, (0.0, 1.0))[1]
        return -high, high

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = self._images(data)
        source, shape = self._source(seed, images.device), (self._batch(data), 1)
        turned = self._uniform(shape, 0.0, 1.0, source, images.device) > 0.5
        y = self._uniform(shape, *self.y_factor, source, images.device)
        x = self._uniform(shape, *self.x_factor, source, images.device)
        amounts = torch.cat((x, y), 1)
        return {"shear_factor": torch.where(turned, -amounts, amounts), "input_shape": tuple(images.shape)}

    def _moved(self, planes: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        x, y = transformation["shear_factor"].float().unbind(1)
        return affine_transform(planes, _rows(1.0, x, 0.0, y, 1.0, 0.0), interpolation, self.fill_mode, self.fill_value)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        transformation = self._active(transformation, training, bounding_boxes)
        if transformation is None:
            return bounding_boxes
        size = [transformation["input_shape"][axis] for axis in self._axes]
        found = self._boxes_to_xyxy(bounding_boxes, size)
        boxes = box_tools.convert(found["boxes"], "xyxy", "rel_xyxy", *size)
        x1, y1, x2, y2 = boxes.unbind(-1)
        x, y = transformation["shear_factor"].to(boxes.dtype).split(1, -1)
        # Keras 3's steps: first along x, then along y with the new x.
        x1, x2 = (
            torch.where(x < 0, x1 - x * y1, x1 - x * y2),
            torch.where(x < 0, x2 - x * y2, x2 - x * y1),
        )
        y1, y2 = (
            torch.where(y > 0, y1 - y * x2, y1 - y * x1),
            torch.where(y > 0, y2 - y * x1, y2 - y * x2),
        )
        boxes = box_tools.convert(torch.stack((x1, y1, x2, y2), -1), "rel_xyxy", "xyxy", *size)
        return self._boxes_from_xyxy({**found, "boxes": boxes}, size)

    def get_config(self) -> dict[str, Any]:
        ranges = {"x_factor": self.x_factor, "y_factor": self.y_factor}
        settings = {key: high if low == -high else (low, high) for key, (low, high) in ranges.items()}
        return {**super().get_config(), **settings}
