"""Depthwise and separable convolutions."""

from __future__ import annotations

import itertools
from typing import Any

from layer_cases import BOTH, Case
from layer_cases.convolution import SPACE, channels_first


def _depthwise(rank: int, keras: tuple[str, ...] = BOTH, **arguments: Any) -> Case:
    return Case(f"DepthwiseConv{rank}D", arguments, [(2, *SPACE[rank], 3)], open_axes=True, keras=keras)


def _separable(rank: int, keras: tuple[str, ...] = BOTH, **arguments: Any) -> Case:
    arguments = {"filters": 4, **arguments}
    return Case(f"SeparableConv{rank}D", arguments, [(2, *SPACE[rank], 3)], open_axes=True, keras=keras)


def _grid() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for rank, padding, kernel, strides in itertools.product((1, 2), ("valid", "same"), (2, 3), (1, 2)):
        options = {"kernel_size": kernel, "strides": strides, "padding": padding, "depth_multiplier": strides}
        name = f"{rank}d-{padding}-k{kernel}-s{strides}"
        found[f"depthwise{name}"] = _depthwise(rank, **options)
        found[f"separable{name}"] = _separable(rank, **options)
    for rank in (1, 2):
        dilated = {"kernel_size": 2, "dilation_rate": 2, "padding": "same"}
        found[f"depthwise{rank}d-dilated"] = _depthwise(rank, activation="relu", **dilated)
        found[f"separable{rank}d-dilated"] = _separable(rank, activation="relu", use_bias=False, **dilated)
    return found


_GRID = _grid()
# TensorFlow's kernels take equal strides only, and Keras 2 no strides together with dilations.
_KERAS_3 = {
    "depthwise2d-strides": _depthwise(2, ("3.15",), kernel_size=(3, 2), strides=(1, 2), padding="same"),
    "separable2d-strides": _separable(2, ("3.15",), kernel_size=3, strides=(2, 1)),
    "depthwise2d-strides-dilated": _depthwise(
        2, ("3.15",), kernel_size=(3, 2), strides=2, dilation_rate=2, padding="same"
    ),
    "separable1d-strides-dilated": _separable(1, ("3.15",), kernel_size=2, strides=2, dilation_rate=2),
}

CASES: dict[str, Case] = {
    **_GRID,
    **_KERAS_3,
    **channels_first(_GRID | _KERAS_3),
    "depthwise2d-dilations": _depthwise(2, ("2.15",), kernel_size=2, dilation_rate=(1, 2), use_bias=False),
    "separable2d-softmax": _separable(2, kernel_size=(1, 3), activation="softmax", depth_multiplier=2),
    # Keras 3 has no causal separable convolution.
    "separable1d-causal": _separable(1, ("2.15",), kernel_size=3, padding="causal"),
    "separable1d-causal-dilated": _separable(1, ("2.15",), kernel_size=2, padding="causal", dilation_rate=2),
}
