"""Layers that mix the images of a batch and their labels: MixUp and CutMix."""

from __future__ import annotations

from typing import Any

import torch

from keras_torch.layers.preprocessing.image_layer import RandomImageLayer
from keras_torch.layers.preprocessing.random_warps import WindowLayer


def beta(layer: RandomImageLayer, count: int, alpha: Any, source: Any, device: torch.device) -> torch.Tensor:
    """Draw (count,) numbers of the symmetric beta distribution: two gamma draws, by `torch._standard_gamma`."""
    first, second = gamma((2, count), alpha, source, device).unbind()
    total = first + second
    # Tiny alphas can round both draws to zero; then either end is as likely.
    coin = (layer._uniform((count,), 0.0, 1.0, source, device) < 0.5).to(total.dtype)
    return torch.where(total > 0, first / torch.where(total > 0, total, 1.0), coin)


def gamma(shape: tuple[int, ...], alpha: Any, source: Any, device: torch.device) -> torch.Tensor:
    """Draw numbers of the gamma distribution with scale 1."""
    concentration = torch.as_tensor(alpha, dtype=torch.float32, device=device).expand(shape)
    return torch._standard_gamma(concentration, generator=source)


def blended_labels(labels: Any, weight: torch.Tensor, order: torch.Tensor) -> Any:
    """Return `weight * labels + (1 - weight) * labels[order]`."""
    labels = torch.as_tensor(labels, device=weight.device)
    labels = labels if labels.is_floating_point() else labels.float()
    weight = weight.to(labels.dtype).reshape(-1, *(1,) * (labels.dim() - 1))
    return weight * labels + (1.0 - weight) * labels[order]


class MixUp(RandomImageLayer):
    """Blend each image, and its one-hot label, with another of the batch, in proportions drawn from Beta(alpha, alpha).

    Bounding boxes of both are kept. https://arxiv.org/abs/1710.09412
    """

    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.alpha = self._checked_number("alpha", alpha, 1e-6)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        device, count = self._images(data).device, self._batch(data)
        source = self._source(seed, device)
        order = torch.randperm(count, generator=source, device=device)
        return {"mix_weight": beta(self, count, self.alpha, source, device), "permutation_order": order}

    def _mixed(self, images: torch.Tensor, transformation: Any) -> torch.Tensor:
        weight = transformation["mix_weight"].to(images.dtype).reshape(-1, 1, 1, 1)
        return weight * images + (1.0 - weight) * images[transformation["permutation_order"]]

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        transformation = self._active(transformation, training, images)
        return images if transformation is None else self._mixed(images, transformation)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        transformation = self._active(transformation, training, labels)
        if transformation is None:
            return labels
        return blended_labels(labels, transformation["mix_weight"], transformation["permutation_order"])

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        transformation = self._active(transformation, training, segmentation_masks)
        if transformation is None:
            return segmentation_masks
        return self._mixed(self._floating(segmentation_masks), transformation)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        transformation = self._active(transformation, training, bounding_boxes)
        if transformation is None:
            return bounding_boxes
        found, order = self._checked_boxes(bounding_boxes), transformation["permutation_order"]
        if found["boxes"].dim() != 3:
            raise ValueError(
                f"Layer {self.name!r} mixes the boxes (batch, boxes, 4) of a batch. "
                f"Received: shape {tuple(found['boxes'].shape)}"
            )
        return {**found, **{key: torch.cat((found[key], found[key][order]), 1) for key in ("boxes", "labels")}}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha, "seed": self.seed}


class CutMix(WindowLayer):
    """Replace a rectangle of each image by that of another image of the batch; labels are blended by area.

    The share of the first image is drawn from Beta(a, a) with `a` drawn from `factor`. https://arxiv.org/abs/1905.04899
    """

    def __init__(
        self, factor: Any = 1.0, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = self._factor("factor", factor, (0.0, 1.0))

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        images = self._images(data)
        if not training or images.dim() == 3:
            return None
        device, count = images.device, images.shape[0]
        source = self._source(seed, device)
        alpha = self._uniform((), *self.factor, source, device) + 1e-6
        share = (1.0 - beta(self, count, alpha, source, device)).sqrt()
        height, width = self._size(images)
        left, right = self._edges(width, share, source)
        top, bottom = self._edges(height, share, source)
        return {
            "permutation_order": torch.randperm(count, generator=source, device=device),
            "batch_masks": self._window_mask(images, (left, right, top, bottom)),
            "mix_weight": (1.0 - (right - left) * (bottom - top) / (width * height)).view(-1, 1, 1, 1),
        }

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        transformation = self._active(transformation, training, images)
        if transformation is None:
            return images
        return torch.where(transformation["batch_masks"], images[transformation["permutation_order"]], images)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        transformation = self._active(transformation, training, labels)
        if transformation is None:
            return labels
        return blended_labels(labels, transformation["mix_weight"], transformation["permutation_order"])

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        masks = self._images(segmentation_masks)
        transformation = self._active(transformation, training, segmentation_masks)
        if transformation is None:
            return masks
        axis = -1 if self.data_format == "channels_last" else -3
        window = transformation["batch_masks"].narrow(axis, 0, 1)
        return torch.where(window, masks[transformation["permutation_order"]], masks)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        raise NotImplementedError(
            f"Layer {self.name!r}: a bounding box may lose any part of its object to CutMix, so it cannot be followed. "
            "Leave 'bounding_boxes' out, or use MixUp."
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "seed": self.seed}
