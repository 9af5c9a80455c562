"""Datasets as pipelines of steps, with the methods of `tf.data.Dataset`.

`sources` are where elements come from, `steps` what happens to them, `blocks` the form in which they go from step to
step, `calls` how a user's function is applied to many of them at once.
"""

from keras_torch.data.pipeline.dataset import (
    AUTOTUNE,
    INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY,
    Dataset,
)
from keras_torch.data.pipeline.spec import TensorSpec

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset", "TensorSpec"]
