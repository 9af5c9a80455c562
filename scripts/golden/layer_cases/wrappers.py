"""Bidirectional and TimeDistributed."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case, Nested

_STEPS: list[Any] = [(2, 4, 3)]
_MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], bool)
_RIGHT = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], bool)
_ALL = {"return_sequences": True, "return_state": True}


def _states(count: int, shape: tuple[int, ...] = (2, 2)) -> list[np.ndarray]:
    size = int(np.prod(shape))
    return [np.cos(np.arange(size) + 5 * k).reshape(shape).astype("float32") for k in range(count)]


def _both(inner: Nested, inputs: list[Any] = _STEPS, **more: Any) -> Case:
    case = {key: more.pop(key) for key in ("call", "masks", "keras", "open_axes") if key in more}
    return Case("Bidirectional", {"layer": inner, **more}, inputs, weights=(-0.6, 0.8), **case)


def _lstm(**options: Any) -> Nested:
    return Nested("LSTM", {"units": 2, **options})


def _gru(**options: Any) -> Nested:
    return Nested("GRU", {"units": 2, **options})


def _stepwise(inner: Nested, inputs: list[Any], **more: Any) -> Case:
    return Case("TimeDistributed", {"layer": inner}, inputs, **more)


_MODES: dict[str, Any] = {"concat": "concat", "sum": "sum", "mul": "mul", "ave": "ave", "none": None}
_IMAGES: list[Any] = [(2, 3, 4, 3, 2)]
_CONV_LSTM = {"filters": 2, "kernel_size": 2, "padding": "same"}
_CELLS = [Nested("LSTMCell", {"units": 3}), Nested("GRUCell", {"units": 2})]

CASES: dict[str, Case] = {
    **{f"both-{name}": _both(_lstm(), merge_mode=mode) for name, mode in _MODES.items()},
    **{f"both-{name}-all": _both(_gru(**_ALL), merge_mode=mode) for name, mode in _MODES.items()},
    **{
        f"both-{name}-masked": _both(_lstm(return_sequences=True), masks=[_RIGHT], merge_mode=mode)
        for name, mode in _MODES.items()
    },
    "both-open": _both(_lstm(return_sequences=True), open_axes=True),
    "both-simple": _both(Nested("SimpleRNN", {"units": 2, "return_sequences": True})),
    "both-activations": _both(_lstm(activation="softsign", recurrent_activation="hard_sigmoid", **_ALL)),
    "both-reset-before": _both(_gru(reset_after=False, use_bias=False, return_sequences=True), masks=[_MASK]),
    # Keras 3 lets both layers run backwards then, and refuses that.
    "both-backwards": _both(_lstm(go_backwards=True, **_ALL), keras=("2.15",)),
    "both-backwards-masked": _both(_lstm(go_backwards=True, return_sequences=True), masks=[_MASK], keras=("2.15",)),
    "both-unrolled": _both(_gru(unroll=True, return_sequences=True)),
    "both-masked-last": _both(_lstm(), masks=[_MASK]),
    "both-masked-states": _both(_lstm(**_ALL), masks=[_MASK]),
    "both-masked-call": _both(_lstm(**_ALL), call={"mask": _RIGHT}),
    "both-masked-gru": _both(_gru(**_ALL), masks=[_RIGHT]),
    "both-initial-state": _both(_lstm(**_ALL), call={"initial_state": _states(4)}),
    # Keras 3 forgets the mask of inputs that come with states.
    "both-initial-state-masked": _both(_gru(), masks=[_MASK], call={"initial_state": _states(2)}, keras=("2.15",)),
    "both-backward-layer": _both(_lstm(), backward_layer=_lstm(activation="relu", go_backwards=True)),
    # Keras 3 doubles the width of the forward layer in the symbolic shape.
    "both-backward-layer-wide": _both(
        _lstm(return_sequences=True),
        backward_layer=Nested("GRU", {"units": 3, "go_backwards": True, "return_sequences": True}),
        keras=("2.15",),
    ),
    "both-cell": _both(Nested("RNN", {"cell": _CELLS[0], **_ALL})),
    "both-stack": _both(Nested("RNN", {"cell": _CELLS, "return_sequences": True}), masks=[_MASK]),
    "both-conv": _both(Nested("ConvLSTM2D", {**_CONV_LSTM, "return_sequences": True}), _IMAGES),
    "both-conv-states": _both(Nested("ConvLSTM2D", {**_CONV_LSTM, "return_state": True}), _IMAGES, merge_mode="sum"),
    "steps-dense": _stepwise(Nested("Dense", {"units": 2, "activation": "relu"}), _STEPS),
    "steps-dense-deep": _stepwise(Nested("Dense", {"units": 2}), [(2, 3, 4, 3)], open_axes=True),
    "steps-conv": _stepwise(Nested("Conv2D", {"filters": 2, "kernel_size": 2, "strides": 2}), _IMAGES),
    "steps-pool": _stepwise(Nested("MaxPooling2D", {}), _IMAGES),
    "steps-flatten": _stepwise(Nested("Flatten"), _IMAGES),
    "steps-reshape": _stepwise(Nested("Reshape", {"target_shape": (6, 4)}), _IMAGES),
    "steps-lstm": _stepwise(_lstm(), [(2, 3, 4, 3)]),
    "steps-lstm-sequences": _stepwise(_lstm(return_sequences=True), [(2, 3, 4, 3)]),
    "steps-both": _stepwise(Nested("Bidirectional", {"layer": _gru()}), [(2, 3, 4, 3)]),
    "steps-steps": _stepwise(Nested("TimeDistributed", {"layer": Nested("Dense", {"units": 2})}), [(2, 3, 4, 3)]),
    "steps-normalized": _stepwise(Nested("BatchNormalization"), _STEPS, keras=("2.15",)),
    "steps-normalized-training": _stepwise(
        Nested("BatchNormalization"), _STEPS, call={"training": True}, keras=("2.15",)
    ),
    "steps-layer-norm": _stepwise(Nested("LayerNormalization"), [(2, 3, 4, 3)]),
    "steps-embedding": _stepwise(
        Nested("Embedding", {"input_dim": 5, "output_dim": 2, "mask_zero": True}),
        [np.array([[[1, 2, 0], [3, 0, 0]], [[4, 0, 0], [0, 0, 0]]], "int32")],
    ),
    "steps-masked": _stepwise(Nested("Dense", {"units": 2}), _STEPS, masks=[_MASK]),
    "steps-masked-activation": _stepwise(Nested("Activation", {"activation": "tanh"}), _STEPS, masks=[_MASK]),
    "steps-masking": _stepwise(Nested("Masking", {}), [np.array([[[[1, 2], [0, 0]]] * 3] * 2, "float32")]),
}
