"""Mixed precision under the names of tf.keras and early Keras 3: float32 weights, computation in half precision."""

from keras_torch.config import DTypePolicy, dtype_policy, set_dtype_policy
from keras_torch.mixed_precision import experimental
from keras_torch.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "experimental",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
