"""The TensorBoard callback: what it writes, through a writer that only notes, so without the package tensorboard."""

from __future__ import annotations

import json
import os
import pickle
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

import keras_torch as keras
from keras_torch import callbacks, config
from keras_torch.callbacks import event_files

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tensorboard_keras215.json").read_text())


class NotingWriter:
    """Stands in for SummaryWriter: notes[folder][tag] lists (kind, step, value)."""

    notes: dict = {}

    def __init__(self, folder):
        self.log_dir = folder
        self.found = self.notes.setdefault(folder, defaultdict(list))
        self.open = True

    def _add(self, kind, tag, step, value):
        assert self.open
        self.found[tag].append((kind, step, value))

    def add_scalar(self, tag, value, step, new_style):
        self._add("scalars" if new_style else "simple", tag, step, value)

    def add_histogram(self, tag, values, step):
        self._add("histograms", tag, step, values)

    def add_image(self, tag, image, step, dataformats):
        assert dataformats == "HWC"
        self._add("images", tag, step, image)

    def add_embedding(self, points, labels, global_step, tag, metadata_header):
        self._add("embedding", tag, global_step, (points, labels, metadata_header))

    def flush(self):
        assert self.open

    def close(self):
        self.open = False


@pytest.fixture
def notes(monkeypatch):
    monkeypatch.setattr(NotingWriter, "notes", {})
    monkeypatch.setattr(event_files, "open_writer", NotingWriter)
    monkeypatch.setattr(
        event_files.EventFiles,
        "graphs",
        lambda self, name, model: self.writer(name)._add("graph_keras_model", "keras", 0, 0),
    )
    return NotingWriter.notes


def make(schedule=False, **options):
    ones = {"kernel_initializer": "ones"}
    model = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(3, name="hid", **ones), keras.layers.Dense(1, name="out", **ones)]
    )
    rate = keras.optimizers.schedules.ExponentialDecay(0.02, 4, 0.5) if schedule else 0.02
    model.compile(keras.optimizers.SGD(rate), "mse", metrics=["mae"], **options)
    return model


def data():
    x = np.arange(64, dtype="float32").reshape(16, 4) / 64
    return x, x[:, :1]


def fit(callback, model=None, epochs=3, validate=True, **options):
    x, y = data()
    (model or make()).fit(
        x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0, validation_data=(x, y) if validate else None,
        callbacks=[callback], **options,
    )  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN["cases"])
def test_tags_kinds_steps_and_values_are_those_of_keras_2_15(notes, tmp_path, name):
    with config.dialect_scope("tf"):
        callback = callbacks.TensorBoard(str(tmp_path), **GOLDEN["options"][name])
        if name == "evaluate":
            x, y = data()
            make().evaluate(x, y, batch_size=4, verbose=0, callbacks=[callback])
        else:
            fit(callback, make(name == "schedule"))
    assert {os.path.relpath(folder, tmp_path) for folder in notes} == set(GOLDEN["cases"][name])
    for folder, wanted in GOLDEN["cases"][name].items():
        found = notes[str(tmp_path / folder)]
        assert set(found) == set(wanted)
        for tag, expected in wanted.items():
            assert {kind for kind, _, _ in found[tag]} == {expected["kind"]}
            assert [step for _, step, _ in found[tag]] == expected["steps"]
            if "values" in expected:
                assert [value for _, _, value in found[tag]] == pytest.approx(expected["values"], rel=1e-4)


def test_keras_3_writes_the_learning_rate_and_the_paths_of_weights(notes, tmp_path):
    fit(callbacks.TensorBoard(tmp_path, histogram_freq=1, write_grads=True), epochs=1)
    train = notes[str(tmp_path / "train")]
    assert [value for _, _, value in train["epoch_learning_rate"]] == pytest.approx([0.02])
    assert {tag for tag in train if "hid" in tag} == {
        f"sequential/hid/{weight}/{kind}" for weight in ("kernel", "bias") for kind in ("histogram", "gradient")
    }
    ((_, _, gradient),) = train["sequential/hid/kernel/gradient"]
    assert gradient.shape == (12,) and np.abs(gradient).max() > 0


def test_keras_2_counts_samples_writes_plain_names_and_what_layers_give_out(notes, tmp_path):
    with config.dialect_scope("2"):
        model = make()
        fit(callbacks.TensorBoard(str(tmp_path), 2, 5, True, True, True, update_freq=8), model, epochs=2)
    (found,) = notes.values()
    assert list(notes) == [str(tmp_path) + os.sep] or list(notes) == [str(tmp_path)]
    assert [step for _, step, _ in found["loss"]] == [8, 16, 16, 24, 32, 32]
    assert [step for _, step, _ in found["val_mean_absolute_error"]] == [16, 32]
    assert {kind for tag in ("loss", "val_loss") for kind, _, _ in found[tag]} == {"simple"}
    assert not {"batch", "size"} & set(found)
    ((kind, step, values),) = found["hid_out"]
    assert (kind, step, values.size) == ("histograms", 0, 48)
    assert [entry[0] for entry in found["hid/kernel_0"]] == ["histograms", "images"] and found["hid/kernel_0_grad"]


def test_keras_2_needs_validation_arrays_for_histograms_and_keras_1_leaves_them_out(notes, tmp_path):
    with config.dialect_scope("2"), pytest.raises(ValueError, match="validation_data must be provided"):
        fit(callbacks.TensorBoard(str(tmp_path), histogram_freq=1), validate=False)
    notes.clear()
    with config.dialect_scope("1"):
        fit(callbacks.TensorBoard(str(tmp_path), 1), validate=False, epochs=1)
    (found,) = notes.values()
    assert set(found) == {"keras", "loss", "mean_absolute_error"}


def test_nothing_is_read_from_the_device_for_batches_that_are_not_written(notes, tmp_path, monkeypatch):
    reads = []
    read = callbacks.Logs.read
    monkeypatch.setattr(callbacks.Logs, "read", lambda logs: reads.append(1) or read(logs))
    fit(callbacks.TensorBoard(tmp_path, update_freq=1000), epochs=1, validate=False)
    several = len(reads)
    reads.clear()
    fit(callbacks.TensorBoard(tmp_path), epochs=1, validate=False)
    assert several == len(reads)
    every = callbacks.CallbackList([callbacks.TensorBoard(tmp_path)])
    assert not every.listens("on_train_batch_end") and not every.listens("on_train_batch_begin")


def test_steps_per_execution_passes_over_steps_and_writes_all_the_same(notes, tmp_path):
    fit(callbacks.TensorBoard(tmp_path, update_freq=2), make(steps_per_execution=3), epochs=2, validate=False)
    assert [step for _, step, _ in notes[str(tmp_path / "train")]["batch_loss"]] == [3, 4, 7, 8]


@pytest.mark.parametrize(
    ("shape", "size"),
    [((5,), (5, 1, 1)), ((4, 6), (4, 6, 1)), ((6, 4), (4, 6, 1)), ((3, 4, 2), (6, 4, 1)), ((3, 5, 2, 3), (15, 2, 3))],
)
def test_weights_become_images_of_their_filters(notes, shape, size):
    files = event_files.EventFiles({"train": "x"}, True)
    weight = torch.linspace(-1, 2, int(np.prod(shape))).reshape(shape)
    for scale in (False, True):
        files.image("train", f"scaled {scale}", weight, 0, True, scale)
    clipped, scaled = (entries[0][2] for entries in notes["x"].values())
    assert clipped.shape == scaled.shape == size
    assert clipped.min() == scaled.min() == 0 and clipped.max() == scaled.max() == 1
    assert (clipped == 0).mean() > (scaled == 0).mean()


def test_weights_of_other_shapes_and_of_nan_have_no_image_or_histogram(notes):
    files = event_files.EventFiles({"train": "x"}, True)
    files.writer("train")
    files.image("train", "deep", torch.ones(3, 3, 3, 2, 4), 0, True, False)
    files.image("train", "many", torch.ones(3, 3, 3, 7), 0, True, False)
    files.image("train", "nan", torch.full((3, 3), torch.nan), 0, True, False)
    files.histogram("train", "nan", torch.full((3, 3), torch.nan), 0)
    files.histogram("train", "part", torch.tensor([1.0, torch.inf, 2.0]), 0)
    assert list(notes["x"]) == ["part"] and notes["x"]["part"][0][2].tolist() == [1.0, 2.0]


def test_results_that_are_vectors_are_written_entry_by_entry_and_texts_not(notes):
    files = event_files.EventFiles({"train": "x"}, True)
    files.scalars("train", {"f1": np.array([0.25, 0.5]), "note": "text", "t": torch.tensor(2.0)}, 3)
    assert {tag: entries[0][1:] for tag, entries in notes["x"].items()} == {
        "f1/0": (3, 0.25), "f1/1": (3, 0.5), "t": (3, 2.0),
    }  # fmt: skip


def words(**options):
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Embedding(5, 3, name="words"), keras.layers.Flatten(), keras.layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    x = np.arange(16).reshape(4, 4) % 5
    model.fit(x, np.ones((4, 1)), epochs=3, verbose=0, callbacks=[callbacks.TensorBoard(**options)])
    return model


def test_tables_of_embeddings_are_written_with_their_labels(notes, tmp_path):
    (tmp_path / "labels.tsv").write_text("a\nb\nc\nd\ne\n")
    model = words(log_dir=tmp_path, embeddings_freq=2, embeddings_metadata={"words": "labels.tsv"})
    entries = notes[str(tmp_path / "train")]["words"]
    assert [step for _, step, _ in entries] == [0, 2]
    points, labels, header = entries[-1][2]
    np.testing.assert_array_equal(points, model.layers[0].get_weights()[0])
    assert labels == list("abcde") and header is None
    (tmp_path / "labels.tsv").write_text("word\tkind\n" + "".join(f"{c}\t{i}\n" for i, c in enumerate("abcde")))
    notes.clear()
    words(log_dir=tmp_path, embeddings_freq=9, embeddings_metadata=str(tmp_path / "labels.tsv"))
    ((_, _, (_, labels, header)),) = notes[str(tmp_path / "train")]["words"]
    assert labels[1] == ["b", "1"] and header == ["word", "kind"]


def test_outputs_of_named_layers_for_given_data_are_written(notes, tmp_path):
    x, _ = data()
    model = make()
    callback = callbacks.TensorBoard(
        tmp_path, embeddings_freq=1, embeddings_layer_names=["hid"], embeddings_data=x, batch_size=5
    )
    fit(callback, model, epochs=1)
    ((_, _, (points, labels, _)),) = notes[str(tmp_path / "train")]["hid"]
    kernel, bias = model.layers[0].get_weights()
    np.testing.assert_allclose(points, x @ kernel + bias, rtol=1e-5)
    assert labels is None


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"embeddings_metadata": {"letters": "x"}},
            "`embeddings_metadata` of TensorBoard names.*'letters'.*words",
        ),
        ({"embeddings_layer_names": ["letters"]}, "`embeddings_layer_names` of TensorBoard names a layer"),
        ({"embeddings_layer_names": ["flatten"]}, "'flatten', which is no Embedding: pass `embeddings_data`"),
        ({"embeddings_metadata": "nowhere.tsv"}, "There is no file 'nowhere.tsv'"),
    ],
)
def test_embeddings_that_cannot_be_written_say_why(notes, tmp_path, options, text):
    keras.backend.clear_session()
    with pytest.raises(ValueError, match=text):
        words(log_dir=tmp_path, embeddings_freq=1, **options)


def test_labels_must_be_as_many_as_points(notes, tmp_path):
    (tmp_path / "labels.tsv").write_text("a\nb\n")
    with pytest.raises(ValueError, match="of which layer 'words' has 5. Received: .*labels.tsv' with 2 lines"):
        words(log_dir=tmp_path, embeddings_freq=1, embeddings_metadata=str(tmp_path / "labels.tsv"))


@pytest.mark.parametrize(("batches", "traces"), [(2, 1), ((2, 3), 1), ("1,5", 1), (0, 0), (99, 0)])
def test_batches_are_profiled_by_torch(notes, tmp_path, batches, traces):
    callback = callbacks.TensorBoard(tmp_path, profile_batch=batches)
    fit(callback, epochs=2, validate=False)
    files = list((tmp_path / "train").glob("*.pt.trace.json")) if traces else []
    assert len(files) == traces and callback._profiler is None
    for file in files:
        steps = sum("addmm" in event.get("name", "") for event in json.loads(file.read_text())["traceEvents"])
        first, last = (batches, batches) if isinstance(batches, int) else (2, 3) if batches == (2, 3) else (1, 5)
        assert steps >= 2 * (last - first + 1)


@pytest.mark.parametrize("value", [-1, (3, 2), (1, 2, 3), "a", None, "2,1", 1.5])
def test_a_wrong_range_of_batches_is_refused(value):
    with pytest.raises(ValueError, match="`profile_batch` of TensorBoard must be 0, the number of a batch, or a pair"):
        callbacks.TensorBoard(profile_batch=value)


@pytest.mark.parametrize("value", ["batches", 0, -3])
def test_a_wrong_update_freq_is_refused(value):
    with pytest.raises(ValueError, match="`update_freq` of TensorBoard must be .*Received: "):
        callbacks.TensorBoard(update_freq=value)


def test_a_callback_runs_twice_and_pickles(notes, tmp_path):
    callback = callbacks.TensorBoard(tmp_path)
    for _ in range(2):
        fit(callback, epochs=1)
    fit(pickle.loads(pickle.dumps(callback)), epochs=1)
    assert len(notes[str(tmp_path / "train")]["epoch_loss"]) == 3


def test_a_missing_package_is_named_before_the_training(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    seen = []
    note = callbacks.LambdaCallback(on_train_begin=lambda logs: seen.append(1))
    x, y = data()
    with pytest.raises(ImportError, match="needs the package tensorboard: pip install tensorboard"):
        make().fit(x, y, verbose=0, callbacks=[note, callbacks.TensorBoard(tmp_path)])
    assert not seen


def test_files_are_read_by_tensorboard(tmp_path):
    accumulators = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.util import tensor_util

    fit(callbacks.TensorBoard(tmp_path, histogram_freq=1, write_images=True), epochs=2)
    words(log_dir=tmp_path / "words", embeddings_freq=3)
    files = accumulators.EventAccumulator(str(tmp_path / "train"))
    files.Reload()
    tags = files.Tags()
    assert {"keras", "epoch_loss", "epoch_mae", "epoch_learning_rate"} <= set(tags["tensors"])
    assert "hid/kernel/histogram" in tags["histograms"] and "hid/kernel/image" in tags["images"] and tags["graph"]
    assert [node.op for node in files.Graph().node][1] == "call_module: hid"
    (graph,) = files.Tensors("keras")
    assert json.loads(tensor_util.make_ndarray(graph.tensor_proto).item())["class_name"] == "Sequential"
    assert (tmp_path / "words" / "train" / "projector_config.pbtxt").exists()
