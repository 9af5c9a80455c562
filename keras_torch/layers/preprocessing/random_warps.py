"""Random layers that show images in perspective, distort, blur or erase them."""

from __future__ import annotations

import numbers
from typing import Any

import torch

from keras_torch.backend.image_transforms import blur, gaussian_kernel, homography, projected, sample
from keras_torch.layers.preprocessing.image_layer import RandomImageLayer, SpatialImageLayer


class RandomPerspective(SpatialImageLayer):
    """Move the corners of images at random and show them in perspective, with a probability drawn from `factor`.

    `scale` (0 to 1) says how far: half of it, of the distance from the first corner. Outside is `fill_value`.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            interpolation=interpolation,
            fill_mode="constant",
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self.factor = self._factor("factor", factor, (0.0, 1.0))
        self.scale = self._checked_number("scale", scale, 0, 1)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = self._images(data)
        device, count = images.device, self._batch(data)
        height, width = self._size(images)
        source = self._source(seed, device)
        chosen = self._chosen(count, self.factor, source, device)
        moves = self._uniform((count, 4, 2), -0.5 * self.scale, 0.5 * self.scale, source, device)
        corner = torch.arange(4, device=device)
        across, down = (corner % 2) * (width - 1.0), (corner // 2) * (height - 1.0)
        start = torch.stack((across, down), -1).expand(count, 4, 2)
        return {
            "apply_perspective": chosen,
            "start_points": start,
            "end_points": start + start * moves,
            "input_shape": tuple(images.shape),
        }

    def _moved(self, planes: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        matrix = homography(transformation["start_points"], transformation["end_points"])
        x, y = projected(matrix, planes.shape[-2], planes.shape[-1], affine=False)
        moved = sample(planes, x, y, interpolation, "constant", self.fill_value)
        return torch.where(transformation["apply_perspective"].view(-1, 1, 1, 1), moved, planes)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        transformation = self._active(transformation, training, bounding_boxes)
        if transformation is None:
            return bounding_boxes
        size = [transformation["input_shape"][axis] for axis in self._axes]
        found = self._boxes_to_xyxy(bounding_boxes, size)
        boxes = found["boxes"]
        # The way back: from the image to where its points are shown.
        matrix = homography(transformation["end_points"], transformation["start_points"]).to(boxes.dtype)
        a0, a1, a2, b0, b1, b2, c0, c1 = matrix[:, :, None, None].unbind(1)
        across, down = boxes[..., [0, 2, 2, 0]], boxes[..., [1, 1, 3, 3]]
        scale = c0 * across + c1 * down + 1.0
        x, y = (a0 * across + a1 * down + a2) / scale, (b0 * across + b1 * down + b2) / scale
        moved = torch.stack((x.amin(-1), y.amin(-1), x.amax(-1), y.amax(-1)), -1)
        moved = torch.where(transformation["apply_perspective"].view(-1, 1, 1), moved, boxes)
        return self._boxes_from_xyxy({**found, "boxes": moved}, size)

    def get_config(self) -> dict[str, Any]:
        base = {key: item for key, item in super().get_config().items() if key != "fill_mode"}
        return {**base, "factor": self.factor, "scale": self.scale}


class RandomElasticTransform(SpatialImageLayer):
    """Shift every pixel by smoothed noise, with a probability drawn from `factor`; the strength is drawn from `scale`.

    The strength is the same for the whole batch, the noise is not. Noise and smoothing are those of Keras 3.
    """

    fill_modes = ("constant", "nearest", "wrap", "mirror", "reflect")

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            interpolation=interpolation,
            fill_mode=fill_mode,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self.factor = self._factor("factor", factor, (0.0, 1.0))
        self.scale = self._factor("scale", scale, (0.0, 1.0))
        self.value_range = self._checked_range(value_range)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training or self.scale[1] == 0 or self.factor[1] == 0:
            return None
        images = self._images(data)
        device, count = images.device, self._batch(data)
        height, width = self._size(images)
        source = self._source(seed, device)
        chosen = self._chosen(count, self.factor, source, device)
        strength = self._uniform((), *self.scale, source, device)
        noise = self._noise((count, 2, height, width), source, device)
        return {"apply_transform": chosen, "distortion_factor": strength, "noise": noise}

    def _noise(self, shape: tuple[int, ...], source: Any, device: torch.device) -> torch.Tensor:
        return torch.empty(shape, device=device).normal_(0.0, 1.0, generator=source)

    def _shifts(self, noise: torch.Tensor, strength: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Smooth the noise. The kernel has the greatest size that can be, and zeros beyond three deviations."""
        height, width = noise.shape[-2:]
        sigma = min(height, width) * 0.05 * strength
        half = int(min(height, width) * 0.05 * max(self.scale) * 3)
        kernel = gaussian_kernel(2 * half + 1, sigma.clamp(min=1e-6))
        place = torch.arange(-half, half + 1, device=noise.device)
        kernel = torch.where(place.abs() <= (6 * sigma).floor() // 2, kernel, 0.0)
        kernel = kernel / kernel.sum()
        smooth = blur(noise * sigma, (kernel, kernel)) * (max(height, width) * 0.1 * strength)
        return smooth[:, 0], smooth[:, 1]

    def _moved(self, planes: torch.Tensor, transformation: Any, interpolation: str) -> torch.Tensor:
        height, width = planes.shape[-2:]
        noise = transformation.get("noise")
        if noise is None:
            # A transformation as Keras 3 draws it has a seed instead.
            source = self._source(transformation.get("seed"), planes.device)
            noise = self._noise((planes.shape[0], 2, height, width), source, planes.device)
        across, down = self._shifts(noise, transformation["distortion_factor"])
        x = across + torch.arange(width, device=planes.device)
        y = down + torch.arange(height, device=planes.device)[:, None]
        moved = sample(planes, x, y, interpolation, self.fill_mode, self.fill_value)
        return torch.where(transformation["apply_transform"].view(-1, 1, 1, 1), moved, planes)

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = super().transform_images(images, transformation, training)
        return images.clamp(*self.value_range) if training and transformation is not None else images

    def get_config(self) -> dict[str, Any]:
        settings = {"factor": self.factor, "scale": self.scale, "value_range": self.value_range}
        return {**super().get_config(), **settings}


class RandomGaussianBlur(RandomImageLayer):
    """Blur images with a Gaussian (zeros outside), with a probability drawn from `factor`.

    `kernel_size` is odd, for the width and the height; one `sigma` for each is drawn for the whole batch.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.factor = self._factor("factor", factor, (0.0, 1.0))
        sizes = tuple(kernel_size) if isinstance(kernel_size, (list, tuple)) else (kernel_size, kernel_size)
        if len(sizes) != 2 or not all(isinstance(n, numbers.Integral) and int(n) > 0 and int(n) % 2 for n in sizes):
            raise ValueError(
                f"Layer {self.name!r}: `kernel_size` must be one or two positive odd numbers. Received: {kernel_size!r}"
            )
        self.kernel_size = sizes
        self.sigma = self._factor("sigma", sigma, (0.0, 1.0))
        self.value_range = self._checked_range(value_range)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        device = self._images(data).device
        source = self._source(seed, device)
        chosen = self._chosen(self._batch(data), self.factor, source, device)
        return {"should_apply_blur": chosen, "blur_factor": self._uniform((2,), *self.sigma, source, device) + 1e-6}

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        transformation = self._active(transformation, training, images)
        if transformation is None:
            return images
        kernels = [
            gaussian_kernel(size, sigma)
            for size, sigma in zip(self.kernel_size, transformation["blur_factor"].float().unbind(), strict=True)
        ]
        planes = self._planes(images)
        chosen = transformation["should_apply_blur"].view(-1, 1, 1, 1)
        blurred = torch.where(chosen, blur(planes, kernels), planes)
        return self._unplanes(blurred.clamp(*self.value_range))

    def get_config(self) -> dict[str, Any]:
        settings = {
            "factor": self.factor,
            "kernel_size": self.kernel_size,
            "sigma": self.sigma,
            "value_range": self.value_range,
            "seed": self.seed,
        }
        return {**super().get_config(), **settings}


class WindowLayer(RandomImageLayer):
    """Base of the layers that replace a random rectangle of each image."""

    def _window_mask(self, images: torch.Tensor, edges: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Booleans in the layer's format: what lies in the rectangles left, right, top, bottom, each (N,)."""
        left, right, top, bottom = (edge.view(-1, 1, 1, 1) for edge in edges)
        height, width = self._size(images)
        x = torch.arange(width, device=images.device)
        y = torch.arange(height, device=images.device)[:, None]
        mask = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        return self._unplanes(mask.expand(-1, images.shape[-1 if self.data_format == "channels_last" else -3], -1, -1))

    def _edges(self, length: int, share: torch.Tensor, source: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw where a part `share` of the length begins and ends."""
        part = share * length
        start = self._uniform(share.shape, 0.0, 1.0, source, share.device) * (length - part)
        return start, start + part


class RandomErasing(WindowLayer):
    """Replace a rectangle of each image, with a probability drawn from `factor`.

    `scale` is the range of its area's share. `fill_value` is a number, one for each of three channels, or None for
    noise. https://arxiv.org/abs/1708.04896
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = self._factor("factor", factor, (0.0, 1.0))
        self.scale = self._factor("scale", scale, (0.0, 1.0))
        self.value_range = self._checked_range(value_range)
        several = isinstance(fill_value, (list, tuple)) and len(fill_value) == 3
        if not (fill_value is None or several or isinstance(fill_value, numbers.Real)):
            raise ValueError(
                f"Layer {self.name!r}: `fill_value` must be a number, three numbers or None. Received: {fill_value!r}"
            )
        self.fill_value = fill_value

    def _fill(self, images: torch.Tensor, source: Any) -> torch.Tensor:
        shape = images.shape if images.dim() == 4 else (1, *images.shape)
        if self.fill_value is None:
            noise = torch.empty(tuple(shape), device=images.device).normal_(0.0, 1.0, generator=source)
            return (noise * self.value_range[1]).clamp(*self.value_range)
        low, high = self.value_range
        values = self.fill_value if isinstance(self.fill_value, (list, tuple)) else [self.fill_value]
        filler = torch.tensor([min(max(float(value), low), high) for value in values], device=images.device)
        return filler if self.data_format == "channels_last" else filler.view(-1, 1, 1)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        images = self._images(data)
        device, count = images.device, self._batch(data)
        source = self._source(seed, device)
        share = self._uniform((count, 2), *self.scale, source, device).sqrt()
        height, width = self._size(images)
        left, right = self._edges(width, share[:, 0], source)
        top, bottom = self._edges(height, share[:, 1], source)
        return {
            "apply_erasing": self._chosen(count, self.factor, source, device),
            "batch_masks": self._window_mask(images, (left, right, top, bottom)),
            "fill_value": self._fill(images, source),
        }

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        transformation = self._active(transformation, training, images)
        if transformation is None:
            return images
        erased = transformation["batch_masks"] & transformation["apply_erasing"].view(-1, 1, 1, 1)
        return torch.where(erased, transformation["fill_value"].to(images.dtype), images)

    def get_config(self) -> dict[str, Any]:
        settings = {
            "factor": self.factor,
            "scale": self.scale,
            "fill_value": self.fill_value,
            "value_range": self.value_range,
            "seed": self.seed,
        }
        return {**super().get_config(), **settings}
