"""Series and text files as datasets, ranks as vectors, settings, embeddings for another vocabulary."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch.utils import (
    Config,
    text_dataset_from_directory,
    timeseries_dataset_from_array,
    to_ordinal,
    warmstart_embedding_matrix,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "windows_and_texts_keras2150.json").read_text("utf-8"))
DATA, TARGETS = np.array(GOLDEN["data"]), np.array(GOLDEN["targets"])


def plain(batch: Any) -> list[Any]:
    parts = batch if isinstance(batch, tuple) else (batch,)
    return [part.tolist() if hasattr(part, "tolist") else part for part in parts]


@pytest.mark.parametrize(("case", "targets", "wanted"), GOLDEN["series"])
def test_windows_are_those_of_keras(case: dict[str, Any], targets: bool, wanted: list[Any]) -> None:
    for kind in (np.asarray, torch.as_tensor):
        dataset = timeseries_dataset_from_array(kind(DATA), kind(TARGETS) if targets else None, **case)
        assert len(dataset) == len(wanted)
        assert [plain(batch) for batch in dataset] == wanted


def test_shuffled_windows_are_all_there_and_in_the_same_order_for_a_seed() -> None:
    datasets = [timeseries_dataset_from_array(DATA, TARGETS, 3, shuffle=True, seed=5, batch_size=4) for _ in range(2)]
    orders = [torch.cat([targets for _, targets in dataset]).tolist() for dataset in datasets]
    assert orders[0] == orders[1] != sorted(orders[0])
    assert sorted(orders[0]) == TARGETS[:13].tolist()
    assert torch.cat([targets for _, targets in datasets[0]]).tolist() != orders[0]
    windows, targets = next(iter(datasets[0]))
    assert torch.equal(windows[:, 0, 0], targets.to(windows.dtype) / 5)


def test_models_train_on_windows() -> None:
    dataset = timeseries_dataset_from_array(DATA / 30, TARGETS / 150, 3, batch_size=4)
    model = keras.Sequential([keras.layers.LSTM(3), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    assert len(model.fit(dataset, epochs=2, verbose=0).history["loss"]) == 2


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"start_index": -1}, "`start_index` must be from 0 to below the length 15"),
        ({"start_index": 15}, "`start_index` must be"),
        ({"end_index": 15}, "`end_index` must be above `start_index=None` and below the length 15"),
        ({"start_index": 4, "end_index": 4}, "`end_index` must be above `start_index=4`"),
        ({"sampling_rate": 0}, "`sampling_rate` must be from 1 to below the length 15"),
        ({"sequence_stride": 15}, "`sequence_stride` must be from 1"),
        ({"sequence_length": 0}, "`sequence_length` must be 1 or more"),
        ({"format": "csv"}, '`format` must be "tf" or "grain"'),
    ],
)
def test_places_outside_of_a_series_are_refused(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        timeseries_dataset_from_array(DATA, TARGETS, **{"sequence_length": 2, **arguments})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in GOLDEN["texts"].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode())
    return tmp_path


@pytest.mark.parametrize(("case", "wanted", "names"), GOLDEN["files"])
def test_text_files_are_those_of_keras(folder: Path, case: dict[str, Any], wanted: list[Any], names: list[str]) -> None:
    dataset = text_dataset_from_directory(folder, verbose=False, **case)
    assert [sorted(plain(batch)[0]) if case["shuffle"] else plain(batch) for batch in dataset] == wanted
    assert dataset.class_names == names or (dataset.class_names is None and case["labels"] is None)


def test_models_train_on_texts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training, validation = text_dataset_from_directory(
        folder, validation_split=0.4, subset="both", seed=3, label_mode="binary", batch_size=2
    )
    assert "Found 5 files belonging to 2 classes." in capsys.readouterr().out
    vectorize = keras.layers.TextVectorization(output_sequence_length=4)
    vectorize.adapt(np.array([text for texts, _ in training for text in texts]))
    model = keras.Sequential([vectorize, keras.layers.Embedding(20, 3), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    assert "val_loss" in model.fit(training, validation_data=validation, epochs=1, verbose=0).history


def test_texts_that_are_no_utf_8_are_read_and_wrong_arguments_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    assert [plain(text) for text in text_dataset_from_directory(tmp_path, labels=None, batch_size=None)] == [
        ["caf\ufffd"]
    ]
    with pytest.raises(ValueError, match="`max_length` must be a positive whole number"):
        text_dataset_from_directory(tmp_path, max_length=0)
    with pytest.raises(ValueError, match='`format` must be "tf" or "grain"'):
        text_dataset_from_directory(tmp_path, format="csv")
    with pytest.raises(ValueError, match="No text files found"):
        text_dataset_from_directory(tmp_path, verbose=False)


@pytest.mark.parametrize(("ranks", "classes", "wanted"), GOLDEN["ranks"])
def test_ranks_become_vectors_of_leading_ones(ranks: Any, classes: int | None, wanted: Any) -> None:
    assert to_ordinal(ranks, classes).tolist() == wanted
    assert to_ordinal(torch.tensor(ranks), classes).tolist() == wanted
    assert to_ordinal(ranks, classes, dtype="int8").dtype == np.int8


def test_a_config_is_a_dict_whose_entries_are_attributes() -> None:
    config = Config(rate=0.1, momentum=0.9)
    config.seed = 3
    config["more"] = [1]
    assert (config.rate, config["seed"], config.get("none", 5), len(config)) == (0.1, 3, 5, 4)
    assert list(config) == ["momentum", "more", "rate", "seed"] and "seed" in config
    assert json.loads(config.to_json()) == config.as_dict()
    assert config.pop("more") == [1]
    config.update({"rate": 0.2}, seed=4)
    assert repr(config) == "<Config {'rate': 0.2, 'momentum': 0.9, 'seed': 4}>"
    config.freeze()
    assert config.frozen
    for change in (lambda: config.update(a=1), lambda: config.pop("rate"), lambda: setattr(config, "rate", 1)):
        with pytest.raises(ValueError, match="This Config is frozen.*`unfreeze"):
            change()
    for again in (copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert again.as_dict() == config.as_dict() and again.frozen
    config.unfreeze()
    del config.rate, config["seed"]
    assert config.as_dict() == {"momentum": 0.9}
    with pytest.raises(AttributeError, match="no setting 'momentun'. Did you mean \"momentum\"?"):
        _ = config.momentun
    with pytest.raises(AttributeError, match="'freeze' is a method of Config"):
        config.freeze = 1


def test_embeddings_of_known_words_are_taken_over(tmp_path: Path) -> None:
    base = np.arange(6, dtype="float32").reshape(3, 2)
    found = warmstart_embedding_matrix(["a", "b", "c"], np.array(["x", "c", "a"]), base, "ones")
    assert found.tolist() == [[1, 1], [4, 5], [0, 1]] and found.dtype == torch.float32
    (tmp_path / "words.txt").write_text("b\na\n")
    assert warmstart_embedding_matrix(["a", "b"], tmp_path / "words.txt", base).tolist() == [[2, 3], [0, 1]]
    for arguments, problem in (
        ((["a"], [], base), "`new_vocabulary` must have at least one word"),
        (("nothing.txt", ["a"], base), "`base_vocabulary` is not the path of a file"),
        ((3, ["a"], base), "`base_vocabulary` must be a list, an array or the path"),
        ((list("abcd"), ["a"], base), "a row for each of the 4 words"),
    ):
        with pytest.raises(ValueError, match=problem):
            warmstart_embedding_matrix(*arguments)
