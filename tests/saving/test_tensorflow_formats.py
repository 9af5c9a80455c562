"""SavedModels and checkpoints that tf.keras wrote: read without TensorFlow, and none of a stranger's is trusted."""

from __future__ import annotations

import dataclasses
import functools
import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import keras_torch as keras
from keras_torch import config
from keras_torch.errors import ConfigError, FileFormatError
from keras_torch.saving import convert, inspect
from keras_torch.saving.legacy_weights import Assignment, assign
from keras_torch.saving.tensorflow import objects, protobuf, saved_model
from keras_torch.saving.tensorflow.bundle import Bundle
from keras_torch.saving.tensorflow.crc32c import crc32c, masked

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts" / "golden"))

import model_set  # noqa: E402
from model_set import custom  # noqa: E402

TABLE = model_set.table()


@functools.cache
def _files() -> dict[str, bytes]:
    with zipfile.ZipFile(ROOT / "tests" / "golden" / "saved_models_keras2150.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


NAMES = sorted({name.partition("/")[0] for name in _files() if "/" in name})
# Vocabularies are in no checkpoint.
OF_CHECKPOINTS = [name for name in NAMES if name not in ("counted", "texts", "words")]


def unpack(name: str, folder: Path) -> Path:
    """Write what belongs to a model, and return the path of the SavedModel; that of the checkpoint ends in .ckpt."""
    for member, content in _files().items():
        if member.startswith((f"{name}/", f"{name}.ckpt.")):
            (folder / member).parent.mkdir(parents=True, exist_ok=True)
            (folder / member).write_bytes(content)
    return folder / name


def follow(name: str, model: Any, inputs: Any, targets: Any) -> None:
    """Compare predictions, and the losses of further steps, with those of the model that was saved."""
    with np.load(io.BytesIO(_files()[f"{name}.npz"])) as stored:
        expected = dict(stored)
    outputs = model_set.predict(model, inputs)
    for index, output in enumerate(outputs):
        np.testing.assert_allclose(output, expected[f"output{index}"], rtol=1e-5, atol=1e-5)
    assert ("losses" in expected) == (model.optimizer is not None)
    if "losses" in expected:
        steps = 4 if name.startswith("layers-") else model_set.STEPS
        found = model_set.train(model, inputs, model_set.targets_like(outputs) if targets is None else targets, steps)
        for key, values in zip(expected["names"].tolist(), expected["losses"], strict=True):
            np.testing.assert_allclose(found[key], values[:steps], rtol=1e-4, atol=1e-4)


@pytest.fixture(autouse=True)
def custom_classes() -> None:
    """Make the custom classes of the models known."""
    custom.register(keras)


@pytest.mark.parametrize("name", NAMES)
def test_a_saved_model_of_tf_keras_predicts_and_trains_on(name: str, tmp_path: Path) -> None:
    entry = TABLE[name]
    with config.dialect_scope("tf"):
        _, inputs, targets = entry.build(keras, "2.15")
        model = keras.models.load_model(unpack(name, tmp_path), entry.objects(keras) if entry.objects else None)
        follow(name, model, inputs, targets)


@pytest.mark.parametrize("name", OF_CHECKPOINTS)
def test_weights_and_optimizer_come_from_a_checkpoint_of_tf_keras(name: str, tmp_path: Path) -> None:
    unpack(name, tmp_path)
    with config.dialect_scope("tf"):
        model, inputs, targets = TABLE[name].build(keras, "2.15")
        if not model.built:
            model_set.predict(model, inputs)
        model.load_weights(tmp_path / f"{name}.ckpt")
        follow(name, model, inputs, targets)


def test_the_loss_scale_of_mixed_precision_comes_along(tmp_path: Path) -> None:
    unpack("mixed", tmp_path)
    with config.dialect_scope("tf"):
        keras.mixed_precision.set_global_policy("mixed_float16")
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        model.compile("adam", "mse")
        keras.mixed_precision.set_global_policy("float32")
        model.load_weights(tmp_path / "mixed.ckpt")
        with np.load(io.BytesIO(_files()["mixed.npz"])) as stored:
            assert float(model.optimizer.dynamic_scale) == stored["scale"] < 2**15
            found = [variable.numpy() for variable in model.optimizer.variables]
            for index, array in enumerate(found):
                np.testing.assert_array_equal(array, stored[f"variable{index}"])
            assert len(found) == len(stored.files) - 1


def test_the_description_is_found_in_the_program_where_tensorflow_2_4_and_older_put_it(tmp_path: Path) -> None:
    folder = unpack("dicts", tmp_path)
    described = saved_model.describe(folder)
    (folder / "keras_metadata.pb").unlink()
    user = protobuf.field(1, b"_tf_keras_network") + protobuf.field(3, json.dumps(described).encode())
    other = protobuf.field(4, protobuf.field(1, b"_generic_user_object"))
    objects = protobuf.field(1, protobuf.field(4, user)) + protobuf.field(1, other)
    (folder / "saved_model.pb").write_bytes(protobuf.field(2, protobuf.field(7, objects)))
    assert keras.models.load_model(folder, compile=False).count_params() > 0
    (folder / "saved_model.pb").write_bytes(protobuf.field(2, protobuf.field(7, protobuf.field(1, other))))
    with pytest.raises(FileFormatError, match="without a model of tf.keras"):
        keras.models.load_model(folder)


def test_other_formats_are_made_of_a_saved_model_and_of_a_checkpoint(tmp_path: Path) -> None:
    source = unpack("small-nested", tmp_path)
    convert(source, tmp_path / "model.keras")
    convert(tmp_path / "small-nested.ckpt", tmp_path / "model.weights.h5", architecture=source)
    model, other = keras.models.load_model(source), keras.models.load_model(tmp_path / "model.keras")
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations) > 0
    other.set_weights([np.zeros_like(weight) for weight in other.get_weights()])
    other.load_weights(tmp_path / "model.weights.h5")
    for found, expected in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
    found = inspect(source)
    assert found.format == "saved-model" and found.keras_version == "2.15.0" and found.layers and found.compile
    assert sum(row.bytes for row in found.weights) == 4 * model.count_params()
    assert inspect(tmp_path / "small-nested.ckpt").format == "checkpoint"


def test_a_model_that_does_not_fit_keeps_its_weights_and_is_told_what_differs(tmp_path: Path) -> None:
    unpack("optimizer-adam", tmp_path)
    with config.dialect_scope("tf"):
        stored, _, _ = TABLE["optimizer-adam"].build(keras, "2.15")
        width = stored.input_shape[-1]
        model = keras.Sequential(
            [keras.Input((width,)), *(keras.layers.Dense(7) for _ in stored.layers), keras.layers.Dense(1)]
        )
        before = model.get_weights()
        with pytest.raises(ValueError, match=r"optimizer-adam.ckpt: the weight .*kernel"):
            model.load_weights(tmp_path / "optimizer-adam.ckpt")
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(FileFormatError, match="holds weights alone.*load_weights"):
        keras.models.load_model(tmp_path / "optimizer-adam.ckpt")


def test_damaged_files_are_refused_and_leave_the_model_alone(tmp_path: Path) -> None:
    folder = unpack("texts", tmp_path)
    random = np.random.RandomState(1)
    before = keras.models.load_model(folder).get_weights()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for _ in range(25):
            end = random.randint(len(content))
            place, value = random.randint(len(content)), random.randint(1, 256)
            changed = content[:place] + bytes([content[place] ^ value]) + content[place + 1 :]
            for damaged in (content[:end], changed):
                path.write_bytes(damaged)
                try:
                    weights = keras.models.load_model(folder, compile=False).get_weights()
                except (OSError, ValueError, RuntimeError, TypeError, NotImplementedError, KeyError):
                    continue
                # A change that goes unnoticed is in the text of the description, or in the part of the program unread.
                assert path.suffix == ".pb" or all(map(np.array_equal, weights, before))
        path.write_bytes(content)


def test_sizes_in_an_index_are_bounded_by_the_files(tmp_path: Path) -> None:
    unpack("texts", tmp_path)
    bundle = Bundle(tmp_path / "texts.ckpt")
    name, entry = next((name, entry) for name, entry in bundle.entries.items() if len(entry.shape) == 2)
    for change in ({"size": 2**50}, {"offset": 2**50}, {"shard": 3}, {"shape": (2**40, 2**40)}, {"checksum": 1}):
        bundle.entries[name] = type(entry)(**{**vars(entry), **change})
        with pytest.raises(FileFormatError, match=r"texts.ckpt.*damaged"):
            bundle.read(name)


def test_checksums_are_those_of_the_polynomial_however_long_the_data_are() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    data = np.random.RandomState(0).bytes(300_003)
    table = []
    for state in range(256):
        for _ in range(8):
            state = state >> 1 ^ (0x82F63B78 if state & 1 else 0)
        table.append(state)
    state = 0xFFFFFFFF
    for count, byte in enumerate(data, 1):
        state = table[(state ^ byte) & 255] ^ state >> 8
        if count in (45_481, 100_000, len(data)):
            assert crc32c(bytearray(data[:count])) == state ^ 0xFFFFFFFF, count


def write_index(prefix: Path, entries: list[tuple[int, bytes, bytes]]) -> None:
    """Write a table with one block. An entry is how much of the name before it is shared, the rest, and the value."""

    def block(rows: list[tuple[int, bytes, bytes]]) -> bytes:
        numbers = (map(protobuf.varint, (shared, len(own), len(value))) for shared, own, value in rows)
        parts = (b"".join(three) + own + value for three, (_, own, value) in zip(numbers, rows, strict=True))
        content = b"".join(parts) + (0).to_bytes(4, "little") + (1).to_bytes(4, "little") + b"\0"
        return content + masked(content).to_bytes(4, "little")

    def handle(start: int, content: bytes) -> bytes:
        return protobuf.varint(start) + protobuf.varint(len(content) - 5)

    data, empty = block(entries), block([])
    blocks = block([(0, b"\xff", handle(0, data))])
    footer = handle(len(data), empty) + handle(len(data) + len(empty), blocks)
    end = (0xDB4775248B80FB57).to_bytes(8, "little")
    Path(f"{prefix}.index").write_bytes(data + empty + blocks + footer.ljust(40, b"\0") + end)


def entry_of(array: np.ndarray) -> bytes:
    """Return what an index says of an array of float32 that is alone in its file."""
    sizes = b"".join(protobuf.field(2, protobuf.number_field(1, size)) for size in array.shape)
    content = array.tobytes()
    checksum = protobuf.varint(6 << 3 | 5) + masked(content).to_bytes(4, "little")
    return protobuf.number_field(1, 1) + protobuf.field(2, sizes) + protobuf.number_field(5, len(content)) + checksum


HEADER = (0, b"", protobuf.number_field(1, 1))


def test_large_arrays_are_checked_and_then_read_straight_into_the_weights(tmp_path: Path) -> None:
    array = np.random.RandomState(0).rand(300, 300).astype(np.float32)
    write_index(tmp_path / "c", [HEADER, (0, b"a", entry_of(array))])
    path = tmp_path / "c.data-00000-of-00001"
    path.write_bytes(array.tobytes())
    layer = keras.layers.Dense(300)
    layer.build((None, 300))
    source = Bundle(tmp_path / "c").source("a")
    assign([Assignment(layer.kernel, dataclasses.replace(source, read=None))])
    np.testing.assert_array_equal(layer.kernel.numpy(), array)
    path.write_bytes((array + 1).tobytes())
    with pytest.raises(FileFormatError, match="the checksum of 'a' does not fit"):
        assign([Assignment(layer.kernel, source)])
    np.testing.assert_array_equal(layer.kernel.numpy(), array)


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([(shared, b"ab", b"") for shared in range(0, 8000, 2)], "its names are longer"),
        ([(1, b"%d" % number, b"") for number in range(51)], "lists too many arrays"),
    ],
)
def test_names_in_an_index_do_not_take_memory_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: Any, why: str
) -> None:
    monkeypatch.setattr("keras_torch.saving.tensorflow.bundle._MAX_ENTRIES", 50 if "too many" in why else 10**6)
    write_index(tmp_path / "c", [HEADER, (0, b"a", b""), *entries])
    with pytest.raises(FileFormatError, match=why):
        Bundle(tmp_path / "c")


def test_objects_beyond_number_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpack("texts", tmp_path)
    bundle = Bundle(tmp_path / "texts.ckpt")
    for name, value in (("_MAX_NODES", 3), ("_MAX_BYTES", 30)):
        with monkeypatch.context() as patch, pytest.raises(FileFormatError, match="than any that are known"):
            patch.setattr(objects, name, value)
            objects.Graph(bundle)


@pytest.mark.parametrize("name", ["keras_metadata.pb", "saved_model.pb", "variables/variables.index", "variables"])
def test_links_out_of_a_saved_model_are_refused(name: str, tmp_path: Path) -> None:
    folder = unpack("texts", tmp_path / "in")
    (folder / name).rename(tmp_path / "outside")
    (folder / name).symlink_to(tmp_path / "outside")
    with pytest.raises(FileFormatError, match="leads out of the folder"):
        keras.models.load_model(folder)
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises((FileFormatError, OSError), match="no regular file|missing"):
        keras.models.load_model(folder)


class Own(keras.layers.Dense):
    """A layer without `get_config` in the eyes of a file."""

    def __init__(self, units: int) -> None:
        super().__init__(units)


def test_layers_that_were_saved_without_config_are_named_and_made_without_arguments(tmp_path: Path) -> None:
    folder = unpack("optimizer-adam", tmp_path)
    described = saved_model.describe(folder)
    plain = keras.models.load_model(folder)
    place = next(place for place, item in enumerate(described["config"]["layers"]) if item["class_name"] == "Dense")
    units = described["config"]["layers"][place]["config"]["units"]
    described["config"]["layers"][place] |= {"class_name": "Own", "config": {"layer was saved without config": True}}
    described["model_config"] = {"class_name": described["class_name"]}
    text = protobuf.field(4, b"_tf_keras_sequential")
    (folder / "keras_metadata.pb").write_bytes(
        protobuf.field(1, text + protobuf.field(5, json.dumps(described).encode()))
    )
    with pytest.raises(ConfigError, match=r"without the config of \['Own'\].*model.load_weights"):
        keras.models.load_model(folder, {"Own": Own})
    known = type("Own", (Own,), {"__init__": lambda self: Own.__init__(self, units)})
    model = keras.models.load_model(folder, {"Own": known}, compile=False)
    for found, expected in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(found, expected)
