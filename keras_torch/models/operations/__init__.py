"""Operations in the graphs of files: what is no layer but a function on tensors, of Keras 3 and of tf.keras."""

from __future__ import annotations

from keras_torch.models.operations.reading import OperationCall, is_operation, make_operation, read_argument

__all__ = ["OperationCall", "is_operation", "make_operation", "read_argument"]
