"""Keras 1 counted samples where later versions count batches: turn `samples_per_epoch` and its kin into steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any


def _length(batch: Any) -> int:
    """Return the number of samples in a batch: an array, or inputs (lists and dicts too) with targets."""
    while isinstance(batch, tuple | list | dict):
        batch = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
    return len(batch)


def _batch_size(bound: dict[str, Any], name: str) -> int:
    """Return the batch size of the generator `bound[name]`; of a plain one, a batch is drawn, measured and put back."""
    source = bound[name]
    size = getattr(source, "batch_size", None)
    if size:
        return int(size)
    if isinstance(source, Iterator):
        first = next(source)
        bound[name] = itertools.chain([first], source)
        return _length(first)
    return _length(source[0])


def _to_steps(bound: dict[str, Any], samples: str, generator: str, steps: str) -> None:
    count = bound.pop(samples, None)
    if count is None:
        return
    if steps in bound:
        raise TypeError(f"Pass `{steps}` (batches) or its Keras 1 form `{samples}` (samples), not both.")
    if generator not in bound:
        raise TypeError(f"`{samples}` needs the generator in the argument `{generator}`.")
    bound[steps] = math.ceil(count / _batch_size(bound, generator))


def fit_steps(bound: dict[str, Any]) -> None:
    """`samples_per_epoch`, `nb_val_samples` → `steps_per_epoch`, `validation_steps`."""
    _to_steps(bound, "samples_per_epoch", "generator", "steps_per_epoch")
    if isinstance(bound.get("validation_data"), tuple | list):
        bound.pop("nb_val_samples", None)
    _to_steps(bound, "nb_val_samples", "validation_data", "validation_steps")


def evaluation_steps(bound: dict[str, Any]) -> None:
    """`val_samples` → `steps`."""
    _to_steps(bound, "val_samples", "generator", "steps")
