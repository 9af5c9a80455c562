"""Derived trajectories of the optimizers of Keras 2.2.4 (and 1.2.2, which has the same formulas).

Those releases do not run on current Pythons, so their update rules are written out here in numpy float64, from the
published formulas of each release, and the results stored in tests/golden/optimizers_classic.npz. Seed 7.
"""

import numpy as np
from optimizers_data import GOLDEN, KEPT_STEPS, TABLE, flat, weights_and_gradients


def clipped(gradients, config):
    """The norm is that of all gradients together; the value limit comes after it."""
    if config.get("clipnorm"):
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        if norm >= config["clipnorm"]:
            gradients = [g * config["clipnorm"] / norm for g in gradients]
    if config.get("clipvalue"):
        gradients = [np.clip(g, -config["clipvalue"], config["clipvalue"]) for g in gradients]
    return gradients


def sgd(w, g, s, rate, t, c):
    s["v"] = c.get("momentum", 0.0) * s.get("v", 0.0) - rate * g
    return w + (c["momentum"] * s["v"] - rate * g if c.get("nesterov") else s["v"])


def rmsprop(w, g, s, rate, t, c):
    s["a"] = c["rho"] * s.get("a", 0.0) + (1 - c["rho"]) * g**2
    return w - rate * g / (np.sqrt(s["a"]) + c["epsilon"])


def adagrad(w, g, s, rate, t, c):
    s["a"] = s.get("a", 0.0) + g**2
    return w - rate * g / (np.sqrt(s["a"]) + c["epsilon"])


def adadelta(w, g, s, rate, t, c):
    rho, eps = c["rho"], c["epsilon"]
    s["a"] = rho * s.get("a", 0.0) + (1 - rho) * g**2
    update = g * np.sqrt(s.get("d", 0.0) + eps) / np.sqrt(s["a"] + eps)
    s["d"] = rho * s.get("d", 0.0) + (1 - rho) * update**2
    return w - rate * update


def adam(w, g, s, rate, t, c):
    b1, b2 = c.get("beta_1", 0.9), c.get("beta_2", 0.999)
    s["m"] = b1 * s.get("m", 0.0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0.0) + (1 - b2) * g**2
    s["max"] = np.maximum(s.get("max", 0.0), s["v"])
    second = s["max"] if c.get("amsgrad") else s["v"]
    return w - rate * np.sqrt(1 - b2**t) / (1 - b1**t) * s["m"] / (np.sqrt(second) + c["epsilon"])


def adamax(w, g, s, rate, t, c):
    b1, b2 = 0.9, 0.999
    s["m"] = b1 * s.get("m", 0.0) + (1 - b1) * g
    s["u"] = np.maximum(b2 * s.get("u", 0.0), np.abs(g))
    return w - rate / (1 - b1**t) * s["m"] / (s["u"] + c["epsilon"])


def nadam(w, g, s, rate, t, c):
    b1, b2, decay = 0.9, 0.999, c.get("schedule_decay", 0.004)
    now, after = (b1 * (1 - 0.5 * 0.96 ** (k * decay)) for k in (t, t + 1))
    s["product"] = s.get("product", 1.0) * now
    s["m"] = b1 * s.get("m", 0.0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0.0) + (1 - b2) * g**2
    mean = (1 - now) * g / (1 - s["product"]) + after * s["m"] / (1 - s["product"] * after)
    return w - rate * mean / (np.sqrt(s["v"] / (1 - b2**t)) + c["epsilon"])


RULES = {
    "SGD": sgd,
    "RMSprop": rmsprop,
    "Adagrad": adagrad,
    "Adadelta": adadelta,
    "Adam": adam,
    "Adamax": adamax,
    "Nadam": nadam,
}

arrays = {}
for name, case in TABLE["classic"].items():
    config = case["config"]
    weights, steps = weights_and_gradients()
    weights = [w.astype("float64") for w in weights]
    states = [{} for _ in weights]
    kept = []
    for iteration, gradients in enumerate(steps):
        rate = config["lr"] / (1 + config.get("decay", 0.0) * iteration)
        gradients = clipped([g.astype("float64") for g in gradients], config)
        rule = RULES[case["class_name"]]
        weights = [
            rule(w, g, s, rate, iteration + 1, config) for w, g, s in zip(weights, gradients, states, strict=True)
        ]
        if iteration + 1 in KEPT_STEPS:
            kept.append(weights)
    arrays[f"{name}/weights"] = flat(kept)
np.savez_compressed(GOLDEN / "optimizers_classic.npz", **arrays)
