"""`keras.callbacks.experimental` of tf.keras: the former place of BackupAndRestore."""

from keras_torch.callbacks.backup_and_restore import BackupAndRestore

__all__ = ["BackupAndRestore"]
