"""Models as estimators of scikit-learn, an optional package: `pip install scikit-learn`.

The classes of Keras 3 derive from its own, and are imported when asked for. Those of Keras 1 and 2 are in
`scikit_learn`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from keras_torch.wrappers import scikit_learn

if TYPE_CHECKING:
    from keras_torch.wrappers.estimators import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

__all__ = [
    "SKLearnClassifier",
    "SKLearnRegressor",
    "SKLearnTransformer",
    "scikit_learn",
]


def __getattr__(name: str) -> Any:
    """Import scikit-learn when one of its estimators is asked for."""
    if name in __all__:
        return getattr(importlib.import_module("keras_torch.wrappers.estimators"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
