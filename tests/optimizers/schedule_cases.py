"""Schedules that real Keras (scripts/golden/schedule_values.py) and the tests make: class and arguments."""

from __future__ import annotations

STEPS = [*range(130), 200, 333, 1000]

CASES = {
    "exponential": ("ExponentialDecay", (0.1, 10, 0.5)),
    "exponential_odd": ("ExponentialDecay", (0.037, 7, 0.93)),
    "exponential_staircase": ("ExponentialDecay", (0.037, 7, 0.93, True)),
    "piecewise": ("PiecewiseConstantDecay", ([5, 20, 40], [0.1, 0.05, 0.01, 0.001])),
    "polynomial": ("PolynomialDecay", (0.1, 90, 0.01, 0.7)),
    "polynomial_cycle": ("PolynomialDecay", (0.13, 17, 0.003, 2.5, True)),
    "inverse": ("InverseTimeDecay", (0.1, 13, 0.37)),
    "inverse_staircase": ("InverseTimeDecay", (0.1, 13, 0.37, True)),
    "cosine": ("CosineDecay", (0.17, 90, 0.03)),
    "cosine_warmup": ("CosineDecay", (0.001, 90, 0.1, "warm", 0.23, 21)),
    "restarts": ("CosineDecayRestarts", (0.17, 11, 2.0, 0.8, 0.05)),
    "restarts_odd": ("CosineDecayRestarts", (0.17, 9, 1.5, 0.9, 0.0)),
    "restarts_constant": ("CosineDecayRestarts", (0.17, 7, 1.0, 0.5)),
}
