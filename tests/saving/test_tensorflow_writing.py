"""Checkpoints written for TensorFlow: they hold what those of tf.keras do, under the same names."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import config
from keras_torch.saving import legacy_h5
from keras_torch.saving.tensorflow import bundle_writer, protobuf
from keras_torch.saving.tensorflow.bundle import STRING, Bundle
from keras_torch.saving.tensorflow.objects import GRAPH

sys.path.insert(0, str(Path(__file__).resolve().parent))

from test_tensorflow_formats import TABLE, custom, unpack  # noqa: E402

# The tables of words that a layer counted are in no file of ours, nor are the numbers that stand for Adafactor's.
NOT_WRITTEN = ("token_counts", "optimizer/_r/", "optimizer/_c/")


@pytest.fixture(autouse=True)
def dialect() -> Any:
    """Speak tf.keras, with the custom classes of the models known."""
    custom.register(keras)
    with config.dialect_scope("tf"):
        yield


def dense(units: int = 2) -> Any:
    """Return a small model."""
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units)])


@pytest.mark.parametrize(
    "name",
    [
        "layers-attention", "learnt-numbers", "small-multi_io", "small-nested", "mixed", "custom-layers", "subclassed",
        "optimizer-nadam", "optimizer-adafactor", "optimizer-cosine",
        "optimizer-legacy-nadam", "optimizer-legacy-rmsprop",
    ],
)  # fmt: skip
def test_what_tf_keras_wrote_is_written_again_with_the_same_names_types_and_numbers(name: str, tmp_path: Path) -> None:
    unpack(name, tmp_path)
    if name == "mixed":
        keras.mixed_precision.set_global_policy("mixed_float16")
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        model.compile("adam", "mse")
        keras.mixed_precision.set_global_policy("float32")
    else:
        model, inputs, _ = TABLE[name].build(keras, "2.15")
        if not model.built:
            model.predict(inputs, verbose=0)
    model.load_weights(tmp_path / f"{name}.ckpt")
    model.save_weights(tmp_path / "again")
    theirs, ours = Bundle(tmp_path / f"{name}.ckpt"), Bundle(tmp_path / "again")
    wanted = [key for key in theirs.entries if not any(part in key for part in NOT_WRITTEN)]
    assert sorted(ours.entries) == sorted(wanted)
    for key in wanted:
        assert (ours.dtype_name(key), ours.shape(key)) == (theirs.dtype_name(key), theirs.shape(key)), key
        # SGD of Keras keeps steps, which it does not look at without momentum.
        unused = getattr(model.optimizer, "momentum", 1.0) == 0.0 and "/_variables/" in key
        if key != GRAPH and not unused:
            # SGD's velocity is another number times the rate in torch.
            np.testing.assert_allclose(ours.read(key), theirs.read(key), rtol=1e-6, err_msg=key)


def test_arrays_of_all_types_and_orders_come_back_bit_by_bit(tmp_path: Path) -> None:
    large = torch.rand(300, 2, 260)
    arrays = {
        "turned": large.permute(2, 0, 1), "plain": large, "large bfloat16": large.to(torch.bfloat16).mT,
        "large complex": torch.complex(large, 2 * large).mT, "bool": torch.tensor([True, False]),
        "int8": torch.tensor(-3, dtype=torch.int8), "half": large[:, 0, :9].half(), "large bool": large.mT > 0.5,
        "empty": torch.zeros(0, 4), "double": np.float64(0.1), "text": b"\0text" * 100,
        # More than one block of the index.
        **{f"part/{number:05d}/{'x' * 700}": torch.tensor(number) for number in range(450)},
    }  # fmt: skip
    bundle_writer.write(str(tmp_path / "c"), arrays)
    bundle = Bundle(tmp_path / "c")
    assert set(bundle.entries) == set(arrays)
    assert bundle.entries["text"].type == STRING and bundle.read("text").item() == arrays["text"]
    for name, value in arrays.items():
        if name != "text":
            expected = torch.as_tensor(value)
            expected = expected.float() if expected.dtype is torch.bfloat16 else expected
            np.testing.assert_array_equal(bundle.read(name), expected.numpy(), strict=True)
    with pytest.raises(TypeError, match="no arrays of the type float8_e5m2"):
        bundle_writer.write(str(tmp_path / "c"), {"a": torch.zeros(2, dtype=torch.float8_e5m2)})
    assert set(Bundle(tmp_path / "c").entries) == set(arrays)


def test_the_layout_of_an_index_is_that_of_tensorflow(tmp_path: Path) -> None:
    bundle_writer.write(str(tmp_path / "c"), {"a": np.arange(2, dtype=np.float32)})
    # Header: one file, version 1. Entry: type 1, shape (2,), 8 bytes, and the checksum as four bytes.
    content = (tmp_path / "c.index").read_bytes()
    assert content[:9] == b"\0\0\6" + b"\x08\x01\x1a\x02\x08\x01"
    assert content[9:13] == b"\0\1" + bytes([15]) + b"a" and content[13:23] == b"\x08\1\x12\4\x12\2\x08\2\x28\x08"
    assert (tmp_path / "c.data-00000-of-00001").read_bytes() == np.arange(2, dtype="<f4").tobytes()
    fields = list(protobuf.fields(content[13:28]))
    assert [(number, kind) for number, kind, _ in fields] == [(1, 0), (2, 2), (5, 0), (6, 5)]


def test_a_former_checkpoint_is_replaced_when_the_new_one_is_whole_and_when_the_user_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, path = dense(), tmp_path / "w"
    model.save_weights(path)
    before = model.get_weights()
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "w.data-00000-of-00001", "w.index"]
    model.layers[0].bias.assign([1.0, 2.0])
    monkeypatch.setattr("builtins.input", lambda _: "n")
    model.save_weights(path, overwrite=False)
    with monkeypatch.context() as patch, pytest.raises(OSError, match="disk"):
        patch.setattr(bundle_writer, "_table", lambda _: (_ for _ in ()).throw(OSError("disk")))
        model.save_weights(path)
    assert sorted(os.listdir(tmp_path)) == ["checkpoint", "w.data-00000-of-00001", "w.index"]
    model.load_weights(path).assert_consumed()
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match=r"no ending of HDF5.*w\.h5"):
        model.save_weights(tmp_path / "w.h5", save_format="tf")
    with pytest.raises(ValueError, match="must be 'tf' or 'h5'"):
        model.save_weights(path, save_format="zip")


def test_files_of_before_under_names_without_ending_are_read_until_a_checkpoint_takes_the_name(tmp_path: Path) -> None:
    model, path = dense(), tmp_path / "w"
    legacy_h5.write_weights(str(path), model)
    (tmp_path / "w.index").write_text("The weights are in w, an HDF5 file.\n")
    before = model.get_weights()
    model.layers[0].bias.assign([1.0, 2.0])
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[1], before[1])
    model.layers[0].bias.assign([1.0, 2.0])
    model.save_weights(path)
    model.set_weights(before)
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[1], [1.0, 2.0])


def test_other_dialects_write_what_their_keras_did(tmp_path: Path) -> None:
    model = dense()
    for dialect in ("1", "2"):
        with config.dialect_scope(dialect):
            model.save_weights(tmp_path / dialect)
        assert keras.saving.inspect(tmp_path / dialect).format != "checkpoint"
    assert sorted(os.listdir(tmp_path)) == ["1", "2"]


def test_checkpoints_of_epochs_are_found_by_the_first_part_of_their_names(tmp_path: Path) -> None:
    model = dense()
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3), np.float32), np.ones((4, 2), np.float32)
    pattern = str(tmp_path / "cp-{epoch:02d}")
    saves = keras.callbacks.ModelCheckpoint(pattern, save_weights_only=True)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[saves])
    assert (tmp_path / "cp-02.index").exists() and not (tmp_path / "cp-02").exists()
    other = dense()
    other.compile(keras.optimizers.SGD(0.0), "mse")
    resumes = keras.callbacks.ModelCheckpoint(pattern, save_weights_only=True, load_weights_on_restart=True)
    other.fit(x, y, epochs=1, verbose=0, callbacks=[resumes])
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations) + 1 == 3
    # A prefix may be that of files in a folder, without more.
    (tmp_path / "folder").mkdir()
    inside = keras.callbacks.ModelCheckpoint(str(tmp_path / "folder") + "/", save_weights_only=True)
    model.fit(x, y, verbose=0, callbacks=[inside])
    assert (tmp_path / "folder" / ".index").exists()
