"""Transposed convolutions."""

from __future__ import annotations

import itertools
from typing import Any

from layer_cases import BOTH, Case
from layer_cases.convolution import SPACE, channels_first


def _case(rank: int, keras: tuple[str, ...] = BOTH, **arguments: Any) -> Case:
    arguments = {"filters": 2, **arguments}
    return Case(f"Conv{rank}DTranspose", arguments, [(1, *SPACE[rank], 3)], open_axes=True, keras=keras)


def _sequences() -> dict[str, Case]:
    found: dict[str, Case] = {}
    grid = itertools.product((1, 2, 3, 4), (1, 2, 3), ("valid", "same"), (None, 0, 1, 2))
    for kernel, strides, padding, extra in grid:
        if extra is not None and (extra >= strides or kernel in (1, 4)):
            continue
        # TensorFlow refuses the sizes that it computes here.
        refused = extra == 0 and kernel % 2 == 0 and padding == "same"
        name = f"conv1dt-{padding}-k{kernel}-s{strides}-o{extra}"
        found[name] = _case(
            1,
            ("3.15",) if refused else BOTH,
            kernel_size=kernel,
            strides=strides,
            padding=padding,
            output_padding=extra,
        )
    return found


_IMAGES = {
    "conv2dt-valid": _case(2, kernel_size=3),
    "conv2dt-same": _case(2, kernel_size=(2, 3), strides=(2, 3), padding="same"),
    "conv2dt-same-odd": _case(2, kernel_size=3, strides=2, padding="same", activation="relu"),
    "conv2dt-same-even": _case(2, kernel_size=4, strides=2, padding="same", use_bias=False, activation="softmax"),
    "conv2dt-wide": _case(2, kernel_size=2, strides=3),
    "conv2dt-output-padding": _case(2, kernel_size=3, strides=2, padding="same", output_padding=(1, 0)),
    "conv2dt-valid-output-padding": _case(2, kernel_size=(3, 2), strides=(2, 3), output_padding=1),
    "conv2dt-dilated": _case(2, kernel_size=3, dilation_rate=2),
    "conv2dt-dilated-same": _case(2, kernel_size=(2, 3), dilation_rate=2, padding="same"),
}

CASES: dict[str, Case] = {
    **_sequences(),
    **_IMAGES,
    **channels_first(_IMAGES),
    **channels_first({"conv1dt-first": _case(1, kernel_size=3, strides=2, padding="same")}),
    "conv1dt-dilated": _case(1, kernel_size=2, dilation_rate=2, padding="same"),
    # TensorFlow has no dilations that differ.
    "conv2dt-dilated-unequal": _case(2, ("3.15",), kernel_size=3, dilation_rate=(1, 2)),
    "conv3dt-valid": _case(3, kernel_size=2, strides=(1, 2, 2)),
    "conv3dt-same": _case(3, kernel_size=(3, 2, 3), strides=2, padding="same", activation="relu"),
    "conv3dt-output-padding": _case(3, kernel_size=3, strides=2, padding="same", output_padding=(1, 0, 1)),
    # Keras 2.15 ignored the dilation of volumes.
    "conv3dt-dilated": _case(3, ("3.15",), kernel_size=2, dilation_rate=2),
}
