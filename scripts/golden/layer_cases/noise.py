"""Random layers where they are not random: in inference, at rate 0, and at the other end."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from layer_cases import Case

_ON: dict[str, Any] = {"training": True}
_MASK = np.array([[True, False, True], [False, False, True]])
_SHAPES: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Dropout", "AlphaDropout", "GaussianDropout", "SpatialDropout1D"), (2, 3, 2)),
    "SpatialDropout2D": (2, 3, 2, 2),
    "SpatialDropout3D": (2, 3, 2, 2, 2),
}


def _quiet() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for name, (rate, training) in itertools.product(_SHAPES, ((0.4, False), (0.0, True), (0, True))):
        masks = [_MASK] if len(_SHAPES[name]) == 3 else []
        call = {"training": training}
        found[f"{name.lower()}-{rate}-{training}"] = Case(name, {"rate": rate}, [_SHAPES[name]], call, masks=masks)
    return found


CASES: dict[str, Case] = {
    **_quiet(),
    "dropout-options": Case(
        "Dropout", {"rate": 0.3, "noise_shape": (2, 1, None), "seed": 5}, [(2, 3, 2)], {"training": False}
    ),
    # In TensorFlow a rate of 1 is an error.
    "dropout-all": Case("Dropout", {"rate": 1.0}, [(2, 3)], _ON, keras=("3.15",)),
    # In Keras 3 a rate of 1 is a division by zero in these two.
    "alphadropout-all": Case("AlphaDropout", {"rate": 1.0}, [(2, 3)], _ON, keras=("2.15",)),
    "gaussiandropout-all": Case("GaussianDropout", {"rate": 1.0}, [(2, 3)], _ON, keras=("2.15",)),
    "spatialdropout2d-first": Case(
        "SpatialDropout2D", {"rate": 0.3, "data_format": "channels_first"}, [(2, 3, 2, 2)], {"training": False}
    ),
    "spatialdropout2d-all": Case("SpatialDropout2D", {"rate": 1.0}, [(2, 3, 2, 2)], _ON, keras=("3.15",)),
    "gaussiannoise": Case("GaussianNoise", {"stddev": 0.3, "seed": 1}, [(2, 3, 2)], {"training": False}, masks=[_MASK]),
    "gaussiannoise-none": Case("GaussianNoise", {"stddev": 0.0}, [(2, 3)], _ON),
}
