"""What has no numbers to compare: random draws, variables, files, control flow, and tensors that behave."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keras_torch import dropin


@pytest.fixture
def tf():
    with dropin.install("tf"):
        import tensorflow

        yield tensorflow


def test_random_numbers_have_the_shape_range_and_seed_asked_for(tf):
    tf.random.set_seed(3)
    first = tf.random.normal([2000], mean=2.0, stddev=0.5)
    tf.random.set_seed(3)
    assert np.array_equal(first.numpy(), tf.random.normal([2000], mean=2.0, stddev=0.5).numpy())
    assert abs(first.numpy().mean() - 2) < 0.1
    tf.set_random_seed(3)
    drawn = tf.random.uniform((100,), minval=2, maxval=5, dtype=tf.int32).numpy()
    assert set(drawn.tolist()) == {2, 3, 4}
    floats = tf.random.uniform(shape=[50], maxval=3.0).numpy()
    assert floats.min() >= 0 and 1 < floats.max() < 3
    classes = tf.random.categorical(tf.math.log([[0.0, 1.0], [1.0, 0.0]]), 4)
    assert classes.numpy().tolist() == [[1] * 4, [0] * 4] and classes.dtype == tf.int64
    assert sorted(tf.random.shuffle([4, 1, 3]).numpy().tolist()) == [1, 3, 4]
    assert 0 <= int(tf.experimental.numpy.random.randint(3)) < 3
    assert np.array_equal(
        tf.random.stateless_uniform([3], seed=(1, 2)).numpy(), tf.random.stateless_uniform([3], (1, 2)).numpy()
    )
    for function, more in (tf.random.stateless_gamma, [[0.5, 1.5]]), (tf.random.stateless_poisson, [[5.0, 15.0]]):
        drawn = function([40, 2], (1, 2), *more)
        assert drawn.shape == (40, 2) and np.array_equal(drawn.numpy(), function([40, 2], (1, 2), *more).numpy())
        assert drawn.numpy()[:, 0].mean() < drawn.numpy()[:, 1].mean()
    generator = tf.random.Generator.from_seed(1)
    assert np.array_equal(generator.normal([2]).numpy(), tf.random.Generator.from_seed(1).normal([2]).numpy())


def test_random_changes_of_images_stay_in_range(tf):
    image = tf.reshape(tf.range(24.0) / 24, (2, 4, 3))
    flipped = tf.image.random_flip_left_right(image).numpy()
    assert any(np.array_equal(flipped, other) for other in (image.numpy(), image.numpy()[:, ::-1]))
    assert tf.image.random_crop(image, size=(1, 2, 3)).shape == (1, 2, 3)
    with pytest.raises(ValueError, match="as large as the crop"):
        tf.image.random_crop(image, (3, 2, 3))
    change = tf.image.random_brightness(image, max_delta=0.1).numpy() - image.numpy()
    assert np.ptp(change) < 1e-6 and abs(change).max() <= 0.1
    assert tf.image.random_contrast(image, lower=1.0, upper=1.0 + 1e-9).numpy() == pytest.approx(
        image.numpy(), abs=1e-5
    )


def test_what_was_read_of_a_variable_stays_when_it_changes(tf):
    variable = tf.Variable(1.0)
    before = variable.value()
    variable.assign(3.0)
    assert float(before) == 1.0 and float(variable.value()) == 3.0


def test_variables_are_printed_with_their_values(tf):
    assert repr(tf.Variable(2.5)) == "<tf.Variable 'Variable:0' shape=() dtype=float32, numpy=2.5>"
    assert str(tf.Variable([1, 2], name="two")) == (
        "<tf.Variable 'two:0' shape=(2,) dtype=int32, numpy=array([1, 2], dtype=int32)>"
    )
    dense = tf.keras.layers.Dense(2, kernel_initializer="ones")
    dense.build((None, 2))
    expected = "shape=(2, 2) dtype=float32, numpy=\narray([[1., 1.],\n       [1., 1.]], dtype=float32)>"
    assert repr(dense.kernel).endswith(expected)


def test_steps_of_floats_give_floats(tf):
    arange = tf.keras.backend.arange
    assert arange(0, 4, 1.5).numpy().tolist() == [0.0, 1.5, 3.0] and arange(3).dtype == tf.int32
    assert arange(3.0).dtype == tf.float32 and arange(2, dtype="float64").dtype == tf.float64


def test_a_sequential_model_may_be_given_one_layer(tf):
    assert tf.keras.Sequential(tf.keras.layers.ReLU()).predict([-1.0, 2.0], verbose=0).tolist() == [0.0, 2.0]


def test_of_equal_values_the_first_are_largest(tf):
    values, indices = tf.math.top_k([1, 3, 3, 3, 2], k=2)
    assert values.numpy().tolist() == [3, 3] and indices.numpy().tolist() == [1, 2]
    precision = tf.keras.metrics.Precision(top_k=2)
    precision.update_state([0, 0, 1, 1], [1, 1, 1, 1])
    assert float(precision.result()) == 0.0


def test_variables_change_in_place(tf):
    v = tf.Variable([1, 2], name="counts")
    assert v.dtype == tf.int32 and v.name == "counts:0"
    v.assign([3, 4])
    before = v.read_value()
    v.assign_add([1, 1], read_value=False)
    assert v.numpy().tolist() == [4, 5] and before.numpy().tolist() == [3, 4]
    assert not tf.Variable(1.0, trainable=False).trainable
    start = tf.random_normal_initializer(stddev=0.1)
    w = tf.Variable(initial_value=start(shape=(2, 3), dtype="float32"), trainable=True)
    assert w.shape == (2, 3) and isinstance(w, tf.Variable) and not isinstance(w, tf.Tensor)
    assert isinstance(tf.keras.layers.Dense(1).build((None, 2)) or w, tf.Variable)
    tf.assign(w, tf.zeros((2, 3)))
    w.scatter_update(tf.IndexedSlices(tf.ones((1, 3)), [1]))
    assert w.numpy().sum() == 3
    with pytest.raises(TypeError, match="holds numbers"):
        tf.Variable("text")
    with tf.variable_scope("block", reuse=tf.AUTO_REUSE):
        a = tf.get_variable("a", shape=(2,), initializer=tf.zeros_initializer())
        assert tf.get_variable("a", shape=(2,)) is a
    assert tf.compat.v1.trainable_variables() == [a]
    tf.compat.v1.reset_default_graph()
    assert tf.compat.v1.trainable_variables() == []


def test_initializers_and_optimizers_of_version_1_are_keras(tf):
    assert abs(tf.random_uniform_initializer(minval=-1.0, maxval=1.0)((5,)).numpy()).max() <= 1
    assert tf.contrib.layers.xavier_initializer()((2, 3)).shape == (2, 3)
    adam = tf.compat.v1.train.AdamOptimizer(learning_rate=0.1, beta1=0.8)
    assert isinstance(adam, tf.keras.optimizers.Adam) and adam.beta_1 == 0.8
    assert isinstance(tf.train.AdamOptimizer(0.1), tf.keras.optimizers.Adam)
    assert isinstance(tf.compat.v1.train.AdagradOptimizer(0.1), tf.keras.optimizers.Adagrad)
    x = tf.Variable(3.0)
    tf.compat.v1.train.GradientDescentOptimizer(0.5).minimize(lambda: x * x, [x])
    assert x.numpy() == 0
    assert tf.compat.v1.layers.Dense(2)(tf.ones((1, 3))).shape == (1, 2)


def test_pictures_and_sounds_are_read_from_files(tf, tmp_path):
    pytest.importorskip("PIL")
    pixels = np.arange(48, dtype="uint8").reshape(4, 4, 3)
    tf.io.write_file(str(tmp_path / "a.png"), tf.io.encode_png(pixels))
    raw = tf.io.read_file(str(tmp_path / "a.png"))
    assert np.array_equal(tf.io.decode_png(raw, channels=3).numpy(), pixels)
    assert tf.image.decode_png(raw, channels=1).shape == (4, 4, 1)
    assert tf.io.decode_image(raw, dtype=tf.float32).numpy().max() == pytest.approx(47 / 255)
    (tmp_path / "b.jpg").write_bytes(tf.io.encode_jpeg(pixels))
    assert tf.io.decode_jpeg(tf.io.read_file(str(tmp_path / "b.jpg"))).shape == (4, 4, 3)
    assert tf.image.decode_jpeg(tf.io.read_file(str(tmp_path / "b.jpg")), channels=3).dtype == tf.uint8
    assert tf.io.gfile.glob(str(tmp_path / "*.png")) == [str(tmp_path / "a.png")]
    with tf.io.gfile.GFile(str(tmp_path / "c.txt"), "w") as file:
        file.write("text")
    assert tf.io.read_file(str(tmp_path / "c.txt")).numpy() == b"text"
    sound = tf.reshape(tf.linspace(-0.5, 0.5, 8), (8, 1))
    audio, rate = tf.audio.decode_wav(tf.audio.encode_wav(sound, 8000), desired_channels=1, desired_samples=10)
    assert int(rate) == 8000 and audio.shape == (10, 1)
    assert audio.numpy()[:8] == pytest.approx(sound.numpy(), abs=1e-4)


def test_one_replica_runs_what_it_is_given(tf):
    strategy = tf.distribute.MirroredStrategy()
    with strategy.scope():
        model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    assert strategy.num_replicas_in_sync == tf.distribute.get_strategy().num_replicas_in_sync == 1
    found = strategy.run(lambda x: model(x), args=(tf.ones((2, 3)),))
    assert strategy.reduce(tf.distribute.ReduceOp.SUM, found, axis=None).shape == (2, 1)
    assert strategy.reduce("MEAN", found, axis=0).shape == (1,)
    assert tf.compat.v1.distribute.MirroredStrategy().num_replicas_in_sync == 1


def test_control_flow_runs(tf):
    x = tf.constant([1.0, 2.0, 3.0])
    assert tf.cond(tf.reduce_sum(x) > 5, lambda: 1, lambda: 2) == 1
    assert tf.map_fn(lambda row: row * 2, x).numpy().tolist() == [2, 4, 6]
    assert tf.vectorized_map(lambda row: row * 2, x).numpy().tolist() == [2, 4, 6]
    assert tf.scan(lambda total, row: total + row, x).numpy().tolist() == [1, 3, 6]
    assert tf.foldl(lambda total, row: total * row, x, initializer=1.0).numpy() == 6
    i, total = tf.while_loop(lambda i, total: i < 4, lambda i, total: (i + 1, total + i), [0, 0])
    assert (int(i), int(total)) == (4, 6)
    assert tf.case([(tf.constant(False), lambda: 1)], default=lambda: 2) == 2
    assert tf.switch_case(tf.constant(1), [lambda: "a", lambda: "b"]) == "b"
    with tf.control_dependencies([x]), tf.name_scope("scope") as scope:
        assert scope == "scope" and tf.group(x) is None
    array = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    for place in tf.range(3):
        array = array.write(place, tf.cast(place, tf.float32))
    assert array.stack().numpy().tolist() == [0, 1, 2]
    with pytest.raises(IndexError, match="2 places"):
        tf.TensorArray(tf.float32, size=2).write(2, 1.0)
    assert not tf.stop_gradient(tf.Variable(1.0) * 2.0).requires_grad
    assert tf.py_function(lambda item: item + 1, [1.0], tf.float32).numpy() == 2
    assert tf.numpy_function(np.sum, [x], tf.float32).numpy() == 6


def test_checkpoints_bring_values_back(tf, tmp_path):
    def make():
        model = tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,))])
        optimizer = tf.keras.optimizers.Adam(0.1)
        optimizer.build(model.trainable_variables)
        return tf.train.Checkpoint(step=tf.Variable(1), optimizer=optimizer, net=model)

    checkpoint = make()
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(checkpoint.net(tf.ones((1, 3))))
    variables = checkpoint.net.trainable_variables
    checkpoint.optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
    manager = tf.train.CheckpointManager(checkpoint, str(tmp_path), max_to_keep=2)
    for _ in range(3):
        checkpoint.step.assign_add(1)
        path = manager.save()
    assert [item.rpartition("-")[2] for item in manager.checkpoints] == ["2", "3"]
    assert tf.train.latest_checkpoint(str(tmp_path)) == path == manager.latest_checkpoint
    assert tf.compat.v1.train.latest_checkpoint(str(tmp_path)) == path
    other = make()
    other.restore(path).assert_consumed()
    assert int(other.step) == 4 and int(other.optimizer.iterations) == 1
    for one, two in zip(other.net.get_weights(), checkpoint.net.get_weights(), strict=True):
        assert np.array_equal(one, two)
    assert tf.train.CheckpointManager(other, str(tmp_path), 2).checkpoints == manager.checkpoints
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        other.restore(str(tmp_path / "none"))
    with pytest.raises(AssertionError, match="no values for .'other'"):
        tf.train.Checkpoint(other=tf.Variable(1)).restore(path).assert_consumed()


def test_operators_take_arrays_and_lists_as_tensors_of_the_others_type(tf):
    floats, integers, variable = tf.ones((2, 3)), tf.range(3), tf.Variable(tf.ones(3))
    array, listed = np.array([1.0, 2.0, 3.0]), [1, 2, 3]
    for found in (
        array * floats,
        floats * array,
        listed * floats,
        floats - listed,
        variable * array,
        listed + variable,
    ):
        assert isinstance(found, torch.Tensor) and found.dtype == tf.float32
    assert (array - floats).numpy()[0].tolist() == (listed - floats).numpy()[0].tolist() == [0, 1, 2]
    assert (2**integers).numpy().tolist() == ([2, 2, 2] ** integers).numpy().tolist() == [1, 2, 4]
    assert (integers * np.ones(3)).dtype == (integers * listed).dtype == tf.int32
    assert (integers * [0.5, 1, 1]).numpy().tolist() == [0, 1, 2]
    assert (floats > [0, 1, 2]).numpy()[0].tolist() == (floats == [1, 0, 0]).numpy()[0].tolist() == [True, False, False]
    assert (tf.constant([True, False]) & np.array([True, True])).dtype == tf.bool
    assert (np.ones((2, 2)) @ floats).shape == (2, 3)
    assert type(np.log(floats)) is type(np.maximum(floats, 1.5)) is np.ndarray
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(array * variable * [1, 1, 2])
    assert tape.gradient(loss, variable).numpy().tolist() == [1, 2, 6]
    kernel = tf.keras.layers.Conv1D(2, 2)
    kernel.build((None, 4, 1))
    assert (np.ones(2) * kernel.kernel).shape == (kernel.kernel % [1, 2]).shape == (2, 1, 2)


def test_slices_may_go_backwards(tf):
    values = np.arange(24).reshape(2, 3, 4)
    tensor = tf.constant(values)
    for index in np.s_[::-1], np.s_[..., ::-2], np.s_[:, ::-1, 3:0:-1], np.s_[1, ::-1], np.s_[None, :, ::-1, 0]:
        assert np.array_equal(tensor[index].numpy(), values[index])
    assert np.array_equal(tensor[values > 5, tf.newaxis].numpy(), values[values > 5, None])
    x = tf.keras.Input((3, 4))
    assert np.array_equal(tf.keras.Model(x, x[:, ::-1] * [1, 2, 3, 4])(values).numpy(), values[:, ::-1] * [1, 2, 3, 4])
    with pytest.raises(ValueError, match="step"):
        tensor[::0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_summaries_are_written(tf, tmp_path):
    pytest.importorskip("tensorboard")
    writer = tf.summary.create_file_writer(str(tmp_path))
    assert not tf.summary.scalar("loss", 1.0, step=1)
    with writer.as_default():
        assert tf.summary.scalar("loss", tf.constant(0.5), step=1)
        assert tf.summary.histogram("weights", tf.ones((3,)), step=1)
        with pytest.raises(ValueError, match="needs a `step`"):
            tf.summary.scalar("loss", 0.5)
    writer.flush()
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) > 100
    tf.compat.v1.summary.FileWriter(str(tmp_path / "old")).close()


def test_modules_list_their_variables(tf):
    class Line(tf.Module):
        def __init__(self, name=None):
            super().__init__(name=name)
            self.w = tf.Variable(2.0, name="w")
            self.b = tf.Variable(1.0, name="b", trainable=False)
            self.inner = [tf.keras.layers.Dense(1)]
            self.inner[0].build((None, 1))

        def __call__(self, x):
            return self.w * x + self.b

    line = Line(name="line")
    assert line(tf.constant(3.0)).numpy() == 7 and line.name == "line"
    assert [v.name for v in line.variables][:2] == ["b:0", "w:0"]
    assert len(line.trainable_variables) == 3
    assert [v.name for v in line.non_trainable_variables] == ["b:0"]


def test_descriptions_of_tensors(tf):
    spec = tf.TensorSpec(shape=[None, 3], dtype=tf.float32)
    assert spec.is_compatible_with(tf.ones((2, 3))) and not spec.is_compatible_with(tf.ones((2, 4)))
    assert tf.TensorSpec.from_spec(spec, "other").name == "other" and tf.TensorSpec.from_spec(spec) == spec
    element = tf.data.Dataset.range(4).batch(2).element_spec
    assert isinstance(element, tf.TensorSpec) and element.shape.as_list() == [None]
    assert tf.TensorShape([None, 3]).as_list() == [None, 3]
    assert tf.TensorShape([2, 3]) == [2, 3] and tf.TensorShape([2, 3]).num_elements() == 6
    assert isinstance(tf.ones(1), tf.Tensor) and tf.is_tensor(tf.keras.Input((1,)))
    assert tf.nest.flatten({"a": [1, 2], "b": (3,)}) == [1, 2, 3]
    assert tf.nest.map_structure(lambda x: x + 1, [1, (2,)]) == [2, (3,)]
    assert tf.IndexedSlices([1.0], [0]).indices == [0]
    assert tf.keras.layers.Dense is tf.compat.v1.keras.layers.Dense


def test_dicts_are_flattened_in_the_order_of_their_keys(tf):
    nested = {"b": 1, "a": {"d": (2, 3), "c": 4}}
    assert tf.nest.flatten(nested) == [4, 2, 3, 1]
    assert tf.nest.pack_sequence_as(nested, "wxyz") == {"b": "z", "a": {"d": ("x", "y"), "c": "w"}}
    assert tf.nest.map_structure(lambda x, y: x - y, {"b": 5, "a": 3}, {"a": 1, "b": 2}) == {"b": 3, "a": 2}
    tf.nest.assert_same_structure({"b": 1, "a": 2}, {"a": 3, "b": 4})
    assert tf.nest.map_structure(lambda x, y: x + y, ((1,), 2), [[3], 4], check_types=False) == ((4,), 6)
    with pytest.raises(ValueError, match="structures differ"):
        tf.nest.map_structure(lambda x, y: x + y, (1, 2), [3, 4])


def test_functions_of_images_take_lists_and_arrays(tf):
    image = [[[float(3 * row + column)] for column in range(4)] for row in range(4)]
    assert tf.image.central_crop(image, 0.5).numpy()[..., 0].tolist() == [[4, 5], [7, 8]]
    assert tf.image.pad_to_bounding_box(image, 1, 0, 5, 4).shape == (5, 4, 1)
    crop = tf.image.crop_and_resize(np.float64([image]), np.float64([[0, 0, 1, 1]]), [0], [2, 2])
    assert crop.numpy()[0, ..., 0].tolist() == [[0, 3], [9, 12]]
    for name, more in {"brightness": (0.2,), "contrast": (0.2, 0.5), "flip_left_right": (), "flip_up_down": ()}.items():
        function = getattr(tf.image, f"stateless_random_{name}")
        assert np.array_equal(function(image, *more, (1, 2)), function(image, *more, seed=(1, 2)))
    assert tf.image.stateless_random_crop(value=image, size=(2, 3, 1), seed=(1, 2)).shape == (2, 3, 1)


def test_small_differences_to_tensorflow_in_examples(tf, tmp_path):
    """The numbers are those that TensorFlow 2.15 gave."""
    table = tf.constant([[10, 20], [30, 40]])
    assert tf.gather(table, [[1, 0], [1, 1]], batch_dims=-1).numpy().tolist() == [[20, 10], [40, 40]]
    lengths = tf.data.Dataset.range(1, 3).map(lambda x: tf.fill([x], x)).padded_batch(2, padded_shapes=3)
    assert next(iter(lengths)).numpy().tolist() == [[1, 0, 0], [2, 2, 0]]
    assert tf.data.experimental.Counter(dtype=tf.int32).element_spec.dtype == tf.int32
    assert tf.constant_initializer([1, 2, 3, 4])(shape=[2, 2]).numpy().tolist() == [[1, 2], [3, 4]]
    assert tf.math.bincount([1, 1, 2], weights=[5, 6, 7]).numpy().tolist() == [0, 11, 7]
    assert tf.math.bincount([1], weights=[5]).dtype == tf.int32
    np.testing.assert_allclose(tf.math.special.bessel_k1e([0.5, 4.0]), [2.7310095, 0.681576], rtol=1e-5)
    np.testing.assert_allclose(tf.math.erfcinv([0.2, 1.5]), [0.9061938, -0.4769363], rtol=1e-5)
    assert tf.io.gfile.join("folder", tmp_path.name, "file") == f"folder/{tmp_path.name}/file"
    assert tf.compat.v1.layers.Dropout().rate == 0.5 and tf.compat.v1.layers.MaxPooling1D(2, 2).strides == (2,)
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.debugging.check_numerics([float("nan")], message="checked")
    assert caught.value.message.startswith("checked : Tensor had")
    variable = tf.Variable([1, 2, 3])
    assert variable.scatter_nd_add([[0], [2], [0]], [5, 6, 7]).numpy().tolist() == [13, 2, 9]
    assert variable.scatter_nd_sub([[1]], [1]).numpy().tolist() == [13, 1, 9]
    assert variable.scatter_nd_update([[1]], [8]).numpy().tolist() == [13, 8, 9]


def test_sparse_tensors_are_torchs(tf):
    sparse = tf.SparseTensor(indices=[[0, 0], [1, 2]], values=[1.0, 2.0], dense_shape=[2, 3])
    assert tf.sparse.to_dense(sparse).numpy().tolist() == [[1, 0, 0], [0, 0, 2]]
    assert tf.sparse.reduce_sum(tf.sparse.from_dense([1, 2])).dtype == tf.int32
    assert tf.sparse.to_dense(sparse, default_value=-1.0).numpy()[0].tolist() == [1, -1, -1]
    assert tf.sparse.to_dense(tf.sparse.add(sparse, sparse)).numpy()[1, 2] == 4
    assert tf.sparse.reduce_sum(sparse, axis=1).numpy().tolist() == [1, 2]
    assert tf.sparse.sparse_dense_matmul(sparse, tf.ones((3, 1))).numpy().tolist() == [[1], [2]]


def test_values_are_printed_and_checked(tf, capsys):
    tf.print("loss:", tf.constant(0.5), tf.constant([1, 2]))
    assert capsys.readouterr().err == "loss: 0.5 [1 2]\n"
    assert tf.Print(tf.constant(1.0), [tf.constant(2.0)], message="seen").numpy() == 1
    assert "seen 2.0" in capsys.readouterr().err
    tf.debugging.assert_equal(tf.constant([1, 2]), [1, 2])
    with pytest.raises(tf.errors.InvalidArgumentError, match="x < y"):
        tf.debugging.assert_less(3, 2)
    with pytest.raises(tf.errors.InvalidArgumentError, match="a NaN"):
        tf.debugging.check_numerics(tf.constant([1.0, np.nan]), "a NaN")
    tf.debugging.assert_shapes([(tf.ones((2, 3)), ("N", 3)), (tf.ones(2), ("N",))])
    with pytest.raises(ValueError, match="Expected the shape"):
        tf.debugging.assert_shapes([(tf.ones((2, 3)), ("N", "N"))])


def test_ways_of_resizing_have_names(tf):
    image = tf.reshape(tf.range(16.0), (4, 4, 1))
    found = tf.image.resize(image, (2, 2), method=tf.image.ResizeMethod.NEAREST_NEIGHBOR)
    assert found.numpy()[..., 0].tolist() == [[5, 7], [13, 15]]


def test_version_1_casts(tf):
    assert tf.to_float([1, 2]).dtype == tf.float32 and tf.to_int32(2.7).numpy() == 2


def test_tensors_have_tensorflows_methods_while_the_hook_is_in_place(tf):
    model = tf.keras.Sequential([tf.keras.layers.Dense(3, input_shape=(2,))])
    found = model(tf.ones((4, 2)))
    assert found.requires_grad
    assert found.numpy().shape == (4, 3) and isinstance(found[0, 0].numpy(), np.float32)
    assert found.shape.as_list() == found.get_shape().as_list() == [4, 3]
    assert found.shape.rank == found.shape.ndims == found.ndim == 2 and found.shape == (4, 3)
    assert found.shape.num_elements() == 12 and found.shape.is_compatible_with([None, 3])
    assert float(found[0, 0]) == found[0, 0].numpy() and f"{found[0, 0]:.2f}" == f"{found[0, 0].numpy():.2f}"
    assert np.mean(found) == pytest.approx(found.numpy().mean()) and np.asarray(found).shape == (4, 3)
    assert {found.ref(): 1}[found.ref()] == 1 and found.ref().deref() is found and isinstance(hash(found), int)
    with pytest.raises(ValueError, match="another shape"):
        found.set_shape((4, 4))


def test_dtypes_have_tensorflows_attributes_while_the_hook_is_in_place(tf):
    assert tf.ones(1).dtype == tf.float32 == tf.as_dtype("float32") == tf.as_dtype(np.float32)
    assert tf.float32.name == "float32" and tf.bool.name == "bool" and tf.float32.as_numpy_dtype is np.float32
    assert tf.float32.max == pytest.approx(3.4028235e38) and tf.uint8.max == 255 and tf.int32.min == -(2**31)
    assert tf.float16.is_floating and tf.int8.is_integer and not tf.bool.is_integer and tf.int64.size == 8


def test_parts_of_text_are_text(tf):
    words = tf.constant(["a", "bc"])
    assert words[1].numpy() == b"bc" and [word.numpy() for word in words] == [b"a", b"bc"]
    assert words[tf.newaxis, 1:].shape == (1, 1)
    assert tf.strings.unicode_split(["ab", "cd"], "UTF-8").to_tensor().shape == (2, 2)
    assert tf.ones(2).to_tensor().shape == (2,)


def test_models_of_tf_keras_let_themselves_be_passed_and_log_no_loss_that_is_not_compiled(tf):
    class Own(tf.keras.Model):
        def __init__(self):
            super().__init__(self)
            self.dense = tf.keras.layers.Dense(1)

        def train_step(self, data):
            x, y = data
            self.compiled_metrics.update_state(y, self.dense(x))
            return {metric.name: metric.result() for metric in self.metrics}

    model = Own()
    model.compile("sgd", metrics=["mae"])
    assert set(model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0).history) == {"mae"}


def test_text_is_bytes_to_numpy(tf):
    assert tf.compat.as_bytes("é") == tf.compat.as_bytes("é".encode()) == "é".encode()
    assert tf.compat.as_str("é".encode()) == tf.compat.as_text("é") == "é"
    assert tf.constant("abc").numpy().decode() == "abc" and tf.constant("abc").dtype == tf.string
    assert [item.decode() for item in tf.constant(["a", "b"]).numpy()] == ["a", "b"]


def test_tensors_are_torchs_again_without_the_hook():
    kept = {name: torch.Tensor.__dict__.get(name) for name in ("numpy", "__array__", "__float__")}
    with dropin.install("tf"):
        assert torch.ones(2).shape.as_list() == [2]
    assert {name: torch.Tensor.__dict__.get(name) for name in kept} == kept
    assert not hasattr(torch.Size, "as_list") and not hasattr(torch.float32, "name")
    assert not hasattr(torch.ones(1), "get_shape")
    with dropin.install("3"):
        assert not hasattr(torch.ones(1), "get_shape")
        import tensorflow  # noqa: F401

        assert hasattr(torch.ones(1), "get_shape")


def test_the_shape_of_a_tensor_is_a_tensor_and_that_of_a_symbolic_one_numbers(tf):
    x = tf.ones((2, 3))
    assert tf.shape(x).numpy().tolist() == [2, 3] and tf.shape(x)[0].numpy() == 2
    assert tf.zeros(tf.shape(x)).shape == tf.random.normal((tf.shape(x)[0], 3)).shape == (2, 3)
    inputs = tf.keras.Input((4, 6))
    sizes = tf.shape(inputs)
    flat = tf.reshape(inputs, (sizes[0] * 2, sizes[1] // 2, -1))
    assert flat.shape == (None, 2, 6)
    joined = tf.reshape(inputs, tf.concat([sizes[:1], [24]], 0))
    scaled = joined * tf.cast(sizes[0], tf.float32) + tf.zeros((sizes[0], 24))
    model = tf.keras.Model(inputs, [flat, scaled])
    first, second = model(tf.ones((3, 4, 6)))
    assert first.shape == (6, 2, 6) and second.numpy().min() == second.numpy().max() == 3
    assert tf.eye(sizes[0]).shape == (None, None)
    assert tf.reduce_prod(sizes[1:]) == 24 and tuple((sizes * 2)[1:]) == (8, 12)


def test_minimize_takes_a_tape(tf):
    x = tf.Variable(3.0)
    with tf.GradientTape() as tape:
        value = x * x
    tf.keras.optimizers.SGD(0.5).minimize(value, [x], tape=tape)
    assert x.numpy() == 0


def test_a_function_that_asks_for_a_graph_says_what_to_do(tf):
    step = tf.function(lambda x: x, input_signature=[tf.TensorSpec([None], tf.float32)])
    assert isinstance(step(np.ones(2, "float32")), torch.Tensor)
    concrete = step.get_concrete_function()
    assert concrete(np.ones(2, "float32")).tolist() == [1, 1]
    with pytest.raises(AttributeError, match="model.export"):
        concrete.graph  # noqa: B018


def test_methods_of_layers_may_be_functions(tf):
    class Twice(tf.keras.layers.Layer):
        @tf.function(jit_compile=False)
        def call(self, x):
            return x * tf.cast(tf.shape(x)[1], tf.float32)

    assert Twice()(tf.keras.Input((3,))).shape == (None, 3)
    assert Twice()(tf.ones((1, 2))).numpy().tolist() == [[2, 2]]


def test_a_sum_in_place_is_another_tensor(tf):
    x = tf.ones((2,))
    image = same = x
    image += 0.5 * tf.ones((1, 2))
    assert image.shape == (1, 2)
    assert same.numpy().tolist() == [1, 1]
    total = tf.constant(0.0)
    weight = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        square = weight * weight
        total += square
        square *= 3.0
        total += square
    assert tape.gradient(total, weight).numpy() == 16
    step = torch.zeros(())
    exec("step += 1", {"__name__": "torch.optim.adam", "step": step})
    assert step == 1


def test_a_checkpoint_waits_for_weights_that_are_not_made_yet(tf, tmp_path):
    class Two(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden, self.out = tf.keras.layers.Dense(3), tf.keras.layers.Dense(1)

        def call(self, x):
            return self.out(self.hidden(x))

    def step(model, optimizer):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(tf.ones((2, 2))) ** 2)
        optimizer.apply_gradients(
            zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables, strict=True)
        )

    model, optimizer = Two(), tf.keras.optimizers.Adam(0.1)
    step(model, optimizer)
    path = tf.train.Checkpoint(model=model, optimizer=optimizer).save(str(tmp_path / "c"))
    model_2, optimizer_2 = Two(), tf.keras.optimizers.Adam(0.1)
    tf.train.Checkpoint(model=model_2, optimizer=optimizer_2).restore(path)
    np.testing.assert_array_equal(model_2(tf.ones((1, 2))).numpy(), model(tf.ones((1, 2))).numpy())
    step(model, optimizer)
    step(model_2, optimizer_2)
    np.testing.assert_array_equal(model_2.out.kernel.numpy(), model.out.kernel.numpy())
    assert int(optimizer_2.iterations) == 2


def test_modules_need_not_call_init(tf):
    class Scaled(tf.Module):
        def __init__(self, layer):
            self.layer = layer
            self.factor = tf.Variable(2.0)

        def __call__(self, x):
            return self.layer(x) * self.factor

    module = Scaled(tf.keras.layers.Dense(1))
    assert module(tf.ones((1, 2))).shape == (1, 1)
    assert len(module.trainable_variables) == 3
    assert module.name == "scaled"


def test_python_functions_may_be_decorated(tf):
    @tf.numpy_function(Tout=[tf.float32, tf.int32])
    def both(x):
        return x / 2, np.int64(x)

    half, whole = both(tf.constant(3.0))
    assert (half.numpy(), whole.numpy(), whole.dtype) == (1.5, 3, tf.int32)


def test_candidates_are_drawn_and_expected(tf):
    found = tf.random.log_uniform_candidate_sampler(
        true_classes=tf.constant([[1]], tf.int64), num_true=1, num_sampled=4, unique=True, range_max=8, seed=42
    )
    assert len(set(found.sampled_candidates.numpy().tolist())) == 4
    assert ((found.sampled_expected_count > 0) & (found.sampled_expected_count < 1)).all()
    again = tf.random.uniform_candidate_sampler(tf.constant([[1]], tf.int64), 1, 4, False, 8)
    assert again.true_expected_count.numpy().tolist() == [[0.5]]
