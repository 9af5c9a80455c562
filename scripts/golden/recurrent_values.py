"""Write outputs and gradients of recurrent layers and wrappers, and a short training run, as real Keras computes them.

Run with the Python of Keras 2.15.0 (TensorFlow 2.15) and with that of Keras 3.15.1 (KERAS_BACKEND=torch), from the
repository's root: `python scripts/golden/recurrent_values.py` writes tests/golden/recurrent_k215.npz or ..._k315.npz.
There is no randomness: inputs, weights and loss coefficients are sines and cosines of their index.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import numpy as np

IS_TF = keras.__version__.startswith("2.")
BATCH, TIME, FEATURES, UNITS = 4, 6, 3, 4
MASK = np.array([[1, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 1], [0, 1, 0, 1, 1, 0], [1, 1, 1, 1, 1, 1]], bool)


def wave(shape, shift, scale=0.6):
    """Return numbers that look random and that need not be stored."""
    return (scale * np.sin(1.7 * np.arange(int(np.prod(shape))) + 3.1 * shift)).reshape(shape).astype("float32")


def layer_config(name, **options):
    return {"class_name": name, "config": {"units": UNITS, **options}}


def wrapped(name, inner, **options):
    return {"class_name": name, "config": {"layer": inner, **options}}


def cases():
    """Return name → {layer, mask, initial_states, input_shape, calls}."""
    found = {}
    both = {"return_sequences": True, "return_state": True}
    for name, states in (("SimpleRNN", 1), ("GRU", 1), ("LSTM", 2)):
        variants = {
            "default": {},
            "sequences": {"return_sequences": True},
            "sequences_states": both,
            "backwards": {"go_backwards": True, "return_sequences": True},
            "no_bias": {"use_bias": False},
            "unrolled": {"unroll": True, **both},
            "relu": {"activation": "relu"},
            "softsign": {"activation": "softsign", **both},
        }
        if name != "SimpleRNN":
            variants["hard_sigmoid"] = {"recurrent_activation": "hard_sigmoid", **both}
        if name == "GRU":
            variants["reset_before"] = {"reset_after": False, **both}
            variants["reset_before_no_bias"] = {"reset_after": False, "use_bias": False}
        for variant, options in variants.items():
            found[f"{name}_{variant}"] = {"layer": layer_config(name, **options)}
        masked = {
            "last": {},
            "sequences": {"return_sequences": True},
            "sequences_states": both,
            "backwards": {"go_backwards": True, **both},
            "zeros": {"zero_output_for_mask": True, **both},
            "zeros_last": {"zero_output_for_mask": True},
            "loop": {"activation": "softsign", **both},
        }
        for variant, options in masked.items():
            found[f"{name}_masked_{variant}"] = {"layer": layer_config(name, **options), "mask": True}
        found[f"{name}_initial_state"] = {"layer": layer_config(name, **both), "initial_states": states}
        found[f"{name}_masked_initial_state"] = {
            "layer": layer_config(name, return_sequences=True),
            "initial_states": states,
            "mask": True,
        }
        found[f"{name}_stateful"] = {"layer": layer_config(name, stateful=True, **both), "calls": 2}
    for mode in ("concat", "sum", "mul", "ave", None):
        inner = layer_config("LSTM", return_sequences=True)
        found[f"bidirectional_{mode}"] = {"layer": wrapped("Bidirectional", inner, merge_mode=mode)}
        found[f"bidirectional_{mode}_last"] = {"layer": wrapped("Bidirectional", layer_config("GRU"), merge_mode=mode)}
    for name in ("LSTM", "GRU"):
        layer = wrapped("Bidirectional", layer_config(name, **both))
        states = 4 if name == "LSTM" else 2
        found[f"bidirectional_{name}_states"] = {"layer": layer}
        found[f"bidirectional_{name}_initial_state"] = {"layer": layer, "initial_states": states}
        found[f"bidirectional_{name}_masked"] = {"layer": layer, "mask": True}
        last = wrapped("Bidirectional", layer_config(name))
        found[f"bidirectional_{name}_masked_last"] = {"layer": last, "mask": True}
    lstm_cell, gru_cell = layer_config("LSTMCell"), layer_config("GRUCell")
    stack = {"class_name": "StackedRNNCells", "config": {"cells": [lstm_cell, gru_cell]}}
    for mask in (False, True):
        suffix = "_masked" if mask else ""
        found[f"rnn_cell{suffix}"] = {
            "layer": {"class_name": "RNN", "config": {"cell": lstm_cell, "return_sequences": True}},
            "mask": mask,
        }
        found[f"rnn_stack{suffix}"] = {
            "layer": {"class_name": "RNN", "config": {"cell": stack, "return_sequences": True}},
            "mask": mask,
        }
    deep = [BATCH, TIME, 5, FEATURES]
    dense = {"class_name": "Dense", "config": {"units": UNITS}}
    found["time_distributed_dense"] = {"layer": wrapped("TimeDistributed", dense)}
    found["time_distributed_dense_4d"] = {"layer": wrapped("TimeDistributed", dense), "input_shape": deep}
    found["time_distributed_lstm"] = {"layer": wrapped("TimeDistributed", layer_config("LSTM")), "input_shape": deep}
    conv = {"class_name": "Conv1D", "config": {"filters": 4, "kernel_size": 3}}
    found["time_distributed_conv"] = {"layer": wrapped("TimeDistributed", conv), "input_shape": deep}
    return found


def make(config):
    """Build a layer without the serialization code of either Keras."""
    options = dict(config["config"])
    for key in ("layer", "cell"):
        if key in options:
            options[key] = make(options[key])
    if "cells" in options:
        options["cells"] = [make(cell) for cell in options["cells"]]
    return getattr(keras.layers, config["class_name"])(**options)


def compute(case):
    """Return the outputs of the last call and the gradients of sum(output * wave) for the input and the weights."""
    x = wave(case.get("input_shape", (BATCH, TIME, FEATURES)), 0, 1.0)
    options = {"mask": MASK} if case.get("mask") else {}
    if case.get("initial_states"):
        options["initial_state"] = [wave((BATCH, UNITS), 20 + i) for i in range(case["initial_states"])]
    layer = make(case["layer"])
    if IS_TF:
        return compute_tensorflow(layer, x, options, case.get("calls", 1))
    return compute_torch(layer, x, options, case.get("calls", 1))


def prepare(layer, tensor):
    layer(tensor)
    layer.set_weights([wave(w.shape, 1 + i) for i, w in enumerate(layer.get_weights())])
    if getattr(layer, "stateful", False):
        layer.reset_states()


def compute_tensorflow(layer, x, options, calls):
    import tensorflow as tf

    options = {k: [tf.constant(i) for i in v] if k == "initial_state" else tf.constant(v) for k, v in options.items()}
    tensor = tf.constant(x)
    prepare(layer, tensor)
    for _ in range(calls):
        with tf.GradientTape() as tape:
            tape.watch(tensor)
            outputs = layer(tensor, **options)
            outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
            loss = sum(tf.reduce_sum(o * wave(o.shape, 40 + i)) for i, o in enumerate(outputs))
    gradients = tape.gradient(loss, [tensor, *layer.trainable_weights])
    return [o.numpy() for o in outputs], [g.numpy() for g in gradients]


def compute_torch(layer, x, options, calls):
    import torch

    options = {k: [torch.tensor(i) for i in v] if k == "initial_state" else torch.tensor(v) for k, v in options.items()}
    tensor = torch.tensor(x)
    prepare(layer, tensor)
    tensor.requires_grad_(True)
    for _ in range(calls):
        outputs = layer(tensor, **options)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        loss = sum((o * torch.tensor(wave(o.shape, 40 + i))).sum() for i, o in enumerate(outputs))
    if calls > 1:  # Keras 3 on torch overwrites the states that its own backward pass needs
        return [o.detach().numpy() for o in outputs], []
    gradients = torch.autograd.grad(loss, [tensor, *(w.value for w in layer.trainable_weights)])
    return [o.detach().numpy() for o in outputs], [g.numpy() for g in gradients]


def train():
    """Return the losses of 20 steps of a small LSTM net on the same batches."""
    tokens = (np.arange(20 * 8 * 10) * 7919 % 23).reshape(20, 8, 10)
    labels = (tokens.sum(-1) % 3).astype("int64")
    model = keras.Sequential(
        [
            keras.layers.Embedding(23, 6, mask_zero=True),
            keras.layers.Bidirectional(keras.layers.LSTM(5, return_sequences=True)),
            keras.layers.LSTM(4),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.build((None, 10))
    model.set_weights([wave(w.shape, 1 + i, 0.4) for i, w in enumerate(model.get_weights())])
    optimizer = keras.optimizers.Adam(learning_rate=0.02)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    losses = [float(model.train_on_batch(x, y)) for x, y in zip(tokens, labels, strict=True)]
    return np.array(losses), [np.asarray(w) for w in model.get_weights()]


def main():
    found = cases()
    arrays = {"cases": np.array(json.dumps(found)), "keras_version": np.array(keras.__version__)}
    for name, case in found.items():
        outputs, gradients = compute(case)
        arrays[f"{name}/outputs"] = np.concatenate([value.ravel() for value in outputs])
        arrays[f"{name}/gradients"] = np.concatenate([value.ravel() for value in gradients] or [[]])
    arrays["training/losses"], weights = train()
    arrays["training/weights"] = np.concatenate([value.ravel() for value in weights])
    path = f"tests/golden/recurrent_k{'215' if IS_TF else '315'}.npz"
    np.savez_compressed(path, **arrays)
    print(path, len(found), "cases", os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
