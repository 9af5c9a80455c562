"""LambdaCallback: a callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras_torch.callbacks.base import EVENTS, Callback


class LambdaCallback(Callback):
    """Calls the given functions at the moments after which the arguments are named.

    `on_epoch_begin` and `on_epoch_end` get `(epoch, logs)`, those of batches `(batch, logs)`, all others `(logs)`.
    Whatever else is given becomes an attribute; TypeError for a name that begins with `on_` and is no hook.
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_batch_begin: Callable[..., Any] | None = None,
        on_batch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        **attributes: Any,
    ) -> None:
        unknown = [name for name in attributes if name.startswith("on_") and name not in EVENTS]
        if unknown:
            raise TypeError(f"LambdaCallback knows no hook {unknown[0]!r}. Expected one of: {', '.join(EVENTS)}")
        attributes.update(
            on_epoch_begin=on_epoch_begin,
            on_epoch_end=on_epoch_end,
            on_batch_begin=on_batch_begin,
            on_batch_end=on_batch_end,
            on_train_begin=on_train_begin,
            on_train_end=on_train_end,
        )
        for name, value in attributes.items():
            if name.startswith("on_") and value is not None and not callable(value):
                raise TypeError(f"`{name}` of LambdaCallback must be a function. Received: {value!r}")
            if value is not None or not name.startswith("on_"):
                setattr(self, name, value)
