"""Compiling, training, evaluating and predicting."""

from __future__ import annotations

from keras_torch.training.objectives import weighted_masked_objective


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """Return (start, stop) of the batches of `size` samples; the last one may be smaller."""
    return [(start, min(start + batch_size, size)) for start in range(0, size, batch_size)]


__all__ = ["make_batches", "weighted_masked_objective"]
