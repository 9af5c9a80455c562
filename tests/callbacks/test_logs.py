from __future__ import annotations

import json
import pickle

import pytest
import torch

from keras_torch.callbacks import Logs, MetricDict


def test_values_become_python_floats_when_looked_at():
    logs = Logs({"loss": torch.tensor(0.5), "accuracy": torch.tensor(0.25, dtype=torch.float64), "lr": 0.1})
    assert type(logs["loss"]) is float and logs["loss"] == 0.5
    assert type(logs.get("accuracy")) is float
    assert dict(logs) == {"loss": 0.5, "accuracy": 0.25, "lr": 0.1} == {**logs}
    assert json.loads(json.dumps(logs)) == dict(logs)


def test_all_values_are_read_in_one_transfer(monkeypatch):
    reads = []
    read = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: reads.append(tensor.shape) or read(tensor))
    logs = Logs({name: torch.tensor(1.0) for name in "abcd"})
    assert list(logs) == list("abcd") and "a" in logs and len(logs) == 4
    assert reads == []
    assert logs["a"] == 1.0 and logs["b"] == 1.0
    assert reads == [torch.Size([4])]


def test_a_function_is_asked_once_and_only_when_needed():
    calls = []

    def results():
        calls.append(1)
        return {"loss": torch.tensor(2.0)}

    logs = Logs(results)
    assert calls == []
    assert logs["loss"] == 2.0 and "loss" in logs
    assert calls == [1]


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("accuracy", "acc"),
        ("acc", "accuracy"),
        ("val_accuracy", "val_acc"),
        ("out_acc", "out_accuracy"),
        ("val_out_accuracy", "val_out_acc"),
        ("lr", "learning_rate"),
    ],
)
def test_both_spellings_answer(stored, asked):
    for logs in (Logs({stored: torch.tensor(0.5)}), MetricDict({stored: 0.5})):
        assert logs[asked] == logs.get(asked) == 0.5 and asked in logs
        assert list(logs) == [stored]
        assert "{" + asked + ":.1f}" and ("{" + asked + ":.1f}").format_map(logs) == "0.5"


def test_other_names_stay_missing():
    logs = Logs({"accuracy": 0.5})
    assert logs.get("loss") is None and "loss" not in logs
    with pytest.raises(KeyError):
        logs["binary_acc"]


def test_vectors_become_arrays_and_what_a_callback_stores_stays():
    logs = Logs({"per_class": torch.tensor([0.25, 0.5])})
    logs["mine"] = 3
    assert logs["per_class"].tolist() == [0.25, 0.5] and logs["mine"] == 3


def test_copies_and_pickles_hold_plain_numbers():
    logs = Logs({"loss": torch.tensor(0.5)})
    again = pickle.loads(pickle.dumps(logs))
    assert again == {"loss": 0.5} and logs.copy() == {"loss": 0.5}
    assert repr(logs) == "{'loss': 0.5}"
    assert logs.pop("loss") == 0.5 and logs.pop("loss", None) is None and not logs


def test_all_ways_into_a_dict_see_numbers():
    def logs():
        return Logs(lambda: {"loss": torch.tensor(0.5), "acc": torch.tensor(0.25)})

    assert (
        logs() | {"more": 1} == {"loss": 0.5, "acc": 0.25, "more": 1} == {"loss": 0.5, "acc": 0.25} | Logs({"more": 1})
    )
    assert list(reversed(logs())) == ["acc", "loss"]
    assert logs().popitem() == ("acc", 0.25)
    assert logs() != {"loss": 1.0} and logs() == logs()
    changed = logs()
    changed |= {"lr": torch.tensor(2.0)}
    del changed["accuracy"]
    assert changed == {"loss": 0.5, "lr": 2.0}
    changed.clear()
    assert not changed


def test_tensors_inside_lists_and_dicts_become_arrays():
    logs = Logs({"outputs": [torch.ones(2), {"a": torch.zeros(1, dtype=torch.bfloat16)}]})
    assert logs["outputs"][0].tolist() == [1.0, 1.0] and logs["outputs"][1]["a"].dtype == "float32"


def test_entries_added_later_do_not_compute_the_others():
    calls = []
    logs = Logs(lambda: calls.append(1) or {"loss": 1.0})
    logs.add_later(batch=3)
    assert calls == []
    assert logs == {"loss": 1.0, "batch": 3} and calls == [1]
