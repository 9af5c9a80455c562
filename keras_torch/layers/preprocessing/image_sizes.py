"""Layers that change the size of images: Resizing, CenterCrop, RandomCrop, RandomHeight, RandomWidth."""

from __future__ import annotations

import numbers
from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend.images import check_interpolation, resize
from keras_torch.layers.preprocessing import boxes as box_tools
from keras_torch.layers.preprocessing.image_layer import ImageLayer, RandomImageLayer
from keras_torch.symbolic import KerasTensor


def fitting_window(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of the largest central window with the target's aspect ratio."""
    height = max(min(size[0], int(size[1] * target[0] / target[1])), 1)
    width = max(min(size[1], int(size[0] * target[1] / target[0])), 1)
    return (size[0] - height) // 2, (size[1] - width) // 2, height, width


class SizedImageLayer(ImageLayer):
    """Base of the layers whose output has the size `height` × `width`."""

    height: int
    width: int

    def _set_size(self, height: Any, width: Any) -> None:
        self.height = self._checked_size("height", height)
        self.width = self._checked_size("width", width)

    def _image_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return self._with_size(shape, self.height, self.width)

    def _window(self, images: torch.Tensor, top: int, left: int, height: int, width: int) -> torch.Tensor:
        return images.narrow(self._axes[0], top, height).narrow(self._axes[1], left, width)

    def _fitted(self, images: torch.Tensor) -> torch.Tensor:
        """Cut out the largest window of the target's aspect ratio and resize it."""
        target = (self.height, self.width)
        window = self._window(images, *fitting_window(self._size(images), target))
        return resize(window, target, data_format=self.data_format)

    def _windowed_boxes(self, bounding_boxes: Any, size: tuple[int, int], window: Any) -> dict[str, Any]:
        """Bounding boxes of images of `size` in a window (top, left, height, width) that is resized to the target."""
        top, left, height, width = window
        found = self._boxes_to_xyxy(bounding_boxes, size)
        boxes = found["boxes"]
        boxes = boxes - box_tools.sizes(top, left, boxes)
        boxes = torch.minimum(boxes.clamp(min=0.0), box_tools.sizes(height, width, boxes))
        boxes = boxes * box_tools.sizes(self.height / height, self.width / width, boxes)
        return self._boxes_from_xyxy({**found, "boxes": boxes}, (self.height, self.width))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}


class Resizing(SizedImageLayer):
    """Resize images with `backend.images.resize`, in training and inference alike.

    `crop_to_aspect_ratio` cuts out the largest central window of the target's shape first; `pad_to_aspect_ratio` puts
    `fill_value` around the image instead. Integers stay integers, as in Keras 3; tf.keras makes them floats.
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)
        self.interpolation = check_interpolation(interpolation, f"Layer {self.name!r}")
        self.crop_to_aspect_ratio, self.pad_to_aspect_ratio = bool(crop_to_aspect_ratio), bool(pad_to_aspect_ratio)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ValueError(
                f"Layer {self.name!r}: an image is either cropped or padded. Give one of `crop_to_aspect_ratio` and "
                "`pad_to_aspect_ratio` only. Received: both True"
            )
        if fill_mode != "constant":
            raise ValueError(f"Layer {self.name!r}: `fill_mode` must be 'constant'. Received: {fill_mode!r}")
        self.fill_mode, self.fill_value = fill_mode, fill_value
        self.antialias = bool(antialias)
        self._keeps_integers = config.dialect() != "tf"

    def _resized(self, images: torch.Tensor, interpolation: str) -> torch.Tensor:
        target = (self.height, self.width)
        if self.crop_to_aspect_ratio:
            images = self._window(images, *fitting_window(self._size(images), target))
        elif self.pad_to_aspect_ratio:
            images = self._padded(images)
        return resize(images, target, interpolation, self.antialias, self.data_format)

    def _margins(self, size: tuple[int, int]) -> tuple[int, int]:
        """How many rows go above and below, and how many columns to either side."""
        height = max(size[0], int(size[1] * self.height / self.width))
        width = max(size[1], int(size[0] * self.width / self.height))
        return (height - size[0]) // 2, (width - size[1]) // 2

    def _padded(self, images: torch.Tensor) -> torch.Tensor:
        rows, columns = self._margins(self._size(images))
        value = self.fill_value if images.is_floating_point() else int(self.fill_value)
        padded = F.pad(self._planes(images), (columns, columns, rows, rows), value=value)
        return self._unplanes(padded)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._images(images)
        if images.is_floating_point() or not self._keeps_integers:
            images = images.to(self._compute_torch_dtype)
        return self._resized(images, self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self._resized(self._images(segmentation_masks), "nearest")

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        return self._size(self._images(data))

    def _scale_and_shift(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Scales and shifts of y and x as Keras 3 rounds them for bounding boxes."""
        down, across = self.height / size[0], self.width / size[1]
        if self.pad_to_aspect_ratio:
            scale = min(down, across)
            return scale, scale, (self.height - size[0] * scale) // 2, (self.width - size[1] * scale) // 2
        if self.crop_to_aspect_ratio:
            scale = max(down, across)
            return scale, scale, -((size[0] * scale - self.height) // 2), -((size[1] * scale - self.width) // 2)
        return down, across, 0.0, 0.0

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        size = tuple(transformation)
        given = self._checked_boxes(bounding_boxes)["boxes"]
        empty = (given == -1).all(-1, keepdim=True) | (given == 0).all(-1, keepdim=True)
        found = self._boxes_to_xyxy(bounding_boxes, size)
        y_scale, x_scale, y_shift, x_shift = self._scale_and_shift(size)
        boxes = found["boxes"] * box_tools.sizes(y_scale, x_scale, given) + box_tools.sizes(y_shift, x_shift, given)
        target = (self.height, self.width)
        found = box_tools.clipped({**found, "boxes": boxes}, *target)
        found["boxes"] = torch.where(empty, 0.0, found["boxes"])
        return self._converted_boxes(found, "xyxy", str(self.bounding_box_format), target)

    def get_config(self) -> dict[str, Any]:
        settings = {
            "interpolation": self.interpolation,
            "crop_to_aspect_ratio": self.crop_to_aspect_ratio,
            "pad_to_aspect_ratio": self.pad_to_aspect_ratio,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "antialias": self.antialias,
        }
        return {**super().get_config(), **settings}


class CenterCrop(SizedImageLayer):
    """Cut out the central `height` × `width`: a view. From smaller images the largest window that fits is resized."""

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_size(height, width)

    def _window_of(self, size: Any) -> tuple[int, int, int, int]:
        rows, columns = size[0] - self.height, size[1] - self.width
        if rows < 0 or columns < 0:
            return fitting_window(size, (self.height, self.width))
        return rows // 2, columns // 2, self.height, self.width

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        return {"input_shape": tuple(self._images(data).shape)}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        window = self._window(images, *self._window_of(self._size(images)))
        return resize(window, (self.height, self.width), data_format=self.data_format)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        shape = transformation["input_shape"]
        size = (shape[self._axes[0]], shape[self._axes[1]])
        return self._windowed_boxes(bounding_boxes, size, self._window_of(size))


class RandomCrop(SizedImageLayer, RandomImageLayer):
    """Cut `height` × `width` out at a random place, one for the whole batch.

    In inference, and where an image is smaller, the largest central window of the target's shape is resized, as in
    tf.keras; Keras 3 leaves images unchanged in inference, although it announces the other shape.
    """

    def __init__(
        self, height: int, width: int, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self._set_size(height, width)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return where the window begins (None where there is none) and the height and width of the images."""
        images = self._images(data)
        size = self._size(images)
        if not training or size[0] < self.height or size[1] < self.width:
            return (None, None, *size)
        source = self._source(seed, images.device)
        drawn = [self._uniform((), 0.0, 1.0, source, images.device) for _ in size]
        spare = (size[0] - self.height, size[1] - self.width)
        places = [(item * (count + 1)).long().clamp(max=count) for item, count in zip(drawn, spare, strict=True)]
        return (*places, *size)

    def _cropped(self, images: torch.Tensor, transformation: Any, training: bool) -> torch.Tensor:
        if not training or transformation is None or transformation[0] is None:
            return self._fitted(images)
        # An index on the device: the place is never looked at, so nothing waits for it.
        for axis, start, count in zip(self._axes, transformation, (self.height, self.width), strict=False):
            images = images.index_select(axis, torch.arange(count, device=images.device) + start)
        return images

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        return self._cropped(self._floating(images), transformation, training)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self._cropped(self._images(segmentation_masks), transformation, training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        top, left, *size = transformation
        if not training or top is None:
            target = (self.height, self.width)
            return self._windowed_boxes(bounding_boxes, size, fitting_window((size[0], size[1]), target))
        found = self._boxes_to_xyxy(bounding_boxes, size)
        start = torch.stack([torch.as_tensor(item, device=found["boxes"].device) for item in (left, top, left, top)])
        return self._boxes_from_xyxy({**found, "boxes": found["boxes"] - start}, (self.height, self.width))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


class RandomStretch(RandomImageLayer):
    """Base of RandomHeight and RandomWidth: one axis of the batch changes by a fraction drawn from `factor`."""

    _axis: int

    def __init__(self, factor: Any, interpolation: str = "bilinear", seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, data_format="channels_last", **kwargs)
        self.factor = factor
        pair = factor if isinstance(factor, (list, tuple)) and len(factor) == 2 else (factor, factor)
        valid = all(isinstance(item, numbers.Real) and float(item) >= -1 for item in pair)
        if not valid or (pair is factor and pair[1] < pair[0]) or (pair is not factor and factor < 0):
            raise ValueError(
                f"Layer {self.name!r}: `factor` must be a number ≥ 0 or two numbers ≥ -1 in ascending order. "
                f"Received: {factor!r}"
            )
        self._range = (pair[0], pair[1]) if pair is factor else (-factor, factor)
        self.interpolation = check_interpolation(interpolation, f"Layer {self.name!r}")

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = self._images(data)
        # The new size is needed as a number: drawn on the CPU, for which no device waits.
        share = self._uniform((), 1.0 + self._range[0], 1.0 + self._range[1], seed, torch.device("cpu"))
        sizes = list(self._size(images))
        sizes[self._axis] = int(share * sizes[self._axis])
        return tuple(sizes)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        if not training or transformation is None:
            return images
        return resize(images, transformation, self.interpolation, data_format=self.data_format)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        masks = self._images(segmentation_masks)
        return resize(masks, transformation, "nearest", data_format=self.data_format) if transformation else masks

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if kwargs.get("training") is False:
            return KerasTensor(args[0].shape, self.compute_dtype)
        return super()._symbolic_outputs(args, kwargs)

    def _image_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        sizes = [shape[axis] for axis in self._axes]
        sizes[self._axis] = None
        return self._with_size(shape, *sizes)

    def get_config(self) -> dict[str, Any]:
        base = {key: item for key, item in super().get_config().items() if key != "data_format"}
        return {**base, "factor": self.factor, "interpolation": self.interpolation, "seed": self.seed}


class RandomHeight(RandomStretch):
    """Change the height of a batch (batch, height, width, channels) at random while training; gone in Keras 3."""

    _axis = 0


class RandomWidth(RandomStretch):
    """Change the width of a batch (batch, height, width, channels) at random while training; gone in Keras 3."""

    _axis = 1
