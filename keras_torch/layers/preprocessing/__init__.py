"""Layers that prepare data: numbers, categories, text and images.

tf.keras had them under this path, so it answers to their names.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Return a layer of `keras_torch.layers`, which imports the modules here first."""
    from keras_torch import layers

    if name in layers.__all__:
        return getattr(layers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
