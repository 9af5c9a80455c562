"""KerasFileEditor looks into files of weights and changes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import keras_torch as keras
from keras_torch import layers
from keras_torch.saving import KerasFileEditor


def narrow() -> Any:
    start = keras.Input((2,))
    return keras.Model(start, layers.Dense(3, name="last")(layers.Dense(3, name="first")(start)))


def deep() -> Any:
    start = keras.Input((2,))
    hidden = layers.Dense(3, name="middle")(layers.Dense(3, name="first")(start))
    return keras.Model(start, layers.Dense(3, name="last")(hidden))


@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_a_file_becomes_that_of_a_model_with_a_layer_more(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, target = narrow(), deep()
    (model.save if name.endswith(".keras") else model.save_weights)(tmp_path / name)
    editor = KerasFileEditor(tmp_path / name)
    assert (editor.config is not None) == name.endswith(".keras")
    assert editor.compare(model) == {"status": "success", "error_count": 0, "match_count": 4}
    editor.rename_object("dense_1", "dense_2")
    editor.add_object("layers/dense_1", {"0": np.full((3, 3), 2.0)})
    assert editor.compare(target)["error_count"] == 1
    editor.add_weights("layers/dense_1", {"1": np.ones(4)})
    assert "Weight layers/dense_1/1: shape (4,) in the saved file, shape (3,)" in _shown(editor.compare, target, capsys)
    editor.add_weights("dense_1", {"1": np.ones(3)})
    assert editor.compare(target) == {"status": "success", "error_count": 0, "match_count": 6}
    editor.save(tmp_path / "new.weights.h5")
    target.load_weights(tmp_path / "new.weights.h5")
    for left, right in zip(target.get_weights()[::4] + [target.get_weights()[5]], _expected(model), strict=True):
        np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(target.get_layer("middle").kernel.numpy(), np.full((3, 3), 2.0))
    again = KerasFileEditor(tmp_path / "new.weights.h5")
    assert again.object_metadata["layers/dense_2"] == {"name": "last"}
    text = _shown(again.summary, None, capsys)
    assert "dense_2 ('last')" in text and "0: shape (2, 3), float32" in text


def _expected(model: Any) -> list[Any]:
    arrays = model.get_weights()
    return [arrays[0], arrays[2], arrays[3]]


def _shown(function: Any, argument: Any, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    function() if argument is None else function(argument)
    return capsys.readouterr().out


def test_optimizer_and_nested_objects_are_compared_too(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4, 2)), layers.Bidirectional(layers.LSTM(2)), layers.BatchNormalization()])
    model.compile("adam", "mse")
    model.fit(np.ones((2, 4, 2)), np.ones((2, 4)), verbose=0)
    model.save(tmp_path / "model.keras")
    editor = KerasFileEditor(tmp_path / "model.keras")
    assert editor.compare(model)["status"] == "success"
    assert "cell" in editor.weights_dict["layers"]["bidirectional"]["forward_layer"]
    editor.delete_weight("optimizer", "3")
    assert editor.compare(model)["error_count"] == 1
    editor.delete_object("layers/bidirectional/backward_layer")
    assert editor.compare(model)["error_count"] == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda editor: editor.rename_object("nothing", "x"), "'nothing' is not in the file"),
        (lambda editor: editor.rename_object("layers/nothing", "x"), "no object at the path 'layers/nothing'"),
        (lambda editor: editor.rename_object("dense", "layers/x"), "not a path"),
        (lambda editor: editor.rename_object("dense", "dense_1"), "beside 'layers/dense' already"),
        (lambda editor: editor.rename_object("dense", ".."), "A name must be"),
        (lambda editor: editor.delete_weight("dense", "7"), "no weight '7'.*'0', '1'"),
        (lambda editor: editor.add_object("a/b", {"0": 1}), "no object at the path 'a'"),
        (lambda editor: editor.add_object("a", [1]), "must be a dict"),
        (lambda editor: editor.add_weights("dense", {"../x": 1}), "A name must be"),
        (lambda editor: editor.save("model.h5"), "must end with"),
    ],
)
def test_what_cannot_be_done_is_an_error_that_changes_nothing(change: Any, text: str, tmp_path: Path) -> None:
    model = narrow()
    model.save_weights(tmp_path / "model.weights.h5")
    editor = KerasFileEditor(str(tmp_path / "model.weights.h5"))
    with pytest.raises(ValueError, match=text):
        change(editor)
    assert editor.compare(model)["status"] == "success"


def test_a_name_that_occurs_twice_needs_its_path(tmp_path: Path) -> None:
    model = keras.Sequential(
        [keras.Input((2,)), keras.Sequential([layers.Dense(2)]), keras.Sequential([layers.Dense(2)])]
    )
    model.save_weights(tmp_path / "model.weights.h5")
    editor = KerasFileEditor(tmp_path / "model.weights.h5")
    with pytest.raises(ValueError, match="'dense' occurs more than once.*layers/sequential"):
        editor.delete_object("dense")


def test_links_and_other_files_are_refused(tmp_path: Path) -> None:
    narrow().save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.ones(3)
    for link in (h5py.SoftLink("/layers"), h5py.ExternalLink("secret.h5", "/x")):
        with h5py.File(tmp_path / "model.weights.h5", "r+") as file:
            file.pop("bad", None)
            file["bad"] = link
        with pytest.raises(ValueError, match="link"):
            KerasFileEditor(tmp_path / "model.weights.h5")
    narrow().save(tmp_path / "old.h5")
    with pytest.raises(ValueError, match="Keras 2.12 or later"):
        KerasFileEditor(tmp_path / "old.h5")
    (tmp_path / "text.keras").write_text("nothing")
    with pytest.raises(ValueError, match="text.keras"):
        KerasFileEditor(tmp_path / "text.keras")
