"""LambdaCallback: a callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_torch.callbacks.base import EVENTS, Callback


class LambdaCallback(Callback):
    """Calls the given functions at the moments after which the arguments are named.

    `on_epoch_begin` and `on_epoch_end` get `(epoch, logs)`, those of batches `(batch, logs)`, all others `(logs)`.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_batch_begin: Callable[..., Any] | None = None,
        on_batch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        **hooks: Callable[..., Any] | None,
    ) -> None:
        unknown = [name for name in hooks if name not in EVENTS]
        if unknown:
            raise TypeError(f"LambdaCallback knows no hook {unknown[0]!r}. Expected one of: {', '.join(EVENTS)}")
        hooks.update(
            on_epoch_begin=on_epoch_begin,
            on_epoch_end=on_epoch_end,
            on_batch_begin=on_batch_begin,
            on_batch_end=on_batch_end,
            on_train_begin=on_train_begin,
            on_train_end=on_train_end,
        )
        for name, function in hooks.items():
            if function is not None:
                setattr(self, name, function)
