"""Losses over many classes that look at a few drawn ones, and how these are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from keras_torch.dropin.tensorflow.arrays import convert_to_tensor


class Sampled(NamedTuple):
    """Classes that were drawn, and how often the true ones and they are expected in such a draw."""

    sampled_candidates: Any
    true_expected_count: Any
    sampled_expected_count: Any


def _log_uniform(classes: torch.Tensor, range_max: int) -> torch.Tensor:
    classes = classes.double()
    return ((classes + 2).log() - (classes + 1).log()) / math.log(range_max + 1)


def _uniform(classes: torch.Tensor, range_max: int) -> torch.Tensor:
    return torch.full(classes.shape, 1 / range_max, dtype=torch.float64)


def _sampler(share: Callable[[torch.Tensor, int], torch.Tensor]) -> Callable[..., Sampled]:
    def call(
        true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: Any = None
    ) -> Sampled:
        if unique and num_sampled > range_max:
            raise ValueError(f"There are {range_max} classes. Received: num_sampled={num_sampled} with unique=True")
        generator = None if seed is None else torch.Generator().manual_seed(int(seed))
        shares = share(torch.arange(range_max), range_max)
        drawn: list[int] = []
        tries = 0
        while len(drawn) < num_sampled:
            for item in torch.multinomial(shares, num_sampled, True, generator=generator).tolist():
                tries += 1
                if not unique or item not in drawn:
                    drawn.append(item)
                if len(drawn) == num_sampled:
                    break
        found = torch.tensor(drawn)

        def expected(classes: torch.Tensor) -> torch.Tensor:
            part = share(classes, range_max)
            return (-torch.expm1(tries * torch.log1p(-part)) if unique else part * num_sampled).float()

        return Sampled(found, expected(convert_to_tensor(true_classes)), expected(found))

    return call


log_uniform_candidate_sampler = _sampler(_log_uniform)


def _logits(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int,
    sampled_values: Any,
    without_hits: bool,
    seed: Any,
) -> tuple[Any, Any]:
    """Return the logits of the true and of the drawn classes, and the labels that belong to them."""
    labels = convert_to_tensor(labels).long().reshape(-1, num_true)
    if sampled_values is None:
        sampled_values = log_uniform_candidate_sampler(labels, num_true, num_sampled, True, num_classes, seed)
    sampled, true_count, sampled_count = map(convert_to_tensor, sampled_values)
    weights, biases, inputs = map(convert_to_tensor, (weights, biases, inputs))
    sampled = sampled.long()
    true = (weights[labels] * inputs[:, None]).sum(-1) + biases[labels] - true_count.log()
    others = inputs @ weights[sampled].T + biases[sampled] - sampled_count.log()
    if without_hits:
        hits = (labels[:, :, None] == sampled).any(1)
        others = others.masked_fill(hits, torch.finfo(others.dtype).min)
    wanted = torch.cat([torch.full_like(true, 1 / num_true), torch.zeros_like(others)], 1)
    return torch.cat([true, others], 1), wanted


def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
) -> Any:
    """Noise-contrastive estimation: of each sample, how well its class is told from drawn ones."""
    logits, wanted = _logits(
        *(weights, biases, labels, inputs, num_sampled, num_classes, num_true),
        *(sampled_values, remove_accidental_hits, None),
    )
    return F.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(1)


def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    seed: Any = None,
) -> Any:
    """The cross-entropy of each sample's class among drawn ones."""
    logits, wanted = _logits(
        *(weights, biases, labels, inputs, num_sampled, num_classes, num_true),
        *(sampled_values, remove_accidental_hits, seed),
    )
    return -(wanted * logits.log_softmax(1)).sum(1)


NAMES = {
    "nn.nce_loss": nce_loss,
    "nn.sampled_softmax_loss": sampled_softmax_loss,
    "random.log_uniform_candidate_sampler nn.log_uniform_candidate_sampler": log_uniform_candidate_sampler,
    "random.uniform_candidate_sampler nn.uniform_candidate_sampler": _sampler(_uniform),
}
