"""Convolutional LSTMs."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case

_IMAGES: list[Any] = [(2, 3, 4, 3, 2)]
_MASK = np.array([[1, 1, 0], [0, 1, 1]], bool)
_BOTH = {"return_sequences": True, "return_state": True}
_STATES = [np.cos(np.arange(48) + k).reshape(2, 4, 3, 2).astype("float32") for k in range(2)]


def _case(rank: int = 2, inputs: list[Any] = _IMAGES, call: dict[str, Any] | None = None, **arguments: Any) -> Case:
    options = {"filters": 2, "kernel_size": 3, "padding": "same", **arguments}
    return Case(f"ConvLSTM{rank}D", options, inputs, call or {}, weights=(-0.6, 0.8))


CASES: dict[str, Case] = {
    "rank1": _case(1, [(2, 3, 6, 2)], kernel_size=2, padding="valid", **_BOTH),
    "rank1-same": _case(1, [(2, 3, 6, 2)], kernel_size=2, strides=2, return_sequences=True),
    "rank2": _case(),
    "rank2-defaults": Case("ConvLSTM2D", {"filters": 2, "kernel_size": 2}, _IMAGES, weights=(-0.6, 0.8)),
    "rank2-sequences": _case(return_sequences=True),
    "rank2-states": _case(**_BOTH),
    "rank2-valid": _case(kernel_size=(2, 3), padding="valid", return_sequences=True),
    "rank2-strides": _case(strides=(2, 1), kernel_size=(3, 2), **_BOTH),
    "rank2-even": _case(kernel_size=(2, 4), return_state=True),
    "rank2-dilated": _case(kernel_size=2, dilation_rate=2, padding="valid", return_sequences=True),
    "rank2-dilated-same": _case(kernel_size=3, dilation_rate=(1, 2), return_sequences=True),
    "rank2-backwards": _case(go_backwards=True, return_sequences=True),
    "rank2-no-bias": _case(use_bias=False),
    "rank2-activations": _case(activation="softsign", recurrent_activation="relu", **_BOTH),
    "rank2-hard": _case(recurrent_activation="hard_sigmoid", return_sequences=True),
    "rank2-masked": _case(call={"mask": _MASK}),
    "rank2-masked-states": _case(call={"mask": _MASK}, **_BOTH),
    "rank2-masked-backwards": _case(call={"mask": _MASK}, go_backwards=True, return_sequences=True),
    "rank2-initial-state": _case(call={"initial_state": _STATES}, return_sequences=True),
    "rank3": _case(3, [(1, 2, 3, 3, 2, 2)], kernel_size=2, padding="valid", **_BOTH),
    "rank3-same": _case(3, [(1, 2, 3, 3, 2, 2)], kernel_size=(1, 2, 3)),
}
