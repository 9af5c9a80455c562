"""Raw data as arrays: images, sequences and texts."""

from keras_torch.preprocessing import image, sequence, text
from keras_torch.utils.image_dataset import image_dataset_from_directory

__all__ = ["image", "image_dataset_from_directory", "sequence", "text"]
