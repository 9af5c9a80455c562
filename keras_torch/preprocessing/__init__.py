"""Raw data as arrays: images, sequences and texts."""

from keras_torch.preprocessing import image, sequence, text
from keras_torch.utils.image_dataset import image_dataset_from_directory
from keras_torch.utils.text_dataset import text_dataset_from_directory
from keras_torch.utils.timeseries_dataset import timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
