"""Connectionist temporal classification: the loss and its decoders. The last class is the blank.

The method is that of Graves et al. 2006 (https://www.cs.toronto.edu/~graves/icml_2006.pdf).
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from keras_torch import config
from keras_torch.backend.tensors import floating, recorded, tensor
from keras_torch.backend.variables import get_value

Prefix = tuple[int, ...]


@recorded
def ctc_batch_cost(y_true: Any, y_pred: Any, input_length: Any, label_length: Any) -> Any:
    """Return the CTC loss (samples, 1) of labels (samples, length) and softmax outputs (samples, time, classes).

    Lengths have shape (samples, 1).
    """
    y_pred = floating(y_pred)
    values = F.log_softmax(torch.log(y_pred + config.epsilon()), -1).transpose(0, 1)
    inputs, labels = (tensor(item, "int64").reshape(-1) for item in (input_length, label_length))
    losses = F.ctc_loss(values, tensor(y_true, "int64"), inputs, labels, blank=y_pred.shape[-1] - 1, reduction="none")
    return losses.unsqueeze(1)


def ctc_decode(
    y_pred: Any, input_length: Any, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[torch.Tensor], torch.Tensor]:
    """Return the likeliest labels of softmax outputs (samples, time, classes), and log probabilities.

    Greedy decoding takes the best class of each step, and its second result is minus their summed logarithms; else a
    beam search of `beam_width` finds the `top_paths` best sequences. There is one tensor (samples, time) of labels for
    each path, filled up with -1; in dialects 1 and 2 it is as long as the longest sequence. Runs on the CPU.
    """
    y_pred = floating(y_pred)
    logs = np.log(get_value(y_pred) + config.epsilon()).astype("float64")
    lengths = get_value(tensor(input_length)).reshape(-1)
    samples = [sample[: int(length)] for sample, length in zip(logs, lengths, strict=True)]
    found = [[_best_path(sample)] if greedy else _beam_search(sample, beam_width, top_paths) for sample in samples]
    paths = 1 if greedy else top_paths
    decoded = np.full((paths, *logs.shape[:2]), -1, dtype="int64")
    scores = np.full((len(found), paths), -math.inf)
    for sample, sequences in enumerate(found):
        for path, (labels, score) in enumerate(sequences):
            decoded[path, sample, : len(labels)] = labels
            scores[sample, path] = score
    results = list(torch.as_tensor(decoded))
    if config.is_classic():
        results = [path[:, : int((path >= 0).sum(1).max())] for path in results]
    return results, torch.as_tensor(scores, dtype=config.torch_dtype(y_pred.dtype))


def greedy(
    logits: torch.Tensor, lengths: torch.Tensor, merge_repeated: bool, blank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the best class of each step (1, samples, time) without blanks, -1 behind, and minus the summed logits."""
    scores, best = logits.max(-1)
    steps = torch.arange(logits.shape[1], device=logits.device)
    used = steps < lengths[:, None]
    best = torch.where(used, best, blank)
    kept = best != blank
    if merge_repeated:
        kept[:, 1:] &= best[:, 1:] != best[:, :-1]
    order = torch.argsort(torch.where(kept, steps, len(steps)), dim=-1, stable=True)
    labels = torch.where(kept, best, -1).gather(1, order).to(torch.int32)
    return labels[None], -torch.where(used, scores, 0.0).sum(1, keepdim=True)


def beam_search(
    logits: torch.Tensor, lengths: torch.Tensor, width: int, count: int, blank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the `count` likeliest labels (count, samples, time), -1 behind, and their log probabilities."""
    classes = [index for index in range(logits.shape[-1]) if index != blank]
    logs = F.log_softmax(logits.detach(), -1)[..., [*classes, blank]].cpu().double().numpy()
    labels = torch.full((count, *logits.shape[:2]), -1, dtype=torch.int32)
    scores = torch.full((len(logs), count), -math.inf, dtype=logits.dtype)
    for sample, length in enumerate(lengths.tolist()):
        for path, (found, score) in enumerate(_beam_search(logs[sample, :length], width, count)):
            labels[path, sample, : len(found)] = torch.tensor([classes[index] for index in found], dtype=torch.int32)
            scores[sample, path] = score
    return labels.to(logits.device), scores.to(logits.device)


def _best_path(logs: np.ndarray) -> tuple[list[int], float]:
    best = logs.argmax(-1)
    changes = np.diff(best, prepend=-1) != 0
    return best[changes & (best != logs.shape[-1] - 1)].tolist(), float(-logs.max(-1).sum())


def _beam_search(logs: np.ndarray, width: int, count: int) -> list[tuple[Prefix, float]]:
    """Return the likeliest label sequences; a prefix is kept with the probabilities to end in a blank or a label."""
    # TensorFlow 1 took the best class of each step, not the sum over all, as the unit of probabilities.
    unit = np.maximum if config.is_classic() else np.logaddexp
    logs = logs - unit.reduce(logs, axis=-1, keepdims=True)
    blank = logs.shape[-1] - 1
    beams: dict[Prefix, tuple[float, float]] = {(): (0.0, -math.inf)}
    for step in logs:
        grown: defaultdict[Prefix, tuple[float, float]] = defaultdict(lambda: (-math.inf, -math.inf))
        for prefix, (in_blank, in_label) in beams.items():
            total = np.logaddexp(in_blank, in_label)
            _add(grown, prefix, 0, total + step[blank])
            if prefix:
                _add(grown, prefix, 1, in_label + step[prefix[-1]])
            for label in range(blank):
                # The same label again begins a new one only after a blank.
                before = in_blank if prefix and prefix[-1] == label else total
                _add(grown, (*prefix, label), 1, before + step[label])
        best = sorted(grown.items(), key=lambda item: -np.logaddexp(*item[1]))
        beams = dict(best[:width])
    return [(prefix, float(np.logaddexp(*ends))) for prefix, ends in list(beams.items())[:count]]


def _add(beams: dict[Prefix, tuple[float, float]], prefix: Prefix, end: int, value: float) -> None:
    ends = list(beams[prefix])
    ends[end] = np.logaddexp(ends[end], value)
    beams[prefix] = (ends[0], ends[1])


@recorded
def ctc_label_dense_to_sparse(labels: Any, label_lengths: Any) -> Any:
    """Return the first `label_lengths` labels of each row of a matrix as a sparse matrix of the same shape."""
    labels, lengths = tensor(labels), tensor(label_lengths).reshape(-1)
    used = torch.arange(labels.shape[1], device=labels.device) < lengths[:, None]
    return torch.sparse_coo_tensor(used.nonzero().T, labels[used], tuple(labels.shape), check_invariants=True)
