"""RandomFourierFeatures."""

from __future__ import annotations

from layer_cases import Case

TF = ("2.15",)

CASES: dict[str, Case] = {
    "fourier": Case("experimental.RandomFourierFeatures", {"output_dim": 4}, [(3, 2)], keras=TF),
    "fourier-trained": Case(
        "experimental.RandomFourierFeatures", {"output_dim": 4, "trainable": True, "scale": 3.0}, [(3, 2)], keras=TF
    ),
    "fourier-laplacian": Case(
        "experimental.RandomFourierFeatures",
        {"output_dim": 4, "kernel_initializer": "laplacian", "trainable": True},
        [(3, 2)],
        keras=TF,
    ),
}
