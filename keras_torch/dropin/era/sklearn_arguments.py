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
