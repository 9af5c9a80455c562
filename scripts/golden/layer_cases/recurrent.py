"""SimpleRNN, GRU, LSTM, their cells, RNN and StackedRNNCells: options, masks, states, activations, dtypes.

Complements recurrent_values.py, which has masks in every position, stateful layers and the wrappers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case, Nested

INPUTS, STATE = (3, 5, 2), (3, 4)
BOTH = {"return_sequences": True, "return_state": True}
WEIGHTS = (-0.9, 0.9)
# Padded behind, padded before, holes, and a row without any step.
PADDED = np.array([[1, 1, 1, 0, 0], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
MIXED = np.array([[0, 0, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]], bool)
STATES = {"SimpleRNN": 1, "GRU": 1, "LSTM": 2}
ACTIVATIONS = ("elu", "gelu", "hard_sigmoid", "linear", "mish", "relu", "selu", "sigmoid", "softmax")
ACTIVATIONS += ("softplus", "softsign", "swish", "tanh")
# Names that Keras 3 added.
ACTIVATIONS_3 = ("celu", "hard_shrink", "hard_tanh", "leaky_relu", "log_sigmoid", "log_softmax", "relu6", "silu")
ACTIVATIONS_3 += ("soft_shrink", "sparse_plus", "sparse_sigmoid", "squareplus", "tanh_shrink")


def states(count: int) -> list[np.ndarray]:
    """First states."""
    random = np.random.RandomState(3)
    return [random.uniform(-1, 1, STATE).astype("float32") for _ in range(count)]


def case(layer: str, call: dict[str, Any] | None = None, **options: Any) -> Case:
    """A recurrent layer of four units."""
    more = {name: options.pop(name) for name in ("keras", "tolerance", "open_axes") if name in options}
    inputs = options.pop("inputs", INPUTS)
    return Case(layer, {"units": 4, **options}, [inputs], call or {}, weights=WEIGHTS, **more)


def layer_cases(name: str) -> dict[str, Case]:
    """Options of a layer that every generation has."""
    first = states(STATES[name])
    found = {
        "open": case(name, open_axes=True),
        "states": case(name, open_axes=True, **BOTH),
        "backwards": case(name, {"initial_state": first}, go_backwards=True, **BOTH),
        "no-bias": case(name, {"mask": MIXED}, use_bias=False, **BOTH),
        "padded": case(name, {"mask": PADDED}, **BOTH),
        "padded-last": case(name, {"mask": PADDED}),
        "padded-backwards": case(name, {"mask": PADDED, "initial_state": first}, go_backwards=True, **BOTH),
        "padded-zeros": case(name, {"mask": PADDED}, zero_output_for_mask=True, return_sequences=True),
        "mixed-unrolled": case(name, {"mask": MIXED, "initial_state": first}, unroll=True, **BOTH),
        "mixed-states": case(name, {"mask": MIXED, "initial_state": first}, **BOTH),
        "mixed-state": case(name, {"mask": MIXED, "initial_state": first}, return_state=True),
        "one-step": case(name, {"mask": MIXED[:, 4:]}, inputs=(3, 1, 2), **BOTH),
        "dropout-unused": case(name, {"training": False}, dropout=0.5, recurrent_dropout=0.5, **BOTH),
        "float64": case(name, {"mask": MIXED}, dtype="float64", **BOTH),
        "stateful": case(name, {"mask": MIXED}, stateful=True, **BOTH),
        "stateful-initial-state": case(name, {"initial_state": first}, stateful=True, **BOTH),
    }
    if name != "SimpleRNN":
        found["implementation-1"] = case(name, implementation=1)
    return {f"{name.lower()}-{key}": value for key, value in found.items()}


def activation_cases() -> dict[str, Case]:
    """Every activation as that of the candidate and as that of the gates."""
    found = {}
    for activation in ACTIVATIONS + ACTIVATIONS_3:
        keras = ("2.15", "3.15") if activation in ACTIVATIONS else ("3.15",)
        inputs = (2, 3, 2)
        found[f"lstm-{activation}"] = case("LSTM", activation=activation, inputs=inputs, keras=keras)
        options = {"recurrent_activation": activation, "reset_after": False}
        found[f"gru-gates-{activation}"] = case("GRU", {"mask": MIXED[:2, :3]}, inputs=inputs, keras=keras, **options)
    return found


def cell_cases() -> dict[str, Case]:
    """Single steps of cells."""
    found = {}
    for name, count in (("SimpleRNNCell", 1), ("GRUCell", 1), ("LSTMCell", 2)):
        found[name] = Case(name, {"units": 4}, [(3, 2)], {"states": states(count)}, weights=WEIGHTS)
    before = {"units": 4, "reset_after": False, "use_bias": False}
    found["GRUCell-before"] = Case("GRUCell", before, [(3, 2)], {"states": states(1)}, weights=WEIGHTS)
    return found


def stack_cases() -> dict[str, Case]:
    """RNN around cells."""
    cells = [Nested("LSTMCell", {"units": 4}), Nested("GRUCell", {"units": 3}), Nested("SimpleRNNCell", {"units": 2})]
    stack = Nested("StackedRNNCells", {"cells": cells})
    made = {}
    for key, options, call in (
        ("last", {}, {}),
        ("sequences", {"return_sequences": True, "go_backwards": True}, {"mask": MIXED}),
        ("unrolled", {"return_sequences": True, "unroll": True}, {"mask": PADDED}),
    ):
        made[f"rnn-list-{key}"] = Case("RNN", {"cell": cells, **options}, [INPUTS], call, weights=WEIGHTS)
        made[f"rnn-stack-{key}"] = Case("RNN", {"cell": stack, **options}, [INPUTS], call, weights=WEIGHTS)
    made["rnn-stack-states"] = Case("RNN", {"cell": stack, **BOTH}, [INPUTS], weights=WEIGHTS)
    for name, count in (("SimpleRNNCell", 1), ("GRUCell", 1), ("LSTMCell", 2)):
        options = {"cell": Nested(name, {"units": 4}), **BOTH}
        call = {"mask": MIXED, "initial_state": states(count)}
        made[f"rnn-{name}"] = Case("RNN", options, [INPUTS], call, weights=WEIGHTS)
        made[f"rnn-{name}-stateful"] = Case("RNN", options | {"stateful": True}, [INPUTS], weights=WEIGHTS)
    return made


CASES: dict[str, Case] = {
    **layer_cases("SimpleRNN"),
    **layer_cases("GRU"),
    **layer_cases("LSTM"),
    **activation_cases(),
    **cell_cases(),
    **stack_cases(),
    "gru-before": case("GRU", {"mask": PADDED}, reset_after=False, **BOTH),
    "gru-before-hard": case("GRU", reset_after=False, recurrent_activation="hard_sigmoid", **BOTH),
    "gru-before-unrolled": case("GRU", {"mask": MIXED}, reset_after=False, unroll=True, **BOTH),
    "lstm-no-forget-bias": case("LSTM", unit_forget_bias=False),
    "lstm-time-major": case("LSTM", time_major=True, keras=("2.15",), **BOTH),
    "lstm-time-major-mask": case("LSTM", {"mask": MIXED.T}, inputs=(5, 3, 2), time_major=True, keras=("2.15",), **BOTH),
    "lstm-regularized": case(
        "LSTM", kernel_regularizer="l2", recurrent_constraint="unit_norm", bias_initializer="ones"
    ),
    "lstm-softsign-hard": case("LSTM", {"mask": MIXED}, activation="softsign", recurrent_activation="hard_sigmoid"),
}
