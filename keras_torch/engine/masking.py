"""Masks that travel with real tensors outside a model, as the attribute `_keras_mask`."""

from __future__ import annotations

from typing import Any

from keras_torch.symbolic.structure import leaves, map_tree


def get_mask(tensor: Any) -> Any:
    """Return the mask of a real or symbolic tensor, or None."""
    return getattr(tensor, "_keras_mask", None)


def set_mask(outputs: Any, mask: Any) -> None:
    """Attach a mask, or masks, to the tensors of `outputs`: the first to the first where their numbers differ."""
    if isinstance(outputs, (list, tuple)):
        masks = mask if isinstance(mask, (list, tuple)) else [mask]
        for output, item in zip(outputs, masks, strict=False):
            set_mask(output, item)
    elif isinstance(outputs, dict):
        for key, output in outputs.items():
            set_mask(output, mask.get(key) if isinstance(mask, dict) else mask)
    elif isinstance(mask, (list, tuple)):
        set_mask(outputs, mask[0] if mask else None)
    elif mask is not None and outputs is not None:
        outputs._keras_mask = mask


def masks_of(inputs: Any) -> Any:
    """Return the structure of masks of `inputs`, or None if none has one."""
    if not isinstance(inputs, (list, tuple, dict)):
        return get_mask(inputs)
    masks = map_tree(get_mask, inputs)
    return masks if any(item is not None for item in leaves(masks)) else None
