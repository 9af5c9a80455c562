"""Normalizations."""

from __future__ import annotations

from typing import Any

import numpy as np

from layer_cases import Case, Nested

_PLAIN: dict[str, Any] = {"center": False, "scale": False}
_STEPS = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0]], bool)
_WEIGHED_STEPS = np.array([[1, 1, 0], [0, 0, 0]], bool)[..., None]
_WEIGHED_SPOTS = np.array([[1, 0, 2], [1, 1, 0.5]], "float32")[:, None]
_SPREAD = np.array([1, 0], bool).reshape(1, 2, 1)
_SAMPLES = np.array([1, 1, 0, 1, 0], bool)
_CLIPPED = {"rmin": 0.5, "rmax": 1.5, "dmax": 0.4}


def _batch() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for training in (False, True):
        for shape, axis in (
            ((5, 3), -1),
            ((3, 4, 3), -1),
            ((3, 4, 3), 1),
            ((3, 2, 2, 3), -1),
            ((3, 3, 2, 2), 1),
            ((2, 2, 2, 2, 3), -1),
        ):
            name = f"batchnorm-{len(shape)}d-axis{axis}-{'training' if training else 'inference'}"
            arguments = {"axis": axis, "momentum": 0.9}
            found[name] = Case("BatchNormalization", arguments, [shape], {"training": training})
    return found


def _batch_options() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for training in (False, True):
        mode = "training" if training else "inference"
        renorm = {"renorm": True, "momentum": 0.9, "renorm_momentum": 0.8}
        clipped = {**renorm, "renorm_clipping": _CLIPPED}
        call = {"training": training}
        found[f"batchnorm-renorm-{mode}"] = Case("BatchNormalization", renorm, [(5, 3)], call)
        found[f"batchnorm-renorm-clipped-{mode}"] = Case("BatchNormalization", clipped, [(3, 2, 2, 3)], call)
        plain = {**renorm, **_PLAIN}
        found[f"batchnorm-renorm-plain-{mode}"] = Case("BatchNormalization", plain, [(3, 4, 3)], call)
        if training:
            spread = {"training": training, "mask": _SPREAD}
            found["batchnorm-mask-broadcast"] = Case(
                "BatchNormalization", {"axis": 1}, [(2, 2, 3, 4)], spread, keras=("3.15",)
            )
        # Keras 3 takes one axis only.
        several = {"axis": [1, 3], "momentum": 0.9}
        found[f"batchnorm-axes-{mode}"] = Case("BatchNormalization", several, [(3, 2, 4, 3)], call, keras=("2.15",))
        last = {"axis": [2, 1], "momentum": 0.9}
        found[f"batchnorm-last-axes-{mode}"] = Case("BatchNormalization", last, [(5, 2, 3)], call, keras=("2.15",))
        masked = {"training": training, "mask": _STEPS}
        found[f"batchnorm-mask-{mode}"] = Case("BatchNormalization", {"momentum": 0.9}, [(3, 4, 3)], masked)
        found[f"batchnorm-mask-axis1-{mode}"] = Case("BatchNormalization", {"axis": 1}, [(3, 4, 3)], masked)
        samples = {"training": training, "mask": _SAMPLES}
        found[f"batchnorm-mask-samples-{mode}"] = Case("BatchNormalization", {"momentum": 0.9}, [(5, 3)], samples)
        found[f"batchnorm-mask-renorm-{mode}"] = Case("BatchNormalization", renorm, [(3, 4, 3)], masked)
    return found


def _groups() -> dict[str, Case]:
    images, first, steps = (2, 3, 2, 6), (2, 6, 3, 2), (2, 3, 6)
    return {
        "groupnorm": Case("GroupNormalization", {"groups": 2}, [images]),
        "groupnorm-first": Case("GroupNormalization", {"groups": 3, "axis": 1}, [first]),
        "groupnorm-steps": Case("GroupNormalization", {"groups": 3, "epsilon": 0.1}, [steps]),
        "groupnorm-flat": Case("GroupNormalization", {"groups": 2}, [(3, 6)]),
        "groupnorm-one": Case("GroupNormalization", {"groups": 1, **_PLAIN}, [images]),
        "groupnorm-instance": Case("GroupNormalization", {"groups": -1, "scale": False}, [images]),
        # Keras 3 does not look at masks here.
        "groupnorm-mask": Case(
            "GroupNormalization", {"groups": 3}, [steps], call={"mask": _WEIGHED_STEPS}, keras=("2.15",)
        ),
        "groupnorm-mask-first": Case(
            "GroupNormalization",
            {"groups": 2, "axis": 1, **_PLAIN},
            [(2, 6, 3)],
            call={"mask": _WEIGHED_SPOTS},
            keras=("2.15",),
        ),
        "groupnorm-volume": Case("GroupNormalization", {"groups": 2, "center": False}, [(1, 2, 2, 2, 4)]),
    }


def _spectral() -> dict[str, Case]:
    def layer(name: str, **arguments: Any) -> Nested:
        return Nested(name, arguments)

    dense, convolution = layer("Dense", units=3), layer("Conv2D", filters=2, kernel_size=2)
    embedding = layer("Embedding", input_dim=5, output_dim=3)
    found: dict[str, Case] = {}
    for training in (False, True):
        mode, call = "training" if training else "inference", {"training": training}
        found[f"spectral-dense-{mode}"] = Case("SpectralNormalization", {"layer": dense}, [(4, 5)], call)
        three = {"layer": convolution, "power_iterations": 3}
        found[f"spectral-convolution-{mode}"] = Case("SpectralNormalization", three, [(2, 3, 3, 2)], call)
        # Keras 3 makes integers of the embeddings.
        found[f"spectral-embedding-{mode}"] = Case(
            "SpectralNormalization", {"layer": embedding}, [np.array([[1, 2], [4, 0]])], call, keras=("2.15",)
        )
    return found


CASES: dict[str, Case] = {
    **_batch(),
    "batchnorm-plain": Case("BatchNormalization", _PLAIN, [(4, 3)], {"training": True}),
    "batchnorm-scale": Case("BatchNormalization", {"center": False}, [(4, 2, 2, 3)], {"training": True}),
    "batchnorm-one": Case("BatchNormalization", {}, [(1, 3)], {"training": True}),
    **_batch_options(),
    "layernorm": Case("LayerNormalization", {}, [(3, 4, 3)]),
    # Keras 3 on torch fails where the axes are not the last ones.
    "layernorm-axis": Case("LayerNormalization", {"axis": 1}, [(3, 4, 3)], keras=("2.15",)),
    "layernorm-axes": Case("LayerNormalization", {"axis": [1, 2]}, [(3, 4, 3)]),
    "layernorm-apart": Case("LayerNormalization", {"axis": [1, 3], "epsilon": 0.1}, [(2, 3, 2, 4)]),
    "layernorm-plain": Case("LayerNormalization", _PLAIN, [(3, 4)]),
    "layernorm-center": Case("LayerNormalization", {"scale": False}, [(3, 4)]),
    "layernorm-rms": Case("LayerNormalization", {"rms_scaling": True}, [(3, 4, 3)], keras=("3.15",)),
    "layernorm-rms-plain": Case("LayerNormalization", {"rms_scaling": True, **_PLAIN}, [(3, 4)], keras=("3.15",)),
    **_groups(),
    "rmsnorm": Case("RMSNormalization", {}, [(3, 4, 3)], keras=("3.15",)),
    "rmsnorm-axes": Case("RMSNormalization", {"axis": [1, 2], "epsilon": 0.1}, [(2, 3, 4)], keras=("3.15",)),
    "unitnorm": Case("UnitNormalization", {}, [(3, 4, 3)]),
    "unitnorm-axis": Case("UnitNormalization", {"axis": 1}, [(3, 4, 3)]),
    "unitnorm-axes": Case("UnitNormalization", {"axis": [1, 2]}, [(3, 4, 3)]),
    "unitnorm-zeros": Case("UnitNormalization", {}, [np.zeros((2, 3), "float32")], keras=("2.15",)),
    **_spectral(),
}
