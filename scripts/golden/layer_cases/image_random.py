"""Random image layers with nothing left to chance: ranges of one number, or Keras 3's methods with given numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case

TF, KERAS_3 = ("2.15",), ("3.15",)
_random = np.random.RandomState(5)
IMAGES = [(3, 6, 5, 2)]
COLORS = [_random.uniform(0, 255, (3, 5, 4, 3)).astype("float32")]
UNIT = [_random.uniform(0, 1, (3, 5, 4, 3)).astype("float32")]
BYTES = [_random.randint(0, 256, (3, 8, 6, 3)).astype("uint8")]
TRAINING = {"training": True}
FIRST = {"data_format": "channels_first"}


def _numbers(*values: float) -> np.ndarray:
    return np.array(values, "float32")


def _planes(*values: float) -> np.ndarray:
    return _numbers(*values).reshape(-1, 1, 1, 1)


def _fixed(layer: str, images: list[Any], keras: Any = None, **arguments: Any) -> Case:
    """A layer with a range of one number."""
    options = {} if keras is None else {"keras": keras}
    return Case(layer, arguments, images, call=TRAINING, open_axes=layer != "RandomHue", **options)


def _given(layer: str, images: list[Any], transformation: Any, method: str = "images", **arguments: Any) -> Case:
    """A method of Keras 3 with a given transformation."""
    call = {"transformation": transformation}
    return Case(layer, arguments, images, call=call, method=f"transform_{method}", keras=KERAS_3)


def _first(case: Case) -> Case:
    """The same with the channels in front, for which only Keras 3 has the argument."""
    images = [
        (3, 2, 6, 5) if item is IMAGES[0] else np.ascontiguousarray(np.moveaxis(item, -1, 1)) for item in case.inputs
    ]
    return Case(
        case.layer, case.arguments | FIRST, images, call=case.call, method=case.method, keras=KERAS_3, open_axes=False
    )


def _clahe(images: list[Any], **arguments: Any) -> Case:
    """Keras 3 on torch rounds the greatest count that a value may have, so it must be a whole number."""
    return Case("ContrastLimitedAdaptiveHistogramEqualization", arguments, images, keras=KERAS_3, open_axes=True)


_MOVES = {
    "RandomRotation": {"factor": (0.1, 0.1)},
    "RandomTranslation": {"height_factor": (0.3, 0.3), "width_factor": (-0.66, -0.66)},
    "RandomZoom": {"height_factor": (0.6, 0.6), "width_factor": (-0.3, -0.3)},
}


def _moving(layer: str, images: list[Any], **arguments: Any) -> dict[str, Case]:
    """A case for Keras 3, and one on integers for tf.keras: the gradients of TensorFlow's operation are approximate."""
    shape = images[0]
    whole = [np.random.RandomState(6).randint(-9, 9, shape).astype("int32")]
    cases = {"-tf": _fixed(layer, whole, TF, **arguments)}
    # Keras 3 on torch interpolates between the last pixel and the first when it wraps; TensorFlow, and ours, does not.
    if arguments.get("fill_mode") != "wrap":
        cases[""] = _fixed(layer, images, KERAS_3, **arguments)
    return cases


_MOVED_CASES: dict[str, dict[str, Case]] = {
    f"{layer}-{fill_mode}-{interpolation}": _moving(
        layer, IMAGES, fill_mode=fill_mode, interpolation=interpolation, fill_value=0.7, **arguments
    )
    for layer, arguments in _MOVES.items()
    for fill_mode in ("reflect", "constant", "wrap", "nearest")
    for interpolation in ("bilinear", "nearest")
} | {
    "rotation-far": _moving("RandomRotation", IMAGES, factor=(0.42, 0.42)),
    "rotation-one": _moving("RandomRotation", [(6, 5, 2)], factor=(-0.13, -0.13)),
    "zoom-even": _moving("RandomZoom", IMAGES, height_factor=(-0.4, -0.4)),
    "zoom-one": _moving("RandomZoom", [(6, 5, 2)], height_factor=(0.4, 0.4)),
    "translation-far": _moving("RandomTranslation", IMAGES, height_factor=(-1, -1), width_factor=(0.95, 0.95)),
}
_MOVED = {name + end: case for name, cases in _MOVED_CASES.items() for end, case in cases.items()}
_FLIPS = np.array([True, False, True]).reshape(3, 1, 1, 1)
_CHOSEN = np.array([True, False, True])
_START = np.tile(_numbers(0, 0, 4, 0, 0, 5, 4, 5).reshape(1, 4, 2), (3, 1, 1))
_END = _START + np.random.RandomState(8).uniform(-0.9, 0.9, (3, 4, 2)).astype("float32")
_PERSPECTIVE = {"apply_perspective": _CHOSEN, "start_points": _START, "end_points": _END}
_SHEAR = {"shear_factor": _numbers(0.2, -0.1, 0.4, 0.0, 0.0, -0.3).reshape(3, 2)}
_WINDOW = np.zeros((3, 5, 4, 3), bool)
_WINDOW[0, 1:3, 2:], _WINDOW[1, :, :1] = True, True
_ERASING = {"apply_erasing": _CHOSEN, "batch_masks": _WINDOW, "fill_value": np.full((3, 5, 4, 3), 9, "float32")}
_ORDER = np.array([2, 0, 1], "int64")
_MIX = {"mix_weight": _numbers(0.2, 0.9, 0.5), "permutation_order": _ORDER}
_CUT = {"mix_weight": _planes(0.2, 0.9, 0.5), "permutation_order": _ORDER, "batch_masks": _WINDOW}
_BLUR = {"should_apply_blur": _CHOSEN, "blur_factor": _numbers(0.6, 0.9)}
_COLORED = {
    "contrast": _fixed("RandomContrast", COLORS, KERAS_3, factor=(-0.5, 0.5)),
    "contrast-unit": _fixed("RandomContrast", UNIT, KERAS_3, factor=(-0.2, 0.2), value_range=(0, 1)),
    "contrast-each": _given("RandomContrast", COLORS, {"contrast_factor": _planes(0.2, 1.0, 1.9)}, factor=0.3),
    "brightness": _fixed("RandomBrightness", COLORS, factor=(0.3, 0.3)),
    "brightness-unit": _fixed("RandomBrightness", UNIT, factor=(-0.3, -0.3), value_range=(0, 1)),
    "brightness-one": _fixed("RandomBrightness", [COLORS[0][0]], factor=(0.3, 0.3)),
    "brightness-each": _given("RandomBrightness", COLORS, {"rgb_delta": _planes(-50, 0, 80)}, factor=0.3),
    "hue": _given("RandomHue", COLORS, {"factor": _numbers(0.3, -0.4, 0.1)}, factor=0.9),
    "hue-unit": _given("RandomHue", UNIT, {"factor": _numbers(0.3, -0.4, 0.1)}, factor=0.9, value_range=(0, 1)),
    "saturation": _fixed("RandomSaturation", UNIT, KERAS_3, factor=(0.3, 0.3), value_range=(0, 1)),
    "saturation-each": _given("RandomSaturation", COLORS, {"factor": _numbers(0.3, 1.5, 1.0)}, factor=0.9),
    "sharpness": _fixed("RandomSharpness", COLORS, KERAS_3, factor=(0.9, 0.9)),
    "sharpness-each": _given("RandomSharpness", COLORS, {"factor": _numbers(0.0, 0.4, 1.0)}, factor=0.9),
    "degeneration": _fixed("RandomColorDegeneration", COLORS, KERAS_3, factor=(0.6, 0.6)),
    "invert": _fixed("RandomInvert", COLORS, KERAS_3, factor=(1, 1)),
    "invert-each": _given("RandomInvert", UNIT, {"apply_inversion": _CHOSEN}, value_range=(0, 1)),
    "posterization": _fixed("RandomPosterization", COLORS, KERAS_3, factor=(3, 3)),
    "posterization-unit": _fixed("RandomPosterization", UNIT, KERAS_3, factor=(5, 5), value_range=(0, 1)),
    "solarization": _given(
        "Solarization",
        COLORS,
        {"additions": _planes(0, 30, 90), "thresholds": _planes(100, 50, 0)},
        threshold_factor=0.5,
    ),
    "grayscale": _given("RandomGrayscale", COLORS, _FLIPS),
    "jitter": _fixed(
        "RandomColorJitter", COLORS, KERAS_3, brightness_factor=(0.2, 0.2), contrast_factor=(-0.3, 0.3),
        saturation_factor=(0.6, 0.6),
    ),
    "blur": _given("RandomGaussianBlur", COLORS, _BLUR),
    "blur-wide": _given("RandomGaussianBlur", COLORS, _BLUR, kernel_size=5),
    "mixup": _given("MixUp", COLORS, _MIX),
    "clahe": _clahe(COLORS, tile_grid_size=(2, 3), clip_limit=0),
    "clahe-unit": _clahe(UNIT, tile_grid_size=(2, 2), clip_limit=0, value_range=(0, 1)),
    "equalization": _fixed("Equalization", COLORS, KERAS_3),
    "equalization-bins": _fixed("Equalization", UNIT, KERAS_3, bins=16, value_range=(0, 1)),
}  # fmt: skip
_OTHERS = {
    "flip": _given("RandomFlip", IMAGES, {"flips": _FLIPS}),
    "flip-horizontal": _given("RandomFlip", IMAGES, {"flips": _FLIPS}, mode="horizontal"),
    "flip-vertical": _given("RandomFlip", IMAGES, {"flips": _FLIPS}, mode="vertical"),
    "shear": _given("RandomShear", IMAGES, _SHEAR, x_factor=0.3),
    "shear-constant": _given("RandomShear", IMAGES, _SHEAR, x_factor=0.3, fill_mode="constant", fill_value=0.5),
    "perspective": _given("RandomPerspective", IMAGES, _PERSPECTIVE, fill_value=0.3),
    "perspective-nearest": _given("RandomPerspective", IMAGES, _PERSPECTIVE, interpolation="nearest"),
    "rotation-given": _given(
        "RandomRotation",
        IMAGES,
        {"rotation_matrix": np.tile(_numbers(0.9, -0.3, 0.4, 0.3, 0.9, -0.2, 0, 0), (3, 1))},
        factor=0.1,
    ),
    "zoom-given": _given(
        "RandomZoom",
        IMAGES,
        {"height_zoom": _numbers(0.5, 1.0, 1.3).reshape(3, 1), "width_zoom": _numbers(0.8, 1.0, 1.7).reshape(3, 1)},
        height_factor=0.1,
    ),
    "translation-given": _given(
        "RandomTranslation",
        IMAGES,
        {"translations": _numbers(0.5, -1.0, 1.3, 0, 0, 2.2).reshape(3, 2)},
        height_factor=0.1,
        width_factor=0.1,
    ),
}

CASES: dict[str, Case] = {
    **_MOVED,
    **_OTHERS,
    **_COLORED,
    **{
        f"{name}-first": _first(case)
        for table in (_MOVED, _OTHERS, _COLORED)
        for name, case in table.items()
        # Keras 3 forgets to tell the layers in RandomColorJitter.
        if "3.15" in case.keras and name != "jitter" and len(case.arrays()[0].shape) == 4
    },
    "erasing": _given("RandomErasing", COLORS, _ERASING),
    "cutmix": _given("CutMix", COLORS, _CUT),
    "cutmix-labels": _given("CutMix", [(3, 4)], _CUT, "labels"),
    "mixup-labels": _given("MixUp", [(3, 4)], _MIX, "labels"),
    # Its minima and maxima in Keras 3 are those of rows and channels with the channels in front.
    "autocontrast": Case("AutoContrast", {}, COLORS, keras=KERAS_3, open_axes=True),
    "autocontrast-unit": Case("AutoContrast", {"value_range": (0, 1)}, UNIT, keras=KERAS_3),
    "autocontrast-flat": Case("AutoContrast", {}, [np.full((1, 2, 2, 3), 7, "uint8")], keras=KERAS_3),
    "clahe-clipped": _clahe(
        [_random.uniform(40, 90, (1, 30, 31, 1)).astype("float32")], tile_grid_size=(2, 2), clip_limit=3.2
    ),
    # Not active in inference, but floats.
    **{
        f"{layer}-inference": Case(layer, arguments, BYTES, call={"training": False})
        for layer, arguments in ({**_MOVES, "RandomFlip": {}}).items()
    },
}
