"""`keras.visualization`: boxes and masks drawn into images, and galleries of images (matplotlib)."""

from __future__ import annotations

from keras_torch.visualization.drawing import draw_bounding_boxes, draw_segmentation_masks
from keras_torch.visualization.galleries import (
    plot_bounding_box_gallery,
    plot_image_gallery,
    plot_segmentation_mask_gallery,
)

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_image_gallery",
    "plot_segmentation_mask_gallery",
]
