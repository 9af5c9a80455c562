"""Rows of unequal length: `tf.ragged`, what makes them, and what scripts do with them before they pad."""

from __future__ import annotations

import numpy as np
import pytest

from keras_torch import dropin


@pytest.fixture(scope="module")
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def test_rows_are_made_of_lists_splits_and_lengths(tf):
    rows = tf.ragged.constant([[1, 2, 3], [], [4, 5], [6]])
    assert rows.shape == (4, None) and rows.dtype == tf.int32
    assert rows.to_list() == [[1, 2, 3], [], [4, 5], [6]]
    assert tf.RaggedTensor.from_row_splits([1, 2, 3, 4, 5, 6], [0, 3, 3, 5, 6]).to_list() == rows.to_list()
    assert tf.RaggedTensor.from_row_lengths([1, 2, 3, 4, 5, 6], [3, 0, 2, 1]).to_list() == rows.to_list()
    assert tf.RaggedTensor.from_value_rowids([1, 2, 3, 4, 5, 6], [0, 0, 0, 2, 2, 3]).to_list() == rows.to_list()
    assert tf.RaggedTensor.from_tensor([[1, 0, 2], [3, 0, 0]], padding=0).to_list() == [[1, 0, 2], [3]]
    assert tf.ragged.stack([tf.constant([1, 2]), tf.constant([3])]).to_list() == [[1, 2], [3]]
    points = tf.ragged.constant([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]]], ragged_rank=1)
    assert points.shape == (2, None, 2) and points.to_tensor().shape == (2, 2, 2)
    with pytest.raises(ValueError, match="number of values"):
        tf.RaggedTensor.from_row_splits([1, 2], [0, 1])
    with pytest.raises(ValueError, match="one depth"):
        tf.ragged.constant([[1], 2])


def test_rows_are_padded_cut_and_taken(tf):
    rows = tf.ragged.constant([[1, 2, 3], [], [4, 5]])
    assert rows.to_tensor().tolist() == [[1, 2, 3], [0, 0, 0], [4, 5, 0]]
    assert rows.to_tensor(default_value=-1, shape=[None, 2]).tolist() == [[1, 2], [-1, -1], [4, 5]]
    assert rows.row_lengths().tolist() == [3, 0, 2] and rows.bounding_shape().tolist() == [3, 3]
    assert rows[:, :1].to_list() == [[1], [], [4]] and rows[1:].to_list() == [[], [4, 5]] and int(rows[2, 1]) == 5
    assert rows[-1].tolist() == [4, 5] and rows.value_rowids().tolist() == [0, 0, 0, 2, 2]
    deep = tf.ragged.constant([[["a"], ["b", "c"]], [["d"]]])
    assert deep.to_tensor().numpy().tolist() == [[[b"a", b""], [b"b", b"c"]], [[b"d", b""], [b"", b""]]]


def test_axes_of_rows_of_rows_are_listed_and_merged(tf):
    """The numbers are those of TensorFlow 2.15."""
    rows = tf.ragged.constant([[[1, 2], [3]], [], [[4, 5, 6]]])
    assert [splits.tolist() for splits in rows.nested_row_splits] == [[0, 2, 2, 3], [0, 2, 3, 6]]
    assert [numbers.tolist() for numbers in rows.nested_value_rowids()] == [[0, 0, 2], [0, 0, 1, 2, 2, 2]]
    assert [lengths.tolist() for lengths in rows.nested_row_lengths()] == [[2, 0, 1], [2, 1, 3]]
    assert rows.row_lengths(axis=2).to_list() == [[2, 1], [], [3]] and rows.row_limits().tolist() == [2, 2, 3]
    assert rows.get_shape().as_list() == [3, None, None]
    assert rows.merge_dims(0, 1).to_list() == [[1, 2], [3], [4, 5, 6]]
    assert rows.merge_dims(1, 2).to_list() == rows.merge_dims(-2, -1).to_list() == [[1, 2, 3], [], [4, 5, 6]]
    assert rows.merge_dims(0, 2).tolist() == [1, 2, 3, 4, 5, 6] and rows.merge_dims(1, 1) is rows
    tables = tf.RaggedTensor.from_row_splits(tf.reshape(tf.range(12), [3, 2, 2]), [0, 1, 3])
    assert tables.merge_dims(2, 3).to_list() == [[[0, 1, 2, 3]], [[4, 5, 6, 7], [8, 9, 10, 11]]]
    assert tables.merge_dims(1, 3).to_list() == [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9, 10, 11]]
    assert tf.RaggedTensor.from_row_limits([3, 1, 4, 1], [2, 2, 4]).to_list() == [[3, 1], [], [4, 1]]
    nested = tf.RaggedTensor.from_nested_row_splits([3, 1, 4], [[0, 1, 2], [0, 2, 3]])
    assert nested.to_list() == [[[3, 1]], [[4]]]
    assert tf.ragged.constant([[1, 2], [4, 5]]).numpy().shape == (2, 2)


def test_functions_work_on_values_and_along_rows(tf):
    rows = tf.ragged.constant([[1, 2, 3], [], [4, 5]])
    assert tf.reduce_sum(rows, axis=1).tolist() == [6, 0, 9] and int(tf.reduce_sum(rows)) == 15
    means = tf.reduce_mean(tf.cast(rows, tf.float32), axis=1).numpy()
    assert np.isnan(means[1]) and means[[0, 2]].tolist() == [2, 4.5]
    assert tf.reduce_max(rows, axis=1).tolist() == [3, tf.int32.min, 5]
    assert (2 * rows + rows).to_list() == [[3, 6, 9], [], [12, 15]] and (rows > 2).to_list()[2] == [True, True]
    assert (rows + tf.constant([[10], [20], [30]])).to_list() == [[11, 12, 13], [], [34, 35]]
    assert tf.concat([rows, rows], axis=1).to_list() == [[1, 2, 3, 1, 2, 3], [], [4, 5, 4, 5]]
    assert tf.concat([rows, rows], axis=0).row_lengths().tolist() == [3, 0, 2, 3, 0, 2]
    assert tf.ragged.map_flat_values(tf.square, rows).to_list() == [[1, 4, 9], [], [16, 25]]
    assert tf.ragged.boolean_mask([[1, 2], [3, 4]], [[True, False], [True, True]]).to_list() == [[1], [3, 4]]
    with pytest.raises(ValueError, match="same lengths"):
        rows + tf.ragged.constant([[1], [2], [3]])
    with pytest.raises(ValueError, match="axis=0"):
        tf.reduce_sum(rows, axis=0)


def test_texts_are_split_into_rows_looked_up_and_joined(tf):
    words = tf.strings.split(["to be or", "not"])
    assert words.to_list() == [[b"to", b"be", b"or"], [b"not"]]
    lookup = tf.keras.layers.StringLookup(vocabulary=["to", "not"])
    ids = lookup(words)
    assert ids.to_list() == [[1, 0, 0], [2]] and ids.to_tensor().tolist() == [[1, 0, 0], [2, 0, 0]]
    assert tf.strings.reduce_join(tf.strings.upper(words), axis=-1, separator=" ").numpy().tolist() == [
        b"TO BE OR",
        b"NOT",
    ]
    same = tf.strings.unicode_split(["ab", "cd"], "UTF-8")
    assert same.row_lengths().tolist() == [2, 2] and same.to_list() == [[b"a", b"b"], [b"c", b"d"]]


def test_datasets_take_and_make_rows(tf):
    rows = tf.ragged.constant([[1, 2], [3]])
    assert [row.tolist() for row in tf.data.Dataset.from_tensor_slices(rows)] == [[1, 2], [3]]
    dataset = tf.data.Dataset.range(1, 4).map(lambda n: (tf.fill([n], n), n)).ragged_batch(2)
    (first, numbers), (last, _) = dataset
    assert first.to_list() == [[1], [2, 2]] and numbers.tolist() == [1, 2] and last.to_list() == [[3, 3, 3]]
    padded = dataset.map(lambda values, n: values.to_tensor())
    assert [batch.shape for batch in padded] == [(2, 2), (1, 3)]


def test_different_values_and_their_places_have_names(tf):
    found = tf.unique_with_counts(tf.constant([3, 1, 3]))
    assert (found.y.tolist(), found.idx.tolist(), found.count.tolist()) == ([3, 1], [0, 1, 0], [2, 1])
    assert tf.unique(tf.constant([3, 1, 3])).y.tolist() == [3, 1]


def test_models_take_sparse_tensors_and_layers_of_ones_own_get_them_as_they_are(tf):
    keras = tf.keras
    dense = np.array([[1, 0, 2], [0, 0, 3]], "float32")
    sparse = tf.sparse.from_dense(dense)

    class Spread(keras.layers.Layer):
        def call(self, inputs):
            places, values = inputs
            return tf.sparse.sparse_dense_matmul(places, values)

    values = np.arange(6, dtype="float32").reshape(3, 2)
    np.testing.assert_array_equal(Spread()([sparse, values]), dense @ values)
    x = keras.Input((3,), sparse=True)
    model = keras.Model(x, keras.layers.Dense(1)(x))
    np.testing.assert_array_equal(model(sparse), model(dense))
    np.testing.assert_array_equal(model.predict(sparse, verbose=0), model.predict(dense, verbose=0))
    model.compile("sgd", "mse")
    assert model.fit(((sparse, np.ones((2, 1))) for _ in range(2)), verbose=0).history["loss"]


def test_the_best_path_of_a_network_over_time_is_decoded_into_rows(tf):
    steps = np.eye(3, dtype="float32")[[0, 0, 2, 0, 1]][:, None]
    (found,), scores = tf.nn.ctc_greedy_decoder(np.concatenate([steps, steps], 1), [5, 2])
    assert tf.sparse.to_dense(found, default_value=-1).tolist() == [[0, 0, 1], [0, -1, -1]]
    assert scores.tolist() == [[-5], [-2]]


@pytest.mark.parametrize(
    ("use", "received"),
    [
        (lambda tf, rows: rows.row_lengths(axis=2), "axis=2"),
        (lambda tf, rows: tf.concat([rows, rows], axis=2), "axis=2"),
        (lambda tf, rows: tf.gather(rows, [0], axis=1), "axis=1"),
        (lambda tf, rows: tf.ragged.constant([[1], []], inner_shape=(1,)), r"\(1,\)"),
        (lambda tf, rows: tf.RaggedTensor.from_tensor([[1, 0]], ragged_rank=2), "ragged_rank=2"),
        (lambda tf, rows: tf.strings.reduce_join(tf.ragged.constant([["a"], []]), axis=0), "axis=0"),
    ],
)
def test_what_rows_cannot_do_is_refused(tf, use, received):
    with pytest.raises(ValueError, match=f"Received: .*{received}"):
        use(tf, tf.ragged.constant([[1, 2], [3]]))
