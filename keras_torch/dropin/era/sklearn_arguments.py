"""Arguments that scikit-learn renamed. Nothing is imported from it here: it is still being imported itself."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import Any


def change_preprocessing(module: ModuleType, set_: Callable[[Any, str, Any], None]) -> None:
    """Let `OneHotEncoder` take `sparse`, which is `sparse_output` today."""
    original = module.OneHotEncoder.__init__
    if "sparse" in original.__code__.co_varnames:
        return

    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        if "sparse" in kwargs:
            kwargs.setdefault("sparse_output", kwargs.pop("sparse"))
        original(self, *args, **kwargs)

    set_(module.OneHotEncoder, "__init__", __init__)


def change_class_weight(module: ModuleType, set_: Callable[[Any, str, Any], None]) -> None:
    """Let `compute_class_weight` take its arguments by position."""
    original = module.compute_class_weight

    @functools.wraps(original)
    def compute_class_weight(class_weight: Any, *classes_and_y: Any, **options: Any) -> Any:
        return original(class_weight, **dict(zip(("classes", "y"), classes_and_y, strict=False)), **options)

    set_(module, "compute_class_weight", compute_class_weight)
