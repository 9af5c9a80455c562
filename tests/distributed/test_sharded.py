"""Processes that each keep a part of the weights compute, save and load what one process does."""

import functools
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.distributed import environment
from keras_torch.training import sources


def _load(name):
    spec = importlib.util.spec_from_file_location(f"distributed_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


equal = _load("test_equal_numbers")
sys.modules.setdefault("cases", equal.cases)
sys.modules.setdefault("alone", _load("alone"))
sharded = _load("sharded")
pytestmark = pytest.mark.skipif(not sharded.SUPPORTED, reason="needs torch 2.9")


def check(found, name):
    for each in found:
        failed = next((text for text in each.values() if isinstance(text, str)), None)
        assert name in each and not isinstance(each[name], str), failed
    return [each[name] for each in found]


@functools.cache
def expected(name):
    return equal.cases.run(name)


def compare(found, kind, name):
    equal.compare([{name: each} for each in check(found, f"{kind}: {name}")], name, expected=expected(name))


def same(first, second):
    assert len(first) == len(second)
    for mine, other in zip(first, second, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("kind", "name"), sharded.PAIRS)
def test_two_processes_with_parts_compute_what_one_does(two, kind, name):
    compare(two, kind, name)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), sharded.ALL)
def test_three_processes_with_parts_compute_what_one_does(three, kind, name):
    compare(three, kind, name)


def test_each_process_keeps_a_part_of_weights_and_optimizer_state(two):
    first, second = check(two, "sharded_files")
    total = sum(item.size for item in first["weights"])
    buffers_and_whole = 2 * 9 + 9 + 1
    assert first["whole"] == second["whole"] == [1, 9]
    assert sum(first["numbers"]) + sum(second["numbers"]) == total - buffers_and_whole
    assert max(map(sum, (first["numbers"], second["numbers"]))) < 0.65 * total
    assert max(first["kept"], second["kept"]) < 0.65 * sum(item.size for item in first["state"])
    assert first["classes"] == ["InputLayer", "Dense", "BatchNormalization", "Scaled", "Dense"]


def test_files_of_sharded_models_are_whole(two):
    for each in check(two, "sharded_files"):
        for weights, state, predicted in each["found"]:
            same(weights, each["weights"])
            same(state, each["state"])
            same(predicted, each["expected"])
        assert all(each["zeros"])
        same(each["again"], each["expected"])


@pytest.mark.parametrize("name", ["last.keras", "whole.h5"])
def test_one_process_loads_what_two_saved_in_parts(two, tmp_path, name):
    found = check(two, "sharded_files")[0]
    (tmp_path / name).write_bytes(found["files"][name])
    model = keras.models.load_model(tmp_path / name, {"Scaled": sharded.Scaled})
    same(model.predict(equal.cases.numbers(20, 6), verbose=0), found["expected"])
    assert int(model.optimizer.iterations) == 12


def continued(path):
    """What one process makes of a checkpoint: predictions as loaded, and after one more epoch."""
    model = sharded.network()
    model.compile("adam", "sparse_categorical_crossentropy")
    keras.saving.load_checkpoint(model, path)
    x = equal.cases.numbers(20, 6)
    first = model.predict(x, verbose=0)
    y = equal.cases.labels(66)
    model.fit(equal.cases.numbers(66, 6), y, batch_size=11, verbose=0, shuffle=False)
    return first, model.predict(x, verbose=0)


def test_a_checkpoint_in_parts_loads_on_one_and_two_processes_which_train_on(two):
    first, second = check(two, "checkpoint_in_parts")
    loaded, trained = continued(first["path"])
    for found in (first["found"], second["found"]):
        same(found, [loaded, loaded, trained, loaded, trained])


@pytest.mark.slow
def test_a_checkpoint_of_two_processes_loads_on_three(two, three):
    path = check(two, "checkpoint_in_parts")[0]["path"]
    loaded, trained = continued(path)
    for each in check(three, "checkpoint_in_parts"):
        same(each["found"], [loaded, loaded, trained, loaded, trained])


def test_a_checkpoint_in_parts_of_another_model_is_refused(two):
    path = check(two, "checkpoint_in_parts")[0]["path"]
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match="belongs to another model"):
        keras.saving.load_checkpoint(model, path)
    with pytest.raises(ValueError, match="has no weights to load"):
        keras.saving.load_checkpoint(keras.Sequential([keras.layers.Dense(3)]), path)


def test_a_sharded_training_that_is_begun_again_ends_as_if_nothing_had_happened(two):
    for found, whole in zip(check(two, "sharded_continued"), check(two, "undisturbed"), strict=True):
        same(found["weights"], whole["weights"])
        for name, values in whole["history"].items():
            np.testing.assert_allclose(found["history"][name], values, rtol=1e-6)


def test_what_cannot_be_sharded_is_refused_with_a_way_out(two):
    for found in check(two, "refusals"):
        assert "Lamb looks at a weight as a whole" in found["lamb"] and "AdamW" in found["lamb"]
        assert "Muon looks at a weight as a whole" in found["torch"]
        assert "has a fixed batch size" in found["batch"] and "`batch_shape`" in found["batch"]
        assert found["continued"] is None


def test_gradients_of_a_tape_are_those_of_whole_weights(two):
    keras.utils.set_random_seed(7)
    alone = sharded.taped_training()
    for found in check(two, "taped"):
        equal.close(found, alone, 1e-6)


def test_layers_of_models_to_be_sharded_are_built_beside_no_gpu(monkeypatch):
    monkeypatch.setattr(environment, "is_active", lambda: True)
    monkeypatch.delenv("KERAS_TORCH_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(config.placement, "gpu", lambda: torch.device("cuda", 0))
    environment.set_sharding("weights")
    try:
        assert config.default_device().type == "cuda"
        model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3), keras.layers.LayerNormalization()])
        assert {weight.device.type for weight in model.parameters()} == {"cpu"}
        assert sources.device_of(model).type == "cuda"
    finally:
        environment.set_sharding(None)


def test_weights_that_layouts_split_train_like_whole_ones(two):
    keras.utils.set_random_seed(7)
    before = keras.config.floatx()
    try:
        alone = sharded.words_trained()[1]
    finally:
        keras.config.set_floatx(before)
    first, second = check(two, "split_by_layouts")
    for each in (first, second):
        same(each["again"], each["weights"])
        for name in ("history", "evaluated", "predicted", "weights"):
            equal.close(each[name], alone[name], 1e-10)
    split = {key: [list(shape) for shape in value] for key, value in first["split"].items()}
    assert split["up/kernel"] == [[5, 8]] and split["down/kernel"] == [[8, 5]]
    assert split["embedding/embeddings"] == [[12, 4]]
    assert split["attention/query/kernel"] == [[4, 8]]
