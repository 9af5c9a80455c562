"""The types of outputs and weights of every layer under dtype policies, against real Keras (layer_dtypes.py)."""

from __future__ import annotations

import functools
import itertools
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from keras_torch import config, layers

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "golden"))
import layer_cases  # noqa: E402

FILES = {"2.15": ("2150", "tf"), "3.15": ("3151", "3")}
POLICIES = {"2.15": ("mixed_float16",), "3.15": ("mixed_float16", "mixed_bfloat16", "float64")}

# Where outputs have the compute dtype here, as the policy says, though not in Keras, by pattern of the cases.
DEVIATIONS = {
    "2.15": {
        "image_resizing/height-inference": "Keras returns images of integers as they are",
        "kernelized/.*": "Keras's weights and outputs are float32 whatever the policy",
        "preprocessing/(category|discretization)_.*": "Keras encodes in float32 whatever the policy",
        "resizing/up2d-.*": "TensorFlow resizes images in float32",
    },
    "3.15": {
        "attention/.*": "Keras 3's product of float64 tensors is float32, and not all is cast before a layer",
        "audio/.*": "Keras 3 transforms in float32",
        "core/dense-.*": "Keras 3's product of two float64 tensors is float32",
        "image_boxes/shear": "Keras 3 casts boxes to the dtype of images here only",
        "image_boxes/masks-flip": "Keras 3 casts segmentation masks to the dtype of images here only",
        "image_random/.*": "Keras 3 leaves float32 images as they are in some layers",
        "merge/(maximum|minimum|dot).*": "Keras 3's result of two float64 tensors is float32",
        "pooling/global-average2d-integers": "Keras 3 averages integers in float32",
        "preprocessing/category_.*": "Keras 3 encodes in float32 whatever the policy",
    },
}
# Keras counts what a Normalization layer has seen, and 2.15 its mean and variance, in other types.
WEIGHTS = "preprocessing/normalization_.*"


def flat(structure: Any) -> list[Any]:
    """The tensors in lists, tuples and dicts, in order."""
    if isinstance(structure, dict):
        structure = [structure[key] for key in sorted(structure)]
    if isinstance(structure, (list, tuple)):
        return [item for part in structure for item in flat(part)]
    return [] if structure is None else [torch.as_tensor(structure)]


def names(items: list[Any]) -> str:
    """The names of the dtypes, those that follow each other and are equal once."""
    return " ".join(name for name, _ in itertools.groupby(str(item.dtype).removeprefix("torch.") for item in items))


@functools.cache
def unusual(version: str) -> dict[str, dict[str, list[str] | None]]:
    """What Keras recorded of the cases whose types are not just those of the policy."""
    path = ROOT / "tests" / "golden" / f"layer_dtypes_keras{FILES[version][0]}.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("family", "version", "policy"),
    [
        (family, version, policy)
        for family in layer_cases.families()
        for version in FILES
        for policy in POLICIES[version]
    ],
)
def test_layers_have_the_types_that_keras_gives_them(family: str, version: str, policy: str) -> None:
    config.set_dtype_policy(policy)
    chosen = config.dtype_policy()
    with config.dialect_scope(FILES[version][1]):
        for name, case in layer_cases.families()[family].items():
            key = f"{family}/{name}"
            if version not in case.keras:
                continue
            expected = unusual(version)[policy].get(key, [chosen.compute_dtype, chosen.variable_dtype])
            layer = case.make(layers)
            tensors = case.mark([torch.tensor(array) for array in case.arrays()], torch.tensor)
            with torch.no_grad():
                outputs = names(flat(case.invoke(layer, tensors, case.options(torch.tensor))))
            if expected is None:
                # What this Keras could not do on the CPU.
                assert outputs.startswith(chosen.compute_dtype), key
                continue
            if any(re.fullmatch(pattern, key) for pattern in DEVIATIONS[version]):
                assert outputs in (expected[0], chosen.compute_dtype, "int32", "float32 int32"), key
            else:
                assert outputs == expected[0], key
            weights = names(layer.weights)
            if re.fullmatch(WEIGHTS, key):
                assert weights in ("", f"{chosen.variable_dtype} int64"), key
            else:
                assert weights in ("", expected[1], chosen.variable_dtype), key
