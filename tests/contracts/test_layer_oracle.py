"""Masks, ranks, integers and empty batches of every layer: as real Keras has them (scripts/golden/layer_calls.py)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import Layer, Model

from .layer_making import NUMERIC, call, case, construct, data_of, flat, map_shapes, masks, symbols

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
VERSIONS = {"tf": "2150", "3": "3151"}
FACTS = {
    dialect: json.loads((GOLDEN / f"layer_calls_keras{version}.json").read_text(encoding="utf-8"))
    for dialect, version in VERSIONS.items()
}
CALLS = [(dialect, name) for dialect, facts in FACTS.items() for name in NUMERIC if name in facts]
# Masks that Keras 2.15 loses and Keras 3 keeps; the layers are the same.
MASKS_KEPT = {("tf", "Identity"), ("tf", "Normalization"), ("tf", "Rescaling")}
# 2.15 divides integers as Python does, makes whole numbers of means of integers, forgets the strides of an empty batch
# and lets some other ranks through, as does Keras 3 for spectrograms; Keras 3 names the dtype of the inputs for results
# that are floats.
ODD = {
    ("tf", "Average"): {"integers"},
    ("tf", "GlobalAveragePooling1D"): {"integers"},
    ("tf", "GlobalAveragePooling2D"): {"integers"},
    ("tf", "GlobalAveragePooling3D"): {"integers"},
    ("tf", "Conv2D"): {"empty"},
    ("tf", "DepthwiseConv2D"): {"empty"},
    ("tf", "SeparableConv1D"): {"ranks"},
    ("tf", "SeparableConv2D"): {"ranks"},
    ("tf", "UpSampling3D"): {"ranks"},
    ("tf", "RandomContrast"): {"ranks"},
    ("3", "MaxNumBoundingBoxes"): {"mask"},  # It hands on the very tensor, and so its mask.
    ("3", "MelSpectrogram"): {"ranks"},
    ("3", "RandomBrightness"): {"integers"},
    ("3", "RMSNormalization"): {"integers"},
    ("3", "SpectralNormalization"): {"integers"},
}
# Several batch axes are taken in all generations, where one of the two Kerases takes one only.
TAKES_MORE = ("Conv", "Depthwise", "Separable", "CategoryEncoding", "Discretization", "Hashing", "IntegerLookup")


def is_error(fact):
    return isinstance(fact, dict)


def numbers(shape, dtype):
    """The numbers that the script gave to Keras."""
    random = np.random.RandomState(3)
    found = random.randint(1, 9, shape) if "int" in dtype else random.uniform(0.1, 0.9, shape)
    return torch.as_tensor(found.astype(dtype))


def inputs_of(name, dtype=None):
    _, shape, own = case(name)
    return map_shapes(lambda item: numbers((4, *item), own if dtype is None else dtype), shape)


@pytest.mark.parametrize(("dialect", "name"), CALLS)
def test_masks_come_out_as_in_keras_from_real_and_symbolic_inputs(dialect, name):
    expected = FACTS[dialect][name]["mask"]
    if is_error(expected) or "mask" in ODD.get((dialect, name), ()):
        return
    if (dialect, name) in MASKS_KEPT:
        assert expected is None
        expected = "kept"
    with keras.config.dialect_scope(dialect):
        layer, data = construct(name), inputs_of(name)
        mask = np.random.RandomState(5).random_sample(tuple(flat(data)[0].shape[:2])) < 0.6
        mask[:, 0] = True
        expected = mask.tolist() if expected == "kept" else expected
        real = torch.as_tensor(mask)
        for item in flat(data):
            item._keras_mask = real
        found = masks(call(layer, data))[0]
        assert (None if found is None else found.tolist()) == expected
        given, symbolic = symbols(name), keras.Input(mask.shape[1:], dtype="bool")
        for item in flat(given):
            item._keras_mask = symbolic
        outputs = call(layer, given)
        (of_outputs, *_) = masks(outputs)
        assert (of_outputs is None) == (expected is None)
        wanted = [flat(outputs)[0]] if of_outputs is None else [flat(outputs)[0], of_outputs]
        model = Model([*flat(given), symbolic], wanted)
        results = flat(model([*flat(inputs_of(name)), real]))
        torch.testing.assert_close(results[0], flat(call(layer, data))[0])
        if of_outputs is not None:
            assert results[1].tolist() == expected


@pytest.mark.parametrize(("dialect", "name"), CALLS)
def test_integers_and_empty_batches_are_taken_as_in_keras(dialect, name):
    facts = {key: fact for key, fact in FACTS[dialect][name].items() if key not in ODD.get((dialect, name), ())}
    with keras.config.dialect_scope(dialect):
        if "empty" in facts and not is_error(facts["empty"]):
            empty = flat(call(construct(name), data_of(name, 0)))[0]
            assert list(empty.shape) == facts["empty"]
        if "integers" in facts and not is_error(facts["integers"]):
            output = flat(call(construct(name), inputs_of(name, "int32")))[0]
            assert keras.config.dtype_name(output.dtype) == facts["integers"]


@pytest.mark.parametrize(("dialect", "name"), [(d, n) for d, n in CALLS if "ranks" in FACTS[d][n]])
def test_inputs_of_other_ranks_are_taken_or_refused_as_in_keras(dialect, name):
    _, shape, dtype = case(name)
    own = len(shape) + 1
    with keras.config.dialect_scope(dialect):
        for rank, expected in enumerate(FACTS[dialect][name]["ranks"], 1):
            if rank > own and name.startswith(TAKES_MORE):
                continue
            if rank != own and "ranks" in ODD.get((dialect, name), ()) and not is_error(expected):
                continue
            data = numbers((*[4] * (rank - 1), shape[-1]) if rank > 1 else (4,), dtype)
            layer = construct(name)
            if not is_error(expected):
                assert list(flat(call(layer, data))[0].shape) == expected, rank
            elif expected["error"] == "ValueError":
                names = "|".join(item.name for item in layer.modules() if isinstance(item, Layer))
                with pytest.raises(ValueError, match=names):
                    call(layer, data)
