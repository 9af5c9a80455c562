"""Images: files, arrays, random transformations, batches (Keras 1 and 2; Keras 3 kept the functions on files only)."""

from keras_torch.preprocessing.image.dataframe_iterator import DataFrameIterator
from keras_torch.preprocessing.image.directory_iterator import DirectoryIterator, list_pictures, validate_filename
from keras_torch.preprocessing.image.files import BatchFromFilesMixin
from keras_torch.preprocessing.image.generator import ImageDataGenerator
from keras_torch.preprocessing.image.iterator import Iterator, NumpyArrayIterator
from keras_torch.preprocessing.image.transforms import (
    apply_affine_transform,
    apply_brightness_shift,
    apply_channel_shift,
    apply_transform,
    flip_axis,
    random_brightness,
    random_channel_shift,
    random_rotation,
    random_shear,
    random_shift,
    random_zoom,
    transform_matrix_offset_center,
)
from keras_torch.utils.images import array_to_img, img_to_array, load_img, save_img, smart_resize

__all__ = [
    "BatchFromFilesMixin",
    "DataFrameIterator",
    "DirectoryIterator",
    "ImageDataGenerator",
    "Iterator",
    "NumpyArrayIterator",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "apply_transform",
    "array_to_img",
    "flip_axis",
    "img_to_array",
    "list_pictures",
    "load_img",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "save_img",
    "smart_resize",
    "transform_matrix_offset_center",
    "validate_filename",
]
