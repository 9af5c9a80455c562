"""ImageDataGenerator: random transformations and normalization of images, batch by batch."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from keras_torch import config, legacy
from keras_torch.data.workers import in_threads, spare_threads
from keras_torch.legacy.image_rows import image_rules
from keras_torch.preprocessing.image.dataframe_iterator import DataFrameIterator
from keras_torch.preprocessing.image.directory_iterator import DirectoryIterator
from keras_torch.preprocessing.image.iterator import NumpyArrayIterator, check_channels
from keras_torch.preprocessing.image.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    flip_axis,
    pair,
)

# From so many values on an image takes longer to transform than a thread takes to start, and one that stays in the
# processor's cache is faster done than a whole batch at once.
_LARGE_IMAGE = 16_384


def _is_set(limit: Any) -> bool:
    return len(limit) > 0 if np.ndim(limit) else bool(limit)


class ImageDataGenerator:
    """Makes batches of randomly transformed, normalized images of arrays, directories or tables of file names.

    Each image is turned by up to `rotation_range` degrees, shifted by `width_shift_range` and `height_shift_range`
    (below 1 a share of the size, else pixels; an int n or a list is a choice of whole numbers), sheared, zoomed,
    shifted in its channels, flipped and brightened; then `preprocessing_function` (one image in and out), `rescale` (a
    factor) and the normalizations follow. "featurewise" ones and `zca_whitening` need `fit(images)` first.
    `validation_split` is the share of the first images that `subset="validation"` takes. All random numbers come from
    numpy's global generator, in Keras's order, and the images are those of Keras 2.15, or of 1.2.2 and 2.2.4 in their
    dialects.
    """

    @legacy.translated("ImageDataGenerator")
    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Any = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[np.ndarray], np.ndarray] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
    ) -> None:
        self._rules = image_rules(config.dialect())
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening, self.zca_epsilon = zca_whitening, zca_epsilon
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range = None if brightness_range is None else pair(brightness_range, "brightness_range")
        self.zoom_range: list[float] = (
            list(pair(zoom_range, "zoom_range")) if np.ndim(zoom_range) else [1 - zoom_range, 1 + zoom_range]
        )
        self.channel_shift_range = channel_shift_range
        self.fill_mode, self.cval, self.interpolation_order = fill_mode, cval, interpolation_order
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.dtype = dtype or config.floatx()
        self.data_format = config.standardize_data_format(data_format)
        last = self.data_format == "channels_last"
        self.channel_axis, self.row_axis, self.col_axis = (3, 1, 2) if last else (1, 2, 3)
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"`validation_split` must lie between 0 and 1. Received: {validation_split!r}")
        self._validation_split = validation_split
        self.mean: np.ndarray | None = None
        self.std: np.ndarray | None = None
        self.zca_whitening_matrix: np.ndarray | None = None
        if self._rules.implied_options:
            self._imply()

    @property
    def principal_components(self) -> np.ndarray | None:
        """The name of `zca_whitening_matrix` in Keras 1 and 2."""
        return self.zca_whitening_matrix

    @principal_components.setter
    def principal_components(self, matrix: np.ndarray | None) -> None:
        self.zca_whitening_matrix = matrix

    def _imply(self) -> None:
        """Switch on, or off, what an option needs, or contradicts."""

        def switch(option: str, name: str, value: bool) -> None:
            if bool(getattr(self, name)) != value:
                warnings.warn(f"`{option}=True` makes `{name}` {value}.", stacklevel=5)
                setattr(self, name, value)

        if self.zca_whitening:
            switch("zca_whitening", "featurewise_center", True)
            switch("zca_whitening", "featurewise_std_normalization", False)
        if self.featurewise_std_normalization:
            switch("featurewise_std_normalization", "featurewise_center", True)
        if self.samplewise_std_normalization:
            switch("samplewise_std_normalization", "samplewise_center", True)

    @legacy.translated("ImageDataGenerator.flow")
    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
    ) -> NumpyArrayIterator:
        """Return an endless iterator, also a `Sequence`, over batches of arrays: see `NumpyArrayIterator`."""
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            ignore_class_split=ignore_class_split,
            subset=subset,
            dtype=self.dtype,
        )

    @legacy.translated("ImageDataGenerator.flow_from_directory")
    def flow_from_directory(
        self,
        directory: Any,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> DirectoryIterator:
        """Return an endless iterator over the images below a directory, one class for each of its subdirectories: see
        `DirectoryIterator`.
        """
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
        )

    @legacy.translated("ImageDataGenerator.flow_from_dataframe")
    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: Sequence[int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        **kwargs: Any,
    ) -> DataFrameIterator:
        """Return an endless iterator over the images that a pandas table names: see `DataFrameIterator`."""
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            dtype=self.dtype,
            validate_filenames=validate_filenames,
            **kwargs,
        )

    @legacy.translated("ImageDataGenerator.fit")
    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Learn from images (4 axes) what `featurewise_center`, `featurewise_std_normalization` and `zca_whitening`
        need; with `augment` from `rounds` random transformations of each.
        """
        x = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else x
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(f"`x` must have 4 axes, (images, rows, columns, channels). Received: shape {x.shape}")
        check_channels(x, self.data_format)
        if seed is not None:
            np.random.seed(seed)
        if self.rescale and self._rules.rescaled_fit:
            x *= self.rescale
        if augment:
            x = np.stack([self.random_transform(image) for _ in range(rounds) for image in x]).astype(self.dtype)
        axes = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = self._as_one_image(np.mean(x, axis=axes))
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = self._as_one_image(np.std(x, axis=axes))
            x /= self.std + self._rules.epsilon
        if self.zca_whitening:
            self.zca_whitening_matrix = self._whitening(x.reshape(len(x), -1))

    def _as_one_image(self, values: np.ndarray) -> np.ndarray:
        shape = [1, 1, 1]
        shape[self.channel_axis - 1] = len(values)
        return values.reshape(shape)

    def _whitening(self, flat: np.ndarray) -> np.ndarray:
        """Return the matrix that takes the correlations out of images, given as rows."""
        if self._rules.whitening == "svd":
            u, s, _ = np.linalg.svd(flat.T, full_matrices=False)
            scale = math.sqrt(len(flat)) / (s + self.zca_epsilon)
        else:
            u, s, _ = np.linalg.svd(flat.T @ flat / len(flat))
            scale = 1.0 / np.sqrt(s + self.zca_epsilon)
        return (u * scale) @ u.T

    def standardize(self, x: np.ndarray) -> np.ndarray:
        """Return an image with `preprocessing_function`, `rescale` and the normalizations applied, partly in place."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        axis = self.channel_axis - 1 if self._rules.per_pixel else None
        return self._whitened(self._normalized(x, axis))

    def _normalized(self, x: np.ndarray, axis: Any) -> np.ndarray:
        """Rescale and normalize in place; "samplewise" means over `axis`."""
        if self.rescale:
            x *= self.rescale
        if self.samplewise_center:
            x -= np.mean(x, axis=axis, keepdims=True)
        if self.samplewise_std_normalization:
            x /= np.std(x, axis=axis, keepdims=True) + self._rules.epsilon
        if self.featurewise_center and self._fitted(self.mean, "featurewise_center"):
            x -= self.mean
        if self.featurewise_std_normalization and self._fitted(self.std, "featurewise_std_normalization"):
            x /= self.std + self._rules.epsilon  # type: ignore[operator]
        return x

    def _whitened(self, x: np.ndarray) -> np.ndarray:
        if not self.zca_whitening or not self._fitted(self.zca_whitening_matrix, "zca_whitening"):
            return x
        return (x.reshape(-1, int(np.prod(x.shape[-3:]))) @ self.zca_whitening_matrix).reshape(x.shape)

    def _fitted(self, value: Any, option: str) -> bool:
        if value is None:
            warnings.warn(
                f"`{option}` has no effect before `fit(images)` of this ImageDataGenerator is called.", stacklevel=4
            )
        return value is not None

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> dict[str, Any]:
        """Draw the parameters of a transformation of images of `img_shape`, for `apply_transform`."""
        if seed is not None:
            np.random.seed(seed)
        rows, columns = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        low, high = self.zoom_range
        theta = np.random.uniform(-self.rotation_range, self.rotation_range) if self.rotation_range else 0
        tx = self._shift(self.height_shift_range, rows)
        ty = self._shift(self.width_shift_range, columns)
        shear = np.random.uniform(-self.shear_range, self.shear_range) if self.shear_range else 0
        zx, zy = (1, 1) if low == high == 1 else np.random.uniform(low, high, 2)
        parameters = {"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy}
        if not self._rules.flips_drawn:
            count = img_shape[self.channel_axis - 1]
            return {**parameters, **self._channel_shift(count), **self._brightness(), **self._flips()}
        return {**parameters, **self._flips(), **self._channel_shift(None), **self._brightness()}

    def _shift(self, limit: Any, size: int) -> Any:
        if not _is_set(limit):
            return 0
        if self._rules.chosen_shifts and (np.ndim(limit) == 1 or isinstance(limit, numbers.Integral)):
            amount = np.random.choice(limit) * np.random.choice([-1, 1])
        else:
            amount = np.random.uniform(-limit, limit)
        in_pixels = self._rules.chosen_shifts and np.max(limit) >= 1
        return amount if in_pixels else amount * size

    def _flips(self) -> dict[str, bool]:
        flips = {"flip_horizontal": self.horizontal_flip, "flip_vertical": self.vertical_flip}
        if self._rules.flips_drawn:
            return {name: bool((np.random.random() < 0.5) * wanted) for name, wanted in flips.items()}
        return {name: bool(wanted and np.random.random() < 0.5) for name, wanted in flips.items()}

    def _channel_shift(self, count: int | None) -> dict[str, Any]:
        limit = self.channel_shift_range
        return {"channel_shift_intensity": np.random.uniform(-limit, limit, count) if limit != 0 else None}

    def _brightness(self) -> dict[str, Any]:
        return {"brightness": np.random.uniform(*self.brightness_range) if self.brightness_range else None}

    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """Return an image transformed by `transform_parameters`, a dict with any of "theta", "tx", "ty", "shear", "zx",
        "zy", "flip_horizontal", "flip_vertical", "channel_shift_intensity" and "brightness".
        """
        get = transform_parameters.get
        row, column, channel = self.row_axis - 1, self.col_axis - 1, self.channel_axis - 1
        x = apply_affine_transform(
            x,
            **{name: get(name, 0) for name in ("theta", "tx", "ty", "shear")},
            **{name: get(name, 1) for name in ("zx", "zy")},
            row_axis=row,
            col_axis=column,
            channel_axis=channel,
            fill_mode=self.fill_mode,
            cval=self.cval,
            order=self.interpolation_order,
        )
        intensity, brightness = get("channel_shift_intensity"), get("brightness")
        if intensity is not None:
            x = apply_channel_shift(x, intensity, channel)
        if get("flip_horizontal"):
            x = flip_axis(x, column)
        if get("flip_vertical"):
            x = flip_axis(x, row)
        if brightness is not None:
            x = self._brightened(x, brightness)
        return x

    def _brightened(self, x: np.ndarray, brightness: float) -> np.ndarray:
        where = -1 if config.image_data_format() == "channels_last" else 0
        x = np.moveaxis(x, self.channel_axis - 1, where)
        return np.moveaxis(
            apply_brightness_shift(x, brightness, self._rules.scales_brightness), where, self.channel_axis - 1
        )

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """Return an image transformed at random."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def transform_batch(self, images: np.ndarray) -> np.ndarray:
        """Return images (4 axes, contiguous; changed in place) transformed at random and standardized.

        The numbers are those of one image after the other: all random ones are drawn first, in that order.
        """
        if self.preprocessing_function or self._is_overridden():
            for index, image in enumerate(images):
                images[index] = self.standardize(self.random_transform(image))
            return images
        large = images[:1].size >= _LARGE_IMAGE
        if not large and self._only_flips():
            return self._flipped_batch(images)
        drawn = [self.get_random_transform(images.shape[1:]) for _ in images]
        axis = self.channel_axis - 1 if self._rules.per_pixel else None

        def transform(index: int) -> None:
            images[index] = self._normalized(self.apply_transform(images[index], drawn[index]), axis)

        list(in_threads(transform, range(len(images)), spare_threads() if large else 1))
        return self._whitened(images)

    def _is_overridden(self) -> bool:
        names = ("random_transform", "get_random_transform", "apply_transform", "standardize")
        return any(
            getattr(type(self), name) is not getattr(ImageDataGenerator, name) or name in vars(self) for name in names
        )

    def _only_flips(self) -> bool:
        ranges = (self.rotation_range, self.width_shift_range, self.height_shift_range, self.shear_range)
        moved = any(map(_is_set, ranges)) or self.zoom_range != [1, 1]
        # The sum of a flipped image may round differently, so its mean is taken when it has been flipped.
        summed = not self._rules.per_pixel and (self.samplewise_center or self.samplewise_std_normalization)
        return not (moved or summed) and self.channel_shift_range == 0 and self.brightness_range is None

    def _flipped_batch(self, images: np.ndarray) -> np.ndarray:
        """Do the same for the whole batch at once: normalizing and flipping can change places."""
        wanted = [bool(self.horizontal_flip), bool(self.vertical_flip)]
        drawn = [True, True] if self._rules.flips_drawn else wanted
        flips = np.zeros((len(images), 2), bool)
        flips[:, drawn] = np.random.random((len(images), sum(drawn))) < 0.5
        images = self._normalized(images, self.channel_axis)
        for chosen, axis in zip((flips & wanted).T, (self.col_axis, self.row_axis), strict=True):
            if chosen.any():
                images[chosen] = np.flip(images[chosen], axis)
        return self._whitened(images)
