"""Images in rows and columns, plain, with boxes or with masks (matplotlib)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_torch import ops
from keras_torch.visualization.drawing import Colour, as_images, draw_bounding_boxes, draw_segmentation_masks


def _pyplot(function: str) -> Any:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f"`{function}` plots with matplotlib: `pip install matplotlib`.") from error
    return pyplot


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: Mapping[Any, str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: Any = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
) -> None:
    """Plot images in a grid, with the names that `label_map` has for `y_true` and `y_pred` above them.

    With `path` the plot is saved, else shown.
    """
    pyplot = _pyplot("plot_image_gallery")
    if path is not None and show:
        raise ValueError(f"Give either `path`, or `show=True`. Received: path={path!r}, show={show!r}")
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError("`y_true` and `y_pred` need a `label_map` from classes to names. Received: label_map=None")
    pixels = as_images(images, data_format).astype("float32")
    rows = rows or math.ceil(math.sqrt(len(pixels)))
    cols = cols or math.ceil(len(pixels) / rows)
    low, high = value_range
    pixels = ((pixels - low) / (high - low) * 255).clip(0, 255).astype("uint8")
    figure, axes = pyplot.subplots(
        rows, cols, figsize=(cols * scale, rows * scale), frameon=False, layout="tight", squeeze=False
    )
    for number, axis in enumerate(axes.flat):
        axis.axis("off")
        if number < len(pixels):
            axis.imshow(pixels[number])
            axis.set_title(_title(number, y_true, y_pred, label_map or {}), fontsize=8)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    if path is not None:
        figure.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    elif show is not False:
        pyplot.show()
    pyplot.close(figure)


def _title(number: int, y_true: Any, y_pred: Any, label_map: Mapping[Any, str]) -> str:
    parts = []
    for name, labels in (("Label", y_true), ("Pred", y_pred)):
        if labels is not None and number < len(labels):
            parts.append(f"{name}: {label_map.get(ops.convert_to_numpy(labels)[number].item(), 'Unknown')}")
    return "  ".join(parts)


def plot_bounding_box_gallery(
    images: Any,
    bounding_box_format: str,
    y_true: dict[str, Any] | None = None,
    y_pred: dict[str, Any] | None = None,
    value_range: tuple[float, float] = (0, 255),
    true_color: Colour = (0, 188, 212),
    pred_color: Colour = (255, 235, 59),
    line_thickness: int = 2,
    font_scale: float = 1.0,
    text_thickness: int | None = None,
    class_mapping: Mapping[int, str] | None = None,
    ground_truth_mapping: Mapping[int, str] | None = None,
    prediction_mapping: Mapping[int, str] | None = None,
    legend: bool = False,
    legend_handles: Any = None,
    rows: int | None = None,
    cols: int | None = None,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Plot images with the boxes that are true and those that were predicted; more arguments go to the gallery."""
    _pyplot("plot_bounding_box_gallery")
    from matplotlib import patches

    if legend and legend_handles:
        raise ValueError("Give either `legend=True`, or `legend_handles`. Received: both")
    pixels = as_images(images, data_format)
    for boxes, colour, names in (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    ):
        if boxes is not None:
            rest = (names, colour, line_thickness, text_thickness, font_scale, "channels_last")
            pixels = draw_bounding_boxes(pixels, boxes, bounding_box_format, *rest)
    if legend:
        named = ((true_color, "Ground Truth"), (pred_color, "Prediction"))
        legend_handles = [patches.Patch(color=np.array(colour) / 255.0, label=name) for colour, name in named]
    plot_image_gallery(
        pixels,
        value_range=value_range,
        legend_handles=legend_handles,
        rows=rows,
        cols=cols,
        data_format="channels_last",
        **kwargs,
    )


def plot_segmentation_mask_gallery(
    images: Any,
    num_classes: int,
    value_range: tuple[float, float] = (0, 255),
    y_true: Any = None,
    y_pred: Any = None,
    color_mapping: Mapping[int, Colour] | None = None,
    blend: bool = True,
    alpha: float = 0.8,
    ignore_index: int = -1,
    data_format: str | None = None,
    **kwargs: Any,
) -> None:
    """Plot each image beside itself with the masks that are true and those that were predicted."""
    pixels = as_images(images, data_format)
    columns = [pixels]
    for masks in (y_true, y_pred):
        if masks is not None:
            numbers = as_images(masks, data_format).astype("int32")
            rest = (num_classes, color_mapping, alpha, blend, ignore_index, "channels_last")
            columns.append(draw_segmentation_masks(pixels, numbers, *rest))
    shown = np.stack(columns, 1).reshape(-1, *pixels.shape[1:])
    plot_image_gallery(
        shown, value_range=value_range, rows=len(pixels), cols=len(columns), data_format="channels_last", **kwargs
    )
