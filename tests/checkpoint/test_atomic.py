"""Files are replaced in one step, or stay as they were."""

import os
from pathlib import Path

import pytest

import keras_torch as keras
from keras_torch import layers
from keras_torch.checkpoint import check_writable, replacing


def test_a_file_has_its_new_content_when_the_block_ends_and_not_earlier(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with replacing(str(path)) as temporary:
        Path(temporary).write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError("config")])
@pytest.mark.parametrize("stage", ["write", "fsync", "replace"])
def test_a_failure_leaves_the_former_file_and_nothing_else(tmp_path, monkeypatch, error, stage):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(*args, **kwargs):
        raise error

    if stage != "write":
        monkeypatch.setattr(os, stage, fail)
    with pytest.raises(type(error)), replacing(str(path)) as temporary:
        Path(temporary).write_text("new")
        if stage == "write":
            fail()
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["file"]


def test_a_model_that_cannot_be_saved_leaves_the_former_file(tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    path = tmp_path / "model.h5"
    model.save(path)
    before = path.read_bytes()

    def fail(self):
        raise RuntimeError("no config")

    monkeypatch.setattr(layers.Dense, "get_config", fail)
    with pytest.raises(RuntimeError, match="no config"):
        model.save(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["model.h5"]


def test_places_that_cannot_be_written_are_named(tmp_path, monkeypatch):
    check_writable(str(tmp_path / "new" / "deep" / "{epoch}" / "x.h5"), "Owner")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match=r"Owner cannot write .* is no folder"):
        check_writable(str(tmp_path / "file" / "x.h5"), "Owner")
    with pytest.raises(IsADirectoryError, match="name of a file"):
        check_writable(str(tmp_path), "Owner")
    monkeypatch.setattr(os, "access", lambda *args: False)
    with pytest.raises(PermissionError, match="not writable"):
        check_writable(str(tmp_path / "x{epoch}.h5"), "Owner")
