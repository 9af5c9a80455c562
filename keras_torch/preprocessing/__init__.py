"""Raw data as arrays: images, sequences and texts."""

from keras_torch.preprocessing import image, sequence, text

__all__ = ["image", "sequence", "text"]
