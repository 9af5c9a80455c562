"""`keras.utils.FeatureSpace` against Keras 2.15 (scripts/golden/feature_space.py), in datasets, models and files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.data.pipeline import Dataset
from keras_torch.utils import FeatureSpace

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "golden"))

from feature_space import TABLE, spaces  # noqa: E402

GOLDEN = json.loads((ROOT / "tests" / "golden" / "feature_space_keras2150.json").read_text(encoding="utf-8"))
COLUMNS = {name: np.array(values) for name, values in TABLE.items()}


def check(found, expected):
    if isinstance(expected, dict):
        assert sorted(found) == sorted(expected)
        for name, values in expected.items():
            check(found[name], values)
        return
    assert list(found.shape) == list(np.shape(expected))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def adapted(name, data=None):
    space = spaces(FeatureSpace, keras.layers)[name]
    table = {column: COLUMNS[column] for column in space.features}
    space.adapt(table if data is None else data(table))
    return space, table


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_columns_become_what_keras_makes_of_them(name):
    space, table = adapted(name)
    check(space(table), GOLDEN[name]["batch"])
    check(space({column: values[1] for column, values in table.items()}), GOLDEN[name]["row"])


def test_intervals_that_few_rows_leave_empty_keep_their_columns():
    space = FeatureSpace({"x": FeatureSpace.float_discretized(num_bins=8)})
    space.adapt({"x": np.arange(3.0)})
    assert tuple(space({"x": np.arange(3.0)}).shape) == (3, 8)


@pytest.mark.parametrize("batched", [False, True])
def test_datasets_are_learnt_from_and_mapped(batched):
    def dataset(table):
        found = Dataset.from_tensor_slices(table)
        return found.batch(2) if batched else found

    space, table = adapted("crosses", dataset)
    check(space(table), GOLDEN["crosses"]["batch"])
    mapped = next(iter(Dataset.from_tensor_slices(table).map(space).batch(5)))
    check(torch.as_tensor(np.asarray(mapped)), GOLDEN["crosses"]["batch"])


def test_a_model_takes_raw_columns():
    space, table = adapted("crosses")
    model = keras.Model(space.get_inputs(), space.get_encoded_features())
    check(torch.as_tensor(model.predict(table, verbose=0)), GOLDEN["crosses"]["batch"])


@pytest.mark.parametrize("name", ["crosses", "normalized", "dict"])
def test_a_file_brings_what_was_learnt(tmp_path, name):
    space, table = adapted(name)
    space.save(tmp_path / "space.keras")
    check(keras.saving.load_model(tmp_path / "space.keras")(table), GOLDEN[name]["batch"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FeatureSpace({}), "must be a dict of columns"),
        (lambda: FeatureSpace({"a": "number"}), "Column 'a' of FeatureSpace must be a Feature or one of"),
        (
            lambda: FeatureSpace({"a": "float"}, crosses=[("a", "b")]),
            r"columns that `features` lacks. Received: \['b'\]",
        ),
        (lambda: FeatureSpace({"a": "float"}, output_mode="list"), "`output_mode` must be one of"),
        (lambda: FeatureSpace({"a": "float_normalized"})({"a": 1.0}), "must learn first"),
        (lambda: FeatureSpace({"a": "float", "b": "float"})({"a": 1.0}), r"misses columns: \['b'\]"),
        (lambda: FeatureSpace({"a": FeatureSpace.integer_hashed(3, "int")})({"a": 1}), "is not encoded"),
        (lambda: FeatureSpace({"a": "float"})([1.0]), "takes a dict of columns"),
        (lambda: FeatureSpace({"a": "float"}).adapt(3), "`adapt` takes a dataset"),
    ],
)
def test_what_does_not_fit_is_an_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()
