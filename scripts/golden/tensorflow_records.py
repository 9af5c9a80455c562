"""Write tests/golden/tensorflow_records_215.json: records, examples and tensors as TensorFlow writes them.

Run with TensorFlow 2.15. Bytes are in base64. `parsed` is what its functions made of them, arrays as lists.
"""

import base64
import json
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf


def text(data):
    return base64.b64encode(bytes(data)).decode()


def plain(item):
    if isinstance(item, dict):
        return {key: plain(part) for key, part in sorted(item.items())}
    if isinstance(item, tf.SparseTensor):
        return [plain(item.indices), plain(item.values), plain(item.dense_shape)]
    array = item.numpy()
    if item.dtype == tf.string:
        return np.vectorize(lambda part: part.decode(), otypes=[object])(np.asarray(array, object)).tolist()
    return array.tolist()


def example(image, label, words, score):
    def feature(**kinds):
        ((kind, values),) = kinds.items()
        made = {"bytes_list": tf.train.BytesList, "float_list": tf.train.FloatList, "int64_list": tf.train.Int64List}
        return tf.train.Feature(**{kind: made[kind](value=values)})

    return tf.train.Example(
        features=tf.train.Features(
            feature={
                "image": feature(bytes_list=[image]),
                "label": feature(int64_list=label),
                "score": feature(float_list=score),
                "words": feature(bytes_list=words),
            }
        )
    )


EXAMPLES = [
    (b"\xff\xd8\x00", [3, -7, 2**40], [b"a", b"bc"], [0.5, -2.25]),
    (b"", [1, 2, 300], [], [1.5, 0.1]),
]
FEATURES = {
    "label": tf.io.FixedLenFeature([3], tf.int64),
    "score": tf.io.FixedLenFeature([1, 2], tf.float32),
    "words": tf.io.VarLenFeature(tf.string),
    "more": tf.io.FixedLenFeature([], tf.float32, default_value=4.5),
    "name": tf.io.FixedLenFeature([], tf.string, default_value="none"),
}


def sequence():
    steps = [
        tf.train.Feature(int64_list=tf.train.Int64List(value=[1, 2])),
        tf.train.Feature(int64_list=tf.train.Int64List(value=[3, 400])),
    ]
    made = tf.train.SequenceExample(
        context=tf.train.Features(feature={"length": tf.train.Feature(int64_list=tf.train.Int64List(value=[2]))}),
        feature_lists=tf.train.FeatureLists(feature_list={"pairs": tf.train.FeatureList(feature=steps)}),
    )
    return made.SerializeToString(deterministic=True)


def file_of(records, options=None):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records"
        with tf.io.TFRecordWriter(str(path), options) as writer:
            for record in records:
                writer.write(record)
        return path.read_bytes()


if __name__ == "__main__":
    messages = [example(*row).SerializeToString(deterministic=True) for row in EXAMPLES]
    tensors = [np.array([[1.5, -2], [0, 3]], "float32"), np.array([1, -2], "int64"), np.array(["a", "bc"], object)]
    tensors += [np.array([True, False]), np.zeros((2, 0), "uint8"), np.array(-3, "int32")]
    found = {
        "examples": [text(message) for message in messages],
        "parsed": [plain(tf.io.parse_single_example(message, FEATURES)) for message in messages],
        "parsed_together": plain(tf.io.parse_example(messages, FEATURES)),
        "sequence": text(sequence()),
        "parsed_sequence": [
            plain(part)
            for part in tf.io.parse_single_sequence_example(
                sequence(),
                {"length": tf.io.FixedLenFeature([], tf.int64)},
                {"pairs": tf.io.FixedLenSequenceFeature([2], tf.int64)},
            )
        ],
        "file": text(file_of([b"", b"first", bytes(range(256)) * 3])),
        "tensors": [
            {"bytes": text(tf.io.serialize_tensor(item).numpy()), "dtype": tf.constant(item).dtype.name,
             "value": plain(tf.constant(item))}
            for item in tensors
        ],
        "unpacked_tensor": text(tf.make_tensor_proto(7, tf.int32, shape=[3]).SerializeToString()),
        "columns": [plain(item) for item in tf.io.decode_csv(["1,x,0.5", '2,"a, b",'], [0, "none", [9.0]])],
    }  # fmt: skip
    folder = Path(__file__).parents[2] / "tests" / "golden"
    (folder / "tensorflow_records_215.json").write_text(json.dumps(found, indent=1) + "\n")
