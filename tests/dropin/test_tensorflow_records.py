"""Records, examples and tensors in bytes are what TensorFlow writes (`scripts/golden/tensorflow_records.py`)."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from keras_torch import dropin

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tensorflow_records_215.json").read_text(encoding="utf-8"))
ROWS = [
    (b"\xff\xd8\x00", [3, -7, 2**40], [b"a", b"bc"], [0.5, -2.25]),
    (b"", [1, 2, 300], [], [1.5, 0.1]),
]


@pytest.fixture(scope="module")
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def data(text):
    return base64.b64decode(text)


def plain(tf, item):
    if isinstance(item, dict):
        return {key: plain(tf, part) for key, part in sorted(item.items())}
    if isinstance(item, tf.SparseTensor):
        return [plain(tf, item.indices), plain(tf, item.values), plain(tf, item.dense_shape)]
    if isinstance(item, torch.Tensor):
        return item.tolist()
    return item.decode() if isinstance(item, bytes) else item.tolist()


def features(tf):
    return {
        "label": tf.io.FixedLenFeature([3], tf.int64),
        "score": tf.io.FixedLenFeature([1, 2], tf.float32),
        "words": tf.io.VarLenFeature(tf.string),
        "more": tf.io.FixedLenFeature([], tf.float32, default_value=4.5),
        "name": tf.io.FixedLenFeature([], tf.string, default_value="none"),
    }


def example(tf, image, label, words, score):
    lists = {
        "image": {"bytes_list": tf.train.BytesList(value=[image])},
        "label": {"int64_list": tf.train.Int64List(value=np.array(label))},
        "score": {"float_list": tf.train.FloatList(value=score)},
        "words": {"bytes_list": tf.train.BytesList(value=words)},
    }
    made = {name: tf.train.Feature(**kind) for name, kind in lists.items()}
    return tf.train.Example(features=tf.train.Features(feature=made))


def test_examples_are_written_and_read_as_tensorflow_does(tf):
    for row, written in zip(ROWS, GOLDEN["examples"], strict=True):
        made = example(tf, *row)
        assert made.SerializeToString() == data(written)
        assert tf.train.Example.FromString(data(written)) == made
        assert made.features.feature["label"].int64_list.value == row[1]
    assert 'key: "score"' in str(made)


def test_examples_are_parsed_to_tensorflows_values(tf):
    messages = list(map(data, GOLDEN["examples"]))
    for message, parsed in zip(messages, GOLDEN["parsed"], strict=True):
        assert plain(tf, tf.io.parse_single_example(message, features(tf))) == parsed
    together = tf.io.parse_example(messages, features(tf))
    assert plain(tf, together) == GOLDEN["parsed_together"]
    assert tf.sparse.to_dense(together["words"], "-").numpy().tolist() == [[b"a", b"bc"], [b"-", b"-"]]


def test_a_sequence_example_is_parsed(tf):
    found = tf.io.parse_single_sequence_example(
        data(GOLDEN["sequence"]),
        {"length": tf.io.FixedLenFeature([], tf.int64)},
        {"pairs": tf.io.FixedLenSequenceFeature([2], tf.int64)},
    )
    assert [plain(tf, part) for part in found] == GOLDEN["parsed_sequence"]


@pytest.mark.parametrize(
    ("name", "described", "message"),
    [
        ("label", ([2], "int64"), r"must have the shape \(2,\)"),
        ("label", ([3], "float32"), "holds int64 numbers"),
        ("other", ([], "int64"), "no feature 'other'"),
        ("label", ([3], "int32"), "Features are tf.float32"),
    ],
)
def test_a_record_that_does_not_fit_says_what_does_not(tf, name, described, message):
    with pytest.raises(ValueError, match=message):
        tf.io.parse_single_example(data(GOLDEN["examples"][0]), {name: tf.io.FixedLenFeature(*described)})


def test_files_of_records_are_those_of_tensorflow(tf, tmp_path):
    records = [b"", b"first", bytes(range(256)) * 3]
    with tf.io.TFRecordWriter(str(tmp_path / "a")) as writer:
        for record in records:
            writer.write(record)
    assert (tmp_path / "a").read_bytes() == data(GOLDEN["file"])
    with tf.io.TFRecordWriter(str(tmp_path / "b"), tf.io.TFRecordOptions("GZIP")) as writer:
        writer.write(records[1])
    assert gzip.decompress((tmp_path / "b").read_bytes())[12:17] == b"first"
    assert [item.numpy() for item in tf.data.TFRecordDataset(str(tmp_path / "a"))] == records
    assert [item.numpy() for item in tf.data.TFRecordDataset([str(tmp_path / "b")], "GZIP")] == records[1:2]


def test_a_pipeline_of_records_feeds_a_model(tf, tmp_path):
    path = str(tmp_path / "some.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for number in range(8):
            pixels = np.full((2, 2), number, "uint8")
            writer.write(example(tf, pixels.tobytes(), [number, 0, 0], [], [number, 1.0]).SerializeToString())
    wanted = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([3], tf.int64)}

    def parse(record):
        found = tf.io.parse_single_example(record, wanted)
        return tf.reshape(tf.io.decode_raw(found["image"], tf.uint8), (2, 2)), found["label"][0]

    images, labels = next(iter(tf.data.TFRecordDataset(path).map(parse, tf.data.AUTOTUNE).batch(8)))
    assert images[:, 1, 1].numpy().tolist() == labels.numpy().tolist() == list(range(8))
    batches = tf.data.TFRecordDataset(path).batch(4).map(lambda batch: tf.io.parse_example(batch, wanted))
    assert [batch["label"].shape for batch in batches] == [(4, 3), (4, 3)]
    assert next(iter(batches))["image"].numpy()[3] == b"\x03\x03\x03\x03"


@pytest.mark.parametrize("position", [0, 8, 14, -1])
def test_a_damaged_file_of_records_is_an_error(tf, tmp_path, position: int):
    content = bytearray(data(GOLDEN["file"])[16:])
    content[position] ^= 1
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(tf.errors.DataLossError, match="wrong|damaged"):
        list(tf.data.TFRecordDataset(str(tmp_path / "a")))
    (tmp_path / "a").write_bytes(data(GOLDEN["file"])[:-30])
    with pytest.raises(tf.errors.DataLossError, match="ends within a record"):
        list(tf.data.TFRecordDataset(str(tmp_path / "a")))


@pytest.mark.parametrize("number", range(len(GOLDEN["tensors"])))
def test_tensors_in_bytes_are_those_of_tensorflow(tf, number: int):
    case = GOLDEN["tensors"][number]
    found = tf.io.parse_tensor(data(case["bytes"]), case["dtype"])
    assert found.numpy().dtype == (object if case["dtype"] == "string" else case["dtype"])
    assert plain(tf, found) == case["value"]
    again = tf.io.serialize_tensor(found)
    assert plain(tf, tf.io.parse_tensor(again, case["dtype"])) == case["value"]
    with pytest.raises(ValueError, match="another type"):
        tf.io.parse_tensor(again, "float64")


def test_what_repeats_in_a_tensor_may_be_left_out(tf):
    assert tf.io.parse_tensor(data(GOLDEN["unpacked_tensor"]), tf.int32).numpy().tolist() == [7, 7, 7]


def test_lines_of_tables_become_columns(tf):
    found = tf.io.decode_csv(["1,x,0.5", '2,"a, b",'], [0, "none", [9.0]])
    assert [plain(tf, item) for item in found] == GOLDEN["columns"]
    # An empty tensor says of which type a column is that every line must have.
    (wide,) = tf.io.decode_csv(["1"], [tf.constant([], dtype=tf.float64)])
    assert wide.dtype == tf.float64


@pytest.mark.parametrize("content", [b"\xff", b"\x0a\x7f", b"\x0b", b"\x80" * 11])
def test_bytes_that_are_no_message_are_an_error(tf, content: bytes):
    with pytest.raises(ValueError, match="protobuf"):
        tf.train.Example.FromString(content)
