"""Losses of sequences that are not aligned with their labels."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from keras_torch.losses.base import LossFunctionWrapper
from keras_torch.losses.classification import check_label_range
from keras_torch.losses.reduction import as_pair


def ctc(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return the CTC loss of each sample (Graves et al. 2006); `torch.nn.functional.ctc_loss`.

    `y_true` holds integer labels (samples, length) filled up with 0, which is the blank and no class; `y_pred` logits
    (samples, time, classes). A label that does not fit into the time steps gives infinity. On a GPU torch reads the
    lengths of the labels back. For softmax outputs and other lengths there is `K.ctc_batch_cost`.
    """
    y_true, y_pred = as_pair(y_true, y_pred)
    if len(y_true.shape) != 2 or len(y_pred.shape) != 3 or y_true.shape[0] != y_pred.shape[0]:
        raise ValueError(
            "`ctc` needs labels of shape (samples, length) as `y_true` and logits of shape (samples, time, classes) as "
            f"`y_pred`. Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    labels = y_true.to(torch.int64)
    if labels.device.type == "cpu":
        # torch reads beyond its memory at labels that are no classes; on a GPU to look would be to wait
        check_label_range(labels, y_pred.shape[-1])
    times = torch.full((y_pred.shape[0],), y_pred.shape[1], dtype=torch.int64, device=y_pred.device)
    logs = F.log_softmax(y_pred, dim=-1).transpose(0, 1)
    return F.ctc_loss(logs, labels, times, torch.ne(labels, 0).sum(dim=1), blank=0, reduction="none")


class CTC(LossFunctionWrapper):
    """Connectionist temporal classification: logits of a sequence against shorter labels without times."""

    def __init__(self, reduction: str | None = "sum_over_batch_size", name: str = "ctc", dtype: Any = None):
        super().__init__(ctc, reduction=reduction, name=name, dtype=dtype)
