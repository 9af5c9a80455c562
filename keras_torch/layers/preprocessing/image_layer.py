"""Base of the layers that prepare or augment images."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config
from keras_torch.backend.image_transforms import FILL_MODES, SAMPLINGS
from keras_torch.engine import Layer
from keras_torch.engine import call as call_steps
from keras_torch.layers.noise import Noise
from keras_torch.layers.preprocessing import boxes as box_tools

# What of a transformation is no tensor.
_SIZES = ("input_shape", "image_height", "image_width", "seed")


def _tensor(item: Any, device: torch.device) -> torch.Tensor:
    if isinstance(item, torch.Tensor):
        return item.to(device)
    found = torch.as_tensor(np.asarray(item), device=device)
    return found.float() if found.is_floating_point() else found


class ImageLayer(Layer):
    """Base: images (batch, height, width, channels), or a single one, or a dict with them under "images".

    Subclasses define `transform_images(images, transformation, training)` on batches, and what of "labels",
    "bounding_boxes" and "segmentation_masks" changes beside them; `get_random_transformation` draws what all of them
    share. Integers become floats of the layer's dtype unless `_keeps_integers`.
    """

    _keeps_integers = False

    def __init__(self, bounding_box_format: str | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bounding_box_format = box_tools.check_format(bounding_box_format, f"Layer {self.name!r}")
        self.data_format = config.standardize_data_format(data_format)

    @property
    def _axes(self) -> tuple[int, int]:
        """The axes of height and width."""
        return (-2, -1) if self.data_format == "channels_first" else (-3, -2)

    def _size(self, images: Any) -> tuple[int, int]:
        return images.shape[self._axes[0]], images.shape[self._axes[1]]

    def _images(self, data: Any) -> torch.Tensor:
        """The images in what `call` got, or `data` itself."""
        images = data["images"] if isinstance(data, dict) else data
        if not isinstance(images, torch.Tensor):
            images = torch.as_tensor(np.asarray(images), device=config.default_device())
        if images.dim() not in (3, 4):
            raise ValueError(
                f"Layer {self.name!r} takes a batch of images (4 axes) or one image (3 axes). "
                f"Received: shape {tuple(images.shape)}"
            )
        return images

    def _batch(self, data: Any) -> int:
        images = self._images(data)
        return images.shape[0] if images.dim() == 4 else 1

    def _floating(self, images: Any) -> torch.Tensor:
        return self._images(images).to(self._compute_torch_dtype)

    def _planes(self, images: torch.Tensor) -> torch.Tensor:
        """View images with the channels first."""
        return images if self.data_format == "channels_first" else torch.movedim(images, -1, -3)

    def _unplanes(self, images: torch.Tensor) -> torch.Tensor:
        """View images with the channels first in the layer's own format."""
        return images if self.data_format == "channels_first" else torch.movedim(images, -3, -1)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return what the `transform_*` methods take: None, where nothing is random."""
        return None

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        """Return the changed images of a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define `transform_images(images, transformation)`.")

    def _active(self, transformation: Any, training: bool, data: Any) -> Any:
        """Return a transformation with arrays and numbers as tensors beside `data`; None where nothing is to change."""
        if not training or transformation is None:
            return None
        data = data.get("boxes") if isinstance(data, dict) else data
        device = data.device if isinstance(data, torch.Tensor) else config.default_device()
        return {key: item if key in _SIZES else _tensor(item, device) for key, item in transformation.items()}

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        """Return the labels of changed images: the same, unless images are mixed."""
        return labels

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        """Return the bounding boxes in changed images: the same, where only colours change."""
        return bounding_boxes

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks (batch, height, width, channels) of changed images: the same, where only colours change."""
        return segmentation_masks

    def transform_single_image(self, image: Any, transformation: Any, training: bool = True) -> Any:
        """`transform_images` of one image."""
        return self.transform_images(image[None], transformation, training=training)[0]

    def transform_single_label(self, label: Any, transformation: Any, training: bool = True) -> Any:
        """`transform_labels` of one label."""
        return self.transform_labels(label[None], transformation, training=training)[0]

    def transform_single_bounding_box(self, bounding_box: Any, transformation: Any, training: bool = True) -> Any:
        """`transform_bounding_boxes` of the boxes of one image."""
        batch = {key: item[None] for key, item in bounding_box.items()}
        found = self.transform_bounding_boxes(batch, transformation, training=training)
        return {key: item[0] for key, item in found.items()}

    def transform_single_segmentation_mask(
        self, segmentation_mask: Any, transformation: Any, training: bool = True
    ) -> Any:
        """`transform_segmentation_masks` of one mask."""
        return self.transform_segmentation_masks(segmentation_mask[None], transformation, training=training)[0]

    def call(self, data: Any, training: bool | None = None) -> Any:
        training = self.training if training is None else training
        images = self._images(data)
        transformation = self.get_random_transformation(data, training=training)
        single = "single_" if images.dim() == 3 else ""
        plural = "" if single else "s"
        changed = getattr(self, f"transform_{single}image{plural}")(images, transformation, training=training)
        if not self._keeps_integers:
            changed = changed.to(self._compute_torch_dtype)
        if not isinstance(data, dict):
            return changed
        result = {**data, "images": changed}
        for key, name in (("labels", "label"), ("segmentation_masks", "segmentation_mask")):
            if key in data:
                change = getattr(self, f"transform_{single}{name}{plural}")
                result[key] = change(data[key], transformation, training=training)
        if "bounding_boxes" in data:
            found = self._checked_boxes(data["bounding_boxes"])
            change = self.transform_single_bounding_box if single else self.transform_bounding_boxes
            result["bounding_boxes"] = change(found, transformation, training=training)
        return result

    def _checked_boxes(self, bounding_boxes: Any) -> dict[str, Any]:
        if self.bounding_box_format is None:
            raise ValueError(
                f"Layer {self.name!r} got 'bounding_boxes' without knowing what their numbers mean. Give it "
                f"`bounding_box_format`, one of {box_tools.FORMATS}."
            )
        return box_tools.dense(bounding_boxes, f"Layer {self.name!r}")

    def _converted_boxes(self, bounding_boxes: dict[str, Any], source: str, target: str, size: Any) -> dict[str, Any]:
        boxes = box_tools.convert(bounding_boxes["boxes"], source, target, *size)
        return {**bounding_boxes, "boxes": boxes}

    def _boxes_to_xyxy(self, bounding_boxes: Any, size: Any) -> dict[str, Any]:
        return self._converted_boxes(self._checked_boxes(bounding_boxes), str(self.bounding_box_format), "xyxy", size)

    def _without_new_axis(self, bounding_boxes: dict[str, Any]) -> dict[str, Any]:
        """Drop the batch axis that the boxes of one image got from a transformation."""
        boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
        single = labels.dim() == 1 and boxes.dim() == 3
        return {**bounding_boxes, "boxes": boxes.squeeze(0)} if single else bounding_boxes

    def _boxes_from_xyxy(self, bounding_boxes: dict[str, Any], size: Any) -> dict[str, Any]:
        """Clip to the image and return to the layer's format."""
        found = box_tools.clipped(self._without_new_axis(bounding_boxes), *size)
        return self._converted_boxes(found, "xyxy", str(self.bounding_box_format), size)

    def compute_output_shape(self, input_shape: Any) -> Any:
        if isinstance(input_shape, dict):
            return {
                key: self.compute_output_shape(item) if key in ("images", "segmentation_masks") else item
                for key, item in input_shape.items()
            }
        shape = tuple(input_shape)
        if len(shape) not in (3, 4):
            raise ValueError(
                f"Layer {self.name!r} takes a batch of images (4 axes) or one image (3 axes). Received: shape {shape}"
            )
        return self._image_shape(shape)

    def _image_shape(self, shape: tuple[Any, ...]) -> tuple[Any, ...]:
        return shape

    def _with_size(self, shape: tuple[Any, ...], height: Any, width: Any) -> tuple[Any, ...]:
        sizes = list(shape)
        sizes[self._axes[0]], sizes[self._axes[1]] = height, width
        return tuple(sizes)

    def _symbolic_outputs(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(args[0], dict):
            return call_steps.infer_outputs(self, args, kwargs)
        return super()._symbolic_outputs(args, kwargs)

    def _symbolic_dtype(self, input_dtype: str | None) -> str:
        if self._keeps_integers and input_dtype and not config.torch_dtype(input_dtype).is_floating_point:
            return input_dtype
        return self.compute_dtype

    def _checked_number(self, name: str, value: Any, low: float, high: float = math.inf) -> Any:
        if not isinstance(value, numbers.Real) or not low <= float(value) <= high:
            wanted = f"from {low} to {high}" if high < math.inf else f"≥ {low}"
            raise ValueError(f"Layer {self.name!r}: `{name}` must be a number {wanted}. Received: {value!r}")
        return value

    def _checked_size(self, name: str, value: Any, least: int = 1) -> int:
        if not isinstance(value, numbers.Integral) or isinstance(value, bool) or int(value) < least:
            wanted = "a positive integer" if least == 1 else f"an integer ≥ {least}"
            raise ValueError(f"Layer {self.name!r}: `{name}` must be {wanted}. Received: {value!r}")
        return int(value)

    def _checked_range(self, value_range: Any) -> tuple[float, float]:
        if not isinstance(value_range, (list, tuple)) or len(value_range) != 2:
            raise ValueError(
                f"Layer {self.name!r}: `value_range` must be two numbers, the least and the greatest value of a "
                f"pixel. Received: {value_range!r}"
            )
        low, high = sorted(value_range)
        return low, high

    def _checked_choice(self, name: str, value: Any, choices: Sequence[str]) -> str:
        found = str(value).lower()
        if found not in choices:
            # The type that Keras raises; also a ValueError for those who expect one.
            raise UnknownChoice(f"Layer {self.name!r}: `{name}` must be one of {choices}. Received: {value!r}")
        return found

    def get_config(self) -> dict[str, Any]:
        settings: dict[str, Any] = {"data_format": self.data_format}
        if self.bounding_box_format is not None:
            settings["bounding_box_format"] = self.bounding_box_format
        return {**super().get_config(), **settings}


class UnknownChoice(NotImplementedError, ValueError):
    """A setting has a value that no generation of Keras knows."""


class RandomImageLayer(ImageLayer, Noise):
    """Base of the layers that change images at random while training, each image in its own way.

    `seed` makes the numbers repeatable. Unlike other layers, these begin in training mode, as in every Keras: called on
    their own they are active until `training=False`, `eval()`, `predict` or `evaluate` says otherwise.
    """

    _keeps_mode = True

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)
        if seed is not None and (not isinstance(seed, numbers.Integral) or isinstance(seed, bool)):
            raise ValueError(f"Layer {self.name!r}: `seed` must be an integer or None. Received: {seed!r}")
        self.supports_masking = False
        self.training = True

    def build(self, input_shape: Any) -> None:
        for layer in self._children():
            layer._build_once(input_shape)
        self.built = True

    def _source(self, seed: Any, device: torch.device) -> torch.Generator | None:
        if seed is None or isinstance(seed, torch.Generator):
            return self._generator(device) if seed is None else seed
        return torch.Generator(device).manual_seed(int(seed))

    def _uniform(self, shape: Sequence[int], low: float, high: float, seed: Any, device: torch.device) -> torch.Tensor:
        """Draw float32 numbers; equal bounds give exactly that number."""
        source = self._source(seed, device)
        # torch.compile does not know the argument.
        options: dict[str, Any] = {} if source is None else {"generator": source}
        return torch.rand(tuple(shape), device=device, **options) * (high - low) + low

    def _chosen(self, count: int, factor: tuple[float, float], seed: Any, device: torch.device) -> torch.Tensor:
        """Draw for each image whether it is changed, with a probability that is drawn from `factor`."""
        source = self._source(seed, device)
        probability = self._uniform((count,), *factor, source, device)
        return self._uniform((count,), 0.0, 1.0, source, device) < probability

    def _factor(
        self,
        name: str,
        value: Any,
        bounds: tuple[float, float] = (-1.0, 1.0),
        strict: bool = False,
        open_below: bool = False,
    ) -> tuple[float, float]:
        """Return (low, high) for two numbers, or for one that stands for both directions within the bounds.

        Unless `strict`, two numbers may reach beyond the bounds if some of their range lies within, as in Keras 3.
        """
        low, high = bounds
        value = [_number(item) for item in value] if isinstance(value, (list, tuple)) else _number(value)
        pair = tuple(value) if isinstance(value, (list, tuple)) and len(value) == 2 else (value, value)
        valid = all(isinstance(item, numbers.Real) and math.isfinite(float(item)) for item in pair)
        if valid:
            pair = tuple(sorted(pair))
            single = not isinstance(value, (list, tuple))
            lowest, highest = (pair[0], pair[1]) if strict or single else (pair[1], pair[0])
            valid = lowest >= low and highest <= high and not (open_below and lowest == low)
        if not valid:
            raise ValueError(
                f"Layer {self.name!r}: `{name}` must be a number or two numbers in "
                f"{'(' if open_below else '['}{low}, {high}]. Received: {value!r}"
            )
        if isinstance(value, (list, tuple)):
            return pair[0], pair[1]
        return max(-abs(value), low), abs(value)


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, torch.Tensor) and value.dim() == 0 else value


class SpatialImageLayer(RandomImageLayer):
    """Base of the random layers that move pixels. `_moved` does it on (N, C, H, W), for images and for masks alike."""

    fill_modes: Sequence[str] = FILL_MODES

    def __init__(
        self,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.interpolation = self._checked_choice("interpolation", interpolation, SAMPLINGS)
        self.fill_mode = self._checked_choice("fill_mode", fill_mode, self.fill_modes)
        self.fill_value = fill_value

    def _moved(self, planes: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        raise NotImplementedError(f"{type(self).__name__} must define `_moved`.")

    def _moved_planes(self, images: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        planes = self._planes(images)
        if planes.dim() == 4:
            return self._moved(planes, transformation, interpolation)
        return self._moved(planes[None], transformation, interpolation)[0]

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        transformation = self._active(transformation, training, images)
        if transformation is None:
            return images
        return self._unplanes(self._moved_planes(images, transformation, self.interpolation))

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        transformation = self._active(transformation, training, segmentation_masks)
        if transformation is None:
            return segmentation_masks
        masks = self._images(segmentation_masks)
        return self._unplanes(self._moved_planes(masks, transformation, "nearest"))

    def get_config(self) -> dict[str, Any]:
        settings = {
            "interpolation": self.interpolation,
            "fill_mode": self.fill_mode,
            "fill_value": self.fill_value,
            "seed": self.seed,
        }
        return {**super().get_config(), **settings}
