"""Random layers that change the colours of images and leave every pixel where it is."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend.image_colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from keras_torch.layers.preprocessing.image_layer import ImageLayer, RandomImageLayer


def rescaled(images: torch.Tensor, source: tuple[float, float], target: tuple[float, float]) -> torch.Tensor:
    """Map values from one range to another."""
    if tuple(source) == tuple(target):
        return images
    return (images - source[0]) / (source[1] - source[0]) * (target[1] - target[0]) + target[0]


class ColorLayer(RandomImageLayer):
    """Base of layers with one random number `factor` for each image, and a range of valid values."""

    # The key of the random numbers in the transformation, as in Keras 3.
    _key = "factor"

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        bounds: tuple[float, float] = (-1.0, 1.0),
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = self._factor("factor", factor, bounds)
        self.value_range = self._checked_range(value_range)

    def _drawn(self, count: int, source: Any, device: torch.device) -> torch.Tensor:
        """The random numbers (count,)."""
        return self._uniform((count,), *self.factor, source, device)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = self._images(data)
        return {self._key: self._drawn(self._batch(data), self._source(seed, images.device), images.device)}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        transformation = self._active(transformation, training, images)
        if transformation is None:
            return images
        amount = transformation[self._key].to(images.dtype).reshape(-1, 1, 1, 1)
        return self._unplanes(self._colored(self._planes(images), amount)).to(images.dtype)

    def _colored(self, planes: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
        """Change (N, C, H, W) by the amounts (N, 1, 1, 1)."""
        raise NotImplementedError(f"{type(self).__name__} must define `_colored(planes, amount)`.")

    def _clipped(self, planes: torch.Tensor) -> torch.Tensor:
        return planes.clamp(*self.value_range)

    def _checked_rgb(self, planes: torch.Tensor, counts: tuple[int, ...] = (3,)) -> torch.Tensor:
        if planes.shape[-3] not in counts:
            raise ValueError(
                f"Layer {self.name!r} takes images with {' or '.join(map(str, counts))} channels; `data_format` is "
                f"{self.data_format!r}. Received: {planes.shape[-3]} channels"
            )
        return planes

    def get_config(self) -> dict[str, Any]:
        settings = {"factor": self.factor, "value_range": self.value_range, "seed": self.seed}
        return {**super().get_config(), **settings}


class RandomBrightness(ColorLayer):
    """Add a part `factor` (-1 to 1) of the width of `value_range` and clip to it; -1 is black, 1 is white."""

    _key = "rgb_delta"

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(factor, value_range, seed=seed, **kwargs)

    def _drawn(self, count: int, source: Any, device: torch.device) -> torch.Tensor:
        low, high = self.value_range
        return self._uniform((count, 1, 1, 1), *self.factor, source, device) * (high - low)

    def _colored(self, planes: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
        return self._clipped(planes + amount)


class RandomContrast(ColorLayer):
    """Multiply the distance from the mean of each channel by a number from `1 - factor[0]` to `1 + factor[1]`.

    One number as `factor` only ever raises the contrast in Keras 3. In tf.keras it goes both ways, and all images of a
    batch have the same contrast.
    """

    _key = "contrast_factor"

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, bounds=(0.0, 1.0), **kwargs)
        self._shared = config.dialect() == "tf"

    def _drawn(self, count: int, source: Any, device: torch.device) -> torch.Tensor:
        low, high = 1.0 - self.factor[0], 1.0 + self.factor[1]
        return self._uniform((1 if self._shared else count, 1, 1, 1), low, high, source, device)

    def _colored(self, planes: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
        mean = planes.mean((-2, -1), keepdim=True)
        return self._clipped((planes - mean) * amount + mean)


class RandomHue(ColorLayer):
    """Turn the hue of RGB images by up to half of `factor` (0 to 1) of the colour circle, in either direction."""

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, bounds=(0.0, 1.0), **kwargs)

    def _drawn(self, count: int, source: Any, device: torch.device) -> torch.Tensor:
        backwards = self._uniform((count,), 0.0, 1.0, source, device) > 0.5
        amount = self._uniform((count,), *self.factor, source, device) * 0.5
        return torch.where(backwards, -amount, amount)

    def _colored(self, planes: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
        hue, *others = rgb_to_hsv(rescaled(self._checked_rgb(planes), self.value_range, (0, 1))).unbind(-3)
        hue = hue + amount[:, 0]
        hue = torch.where(hue > 1.0, hue - 1.0, torch.where(hue < 0.0, hue + 1.0, hue))
        colors = hsv_to_rgb(torch.stack((hue, *others), -3)).clamp(0.0, 1.0)
        return rescaled(colors, (0, 1), self.value_range)


class RandomSaturation(ColorLayer):
    """Multiply the saturation of RGB images by `factor / (1 - factor)`: 0 is grey, 0.5 changes nothing, 1 is vivid."""

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def _drawn(self, count: int, source: Any, device: torch.device) -> torch.Tensor:
        factor = self._uniform((count,), *self.factor, source, device)
        return factor / (1.0 - factor + config.epsilon())

    def _colored(self, planes: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
        hue, saturation, value = rgb_to_hsv(self._checked_rgb(planes)).unbind(-3)
        return hsv_to_rgb(torch.stack((hue, self._clipped(saturation * amount[:, 0]), value), -3))


class RandomSharpness(ColorLayer):
    """Blend with a smoothed copy (zeros outside): `factor` 0 is smoothed, 0.5 is the image, 1 is sharpened."""

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, bounds=(0.0, 1.0), **kwargs)

    def _colored(self, planes: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
        # A mean of 3 x 3 with weight 1 for the neighbours and 5 for the centre.
        smooth = (F.avg_pool2d(planes, 3, 1, 1, count_include_pad=True) * 9.0 + planes * 4.0) / 13.0
        return self._clipped(planes + (1.0 - 2.0 * amount) * (smooth - planes))


class RandomColorDegeneration(ColorLayer):
    """Blend RGB images with their grayscale: `factor` 0 is the image, 1 is grey."""

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, **kwargs)

    def _colored(self, planes: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
        return self._clipped(torch.lerp(planes, rgb_to_grayscale(self._checked_rgb(planes)).expand_as(planes), amount))


class RandomInvert(ColorLayer):
    """Turn images into their negatives, with a probability that is drawn from `factor` (0 to 1)."""

    _key = "apply_inversion"

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, bounds=(0.0, 1.0), **kwargs)

    def _drawn(self, count: int, source: Any, device: torch.device) -> torch.Tensor:
        return self._chosen(count, self.factor, source, device)

    def _colored(self, planes: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
        return torch.where(amount > 0, self.value_range[1] - planes, planes)


class RandomPosterization(ColorLayer):
    """Keep only the highest bits of each value's eight: a number of them from `factor[0]` up to below `factor[1]`.

    Both are from 1 to 8; one number stands for a range from 1.
    """

    _key = "shift_factor"

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor, value_range, data_format, seed, bounds=(1, 8), **kwargs)

    def _drawn(self, count: int, source: Any, device: torch.device) -> torch.Tensor:
        low, high = int(self.factor[0]), int(self.factor[1])
        drawn = self._uniform((count,), low, high, source, device)
        return 8 - (drawn.floor().clamp(low, max(low, high - 1)) if low != high else drawn)

    def _colored(self, planes: torch.Tensor, amount: torch.Tensor) -> torch.Tensor:
        values = rescaled(planes, self.value_range, (0, 255)).to(torch.uint8).to(planes.dtype)
        step = torch.exp2(amount)
        return rescaled((values / step).floor() * step, (0, 255), self.value_range)


class Solarization(RandomImageLayer):
    """Add up to `addition_factor` (0 to 1) of the range, then invert all values from a random threshold on.

    The threshold is drawn from `threshold_factor`; one number stands for a range from 0.
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.addition_factor = self._factor("addition_factor", addition_factor, (0.0, 1.0), strict=True)
        self.threshold_factor = self._factor("threshold_factor", threshold_factor, (0.0, 1.0), strict=True)
        self.value_range = self._checked_range(value_range)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = self._images(data)
        source, shape = self._source(seed, images.device), (self._batch(data), 1, 1, 1)
        return {
            key: self._uniform(shape, low, high * 255, source, images.device)
            for key, (low, high) in (("additions", self.addition_factor), ("thresholds", self.threshold_factor))
        }

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        transformation = self._active(transformation, training, images)
        if transformation is None:
            return images
        additions, thresholds = (transformation[key].to(images.dtype) for key in ("additions", "thresholds"))
        values = (rescaled(images, self.value_range, (0, 255)) + additions).clamp(0, 255)
        values = torch.where(values < thresholds, values, 255 - values)
        return rescaled(values, (0, 255), self.value_range)

    def get_config(self) -> dict[str, Any]:
        settings = {
            "value_range": self.value_range,
            "addition_factor": self.addition_factor,
            "threshold_factor": self.threshold_factor,
            "seed": self.seed,
        }
        return {**super().get_config(), **settings}


class RandomGrayscale(RandomImageLayer):
    """Turn RGB images into grey ones (of three equal channels) with probability `factor`."""

    _keeps_integers = True

    def __init__(
        self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = self._checked_number("factor", factor, 0, 1)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        device = self._images(data).device
        return self._uniform((self._batch(data), 1, 1, 1), 0.0, 1.0, seed, device) < self.factor

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._images(images)
        if not training:
            return images
        chosen = self.get_random_transformation(images) if transformation is None else transformation
        chosen = torch.as_tensor(chosen, device=images.device)
        planes = self._planes(images)
        if planes.shape[-3] not in (1, 3):
            raise ValueError(
                f"Layer {self.name!r} takes images with 1 or 3 channels; `data_format` is {self.data_format!r}. "
                f"Received: {planes.shape[-3]} channels"
            )
        return self._unplanes(torch.where(chosen, rgb_to_grayscale(planes), planes))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "seed": self.seed}


class RandomColorJitter(RandomImageLayer):
    """RandomBrightness, RandomContrast, RandomSaturation and RandomHue in this order; those with a factor."""

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = self._checked_range(value_range)
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        steps = (
            (RandomBrightness, brightness_factor),
            (RandomContrast, contrast_factor),
            (RandomSaturation, saturation_factor),
            (RandomHue, hue_factor),
        )
        shared: dict[str, Any] = {
            "value_range": self.value_range,
            "seed": seed,
            "data_format": self.data_format,
            "dtype": self.dtype_policy,
        }
        self.steps: list[ImageLayer] = [kind(factor, **shared) for kind, factor in steps if factor is not None]

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        for step in self.steps if training else ():
            images = step.transform_images(images, step.get_random_transformation(images))
        return images

    def get_config(self) -> dict[str, Any]:
        settings = {
            "value_range": self.value_range,
            "brightness_factor": self.brightness_factor,
            "contrast_factor": self.contrast_factor,
            "saturation_factor": self.saturation_factor,
            "hue_factor": self.hue_factor,
            "seed": self.seed,
        }
        return {**super().get_config(), **settings}
