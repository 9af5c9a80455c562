"""Settings of how things run: caps for quick trials, logging, tracebacks, and what may be read from files."""

from __future__ import annotations

import os
from typing import Any

from keras_torch.config.settings import _load


def backend() -> str:
    """Return "torch"."""
    return "torch"


def set_backend(backend: str) -> None:
    """Accept "torch"; ValueError for another backend."""
    if backend != "torch":
        raise ValueError(f"`backend` must be 'torch', on which everything here runs. Received: {backend!r}")


def is_nnx_enabled() -> bool:
    """Return False: NNX belongs to JAX."""
    return False


def _get(key: str, default: Any = None) -> Any:
    return _load().get(key, default)


def _limit(key: str, variable: str) -> int | None:
    settings = _load()
    if key in settings:
        return settings[key]
    text = os.environ.get(variable)
    return None if not text else _checked(int(text) if text.isdigit() else text, variable)


def _checked(value: Any, name: str) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ValueError(f"`{name}` must be a positive whole number, or None for no limit. Received: {value!r}")
    return value


def max_epochs() -> int | None:
    """Return the most epochs that any `fit` runs, as set or in `KERAS_MAX_EPOCHS`; None without a limit."""
    return _limit("max_epochs", "KERAS_MAX_EPOCHS")


def set_max_epochs(max_epochs: int | None) -> None:
    """Cap the epochs of every `fit`, to try a script out quickly. None lifts the limit."""
    _load()["max_epochs"] = _checked(max_epochs, "max_epochs")


def max_steps_per_epoch() -> int | None:
    """Return the most batches of an epoch, as set or in `KERAS_MAX_STEPS_PER_EPOCH`; None without a limit."""
    return _limit("max_steps_per_epoch", "KERAS_MAX_STEPS_PER_EPOCH")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Cap the batches of each epoch of `fit`, and of `evaluate` and `predict`. None lifts the limit."""
    _load()["max_steps_per_epoch"] = _checked(max_steps_per_epoch, "max_steps_per_epoch")


def enable_interactive_logging() -> None:
    """Write progress to the standard output."""
    _load()["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Write progress through Python's `logging` (the logger "keras_torch"), as suits a job without a terminal."""
    _load()["interactive_logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Return whether progress goes to the standard output; True unless switched off."""
    return _get("interactive_logging", True)


def enable_traceback_filtering() -> None:
    """Accept what Keras's scripts call: there is little of our own in a traceback, so that nothing is left out."""
    _load()["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Accept what Keras's scripts call: tracebacks are always whole."""
    _load()["traceback_filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """Return what was chosen last; True unless switched off."""
    return _get("traceback_filtering", True)


def enable_unsafe_deserialization() -> None:
    """Raise: whether bytecode in a file may run is said with each load call, not once for all."""
    raise NotImplementedError(
        "`enable_unsafe_deserialization` is not supported, since it would let every file run code from then on. Pass "
        "`safe_mode=False` to the `load_model` call of a file that you trust, or give the function under the layer's "
        "name in `custom_objects`."
    )
