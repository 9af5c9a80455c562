"""`tf.data` in a script: pipelines, files, and what a model makes of them."""

from __future__ import annotations

import numpy as np
import pytest

from keras_torch import dropin


@pytest.fixture(scope="module")
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def test_a_pipeline_feeds_a_model(tf):
    x = np.random.default_rng(0).integers(0, 256, (64, 4)).astype("uint8")
    y = (x.sum(1) > 510).astype("int64")

    def scaled(image, label):
        return tf.cast(image, tf.float32) / 255.0, tf.one_hot(label, 2)

    data = tf.data.Dataset.from_tensor_slices((x, y)).map(scaled, num_parallel_calls=tf.data.AUTOTUNE)
    data = data.cache().shuffle(64).batch(16).prefetch(tf.data.experimental.AUTOTUNE)
    assert data.element_spec[0] == tf.TensorSpec((None, 4), tf.float32)
    left, right = tf.keras.utils.split_dataset([np.arange(6), np.ones((6, 2))], left_size=0.5)
    assert int(left.cardinality()) == 3 and [x.tolist() for x, _ in right.batch(2)] == [[3, 4], [5]]
    for images, labels in data.take(1):
        assert images.shape == (16, 4)
        assert labels.numpy().sum() == 16
    tf.keras.utils.set_random_seed(1)
    model = tf.keras.Sequential([tf.keras.layers.Dense(2, activation="softmax", input_shape=(4,))])
    model.compile(tf.keras.optimizers.Adam(0.1), "categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(data, epochs=40, validation_data=data, verbose=0)
    assert history.history["val_accuracy"][-1] > 0.9


def test_sources_of_elements(tf, tmp_path):
    pairs = tf.data.Dataset.zip((tf.data.Dataset.range(3), tf.data.Dataset.from_tensors([7]).repeat()))
    assert [(int(a), b.numpy().tolist()) for a, b in pairs] == [(0, [7]), (1, [7]), (2, [7])]
    assert tf.data.experimental.cardinality(pairs).numpy() == 3
    made = tf.data.Dataset.from_generator(
        lambda: iter([(1.0, "a"), (2.0, "b")]),
        output_signature=(tf.TensorSpec((), tf.float32), tf.TensorSpec((), tf.string)),
    )
    assert [(a.numpy(), b.numpy()) for a, b in made] == [(1.0, b"a"), (2.0, b"b")]
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = 1
    assert len(list(pairs.with_options(options))) == 3
    (tmp_path / "one.txt").write_text("x")
    assert [p.numpy() for p in tf.data.Dataset.list_files(str(tmp_path / "*"))] == [str(tmp_path / "one.txt").encode()]


def test_images_are_read_in_a_pipeline(tf, tmp_path):
    image = pytest.importorskip("PIL.Image")
    for number in range(3):
        image.new("RGB", (4, 3), (number, 0, 0)).save(tmp_path / f"{number}.png")
    paths = sorted(str(path) for path in tmp_path.iterdir())

    def load(path, label):
        return tf.image.resize(tf.io.decode_png(tf.io.read_file(path), channels=3), (2, 2)), label

    data = tf.data.Dataset.from_tensor_slices((paths, [0, 1, 2])).map(load, num_parallel_calls=2).batch(3)
    images, labels = next(iter(data))
    assert images.shape == (3, 2, 2, 3)
    assert images[:, 0, 0, 0].numpy().tolist() == labels.numpy().tolist() == [0, 1, 2]


def test_lines_of_files_are_elements(tf, tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\r\n")
    (tmp_path / "b.txt").write_text("three")
    lines = tf.data.TextLineDataset([str(tmp_path / "a.txt"), str(tmp_path / "b.txt")])
    assert [line.numpy() for line in lines] == [b"one", b"two", b"three"]
    assert [len(words) for words in lines.skip(1).map(lambda line: tf.strings.split(line, "e"))] == [1, 3]


def test_tables_become_batches_of_columns(tf, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('age,name,score\n1,ann,0.5\n2,"b, c",\n3,dee,2\n')
    data = tf.data.experimental.make_csv_dataset(str(path), 2, label_name="score", num_epochs=1, shuffle=False)
    features, label = next(iter(data))
    assert features["age"].dtype == tf.int32
    assert features["name"].numpy().tolist() == [b"ann", b"b, c"]
    assert label.numpy().tolist() == [0.5, 0.0]
    assert len(list(data)) == 2
    rows = tf.data.experimental.CsvDataset(str(path), [tf.int32, tf.string, [9.0]], header=True)
    assert [(int(a), c.numpy()) for a, b, c in rows] == [(1, 0.5), (2, 9.0), (3, 2.0)]
    with pytest.raises(ValueError, match="must have 2 fields"):
        list(tf.data.experimental.CsvDataset(str(path), [tf.int32, tf.string], header=True))


def test_branches_of_mapped_functions_are_taken_by_each_element(tf):
    numbers = tf.data.Dataset.range(6)
    both = numbers.map(lambda n: tf.cond(n > 2, lambda: n * 10, lambda: -n))
    assert [int(n) for n in both] == [0, -1, -2, 30, 40, 50]
    sizes = numbers.map(lambda n: tf.cond(n > 2, lambda: tf.ones(3), lambda: tf.ones(1)))
    assert [len(item) for item in sizes] == [1, 1, 1, 3, 3, 3]


def test_a_mapped_function_that_counts_is_called_for_each_element(tf):
    count = tf.Variable(0, dtype=tf.int64)

    def counted(n):
        count.assign_add(1)
        return n + count.read_value()

    assert [int(n) for n in tf.data.Dataset.range(5).map(counted)] == [1, 3, 5, 7, 9]
    assert int(count) == 5


def test_functions_of_experimental_are_applied(tf):
    numbers = tf.data.Dataset.range(6)
    experimental = tf.data.experimental
    batches = numbers.apply(experimental.map_and_batch(lambda n: n * 2, 4))
    assert [batch.numpy().tolist() for batch in batches] == [[0, 2, 4, 6], [8, 10]]
    grouped = numbers.apply(experimental.group_by_window(lambda n: n % 2, lambda key, part: part.batch(3), 3))
    assert [batch.numpy().tolist() for batch in grouped] == [[0, 2, 4], [1, 3, 5]]
    assert len(numbers.filter(lambda n: n > 2).apply(experimental.assert_cardinality(3))) == 3
    with pytest.raises(ValueError, match="expected a dataset of 9"):
        list(numbers.apply(experimental.assert_cardinality(9)))
    assert sorted(int(n) for n in numbers.apply(experimental.shuffle_and_repeat(6, 2))) == sorted([*range(6)] * 2)
    mixed = experimental.sample_from_datasets([numbers, numbers.map(lambda n: n + 10)], [0.5, 0.5], seed=1)
    assert len(list(mixed)) == 12


def test_elements_whose_function_raises_an_error_are_left_out(tf):
    def inverse(n):
        return tf.debugging.check_numerics(1 / n, "no number")

    parts = tf.data.Dataset.from_tensor_slices([1.0, 0.0, 2.0, 4.0]).map(inverse)
    assert [float(n) for n in parts.prefetch(2).apply(tf.data.experimental.ignore_errors()).repeat(2)] == [
        1,
        0.5,
        0.25,
    ] * 2
    with pytest.warns(UserWarning, match="left out: .*no number"):
        assert [batch.tolist() for batch in parts.batch(2).ignore_errors(log_warning=True)] == [[1.0, 0.5], [0.25]]
