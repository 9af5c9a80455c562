"""Layers that apply randomly chosen augmentations: RandAugment and AugMix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from keras_torch.layers.preprocessing.equalization import AutoContrast, Equalization
from keras_torch.layers.preprocessing.image_layer import RandomImageLayer
from keras_torch.layers.preprocessing.image_mixing import beta, gamma
from keras_torch.layers.preprocessing.random_colors import (
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from keras_torch.layers.preprocessing.random_moves import RandomRotation, RandomShear, RandomTranslation

_MOVES = ("random_shear", "random_translation", "random_rotation")
_COLORS = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")
_VALUES = ("random_posterization", "solarization", "auto_contrast", "equalization")


class PolicyLayer(RandomImageLayer):
    """Base: makes the augmentations, all of the strength `factor`."""

    names: Sequence[str] = (*_MOVES, *_COLORS, *_VALUES)

    def __init__(
        self,
        value_range: Any = (0, 255),
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = self._checked_range(value_range)
        self.factor = self._factor("factor", factor, (0.0, 1.0))
        self.interpolation = interpolation
        self._make_augmentations()

    def _make_augmentations(self) -> None:
        common: dict[str, Any] = {
            "data_format": self.data_format,
            "bounding_box_format": self.bounding_box_format,
            "dtype": self.dtype_policy,
        }
        ranged: dict[str, Any] = {**common, "value_range": self.value_range}
        seeded: dict[str, Any] = {**ranged, "seed": self.seed}
        moved: dict[str, Any] = {**common, "seed": self.seed, "interpolation": self.interpolation}
        factor = self.factor
        self.random_shear = RandomShear(x_factor=factor, y_factor=factor, **moved)
        self.random_translation = RandomTranslation(height_factor=factor, width_factor=factor, **moved)
        self.random_rotation = RandomRotation(factor=factor, **moved)
        self.random_brightness = RandomBrightness(factor=factor, **seeded)
        self.random_color_degeneration = RandomColorDegeneration(factor=factor, **seeded)
        self.random_contrast = RandomContrast(factor=factor, **seeded)
        self.random_sharpness = RandomSharpness(factor=factor, **seeded)
        self.random_posterization = RandomPosterization(factor=max(1, int(8 * factor[1])), **seeded)
        self.solarization = Solarization(addition_factor=factor, threshold_factor=factor, **seeded)
        self.auto_contrast = AutoContrast(**ranged)
        self.equalization = Equalization(**ranged)

    def _pick(self, count: int, data: Any) -> int | torch.Tensor:
        """Draw a number below `count`: on the CPU, as it decides what is computed.

        torch.compile gets a tensor instead, and computes everything.
        """
        if torch.compiler.is_compiling():
            return torch.randint(count, (1,), device=self._images(data).device)
        device = torch.device("cpu")
        return int(torch.randint(count, (), generator=self._source(None, device), device=device))

    def _drawn(self, index: int | torch.Tensor, data: Any) -> dict[str, Any]:
        """What the chosen augmentation, or for a tensor each of them, does: transformations by name."""
        names = self.names if isinstance(index, torch.Tensor) else self.names[index : index + 1]
        return {name: getattr(self, name).get_random_transformation(data) for name in names}

    def _augmented(self, index: int | torch.Tensor, drawn: dict[str, Any], method: str, item: Any) -> Any:
        """Apply the chosen augmentation; the index behind the last one stands for none."""
        changed = [getattr(getattr(self, name), method)(item, drawn[name]) for name in drawn]
        if isinstance(index, torch.Tensor):
            return torch.stack([*changed, item]).index_select(0, index)[0]
        return changed[0] if changed else item

    def get_config(self) -> dict[str, Any]:
        settings = {
            "value_range": self.value_range,
            "factor": self.factor,
            "interpolation": self.interpolation,
            "seed": self.seed,
        }
        return {**super().get_config(), **settings}


class RandAugment(PolicyLayer):
    """Apply `num_ops` of eleven augmentations, chosen for each batch, one after the other.

    Only the chosen ones are computed. https://arxiv.org/abs/1909.13719
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_ops = self._checked_size("num_ops", num_ops, 0)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        chosen = [self._pick(len(self.names), data) for _ in range(self.num_ops)]
        return {"layer_idxes": chosen, "transforms": [self._drawn(index, data) for index in chosen]}

    def _chain(self, method: str, item: Any, transformation: Any, training: bool) -> Any:
        if not training or transformation is None:
            return item
        for index, drawn in zip(transformation["layer_idxes"], transformation["transforms"], strict=True):
            item = self._augmented(index, drawn, method, item)
        return item

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        return self._chain("transform_images", self._floating(images), transformation, training)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        return self._chain("transform_segmentation_masks", segmentation_masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes: Any, transformation: Any = None, training: bool = True) -> Any:
        return self._chain("transform_bounding_boxes", bounding_boxes, transformation, training)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_ops": self.num_ops}


class AugMix(PolicyLayer):
    """Blend images with `num_chains` chains of up to `chain_depth` augmentations of them, in Dirichlet proportions.

    What a chain does is drawn for the whole batch. Without `all_ops`, brightness, colour, contrast and sharpness are
    left out. https://arxiv.org/abs/1912.02781
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_chains = self._checked_size("num_chains", num_chains)
        self.chain_depth = self._checked_size("chain_depth", chain_depth)
        self.alpha = self._checked_number("alpha", alpha, 1e-6)
        self.all_ops = bool(all_ops)
        if not self.all_ops:
            self.names = tuple(name for name in self.names if name not in _COLORS)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        if not training:
            return None
        device = self._images(data).device
        source = self._source(seed, device)
        weights = gamma((self.num_chains,), self.alpha, source, device)
        chosen = [
            [self._pick(len(self.names) + 1, data) for _ in range(self.chain_depth)] for _ in range(self.num_chains)
        ]
        return {
            "chain_mixing_weights": weights / weights.sum(),
            "weight_sample": beta(self, 1, self.alpha, source, device)[0],
            "chain_transforms": [[(index, self._drawn(index, data)) for index in chain] for chain in chosen],
        }

    def _mixed(self, method: str, item: torch.Tensor, transformation: Any) -> torch.Tensor:
        weights = transformation["chain_mixing_weights"].to(item.dtype)
        mixed = torch.zeros_like(item)
        for weight, chain in zip(weights.unbind(), transformation["chain_transforms"], strict=True):
            changed = item
            for index, drawn in chain:
                changed = self._augmented(index, drawn, method, changed)
            mixed = mixed + changed * weight
        return torch.lerp(mixed, item, transformation["weight_sample"].to(item.dtype))

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> torch.Tensor:
        images = self._floating(images)
        if not training or transformation is None:
            return images
        return self._mixed("transform_images", images, transformation).clamp(*self.value_range)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        if not training or transformation is None:
            return segmentation_masks
        return self._mixed("transform_segmentation_masks", self._floating(segmentation_masks), transformation)

    def get_config(self) -> dict[str, Any]:
        settings = {
            "num_chains": self.num_chains,
            "chain_depth": self.chain_depth,
            "alpha": self.alpha,
            "all_ops": self.all_ops,
        }
        return {**super().get_config(), **settings}
