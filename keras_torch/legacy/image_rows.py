"""What `preprocessing.image` was in Keras 1.2.2 and 2.2.4: old arguments, positional orders, and other arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from keras_torch.legacy.rows import OMIT, Row


@dataclass(frozen=True)
class ImageRules:
    """How a generation of Keras transforms images. The defaults are those of Keras 2.15, the last to do it.

    centre: where the middle of an image lies, beside half its size. rows_first: the matrix of a transformation maps
    (column, row), as is natural, and not (row, column). flips_drawn: a random number is drawn for each flip, wanted or
    not, and before that of the channels' shift. joint_channels: all channels shift alike. per_pixel: "samplewise" means
    over the channels of each pixel.
    """

    centre: float = -0.5
    columns_first: bool = True
    interpolation_order: int | None = None
    shear_in_degrees: bool = True
    chosen_shifts: bool = True
    flips_drawn: bool = True
    joint_channels: bool = True
    per_pixel: bool = False
    epsilon: float = 1e-6
    whitening: str = "svd"
    scales_brightness: bool = False
    shifts_to_zero: bool = True
    wide_gray: bool = True
    implied_options: bool = True
    rescaled_fit: bool = True
    integer_labels: bool = False
    order_kept: bool = False
    formats: tuple[str, ...] = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
    picture_formats: str = "jpg|jpeg|bmp|png|ppm"
    index_triples: bool = False


_TODAY = ImageRules()
RULES: dict[str | None, ImageRules] = {
    "2": ImageRules(
        centre=0.5,
        columns_first=False,
        whitening="eigenvalues",
        scales_brightness=True,
        shifts_to_zero=False,
        wide_gray=False,
        rescaled_fit=False,
        integer_labels=True,
    ),
    "1": ImageRules(
        centre=0.5,
        columns_first=False,
        interpolation_order=0,
        shear_in_degrees=False,
        chosen_shifts=False,
        flips_drawn=False,
        joint_channels=False,
        per_pixel=True,
        epsilon=1e-7,
        whitening="eigenvalues",
        scales_brightness=True,
        shifts_to_zero=False,
        wide_gray=False,
        implied_options=False,
        rescaled_fit=False,
        integer_labels=True,
        order_kept=True,
        formats=("png", "jpg", "jpeg", "bmp"),
        picture_formats="jpg|jpeg|bmp|png",
        index_triples=True,
    ),
}


def image_rules(dialect: str | None) -> ImageRules:
    """Return how images are transformed in a dialect."""
    return RULES.get(dialect, _TODAY)


def _gray_to_color_mode(bound: dict[str, Any]) -> None:
    """`grayscale=True` (also where `color_mode` stands today) → `color_mode="grayscale"`."""
    gray = bound.pop("grayscale", None)
    if isinstance(bound.get("color_mode"), bool):
        gray = bound.pop("color_mode")
    if gray:
        bound["color_mode"] = "grayscale"


_ORDERING = {"th": "channels_first", "tf": "channels_last", "default": OMIT}
_SAVE = ("save_to_dir", "save_prefix", "save_format")
_JPEG = {"1": {"save_format": "jpeg"}}
_RENAMED = {"dim_ordering": "data_format"}
_VALUES = {"data_format": _ORDERING}

_NORMALIZING = (
    "featurewise_center",
    "samplewise_center",
    "featurewise_std_normalization",
    "samplewise_std_normalization",
    "zca_whitening",
)
_MOVING = ("rotation_range", "width_shift_range", "height_shift_range")
_CHANGING = (
    "shear_range",
    "zoom_range",
    "channel_shift_range",
    "fill_mode",
    "cval",
    "horizontal_flip",
    "vertical_flip",
    "rescale",
    "preprocessing_function",
)
_FLOW = ("x", "y", "batch_size", "shuffle")
_FRAME = ("dataframe", "directory", "x_col", "y_col", "has_ext", "target_size", "color_mode", "classes", "class_mode")
_FRAME_ITERATOR = ("dataframe", "directory", "image_data_generator", *_FRAME[2:])
_BATCHES = ("batch_size", "shuffle", "seed")
_DIRECTORY = ("directory", "image_data_generator", "target_size", "color_mode")

IMAGES: dict[str, Row] = {
    "ImageDataGenerator": Row(
        renamed=_RENAMED,
        values=_VALUES,
        orders={
            "1": (*_NORMALIZING, *_MOVING, *_CHANGING, "dim_ordering"),
            "2": (
                *(*_NORMALIZING, "zca_epsilon", *_MOVING, "brightness_range", *_CHANGING),
                *("data_format", "validation_split", "dtype"),
            ),
        },
    ),
    "ImageDataGenerator.fit": Row(renamed={"X": "x"}),
    "ImageDataGenerator.flow": Row(
        renamed={"X": "x"},
        defaults=_JPEG,
        orders={"1": (*_FLOW, "seed", *_SAVE), "2": (*_FLOW, "sample_weight", "seed", *_SAVE, "subset")},
    ),
    "ImageDataGenerator.flow_from_directory": Row(defaults=_JPEG),
    "ImageDataGenerator.flow_from_dataframe": Row(
        orders={"2": (*_FRAME, *_BATCHES, *_SAVE, "subset", "interpolation")}
    ),
    "NumpyArrayIterator": Row(
        renamed=_RENAMED,
        values=_VALUES,
        defaults=_JPEG,
        orders={
            "1": ("x", "y", "image_data_generator", "batch_size", "shuffle", "seed", "dim_ordering", *_SAVE),
            "2": (
                *("x", "y", "image_data_generator", "batch_size", "shuffle", "sample_weight", "seed", "data_format"),
                *(*_SAVE, "subset", "dtype"),
            ),
        },
    ),
    "DirectoryIterator": Row(
        renamed=_RENAMED,
        values=_VALUES,
        defaults=_JPEG,
        orders={
            "1": (*_DIRECTORY, "dim_ordering", "classes", "class_mode", *_BATCHES, *_SAVE, "follow_links"),
            "2": (
                *(*_DIRECTORY, "classes", "class_mode", *_BATCHES, "data_format", *_SAVE, "follow_links", "subset"),
                *("interpolation", "dtype"),
            ),
        },
    ),
    "DataFrameIterator": Row(
        renamed=_RENAMED,
        values=_VALUES,
        orders={
            "2": (
                *(*_FRAME_ITERATOR, *_BATCHES, "data_format", *_SAVE, "follow_links", "subset"),
                *("interpolation", "dtype"),
            )
        },
    ),
    "array_to_img": Row(renamed=_RENAMED, values=_VALUES),
    "img_to_array": Row(renamed=_RENAMED, values=_VALUES),
    "load_img": Row(
        orders={
            "1": ("path", "grayscale", "target_size"),
            "2": ("path", "grayscale", "color_mode", "target_size", "interpolation"),
            "tf": ("path", "grayscale", "color_mode", "target_size", "interpolation", "keep_aspect_ratio"),
        },
        prepare=_gray_to_color_mode,
    ),
    "random_channel_shift": Row(renamed={"intensity": "intensity_range"}),
    "apply_affine_transform": Row(defaults={"2": {"row_axis": 0, "col_axis": 1, "channel_axis": 2}}),
    "image_dataset_from_directory": Row(renamed={"smart_resize": "crop_to_aspect_ratio"}),
}
