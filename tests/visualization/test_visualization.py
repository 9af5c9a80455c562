"""`keras.visualization`: what is drawn, and galleries where matplotlib is installed."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from keras_torch import visualization

IMAGES = np.zeros((2, 16, 20, 3), "uint8")
BOXES = {"boxes": np.array([[[2.0, 3, 8, 9], [0, 0, 5, 5]]] * 2), "labels": np.array([[1, -1], [-1, -1]])}
HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None


def test_boxes_are_frames_and_those_of_label_minus_one_are_left_out():
    pytest.importorskip("PIL")
    first, second = visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy", color=(9, 8, 7), line_thickness=1)
    expected = np.zeros((16, 20), bool)
    expected[3:10, 2:9] = True
    expected[4:9, 3:8] = False
    np.testing.assert_array_equal(first == (9, 8, 7), np.repeat(expected[..., None], 3, -1))
    assert not second.any()


def test_formats_and_names_of_classes():
    pytest.importorskip("PIL")
    relative = {**BOXES, "boxes": BOXES["boxes"] / np.array([20.0, 16, 20, 16]), "confidences": np.ones((2, 2))}
    plain = visualization.draw_bounding_boxes(IMAGES, relative, "rel_xyxy", line_thickness=1)
    np.testing.assert_array_equal(plain, visualization.draw_bounding_boxes(IMAGES, BOXES, "xyxy", line_thickness=1))
    named = visualization.draw_bounding_boxes(IMAGES, relative, "rel_xyxy", {1: "cat"}, line_thickness=1)
    assert (named[0] != plain[0]).any() and not named[1].any()


def test_pixels_get_the_colours_of_their_classes():
    images = np.full((1, 1, 4, 3), 100.0)
    masks = np.array([0, 1, 2, -1]).reshape(1, 1, 4, 1)
    colours = {0: (0, 0, 0), 1: (200, 100, 50)}
    drawn = visualization.draw_segmentation_masks(images, masks, 2, colours, alpha=0.5)
    assert drawn[0, 0].tolist() == [[50, 50, 50], [150, 100, 75], [100, 100, 100], [100, 100, 100]]
    plain = visualization.draw_segmentation_masks(images.transpose(0, 3, 1, 2), masks.transpose(0, 3, 1, 2), 2, colours,
                                                  blend=False, data_format="channels_first")  # fmt: skip
    assert plain[0, 0, :2].tolist() == [[0, 0, 0], [200, 100, 50]]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: visualization.draw_bounding_boxes(IMAGES[0], BOXES, "xyxy"), ValueError, "must be a batch"),
        (lambda: visualization.draw_bounding_boxes(IMAGES, [1], "xyxy"), TypeError, "must be a dict"),
        (lambda: visualization.draw_bounding_boxes(IMAGES, {"boxes": 1}, "xyxy"), ValueError, "'boxes' and 'labels'"),
        (lambda: visualization.draw_segmentation_masks(IMAGES, IMAGES * 1.0), TypeError, "whole numbers"),
    ],
)
def test_what_does_not_fit_is_an_error(call, error, message):
    pytest.importorskip("PIL")
    with pytest.raises(error, match=message):
        call()


@pytest.mark.skipif(HAS_MATPLOTLIB, reason="matplotlib is installed")
def test_without_matplotlib_galleries_say_what_to_install():
    with pytest.raises(ImportError, match="pip install matplotlib"):
        visualization.plot_image_gallery(IMAGES)


@pytest.mark.skipif(not HAS_MATPLOTLIB, reason="needs matplotlib")
def test_galleries_are_saved(tmp_path):
    import matplotlib

    matplotlib.use("agg")
    visualization.plot_image_gallery(IMAGES, y_true=[0, 1], label_map={0: "cat"}, path=tmp_path / "a.png")
    visualization.plot_bounding_box_gallery(IMAGES, "xyxy", BOXES, BOXES, legend=True, path=tmp_path / "b.png")
    masks = np.zeros((2, 16, 20, 1), int)
    visualization.plot_segmentation_mask_gallery(IMAGES, 2, y_true=masks, y_pred=masks, path=tmp_path / "c.png")
    assert all((tmp_path / f"{name}.png").stat().st_size > 100 for name in "abc")
