"""Every function of `keras.ops` gives what Keras 3.15 gives on torch (scripts/golden/ops_values.py), symbolically too.

A case is an expression; what its names stand for is in scripts/golden/ops_cases.py.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

import keras_torch as keras
from keras_torch import config, ops, quantizers
from keras_torch.utils import bounding_boxes

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "golden"))

from ops_cases import evaluate, unknown_first  # noqa: E402

GOLDEN = json.loads(gzip.decompress((ROOT / "tests" / "golden" / "ops_keras315.json.gz").read_bytes()))
CASES = GOLDEN["cases"]
PREFIX = re.compile(r"\b(?:image\.|quantizers\.|boxes\.)?\w+(?=\()")
# What Keras 3.15 on torch gets wrong, by its own symbolic shapes or by numpy; ours is the other. Patterns of cases.
DIFFERENT = {
    r"\w+\(f23, keepdims=True\)": "without an axis `keepdims` is ignored by some reductions",
    r"segment_min\(i4.*": "an empty segment of integers has the largest number, which overflows there",
    r"average_pool\(f1452, \(2, 3\).*": "padding of one side counts as values there",
    r"dot\(f234, f243\)": "numpy's sum product over the last and the last but one axis, not `matmul`",
    r"pad\(f23, (1|1, mode.*|\(\(1, 2\),\))\)": "one number, or one pair, is for every axis",
    r"take\(f34, \[0, -1\]\)": "without an axis a negative index counts from the end of all values",
    r"top_k\(.*": "indices are int32, as the symbolic ones are there",
    r"(nonzero|where)\(\w+\)": "one vector an axis, as from numpy; there they are rows of one tensor",
    r"image.affine_transform\(.*'wrap'\)": "TensorFlow's, as in the layers",
    r"image.resize\(.*'bicubic'\)": "TensorFlow's kernel, as in the layers",
    r".* for x in WIDE .*": "some functions narrow 64 bits to 32",
}
# The same of symbolic shapes whose first size is unknown.
DIFFERENT_SHAPES = {
    r"ndim\(.*": "a number, as for tensors",
    r"segment_\w+\(.*array\(\[0, 2, 0, 2\]\)\)": "there must be as many numbers of segments as entries",
    r"adaptive_\w+\(f1562, \(2, 3\)\)": "the rows are pooled too",
    r"categorical_crossentropy\(.*, axis=0\)": "the axis that is summed over goes",
    r"corrcoef\(.*": "one row and one column for each variable",
    r"cross\(.*": "vectors of three stay vectors",
    r"ctc_decode\(f254, \[.*": "lengths are a list, so the number of samples is known",
    r"separable_conv\(.*": "the size of the second kernel is unknown, too, and it matters",
    r"slogdet\(f233\)": "signs come one a matrix",
    r"diag(onal)?\(.*": "an unknown number of rows counts as more than the columns",
    r"rot90\(f23, 2\)": "half a turn keeps rows and columns",
    r"reshape\(f23, .*": "a size is unknown until all of the new shape is",
    r"take_along_axis\(.*axis=-1\)": "sizes of 1 are stretched",
    r"image.scale_and_translate\(x1443.*": "an axis that is not scaled keeps its size",
}
# Nothing that Keras 3.15 on torch could have said.
WITHOUT_VALUES = {"i0": "fails there on torch"}


def outermost(expression: str) -> str:
    names = [found for found in PREFIX.findall(expression) if found != "dtype"]
    return names[0] if names else "dtype" if "dtype(" in expression else ""


BY_FUNCTION: dict[str, list[str]] = {}
for _expression in CASES:
    BY_FUNCTION.setdefault(outermost(_expression), []).append(_expression)


def differs(expression: str, table: dict[str, str]) -> bool:
    return any(re.fullmatch(pattern, expression) for pattern in table)


def compare(found, expected, case: str) -> None:
    if isinstance(expected, dict) and set(expected) == {"dtype", "shape", "values"}:
        values = torch.as_tensor(found).detach() if isinstance(found, np.ndarray) else found.detach()
        assert config.dtype_name(values.dtype) == expected["dtype"], case
        assert list(values.shape) == expected["shape"], case
        values = torch.view_as_real(values) if values.is_complex() else values
        tolerance = (1e-2, 1e-3) if expected["dtype"] == "float16" else (2e-5, 2e-6)
        wanted = np.array(expected["values"]).reshape(values.shape)
        np.testing.assert_allclose(values.numpy(), wanted, *tolerance, err_msg=case)
    elif isinstance(expected, dict):
        for key, item in expected.items():
            compare(found[key], item, case)
    elif isinstance(expected, list):
        assert len(found) == len(expected), case
        for one, other in zip(found, expected, strict=True):
            compare(one, other, case)
    else:
        assert type(found) is type(expected), case
        assert found == (pytest.approx(expected) if isinstance(expected, float) else expected), case


@pytest.mark.parametrize("function", sorted(BY_FUNCTION))
def test_a_function_gives_the_values_and_dtypes_of_keras_3(function: str) -> None:
    for expression in BY_FUNCTION[function]:
        if not differs(expression, DIFFERENT):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "An output with one or more elements was resized")
                # torch.func imports a part of torch that complains about another.
                warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated")
                found = evaluate(expression, ops, torch.as_tensor, quantizers=quantizers, boxes=bounding_boxes)
            compare(found, CASES[expression], expression)


SYMBOLIC = [name for name in BY_FUNCTION if any(case in GOLDEN["shapes"] for case in BY_FUNCTION[name])]


def check_symbolic(expression: str) -> None:
    leaves = pytree.tree_leaves(evaluate(expression, ops, unknown_first(expression, keras.KerasTensor)))
    assert [list(item.shape) for item in leaves] == GOLDEN["shapes"][expression], expression


def symbolic_cases(function: str) -> list[str]:
    cases = [case for case in BY_FUNCTION[function] if case in GOLDEN["shapes"]]
    return [case for case in cases if not differs(case, DIFFERENT_SHAPES)]


@pytest.mark.parametrize("function", sorted(SYMBOLIC))
def test_an_unknown_size_stays_unknown(function: str) -> None:
    for expression in symbolic_cases(function)[:1]:
        check_symbolic(expression)


@pytest.mark.slow
@pytest.mark.parametrize("function", sorted(SYMBOLIC))
def test_unknown_sizes_stay_unknown_with_other_arguments(function: str) -> None:
    for expression in symbolic_cases(function)[1:]:
        check_symbolic(expression)


def test_every_function_has_a_case() -> None:
    mentioned = {name for case in CASES for name in PREFIX.findall(case)}
    without = set(GOLDEN["names"]) - mentioned
    assert without == set(WITHOUT_VALUES)


@pytest.mark.parametrize("table", [DIFFERENT, DIFFERENT_SHAPES], ids=["values", "shapes"])
def test_every_difference_is_one_of_a_case(table: dict[str, str]) -> None:
    assert not [pattern for pattern in table if not any(re.fullmatch(pattern, case) for case in CASES)]
