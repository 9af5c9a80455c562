"""Losses of embeddings, which compare the samples of a batch with one another."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from keras_torch.losses.base import LossFunctionWrapper
from keras_torch.losses.reduction import as_pair, as_tensor, check_not_negative


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> torch.Tensor:
    """Return the circle loss of each sample (Sun et al. 2020, https://arxiv.org/abs/2002.10857).

    `y_true` holds integer labels of shape (n,) or (n, 1), `y_pred` embeddings of shape (n, d) and length 1. They are
    compared with `ref_embeddings`, by default with one another, each but itself if `remove_diagonal`. Samples whose
    loss is 0, such as those without a partner, are masked.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    references = y_pred if ref_embeddings is None else as_tensor(ref_embeddings, y_pred).to(y_pred.dtype)
    _check_embeddings(y_true, y_pred)
    labels = y_true.reshape(-1, 1)
    others = labels if ref_labels is None else as_tensor(ref_labels, y_pred).reshape(-1, 1)
    distances = torch.relu(1.0 - y_pred @ references.t())
    alike = torch.eq(labels, others.t())
    different = torch.logical_not(alike)
    if remove_diagonal:
        alike = alike & ~torch.eye(*alike.shape, dtype=torch.bool, device=alike.device)
    pull = gamma * torch.relu(distances + margin) * (distances - margin)
    push = gamma * torch.relu(1.0 + margin - distances) * (1.0 - margin - distances)
    nothing = float("-inf")
    pull = torch.logsumexp(torch.where(alike, pull, nothing), dim=1)
    push = torch.logsumexp(torch.where(different, push, nothing), dim=1)
    values = F.softplus(pull + push)
    values._keras_mask = values > 0  # type: ignore[attr-defined]
    return values


def _check_embeddings(y_true: Any, y_pred: Any) -> None:
    rank = len(y_true.shape)
    if len(y_pred.shape) != 2 or rank not in (1, 2) or (rank == 2 and y_true.shape[1] != 1):
        raise ValueError(
            "`circle` needs embeddings of shape (samples, size) as `y_pred` and one integer label for each as `y_true`."
            f" Received: y_pred.shape={tuple(y_pred.shape)}, y_true.shape={tuple(y_true.shape)}"
        )
    if y_true.shape[0] != y_pred.shape[0]:
        raise ValueError(
            "`circle` needs as many labels as embeddings. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )


class Circle(LossFunctionWrapper):
    """Circle loss of embeddings of length 1: classes are drawn together and apart, the farthest pairs the most."""

    def __init__(
        self,
        gamma: float = 80.0,
        margin: float = 0.4,
        remove_diagonal: bool = True,
        reduction: str | None = "sum_over_batch_size",
        name: str = "circle",
        dtype: Any = None,
    ):
        check_not_negative("Circle", gamma=gamma)
        super().__init__(
            circle,
            reduction=reduction,
            name=name,
            dtype=dtype,
            gamma=gamma,
            margin=margin,
            remove_diagonal=remove_diagonal,
        )
        self.gamma, self.margin, self.remove_diagonal = gamma, margin, remove_diagonal
