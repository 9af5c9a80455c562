"""What `tf.image` chooses among boxes: non-maximum suppression in its several forms."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch

from keras_torch.dropin.tensorflow.arrays import convert_to_tensor


def _kept(boxes: np.ndarray, scores: np.ndarray, count: int, iou_threshold: float, score_threshold: float) -> list[int]:
    """Return the numbers of boxes (y1, x1, y2, x2), best first, none of which overlaps a better one too much."""
    low, high = np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])
    area = (high - low).prod(1)
    waiting = [i for i in np.argsort(-scores, kind="stable") if scores[i] > score_threshold]
    kept: list[int] = []
    while waiting and len(kept) < count:
        best = waiting.pop(0)
        kept.append(int(best))
        rest = np.asarray(waiting, int)
        overlap = np.clip(np.minimum(high[best], high[rest]) - np.maximum(low[best], low[rest]), 0, None).prod(1)
        union = area[best] + area[rest] - overlap
        share = np.divide(overlap, union, out=np.zeros_like(overlap), where=union > 0)
        waiting = rest[share <= iou_threshold].tolist()
    return kept


def _numbers(value: Any) -> np.ndarray:
    return convert_to_tensor(value).detach().cpu().numpy()


def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
) -> Any:
    """The numbers of boxes, best first, none of which overlaps a better one by more than the threshold."""
    kept = _kept(_numbers(boxes), _numbers(scores), int(max_output_size), iou_threshold, score_threshold)
    return torch.tensor(kept, dtype=torch.int32)


def non_max_suppression_with_scores(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    soft_nms_sigma: float = 0.0,
) -> tuple[Any, Any]:
    """`non_max_suppression`, and the scores of the boxes; without soft suppression these are as they were."""
    if soft_nms_sigma:
        raise NotImplementedError(
            f"`non_max_suppression_with_scores` has no soft suppression here. Received: soft_nms_sigma={soft_nms_sigma}"
        )
    kept = non_max_suppression(boxes, scores, max_output_size, iou_threshold, score_threshold)
    return kept, convert_to_tensor(scores)[kept.long()]


class CombinedSuppression(NamedTuple):
    """Boxes, scores and classes, zeros behind the last, and how many there are."""

    nmsed_boxes: torch.Tensor
    nmsed_scores: torch.Tensor
    nmsed_classes: torch.Tensor
    valid_detections: torch.Tensor


def combined_non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size_per_class: Any,
    max_total_size: Any,
    iou_threshold: float = 0.5,
    score_threshold: float = float("-inf"),
    pad_per_class: bool = False,
    clip_boxes: bool = True,
) -> CombinedSuppression:
    """Suppress class by class: `boxes` (batch, boxes, 1 or classes, 4), `scores` (batch, boxes, classes)."""
    all_boxes, all_scores = _numbers(boxes), _numbers(scores)
    per_class, classes = int(max_output_size_per_class), all_scores.shape[2]
    size = min(int(max_total_size), per_class * classes) if pad_per_class else int(max_total_size)
    shape = (len(all_boxes), size)
    found, values, kinds = np.zeros((*shape, 4), "f4"), np.zeros(shape, "f4"), np.zeros(shape, "f4")
    counts = np.zeros(len(all_boxes), "i4")
    for image, (own, own_scores) in enumerate(zip(all_boxes, all_scores, strict=True)):
        chosen = []
        for kind in range(classes):
            places = own[:, 0 if own.shape[1] == 1 else kind]
            kept = _kept(places, own_scores[:, kind], per_class, iou_threshold, score_threshold)
            chosen += [(float(own_scores[i, kind]), kind, places[i]) for i in kept]
        chosen = sorted(chosen, key=lambda item: -item[0])[:size]
        counts[image] = len(chosen)
        for place, (value, kind, box) in enumerate(chosen):
            found[image, place], values[image, place], kinds[image, place] = box, value, kind
    found = np.clip(found, 0, 1) if clip_boxes else found
    return CombinedSuppression(*(torch.from_numpy(item) for item in (found, values, kinds, counts)))


NAMES = {
    "image.combined_non_max_suppression": combined_non_max_suppression,
    "image.non_max_suppression": non_max_suppression,
    "image.non_max_suppression_with_scores": non_max_suppression_with_scores,
}
