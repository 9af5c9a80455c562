"""Raw data as arrays: sequences and texts."""

from keras_torch.preprocessing import sequence, text

__all__ = ["sequence", "text"]
